"""The preflight: each thing that stands in the way is found, named, and comes with what to do."""

from __future__ import annotations

import email.utils
from typing import Any

from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app import doctor
from interlock.app.doctor import Check, Patient
from interlock.core.model import Side
from interlock.crm.transport import Request, Response, Transport
from interlock.store import connections, mappings


async def examine(world: World) -> list[Check]:
    assert world.store is not None
    assert world.connection is not None
    async with world.store.read(None) as tx:
        (connection,) = await connections.list_(tx)
    return await doctor.examine(Patient(world.store, connection, *world.clients(), world.clock_us))


def found(checks: list[Check], code: str, side: Side | None = None) -> list[Check]:
    return [each for each in checks if each.code == code and (side is None or each.side is side)]


def faults(checks: list[Check]) -> list[Check]:
    return [each for each in checks if each.level == "error"]


def test_a_fresh_connection_is_healthy(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        checks = await examine(world)
        assert faults(checks) == []
        assert {each.code for each in checks} >= {
            "state",
            "sign_in",
            "edition",
            "permissions",
            "api_allocation",
            "key_field",
            "mapping",
            "native_integration",
        }
        assert all(each.fix for each in checks if each.level != "ok")
        assert world.hubspot.journal.last_seq == 0, "nothing is written"

    tell(story)


def test_a_refused_sign_in_is_one_finding_and_the_other_side_is_still_looked_at(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        world.hubspot.revoke_token(world.hubspot.token)
        checks = await examine(world)
        (error,) = faults(checks)
        assert (error.code, error.side) == ("sign_in", Side.HUBSPOT)
        assert found(checks, "permissions", Side.SALESFORCE)

    tell(story)


def test_a_scope_that_reading_needs_is_named(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        token = world.hubspot.account.tokens[world.hubspot.token]
        token.scopes = frozenset({"crm.objects.contacts.read", "crm.schemas.contacts.read"})
        errors = [each for each in faults(await examine(world)) if each.code == "permissions"]
        assert any("crm.objects.deals.read" in each.message for each in errors)
        assert not any("crm.objects.contacts.read" in each.message for each in errors)

    tell(story)


def test_the_scopes_of_a_private_app_are_told_those_for_writing_too(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        objects = ("contacts", "companies", "deals")
        granted = {f"crm.objects.{name}.{verb}" for name in objects for verb in ("read", "write")}
        granted |= {f"crm.schemas.{name}.read" for name in objects} | {"crm.objects.owners.read"}
        granted |= {"communication_preferences.read_write"}
        token = world.hubspot.account.tokens[world.hubspot.token]
        token.scopes = frozenset(granted)
        (check,) = found(await examine(world), "permissions", Side.HUBSPOT)
        assert check.level == "ok"
        assert all(scope in check.message for scope in granted)
        token.scopes = frozenset(granted - {"crm.objects.deals.write", "communication_preferences.read_write"})
        (check,) = found(await examine(world), "permissions", Side.HUBSPOT)
        assert check.level == "error"
        assert check.message == (
            "The sign-in lacks the scopes communication_preferences.read_write, crm.objects.deals.write."
        )

    tell(story)


def test_a_nearly_used_up_api_limit_is_said(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        world.salesforce.config.daily_api_requests = 36
        (check,) = found(await examine(world), "api_allocation", Side.SALESFORCE)
        assert check.level in ("warning", "error")
        assert "of 36 daily API calls" in check.message

    tell(story)


def test_a_missing_key_property_and_a_hidden_key_field_are_found(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        world.hubspot.portal.table("deals").schema.properties.pop("interlock_salesforce_id")
        names = {each.message.split()[0] for each in faults(await examine(world)) if each.code == "key_field"}
        assert names == {"deals.interlock_salesforce_id"}
        assert all("interlock connect" in (each.fix or "") for each in faults(await examine(world)))

    tell(story)


def test_a_mapping_that_a_person_made_to_a_field_that_is_gone_is_an_error(tell: Tell) -> None:
    async def story(world: World) -> None:
        made = await world.connect()
        assert world.store is not None
        async with world.store.write(made.id) as tx:
            (contact,) = [each for each in await mappings.object_mappings(tx) if each.salesforce_type == "Contact"]
            assert contact.id is not None
            row = mappings.FieldMappingRow(contact.id, "twitterhandle", "Twitter__c", "two_way", kind="custom")
            await mappings.save_field_mapping(tx, row)
        (error,) = faults(await examine(world))
        assert error.code == "mapping"
        assert "Twitter__c" in error.message

    tell(story)


def test_the_native_integration_shows_by_what_it_wrote(tell: Tell) -> None:
    async def story(world: World) -> None:
        id_ = world.hugo.create("contacts", {"email": "ada@example.com", "firstname": "Ada"})
        await world.connect()
        assert found(await examine(world), "native_integration", Side.HUBSPOT)[0].level == "ok"
        _, record = world.hugo._record("contacts", id_)
        record.source = type(record.source)("SALESFORCE", "Salesforce Connector")
        (check,) = found(await examine(world), "native_integration", Side.HUBSPOT)
        assert check.level == "error"
        assert f"hubspot:contacts:{id_}" in check.message

    tell(story)


class Dated:
    """A transport whose answers carry a Date header of a clock that goes wrong by so much."""

    def __init__(self, inner: Transport, world: World, ahead_s: float) -> None:
        self._inner, self._world, self._ahead_s = inner, world, ahead_s

    async def send(self, request: Request, deadline_s: float) -> Response:
        answer = await self._inner.send(request, deadline_s)
        now_s = self._world.clock_us() / 1_000_000 + self._ahead_s
        return Response(
            answer.status, {**answer.headers, "date": email.utils.formatdate(now_s, usegmt=True)}, answer.body
        )


def test_a_clock_that_is_wrong_is_told_by_how_much(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        plain: Any = world.transport
        for ahead_s, level in ((0.0, "ok"), (-20.0, "warning"), (600.0, "error")):
            world.transport = Dated(plain, world, ahead_s)
            (check,) = found(await examine(world), "clock", Side.SALESFORCE)
            assert check.level == level, check
        assert "600 s behind" in check.message

    tell(story)


def test_a_halted_connection_says_why(tell: Tell) -> None:
    async def story(world: World) -> None:
        made = await world.connect()
        assert world.store is not None
        async with world.store.write(made.id) as tx:
            assert made.id is not None
            await connections.update(tx, made.id, state="suspended", state_reason="Too much.", state_fix="Look.")
        (error,) = faults(await examine(world))
        assert (error.code, error.fix) == ("state", "Look.")
        assert "Too much." in error.message

    tell(story)


def test_the_list_that_limits_an_object_is_told_and_a_deleted_one_is_an_error(tell: Tell) -> None:
    async def story(world: World) -> None:
        world.hugo.create_list("contacts", "Customers", [world.person("ada@example.com")])
        await world.connect()
        (told,) = found(await examine(world), "inclusion_list")
        assert "'Customers' sync (manual, which holds 1 now)" in told.message
        world.hugo.delete_list("1")
        (fault,) = faults(await examine(world))
        assert (fault.code, fault.level) == ("inclusion_list", "error")

    tell(story, settings={"inclusion": {"contacts": "1"}})


def test_the_filter_that_limits_a_type_is_told_with_how_many_fit_and_one_that_is_refused_is_an_error(
    tell: Tell,
) -> None:
    async def story(world: World) -> None:
        world.sally.create("Contact", {"LastName": "A", "Department": "Board"})
        await world.connect()
        (told,) = found(await examine(world), "inclusion_filter")
        assert "the filter Department = 'Board' (1 now)" in told.message
        world.salesforce.set_field_permission(
            "integration@example.com", "Contact", "Department", read=False, edit=False
        )
        (fault,) = [each for each in faults(await examine(world)) if each.code == "inclusion_filter"]
        assert "No such column 'Department'" in fault.message

    tell(story, settings={"salesforce_filters": {"Contact": "Department = 'Board'"}})


def test_who_may_not_delete_where_deletes_are_carried_over_is_told(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert [each for each in found(await examine(world), "permissions") if "delete" in each.message] == []
        for type_ in ("Account", "Opportunity"):
            world.salesforce.org.tables[type_].sobject.flags["deletable"] = False
        (told,) = [each for each in found(await examine(world), "permissions") if "delete" in each.message]
        assert (told.level, "Account" in told.message) == ("warning", True)

    tell(story, settings={"choices": {"deletes": {"companies": "in_salesforce", "deals": "in_hubspot"}}})


def test_the_scope_for_lists_is_needed_where_a_list_limits(tell: Tell) -> None:
    async def story(world: World) -> None:
        world.hugo.create_list("contacts", "Customers")
        await world.connect()
        token = world.hubspot.account.tokens[world.hubspot.token]
        token.scopes = frozenset({"crm.objects.contacts.read"})
        (lacking,) = found(await examine(world), "permissions", Side.HUBSPOT)
        assert "crm.lists.read" in lacking.message

    tell(story, settings={"inclusion": {"contacts": "1"}})

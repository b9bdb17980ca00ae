"""`explain` and `find`: stories in which a person asks about a record. What it says must be what the next sync then does."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app import conflicts
from interlock.app import explain as use_case
from interlock.app.connections import pause
from interlock.app.errors import BadInput, Missing
from interlock.app.find import Search, find
from interlock.core.model import Side
from interlock.crm.transport import NotSent, Request, Response, Transport
from interlock.store import connections


async def explained(world: World, text: str, offline: bool = False) -> dict[str, Any]:
    assert world.store is not None
    assert world.connection is not None
    async with world.store.read(None) as tx:
        (world.connection,) = await connections.list_(tx)
    clients = None if offline else world.clients()
    return await use_case.explain(world.store, world.connection, text, clients, world.clock_us)


async def found(world: World, text: str, offline: bool = False) -> Search:
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    return await find(world.store, world.connection.id, text, None if offline else world.clients())


def field(told: dict[str, Any], property_: str) -> dict[str, Any]:
    (only,) = [each for each in told["fields"] if each["property"] == property_]
    return only


async def ada(world: World, **properties: str) -> tuple[str, str]:
    """A contact that is linked and in agreement."""
    values = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Byron", "jobtitle": "Clerk", **properties}
    hubspot_id = world.hugo.create("contacts", values)
    await world.connect()
    await world.sync_later()
    return hubspot_id, world.contact(hubspot_id)["interlock_salesforce_id"]


def test_a_pair_in_agreement_is_told_with_both_values_and_nothing_to_do(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await ada(world)
        told = await explained(world, f"hubspot:contacts:{hubspot_id}")
        assert told["salesforce"] == f"salesforce:Contact:{salesforce_id}"
        assert told["label"] == "Ada Byron <ada@example.com>"
        assert (told["link"]["state"], told["eligible"], told["why_not"]) == ("linked", True, [])
        assert told["read"] == {"hubspot": "fresh", "salesforce": "fresh"}
        title = field(told, "jobtitle")
        assert (title["hubspot"], title["salesforce"], title["base_hubspot"], title["base_salesforce"]) == (
            "Clerk",
        ) * 4
        assert (title["decision"], title["because"]) == ("none", "Both sides hold the same.")
        assert field(told, "phone")["hubspot"] == ""
        (made,) = [row for row in told["history"] if row["kind"] == "create"]
        assert (made["side"], made["by"], made["values"]["Title"]) == ("salesforce", "interlock", "Clerk")

    tell(story, existing="all")


@pytest.mark.parametrize(
    "way", ["key", "other key", "bare id", "15 characters", "e-mail", "HubSpot address", "Salesforce address"]
)
def test_a_record_is_found_by_whatever_a_person_has_at_hand(tell: Tell, way: str) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await ada(world)
        text = {
            "key": f"hubspot:contacts:{hubspot_id}",
            "other key": f"salesforce:Contact:{salesforce_id}",
            "bare id": salesforce_id,
            "15 characters": salesforce_id[:15],
            "e-mail": "Ada@example.com",
            "HubSpot address": f"https://app.hubspot.com/contacts/1/record/0-1/{hubspot_id}",
            "Salesforce address": f"https://x.lightning.force.com/lightning/r/Contact/{salesforce_id}/view",
        }[way]
        told = await explained(world, text)
        assert (told["hubspot"], told["salesforce"]) == (
            f"hubspot:contacts:{hubspot_id}",
            f"salesforce:Contact:{salesforce_id}",
        )

    tell(story, existing="all")


def test_what_it_says_of_an_edit_is_what_the_next_sync_does(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await ada(world, phone="1")
        world.sally.update("Contact", salesforce_id, {"Title": "Countess"})
        world.hugo.update("contacts", hubspot_id, {"phone": "2"})
        told = await explained(world, salesforce_id)
        title, phone = field(told, "jobtitle"), field(told, "phone")
        assert (title["hubspot"], title["salesforce"], title["base_hubspot"]) == ("Clerk", "Countess", "Clerk")
        assert (title["decision"], title["rule"]) == ("to_hubspot", "prefer_salesforce")
        assert title["because"] == "Salesforce was edited since both sides agreed. Salesforce's value goes to HubSpot."
        assert (phone["decision"], phone["code"]) == ("to_hubspot", "rule_keeps_salesforce")
        assert phone["base_salesforce"] == "1"
        assert "the rule keeps Salesforce's value" in phone["because"]
        await world.sync_later()
        assert (world.contact(hubspot_id)["jobtitle"], world.contact(hubspot_id)["phone"]) == ("Countess", "1")

    tell(story, existing="all")


def test_looking_changes_nothing(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await ada(world)
        alone = world.hugo.create("contacts", {"email": "bob@example.com", "lastname": "Babbage"})
        world.sally.update("Contact", salesforce_id, {"Title": "Countess"})
        before = (world.contact(hubspot_id), world.contact(alone), world.sally.get("Contact", salesforce_id))
        assert world.store is not None
        async with world.store.read(None) as tx:
            rows = [await tx.rows(f"SELECT * FROM {table}") for table in ("record_link", "dirty", "intent", "audit")]
        for text in (salesforce_id, "bob@example.com"):
            await explained(world, text)
        assert before == (world.contact(hubspot_id), world.contact(alone), world.sally.get("Contact", salesforce_id))
        async with world.store.read(None) as tx:
            assert rows == [
                await tx.rows(f"SELECT * FROM {table}") for table in ("record_link", "dirty", "intent", "audit")
            ]

    tell(story, existing="all")


class Down(Transport):
    """One of the two CRMs does not answer."""

    def __init__(self, inner: Transport, host: str) -> None:
        self.inner, self.host = inner, host

    async def send(self, request: Request, deadline_s: float) -> Response:
        if self.host in request.url:
            raise NotSent("the network is down")
        return await self.inner.send(request, deadline_s)


@pytest.mark.parametrize("side", list(Side))
def test_it_tells_what_it_knows_while_a_crm_is_down(tell: Tell, side: Side) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await ada(world)
        world.transport = Down(world.transport, f"{side.value}.local")
        began_us = world.clock_us()
        told = await explained(world, f"hubspot:contacts:{hubspot_id}")
        assert world.clock_us() - began_us <= 6_000_000
        assert told["read"] == {side.value: "failed", side.other.value: "fresh"}
        assert told["salesforce"] == f"salesforce:Contact:{salesforce_id}"
        title = field(told, "jobtitle")
        assert (title[side.value], title[side.other.value]) == (None, "Clerk")
        assert (title["decision"], title["base_hubspot"]) == ("unknown", "Clerk")
        assert told["history"]

    tell(story, existing="all")


def test_offline_it_reads_neither_side(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, _ = await ada(world)
        world.transport = Down(Down(world.transport, "hubspot.local"), "salesforce.local")
        told = await explained(world, f"hubspot:contacts:{hubspot_id}", offline=True)
        assert told["read"] == {"hubspot": "last_known", "salesforce": "last_known"}
        assert (field(told, "jobtitle")["hubspot"], field(told, "jobtitle")["base_salesforce"]) == (None, "Clerk")
        assert (await explained(world, "ada@example.com", offline=True))["hubspot"] == f"hubspot:contacts:{hubspot_id}"

    tell(story, existing="all")


def test_a_record_without_a_link_is_told_with_what_creating_it_would_write(tell: Tell) -> None:
    async def story(world: World) -> None:
        await ada(world)
        alone = world.hugo.create("contacts", {"email": "bob@example.com", "lastname": "Babbage", "jobtitle": "Don"})
        told = await explained(world, f"hubspot:contacts:{alone}")
        assert (told["link"], told["salesforce"], told["eligible"]) == (None, None, True)
        assert told["why_not"] == ["not_looked_at"]
        title = field(told, "jobtitle")
        assert (title["hubspot"], title["salesforce"], title["decision"]) == ("Don", "", "to_salesforce")

    tell(story, existing="all")


def test_a_record_that_is_not_eligible_says_why(tell: Tell) -> None:
    async def story(world: World) -> None:
        alone = world.hugo.create("contacts", {"lastname": "Babbage"})
        await ada(world)
        # A record that is as young as its stamp is looked at once more.
        await world.sync_later()
        told = await explained(world, f"hubspot:contacts:{alone}")
        assert (told["eligible"], told["why_not"]) == (False, ["no_email"])
        assert told["why_not_because"] == ["It has no e-mail address, which is how contacts are matched."]

    tell(story, existing="all")


def test_existing_records_that_the_setting_leaves_alone_say_so(tell: Tell) -> None:
    async def story(world: World) -> None:
        alone = world.hugo.create("contacts", {"email": "bob@example.com", "lastname": "Babbage"})
        await world.connect()
        await world.sync_later()
        await world.sync_later()
        told = await explained(world, f"hubspot:contacts:{alone}")
        assert (told["eligible"], told["why_not"]) == (True, ["existing_not_created"])

    tell(story, existing="link")


def test_an_ambiguous_record_names_the_reason_and_is_not_guessed(tell: Tell) -> None:
    async def story(world: World) -> None:
        for last in ("One", "Two"):
            world.sally.create("Contact", {"LastName": last, "Email": "bob@example.com"})
        await world.connect()
        alone = world.hugo.create("contacts", {"email": "bob@example.com", "lastname": "Babbage"})
        told = await explained(world, f"hubspot:contacts:{alone}")
        assert told["why_not"] == ["several_candidates"]
        with pytest.raises(BadInput, match="finds several records"):
            await explained(world, "bob@example.com")

    tell(story, existing="none")


def test_a_deleted_counterpart_is_said(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await ada(world)
        world.sally.delete("Contact", salesforce_id)
        await world.sync_later()
        told = await explained(world, f"hubspot:contacts:{hubspot_id}")
        assert told["link"]["state"] == "salesforce_deleted"
        assert told["why_not"][0] == "salesforce_deleted"

    tell(story, existing="all")


def test_a_value_that_does_not_fit_is_held_and_names_its_issue(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, _ = await ada(world, jobtitle="x" * 300)
        told = await explained(world, f"hubspot:contacts:{hubspot_id}")
        assert field(told, "jobtitle")["decision"] == "held"
        assert (len(told["issues"]), told["why_not"]) == (1, ["has_issues"])

    tell(story, existing="all")


def test_a_paused_object_and_a_due_record_are_said(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, _ = await ada(world)
        assert world.store is not None
        assert world.connection is not None
        await pause(world.store, world.connection, ["contacts"], plan=False)
        assert (await explained(world, f"hubspot:contacts:{hubspot_id}"))["why_not"] == ["object_paused"]

    tell(story, existing="all")


def test_a_choice_that_waits_is_told_with_its_value(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await ada(world)
        world.hugo.update("contacts", hubspot_id, {"jobtitle": "Countess"})
        world.sally.update("Contact", salesforce_id, {"Title": "Analyst"})
        await world.sync_later()
        assert world.store is not None
        assert world.connection is not None
        assert world.connection.id is not None
        (conflict,) = (await conflicts.list_(world.store, world.connection.id)).conflicts
        await conflicts.resolve(
            world.store, world.connection.id, conflict["id"], Side.HUBSPOT, now_us=world.clock_us(), plan=False
        )
        title = field(await explained(world, salesforce_id), "jobtitle")
        assert (title["decision"], title["hubspot"]) == ("to_both", "Analyst")
        assert title["because"] == 'A person chose "Countess" for a conflict. It goes to both sides.'

    tell(story, existing="all")


def test_an_unknown_record_is_missing(tell: Tell) -> None:
    async def story(world: World) -> None:
        await ada(world)
        with pytest.raises(Missing, match="Nothing is known"):
            await explained(world, "nobody@example.com")

    tell(story, existing="all")


# --- find ------------------------------------------------------------------------------------------------------------


def test_a_name_finds_the_pair_as_one_line(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await ada(world)
        for text in ("Byron", "ada byron", "ada@example.com", hubspot_id, salesforce_id):
            (only,) = (await found(world, text)).found
            assert only.document() == {
                "object": "contacts",
                "label": "Ada Byron <ada@example.com>",
                "hubspot": f"hubspot:contacts:{hubspot_id}",
                "salesforce": f"salesforce:Contact:{salesforce_id}",
                "link": "linked",
                "why_not": None,
            }, text

    tell(story, existing="all")


def test_find_answers_from_memory_when_no_crm_does(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, _ = await ada(world)
        alone = world.hugo.create("contacts", {"lastname": "100%_sure"})
        await world.sync_later()
        world.transport = Down(Down(world.transport, "hubspot.local"), "salesforce.local")
        search = await found(world, "byron")
        assert search.read == {Side.HUBSPOT: "failed", Side.SALESFORCE: "failed"}
        assert [str(each.keys[Side.HUBSPOT]) for each in search.found] == [f"hubspot:contacts:{hubspot_id}"]
        (doubtful,) = (await found(world, "0%_s", offline=True)).found
        assert (str(doubtful.keys[Side.HUBSPOT]), doubtful.why_not) == (f"hubspot:contacts:{alone}", "no_email")

    tell(story, existing="all")


@pytest.mark.parametrize("text", ['Augusta "Ada" Byron', 'Byron"', '"Byron', 'Augusta "Ada', '"'])
def test_a_name_is_found_whatever_quotation_marks_are_typed_with_it(tell: Tell, text: str) -> None:
    async def story(world: World) -> None:
        await world.connect()
        name = {"firstname": 'Augusta "Ada"', "lastname": "Byron"}
        here = world.hugo.create("contacts", {"email": "ada@example.com"} | name)
        search = await found(world, text)
        assert set(search.read.values()) == {"fresh"}
        assert [str(each.keys[Side.HUBSPOT]) for each in search.found] == (
            [] if text == '"' else [f"hubspot:contacts:{here}"]
        )

    tell(story)


def test_find_takes_what_is_typed_for_text_and_nothing_else(tell: Tell) -> None:
    async def story(world: World) -> None:
        await ada(world)
        for text in ("' OR '1'='1", "%", "_", "\\", "x' OR Name LIKE '%", "*", '5"* "', "a\0b", "x" * 5_000):
            search = await found(world, text)
            assert (search.found, set(search.read.values())) == ([], {"fresh"}), text

    tell(story, existing="all")


def test_a_raised_digit_is_looked_for_as_text_and_not_as_an_id(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        world.hugo.create("companies", {"name": "Square ²"})
        search = await found(world, "²")
        assert search.silent == []
        assert [each.label for each in search.found] == ["Square ²"]

    tell(story)

"""Owners are the same person by e-mail: either side may hand a record over, and nobody is guessed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crm_emulator.hubspot.account import User
from interlock.app.mapping_preview import preview
from interlock.app.mappings import Change, kept_compiler
from interlock.core.model import Side
from tests.world import World


def both(world: World, name: str) -> tuple[str, str]:
    """Somebody with an account in both CRMs: the HubSpot owner id and the Salesforce user id."""
    address = f"{name.lower()}@example.com"
    there = world.salesforce.add_user(name, address)
    return owner(world, name, address), there.id


def owner(world: World, name: str, address: str) -> str:
    taken = max(user.owner_id for user in world.hubspot.users)
    user = User(user_id=taken + 1_000, owner_id=taken + 1, email=address, first_name=name, last_name="Owner")
    world.hubspot.account.users.append(user)
    return str(user.owner_id)


def test_a_record_is_handed_over_on_either_side(tell):
    ids: dict[str, tuple[str, str]] = {}

    def before(world: World) -> None:
        ids.update({name: both(world, name) for name in ("Olga", "Piet")})

    async def story(world: World) -> None:
        here = world.person("ada@example.com", hubspot_owner_id=ids["Olga"][0])
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.sally.get("Contact", there)["OwnerId"] == ids["Olga"][1]
        world.sally.update("Contact", there, {"OwnerId": ids["Piet"][1]})
        await world.settle()
        assert world.contact(here)["hubspot_owner_id"] == ids["Piet"][0]
        world.hugo.update("contacts", here, {"hubspot_owner_id": ids["Olga"][0]})
        await world.settle()
        assert world.sally.get("Contact", there)["OwnerId"] == ids["Olga"][1]
        assert await world.issues() == []

    tell(story, before=before)


def test_an_owner_whom_the_other_side_does_not_know_is_left_alone_and_costs_nothing(tell):
    async def story(world: World) -> None:
        stranger = owner(world, "Stranger", "stranger@example.com")
        here = world.person("ada@example.com", hubspot_owner_id=stranger)
        await world.settle()
        there = world.counterpart("contacts", here)
        owns = world.sally.get("Contact", there)["OwnerId"]
        world.hugo.update("contacts", here, {"firstname": "Ada"})
        await world.settle()
        assert world.sally.get("Contact", there)["FirstName"] == "Ada"
        assert world.contact(here)["hubspot_owner_id"] == stranger
        assert world.sally.get("Contact", there)["OwnerId"] == owns
        calls = world.calls_in_all
        await world.sync_later()
        assert world.calls_in_all - calls < 12

    tell(story)


def test_an_owner_who_left_is_read_and_never_made_an_owner(tell):
    ids: dict[str, tuple[str, str]] = {}

    def before(world: World) -> None:
        there = world.salesforce.add_user("Gone", "gone@example.com", active=False)
        ids["Gone"] = owner(world, "Gone", "gone@example.com"), there.id
        ids["Olga"] = both(world, "Olga")

    async def story(world: World) -> None:
        here = world.person("ada@example.com", hubspot_owner_id=ids["Olga"][0])
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"hubspot_owner_id": ids["Gone"][0], "firstname": "Ada"})
        await world.settle()
        row = world.sally.get("Contact", there)
        assert (row["OwnerId"], row["FirstName"]) == (ids["Olga"][1], "Ada")
        (issue,) = await world.issues()
        assert (issue.property, issue.field) == ("hubspot_owner_id", "OwnerId")
        world.hugo.update("contacts", here, {"hubspot_owner_id": ids["Olga"][0]})
        await world.settle()
        assert await world.issues() == []

    tell(story, before=before)


def test_an_owner_cannot_be_taken_away_in_salesforce(tell):
    """OwnerId is required: the HubSpot owner that was cleared is an issue, and comes back with the next hand-over."""

    async def story(world: World) -> None:
        olga = ids["Olga"]
        here = world.person("ada@example.com", hubspot_owner_id=olga[0])
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"hubspot_owner_id": "", "firstname": "Ada"})
        await world.settle()
        row = world.sally.get("Contact", there)
        assert (row["OwnerId"], row["FirstName"]) == (olga[1], "Ada")

    ids: dict[str, tuple[str, str]] = {}
    tell(story, before=lambda world: ids.update(Olga=both(world, "Olga")))


def test_our_updates_do_not_run_the_orgs_assignment_rules(tell):
    async def story(world: World) -> None:
        lead = world.sally.create("Lead", {"LastName": "Person", "Company": "Acme", "Email": "ada@example.com"})
        here = world.person("ada@example.com")
        await world.settle()
        assert world.counterpart("contacts", here) == lead
        owns = world.sally.get("Lead", lead)["OwnerId"]
        world.salesforce.add_assignment_rule("Lead", "Queue Keeper")
        world.hugo.update("contacts", here, {"firstname": "Ada"})
        await world.settle()
        row = world.sally.get("Lead", lead)
        assert (row["FirstName"], row["OwnerId"]) == ("Ada", owns)
        for request in world.line.sent[Side.SALESFORCE]:
            assert request.headers.get("Sforce-Auto-Assign") == "FALSE"

    tell(story)


def test_a_new_lead_with_an_owner_is_not_reassigned(tell):
    ids: dict[str, tuple[str, str]] = {}

    def before(world: World) -> None:
        ids["Olga"] = both(world, "Olga")
        world.salesforce.add_assignment_rule("Lead", "Queue Keeper")

    async def story(world: World) -> None:
        here = world.person("ada@example.com", company="Acme", hubspot_owner_id=ids["Olga"][0])
        await world.settle()
        assert world.sally.get("Lead", world.counterpart("contacts", here))["OwnerId"] == ids["Olga"][1]

    tell(story, before=before, create_person_as="Lead")


GIVES_WAY = {"choices": {"owner_unmatched": {"contacts": "salesforce"}}}


def test_two_records_that_are_linked_keep_salesforces_owner_and_the_other_is_in_the_log(tell):
    ids: dict[str, tuple[str, str]] = {}

    def before(world: World) -> None:
        ids.update({name: both(world, name) for name in ("Olga", "Piet")})

    async def story(world: World) -> None:
        there = world.sally.create(
            "Contact", {"LastName": "Person", "Email": "ada@example.com", "OwnerId": ids["Piet"][1]}
        )
        await asyncio.sleep(3_600)
        here = world.person("ada@example.com", hubspot_owner_id=ids["Olga"][0])
        await world.settle()
        assert world.sally.get("Contact", there)["OwnerId"] == ids["Piet"][1]
        assert world.contact(here)["hubspot_owner_id"] == ids["Piet"][0]
        (row,) = [row for row in await world.audit("conflict") if row.property == "hubspot_owner_id"]
        assert (row.old, row.status) == ("olga@example.com", "settled")

    tell(story, before=before)


def test_somebody_takes_a_record_over_from_a_queue_and_a_queue_takes_it_back(tell):
    ids: dict[str, Any] = {}

    def before(world: World) -> None:
        ids["Olga"] = both(world, "Olga")
        ids["queue"] = world.salesforce.add_queue("Waiting", "Lead")

    async def story(world: World) -> None:
        row = {"LastName": "Person", "Company": "Acme", "Email": "ada@example.com", "OwnerId": ids["queue"]}
        there = world.sally.create("Lead", row)
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        assert not world.contact(here).get("hubspot_owner_id")
        world.hugo.update("contacts", here, {"hubspot_owner_id": ids["Olga"][0]})
        await world.settle()
        assert world.sally.get("Lead", there)["OwnerId"] == ids["Olga"][1]
        world.sally.update("Lead", there, {"OwnerId": ids["queue"]})
        await world.settle()
        # An edit of something else hands nothing over.
        world.hugo.update("contacts", here, {"firstname": "Ada"})
        await world.settle()
        assert world.sally.get("Lead", there)["OwnerId"] == ids["queue"]
        assert await world.issues() == []

    tell(story, before=before, settings=GIVES_WAY)


def test_an_owner_who_left_gives_way(tell):
    ids: dict[str, tuple[str, str]] = {}

    def before(world: World) -> None:
        there = world.salesforce.add_user("Gone", "gone@example.com", active=False)
        ids["Gone"] = owner(world, "Gone", "gone@example.com"), there.id
        ids["Olga"] = both(world, "Olga")

    async def story(world: World) -> None:
        here = world.person("ada@example.com", hubspot_owner_id=ids["Olga"][0])
        await world.settle()
        world.hugo.update("contacts", here, {"hubspot_owner_id": ids["Gone"][0]})
        await world.settle()
        assert world.contact(here)["hubspot_owner_id"] == ids["Olga"][0]
        assert await world.issues() == []
        (row,) = [row for row in await world.audit("conflict") if row.property == "hubspot_owner_id"]
        assert (row.old, row.new, row.status) == ("gone@example.com", "olga@example.com", "settled")

    tell(story, before=before, settings=GIVES_WAY)


@pytest.mark.parametrize("where", ["in_salesforce", "in_hubspot"])
def test_where_one_side_alone_may_change_owners_the_other_sides_change_is_taken_back(tell, where):
    ids: dict[str, tuple[str, str]] = {}

    def before(world: World) -> None:
        ids.update({name: both(world, name) for name in ("Olga", "Piet", "Rosa")})

    async def story(world: World) -> None:
        here = world.person("ada@example.com", hubspot_owner_id=ids["Olga"][0])
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.sally.get("Contact", there)["OwnerId"] == ids["Olga"][1]
        world.hugo.update("contacts", here, {"hubspot_owner_id": ids["Piet"][0]})
        await world.settle()
        now = "Olga" if where == "in_salesforce" else "Piet"
        world.sally.update("Contact", there, {"OwnerId": ids["Rosa"][1]})
        assert world.contact(here)["hubspot_owner_id"] == ids[now][0]
        await world.settle()
        now = "Rosa" if where == "in_salesforce" else "Piet"
        assert world.contact(here)["hubspot_owner_id"] == ids[now][0]
        assert world.sally.get("Contact", there)["OwnerId"] == ids[now][1]

    tell(story, before=before, settings={"choices": {"owner_changes": {"contacts": where}}})


def test_two_people_who_were_paired_by_hand_are_one_owner(tell):
    ids: dict[str, str] = {}
    settings: dict[str, Any] = {"owner_pairs": {}}

    def before(world: World) -> None:
        ids["here"] = owner(world, "Olga", "olga@example.com")
        ids["there"] = world.salesforce.add_user("Olga", "o.owner@elsewhere.example").id
        settings["owner_pairs"][ids["here"]] = ids["there"]

    async def story(world: World) -> None:
        here = world.person("ada@example.com", hubspot_owner_id=ids["here"])
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.sally.get("Contact", there)["OwnerId"] == ids["there"]

    tell(story, before=before, settings=settings)


def test_a_preview_of_another_rule_decides_owners_as_the_sync_does(tell):
    ids: dict[str, tuple[str, str]] = {}

    def before(world: World) -> None:
        ids.update({name: both(world, name) for name in ("Olga", "Piet")})

    async def story(world: World) -> None:
        assert world.store is not None
        assert world.connection is not None
        here = world.person("ada@example.com", hubspot_owner_id=ids["Olga"][0])
        await world.settle()
        world.hugo.update("contacts", here, {"hubspot_owner_id": ids["Piet"][0]})
        async with world.read() as tx:
            compiler = await kept_compiler(tx)
        assert compiler is not None
        change = Change("change", "contacts", "Contact", "hubspot_owner_id", "OwnerId", "two_way", "prefer_salesforce")
        found = await preview(world.store, world.connection, "contacts", [change], compiler, *world.clients())
        # Who may change owners is chosen beside the rule.
        assert (found.looked, found.to_hubspot, found.to_salesforce) == (1, 0, 0)

    tell(story, before=before, settings={"choices": {"owner_changes": {"contacts": "in_hubspot"}}})

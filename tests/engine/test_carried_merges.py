"""Merges in Salesforce that are made in HubSpot too: proposed and confirmed, or by themselves where that is chosen."""

from __future__ import annotations

import pytest

from interlock.app import merges
from interlock.app.errors import BadInput
from interlock.core.model import LinkState
from tests.engine.test_carried_deletes import Killed, Kills, codes, previewed, until_it_dies
from tests.world import World

AUTOMATIC = {"choices": {"merges": {"contacts": "automatic", "companies": "automatic"}}}
KEEPS_ID = pytest.mark.parametrize("keeps_id", [True, False])


async def merged_there(world: World, winner: int = 0, **edit: str) -> tuple[str, str]:
    """Two pairs whose Salesforce records become one: HubSpot's id of the one that stays and of the other. `edit`: what is
    typed into the other at the same time."""
    here = [world.person("ada@example.com", firstname="Ada"), world.person("bob@example.com", phone="+1 555 0100")]
    await world.settle()
    there = [world.counterpart("contacts", id_) for id_ in here]
    if edit:
        world.hugo.update("contacts", here[1 - winner], edit)
    world.sally.merge("Contact", there[winner], there[1 - winner])
    await world.settle()
    return here[winner], here[1 - winner]


@pytest.mark.parametrize(
    ("chosen", "counted"), [("automatic", (1, 0)), ("propose", (0, 1)), ("nothing", (0, 0))], ids=str
)
def test_a_preview_counts_the_merges_that_would_be_made_and_those_that_would_be_proposed(tell, chosen, counted):
    async def story(world: World) -> None:
        here = [world.person("ada@example.com"), world.person("bob@example.com")]
        await world.settle()
        there = [world.counterpart("contacts", id_) for id_ in here]
        world.sally.merge("Contact", there[0], there[1])
        found = (await previewed(world))["objects"]["contacts"]
        assert (found["merge_in_hubspot"], found["merges_proposed"]) == counted
        assert people(world) == (2, 1)

    tell(story, settings={"choices": {"merges": {"contacts": chosen}}})


async def confirm(world: World) -> None:
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    await merges.confirm(world.store, world.connection.id, await world.issues(), world.clock_us())


def people(world: World) -> tuple[int, int]:
    return len(world.hugo.ids("contacts")), len(world.sally.ids("Contact"))


def test_a_merge_in_salesforce_is_only_proposed_until_somebody_confirms_it(tell):
    async def story(world: World) -> None:
        kept, other = await merged_there(world)
        (issue,) = await world.issues()
        assert merges.proposal_of(issue) is not None
        assert [str(key) for key in merges.proposal_of(issue) or ()] == [
            f"hubspot:contacts:{other}",
            f"hubspot:contacts:{kept}",
        ]
        assert people(world) == (2, 1)
        assert await world.audit("merge") == []

    tell(story)


@KEEPS_ID
@pytest.mark.parametrize("winner", [0, 1])
def test_a_confirmed_merge_is_made_in_hubspot_and_ends_as_one_pair(tell, keeps_id, winner):
    async def story(world: World) -> None:
        kept, other = await merged_there(world, winner)
        (there,) = world.sally.ids("Contact")
        await confirm(world)
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        assert (here == kept) == keeps_id
        link = await world.link("contacts", here)
        assert link is not None
        assert (link.salesforce_id, link.state) == (there, LinkState.LINKED)
        assert world.counterpart("contacts", here) == there
        assert people(world) == (1, 1)
        assert await world.issues() == []
        (row,) = await world.audit("merge")
        assert (row.hubspot_id, row.new, row.reason) == (other, f"hubspot:contacts:{kept}", "confirmed")
        world.sally.update("Contact", there, {"Title": "CTO"})
        await world.settle()
        assert world.contact(here)["jobtitle"] == "CTO"

    tell(story, hubspot={"merge_keeps_primary_id": keeps_id})


@KEEPS_ID
def test_where_that_is_chosen_a_merge_in_salesforce_is_made_in_hubspot_by_itself(tell, keeps_id):
    async def story(world: World) -> None:
        await merged_there(world)
        assert people(world) == (1, 1)
        assert await world.issues() == []
        (row,) = await world.audit("merge")
        assert row.reason is None

    tell(story, settings=AUTOMATIC, hubspot={"merge_keeps_primary_id": keeps_id})


def test_accounts_merged_in_salesforce_become_one_company_by_itself(tell):
    async def story(world: World) -> None:
        here = [world.hugo.create("companies", {"name": name, "domain": f"{name}.com"}) for name in ("acme", "globex")]
        person = world.person("ada@globex.com")
        world.hugo.associate("contacts", person, "companies", here[1], primary=True)
        await world.settle()
        there = [world.counterpart("companies", id_) for id_ in here]
        contact = world.counterpart("contacts", person)
        world.sally.merge("Account", *there)
        await world.settle()
        (company,) = world.hugo.ids("companies")
        assert world.counterpart("companies", company) == there[0]
        assert world.contact(person)["associatedcompanyid"] == company
        assert world.sally.get("Contact", contact)["AccountId"] == there[0]
        assert await world.issues() == []

    tell(story, settings=AUTOMATIC)


def test_what_holds_an_edit_that_salesforce_never_got_is_proposed_and_not_merged_by_itself(tell):
    async def story(world: World) -> None:
        await merged_there(world, jobtitle="Typed at the same time")
        assert people(world) == (2, 1)
        assert await codes(world) == ["counterpart_merged"]
        await confirm(world)
        await world.settle()
        assert people(world) == (1, 1)
        (row,) = await world.audit("merge")
        assert row.old["jobtitle"] == "Typed at the same time"

    tell(story, settings=AUTOMATIC)


def test_what_is_to_be_left_is_merged_by_nobody(tell):
    async def story(world: World) -> None:
        await merged_there(world)
        assert people(world) == (2, 1)
        with pytest.raises(BadInput, match="proposes no merge"):
            await confirm(world)
        await world.settle()
        assert people(world) == (2, 1)

    tell(story, settings={"choices": {"merges": {"contacts": "nothing"}}})


def test_a_confirmed_merge_of_a_pair_that_is_whole_again_is_not_made(tell):
    async def story(world: World) -> None:
        _, other = await merged_there(world)
        issues = await world.issues()
        await confirm(world)
        world.hugo.archive("contacts", other)
        await world.settle()
        assert people(world) == (1, 1)
        assert await world.audit("merge") == []
        with pytest.raises(BadInput, match="another by now"):
            await merges.confirm(world.store, world.connection.id, issues, world.clock_us())

    tell(story)


def test_many_merges_stop_before_the_first_is_made_by_itself(tell):
    async def story(world: World) -> None:
        people_ = [world.person(f"p{number}@example.com") for number in range(8)]
        await world.settle()
        there = [world.counterpart("contacts", id_) for id_ in people_]
        for winner, loser in zip(there[::2], there[1::2], strict=True):
            world.sally.merge("Contact", winner, loser)
        await world.stops_because("4 contacts would be merged in HubSpot")
        assert len(world.hugo.ids("contacts")) == 8
        await world.resume()
        await world.settle()
        assert people(world) == (4, 4)

    tell(story, settings=AUTOMATIC | {"mass_change_least": 4})


@KEEPS_ID
@pytest.mark.parametrize("lands", [True, False])
def test_a_process_that_dies_over_a_merge_leaves_one_that_is_made_once(tell, lands, keeps_id):
    async def story(world: World) -> None:
        await merged_there(world)
        await confirm(world)
        world.transport = Kills(world.transport, "/contacts/merge", lands)
        with pytest.raises(Killed):
            await until_it_dies(world)
        await world.settle()
        assert people(world) == (1, 1)
        assert await world.issues() == []
        assert len(await world.audit("merge")) == 1

    tell(story, hubspot={"merge_keeps_primary_id": keeps_id})


def test_a_merge_that_hubspot_refuses_is_proposed_again_with_its_reason(tell):
    async def story(world: World) -> None:
        here = [world.hugo.create("companies", {"name": name, "domain": f"{name}.com"}) for name in ("acme", "globex")]
        await world.settle()
        world.sally.merge("Account", *[world.counterpart("companies", id_) for id_ in here])
        await world.settle()
        assert len(world.hugo.ids("companies")) == 2
        assert await codes(world) == ["counterpart_merged", "merge_refused"]
        (refused,) = await world.issues(code="merge_refused")
        assert "Companies cannot be merged" in refused.cause

    tell(story, settings=AUTOMATIC, hubspot={"companies_can_be_merged": False})


def test_a_merge_and_deletes_that_are_carried_over_go_together(tell):
    async def story(world: World) -> None:
        await merged_there(world)
        assert people(world) == (1, 1)
        (here,) = world.hugo.ids("contacts")
        (there,) = world.sally.ids("Contact")
        assert world.counterpart("contacts", here) == there
        assert await world.audit("delete") == []

    tell(
        story,
        settings={"choices": {"merges": {"contacts": "automatic"}, "deletes": {"contacts": "both"}}},
    )

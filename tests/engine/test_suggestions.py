"""Records that no exact match links and that may be one: suggested with reasons, and what becomes of what a person says."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.app.errors import Stopped
from interlock.app.identity.review import ACCEPT, REFUSE, decide, list_
from interlock.app.identity.suggest import look
from interlock.core.model import LinkedBy, RecordKey, Side
from tests.world import World

LINK_ONLY = {"existing": "link"}
ADA = {"firstname": "Ada", "lastname": "Lovelace", "phone": "+44 20 7946 0018"}
ADA_THERE = {"FirstName": "Ada", "LastName": "Lovelace", "Phone": "+44 20 7946 0018"}


def with_two_adas(world: World) -> None:
    """One person with two addresses: no exact match, and nobody is made."""
    world.person("ada@example.com", **ADA)
    world.sally.create("Contact", {"Email": "lovelace@example.org"} | ADA_THERE)


async def found(world: World, state: str = "open") -> list[dict[str, Any]]:
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    return (await list_(world.store, world.connection.id, state)).rows


async def looked(world: World) -> list[dict[str, Any]]:
    assert world.store is not None
    assert world.connection is not None
    await look(world.store, world.connection, *world.clients(), ["contacts", "companies"])
    return await found(world)


async def say(world: World, suggestion: dict[str, Any], decision: str) -> None:
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    await decide(world.store, world.connection.id, suggestion["suggestion"], decision, world.clock_us())


def test_two_that_may_be_one_are_suggested_with_reasons_and_linked_once_accepted(tell):
    async def story(world: World) -> None:
        await world.settle()
        (here,), (there,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
        assert world.counterpart("contacts", here) == ""
        before = world.written
        (suggestion,) = await looked(world)
        assert world.written == before
        assert (suggestion["hubspot"], suggestion["salesforce"]) == (
            f"hubspot:contacts:{here}",
            f"salesforce:Contact:{there}",
        )
        assert suggestion["hubspot_label"] == "Ada Lovelace <ada@example.com>"
        assert [each["text"] for each in suggestion["reasons"]][-1] == "Their e-mail addresses are different."
        await say(world, suggestion, ACCEPT)
        await world.settle()
        assert world.counterpart("contacts", here) == there
        link = await world.link("contacts", here)
        assert link is not None
        assert link.linked_by is LinkedBy.PERSON
        assert await found(world) == await found(world, "accepted") == []
        assert (len(world.hugo.ids("contacts")), len(world.sally.ids("Contact"))) == (1, 1)

    tell(story, with_two_adas, **LINK_ONLY)


def test_one_without_an_address_is_linked_when_its_suggestion_is_accepted(tell):
    def before(world: World) -> None:
        world.hugo.create("contacts", ADA)
        world.sally.create("Contact", ADA_THERE)

    async def story(world: World) -> None:
        await world.settle()
        (suggestion,) = await looked(world)
        await say(world, suggestion, ACCEPT)
        await world.settle()
        (here,), (there,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
        assert world.counterpart("contacts", here) == there

    tell(story, before, **LINK_ONLY)


def test_what_was_refused_is_not_suggested_again_after_a_restart_and_another_look(tell):
    async def story(world: World) -> None:
        await world.settle()
        (suggestion,) = await looked(world)
        await say(world, suggestion, REFUSE)
        await world.settle()
        assert world.store is not None
        await world.store.close()
        await world.open()
        (here,) = world.hugo.ids("contacts")
        # With one more reason it is the same question.
        world.hugo.update("contacts", here, {"mobilephone": "+44 20 7946 0019"})
        world.sally.update("Contact", world.sally.ids("Contact")[0], {"MobilePhone": "+44 20 7946 0019"})
        world.connection = await rematched(world)
        assert await looked(world) == []
        assert [each["suggestion"] for each in await found(world, "refused")] == [suggestion["suggestion"]]
        assert world.counterpart("contacts", here) == ""

    async def rematched(world: World) -> Any:
        await world.settle()
        return world.connection

    tell(story, with_two_adas, settings={"create_in_hubspot": False, "create_in_salesforce": False}, **LINK_ONLY)


def test_two_that_a_person_said_are_not_one_are_linked_by_no_address_and_none_of_them_is_made_again(tell):
    async def story(world: World) -> None:
        await world.settle()
        (here,), (there,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
        (suggestion,) = await looked(world)
        await say(world, suggestion, REFUSE)
        world.sally.update("Contact", there, {"Email": "ada@example.com"})
        await world.settle()
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here) == ""
        assert (len(world.hugo.ids("contacts")), len(world.sally.ids("Contact"))) == (1, 1)
        assert {issue.code for issue in await world.issues()} == {"match_refused"}
        # Said otherwise after all.
        await say(world, suggestion, ACCEPT)
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert await world.issues() == []

    tell(story, with_two_adas, **LINK_ONLY)


def test_of_two_with_one_address_the_one_that_a_person_refused_stands_in_nobodys_way(tell):
    def before(world: World) -> None:
        world.person("ada@example.com", **ADA)
        for name in ("Ada", "Grace"):
            world.sally.create("Contact", {"FirstName": name, "LastName": name, "Email": "ada@example.com"})

    async def story(world: World) -> None:
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        assert {issue.code for issue in await world.issues()} == {"several_candidates"}
        suggested = await looked(world)
        assert len(suggested) == 2
        grace = next(each for each in suggested if "Grace" in each["salesforce_label"])
        await say(world, grace, REFUSE)
        await world.settle()
        ada = next(each for each in suggested if each is not grace)
        assert f"salesforce:Contact:{world.counterpart('contacts', here)}" == ada["salesforce"]
        assert {(issue.code, issue.salesforce_id) for issue in await world.issues()} == {
            ("match_refused", grace["salesforce"].rpartition(":")[2])
        }

    tell(story, before, **LINK_ONLY)


def test_a_refusal_goes_along_where_the_record_is_merged_into_another(tell):
    async def story(world: World) -> None:
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        (suggestion,) = await looked(world)
        await say(world, suggestion, REFUSE)
        await world.settle()
        survivor = world.hugo.merge("contacts", world.person("countess@example.com", **ADA), here)
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", here))
        await world.settle()
        assert [each["hubspot"] for each in await found(world, "refused")] == [f"hubspot:contacts:{survivor}"]
        assert await looked(world) == []

    tell(story, with_two_adas, settings={"create_in_hubspot": False, "create_in_salesforce": False}, **LINK_ONLY)


def test_an_accepted_one_whose_other_record_was_deleted_makes_nothing_and_is_forgotten(tell):
    async def story(world: World) -> None:
        await world.settle()
        (here,), (there,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
        (suggestion,) = await looked(world)
        world.sally.delete("Contact", there)
        await say(world, suggestion, ACCEPT)
        await world.settle()
        assert world.counterpart("contacts", here) == ""
        assert world.sally.ids("Contact") == []
        assert await found(world, "accepted") == []

    tell(story, with_two_adas, **LINK_ONLY)


def test_who_was_linked_meanwhile_is_not_linked_with_another_by_accepting(tell):
    async def story(world: World) -> None:
        await world.settle()
        (here,), (there,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
        (suggestion,) = await looked(world)
        world.sally.update("Contact", there, {"Email": "other@example.com"})
        await say(world, suggestion, REFUSE)
        world.hugo.update("contacts", here, {"email": "other@example.net"})
        other = world.sally.create("Contact", {"LastName": "Other", "Email": "other@example.net"})
        await world.settle()
        assert world.counterpart("contacts", here) == other
        with pytest.raises(Stopped, match="is linked with"):
            await say(world, suggestion, ACCEPT)

    tell(story, with_two_adas, settings={"create_in_hubspot": False, "create_in_salesforce": False}, **LINK_ONLY)


def test_companies_that_may_be_one_are_suggested_too(tell):
    def before(world: World) -> None:
        world.hugo.create("companies", {"name": "Edge Communications", "phone": "+1 512 757 6000"})
        world.sally.create("Account", {"Name": "Edge Comunications", "Phone": "(512) 757-6000"})

    async def story(world: World) -> None:
        await world.settle()
        (suggestion,) = await looked(world)
        await say(world, suggestion, ACCEPT)
        await world.settle()
        (here,), (there,) = world.hugo.ids("companies"), world.sally.ids("Account")
        assert world.counterpart("companies", here) == there

    tell(story, before, **LINK_ONLY)

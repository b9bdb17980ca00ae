"""Deleted, restored, purged: a delete never crosses over, is never undone by us, and a restore finds its counterpart."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from interlock.core.model import LinkState, RecordKey, Side
from tests.world import World

# object, Salesforce type, what it is made of in HubSpot, a property to edit and its field
KINDS = [
    ("contacts", "Contact", {"email": "a@example.com", "lastname": "A"}, "jobtitle", "Title"),
    ("companies", "Account", {"name": "Acme", "domain": "acme.com"}, "phone", "Phone"),
    (
        "deals",
        "Opportunity",
        {"dealname": "Big", "dealstage": "closedwon", "closedate": "2026-03-01"},
        "description",
        "Description",
    ),
]
every_kind = pytest.mark.parametrize(("slug", "type_", "made", "property_", "field"), KINDS, ids=[k[0] for k in KINDS])


@every_kind
def test_what_hubspot_deleted_is_not_made_again_and_a_restore_catches_up(tell, slug, type_, made, property_, field):
    async def story(world: World) -> None:
        here = world.hugo.create(slug, made)
        await world.settle()
        there = world.counterpart(slug, here)
        world.hugo.archive(slug, here)
        await world.settle()
        link = await world.link(slug, here)
        assert link is not None
        assert link.state is LinkState.HUBSPOT_DELETED
        world.sally.update(type_, there, {field: "Edited meanwhile"})
        await world.settle()
        assert world.hugo.ids(slug) == []
        assert world.sally.ids(type_) == [there]
        world.hugo.restore(slug, here)
        await world.settle()
        assert world.hugo.ids(slug) == [here]
        assert world.hugo.get(slug, here)[property_] == "Edited meanwhile"
        assert await world.issues() == []

    tell(story)


@every_kind
def test_what_salesforce_deleted_is_not_made_again_and_a_restore_catches_up(tell, slug, type_, made, property_, field):
    async def story(world: World) -> None:
        await world.rule(slug, property_, "two_way")
        here = world.hugo.create(slug, made)
        await world.settle()
        there = world.counterpart(slug, here)
        world.sally.delete(type_, there)
        await world.settle()
        world.hugo.update(slug, here, {property_: "Edited meanwhile"})
        await world.settle()
        assert world.sally.ids(type_) == []
        assert world.hugo.ids(slug) == [here]
        world.sally.undelete(type_, there)
        await world.settle()
        assert world.sally.get(type_, there)[field] == "Edited meanwhile"
        assert await world.issues() == []

    tell(story)


@every_kind
def test_a_row_that_was_purged_from_the_bin_is_not_made_again(tell, slug, type_, made, property_, field):
    async def story(world: World) -> None:
        here = world.hugo.create(slug, made)
        await world.settle()
        world.sally.delete(type_, world.counterpart(slug, here))
        await world.settle()
        world.salesforce.empty_recycle_bin()
        world.hugo.update(slug, here, {property_: "Edited later"})
        await world.settle()
        assert world.sally.ids(type_) == []
        assert await world.issues() == []

    tell(story)


def test_a_row_that_was_deleted_and_purged_at_once_is_a_question_and_is_not_made_again(tell):
    """Nobody says that it was deleted: it may just be hidden from the sync user."""

    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        world.sally.delete("Contact", world.counterpart("contacts", here))
        world.salesforce.empty_recycle_bin()
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.sally.ids("Contact") == []
        assert {issue.code for issue in await world.issues()} <= {"record_not_visible"}

    tell(story)


@every_kind
def test_both_deleted_and_both_restored_are_one_pair_again(tell, slug, type_, made, property_, field):
    async def story(world: World) -> None:
        here = world.hugo.create(slug, made)
        await world.settle()
        there = world.counterpart(slug, here)
        world.hugo.archive(slug, here)
        world.sally.delete(type_, there)
        await world.settle()
        world.sally.undelete(type_, there)
        await world.settle()
        world.hugo.restore(slug, here)
        await world.settle()
        assert (world.hugo.ids(slug), world.sally.ids(type_)) == ([here], [there])
        world.sally.update(type_, there, {field: "New"})
        await world.settle()
        assert world.hugo.get(slug, here)[property_] == "New"

    tell(story)


@pytest.mark.parametrize("first", ["hubspot", "salesforce"])
def test_one_of_two_deleted_and_restored_does_not_bring_the_other_back(tell, first):
    async def story(world: World) -> None:
        # Made in Salesforce: there is no creation key to know it by.
        there = world.sally.create("Contact", {"LastName": "Ada", "Email": "ada@example.com"})
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        deletes: list[Callable[[], None]] = [
            lambda: world.hugo.archive("contacts", here),
            lambda: world.sally.delete("Contact", there),
        ]
        for delete in deletes if first == "hubspot" else reversed(deletes):
            delete()
            await world.settle()
        world.sally.undelete("Contact", there)
        await world.settle()
        world.sally.update("Contact", there, {"Title": "CTO"})
        await world.settle()
        assert world.hugo.ids("contacts") == []
        assert world.sally.ids("Contact") == [there]

    tell(story)


def test_a_deleted_counterpart_is_not_made_again_by_a_new_database(tell, tmp_path):
    async def story(world: World) -> None:
        world.sally.create("Contact", {"LastName": "Ada", "Email": "ada@example.com"})
        bob = world.person("bob@example.com")
        await world.settle()
        (ada,) = [id_ for id_ in world.hugo.ids("contacts") if id_ != bob]
        world.hugo.archive("contacts", ada)
        world.sally.delete("Contact", world.counterpart("contacts", bob))
        await world.settle()
        await world.lose_the_database(tmp_path / "new.db")
        await world.settle()
        assert world.hugo.ids("contacts") == [bob]
        assert len(world.sally.ids("Contact")) == 1

    tell(story, existing="all")


def test_a_record_deleted_while_its_write_was_on_the_way_rests(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        world.between_read_and_write(Side.SALESFORCE, lambda: world.sally.delete("Contact", there))
        await world.settle()
        assert world.sally.ids("Contact") == []
        assert await world.issues() == []
        world.sally.undelete("Contact", there)
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "CTO"

    tell(story)


def test_a_contact_whose_account_goes_while_it_is_being_made_is_made_without(tell):
    async def story(world: World) -> None:
        company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        await world.settle()
        account = world.counterpart("companies", company)
        here = world.person("ada@acme.com")
        world.hugo.associate("contacts", here, "companies", company, primary=True)
        world.between_read_and_write(Side.SALESFORCE, lambda: world.sally.delete("Account", account))
        await world.settle()
        (contact,) = world.sally.ids("Contact")
        assert world.sally.get("Contact", contact)["AccountId"] is None
        assert world.counterpart("contacts", here) == contact

    tell(story)


def test_most_pairs_deleted_at_once_stop_the_connection_until_somebody_resumes_it(tell):
    async def story(world: World) -> None:
        people = [world.person(f"p{number}@example.com", jobtitle="CTO") for number in range(4)]
        await world.settle()
        for here in people:
            world.sally.delete("Contact", world.counterpart("contacts", here))
        await world.stops_because("4 of 4 linked contacts looked at are gone in Salesforce")
        before = world.written
        assert (await world.sync_later()).outcome == "stopped"
        assert world.written == before
        await world.resume()
        await world.settle()
        for here in people:
            link = await world.link("contacts", here)
            assert link is not None
            assert link.state is LinkState.SALESFORCE_DELETED
        assert len(world.hugo.ids("contacts")) == 4

    tell(story, settings={"mass_change_least": 4})


def test_a_person_deleted_and_made_again_in_salesforce_is_the_same_person(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com", jobtitle="CTO")
        await world.settle()
        world.sally.delete("Contact", world.counterpart("contacts", here))
        await world.settle()
        again = world.sally.create("Contact", {"LastName": "Person", "Email": "ada@example.com"})
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        assert world.counterpart("contacts", here) == again
        assert world.sally.get("Contact", again)["Title"] == "CTO"
        assert await world.issues() == []

    tell(story)


def test_a_person_deleted_and_made_again_in_hubspot_is_the_same_person(tell):
    async def story(world: World) -> None:
        first = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", first)
        world.hugo.archive("contacts", first)
        await world.settle()
        again = world.person("ada@example.com", jobtitle="CTO")
        await world.settle()
        assert world.sally.ids("Contact") == [there]
        assert world.counterpart("contacts", again) == there
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        assert await world.issues() == []

    tell(story)


def test_an_account_deleted_with_all_that_hangs_on_it_comes_back_with_all_of_it(tell):
    async def story(world: World) -> None:
        acme, ada = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"}), world.person("ada@acme.com")
        deal = world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedlost", "closedate": "2026-03-01"})
        for slug, id_ in (("contacts", ada), ("deals", deal)):
            world.hugo.associate(slug, id_, "companies", acme, primary=True)
        world.hugo.associate("deals", deal, "contacts", ada)
        await world.settle()
        counts = world.counts()
        account = world.counterpart("companies", acme)
        world.sally.delete("Account", account)
        await world.settle()
        gone = world.counts()
        assert [gone[slug] for slug in ("companies", "contacts", "deals")] == [1, 1, 1]
        # HubSpot keeps who belongs to whom.
        assert world.contact(ada)["associatedcompanyid"] == acme
        assert set(world.hugo.associated("deals", deal, "contacts")) == {ada}
        world.sally.undelete("Account", account)
        await world.settle()
        assert world.counts() == counts
        assert world.contact(ada)["associatedcompanyid"] == acme
        assert world.sally.get("Contact", world.counterpart("contacts", ada))["AccountId"] == account

    tell(story)


def test_a_resync_of_a_record_that_is_nowhere_to_be_seen_lets_the_pair_rest(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        world.sally.delete("Contact", world.counterpart("contacts", here))
        world.salesforce.empty_recycle_bin()
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert [issue.code for issue in await world.issues()] == ["record_not_visible"]
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", here))
        await world.settle()
        assert await world.issues() == []
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert world.sally.ids("Contact") == []
        assert await world.issues() == []

    tell(story)


def test_that_a_record_cannot_be_seen_is_no_issue_any_more_once_it_rests_though_a_value_of_it_is_held_back(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com", jobtitle="x" * 200)
        await world.settle()
        there = world.counterpart("contacts", here)
        world.sally.delete("Contact", there)
        world.salesforce.empty_recycle_bin()
        world.hugo.update("contacts", here, {"lastname": "Byron"})
        await world.settle()
        assert {issue.code for issue in await world.issues()} == {"STRING_TOO_LONG", "record_not_visible"}
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", here))
        await world.settle()
        assert {issue.code for issue in await world.issues()} == {"STRING_TOO_LONG"}

    tell(story)


def test_of_a_pair_that_has_ended_no_value_waits_any_more(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com", jobtitle="x" * 200)
        await world.settle()
        assert [issue.code for issue in await world.issues()] == ["STRING_TOO_LONG"]
        world.sally.delete("Contact", world.counterpart("contacts", here))
        world.hugo.archive("contacts", here)
        await world.settle()
        assert await world.issues() == []

    tell(story)

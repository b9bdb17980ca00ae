"""Deletes that a person chose to have carried over: what goes, what stays and why, and that nothing goes twice or comes back."""

from __future__ import annotations

import asyncio

import pytest

from interlock.app import preview, what_syncs
from interlock.core.link import waits_to_go
from interlock.core.model import LinkState, RecordKey, Side
from interlock.engine import deleting
from interlock.store import connections
from tests.engine.test_deletes import KINDS, every_kind
from tests.engine.test_late_landings import Slow
from tests.engine.test_undo import undo
from tests.inclusion_world import with_list
from tests.world import World

ADA, BOB = "ada@example.com", "bob@example.com"


def deletes(**chosen: str) -> dict[str, dict[str, dict[str, str]]]:
    return {"choices": {"deletes": chosen}}


IN_HUBSPOT = deletes(contacts="in_hubspot", companies="in_hubspot", deals="in_hubspot")
IN_SALESFORCE = deletes(contacts="in_salesforce", companies="in_salesforce", deals="in_salesforce")
BOTH = deletes(contacts="both", companies="both", deals="both")


async def state_of(world: World, slug: str, here: str) -> LinkState | None:
    link = await world.link(slug, here)
    return None if link is None else link.state


async def choose(world: World, **chosen: str) -> None:
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    async with world.store.write(world.connection.id) as tx:
        now = await connections.get(tx, world.connection.id)
        assert now is not None
        settings = {**now.settings, "choices": {"deletes": chosen}}
        await connections.update(tx, world.connection.id, settings=settings)


async def codes(world: World) -> list[str]:
    return sorted(issue.code for issue in await world.issues())


@every_kind
@pytest.mark.parametrize("chosen", [IN_HUBSPOT, BOTH], ids=["in_hubspot", "both"])
def test_what_salesforce_deleted_goes_in_hubspot_too_where_that_is_chosen(
    tell, chosen, slug, type_, made, property_, field
):
    async def story(world: World) -> None:
        here = world.hugo.create(slug, made)
        await world.settle()
        there = world.counterpart(slug, here)
        world.sally.delete(type_, there)
        await world.settle()
        assert (world.hugo.ids(slug), world.sally.ids(type_)) == ([], [])
        (row,) = await world.audit("delete")
        assert (row.side, row.hubspot_id, row.salesforce_id) == (Side.HUBSPOT, here, there)
        assert await world.issues() == []

    tell(story, settings=chosen)


@pytest.mark.parametrize("type_", ["Contact", "Lead"])
def test_no_contact_goes_while_another_of_its_address_is_in_salesforce_who_is_linked_with_it_then(tell, type_):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        company = {"Company": "Acme"} if type_ == "Lead" else {}
        other = world.sally.create(type_, {"LastName": "Lovelace", "Email": ADA, **company})
        await world.settle()
        world.sally.delete("Contact", there)
        await world.settle()
        await world.sync_later(86_400.0)
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        assert world.counterpart("contacts", here) == other
        assert await world.issues() == []

    tell(story, settings=IN_HUBSPOT)


@every_kind
@pytest.mark.parametrize("chosen", [IN_SALESFORCE, BOTH], ids=["in_salesforce", "both"])
def test_what_hubspot_deleted_goes_in_salesforce_too_where_that_is_chosen(
    tell, chosen, slug, type_, made, property_, field
):
    async def story(world: World) -> None:
        here = world.hugo.create(slug, made)
        await world.settle()
        world.hugo.archive(slug, here)
        await world.settle()
        assert (world.hugo.ids(slug), world.sally.ids(type_)) == ([], [])
        (row,) = await world.audit("delete")
        assert row.side is Side.SALESFORCE
        assert await world.issues() == []

    tell(story, settings=chosen)


@pytest.mark.parametrize(("chosen", "deleted"), [(IN_SALESFORCE, "salesforce"), (IN_HUBSPOT, "hubspot"), ({}, "both")])
def test_a_delete_goes_no_way_that_was_not_chosen(tell, chosen, deleted):
    async def story(world: World) -> None:
        ada, bob = world.person(ADA), world.person(BOB)
        await world.settle()
        if deleted in ("salesforce", "both"):
            world.sally.delete("Contact", world.counterpart("contacts", ada))
        if deleted in ("hubspot", "both"):
            world.hugo.archive("contacts", bob)
        await world.settle()
        left = {"salesforce": (2, 1), "hubspot": (1, 2), "both": (1, 1)}[deleted]
        assert (len(world.hugo.ids("contacts")), len(world.sally.ids("Contact"))) == left
        assert await world.audit("delete") == []

    tell(story, settings=chosen)


@pytest.mark.parametrize("kind", ["contacts", "deals"])
def test_a_record_that_was_edited_and_not_carried_over_stays_with_an_issue(tell, kind):
    slug, type_, made, property_, _ = next(each for each in KINDS if each[0] == kind)

    async def story(world: World) -> None:
        await world.rule(slug, property_, "two_way")
        here = world.hugo.create(slug, made)
        await world.settle()
        world.hugo.update(slug, here, {property_: "Typed at the same time"})
        world.sally.delete(type_, world.counterpart(slug, here))
        await world.settle()
        assert world.hugo.ids(slug) == [here]
        assert await codes(world) == ["delete_not_carried_over"]
        (issue,) = await world.issues()
        assert property_ in issue.cause
        # Whatever is done to it now, it goes no more by itself, and the issue stays until a person has decided.
        world.hugo.update(slug, here, {property_: None})
        await world.settle()
        assert world.hugo.ids(slug) == [here]
        assert await codes(world) == ["delete_not_carried_over"]
        world.hugo.archive(slug, here)
        await world.settle()
        assert await world.issues() == []

    tell(story, settings=IN_HUBSPOT)


def test_an_edit_in_salesforce_that_hubspot_never_got_keeps_its_record(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        world.sally.update("Contact", there, {"Title": "CTO"})
        world.hugo.archive("contacts", here)
        await world.settle()
        assert world.sally.ids("Contact") == [there]
        assert await codes(world) == ["delete_not_carried_over"]
        world.hugo.restore("contacts", here)
        await world.settle()
        assert world.contact(here)["jobtitle"] == "CTO"
        assert await world.issues() == []

    tell(story, settings=IN_SALESFORCE)


def test_a_value_that_its_rule_kept_from_the_other_side_keeps_its_record(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        await world.rule("contacts", "fax", "always_salesforce")
        world.hugo.update("contacts", here, {"fax": "030 1"})
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.sally.get("Contact", there)["Fax"] is None
        world.sally.delete("Contact", there)
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        assert await codes(world) == [deleting.KEPT]

    tell(story, settings=IN_HUBSPOT)


@pytest.mark.parametrize("deleted", ["hubspot", "salesforce"])
@pytest.mark.parametrize("joined", [True, False])
def test_a_deal_that_somebody_was_put_on_stays_and_one_whose_people_are_known_goes(tell, joined, deleted):
    async def story(world: World) -> None:
        ada, bob = world.person(ADA), world.person(BOB)
        deal = world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedwon", "closedate": "2026-03-01"})
        world.hugo.associate("deals", deal, "contacts", ada)
        await world.settle()
        there = world.counterpart("deals", deal)
        if deleted == "salesforce":
            if joined:
                world.hugo.associate("deals", deal, "contacts", bob)
            world.sally.delete("Opportunity", there)
        else:
            if joined:
                role = {"OpportunityId": there, "ContactId": world.counterpart("contacts", bob)}
                world.sally.create("OpportunityContactRole", role)
            world.hugo.archive("deals", deal)
        await world.settle()
        left = len(world.hugo.ids("deals")) + len(world.sally.ids("Opportunity"))
        assert left == (1 if joined else 0)
        assert await codes(world) == (["delete_not_carried_over"] if joined else [])

    tell(story, settings=BOTH)


def test_an_opt_out_that_salesforce_never_got_keeps_the_contact(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        world.hugo.opt_out(ADA)
        world.sally.delete("Contact", world.counterpart("contacts", here))
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        (issue,) = await world.issues()
        assert "opt-out" in issue.cause

    tell(story, settings=IN_HUBSPOT)


def test_an_edit_in_the_moment_before_its_delete_keeps_the_record(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.archive("contacts", here)
        # By then it was read, and decided that it may go.
        world.transport = Just(
            world.transport,
            "/sobjects/Contact/describe",
            lambda: world.sally.update("Contact", there, {"Title": "CTO"}),
        )
        await world.settle()
        assert world.sally.ids("Contact") == [there]
        assert await codes(world) == ["delete_not_carried_over"]

    tell(story, settings=BOTH)


class Just:
    """Something is done just before the first request to that address."""

    def __init__(self, inner, address: str, deed) -> None:
        self.inner, self.address, self.deed = inner, address, deed

    async def send(self, request, deadline_s):
        if self.deed is not None and self.address in request.url:
            deed, self.deed = self.deed, None
            deed()
        return await self.inner.send(request, deadline_s)


def test_an_account_with_people_of_its_own_stays_and_they_with_it(tell):
    """Salesforce would delete with it what nobody has deleted in HubSpot."""

    async def story(world: World) -> None:
        company, ada = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"}), world.person(ADA)
        world.hugo.associate("contacts", ada, "companies", company, primary=True)
        await world.settle()
        account, contact = world.counterpart("companies", company), world.counterpart("contacts", ada)
        world.hugo.archive("companies", company)
        await world.settle()
        assert (world.sally.ids("Account"), world.sally.ids("Contact")) == ([account], [contact])
        (issue,) = await world.issues()
        assert (issue.code, issue.salesforce_id) == ("delete_not_carried_over", account)
        assert contact in issue.cause
        # Who works there is known in Salesforce still.
        assert world.sally.get("Contact", contact)["AccountId"] == account

    tell(story, settings=BOTH)


def test_a_company_deleted_with_all_its_people_goes_after_them(tell):
    async def story(world: World) -> None:
        company, ada = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"}), world.person(ADA)
        world.hugo.associate("contacts", ada, "companies", company, primary=True)
        await world.settle()
        world.hugo.archive("companies", company)
        world.hugo.archive("contacts", ada)
        await world.settle()
        assert (world.sally.ids("Account"), world.sally.ids("Contact")) == ([], [])
        assert await world.issues() == []

    tell(story, settings=BOTH)


@pytest.mark.parametrize("companies", ["in_hubspot", "nothing"])
@pytest.mark.parametrize("contacts", ["in_hubspot", "nothing"])
def test_what_goes_with_an_account_goes_or_stays_by_its_own_choice(tell, companies, contacts):
    async def story(world: World) -> None:
        company, ada = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"}), world.person(ADA)
        deal = world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedlost", "closedate": "2026-03-01"})
        for slug, id_ in (("contacts", ada), ("deals", deal)):
            world.hugo.associate(slug, id_, "companies", company, primary=True)
        await world.settle()
        world.sally.delete("Account", world.counterpart("companies", company))
        await world.settle()
        assert world.sally.ids("Contact") == []
        assert world.hugo.ids("companies") == ([] if companies == "in_hubspot" else [company])
        assert world.hugo.ids("contacts") == ([] if contacts == "in_hubspot" else [ada])
        assert world.hugo.ids("deals") == [deal]
        assert await world.issues() == []

    tell(story, settings=deletes(companies=companies, contacts=contacts))


async def _with_an_account_that_waits_to_go(world: World) -> tuple[str, str]:
    """Its company was deleted, and somebody works there whom nobody has deleted."""
    company, ada = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"}), world.person(ADA)
    world.hugo.associate("contacts", ada, "companies", company, primary=True)
    await world.settle()
    account, contact = world.counterpart("companies", company), world.counterpart("contacts", ada)
    world.hugo.archive("companies", company)
    await world.sync_later(60)
    link = await world.link("companies", company)
    assert link is not None
    assert waits_to_go(link.base)
    return account, contact


async def _save(world: World, value: str) -> None:
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    async with world.read() as tx:
        now = await connections.get(tx, world.connection.id)
    assert now is not None
    await what_syncs.choose(world.store, now, "companies", what_syncs.Choice(choices={"deletes": value}), None)


def test_what_waits_to_go_is_let_go_when_a_person_switches_that_off_and_stays_when_it_is_on_again(tell):
    async def story(world: World) -> None:
        account, contact = await _with_an_account_that_waits_to_go(world)
        await _save(world, "nothing")
        (issue,) = await world.issues()
        assert (issue.code, issue.severity, issue.salesforce_id) == ("delete_not_carried_over", "warning", account)
        assert "waited to be deleted too, and stays" in issue.cause
        await _save(world, "both")
        # Nothing would go along with it any more.
        world.sally.delete("Contact", contact)
        await world.settle()
        assert world.sally.ids("Account") == [account]
        assert await codes(world) == ["delete_not_carried_over"]

    tell(story, settings=BOTH)


def test_what_waits_to_go_is_let_go_however_that_came_to_be_switched_off(tell):
    async def story(world: World) -> None:
        account, contact = await _with_an_account_that_waits_to_go(world)
        await choose(world, companies="nothing", contacts="both")
        await world.settle()
        assert await codes(world) == ["delete_not_carried_over"]
        await choose(world, companies="both", contacts="both")
        world.sally.delete("Contact", contact)
        await world.sync(RecordKey(Side.SALESFORCE, "Account", account))
        await world.settle()
        assert world.sally.ids("Account") == [account]

    tell(story, settings=BOTH)


def test_a_task_goes_with_its_contact(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        world.sally.create("Task", {"WhoId": there, "Subject": "Call"})
        world.hugo.archive("contacts", here)
        await world.settle()
        assert world.sally.ids("Contact") == []

    tell(story, settings=BOTH)


@pytest.mark.parametrize("winner", [0, 1])
def test_a_merge_in_salesforce_is_never_carried_over_as_a_delete(tell, winner):
    async def story(world: World) -> None:
        here = [world.person(ADA), world.person(BOB)]
        await world.settle()
        there = [world.counterpart("contacts", id_) for id_ in here]
        world.sally.merge("Contact", there[winner], there[1 - winner])
        await world.settle()
        assert set(world.hugo.ids("contacts")) == set(here)
        assert await codes(world) == ["counterpart_merged"]

    tell(story, settings=BOTH)


@pytest.mark.parametrize("keeps_id", [True, False])
def test_a_merge_in_hubspot_is_never_carried_over_as_a_delete(tell, keeps_id):
    async def story(world: World) -> None:
        here = [world.person(ADA), world.person(BOB)]
        await world.settle()
        there = [world.counterpart("contacts", id_) for id_ in here]
        survivor = world.hugo.merge("contacts", *here)
        await world.settle()
        assert set(world.sally.ids("Contact")) == set(there)
        assert world.counterpart("contacts", survivor) == there[0]
        assert await codes(world) == ["counterpart_merged"]

    tell(story, settings=BOTH, hubspot={"merge_keeps_primary_id": keeps_id})


@pytest.mark.parametrize("at_once", [True, False])
def test_what_another_was_merged_into_stays_when_its_own_hubspot_record_is_deleted(tell, at_once):
    """Of two duplicates one stays in HubSpot and the other in Salesforce: they are one pair, and nothing is lost."""

    async def story(world: World) -> None:
        here = [world.person(ADA), world.person(BOB)]
        await world.settle()
        there = [world.counterpart("contacts", id_) for id_ in here]
        world.sally.merge("Contact", *there)
        if not at_once:
            await world.settle()
        world.hugo.archive("contacts", here[0])
        await world.settle()
        assert (world.hugo.ids("contacts"), world.sally.ids("Contact")) == ([here[1]], [there[0]])
        assert world.counterpart("contacts", here[1]) == there[0]
        assert await state_of(world, "contacts", here[1]) is LinkState.LINKED
        assert await world.audit("delete") == []

    tell(story, settings=BOTH)


@pytest.mark.parametrize("at_once", [True, False])
def test_what_another_was_merged_into_stays_when_its_own_salesforce_record_is_deleted(tell, at_once):
    async def story(world: World) -> None:
        here = [world.person(ADA), world.person(BOB)]
        await world.settle()
        there = [world.counterpart("contacts", id_) for id_ in here]
        world.hugo.merge("contacts", *here)
        if not at_once:
            await world.settle()
        world.sally.delete("Contact", there[0])
        await world.settle()
        (left,) = world.hugo.ids("contacts")
        assert world.sally.ids("Contact") == [there[1]]
        assert world.counterpart("contacts", left) == there[1]
        assert await world.audit("delete") == []

    tell(story, settings=BOTH)


def test_what_went_with_another_pair_takes_nobody_else_along(tell, monkeypatch):
    """As if Salesforce had not shown what was merged into it."""

    async def nothing(*_: object) -> dict[str, object]:
        return {}

    monkeypatch.setattr(deleting, "_merged_in_salesforce", nothing)

    async def story(world: World) -> None:
        here = [world.person(ADA), world.person(BOB)]
        await world.settle()
        world.sally.merge("Contact", *(world.counterpart("contacts", id_) for id_ in here))
        await world.settle()
        world.hugo.archive("contacts", here[0])
        await world.settle()
        assert world.sally.ids("Contact") == []
        world.hugo.update("contacts", here[1], {"jobtitle": "CTO"})
        await world.settle()
        assert world.hugo.ids("contacts") == [here[1]]

    tell(story, settings=BOTH)


def test_both_of_what_was_merged_go_where_all_of_it_was_deleted(tell):
    async def story(world: World) -> None:
        here = [world.person(ADA), world.person(BOB)]
        await world.settle()
        world.sally.merge("Contact", *(world.counterpart("contacts", id_) for id_ in here))
        await world.settle()
        for id_ in here:
            world.hugo.archive("contacts", id_)
        await world.settle()
        assert (world.hugo.ids("contacts"), world.sally.ids("Contact")) == ([], [])

    tell(story, settings=BOTH)


def test_a_contact_that_a_lead_became_stays_when_its_own_hubspot_contact_is_deleted(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        lead = world.sally.create("Lead", {"LastName": "Bob", "Company": "Acme", "Email": BOB})
        await world.settle()
        (other,) = {*world.hugo.ids("contacts")} - {here}
        account = world.sally.create("Account", {"Name": "Acme"})
        world.sally.update("Contact", there, {"AccountId": account})
        await world.settle()
        world.sally.convert_lead(lead, account=account, contact=there)
        await world.settle()
        world.hugo.archive("contacts", here)
        await world.settle()
        assert world.sally.ids("Contact") == [there]
        assert world.counterpart("contacts", other) == there
        assert await world.audit("delete") == []

    tell(story, settings=BOTH)


def test_a_converted_lead_is_no_deleted_one(tell):
    async def story(world: World) -> None:
        here = world.person(ADA, company="Analytical")
        await world.settle()
        contact = world.sally.convert_lead(world.counterpart("contacts", here)).contact_id
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        assert world.counterpart("contacts", here) == contact

    tell(story, settings=BOTH | {"create_person_as": "Lead"})


def test_a_lead_that_is_converted_after_its_contact_was_deleted_stays_what_it_became(tell):
    async def story(world: World) -> None:
        here = world.person(ADA, company="Analytical")
        await world.settle()
        lead = world.counterpart("contacts", here)
        world.hugo.archive("contacts", here)
        contact = world.sally.convert_lead(lead).contact_id
        await world.settle()
        assert world.sally.ids("Contact") == [contact]
        assert world.hugo.ids("contacts") == []

    tell(story, settings=BOTH | {"create_person_as": "Lead"})


def test_who_cannot_be_seen_any_more_is_not_deleted(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        world.sally.delete("Contact", world.counterpart("contacts", here))
        world.salesforce.empty_recycle_bin()
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert await codes(world) == ["record_not_visible"]
        # Nor when a person says so.
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", here))
        await world.settle()
        assert world.hugo.ids("contacts") == [here]

    tell(story, settings=BOTH)


def test_a_contact_that_hubspot_erased_is_no_example_to_follow(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.erase(here)
        world.sally.update("Contact", there, {"Title": "CTO"})
        await world.settle()
        assert world.sally.ids("Contact") == [there]

    tell(story, settings=BOTH)


@every_kind
def test_what_hubspot_shows_neither_alive_nor_in_its_archive_is_no_proven_delete(
    tell, slug, type_, made, property_, field
):
    """It deletes for ever what was in the archive for 90 days."""

    async def story(world: World) -> None:
        here = world.hugo.create(slug, made)
        await world.settle()
        there = world.counterpart(slug, here)
        world.hugo.archive(slug, here)
        await asyncio.sleep(100 * 86_400)
        await world.settle()
        assert world.sally.ids(type_) == [there]
        assert await world.audit("delete") == []

    tell(story, settings=BOTH)


def test_what_was_deleted_before_it_was_chosen_stays(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        world.sally.delete("Contact", world.counterpart("contacts", here))
        await world.settle()
        await choose(world, contacts="both")
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", here))
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        assert await world.issues() == []

    tell(story)


# --- restores ---------------------------------------------------------------------------------------------------------------


def test_what_went_together_and_is_restored_in_hubspot_is_restored_in_salesforce(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        here = world.person(ADA, jobtitle="CTO")
        await world.settle()
        there = world.counterpart("contacts", here)
        task = world.sally.create("Task", {"WhoId": there, "Subject": "Call"})
        world.hugo.archive("contacts", here)
        await world.settle()
        assert (world.sally.ids("Contact"), world.sally.ids("Task")) == ([], [])
        world.hugo.restore("contacts", here)
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        # What had gone along is back as well.
        assert (world.sally.ids("Contact"), world.sally.ids("Task")) == ([there], [task])
        assert world.sally.get("Contact", there)["Title"] == "CEO"
        assert await state_of(world, "contacts", here) is LinkState.LINKED
        assert await world.issues() == []
        # As whole as ever: another delete is carried over again.
        world.hugo.archive("contacts", here)
        await world.settle()
        assert world.sally.ids("Contact") == []

    tell(story, settings=BOTH)


def test_what_rested_and_came_back_outside_the_list_is_not_restored_again_when_a_person_deletes_it(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        world.hugo.change_list("1", add=[here])
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.archive("contacts", here)
        await world.settle()
        assert world.sally.ids("Contact") == []
        world.hugo.restore("contacts", here)
        world.hugo.change_list("1", remove=[here])
        await world.settle()
        assert world.sally.ids("Contact") == [there]
        assert await state_of(world, "contacts", here) is LinkState.EXCLUDED
        world.sally.delete("Contact", there)
        await world.settle()
        assert world.sally.ids("Contact") == []
        assert world.hugo.ids("contacts") == [here]

    tell(story, with_list, settings={**BOTH, "inclusion": {"contacts": "1"}})


def test_what_salesforce_cannot_restore_any_more_is_an_issue(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        world.hugo.archive("contacts", here)
        await world.settle()
        world.salesforce.empty_recycle_bin()
        world.hugo.restore("contacts", here)
        await world.settle()
        assert (world.hugo.ids("contacts"), world.sally.ids("Contact")) == ([here], [])
        (issue,) = await world.issues()
        assert (issue.code, issue.hubspot_id, issue.severity) == ("restore_by_hand", here, "warning")
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert await codes(world) == ["restore_by_hand"]

    tell(story, settings=BOTH)


def test_what_was_deleted_in_salesforce_is_restored_by_no_sync_where_that_is_not_chosen_any_more(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.archive("contacts", here)
        await world.settle()
        await choose(world, contacts="nothing")
        world.hugo.restore("contacts", here)
        await world.settle()
        assert world.sally.ids("Contact") == []
        assert await codes(world) == ["restore_by_hand"]
        world.sally.undelete("Contact", there)
        await world.settle()
        assert await world.issues() == []
        assert world.counterpart("contacts", here) == there

    tell(story, settings=BOTH)


def test_what_went_together_and_is_restored_in_salesforce_is_made_by_nobody_in_hubspot(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        world.sally.delete("Contact", there)
        await world.settle()
        world.sally.undelete("Contact", there)
        world.sally.update("Contact", there, {"Title": "CTO"})
        await world.settle()
        assert world.hugo.ids("contacts") == []
        assert world.sally.ids("Contact") == [there]
        assert await codes(world) == ["restore_by_hand"]
        world.hugo.restore("contacts", here)
        await world.settle()
        assert world.contact(here)["jobtitle"] == "CTO"
        assert await world.issues() == []

    tell(story, settings=BOTH)


def test_what_a_person_restores_after_we_deleted_it_is_not_deleted_again(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        world.sally.delete("Contact", there)
        await world.settle()
        world.hugo.restore("contacts", here)
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        assert world.sally.ids("Contact") == []
        assert await state_of(world, "contacts", here) is LinkState.SALESFORCE_DELETED

    tell(story, settings=BOTH)


def test_what_went_together_does_not_come_back_with_a_new_database(tell, tmp_path):
    async def story(world: World) -> None:
        here, bob = world.person(ADA), world.person(BOB)
        await world.settle()
        world.sally.delete("Contact", world.counterpart("contacts", here))
        await world.settle()
        await world.lose_the_database(tmp_path / "new.db")
        await world.settle()
        assert world.hugo.ids("contacts") == [bob]
        assert len(world.sally.ids("Contact")) == 1

    tell(story, existing="all", settings=BOTH)


# --- brakes, crashes, lost answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_many_deletes_stop_before_the_first_is_carried_over_however_much_else_is_due(tell, side):
    async def story(world: World) -> None:
        people = [world.person(f"p{number}@example.com") for number in range(12)]
        await world.settle()
        for here in people[:4]:
            if side == "salesforce":
                world.hugo.archive("contacts", here)
            else:
                world.sally.delete("Contact", world.counterpart("contacts", here))
        for here in people[4:]:
            world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        name = {"hubspot": "HubSpot", "salesforce": "Salesforce"}[side]
        await world.stops_because(f"4 contacts would be deleted in {name}")
        await world.resume()
        await world.settle()
        assert (len(world.hugo.ids("contacts")), len(world.sally.ids("Contact"))) == (8, 8)

    tell(story, settings=BOTH | {"mass_change_least": 4})


def test_deletes_that_come_in_small_pieces_stop_as_well_and_go_on_when_a_person_has_looked(tell):
    async def story(world: World) -> None:
        people = [world.person(f"p{number}@example.com") for number in range(20)]
        await world.settle()
        for here in people[:3]:
            world.sally.delete("Contact", world.counterpart("contacts", here))
            await world.settle()
        world.sally.delete("Contact", world.counterpart("contacts", people[3]))
        await world.stops_because("1 contacts would be deleted in HubSpot")
        assert len(world.hugo.ids("contacts")) == 17
        await world.resume()
        await world.settle()
        assert len(world.hugo.ids("contacts")) == 16
        # What went before they looked does not count any more.
        for here in people[4:6]:
            world.sally.delete("Contact", world.counterpart("contacts", here))
            await world.settle()
        assert len(world.hugo.ids("contacts")) == 14

    tell(story, settings=BOTH | {"mass_change_least": 4})


def test_a_record_with_a_value_that_its_rule_never_carried_over_stays_with_an_issue(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "always_salesforce")
        here = world.person(ADA, jobtitle="CTO")
        world.sally.create("Contact", {"Email": ADA, "LastName": "Lovelace"})
        await world.settle()
        (there,) = world.sally.ids("Contact")
        assert world.sally.get("Contact", there)["Title"] is None
        assert world.contact(here)["jobtitle"] == "CTO"
        world.sally.delete("Contact", there)
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        assert await codes(world) == ["delete_not_carried_over"]

    tell(story, settings=BOTH)


def test_a_delete_whose_answer_was_lost_counts_for_the_brake_before_anybody_knows_of_it(tell):
    async def story(world: World) -> None:
        people = [world.person(f"p{number}@example.com") for number in range(8)]
        await world.settle()
        first, second = (world.counterpart("contacts", here) for here in people[:2])
        slow = Slow(world.transport, "hubspot.local", people[0], late_s=1.0)
        world.transport = _Archives(slow, world.transport)
        world.sally.delete("Contact", first)
        await world.sync_later(1.0)
        assert slow.landing is not None
        world.sally.delete("Contact", second)
        await world.stops_because(
            "1 contacts would be deleted in HubSpot because Salesforce deleted theirs; 1 were within a day"
        )
        assert people[1] in world.hugo.ids("contacts")

    tell(story, settings=BOTH | {"mass_change_least": 2})


@pytest.mark.parametrize("late_s", [1.0, 90.0])
def test_a_delete_whose_answer_is_lost_is_known_for_ours_when_it_has_landed(tell, late_s):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        slow = Slow(world.transport, "hubspot.local", here, late_s=late_s)
        slow.landing = None
        world.transport = _Archives(slow, world.transport)
        world.sally.delete("Contact", there)
        await world.settle()
        assert slow.landing is not None
        assert world.hugo.ids("contacts") == []
        (row,) = await world.audit("delete")
        assert row.side is Side.HUBSPOT
        assert await world.issues() == []
        world.sally.undelete("Contact", there)
        await world.settle()
        assert world.hugo.ids("contacts") == []
        assert await codes(world) == ["restore_by_hand"]

    tell(story, settings=BOTH)


def test_our_own_delete_that_lands_after_a_restore_is_not_answered_by_another(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        slow = Slow(world.transport, "hubspot.local", here, late_s=120.0)
        world.transport = _Archives(slow, world.transport)
        world.sally.delete("Contact", there)
        await world.sync_later(60.0)
        assert slow.landing is not None
        world.sally.undelete("Contact", there)
        await world.settle()
        assert world.sally.ids("Contact") == [there]
        assert await codes(world) == ["restore_by_hand"]
        world.hugo.restore("contacts", here)
        await world.settle()
        assert await world.issues() == []
        assert world.counterpart("contacts", here) == there

    tell(story, settings=BOTH)


class _Archives:
    """Slow for archives alone."""

    def __init__(self, slow: Slow, inner: object) -> None:
        self.slow, self.inner = slow, inner

    async def send(self, request, deadline_s):
        line = self.slow if "/batch/archive" in request.url else self.inner
        return await line.send(request, deadline_s)


def test_a_refused_delete_leaves_the_pair_resting_with_its_reason(tell):
    async def story(world: World) -> None:
        here = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        await world.settle()
        account = world.counterpart("companies", here)
        world.sally.create("Case", {"AccountId": account, "Subject": "Broken"})
        world.hugo.archive("companies", here)
        await world.settle()
        assert world.sally.ids("Account") == [account]
        (issue,) = await world.issues()
        assert issue.code == "delete_not_carried_over"
        assert "refused" in issue.cause
        assert await state_of(world, "companies", here) is LinkState.HUBSPOT_DELETED

    tell(story, settings=BOTH)


class Killed(BaseException):
    """The process is no more."""


class Kills:
    """Whoever sends to that address hears no answer and anything else no more; the request lands, or never left."""

    def __init__(self, inner, address: str, lands: bool) -> None:
        self.inner, self.address, self.lands = inner, address, lands

    async def send(self, request, deadline_s):
        if self.address and self.address in request.url and b"/describe" not in (request.body or b""):
            writes = any(word in request.url for word in ("/batch/archive", "/merge")) or b'"DELETE"' in (
                request.body or b""
            )
            if writes:
                self.address = ""
                if self.lands:
                    await self.inner.send(request, deadline_s)
                raise Killed
        return await self.inner.send(request, deadline_s)


async def until_it_dies(world: World) -> None:
    for _ in range(5):
        await world.sync_later(60.0)


@pytest.mark.parametrize("lands", [True, False])
@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_a_process_that_dies_over_a_delete_leaves_one_that_is_carried_out_once(tell, side, lands):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        if side == "hubspot":
            world.sally.delete("Contact", there)
        else:
            world.hugo.archive("contacts", here)
        world.transport = Kills(world.transport, f"{side}.local", lands)
        with pytest.raises(Killed):
            await until_it_dies(world)
        await world.settle()
        assert (world.hugo.ids("contacts"), world.sally.ids("Contact")) == ([], [])
        (row,) = await world.audit("delete")
        assert row.side == side
        assert await world.issues() == []
        # It is known whose delete that was.
        if side == "hubspot":
            world.sally.undelete("Contact", there)
        else:
            world.hugo.restore("contacts", here)
        await world.settle()
        assert await codes(world) == (["restore_by_hand"] if side == "hubspot" else [])
        assert world.sally.ids("Contact") == [there]

    tell(story, settings=BOTH)


def test_a_record_that_a_person_takes_back_is_no_delete_to_carry_over(tell):
    """Our own delete of what we had made, of which the answer was lost."""

    async def story(world: World) -> None:
        since_us = world.clock_us()
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        world.transport = Kills(world.transport, "salesforce.local", lands=True)
        with pytest.raises(Killed):
            await undo(world, since_us, delete_records=1)
        assert world.sally.ids("Contact") == []
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        assert await world.audit("delete") == []
        assert await state_of(world, "contacts", here) is LinkState.SALESFORCE_DELETED
        world.sally.undelete("Contact", there)
        await world.settle()
        assert world.counterpart("contacts", here) == there

    tell(story, settings=BOTH)


# --- what a person sees ---------------------------------------------------------------------------------------------------------


async def previewed(world: World) -> dict:
    assert world.store is not None
    assert world.connection is not None
    planned = await preview.plan(world.store, world.connection, *world.clients(), world.clock_us)
    return preview.as_document(planned)


@pytest.mark.parametrize("least", [2, 100])
def test_a_preview_counts_what_would_be_deleted_and_says_that_a_brake_would_stop_it(tell, least):
    async def story(world: World) -> None:
        people = [world.person(f"p{number}@example.com") for number in range(5)]
        await world.settle()
        world.hugo.archive("contacts", people[0])
        for here in people[1:3]:
            world.sally.delete("Contact", world.counterpart("contacts", here))
        found = await previewed(world)
        counts = found["objects"]["contacts"]
        assert (counts["delete_in_hubspot"], counts["delete_in_salesforce"]) == (2, 1)
        assert {each["action"] for each in counts["examples"]} == {"delete_in_hubspot", "delete_in_salesforce"}
        assert (found["brake"] is not None) == (least == 2)
        # Nothing has gone.
        assert (len(world.hugo.ids("contacts")), len(world.sally.ids("Contact"))) == (4, 3)

    tell(story, settings=BOTH | {"mass_change_least": least})


def test_an_undo_lists_what_was_deleted_and_takes_nothing_of_it_back(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        since_us = world.clock_us()
        world.sally.delete("Contact", world.counterpart("contacts", here))
        await world.settle()
        done = await undo(world, since_us)
        assert (done.fields, done.records) == (0, 0)
        (left,) = done.left
        assert (left.why, left.side, left.hubspot) == ("delete", Side.HUBSPOT, f"hubspot:contacts:{here}")
        assert world.hugo.ids("contacts") == []

    tell(story, settings=BOTH)

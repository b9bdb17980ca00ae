"""Lifecycle stages that follow opportunities: once each, forward, and whatever goes wrong on the way."""

from __future__ import annotations

import pytest

from interlock.app.what_syncs import Choice, choose
from interlock.core.model import AuditKind, Side
from interlock.crm.transport import OutcomeUnknown, Request, Response, Transport
from tests.world import OURS, World

ADA = "ada@example.com"
ON = {"choices": {"lifecycle_transitions": {"contacts": "on"}}}
BIG = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-03-01"}


async def paired(world: World, **properties: str) -> tuple[str, str]:
    here = world.person(ADA, **properties)
    await world.settle()
    return here, world.counterpart("contacts", here)


def give_a_role(world: World, contact: str, **opportunity: str) -> str:
    made = world.sally.create("Opportunity", BIG | opportunity)
    world.sally.create("OpportunityContactRole", {"OpportunityId": made, "ContactId": contact})
    return made


def moves(world: World, here: str) -> list[str | None]:
    """The stages that we wrote."""
    return [
        entry.new
        for entry in world.hubspot.journal.entries(0)
        if entry.client == OURS and entry.id == here and entry.field == "lifecyclestage"
    ]


class Broken:
    """The first write of a stage: refused by the line, or carried out and not answered."""

    def __init__(self, inner: Transport, *, lands: bool, of: str = "/contacts/") -> None:
        self.inner, self.lands, self.met, self.of = inner, lands, 0, of

    async def send(self, request: Request, deadline_s: float) -> Response:
        meant = self.of in request.url and "/batch/update" in request.url
        if not self.met and meant and b"lifecyclestage" in (request.body or b""):
            self.met += 1
            if self.lands:
                await self.inner.send(request, deadline_s)
            raise OutcomeUnknown("lost on the way")
        return await self.inner.send(request, deadline_s)


def test_a_move_is_made_once_and_stands_in_the_history_of_the_pair(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        give_a_role(world, there)
        await world.settle()
        give_a_role(world, there, Name="Small")
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert moves(world, here) == ["opportunity"]
        (row,) = [row for row in await world.audit() if row.kind is AuditKind.STAGE]
        assert (row.hubspot_id, row.property, row.old, row.new) == (here, "lifecyclestage", "lead", "opportunity")

    tell(story, settings=ON)


def test_a_contact_made_for_somebody_with_a_won_opportunity_is_a_customer(tell):
    async def story(world: World) -> None:
        there = world.sally.create("Contact", {"LastName": "Person", "Email": ADA})
        give_a_role(world, there, StageName="Closed Won")
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        assert world.contact(here)["lifecyclestage"] == "customer"

    tell(story, settings=ON)


def test_a_role_in_an_opportunity_of_long_ago_moves_the_stage_although_deals_do_not_sync(tell):
    ids: dict[str, str] = {}

    def before(world: World) -> None:
        ids["won"] = world.sally.create("Opportunity", BIG | {"StageName": "Closed Won"})

    async def story(world: World) -> None:
        here, there = await paired(world)
        world.sally.create("OpportunityContactRole", {"OpportunityId": ids["won"], "ContactId": there})
        await world.settle()
        assert world.contact(here)["lifecyclestage"] == "customer"

    tell(story, before, later_s=86_400.0, settings=ON, objects=("contacts",))


def test_an_opportunity_of_somebodys_account_in_which_they_have_no_role_moves_nothing(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        account = world.sally.create("Account", {"Name": "Acme"})
        world.sally.update("Contact", there, {"AccountId": account})
        world.sally.create("Opportunity", BIG | {"AccountId": account, "StageName": "Closed Won"})
        await world.settle()
        assert world.contact(here)["associatedcompanyid"]
        assert moves(world, here) == []

    tell(story, settings=ON)


async def of_a_company(world: World, stage: str = "lead") -> tuple[str, str, str]:
    """A company in that stage, its contact, and that one's counterpart."""
    company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com", "lifecyclestage": stage})
    here = world.person(ADA)
    world.hugo.associate("contacts", here, "companies", company, primary=True)
    await world.settle()
    return company, here, world.counterpart("contacts", here)


def stage_of(world: World, company: str) -> str | None:
    return world.hugo.get("companies", company)["lifecyclestage"]


def test_the_company_of_a_contact_moves_along_and_never_back(tell):
    async def story(world: World) -> None:
        company, here, there = await of_a_company(world)
        opportunity = give_a_role(world, there)
        await world.settle()
        assert stage_of(world, company) == "opportunity"
        world.sally.update("Opportunity", opportunity, {"StageName": "Closed Won"})
        await world.settle()
        assert (stage_of(world, company), world.contact(here)["lifecyclestage"]) == ("customer", "customer")
        world.hugo.update("companies", company, {"lifecyclestage": ""})
        world.hugo.update("companies", company, {"lifecyclestage": "lead"})
        world.sally.update("Contact", there, {"Title": "CTO"})
        await world.settle()
        assert stage_of(world, company) == "lead"
        assert moves(world, company) == ["opportunity", "customer"]
        rows = [row for row in await world.audit() if row.kind is AuditKind.STAGE and row.object == "companies"]
        assert [(row.hubspot_id, row.old, row.new) for row in rows] == [
            (company, "lead", "opportunity"),
            (company, "opportunity", "customer"),
        ]

    tell(story, settings=ON)


def test_a_company_that_is_further_on_stays_and_one_whose_contact_is_moves_all_the_same(tell):
    async def story(world: World) -> None:
        company, here, there = await of_a_company(world, "evangelist")
        give_a_role(world, there)
        await world.settle()
        assert (stage_of(world, company), world.contact(here)["lifecyclestage"]) == ("evangelist", "opportunity")
        other = world.hugo.create("companies", {"name": "Globex", "domain": "globex.com", "lifecyclestage": "lead"})
        bob = world.person("bob@globex.com", lifecyclestage="evangelist")
        world.hugo.associate("contacts", bob, "companies", other, primary=True)
        await world.settle()
        give_a_role(world, world.counterpart("contacts", bob))
        await world.settle()
        assert (stage_of(world, other), world.contact(bob)["lifecyclestage"]) == ("opportunity", "evangelist")

    tell(story, settings=ON)


def test_a_contact_made_for_somebody_with_a_won_opportunity_moves_its_company_too(tell):
    async def story(world: World) -> None:
        account = world.sally.create("Account", {"Name": "Acme", "Website": "acme.com"})
        await world.settle()
        there = world.sally.create("Contact", {"LastName": "Person", "Email": ADA, "AccountId": account})
        give_a_role(world, there, StageName="Closed Won")
        await world.settle()
        (company,) = world.hugo.ids("companies")
        assert stage_of(world, company) == "customer"

    tell(story, settings=ON)


@pytest.mark.parametrize("lands", [True, False])
def test_a_company_whose_move_was_not_answered_is_moved_all_the_same_and_once(tell, lands):
    async def story(world: World) -> None:
        company, here, there = await of_a_company(world)
        world.transport = broken = Broken(world.transport, lands=lands, of="/companies/")
        give_a_role(world, there)
        await world.settle()
        assert broken.met == 1
        assert (moves(world, company), moves(world, here)) == (["opportunity"], ["opportunity"])
        rows = [row for row in await world.audit() if row.kind is AuditKind.STAGE and row.object == "contacts"]
        assert len(rows) == 1

    tell(story, settings=ON)


@pytest.mark.parametrize("lands", [True, False])
def test_an_answer_that_never_came_moves_the_stage_all_the_same_and_once(tell, lands):
    async def story(world: World) -> None:
        here, there = await paired(world)
        world.transport = broken = Broken(world.transport, lands=lands)
        give_a_role(world, there)
        await world.settle()
        assert broken.met == 1
        assert world.contact(here)["lifecyclestage"] == "opportunity"
        assert len(moves(world, here)) == 1

    tell(story, settings=ON)


def test_what_a_person_sets_between_our_read_and_our_write_is_not_taken_back(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        give_a_role(world, there)
        world.between_read_and_write(
            Side.HUBSPOT, lambda: world.hugo.update("contacts", here, {"lifecyclestage": "evangelist"})
        )
        await world.settle()
        assert world.contact(here)["lifecyclestage"] == "evangelist"

    tell(story, settings=ON)


def test_a_stage_that_the_account_does_not_have_is_an_issue_and_asked_for_once(tell):
    def before(world: World) -> None:
        world.hubspot.settings().remove_option("contacts", "lifecyclestage", "opportunity")

    async def story(world: World) -> None:
        here, there = await paired(world)
        give_a_role(world, there)
        await world.sync()
        # Nor has the account's pipeline a stage for the opportunity, which is another issue.
        (issue,) = [each for each in await world.issues() if each.object == "contacts"]
        assert (issue.hubspot_id, issue.property, issue.code) == (here, "lifecyclestage", "INVALID_OPTION")
        assert "lifecycle stage opportunity" in issue.cause
        sent = world.calls_in_all
        await world.sync_later()
        assert world.calls_in_all - sent < 15

    tell(story, before, settings=ON)


def test_a_sync_user_who_may_not_read_roles_syncs_the_rest_and_somebody_is_told(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        give_a_role(world, there)
        world.transport = hidden = Hidden(world.transport)
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.sync_later()
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        (issue,) = await world.issues()
        assert issue.code == "roles_not_readable"
        hidden.on = False
        await world.sync_later()
        assert await world.issues() == []
        assert world.contact(here)["lifecyclestage"] == "opportunity"

    tell(story, settings=ON, objects=("contacts",))


class Hidden:
    """Salesforce as it answers a user who may not read an object."""

    def __init__(self, inner: Transport) -> None:
        self.inner, self.on = inner, True

    async def send(self, request: Request, deadline_s: float) -> Response:
        if self.on and request.body is not None and b"OpportunityContactRole" in request.body:
            body = request.body.replace(b"OpportunityContactRole", b"NoSuchObject")
            request = Request(request.method, request.url, request.headers, body)
        elif self.on and "OpportunityContactRole" in request.url:
            url = request.url.replace("OpportunityContactRole", "NoSuchObject")
            request = Request(request.method, url, request.headers, request.body)
        return await self.inner.send(request, deadline_s)


def test_turned_on_later_it_takes_up_what_came_since_the_connection_was_made(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        give_a_role(world, there)
        await world.settle()
        assert world.contact(here)["lifecyclestage"] == "lead"
        assert world.store is not None
        assert world.connection is not None
        await choose(world.store, world.connection, "contacts", Choice(choices={"lifecycle_transitions": "on"}), None)
        await world.settle()
        assert world.contact(here)["lifecyclestage"] == "opportunity"

    tell(story)


@pytest.mark.parametrize("between", ["Closed Lost", "Prospecting"])
def test_an_opportunity_that_is_won_for_the_second_time_makes_whom_a_person_moved_back_a_customer(tell, between):
    async def story(world: World) -> None:
        here, there = await paired(world)
        opportunity = give_a_role(world, there, StageName="Closed Won")
        await world.settle()
        world.sally.update("Opportunity", opportunity, {"StageName": between})
        await world.settle()
        assert world.contact(here)["lifecyclestage"] == "customer"
        world.hugo.update("contacts", here, {"lifecyclestage": ""})
        world.hugo.update("contacts", here, {"lifecyclestage": "lead"})
        await world.settle()
        assert world.contact(here)["lifecyclestage"] == "lead"
        world.sally.update("Opportunity", opportunity, {"StageName": "Closed Won"})
        await world.settle()
        assert world.contact(here)["lifecyclestage"] == "customer"
        # And once for each of the two.
        world.hugo.update("contacts", here, {"lifecyclestage": ""})
        world.hugo.update("contacts", here, {"lifecyclestage": "lead", "jobtitle": "CTO"})
        await world.settle()
        assert world.contact(here)["lifecyclestage"] == "lead"

    tell(story, settings=ON, objects=("contacts",))


def test_a_refused_stage_is_asked_for_once_also_beside_an_opportunity_that_is_won_no_more(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        won = give_a_role(world, there, StageName="Closed Won")
        await world.settle()
        world.hugo.update("contacts", here, {"lifecyclestage": ""})
        world.hugo.update("contacts", here, {"lifecyclestage": "lead"})
        await world.settle()
        world.hubspot.settings().remove_option("contacts", "lifecyclestage", "opportunity")
        world.sally.update("Opportunity", won, {"StageName": "Closed Lost"})
        give_a_role(world, there, Name="Small")
        await world.sync()
        (issue,) = await world.issues()
        assert issue.code == "INVALID_OPTION"
        sent = world.sent(Side.HUBSPOT)
        for _ in range(3):
            await world.poll()
        assert world.sent(Side.HUBSPOT) == sent

    tell(story, settings=ON, objects=("contacts",))


def test_an_opportunity_whose_edit_says_nothing_new_costs_no_look_at_its_contacts(tell):
    async def story(world: World) -> None:
        _, there = await paired(world)
        opportunity = give_a_role(world, there)
        await world.settle()
        await world.sync_later()
        idle = world.calls_in_all
        await world.sync_later()
        idle = world.calls_in_all - idle
        world.sally.update("Opportunity", opportunity, {"Description": "Nothing of it is about its contacts"})
        edited = world.calls_in_all
        await world.sync_later()
        assert world.calls_in_all - edited == idle

    tell(story, settings=ON, objects=("contacts",))

"""People who are leads in Salesforce: made, matched, converted, and never doubled on the way."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote_plus

import pytest

from crm_emulator.salesforce.leads import Conversion
from interlock.core.model import LinkState, RecordKey, Side
from interlock.crm.transport import Request, Response, Transport
from interlock.store import issues
from tests.world import World

AS_LEAD = {"create_person_as": "Lead"}


async def made_as_lead(world: World, **properties: str) -> tuple[str, str]:
    here = world.person("ada@example.com", firstname="Ada", company="Acme Works", jobtitle="CTO", **properties)
    await world.settle()
    return here, world.counterpart("contacts", here)


def test_a_new_person_of_hubspot_becomes_a_lead_where_that_is_chosen(tell):
    async def story(world: World) -> None:
        _, there = await made_as_lead(world)
        assert world.sally.ids("Contact") == []
        lead = world.sally.get("Lead", there)
        assert (lead["FirstName"], lead["Email"], lead["Company"]) == ("Ada", "ada@example.com", "Acme Works")

    tell(story, **AS_LEAD)


def test_one_contact_and_any_leads_of_an_address_the_contact_is_the_person(tell):
    async def story(world: World) -> None:
        contact = world.sally.create("Contact", {"LastName": "Person", "Email": "Ada@Example.com"})
        for number in range(3):
            world.sally.create("Lead", {"LastName": f"L{number}", "Company": "Acme", "Email": "ada@example.com"})
        here = world.person("ada@example.com")
        await world.settle()
        assert world.counterpart("contacts", here) == contact
        assert len(world.sally.ids("Lead")) == 3
        assert len(world.hugo.ids("contacts")) == 1
        assert await world.issues() == []

    tell(story)


@pytest.mark.parametrize("type_", ["Contact", "Lead"])
def test_two_of_one_kind_with_an_address_are_a_question_and_never_a_guess(tell, type_):
    async def story(world: World) -> None:
        company = {"Company": "Acme"} if type_ == "Lead" else {}
        for number in range(2):
            world.sally.create(type_, {"LastName": f"L{number}", "Email": "ada@example.com"} | company)
        here = world.person("ada@example.com")
        await world.settle()
        assert world.contact(here).get("interlock_salesforce_id") is None
        assert len(world.sally.ids(type_)) == 2
        assert len(world.hugo.ids("contacts")) == 1
        assert {issue.code for issue in await world.issues()} == {"several_candidates"}

    tell(story)


def test_the_question_answers_itself_when_one_of_the_two_goes(tell):
    async def story(world: World) -> None:
        keeps, goes = (world.sally.create("Contact", {"LastName": n, "Email": "ada@example.com"}) for n in "AB")
        here = world.person("ada@example.com", lastname="A")
        await world.settle()
        assert await world.issues()
        world.sally.delete("Contact", goes)
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here) == keeps
        assert await world.issues() == []

    tell(story)


def test_the_question_answers_itself_when_the_duplicate_alone_changes(tell):
    """Nobody touches the HubSpot side: what was ambiguous is looked at again when the ambiguity ends."""

    async def story(world: World) -> None:
        keeps, goes = (world.sally.create("Contact", {"LastName": n, "Email": "ada@example.com"}) for n in "AB")
        here = world.person("ada@example.com", lastname="A")
        await world.settle()
        world.sally.update("Contact", goes, {"Email": "somebody.else@example.com"})
        await world.settle()
        assert world.counterpart("contacts", here) == keeps
        assert await world.issues() == []

    tell(story)


def test_a_lead_that_is_converted_carries_its_link_to_the_contact(tell):
    async def story(world: World) -> None:
        here, lead = await made_as_lead(world, phone="+1 555 0100")
        done = world.sally.convert_lead(lead)
        await world.settle()
        assert world.counterpart("contacts", here) == done.contact_id
        assert len(world.sally.ids("Contact")) == 1
        assert len(world.hugo.ids("contacts")) == 1
        link = await world.link("contacts", here)
        assert link is not None
        assert (link.salesforce_id, link.state) == (done.contact_id, LinkState.LINKED)
        assert await world.audit("conflict") == []
        # The account that the conversion made is a company, and the person works there.
        (company,) = world.hugo.ids("companies")
        assert world.hugo.get("companies", company)["name"] == "Acme Works"
        assert world.contact(here)["associatedcompanyid"] == company

    tell(story, **AS_LEAD)


def in_a_stage_of_both(world: World, done: Conversion) -> None:
    """The stage that a conversion gives an opportunity is none of HubSpot's first pipeline."""
    world.sally.update("Opportunity", done.opportunity_id, {"StageName": "Closed Won"})


@pytest.mark.parametrize("into", ["the account of its company", "a new account of the same name"])
def test_a_conversion_with_an_opportunity_brings_one_deal_of_the_person_and_no_second_company(tell, into):
    async def story(world: World) -> None:
        company = None
        if into == "the account of its company":
            company = world.hugo.create("companies", {"name": "Acme, Incorporated in Delaware", "domain": "acme.com"})
        here, lead = await made_as_lead(world)
        if company is not None:
            world.hugo.associate("contacts", here, "companies", company, primary=True)
            await world.settle()
        account = world.counterpart("companies", company) if company is not None else None
        done = world.sally.convert_lead(lead, account=account, opportunity="Big")
        in_a_stage_of_both(world, done)
        await world.settle()
        assert world.sally.ids("Account") == [done.account_id]
        (the_company,) = world.hugo.ids("companies")
        assert company in (None, the_company)
        assert world.counterpart("companies", the_company) == done.account_id
        (deal,) = world.hugo.ids("deals")
        assert world.counterpart("deals", deal) == done.opportunity_id
        assert world.sally.ids("Opportunity") == [done.opportunity_id]
        assert set(world.hugo.associated("deals", deal, "companies")) == {the_company}
        assert set(world.hugo.associated("deals", deal, "contacts")) == {here}
        assert world.contact(here)["associatedcompanyid"] == the_company
        assert await world.issues() == []

    def before(world: World) -> None:
        # The stage that a conversion gives to its opportunity: no deal is made without one.
        world.hubspot.settings().add_stage("deals", "default", "Prospecting", probability="0.1")

    tell(story, before, **AS_LEAD)


async def converted_beside_its_company(world: World) -> tuple[str, str, str, Conversion]:
    """Its contact, its company and that one's account, and the conversion into an account that is called otherwise."""
    company = world.hugo.create("companies", {"name": "Acme, Incorporated in Delaware", "domain": "acme.com"})
    here, lead = await made_as_lead(world)
    world.hugo.associate("contacts", here, "companies", company, primary=True)
    await world.settle()
    account = world.counterpart("companies", company)
    done = world.sally.convert_lead(lead)
    await world.settle()
    return here, company, account, done


@pytest.mark.parametrize("left", ["the account from before", "the account of the conversion"])
def test_a_conversion_that_brings_a_second_company_is_said_until_the_two_accounts_are_one(tell, left):
    async def story(world: World) -> None:
        here, company, account, done = await converted_beside_its_company(world)
        (second,) = [each for each in world.hugo.ids("companies") if each != company]
        (issue,) = await world.issues()
        assert (issue.code, issue.hubspot_id, issue.severity) == ("possible_second_company", here, "warning")
        assert all(id_ in issue.cause for id_ in (company, account, second, str(done.account_id)))
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert [each.id for each in await world.issues()] == [issue.id]
        winner, loser = (account, done.account_id) if left.endswith("before") else (done.account_id, account)
        world.sally.merge("Account", winner, str(loser))
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert [each.code for each in await world.issues()] == ["counterpart_merged"]

    tell(story, **AS_LEAD)


def test_a_second_company_that_a_person_ignores_is_said_no_more(tell):
    async def story(world: World) -> None:
        here, *_ = await converted_beside_its_company(world)
        (issue,) = await world.issues()
        async with world.write() as tx:
            await issues.ignore(tx, [issue.id])
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert await world.issues() == []

    tell(story, **AS_LEAD)


def test_a_conversion_into_an_account_of_another_company_that_was_there_is_nobodys_mistake(tell):
    async def story(world: World) -> None:
        other = world.sally.create("Account", {"Name": "Globex", "Website": "globex.com"})
        await world.settle()
        await asyncio.sleep(7_200)
        company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        here, lead = await made_as_lead(world)
        world.hugo.associate("contacts", here, "companies", company, primary=True)
        await world.settle()
        world.sally.convert_lead(lead, account=other)
        await world.settle()
        assert len(world.hugo.ids("companies")) == 2
        assert await world.issues() == []

    tell(story, **AS_LEAD)


def test_what_agreed_on_a_lead_still_agrees_on_its_contact(tell):
    """A field cleared on the contact right after the conversion was just cleared: it does not come back."""

    async def story(world: World) -> None:
        here, lead = await made_as_lead(world)
        done = world.sally.convert_lead(lead)
        world.sally.update("Contact", done.contact_id, {"Title": None})
        await world.settle()
        assert world.sally.get("Contact", done.contact_id)["Title"] is None
        assert world.contact(here).get("jobtitle") is None

    tell(story, **AS_LEAD)


def test_a_hubspot_edit_that_meets_a_conversion_arrives_at_the_contact(tell):
    async def story(world: World) -> None:
        here, lead = await made_as_lead(world)
        await world.rule("contacts", "jobtitle", "two_way")
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        done = world.sally.convert_lead(lead)
        await world.settle()
        assert world.sally.get("Contact", done.contact_id)["Title"] == "CEO"

    tell(story, **AS_LEAD)


def test_a_lead_converted_between_our_read_and_our_write_is_written_as_its_contact(tell):
    async def story(world: World) -> None:
        here, lead = await made_as_lead(world)
        await world.rule("contacts", "jobtitle", "two_way")
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        world.between_read_and_write(Side.SALESFORCE, lambda: world.sally.convert_lead(lead))
        await world.settle()
        (contact,) = world.sally.ids("Contact")
        assert world.sally.get("Contact", contact)["Title"] == "CEO"
        assert world.counterpart("contacts", here) == contact
        assert await world.issues() == []

    tell(story, **AS_LEAD)


def test_a_lead_converted_into_a_contact_without_counterpart_gives_it_its_own(tell):
    async def story(world: World) -> None:
        here, lead = await made_as_lead(world)
        account = world.sally.create("Account", {"Name": "Acme"})
        # No address: it could not be matched.
        contact = world.sally.create("Contact", {"LastName": "Lovelace", "AccountId": account})
        await world.settle()
        alone = [id_ for id_ in world.hugo.ids("contacts") if id_ != here]
        for id_ in alone:
            world.hugo.archive("contacts", id_)
        await world.settle()
        world.sally.convert_lead(lead, contact=contact)
        await world.settle()
        if not alone:
            assert world.counterpart("contacts", here) == contact
        assert len(world.sally.ids("Contact")) == 1

    tell(story, **AS_LEAD)


def test_a_lead_converted_into_a_contact_of_another_pair_ends_its_own_pair(tell):
    """The contact keeps the counterpart it had; the lead's former counterpart stands alone and is not made anew."""

    async def story(world: World) -> None:
        here, lead = await made_as_lead(world)
        account = world.sally.create("Account", {"Name": "Acme Works"})
        contact = world.sally.create(
            "Contact", {"LastName": "Lovelace", "Email": "countess@example.com", "AccountId": account}
        )
        await world.settle()
        (other,) = [id_ for id_ in world.hugo.ids("contacts") if id_ != here]
        assert world.counterpart("contacts", other) == contact
        world.sally.convert_lead(lead, contact=contact)
        await world.settle()
        assert world.counterpart("contacts", other) == contact
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert len(world.sally.ids("Contact")) == 1
        assert len(world.hugo.ids("contacts")) == 2
        # A person sees that two HubSpot contacts stand for one in Salesforce.
        assert "counterpart_merged" in {issue.code for issue in await world.issues()}

    tell(story, **AS_LEAD)


def test_a_lead_without_owner_is_given_one_by_the_orgs_assignment_rules(tell):
    async def story(world: World) -> None:
        queue_owner = world.salesforce.user("Queue Keeper").id
        world.salesforce.add_assignment_rule("Lead", "Queue Keeper")
        here, lead = await made_as_lead(world)
        assert world.sally.get("Lead", lead)["OwnerId"] == queue_owner
        # An update does not ask the rules again.
        world.sally.update("Lead", lead, {"OwnerId": world.sally.id})
        world.hugo.update("contacts", here, {"mobilephone": "+1 555 0101"})
        await world.settle()
        assert world.sally.get("Lead", lead)["OwnerId"] == world.sally.id

    tell(story, **AS_LEAD)


def test_a_deleted_lead_is_not_made_again(tell):
    async def story(world: World) -> None:
        here, lead = await made_as_lead(world)
        world.sally.delete("Lead", lead)
        await world.settle()
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert world.sally.ids("Lead") == world.sally.ids("Contact") == []
        world.sally.undelete("Lead", lead)
        await world.settle()
        link = await world.link("contacts", here)
        assert link is not None
        assert link.state is LinkState.LINKED

    tell(story, **AS_LEAD)


def test_a_resync_of_a_converted_lead_by_its_old_id_finds_the_contact(tell):
    async def story(world: World) -> None:
        here, lead = await made_as_lead(world)
        done = world.sally.convert_lead(lead)
        await world.settle()
        await world.sync(RecordKey(Side.SALESFORCE, "Lead", lead))
        await world.settle()
        assert world.counterpart("contacts", here) == done.contact_id
        assert len(world.hugo.ids("contacts")) == 1

    tell(story, **AS_LEAD)


@pytest.mark.parametrize("changed", list(Side))
def test_a_lead_that_gave_way_is_made_once_its_contact_has_another_address(tell, changed):
    async def story(world: World) -> None:
        await world.rule("contacts", "email", "two_way")
        contact = world.sally.create("Contact", {"LastName": "Person", "Email": "ada@example.com"})
        lead = world.sally.create("Lead", {"LastName": "Lead", "Company": "Acme", "Email": "ada@example.com"})
        here = world.person("ada@example.com")
        await world.settle()
        assert world.counterpart("contacts", here) == contact
        if changed is Side.HUBSPOT:
            world.hugo.update("contacts", here, {"email": "ada.home@example.com"})
        else:
            world.sally.update("Contact", contact, {"Email": "ada.home@example.com"})
        await world.settle()
        (made,) = [id_ for id_ in world.hugo.ids("contacts") if id_ != here]
        assert world.contact(made)["email"] == "ada@example.com"
        assert world.contact(made)["interlock_salesforce_id"] == lead
        assert world.counterpart("contacts", here) == contact
        assert await world.issues() == []

    tell(story)


def test_a_lead_of_an_install_that_only_links_is_not_made_for_another_address_of_its_contact(tell):
    def before(world: World) -> None:
        contact = {"LastName": "Person", "Email": "ada@example.com"}
        world.sally.create("Contact", contact)
        world.sally.create("Lead", contact | {"Company": "Acme"})
        world.person("ada@example.com")

    async def story(world: World) -> None:
        await world.rule("contacts", "email", "two_way")
        (here,) = world.hugo.ids("contacts")
        await world.settle()
        assert world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"email": "ada.home@example.com"})
        await world.settle()
        assert world.hugo.ids("contacts") == [here]

    tell(story, before, existing="link")


class Asked:
    """A line that keeps what Salesforce is asked."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.texts: list[str] = []

    async def send(self, request: Request, deadline_s: float) -> Response:
        self.texts.append(unquote_plus(request.url + (request.body or b"").decode()))
        return await self.inner.send(request, deadline_s)


@pytest.mark.parametrize("gave_way", [True, False])
def test_whose_address_has_gone_is_asked_only_where_somebody_gave_way(tell, gave_way):
    async def story(world: World) -> None:
        await world.rule("contacts", "email", "two_way")
        here = world.person("ada@example.com")
        await world.settle()
        if gave_way:
            world.sally.create("Lead", {"LastName": "Lead", "Company": "Acme", "Email": "ada@example.com"})
            await world.settle()
        world.transport = asked = Asked(world.transport)
        world.hugo.update("contacts", here, {"email": "ada.home@example.com"})
        await world.sync()
        assert any("FROM Lead WHERE Email IN ('ada@example.com')" in text for text in asked.texts) == gave_way

    tell(story)

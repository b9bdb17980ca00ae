"""Where Interlock is otherwise than HubSpot's integration by choice.

Each docstring has two paragraphs, which docs/parity.md shows: what the native integration does, and what Interlock does
instead and why.
"""

from __future__ import annotations

import asyncio

from interlock.app.what_syncs import Choice, choose
from interlock.store import mappings
from tests.parity.test_companies_and_deals import STAGE
from tests.parity.test_fields import MINUTE_S, pair, titles
from tests.parity.test_running import ended
from tests.world import World

ADA = "ada@example.com"


def test_otherwise_two_contacts_of_one_address_are_a_question(tell):
    """Of several Salesforce records with an address it takes the first that it is given.

    Two contacts, or two leads, with one address are an issue for a person, and neither is linked: which of them is meant
    cannot be known, and a wrong link overwrites a stranger's data.
    """

    async def story(world: World) -> None:
        for name in ("Old", "New"):
            world.sally.create("Contact", {"LastName": name, "Email": ADA})
        here = world.person(ADA)
        await world.settle()
        assert await world.link("contacts", here) is None
        assert {issue.code for issue in await world.issues()} == {"several_candidates"}

    tell(story)


def test_otherwise_a_link_does_not_hop_to_a_duplicate_that_was_edited_later(tell):
    """The record with that address that was edited last in Salesforce is the one that syncs: the link hops between
    duplicates, and each hop overwrites the HubSpot contact.

    A pair stays a pair. The duplicate is an issue for a person, since only a merge can say what should be left of the
    two.
    """

    async def story(world: World) -> None:
        here = world.person(ADA, jobtitle="CTO")
        await world.settle()
        there = world.counterpart("contacts", here)
        twin = world.sally.create("Contact", {"LastName": "Twin", "Email": ADA, "Title": "Intern"})
        await world.settle()
        world.sally.update("Contact", twin, {"Title": "Trainee"})
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert world.contact(here)["jobtitle"] == "CTO"
        assert [issue.salesforce_id for issue in await world.issues()] == [twin]

    tell(story)


def test_otherwise_a_contact_syncs_rather_than_a_lead_that_was_edited_later(tell):
    """A lead that is edited after the contact with the same address is the one that syncs from then on.

    Also where the one edited last syncs, leads are compared with leads and contacts with contacts, and a contact comes before a
    lead: it has the account and the opportunities, and a lead that stayed behind has had its day.
    """

    async def story(world: World) -> None:
        there = world.sally.create("Contact", {"LastName": "Contact", "Email": ADA})
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        lead = world.sally.create("Lead", {"LastName": "Lead", "Company": "Acme", "Email": ADA})
        await asyncio.sleep(600)
        world.sally.update("Lead", lead, {"Title": "CTO"})
        await world.settle()
        assert (world.counterpart("contacts", here), world.contact(here)["lastname"]) == (there, "Contact")

    tell(story, settings={"choices": {"duplicates": {"contacts": "latest_modified"}}})


def test_otherwise_a_delete_in_salesforce_deletes_nothing_in_hubspot(tell):
    """A deal is deleted with its opportunity, always; a contact with its lead or contact, where that is chosen.

    Unless somebody chooses that, the pair rests, and goes on when the record is restored. A delete that is carried over cannot
    be taken back with what hung on the record in HubSpot, its e-mails and its place in lists and workflows.
    """

    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **STAGE})
        here = world.person(ADA)
        await world.settle()
        theirs = [("Opportunity", world.counterpart("deals", deal)), ("Contact", world.counterpart("contacts", here))]
        for type_, id_ in theirs:
            world.sally.delete(type_, id_)
        await world.settle()
        assert (world.hugo.ids("deals"), world.hugo.ids("contacts")) == ([deal], [here])
        for type_, id_ in theirs:
            world.sally.undelete(type_, id_)
        world.sally.update("Contact", theirs[1][1], {"Title": "CTO"})
        await world.settle()
        assert world.contact(here)["jobtitle"] == "CTO"

    tell(story)


def test_otherwise_companies_and_deals_too_say_that_their_salesforce_record_was_deleted(tell):
    """A contact that stays when its lead or contact is deleted has *Salesforce Deleted* ticked; a company has no such property,
    and a deal is deleted with its opportunity.

    *Salesforce Deleted* is ticked on contacts, companies and deals that stay, and taken back when the record is restored: a deal
    without its opportunity still counts in every report, so people must be able to filter by it.
    """

    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **STAGE})
        company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        here = world.person(ADA)
        await world.settle()
        pairs = [("deals", "Opportunity", deal), ("companies", "Account", company), ("contacts", "Contact", here)]
        for slug, type_, id_ in pairs:
            world.sally.delete(type_, world.counterpart(slug, id_))
        await world.settle()
        assert {world.hugo.get(slug, id_)["salesforcedeleted"] for slug, _, id_ in pairs} == {"true"}
        for slug, type_, id_ in pairs:
            world.sally.undelete(type_, world.counterpart(slug, id_))
        await world.settle()
        assert {world.hugo.get(slug, id_)["salesforcedeleted"] for slug, _, id_ in pairs} == {"false"}

    tell(story)


def test_otherwise_a_contact_shows_its_newest_opportunity_only_where_somebody_chose_that(tell):
    """Four properties of a contact hold what the most recently created opportunity says in which it has a role, of which one is
    known by name, *Opportunity Stage*.

    The same, in that one and in *Opportunity Name*, *Amount* and *Close Date*, where somebody chose it: it makes properties and
    reads roles, which who looks at deals instead has no use for.
    """

    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        big = world.sally.create("Opportunity", {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-03-01"})
        world.sally.create("OpportunityContactRole", {"OpportunityId": big, "ContactId": there})
        await world.settle()
        assert "salesforceopportunitystage" not in world.contact(here)
        assert world.store is not None
        assert world.connection is not None
        chosen = Choice(choices={"newest_opportunity": "on"})
        await choose(world.store, world.connection, "contacts", chosen, world.clients()[0])
        await world.settle()
        shown = {name: world.contact(here)[f"salesforceopportunity{name}"] for name in ("name", "stage", "closedate")}
        assert shown == {"name": "Big", "stage": "Prospecting", "closedate": "2026-03-01"}

    tell(story)


def test_otherwise_no_time_of_the_last_sync_is_written_into_a_record(tell):
    """Each sync of a record writes its time into *Last Salesforce Sync Time*; `imported_from_salesforce` is there and hardly ever
    filled.

    Neither is written, and what it left there stays. A time would be a write for each record that nothing else is written to,
    and move the stamp of the last change that people's lists and reports go by; written only along with other writes it
    would say too little. *Interlock link* leads to the page with every write and its time.
    """

    def before(world: World) -> None:
        world.property("contacts", "salesforcelastsynctime", "datetime", "date")
        world.property("contacts", "imported_from_salesforce", "string", "text")

    async def story(world: World) -> None:
        left = "2026-01-02T03:04:05Z"
        here = world.person(ADA, salesforcelastsynctime=left)
        await world.settle()
        world.sally.update("Contact", world.counterpart("contacts", here), {"Title": "CTO"})
        await world.settle()
        contact = world.contact(here)
        assert contact["jobtitle"] == "CTO"
        assert contact["salesforcelastsynctime"].startswith("2026-01-02T03:04:05")
        assert not contact.get("imported_from_salesforce")

    tell(story, before)


def test_otherwise_a_merge_in_salesforce_is_no_delete(tell):
    """A merge deletes the losing record, and where deletes are carried over, with it the HubSpot contact that is linked
    to the loser.

    The link of the loser is followed to the record that is left, and no HubSpot contact goes: a merge says that two
    records are one person, not that the person is gone.
    """

    async def story(world: World) -> None:
        ada, twin = world.person(ADA), world.person("countess@example.com")
        await world.settle()
        kept, lost = (world.counterpart("contacts", each) for each in (ada, twin))
        world.sally.merge("Contact", kept, lost)
        await world.settle()
        assert sorted(world.hugo.ids("contacts")) == sorted([ada, twin])
        assert world.counterpart("contacts", ada) == kept
        assert "counterpart_merged" in {issue.code for issue in await world.issues()}

    tell(story)


def test_otherwise_a_value_that_is_refused_holds_back_itself_and_not_its_record(tell):
    """One value that Salesforce refuses stops the whole record, and later edits of it too.

    What is refused is held back by itself, with an issue that names the field; everything else of the record is written,
    since a title that is too long is no reason to withhold a new phone number.
    """

    async def story(world: World) -> None:
        here = world.person(ADA, jobtitle="x" * 200, phone="+48 22 111 22 33")
        await world.settle()
        row = world.sally.get("Contact", world.counterpart("contacts", here))
        assert (row["Title"], row["Phone"]) == (None, "+48 22 111 22 33")
        assert [(issue.code, issue.field) for issue in await world.issues()] == [("STRING_TOO_LONG", "Title")]

    tell(story)


def test_otherwise_a_company_is_found_by_its_domain_and_its_name(tell):
    """A company and an account are found to be the same by the contacts that they share, and by nothing else; the account
    of a company without such contacts becomes a second company.

    They are matched by web domain and then by name, because companies that are there twice are what users of the native
    integration complain about most.
    """

    async def story(world: World) -> None:
        acme = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        globex = world.hugo.create("companies", {"name": "Globex Inc."})
        row = {"Name": "ACME Holding", "Website": "https://www.acme.com/de"}
        accounts = [world.sally.create("Account", each) for each in (row, {"Name": "Globex Incorporated"})]
        await world.settle()
        assert [world.counterpart("companies", each) for each in (acme, globex)] == accounts
        assert (world.counts()["companies"], world.counts()["Account"]) == (2, 2)

    tell(story)


def test_otherwise_an_edit_that_its_rule_takes_back_is_taken_back_at_once_and_kept_in_the_log(tell):
    """An edit in HubSpot of a field in which Salesforce says stays where it is until Salesforce has a reason to sync, and
    is then gone.

    It is replaced at the next poll and kept in the conflict log: the sooner somebody sees that an edit did not count, the
    easier it is to make it where it does.
    """

    async def story(world: World) -> None:
        here, there = await pair(world, "prefer_salesforce", jobtitle="CTO")
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert titles(world, here, there) == ("CTO", "CTO")
        assert [row.old for row in await world.audit("conflict")] == ["CEO"]

    tell(story)


def test_otherwise_of_two_edits_the_one_that_loses_is_kept_in_the_log(tell):
    """Of two edits of a two-way field the earlier one is overwritten.

    It is in the conflict log with its value, where a person can still choose it: the clock says which edit is later, not
    which is right.
    """

    async def story(world: World) -> None:
        here, there = await pair(world, "two_way", jobtitle="CTO")
        world.hugo.update("contacts", here, {"jobtitle": "earlier"})
        await asyncio.sleep(MINUTE_S)
        world.sally.update("Contact", there, {"Title": "later"})
        await world.settle()
        assert [(row.old, row.new) for row in await world.audit("conflict")] == [("earlier", "later")]

    tell(story)


def test_otherwise_an_edit_of_another_field_does_not_make_a_stale_value_newer(tell):
    """Salesforce has one time of change for a whole record: an edit of any field there makes all of its values look newer
    than an edit in HubSpot.

    Each field is compared with what both sides last agreed on. Salesforce's title was not edited, so HubSpot's edit of it
    is the only one and goes over, whatever else was edited later.
    """

    async def story(world: World) -> None:
        here, there = await pair(world, "two_way", jobtitle="CTO")
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await asyncio.sleep(MINUTE_S)
        world.sally.update("Contact", there, {"Phone": "+48 22 111 22 33"})
        await world.settle()
        assert titles(world, here, there) == ("CEO", "CEO")
        assert world.contact(here)["phone"] == "+48 22 111 22 33"

    tell(story)


def test_otherwise_a_static_list_limits_as_well_as_an_active_one(tell):
    """Only an active list can limit what syncs.

    A static one can as well, because a dozen chosen people are how a careful first sync begins."""

    def before(world: World) -> None:
        world.hugo.create_list("contacts", "Chosen")

    async def story(world: World) -> None:
        chosen, _ = world.person(ADA), world.person("bob@example.com")
        world.hugo.change_list("1", add=[chosen])
        await world.settle()
        assert world.sally.ids("Contact") == [world.counterpart("contacts", chosen)]

    tell(story, before, settings={"inclusion": {"contacts": "1"}})


def test_otherwise_turning_companies_on_later_takes_no_account_from_an_opportunity(tell):
    """Where companies are turned on after deals, it removes the account from opportunities that synced before.

    A reference that was never synced is not one that was cleared: the account stays, and the company comes to the deal as soon as
    it is in HubSpot, though nobody edits either of the two.
    """

    async def story(world: World) -> None:
        account = world.sally.create("Account", {"Name": "Acme"})
        row = {"Name": "Big", "StageName": "Closed Won", "CloseDate": "2026-03-01", "AccountId": account}
        opportunity = world.sally.create("Opportunity", row)
        await world.settle()
        (deal,) = world.hugo.ids("deals")
        assert world.hugo.ids("companies") == []
        world.connect_options.update(objects=("companies", "contacts", "deals"), existing="all")
        await world.connect()
        await world.settle()
        assert world.sally.get("Opportunity", opportunity)["AccountId"] == account
        (company,) = world.hugo.ids("companies")
        assert set(world.hugo.associated("deals", deal, "companies")) == {company}

    tell(story, objects=("contacts", "deals"))


def test_otherwise_mappings_outlive_disconnecting(tell, tmp_path):
    """To disconnect removes every setting and every mapping, which then have to be made anew.

    They are written to a file and kept: whoever joins the same two again goes on with the rules that were there, since
    years of decisions are in them.
    """

    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "always_hubspot")
        await world.settle()
        done = await ended(world, tmp_path)
        written = (tmp_path / done.files.mappings).read_text(encoding="utf-8")
        assert "always_hubspot" in written
        await world.connect()
        async with world.read() as tx:
            rules = {row.rule for row in await mappings.field_mappings(tx) if row.property == "jobtitle"}
        assert rules == {"always_hubspot"}

    tell(story)


def test_otherwise_a_formula_that_came_out_differently_is_found_by_a_sweep(tell):
    """A formula whose value changes because of another record brings no sync about, and its old value stays in HubSpot.

    Mapped formulas are looked through again and again, and what came out differently is carried over: a value that is wrong
    until somebody edits its record is what people do not expect.
    """

    def before(world: World) -> None:
        world.property("contacts", "badge", "string", "text")
        world.salesforce.add_formula("Contact", "Badge__c", 'FirstName & " of " & Account.Name')

    async def story(world: World) -> None:
        await world.map("contacts", "badge", "Contact", "Badge__c", "always_salesforce")
        account = world.sally.create("Account", {"Name": "Acme"})
        row = {"LastName": "Person", "FirstName": "Ada", "Email": ADA, "AccountId": account}
        world.sally.create("Contact", row)
        await world.settle()
        world.sally.update("Account", account, {"Name": "Globex"})
        await asyncio.sleep(86_400)
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        assert world.contact(here)["badge"] == "Ada of Globex"

    tell(story, before)

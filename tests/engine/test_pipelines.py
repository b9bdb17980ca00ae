"""Deals in several pipelines, opportunities of several record types, and what is not carried over without the other half."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.app.explain import explain
from interlock.app.mapping_preview import preview
from interlock.app.mappings import Change, kept_compiler
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.what_syncs import Choice
from interlock.app.what_syncs import choose as choose_what_syncs
from interlock.core.model import LinkState, Side
from interlock.store import connections, directory
from tests.engine.test_left_out import AFTER_THE_PARK_S, LosesAnAnswer
from tests.engine.test_owners import both, owner
from tests.engine.test_undo import undo
from tests.world import World

CLOSE = {"closedate": "2026-03-01"}
UPDATES = "/crm/objects/2026-09/deals/batch/update"
# As an account numbers what it is given (crm_emulator), so that stories can name them before they begin.
NEW_BUSINESS = ["Prospecting", "Closed Won", "Closed Lost"]
RENEWALS = ["Proposal/Price Quote", "Closed Won"]


class Sales:
    """An org with two sales processes, and an account with a pipeline for each and a third."""

    def __init__(self, world: World) -> None:
        org, account = world.salesforce, world.hubspot.settings()
        self.types = {
            "new": org.add_record_type("Opportunity", "New Business", process=org.add_process("New", NEW_BUSINESS)),
            "renewal": org.add_record_type("Opportunity", "Renewal", process=org.add_process("Renew", RENEWALS)),
            "partner": org.add_record_type("Opportunity", "Partner"),
        }
        self.pipelines = {
            name: account.add_pipeline("deals", label, [stage(each) for each in stages])
            for name, label, stages in (
                ("new", "New business", NEW_BUSINESS),
                ("renewal", "Renewals", RENEWALS),
                ("partner", "Partners", ["Closed Won"]),
            )
        }
        self.labels = {
            name: {each.label: each.id for each in world.hubspot.portal.pipelines["deals"].get(id_).stages}
            for name, id_ in self.pipelines.items()
        }

    def chosen(self, *names: str) -> dict[str, Any]:
        return {
            self.pipelines[name]: {
                "record_type": self.types[name],
                "stages": {id_: label for label, id_ in self.labels[name].items()},
            }
            for name in names
        }

    def deal(self, name: str, label: str) -> dict[str, str]:
        return {"pipeline": self.pipelines[name], "dealstage": self.labels[name][label]}


def stage(label: str) -> dict[str, Any]:
    return {"label": label, "metadata": {"probability": {"Closed Won": "1.0", "Closed Lost": "0.0"}.get(label, "0.5")}}


@pytest.fixture
def tell_sales(tell):
    """`story(world, sales)`, with the pipelines of New business and Renewals joined to their record types."""

    def tell_(story, names: tuple[str, ...] = ("new", "renewal"), rule: str = "two_way", **options: Any) -> None:
        made: dict[str, Sales] = {}
        settings: dict[str, Any] = {"pipelines": {}}

        def before(world: World) -> None:
            made["sales"] = Sales(world)
            settings["pipelines"] = made["sales"].chosen(*names)

        async def told(world: World) -> None:
            await world.rule("deals", "dealstage", rule)
            await story(world, made["sales"])

        tell(told, before, settings=settings, **options)

    return tell_


def at(world: World, deal: str) -> tuple[str | None, str | None]:
    """Pipeline and stage of a deal."""
    values = world.hugo.get("deals", deal)
    return values.get("pipeline"), values.get("dealstage")


async def choose(world: World, pipelines: dict[str, Any]) -> None:
    """As the settings do it."""
    assert world.connection is not None
    assert world.connection.id is not None
    async with world.write() as tx:
        settings = {**world.connection.settings, "pipelines": pipelines}
        await connections.update(tx, world.connection.id, settings=settings)


async def why(world: World, object_id: str) -> str | None:
    async with world.read() as tx:
        rows = await tx.rows("SELECT record_key, why FROM unlinked WHERE connection_id = ?", tx.connection_id)
    return next((row[1] for row in rows if row[0].endswith(f":{object_id}")), None)


def test_a_probability_that_somebody_types_stays_in_salesforce_and_hubspot_goes_by_the_stage(tell):
    """HubSpot works `hs_deal_stage_probability` out from the stage, and lets nobody write it."""

    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedwon", "closedate": "2026-03-01"})
        await world.settle()
        there = world.counterpart("deals", deal)
        before = world.hugo.get("deals", deal)["hs_deal_stage_probability"]
        sent = world.sent(Side.HUBSPOT)
        world.sally.update("Opportunity", there, {"Probability": 33})
        await world.settle()
        assert world.sally.get("Opportunity", there)["Probability"] == 33
        assert world.hugo.get("deals", deal)["hs_deal_stage_probability"] == before
        assert world.sent(Side.HUBSPOT) == sent
        assert await world.issues() == []

    tell(story)


def test_an_opportunity_becomes_a_deal_in_the_pipeline_of_its_record_type(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        row = {"Name": "Again", "StageName": "Closed Won", "CloseDate": "2026-03-01"}
        world.sally.create("Opportunity", {**row, "RecordTypeId": sales.types["renewal"]})
        await world.settle()
        (deal,) = world.hugo.ids("deals")
        assert at(world, deal) == (sales.pipelines["renewal"], sales.labels["renewal"]["Closed Won"])
        assert await world.issues() == []

    tell_sales(story)


def test_a_deal_becomes_an_opportunity_of_its_pipelines_record_type(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Again", **CLOSE, **sales.deal("renewal", "Closed Won")})
        await world.settle()
        there = world.sally.get("Opportunity", world.counterpart("deals", deal))
        assert (there["RecordTypeId"], there["StageName"]) == (sales.types["renewal"], "Closed Won")
        assert await world.issues() == []

    tell_sales(story)


def test_another_record_type_moves_the_deal_to_its_pipeline_though_the_stage_reads_the_same(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Closed Won")})
        await world.settle()
        there = world.counterpart("deals", deal)
        world.sally.update("Opportunity", there, {"RecordTypeId": sales.types["renewal"]})
        await world.settle()
        assert at(world, deal) == (sales.pipelines["renewal"], sales.labels["renewal"]["Closed Won"])
        world.hugo.update("deals", deal, sales.deal("new", "Closed Lost"))
        await world.settle()
        row = world.sally.get("Opportunity", there)
        assert (row["RecordTypeId"], row["StageName"]) == (sales.types["new"], "Closed Lost")
        assert await world.issues() == []

    tell_sales(story)


def test_a_deal_goes_to_no_pipeline_that_lacks_its_stage(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Prospecting")})
        await world.settle()
        there = world.counterpart("deals", deal)
        world.sally.update("Opportunity", there, {"RecordTypeId": sales.types["renewal"], "Description": "Moved"})
        await world.settle()
        assert at(world, deal) == (sales.pipelines["new"], sales.labels["new"]["Prospecting"])
        assert world.hugo.get("deals", deal)["description"] == "Moved"
        (issue,) = await world.issues()
        assert (issue.code, issue.property) == ("STAGE_NOT_IN_PIPELINE", "pipeline")
        # It goes there as soon as its opportunity has a stage of that process.
        world.sally.update("Opportunity", there, {"StageName": "Proposal/Price Quote"})
        await world.settle()
        assert at(world, deal) == (sales.pipelines["renewal"], sales.labels["renewal"]["Proposal/Price Quote"])
        assert await world.issues() == []

    tell_sales(story)


def test_the_record_type_of_one_side_and_the_stage_of_the_other_end_together(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Prospecting")})
        await world.settle()
        there = world.counterpart("deals", deal)
        world.hugo.update("deals", deal, sales.deal("new", "Closed Won"))
        world.sally.update("Opportunity", there, {"RecordTypeId": sales.types["renewal"]})
        await world.settle()
        assert at(world, deal) == (sales.pipelines["renewal"], sales.labels["renewal"]["Closed Won"])
        row = world.sally.get("Opportunity", there)
        assert (row["RecordTypeId"], row["StageName"]) == (sales.types["renewal"], "Closed Won")

    tell_sales(story)


def test_what_a_stage_of_ours_replaced_is_logged_though_the_deal_stood_in_a_stage_of_none_before_that_was_known(
    tell_sales,
):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Prospecting")})
        await world.settle()
        world.transport = line = LosesAnAnswer(world.transport, sales.labels["new"]["Closed Lost"], Side.HUBSPOT)
        world.hugo.update("deals", deal, sales.deal("new", "Closed Won"))
        world.sally.update("Opportunity", world.counterpart("deals", deal), {"StageName": "Closed Lost"})
        await world.sync()
        assert line.lost
        assert at(world, deal)[1] == sales.labels["new"]["Closed Lost"]
        verbal = world.hubspot.settings().add_stage("deals", sales.pipelines["new"], "Verbal", probability="0.9")
        world.hugo.update("deals", deal, {"dealstage": verbal})
        await world.sync_later(AFTER_THE_PARK_S)
        await world.settle()
        assert at(world, deal)[1] == verbal
        assert [row.old for row in await world.audit("conflict")] == ["Closed Won"]

    tell_sales(story, rule="prefer_salesforce")


def test_what_is_of_a_record_type_without_a_pipeline_does_not_sync(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        row = {"Name": "Theirs", "StageName": "Closed Won", "CloseDate": "2026-03-01"}
        theirs = world.sally.create("Opportunity", {**row, "RecordTypeId": sales.types["partner"]})
        none = world.sally.create("Opportunity", {**row, "Name": "Of none"})
        born = world.hugo.create("deals", {"dealname": "Born there", **CLOSE, **sales.deal("partner", "Closed Won")})
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Closed Won")})
        await world.settle()
        assert sorted(world.hugo.ids("deals")) == sorted([born, deal])
        assert [await why(world, each) for each in (theirs, none, born)] == ["pipeline_not_synced"] * 3
        # One that gets such a record type stops, and goes on when it has another.
        there = world.counterpart("deals", deal)
        world.sally.update("Opportunity", there, {"RecordTypeId": sales.types["partner"], "Description": "Moved"})
        world.hugo.update("deals", deal, {"amount": "7"})
        await world.settle()
        assert "description" not in world.hugo.get("deals", deal)
        assert world.sally.get("Opportunity", there)["Amount"] is None
        link = await world.link("deals", deal)
        assert link is not None
        assert link.state is LinkState.OTHER_PIPELINE
        assert [row.cause for row in await world.audit("exclude")] == ["left a pipeline that syncs"]
        world.sally.update("Opportunity", there, {"RecordTypeId": sales.types["new"]})
        await world.settle()
        assert world.hugo.get("deals", deal)["description"] == "Moved"
        assert world.sally.get("Opportunity", there)["Amount"] == 7
        assert await world.issues() == []

    tell_sales(story)


def test_no_deal_is_made_without_a_stage(tell):
    async def story(world: World) -> None:
        row = {"Name": "Big", "StageName": "Perception Analysis", "CloseDate": "2026-03-01"}
        there = world.sally.create("Opportunity", row)
        await world.settle()
        assert world.hugo.ids("deals") == []
        assert await why(world, there) == "stage_not_in_pipeline"
        (issue,) = await world.issues()
        assert (issue.code, issue.property, issue.field) == ("STAGE_NOT_IN_PIPELINE", "dealstage", "StageName")
        assert "Perception Analysis" in issue.cause
        # With a stage that the pipeline has it is made, and the issue is over.
        world.sally.update("Opportunity", there, {"StageName": "Closed Won"})
        await world.settle()
        (deal,) = world.hugo.ids("deals")
        assert at(world, deal) == ("default", "closedwon")
        assert await world.issues() == []

    tell(story)


def test_no_deal_is_made_without_a_stage_when_hubspot_lost_the_stage_meanwhile(tell):
    async def story(world: World) -> None:
        world.hubspot.settings().delete_stage("deals", "default", "closedlost")
        row = {"Name": "Big", "StageName": "Closed Lost", "CloseDate": "2026-03-01"}
        world.sally.create("Opportunity", row)
        await world.settle()
        assert world.hugo.ids("deals") == []
        (issue,) = await world.issues()
        assert issue.property == "dealstage"

    tell(story)


def test_a_pair_whose_opportunity_gets_a_stage_that_the_pipeline_lacks_says_so(tell):
    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedwon", **CLOSE})
        await world.settle()
        there = world.counterpart("deals", deal)
        world.sally.update("Opportunity", there, {"StageName": "Perception Analysis"})
        await world.settle()
        (issue,) = await world.issues()
        assert issue.code == "STAGE_NOT_IN_PIPELINE"
        assert at(world, deal) == ("default", "closedwon")
        world.sally.update("Opportunity", there, {"StageName": "Closed Lost"})
        await world.settle()
        assert at(world, deal) == ("default", "closedlost")
        assert await world.issues() == []

    tell(story)


def test_what_stood_in_a_pipeline_that_did_not_sync_is_looked_at_once_it_does(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        row = {"Name": "Theirs", "StageName": "Closed Won", "CloseDate": "2026-03-01"}
        world.sally.create("Opportunity", {**row, "RecordTypeId": sales.types["renewal"]})
        born = world.hugo.create("deals", {"dealname": "Born there", **CLOSE, **sales.deal("renewal", "Closed Won")})
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Closed Won")})
        await world.settle()
        world.hugo.update("deals", deal, {**sales.deal("renewal", "Closed Won"), "description": "Moved"})
        await world.settle()
        await choose(world, sales.chosen("new", "renewal"))
        await world.settle()
        assert len(world.hugo.ids("deals")) == 3
        there = world.counterpart("deals", deal)
        assert world.sally.get("Opportunity", there)["Description"] == "Moved"
        assert world.sally.get("Opportunity", there)["RecordTypeId"] == sales.types["renewal"]
        assert world.counterpart("deals", born) != ""
        assert await world.issues() == []

    tell_sales(story, names=("new",))


def test_explain_says_that_a_deal_is_in_a_pipeline_that_does_not_sync(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Closed Won")})
        await world.settle()
        born = world.hugo.create("deals", {"dealname": "Born there", **CLOSE, **sales.deal("partner", "Closed Won")})
        world.hugo.update("deals", deal, sales.deal("partner", "Closed Won"))
        assert world.store is not None
        assert world.connection is not None
        for settled in (False, True):
            for each in (deal, born):
                key = f"hubspot:deals:{each}"
                told = await explain(world.store, world.connection, key, world.clients(), world.clock_us)
                assert "pipeline_not_synced" in told["why_not"], (settled, each)
                assert told["eligible"] is False
            await world.settle()

    tell_sales(story)


OWNER_CHOICES = {"owner_unmatched": {"deals": "salesforce"}, "owner_changes": {"deals": "in_salesforce"}}


def test_what_is_chosen_about_owners_holds_for_deals_in_every_pipeline(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        assert world.connection is not None
        assert world.connection.id is not None
        olga, piet = (both(world, each) for each in ("Olga", "Piet"))
        paired = owner(world, "Rosa", "rosa@example.com"), world.salesforce.add_user("Rosa", "r@elsewhere.example").id
        async with world.write() as tx:
            settings = {**world.connection.settings, "choices": OWNER_CHOICES, "owner_pairs": dict([paired])}
            await connections.update(tx, world.connection.id, settings=settings)
            await directory.drop(tx, SCHEMAS)
        here = {"dealname": "Big", **CLOSE, "hubspot_owner_id": olga[0]}
        deal = world.hugo.create("deals", {**here, **sales.deal("renewal", "Closed Won")})
        await world.settle()
        there = world.counterpart("deals", deal)
        assert world.sally.get("Opportunity", there)["OwnerId"] == olga[1]
        # HubSpot may not hand it over,
        world.hugo.update("deals", deal, {"hubspot_owner_id": piet[0]})
        await world.settle()
        assert world.sally.get("Opportunity", there)["OwnerId"] == olga[1]
        assert world.hugo.get("deals", deal)["hubspot_owner_id"] == olga[0]
        # and who was paired by hand is known.
        world.sally.update("Opportunity", there, {"OwnerId": paired[1]})
        await world.settle()
        assert world.hugo.get("deals", deal)["hubspot_owner_id"] == paired[0]

    tell_sales(story)


def test_deals_that_show_their_owner_keep_the_stages_of_their_pipeline(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        assert world.store is not None
        assert world.connection is not None
        shown = Choice(choices={"owner_unmatched": "salesforce"})
        await choose_what_syncs(world.store, world.connection, "deals", shown, world.clients()[0])
        alone = world.salesforce.add_user("Alone There", "alone@example.com").id
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("renewal", "Closed Won")})
        await world.settle()
        there = world.counterpart("deals", deal)
        world.sally.update("Opportunity", there, {"StageName": "Proposal/Price Quote", "OwnerId": alone})
        await world.settle()
        assert at(world, deal) == (sales.pipelines["renewal"], sales.labels["renewal"]["Proposal/Price Quote"])
        assert world.hugo.get("deals", deal)["salesforceownerid"] == alone
        assert await world.issues() == []

    tell_sales(story)


def test_a_value_that_is_refused_names_the_record_type_of_the_pipeline_and_not_the_default(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        tiers = ("gold", "platinum")
        world.salesforce.add_custom_field("Opportunity", "Tier__c", "Picklist", picklist=tiers)
        world.property("deals", "tier", "enumeration", "select", options=tiers)
        record_types = world.salesforce.org.objects["Opportunity"].record_types
        next(each for each in record_types if each.name == "Renewal").picklists["Tier__c"] = ("gold",)
        await world.map("deals", "tier", "Opportunity", "Tier__c")
        async with world.write() as tx:
            await directory.drop(tx, SCHEMAS)
        deal = {"dealname": "Again", "tier": "platinum", **CLOSE, **sales.deal("renewal", "Closed Won")}
        here = world.hugo.create("deals", deal)
        await world.settle()
        assert (
            world.sally.get("Opportunity", world.counterpart("deals", here))["RecordTypeId"] == sales.types["renewal"]
        )
        (issue,) = await world.issues()
        assert "A new record is of the record type Renewal, " in issue.cause

    tell_sales(story)


def unjoined(world: World, sales: Sales, name: str) -> dict[str, str]:
    """A stage of that pipeline that stands for none of Salesforce."""
    pipeline = sales.pipelines[name]
    made = world.hubspot.settings().add_stage("deals", pipeline, "Only here", probability="0.4")
    return {"pipeline": pipeline, "dealstage": made}


def test_an_opportunity_gets_no_other_record_type_for_a_stage_that_stands_for_none(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Prospecting")})
        await world.settle()
        there = world.counterpart("deals", deal)
        only_here = unjoined(world, sales, "renewal")
        world.hugo.update("deals", deal, only_here)
        await world.settle()
        assert at(world, deal) == (only_here["pipeline"], only_here["dealstage"])
        row = world.sally.get("Opportunity", there)
        assert (row["RecordTypeId"], row["StageName"]) == (sales.types["new"], "Prospecting")
        assert [issue.property for issue in await world.issues()] == ["pipeline"]
        world.hugo.update("deals", deal, sales.deal("renewal", "Closed Won"))
        await world.settle()
        row = world.sally.get("Opportunity", there)
        assert (row["RecordTypeId"], row["StageName"]) == (sales.types["renewal"], "Closed Won")
        assert await world.issues() == []

    tell_sales(story)


def test_where_salesforce_is_preferred_a_deal_that_was_moved_goes_back_with_its_stage(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Prospecting")})
        await world.settle()
        world.hugo.update("deals", deal, sales.deal("renewal", "Closed Won"))
        await world.settle()
        assert at(world, deal) == (sales.pipelines["new"], sales.labels["new"]["Prospecting"])
        row = world.sally.get("Opportunity", world.counterpart("deals", deal))
        assert (row["RecordTypeId"], row["StageName"]) == (sales.types["new"], "Prospecting")
        lost = {(each.property, each.old) for each in await world.audit("conflict")}
        assert lost == {("pipeline", sales.types["renewal"]), ("dealstage", "Closed Won")}
        assert await world.issues() == []
        # A stage that stands for none cannot be read, and what cannot be read is not written over.
        only_here = unjoined(world, sales, "renewal")
        world.hugo.update("deals", deal, only_here)
        await world.settle()
        assert at(world, deal) == (only_here["pipeline"], only_here["dealstage"])
        assert [issue.property for issue in await world.issues()] == ["pipeline"]

    tell_sales(story, rule="prefer_salesforce")


def test_contacts_of_a_deal_that_has_stopped_stay_as_they_are_until_it_goes_on(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        ada = world.person("ada@example.com")
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Closed Won")})
        await world.settle()
        world.hugo.update("deals", deal, sales.deal("partner", "Closed Won"))
        world.hugo.associate("deals", deal, "contacts", ada)
        await world.settle()
        assert world.sally.ids("OpportunityContactRole") == []
        world.hugo.update("deals", deal, sales.deal("new", "Closed Lost"))
        await world.settle()
        assert len(world.sally.ids("OpportunityContactRole")) == 1

    tell_sales(story)


def test_a_deal_whose_new_stage_hubspot_refuses_stays_in_its_pipeline(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Closed Won")})
        await world.settle()
        there = world.counterpart("deals", deal)
        world.hubspot.settings().delete_stage(
            "deals", sales.pipelines["renewal"], sales.labels["renewal"]["Closed Won"]
        )
        world.sally.update("Opportunity", there, {"RecordTypeId": sales.types["renewal"], "Description": "Moved"})
        await world.settle()
        assert at(world, deal) == (sales.pipelines["new"], sales.labels["new"]["Closed Won"])
        assert world.hugo.get("deals", deal)["description"] == "Moved"
        assert "dealstage" in {issue.property for issue in await world.issues()}
        # Back where its stage is, all agree again.
        world.sally.update("Opportunity", there, {"RecordTypeId": sales.types["new"]})
        await world.settle()
        assert await world.issues() == []

    tell_sales(story)


@pytest.mark.parametrize("kind", ["timeout_after", "timeout_before"])
def test_a_move_to_another_pipeline_whose_answer_is_lost_is_made_once_and_is_nobodys_edit(tell_sales, kind: str):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Closed Won")})
        await world.settle()
        there = world.counterpart("deals", deal)
        world.hubspot.faults.add({"kind": kind, "match": {"method": "POST", "path_prefix": UPDATES, "times": 1}})
        world.sally.update("Opportunity", there, {"RecordTypeId": sales.types["renewal"]})
        await world.settle()
        assert at(world, deal) == (sales.pipelines["renewal"], sales.labels["renewal"]["Closed Won"])
        assert world.sally.get("Opportunity", there)["RecordTypeId"] == sales.types["renewal"]
        assert await world.audit("conflict") == []
        assert await world.issues() == []

    tell_sales(story)


async def state(world: World, deal: str) -> LinkState | None:
    link = await world.link("deals", deal)
    return link.state if link is not None else None


def test_a_deal_of_which_nothing_but_its_pipeline_changed_is_said_to_have_stopped(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Closed Won")})
        await world.settle()
        world.hugo.update("deals", deal, sales.deal("partner", "Closed Won"))
        await world.settle()
        assert await state(world, deal) is LinkState.OTHER_PIPELINE
        world.hugo.update("deals", deal, sales.deal("new", "Closed Won"))
        await world.settle()
        assert await state(world, deal) is LinkState.LINKED
        assert [row.cause for row in await world.audit("relink")] == ["entered a pipeline that syncs"]

    # Where contacts sync too, a deal is looked at for those whatever else changed.
    tell_sales(story, objects=("deals",))


def test_a_pair_that_has_stopped_is_known_again_after_the_database_is_lost_and_still_rests(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Closed Won")})
        await world.settle()
        there = world.counterpart("deals", deal)
        world.hugo.update("deals", deal, sales.deal("partner", "Closed Won"))
        await world.settle()
        await world.lose_the_database(world.path.parent / "new.db")
        world.sally.update("Opportunity", there, {"Description": "Edited"})
        world.hugo.update("deals", deal, {"amount": "7"})
        before = world.written
        await world.settle()
        assert world.ours(before) == []
        assert await state(world, deal) is LinkState.OTHER_PIPELINE
        assert await world.audit("exclude") == []
        world.hugo.update("deals", deal, sales.deal("new", "Closed Won"))
        await world.settle()
        assert world.hugo.get("deals", deal)["description"] == "Edited"
        assert world.sally.get("Opportunity", there)["Amount"] == 7
        assert len(world.sally.ids("Opportunity")) == 1

    tell_sales(story)


def test_a_deal_made_in_the_only_pipeline_that_syncs_is_put_there_by_name(tell):
    def before(world: World) -> None:
        first = world.hubspot.settings().add_pipeline("deals", "First", [stage("Closed Won")])
        world.hubspot.portal.pipelines["deals"].all[first].display_order = -1

    async def story(world: World) -> None:
        world.sally.create("Opportunity", {"Name": "Big", "StageName": "Closed Won", "CloseDate": "2026-03-01"})
        await world.settle()
        (deal,) = world.hugo.ids("deals")
        first = next(each for each in world.hubspot.portal.pipelines["deals"].all.values() if each.label == "First")
        assert at(world, deal) == (first.id, first.stages[0].id)
        made = [
            request.body or b"" for request in world.line.sent[Side.HUBSPOT] if b"dealname" in (request.body or b"")
        ]
        assert all(f'"pipeline":"{first.id}"'.encode() in body for body in made)
        assert made

    tell(story, before)


def test_a_preview_of_another_rule_decides_the_stage_by_the_pipeline_of_the_deal(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        assert world.store is not None
        assert world.connection is not None
        deals = [
            world.hugo.create("deals", {"dealname": name, **CLOSE, **sales.deal("renewal", "Closed Won")})
            for name in ("One", "Two")
        ]
        await world.settle()
        opportunities = [world.counterpart("deals", each) for each in deals]
        # The first in both, otherwise; the second where it does not sync.
        world.sally.update("Opportunity", opportunities[0], {"StageName": "Proposal/Price Quote"})
        world.hugo.update("deals", deals[1], sales.deal("partner", "Closed Won"))
        world.sally.update("Opportunity", opportunities[1], {"StageName": "Proposal/Price Quote"})
        async with world.read() as tx:
            compiler = await kept_compiler(tx)
        assert compiler is not None
        change = Change("change", "deals", "Opportunity", "dealstage", "StageName", "two_way", "always_hubspot")
        found = await preview(world.store, world.connection, "deals", [change], compiler, *world.clients())
        assert (found.looked, found.unchanged, found.to_salesforce, found.to_hubspot) == (2, 1, 1, 0)
        (example,) = found.examples
        assert (example.before, example.after) == ("Proposal/Price Quote", "Closed Won")
        back = Change("change", "deals", "Opportunity", "dealstage", "StageName", "always_hubspot", "two_way")
        await world.rule("deals", "dealstage", "always_hubspot")
        found = await preview(world.store, world.connection, "deals", [back], compiler, *world.clients())
        assert (found.looked, found.unchanged, found.to_salesforce, found.to_hubspot) == (2, 1, 0, 1)

    tell_sales(story)


def test_a_deal_whose_stage_was_edited_since_does_not_go_back_to_the_pipeline_of_before(tell_sales):
    """Nor later, when Salesforce comes to a stage that the pipeline of before has as well."""

    async def story(world: World, sales: Sales) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Prospecting")})
        await world.settle()
        there = world.counterpart("deals", deal)
        since_us = world.clock_us()
        of_renewals = {"RecordTypeId": sales.types["renewal"], "StageName": "Proposal/Price Quote"}
        world.sally.update("Opportunity", there, of_renewals)
        await world.settle()
        world.hugo.update("deals", deal, {"dealstage": sales.labels["renewal"]["Closed Won"]})
        await world.settle()

        done = await undo(world, since_us)

        assert {(each.property, each.side, each.why) for each in done.left} == {
            ("dealstage", Side.HUBSPOT, "edited_since"),
            ("pipeline", Side.HUBSPOT, "not_together"),
        }
        assert world.sally.get("Opportunity", there)["StageName"] == "Proposal/Price Quote"
        assert await world.issues() == []
        world.sally.update("Opportunity", there, {"StageName": "Closed Won"})
        await world.settle()
        assert at(world, deal) == (sales.pipelines["renewal"], sales.labels["renewal"]["Closed Won"])

    tell_sales(story)

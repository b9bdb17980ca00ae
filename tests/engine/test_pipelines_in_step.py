"""Pipelines that are kept in step: what Salesforce does to its stages is done in HubSpot, once, and logged; what people did in
HubSpot stays; and nothing that a deal stands in, or came through, is taken away."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.core.model import Issue
from interlock.crm.hubspot.client import HubSpotClient
from interlock.store import deeds
from tests.engine.test_pipelines import CLOSE, RENEWALS, Sales, at, choose, tell_sales
from tests.world import World

__all__ = ["tell_sales"]  # a fixture
LATER_S = 7 * 3_600
FIRST = ["Prospecting", "Closed Won", "Closed Lost"]


def in_step(sales: Sales, *names: str) -> dict[str, Any]:
    return {id_: {**each, "in_step": True} for id_, each in sales.chosen(*names).items()}


def test_a_stage_that_salesforce_gets_is_added_to_the_pipeline_that_is_kept_in_step(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        pipelines = world.hubspot.portal.pipelines["deals"]
        await choose(world, {**in_step(sales, "partner"), **sales.chosen("renewal")})
        await world.sync()
        await world.settle()
        world.salesforce.add_stage("Pilot", 60)
        row = {"Name": "Big", "StageName": "Pilot", "CloseDate": "2026-03-01"}
        world.sally.create("Opportunity", {**row, "RecordTypeId": sales.types["partner"]})
        await world.sync_later(7 * 3_600)
        await world.settle()
        (pilot,) = [each for each in pipelines.get(sales.pipelines["partner"]).stages if each.label == "Pilot"]
        assert (pilot.probability, pilot.is_closed) == ("0.6", False)
        (deal,) = world.hugo.ids("deals")
        assert at(world, deal) == (sales.pipelines["partner"], pilot.id)
        # The other is not kept in step, and nothing is made twice.
        assert [each.label for each in pipelines.get(sales.pipelines["renewal"]).stages] == RENEWALS
        before = len(pipelines.get(sales.pipelines["partner"]).stages)
        await world.sync_later(7 * 3_600)
        assert len(pipelines.get(sales.pipelines["partner"]).stages) == before

    tell_sales(story)


def test_a_stage_that_is_there_by_its_label_is_joined_and_not_made_again(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        pipeline = world.hubspot.portal.pipelines["deals"].get(sales.pipelines["renewal"])
        mine = world.hubspot.settings().add_stage("deals", pipeline.id, "Prospecting", probability="0.3")
        world.salesforce.org.objects["Opportunity"].record_types[1].picklists["StageName"] = (*RENEWALS, "Prospecting")
        await choose(world, in_step(sales, "renewal"))
        await world.settle()
        assert [each.label for each in pipeline.stages] == [*RENEWALS, "Prospecting"]
        row = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-03-01"}
        world.sally.create("Opportunity", {**row, "RecordTypeId": sales.types["renewal"]})
        await world.settle()
        (deal,) = world.hugo.ids("deals")
        assert at(world, deal) == (pipeline.id, mine)

    tell_sales(story)


def test_where_hubspot_lets_no_stage_be_added_an_issue_says_so_and_all_else_syncs(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        await choose(world, in_step(sales, "partner", "new"))
        refuse = {"match": {"method": "POST", "path_prefix": "/crm/pipelines"}, "kind": "status", "status": 403}
        world.hubspot.faults.add(refuse)
        deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", "Closed Won")})
        await world.settle()
        assert world.counterpart("deals", deal) != ""
        (issue,) = await world.issues()
        assert issue.code == "pipeline_behind"
        world.hubspot.faults.clear()
        await world.sync_later(7 * 3_600)
        assert await world.issues() == []

    tell_sales(story)


def shown(world: World, sales: Sales, name: str = "new") -> list[tuple[str, str | None, bool]]:
    """Label, probability and closed of each stage, in the order that HubSpot lists them."""
    stages = world.hubspot.portal.pipelines["deals"].get(sales.pipelines[name]).stages
    return [
        (each.label, each.probability, each.is_closed) for each in sorted(stages, key=lambda each: each.display_order)
    ]


def labels(world: World, sales: Sales, name: str = "new") -> list[str]:
    return [label for label, _, _ in shown(world, sales, name)]


async def logged(world: World) -> list[dict[str, Any]]:
    async with world.read() as tx:
        found = await deeds.list_(tx, None, 100)
    rows = [each for each in found[::-1] if each.action == "pipeline_changed"]
    assert {each.actor for each in rows} <= {"sync"}
    return [each.detail for each in rows]


async def issue(world: World, code: str) -> Issue | None:
    return next((each for each in await world.issues() if each.code == code), None)


@pytest.fixture
def tell_kept(tell_sales):
    """`story(world, sales)`: the pipeline of New business is kept in step, and was looked at once."""

    def tell_(story, **options: Any) -> None:
        async def told(world: World, sales: Sales) -> None:
            world.salesforce.change_stage("Prospecting", probability=50)  # as HubSpot has it
            await choose(world, {**in_step(sales, "new"), **sales.chosen("renewal")})
            await world.settle()
            assert await logged(world) == []
            await story(world, sales)

        tell_sales(told, **options)

    return tell_


async def deal_in(world: World, sales: Sales, stage: str = "Prospecting") -> tuple[str, str]:
    """Of New business; the deal and its opportunity."""
    deal = world.hugo.create("deals", {"dealname": "Big", **CLOSE, **sales.deal("new", stage)})
    await world.settle()
    return deal, world.counterpart("deals", deal)


def test_a_stage_whose_label_changes_in_salesforce_is_called_so_in_hubspot_and_the_log_says_it(tell_kept):
    async def story(world: World, sales: Sales) -> None:
        deal, there = await deal_in(world, sales)
        world.salesforce.rename_stage("Prospecting", label="First talks")
        await world.sync_later(LATER_S)
        assert labels(world, sales) == ["First talks", "Closed Won", "Closed Lost"]
        (row,) = await logged(world)
        assert (row["pipeline"], row["did"], row["stage"], row["was"]) == (
            "New business",
            "renamed",
            "First talks",
            "Prospecting",
        )
        # It is the same stage: neither record was written, and both go on.
        assert at(world, deal) == (sales.pipelines["new"], sales.labels["new"]["Prospecting"])
        world.sally.update("Opportunity", there, {"StageName": "Closed Lost"})
        await world.settle()
        assert at(world, deal)[1] == sales.labels["new"]["Closed Lost"]
        assert await world.issues() == []

    tell_kept(story)


@pytest.mark.parametrize("rows_follow", [True, False])
def test_a_stage_with_another_api_name_stays_joined_and_its_deals_sync_on(tell_kept, rows_follow):
    async def story(world: World, sales: Sales) -> None:
        deal, there = await deal_in(world, sales)
        world.salesforce.rename_stage("Prospecting", label="Talks", api_name="Talks", rows_follow=rows_follow)
        await world.sync_later(LATER_S)
        assert labels(world, sales) == ["Talks", "Closed Won", "Closed Lost"]
        world.hugo.update("deals", deal, {"dealstage": sales.labels["new"]["Closed Won"]})
        await world.settle()
        assert world.sally.get("Opportunity", there)["StageName"] == "Closed Won"
        world.hugo.update("deals", deal, {"dealstage": sales.labels["new"]["Prospecting"]})
        await world.settle()
        assert world.sally.get("Opportunity", there)["StageName"] == "Talks"
        assert await world.issues() == []

    tell_kept(story)


def test_what_a_stage_means_is_followed(tell_kept):
    async def story(world: World, sales: Sales) -> None:
        world.salesforce.change_stage("Prospecting", probability=30)
        await world.sync_later(LATER_S)
        assert shown(world, sales)[0] == ("Prospecting", "0.3", False)
        world.salesforce.change_stage("Prospecting", closed=True, won=True, probability=100)
        await world.sync_later(LATER_S)
        assert shown(world, sales)[0] == ("Prospecting", "1.0", True)
        assert [(row["did"], row["probability"], row["closed"]) for row in await logged(world)] == [
            ("meaning", 0.3, False),
            ("meaning", 1.0, True),
        ]

    tell_kept(story)


def test_stages_that_move_in_salesforce_move_in_hubspot_and_one_that_is_only_there_stays_where_it_is(tell_kept):
    async def story(world: World, sales: Sales) -> None:
        world.hubspot.settings().add_stage("deals", sales.pipelines["new"], "Only here", probability="0.4")
        world.salesforce.order_stages(["Closed Lost", "Closed Won", "Prospecting"])
        await world.sync_later(LATER_S)
        assert labels(world, sales) == [*FIRST[::-1], "Only here"]
        (row,) = await logged(world)
        assert (row["did"], row["order"]) == ("moved", [*FIRST[::-1], "Only here"])
        # A new one comes between the others, as in Salesforce.
        world.salesforce.add_stage("Pilot", 60)
        world.salesforce.org.objects["Opportunity"].record_types[0].picklists["StageName"] = (*FIRST, "Pilot")
        world.salesforce.order_stages(["Closed Lost", "Pilot", "Closed Won", "Prospecting"])
        await world.sync_later(LATER_S)
        assert labels(world, sales) == ["Closed Lost", "Pilot", "Closed Won", "Prospecting", "Only here"]

    tell_kept(story)


def test_what_somebody_changed_in_hubspot_stays_and_all_else_is_followed(tell_kept):
    async def story(world: World, sales: Sales) -> None:
        pipeline, account = sales.pipelines["new"], world.hubspot.settings()
        account.change_stage("deals", pipeline, sales.labels["new"]["Prospecting"], "My own words")
        account.change_stage("deals", pipeline, sales.labels["new"]["Closed Lost"], probability="0.1", isClosed="false")
        world.salesforce.rename_stage("Prospecting", label="First talks")
        world.salesforce.change_stage("Prospecting", probability=70)
        world.salesforce.rename_stage("Closed Won", label="Won")
        await world.sync_later(LATER_S)
        assert shown(world, sales) == [
            ("My own words", "0.7", False),
            ("Won", "1.0", True),
            ("Closed Lost", "0.1", False),
        ]
        found = await issue(world, "stages_close_apart")
        assert found is not None
        assert "Closed Lost in New business and Closed Lost" in found.cause
        account.change_stage("deals", pipeline, sales.labels["new"]["Closed Lost"], probability="0.0", isClosed="true")
        await world.sync_later(LATER_S)
        assert await world.issues() == []
        assert [row["did"] for row in await logged(world)] == ["renamed", "meaning"]

    tell_kept(story)


def test_a_stage_that_somebody_deletes_in_hubspot_is_not_made_again_until_they_make_it(tell_kept):
    async def story(world: World, sales: Sales) -> None:
        account, pipeline = world.hubspot.settings(), sales.pipelines["new"]
        account.delete_stage("deals", pipeline, sales.labels["new"]["Prospecting"])
        await world.sync_later(LATER_S)
        world.salesforce.rename_stage("Prospecting", label="Talks", api_name="Talks")
        await world.sync_later(LATER_S)
        await world.sync_later(LATER_S)
        assert labels(world, sales) == ["Closed Won", "Closed Lost"]
        assert await logged(world) == []
        made = account.add_stage("deals", pipeline, "Talks", probability="0.5")
        await world.sync_later(LATER_S)
        row = {"Name": "Big", "StageName": "Talks", "CloseDate": "2026-03-01"}
        world.sally.create("Opportunity", {**row, "RecordTypeId": sales.types["new"]})
        await world.settle()
        (deal,) = world.hugo.ids("deals")
        assert at(world, deal) == (pipeline, made)

    tell_kept(story)


def test_two_stages_that_swap_their_labels_are_an_issue_and_nothing_is_renamed_halfway(tell_kept):
    async def story(world: World, sales: Sales) -> None:
        world.salesforce.rename_stage("Closed Won", label="Closed Lost")
        world.salesforce.rename_stage("Closed Lost", label="Closed Won")
        await world.sync_later(LATER_S)
        assert labels(world, sales) == FIRST
        assert (await issue(world, "pipeline_behind")) is not None
        assert await logged(world) == []

    tell_kept(story)


def test_stages_that_a_person_joined_though_they_read_otherwise_keep_their_names(tell_sales):
    async def story(world: World, sales: Sales) -> None:
        pipeline = sales.pipelines["new"]
        own = world.hubspot.settings().add_stage("deals", pipeline, "Hello", probability="0.5")
        chosen = in_step(sales, "new")
        stages = {id_: name for id_, name in chosen[pipeline]["stages"].items() if name != "Prospecting"}
        world.hubspot.settings().delete_stage("deals", pipeline, sales.labels["new"]["Prospecting"])
        await choose(world, {pipeline: {**chosen[pipeline], "stages": {**stages, own: "Prospecting"}}})
        await world.settle()
        world.salesforce.rename_stage("Prospecting", label="Talks", api_name="Talks")
        await world.sync_later(LATER_S)
        assert labels(world, sales) == ["Closed Won", "Closed Lost", "Hello"]
        world.sally.create(
            "Opportunity",
            {"Name": "Big", "StageName": "Talks", "CloseDate": "2026-03-01", "RecordTypeId": sales.types["new"]},
        )
        await world.settle()
        (deal,) = world.hugo.ids("deals")
        assert at(world, deal) == (pipeline, own)

    tell_sales(story)


def test_a_stage_that_salesforce_retires_stays_in_hubspot_and_an_issue_says_how_many_deals_are_in_it(tell_kept):
    async def story(world: World, sales: Sales) -> None:
        deal, there = await deal_in(world, sales)
        world.salesforce.deactivate_picklist_value("Opportunity", "StageName", "Prospecting")
        await world.sync_later(LATER_S)
        assert labels(world, sales) == FIRST
        found = await issue(world, "stage_retired")
        assert found is not None
        assert "Prospecting in New business (1 deal)" in found.cause
        # The pair syncs on, also from where it is.
        world.sally.update("Opportunity", there, {"Name": "Bigger"})
        await world.settle()
        assert world.hugo.get("deals", deal)["dealname"] == "Bigger"
        assert at(world, deal) == (sales.pipelines["new"], sales.labels["new"]["Prospecting"])
        world.salesforce.activate_stage("Prospecting")
        await world.sync_later(LATER_S)
        assert await world.issues() == []
        assert await logged(world) == []

    tell_kept(story)


def test_a_change_that_hubspot_refuses_is_an_issue_is_tried_again_and_holds_nothing_else_up(tell_kept):
    async def story(world: World, sales: Sales) -> None:
        path = f"/crm/pipelines/2026-09/deals/{sales.pipelines['new']}/stages/{sales.labels['new']['Prospecting']}"
        world.hubspot.faults.add({"match": {"method": "PATCH", "path_prefix": path}, "kind": "status", "status": 403})
        world.salesforce.rename_stage("Prospecting", label="First talks")
        world.salesforce.rename_stage("Closed Won", label="Won")
        await world.sync_later(LATER_S)
        assert labels(world, sales) == ["Prospecting", "Won", "Closed Lost"]
        assert (await issue(world, "pipeline_behind")) is not None
        world.hubspot.faults.clear()
        await world.sync_later(LATER_S)
        assert labels(world, sales) == ["First talks", "Won", "Closed Lost"]
        assert await world.issues() == []
        assert [row["stage"] for row in await logged(world)] == ["Won", "First talks"]

    tell_kept(story)


class Died(BaseException):
    pass


@pytest.mark.parametrize("sent", [1, 2])
def test_what_a_process_that_died_has_done_is_logged_by_the_next_and_the_rest_is_done(tell_kept, monkeypatch, sent):
    """With the first request it had renamed; with the second it was in the middle of a move."""

    async def story(world: World, sales: Sales) -> None:
        world.salesforce.rename_stage("Prospecting", label="First talks")
        world.salesforce.order_stages(["Closed Lost", "Closed Won", "Prospecting"])
        whole, left = HubSpotClient.change_stage, [sent]

        async def dies(self: HubSpotClient, *args: Any, **kwargs: Any) -> None:
            await whole(self, *args, **kwargs)
            left[0] -= 1
            if left[0] == 0:
                raise Died

        monkeypatch.setattr(HubSpotClient, "change_stage", dies)
        with pytest.raises(Died):
            await world.sync_later(LATER_S)
        assert await logged(world) == []
        await world.sync()
        assert labels(world, sales) == ["Closed Lost", "Closed Won", "First talks"]
        assert [(row["did"], row["stage"]) for row in await logged(world)] == [
            ("renamed", "First talks"),
            ("moved", None),
        ]
        await world.sync_later(LATER_S)
        assert len(await logged(world)) == 2

    tell_kept(story)


def pilot(world: World) -> None:
    """A stage that Salesforce gets for New business."""
    world.salesforce.add_stage("Pilot", 60)
    process = world.salesforce.org.objects["Opportunity"].record_types[0].picklists
    process["StageName"] = (*process["StageName"], "Pilot")


def test_a_stage_that_was_added_by_a_process_that_died_is_known_whatever_salesforce_calls_it_then(
    tell_kept, monkeypatch
):
    async def story(world: World, sales: Sales) -> None:
        pilot(world)
        whole = HubSpotClient.create_stage

        async def dies(self: HubSpotClient, *args: Any, **kwargs: Any) -> None:
            await whole(self, *args, **kwargs)
            raise Died

        monkeypatch.setattr(HubSpotClient, "create_stage", dies)
        with pytest.raises(Died):
            await world.sync_later(LATER_S)
        monkeypatch.undo()
        world.salesforce.rename_stage("Pilot", label="First trial", api_name="Trial")
        await world.sync()
        assert labels(world, sales) == [*FIRST, "First trial"]
        assert [(row["did"], row["stage"]) for row in await logged(world)] == [
            ("added", "Pilot"),
            ("renamed", "First trial"),
        ]
        deal, there = await deal_in(world, sales)
        world.sally.update("Opportunity", there, {"StageName": "Trial"})
        await world.settle()
        assert at(world, deal)[1] == world.hubspot.portal.pipelines["deals"].get(sales.pipelines["new"]).stages[-1].id

    tell_kept(story)


def test_what_two_processes_were_about_to_do_is_logged_once(tell_kept, monkeypatch):
    """The first died before its request left, the second after it."""

    async def story(world: World, sales: Sales) -> None:
        pilot(world)
        whole, sent = HubSpotClient.create_stage, [False, True]

        async def dies(self: HubSpotClient, *args: Any, **kwargs: Any) -> None:
            if sent.pop(0):
                await whole(self, *args, **kwargs)
            raise Died

        monkeypatch.setattr(HubSpotClient, "create_stage", dies)
        for wait_s in (LATER_S, 60):
            with pytest.raises(Died):
                await world.sync_later(wait_s)
        monkeypatch.undo()
        await world.sync()
        assert labels(world, sales) == [*FIRST, "Pilot"]
        assert [row["stage"] for row in await logged(world)] == ["Pilot"]

    tell_kept(story)


def test_a_stage_that_is_refused_since_it_is_there_already_was_added_and_no_issue_is_left(tell_kept, monkeypatch):
    """The answer was lost, and the request came again."""

    async def story(world: World, sales: Sales) -> None:
        pilot(world)
        whole = HubSpotClient.create_stage

        async def twice(self: HubSpotClient, *args: Any, **kwargs: Any) -> None:
            await whole(self, *args, **kwargs)
            await whole(self, *args, **kwargs)

        monkeypatch.setattr(HubSpotClient, "create_stage", twice)
        await world.sync_later(LATER_S)
        assert labels(world, sales) == [*FIRST, "Pilot"]
        assert [row["stage"] for row in await logged(world)] == ["Pilot"]
        assert await world.issues() == []

    tell_kept(story)


def test_a_stage_that_was_added_stays_at_its_place_when_it_gets_another_label(tell_kept):
    """HubSpot shows two of one place by their labels."""

    async def story(world: World, sales: Sales) -> None:
        pilot(world)
        world.salesforce.order_stages(["Prospecting", "Pilot", "Closed Won", "Closed Lost"])
        await world.sync_later(LATER_S)
        for label in ("Zero", "A trial"):
            world.salesforce.rename_stage("Pilot", label=label)
            await world.sync_later(LATER_S)
            assert labels(world, sales) == ["Prospecting", label, "Closed Won", "Closed Lost"]
        assert [row["did"] for row in await logged(world)] == ["added", "renamed", "renamed"]

    tell_kept(story)

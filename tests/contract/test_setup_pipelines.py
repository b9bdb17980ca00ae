"""Pipelines and stages in the wizard: what is recommended, what else can be chosen, what is made at the finish, what then syncs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.asgi_browser import Answer
from tests.contract.conftest import Clock
from tests.wizard import Person, Wizard, a_wizard

from crm_emulator.hubspot.pipelines import in_order
from interlock.app import once
from interlock.app.setup import connecting, finish, path, pipelines, review
from interlock.app.setup.pipelines import ADD
from interlock.store import Store, connections, deeds, issues

pytestmark = pytest.mark.anyio

HERE, REVIEW = "/setup/pipelines", "/setup/review"
OWN = "Salesforce - Default pipeline"
RENEW = ["Proposal/Price Quote", "Closed Won", "Closed Lost"]


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    await wizard.signed_in()
    await wizard.install()
    return wizard


def a_deal(wizard: Wizard, stage: str = "appointmentscheduled", name: str = "From HubSpot") -> str:
    values = {"dealname": name, "dealstage": stage, "pipeline": "default", "closedate": "2026-03-01"}
    return wizard.hubspot.user().create("deals", values)


def an_opportunity(wizard: Wizard, stage: str = "Prospecting", name: str = "From Salesforce", **more: str) -> str:
    values = {"Name": name, "StageName": stage, "CloseDate": "2026-03-01", **more}
    return wizard.production.user().create("Opportunity", values)


def labels(wizard: Wizard, pipeline: str = "default") -> list[str]:
    return [each.label for each in wizard.hubspot.portal.pipelines["deals"].get(pipeline).stages]


def shown_order(wizard: Wizard, pipeline: str = "default") -> list[str]:
    """As HubSpot's board has them."""
    return [each.label for each in in_order(wizard.hubspot.portal.pipelines["deals"].get(pipeline).stages)]


def made(wizard: Wizard) -> list[str]:
    """Labels of the pipelines that HubSpot has beside its own."""
    return [each.label for each in wizard.hubspot.portal.pipelines["deals"].all.values() if each.id != "default"]


async def recommended(wizard: Wizard, ada: Person) -> Answer:
    await ada.press("/setup/configuration", "/setup/configuration", which="recommended", missing="create")
    await review.wait(wizard.interlock, wizard.setup_id)
    return await ada.get(REVIEW)


async def form(ada: Person) -> dict[str, str]:
    page = (await ada.get(f"{HERE}?back=review")).page
    return page.form(HERE) | page.chosen()


async def choose(ada: Person, **typed: str) -> Answer:
    """The form as it stands, with some fields typed over; names have ':' for '__'."""
    return await ada.post(
        HERE, await form(ada) | {name.replace("__", ":"): value for name, value in typed.items()} | {"go": "next"}
    )


async def synced(wizard: Wizard) -> None:
    await once.once(wizard.store, await wizard.connection(), wizard.interlock.clients, wizard.interlock.clock_us)


async def begun(wizard: Wizard) -> None:
    run = await wizard.end("all")
    assert (run.state, run.message) == ("done", "")
    await synced(wizard)


async def issues_of_deals(wizard: Wizard) -> list[str]:
    async with wizard.store.read((await wizard.connection()).id) as tx:
        found, _ = await issues.list_(tx, object="deals")
    return [each.code for each in found]


def stages(wizard: Wizard) -> dict[str, tuple[str | None, str | None]]:
    """Name -> (label of the deal's stage in HubSpot, StageName), of what is on either side."""
    known = {
        stage.id: stage.label
        for pipeline in wizard.hubspot.portal.pipelines["deals"].all.values()
        for stage in pipeline.stages
    }
    user = wizard.hubspot.user()
    deals = [user.get("deals", id_) for id_ in user.ids("deals")]
    here = {str(each["dealname"]): known[str(each["dealstage"])] for each in deals}
    there = {row["Name"]: row["StageName"] for row in wizard.salesforce_rows("Opportunity")}
    return {name: (here.get(name), there.get(name)) for name in sorted({*here, *there})}


class TestRecommended:
    async def test_a_standard_org_and_a_fresh_account_agree_in_every_open_stage_after_the_first_sync(
        self, wizard: Wizard, ada: Person
    ) -> None:
        prospecting = an_opportunity(wizard, "Prospecting", "S Prospecting")
        for each in ("Qualification", "Perception Analysis", "Closed Won"):
            an_opportunity(wizard, each, f"S {each}")
        for each in ("appointmentscheduled", "contractsent", "closedlost"):
            a_deal(wizard, each, f"H {each}")
        shown = await recommended(wizard, ada)
        assert (
            "Appointment Scheduled (20 %) in HubSpot is taken for Needs Analysis (20 %) in Salesforce"
            in shown.page.text
        )
        assert "Added to Sales Pipeline in HubSpot: Prospecting, Qualification, Perception Analysis." in shown.page.text
        assert "The stages of Sales Pipeline follow Salesforce from then on" in shown.page.text
        assert "Prospecting" not in labels(wizard)
        await begun(wizard)
        assert stages(wizard) == {
            "H appointmentscheduled": ("Appointment Scheduled", "Needs Analysis"),
            "H closedlost": ("Closed Lost", "Closed Lost"),
            "H contractsent": ("Contract Sent", "Negotiation/Review"),
            "S Closed Won": ("Closed Won", "Closed Won"),
            "S Perception Analysis": ("Perception Analysis", "Perception Analysis"),
            "S Prospecting": ("Prospecting", "Prospecting"),
            "S Qualification": ("Qualification", "Qualification"),
        }
        assert await issues_of_deals(wizard) == []
        assert made(wizard) == []
        # What is edited later goes along as well.
        wizard.production.user().update("Opportunity", prospecting, {"StageName": "Value Proposition"})
        wizard.clock.advance(600.0)
        await synced(wizard)
        assert stages(wizard)["S Prospecting"] == ("Qualified To Buy", "Value Proposition")

    async def test_added_stages_stand_where_the_sales_process_has_them_and_the_others_in_their_order(
        self, wizard: Wizard, ada: Person
    ) -> None:
        own = shown_order(wizard)
        await recommended(wizard, ada)
        await begun(wizard)
        assert shown_order(wizard) == ["Prospecting", "Qualification", *own[:3], "Perception Analysis", *own[3:]]

    async def test_the_preview_knows_the_stages_that_only_the_finish_makes(self, wizard: Wizard, ada: Person) -> None:
        an_opportunity(wizard)
        a_deal(wizard)
        before = wizard.hubspot_changes()
        await recommended(wizard, ada)
        counts = (await wizard.preview()).document["objects"]["deals"]
        assert (counts["create_in_hubspot"], counts["create_in_salesforce"], counts["blocked"]) == (1, 1, 0)
        assert wizard.hubspot_changes() == before

    async def test_nobody_has_to_pass_the_step_and_change_leads_to_it_and_back(
        self, wizard: Wizard, ada: Person
    ) -> None:
        shown = await recommended(wizard, ada)
        (change,) = [
            str(a["href"])
            for a in shown.page.all("a")
            if str(a.get("href", "")).startswith(HERE) and "back" in str(a["href"])
        ]
        assert (await ada.get(change)).status == 200
        assert (await choose(ada)).to == REVIEW
        assert (await ada.get(REVIEW)).status == 200

    async def test_pipelines_that_the_native_integration_made_stand_for_what_it_made_them_for(
        self, wizard: Wizard, ada: Person
    ) -> None:
        body = {"label": OWN, "stages": [{"label": "Prospecting", "metadata": {"probability": "0.1"}}]}
        wizard.hubspot.portal.pipelines["deals"].create(body, 0)
        shown = await recommended(wizard, ada)
        assert f"the pipeline {OWN} of HubSpot" in shown.page.text
        assert "Deals in Sales Pipeline of HubSpot do not sync (0 deals)." in shown.page.text

    async def test_what_was_chosen_on_the_tab_before_stays(self, wizard: Wizard, ada: Person) -> None:
        await wizard.found()
        connection = await wizard.connection()
        chosen = {"default": {"record_type": "any", "stages": {"qualifiedtobuy": "Prospecting"}}}
        async with wizard.store.write(connection.id) as tx:
            await connections.update(tx, connection.id or 0, settings={**connection.settings, "pipelines": chosen})
        shown = await recommended(wizard, ada)
        assert "Qualified To Buy (40 %) in HubSpot stands for Prospecting (10 %) in Salesforce." in shown.page.text
        await begun(wizard)
        kept = (await wizard.connection()).settings["pipelines"]["default"]
        assert kept["stages"] == {"qualifiedtobuy": "Prospecting"}


class TestMade:
    async def test_a_pipeline_of_salesforces_stages_is_made_at_the_finish_and_who_is_left_out_is_named(
        self, wizard: Wizard, ada: Person
    ) -> None:
        an_opportunity(wizard)
        a_deal(wizard)
        await recommended(wizard, ada)
        await choose(ada, how__any="make")
        await review.wait(wizard.interlock, wizard.setup_id)
        shown = (await ada.get(REVIEW)).page.text
        assert f"the pipeline {OWN} is made in HubSpot, with the stages Prospecting, Qualification" in shown
        assert "Deals in Sales Pipeline of HubSpot do not sync (1 deal)." in shown
        assert made(wizard) == []
        await begun(wizard)
        assert made(wizard) == [OWN]
        assert stages(wizard) == {
            "From HubSpot": ("Appointment Scheduled", None),
            "From Salesforce": ("Prospecting", "Prospecting"),
        }
        assert await issues_of_deals(wizard) == []
        async with wizard.store.read(None) as tx:
            assert "pipeline_made" in {each.action for each in await deeds.list_(tx, None, 1000)}

    async def test_what_hubspot_refuses_is_said_loses_nothing_and_is_tried_again(
        self, wizard: Wizard, ada: Person
    ) -> None:
        an_opportunity(wizard)
        await recommended(wizard, ada)
        await choose(ada, how__any="make")
        refusal = {"match": {"method": "POST", "path_prefix": "/crm/pipelines"}, "kind": "status", "status": 403}
        wizard.hubspot.faults.add(refusal)
        run = await wizard.end("all")
        assert run.state == "failed"
        assert f"HubSpot did not let the pipeline {OWN} get what was chosen" in run.message
        assert "choose otherwise in the step Pipelines" in run.fix
        assert (await wizard.connection()).begun_at_us is None
        assert (await form(ada))["how:any"] == "make"
        wizard.hubspot.faults.clear()
        await begun(wizard)
        assert made(wizard) == [OWN]

    async def test_a_create_that_was_never_answered_makes_no_second_pipeline(self, wizard: Wizard, ada: Person) -> None:
        await recommended(wizard, ada)
        await choose(ada, how__any="make")
        match = {"method": "POST", "path_prefix": "/crm/pipelines", "times": 1}
        wizard.hubspot.faults.add({"match": match, "kind": "timeout_after"})
        assert (await wizard.end("all")).state == "failed"
        assert made(wizard) == [OWN]
        wizard.hubspot.faults.clear()
        await begun(wizard)
        assert made(wizard) == [OWN]
        assert len(labels(wizard, list(wizard.hubspot.portal.pipelines["deals"].all)[-1])) == 10

    async def test_stages_of_which_one_was_made_before_a_failure_are_completed(
        self, wizard: Wizard, ada: Person
    ) -> None:
        await recommended(wizard, ada)
        match = {"method": "POST", "path_prefix": "/crm/pipelines", "every": 2}
        wizard.hubspot.faults.add({"match": match, "kind": "status", "status": 403})
        assert (await wizard.end("all")).state == "failed"
        assert "Prospecting" in labels(wizard)
        wizard.hubspot.faults.clear()
        await begun(wizard)
        assert sorted(labels(wizard)) == sorted({*labels(wizard)})
        chosen = (await wizard.connection()).settings["pipelines"]["default"]["stages"]
        assert len(chosen) == 10

    async def test_the_step_is_saved_again_with_what_a_failed_finish_has_made(
        self, wizard: Wizard, ada: Person
    ) -> None:
        await recommended(wizard, ada)
        await choose(ada)
        match = {"method": "POST", "path_prefix": "/crm/pipelines", "every": 2}
        wizard.hubspot.faults.add({"match": match, "kind": "status", "status": 403})
        assert (await wizard.end("all")).state == "failed"
        wizard.hubspot.faults.clear()
        await ada.press("/setup/review", "/setup/review/count-again")
        assert (await form(ada))["stage:any:Prospecting"] not in ("", ADD)
        assert (await choose(ada)).to == REVIEW
        await begun(wizard)
        assert sorted(labels(wizard)) == sorted({*labels(wizard)})
        assert len((await wizard.connection()).settings["pipelines"]["default"]["stages"]) == 10

    async def test_an_account_with_room_for_no_pipeline_says_so(
        self, store: Store, clock: Clock, tmp_path: Path
    ) -> None:
        async with a_wizard(store, clock, tmp_path / "small", {"pipelines_max": 1}) as wizard:
            ada = await wizard.person()
            await wizard.signed_in()
            await wizard.install()
            await recommended(wizard, ada)
            await choose(ada, how__any="make")
            run = await wizard.end("none")
            assert run.state == "failed"
            assert "choose otherwise in the step Pipelines" in run.fix
            await choose(ada, how__any="join:default")
            # Its stages were not shown yet.
            shown = await ada.post(HERE, await form(ada) | {"how:any": "join:default", "go": "stages"})
            await ada.post(HERE, shown.page.form(HERE) | shown.page.chosen() | {"go": "next"})
            assert (await wizard.end("none")).state == "done"


class TestRecordTypes:
    @pytest.fixture
    def renewal(self, wizard: Wizard) -> str:
        wizard.production.add_record_type("Opportunity", "New Business")
        process = wizard.production.add_process("Renew", RENEW)
        return wizard.production.add_record_type("Opportunity", "Renewal", process=process)

    async def test_one_pipeline_for_all_of_them_is_recommended_and_leaves_none_out(
        self, wizard: Wizard, ada: Person, renewal: str
    ) -> None:
        an_opportunity(wizard, "Closed Won", "Renewed", RecordTypeId=renewal)
        an_opportunity(wizard)
        shown = await recommended(wizard, ada)
        assert "Opportunities of every record type: the pipeline Sales Pipeline of HubSpot." in shown.page.text
        assert "do not sync" not in shown.page.text.partition("Missing properties")[0]
        await begun(wizard)
        assert stages(wizard) == {
            "From Salesforce": ("Prospecting", "Prospecting"),
            "Renewed": ("Closed Won", "Closed Won"),
        }

    async def test_each_can_have_its_own_be_joined_or_be_left_out(
        self, wizard: Wizard, ada: Person, renewal: str
    ) -> None:
        an_opportunity(wizard, "Closed Won", "Renewed", RecordTypeId=renewal)
        an_opportunity(wizard)
        await recommended(wizard, ada)
        others = [
            name for name in await form(ada) if name.startswith("how:") and name not in ("how:any", f"how:{renewal}")
        ]
        refused = await choose(ada, by="each", **dict.fromkeys(others, "leave"), **{f"how:{renewal}": "leave"})
        assert refused.status == 422
        assert "No pipeline is left that syncs." in refused.page.text
        answer = await choose(ada, by="each", **dict.fromkeys(others, "leave"), **{f"how:{renewal}": "make"})
        assert answer.to == REVIEW
        shown = (await ada.get(REVIEW)).page.text
        assert "Opportunities of the record type Renewal: the pipeline Salesforce - Renewal is made in HubSpot" in shown
        assert "Opportunities of the record type New Business do not sync." in shown
        await begun(wizard)
        assert made(wizard) == ["Salesforce - Renewal"]
        assert stages(wizard)["Renewed"] == ("Closed Won", "Closed Won")
        assert stages(wizard)["From Salesforce"] == (None, "Prospecting")

    async def test_two_record_types_that_are_joined_with_one_pipeline_are_refused_and_none_is_lost(
        self, wizard: Wizard, ada: Person, renewal: str
    ) -> None:
        await recommended(wizard, ada)
        each = [name for name in await form(ada) if name.startswith("how:") and name != "how:any"]
        typed = await form(ada) | {"by": "each"} | dict.fromkeys(each, "join:default")
        shown = await ada.post(HERE, typed | {"go": "stages"})
        refused = await ada.post(HERE, shown.page.form(HERE) | shown.page.chosen() | {"go": "next"})
        assert refused.status == 422
        assert "Two record types are joined with Sales Pipeline" in refused.page.text
        assert not pipelines.values_of(await wizard.setup()).saved


class TestStages:
    async def test_a_stage_is_joined_by_hand_and_the_first_sync_goes_by_it(self, wizard: Wizard, ada: Person) -> None:
        a_deal(wizard)
        await recommended(wizard, ada)
        typed = {"stage:any:Prospecting": "appointmentscheduled", "stage:any:Needs Analysis": ADD}
        assert (await choose(ada, **typed)).to == REVIEW
        await begun(wizard)
        assert stages(wizard) == {"From HubSpot": ("Appointment Scheduled", "Prospecting")}
        assert "Needs Analysis" in labels(wizard)

    @pytest.mark.parametrize(
        ("typed", "reason"),
        [
            (
                {"stage:any:Prospecting": "appointmentscheduled"},
                "Two stages of Salesforce are joined with Appointment Scheduled",
            ),
            ({"stage:any:Prospecting": ""}, "one that is there is left out"),
            ({"stage:any:Closed Won": ADD, "stage:any:Prospecting": "closedwon"}, "has a stage Closed Won already"),
            ({"shown:any": ""}, "The stages of Sales Pipeline were not shown yet."),
            ({"how:any": "join:gone"}, "is not there any more"),
        ],
    )
    async def test_what_cannot_be_is_refused_with_what_was_typed(
        self, wizard: Wizard, ada: Person, typed: dict[str, str], reason: str
    ) -> None:
        await recommended(wizard, ada)
        refused = await choose(ada, **typed)
        assert refused.status == 422
        assert reason in refused.page.text
        assert not pipelines.values_of(await wizard.setup()).saved

    async def test_a_stage_without_counterpart_is_named_with_what_that_means(self, wizard: Wizard, ada: Person) -> None:
        await recommended(wizard, ada)
        typed = await form(ada) | {"stage:any:Needs Analysis": "", "go": "next"}
        del typed["step:any"]
        assert (await ada.post(HERE, typed)).to == REVIEW
        shown = (await ada.get(REVIEW)).page.text
        assert "A deal in one of these stages of Sales Pipeline becomes no opportunity" in shown
        assert "since Sales Pipeline has none for it: Needs Analysis." in shown
        assert "follow Salesforce from then on" not in shown

    async def test_stages_of_another_pipeline_are_shown_before_they_are_chosen(
        self, wizard: Wizard, ada: Person
    ) -> None:
        body = {"label": "Partners", "stages": [{"label": "Prospecting", "metadata": {"probability": "0.1"}}]}
        other = wizard.hubspot.portal.pipelines["deals"].create(body, 0).id
        await recommended(wizard, ada)
        shown = await ada.post(HERE, await form(ada) | {"how:any": f"join:{other}", "go": "stages"})
        filled = shown.page.form(HERE) | shown.page.chosen()
        assert filled["shown:any"] == other
        assert filled["stage:any:Qualification"] == ADD
        assert filled["stage:any:Prospecting"] not in ("", ADD)
        assert (await ada.post(HERE, filled | {"go": "next"})).to == REVIEW
        assert "Deals in Sales Pipeline of HubSpot do not sync (0 deals)." in (await ada.get(REVIEW)).page.text

    async def test_who_leaves_finds_what_was_typed_and_has_still_to_choose(self, wizard: Wizard, ada: Person) -> None:
        await recommended(wizard, ada)
        left = await ada.post(HERE, await form(ada) | {"how:any": "make", "go": "leave"})
        assert left.to == "/?done=setup_left"
        assert path.resume(await wizard.setup()) == pipelines.slug
        page = (await ada.get(HERE)).page
        assert page.chosen()["how:any"] == "make"

    async def test_who_leaves_before_the_stages_of_another_pipeline_were_shown_finds_what_is_suggested_for_it(
        self, wizard: Wizard, ada: Person
    ) -> None:
        body = {"label": "Partners", "stages": [{"label": "Prospecting", "metadata": {"probability": "0.1"}}]}
        other = wizard.hubspot.portal.pipelines["deals"].create(body, 0).id
        await recommended(wizard, ada)
        await ada.post(HERE, await form(ada) | {"how:any": f"join:{other}", "go": "leave"})
        page = (await ada.get(HERE)).page
        filled = page.form(HERE) | page.chosen()
        assert (filled["how:any"], filled["stage:any:Needs Analysis"]) == (f"join:{other}", ADD)

    async def test_stages_shown_for_a_pipeline_that_was_to_be_made_are_added_later_unless_somebody_unticks_it(
        self, wizard: Wizard, ada: Person
    ) -> None:
        await recommended(wizard, ada)
        await choose(ada, how__any="make")
        shown = await ada.post(HERE, await form(ada) | {"how:any": "join:default", "go": "stages"})
        assert (shown.page.form(HERE) | shown.page.chosen()).get("step:any") == "yes"

    async def test_a_pipeline_that_is_gone_begins_nothing_and_no_other_takes_its_place(
        self, wizard: Wizard, ada: Person
    ) -> None:
        there = wizard.hubspot.portal.pipelines["deals"]
        body = {"label": "Partners", "stages": [{"label": "Prospecting", "metadata": {"probability": "0.1"}}]}
        other = there.create(body, 0).id
        await recommended(wizard, ada)
        shown = await ada.post(HERE, await form(ada) | {"how:any": f"join:{other}", "go": "stages"})
        assert (await ada.post(HERE, shown.page.form(HERE) | shown.page.chosen() | {"go": "next"})).to == REVIEW
        del there.all[other]
        await connecting.look_again(wizard.interlock, await wizard.connection())
        assert (
            "The pipeline that was chosen for opportunities is not there any more" in (await ada.get(REVIEW)).page.text
        )
        refused = await ada.finish("none")
        assert refused.status in (404, 422)
        run = await wizard.end("none")
        assert (run.state, (await wizard.connection()).begun_at_us) == ("failed", None)
        assert "choose another in the step Pipelines" in run.fix

    async def test_a_pipeline_that_changed_since_the_review_begins_nothing(self, wizard: Wizard, ada: Person) -> None:
        await recommended(wizard, ada)
        wizard.hubspot.portal.pipelines["deals"].get("default").stages[0].label = "Prospecting"
        refused = await ada.finish("all")
        assert refused.status in (409, 422)
        assert (await finish.standing(wizard.interlock, wizard.setup_id)) is None


async def test_a_trial_makes_the_stages_once_and_the_rest_goes_by_them(wizard: Wizard, ada: Person) -> None:
    an_opportunity(wizard)
    await recommended(wizard, ada)
    assert (await wizard.end("try")).state == "tried"
    before = labels(wizard)
    await wizard.go_on()
    assert (await wizard.finished()).state == "done"
    assert labels(wizard) == before

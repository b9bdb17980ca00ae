"""Pipelines and stages beyond the default ones: their audits, their limits, their order, and what deleting one in use answers.

Sources, unless a test names another: HubSpot's pipelines guide (March 2026) and that of 2026-09 ("What's new in 2026-09").
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

BASE = "/crm/v3/pipelines/deals"
STAGES = [
    {"label": "Open", "metadata": {"probability": "0.5"}, "displayOrder": 0},
    {"label": "Won", "metadata": {"probability": "1.0"}, "displayOrder": 1},
    {"label": "Lost", "metadata": {"probability": "0.0"}, "displayOrder": 2},
]


def renewals(hubspot: Caller) -> Any:
    made = hubspot.post(BASE, {"label": "Renewals", "displayOrder": 1, "stages": STAGES})
    assert made.status == 201
    return made.json


def test_a_stage_of_probability_one_or_nought_is_a_closed_one(hubspot: Caller) -> None:
    """ "0.0 being Closed Lost and 1.0 being Closed Won"."""
    made = renewals(hubspot)
    assert [stage["metadata"]["isClosed"] for stage in made["stages"]] == ["false", "true", "true"]
    won, lost = (hubspot.deal(dealstage=stage["id"], amount="10") for stage in made["stages"][1:])
    assert hubspot.value("deals", won, "hs_is_closed_won") == "true"
    assert hubspot.value("deals", lost, "hs_is_closed_lost") == "true"


@pytest.mark.parametrize("probability", ["1", 1, 1.0])
def test_a_probability_is_a_number_however_it_is_written(hubspot: Caller, probability: Any) -> None:
    stage = hubspot.post(f"{BASE}/default/stages", {"label": "Signed", "metadata": {"probability": probability}}).json
    assert stage["metadata"]["isClosed"] == "true"
    assert hubspot.value("deals", hubspot.deal(dealstage=stage["id"]), "hs_is_closed_won") == "true"


def test_an_account_may_take_probabilities_in_tenths_only() -> None:
    """ "Possible values are between 0.0 and 1.0 in increments of 0.1" (hubspot-sdk, PipelineStage)."""
    strict = Caller(rate_limits=False, stage_probability_step="0.1")
    stages = f"{BASE}/default/stages"
    assert strict.post(stages, {"label": "A", "metadata": {"probability": "0.25"}}).status == 400
    assert strict.post(stages, {"label": "B", "metadata": {"probability": "0.3"}}).status == 201


def test_pipelines_and_stages_are_listed_in_their_order_and_by_label_where_it_is_the_same(hubspot: Caller) -> None:
    for label, order in (("Zeta", 0), ("Alpha", 0), ("First", -1)):
        hubspot.post(BASE, {"label": label, "displayOrder": order, "stages": STAGES})
    listed = [one["label"] for one in hubspot.get(BASE).json["results"]]
    assert listed == ["First", "Alpha", "Sales Pipeline", "Zeta"]
    hubspot.post(f"{BASE}/default/stages", {"label": "Zero", "displayOrder": -1, "metadata": {"probability": "0.1"}})
    assert hubspot.get(f"{BASE}/default/stages").json["results"][0]["label"] == "Zero"


def test_a_put_overwrites_a_stage_and_a_patch_keeps_what_it_leaves_out(hubspot: Caller) -> None:
    stage = f"{BASE}/default/stages/contractsent"
    assert hubspot.patch(stage, {"metadata": {"own": "x"}}).json["metadata"]["probability"] == "0.9"
    assert hubspot.put(stage, {"label": "Contract Sent", "metadata": {"own": "x"}}).status == 400
    put = hubspot.put(stage, {"label": "Signed", "displayOrder": 4, "metadata": {"probability": "1.0"}}).json
    assert put["metadata"] == {"probability": "1.0", "isClosed": "true"}


def test_what_is_refused_of_a_replacement_leaves_the_pipeline_as_it_was(hubspot: Caller) -> None:
    before = hubspot.get(f"{BASE}/default").json
    body = {"label": "New", "displayOrder": 0, "stages": [STAGES[0], {"label": "Bad", "metadata": {}}]}
    assert hubspot.put(f"{BASE}/default", body).status == 400
    assert hubspot.get(f"{BASE}/default").json == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"label": "Sales Pipeline", "displayOrder": 1, "stages": STAGES}, 409),
        ({"label": "Other", "pipelineId": "default", "displayOrder": 1, "stages": STAGES}, 409),
        ({"label": "Other", "displayOrder": 1, "stages": [STAGES[0], STAGES[0]]}, 400),
        ({"displayOrder": 1, "stages": STAGES}, 400),
    ],
)
def test_labels_and_ids_are_unique(hubspot: Caller, body: dict[str, Any], status: int) -> None:
    assert hubspot.post(BASE, body).status == status
    assert len(hubspot.get(BASE).json["results"]) == 1


def test_a_plan_allows_so_many_pipelines_and_a_pipeline_so_many_stages() -> None:
    """Limits tracking tells of pipelines an object; "deal, ticket, and custom object pipelines can have up to 100 stages"."""
    hubspot = Caller(rate_limits=False, pipelines_max=2)
    many = [{"label": f"S{n}", "metadata": {"probability": "0.1"}} for n in range(101)]
    assert hubspot.post(BASE, {"label": "Many", "displayOrder": 1, "stages": many}).status == 400
    assert hubspot.post(BASE, {"label": "Many", "displayOrder": 1, "stages": many[:100]}).status == 201
    assert hubspot.post(BASE, {"label": "More", "displayOrder": 1, "stages": STAGES}).status == 400
    rows = hubspot.get("/crm/v3/limits/pipelines").json["hubspotDefinedObjectTypes"]
    assert {row["objectTypeId"]: (row["usage"], row["limit"]) for row in rows} == {"0-3": (2, 2), "0-5": (1, 2)}


class TestInUse:
    def test_the_refusal_names_stages_and_records_as_the_guide_shows_it(self, hubspot: Caller) -> None:
        made = renewals(hubspot)
        opened, won = made["stages"][0]["id"], made["stages"][1]["id"]
        deals = [hubspot.deal(dealstage=stage) for stage in (opened, won)]
        path = f"{BASE}/{made['id']}?validateReferencesBeforeDelete=true"
        refused = hubspot.call("DELETE", path.partition("?")[0], None, {"validateReferencesBeforeDelete": "true"})
        assert (refused.status, refused.json["subCategory"]) == (400, "PipelineError.STAGE_ID_IN_USE")
        stages, objects = f"[{opened}, {won}]", f"[{', '.join(deals)}]"
        assert refused.json["message"] == f"Stage IDs: {stages} are being referenced by object IDs: {objects}"
        assert refused.json["context"] == {"stageIds": [stages], "objectIds": [objects]}

    @pytest.mark.parametrize(
        ("base", "query", "status"),
        [
            ("/crm/v3/pipelines", {}, 204),
            ("/crm/v3/pipelines", {"validateDealStageUsagesBeforeDelete": "true"}, 400),
            ("/crm/pipelines/2026-03", {}, 204),
            ("/crm/pipelines/2026-09", {}, 400),
            ("/crm/pipelines/2026-09", {"validateDealStageUsagesBeforeDelete": "false"}, 204),
        ],
    )
    def test_from_2026_09_on_it_is_looked_at_unless_that_is_bypassed(
        self, hubspot: Caller, base: str, query: dict[str, str], status: int
    ) -> None:
        deal = hubspot.deal(dealstage="closedwon")
        answer = hubspot.call("DELETE", f"{base}/deals/default/stages/closedwon", None, query)
        assert answer.status == status
        assert hubspot.value("deals", deal, "dealstage") == "closedwon"

    def test_a_replacement_that_takes_a_stage_in_use_away_is_refused_too(self, hubspot: Caller) -> None:
        hubspot.deal(dealstage="closedwon")
        body = {"label": "Sales Pipeline", "displayOrder": 0, "stages": STAGES}
        assert hubspot.put("/crm/pipelines/2026-09/deals/default", body).status == 400
        assert hubspot.put("/crm/pipelines/2026-03/deals/default", body).status == 200

    def test_an_archived_deal_uses_no_stage(self, hubspot: Caller) -> None:
        deal = hubspot.deal(dealstage="closedwon")
        hubspot.delete(f"/crm/v3/objects/deals/{deal}")
        answer = hubspot.call("DELETE", "/crm/pipelines/2026-09/deals/default/stages/closedwon", None, {})
        assert answer.status == 204


class TestAudit:
    def test_changes_are_listed_newest_first_with_who_made_them(self, hubspot: Caller) -> None:
        made = renewals(hubspot)
        hubspot.later(5)
        hubspot.emulator.settings("Sales").rename_pipeline("deals", made["id"], "Renewal")
        update, create = hubspot.get(f"{BASE}/{made['id']}/audit").json["results"]
        admin, sales = hubspot.emulator.users
        assert (create["action"], create["fromUserId"]) == ("CREATE", admin.user_id)
        assert (update["action"], update["fromUserId"], update["message"]) == (
            "UPDATE",
            sales.user_id,
            "Pipeline update",
        )
        assert update["identifier"] == f"{hubspot.emulator.account_id}:{made['id']}"
        assert update["timestamp"] == "2026-09-21T14:13:25Z"
        assert json.loads(update["rawObject"])["label"] == "Renewal"
        assert json.loads(create["rawObject"])["label"] == "Renewals"

    def test_a_stage_has_an_audit_of_its_own_that_outlives_it(self, hubspot: Caller) -> None:
        stage = f"{BASE}/default/stages/contractsent"
        assert hubspot.get(f"{stage}/audit").json["results"] == []
        hubspot.patch(stage, {"label": "Signed", "metadata": {"probability": "0.95"}})
        hubspot.delete(stage)
        told = [one["action"] for one in hubspot.get(f"{stage}/audit").json["results"]]
        assert told == ["DELETE", "UPDATE"]
        assert hubspot.get(f"{BASE}/default/stages/never/audit").status == 404


class TestDeals:
    def test_an_admin_adds_relabels_and_deletes_stages_and_pipelines(self, hubspot: Caller) -> None:
        settings = hubspot.emulator.settings()
        pipeline = settings.add_pipeline("deals", "Salesforce - Default pipeline", [])
        stage = settings.add_stage("deals", pipeline, "Prospecting", probability="0.1")
        deal = hubspot.deal(dealstage=stage)
        settings.change_stage("deals", pipeline, stage, label="Prospect")
        assert hubspot.get(f"{BASE}/{pipeline}/stages/{stage}").json["label"] == "Prospect"
        settings.delete_stage("deals", pipeline, stage)
        body = {"properties": {"dealstage": stage}}
        assert hubspot.patch(f"/crm/v3/objects/deals/{deal}", body).status == 400
        settings.delete_pipeline("deals", pipeline)
        assert hubspot.get(f"{BASE}/{pipeline}").status == 404
        assert hubspot.value("deals", deal, "pipeline") == pipeline

    @pytest.mark.parametrize(
        ("properties", "pipeline"),
        [
            ({"dealstage": "renewal-open"}, "renewals"),
            ({"pipeline": "renewals", "dealstage": "renewal-open"}, "renewals"),
            ({"pipeline": "default", "dealstage": "renewal-open"}, None),
            ({"pipeline": "renewals", "dealstage": "closedwon"}, None),
            ({"pipeline": "gone", "dealstage": "closedwon"}, None),
        ],
    )
    def test_a_stage_must_be_one_of_its_pipeline(
        self, hubspot: Caller, properties: dict[str, str], pipeline: str | None
    ) -> None:
        stages = [{"stageId": "renewal-open", "label": "Open", "metadata": {"probability": "0.5"}}]
        hubspot.post(BASE, {"pipelineId": "renewals", "label": "Renewals", "displayOrder": 1, "stages": stages})
        deal = hubspot.deal(dealstage="contractsent")
        answer = hubspot.patch(f"/crm/v3/objects/deals/{deal}", {"properties": properties})
        assert answer.status == (400 if pipeline is None else 200)
        assert hubspot.value("deals", deal, "pipeline") == (pipeline or "default")

    def test_an_account_may_set_the_close_date_of_a_deal_that_is_closed(self) -> None:
        """`autoCloseDateEnabled` is true of the pipeline in the guide's audit; that it holds for apps is not documented."""
        hubspot = Caller(rate_limits=False, closing_sets_close_date=True)
        deal = hubspot.deal(dealstage="contractsent", closedate="2026-12-31")
        hubspot.later(5)
        hubspot.patch(f"/crm/v3/objects/deals/{deal}", {"properties": {"dealstage": "closedwon"}})
        assert hubspot.value("deals", deal, "closedate") == "2026-09-21T14:13:25Z"
        hubspot.later(5)
        hubspot.patch(f"/crm/v3/objects/deals/{deal}", {"properties": {"dealstage": "closedlost"}})
        assert hubspot.value("deals", deal, "closedate") == "2026-09-21T14:13:25Z"
        body = {"properties": {"dealstage": "contractsent", "closedate": "2027-01-01"}}
        hubspot.patch(f"/crm/v3/objects/deals/{deal}", body)
        assert hubspot.value("deals", deal, "closedate") == "2027-01-01T00:00:00Z"

"""The Salesforce emulator against recorded answers of real orgs: what a recording contradicts is a defect of ours.

A recorded session is replayed call by call. Ids and times differ by nature; statuses, keys, values, counts, codes and
messages must not. Real orgs of today send more than that of 2021, so extra keys of ours are allowed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.emulator.salesforce.calls import Answer, Caller

RECORDED = Path(__file__).parents[1] / "recorded" / "salesforce"
SESSIONS: dict[str, list[dict[str, Any]]] = {}
for _line in (RECORDED / "sessions_2021.jsonl").read_text().splitlines():
    _call = json.loads(_line)
    SESSIONS.setdefault(_call["session"], []).append(_call)
DESCRIBES: dict[str, Any] = json.loads((RECORDED / "describes.json").read_text())
ANSWERS: dict[str, Any] = json.loads((RECORDED / "answers.json").read_text())
ID = re.compile(r"\b(?:00[0-9A-Za-z]|701)4S[0-9A-Za-z]{13}\b")
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.000\+0000\Z")
# When the caller last looked at a row. The emulator keeps no views and gives the row's last write.
VIEWED = ("LastViewedDate", "LastReferencedDate")
# The org's own fields: (object, name, type, settings), from its describes.
CUSTOM: list[tuple[str, str, str, dict[str, Any]]] = [
    ("Account", "email_field__c", "Email", {"label": "email_field"}),
    ("Account", "Custom_External_ID__c", "Text", {"label": "Custom_External_ID", "length": 100}),
    *[("Account", name, "Text", {}) for name in ("CustomerPriority__c", "SLA__c", "Active__c", "UpsellOpportunity__c")],
    ("Account", "SLASerialNumber__c", "Text", {"length": 10}),
    ("Account", "SLAExpirationDate__c", "Date", {}),
    *[("Account", name, "Number", {}) for name in ("NumberofLocations__c", "ABM_Rank__c", "ABM_Tier__c")],
    ("Contact", "Custom_External_ID__c", "Text", {"length": 191, "unique": True, "external_id": True}),
    ("Contact", "email_field__c", "Email", {"label": "email field"}),
    *[("Contact", name, "Text", {}) for name in ("Level__c", "Languages__c", "picklist_field__c", "text_field__c")],
    *[("Contact", f"dozisf_zoominfo_{name}__c", "Text", {}) for name in ("company_id", "id")],
    ("Contact", "checkbox_field__c", "Checkbox", {}),
    ("Contact", "datetime_field__c", "DateTime", {}),
    ("Contact", "date_field__c", "Date", {}),
    ("Contact", "number_field__c", "Number", {}),
    ("Contact", "percent_field__c", "Percent", {}),
    ("Contact", "float_field__c", "Number", {"scale": 2}),
    ("Contact", "currency_field__c", "Currency", {"scale": 2}),
    ("Contact", "phone_field__c", "Phone", {}),
    ("Contact", "url_field__c", "Url", {}),
    ("Contact", "textarea_field__c", "LongTextArea", {"length": 32_768}),
    *[("Lead", f"{name}__c", "Text", {}) for name in ("SICCode", "ProductInterest", "Primary", "CurrentGenerators")],
    ("Lead", "NumberofLocations__c", "Number", {}),
]


class Replay:
    """One recorded session against an org that is set up as that one was."""

    def __init__(self) -> None:
        self.org = Caller()
        self.ids: dict[str, str] = {}  # recorded -> ours
        for sobject, name, type, settings in CUSTOM:
            self.org.emulator.add_custom_field(sobject, name, type, **settings)

    def ours(self, value: Any) -> Any:
        """A recorded value with our ids and version in the place of the recorded ones."""
        text = json.dumps(value)
        for recorded in set(ID.findall(text)):
            if recorded in self.ids:
                text = text.replace(recorded, self.ids[recorded])
        return json.loads(text.replace("/v42.0/", "/v67.0/"))

    def call(self, recorded: dict[str, Any]) -> Answer:
        self.catch_up(recorded)
        path, query = self.ours(recorded["path"]), self.ours(recorded["query"])
        return self.org.call(recorded["method"], path, self.ours(recorded["request"]), query=query)

    def catch_up(self, recorded: dict[str, Any]) -> None:
        """What happened between the recorded calls: somebody looked for a lead's contact, and it was there."""
        self._learn_user(recorded["response"])
        if recorded["request"] is not None:
            return
        unknown = sorted(set(ID.findall(json.dumps(recorded["response"]))) - set(self.ids))
        if unknown and unknown[-1].startswith("003"):
            [lead] = [ours for known, ours in self.ids.items() if known.startswith("00Q") and self._is_open(ours)]
            done = self.org.emulator.user("Integration User").convert_lead(lead)
            self.ids[unknown[-1]] = done.contact_id
            self.account = done.account_id
        elif unknown and unknown[-1].startswith("001"):
            self.ids[unknown[-1]] = self.account

    def _is_open(self, lead: str) -> bool:
        row = self.org.user.get("Lead", lead)
        return not row["IsDeleted"] and not row["IsConverted"]

    def _learn_user(self, response: Any) -> None:
        for id in ID.findall(json.dumps(response)):
            if id.startswith("005"):
                self.ids[id] = self.org.emulator.users[0].id

    def learn(self, recorded: dict[str, Any], answer: Answer) -> None:
        """Which of our ids stands for which recorded one, from what a create gave back."""
        if recorded["method"] == "POST":
            theirs = recorded["response"] if isinstance(recorded["response"], list) else [recorded["response"]]
            mine = answer.json if isinstance(answer.json, list) else [answer.json]
            for one, own in zip(theirs, mine, strict=True):
                if "id" in one:
                    self.ids[one["id"]] = own["id"]


@pytest.mark.parametrize("session", sorted(SESSIONS))
def test_a_recorded_session_is_answered_as_it_was(session: str) -> None:
    replay = Replay()
    for number, recorded in enumerate(SESSIONS[session]):
        where = f"{session}, call {number}: {recorded['method']} {recorded['path']} {recorded['query']}"
        answer = replay.call(recorded)
        assert answer.status == recorded["status"], (where, answer.body)
        replay.learn(recorded, answer)
        expected = replay.ours(recorded["response"])
        got = answer.json
        if "q" in recorded["query"]:  # none of the queries has an ORDER BY, and their rows came in any order
            for rows in (expected, got):
                rows["records"].sort(key=lambda row: str(row["attributes"]["url"]))
        check(where, expected, got)
        for name in ("Location", "ETag", "Last-Modified"):
            assert (name in recorded["headers"]) == (name.lower() in answer.headers), (where, name)


def check(where: str, expected: Any, got: Any) -> None:
    if isinstance(expected, dict):
        assert set(expected) <= set(got), (where, sorted(set(expected) - set(got)))
        for name, value in expected.items():
            if name not in VIEWED:
                check(f"{where}, {name}", value, got[name])
    elif isinstance(expected, list):
        assert len(expected) == len(got), (where, expected, got)
        for one, own in zip(expected, got, strict=True):
            check(where, one, own)
    elif isinstance(expected, str) and MOMENT.match(expected):
        assert MOMENT.match(got), (where, got)
    elif isinstance(expected, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", expected) and got is not None:
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", got), (where, got)
    else:
        assert (type(got), got) == (type(expected), expected), where


def test_the_headers_of_an_answer_are_the_recorded_ones() -> None:
    recorded = next(iter(SESSIONS.values()))[0]
    headers = Replay().call(recorded).headers
    for name, value in recorded["headers"].items():
        if name == "Sforce-Limit-Info":
            assert re.fullmatch(r"api-usage=\d+/15000", value)
            assert re.fullmatch(r"api-usage=\d+/15000", headers[name.lower()])
        elif name != "Transfer-Encoding":
            assert headers[name.lower()] == value


class TestDescribes:
    @pytest.mark.parametrize("name", sorted(DESCRIBES))
    def test_the_standard_fields_are_the_recorded_ones(self, name: str) -> None:
        recorded = DESCRIBES[name]
        shown = Caller().call("GET", f"/sobjects/{name}/describe").json
        assert set(recorded["top"]) <= set(shown)
        for key in ("keyPrefix", "label", "labelPlural"):
            assert shown[key] == recorded[key]
        assert set(recorded["names"]) <= {field["name"] for field in shown["fields"]}

    @pytest.mark.parametrize("name", sorted(DESCRIBES))
    def test_fields_are_described_as_recorded(self, name: str) -> None:
        shown = Caller().call("GET", f"/sobjects/{name}/describe").json
        fields = {field["name"]: field for field in shown["fields"]}
        for recorded in DESCRIBES[name]["fields"]:
            mine = fields[recorded["name"]]
            differing = {key for key, value in recorded.items() if mine[key] != value}
            assert differing == set(), (recorded["name"], {key: (recorded[key], mine[key]) for key in differing})

    @pytest.mark.parametrize("name", sorted(DESCRIBES))
    def test_children_hang_on_as_recorded(self, name: str) -> None:
        shown = Caller().call("GET", f"/sobjects/{name}/describe").json["childRelationships"]
        mine = {
            (child["childSObject"], child["field"]): (child["relationshipName"], child["cascadeDelete"])
            for child in shown
        }
        for child, field, relationship, cascade, _ in DESCRIBES[name]["children"]:
            assert mine[child, field] == (relationship, cascade)

    def test_an_entry_of_the_global_describe_has_the_recorded_keys_and_flags(self) -> None:
        shown = Caller().call("GET", "/sobjects").json
        assert sorted(shown) == ANSWERS["global_top"]
        [mine] = [entry for entry in shown["sobjects"] if entry["name"] == "Account"]
        recorded = ANSWERS["global_entry"]
        assert set(recorded) <= set(mine)
        assert {key: mine[key] for key in recorded if key != "urls"} == {
            key: value for key, value in recorded.items() if key != "urls"
        }
        assert set(recorded["urls"]) <= set(mine["urls"])


class TestSmallAnswers:
    def test_versions_are_entries_of_label_url_and_version(self) -> None:
        org = Caller()
        org.token = ""
        for entry in org.call("GET", "/services/data").json:
            assert set(entry) == set(ANSWERS["versions"][0])

    def test_errors_are_word_for_word_as_recorded(self) -> None:
        org = Caller()
        org.emulator.add_custom_field("Account", "Key__c", external_id=True)
        row = "/sobjects/Account/23foo"
        assert org.call("GET", row).json == ANSWERS["find_error"]
        upsert = org.call("PATCH", "/sobjects/Account/Namez/x", {"Name": "A"})
        assert upsert.json == ANSWERS["upsert_error"]
        written = org.call("POST", "/sobjects/Account", {"Name": "A", "foo": "x"}).json
        assert written == json.loads(json.dumps(ANSWERS["write_error"]).replace("Bar", "Account"))
        assert org.call("GET", "/sobjects/Whizbang/describe").json == ANSWERS["describe_error"]
        org.token = "old"
        assert org.call("GET", row).json == ANSWERS["expired_session"]

    def test_several_matches_are_a_list_of_addresses(self) -> None:
        org = Caller()
        org.emulator.add_custom_field("Account", "Key__c", external_id=True)
        ids = [org.create("Account", Name="A", Key__c="k") for _ in ANSWERS["upsert_choices"]]
        answer = org.call("PATCH", "/sobjects/Account/Key__c/k", {"Name": "B"})
        assert answer.status == 300
        assert answer.json == [f"/services/data/v67.0/sobjects/Account/{id}" for id in ids]

    def test_a_rolled_back_composite_reads_as_recorded(self) -> None:
        org = Caller()
        org.emulator.add_custom_field("Account", "Key__c", external_id=True)
        recorded = ANSWERS["composite"]["compositeResponse"]
        url = "/services/data/v67.0/sobjects/Contact"
        parts = [
            {"referenceId": recorded[0]["referenceId"], "method": "POST", "url": url, "body": {"LastName": "A"}},
            {
                "referenceId": recorded[1]["referenceId"],
                "method": "POST",
                "url": url,
                "body": {"LastName": "B", "Account": {"Key__c": "0116"}},
            },
        ]
        answer = org.call("POST", "/composite", {"allOrNone": True, "compositeRequest": parts})
        text = json.dumps(recorded).replace("Invoice_External_Id__c", "Key__c").replace("blng__Invoice__c", "Account")
        assert answer.json["compositeResponse"] == json.loads(text)

    def test_replication_answers_have_the_recorded_form(self) -> None:
        org = Caller()
        kept, gone = (org.create("Contact", LastName=name) for name in "AB")
        org.user.delete("Contact", gone)
        org.pass_seconds(60)
        span = {"start": "2026-05-28T20:00:00+00:00", "end": "2026-05-28T21:00:00+00:00"}
        updated = org.call("GET", "/sobjects/Contact/updated/", query=span).json
        assert set(updated) == set(ANSWERS["get_updated"])
        assert updated["ids"] == [kept]
        deleted = org.call("GET", "/sobjects/Contact/deleted/", query=span).json
        assert set(deleted) == set(ANSWERS["get_deleted"])
        assert set(deleted["deletedRecords"][0]) == set(ANSWERS["get_deleted"]["deletedRecords"][0])
        for name in ("earliestDateAvailable", "latestDateCovered"):
            assert MOMENT.match(deleted[name])
            assert MOMENT.match(ANSWERS["get_deleted"][name])

    def test_groups_are_rows_of_aggregate_results(self) -> None:
        org = Caller()
        campaign = org.create("Campaign", Name="C")
        for amount, of in ((300, campaign), (400, None)):
            org.create("Opportunity", Name="D", StageName="S", CloseDate="2026-06-01", Amount=amount, CampaignId=of)
        soql = "SELECT CampaignId, SUM(Amount) FROM Opportunity GROUP BY CampaignId ORDER BY CampaignId NULLS LAST"
        mine = org.call("GET", "/query", query={"q": soql}).json
        recorded = ANSWERS["aggregate"]["records"]
        expected = [{**recorded[0], "CampaignId": campaign}, recorded[2]]
        assert mine == {"totalSize": 2, "done": True, "records": expected}

    def test_limits_bear_the_recorded_names(self) -> None:
        mine = Caller().call("GET", "/limits").json
        assert set(mine) & set(ANSWERS["limits"]) >= {"DailyApiRequests", "DataStorageMB", "DailyStreamingApiEvents"}
        assert all(set(one) == {"Max", "Remaining"} for one in mine.values())

    def test_a_granted_token_has_the_recorded_parts(self) -> None:
        org = Caller()
        form = {"grant_type": "client_credentials", "client_id": org.emulator.client_id}
        raw = urlencode({**form, "client_secret": org.emulator.client_secret}).encode()
        granted = org.call("POST", "/services/oauth2/token", raw=raw).json
        assert set(ANSWERS["auth_success"]) <= set(granted)
        assert granted["access_token"].split("!")[0] == org.emulator.org_id[:15]
        refused = org.call(
            "POST", "/services/oauth2/token", raw=urlencode({**form, "grant_type": "refresh_token"}).encode()
        )
        assert (refused.status, refused.json) == (400, ANSWERS["refresh_error"])

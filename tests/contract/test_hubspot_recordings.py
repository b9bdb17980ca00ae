"""The HubSpot emulator against recorded answers of the real one: what a recording contradicts is a defect of ours.

A recorded session is replayed call by call. Ids and dates differ by nature; statuses, keys, values, counts, messages
and rate headers must not. The real one of 2026 sends more than that of 2022, so extra keys of ours are allowed.
"""

from __future__ import annotations

import json
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from tests.emulator.hubspot.calls import Answer, Caller

RECORDED = Path(__file__).parents[1] / "recorded" / "hubspot"
SESSIONS: dict[str, list[dict[str, Any]]] = {}
for _line in (RECORDED / "objects_2022.jsonl").read_text().splitlines():
    _call = json.loads(_line)
    SESSIONS.setdefault(_call["file"].removesuffix(".js"), []).append(_call)
# The real account was read and written between the recorded calls too; what those calls left behind is set up here.
KEY = {"CONTACT": "email", "COMPANY": "domain", "2-3604285": "grouparoo_object_property"}
DATES = ("createdate", "lastmodifieddate", "hs_createdate", "hs_lastmodifieddate")


def text(name: str, type: str = "string", field: str = "text") -> dict[str, Any]:
    return {"name": name, "label": name, "type": type, "fieldType": field}


class Replay:
    """One recorded session against a fresh account of that time: a free portal with an API key."""

    def __init__(self) -> None:
        self.hubspot = Caller(burst_limit=100, daily_limit=250_000, search_per_second=5)
        self.ids: dict[str, str] = {}  # recorded -> ours
        contacts = self.hubspot.emulator.portal.table("contacts").schema
        for body in (text("text_field"), text("number_field", "number", "number"), text("date_field", "date", "date")):
            contacts.create({**body, "groupName": "contactinformation"}, 0, None)
        names = ("grouparoo_object_property", "email", "first_name", "last_name", "text_field", "number_field")
        self.hubspot.emulator.define_object("grouparoo_object", [text(name) for name in names])

    def call(self, recorded: dict[str, Any]) -> Answer:
        self.hubspot.now_us = int(parsedate_to_datetime(recorded["headers"]["Date"]).timestamp() * 1_000_000)
        self._set_up(recorded)
        body = recorded["request"]
        for one in body.get("inputs", ()):
            if "id" in one:
                one["id"] = self.ids[one["id"]]
        return self.hubspot.call(recorded["method"], recorded["path"], body, {})

    def _set_up(self, recorded: dict[str, Any]) -> None:
        """Makes the records that the recording knows and no recorded call has made; archives what it had archived."""
        type_name = recorded["path"].split("/")[4]
        user = self.hubspot.emulator.user()
        known = {row["id"]: row["properties"] for row in _rows(recorded)}
        if recorded["path"].endswith("/batch/create"):
            for properties in known.values():
                held = self._find(type_name, properties[KEY[type_name]])
                if held is not None:
                    user.archive(type_name, held)
        else:
            named = [one["id"] for one in recorded["request"].get("inputs", ()) if "id" in one]
            for id in dict.fromkeys([*known, *named]):
                if id not in self.ids:
                    key = known.get(id, {}).get(KEY[type_name], f"{id}@before.example.com")
                    held = self._find(type_name, key)
                    self.ids[id] = held or user.create(type_name, {KEY[type_name]: key})

    def _find(self, type_name: str, key: str) -> str | None:
        user = self.hubspot.emulator.user()
        return next((id for id in user.ids(type_name) if user.get(type_name, id).get(KEY[type_name]) == key), None)

    def learn(self, recorded: dict[str, Any], answer: Answer) -> None:
        name = KEY[recorded["path"].split("/")[4]]
        if recorded["path"].endswith("/batch/create"):
            ours = {row["properties"][name]: row["id"] for row in answer.json["results"]}
            for row in _rows(recorded):
                self.ids[row["id"]] = ours[row["properties"][name]]


def _rows(recorded: dict[str, Any]) -> list[dict[str, Any]]:
    response = recorded["response"]
    return response.get("results", []) if isinstance(response, dict) else []


@pytest.mark.parametrize("session", sorted(SESSIONS))
def test_a_recorded_session_is_answered_as_it_was(session: str) -> None:
    replay = Replay()
    for recorded in SESSIONS[session]:
        if recorded["status"] == 429:
            continue
        answer = replay.call(json.loads(json.dumps(recorded)))
        where = f"{recorded['file']} call {recorded['seq']}"
        assert answer.status == recorded["status"], (where, answer.body)
        if recorded["status"] == 204:
            assert answer.body == b""
            continue
        replay.learn(recorded, answer)
        assert set(recorded["response"]) <= set(answer.json), where
        check_rows(where, recorded, answer, replay.ids)


def check_rows(where: str, recorded: dict[str, Any], answer: Answer, ids: dict[str, str]) -> None:
    ours = {row["id"]: row for row in answer.json["results"]}
    for row in _rows(recorded):
        mine = ours[ids[row["id"]]]
        assert set(row) <= set(mine), where
        assert set(row["properties"]) <= set(mine["properties"]), (where, row["properties"], mine["properties"])
        for name, value in row["properties"].items():
            own = mine["properties"][name]
            if name in DATES:
                assert is_instant(own), (where, name, own)
            elif name in ("hs_object_id", "hs_all_contact_vids"):
                assert own == ids[value], (where, name)
            elif recorded["path"].endswith("/search") and name not in KEY.values():
                assert type(own) in (str, type(None)), (where, name)
            else:
                assert own == value, (where, name)


def is_instant(value: str) -> bool:
    return value.endswith("Z") and datetime.fromisoformat(value) is not None


@pytest.mark.parametrize("suffix", ["batch/create", "batch/update", "batch/archive", "search"])
def test_rate_headers_are_those_of_the_recording(suffix: str) -> None:
    recorded = [
        call
        for calls in SESSIONS.values()
        for call in calls
        if call["path"].endswith(suffix) and call["status"] < 300 and has_daily(call)
    ]
    assert recorded
    answer = Replay().call(json.loads(json.dumps(recorded[0])))
    for call in recorded:
        names = {name.lower() for name in call["headers"] if "RateLimit" in name}
        assert names == {name for name in answer.headers if "ratelimit" in name}
    shared = ("x-hubspot-ratelimit-max", "x-hubspot-ratelimit-secondly", "x-hubspot-ratelimit-interval-milliseconds")
    values = {name.lower(): value for name, value in recorded[0]["headers"].items()}
    assert {name: answer.headers.get(name) for name in shared} == {name: values.get(name) for name in shared}


def has_daily(call: dict[str, Any]) -> bool:
    """Recorded with an API key; calls of OAuth apps carry no daily headers."""
    return "X-HubSpot-RateLimit-Daily" in call["headers"]


def test_the_search_limit_answers_word_for_word_as_recorded() -> None:
    recorded = next(call for calls in SESSIONS.values() for call in calls if call["status"] == 429)
    replay = Replay()
    answers = [replay.call(json.loads(json.dumps(recorded))) for _ in range(6)]
    refused = answers[-1]
    expected = {**recorded["response"], "correlationId": refused.json["correlationId"]}
    assert (refused.status, refused.json) == (429, expected)
    names = {name.lower() for name in recorded["headers"] if "RateLimit" in name}
    assert names == {name for name in refused.headers if "ratelimit" in name}


def test_a_search_right_after_an_archive_counts_what_it_does_not_return() -> None:
    archive, search = SESSIONS["export-objects__export-records-contact"][1:3]
    assert (search["response"]["total"], search["response"]["results"]) == (1, [])
    hubspot = Caller(search_lag_ms=1_000)
    id = hubspot.contact(email="grouparoo@demo.com")
    hubspot.later(5)
    assert hubspot.post(archive["path"], {"inputs": [{"id": id}]}).status == archive["status"]
    assert hubspot.post(search["path"], search["request"]).json == search["response"]


def test_validation_errors_name_code_and_message_as_recorded() -> None:
    for recorded in json.loads((RECORDED / "legacy_v1_2022.json").read_text())["validation"]:
        properties = {one["property"]: one["value"] for one in recorded["request"]["properties"]}
        answer = Caller().post("/crm/v3/objects/contacts", {"properties": properties})
        assert answer.status == recorded["status"]
        ours = [{**one} for one in json.loads(answer.json["message"].partition(": ")[2])]
        for one in recorded["response"]["validationResults"]:
            assert one.items() <= ours[0].items()


def test_account_details_have_the_recorded_keys() -> None:
    recorded = json.loads((RECORDED / "legacy_v1_2022.json").read_text())["me"]
    answer = Caller(time_zone="America/New_York").get("/integrations/v1/me").json
    assert {name: type(value) for name, value in answer.items()} == {
        name: type(value) for name, value in recorded.items()
    }


def test_the_schema_of_contacts_is_the_recorded_one() -> None:
    recorded = json.loads((RECORDED / "schemas_2022.json").read_text())["contact"]
    for path in ("/crm/v3/schemas/CONTACT", "/crm-object-schemas/v3/schemas/0-1"):
        ours = Caller().get(path).json
        assert set(recorded) <= set(ours)
        for name in (
            "objectTypeId",
            "fullyQualifiedName",
            "metaType",
            "labels",
            "primaryDisplayProperty",
            "id",
            "name",
        ):
            assert ours[name] == recorded[name], name
        definitions = {one["name"]: one for one in ours["properties"]}
        for one in recorded["properties"]:
            check_definition(one, definitions[one["name"]])
        types = {(a["fromObjectTypeId"], a["toObjectTypeId"], a["id"]): a for a in ours["associations"]}
        for association in recorded["associations"]:
            key = tuple(association[name] for name in ("fromObjectTypeId", "toObjectTypeId", "id"))
            assert set(association) == set(types[key])
            assert types[key]["name"] == association["name"]
            assert types[key]["cardinality"] == association["cardinality"]


def test_the_schema_of_a_custom_object_is_the_recorded_one() -> None:
    recorded = json.loads((RECORDED / "schemas_2022.json").read_text())["custom"]
    own = [one for one in recorded["properties"] if not one.get("hubspotDefined")]
    bodies = [{name: one[name] for name in ("name", "label", "type", "fieldType")} for one in own]
    hubspot = Caller()
    type_id = hubspot.emulator.define_object("grouparoo_object", bodies, recorded["requiredProperties"])
    ours = hubspot.get(f"/crm/v3/schemas/{type_id}").json
    assert set(recorded) <= set(ours)
    assert ours["requiredProperties"] == recorded["requiredProperties"]
    assert ours["metaType"] == recorded["metaType"]
    definitions = {one["name"]: one for one in ours["properties"]}
    for one in recorded["properties"]:
        if one["name"] != "hs_all_assigned_business_unit_ids":  # of an add-on
            check_definition(one, definitions[one["name"]], but=("description", "label", "hidden", "formField"))


def check_definition(recorded: dict[str, Any], ours: dict[str, Any], but: tuple[str, ...] = ()) -> None:
    when_and_who = ("createdAt", "updatedAt", "createdUserId", "updatedUserId")
    for name, value in recorded.items():
        if name not in (*when_and_who, *but, "options", "modificationMetadata"):
            assert ours[name] == value, (recorded["name"], name)
    assert recorded["modificationMetadata"].items() <= ours["modificationMetadata"].items()
    values = [(option["label"], option["value"], option["hidden"]) for option in recorded["options"]]
    assert [(option["label"], option["value"], option["hidden"]) for option in ours["options"]] == values
    assert all(
        set(option) <= {*ours_option, "description"}
        for option, ours_option in zip(recorded["options"], ours["options"], strict=True)
    )


@pytest.mark.parametrize("type", ["contacts", "companies", "deals", "tickets"])
def test_a_list_without_named_properties_returns_the_recorded_ones(type: str) -> None:
    recorded = json.loads((RECORDED / "lists_2023.json").read_text())[f"mock_{type}_data"]["results"]
    hubspot = Caller()
    hubspot.emulator.control_reset("sample")
    if type == "tickets":  # the one object without a sample
        names = ("subject", "content", "hs_pipeline", "hs_pipeline_stage", "hs_ticket_priority")
        rows = [{name: row["properties"][name] for name in names} for row in recorded]
        hubspot.emulator.seed({"tickets": rows})
    ours = hubspot.get(f"/crm/v3/objects/{type}").json["results"]
    assert len(ours) == len(recorded)
    for row, mine in zip(recorded, ours, strict=True):
        assert set(row) <= set(mine)
        assert list(row["properties"]) == list(mine["properties"])
        for name, value in row["properties"].items():
            if name not in (*DATES, "hs_object_id"):
                assert mine["properties"][name] == value


def test_history_has_the_recorded_shape_newest_first() -> None:
    recorded = json.loads((RECORDED / "lists_2023.json").read_text())["contact_with_history"]
    hubspot = Caller()
    names = ["city", "company", "createdate", "address"]
    id = hubspot.contact(city="Brisbane", company="HubSpot", firstname="Maria")
    mine = hubspot.get(f"/crm/v3/objects/contacts/{id}", propertiesWithHistory=names).json
    assert set(mine["propertiesWithHistory"]) == {"city", "company", "createdate"}
    for name in ("city", "company"):
        [version], [own] = recorded["propertiesWithHistory"][name], mine["propertiesWithHistory"][name]
        assert set(version) <= set(own)
        assert own["value"] == version["value"]
    assert recorded["properties"]["address"] is mine["properties"]["address"] is None

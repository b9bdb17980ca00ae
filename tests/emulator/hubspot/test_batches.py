"""Batches: partial answers, missing ids, twins, limits, and results that are not in the order of their inputs."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

BATCH = "/crm/v3/objects/contacts/batch"


def inputs(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": list(rows)}


def people(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"properties": {"email": f"p{number}@example.com", "firstname": f"P{number}"}, **more}
        for number in range(count)
    ]


def test_results_come_in_another_order_than_the_inputs_and_always_in_the_same_one(hubspot: Caller) -> None:
    made = hubspot.post(f"{BATCH}/create", {"inputs": people(20)})
    assert made.status == 201
    emails = [result["properties"]["email"] for result in made.json["results"]]
    assert sorted(emails) == sorted(f"p{number}@example.com" for number in range(20))
    assert emails != [f"p{number}@example.com" for number in range(20)]
    wanted = [{"id": id} for id in hubspot.emulator.user().ids("contacts")]
    read = [hubspot.post(f"{BATCH}/read", {"inputs": wanted, "properties": []}).ids for _ in range(2)]
    assert read[0] == read[1] == made.ids


def test_missing_ids_make_a_read_partial_and_are_listed_together(hubspot: Caller) -> None:
    id = hubspot.contact(email="ada@example.com")
    read = hubspot.post(f"{BATCH}/read", {"properties": ["email"], "inputs": [{"id": "9"}, {"id": id}, {"id": "x"}]})
    assert read.status == 207
    assert read.ids == [id]
    assert read.json["numErrors"] == 1
    assert read.json["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert read.json["errors"][0]["context"]["ids"] == ["9", "x"]


def test_an_account_may_leave_missing_ids_out_without_a_word() -> None:
    hubspot = Caller(rate_limits=False, batch_read_names_missing=False)
    id = hubspot.contact(email="ada@example.com")
    read = hubspot.post(f"{BATCH}/read", {"properties": [], "inputs": [{"id": "9"}, {"id": id}]})
    assert (read.status, read.ids, "errors" in read.json) == (200, [id], False)


def test_a_read_by_email_finds_additional_addresses_too(hubspot: Caller) -> None:
    first, second = hubspot.contact(email="ada@example.com"), hubspot.contact(email="lovelace@example.com")
    hubspot.emulator.user().merge("contacts", first, second)
    body = {"idProperty": "email", "properties": ["email"], "inputs": [{"id": "Lovelace@example.com"}]}
    assert hubspot.post(f"{BATCH}/read", body).ids == [first]


def test_archived_records_are_read_in_batches_when_asked_for(hubspot: Caller) -> None:
    id, other = hubspot.contact(email="ada@example.com"), hubspot.contact(email="grace@example.com")
    hubspot.delete(f"/crm/v3/objects/contacts/{id}")
    read = hubspot.post(
        f"{BATCH}/read", {"properties": ["email"], **inputs({"id": id}, {"id": other})}, archived="true"
    )
    assert (read.status, read.ids) == (207, [id])
    assert read.json["results"][0]["archived"] is True


@pytest.mark.parametrize(
    ("count", "history", "status"), [(100, [], 200), (101, [], 400), (50, ["email"], 200), (51, ["email"], 400)]
)
def test_a_read_takes_a_hundred_ids_and_fifty_with_history(
    hubspot: Caller, count: int, history: list[str], status: int
) -> None:
    hubspot.emulator.seed({"contacts": [{"firstname": f"c{number}"} for number in range(101)]})
    wanted = [{"id": id} for id in hubspot.emulator.user().ids("contacts")[:count]]
    read = hubspot.post(f"{BATCH}/read", {"properties": ["email"], "propertiesWithHistory": history, "inputs": wanted})
    assert read.status == status
    if status == 400 and history:
        assert "property histories is 50" in read.json["message"]


def test_without_trace_ids_one_bad_input_fails_the_whole_create(hubspot: Caller) -> None:
    rows = [*people(2), {"properties": {"email": "000"}}]
    refused = hubspot.post(f"{BATCH}/create", {"inputs": rows})
    assert refused.status == 400
    assert hubspot.emulator.user().ids("contacts") == []


def test_with_a_trace_id_on_every_input_the_others_are_created(hubspot: Caller) -> None:
    rows = [{**row, "objectWriteTraceId": f"t{number}"} for number, row in enumerate(people(2))]
    rows.append({"properties": {"email": "000"}, "objectWriteTraceId": "bad"})
    made = hubspot.post(f"{BATCH}/create", {"inputs": rows})
    assert made.status == 207
    assert {result["objectWriteTraceId"] for result in made.json["results"]} == {"t0", "t1"}
    assert [error["context"]["objectWriteTraceId"] for error in made.json["errors"]] == [["bad"]]


def test_a_known_email_fails_the_whole_create_with_a_conflict(hubspot: Caller) -> None:
    id = hubspot.contact(email="p1@example.com")
    refused = hubspot.post(f"{BATCH}/create", {"inputs": people(3)})
    assert refused.status == 409
    assert refused.json["message"] == f"Contact already exists. Existing ID: {id}"
    assert hubspot.emulator.user().ids("contacts") == [id]


def test_two_inputs_with_one_email_are_a_conflict(hubspot: Caller) -> None:
    assert hubspot.post(f"{BATCH}/create", {"inputs": people(1) + people(1)}).status == 409
    assert hubspot.emulator.user().ids("contacts") == []


def test_an_update_answers_for_every_record_and_lists_the_missing_one(hubspot: Caller) -> None:
    id = hubspot.contact(firstname="Ada")
    rows = inputs({"id": id, "properties": {"city": "Turin"}}, {"id": "9", "properties": {"city": "Rome"}})
    updated = hubspot.post(f"{BATCH}/update", rows)
    assert (updated.status, updated.ids) == (207, [id])
    assert updated.json["errors"][0]["context"]["ids"] == ["9"]
    assert hubspot.value("contacts", id, "city") == "Turin"


def test_a_bad_value_without_trace_ids_leaves_the_whole_update_undone(hubspot: Caller) -> None:
    one, other = hubspot.contact(firstname="a"), hubspot.contact(firstname="b")
    rows = [{"id": one, "properties": {"city": "Turin"}}, {"id": other, "properties": {"email": "000"}}]
    assert hubspot.post(f"{BATCH}/update", {"inputs": rows}).status == 400
    assert hubspot.value("contacts", one, "city") is None
    traced = [{**row, "objectWriteTraceId": str(number)} for number, row in enumerate(rows)]
    assert hubspot.post(f"{BATCH}/update", {"inputs": traced}).status == 207
    assert hubspot.value("contacts", one, "city") == "Turin"


def test_one_record_may_not_be_named_twice_in_an_update(hubspot: Caller) -> None:
    id = hubspot.contact(firstname="Ada")
    rows = inputs({"id": id, "properties": {"city": "a"}}, {"id": id, "properties": {"city": "b"}})
    refused = hubspot.post(f"{BATCH}/update", rows)
    assert refused.status == 400
    assert refused.json["message"] == f"Duplicate IDs found in batch input: [{id}]. IDs must be unique"


def test_two_keys_that_lead_to_one_record_fail_the_whole_call(keyed: Caller) -> None:
    id = keyed.contact(firstname="Ada", salesforce_key="k1")
    rows = inputs(
        {"id": id, "properties": {"city": "a"}, "objectWriteTraceId": "1"},
        {"id": "K1", "idProperty": "salesforce_key", "properties": {"city": "b"}, "objectWriteTraceId": "2"},
    )
    assert keyed.post(f"{BATCH}/update", rows).status == 400
    assert keyed.value("contacts", id, "city") is None


def test_an_upsert_of_one_address_in_two_spellings_fails_as_a_whole(hubspot: Caller) -> None:
    hubspot.contact(email="ada@example.com")
    spellings = ("ada@example.com", "ADA@example.com")
    rows = [{"id": email, "idProperty": "email", "properties": {"city": email[0]}} for email in spellings]
    assert hubspot.post(f"{BATCH}/upsert", {"inputs": rows}).status == 400
    new = [{**row, "id": row["id"].replace("@", "2@")} for row in rows]
    assert hubspot.post(f"{BATCH}/upsert", {"inputs": new}).status == 409
    assert len(hubspot.emulator.user().ids("contacts")) == 1


@pytest.mark.parametrize("name", ["email", "hs_object_id", "firstname"])
def test_an_update_by_a_property_that_is_not_unique_is_refused(hubspot: Caller, name: str) -> None:
    refused = hubspot.post(f"{BATCH}/update", inputs({"id": "x", "idProperty": name, "properties": {"city": "a"}}))
    assert refused.status == 400
    assert refused.json["message"].startswith(f"Unable to perform update/upsert by non-unique 0-1 property {name}")


@pytest.fixture
def keyed(hubspot: Caller) -> Caller:
    """With a unique property of our own."""
    body = {
        "name": "salesforce_key",
        "label": "Key",
        "type": "string",
        "fieldType": "text",
        "groupName": "contactinformation",
        "hasUniqueValue": True,
    }
    assert hubspot.post("/crm/v3/properties/contacts", body).status == 201
    return hubspot


def by_key(key: str, **properties: str) -> dict[str, Any]:
    return {"id": key, "idProperty": "salesforce_key", "properties": {"salesforce_key": key, **properties}}


def test_an_upsert_creates_once_and_updates_from_then_on(keyed: Caller) -> None:
    first = keyed.post(f"{BATCH}/upsert", inputs(by_key("k1", firstname="Ada")))
    again = keyed.post(f"{BATCH}/upsert", inputs(by_key("k1", firstname="Grace"), by_key("k2", firstname="Alan")))
    assert [result["new"] for result in first.json["results"]] == [True]
    assert {result["id"]: result["new"] for result in again.json["results"]}[first.ids[0]] is False
    assert keyed.value("contacts", first.ids[0], "firstname") == "Grace"
    assert len(keyed.emulator.user().ids("contacts")) == 2


def test_an_upsert_writes_its_key_even_when_the_properties_leave_it_out(keyed: Caller) -> None:
    row = {"id": "k1", "idProperty": "salesforce_key", "properties": {"firstname": "Ada"}}
    made = keyed.post(f"{BATCH}/upsert", inputs(row))
    assert keyed.value("contacts", made.ids[0], "salesforce_key") == "k1"


def test_a_value_of_a_unique_property_can_be_held_by_one_record_only(keyed: Caller) -> None:
    keyed.post(f"{BATCH}/upsert", inputs(by_key("k1", firstname="Ada")))
    other = keyed.contact(firstname="Grace")
    refused = keyed.patch(f"/crm/v3/objects/contacts/{other}", {"properties": {"salesforce_key": "k1"}})
    assert refused.status == 400
    assert "already has that value" in refused.json["message"]


def test_two_new_records_of_one_batch_cannot_take_the_same_unique_value(keyed: Caller) -> None:
    rows = [{"properties": {"firstname": name, "salesforce_key": "k1"}} for name in ("Ada", "Grace")]
    assert keyed.post(f"{BATCH}/create", {"inputs": rows}).status == 400
    assert keyed.emulator.user().ids("contacts") == []
    traced = [{**row, "objectWriteTraceId": row["properties"]["firstname"]} for row in rows]
    made = keyed.post(f"{BATCH}/create", {"inputs": traced})
    assert (made.status, len(made.ids)) == (207, 1)
    assert made.json["errors"][0]["context"]["objectWriteTraceId"] == ["Grace"]


def test_a_value_that_another_record_of_the_batch_gives_up_is_still_taken(keyed: Caller) -> None:
    one, other = keyed.contact(firstname="a", salesforce_key="k1"), keyed.contact(firstname="b", salesforce_key="k2")
    rows = inputs(
        {"id": one, "properties": {"salesforce_key": "k2"}}, {"id": other, "properties": {"salesforce_key": "k1"}}
    )
    assert keyed.post(f"{BATCH}/update", rows).status == 400
    assert keyed.value("contacts", one, "salesforce_key") == "k1"


def test_an_upsert_by_email_is_never_partial(hubspot: Caller) -> None:
    rows = [
        {"id": "a@example.com", "idProperty": "email", "properties": {"firstname": "A"}, "objectWriteTraceId": "1"},
        {"id": "000", "idProperty": "email", "properties": {"firstname": "B"}, "objectWriteTraceId": "2"},
    ]
    assert hubspot.post(f"{BATCH}/upsert", {"inputs": rows}).status == 400
    assert hubspot.emulator.user().ids("contacts") == []
    assert hubspot.post(f"{BATCH}/upsert", {"inputs": rows[:1]}).status == 200


@pytest.mark.parametrize("verb", ["create", "update", "upsert", "archive"])
@pytest.mark.parametrize(("count", "refused"), [(100, False), (101, True)])
def test_a_write_takes_a_hundred_inputs(hubspot: Caller, verb: str, count: int, refused: bool) -> None:
    ids = hubspot.emulator.seed({"contacts": [{"firstname": f"c{number}"} for number in range(count)]})["contacts"]
    properties = {"firstname": "x"}
    rows: list[dict[str, Any]] = [{"id": id, "properties": properties} for id in ids]
    if verb == "upsert":
        rows = [{"id": f"p{id}@example.com", "idProperty": "email", "properties": properties} for id in ids]
    answer = hubspot.post(f"{BATCH}/{verb}", {"inputs": rows})
    assert (answer.status == 400) == refused
    if refused:
        assert "maximum number of inputs" in answer.json["message"]
        assert hubspot.value("contacts", ids[0], "firstname") == "c0"


@pytest.mark.parametrize("base", ["/crm/objects/2026-03", "/crm/objects/2026-09", "/crm/v3/objects"])
def test_every_form_of_the_path_serves_every_verb(base: str) -> None:
    hubspot = Caller(rate_limits=False)
    path = f"{base}/contacts"
    made = hubspot.post(f"{path}/batch/create", {"inputs": people(2)})
    ids = made.ids
    row = {"id": "p0@example.com", "idProperty": "email", "properties": {"city": "Turin"}}
    assert hubspot.post(f"{path}/batch/upsert", inputs(row)).json["results"][0]["new"] is False
    assert hubspot.post(f"{path}/batch/update", inputs({"id": ids[0], "properties": {"city": "Rome"}})).status == 200
    assert hubspot.post(f"{path}/batch/read", {"properties": ["city"], **inputs({"id": ids[0]})}).status == 200
    assert sorted(hubspot.post(f"{path}/search", {}).ids) == sorted(ids)
    assert sorted(hubspot.get(path).ids) == sorted(ids)
    assert hubspot.post(f"{path}/merge", {"primaryObjectId": ids[0], "objectIdToMerge": ids[1]}).json["id"] == ids[0]
    assert hubspot.patch(f"{path}/{ids[0]}", {"properties": {"city": "Oslo"}}).status == 200
    assert hubspot.post(f"{path}/batch/archive", inputs({"id": ids[0]})).status == 204
    assert hubspot.get(f"{path}/{ids[0]}", archived="true").status == 200
    assert hubspot.post(f"{path}/gdpr-delete", {"objectId": ids[0]}).status == 204
    assert hubspot.delete(f"{path}/{ids[0]}").status == 204


def test_archiving_a_batch_says_nothing_about_its_records(hubspot: Caller) -> None:
    id = hubspot.contact(firstname="Ada")
    answer = hubspot.post(f"{BATCH}/archive", inputs({"id": id}, {"id": "9"}))
    assert (answer.status, answer.body) == (204, b"")
    assert hubspot.emulator.user().ids("contacts") == []


def test_a_planted_partial_failure_hits_some_records_and_spares_the_others(hubspot: Caller) -> None:
    ids = hubspot.emulator.seed({"contacts": [{"firstname": f"c{number}"} for number in range(10)]})["contacts"]
    hubspot.emulator.faults.add({"kind": "partial", "match": {"path_prefix": BATCH, "times": 1}})
    rows = {"inputs": [{"id": id, "properties": {"city": "Turin"}, "objectWriteTraceId": id} for id in ids]}
    updated = hubspot.post(f"{BATCH}/update", rows)
    failed = {error["context"]["ids"][0] for error in updated.json["errors"]}
    assert updated.status == 207
    assert failed
    assert failed.isdisjoint(updated.ids)
    assert failed | set(updated.ids) == set(ids)
    assert {id for id in ids if hubspot.value("contacts", id, "city") == "Turin"} == set(updated.ids)


@pytest.mark.parametrize("body", [{}, {"inputs": {}}, {"inputs": ["x"]}])
def test_a_batch_without_proper_inputs_is_refused(hubspot: Caller, body: Any) -> None:
    assert hubspot.post(f"{BATCH}/read", body).status == 400

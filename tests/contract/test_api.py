"""The JSON API on both databases, between both local CRMs: what it answers, what it refuses, and that it does what it says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.api_world import ApiWorld, an_api
from tests.asgi_browser import Browser
from tests.office import PASSWORD

from interlock.app import mappings as mapping_documents
from interlock.app import states
from interlock.app.people import manage, programs
from interlock.app.people.roles import Role
from interlock.app.schemas import NAME as SCHEMAS
from interlock.store import connections, deeds, directory
from interlock.web.api.door import BODY_BYTES

pytestmark = pytest.mark.anyio

LONG_TITLE = "x" * 300


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with an_api(tmp_path, database_url) as world:
        yield world


@pytest.fixture
async def joined(api: ApiWorld) -> ApiWorld:
    """With a contact whose title does not fit, and one that does."""
    api.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron", "jobtitle": LONG_TITLE})
    api.hugo.create("contacts", {"email": "grace@example.com", "lastname": "Hopper", "jobtitle": "Admiral"})
    await api.connect(existing="all", name="Acme main")
    return api


@pytest.fixture
async def synced(joined: ApiWorld) -> AsyncIterator[ApiWorld]:
    """Once synced; the dispatcher goes on."""
    joined.office.advance(300)
    async with joined.dispatcher():
        job = await joined.ended(await joined.post("~/sync"))
        assert job["result"]["outcome"] == "done", job
        yield joined


# --- connections ------------------------------------------------------------------------------------------------------


async def test_without_a_connection_lists_are_empty_and_everything_else_says_that_there_is_none(api: ApiWorld) -> None:
    assert (await api.get("connections")).document["connections"] == []
    assert (await api.get("status")).document["connections"] == []
    for path in ("connections/1", "connections/main/issues", "connections/99999999999999999/status"):
        said = await api.get(path)
        assert (said.status, said.error["code"]) == (404, "no_such_connection")


async def test_a_connection_is_found_by_its_id_and_by_its_name(joined: ApiWorld) -> None:
    by_name = (await joined.get("~")).document["connections"]
    by_id = (await joined.get(f"connections/{joined.connection.id}")).document["connections"]
    assert by_name == by_id == (await joined.get("connections")).document["connections"]
    assert by_id[0]["name"] == "Acme main"


async def test_pausing_and_resuming_is_planned_done_and_done_once(joined: ApiWorld) -> None:
    planned = (await joined.post("~/pause", {"plan": True}, Role.OPERATOR)).document
    assert (planned["after"], planned["changed"], planned["planned"]) == ("paused", False, True)
    done = (await joined.post("~/pause", {}, Role.OPERATOR)).document
    again = (await joined.post("~/pause", {}, Role.OPERATOR)).document
    assert (done["after"], done["changed"], again["changed"]) == ("paused", True, False)
    refused = await joined.post("~/sync")
    assert (refused.status, refused.error["code"]) == (409, "paused")
    resumed = (await joined.post("~/resume")).document
    assert (resumed["before"], resumed["changed"]) == ("paused", True)
    await joined.post("~/pause", {"objects": ["deals"]})
    assert (await joined.get("~/status")).document["connections"][0]["objects"]["deals"]["enabled"] is False
    deeds = [(actor, action) for actor, action, _ in await joined.office.deeds() if action in ("paused", "resumed")]
    otto, ada = [(await joined.get("me", role)).document["actor"] for role in (Role.OPERATOR, Role.ADMIN)]
    assert deeds == [(otto, "paused"), (ada, "resumed"), (ada, "paused")]


async def test_what_stopped_a_connection_is_not_cleared_by_who_was_shown_another_reason(joined: ApiWorld) -> None:
    assert joined.connection.id is not None
    await states.halt(joined.store, joined.connection.id, "suspended", "Salesforce refused Contact.", "Grant access.")
    shown = (await joined.get("~")).document["connections"][0]["state_since"]
    joined.office.advance(60)
    async with joined.store.write(joined.connection.id) as tx:
        await connections.update(tx, joined.connection.id, state="stopped_by_brake", state_reason="900 deletes.")
    refused = await joined.post("~/resume", {"since": shown}, Role.OPERATOR)
    assert (refused.status, refused.error["code"]) == (409, "changed_since")
    assert "900 deletes." in refused.error["message"]
    assert (await joined.post("~/resume", {"since": "soon"})).status == 422
    now = (await joined.get("~")).document["connections"][0]["state_since"]
    assert (await joined.post("~/resume", {"since": now})).document["before"] == "stopped_by_brake"


async def test_the_preflight_and_the_package_are_looked_at_in_both_crms(joined: ApiWorld) -> None:
    checks = (await joined.get("~/doctor", Role.VIEWER)).document["checks"]
    assert {check["side"] for check in checks} == {None, "hubspot", "salesforce"}
    package = (await joined.get("~/package")).document
    assert (package["state"], package["deployment"]) in (("partly", None), ("current", None))
    assert (await joined.get("~/package/plan")).document["components"] == package["components"]


async def test_a_crm_that_refuses_the_sign_in_is_a_bad_gateway_and_named(joined: ApiWorld) -> None:
    joined.salesforce.faults.add({"match": {"path_prefix": "/services"}, "kind": "status", "status": 401})
    said = await joined.get("~/package")
    assert said.status == 502
    assert said.error["side"] == "salesforce"
    assert said.error["fix"]


# --- work -------------------------------------------------------------------------------------------------------------


async def test_a_plan_is_a_job_that_ends_with_the_document_of_the_command_and_writes_nothing(joined: ApiWorld) -> None:
    joined.office.advance(300)
    job = await joined.ended(await joined.post("~/plan", {"objects": ["contacts"]}, Role.OPERATOR))
    assert (job["state"], job["error"], job["result"]["schema"]) == ("done", None, "interlock.plan/1")
    assert job["result"]["objects"]["contacts"]["create_in_salesforce"] == 2
    assert job["result"]["duration"] == {"working_seconds": 0, "days": 1, "limited_by": None}
    assert not joined.salesforce.org.tables["Contact"].rows


async def test_the_same_plan_asked_for_while_it_runs_is_one_job(joined: ApiWorld) -> None:
    one, other = await joined.post("~/plan", {"limit": 5}), await joined.post("~/plan", {"limit": 5})
    third = await joined.post("~/plan", {"limit": 6})
    assert one.document["id"] == other.document["id"] != third.document["id"]
    for begun in (one, third):
        assert (await joined.ended(begun))["state"] == "done"
    assert (await joined.post("~/plan", {"limit": 5})).document["id"] != one.document["id"]


async def test_a_sync_without_a_dispatcher_fails_and_says_what_to_start(joined: ApiWorld) -> None:
    job = await joined.ended(await joined.post("~/sync"))
    assert (job["state"], job["error"]["code"], job["result"]) == ("failed", "no_dispatcher", None)


async def test_a_sync_is_done_by_the_dispatcher_and_a_record_can_be_asked_for(synced: ApiWorld) -> None:
    (grace,) = (await synced.get("~/records", text="grace@example.com")).document["records"]
    assert grace["salesforce"] is not None
    synced.sally.update("Contact", grace["salesforce"].rpartition(":")[2], {"Title": "Rear admiral"})
    job = await synced.ended(await synced.post("~/sync", {"records": [grace["hubspot"]]}, Role.OPERATOR))
    assert job["result"]["outcome"] == "done"
    told = (await synced.get("~/records/explain", record=grace["salesforce"])).document
    (title,) = [field for field in told["fields"] if field["property"] == "jobtitle"]
    assert (title["hubspot"], title["salesforce"]) == ("Rear admiral", "Rear admiral")
    nobody = await synced.ended(await synced.post("~/sync", {"records": ["hubspot:contacts:999999999"]}))
    assert nobody["error"]["code"] == "no_such_record"


async def test_an_import_takes_its_turn_beside_the_dispatcher(synced: ApiWorld) -> None:
    job = await synced.ended(await synced.post("~/import", {"objects": ["contacts"]}, Role.OPERATOR))
    assert (job["state"], job["result"]["schema"], job["result"]["marked"]) == ("done", "interlock.import/1", 2)


async def test_a_resync_of_all_or_of_a_list_is_handed_to_the_dispatcher(synced: ApiWorld) -> None:
    before = {id_: synced.hugo.get("contacts", id_) for id_ in synced.hugo.ids("contacts")}
    job = await synced.ended(await synced.post("~/sync", {"objects": ["contacts"], "all": True}, Role.OPERATOR))
    assert (job["state"], job["result"]["schema"]) == ("done", "interlock.sync/1")
    assert {id_: synced.hugo.get("contacts", id_) for id_ in synced.hugo.ids("contacts")} == before
    wrong = await synced.ended(await synced.post("~/sync", {"objects": ["contacts"], "list_id": "4711"}))
    assert wrong["error"]["code"] == "no_such_list"
    both = await synced.post("~/sync", {"all": True, "records": ["hubspot:contacts:1"]}, Role.OPERATOR)
    assert (both.status, both.error["code"]) == (422, "which_records")


async def test_who_asked_for_a_sync_or_an_import_is_in_the_log_and_a_program_that_syncs_all_the_time_does_not_fill_it(
    synced: ApiWorld,
) -> None:
    async with synced.store.read(None) as tx:
        before = len(await deeds.list_(tx, None, 1_000))
    (grace,) = (await synced.get("~/records", text="grace@example.com")).document["records"]
    for _ in range(2):
        await synced.ended(await synced.post("~/sync", {"objects": ["contacts"]}, Role.OPERATOR))
        await synced.ended(await synced.post("~/sync", {"records": [grace["hubspot"]]}, Role.OPERATOR))
    await synced.ended(await synced.post("~/import", {"objects": ["contacts"]}, Role.OPERATOR))
    async with synced.store.read(None) as tx:
        done = [deed for deed in reversed(await deeds.list_(tx, None, 1_000)) if deed.seq > before]
    asked = [(deed.action, deed.detail.get("objects"), deed.detail.get("records")) for deed in done]
    assert asked == [
        ("sync_asked", ["contacts"], None),
        ("sync_asked", [], [grace["hubspot"]]),
        ("sync_asked", [], [grace["hubspot"]]),
        ("import_asked", ["contacts"], None),
    ]
    assert len({deed.actor for deed in done}) == 1
    assert done[0].actor.startswith("token:")


async def test_a_job_that_nobody_knows_is_told_to_be_begun_again(api: ApiWorld) -> None:
    said = await api.get("jobs/none")
    assert (said.status, said.error["code"]) == (404, "no_such_job")


# --- issues and conflicts ---------------------------------------------------------------------------------------------


async def test_issues_are_listed_shown_exported_resynced_and_ignored(synced: ApiWorld) -> None:
    listed = (await synced.get("~/issues", Role.VIEWER, category="property_values", limit=1)).document
    (issue,) = listed["issues"]
    assert (listed["total"], issue["code"], issue["value"]) == (1, "STRING_TOO_LONG", LONG_TITLE)
    assert (await synced.get(f"~/issues/{issue['id']}")).document["issue"] == issue
    assert (await synced.get("~/issues", record=issue["hubspot"])).document["issues"] == [issue]
    assert (await synced.get("~/issues", object="deals")).document["issues"] == []
    planned = (await synced.post("~/issues/resync", {"all": True, "plan": True}, Role.OPERATOR)).document
    assert planned["issues"] == [issue["id"]]
    assert (await synced.get(f"~/issues/{issue['id']}")).document["issue"]["status"] == "open"
    synced.hugo.update("contacts", issue["hubspot"].rpartition(":")[2], {"jobtitle": "Countess"})
    await synced.post("~/issues/resync", {"ids": [issue["id"]]}, Role.OPERATOR)
    await synced.ended(await synced.post("~/sync"))
    assert (await synced.get(f"~/issues/{issue['id']}")).document["issue"]["status"] == "resolved"
    ignored = (await synced.post("~/issues/ignore", {"category": "property_values"}, Role.OPERATOR)).document
    assert ignored["issues"] == []


async def test_an_export_is_a_file_of_what_is_listed(synced: ApiWorld) -> None:
    listed = (await synced.get("~/issues")).document["issues"]
    lines = await synced.get("~/issues/export")
    table = await synced.get("~/issues/export", format="csv")
    assert [json.loads(line) for line in lines.answer.body.splitlines()] == listed
    assert [row["code"] for row in csv.DictReader(io.StringIO(table.answer.body))] == ["STRING_TOO_LONG"]
    assert table.answer.headers["content-disposition"] == 'attachment; filename="issues.csv"'
    assert table.answer.headers["content-type"].startswith("text/csv")


async def test_who_took_a_file_of_records_is_in_the_log_once_an_hour_for_each_file(synced: ApiWorld) -> None:
    for _ in range(2):
        for path in ("~/issues/export?format=csv", "~/links", "~/not-synced/export"):
            assert (await synced.get(path, Role.ADMIN)).status == 200, path
    vera = Browser(synced.app)
    await vera.sign_in("vera@example.com", PASSWORD)
    for path in ("issues/export", "not-synced/export?object=contacts"):
        assert (await vera.get(f"/connections/1/{path}")).status == 200
    async with synced.store.read(None) as tx:
        found = [deed for deed in await deeds.list_(tx, None, 100) if deed.action == "exported"]
    token = f"token:{(await programs.list_(synced.store))[0].id}"
    assert sorted((each.actor, each.subject, each.detail["file"]) for each in found) == [
        ("person:3", "connection:1", "issues-all.csv"),
        ("person:3", "connection:1", "not-synced-contacts.csv"),
        (token, "connection:1", "issues.csv"),
        (token, "connection:1", "links.csv"),
        (token, "connection:1", "not-synced-all.csv"),
    ]
    assert {each.detail["at"] for each in found} == {"127.0.0.1"}


async def test_which_issues_are_meant_must_be_said_in_one_way(synced: ApiWorld) -> None:
    none, both = await synced.post("~/issues/resync"), await synced.post("~/issues/ignore", {"ids": [1], "all": True})
    gone = await synced.post("~/issues/resync", {"ids": [999]})
    assert [
        (none.status, none.error["code"]),
        (both.status, both.error["code"]),
        (gone.status, gone.error["code"]),
    ] == [
        (422, "nothing_chosen"),
        (422, "several_chosen"),
        (404, "no_such_issue"),
    ]


async def two_conflicts(world: ApiWorld) -> list[int]:
    """The titles of both contacts were edited on both sides; Salesforce's were kept."""
    for email in ("ada@example.com", "grace@example.com"):
        (pair,) = (await world.get("~/records", text=email)).document["records"]
        word = f"at {world.office.clock_us()}"
        world.hugo.update("contacts", pair["hubspot"].rpartition(":")[2], {"jobtitle": f"From HubSpot {word}"})
        world.sally.update("Contact", pair["salesforce"].rpartition(":")[2], {"Title": f"From Salesforce {word}"})
        await world.ended(await world.post("~/sync", {"records": [pair["hubspot"]]}))
    return [each["id"] for each in (await world.get("~/conflicts")).document["conflicts"]]


async def test_one_conflict_is_resolved_and_the_next_sync_writes_it(synced: ApiWorld) -> None:
    first, *_ = await two_conflicts(synced)
    (listed,) = [each for each in (await synced.get("~/conflicts")).document["conflicts"] if each["id"] == first]
    said = (await synced.post(f"~/conflicts/{first}/resolve", {"keep": "hubspot"}, Role.OPERATOR)).document
    assert said["conflict"]["choice"]["keep"] == "hubspot"
    await synced.ended(await synced.post("~/sync", {"records": [listed["hubspot"]]}))
    contact = synced.sally.get("Contact", listed["salesforce"].rpartition(":")[2])
    assert contact["Title"] == listed["hubspot_value"]
    gone = await synced.post("~/conflicts/999999/resolve", {"keep": "hubspot"})
    assert (gone.status, gone.error["code"]) == (404, "no_such_conflict")


async def test_many_conflicts_are_resolved_by_what_they_have_in_common(synced: ApiWorld) -> None:
    both = await two_conflicts(synced)
    wanted = {"keep": "hubspot", "property": "jobtitle", "kept": "salesforce"}
    other = (await synced.post("~/conflicts/resolve", {**wanted, "property": "email"})).document
    planned = (await synced.post("~/conflicts/resolve", {**wanted, "plan": True})).document
    assert (other["conflicts"], planned["conflicts"], planned["left"]) == ([], both, [])
    choices = {each["choice"] is None for each in (await synced.get("~/conflicts")).document["conflicts"]}
    assert choices == {True}
    done = (await synced.post("~/conflicts/resolve", wanted, Role.OPERATOR)).document
    assert (done["conflicts"], done["left"], done["next_cursor"]) == (both, [], None)


async def test_of_two_conflicts_of_one_field_the_newer_ones_choice_stands(synced: ApiWorld) -> None:
    await two_conflicts(synced)
    newer, *older = await two_conflicts(synced)
    listed = {each["id"]: each for each in (await synced.get("~/conflicts")).document["conflicts"]}
    same = [each for each in older if listed[each]["hubspot"] == listed[newer]["hubspot"]]
    assert same
    done = (await synced.post("~/conflicts/resolve", {"keep": "hubspot"})).document
    assert newer in done["conflicts"]
    assert {each["id"]: each["code"] for each in done["left"]}.items() >= dict.fromkeys(same, "newer_chosen").items()
    after = {each["id"]: each["choice"] for each in (await synced.get("~/conflicts")).document["conflicts"]}
    assert after[newer]["keep"] == "hubspot"
    assert [after[each] for each in same] == [None] * len(same)


# --- mappings ---------------------------------------------------------------------------------------------------------


async def test_mappings_are_listed_compared_and_saved_over_the_version_that_was_loaded(joined: ApiWorld) -> None:
    exported = await joined.get("~/mappings/export")
    version = exported.answer.headers["etag"]
    mappings = exported.document["mappings"]
    assert version == f'"{exported.document["version"]}"'
    (title,) = [each for each in mappings["objects"]["contacts"]["Contact"]["fields"] if each["property"] == "jobtitle"]
    assert (await joined.post("~/mappings/diff", {"mappings": mappings})).document["differs"] is False
    title["rule"] = "two_way"
    (change,) = (await joined.post("~/mappings/diff", {"mappings": mappings}, Role.VIEWER)).document["changes"]
    assert (change["property"], change["rule_after"]) == ("jobtitle", "two_way")
    body = {"mappings": mappings}
    planned = await joined.send("PUT", "~/mappings", {**body, "plan": True}, **{"if-match": version})
    assert (planned.document["changes"], planned.answer.headers["etag"]) == ([change], version)
    assert planned.document["effect"] == {
        "contacts": dict.fromkeys(("linked", "looked", "unchanged", "to_hubspot", "to_salesforce", "lost"), 0)
    }
    wanted = {"added": ["Contact.Title"], "left_out": [], "refused": None, "pending": False}
    assert planned.document["permissions"] == wanted
    saved = await joined.send("PUT", "~/mappings", body, **{"if-match": version})
    assert saved.document["changes"] == [change]
    assert saved.document["permissions"] == wanted
    now = saved.answer.headers["etag"]
    assert now != version
    title["rule"] = "always_hubspot"
    stale = await joined.send("PUT", "~/mappings", body, **{"if-match": version})
    assert (stale.status, stale.error["code"]) == (412, "changed_meanwhile")
    listed = (await joined.get("~/mappings", object="contacts")).document["mappings"]
    assert {
        row["rule"] for row in listed if (row["property"], row["salesforce_object"]) == ("jobtitle", "Contact")
    } == {"two_way"}
    assert (await joined.send("PUT", "~/mappings", body, **{"if-match": "*"})).status == 200


async def test_what_mappings_would_do_is_said_although_a_sync_drops_the_schemas_meanwhile(
    joined: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    mappings = (await joined.get("~/mappings/export")).document["mappings"]
    (title,) = [each for each in mappings["objects"]["contacts"]["Contact"]["fields"] if each["property"] == "jobtitle"]
    title["rule"] = "two_way"
    check = mapping_documents.apply

    async def then_dropped(*given: Any, **more: Any) -> Any:
        changes = await check(*given, **more)
        async with joined.store.write(joined.connection.id) as tx:
            await directory.drop(tx, SCHEMAS)
        return changes

    monkeypatch.setattr(mapping_documents, "apply", then_dropped)
    planned = await joined.send("PUT", "~/mappings", {"mappings": mappings, "plan": True}, **{"if-match": "*"})
    assert (planned.status, list(planned.document["effect"])) == (200, ["contacts"])


async def test_a_save_without_a_version_is_refused(joined: ApiWorld) -> None:
    mappings = (await joined.get("~/mappings/export")).document["mappings"]
    said = await joined.send("PUT", "~/mappings", {"mappings": mappings})
    assert (said.status, said.error["code"]) == (428, "if_match_needed")


async def test_a_mapping_that_cannot_be_is_refused_at_its_place(joined: ApiWorld) -> None:
    mappings = (await joined.get("~/mappings/export")).document["mappings"]
    fields = mappings["objects"]["contacts"]["Contact"]["fields"]
    fields.append({"property": "no_such_property", "field": "AssistantName", "rule": "two_way"})
    said = await joined.send("PUT", "~/mappings", {"mappings": mappings}, **{"if-match": "*"})
    assert (said.status, said.error["code"]) == (422, "mapping_refused")
    assert f"objects.contacts.Contact.fields.{len(fields) - 1}" in said.error["message"]


# --- people, tokens, the log ------------------------------------------------------------------------------------------


async def test_people_are_added_changed_disabled_and_let_in_again(api: ApiWorld) -> None:
    added = await api.post("people", {"email": "bob@example.com", "name": "Bob"})
    bob = added.document["user"]
    assert (added.status, bob["role"], bob["state"]) == (201, "viewer", "no_password")
    assert added.document["link"].startswith("http://127.0.0.1:8090/welcome/")
    assert (await api.post("people", {"email": "bob@example.com", "name": "Bob"})).error["code"] == "email_taken"
    path = f"people/{bob['id']}"
    assert (await api.post(f"{path}/role", {"role": "operator"})).document["user"]["role"] == "operator"
    assert (await api.send("POST", f"{path}/disable", None)).document["user"]["state"] == "disabled"
    refused = await api.send("POST", f"{path}/reset-password", None)
    assert (refused.status, refused.error["code"]) == (422, "person_disabled")
    assert (await api.send("POST", f"{path}/enable", None)).document["user"]["state"] == "no_password"
    assert (await api.send("POST", f"{path}/reset-password", None)).document["link"] != added.document["link"]
    assert bob["id"] in [each["id"] for each in (await api.get("people")).document["users"]]


async def test_a_token_is_told_who_it_is_and_what_it_may(api: ApiWorld) -> None:
    people = {person.name: person.id for person in await manage.list_(api.store)}
    me = (await api.get("me", Role.OPERATOR)).document
    assert (me["role"], me["behind"]) == ("operator", people["Ada"])


async def test_a_token_that_a_token_made_ends_with_the_person_behind_both(api: ApiWorld) -> None:
    made = await api.post("api-tokens", {"name": "nightly", "role": "admin"})
    secret, id_ = made.document["secret"], made.document["token"]["id"]
    browser = Browser(api.app)
    bearer = {"authorization": f"Bearer {secret}"}
    assert (made.status, (await browser.get("/api/v1/people", **bearer)).status) == (201, 200)
    assert secret not in (await api.get("api-tokens")).answer.body
    people = {person.name: person.id for person in await manage.list_(api.store)}
    await manage.change_role(api.store, await api.office.by("Ada"), people["Otto"], Role.ADMIN)
    await manage.disable(api.store, await api.office.by("Otto"), people["Ada"])
    assert (await browser.get("/api/v1/people", **bearer)).status == 401
    assert id_ > 0


async def test_a_token_is_revoked_and_works_no_more(api: ApiWorld) -> None:
    made = (await api.post("api-tokens", {"name": "nightly"})).document
    bearer = {"authorization": f"Bearer {made['secret']}"}
    assert (await Browser(api.app).get("/api/v1/me", **bearer)).status == 200
    assert (await api.send("POST", f"api-tokens/{made['token']['id']}/revoke", None)).status == 200
    assert (await Browser(api.app).get("/api/v1/me", **bearer)).status == 401


async def test_the_audit_log_is_told_with_its_chain_and_page_by_page(api: ApiWorld) -> None:
    for _ in range(60):
        await api.post("api-tokens", {"name": "one of many"})
        api.office.advance(1)
    page = (await api.get("audit-log")).document
    assert (len(page["deeds"]), page["checked"]["broken"]) == (100, None) or page["before"] is None
    assert page["deeds"][0]["action"] == "token_made"
    assert page["deeds"][0]["actor_name"].startswith("for tests, admin")
    older = (await api.get("audit-log", before=page["deeds"][49]["seq"])).document
    assert older["deeds"][0]["seq"] == page["deeds"][49]["seq"] - 1


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "not_json"),
        (b"\xff", "application/json", 400, "not_json"),
        (b"[" * 100_000, "application/json", 400, "not_json"),
        (b"[]", "application/json", 422, "bad_request"),
        (b'{"plan": 1}', "application/json", 422, "bad_request"),
        (b'{"objects": ["cats"]}', "application/json", 422, "bad_request"),
        (b'{"plann": true}', "application/json", 422, "bad_request"),
        (b'{"objects": ["\\u0000"]}', "application/json", 422, "bad_request"),
        (b'{"plan": true}', "text/plain", 415, "wrong_content_type"),
        (b" " * (BODY_BYTES + 1), "application/json", 413, "too_long"),
    ],
)
async def test_a_body_that_is_not_as_described_is_refused(
    api: ApiWorld, body: bytes, kind: str, status: int, code: str
) -> None:
    headers = {"authorization": f"Bearer {api.bearers[Role.ADMIN]}", "content-type": kind}
    answer = await Browser(api.app).send("POST", "/api/v1/connections/1/pause", body, headers)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, code), answer.body


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "bad_request"),
        ("limit=1001", "bad_request"),
        ("limit=x", "bad_request"),
        ("limitt=1", "unknown_key"),
        ("limit=1&limit=2", "given_twice"),
        ("code=%00", "bad_request"),
        ("cursor=x", "bad_cursor"),
        ("record=nobody", "bad_key"),
        (f"code={'x' * 9000}", "query_too_long"),
    ],
)
async def test_a_query_that_is_not_as_described_is_refused(joined: ApiWorld, query: str, code: str) -> None:
    said = await joined.get(f"~/issues?{query}")
    assert (said.status, said.error["code"]) == (422, code)


async def test_what_is_refused_is_a_document_with_what_to_do(api: ApiWorld) -> None:
    for path in ("nothing", "connections/1/nothing", "connections/1/issues/99999999999999999999"):
        said = await api.get(path)
        assert (said.status, said.error["code"]) == (404, "not_found")
    wrong = await api.send("DELETE", "people", None)
    assert (wrong.status, wrong.error["code"], set(wrong.answer.headers["allow"].split(", "))) == (
        405,
        "wrong_method",
        {"GET", "HEAD"},
    )


async def test_looking_changes_nothing(synced: ApiWorld) -> None:
    before = await synced.office.dump()
    for path in (
        "connections",
        "~/status",
        "~/issues",
        "~/conflicts",
        "~/mappings",
        "~/mappings/export",
        "people",
        "me",
    ):
        assert (await synced.get(path, Role.ADMIN)).status == 200
    after = await synced.office.dump()
    assert before == after

"""The JSON API on both databases: undo, erasing, what syncs, sync health, the package, notifications, disconnecting."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.api_world import ApiWorld, an_api
from tests.held import Held

from interlock.app import object_rules, preview
from interlock.app.disconnect import PHRASE
from interlock.app.errors import BadInput
from interlock.app.org_work import work
from interlock.app.people.roles import Role
from interlock.store import connections, erasures
from interlock.web.api import objects

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with an_api(tmp_path, database_url) as world:
        yield world


@pytest.fixture
async def joined(api: ApiWorld) -> ApiWorld:
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


async def pair_of(world: ApiWorld, text: str) -> dict[str, str]:
    (found,) = (await world.get("~/records", text=text)).document["records"]
    return {side: found[side] for side in ("hubspot", "salesforce")}


def written(world: ApiWorld, file: str) -> str:
    """A file that a job names, which is in the folder of the installation."""
    assert Path(file).parent == world.folder
    return Path(file).read_text()


# --- undo and erase ---------------------------------------------------------------------------------------------------


async def test_an_undo_is_planned_and_deletes_a_created_record_only_when_its_count_is_confirmed(
    synced: ApiWorld,
) -> None:
    pair = await pair_of(synced, "grace@example.com")
    id_ = pair["salesforce"].rpartition(":")[2]
    planned = await synced.ended(await synced.post("~/undo", {"since": "2h", "plan": True}, Role.OPERATOR))
    assert planned["result"]["planned"] is True
    assert [each["salesforce"] for each in planned["result"]["records"]] == [pair["salesforce"]]
    file = await synced.get(f"jobs/{planned['id']}/export", Role.OPERATOR)
    (line,) = csv.DictReader(io.StringIO(file.answer.body))
    assert (line["what"], line["salesforce"]) == ("record", pair["salesforce"])
    assert (await synced.get(f"jobs/{planned['id']}/export", Role.VIEWER)).status == 403
    other = await synced.ended(await synced.post("~/sync"))
    assert (await synced.get(f"jobs/{other['id']}/export")).status == 404
    kept = await synced.ended(await synced.post("~/undo", {"since": "2h"}))
    assert kept["result"]["left_by_why"] == {"not_confirmed": 1}
    assert synced.sally.get("Contact", id_)["LastName"] == "Hopper"
    wrong = await synced.ended(await synced.post("~/undo", {"since": "2h", "delete": 7}))
    assert (wrong["state"], wrong["error"]["code"]) == ("failed", "count_changed")
    done = await synced.ended(await synced.post("~/undo", {"since": "2h", "delete": 1}))
    assert done["result"]["records_deleted"] == 1, done
    assert id_ not in synced.sally.ids("Contact")


async def test_an_undo_of_no_time_at_all_is_refused_before_a_job_is_begun(joined: ApiWorld) -> None:
    said = await joined.post("~/undo", {"since": "yesterday-ish"})
    assert said.status == 422
    assert (await joined.post("~/undo", {})).status == 422


async def test_what_jobs_have_answered_of_a_person_goes_with_them(synced: ApiWorld) -> None:
    (grace,) = (await synced.get("~/records", text="grace@example.com")).document["records"]
    plan = await synced.ended(await synced.post("~/plan", {}))
    assert (await synced.get(f"jobs/{plan['id']}")).status == 200
    done = await synced.ended(await synced.post("~/erase", {"record": grace["hubspot"]}))
    assert done["state"] == "done"
    assert (await synced.get(f"jobs/{plan['id']}")).status == 404


async def test_what_a_job_answers_that_ran_while_a_person_was_erased_is_shown_to_nobody(
    synced: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    (grace,) = (await synced.get("~/records", text="grace@example.com")).document["records"]
    has_read, goes_on, planned = asyncio.Event(), asyncio.Event(), preview.plan

    async def reads_before(*arguments: Any, **more: Any) -> Any:
        found = await planned(*arguments, **more)
        has_read.set()
        await goes_on.wait()
        return found

    monkeypatch.setattr(preview, "plan", reads_before)
    job = (await synced.post("~/plan", {})).document
    await has_read.wait()
    assert (await synced.ended(await synced.post("~/erase", {"record": grace["hubspot"]})))["state"] == "done"
    assert (await synced.get(f"jobs/{job['id']}")).document["state"] == "running"
    goes_on.set()
    assert (await synced.get(f"jobs/{job['id']}", wait_seconds=5)).status == 404


async def test_what_jobs_have_answered_of_a_person_goes_with_an_erase_by_another_process(synced: ApiWorld) -> None:
    plan = await synced.ended(await synced.post("~/plan", {}))
    async with synced.store.read(None) as tx:
        (connection,) = await connections.list_(tx)
    async with synced.store.write(connection.id) as tx:
        await erasures.put(tx, ["hubspot:contacts:1"])
    assert (await synced.get(f"jobs/{plan['id']}")).status == 404


async def test_a_person_is_erased_by_an_admin_only(synced: ApiWorld) -> None:
    pair = await pair_of(synced, "grace@example.com")
    wanted = {"record": pair["hubspot"]}
    assert (await synced.post("~/erase", wanted, Role.OPERATOR)).status == 403
    planned = await synced.ended(await synced.post("~/erase", {**wanted, "plan": True}))
    assert (planned["result"]["linked"], planned["result"]["history_rows"] > 0) == (True, True)
    done = await synced.ended(await synced.post("~/erase", wanted))
    assert done["result"]["salesforce"] == pair["salesforce"], done
    again = await synced.ended(await synced.post("~/erase", {**wanted, "plan": True}))
    assert again["result"]["linked"] is False
    company = await synced.post("~/erase", {"record": "hubspot:companies:1"})
    assert (company.status, company.error["code"]) == (422, "not_a_person")


# --- what syncs -------------------------------------------------------------------------------------------------------


async def test_what_syncs_is_changed_over_the_version_that_was_loaded(joined: ApiWorld) -> None:
    shown = await joined.get("~/objects/contacts", Role.VIEWER)
    (before,) = shown.document["objects"]
    version = shown.answer.headers["etag"]
    assert (before["list_id"], before["create_in_salesforce"]) == (None, "Contact")
    wanted = {"create_in_salesforce": "Lead"}
    saved = await joined.send("PUT", "~/objects/contacts", wanted, **{"if-match": version})
    assert saved.document["objects"] == [
        {**before, "create_in_salesforce": "Lead", "edition": saved.answer.headers["etag"].strip('"')}
    ]
    stale = await joined.send("PUT", "~/objects/contacts", {"create_in_hubspot": False}, **{"if-match": version})
    assert (stale.status, stale.error["code"]) == (412, "changed_meanwhile")
    nothing = await joined.send("PUT", "~/objects/contacts", {"create_in_salesforce": None}, **{"if-match": "*"})
    assert nothing.document["objects"][0]["create_in_salesforce"] is None
    refused = await joined.send("PUT", "~/objects/deals", {"create_in_salesforce": "Lead"}, **{"if-match": "*"})
    assert (refused.status, refused.error["code"]) == (422, "no_such_type")
    assert (await joined.send("PUT", "~/objects/cats", {}, **{"if-match": "*"})).status == 404


async def test_an_object_is_limited_to_a_list_that_hubspot_has(joined: ApiWorld) -> None:
    list_id = joined.hugo.create_list("contacts", "Customers")
    found = (await joined.get("~/objects/contacts/lists", name="custom")).document
    assert [(each["id"], each["name"]) for each in found["lists"]] == [(list_id, "Customers")]
    gone = await joined.send("PUT", "~/objects/contacts", {"list_id": "987654"}, **{"if-match": "*"})
    assert (gone.status, gone.error["code"]) == (404, "no_such_list")
    saved = await joined.send("PUT", "~/objects/contacts", {"list_id": list_id}, **{"if-match": "*"})
    assert saved.document["objects"][0]["list_id"] == list_id
    by_object = {each["object"]: each["list_id"] for each in (await joined.get("~/objects")).document["objects"]}
    assert by_object == {"contacts": list_id, "companies": None, "deals": None}


async def test_an_object_is_limited_by_a_filter_that_salesforce_takes_and_that_was_counted(joined: ApiWorld) -> None:
    for department in ("Board", "Sales"):
        joined.sally.create("Contact", {"LastName": department, "Department": department})
    board = {"type": "Contact", "filter": " Department = 'Board'\r\n"}
    counted = (await joined.post("~/objects/contacts/filter-count", board)).document
    assert {name: counted[name] for name in ("type", "filter", "fitting")} == {
        "type": "Contact",
        "filter": "Department = 'Board'",
        "fitting": 1,
    }
    assert counted["all"] == len(joined.sally.ids("Contact"))
    for wrong, code in (
        (board | {"filter": "Departement = 'x'"}, "filter_refused"),
        (board | {"type": "Account"}, "no_such_type"),
    ):
        refused = await joined.post("~/objects/contacts/filter-count", wrong)
        assert (refused.status, refused.error["code"]) == (422, code)
    filters = {"filters": {"Contact": "Departement = 'x'"}}
    refused = await joined.send("PUT", "~/objects/contacts", filters, **{"if-match": "*"})
    assert (refused.status, refused.error["code"], refused.error["side"]) == (422, "filter_refused", "salesforce")
    filters = {"filters": {"Contact": "Name = 'x') OR (Name != 'x'"}}
    for method, at in (("PUT", "~/objects/contacts"), ("POST", "~/objects/contacts/plan")):
        refused = await joined.send(method, at, filters, **{"if-match": "*"})
        assert (refused.status, refused.error["code"]) == (422, "no_condition")
    saved = await joined.send(
        "PUT", "~/objects/contacts", {"filters": {"Contact": board["filter"]}}, **{"if-match": "*"}
    )
    assert saved.document["objects"][0]["filters"] == {"Contact": "Department = 'Board'", "Lead": None}
    # Only null lifts a limit; a text of nothing is a mistake.
    for text in (" ", "\n\t"):
        refused = await joined.send("PUT", "~/objects/contacts", {"filters": {"Contact": text}}, **{"if-match": "*"})
        assert (refused.status, refused.error["code"]) == (422, "no_condition")
    lifted = await joined.send("PUT", "~/objects/contacts", {"filters": {"Contact": None}}, **{"if-match": "*"})
    assert lifted.document["objects"][0]["filters"] == {"Contact": None, "Lead": None}


async def test_two_owners_are_paired_by_hand_and_parted(joined: ApiWorld) -> None:
    here = joined.hubspot.settings().add_user("Olga", "Owner", "olga@example.com")
    there = joined.salesforce.add_user("Olga There", "o.owner@elsewhere.example").id
    asked = {"hubspot_owner": here, "salesforce_user": there}
    for _ in range(2):
        told = (await joined.post("~/owners/pair", asked)).document
        (line,) = [each for each in told["owners"] if each["hubspot_owner"]["id"] == here]
        assert ([each["id"] for each in line["salesforce_users"]], line["matched_by"]) == ([there], "hand")
    told = (await joined.post("~/owners/pair", asked | {"salesforce_user": None})).document
    assert told["owners"] == (await joined.get("~/owners")).document["owners"]
    (line,) = [each for each in told["owners"] if each["hubspot_owner"]["id"] == here]
    assert (line["salesforce_users"], line["matched_by"]) == ([], None)
    assert there in [each["id"] for each in told["salesforce_users"]]


async def test_the_rules_for_lead_or_contact_are_saved_as_a_whole_and_refused_where_they_are_none(
    joined: ApiWorld,
) -> None:
    rules = [
        {"when": "property_is", "property": "lifecyclestage", "values": ["customer"], "create_as": "Contact"},
        {"when": "account_exists", "property": "", "values": [], "create_as": None},
    ]
    saved = await joined.send("PUT", "~/objects/contacts", {"person_rules": rules}, **{"if-match": "*"})
    assert saved.document["objects"][0]["person_rules"] == rules
    for wrong, code in (
        (rules[0] | {"property": "no_such"}, "no_such_property"),
        (rules[0] | {"values": []}, "no_rule"),
        (rules[1] | {"create_as": "Account"}, "no_rule"),
    ):
        refused = await joined.send("PUT", "~/objects/contacts", {"person_rules": [wrong]}, **{"if-match": "*"})
        assert (refused.status, refused.error["code"]) == (422, code)
    refused = await joined.send("PUT", "~/objects/deals", {"person_rules": rules}, **{"if-match": "*"})
    assert (refused.status, refused.error["code"]) == (422, "no_such_choice")
    none = await joined.send("PUT", "~/objects/contacts", {"person_rules": []}, **{"if-match": "*"})
    assert none.document["objects"][0]["person_rules"] == []


async def test_an_object_is_turned_off_and_on(joined: ApiWorld) -> None:
    assert (await joined.post("~/objects/deals/turn", {"on": False}, Role.OPERATOR)).status == 403
    off = (await joined.post("~/objects/deals/turn", {"on": False})).document
    assert off["objects"][0]["enabled"] is False
    on = (await joined.post("~/objects/deals/turn", {"on": True})).document
    assert on["objects"][0]["enabled"] is True


async def test_turning_an_object_on_that_takes_long_goes_on_behind_the_answer(
    joined: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "WAIT_MOST_S", 0.01)
    await joined.post("~/objects/deals/turn", {"on": False})
    held = Held(monkeypatch, object_rules, "turn_on")
    coming = (await joined.post("~/objects/deals/turn", {"on": True})).document["objects"][0]
    assert (coming["enabled"], coming["turning_on"]) == (False, True)
    held.let_on.set()
    assert joined.connection.id is not None
    await work.wait(joined.office.interlock, joined.connection.id)
    now = (await joined.get("~/objects/deals")).document["objects"][0]
    assert (now["enabled"], now["turning_on"]) == (True, False)


async def test_an_object_that_could_not_be_turned_on_says_why(
    joined: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_arguments: object, **_named: object) -> None:
        raise BadInput("Salesforce does not let it.", code="no_such_thing", fix="Do something else.")

    await joined.post("~/objects/deals/turn", {"on": False})
    monkeypatch.setattr(object_rules, "turn_on", refused)
    answer = await joined.post("~/objects/deals/turn", {"on": True})
    assert (answer.status, answer.error["code"], answer.error["fix"]) == (422, "no_such_thing", "Do something else.")


# --- sync health ------------------------------------------------------------------------------------------------------


async def test_what_another_choice_would_do_is_worked_out_and_nothing_is_saved(synced: ApiWorld) -> None:
    synced.sally.create("Contact", {"LastName": "Nowhere", "Email": "nowhere@example.com"})
    before = (await synced.get("~/objects/contacts")).document["objects"]
    assert (await synced.post("~/objects/contacts/plan", {"create_in_hubspot": False}, Role.OPERATOR)).status == 403
    kept = await synced.ended(await synced.post("~/objects/contacts/plan", {"create_in_salesforce": None}))
    left = await synced.ended(await synced.post("~/objects/contacts/plan", {"create_in_hubspot": False}))
    assert kept["result"]["objects"]["contacts"]["create_in_hubspot"] == 1
    assert left["result"]["objects"]["contacts"]["create_in_hubspot"] == 0
    assert (await synced.get("~/objects/contacts")).document["objects"] == before
    assert "nowhere@example.com" not in str([synced.hugo.get("contacts", id_) for id_ in synced.hugo.ids("contacts")])


async def test_a_preview_of_what_is_like_that_already_or_does_not_sync_is_refused(synced: ApiWorld) -> None:
    same = await synced.post("~/objects/contacts/plan", {"create_in_hubspot": True})
    assert (same.status, same.error["code"]) == (422, "no_change")
    await synced.post("~/objects/deals/turn", {"on": False})
    off = await synced.post("~/objects/deals/plan", {"create_in_hubspot": False})
    assert (off.status, off.error["code"]) == (422, "nothing_to_preview")
    both = await synced.post("~/objects/deals/plan", {"on": True, "create_in_hubspot": False})
    assert (both.status, both.error["code"]) == (422, "one_at_a_time")
    on = await synced.ended(await synced.post("~/objects/deals/plan", {"on": True}))
    assert on["result"]["objects"]["deals"] is not None
    assert (await synced.get("~/objects/deals")).document["objects"][0]["enabled"] is False


async def test_calls_are_counted_and_allocated(synced: ApiWorld) -> None:
    before = (await synced.get("~/api-use", range="day")).document["sides"]["salesforce"]
    assert before["used_by_interlock_24h"] == sum(before["by_purpose"].values()) > 0
    said = (await synced.post("~/allocation", {"calls": 5_000})).document["sides"]["salesforce"]
    assert (said["allocated"], said["allocated_by_person"]) == (5_000, 5_000)
    too_many = await synced.post("~/allocation", {"calls": 900_000_000})
    assert (too_many.status, too_many.error["code"]) == (422, "allocation_invalid")
    back = (await synced.post("~/allocation", {"calls": None})).document["sides"]["salesforce"]
    assert (back["allocated"], back["allocated_by_person"]) == (before["allocated"], None)


async def test_the_reconciliation_report_adds_up_with_its_list_and_its_file(synced: ApiWorld) -> None:
    for number in range(3):
        synced.hugo.create("contacts", {"firstname": f"Nameless {number}"})
    await synced.ended(await synced.post("~/sync"))
    contacts = (await synced.get("~/not-synced", Role.VIEWER)).document["objects"]["contacts"]
    assert contacts["synced"] == 1
    (reason,) = [each for each in contacts["reasons"] if each["in_hubspot"] == 3]
    asked = {"object": "contacts", "why": reason["why"], "limit": 2}
    first = (await synced.get("~/not-synced/records", **asked)).document
    second = (await synced.get("~/not-synced/records", **asked, cursor=first["next_cursor"])).document
    records = [each["record"] for each in first["records"] + second["records"]]
    assert (len(records), second["next_cursor"]) == (3, None)
    exported = (await synced.get("~/not-synced/export", object="contacts")).answer
    rows = list(csv.DictReader(exported.body.splitlines()))
    assert sorted(row["record"] for row in rows if row["why"] == reason["why"]) == sorted(records)


# --- the package ------------------------------------------------------------------------------------------------------


async def test_the_package_is_installed_and_taken_out_after_its_links_were_written(synced: ApiWorld) -> None:
    installed = await synced.ended(await synced.post("~/package/install", {"mapped_fields": True}))
    assert installed["state"] == "done", installed
    assert installed["result"]["state"] == "current"
    assert (await synced.get("~/package")).document["state"] == "current"
    refused = await synced.post("~/package/remove", {"confirm": "yes"})
    assert (refused.status, refused.error["code"]) == (422, "confirmation_needed")
    await synced.post("~/pause")
    removed = await synced.ended(await synced.post("~/package/remove", {"confirm": PHRASE}))
    assert removed["state"] == "done", removed
    assert removed["result"]["removed"]
    exported = removed["result"]["exported"]
    assert len(written(synced, exported["file"]).splitlines()) == 1 + exported["pairs"] == 2
    deeds = [(actor.partition(":")[0], action) for actor, action, _ in await synced.office.deeds()]
    assert [each for each in deeds if each[1].startswith("package_")] == [
        ("token", "package_installed"),
        ("token", "package_removed"),
    ]


# --- notifications ----------------------------------------------------------------------------------------------------


async def test_a_webhook_is_told_and_its_secret_is_shown_once(joined: ApiWorld) -> None:
    url = "https://hooks.example.com/interlock"
    made = await joined.post("notifications", {"kind": "webhook", "target": url, "events": ["suspended"]})
    assert made.status == 201
    secret, id_ = made.document["secret"], made.document["notification"]["id"]
    listed = await joined.get("notifications")
    assert [each["target"] for each in listed.document["notifications"]] == [url]
    assert secret not in listed.answer.body
    twice = await joined.post("notifications", {"kind": "webhook", "target": url, "events": ["issues"]})
    assert (twice.status, twice.error["code"]) == (422, "target_taken")
    changed = await joined.post(f"notifications/{id_}/events", {"events": ["issues", "suspended"]})
    assert changed.document["notification"]["events"] == ["suspended", "issues"]
    assert (await joined.send("POST", f"notifications/{id_}/remove", None)).status == 200
    assert (await joined.send("POST", f"notifications/{id_}/remove", None)).error["code"] == "no_such_notification"
    assert (await joined.get("notifications")).document["notifications"] == []
    assert (await joined.get("notifications", Role.OPERATOR)).status == 403


async def test_without_a_mail_server_no_mailbox_is_taken(joined: ApiWorld) -> None:
    said = await joined.post("notifications", {"kind": "email", "target": "o@example.com", "events": ["issues"]})
    assert (said.status, said.error["code"]) == (422, "smtp_missing")


async def test_from_how_many_issues_on_people_are_told_is_set(joined: ApiWorld) -> None:
    assert (await joined.post("~/notification-threshold", {"issues": 25})).document["issues"] == 25
    assert (await joined.post("~/notification-threshold", {"issues": 0})).status == 422
    assert (await joined.get("~/notices", Role.VIEWER)).document["notices"] == []


# --- disconnecting ----------------------------------------------------------------------------------------------------


async def test_which_records_are_one_is_had_as_a_file(synced: ApiWorld) -> None:
    pair = await pair_of(synced, "grace@example.com")
    assert (await synced.get("~/links", Role.OPERATOR)).status == 403
    file = (await synced.get("~/links")).answer
    assert file.status == 200
    head, *lines = file.body.splitlines()
    assert head == "connection,hubspot,salesforce,state,linked_by,linked_at_us"
    assert [pair["hubspot"], pair["salesforce"], "linked"] in [line.split(",")[1:4] for line in lines]


async def test_disconnecting_writes_the_files_first_and_ends_the_sign_ins(synced: ApiWorld) -> None:
    assert (await synced.post("~/disconnect", {"confirm": PHRASE}, Role.OPERATOR)).status == 403
    refused = await synced.post("~/disconnect")
    assert (refused.status, refused.error["code"]) == (422, "confirmation_needed")
    planned = await synced.ended(await synced.post("~/disconnect", {"plan": True}))
    assert planned["result"]["package"] == "removed"
    done = await synced.ended(await synced.post("~/disconnect", {"keep_package": True}))
    assert done["state"] == "done", done
    assert (done["result"]["package"], done["result"]["pairs"]) == ("kept", 1)
    assert "jobtitle" in written(synced, done["result"]["mappings"])
    (connection,) = (await synced.get("connections")).document["connections"]
    assert connection["state"] == "not_connected"
    deeds = (await synced.get("audit-log")).document["deeds"]
    (deed,) = [each for each in deeds if each["action"] == "disconnected"]
    assert deed["actor_name"].startswith("for tests, admin")


async def test_pipelines_are_made_and_joined_with_record_types(joined: ApiWorld) -> None:
    process = joined.salesforce.add_process("Renew", ["Closed Won"])
    renewal = joined.salesforce.add_record_type("Opportunity", "Renewal", process=process)
    before = (await joined.get("~/pipelines")).document
    assert [each["id"] for each in before["pipelines"]] == ["default"]
    assert [(each["id"], each["name"]) for each in before["record_types"]][:2] == [("any", ""), (renewal, "Renewal")]
    assert (before["chosen"], before["in_use"]["default"]["record_type"]) == ({}, "any")
    made = (await joined.post("~/pipelines", {"record_type": renewal})).document["pipelines"][1]
    again = (await joined.post("~/pipelines", {"record_type": renewal})).document["pipelines"]
    assert [each["id"] for each in again] == ["default", made["id"]]
    assert made["stages"] == [
        {"id": made["stages"][0]["id"], "label": "Closed Won", "closed": True, "probability": 1.0}
    ]
    choice = {"record_type": renewal, "stages": {made["stages"][0]["id"]: "Closed Won"}, "in_step": False}
    wanted = {"pipelines": {made["id"]: choice}}
    saved = await joined.send("PUT", "~/objects/deals", wanted, **{"if-match": "*"})
    assert saved.document["objects"][0]["pipelines"] == wanted["pipelines"]
    assert (await joined.get("~/pipelines")).document["chosen"] == wanted["pipelines"]
    for slug, refused_choice, code in (
        ("contacts", choice, "no_pipelines"),
        ("deals", choice | {"stages": {"nowhere": "Closed Won"}}, "no_such_stage"),
        ("deals", choice | {"record_type": "012000000000099"}, "no_such_record_type"),
        ("deals", choice | {"stages": {}}, "pipelines"),
    ):
        body = {"pipelines": {made["id"]: refused_choice}}
        refused = await joined.send("PUT", f"~/objects/{slug}", body, **{"if-match": "*"})
        assert refused.error["code"] == code
        assert (await joined.post(f"~/objects/{slug}/plan", body)).error["code"] == code
    gone = await joined.send("PUT", "~/objects/deals", {"pipelines": {"gone": choice}}, **{"if-match": "*"})
    assert (gone.status, gone.error["code"]) == (404, "no_such_pipeline")
    back = await joined.send("PUT", "~/objects/deals", {"pipelines": {}}, **{"if-match": "*"})
    assert back.document["objects"][0]["pipelines"] == {}

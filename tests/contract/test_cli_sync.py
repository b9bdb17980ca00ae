"""`interlock sync`: what a script gets, and with which exit code. What may end a sync is told in tests/unit/app."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from pathlib import Path

from tests.contract.cli_world import PATIENCE_S, Interlock, LocalCrms, validated


def test_both_sides_agree_after_a_sync_and_the_next_one_writes_nothing(interlock: Interlock, crms: LocalCrms) -> None:
    crms.hubspot.seed("contacts", {"email": "ada@example.com", "firstname": "Ada", "lastname": "Byron"})
    crms.salesforce.seed("Contact", {"Email": "bob@example.com", "LastName": "Bob"})
    interlock.connect().sound()
    document = interlock("sync", "--once", "--json").sound().document
    assert document["outcome"] == "done"
    counts = document["objects"]["contacts"]
    assert (counts["created_in_hubspot"], counts["created_in_salesforce"]) == (1, 1)
    assert {row["Email"] for row in crms.salesforce.query("SELECT Email FROM Contact")} == {
        "ada@example.com",
        "bob@example.com",
    }
    seqs = crms.hubspot.last_seq(), crms.salesforce.last_seq()
    again = interlock("sync", "--once", "--json").sound().document
    assert not any(sum(each.values()) for each in again["objects"].values())
    assert (crms.hubspot.last_seq(), crms.salesforce.last_seq()) == seqs
    assert interlock("sync", "--once").sound().out.startswith("In agreement")


def test_what_a_command_asked_for_is_in_the_log(interlock: Interlock, crms: LocalCrms) -> None:
    (id_,) = crms.hubspot.seed("contacts", {"email": "ada@example.com"})
    interlock.connect().sound()
    key = f"hubspot:contacts:{id_}"
    for _ in range(2):
        interlock("sync", "--once").sound()
    interlock("sync", "--once", "--record", key).sound()
    interlock("import", "--object", "contacts").sound()
    with sqlite3.connect(interlock.home / "interlock.db") as database:
        rows = database.execute("SELECT actor, action, detail FROM deed ORDER BY seq").fetchall()
    asked = [(actor, action, json.loads(detail)) for actor, action, detail in rows if action.endswith("_asked")]
    assert asked == [
        ("command", "sync_asked", {"objects": []}),
        ("command", "sync_asked", {"objects": [], "records": [key]}),
        ("command", "import_asked", {"objects": ["contacts"], "since_us": None}),
    ]


def test_only_what_is_named_syncs(interlock: Interlock, crms: LocalCrms) -> None:
    ids = crms.hubspot.seed("contacts", {"email": "ada@example.com"}, {"email": "bob@example.com"})
    crms.hubspot.seed("companies", {"name": "Engines", "domain": "engines.example"})
    interlock.connect().sound()
    interlock("sync", "--once", "--record", f"hubspot:contacts:{ids[1]}").sound()
    assert [row["Email"] for row in crms.salesforce.query("SELECT Email FROM Contact")] == ["bob@example.com"]
    interlock("sync", "--once", "--object", "contacts").sound()
    assert len(crms.salesforce.query("SELECT Id FROM Contact")) == 2
    assert crms.salesforce.query("SELECT Id FROM Account") == []


def test_what_waits_is_counted_with_its_earliest_time(interlock: Interlock, crms: LocalCrms) -> None:
    crms.salesforce.seed("Contact", {"Email": "bob@example.com", "LastName": "Bob"})
    interlock.connect().sound()
    # The connection ends without an answer: the record waits until the request can no longer land.
    match = {"method": "POST", "path_prefix": "/crm/objects/2026-09/contacts/batch/upsert"}
    crms.hubspot.control("POST", "faults", [{"kind": "timeout_before", "match": match}])
    document = interlock("sync", "--once", "--json").sound().document
    assert document["outcome"] == "done"
    assert document["objects"]["contacts"]["waiting"] == document["waiting"] == 1
    assert document["next_due_at"] > document["generated_at"]


def test_a_value_that_does_not_fit_is_an_issue_and_exit_1(interlock: Interlock, crms: LocalCrms) -> None:
    crms.hubspot.seed("contacts", {"email": "ada@example.com", "lastname": "Byron", "jobtitle": "x" * 200})
    interlock.connect().sound()
    document = interlock("sync", "--once", "--json").sound(1).document
    assert document["open_issues"] == 1
    assert [row["LastName"] for row in crms.salesforce.query("SELECT LastName FROM Contact")] == ["Byron"]


def test_a_paused_connection_is_exit_4(interlock: Interlock) -> None:
    interlock.connect().sound()
    interlock("pause").sound()
    error = interlock("sync", "--once", "--json").sound(4).error
    assert error["code"] == "paused"
    assert "interlock resume" in error["fix"]


def test_an_org_that_another_process_holds_is_exit_6(interlock: Interlock) -> None:
    org_id = interlock.connect().sound().document["connection"]["salesforce"]["org_id"]
    until_us = (time.time_ns() // 1_000) + 60_000_000
    with sqlite3.connect(interlock.home / "interlock.db") as database:
        database.execute(
            "INSERT INTO lease (org_id, owner, fence, until_us) VALUES (?, 'other', 1, ?)", (org_id, until_us)
        )
    assert interlock("sync", "--once", "--json").sound(6).error["code"] == "held_by_other"
    with sqlite3.connect(interlock.home / "interlock.db") as database:
        database.execute("UPDATE lease SET until_us = ?", (time.time_ns() // 1_000 + 500_000,))
    interlock("sync", "--once", "--wait", "1m").sound()


def test_a_refused_sign_in_is_exit_3_until_somebody_connects_again(interlock: Interlock, crms: LocalCrms) -> None:
    interlock.connect().sound()
    crms.hubspot.control("POST", "faults", [{"kind": "status", "status": 401}])
    error = interlock("sync", "--once", "--json").sound(3).error
    assert error["side"] == "hubspot"
    with sqlite3.connect(interlock.home / "interlock.db") as database:
        ((state, reason),) = database.execute("SELECT state, state_reason FROM connection")
    assert state == "signed_out"
    assert reason
    crms.hubspot.control("DELETE", "faults")
    interlock("sync", "--once").sound(3)
    interlock.connect().sound()
    interlock("sync", "--once").sound()


def test_it_runs_until_it_is_interrupted_and_ends_with_130(interlock: Interlock, crms: LocalCrms) -> None:
    crms.hubspot.seed("contacts", {"email": "ada@example.com"})
    interlock.connect().sound()
    process = interlock.start("sync", "--json")
    assert process.stdout is not None
    first = validated(json.loads(process.stdout.readline()))
    assert first["objects"]["contacts"]["created_in_salesforce"] == 1
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130


def test_nothing_connected_is_a_sentence_and_exit_2(interlock: Interlock, tmp_path: Path) -> None:
    error = interlock("sync", "--once", "--json", "--home", str(tmp_path / "other")).sound(2).error
    assert error["code"] == "not_connected"
    assert "interlock connect" in error["fix"]

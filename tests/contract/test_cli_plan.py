"""`interlock plan`, as a script meets it. That its counts are what the next sync does is told in tests/unit/app."""

from __future__ import annotations

import sqlite3
import time

from tests.contract.cli_world import Interlock, LocalCrms


def test_it_says_what_a_sync_would_do_even_beside_another_and_writes_nothing(
    interlock: Interlock, crms: LocalCrms
) -> None:
    crms.hubspot.seed("contacts", {"email": "ada@example.com", "lastname": "Byron"}, {"firstname": "Nobody"})
    crms.salesforce.seed("Contact", {"Email": "ada@example.com", "LastName": "Lovelace"})
    interlock.connect().sound()
    seqs = crms.hubspot.last_seq(), crms.salesforce.last_seq()
    until_us = time.time_ns() // 1_000 + 60_000_000
    with sqlite3.connect(interlock.home / "interlock.db") as database:
        database.execute(
            "INSERT INTO lease (org_id, owner, fence, until_us) VALUES (?, 'a sync', 1, ?)",
            (crms.salesforce.described["org_id"], until_us),
        )
    document = interlock("plan", "--json").sound().document
    assert document["complete"] is True
    assert (document["duration"]["days"], document["duration"]["limited_by"]) == (1, None)
    contacts = document["objects"]["contacts"]
    assert (contacts["matched"], contacts["update_in_hubspot"], contacts["blocked"]) == (1, 1, 1)
    (conflict,) = [each for each in contacts["examples"] if each["action"] == "conflict"]
    (field,) = conflict["fields"]
    assert (field["hubspot"], field["salesforce"], field["result"]) == ("Byron", "Lovelace", "Lovelace")
    assert (crms.hubspot.last_seq(), crms.salesforce.last_seq()) == seqs
    text = interlock("plan", "--limit", "1", "--object", "contacts").sound().out
    assert "Nothing was written" in text
    assert "counts so far" in text
    assert "What was counted so far would take less than a minute, at the pace of this count" in text


def test_sync_with_plan_says_the_same_and_writes_nothing(interlock: Interlock, crms: LocalCrms) -> None:
    crms.hubspot.seed("contacts", {"email": "ada@example.com", "lastname": "Byron"})
    interlock.connect().sound()
    seqs = crms.hubspot.last_seq(), crms.salesforce.last_seq()
    planned = interlock("plan", "--json").sound().document
    document = interlock("sync", "--plan", "--json").sound().document
    assert document["schema"] == "interlock.plan/1"
    assert document["objects"] == planned["objects"]
    assert (crms.hubspot.last_seq(), crms.salesforce.last_seq()) == seqs
    refused = interlock("sync", "--plan", "--record", "ada@example.com")
    assert refused.code == 2

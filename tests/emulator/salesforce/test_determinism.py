"""The same clock, seed and calls give the same bytes, in any process."""

from __future__ import annotations

import os
import subprocess
import sys

STORY = """
import hashlib
from tests.emulator.salesforce.calls import Caller
org = Caller(commit_delay_ms=(0, 3_000))
digest = hashlib.sha256()
org.emulator.add_custom_field("Contact", "Key__c", external_id=True, unique=True)
org.emulator.add_duplicate_rule("Contact", "Email")
account = org.create("Account", Name="Acme")
rows = [{"LastName": f"P{n}", "Email": f"p{n % 30}@x.com", "AccountId": account, "Key__c": f"k{n}"} for n in range(40)]
made = org.collection("POST", rows)
digest.update(made.body)
ids = [one["id"] for one in made.json if one["success"]]
org.emulator.faults.add({"kind": "partial", "match": {"probability": 0.5}})
for step in range(12):
    org.pass_seconds(0.7)
    digest.update(org.collection("PATCH", [{"id": id, "Title": f"t{step}"} for id in ids[step::3]]).body)
    query = {"q": "SELECT Id, Title, Account.Name FROM Contact ORDER BY SystemModstamp DESC LIMIT 50"}
    digest.update(org.call("GET", "/query", query=query).body)
    org.user.update("Contact", ids[step], {"Phone": str(step)})
org.user.merge("Contact", ids[0], ids[1])
org.user.delete("Account", account)
digest.update(org.call("GET", "/sobjects/Contact/describe").body)
digest.update(repr(org.emulator.journal.entries()).encode())
print(digest.hexdigest())
"""


def test_a_story_is_the_same_under_every_hash_seed() -> None:
    def told(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."}
        done = subprocess.run(
            [sys.executable, "-c", STORY], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert told("1") == told("2") != ""

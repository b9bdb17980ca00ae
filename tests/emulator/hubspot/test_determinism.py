"""The same clock, seed and calls give the same bytes, in any process."""

from __future__ import annotations

import os
import subprocess
import sys

STORY = """
import hashlib
from tests.emulator.hubspot.calls import Caller
hubspot = Caller(rate_limits=False, search_lag_ms=500, search_lag_jitter_ms=900)
digest = hashlib.sha256()
rows = [{"email": f"p{n}@example.com", "firstname": f"P{n}", "city": "Turin"} for n in range(40)]
company = hubspot.company(name="Acme")
made = hubspot.post("/crm/v3/objects/contacts/batch/create", {"inputs": [{"properties": row} for row in rows]})
ids = made.ids
hubspot.emulator.faults.add({"kind": "partial", "match": {"probability": 0.5}})
for step in range(12):
    hubspot.later(0.3)
    inputs = [{"id": id, "properties": {"city": f"c{step}"}, "objectWriteTraceId": id} for id in ids[step::3]]
    for path, body in (
        ("batch/update", {"inputs": inputs}),
        ("batch/read", {"inputs": [{"id": id} for id in ids], "properties": ["city"]}),
        ("search", {"filterGroups": [], "sorts": ["-lastmodifieddate"], "limit": 50}),
    ):
        digest.update(hubspot.post(f"/crm/v3/objects/contacts/{path}", body).body)
    hubspot.emulator.user().associate("contacts", ids[step], "companies", company)
    digest.update(hubspot.get(f"/crm/v4/objects/companies/{company}/associations/contacts").body)
digest.update(repr(hubspot.emulator.journal.entries()).encode())
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

"""Speed and memory of the local HubSpot: `python benchmarks/emulator_hubspot.py [--records N]`.

In process, with history, journal and validation on; times are of the processor, since a call never waits. The bars: a
batch read of 100 records in 3 ms (median), and under 500 MB at most (VmHWM) for 100,000 contacts of 25 filled
properties. Figures without a bar are what engine benchmarks, which run through the local CRMs, pay for them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from bars import Figure, tell
from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock

BATCH_READ_MS = 3
PEAK_MB = 500
ROUNDS = 200
FILLED = (
    *("email", "firstname", "lastname", "phone", "mobilephone", "fax", "jobtitle", "salutation", "address", "city"),
    *("state", "zip", "country", "website", "company", "industry", "annualrevenue", "message", "lifecyclestage"),
    *("hs_lead_status", "numemployees", "degree", "field_of_study", "school", "twitterhandle"),
)


def contact(number: int) -> dict[str, str]:
    """25 filled properties; names and cities repeat as they do in a real account, the rest is distinct."""
    row = {name: f"{name} {number}" for name in FILLED}
    row.update(
        email=f"person{number}@company{number % 9_000}.example.com",
        city=f"City {number % 700}",
        state=f"State {number % 50}",
        country=f"Country {number % 30}",
        company=f"Company {number % 9_000}",
        annualrevenue=str(number * 7),
        lifecyclestage=("lead", "customer", "opportunity")[number % 3],
        hs_lead_status=("NEW", "OPEN", "IN_PROGRESS")[number % 3],
        numemployees=("1-5", "5-25", "25-50")[number % 3],
        salutation=("Mr.", "Ms.")[number % 2],
    )
    return row


def filled_account(count: int) -> HubSpotEmulator:
    now_us = [1_790_000_000_000_000]

    def tick() -> int:
        now_us[0] += 37
        return now_us[0]

    emulator = HubSpotEmulator(Clock(tick), rate_limits=False)
    for start in range(0, count, 1_000):
        emulator.seed({"contacts": [contact(number) for number in range(start, min(start + 1_000, count))]})
    return emulator


async def _call(emulator: HubSpotEmulator, method: str, path: str, body: bytes) -> bytes:
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {emulator.token}".encode()), (b"user-agent", b"benchmark/1")],
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await emulator.app(scope, receive, send)
    assert sent[0]["status"] < 300, (sent[0]["status"], sent[1]["body"][:400])
    return bytes(sent[1]["body"])


async def median_ms(emulator: HubSpotEmulator, path: str, bodies: list[bytes]) -> float:
    spent: list[float] = []
    for body in bodies:
        start = time.process_time()
        await _call(emulator, "POST", path, body)
        spent.append((time.process_time() - start) * 1_000)
    return median(spent)


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


async def _calls(emulator: HubSpotEmulator) -> list[Figure]:
    base = "/crm/v3/objects/contacts"
    ids = emulator.user().ids("contacts")
    chunks = [ids[start : start + 100] for start in range(0, len(ids), 100)]
    rounds = [chunks[number % len(chunks)] for number in range(ROUNDS)]
    key = {"name": "own_key", "label": "Own key", "type": "string", "fieldType": "text", "hasUniqueValue": True}
    await _call(emulator, "POST", "/crm/v3/properties/contacts", _encoded({**key, "groupName": "contactinformation"}))

    async def figure(name: str, path: str, bodies: list[bytes], bar_ms: float | None = None) -> Figure:
        return Figure(name, await median_ms(emulator, f"{base}/{path}", bodies), "ms", bar_ms)

    return [
        await figure("batch read, 100 records of 25 properties", "batch/read", _reads(rounds), BATCH_READ_MS),
        await figure("batch read, 50 records with history of 8", "batch/read", _histories(rounds)),
        await figure("batch update, 100 records, 2 changes each", "batch/update", _updates(rounds)),
        await figure("batch create, 100 records of 25 properties", "batch/create", _creates(20)),
        await figure("batch upsert, 100 new records by a unique key", "batch/upsert", _upserts(20)),
        await figure("batch upsert, the same 100 records again", "batch/upsert", _upserts(20)),
        await figure("search, a page of 200 of what changed", "search", _windows(emulator, since_ms=0)),
        await figure("search, nothing changed", "search", _windows(emulator, since_ms=emulator.clock.now_ms() + 10**6)),
        await figure("search, 50 e-mails", "search", [_emails(number) for number in range(40)]),
    ]


def _reads(rounds: list[list[str]]) -> list[bytes]:
    return [_encoded({"properties": FILLED, "inputs": [{"id": id} for id in chunk]}) for chunk in rounds]


def _histories(rounds: list[list[str]]) -> list[bytes]:
    body = {"properties": FILLED, "propertiesWithHistory": FILLED[:8]}
    return [_encoded({**body, "inputs": [{"id": id} for id in chunk[:50]]}) for chunk in rounds]


def _updates(rounds: list[list[str]]) -> list[bytes]:
    return [
        _encoded({"inputs": [{"id": id, "properties": {"city": f"Town {n}", "phone": f"+1 {n}{id}"}} for id in chunk]})
        for n, chunk in enumerate(rounds)
    ]


def _creates(count: int) -> list[bytes]:
    return [
        _encoded({"inputs": [{"properties": contact(10_000_000 + n * 100 + one)} for one in range(100)]})
        for n in range(count)
    ]


def _upserts(count: int) -> list[bytes]:
    def one(number: int) -> dict[str, Any]:
        properties = {**contact(20_000_000 + number), "own_key": f"key-{number}"}
        return {
            "id": f"key-{number}",
            "idProperty": "own_key",
            "objectWriteTraceId": str(number),
            "properties": properties,
        }

    return [_encoded({"inputs": [one(n * 100 + position) for position in range(100)]}) for n in range(count)]


def _windows(emulator: HubSpotEmulator, since_ms: int) -> list[bytes]:
    since = {"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(since_ms)}
    sort = {"propertyName": "lastmodifieddate", "direction": "ASCENDING"}
    body = {"filterGroups": [{"filters": [since]}], "sorts": [sort], "properties": ["email"], "limit": 200}
    return [_encoded({**body, "after": str(number % 40 * 200)}) for number in range(80)]


def _emails(number: int) -> bytes:
    values = [contact(number * 50 + one)["email"] for one in range(50)]
    found = {"propertyName": "email", "operator": "IN", "values": values}
    return _encoded({"filterGroups": [{"filters": [found]}], "properties": ["email"], "limit": 100})


def peak_mb() -> float:
    """The most memory this process ever held (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1_024


def measure(records: int) -> list[Figure]:
    """All figures, on one account of `records` contacts. Meant for a process of its own: memory is the process's."""
    start = time.process_time()
    emulator = filled_account(records)
    seeded_s = time.process_time() - start
    figures = [
        Figure(f"peak memory with {records:,} contacts of 25 properties", peak_mb(), "MB", PEAK_MB),
        Figure(f"seeding {records:,} contacts", seeded_s, "s"),
    ]
    return figures + asyncio.run(_calls(emulator))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    records = parser.parse_args().records
    return tell("emulator_hubspot", measure(records), records=records)


if __name__ == "__main__":
    sys.exit(main())

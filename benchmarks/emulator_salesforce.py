"""Speed and memory of the local Salesforce: `python benchmarks/emulator_salesforce.py [--records N]`.

In process, with history, journal and validation on; times are of the processor, since a call never waits. The bars: a
collections update of 200 records in 10 ms (median), and under 500 MB at most (VmHWM) for 100,000 contacts of 25 filled
fields. Figures without a bar are what engine benchmarks, which run through the local CRMs, pay for them.
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
from urllib.parse import urlencode

from bars import Figure, tell
from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator

COLLECTIONS_UPDATE_MS = 10
PEAK_MB = 500
ROUNDS = 200
BASE = "/services/data/v67.0"
KEY = "Creation_Key__c"
READ = ("Id", "FirstName", "LastName", "Email", "Phone", "Title", "MailingCity", "AccountId", "SystemModstamp")


def contact(number: int) -> dict[str, str]:
    """25 filled fields; names and cities repeat as they do in a real org, the rest is distinct."""
    return {
        "LastName": f"Last {number}",
        "FirstName": f"First {number % 900}",
        "Salutation": ("Mr.", "Ms.")[number % 2],
        "Email": f"person{number}@company{number % 9_000}.example.com",
        "Phone": f"+1 555 {number}",
        "MobilePhone": f"+1 556 {number}",
        "HomePhone": f"+1 557 {number}",
        "Fax": f"+1 558 {number}",
        "Title": f"Title {number}",
        "Department": f"Department {number}",
        "AssistantName": f"Assistant {number}",
        "AssistantPhone": f"+1 559 {number}",
        "Birthdate": f"19{50 + number % 50}-0{1 + number % 9}-1{number % 10}",
        "LeadSource": ("Web", "Partner", "Other")[number % 3],
        "Description": f"Met at the fair of {number}",
        "MailingStreet": f"{number} Main Street",
        "MailingCity": f"City {number % 700}",
        "MailingState": f"State {number % 50}",
        "MailingPostalCode": f"{number:06}",
        "MailingCountry": f"Country {number % 30}",
        "OtherStreet": f"{number} Side Street",
        "OtherCity": f"City {number % 700}",
        "OtherState": f"State {number % 50}",
        "OtherPostalCode": f"{number:06}",
        "OtherCountry": f"Country {number % 30}",
    }


def filled_org(count: int) -> SalesforceEmulator:
    now_us = [1_790_000_000_000_000]

    def tick() -> int:
        now_us[0] += 3_700
        return now_us[0]

    emulator = SalesforceEmulator(Clock(tick), enforce_daily_limit=False)
    emulator.add_custom_field("Contact", KEY, external_id=True, unique=True)
    emulator.add_validation_rule("Contact", lambda values: values.get("Title") == "Nobody", "A title is needed.")
    for start in range(0, count, 1_000):
        emulator.seed({"Contact": [contact(number) for number in range(start, min(start + 1_000, count))]})
    return emulator


async def call(emulator: SalesforceEmulator, method: str, path: str, body: bytes = b"", query: str = "") -> Any:
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "path": BASE + path,
        "raw_path": (BASE + path).encode(),
        "query_string": query.encode(),
        "headers": [(b"authorization", f"Bearer {emulator.token}".encode()), (b"user-agent", b"benchmark/1")],
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await emulator.app(scope, receive, send)
    assert sent[0]["status"] < 300, (sent[0]["status"], sent[1]["body"][:400])
    return sent[1]["body"]


async def median_ms(emulator: SalesforceEmulator, method: str, path: str, sent: list[tuple[bytes, str]]) -> float:
    spent: list[float] = []
    for body, query in sent:
        start = time.process_time()
        answer = await call(emulator, method, path, body, query)
        spent.append((time.process_time() - start) * 1_000)
        assert b'"success":false' not in answer, answer[:400]
    return median(spent)


async def _calls(emulator: SalesforceEmulator) -> list[Figure]:
    ids = emulator.user().ids("Contact")
    chunks = [ids[start : start + 200] for start in range(0, len(ids), 200)]
    rounds = [chunks[number % len(chunks)] for number in range(ROUNDS)]
    collections = "/composite/sobjects"

    async def figure(
        name: str, method: str, path: str, sent: list[tuple[bytes, str]], bar_ms: float | None = None
    ) -> Figure:
        return Figure(name, await median_ms(emulator, method, path, sent), "ms", bar_ms)

    upserts = [_upsert(number) for number in range(20)]
    return [
        await figure(
            "collections update, 200 records, 2 changes each",
            "PATCH",
            collections,
            _updates(rounds),
            COLLECTIONS_UPDATE_MS,
        ),
        await figure("composite of query and update, twice 200 records", "POST", "/composite", _composites(rounds)),
        await figure("collections create, 200 records of 25 fields", "POST", collections, _creates(20)),
        await figure("collections upsert, 200 new records by key", "PATCH", f"{collections}/Contact/{KEY}", upserts),
        await figure("collections upsert, the same 200 again", "PATCH", f"{collections}/Contact/{KEY}", upserts),
        await figure(
            "retrieve, 2,000 records by id, 9 fields", "POST", f"{collections}/Contact", [_retrieve(ids)] * 20
        ),
        await figure("query, 200 records by id, 9 fields", "GET", "/query", [_by_id(chunk) for chunk in rounds]),
        await figure(
            "poll, 200 changed records", "GET", "/queryAll", [_poll(emulator, ids, chunk) for chunk in rounds]
        ),
        await figure("poll, nothing changed", "GET", "/queryAll", [_poll(emulator, ids, [])] * 80),
    ]


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def _typed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"allOrNone": False, "records": [{"attributes": {"type": "Contact"}, **row} for row in rows]}


def _change(number: int, chunk: list[str]) -> dict[str, Any]:
    return _typed([{"id": id, "Title": f"Head {number} of {id}", "Phone": f"+2 {number} {id}"} for id in chunk])


def _updates(rounds: list[list[str]]) -> list[tuple[bytes, str]]:
    return [(_encoded(_change(number, chunk)), "") for number, chunk in enumerate(rounds)]


def _composites(rounds: list[list[str]]) -> list[tuple[bytes, str]]:
    """What an engine sends that wants to know what it overwrites: read 200, write them, twice."""
    sent = []
    for number in range(0, len(rounds) - 1, 2):
        parts = []
        for half, chunk in enumerate(rounds[number : number + 2]):
            query = {"referenceId": f"q{half}", "method": "GET", "url": f"{BASE}/query?{_by_id(chunk)[1]}"}
            write = {"referenceId": f"w{half}", "method": "PATCH", "url": f"{BASE}/composite/sobjects"}
            parts += [query, {**write, "body": _change(1_000 + number, chunk)}]
        sent.append((_encoded({"collateSubrequests": False, "compositeRequest": parts}), ""))
    return sent


def _creates(count: int) -> list[tuple[bytes, str]]:
    return [
        (_encoded(_typed([contact(10_000_000 + number * 200 + one) for one in range(200)])), "")
        for number in range(count)
    ]


def _upsert(number: int) -> tuple[bytes, str]:
    first = 20_000_000 + number * 200
    return _encoded(_typed([{**contact(one), KEY: f"portal:contacts:{one}"} for one in range(first, first + 200)])), ""


def _retrieve(ids: list[str]) -> tuple[bytes, str]:
    return _encoded({"ids": ids[:2_000], "fields": READ}), ""


def _by_id(chunk: list[str]) -> tuple[bytes, str]:
    wanted = ",".join(f"'{id}'" for id in chunk)
    return b"", urlencode({"q": f"SELECT {', '.join(READ)} FROM Contact WHERE Id IN ({wanted})"})


def _poll(emulator: SalesforceEmulator, ids: list[str], changed: list[str]) -> tuple[bytes, str]:
    """A poll from a high-water mark; for a page of changes, from the first row that was written in the last rounds."""
    since = "2038-01-01T00:00:00Z"
    if changed:
        since = str(emulator.user().get("Contact", ids[-1])["SystemModstamp"]).replace(".000+0000", "Z")
    soql = f"SELECT Id, IsDeleted, SystemModstamp FROM Contact WHERE SystemModstamp >= {since}"
    return b"", urlencode({"q": f"{soql} ORDER BY SystemModstamp, Id LIMIT 200"})


def peak_mb() -> float:
    """The most memory this process ever held (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1_024


def measure(records: int) -> list[Figure]:
    """All figures, on one org of `records` contacts. Meant for a process of its own: memory is the process's."""
    start = time.process_time()
    emulator = filled_org(records)
    seeded_s = time.process_time() - start
    figures = [
        Figure(f"peak memory with {records:,} contacts of 25 fields", peak_mb(), "MB", PEAK_MB),
        Figure(f"seeding {records:,} contacts", seeded_s, "s"),
    ]
    return figures + asyncio.run(_calls(emulator))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    records = parser.parse_args().records
    return tell("emulator_salesforce", measure(records), records=records)


if __name__ == "__main__":
    sys.exit(main())

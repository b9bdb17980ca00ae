"""Speed and memory of the HubSpot emulator, in process, with history, journal and validation on.

The bars: a batch read of 100 records in 3 ms (median); 100,000 contacts of 25 filled properties under 500 MB.
"""

from __future__ import annotations

import asyncio
import json
import time
from statistics import median
from typing import Any

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock

ROUNDS = 200
FILLED = (
    *("email", "firstname", "lastname", "phone", "mobilephone", "fax", "jobtitle", "salutation", "address", "city"),
    *("state", "zip", "country", "website", "company", "industry", "annualrevenue", "message", "lifecyclestage"),
    *("hs_lead_status", "numemployees", "degree", "field_of_study", "school", "twitterhandle"),
)


class Figure:
    """One measured figure and the bar it is held to."""

    def __init__(self, name: str, value: float, unit: str, bar: float | None = None) -> None:
        self.name, self.value, self.unit, self.bar = name, value, unit, bar


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
        start = time.perf_counter()
        await _call(emulator, "POST", path, body)
        spent.append((time.perf_counter() - start) * 1_000)
    return median(spent)


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


async def _calls(emulator: HubSpotEmulator) -> list[Figure]:
    base = "/crm/v3/objects/contacts"
    ids = emulator.user().ids("contacts")
    chunks = [ids[start : start + 100] for start in range(0, len(ids), 100)]
    rounds = [chunks[number % len(chunks)] for number in range(ROUNDS)]
    read = [_encoded({"properties": FILLED, "inputs": [{"id": id} for id in chunk]}) for chunk in rounds]
    histories = [
        _encoded(
            {"properties": FILLED, "propertiesWithHistory": FILLED[:8], "inputs": [{"id": id} for id in chunk[:50]]}
        )
        for chunk in rounds
    ]
    writes = [
        _encoded({"inputs": [{"id": id, "properties": {"city": f"Town {n}", "phone": f"+1 {n}{id}"}} for id in chunk]})
        for n, chunk in enumerate(rounds)
    ]
    creates = [
        _encoded({"inputs": [{"properties": contact(10_000_000 + n * 100 + one)} for one in range(100)]})
        for n in range(20)
    ]
    window = {
        "filterGroups": [
            {
                "filters": [
                    {"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(emulator.clock.now_ms())}
                ]
            }
        ],
        "sorts": [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}],
        "properties": ["email"],
        "limit": 200,
    }
    figures = [
        Figure(
            "batch read, 100 records, 25 properties", await median_ms(emulator, f"{base}/batch/read", read), "ms", 3
        ),
        Figure(
            "batch read, 50 records, history of 8", await median_ms(emulator, f"{base}/batch/read", histories), "ms"
        ),
        Figure("batch update, 100 records, 2 changes", await median_ms(emulator, f"{base}/batch/update", writes), "ms"),
        Figure(
            "batch create, 100 records, 25 properties", await median_ms(emulator, f"{base}/batch/create", creates), "ms"
        ),
    ]
    searches = [_encoded({**window, "after": str(number % 40 * 200)}) for number in range(40)]
    figures.append(
        Figure("search, changed since, page of 200", await median_ms(emulator, f"{base}/search", searches), "ms")
    )
    idle = json.loads(searches[0])
    idle["filterGroups"][0]["filters"][0]["value"] = str(emulator.clock.now_ms() + 1_000_000)
    figures.append(
        Figure("search, nothing changed", await median_ms(emulator, f"{base}/search", [_encoded(idle)] * 40), "ms")
    )
    return figures


def measure(count: int, rss_mb: Any) -> list[Figure]:
    """All figures, on one account of `count` contacts. `rss_mb` tells the memory of this process."""
    before = rss_mb()
    start = time.perf_counter()
    emulator = filled_account(count)
    seeded_s = time.perf_counter() - start
    held = rss_mb() - before
    figures = [
        Figure(f"memory of {count:,} contacts of 25 properties", held, "MB", 500 * count / 100_000),
        Figure(f"seeding {count:,} contacts", seeded_s, "s"),
    ]
    return figures + asyncio.run(_calls(emulator))

"""Every page of records, issues and conflicts where there are 100,000 of each: `python benchmarks/long_lists.py [--rows N]
[--postgres URL]`.

The pages are asked for as a browser does, without a browser: routing, rights, statements and template. First pages, later ones,
and each filter, also such that only the oldest row fits. Filled in by the store's own statements, as a sync does. Told is the
CPU time of the process, as a page waits for nothing else (the database is a file, and in memory once it was read).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell
from tests.asgi_browser import Browser

from interlock.app import find
from interlock.app.people import manage, signing_in
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.core.model import (
    AuditKind,
    AuditRow,
    Issue,
    IssueCategory,
    LinkedBy,
    LinkState,
    RecordKey,
    RecordLink,
    Side,
)
from interlock.store import Store, audit, connections, issues, links, unlinked
from interlock.store.connections import Connection
from interlock.store.unlinked import Unlinked
from interlock.web.app import make_app
from interlock.wiring import open_interlock

BAR_MS = 250.0
# Pages that count all of something: as many rows of an index as there are.
COUNTING = ("Sync health", "Overview")
COUNTING_BAR_MS = 600.0
# It walks the values of what was written, on purpose (store/search.py).
FIND_BAR_MS = 2_000.0
RUNS = 5
BITE = 5_000
# Nobody listens there: no page of this benchmark asks a CRM.
NOWHERE = "http://127.0.0.1:1"
# What few rows have stands on the oldest of them, which a list that begins with the newest comes to last.
RARE = 3
# Records of which the issues are over have ids of their own, as an issue that is raised again is the same row.
OVER = 10**7


def bites(n: int) -> Iterator[range]:
    for start in range(0, n, BITE):
        yield range(start, min(start + BITE, n))


def link(n: int, state: LinkState) -> RecordLink:
    return RecordLink("contacts", f"{n}", "Contact", f"003{n:012}", state, LinkedBy.EMAIL, 1, {1: (n, n)}, {})


def issue(n: int, status: str) -> Issue:
    category = IssueCategory.SAFETY if n < RARE else IssueCategory.PROPERTY_VALUES
    code = "RARE" if n < RARE else "STRING_TOO_LONG"
    record = (f"{n}", f"003{n:012}", "Contact")
    return Issue(category, code, "error", "contacts", *record, "It is too long.", "Shorten it.", status, status=status)


def conflict(n: int, status: str) -> AuditRow:
    name = "rare" if n < RARE else "jobtitle"
    values: dict[str, Any] = {"side": Side.HUBSPOT if n % 3 else Side.SALESFORCE, "old": "Clerk", "new": "Countess"}
    values |= {"rule": "two_way", "reason": "both_changed", "status": status}
    kind = AuditKind.CONFLICT
    return AuditRow(n, kind, "contacts", f"{n}", f"003{n:012}", property=name, field="Title", **values)


def written(n: int) -> AuditRow:
    record = ("contacts", f"{n}", f"003{n:012}")
    return AuditRow(n, AuditKind.UPDATE, *record, Side.HUBSPOT, "jobtitle", "Title", "Clerk", "Countess")


async def fill(store: Store, rows: int) -> int:
    async with store.write(None) as tx:
        made = Connection(
            name="default", state="paused", state_since_us=0, hubspot_url=NOWHERE, hubspot_account_id="1",
            hubspot_name="HubSpot", salesforce_url=NOWHERE, salesforce_org_id="00D", salesforce_name="Org",
        )  # fmt: skip
        id_ = await connections.create(tx, made)
    for bite in bites(rows):
        async with store.write(id_) as tx:
            await links.insert(tx, [link(n, LinkState.LINKED) for n in bite])
            await unlinked.put(tx, [alone(n) for n in bite])
            await issues.raise_(tx, [issue(n, "open") for n in bite])
            await issues.raise_(tx, [issue(n + OVER, "resolved") for n in bite])
            await audit.append(tx, [conflict(n, "open") for n in bite])
            await audit.append(tx, [conflict(n, "settled") for n in bite])
    # Newer than all that is listed: a page that walks them to find its rows is slow.
    for bite in bites(rows * 5):
        async with store.write(id_) as tx:
            await audit.append(tx, [written(n) for n in bite])
    for bite in bites(rows):
        async with store.write(id_) as tx:
            await links.insert(tx, [link(n + rows, LinkState.EXCLUDED) for n in bite])
    return id_


def alone(n: int) -> Unlinked:
    why = "not_readable" if n < RARE else "ambiguous"
    return Unlinked(RecordKey(Side.SALESFORCE, "Contact", f"003{n + 10**9:012}"), "contacts", 1, why, f"Person {n}", 1)


def addresses(rows: int, id_: int) -> dict[str, str]:
    at = f"/connections/{id_}"
    middle = rows // 2
    return {
        "Sync health": f"{at}/health",
        "Overview": f"{at}/overview",
        "issues": f"{at}/issues",
        "issues, from the middle on": f"{at}/issues?cursor={middle}",
        "issues of a rare category": f"{at}/issues?category=safety",
        "issues of a rare code": f"{at}/issues?code=RARE",
        "issues of one record": f"{at}/issues?record=hubspot:contacts:{middle}",
        "issues of one record, resolved": f"{at}/issues?record=hubspot:contacts:{OVER + middle}&status=resolved",
        "issues, resolved": f"{at}/issues?status=resolved",
        "issues, ignored (none)": f"{at}/issues?status=ignored",
        "conflicts": f"{at}/conflicts",
        "conflicts, from the middle on": f"{at}/conflicts?cursor={rows}",
        "conflicts of a rare property": f"{at}/conflicts?property=rare",
        "conflicts, resolved (none)": f"{at}/conflicts?status=resolved",
        "conflicts, whatever became of them": f"{at}/conflicts?status=all",
        "not synced": f"{at}/not-synced?object=contacts&why=ambiguous",
        "not synced, for a rare reason": f"{at}/not-synced?object=contacts&why=not_readable",
        "pairs outside of the list": f"{at}/not-synced?object=contacts&why=not_in_list",
    }


async def timed(asked: Awaitable[Any]) -> float:
    began = time.process_time()
    await asked
    return (time.process_time() - began) * 1000


async def measured(home: Path, rows: int) -> list[Figure]:
    async with open_interlock(home) as interlock:
        began = time.monotonic()
        id_ = await fill(interlock.store, rows)
        print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
        person, _ = await manage.add(interlock.store, BY_COMMAND, "admin@example.com", "Admin", Role.ADMIN)
        async with interlock.store.write(None) as tx:
            token = await signing_in.begin_session(tx, person, "signed_in", "127.0.0.1", None)
        browser = Browser(make_app(interlock, NOWHERE))
        browser.cookies["interlock_session"] = token
        figures = []
        for name, address in addresses(rows, id_).items():
            answer = await browser.get(address)
            assert answer.status == 200, (name, answer.status, answer.page.text[:300])
            spent = [await timed(browser.get(address)) for _ in range(RUNS)]
            figures.append(
                Figure(name, statistics.median(spent), "ms", COUNTING_BAR_MS if name in COUNTING else BAR_MS)
            )
        for text in ("Person 77", "nobody is called so"):
            spent = [await timed(find.find(interlock.store, id_, text, None)) for _ in range(RUNS)]
            figures.append(Figure(f"find {text!r}, of what is remembered", statistics.median(spent), "ms", FIND_BAR_MS))
        return figures


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="of each kind")
    parser.add_argument("--postgres", help="an empty PostgreSQL database instead of a SQLite file")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="interlock-benchmark-") as folder:
        if asked.postgres:
            Path(folder, "interlock.yaml").write_text(f"database: {asked.postgres}\n", encoding="utf-8")
        figures = asyncio.run(measured(Path(folder), asked.rows))
    return tell("long_lists", figures, rows_of_each=asked.rows, database="PostgreSQL" if asked.postgres else "SQLite")


if __name__ == "__main__":
    sys.exit(main())

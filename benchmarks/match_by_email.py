"""Both sides matched by e-mail through the store, beside one SQL join: `python benchmarks/match_by_email.py [--records N]`.

The join is of two bare tables of ids and addresses in a file of their own, without and with an index on the address; the quicker
of the two counts. Both read every row that comes out. Each runs in a process of its own, of which the kernel tells CPU and peak
memory; nothing waits in them but for the disk, and CPU is what other work on the machine does not falsify. To fill the store is
not part of it: that is what reading the CRMs does, a page at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell

from interlock.core.model import Side
from interlock.store import Store, identity, meeting

RATIO_MOST = 3
MEMORY_MOST_MB = 500
ROUNDS = 3
PAGE_ROWS = 10_000
# In no order, so that the index is as scattered as it comes to be; in few transactions, each of which writes most of its pages.
FILL_ROWS = 200_000
JOIN = "SELECT hubspot.id, salesforce.id FROM hubspot JOIN salesforce ON salesforce.email = hubspot.email"


class Ran(msgspec.Struct):
    cpu_s: float
    wall_s: float
    peak_mb: float
    met: int


def people(records: int) -> Iterator[tuple[Side, list[tuple[str, str]]]]:
    """(id, address) of each side, in no order; nine in ten have a counterpart."""
    chance = random.Random(1)
    for side, first in ((Side.HUBSPOT, 0), (Side.SALESFORCE, records // 10)):
        numbers = list(range(first, first + records))
        chance.shuffle(numbers)
        yield (
            side,
            [
                (f"{side.value[0]}{number:014d}", f"person{number}@company{number % 9_000}.example.com")
                for number in numbers
            ],
        )


async def fill(folder: Path, records: int) -> None:
    bare = sqlite3.connect(folder / "bare.db")
    store = await Store.open(str(folder / "store.db"), clock_us=lambda: 1, synchronous="OFF")
    for side, rows in people(records):
        bare.execute(f"CREATE TABLE {side.value} (id TEXT, email TEXT)")
        bare.executemany(f"INSERT INTO {side.value} VALUES (?, ?)", rows)
        bare.commit()
        for start in range(0, len(rows), FILL_ROWS):
            entries = [("email", email, id_) for id_, email in rows[start : start + FILL_ROWS]]
            async with store.write(1) as tx:
                await identity.put(tx, "contacts", side, entries)
    bare.close()
    await store.close()


def join(folder: Path, index: bool) -> int:
    bare = sqlite3.connect(folder / "bare.db")
    bare.execute("DROP INDEX IF EXISTS by_email")
    if index:
        bare.execute("CREATE INDEX by_email ON salesforce (email, id)")
    bare.commit()
    bare.execute("PRAGMA cache_size = -16000")  # as the store has it
    measured_from()
    met, cursor = 0, bare.execute(JOIN)
    while rows := cursor.fetchmany(PAGE_ROWS):
        met += len(rows)
    return met


async def match(folder: Path) -> int:
    store = await Store.open(str(folder / "store.db"), clock_us=lambda: 1)
    measured_from()
    met = 0
    async for page in meeting.pages(store, 1, "contacts", "email"):
        met += sum(not each.several for each in page)
    await store.close()
    return met


_began = [0.0, 0.0]


def measured_from() -> None:
    _began[:] = [time.process_time(), time.monotonic()]


def one(what: str, folder: Path, records: int) -> None:
    """In a process of its own: prints what it used since `measured_from`."""
    if what == "fill":
        # Not in the process that starts the others: the kernel counts its memory to theirs, from before they became their own.
        asyncio.run(fill(folder, records))
        met = 0
    else:
        met = asyncio.run(match(folder)) if what == "match" else join(folder, index=what == "indexed join")
    print(json.dumps([time.process_time() - _began[0], time.monotonic() - _began[1], met]))


def run(what: str, folder: Path, records: int) -> Ran:
    command = [sys.executable, __file__, "--one", what, "--folder", str(folder), "--records", str(records)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{what} ended with {process.returncode}")
    cpu_s, wall_s, met = json.loads(told)
    return Ran(cpu_s, wall_s, used.ru_maxrss / 1_024, met)


def best(what: str, folder: Path, records: int) -> Ran:
    """The least CPU of some rounds; the most memory."""
    rounds = [run(what, folder, records) for _ in range(ROUNDS)]
    quickest = min(rounds, key=lambda ran: ran.cpu_s)
    return msgspec.structs.replace(quickest, peak_mb=max(ran.peak_mb for ran in rounds))


def measure(folder: Path, records: int) -> tuple[list[Figure], dict[str, Any]]:
    run("fill", folder, records)
    ran = {what: best(what, folder, records) for what in ("join", "indexed join", "match")}
    expected = records - records // 10
    assert all(each.met == expected for each in ran.values()), ran
    matched, joined = ran["match"], min(ran["join"], ran["indexed join"], key=lambda each: each.cpu_s)
    figures = [
        Figure(f"{records:,} x {records:,} matched, of one SQL join", matched.cpu_s / joined.cpu_s, "x", RATIO_MOST),
        Figure("peak memory of matching", matched.peak_mb, "MB", MEMORY_MOST_MB),
        Figure("CPU of matching", matched.cpu_s, "s", note=f"{matched.wall_s:.2f} s on the clock"),
        *(
            Figure(f"CPU of the {what}", ran[what].cpu_s, "s", note=f"{ran[what].wall_s:.2f} s on the clock")
            for what in ("join", "indexed join")
        ),
    ]
    return figures, {"records_a_side": records, "met": matched.met}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="records a side")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where to put the databases (default: a temporary folder)")
    asked = parser.parse_args()
    if asked.one:
        one(asked.one, asked.folder, asked.records)
        return 0
    with tempfile.TemporaryDirectory(prefix="interlock-benchmark-", dir=asked.folder) as folder:
        figures, about = measure(Path(folder), asked.records)
    return tell("match_by_email", figures, **about)


if __name__ == "__main__":
    sys.exit(main())

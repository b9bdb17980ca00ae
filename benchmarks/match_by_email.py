"""Both sides matched by e-mail through the store, beside one SQL join: `python benchmarks/match_by_email.py [--records N]`.

As a first load does it: HubSpot's addresses stand in the store, noted page by page as they are read (engine/census.py), and
Salesforce's records are looked for by theirs, a batch in each question. To note them is not part of it: it is part of reading
HubSpot. The join is of two bare tables of ids and addresses in a file of their own, without and with an index on the address, which
is made beforehand; the quicker of the two counts. Each runs in a process of its own, of which the kernel tells CPU and peak memory;
nothing waits in them but for the disk, and CPU is what other work on the machine does not falsify.
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
from interlock.engine.census import entries_of, who_has
from interlock.engine.context import Settings
from interlock.store import Store, census

RATIO_MOST = 3
MEMORY_MOST_MB = 500
ROUNDS = 3
BATCH_ROWS = Settings().batch_rows
# In few transactions, each of which writes most of the index' pages: nothing of it is measured.
FILL_ROWS = 200_000
FETCH_ROWS = 10_000
JOIN = "SELECT hubspot.id, salesforce.id FROM hubspot JOIN salesforce ON salesforce.email = hubspot.email"


class Ran(msgspec.Struct):
    cpu_s: float
    wall_s: float
    peak_mb: float
    met: int


def people(side: Side, records: int) -> list[tuple[str, str]]:
    """(id, address), in no order; nine in ten have a counterpart."""
    first = 0 if side is Side.HUBSPOT else records // 10
    numbers = list(range(first, first + records))
    random.Random(side.value).shuffle(numbers)
    return [
        (f"{side.value[0]}{number:014d}", f"person{number}@company{number % 9_000}.example.com") for number in numbers
    ]


def parts(rows: list[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def fill_bare(folder: Path, records: int) -> None:
    bare = sqlite3.connect(folder / "bare.db")
    for side in Side:
        bare.execute(f"CREATE TABLE {side.value} (id TEXT, email TEXT)")
        bare.executemany(f"INSERT INTO {side.value} VALUES (?, ?)", people(side, records))
        bare.commit()
    bare.close()


async def fill(folder: Path, records: int) -> None:
    fill_bare(folder, records)
    store = await Store.open(str(folder / "store.db"), clock_us=lambda: 1, synchronous="OFF")
    for part in parts(people(Side.HUBSPOT, records), FILL_ROWS):
        entries = [entry for id_, address in part for entry in entries_of(id_, [address], None)]
        async with store.write(1) as tx:
            await census.note(tx, "contacts", entries)
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
    while rows := cursor.fetchmany(FETCH_ROWS):
        met += len(rows)
    return met


async def match(folder: Path) -> int:
    """Salesforce's records come by id, from a table in which nothing is sought: they are what a load reads of Salesforce."""
    store = await Store.open(str(folder / "store.db"), clock_us=lambda: 1)
    read = sqlite3.connect(folder / "bare.db").execute("SELECT id, email FROM salesforce")
    measured_from()
    met = 0
    while rows := read.fetchmany(BATCH_ROWS):
        async with store.read(1) as tx:
            had = await who_has(tx, "contacts", [address for _, address in rows])
        met += sum(len(had.get(address, ())) for _, address in rows)
    await store.close()
    return met


_began = [0.0, 0.0]


def measured_from() -> None:
    _began[:] = [time.process_time(), time.monotonic()]


def one(what: str, folder: Path, records: int) -> None:
    """In a process of its own: prints what it used since `measured_from`."""
    met = 0
    if what == "fill":
        # Not in the process that starts the others: the kernel counts its memory to theirs, from before they became their own.
        asyncio.run(fill(folder, records))
    elif what == "match":
        met = asyncio.run(match(folder))
    else:
        met = join(folder, index=what == "indexed join")
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

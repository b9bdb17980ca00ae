"""On which of the two databases a test runs.

`INTERLOCK_TEST_DATABASE=postgresql` (`make test-postgresql`) runs all of them on PostgreSQL. Otherwise they run on SQLite, and on
PostgreSQL as well: the store's own tests all, of what stands on the store one test in six, whichever its name says.

On SQLite each begins with a copy of a migrated file: to migrate takes longer than most tests.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from interlock.store import Store

SQLITE, POSTGRESQL = "sqlite", "postgresql"
ONE_IN = 6
TMPFS = Path("/dev/shm")
CHOSEN = os.environ.get("INTERLOCK_TEST_DATABASE", SQLITE)


def databases_of(test: str, *, of_the_store: bool = False) -> list[str]:
    """`test`: the name of the function."""
    both = CHOSEN == SQLITE and (of_the_store or zlib.crc32(test.encode()) % ONE_IN == 0)
    return [SQLITE, POSTGRESQL] if both else [CHOSEN]


@cache
def migrated() -> bytes:
    """An SQLite file without rows."""

    async def migrate(path: Path) -> None:
        await (await Store.open(str(path), clock_us=lambda: 0, threadless=True)).close()

    with tempfile.TemporaryDirectory(dir=TMPFS if TMPFS.is_dir() else None) as folder, ThreadPoolExecutor(1) as aside:
        path = Path(folder) / "interlock.db"
        # Whoever asks may be in a loop of its own.
        aside.submit(asyncio.run, migrate(path)).result()
        return path.read_bytes()


def at(path: Path) -> str:
    """The address of the database at this path, which is there from now on."""
    if not path.exists():
        path.write_bytes(migrated())
    return str(path)

"""On which of the two databases a test runs.

`INTERLOCK_TEST_DATABASE=postgresql` (`make test-postgresql`) runs all of them on PostgreSQL. Otherwise they run on SQLite, and on
PostgreSQL as well: the store's own tests all, of what stands on the store one test in six, whichever its name says.

On SQLite each begins with a copy of a migrated file: to migrate takes longer than most tests. A process that tests start for one
short story is told where such a file lies (`told()`), and makes none.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from interlock.store import Store

SQLITE, POSTGRESQL = "sqlite", "postgresql"
ONE_IN = 6
TMPFS = Path("/dev/shm")
# In the environment of a process that is told.
LIES_AT = "INTERLOCK_TEST_MIGRATED"
_ONE_AT_A_TIME = threading.Lock()
CHOSEN = os.environ.get("INTERLOCK_TEST_DATABASE", SQLITE)


def databases_of(test: str, *, of_the_store: bool = False) -> list[str]:
    """`test`: the name of the function."""
    both = CHOSEN == SQLITE and (of_the_store or zlib.crc32(test.encode()) % ONE_IN == 0)
    return [SQLITE, POSTGRESQL] if both else [CHOSEN]


def migrated() -> bytes:
    """An SQLite file without rows. Of threads that ask at once one makes it: Alembic knows of one migration in a process."""
    with _ONE_AT_A_TIME:
        return _migrated()


@cache
def _migrated() -> bytes:
    if LIES_AT in os.environ:
        return Path(os.environ[LIES_AT]).read_bytes()

    async def migrate(path: Path) -> None:
        await (await Store.open(str(path), clock_us=lambda: 0, threadless=True)).close()

    with tempfile.TemporaryDirectory(dir=TMPFS if TMPFS.is_dir() else None) as folder, ThreadPoolExecutor(1) as aside:
        path = Path(folder) / "interlock.db"
        # Whoever asks may be in a loop of its own.
        aside.submit(asyncio.run, migrate(path)).result()
        return path.read_bytes()


@contextmanager
def told() -> Iterator[dict[str, str]]:
    """What to add to the environment of a process, as long as it runs."""
    with tempfile.NamedTemporaryFile(dir=TMPFS if TMPFS.is_dir() else None) as file:
        file.write(migrated())
        file.flush()
        yield {LIES_AT: file.name}


def at(path: Path) -> str:
    """The address of the database at this path, which is there from now on."""
    if not path.exists():
        path.write_bytes(migrated())
    return str(path)

"""On which of the two databases a test runs.

`INTERLOCK_TEST_DATABASE=postgresql` (`make test-postgresql`) runs all of them on PostgreSQL. Otherwise they run on SQLite, and on
PostgreSQL as well: the store's own tests all, of what stands on the store one test in six, whichever its name says.
"""

from __future__ import annotations

import os
import zlib

SQLITE, POSTGRESQL = "sqlite", "postgresql"
ONE_IN = 6
CHOSEN = os.environ.get("INTERLOCK_TEST_DATABASE", SQLITE)


def databases_of(test: str, *, of_the_store: bool = False) -> list[str]:
    """`test`: the name of the function."""
    both = CHOSEN == SQLITE and (of_the_store or zlib.crc32(test.encode()) % ONE_IN == 0)
    return [SQLITE, POSTGRESQL] if both else [CHOSEN]

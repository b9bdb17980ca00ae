"""Tries to sign in that were not good, by source (an account, an address), and until when the next is not looked at.

Only counts; how long a wait is, is the caller's rule. A try is counted before its password is looked at: a hundred that come
at once are a hundred, not one.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from interlock.store.sql import Dialect
from interlock.store.tx import Tx, WriteTx

# Any number: the same for all processes, and no other lock's.
_ADVISORY_LOCK = 4_201_869
FORGOTTEN_AFTER_US = 24 * 3600 * 1_000_000


class Source(msgspec.Struct, frozen=True):
    """`wait_us`: {number of failures so far, this one included: how long until the next is looked at}."""

    name: str
    wait_us: Callable[[int], int]


async def begin(tx: WriteTx, sources: list[Source]) -> int:
    """0: the try is counted as a failure for now, go on. More: so many microseconds to wait, and nothing is written, so that
    whoever is held back cannot fill the table either."""
    if tx.dialect is Dialect.POSTGRESQL:
        # One try after the other: two that looked at once would both see the wait of neither. Shorter than any comparison.
        await tx.rows("SELECT pg_advisory_xact_lock(?)", _ADVISORY_LOCK)
    rows = await tx.rows(
        "SELECT source, failures, next_at_us FROM sign_in_try WHERE source IN [?] AND tried_at_us >= ?",
        [source.name for source in sources],
        tx.now_us - FORGOTTEN_AFTER_US,
    )
    wait_us = max((next_at_us - tx.now_us for _, _, next_at_us in rows), default=0)
    if wait_us > 0:
        return wait_us
    await tx.run("DELETE FROM sign_in_try WHERE tried_at_us < ?", tx.now_us - FORGOTTEN_AFTER_US)
    known = {name: failures for name, failures, _ in rows}
    for source in sources:
        failures = known.get(source.name, 0) + 1
        await tx.run(
            "INSERT INTO sign_in_try (source, failures, tried_at_us, next_at_us) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (source) DO UPDATE SET failures = excluded.failures, tried_at_us = excluded.tried_at_us,"
            " next_at_us = excluded.next_at_us",
            source.name,
            failures,
            tx.now_us,
            tx.now_us + source.wait_us(failures),
        )
    return 0


async def wait_us(tx: Tx, names: list[str]) -> int:
    """How long the next try by one of these sources has to wait; 0: not at all."""
    rows = await tx.rows("SELECT next_at_us FROM sign_in_try WHERE source IN [?]", names)
    return max((int(row[0]) - tx.now_us for row in rows if row[0] > tx.now_us), default=0)


async def forget(tx: WriteTx, source: str) -> None:
    """All is well with it: a good sign-in, or a new password."""
    await tx.run("DELETE FROM sign_in_try WHERE source = ?", source)


async def take_back(tx: WriteTx, source: str) -> None:
    """The try that was counted last was good; those before it stay."""
    await tx.run(
        "UPDATE sign_in_try SET failures = failures - 1, next_at_us = 0 WHERE source = ? AND failures > 0", source
    )

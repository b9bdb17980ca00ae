"""Tries to sign in that were not good, by source (an account, an address), and until when the next is not looked at.

Only counts; how long a wait is, is the caller's rule. A try is counted before its password is looked at: a hundred that come
at once are a hundred, not one.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from interlock.store.sql import Dialect
from interlock.store.tx import WriteTx

FORGOTTEN_AFTER_US = 24 * 3600 * 1_000_000


class Source(msgspec.Struct, frozen=True, order=True):
    """`wait_us`: {number of failures so far, this one included: how long until the next is looked at}."""

    name: str
    wait_us: Callable[[int], int]


async def begin(tx: WriteTx, sources: list[Source]) -> int:
    """0: the try is counted as a failure for now, go on. More: so many microseconds to wait, and nothing is counted."""
    await tx.run("DELETE FROM sign_in_try WHERE tried_at_us < ?", tx.now_us - FORGOTTEN_AFTER_US)
    lock = " FOR UPDATE" if tx.dialect is Dialect.POSTGRESQL else ""
    failures: dict[str, int] = {}
    waits = [0]
    # In one order, so that two transactions never wait for each other.
    for source in sorted(sources, key=lambda each: each.name):
        await tx.run(
            "INSERT INTO sign_in_try (source, failures, tried_at_us, next_at_us) VALUES (?, 0, ?, 0)"
            " ON CONFLICT (source) DO NOTHING",
            source.name,
            tx.now_us,
        )
        row = await tx.row("SELECT failures, next_at_us FROM sign_in_try WHERE source = ?" + lock, source.name)
        assert row is not None
        failures[source.name] = row[0] + 1
        waits.append(row[1] - tx.now_us)
    if max(waits) > 0:
        return max(waits)
    for source in sources:
        await tx.run(
            "UPDATE sign_in_try SET failures = ?, tried_at_us = ?, next_at_us = ? WHERE source = ?",
            failures[source.name],
            tx.now_us,
            tx.now_us + source.wait_us(failures[source.name]),
            source.name,
        )
    return 0


async def forget(tx: WriteTx, source: str) -> None:
    """All is well with it: a good sign-in, or a new password."""
    await tx.run("DELETE FROM sign_in_try WHERE source = ?", source)


async def take_back(tx: WriteTx, source: str) -> None:
    """The try that was counted last was good; those before it stay."""
    await tx.run(
        "UPDATE sign_in_try SET failures = failures - 1, next_at_us = 0 WHERE source = ? AND failures > 0", source
    )

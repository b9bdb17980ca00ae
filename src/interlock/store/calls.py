"""API calls used, by side, purpose and hour. Hours, because the CRMs' daily limits are rolling and shown as such."""

from __future__ import annotations

from interlock.core.model import Side
from interlock.store.sql import BulkInsert
from interlock.store.tx import Tx, WriteTx

HOUR_US = 3_600_000_000

_ADD = BulkInsert(
    "calls",
    ("connection_id", "side", "hour_us", "purpose", "calls"),
    "ON CONFLICT (connection_id, side, hour_us, purpose) DO UPDATE SET calls = calls.calls + excluded.calls",
)


def hour_of(at_us: int) -> int:
    return at_us - at_us % HOUR_US


async def add(tx: WriteTx, side: Side, purpose: str, n: int, at_us: int) -> None:
    await add_many(tx, {(side, purpose, hour_of(at_us)): n})


async def add_many(tx: WriteTx, counted: dict[tuple[Side, str, int], int]) -> None:
    """{(side, purpose, start of the hour): calls}."""
    connection_id = tx.connection_id
    await tx.many(
        _ADD,
        # In one order for all processes: two that count at once wait for each other, and not each for the other.
        sorted((connection_id, side.value, hour_us, purpose, n) for (side, purpose, hour_us), n in counted.items()),
    )


async def used(tx: Tx, side: Side, since_us: int) -> dict[str, int]:
    """{purpose: calls} in the hours that end after `since_us`: at most one hour too many, never one call too few."""
    rows = await tx.rows(
        "SELECT purpose, SUM(calls) FROM calls WHERE connection_id = ? AND side = ? AND hour_us > ? GROUP BY purpose",
        tx.connection_id,
        side.value,
        since_us - HOUR_US,
    )
    return {purpose: int(n) for purpose, n in rows}


async def by_hour(tx: Tx, side: Side, since_us: int) -> list[tuple[int, str, int]]:
    """[(start of the hour, purpose, calls)] of the hours that end after `since_us`, the oldest first."""
    rows = await tx.rows(
        "SELECT hour_us, purpose, calls FROM calls WHERE connection_id = ? AND side = ? AND hour_us > ?"
        " ORDER BY hour_us, purpose",
        tx.connection_id,
        side.value,
        since_us - HOUR_US,
    )
    return [(int(hour_us), purpose, int(n)) for hour_us, purpose, n in rows]


async def prune(tx: WriteTx, before_us: int) -> int:
    return await tx.run("DELETE FROM calls WHERE connection_id = ? AND hour_us < ?", tx.connection_id, before_us)

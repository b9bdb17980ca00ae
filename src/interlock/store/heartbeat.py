"""That a dispatcher is alive, for `status`. Says nothing about who may write: that is the lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from interlock.store.database import Store

_FORGET_AFTER_US = 7 * 24 * 3600 * 1_000_000


class Beat(msgspec.Struct, frozen=True):
    owner: str
    at_us: int


async def beat(store: Store, owner: str, at_us: int) -> None:
    store.show_life(owner)
    async with store.write(None) as tx:
        await tx.run(
            "INSERT INTO worker (owner, beat_at_us) VALUES (?, ?)"
            " ON CONFLICT (owner) DO UPDATE SET beat_at_us = excluded.beat_at_us",
            owner,
            at_us,
        )
        await tx.run("DELETE FROM worker WHERE beat_at_us < ?", at_us - _FORGET_AFTER_US)


async def last_beat(store: Store) -> Beat | None:
    async with store.read(None) as tx:
        row = await tx.row("SELECT owner, beat_at_us FROM worker ORDER BY beat_at_us DESC LIMIT 1")
    return Beat(*row) if row else None


async def end(store: Store, owner: str) -> None:
    """A dispatcher that stops on purpose is not one that died."""
    async with store.write(None) as tx:
        await tx.run("DELETE FROM worker WHERE owner = ?", owner)

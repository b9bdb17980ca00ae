"""How much a first sync has before it: what the preview of the set-up counted, kept when it begins. No CRM tells beforehand."""

from __future__ import annotations

import msgspec

from interlock.core.model import LinkState
from interlock.store import directory, links
from interlock.store.tx import Tx, WriteTx

_NAME = "first_sync"
_MADE = {"link": ("matched",), "all": ("matched", "create_in_hubspot", "create_in_salesforce")}


class Expected(msgspec.Struct, frozen=True):
    """`before`: pairs that were there when it began. `pairs`: all that there should be when it ends."""

    before: int
    pairs: int


async def expect(tx: WriteTx, existing: str, counted: dict[str, dict[str, int]] | None) -> None:
    """`counted`: the objects of a complete preview; None: nobody knows."""
    if existing not in _MADE or counted is None:
        await forget(tx)
        return
    linked = {slug: states.get(LinkState.LINKED.value, 0) for slug, states in (await links.counts(tx)).items()}
    kept = {
        slug: Expected(linked.get(slug, 0), linked.get(slug, 0) + sum(counts[name] for name in _MADE[existing]))
        for slug, counts in counted.items()
    }
    await directory.put(tx, _NAME, msgspec.to_builtins(kept))


async def forget(tx: WriteTx) -> None:
    """Another first sync begins, or this one anew: what a set-up had counted before was not for it."""
    await directory.drop(tx, _NAME)


async def expected(tx: Tx) -> dict[str, Expected]:
    return msgspec.convert(await directory.get(tx, _NAME) or {}, dict[str, Expected])

"""Looking again at what was left alone since it matches a record outside of what limits the object (inclusion.py): that one may
match it no more, and nothing that becomes of the one makes the other due.

All of them wait, and are woken in their turn: a page a poll, and no more than a part of them a day. A million of them would else be
due at once, day by day, and what people edit would wait behind them.
"""

from __future__ import annotations

import msgspec

from interlock.core.model import Side
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.filtered import OUTSIDE_FILTER, WALK_EVERY_US
from interlock.engine.inclusion import NOT_IN_LIST
from interlock.store import cursors, dirty, unlinked

PAGE_ROWS = 1_000
# Each is looked at for some calls a hundred.
MOST_A_DAY = 20_000


class Place(msgspec.Struct):
    """How far the round has come, over many days where they are many. `kind`: an index of `_kinds`. `left`: how many may be woken
    until the day is over."""

    day_us: int
    kind: int = 0
    after: str = ""
    left: int = 0


async def wake_some(ctx: Cycle, runtime: ObjectRuntime) -> int:
    """Make the next of them due; how many. Asks no CRM."""
    kinds = _kinds(runtime)
    if not kinds:
        return 0
    name, now_us = f"second_look:{runtime.slug}", ctx.clock_us()
    async with ctx.store.read(ctx.connection_id) as tx:
        known = await cursors.get(tx, name)
        place = msgspec.convert(known, Place) if known is not None else Place(now_us)
        if now_us - place.day_us >= WALK_EVERY_US:
            place.day_us, place.left = now_us, MOST_A_DAY
        if place.left <= 0 and known is not None:
            return 0
        # Fewer of them limit what syncs than did.
        place.kind, place.after = (place.kind, place.after) if place.kind < len(kinds) else (0, "")
        why, side = kinds[place.kind]
        rows = min(PAGE_ROWS, place.left)
        page = await unlinked.of_side(tx, runtime.slug, why, side, place.after, rows) if rows else []
    if rows:
        _move_on(place, str(page[-1].key) if len(page) == rows else None, len(page), len(kinds))
    async with ctx.store.write(ctx.connection_id, ctx.lease) as write_tx:
        if page:
            await dirty.wake_these(write_tx, [each.key for each in page])
        await cursors.set(write_tx, name, msgspec.to_builtins(place))
    return len(page)


def _kinds(runtime: ObjectRuntime) -> list[tuple[str, Side]]:
    """Why they are said to stand outside, and on which side of the limit they are, which is not its own."""
    kinds = [(OUTSIDE_FILTER, Side.HUBSPOT)] if runtime.filters else []
    return kinds if runtime.inclusion is None else [*kinds, (NOT_IN_LIST, Side.SALESFORCE)]


def _move_on(place: Place, after: str | None, found: int, kinds: int) -> None:
    place.left -= found
    if after is not None:
        place.after = after
        return
    place.kind, place.after = place.kind + 1, ""
    if place.kind == kinds:
        # All were looked at: the next round begins with the next day.
        place.kind, place.left = 0, 0

"""When both sides of an object were last looked at, the check of all its pairs that a long gap in that has begun, and the walk
through all contacts that goes on for ever."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from interlock.store import cursors
from interlock.store.tx import Tx, WriteTx

_CHECKED = "checked"


class Gap(msgspec.Struct, frozen=True):
    """Nobody looked between these times. `done_us`: when the check of every pair was through; None: it goes on."""

    from_us: int
    until_us: int
    after: int = 0  # the id of the link that was checked last
    checked: int = 0  # pairs so far
    missing: int = 0  # records of them that did not answer
    done_us: int | None = None


class Walk(msgspec.Struct, frozen=True):
    """How far the walk through all contacts has come. `stepped_us`: up to when its pages were gone; `pages`: of a whole round,
    as they were counted last."""

    stepped_us: int
    pages: int
    counted_us: int
    after_id: int = 0  # the id of the link that was asked about last
    after_key: str | None = None  # of the contacts that stand alone, which come when the links are through


async def checked(tx: Tx) -> dict[str, int]:
    """{object: time}; an object that was never looked at is not there."""
    return await cursors.get(tx, _CHECKED) or {}


async def note(tx: WriteTx, objects: Iterable[str], at_us: int) -> None:
    await cursors.set(tx, _CHECKED, await checked(tx) | dict.fromkeys(objects, at_us))


async def gap(tx: Tx, object: str) -> Gap | None:
    """The last one, whether or not its check is done."""
    stored = await cursors.get(tx, _name(object))
    return None if stored is None else msgspec.convert(stored, Gap)


async def set_gap(tx: WriteTx, object: str, state: Gap) -> None:
    await cursors.set(tx, _name(object), msgspec.structs.asdict(state))


async def walk(tx: Tx, object: str) -> Walk | None:
    """None: it has not begun yet."""
    stored = await cursors.get(tx, f"walk:{object}")
    return None if stored is None else msgspec.convert(stored, Walk)


async def set_walk(tx: WriteTx, object: str, state: Walk) -> None:
    await cursors.set(tx, f"walk:{object}", msgspec.structs.asdict(state))


def _name(object: str) -> str:
    return f"gap:{object}"

"""Choosing one side for many conflicts at once: all that can be, in one transaction; what cannot holds up no other and is told.

Of several conflicts of one field of a pair the newest is what people saw last, so its choice stands, also where an older one
comes in a later go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from interlock.app.conflicts import Filter, check_mapped, choice_of, cursor_refused, link_of, mapped
from interlock.app.errors import BadInput
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.core.model import AuditRow, Reason, RecordLink, Side
from interlock.store import Store, audit, dirty, resolutions, schedule
from interlock.store.tx import Tx

Json = dict[str, Any]
MOST_AT_ONCE = 1_000
_Chosen = list[tuple[AuditRow, RecordLink]]


class Left(msgspec.Struct, frozen=True):
    """One for which nothing could be noted, and why."""

    id: int
    code: str
    message: str


class Resolved(msgspec.Struct, frozen=True):
    """`chosen`: conflicts for which it was noted, or would be. `further`: matching ones beyond what is done at a time, for which to
    ask again with `cursor`."""

    chosen: list[int]
    left: list[Left]
    further: int
    cursor: str | None

    def document(self, keep: Side, *, plan: bool) -> Json:
        return {
            "planned": plan,
            "keep": keep.value,
            "conflicts": self.chosen,
            "left": msgspec.to_builtins(self.left),
            "next_cursor": self.cursor,
        }


async def resolve_all(
    store: Store,
    connection_id: int,
    which: Filter,
    keep: Side,
    *,
    now_us: int,
    plan: bool = False,
    counted: int | None = None,
    cursor: str | None = None,
    by: By = BY_COMMAND,
) -> Resolved:
    """Of the open ones, the newest first, at most MOST_AT_ONCE. `counted`: how many a person saw. Raises BadInput unless there are
    as many, since more may have come, and for a cursor that is not ours."""
    async with store.read(connection_id) as tx:
        matching = await audit.conflicts_in_all(tx, "open", which.object, which.property, which.lost())
        if counted is not None and counted != matching:
            raise BadInput(
                f"There are {matching} such conflicts now, not {counted}.",
                code="count_differs",
                field="counted",
                fix="Look at the list again, then type the number that it shows.",
            )
        try:
            rows, further = await audit.conflicts(
                tx, "open", MOST_AT_ONCE, cursor, which.object, which.property, which.lost()
            )
        except ValueError as error:
            raise cursor_refused(cursor) from error
        more = 0
        if further is not None:
            more = await audit.conflicts_in_all(tx, "open", which.object, which.property, which.lost(), further)
        chosen, left = await _sorted(tx, rows)
    if not plan:
        await _note(store, connection_id, chosen, keep, now_us, by)
    return Resolved([row.id or 0 for row, _ in chosen], left, more, further)


async def _sorted(tx: Tx, rows: Sequence[AuditRow]) -> tuple[_Chosen, list[Left]]:
    """Those that can be chosen, and why the others cannot. `rows` are the newest first."""
    fields, chosen, left = await mapped(tx), [], []
    linked: _Chosen = []
    for row in rows:
        try:
            link = await link_of(tx, row)
            check_mapped(row, link, fields)
            linked.append((row, link))
        except BadInput as error:
            left.append(Left(row.id or 0, error.failure.code, error.failure.message))
    waiting = await resolutions.waiting(tx, list({link.id for _, link in linked if link.id is not None}))
    newest = {(each.link_id, each.property, each.field): each.conflict_id for all_ in waiting.values() for each in all_}
    for row, link in linked:
        assert row.id is not None
        assert link.id is not None
        place = (link.id, row.property or "", row.field or "")
        if newest.get(place, 0) > row.id:
            left.append(Left(row.id, "newer_chosen", _NEWER.format(id=newest[place])))
        else:
            newest[place] = row.id
            chosen.append((row, link))
    return chosen, left


_NEWER = (
    "A value was chosen for conflict {id}, which is of the same field and newer."
    " Resolve this one by itself if its value is wanted."
)


async def _note(store: Store, connection_id: int, chosen: _Chosen, keep: Side, now_us: int, by: By) -> None:
    if not chosen:
        return
    async with store.write(connection_id) as tx:
        await dirty.take_turn(tx)
        for row, link in chosen:
            await resolutions.put(tx, choice_of(row, link, keep, now_us))
        for object_ in dict.fromkeys(row.object for row, _ in chosen):
            keys = [link.hubspot for row, link in chosen if row.object == object_]
            await dirty.mark(tx, object_, list(dict.fromkeys(keys)), Reason.RESOLVED, now_us)
        await schedule.ring(tx)
        named = [row.id for row, _ in chosen]
        await record(tx, by, "conflicts_resolved", f"connection:{connection_id}", conflicts=named, keep=keep.value)

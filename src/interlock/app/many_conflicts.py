"""Choosing one side for many conflicts: each by itself, as if it were chosen alone, so that what is refused holds up no other."""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.app import conflicts
from interlock.app.errors import BadInput, Missing
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.core.model import Side
from interlock.store import Store

Json = dict[str, Any]

# In one go: each is a transaction of its own.
CHOSEN_MOST = 200


class Which(msgspec.Struct, frozen=True):
    """None: any."""

    object: str | None = None
    property: str | None = None
    kept: str | None = None  # the side whose value was kept


class Many(msgspec.Struct):
    """`more`: there are further ones, for which to ask again with `cursor`."""

    chosen: list[int]
    left: list[Json]
    cursor: str | None

    def document(self, keep: Side, *, plan: bool) -> Json:
        return {
            "planned": plan,
            "keep": keep.value,
            "conflicts": self.chosen,
            "left": self.left,
            "next_cursor": self.cursor,
        }


async def resolve_all(
    store: Store,
    connection_id: int,
    which: Which,
    keep: Side,
    *,
    now_us: int,
    plan: bool,
    cursor: str | None = None,
    by: By = BY_COMMAND,
) -> Many:
    """The newest open ones first, CHOSEN_MOST looked at: of several of one field the newest is what people saw last, so its choice
    stands. Raises BadInput for a cursor that is not ours."""
    listed = await conflicts.list_(store, connection_id, "open", cursor, CHOSEN_MOST)
    many = Many([], [], listed.next_cursor)
    for each in listed.conflicts:
        if not _is_meant(which, each):
            continue
        try:
            await conflicts.resolve(
                store, connection_id, each["id"], keep, now_us=now_us, plan=plan, by=by, yields=True
            )
            many.chosen.append(each["id"])
        except (BadInput, Missing) as error:
            many.left.append({"id": each["id"], "code": error.failure.code, "message": error.failure.message})
    return many


def _is_meant(which: Which, conflict: Json) -> bool:
    wanted = {"object": which.object, "property": which.property, "kept": which.kept}
    return all(value is None or conflict[name] == value for name, value in wanted.items())

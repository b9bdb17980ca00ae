"""Work that a command hands to the dispatcher that is running: asked for, taken, answered. The rows are the bell.

Nothing of the sync depends on them: a row that is lost costs the one who asked an answer, no record its sync. They are taken
and answered under the lease of the connection's org: one that was taken and never answered is of an owner that died.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from interlock.core.model import RecordKey
from interlock.store import jsontext
from interlock.store.driver import Row
from interlock.store.tx import Tx, WriteTx

WAITING, TAKEN, DONE, FAILED = "waiting", "taken", "done", "failed"


class Handover(msgspec.Struct, frozen=True):
    """`answer`: the result of the sync, or the failure; None until there is one."""

    id: int
    objects: list[str]
    keys: list[RecordKey]
    state: str
    at_us: int
    answer: dict[str, Any] | None


_SELECT = "SELECT id, objects, record_keys, state, at_us, answer FROM handover WHERE connection_id = ?"


def _handover(row: Row) -> Handover:
    id_, objects, keys, state, at_us, answer = row
    parsed = [RecordKey.parse(key) for key in jsontext.load(keys)]
    return Handover(id_, jsontext.load(objects), parsed, state, at_us, jsontext.load(answer))


async def ask(tx: WriteTx, objects: Sequence[str], keys: Sequence[RecordKey]) -> int:
    """The id of the new row."""
    row = await tx.row(
        "INSERT INTO handover (connection_id, objects, record_keys, state, at_us) VALUES (?, ?, ?, 'waiting', ?) RETURNING id",
        tx.connection_id,
        jsontext.dump(list(objects)),
        jsontext.dump([str(key) for key in keys]),
        tx.now_us,
    )
    assert row is not None
    return int(row[0])


async def get(tx: Tx, id_: int) -> Handover | None:
    row = await tx.row(_SELECT + " AND id = ?", tx.connection_id, id_)
    return None if row is None else _handover(row)


async def waiting(tx: Tx) -> int:
    """How many are there to be answered, taken or not. Index ix_handover_state."""
    row = await tx.row(
        "SELECT COUNT(*) FROM handover WHERE connection_id = ? AND state IN ('waiting', 'taken')", tx.connection_id
    )
    return int(row[0]) if row else 0


async def take(tx: WriteTx) -> Handover | None:
    """The oldest one that is not answered, now taken; None: there is none. One at a time, under the org's lease."""
    row = await tx.row(
        "UPDATE handover SET state = 'taken' WHERE connection_id = ? AND id ="
        " (SELECT MIN(id) FROM handover WHERE connection_id = ? AND state IN ('waiting', 'taken')) RETURNING id",
        tx.connection_id,
        tx.connection_id,
    )
    return None if row is None else await get(tx, row[0])


async def answer(tx: WriteTx, id_: int, state: str, what: dict[str, Any]) -> None:
    """Whoever asked may have given up: then there is nobody to answer."""
    await tx.run(
        "UPDATE handover SET state = ?, answer = ? WHERE connection_id = ? AND id = ?",
        state,
        jsontext.dump(what),
        tx.connection_id,
        id_,
    )


async def withdraw(tx: WriteTx, id_: int) -> bool:
    """The one who asked is done with it. False: it was gone."""
    return bool(await tx.run("DELETE FROM handover WHERE connection_id = ? AND id = ?", tx.connection_id, id_))


async def drop_older(tx: WriteTx, before_us: int) -> int:
    """Rows of processes that died before they could take them back."""
    return await tx.run("DELETE FROM handover WHERE connection_id = ? AND at_us < ?", tx.connection_id, before_us)

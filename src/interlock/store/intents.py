"""Intents: one row per record write, durable before the request leaves, deleted when its outcome is known and verified.

What is in here after a crash is exactly what may or may not have been written to a CRM.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.core.model import AuditRow, Intent, IntentKind, IntentState, RecordKey
from interlock.store import jsontext
from interlock.store.driver import Row
from interlock.store.sql import BulkInsert
from interlock.store.tx import Tx, WriteTx

_KINDS = {kind.value: kind for kind in IntentKind}
_STATES = {state.value: state for state in IntentState}


class _Carried(msgspec.Struct, array_like=True):
    """The blob `fields`. The audit rows are JSON text: they hold values as the CRMs gave them, half an emoji included."""

    fields: dict[int, tuple[str, int, int, int]]
    rows: str | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Carried).decode


def _pack(item: Intent) -> bytes:
    rows = jsontext.dump([msgspec.to_builtins(row) for row in item.rows]) if item.rows else None
    return _encode(_Carried(item.fields, rows))


def _rows(text: str | None) -> list[AuditRow]:
    return msgspec.convert(jsontext.load(text), list[AuditRow]) if text is not None else []


_COLUMNS = (
    "id",
    "object",
    "kind",
    "state",
    "source_key",
    "target_key",
    "sync_key",
    "fields",
    "fence",
    "target_stamp_us",
    "park_until_us",
)
_INSERT = BulkInsert("intent", ("connection_id", *_COLUMNS))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM intent WHERE connection_id = ?"


def _intent(row: Row) -> Intent:
    id_, object_, kind, state, source, target, sync_key, fields, fence, target_stamp_us, park_until_us = row
    carried = _decode(fields)
    return Intent(
        object_,
        _KINDS[kind],
        _STATES[state],
        RecordKey.parse(source),
        RecordKey.parse(target),
        sync_key,
        carried.fields,
        fence,
        target_stamp_us,
        park_until_us,
        _rows(carried.rows),
        id_,
    )


async def open_(tx: WriteTx, intents: Sequence[Intent]) -> list[int]:
    """Their ids, in order."""
    if not intents:
        return []
    ids = await tx.allocate_ids("intent", len(intents))
    connection_id = tx.connection_id
    rows = [
        (
            connection_id,
            id_,
            item.object,
            item.kind.value,
            item.state.value,
            str(item.source),
            str(item.target),
            item.sync_key,
            _pack(item),
            item.fence,
            item.target_stamp_us,
            item.park_until_us,
        )
        for id_, item in zip(ids, intents, strict=True)
    ]
    await tx.many(_INSERT, rows)
    return ids


async def for_keys(tx: Tx, keys: Sequence[RecordKey]) -> list[Intent]:
    """Open ones whose source or target is among `keys`, in the order they were opened."""
    texts = [str(key) for key in keys]
    # Two look-ups by index rather than one OR, which both planners may turn into a walk over all rows.
    by_source = await tx.rows(_SELECT + " AND source_key IN [?]", tx.connection_id, texts)
    by_target = await tx.rows(_SELECT + " AND target_key IN [?]", tx.connection_id, texts)
    unique = {row[0]: row for row in (*by_source, *by_target)}
    return [_intent(unique[id_]) for id_ in sorted(unique)]


async def of_kind(tx: Tx, kind: IntentKind, object: str) -> list[Intent]:
    """Open ones of an object, in the order they were opened. The table holds little beside them."""
    sql = _SELECT + " AND kind = ? AND object = ? ORDER BY id"
    return [_intent(row) for row in await tx.rows(sql, tx.connection_id, kind.value, object)]


async def unanswered(tx: Tx, object: str) -> list[RecordKey]:
    """Records of which a write may still land: its sources and targets. The table holds little beside them."""
    sql = "SELECT source_key, target_key FROM intent WHERE connection_id = ? AND object = ? AND state = ?"
    rows = await tx.rows(sql, tx.connection_id, object, IntentState.UNKNOWN.value)
    return [RecordKey.parse(key) for row in rows for key in row]


async def update(tx: WriteTx, ids: Sequence[int], state: IntentState, park_until_us: int) -> None:
    await tx.run(
        "UPDATE intent SET state = ?, park_until_us = ? WHERE connection_id = ? AND id IN [?]",
        state.value,
        park_until_us,
        tx.connection_id,
        list(ids),
    )


async def keep_rows(tx: WriteTx, changed: Sequence[Intent]) -> None:
    """What these writes carry, or what the audit will say of them, is no longer what it was when they were opened."""
    sql = "UPDATE intent SET fields = ? WHERE connection_id = ? AND id = ?"
    for item in changed:
        await tx.run(sql, _pack(item), tx.connection_id, item.id)


async def name_targets(tx: WriteTx, made: Sequence[Intent]) -> None:
    """Creates whose record is known by now, and is looked at like one that was updated."""
    sql = "UPDATE intent SET kind = ?, target_key = ? WHERE connection_id = ? AND id = ?"
    for item in made:
        await tx.run(sql, IntentKind.UPDATE.value, str(item.target), tx.connection_id, item.id)


async def settle(tx: WriteTx, ids: Sequence[int]) -> None:
    """The outcome is known and recorded: the rows go."""
    await tx.run("DELETE FROM intent WHERE connection_id = ? AND id IN [?]", tx.connection_id, list(ids))


async def older_than_fence(tx: Tx, fence: int) -> list[Intent]:
    """What a former owner left open; few, read once at the start of a drain."""
    rows = await tx.rows(_SELECT + " AND fence < ? ORDER BY id", tx.connection_id, fence)
    return [_intent(row) for row in rows]


async def all_(tx: Tx) -> list[Intent]:
    """Every open one, in the order they were opened: a batch of each owner at most."""
    return [_intent(row) for row in await tx.rows(_SELECT + " ORDER BY id", tx.connection_id)]


async def leave_to_verify(tx: WriteTx, ids: Sequence[int], fence: int) -> None:
    """Whoever drains next looks up in HubSpot's history what these have replaced."""
    await tx.run(
        "UPDATE intent SET state = ?, fence = ? WHERE connection_id = ? AND id IN [?]",
        IntentState.VERIFY.value,
        fence,
        tx.connection_id,
        list(ids),
    )


async def count(tx: Tx) -> int:
    row = await tx.row("SELECT COUNT(*) FROM intent WHERE connection_id = ?", tx.connection_id)
    return int(row[0]) if row else 0

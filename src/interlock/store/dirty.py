"""What is due: one row per record, however often it is marked. The whole of the engine's work list.

Marking raises the connection's counter and gives the record that `seq`; clearing deletes only what is not newer than
the `horizon` read when the batch was claimed, before the records were read. So a change that comes in while its
record is being synced is never cleared away. Park, retry and deferral are a later `due_at_us`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from interlock.core.model import Dirty, Reason, RecordKey
from interlock.store.driver import Row
from interlock.store.sql import BulkInsert, BulkUpdate, Dialect
from interlock.store.tx import Tx, WriteTx

Postponed = tuple[RecordKey, int, int, Reason]
"""(key, due_at_us, attempts, reason)"""

# Stored as strength: when a record is marked again the stronger reason stays. Parked is the strongest because nothing
# may take a record out of its park; what a person asked for stands above what was detected; what may create nothing
# is last.
_STRENGTH = {
    Reason.PARKED: 100,
    Reason.RESOLVED: 90,
    Reason.RESYNC: 80,
    Reason.REPAIR: 70,
    Reason.RESYNC_OF_MANY: 65,
    Reason.IMPORT: 60,
    Reason.CHANGED: 50,
    Reason.TRY_AGAIN: 45,
    Reason.RETRY: 40,
    Reason.WAITING: 30,
    Reason.EXISTING: 20,
    Reason.EXISTING_LINK_ONLY: 10,
}
_REASONS = {strength: reason for reason, strength in _STRENGTH.items()}
# A parked row keeps the reason for which it is looked at afterwards: its own, and any stronger one that came meanwhile. Its
# strength is added to this.
_PARKED = _STRENGTH[Reason.PARKED]
_MAY_WAKE = f"reason < {_PARKED} AND reason <> {_STRENGTH[Reason.RETRY]}"
# New facts: what failed before may work now, so the back-off starts again.
_FRESH = f"{_STRENGTH[Reason.CHANGED]}, {_STRENGTH[Reason.RESYNC]}, {_STRENGTH[Reason.RESYNC_OF_MANY]}"

_MARK = BulkInsert(
    "dirty",
    ("connection_id", "record_key", "object", "seq", "due_at_us", "attempts", "reason"),
    f"""ON CONFLICT (connection_id, record_key) DO UPDATE SET
        seq = excluded.seq,
        object = excluded.object,
        due_at_us = CASE WHEN dirty.reason >= {_PARKED} OR dirty.due_at_us < excluded.due_at_us
                         THEN dirty.due_at_us ELSE excluded.due_at_us END,
        attempts = CASE WHEN excluded.reason IN ({_FRESH}) THEN 0 ELSE dirty.attempts END,
        reason = CASE WHEN dirty.reason > {_PARKED} + excluded.reason THEN dirty.reason
                      WHEN dirty.reason >= {_PARKED} THEN {_PARKED} + excluded.reason
                      WHEN dirty.reason > excluded.reason THEN dirty.reason ELSE excluded.reason END""",
)
_AWAIT = BulkInsert("awaited", ("connection_id", "record_key", "awaits_key"), "ON CONFLICT DO NOTHING")
_POSTPONE = BulkUpdate("dirty", ("due_at_us", "attempts", "reason"), ("connection_id", "record_key", "seq <="))


# How long a record waits of which nothing that happens to it ends the wait.
UNTIL_WOKEN_US = 10 * 366 * 86_400_000_000


def strongest(reasons: Iterable[Reason]) -> Reason:
    """Of both halves of a pair, as of a record that is marked twice."""
    return max(reasons, key=_STRENGTH.__getitem__, default=Reason.CHANGED)


class DueCounts(msgspec.Struct, frozen=True):
    """`waiting`: for a later try. `asleep`: until something else wakes them, such as a field that is shown again."""

    due: int
    waiting: int
    earliest_waiting_us: int | None
    asleep: int = 0


async def _next_seq(tx: WriteTx) -> int:
    # On PostgreSQL the row lock, held to the commit, makes the order of `seq` the order of commits: a horizon never
    # includes a marking that is not yet visible.
    found = await tx.row(
        "INSERT INTO dirty_counter (connection_id, seq) VALUES (?, 1)"
        " ON CONFLICT (connection_id) DO UPDATE SET seq = dirty_counter.seq + 1 RETURNING seq",
        tx.connection_id,
    )
    assert found is not None
    return int(found[0])


async def take_turn(tx: WriteTx) -> None:
    """First of all in a transaction that locks other rows before it marks or wakes any: whoever else does so waits here, instead
    of each holding what the other one wants. On SQLite there is one writer anyway."""
    if tx.dialect is Dialect.POSTGRESQL:
        await _next_seq(tx)


async def mark(tx: WriteTx, object: str, keys: Sequence[RecordKey], reason: Reason, due_at_us: int) -> int:
    """The seq given to all of `keys`. A record that is parked stays parked; otherwise the earlier due time holds."""
    seq = await _next_seq(tx)
    connection_id, strength = tx.connection_id, _STRENGTH[reason]
    texts = dict.fromkeys(map(str, keys))
    await tx.many(_MARK, [(connection_id, text, object, seq, due_at_us, 0, strength) for text in texts])
    return seq


async def claim(tx: Tx, object: str, now_us: int, limit: int, after: Dirty | None = None) -> list[Dirty]:
    """Due records, oldest first: by due time, then seq (index ix_dirty_due; what waits is not walked).

    Claiming changes nothing: a batch that is never finished is simply still due. `after`: those behind this one.
    """
    position = (after.due_at_us, after.seq, str(after.key)) if after else (-(2**62), 0, "")
    rows = await tx.rows(
        "SELECT record_key, seq, due_at_us, attempts, reason FROM dirty WHERE connection_id = ? AND object = ?"
        " AND due_at_us <= ? AND (due_at_us, seq, record_key) > (?, ?, ?)"
        " ORDER BY due_at_us, seq, record_key LIMIT ?",
        tx.connection_id,
        object,
        now_us,
        *position,
        limit,
    )
    return [_dirty(object, row) for row in rows]


def _dirty(object: str, row: Row) -> Dirty:
    key, seq, due_at_us, attempts, reason = row
    behind = None
    if reason > _PARKED:
        reason, behind = _PARKED, _REASONS[reason - _PARKED]
    return Dirty(object, RecordKey.parse(key), seq, due_at_us, attempts, _REASONS[reason], behind)


async def by_keys(tx: Tx, keys: Sequence[RecordKey]) -> dict[RecordKey, Dirty]:
    """The rows of these records, due or not."""
    rows = await tx.rows(
        "SELECT object, record_key, seq, due_at_us, attempts, reason FROM dirty"
        " WHERE connection_id = ? AND record_key IN [?]",
        tx.connection_id,
        [str(key) for key in keys],
    )
    found = [_dirty(object_, tuple(row)) for object_, *row in rows]
    return {item.key: item for item in found}


async def horizon(tx: Tx) -> int:
    """The counter now. Read it in the transaction of the claim, before any record is fetched."""
    row = await tx.row("SELECT seq FROM dirty_counter WHERE connection_id = ?", tx.connection_id)
    return row[0] if row else 0


async def clear(tx: WriteTx, keys: Sequence[RecordKey], horizon: int) -> int:
    """Done with these, unless something newer came: in either case they wait for nothing."""
    await await_(tx, keys, [])
    return await tx.run(
        "DELETE FROM dirty WHERE connection_id = ? AND record_key IN [?] AND seq <= ?",
        tx.connection_id,
        [str(key) for key in keys],
        horizon,
    )


async def postpone(tx: WriteTx, postponed: Sequence[Postponed], horizon: int) -> None:
    """Due later, unless something newer came, which is due as it says. A park holds even then: the request that may
    still land does not care what was marked since, and the row keeps its newer seq."""
    connection_id = tx.connection_id
    parked = [key for key, _, _, reason in postponed if reason is Reason.PARKED]
    behind = {key: due.behind or due.reason for key, due in (await by_keys(tx, parked)).items()}
    rows = []
    for key, due_at_us, attempts, reason in postponed:
        strength, newest = _STRENGTH[reason], horizon
        if reason is Reason.PARKED:
            waits_for = behind.get(key, Reason.PARKED)
            strength, newest = strength + (0 if waits_for is Reason.PARKED else _STRENGTH[waits_for]), 2**62
        rows.append((due_at_us, attempts, strength, connection_id, str(key), newest))
    await tx.many(_POSTPONE, rows)


async def park(tx: WriteTx, object: str, keys: Sequence[RecordKey], until_us: int) -> None:
    """Records that were not due, or not in the batch: neither what they are due for nor a mark that is newer than the batch takes
    them out of it. To mark them as parked would leave those that are due sooner as they are."""
    known = await by_keys(tx, keys)
    await mark(tx, object, [key for key in keys if key not in known], Reason.PARKED, until_us)
    parked = [
        (key, max(until_us, due.due_at_us if due.reason is Reason.PARKED else 0), due.attempts, Reason.PARKED)
        for key, due in known.items()
    ]
    await postpone(tx, parked, 0)


async def await_(tx: WriteTx, looked_at: Sequence[RecordKey], waits: Sequence[tuple[RecordKey, RecordKey]]) -> None:
    """What these records wait for now, instead of what they waited for before: [(the record, what it points to)]."""
    connection_id = tx.connection_id
    await tx.run(
        "DELETE FROM awaited WHERE connection_id = ? AND record_key IN [?]",
        connection_id,
        [str(key) for key in looked_at],
    )
    rows = dict.fromkeys((connection_id, str(key), str(awaits)) for key, awaits in waits)
    await tx.many(_AWAIT, list(rows))


async def wake(tx: WriteTx, linked: Sequence[RecordKey]) -> int:
    """These are linked now: who waits for one of them is due; the number woken. Index ix_awaited_by.

    Nobody is taken out of a park, and no back-off ends: a try that failed is not made to succeed by this.
    """
    return await _wake(
        tx,
        "record_key IN (SELECT record_key FROM awaited WHERE connection_id = ? AND awaits_key IN [?])",
        tx.connection_id,
        list(dict.fromkeys(map(str, linked))),
    )


async def wake_waiting(tx: WriteTx, object: str) -> int:
    """Whatever waits among an object's records is due, what nothing but this wakes too; parks and back-offs go on."""
    return await _wake(tx, "object = ?", object)


async def wake_these(tx: WriteTx, keys: Sequence[RecordKey]) -> int:
    """Those of these records that wait are due; parks and back-offs go on."""
    return await _wake(tx, "record_key IN [?]", [str(key) for key in keys])


async def wake_unanswered(tx: WriteTx, object: str, whys: Sequence[str]) -> int:
    """Records without counterpart that stand still for one of these reasons are due."""
    which = "SELECT record_key FROM unlinked WHERE connection_id = ? AND object = ? AND why IN [?]"
    return await _wake(tx, f"record_key IN ({which})", tx.connection_id, object, list(whys))


async def _wake(tx: WriteTx, which: str, *parameters: object) -> int:
    # Raises their seq, so that a batch which is about to postpone them (it looked before) does not undo the waking.
    seq = await _next_seq(tx)
    return await tx.run(
        f"UPDATE dirty SET due_at_us = ?, seq = ? WHERE connection_id = ? AND {_MAY_WAKE} AND {which}",
        tx.now_us,
        seq,
        tx.connection_id,
        *parameters,
    )


async def counts(tx: Tx, now_us: int) -> dict[str, DueCounts]:
    """{object: ...}, from ix_dirty_due alone."""
    rows = await tx.rows(
        "SELECT object, COALESCE(SUM(CASE WHEN due_at_us <= ? THEN 1 ELSE 0 END), 0),"
        " COALESCE(SUM(CASE WHEN due_at_us > ? THEN 1 ELSE 0 END), 0), COUNT(*),"
        " MIN(CASE WHEN due_at_us > ? THEN due_at_us END) FROM dirty WHERE connection_id = ? GROUP BY object",
        now_us,
        now_us + UNTIL_WOKEN_US // 2,
        now_us,
        tx.connection_id,
    )
    return {
        object_: DueCounts(int(due), total - int(due) - int(asleep), earliest, int(asleep))
        for object_, due, asleep, total, earliest in rows
    }

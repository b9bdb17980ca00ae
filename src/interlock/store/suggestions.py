"""Two records that may be one: suggested with reasons, and what a person said of it. No names or values of records are kept.

A row is `open` until somebody decides. Accepted, the next look at its records links them (engine/persons_word.py), and it is
gone. Refused, it stays: known by its two records alone, so that no other reason asks the same question again, and it goes along
where one of them is merged or converted. What that means is core's (core/identity/refusals.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.core.identity.evidence import Likeness, Trait
from interlock.core.identity.refusals import suggestion_key
from interlock.core.model import RecordKey, Side
from interlock.store import jsontext
from interlock.store.driver import Row
from interlock.store.sql import BulkInsert
from interlock.store.tx import Tx, WriteTx

OPEN, ACCEPTED, REFUSED = "open", "accepted", "refused"


class Suggestion(msgspec.Struct, frozen=True):
    """`sure`: nothing speaks against it and nobody else fits. `reasons`: the weightiest first. `rivals`: how many others fit one of
    the two as well. `decided_by`: who, as the log of deeds names them."""

    object: str
    hubspot: RecordKey
    salesforce: RecordKey
    state: str
    sure: bool
    points: int
    reasons: tuple[tuple[Trait, Likeness], ...]
    rivals: int
    found_at_us: int
    decided_at_us: int | None = None
    decided_by: str | None = None

    @property
    def key(self) -> str:
        return suggestion_key(self.hubspot, self.salesforce)


_COLUMNS = (
    "suggestion_key",
    "object",
    "hubspot_id",
    "salesforce_type",
    "salesforce_id",
    "state",
    "sure",
    "points",
    "reasons",
    "rivals",
    "found_at_us",
    "decided_at_us",
    "decided_by",
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM suggestion WHERE connection_id = ?"
_INSERT = BulkInsert(
    "suggestion", ("connection_id", *_COLUMNS), "ON CONFLICT (connection_id, suggestion_key) DO NOTHING"
)


def _suggestion(row: Row) -> Suggestion:
    _key, object_, hubspot_id, type_, salesforce_id, state, sure, points, reasons, rivals, found, decided, by = row
    loaded = jsontext.load(reasons)
    assert isinstance(loaded, list)
    return Suggestion(
        object_,
        RecordKey(Side.HUBSPOT, object_, hubspot_id),
        RecordKey(Side.SALESFORCE, type_, salesforce_id),
        state,
        bool(sure),
        points,
        tuple((Trait(trait), Likeness(likeness)) for trait, likeness in loaded),
        rivals,
        found,
        decided,
        by,
    )


def _values(tx: WriteTx, each: Suggestion) -> tuple[object, ...]:
    return (
        tx.connection_id,
        each.key,
        each.object,
        each.hubspot.id,
        each.salesforce.type,
        each.salesforce.id,
        each.state,
        int(each.sure),
        each.points,
        jsontext.dump([list(reason) for reason in each.reasons]),
        each.rivals,
        each.found_at_us,
        each.decided_at_us,
        each.decided_by,
    )


async def replace_open(tx: WriteTx, object: str, found: Sequence[Suggestion]) -> None:
    """All that is suggested for an object by now. What a person has said stands."""
    await tx.run(
        "DELETE FROM suggestion WHERE connection_id = ? AND object = ? AND state = 'open'", tx.connection_id, object
    )
    await tx.many(_INSERT, [_values(tx, each) for each in found])


async def get(tx: Tx, key: str) -> Suggestion | None:
    row = await tx.row(_SELECT + " AND suggestion_key = ?", tx.connection_id, key)
    return None if row is None else _suggestion(row)


async def page(tx: Tx, state: str, object: str | None, offset: int, limit: int) -> list[Suggestion]:
    """The likeliest first. Index ix_suggestion_state."""
    of_object = "" if object is None else " AND object = ?"
    rows = await tx.rows(
        f"{_SELECT} AND state = ?{of_object} ORDER BY points DESC, suggestion_key LIMIT ? OFFSET ?",
        tx.connection_id,
        state,
        *(() if object is None else (object,)),
        limit,
        offset,
    )
    return [_suggestion(row) for row in rows]


async def counts(tx: Tx) -> dict[str, dict[str, int]]:
    """{state: {object: n}}, from ix_suggestion_state alone."""
    sql = "SELECT state, object, COUNT(*) FROM suggestion WHERE connection_id = ? GROUP BY state, object"
    found: dict[str, dict[str, int]] = {}
    for state, object_, n in await tx.rows(sql, tx.connection_id):
        found.setdefault(state, {})[object_] = n
    return found


async def decided_keys(tx: Tx, object: str) -> list[str]:
    """Keys of all that a person has decided."""
    sql = "SELECT suggestion_key FROM suggestion WHERE connection_id = ? AND object = ? AND state <> 'open'"
    return [row[0] for row in await tx.rows(sql, tx.connection_id, object)]


async def any_decided(tx: Tx, object: str) -> bool:
    """Nearly always False, and then nobody need ask of single records."""
    sql = "SELECT 1 FROM suggestion WHERE connection_id = ? AND state IN ('accepted', 'refused') AND object = ? LIMIT 1"
    return await tx.row(sql, tx.connection_id, object) is not None


async def decided_of(tx: Tx, object: str, keys: Sequence[RecordKey]) -> list[Suggestion]:
    """What a person has said of these records. Indexes ix_suggestion_hubspot, ix_suggestion_salesforce."""
    found: dict[str, Suggestion] = {}
    for side in Side:
        ids = list({key.id: None for key in keys if key.side is side})
        if ids:
            sql = f"{_SELECT} AND object = ? AND {side.value}_id IN [?] AND state <> 'open'"
            found |= {row[0]: _suggestion(row) for row in await tx.rows(sql, tx.connection_id, object, ids)}
    return list(found.values())


async def decide(tx: WriteTx, key: str, state: str, by: str) -> None:
    await tx.run(
        "UPDATE suggestion SET state = ?, decided_at_us = ?, decided_by = ? WHERE connection_id = ? AND suggestion_key = ?",
        state,
        tx.now_us,
        by,
        tx.connection_id,
        key,
    )


async def settle(tx: WriteTx, object: str, keys: Sequence[RecordKey]) -> None:
    """These records have a counterpart now, or are gone: there is nothing to suggest of them. What was refused stays."""
    for side in Side:
        ids = list({key.id: None for key in keys if key.side is side})
        if ids:
            sql = f"DELETE FROM suggestion WHERE connection_id = ? AND object = ? AND {side.value}_id IN [?] AND state <> 'refused'"
            await tx.run(sql, tx.connection_id, object, ids)


async def follow(tx: WriteTx, object: str, gone: RecordKey, successor: RecordKey) -> None:
    """What was refused of a record that lives on as another is refused of that one. The other suggestions of it are found anew."""
    refused = [each for each in await decided_of(tx, object, [gone]) if each.state == REFUSED]
    moved = [
        msgspec.structs.replace(each, hubspot=successor)
        if gone.side is Side.HUBSPOT
        else msgspec.structs.replace(each, salesforce=successor)
        for each in refused
    ]
    await tx.many(_INSERT, [_values(tx, each) for each in moved])
    await forget(tx, object, [gone])


async def forget(tx: WriteTx, object: str, keys: Sequence[RecordKey]) -> None:
    """All that was said of these records."""
    for side in Side:
        ids = list({key.id: None for key in keys if key.side is side})
        if ids:
            sql = f"DELETE FROM suggestion WHERE connection_id = ? AND object = ? AND {side.value}_id IN [?]"
            await tx.run(sql, tx.connection_id, object, ids)

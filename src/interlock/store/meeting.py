"""Where the records of both sides meet on one key: all pairs of an object at once, page by page, for a first matching.

The question that `identity.find` answers for some keys, for all of them: two sides of a million records each are walked in the
order of the key, and nothing is held but a page. What a key means is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec

from interlock.core.model import Side
from interlock.store import identity
from interlock.store.database import Store
from interlock.store.driver import Row
from interlock.store.tx import Tx

PAGE_ROWS = 10_000
# More than as many keys of the other side stand beside them only where it has many more records.
THERE_ROWS = 4 * PAGE_ROWS


class Met(msgspec.Struct, frozen=True, gc=False):
    """`hubspot_id` and `salesforce_id` have `key`, and are the only ones. `several`: others have it as well, or one of the two
    meets another record on another key: then a person decides, and the ids are the first of them."""

    key: str
    hubspot_id: str
    salesforce_id: str
    several: bool


async def pages(store: Store, connection_id: int, object: str, kind: str) -> AsyncIterator[list[Met]]:
    """Every key of which both sides have a record without counterpart, each in a transaction of its own.

    What is written meanwhile is met or not. Two records with two keys in common come once for each of these.
    """
    async with store.read(connection_id) as tx:
        several = await _with_several_keys(tx, object, kind)
        any_linked = await _any_linked(tx, object)
    after: str | None = ""
    while after is not None:
        async with store.read(connection_id) as tx:
            met, after = await _page(tx, object, kind, after)
            if any_linked:
                met = await _free(tx, object, met)
            if several:
                met = await _meeting_once(tx, object, kind, met, several)
        if met:
            yield met


async def _page(tx: Tx, object: str, kind: str, after: str) -> tuple[list[Met], str | None]:
    """Those that meet on the next keys, and the last of these keys; None after the last page.

    Both sides are walked in the order of pk_identity and joined here: SQLite seeks each key of a join from the root, which
    takes three times as long, and a key that thousands share would be multiplied.
    """
    here, end = await _rows(tx, object, kind, Side.HUBSPOT, after, None, PAGE_ROWS)
    if not here:
        return [], None
    there, cut = await _rows(tx, object, kind, Side.SALESFORCE, after, end, THERE_ROWS)
    if cut is not None:
        # Salesforce has more keys than fit a page where HubSpot's stand. Which of two keys is the lower is the database's to say.
        end = cut
        here, _ = await _rows(tx, object, kind, Side.HUBSPOT, after, end, PAGE_ROWS)
    first_here, several_here = _by_key(here)
    first_there, several_there = _by_key(there)
    several = several_here | several_there
    return [
        Met(key, id_, first_there[key], key in several) for key, id_ in first_here.items() if key in first_there
    ], end


async def _rows(
    tx: Tx, object: str, kind: str, side: Side, after: str, until: str | None, limit: int
) -> tuple[list[Row], str | None]:
    """(key, record id) by key, beyond `after`, and the last key if there are more. All records of a key, or so many that it is
    clear that several have it."""
    rows = await tx.rows(
        "SELECT key, record_id FROM identity WHERE connection_id = ? AND object = ? AND side = ? AND kind = ? AND key > ?"
        + (" AND key <= ?" if until is not None else "")
        + " ORDER BY key, record_id LIMIT ?",
        *(tx.connection_id, object, side.value, kind, after),
        *([until] if until is not None else []),
        limit,
    )
    if len(rows) < limit:
        return rows, None
    last = rows[-1][0]
    whole = len(rows)
    while whole and rows[whole - 1][0] == last:
        whole -= 1
    # Of the last key more may follow: it begins the next page, unless it is all that this one holds.
    return (rows[:whole], rows[whole - 1][0]) if whole else (rows, last)


def _by_key(rows: list[Row]) -> tuple[dict[str, str], set[str]]:
    """The first record of each key, and the keys that several have."""
    first: dict[str, str] = dict(rows)
    if len(first) == len(rows):
        return first, set()
    for key, id_ in reversed(rows):
        first[key] = id_
    return first, {key for key, n in Counter(key for key, _ in rows).items() if n > 1}


async def _any_linked(tx: Tx, object: str) -> bool:
    sql = "SELECT 1 FROM record_link WHERE connection_id = ? AND object = ? LIMIT 1"
    return await tx.row(sql, tx.connection_id, object) is not None


async def _free(tx: Tx, object: str, met: list[Met]) -> list[Met]:
    """Without those whose records have a counterpart already. Where several have the key, a person is asked all the same.
    Indexes uq_record_link_hubspot, uq_record_link_salesforce."""
    taken = "FROM record_link WHERE connection_id = ? AND object = ? AND state <> 'unlinked'"
    here = await tx.rows(
        f"SELECT hubspot_id {taken} AND hubspot_id IN [?]", tx.connection_id, object, [each.hubspot_id for each in met]
    )
    there = await tx.rows(
        f"SELECT salesforce_id {taken} AND salesforce_id IN [?]",
        tx.connection_id,
        object,
        [each.salesforce_id for each in met],
    )
    linked_here, linked_there = {row[0] for row in here}, {row[0] for row in there}
    return [
        each
        for each in met
        if each.several or not (each.hubspot_id in linked_here or each.salesforce_id in linked_there)
    ]


async def _with_several_keys(tx: Tx, object: str, kind: str) -> dict[Side, set[str]]:
    """The records that have more than one key of this kind (HubSpot's additional addresses). Walked by ix_identity_record: with
    the kind among the conditions SQLite would take pk_identity, and sort a million rows in memory."""
    found: dict[Side, set[str]] = {}
    for side in Side:
        rows = await tx.rows(
            "SELECT record_id FROM identity WHERE connection_id = ? AND object = ? AND side = ?"
            " GROUP BY record_id HAVING SUM(CASE WHEN kind = ? THEN 1 ELSE 0 END) > 1",
            tx.connection_id,
            object,
            side.value,
            kind,
        )
        if rows:
            found[side] = {row[0] for row in rows}
    return found


async def _meeting_once(tx: Tx, object: str, kind: str, met: Sequence[Met], several: dict[Side, set[str]]) -> list[Met]:
    """A record with two keys that meets two others by them is a question too, on whichever page the other key stands."""
    torn: dict[Side, set[str]] = {}
    for side, ids in several.items():
        mine = [id_ for each in met if not each.several and (id_ := _id(each, side)) in ids]
        counterparts = await _counterparts(tx, object, kind, side, mine)
        torn[side] = {id_ for id_, others in counterparts.items() if len(others) > 1}
    return [
        msgspec.structs.replace(each, several=True)
        if any(_id(each, side) in ids for side, ids in torn.items())
        else each
        for each in met
    ]


def _id(met: Met, side: Side) -> str:
    return met.hubspot_id if side is Side.HUBSPOT else met.salesforce_id


async def _counterparts(tx: Tx, object: str, kind: str, side: Side, ids: list[str]) -> dict[str, set[str]]:
    """{id: all of the other side that it has a key in common with}. Two questions rather than a join, for which PostgreSQL may
    walk a whole side while it has no statistics. Index ix_identity_record, then pk_identity."""
    held = await tx.rows(
        "SELECT record_id, kind, key FROM identity WHERE connection_id = ? AND object = ? AND side = ? AND record_id IN [?]",
        tx.connection_id,
        object,
        side.value,
        ids,
    )
    keys = [(record_id, key) for record_id, of_kind, key in held if of_kind == kind]
    found = await identity.find(tx, object, side.other, kind, list({key: None for _, key in keys}))
    counterparts: dict[str, set[str]] = {}
    for record_id, key in keys:
        counterparts.setdefault(record_id, set()).update(found.get(key, ()))
    return counterparts

"""Record links: the pair, its state and its base. The hottest table: each sync reads and writes it once per record.

`unlinked` rows are history: found by id and in pages, never by a record's id, and they do not block a new link.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.core.model import Base, FieldBase, LinkedBy, LinkState, Looked, RecordLink, SetBase
from interlock.core.values import BLANK_FINGERPRINT
from interlock.store.driver import Row
from interlock.store.sql import BulkInsert, BulkUpdate
from interlock.store.tx import Tx, WriteTx

BaseUpdate = tuple[int, Base, SetBase, int | None]
"""(link id, base, sets, synced_at_us)"""

_STATES = {state.value: state for state in LinkState}
_LINKED_BY = {how.value: how for how in LinkedBy}

_SELECT = (
    "SELECT object, hubspot_id, salesforce_type, salesforce_id, state, linked_by, linked_at_us, base, held,"
    " looked, synced_at_us, id FROM record_link WHERE connection_id = ?"
)
_INSERT = BulkInsert(
    "record_link",
    (
        "id",
        "connection_id",
        "object",
        "hubspot_id",
        "salesforce_type",
        "salesforce_id",
        "state",
        "linked_by",
        "linked_at_us",
        "base",
        "held",
        "looked",
        "synced_at_us",
    ),
)
_UPDATE_BASE = BulkUpdate("record_link", ("base", "synced_at_us"), ("connection_id", "id"))
_UPDATE_HELD = BulkUpdate("record_link", ("held",), ("connection_id", "id"))
_UPDATE_LOOKED = BulkUpdate("record_link", ("looked",), ("connection_id", "id"))


class _Stored(msgspec.Struct, array_like=True):
    """{field mapping id: fingerprint, or both when the sides differ}, then the sets, then the fields that are blank on
    both sides.

    Most fields are blank, and most of the others agree to the letter, so most entries are an id or one number.
    """

    base: dict[int, int | FieldBase]
    sets: SetBase = {}
    blank: list[int] = []


_BLANK: FieldBase = (BLANK_FINGERPRINT, BLANK_FINGERPRINT)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Stored).decode
_decode_held = msgspec.msgpack.Decoder(Base).decode
_decode_looked = msgspec.msgpack.Decoder(Looked).decode
_NEVER_LOOKED = Looked()


def pack_base(base: Base, sets: SetBase) -> bytes:
    blank = [id_ for id_, pair in base.items() if pair == _BLANK]
    stored = {id_: pair[0] if pair[0] == pair[1] else pair for id_, pair in base.items() if pair != _BLANK}
    return _encode((stored, sets, blank))


def unpack_base(blob: bytes) -> tuple[Base, SetBase]:
    stored = _decode(blob)
    base = dict.fromkeys(stored.blank, _BLANK)
    for id_, value in stored.base.items():
        base[id_] = (value, value) if type(value) is int else value  # type: ignore[assignment]
    return base, stored.sets


def _link(row: Row) -> RecordLink:
    object_, hubspot_id, salesforce_type, salesforce_id, state, linked_by, linked_at_us, blob, held, looked, *rest = row
    base, sets = unpack_base(blob)
    return RecordLink(
        object_,
        hubspot_id,
        salesforce_type,
        salesforce_id,
        _STATES[state],
        _LINKED_BY[linked_by],
        linked_at_us,
        base,
        sets,
        {} if held is None else _decode_held(held),
        _NEVER_LOOKED if looked is None else _decode_looked(looked),
        *rest,  # synced_at_us, id
    )


async def by_hubspot(tx: Tx, object: str, ids: Sequence[str]) -> dict[str, RecordLink]:
    """Live links of these HubSpot records, by HubSpot id. Index uq_record_link_hubspot."""
    sql = _SELECT + " AND object = ? AND hubspot_id IN [?] AND state <> 'unlinked'"
    return {row[1]: _link(row) for row in await tx.rows(sql, tx.connection_id, object, list(ids))}


async def by_salesforce(tx: Tx, object: str, ids: Sequence[str]) -> dict[str, RecordLink]:
    """Live links of these Salesforce records, whatever their type, by Salesforce id. Index
    uq_record_link_salesforce."""
    sql = _SELECT + " AND salesforce_id IN [?] AND state <> 'unlinked' AND object = ?"
    return {row[3]: _link(row) for row in await tx.rows(sql, tx.connection_id, list(ids), object)}


async def linked_salesforce_ids(tx: Tx, object: str, ids: Sequence[str]) -> set[str]:
    """Those of these Salesforce records that have a live link. Index uq_record_link_salesforce."""
    sql = (
        "SELECT salesforce_id FROM record_link WHERE connection_id = ? AND salesforce_id IN [?] AND state <> 'unlinked'"
        " AND object = ?"
    )
    return {row[0] for row in await tx.rows(sql, tx.connection_id, list(ids), object)}


async def by_id(tx: Tx, ids: Sequence[int]) -> dict[int, RecordLink]:
    """Also unlinked ones."""
    return {row[11]: _link(row) for row in await tx.rows(_SELECT + " AND id IN [?]", tx.connection_id, list(ids))}


async def insert(tx: WriteTx, links: Sequence[RecordLink]) -> list[int]:
    """The new ids, in order. Raises NotUnique when one of the records has a live link: one counterpart per record
    (I6)."""
    if not links:
        return []
    ids = await tx.allocate_ids("record_link", len(links))
    connection_id = tx.connection_id
    rows = [
        (
            id_,
            connection_id,
            link.object,
            link.hubspot_id,
            link.salesforce_type,
            link.salesforce_id,
            link.state.value,
            link.linked_by.value,
            link.linked_at_us,
            pack_base(link.base, link.sets),
            _encode(link.held) if link.held else None,
            _encode(link.looked),
            link.synced_at_us,
        )
        for id_, link in zip(ids, links, strict=True)
    ]
    await tx.many(_INSERT, rows)
    return ids


async def update_base(tx: WriteTx, updates: Sequence[BaseUpdate]) -> None:
    """Replace the whole base of each; `held` stays. Only in the transaction that records the evidence (I9)."""
    connection_id = tx.connection_id
    rows = [(pack_base(base, sets), synced_at_us, connection_id, id_) for id_, base, sets, synced_at_us in updates]
    await tx.many(_UPDATE_BASE, rows)


async def set_held(tx: WriteTx, held: Sequence[tuple[int, Base]]) -> None:
    """[(link id, field mapping id -> what both sides held when a write was refused)]: replaces what was held.

    Apart from the base because it is rare: call it only for links whose `held` changed.
    """
    connection_id = tx.connection_id
    await tx.many(_UPDATE_HELD, [(_encode(what) if what else None, connection_id, id_) for id_, what in held])


async def set_looked(tx: WriteTx, looked: Sequence[tuple[int, Looked]]) -> None:
    """[(link id, versions looked at)]: only of links for which they are others than before."""
    connection_id = tx.connection_id
    await tx.many(_UPDATE_LOOKED, [(_encode(versions), connection_id, id_) for id_, versions in looked])


async def touch(tx: WriteTx, ids: Sequence[int], synced_at_us: int) -> None:
    """Compared, nothing to do: only the time moves, the base is not written again."""
    await tx.run(
        "UPDATE record_link SET synced_at_us = ? WHERE connection_id = ? AND id IN [?]",
        synced_at_us,
        tx.connection_id,
        list(ids),
    )


async def set_state(tx: WriteTx, ids: Sequence[int], state: LinkState) -> None:
    """Raises NotUnique when an unlinked pair would come alive beside a newer link of one of its records.

    A pair that ends keeps no fingerprints: it is history, and matched anew if both come back. No index finds it by its records,
    so who is erased later could not be forgotten in it.
    """
    sql = "UPDATE record_link SET state = ? WHERE connection_id = ? AND id IN [?]"
    await tx.run(sql, state.value, tx.connection_id, list(ids))
    if state is LinkState.UNLINKED:
        forget = "UPDATE record_link SET base = ?, held = NULL WHERE connection_id = ? AND id IN [?]"
        await tx.run(forget, pack_base({}, {}), tx.connection_id, list(ids))


async def move(
    tx: WriteTx,
    link_id: int,
    hubspot_id: str | None = None,
    salesforce_type: str | None = None,
    salesforce_id: str | None = None,
) -> None:
    """A merge or a conversion: the link continues with another record, its base stays. Raises NotUnique,
    LookupError."""
    changed = await tx.run(
        "UPDATE record_link SET hubspot_id = COALESCE(?, hubspot_id), salesforce_type = COALESCE(?, salesforce_type),"
        " salesforce_id = COALESCE(?, salesforce_id) WHERE connection_id = ? AND id = ?",
        hubspot_id,
        salesforce_type,
        salesforce_id,
        tx.connection_id,
        link_id,
    )
    if changed != 1:
        raise LookupError(f"this connection has no link {link_id}")


async def counts(tx: Tx) -> dict[str, dict[str, int]]:
    """{object: {state: n}}, from ix_record_link_page alone."""
    sql = "SELECT object, state, COUNT(*) FROM record_link WHERE connection_id = ? GROUP BY object, state"
    found: dict[str, dict[str, int]] = {}
    for object_, state, n in await tx.rows(sql, tx.connection_id):
        found.setdefault(object_, {})[state] = n
    return found


async def page(tx: Tx, object: str, after_id: int = 0, limit: int = 1000) -> list[RecordLink]:
    """All links of an object, unlinked ones too, in order of id. Index ix_record_link_page."""
    sql = _SELECT + " AND object = ? AND id > ? ORDER BY id LIMIT ?"
    return [_link(row) for row in await tx.rows(sql, tx.connection_id, object, after_id, limit)]


async def page_of_state(
    tx: Tx, object: str, state: LinkState, after_id: int = 0, limit: int = 1000
) -> list[RecordLink]:
    """Links of an object in one state, in order of id. Index ix_record_link_page, which holds the state."""
    sql = _SELECT + " AND object = ? AND id > ? AND state = ? ORDER BY id LIMIT ?"
    return [_link(row) for row in await tx.rows(sql, tx.connection_id, object, after_id, state.value, limit)]


async def last_synced_us(tx: Tx) -> dict[str, int]:
    """{object: time of the last pair compared or written}."""
    sql = "SELECT object, MAX(synced_at_us) FROM record_link WHERE connection_id = ? GROUP BY object"
    return {object_: at_us for object_, at_us in await tx.rows(sql, tx.connection_id) if at_us is not None}

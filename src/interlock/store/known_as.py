"""Under which ids a person is remembered: those of the pair, and those that a merge or a conversion left behind.

A link names two records, and moves or rests when one of them lives on as another: what was written under the older ids stays
in the audit under these. So the ids are followed from row to row there, by the pairs that were and by what an ended pair says
of who it lives on as. Somebody else who once had a record of theirs for a counterpart is not the same person: a record that
has another counterpart now is not followed.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from interlock.core.link import WHOLE
from interlock.core.model import RecordKey, RecordLink, Side
from interlock.store import links
from interlock.store.tx import Tx

# The audit keeps ids without types; those of a Salesforce type begin alike (Salesforce help, "Standard Field Record ID Prefix").
_LEADS = "00Q"


class Known(msgspec.Struct):
    keys: list[RecordKey]
    link_ids: list[int]


async def known_as(tx: Tx, object_: str, keys: Iterable[RecordKey]) -> Known:
    """These records first, then all others."""
    known = dict.fromkeys(keys)
    ended: dict[int, None] = {}
    before = -1
    while before != len(known):
        before = len(known)
        for link in await _links(tx, object_, known):
            known |= dict.fromkeys((link.hubspot, link.salesforce))
            if link.id is not None:
                ended[link.id] = None
        candidates = [key for key in await _named_with(tx, object_, known) if key not in known]
        taken = {
            key
            for link in await _links(tx, object_, candidates)
            if link.state in WHOLE and known.keys().isdisjoint((link.hubspot, link.salesforce))
            for key in (link.hubspot, link.salesforce)
        }
        known |= dict.fromkeys(key for key in candidates if key not in taken)
    return Known(list(known), list(ended))


async def _links(tx: Tx, object_: str, keys: Iterable[RecordKey]) -> list[RecordLink]:
    ids = _ids(keys)
    here = await links.by_hubspot(tx, object_, ids[Side.HUBSPOT])
    there = await links.by_salesforce(tx, object_, ids[Side.SALESFORCE])
    return [*here.values(), *there.values()]


async def _named_with(tx: Tx, object_: str, keys: Iterable[RecordKey]) -> list[RecordKey]:
    """Both records of every row of the audit that names one of these. Indexes ix_audit_hubspot, ix_audit_salesforce,
    ix_audit_unlink."""
    ids = _ids(keys)
    select = "SELECT DISTINCT hubspot_id, salesforce_id FROM audit WHERE connection_id = ? AND object = ?"
    rows = [
        *await tx.rows(select + " AND hubspot_id IN [?]", tx.connection_id, object_, ids[Side.HUBSPOT]),
        *await tx.rows(select + " AND salesforce_id IN [?]", tx.connection_id, object_, ids[Side.SALESFORCE]),
        *await tx.rows(
            select + " AND kind = 'unlink' AND reason IN [?]", tx.connection_id, object_, [str(key) for key in keys]
        ),
    ]
    found: dict[RecordKey, None] = {}
    for hubspot_id, salesforce_id in rows:
        if hubspot_id is not None:
            found[RecordKey(Side.HUBSPOT, object_, hubspot_id)] = None
        if salesforce_id is not None:
            type_ = "Lead" if salesforce_id.startswith(_LEADS) else "Contact"
            found[RecordKey(Side.SALESFORCE, type_, salesforce_id)] = None
    return list(found)


def _ids(keys: Iterable[RecordKey]) -> dict[Side, list[str]]:
    listed = list(keys)
    return {side: [key.id for key in listed if key.side is side] for side in Side}

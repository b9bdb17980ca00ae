"""Finding records by text in what is remembered: labels of unlinked records and issues, values in the audit. Slow on purpose.

Links hold ids and fingerprints, no names; what a record is called is known from what was written to it. These statements
walk their tables (bounded by the connection and a limit) and serve a person who searches, never a sync.
"""

from __future__ import annotations

import msgspec

from interlock.store.sql import storable
from interlock.store.tx import Tx


class Hit(msgspec.Struct, frozen=True):
    """A record, by either side's id. `label` is None where only its values held the text."""

    object: str
    hubspot_id: str | None
    salesforce_id: str | None
    label: str | None = None


async def by_text(tx: Tx, text: str, limit: int) -> list[Hit]:
    pattern = "%" + _escaped(storable(text).lower()) + "%"
    hits: dict[tuple[str, str | None, str | None], Hit] = {}
    for hit in [
        *await _labels(tx, pattern, limit),
        *await _issues(tx, pattern, limit),
        *await _values(tx, pattern, limit),
    ]:
        hits.setdefault((hit.object, hit.hubspot_id, hit.salesforce_id), hit)
    return list(hits.values())[:limit]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def _labels(tx: Tx, pattern: str, limit: int) -> list[Hit]:
    rows = await tx.rows(
        "SELECT record_key, object, label FROM unlinked WHERE connection_id = ? AND LOWER(label) LIKE ? ESCAPE ?"
        " ORDER BY record_key LIMIT ?",
        tx.connection_id,
        pattern,
        "\\",
        limit,
    )
    found = []
    for key, object_, label in rows:
        side, _, id_ = key.split(":", 2)
        hubspot = side == "hubspot"
        found.append(Hit(object_, id_ if hubspot else None, None if hubspot else id_, label))
    return found


async def _issues(tx: Tx, pattern: str, limit: int) -> list[Hit]:
    rows = await tx.rows(
        "SELECT object, hubspot_id, salesforce_id, MAX(label) FROM issue"
        " WHERE connection_id = ? AND LOWER(label) LIKE ? ESCAPE ? AND (hubspot_id <> '' OR salesforce_id <> '')"
        " GROUP BY object, hubspot_id, salesforce_id ORDER BY object, hubspot_id, salesforce_id LIMIT ?",
        tx.connection_id,
        pattern,
        "\\",
        limit,
    )
    return [Hit(*row) for row in rows]


async def _values(tx: Tx, pattern: str, limit: int) -> list[Hit]:
    """`old` and `new` are JSON text, so letters beyond ASCII stand as they are and a quote is escaped: good enough here."""
    rows = await tx.rows(
        "SELECT object, hubspot_id, salesforce_id FROM audit"
        " WHERE connection_id = ? AND (LOWER(new) LIKE ? ESCAPE ? OR LOWER(old) LIKE ? ESCAPE ?)"
        " AND (hubspot_id <> '' OR salesforce_id <> '')"
        " GROUP BY object, hubspot_id, salesforce_id ORDER BY MAX(id) DESC LIMIT ?",
        tx.connection_id,
        pattern,
        "\\",
        pattern,
        "\\",
        limit,
    )
    return [Hit(*row) for row in rows]

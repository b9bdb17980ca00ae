"""The log of what people, tokens and commands did here: append-only, each row chained to the one before by its hash.

Appended inside the transaction of the deed, as its last statement, so that neither exists without the other. Nothing here
changes or removes a row. People are named by id (`person:3`), never by name or e-mail, which live in one row that can be
changed or erased without touching the chain (docs/adr/0014). What a sync wrote is in `audit.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from interlock.store import jsontext
from interlock.store.driver import Row
from interlock.store.sql import Dialect, storable
from interlock.store.tx import Tx, WriteTx

COMMAND, NOBODY = "command", "nobody"
# What Interlock does to a CRM's set-up by itself, since a person chose that it does.
SYNC = "sync"

# Any number: the same for all processes, and no other lock's.
_ADVISORY_LOCK = 4_201_868
_PAGE_ROWS = 1_000


class Deed(msgspec.Struct, frozen=True):
    seq: int
    at_us: int
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    hash: str


class Broken(msgspec.Struct, frozen=True):
    """The first row that is not what was written, and what is wrong with it."""

    seq: int
    why: str


class Checked(msgspec.Struct, frozen=True):
    """`rows` were read and are whole, up to `broken` if there is one. `head` is the last hash: kept elsewhere, it proves
    later that no row up to it was replaced or cut off."""

    rows: int
    head: str
    broken: Broken | None = None


def _hash(seq: int, at_us: int, actor: str, action: str, subject: str, detail: str, previous: str) -> str:
    # As a JSON array: no two different rows give the same text.
    return hashlib.sha256(jsontext.dump([seq, at_us, actor, action, subject, detail, previous]).encode()).hexdigest()


async def append(tx: WriteTx, actor: str, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> int:
    """The row's number. The transaction should do nothing slow after this: on PostgreSQL others wait to append."""
    if tx.dialect is Dialect.POSTGRESQL:
        await tx.rows("SELECT pg_advisory_xact_lock(?)", _ADVISORY_LOCK)
    last = await tx.row("SELECT seq, hash FROM deed ORDER BY seq DESC LIMIT 1")
    seq, previous = (last[0] + 1, last[1]) if last else (1, "")
    values = (seq, tx.now_us, actor, action, storable(subject), jsontext.dump(dict(detail or {})), previous)
    await tx.run(
        "INSERT INTO deed (seq, at_us, actor, action, subject, detail, previous_hash, hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *values,
        _hash(*values),
    )
    return seq


async def list_(tx: Tx, before: int | None, limit: int) -> list[Deed]:
    """The newest first; `before` continues from the last one's `seq`."""
    sql = "SELECT seq, at_us, actor, action, subject, detail, hash FROM deed"
    if before is None:
        rows = await tx.rows(f"{sql} ORDER BY seq DESC LIMIT ?", limit)
    else:
        rows = await tx.rows(f"{sql} WHERE seq < ? ORDER BY seq DESC LIMIT ?", before, limit)
    return [
        Deed(seq, at_us, actor, action, subject, jsontext.load_object(detail), hash_)
        for seq, at_us, actor, action, subject, detail, hash_ in rows
    ]


async def lately(tx: Tx, actor: str, action: str, subject: str, detail: Mapping[str, Any], since_us: int) -> bool:
    """Whether this very deed is among the last ones."""
    row = await tx.row(
        "SELECT 1 FROM (SELECT * FROM deed ORDER BY seq DESC LIMIT ?) AS last"
        " WHERE at_us > ? AND actor = ? AND action = ? AND subject = ? AND detail = ? LIMIT 1",
        _PAGE_ROWS,
        since_us,
        actor,
        action,
        storable(subject),
        jsontext.dump(dict(detail)),
    )
    return row is not None


async def verify(tx: Tx, anchors: Mapping[int, str] | None = None) -> Checked:
    """Read the whole chain and find the first broken row. `anchors` are heads that were kept elsewhere, {seq: hash}."""
    seq, previous = 0, ""
    wanted = dict(anchors or {})
    while True:
        rows = await tx.rows(
            "SELECT seq, at_us, actor, action, subject, detail, previous_hash, hash FROM deed WHERE seq > ?"
            " ORDER BY seq LIMIT ?",
            seq,
            _PAGE_ROWS,
        )
        for row in rows:
            why = _what_is_wrong(row, seq + 1, previous, wanted)
            if why is not None:
                return Checked(seq, previous, Broken(seq + 1, why))
            seq, previous = row[0], row[7]
        if len(rows) < _PAGE_ROWS:
            break
    missing = min((each for each in wanted if each > seq), default=None)
    return Checked(seq, previous, None if missing is None else Broken(seq + 1, "missing"))


def _what_is_wrong(row: Row, expected: int, previous: str, anchors: Mapping[int, str]) -> str | None:
    if row[0] != expected:
        return "missing"
    if row[6] != previous:
        return "not_chained"
    if _hash(*row[:7]) != row[7]:
        return "altered"
    if anchors.get(expected, row[7]) != row[7]:
        return "replaced"
    return None

"""Who is signed in where. A session is a row while it lasts: ending it deletes the row, so nothing can bring it back.

The cookie's token is kept as its hash. Two limits: so long without use, and so long in all.
"""

from __future__ import annotations

import msgspec

from interlock.store import tokens
from interlock.store.tx import Tx, WriteTx

# Uses within it are one: a page would else cost a write.
SEEN_STEP_US = 60_000_000


class Session(msgspec.Struct, frozen=True):
    id: int
    person_id: int
    created_at_us: int
    seen_at_us: int
    until_us: int


async def begin(tx: WriteTx, person_id: int, lasts_us: int) -> str:
    """The token, which is not kept. Sessions that are over are cleared on the way."""
    token = tokens.new_token()
    await tx.run("DELETE FROM session WHERE until_us <= ?", tx.now_us)
    values = {
        "token_hash": tokens.hash_of(token),
        "person_id": person_id,
        "created_at_us": tx.now_us,
        "seen_at_us": tx.now_us,
        "until_us": tx.now_us + lasts_us,
    }
    await tx.insert("session", values)
    return token


async def find(tx: Tx, token: str, idle_us: int) -> Session | None:
    """None: there is no such session, or one of its limits has passed. Index uq_session_token_hash."""
    row = await tx.row(
        "SELECT id, person_id, created_at_us, seen_at_us, until_us FROM session"
        " WHERE token_hash = ? AND until_us > ? AND seen_at_us > ?",
        tokens.hash_of(token),
        tx.now_us,
        tx.now_us - idle_us,
    )
    return None if row is None else Session(*row)


async def note_use(tx: WriteTx, id_: int) -> None:
    await tx.run("UPDATE session SET seen_at_us = ? WHERE id = ?", tx.now_us, id_)


async def end(tx: WriteTx, token: str) -> int | None:
    """Whose it was."""
    rows = await tx.rows("DELETE FROM session WHERE token_hash = ? RETURNING person_id", tokens.hash_of(token))
    return rows[0][0] if rows else None


async def end_all_of(tx: WriteTx, person_id: int) -> int:
    """How many there were. Index ix_session_person."""
    return await tx.run("DELETE FROM session WHERE person_id = ?", person_id)


async def end_others_of(tx: WriteTx, person_id: int, token: str) -> int:
    """All but the one with this token. How many there were."""
    sql = "DELETE FROM session WHERE person_id = ? AND token_hash <> ?"
    return await tx.run(sql, person_id, tokens.hash_of(token))


async def count_of(tx: Tx, person_id: int, idle_us: int) -> int:
    """How many still live."""
    row = await tx.row(
        "SELECT count(*) FROM session WHERE person_id = ? AND until_us > ? AND seen_at_us > ?",
        person_id,
        tx.now_us,
        tx.now_us - idle_us,
    )
    assert row is not None
    return int(row[0])

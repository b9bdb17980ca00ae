"""Tokens by which a program uses the JSON API, each with a role of its own. Kept as a hash; revoked, never deleted, so that
the log of what one did keeps its name."""

from __future__ import annotations

import msgspec

from interlock.store import tokens
from interlock.store.driver import Row
from interlock.store.tx import Tx, WriteTx

PREFIX = "interlock_"
USED_STEP_US = 60_000_000


class ApiToken(msgspec.Struct, frozen=True):
    """`made_by`: a person's id, None when that person is no more."""

    id: int
    name: str
    role: str
    made_by: int | None
    created_at_us: int
    used_at_us: int | None
    revoked_at_us: int | None


_SELECT = f"SELECT {', '.join(ApiToken.__struct_fields__)} FROM api_token"


def _token(row: Row | None) -> ApiToken | None:
    return None if row is None else ApiToken(*row)


async def make(tx: WriteTx, name: str, role: str, made_by: int | None) -> tuple[int, str]:
    """Its id, and the token, which is not kept."""
    token = tokens.new_token(PREFIX)
    values = {
        "token_hash": tokens.hash_of(token),
        "name": name,
        "role": role,
        "made_by": made_by,
        "created_at_us": tx.now_us,
    }
    return await tx.insert("api_token", values), token


async def find(tx: Tx, token: str) -> ApiToken | None:
    """None: there is no such token, or it was revoked. Index uq_api_token_token_hash."""
    return _token(
        await tx.row(f"{_SELECT} WHERE token_hash = ? AND revoked_at_us IS NULL", tokens.hash_of(token)),
    )


async def ever(tx: Tx, token: str) -> int | None:
    """The id of one that works or has worked. Index uq_api_token_token_hash."""
    row = await tx.row("SELECT id FROM api_token WHERE token_hash = ?", tokens.hash_of(token))
    return None if row is None else int(row[0])


async def get(tx: Tx, id_: int) -> ApiToken | None:
    return _token(await tx.row(f"{_SELECT} WHERE id = ?", id_))


async def list_(tx: Tx) -> list[ApiToken]:
    """Those that work, the newest first."""
    rows = await tx.rows(f"{_SELECT} WHERE revoked_at_us IS NULL ORDER BY id DESC")
    return [ApiToken(*row) for row in rows]


async def note_use(tx: WriteTx, id_: int) -> None:
    await tx.run("UPDATE api_token SET used_at_us = ? WHERE id = ?", tx.now_us, id_)


async def revoke(tx: WriteTx, id_: int) -> bool:
    """Whether it had worked until now."""
    return bool(
        await tx.run("UPDATE api_token SET revoked_at_us = ? WHERE id = ? AND revoked_at_us IS NULL", tx.now_us, id_)
    )


async def revoke_all_of(tx: WriteTx, person_id: int) -> list[int]:
    """The ids of those that had worked until now. Index ix_api_token_made_by."""
    rows = await tx.rows(
        "UPDATE api_token SET revoked_at_us = ? WHERE made_by = ? AND revoked_at_us IS NULL RETURNING id",
        tx.now_us,
        person_id,
    )
    return sorted(row[0] for row in rows)

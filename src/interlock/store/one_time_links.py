"""Links that work once: to make the first person, to choose a password, to sign in. Kept as a hash, with an end.

A new link makes the older ones of the same purpose void, so that there is never a second way in that was forgotten.
"""

from __future__ import annotations

import msgspec

from interlock.store import tokens
from interlock.store.tx import Tx, WriteTx

FIRST_PERSON, PASSWORD, SIGN_IN = "first_person", "password", "sign_in"


class OneTimeLink(msgspec.Struct, frozen=True):
    """`person_id` None: the person does not exist yet."""

    id: int
    purpose: str
    person_id: int | None
    until_us: int


async def make(tx: WriteTx, purpose: str, person_id: int | None, lasts_us: int) -> str:
    """The token of its address, which is not kept."""
    token = tokens.new_token()
    await drop(tx, purpose, person_id)
    values = {
        "token_hash": tokens.hash_of(token),
        "purpose": purpose,
        "person_id": person_id,
        "created_at_us": tx.now_us,
        "until_us": tx.now_us + lasts_us,
    }
    await tx.insert("one_time_link", values)
    return token


async def find(tx: Tx, token: str) -> OneTimeLink | None:
    """None: there is no such link, it was used, or its time is over."""
    row = await tx.row(
        "SELECT id, purpose, person_id, until_us FROM one_time_link"
        " WHERE token_hash = ? AND used_at_us IS NULL AND until_us > ?",
        tokens.hash_of(token),
        tx.now_us,
    )
    return None if row is None else OneTimeLink(*row)


async def use(tx: WriteTx, token: str) -> OneTimeLink | None:
    """As `find`, and it will not be found again: of two that come at once one gets it."""
    rows = await tx.rows(
        "UPDATE one_time_link SET used_at_us = ? WHERE token_hash = ? AND used_at_us IS NULL AND until_us > ?"
        " RETURNING id, purpose, person_id, until_us",
        tx.now_us,
        tokens.hash_of(token),
        tx.now_us,
    )
    return OneTimeLink(*rows[0]) if rows else None


async def drop(tx: WriteTx, purpose: str, person_id: int | None) -> None:
    """Unused ones work no more."""
    whose, values = ("person_id IS NULL", []) if person_id is None else ("person_id = ?", [person_id])
    sql = f"DELETE FROM one_time_link WHERE purpose = ? AND used_at_us IS NULL AND {whose}"
    await tx.run(sql, purpose, *values)

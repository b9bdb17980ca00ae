"""Where people are told what happened: a webhook, an address, or a person's own e-mail. Of the installation.

A webhook's signing secret is sealed and names its row: moved to another it is refused. What is told, and when, is decided
above; what was sent is in `notices.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.store import jsontext
from interlock.store.driver import Row
from interlock.store.errors import NotUnique
from interlock.store.keyring import Keyring
from interlock.store.secrets import keyring_of
from interlock.store.tx import Tx, WriteTx

WEBHOOK, EMAIL = "webhook", "email"
# Sealed values name the row that they belong to; these belong to no connection.
_NO_CONNECTION = 0


class Channel(msgspec.Struct, frozen=True):
    """`target` of a person's own e-mail is what the person's row says now. The secret is asked for by `secret_of`."""

    id: int
    kind: str
    target: str
    person_id: int | None
    events: list[str]
    made_at_us: int
    person_disabled: bool = False


_SELECT = (
    "SELECT c.id, c.kind, COALESCE(p.email, c.target), c.person_id, c.events, c.made_at_us, p.disabled_at_us"
    " FROM notify_channel c LEFT JOIN person p ON p.id = c.person_id"
)


def _channel(row: Row) -> Channel:
    id_, kind, target, person_id, events, made_at_us, disabled_at_us = row
    return Channel(id_, kind, target, person_id, jsontext.load(events), made_at_us, disabled_at_us is not None)


def _name(id_: int) -> str:
    return f"notify_channel.{id_}"


async def add(
    tx: WriteTx, kind: str, target: str, person_id: int | None, events: Sequence[str], secret: str | None
) -> int:
    """The id. Raises NotUnique where the place is told already."""
    # A unique index lets any number of rows with a null pass.
    known = await tx.row(
        "SELECT 1 FROM notify_channel WHERE kind = ? AND target = ? AND COALESCE(person_id, 0) = ?",
        kind,
        target,
        person_id or 0,
    )
    if known is not None:
        raise NotUnique("that place is told already")
    values = {
        "kind": kind,
        "target": target,
        "person_id": person_id,
        "events": jsontext.dump(list(events)),
        "made_at_us": tx.now_us,
    }
    id_ = await tx.insert("notify_channel", values)
    if secret is not None:
        await _seal(tx, keyring_of(tx), id_, secret)
    return id_


async def _seal(tx: WriteTx, keyring: Keyring, id_: int, secret: str) -> None:
    sealed = keyring.seal(_NO_CONNECTION, _name(id_), secret)
    await tx.run("UPDATE notify_channel SET sealed = ? WHERE id = ?", sealed, id_)


async def get(tx: Tx, id_: int) -> Channel | None:
    row = await tx.row(f"{_SELECT} WHERE c.id = ?", id_)
    return None if row is None else _channel(row)


async def list_(tx: Tx) -> list[Channel]:
    return [_channel(row) for row in await tx.rows(f"{_SELECT} ORDER BY c.id")]


async def secret_of(tx: Tx, id_: int) -> str | None:
    """Raises SecretUnreadable."""
    row = await tx.row("SELECT sealed FROM notify_channel WHERE id = ?", id_)
    return None if row is None or row[0] is None else keyring_of(tx).unseal(_NO_CONNECTION, _name(id_), row[0])


async def set_events(tx: WriteTx, id_: int, events: Sequence[str]) -> None:
    await tx.run("UPDATE notify_channel SET events = ? WHERE id = ?", jsontext.dump(list(events)), id_)


async def delete(tx: WriteTx, id_: int) -> None:
    """What waits to be sent there is dropped by whoever comes to send it."""
    await tx.run("DELETE FROM notify_channel WHERE id = ?", id_)


async def reseal(tx: WriteTx, keyring: Keyring) -> int:
    """As `secrets.reseal`, for all channels."""
    rows = await tx.rows("SELECT id, sealed FROM notify_channel WHERE sealed IS NOT NULL")
    for id_, sealed in rows:
        await _seal(tx, keyring, id_, keyring.unseal(_NO_CONNECTION, _name(id_), sealed))
    return len(rows)

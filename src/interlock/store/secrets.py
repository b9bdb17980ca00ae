"""Tokens and client secrets, sealed. A sealed value carries its own connection and name: moved to another row it is
refused."""

from __future__ import annotations

from interlock.store.errors import KeyFileProblem
from interlock.store.keyring import Keyring
from interlock.store.tx import Tx, WriteTx


def keyring_of(tx: Tx) -> Keyring:
    """Raises KeyFileProblem."""
    if tx.keyring is None:
        raise KeyFileProblem("The store was opened without a key file, so it holds no secrets.")
    return tx.keyring


async def put(tx: WriteTx, name: str, value: str) -> None:
    await tx.run(
        "INSERT INTO secret (connection_id, name, sealed) VALUES (?, ?, ?)"
        " ON CONFLICT (connection_id, name) DO UPDATE SET sealed = excluded.sealed",
        tx.connection_id,
        name,
        keyring_of(tx).seal(tx.connection_id, name, value),
    )


async def get(tx: Tx, name: str) -> str | None:
    """Raises SecretUnreadable."""
    row = await tx.row("SELECT sealed FROM secret WHERE connection_id = ? AND name = ?", tx.connection_id, name)
    return None if row is None else keyring_of(tx).unseal(tx.connection_id, name, row[0])


async def names(tx: Tx) -> list[str]:
    """Which secrets there are; never their values."""
    rows = await tx.rows("SELECT name FROM secret WHERE connection_id = ? ORDER BY name", tx.connection_id)
    return [row[0] for row in rows]


async def drop(tx: WriteTx, name: str) -> None:
    await tx.run("DELETE FROM secret WHERE connection_id = ? AND name = ?", tx.connection_id, name)


async def reseal(tx: WriteTx, keyring: Keyring) -> int:
    """Seal all secrets of this connection anew with the first key of `keyring`, which must also hold the old one."""
    rows = await tx.rows("SELECT name, sealed FROM secret WHERE connection_id = ?", tx.connection_id)
    for name, sealed in rows:
        value = keyring.unseal(tx.connection_id, name, sealed)
        fresh = keyring.seal(tx.connection_id, name, value)
        await tx.run("UPDATE secret SET sealed = ? WHERE connection_id = ? AND name = ?", fresh, tx.connection_id, name)
    return len(rows)

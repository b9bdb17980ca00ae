"""The apps that Interlock signs in with, as each CRM knows them. Of the installation, not of a connection: several
connections may have been signed in with one app, and its secret is replaced in one place. The secret is sealed."""

from __future__ import annotations

import msgspec

from interlock.store.keyring import Keyring
from interlock.store.secrets import keyring_of
from interlock.store.tx import Tx, WriteTx

# Sealed values name the row that they belong to; these belong to no connection.
_NO_CONNECTION = 0


class CrmApp(msgspec.Struct, frozen=True):
    """`client_secret` None: a public client."""

    id: int
    side: str
    client_id: str
    client_secret: str | None
    changed_at_us: int

    def __repr__(self) -> str:
        return f"CrmApp({self.id}, {self.side}, {self.client_id})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("id", self.id), ("side", self.side), ("client_id", self.client_id)]


async def put(tx: WriteTx, side: str, client_id: str, client_secret: str | None) -> int:
    """Its id. The same client id again replaces the secret, for every connection that uses the app; without one it keeps what it
    has: whoever left the field empty need not know that others sign in with the app."""
    name = f"crm_app.{side}.{client_id}"
    sealed = None if client_secret is None else keyring_of(tx).seal(_NO_CONNECTION, name, client_secret)
    row = await tx.row(
        "INSERT INTO crm_app (side, client_id, sealed, changed_at_us) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (side, client_id) DO UPDATE SET sealed = COALESCE(excluded.sealed, crm_app.sealed),"
        " changed_at_us = excluded.changed_at_us"
        " RETURNING id",
        side,
        client_id,
        sealed,
        tx.now_us,
    )
    assert row is not None
    return int(row[0])


async def get(tx: Tx, app_id: int) -> CrmApp | None:
    """Raises SecretUnreadable."""
    row = await tx.row("SELECT id, side, client_id, sealed, changed_at_us FROM crm_app WHERE id = ?", app_id)
    if row is None:
        return None
    id_, side, client_id, sealed, changed_at_us = row
    name = f"crm_app.{side}.{client_id}"
    secret = None if sealed is None else keyring_of(tx).unseal(_NO_CONNECTION, name, sealed)
    return CrmApp(id_, side, client_id, secret, changed_at_us)


async def ids(tx: Tx, side: str) -> list[tuple[int, str]]:
    """(id, client id) of every app of this CRM, the one that was changed last first."""
    found = await tx.rows("SELECT id, client_id FROM crm_app WHERE side = ? ORDER BY changed_at_us DESC, id DESC", side)
    return [(row[0], row[1]) for row in found]


async def reseal(tx: WriteTx, keyring: Keyring) -> int:
    """As `secrets.reseal`, for all apps."""
    rows = await tx.rows("SELECT id, side, client_id, sealed FROM crm_app WHERE sealed IS NOT NULL")
    for app_id, side, client_id, sealed in rows:
        name = f"crm_app.{side}.{client_id}"
        fresh = keyring.seal(_NO_CONNECTION, name, keyring.unseal(_NO_CONNECTION, name, sealed))
        await tx.run("UPDATE crm_app SET sealed = ? WHERE id = ?", fresh, app_id)
    return len(rows)

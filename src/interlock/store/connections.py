"""Connections: one HubSpot account joined to one Salesforce org. Their state is a word of the interface; who may change
it is decided above."""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.store import jsontext
from interlock.store.driver import Row
from interlock.store.sql import Dialect
from interlock.store.tx import Tx, WriteTx


class Connection(msgspec.Struct, kw_only=True):
    """`id` is None until the store has given one."""

    name: str
    state: str
    state_since_us: int
    hubspot_url: str
    hubspot_account_id: str
    hubspot_name: str
    salesforce_url: str
    salesforce_org_id: str
    salesforce_name: str
    sandbox: bool = False
    state_reason: str | None = None
    state_fix: str | None = None
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    created_at_us: int = 0
    begun_at_us: int | None = None
    hubspot_last_ok_us: int | None = None
    salesforce_last_ok_us: int | None = None
    id: int | None = None


_SELECT = f"SELECT {', '.join(Connection.__struct_fields__)} FROM connection"


def _values(row: Connection) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in Connection.__struct_fields__ if name != "id"}
    return values | {"settings": jsontext.dump(row.settings)}


def _struct(row: Row) -> Connection:
    values = dict(zip(Connection.__struct_fields__, row, strict=True))
    # SQLite has no booleans.
    values |= {"settings": jsontext.load_object(values["settings"]), "sandbox": bool(values["sandbox"])}
    return Connection(**values)


async def create(tx: WriteTx, row: Connection) -> int:
    """The id. Raises NotUnique when the name, or the HubSpot account, has a connection already.

    `created_at_us` 0 becomes the transaction's time.
    """
    return await tx.insert("connection", _values(row) | {"created_at_us": row.created_at_us or tx.now_us})


async def get(tx: Tx, name_or_id: str | int) -> Connection | None:
    column = "id" if isinstance(name_or_id, int) else "name"
    row = await tx.row(f"{_SELECT} WHERE {column} = ?", name_or_id)
    return None if row is None else _struct(row)


async def get_to_change(tx: WriteTx, id_: int) -> Connection | None:
    """As it is now, and as it stays until the transaction ends: settings are written back whole, so that of two who read them
    before either had written one would be lost. Rows that refer to it may still be added by others."""
    lock = " FOR NO KEY UPDATE" if tx.dialect is Dialect.POSTGRESQL else ""
    row = await tx.row(f"{_SELECT} WHERE id = ?{lock}", id_)
    return None if row is None else _struct(row)


async def by_hubspot_account(tx: Tx, account_id: str) -> Connection | None:
    row = await tx.row(f"{_SELECT} WHERE hubspot_account_id = ?", account_id)
    return None if row is None else _struct(row)


async def list_(tx: Tx) -> list[Connection]:
    return [_struct(row) for row in await tx.rows(f"{_SELECT} ORDER BY id")]


async def of_org(tx: Tx, org_id: str) -> list[Connection]:
    """All that share this Salesforce org. Index ix_connection_org."""
    return [_struct(row) for row in await tx.rows(f"{_SELECT} WHERE salesforce_org_id = ? ORDER BY id", org_id)]


async def update(tx: WriteTx, id_: int, **changes: Any) -> None:
    """Change named columns of one connection: `update(tx, 1, state="paused", state_reason="...")`.

    A new `state` without `state_since_us` begins now. Raises TypeError for a name that is no column, LookupError if
    there is no such connection.
    """
    unknown = changes.keys() - set(Connection.__struct_fields__) | changes.keys() & {"id", "created_at_us"}
    if unknown:
        raise TypeError(f"a connection has no changeable {', '.join(sorted(unknown))}")
    set_up = "settings" in changes
    if set_up:
        changes["settings"] = jsontext.dump(changes["settings"])
    assignments, values = [f"{name} = ?" for name in changes], list(changes.values())
    if "state" in changes and "state_since_us" not in changes:
        # "Suspended since" must not restart with every failed try.
        assignments.append("state_since_us = CASE WHEN state = ? THEN state_since_us ELSE ? END")
        values += [changes["state"], tx.now_us]
    if set_up:
        assignments.append("setup_version = setup_version + 1")
    if await tx.run(f"UPDATE connection SET {', '.join(assignments)} WHERE id = ?", *values, id_) != 1:
        raise LookupError(f"there is no connection {id_}")


async def setup_version(tx: Tx) -> int | None:
    """Of the transaction's connection: another number means that settings or mappings changed. None: it is gone."""
    row = await tx.row("SELECT setup_version FROM connection WHERE id = ?", tx.connection_id)
    return None if row is None else int(row[0])


async def set_up(tx: WriteTx) -> None:
    """The mappings of the transaction's connection have changed: whoever works by them begins again."""
    await tx.run("UPDATE connection SET setup_version = setup_version + 1 WHERE id = ?", tx.connection_id)


async def delete(tx: WriteTx, connection_id: int) -> None:
    """Remove a connection with all that is remembered of it. By its id, since the transaction may go on to make another."""
    # Imported here: see sql.py.
    from interlock.store.schema import GLOBAL_TABLES, metadata

    for table in reversed(metadata.sorted_tables):
        if table.name not in GLOBAL_TABLES:
            await tx.run(f"DELETE FROM {table.name} WHERE connection_id = ?", connection_id)
    await tx.run("DELETE FROM connection WHERE id = ?", connection_id)

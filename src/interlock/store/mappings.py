"""Which objects and fields sync with which. Ids are never reused: a field mapping's id is the key of its base. Every write
says so to the cycles that run (`connections.set_up`).

`definition` and `settings` are the engine's own words, kept as JSON; the store reads nothing of them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.store import connections, jsontext
from interlock.store.driver import Row
from interlock.store.tx import Tx, WriteTx


class ObjectMappingRow(msgspec.Struct):
    object: str
    salesforce_type: str
    enabled: bool = True
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    id: int | None = None


class FieldMappingRow(msgspec.Struct):
    """`definition`: {"values": {HubSpot option: Salesforce value}} where a person joined some."""

    object_mapping_id: int
    property: str
    field: str
    rule: str
    kind: str = "default"
    locked_reason: str | None = None
    status: str = "ok"
    status_reason: str | None = None
    definition: dict[str, Any] = msgspec.field(default_factory=dict)
    id: int | None = None


_OBJECT_COLUMNS = ", ".join(ObjectMappingRow.__struct_fields__)
_FIELD_COLUMNS = ", ".join(FieldMappingRow.__struct_fields__)


async def _save(tx: WriteTx, table: str, values: dict[str, Any], id_: int | None) -> int:
    await connections.set_up(tx)
    if id_ is None:
        return await tx.insert(table, {"connection_id": tx.connection_id} | values)
    changes = ", ".join(f"{name} = ?" for name in values)
    sql = f"UPDATE {table} SET {changes} WHERE connection_id = ? AND id = ?"
    if await tx.run(sql, *values.values(), tx.connection_id, id_) != 1:
        raise LookupError(f"this connection has no {table} {id_}")
    return id_


async def save_object_mapping(tx: WriteTx, row: ObjectMappingRow) -> int:
    """Insert (id None) or change; the id. Raises NotUnique, LookupError."""
    values = {
        "object": row.object,
        "salesforce_type": row.salesforce_type,
        "enabled": row.enabled,
        "settings": jsontext.dump(row.settings),
    }
    return await _save(tx, "object_mapping", values, row.id)


async def object_mappings(tx: Tx) -> list[ObjectMappingRow]:
    sql = f"SELECT {_OBJECT_COLUMNS} FROM object_mapping WHERE connection_id = ? ORDER BY id"
    return [
        # SQLite has no booleans.
        ObjectMappingRow(object_, type_, bool(enabled), jsontext.load_object(settings), id_)
        for object_, type_, enabled, settings, id_ in await tx.rows(sql, tx.connection_id)
    ]


async def save_field_mapping(tx: WriteTx, row: FieldMappingRow) -> int:
    """Insert (id None) or change; the id. Raises NotUnique, LookupError.

    Changing rule or status keeps the base. Other names on either side are another mapping: delete and insert.
    """
    values = {
        name: getattr(row, name) for name in FieldMappingRow.__struct_fields__ if name not in ("id", "definition")
    }
    return await _save(tx, "field_mapping", values | {"definition": jsontext.dump(row.definition)}, row.id)


async def field_mappings(tx: Tx) -> list[FieldMappingRow]:
    sql = f"SELECT {_FIELD_COLUMNS} FROM field_mapping WHERE connection_id = ? ORDER BY object_mapping_id, id"
    return [_field_mapping(row) for row in await tx.rows(sql, tx.connection_id)]


def _field_mapping(row: Row) -> FieldMappingRow:
    values = dict(zip(FieldMappingRow.__struct_fields__, row, strict=True))
    return FieldMappingRow(**values | {"definition": jsontext.load_object(values["definition"])})


async def delete_field_mappings(tx: WriteTx, ids: list[int]) -> int:
    await connections.set_up(tx)
    return await tx.run("DELETE FROM field_mapping WHERE connection_id = ? AND id IN [?]", tx.connection_id, ids)

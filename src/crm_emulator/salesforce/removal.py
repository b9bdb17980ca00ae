"""Deletes, restores and merges: what goes along, what blocks, what is re-parented.

A delete is soft: the row keeps its values, leaves the indexes and waits in the recycle bin. Children go along where the
recorded describe says cascadeDelete, block where it says restrictedDelete, and lose the look-up otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from crm_emulator.salesforce.errors import RecordError
from crm_emulator.salesforce.features import persons
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.save import Changes, Saver
from crm_emulator.salesforce.schema import ChildRelationship
from crm_emulator.salesforce.store import Record
from crm_emulator.salesforce.transaction import Transaction

# Merging takes at most two losers into one survivor, of these objects (SOAP API developer guide, merge).
MERGEABLE = frozenset({"Account", "Contact", "Lead", "Case"})
MOST_LOSERS = 2

# Deleted rows stay in the recycle bin for 15 days (Salesforce help, recycle bin). Whether they are due is looked at hourly.
BIN_S = 15 * 86_400
_LOOK_S = 3_600


class Remover:
    def __init__(self, org: Org, saver: Saver) -> None:
        self._org = org
        self._saver = saver
        # Look-ups that a delete cleared, to be set again by an undelete: parent id -> (child, field).
        self._cleared: dict[str, list[tuple[Record, str]]] = {}
        self._looked_s = 0

    def delete(self, tx: Transaction, record: Record) -> None:
        sobject = record.table.sobject
        if record.deleted_s is not None:
            raise RecordError("ENTITY_IS_DELETED", "entity is deleted", [], status=404)
        if not sobject.flags["deletable"]:
            raise RecordError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])
        persons.check_delete(record)
        self._org.rules.check_lock(record.id)
        self._check_restricted(record)
        self._remove(tx, record, None)

    def _check_restricted(self, record: Record) -> None:
        for relationship, children in self._children(record):
            if relationship.restricted and children:
                label = self._org.objects[relationship.child].label_plural.lower()
                raise RecordError(
                    "DELETE_FAILED",
                    f"Your attempt to delete {record.values.get('Name', record.id)} could not be completed because "
                    f"it is associated with the following {label}.: {', '.join(child.id for child in children)}",
                    [],
                )
            if relationship.cascade:
                for child in children:
                    self._check_restricted(child)

    def _remove(self, tx: Transaction, record: Record, cascade_of: str | None) -> None:
        for relationship, children in self._children(record):
            for child in children:
                if relationship.cascade:
                    if child.deleted_s is None:
                        self._remove(tx, child, cascade_of or record.id)
                elif not relationship.field.startswith("Converted"):
                    self._clear(tx, record, child, relationship.field)
        self._hide(tx, record)
        record.cascade_of = cascade_of
        tx.journal(record, "delete")

    def _hide(self, tx: Transaction, record: Record) -> None:
        tx.before_write(record)
        record.table.hide(record)
        tx.touch(record)
        record.deleted_s = record.stamp_s
        if record.table.sobject.name in ("FieldPermissions", "PermissionSet", "PermissionSetAssignment"):
            self._org.access.changed()

    def _clear(self, tx: Transaction, parent: Record, child: Record, field: str) -> None:
        tx.before_write(child)
        self._cleared.setdefault(parent.id, []).append((child, field))
        child.table.set_value(child, field, None)
        tx.touch(child, system=True)
        tx.journal(child, "update", [field], [parent.id], [None])

    def _children(self, record: Record) -> Iterator[tuple[ChildRelationship, list[Record]]]:
        for relationship in record.table.sobject.children:
            table = self._org.tables.get(relationship.child)
            index = table.indexes.get(relationship.field) if table is not None else None
            if index is not None:
                yield relationship, index.find(record.id)

    def undelete(self, tx: Transaction, record: Record) -> None:
        """Restore a row with its id, and what its delete took along, which has no entry of its own in the bin. "You can
        undelete records that were deleted as the result of a merge, but the child objects are reparented, which can't be
        undone" (SOAP API developer guide, undelete); that its master is forgotten is supposed."""
        if record.deleted_s is None or not self._org.in_bin(record) or record.cascade_of is not None:
            # The sentence is quoted in public clients' code and tests, of children of a deleted parent too.
            raise RecordError("UNDELETE_FAILED", "Entity is not in the recycle bin", [])
        half = persons.half_in_bin(self._org, record)
        for row in (record, half) if half is not None else (record,):
            self._show(tx, row)
            row.master_id = None
        for table in self._org.tables.values():
            for child in [row for row in table.rows.values() if row.cascade_of == record.id]:
                self._show(tx, child)
        for child, field in self._cleared.pop(record.id, ()):
            if child.deleted_s is None and child.values.get(field) is None:
                tx.before_write(child)
                child.table.set_value(child, field, record.id)
                tx.touch(child, system=True)
                tx.journal(child, "update", [field], [None], [record.id])

    def _show(self, tx: Transaction, record: Record) -> None:
        table = record.table
        for name, index in table.indexes.items():
            value = record.values.get(name)
            taken = index.field.unique and value is not None and index.find(value)
            if taken:
                raise RecordError(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {name} duplicates value on record with id: {taken[0].id[:15]}",
                    [],
                )
        tx.before_write(record)
        record.deleted_s = None
        record.cascade_of = None
        table.show(record)
        tx.touch(record)
        tx.journal(record, "restore")

    def empty_bin(self) -> None:
        """Erase every deleted row, as emptying the recycle bin does: only getDeleted knows of them then."""
        for table in self._org.tables.values():
            for record in table.rows.values():
                record.purged = record.purged or record.deleted_s is not None

    def expire(self) -> None:
        """Erase what has been in the bin for too long."""
        now_s = self._org.now_s()
        if now_s < self._looked_s + _LOOK_S:
            return
        self._looked_s = now_s
        for table in self._org.tables.values():
            for record in table.bin.values():
                record.purged = record.purged or (record.deleted_s or now_s) < now_s - BIN_S

    def merge(self, tx: Transaction, winner: Record, losers: list[Record], changes: Changes) -> list[str]:
        """Keep one row of several: children are re-parented, losers deleted with MasterRecordId set to the winner. Returns
        the ids of the children that were moved."""
        name = winner.table.sobject.name
        if name not in MERGEABLE or not 1 <= len(losers) <= MOST_LOSERS or winner in losers:
            raise RecordError("INVALID_OPERATION", f"{name}: merge one to {MOST_LOSERS} rows into another", [])
        for record in (winner, *losers):
            if record.deleted_s is not None or record.table is not winner.table:
                raise RecordError("ENTITY_IS_DELETED", "entity is deleted", [], status=404)
            if record.values.get("IsConverted"):
                raise RecordError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])
            self._org.rules.check_lock(record.id)
        persons.check_merge([winner, *losers])
        moved: list[str] = []
        for loser in losers:
            halves = persons.absorb(self._org, winner, loser)
            if halves is not None:
                moved += self._absorb(tx, *halves)
            moved += self._absorb(tx, winner, loser)
        self._saver.update(tx, winner, changes)
        return moved

    def _absorb(self, tx: Transaction, winner: Record, loser: Record) -> list[str]:
        moved = self._reparent(tx, loser, winner)
        self._hide(tx, loser)
        loser.master_id = winner.id
        tx.journal(loser, "merge", ["MasterRecordId"], [None], [winner.id])
        return moved

    def _reparent(self, tx: Transaction, loser: Record, winner: Record) -> list[str]:
        moved: dict[str, None] = {}
        for table in self._org.tables.values():
            for name, index in table.indexes.items():
                if index.field.type != "reference":
                    continue
                for child in index.find(loser.id):
                    tx.before_write(child)
                    table.set_value(child, name, winner.id)
                    tx.touch(child)
                    tx.journal(child, "update", [name], [loser.id], [winner.id])
                    moved[child.id] = None
        return list(moved)

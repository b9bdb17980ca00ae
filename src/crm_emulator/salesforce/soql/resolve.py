"""What the names of a query mean: objects, fields, parent paths, for one user of one org.

A name the user may not see is INVALID_FIELD, exactly as one that does not exist. The readers made here give a value for
comparing (`compare`) and a value for showing (`show`) of the row the query is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crm_emulator.salesforce.access import View
from crm_emulator.salesforce.derived import Getter
from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.schema import NUMBER_TYPES, SYSTEM_DATETIMES, Field, SObject
from crm_emulator.salesforce.soql.ast import FieldRef
from crm_emulator.salesforce.soql.lexer import soql_error
from crm_emulator.salesforce.store import Record, Table

_HINT = (
    "If you are attempting to use a custom {what}, be sure to append the '__c' after the {place} name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
_MOST_HOPS = 5  # relationship levels from child to parent (SOQL reference, relationship query limits)
_SYSTEM_SECONDS: dict[str, Getter] = {
    "CreatedDate": lambda record: record.created_s,
    "LastModifiedDate": lambda record: record.modified_s,
    "SystemModstamp": lambda record: record.stamp_s,
}

Hop = Callable[[Record], Record | None]


@dataclass(slots=True, frozen=True)
class Column:
    """A resolved name. `domain` says how its values compare: text, exact (text with case), id, number, boolean, date,
    datetime (text), seconds."""

    field: Field
    domain: str
    compare: Getter
    show: Getter
    hops: tuple[tuple[str, Hop, str], ...] = ()  # (relationship name, parent of a row, object name or "")

    @property
    def direct(self) -> bool:
        return not self.hops


class Names:
    def __init__(self, org: Org, user_id: str, soql: str) -> None:
        self.org = org
        self._user_id = user_id
        self._soql = soql

    def view(self, sobject: SObject) -> View:
        return self.org.access.view(self._user_id, sobject)

    def table(self, name: str, at: int) -> Table:
        sobject = self.org.sobject(name)
        if sobject is None or not self.org.access.rights(self._user_id, sobject.name).read:
            hint = _HINT.format(what="object", place="entity")
            raise soql_error("INVALID_TYPE", f"sObject type '{name}' is not supported. {hint}", self._soql, at)
        return self.org.tables[sobject.name]

    def column(self, table: Table, reference: FieldRef, alias: str | None) -> Column:
        path = reference.path
        sobject = table.sobject
        if len(path) > 1 and self._names_the_row(sobject, path[0].lower(), alias):
            path = path[1:]
        if len(path) > _MOST_HOPS + 1:
            raise self._no_relationship(reference, path[0], sobject)
        hops: list[tuple[str, Hop, str]] = []
        for name in path[:-1]:
            field = self.view(sobject).relationship(sobject, name)
            if field is None:
                raise self._no_relationship(reference, name, sobject)
            targets = [target for target in field.reference_to if target in self.org.objects]
            if not targets:
                raise self._no_relationship(reference, name, sobject)
            hop = self._hop(sobject, field)
            if len(field.reference_to) > 1:
                hops.append((field.relationship or name, hop, ""))
                return self._name_pseudo_object(reference, targets, path[-1], hops)
            hops.append((field.relationship or name, hop, targets[0]))
            sobject = self.org.objects[targets[0]]
        found = self.view(sobject).field(path[-1])
        if found is None:
            raise self.no_column(path[-1], sobject.name, reference.at)
        return self._make(sobject.name, found, tuple(hops))

    def _names_the_row(self, sobject: SObject, name: str, alias: str | None) -> bool:
        """`c.Name FROM Contact c`, `Contact.Name FROM Contact`; a relationship of the object's name wins."""
        if alias is not None and name == alias.lower():
            return True
        return name == sobject.name.lower() and name not in sobject.by_relationship

    def _hop(self, sobject: SObject, field: Field) -> Hop:
        reader = self.org.getters.getter(sobject.name, field)
        record_of = self.org.record

        def parent(record: Record) -> Record | None:
            target = reader(record)
            return record_of(target) if target is not None else None

        return parent

    def _make(self, sobject: str, field: Field, hops: tuple[tuple[str, Hop, str], ...]) -> Column:
        show = self.org.getters.getter(sobject, field)
        compare = show
        domain = _domain(field)
        if domain == "seconds":
            compare = _SYSTEM_SECONDS[field.name]
        for _, hop, _target in reversed(hops):
            compare, show = _through(hop, compare), _through(hop, show)
        return Column(field, domain, compare, show, hops)

    def _name_pseudo_object(
        self, reference: FieldRef, targets: list[str], last: str, hops: list[tuple[str, Hop, str]]
    ) -> Column:
        """A field of a polymorphic parent (Owner, Who, What): found on the row that is there."""
        fields = {target: self._field_or_name(target, last) for target in targets}
        type_wanted = last.lower() == "type"
        if not type_wanted and not any(fields.values()):
            raise self.no_column(last, "Name", reference.at)
        getters = {
            target: self.org.getters.getter(target, field) for target, field in fields.items() if field is not None
        }

        def read(record: Record) -> Any:
            name = record.table.sobject.name
            if type_wanted:
                return type_name(record)
            getter = getters.get(name)
            return getter(record) if getter is not None else None

        shown = "Type" if type_wanted else next(field.name for field in fields.values() if field is not None)
        field = Field({"name": "Name" if last.lower() == "name" else shown, "label": shown, "type": "string"})
        through: Getter = read
        for _, hop, _target in reversed(hops):
            through = _through(hop, through)
        return Column(field, "text", through, through, tuple(hops))

    def _field_or_name(self, target: str, last: str) -> Field | None:
        sobject = self.org.objects[target]
        found = self.view(sobject).field(last)
        return found if found is not None or last.lower() != "name" else sobject.name_field

    def no_column(self, name: str, entity: str, at: int) -> RequestError:
        hint = _HINT.format(what="field", place="custom field")
        return soql_error("INVALID_FIELD", f"No such column '{name}' on entity '{entity}'. {hint}", self._soql, at)

    def _no_relationship(self, reference: FieldRef, name: str, sobject: SObject) -> RequestError:
        return soql_error(
            "INVALID_FIELD",
            f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
            "relationship, be sure to append the '__r' after the custom relationship name. "
            "Please reference your WSDL or the describe call for the appropriate names.",
            self._soql,
            reference.at,
        )


def type_name(record: Record) -> str:
    """What `Owner.Type` says of a row: its object, and of a group what kind of group it is (a Queue)."""
    name = record.table.sobject.name
    return str(record.values.get("Type", name)) if name == "Group" else name


def _domain(field: Field) -> str:
    if field.name in SYSTEM_DATETIMES and field.type == "datetime":
        return "seconds"
    if field.type in ("id", "reference"):
        return "id"
    if field.type in NUMBER_TYPES:
        return "number"
    if field.type in ("boolean", "date", "datetime", "address", "multipicklist"):
        return field.type
    return "exact" if field.case_sensitive else "text"


def _through(hop: Hop, getter: Getter) -> Getter:
    def read(record: Record) -> Any:
        parent = hop(record)
        return getter(parent) if parent is not None else None

    return read

"""One org: its objects, rows, rules, users and clock, and the look-ups that every other module shares.

It is the state, not the API and not the save pipeline (`save.py`). Deterministic: ids, delays and tokens come from
seeded
generators, time from the Clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crm_emulator.kernel.clock import US_PER_SECOND, Clock
from crm_emulator.kernel.journal import Journal
from crm_emulator.salesforce.access import Access
from crm_emulator.salesforce.config import Config
from crm_emulator.salesforce.derived import Getters
from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.ids import IdMaker
from crm_emulator.salesforce.record_types import RecordType, default_of
from crm_emulator.salesforce.rules import Rules
from crm_emulator.salesforce.schema import ChildRelationship, Field, SObject, load_objects
from crm_emulator.salesforce.sites import Site
from crm_emulator.salesforce.store import Record, Table, Value, wants_index
from crm_emulator.salesforce.times import DAY_S
from crm_emulator.salesforce.transaction import Caller, Transaction

_RECORD_TYPE_ID = {
    "name": "RecordTypeId",
    "label": "Record Type ID",
    "type": "reference",
    "length": 18,
    "permissionable": False,
    "referenceTo": ["RecordType"],
    "relationshipName": "RecordType",
}
# Objects that only a feature brings along.
_OF_A_FEATURE = ("CurrencyType",)


@dataclass(frozen=True, slots=True)
class RemovedField:
    """What went with a field: its CustomField id, and its values by row id."""

    id: str
    values: dict[str, Value]


@dataclass(slots=True)
class Features:
    """What the org has of what real orgs have to be asked for, or have switched on; see `features/`."""

    corporate_currency: str | None = None  # multiple currencies
    person_accounts: bool = False
    states_and_countries: bool = False  # picklists for the states and countries of addresses


class Org:
    def __init__(self, clock: Clock, seed: int, config: Config) -> None:
        self.clock = clock
        self.seed = seed
        self.config = config
        self.journal = Journal()
        self.ids = IdMaker(seed)
        self.org_id = self.ids.make("00D")
        self.field_ids: dict[str, tuple[str, str]] = {}  # CustomField id -> (object, field)
        # Brings up to the clock what goes on by itself (deployments). Called before anybody reads or writes.
        self.settle: Callable[[], None] = lambda: None
        self.start_empty()

    def start_empty(self) -> None:
        """Forget every row, rule and custom field; the ids go on, so that none is ever used twice."""
        self.rules = Rules()
        self.objects: dict[str, SObject] = load_objects()
        self._spare = {name: self.objects.pop(name) for name in _OF_A_FEATURE}
        self.by_lower = {name.lower(): sobject for name, sobject in self.objects.items()}
        self.by_prefix = {sobject.key_prefix: sobject for sobject in self.objects.values()}
        self.tables = {name: Table(sobject) for name, sobject in self.objects.items()}
        self.features = Features()
        # Told of every field that is added to an object (True) or taken from it (False).
        self.field_watchers: list[Callable[[SObject, Field, bool], None]] = []
        self.access = Access(self.tables)
        self.getters = Getters(self.tables, self)
        self.pool: dict[Value, Value] = {}
        self._delays = random.Random(f"salesforce-commit:{self.seed}")
        self._stages: dict[Any, Record] = {}
        self.field_ids.clear()
        self.processes: dict[str, tuple[str, ...]] = {}  # BusinessProcess id -> its stages or statuses
        self.sites: dict[tuple[str, str], Site] = {}  # by metadata type and lower-case name
        self.classified: dict[str, str] = {}  # Object.Field -> Data Sensitivity Level, as an administrator set it

    # Time

    def now_s(self) -> int:
        return self.clock.now_us() // US_PER_SECOND

    def begin(self, caller: Caller, *, can_roll_back: bool = False) -> Transaction:
        now_us = self.clock.now_us()
        delay = self.config.commit_delay_ms
        if isinstance(delay, tuple):
            delay = self._delays.randint(*delay)
        stamp_s = (now_us - delay * 1_000) // US_PER_SECOND
        return Transaction(self.journal, caller, now_us, stamp_s, can_roll_back=can_roll_back)

    # Look-ups

    def sobject(self, name: str) -> SObject | None:
        return self.objects.get(name) or self.by_lower.get(name.lower())

    def table_of_id(self, id18: str) -> Table | None:
        sobject = self.by_prefix.get(id18[:3])
        return self.tables[sobject.name] if sobject is not None else None

    def record(self, id18: str) -> Record | None:
        table = self.table_of_id(id18)
        return table.rows.get(id18) if table is not None else None

    def in_bin(self, record: Record) -> bool:
        """Whether a deleted row can still be seen by queryAll and undeleted."""
        if record.deleted_s is None or record.purged:
            return False
        return record.deleted_s > self.now_s() - self.config.recycle_bin_days * DAY_S

    def stage(self, name: Any) -> Record | None:
        if not self._stages:
            self._stages = {row.values.get("ApiName"): row for row in self.tables["OpportunityStage"].rows.values()}
        return self._stages.get(name)

    def stages_changed(self) -> None:
        self._stages.clear()
        self.access.changed()

    def first_stage(self, user_id: str) -> str:
        """The stage that a deal made by a lead conversion starts in: the first active one of the user's sales process."""
        record_type = default_of(self.objects["Opportunity"].record_types, user_id)
        rows = sorted(self.tables["OpportunityStage"].rows.values(), key=lambda row: row.values.get("SortOrder", 0))
        names = [str(row.values["ApiName"]) for row in rows if row.values.get("IsActive")]
        return next((name for name in names if record_type is None or record_type.offers("StageName", name)), names[0])

    # Schema and setup

    def add_object(self, name: str) -> None:
        """An object that comes with a feature."""
        sobject = self._spare.pop(name)
        self.objects[name] = self.by_lower[name.lower()] = self.by_prefix[sobject.key_prefix] = sobject
        self.tables[name] = Table(sobject)

    def add_field(self, sobject: SObject, field: Field) -> str:
        """Add a custom field; returns its CustomField id. Custom fields of Task and Event are defined on Activity."""
        if sobject.field(field.name) is not None:
            raise RequestError(
                "DUPLICATE_DEVELOPER_NAME", f"There is already a field named {field.name} on {sobject.label}."
            )
        self._place(sobject, field)
        field_id = self.ids.make("00N")
        self.field_ids[field_id] = (sobject.name, field.name)
        return field_id

    def replace_field(self, sobject: SObject, field: Field) -> str:
        """Put a changed custom field in the place of the one of its name; returns its CustomField id."""
        old = sobject.fields[field.name]
        if old.reference_to != field.reference_to or old.relationship != field.relationship:
            self._forget(sobject, old)
        self.tables[sobject.name].indexes.pop(field.name, None)  # it goes by what the field was
        self._place(sobject, field)
        return self.field_id(sobject.name, field.name)

    def remove_field(self, sobject: SObject, field: Field) -> RemovedField:
        """Take a custom field away, with its values."""
        field_id = self.field_id(sobject.name, field.name)
        table = self.tables[sobject.name]
        values = {
            record.id: record.values.pop(field.name) for record in table.rows.values() if field.name in record.values
        }
        self._forget(sobject, field)
        del self.field_ids[field_id]
        return RemovedField(field_id, values)

    def restore_field(self, sobject: SObject, field: Field, removed: RemovedField) -> None:
        table = self.tables[sobject.name]
        for record_id, value in removed.values.items():
            table.rows[record_id].values[field.name] = value
        self._place(sobject, field)
        self.field_ids[removed.id] = (sobject.name, field.name)

    def field_id(self, sobject: str, field: str) -> str:
        return next(key for key, pair in self.field_ids.items() if pair == (sobject, field))

    def _place(self, sobject: SObject, field: Field) -> None:
        self.getters.forget(sobject.name, field.name)
        sobject.add_field(field)
        if wants_index(sobject.name, field):
            self.tables[sobject.name].index(field)
        for target in field.reference_to:
            parent = self.objects.get(target)
            if parent is not None:
                name = field.raw.get("childRelationshipName")
                child = ChildRelationship(sobject.name, field.name, name and f"{name}__r", 0, 0)
                if child not in parent.children:
                    parent.children.append(child)
        for watch in self.field_watchers:
            watch(sobject, field, True)
        self.access.changed()

    def _forget(self, sobject: SObject, field: Field) -> None:
        self.tables[sobject.name].indexes.pop(field.name, None)
        sobject.remove_field(field)
        for target in field.reference_to:
            parent = self.objects.get(target)
            if parent is not None:
                parent.children[:] = [
                    child for child in parent.children if (child.child, child.field) != (sobject.name, field.name)
                ]
        for watch in self.field_watchers:
            watch(sobject, field, False)
        self.access.changed()

    def add_record_type(
        self,
        sobject: str,
        name: str,
        developer_name: str | None = None,
        *,
        default: bool = False,
        person: bool = False,
        user_id: str | None = None,
    ) -> RecordType:
        """A record type that offers everything; the object gets RecordTypeId with its first one."""
        owner = self.objects[sobject]
        api_name = developer_name or name.replace(" ", "_")
        values: dict[str, Value] = {"Name": name, "DeveloperName": api_name, "SobjectType": sobject, "IsActive": True}
        user_id = user_id or next(iter(self.tables["User"].rows))
        row = self.insert_setup("RecordType", {**values, "IsPersonType": person}, user_id=user_id)
        made = RecordType(row.id, name, api_name, default, person=person)
        owner.record_types.append(made)
        if owner.field("RecordTypeId") is None:
            owner.add_field(Field(_RECORD_TYPE_ID))
            self.access.changed()
        return made

    def insert_setup(self, sobject: str, values: dict[str, Value], *, user_id: str | None = None) -> Record:
        """A row that exists before anybody calls: users, profiles, stages. Not journalled."""
        table = self.tables[sobject]
        record_id = self.ids.make(table.sobject.key_prefix)
        record = Record(table, record_id, user_id or record_id, self.now_s())
        record.values = {name: value for name, value in values.items() if value is not None and value is not False}
        table.insert(record)
        if sobject == "OpportunityStage":
            self._stages.clear()
        self.access.changed()
        return record

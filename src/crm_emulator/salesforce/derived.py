"""Fields that a real org works out instead of keeping: full names, compound addresses, what a stage implies.

`getter` gives the function that reads one field of a row in the form the API shows it. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from crm_emulator.salesforce.schema import Field
from crm_emulator.salesforce.store import Record, Table
from crm_emulator.salesforce.times import render_seconds

Getter = Callable[[Record], Any]


class Stages(Protocol):
    """What the org knows about the values of Opportunity.StageName."""

    def stage(self, name: Any) -> Record | None: ...


def full_name(record: Record) -> str | None:
    values = record.values
    first, last = values.get("FirstName"), values.get("LastName")
    return f"{first} {last}" if first and last else str(last or first) if last or first else None


_PARTS = ("City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street")


def _address(prefix: str, codes: bool) -> Getter:
    """`codes`: the org has picklists of states and countries, and shows their codes too."""
    parts = (*_PARTS, "CountryCode", "StateCode") if codes else _PARTS
    names = [(part[0].lower() + part[1:], prefix + part) for part in parts]

    def read(record: Record) -> dict[str, Any] | None:
        values = record.values
        shown = {key: values.get(name) for key, name in names}
        return shown if any(value is not None for value in shown.values()) else None

    return read


def _from_stage(tables: dict[str, Table], stages: Stages, name: str) -> Getter:
    def read(record: Record) -> Any:
        stage = stages.stage(record.values.get("StageName"))
        if name in ("IsClosed", "IsWon"):
            return bool(stage is not None and stage.values.get(name))
        return stage.values.get("ForecastCategory") if stage is not None else "Pipeline"

    return read


def _expected_revenue(record: Record) -> float | None:
    amount, probability = record.values.get("Amount"), record.values.get("Probability")
    if amount is None or probability is None:
        return None
    return round(float(amount) * float(probability) / 100, 2)


def _fiscal(part: str) -> Getter:
    def read(record: Record) -> Any:
        close = str(record.values.get("CloseDate", ""))
        if not close:
            return None
        year, quarter = int(close[:4]), (int(close[5:7]) + 2) // 3
        return {"FiscalYear": year, "FiscalQuarter": quarter, "Fiscal": f"{year} {quarter}"}[part]

    return read


def _primary_contact(tables: dict[str, Table]) -> Getter:
    roles = tables["OpportunityContactRole"].indexes["OpportunityId"]

    def read(record: Record) -> Any:
        primary = (role for role in roles.find(record.id) if role.values.get("IsPrimary"))
        found = next(primary, None)
        return found.values.get("ContactId") if found is not None else None

    return read


def _activity_account(tables: dict[str, Table]) -> Getter:
    """The account an activity belongs to: its What, the What's account, or its Who's account."""

    def read(record: Record) -> Any:
        for name in ("WhatId", "WhoId"):
            target = str(record.values.get(name, ""))
            if target.startswith("001"):
                return target
            for owner in ("Opportunity", "Case", "Contact"):
                row = tables[owner].rows.get(target)
                if row is not None and row.values.get("AccountId"):
                    return row.values["AccountId"]
        return None

    return read


def _of_contact(tables: dict[str, Table], name: str) -> Getter:
    def read(record: Record) -> Any:
        contact = tables["Contact"].rows.get(str(record.values.get("ContactId", "")))
        return contact.values.get(name) if contact is not None else None

    return read


def _build(tables: dict[str, Table], stages: Stages) -> dict[tuple[str, str], Getter]:
    found: dict[tuple[str, str], Getter] = {}
    for person in ("Contact", "Lead", "User"):
        found[person, "Name"] = full_name
    for owner in ("Account", "Contact", "Lead"):
        found[owner, "PhotoUrl"] = lambda record: f"/services/images/photo/{record.id}"
        found[owner, "CleanStatus"] = lambda record: record.values.get("CleanStatus", "Pending")
    found["Contact", "IsEmailBounced"] = lambda record: "EmailBouncedReason" in record.values
    for name in ("IsClosed", "IsWon", "ForecastCategory"):
        found["Opportunity", name] = _from_stage(tables, stages, name)
    found["Opportunity", "ExpectedRevenue"] = _expected_revenue
    for name in ("FiscalYear", "FiscalQuarter", "Fiscal"):
        found["Opportunity", name] = _fiscal(name)
    found["Opportunity", "ContactId"] = _primary_contact(tables)
    found["Case", "IsClosed"] = lambda record: record.values.get("Status") == "Closed"
    for name, source in (("Phone", "Phone"), ("Mobile", "MobilePhone"), ("Email", "Email"), ("Fax", "Fax")):
        found["Case", f"Contact{name}"] = _of_contact(tables, source)
    found["Task", "IsClosed"] = lambda record: record.values.get("Status") == "Completed"
    for activity in ("Task", "Event"):
        found[activity, "AccountId"] = _activity_account(tables)
    for name, field in tables["Campaign"].sobject.fields.items():
        if not field.nillable and field.type in ("int", "currency"):
            zero: int | float = 0 if field.type == "int" else 0.0
            found["Campaign", name] = lambda record, zero=zero: zero  # type: ignore[misc]
    return found


_SYSTEM: dict[str, Getter] = {
    "Id": lambda record: record.id,
    "IsDeleted": lambda record: record.deleted_s is not None,
    "CreatedDate": lambda record: render_seconds(record.created_s),
    "CreatedById": lambda record: record.created_by,
    "LastModifiedDate": lambda record: render_seconds(record.modified_s),
    "LastModifiedById": lambda record: record.modified_by,
    "SystemModstamp": lambda record: render_seconds(record.stamp_s),
    "MasterRecordId": lambda record: record.master_id,
}


class Getters:
    """Readers of fields, made once per field."""

    def __init__(self, tables: dict[str, Table], stages: Stages) -> None:
        self._tables = tables
        self._derived = _build(tables, stages)
        self._made: dict[tuple[str, str], Getter] = {}

    def add(self, sobject: str, field: str, getter: Getter) -> None:
        """A formula field's."""
        self._derived[sobject, field] = getter

    def forget(self, sobject: str, field: str) -> None:
        """The field has changed, or is gone."""
        self._made.pop((sobject, field), None)

    def is_derived(self, sobject: str, field: str) -> bool:
        return (sobject, field) in self._derived

    def getter(self, sobject: str, field: Field) -> Getter:
        key = (sobject, field.name)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._make(sobject, field)
        return found

    def _make(self, sobject: str, field: Field) -> Getter:
        name = field.name
        if name in _SYSTEM:
            return _SYSTEM[name]
        if name in ("LastViewedDate", "LastReferencedDate"):
            # Recorded: the user who wrote a row by API has viewed it at that moment. Other users' views are not kept.
            return lambda record: render_seconds(record.modified_s)
        if (sobject, name) in self._derived:
            return self._derived[sobject, name]
        if field.type == "address":
            prefix = name.removesuffix("Address")
            return _address(prefix, f"{prefix}CountryCode" in self._tables[sobject].sobject.fields)
        if field.type == "boolean":
            return lambda record: record.values.get(name, False)
        return lambda record: record.values.get(name)

"""Person accounts: an account that is one person, with the contact that is its other half.

Both rows are kept, and every save of one writes the fields that they share into the other: FirstName and LastName under
their own names, Email as PersonEmail, Level__c as Level__pc (recorded describe of a person-account org; SOAP API developer
guide, Person Account Record Types). What that guide calls for is refused: a person account's Name, person fields of a
business account, a second contact of the account, deleting the contact alone. A save of either half is one of the account:
its rules and automation run, and those of contacts do not ("Inserts, updates, and deletes on Person Accounts fire Account
triggers, not Contact triggers", chunwuglobal.com; tested at carvingintheclouds.blogspot.com).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

from crm_emulator.salesforce.errors import RecordError
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.record_types import RecordType
from crm_emulator.salesforce.schema import Field, SObject
from crm_emulator.salesforce.store import Record, Value
from crm_emulator.salesforce.transaction import Transaction

if TYPE_CHECKING:
    from crm_emulator.salesforce.save import Saver

Changes = dict[str, Value | None]
# Fields that both halves have under one name.
_SHARED = ("FirstName", "LastName", "Salutation", "Phone", "Fax", "Description", "OwnerId", "CurrencyIsoCode")
_OWN = ("PersonContactId", "IsPersonAccount")
_NOT_ALONE = "Cannot specify any additional fields when marrying or separating a Person-Account"


def switch_on(org: Org) -> None:
    """A business record type, which real orgs need before they may have person accounts, stays the default."""
    account, contact = org.objects["Account"], org.objects["Contact"]
    org.features.person_accounts = True
    for raw in _recorded():
        account.add_field(Field(dict(raw)))
    account.fields["Name"].nillable = True  # recorded: each kind has its own name, so that neither is required
    account.fields["Name"].required = False
    account.fields["Name"].raw["nillable"] = True
    flag = next(raw for raw in _recorded() if raw["name"] == "IsPersonAccount")
    contact.add_field(Field(dict(flag)))
    company = org.objects["Lead"].fields["Company"]
    company.nillable, company.required, company.raw["nillable"] = True, False, True
    person_type = {"name": "IsPersonType", "label": "Is Person Type", "type": "boolean", "createable": False}
    org.objects["RecordType"].add_field(Field({**person_type, "updateable": False, "nillable": False}))
    for field in contact.fields.values():
        _mirror_field(org, contact, field, True)
    org.field_watchers.append(lambda sobject, field, added: _mirror_field(org, sobject, field, added))
    org.add_record_type("Account", "Business Account", default=True)
    org.add_record_type("Account", "Person Account", "PersonAccount", person=True)
    org.access.changed()


@cache
def _recorded() -> list[dict[str, Any]]:
    file = resources.files("crm_emulator.salesforce.features") / "person_account.json"
    fields: list[dict[str, Any]] = msgspec.json.decode(file.read_bytes())["fields"]
    return fields


def _mirror_field(org: Org, sobject: SObject, field: Field, added: bool) -> None:
    """A custom field of contacts is a field of accounts as well, Level__c as Level__pc."""
    if sobject.name != "Contact" or not field.custom:
        return
    account = org.objects["Account"]
    held = account.field(_mirrored(field.name))
    if held is not None:
        account.remove_field(held)
    if added:
        raw = {**field.raw, "name": _mirrored(field.name), "unique": False, "relationshipName": None}
        account.add_field(Field(raw, open_to_all=field.open_to_all))


def _mirrored(name: str) -> str:
    return name.removesuffix("__c") + "__pc"


# Names of one half in the other


def to_contact(sobject: SObject, name: str) -> str | None:
    """The contact's name of a field of the account; None where it is the account's own."""
    if name in _SHARED:
        return name
    if name.endswith("__pc"):
        return name.removesuffix("__pc") + "__c"
    if name.startswith("Person") and name not in _OWN and name in sobject.fields:
        return name.removeprefix("Person")
    return None


def to_account(account: SObject, name: str) -> str | None:
    if name in _SHARED:
        return name
    mirrored = _mirrored(name) if name.endswith("__c") else f"Person{name}"
    return mirrored if mirrored in account.fields and mirrored not in _OWN else None


def of_contact(org: Org, values: Changes) -> Changes:
    """What a contact's values are called on a person account."""
    named = {to_account(org.objects["Account"], name): value for name, value in values.items()}
    return {name: value for name, value in named.items() if name is not None}


def account_of(org: Org, record: Record) -> Record | None:
    """The person account of which a record is the contact."""
    if record.table.sobject.name != "Contact" or not record.values.get("IsPersonAccount"):
        return None
    return org.tables["Account"].rows[str(record.values["AccountId"])]


def is_person_field(account: SObject, name: str) -> bool:
    """Whether only person accounts have it."""
    return name in ("FirstName", "LastName", "Salutation") or (
        name not in _SHARED and to_contact(account, name) is not None
    )


# Before a save


def prepare(org: Org, sobject: SObject, values: Changes, given: Iterable[str]) -> None:
    """A new record: decide what kind an account is, refuse what its kind does not have. `given` are the caller's fields."""
    if sobject.name == "Contact":
        _check_parent(org, values.get("AccountId"))
    if sobject.name != "Account":
        return
    record_type = _record_type(sobject, values.get("RecordTypeId"))
    if "RecordTypeId" not in given and values.get("LastName") is not None:
        # "Salesforce is smart enough to ... recognize a person account by only mapping the Last Name" (wdcigroup.net).
        record_type = next(each for each in sobject.record_types if each.person)
        values["RecordTypeId"] = record_type.id
    person = record_type is not None and record_type.person
    _check_fields(sobject, given, person=person)
    if not person:
        if values.get("Name") is None:
            raise _missing("Name")
        return
    if values.get("LastName") is None:
        raise _missing("LastName")
    values["IsPersonAccount"] = True
    values["Name"] = _full_name(values)


def check_update(org: Org, record: Record, changes: Changes) -> None:
    sobject = record.table.sobject
    if sobject.name == "Contact":
        _check_half(org, record, changes)
    if sobject.name != "Account":
        return
    person = bool(record.values.get("IsPersonAccount"))
    wanted = _record_type(sobject, changes.get("RecordTypeId"))
    if wanted is not None and wanted.person != person:
        if len(changes) > 1:
            # Quoted by users of the API.
            raise RecordError("INVALID_FIELD_FOR_INSERT_UPDATE", _NOT_ALONE, [])
        return
    _check_fields(sobject, changes, person=person)
    if not person:
        return
    if "LastName" in changes and changes["LastName"] is None:
        raise _missing("LastName")
    if "FirstName" in changes or "LastName" in changes:
        changes["Name"] = _full_name({**record.values, **changes})


def _check_half(org: Org, contact: Record, changes: Changes) -> None:
    if not contact.values.get("IsPersonAccount"):
        _check_parent(org, changes.get("AccountId"))
        return
    moved = {name for name in ("RecordTypeId", "AccountId") if name in changes}
    if any(changes[name] != contact.values.get(name) for name in moved):
        # "RecordTypeId cannot be updated on the Person Contact entity" (Salesforce help 005305352, with code and sentence);
        # of AccountId it is supposed.
        raise RecordError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])


def check_delete(record: Record) -> None:
    """ "You can't delete a contact directly; you must delete the account" (Person Account Record Types). Code and sentence
    are supposed."""
    if record.table.sobject.name == "Contact" and record.values.get("IsPersonAccount"):
        raise RecordError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])


def check_merge(records: list[Record]) -> None:
    """ "Business Accounts and Person Accounts CANNOT be merged together" (DupeBlocker's manual); persons are merged as
    accounts, and their contacts go along. Code and sentence are supposed."""
    kinds = {bool(record.values.get("IsPersonAccount")) for record in records}
    if len(kinds) > 1 or (True in kinds and records[0].table.sobject.name == "Contact"):
        raise RecordError("INVALID_OPERATION", "Person accounts can only be merged with person accounts", [])


def _check_parent(org: Org, account_id: Value | None) -> None:
    """The person contact "is the only contact record that can be associated directly with the person account" (Person
    Account Record Types). Code and sentence are supposed."""
    account = org.tables["Account"].rows.get(str(account_id))
    if account is not None and account.values.get("IsPersonAccount"):
        raise RecordError(
            "FIELD_INTEGRITY_EXCEPTION", "Account ID: a person account has no other contacts", ["AccountId"]
        )


def _check_fields(sobject: SObject, given: Iterable[str], *, person: bool) -> None:
    """The code and the sentence are quoted in public answers for Name of a person account; of person fields of a business
    account they are supposed."""
    wrong = [name for name in given if (name == "Name" if person else is_person_field(sobject, name))]
    if wrong:
        message = f"{sobject.label}: bad field names on insert/update call: {', '.join(wrong)}"
        raise RecordError("INVALID_FIELD_FOR_INSERT_UPDATE", message, wrong)


def _missing(name: str) -> RecordError:
    return RecordError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]", [name])


def _full_name(values: Mapping[str, Any]) -> str:
    first, last = values.get("FirstName"), values["LastName"]
    return f"{first} {last}" if first else str(last)


def _record_type(sobject: SObject, wanted: Any) -> RecordType | None:
    return next((each for each in sobject.record_types if each.id == wanted), None)


# Merges


def absorb(org: Org, winner: Record, loser: Record) -> tuple[Record, Record] | None:
    """The other halves of two accounts that are merged; None where they are no persons."""
    if not winner.values.get("IsPersonAccount"):
        return None
    rows = org.tables["Contact"].rows
    return rows[str(winner.values["PersonContactId"])], rows[str(loser.values["PersonContactId"])]


def half_in_bin(org: Org, account: Record) -> Record | None:
    """The contact of a person account that lost a merge, which comes back with it."""
    if account.table.sobject.name != "Account" or not account.values.get("IsPersonAccount"):
        return None
    contact = org.tables["Contact"].rows[str(account.values["PersonContactId"])]
    return contact if contact.master_id is not None else None


# After a save


def make_contact(saver: Saver, tx: Transaction, account: Record) -> Record:
    """The other half of an account that has just become a person."""
    org, sobject = saver.org, account.table.sobject
    values: Changes = {"AccountId": account.id}
    for name, value in account.values.items():
        other = to_contact(sobject, name)
        if other is not None:
            values[other] = value
    contact = saver.create(tx, org.tables["Contact"], values, paired=True)
    _pair(account, contact)
    return contact


def _pair(account: Record, contact: Record) -> None:
    account.table.set_value(account, "PersonContactId", contact.id)
    contact.table.set_value(contact, "IsPersonAccount", True)


def mirror(saver: Saver, tx: Transaction, record: Record, changes: Changes) -> None:
    """Write into the other half what was written into one. Both are stamped: "updating a person account results
    in two change events" (Change Data Capture guide)."""
    org, sobject = saver.org, record.table.sobject
    if sobject.name == "Account" and "RecordTypeId" in changes:
        _switch(saver, tx, record)
    account = account_of(org, record)
    if account is not None:  # written to by a lead conversion; a save goes by way of the account
        shared = of_contact(org, changes)
        if "FirstName" in shared or "LastName" in shared:
            shared["Name"] = _full_name({**account.values, **shared})
        saver.apply(tx, account, shared, paired=True)
    elif sobject.name == "Account" and record.values.get("IsPersonAccount"):
        contact = org.tables["Contact"].rows[str(record.values["PersonContactId"])]
        named = {to_contact(sobject, name): value for name, value in changes.items()}
        saver.apply(tx, contact, {name: value for name, value in named.items() if name is not None}, paired=True)


def _switch(saver: Saver, tx: Transaction, account: Record) -> None:
    """A record type of the other family turns a business into a person ("marrying" it with its one contact) and back."""
    org, sobject = saver.org, account.table.sobject
    record_type = _record_type(sobject, account.values.get("RecordTypeId"))
    wanted = record_type is not None and record_type.person
    if wanted == bool(account.values.get("IsPersonAccount")):
        return
    if not wanted:
        contact = org.tables["Contact"].rows[str(account.values["PersonContactId"])]
        saver.apply(tx, contact, {"IsPersonAccount": False}, paired=True)
        own = [name for name in account.values if is_person_field(sobject, name)]
        saver.apply(tx, account, {**dict.fromkeys([*own, "PersonContactId"]), "IsPersonAccount": False}, paired=True)
        return
    contacts = org.tables["Contact"].indexes["AccountId"].find(account.id)
    if len(contacts) != 1 or account.values.get("ParentId") or contacts[0].values.get("ReportsToId"):
        # What it takes is told by consultants and users; code and sentence are supposed.
        message = "A business account needs exactly one contact, no parent account and nobody to report to"
        raise RecordError("FIELD_INTEGRITY_EXCEPTION", message, ["RecordTypeId"])
    [contact] = contacts
    shared = {to_account(sobject, name): value for name, value in contact.values.items()}
    values: Changes = {name: value for name, value in shared.items() if name is not None}
    saver.apply(tx, account, {**values, "Name": _full_name(contact.values), "IsPersonAccount": True}, paired=True)
    saver.apply(tx, contact, {"IsPersonAccount": True}, paired=True)
    _pair(account, contact)

"""Which record type and which picklist values a save may write: by record type, and by the value of a controlling field.

Only restricted picklists refuse: an unrestricted one takes any text through the API, whatever its record type, sales
process or controlling field offers on a page (StageName and Lead.Status are recorded as unrestricted). A value that the
save does not change is not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_emulator.salesforce.errors import RecordError
from crm_emulator.salesforce.record_types import MASTER_ID, RecordType, default_of
from crm_emulator.salesforce.schema import Field, SObject
from crm_emulator.salesforce.store import Value

Changes = dict[str, Value | None]
_CHOICES = frozenset({"picklist", "multipicklist"})


def settle_record_type(sobject: SObject, user_id: str, changes: Changes, *, create: bool) -> None:
    """A new record has the default record type of the user's profile; Master is kept as none."""
    if changes.get("RecordTypeId") == MASTER_ID:
        changes["RecordTypeId"] = None
    if create and changes.get("RecordTypeId") is None:
        default = default_of(sobject.record_types, user_id)
        if default is not None:
            changes["RecordTypeId"] = default.id


def check_record_type(sobject: SObject, user_id: str, old: Mapping[str, Value] | None, changes: Changes) -> None:
    wanted = changes.get("RecordTypeId")
    if wanted is None or (old is not None and old.get("RecordTypeId") == wanted):
        return
    found = _record_type(sobject, wanted)
    if found is None or not found.available(user_id):
        # Quoted in public clients' code, for inactive ones too and for those of another object.
        raise RecordError(
            "INVALID_CROSS_REFERENCE_KEY",
            f"Record Type ID: this ID value isn't valid for the user: {wanted}",
            ["RecordTypeId"],
        )


def check_choices(sobject: SObject, old: Mapping[str, Value] | None, changes: Changes) -> None:
    values: dict[str, Any] = {**(old or {}), **changes}
    record_type = _record_type(sobject, values.get("RecordTypeId"))
    for name, value in changes.items():
        field = sobject.fields[name]
        if value is None or field.type not in _CHOICES or not field.restricted:
            continue
        if old is not None and old.get(name) == value:
            continue
        for choice in str(value).split(";") if field.type == "multipicklist" else (str(value),):
            if not _allowed(field, choice, record_type, values):
                raise RecordError(
                    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                    f"{field.label}: bad value for restricted picklist field: {choice}",
                    [name],
                )


def _allowed(field: Field, choice: str, record_type: RecordType | None, values: Mapping[str, Any]) -> bool:
    if record_type is not None and not record_type.offers(field.name, choice):
        return False
    if field.controller is None:
        return True
    # Enforced "at the API, and not merely in the UI" for restricted picklists (public issues and notes of users).
    return choice in field.depends.get(controlling_value(values.get(field.controller)), ())


def controlling_value(value: Any) -> str:
    """The value of a controlling field as the dependency names it: a checkbox is "true" or "false"."""
    if value is None or isinstance(value, bool):
        return "true" if value else "false" if value is False else ""
    return str(value)


def _record_type(sobject: SObject, wanted: Any) -> RecordType | None:
    return next((each for each in sobject.record_types if each.id == wanted), None)

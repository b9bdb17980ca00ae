"""What an administrator does to a field that records already have values in: another name, another label, another type.

No record is written: no stamp moves and nothing is journalled. What a change of type loses follows "Considerations for
Converting the Field Type of a Custom Field" (Salesforce help).
"""

from __future__ import annotations

from typing import Any

from crm_emulator.salesforce.convert import convert, journal_text
from crm_emulator.salesforce.errors import ApiError, RequestError
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.schema import NUMBER_TYPES, Field
from crm_emulator.salesforce.store import Value

_DATES = frozenset({"date", "datetime"})
_FROM_LONG_TEXT = frozenset({"email", "phone", "string", "textarea", "url"})
_LONG = 255  # characters that a text area holds; more is a long one


def rename(org: Org, sobject: str, old: str, new: str) -> None:
    """The API name changes: the id, the values and the grants stay, and the old name is that of no field."""
    owner = org.objects[sobject]
    field = owner.fields[old]
    field_id = org.field_id(sobject, old)
    removed = org.remove_field(owner, field)
    renamed = Field({**field.raw, "name": new}, open_to_all=field.open_to_all)
    org.restore_field(owner, renamed, removed)
    org.field_ids[field_id] = (sobject, new)
    for row in org.tables["FieldPermissions"].rows.values():
        if row.values.get("Field") == f"{sobject}.{old}":
            row.values["Field"] = f"{sobject}.{new}"
    org.access.changed()


def relabel(org: Org, sobject: str, name: str, label: str) -> None:
    owner = org.objects[sobject]
    field = owner.fields[name]
    field.label = field.raw["label"] = label
    org.access.changed()


def retype(org: Org, sobject: str, field: Field) -> None:
    """Put `field`, of the same name and another type, in the place of the old one; values that the change loses are gone."""
    owner = org.objects[sobject]
    old = owner.fields[field.name]
    if old.raw.get("calculated") or field.raw.get("calculated"):
        raise RequestError("FIELD_INTEGRITY_EXCEPTION", "A formula field cannot be converted to or from another type")
    if any(field.name in mapping for mapping in org.rules.lead_fields.values()):
        # "You can't change the data type of any custom field that is mapped for lead conversion." The code is supposed.
        raise RequestError("FIELD_INTEGRITY_EXCEPTION", f"{old.label} is mapped for lead conversion", [field.name])
    table = org.tables[sobject]
    for record in table.rows.values():
        if field.name not in record.values:
            continue
        kept = None if loses(old, field) else _converted(field, record.values[field.name])
        table.set_value(record, field.name, None)
        if kept is not None and kept is not False:
            record.values[field.name] = kept
    org.replace_field(owner, field)


def loses(old: Field, new: Field) -> bool:
    """Whether a change of type loses the values that records have."""
    before, after = old.type, new.type
    if before == after:
        return False
    if before in _DATES or after in _DATES or before == "boolean":
        return True
    if after in NUMBER_TYPES and before not in NUMBER_TYPES:
        return True
    if before == "multipicklist" or (after == "multipicklist" and before != "picklist"):
        return True
    if before == "textarea" and old.length > _LONG and after not in _FROM_LONG_TEXT:
        return True
    return after == "picklist" and before != "multipicklist"


def _converted(field: Field, value: Value) -> Value | None:
    """A value in the new type; what it does not take is lost, and a text that is too long is cut."""
    raw: Any = value
    if field.type not in NUMBER_TYPES:
        raw = journal_text(value)
        if isinstance(value, float) and value == int(value):
            raw = str(int(value))
        if field.length:
            raw = str(raw)[: field.length]
    try:
        return convert(field, raw)
    except ApiError:
        return None

"""What limits the values of a picklist besides the list itself, said where Salesforce refused one: the record's type, which may
offer a part of the list, and the field that it depends on. Pure.

Salesforce names the field and the value, and of the rest nothing: a person would look in vain for what is wrong with a value
that stands in the list.
"""

from __future__ import annotations

from interlock.core.model import Observation, Side
from interlock.engine.context import ListLimits
from interlock.engine.work import SideWrite, Work

RECORD_TYPE = "RecordTypeId"
# Salesforce, status codes: a restricted picklist does not take it, for this record type, or beside this controlling value.
REFUSED = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
_NONE = ListLimits()


def limits_said(work: Work, write: SideWrite, code: str, field: str | None) -> str:
    """Sentences to stand before the refusal, "" where nothing limits the list."""
    if write.side is not Side.SALESFORCE or code != REFUSED or field is None:
        return ""
    limits = work.runtime.list_limits.get(write.type, _NONE)
    said = []
    written = next((str(each.raw) for each in write.fields if each.name == RECORD_TYPE), "")
    record_type = limits.record_types.get(written) or _record_type(work, limits)
    if write.creates and (new := record_type or limits.default_record_type) is not None:
        said.append(f"A new record is of the record type {new}, which offers a list of its own.")
    elif record_type is not None:
        said.append(f"The record is of the record type {record_type}, which offers a list of its own.")
    if (controller := limits.controllers.get(field)) is not None:
        said.append(f"Which values {field} takes depends on the field {controller}.")
    return "".join(f"{each} " for each in said)


def _record_type(work: Work, limits: ListLimits) -> str | None:
    if not isinstance(work.salesforce, Observation):
        return None
    return limits.record_types.get(str(work.salesforce.values.get(RECORD_TYPE) or ""))

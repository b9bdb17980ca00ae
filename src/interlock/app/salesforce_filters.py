"""The filters that limit which Salesforce records sync: whether a text is one, and how many records fit it.

A filter is a condition in SOQL, one for each Salesforce type of an object. That it is one condition and nothing else says
crm/salesforce/condition.py; that its fields are there and fit their values Salesforce says, in its own words, by counting.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from interlock.app.errors import BadInput
from interlock.crm.errors import CallRefused, Forbidden
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.condition import NotACondition, condition
from interlock.engine.context import Settings
from interlock.objects.registry import SPECS


class Counted(msgspec.Struct, frozen=True):
    """`fitting` of `all` records that the sync user may see."""

    type: str
    filter: str
    fitting: int
    all: int

    def document(self) -> dict[str, str | int]:
        return {"type": self.type, "filter": self.filter, "fitting": self.fitting, "all": self.all}


def of(settings: Settings, object_: str) -> dict[str, str]:
    """Of each Salesforce type of the object; empty where all of it sync."""
    return {type_: settings.salesforce_filters.get(type_, "") for type_ in SPECS[object_].salesforce_types}


def field_of(type_: str) -> str:
    """In forms, and where a refusal says what it is about."""
    return f"filter_{type_}"


def tidy(object_: str, filters: Mapping[str, str]) -> dict[str, str]:
    """As they are kept; an empty one lifts the limit. Raises BadInput."""
    types = SPECS[object_].salesforce_types
    kept = {}
    for type_, text in filters.items():
        if type_ not in types:
            raise BadInput(
                f"{object_} have nothing to do with {type_!r} in Salesforce.",
                code="no_such_type",
                field="filters",
                fix=f"Choose {', '.join(types)}.",
            )
        try:
            kept[type_] = condition(text) if text else ""
        except NotACondition as wrong:
            raise BadInput(wrong.message, code="no_condition", field=field_of(type_), fix=wrong.fix) from wrong
    return kept


async def count(salesforce: SalesforceClient, type_: str, text: str) -> Counted:
    """Without a text all of them fit. Raises BadInput with what Salesforce says of it, CrmError."""
    if not text:
        every = await salesforce.count(type_)
        return Counted(type_, text, every, every)
    try:
        fitting = await salesforce.count(type_, text)
    except (CallRefused, Forbidden) as refused:
        raise BadInput(
            f"Salesforce does not take this filter of {type_}: {refused.message}",
            code="filter_refused",
            field=field_of(type_),
            side="salesforce",
            fix="Correct it as Salesforce says.",
        ) from refused
    return Counted(type_, text, fitting, await salesforce.count(type_))

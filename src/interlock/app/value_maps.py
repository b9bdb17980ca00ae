"""Which HubSpot options a person says are which Salesforce values, as a file of mappings holds it: a part of one pair of fields.
A pair that names none keeps what it has; an empty map takes its values apart.

Joining them on the page of a mapping is options.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from interlock.app.compile import VALUES
from interlock.app.errors import BadInput
from interlock.app.mapping_drift import pair_of
from interlock.app.schemas import Schemas
from interlock.core.model import SyncRule
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow


def shown(values: Mapping[str, str] | None) -> str:
    return ", ".join(f"{option} = {value}" for option, value in (values or {}).items())


def check_alone(values: Mapping[str, str], line: str, name: str) -> None:
    """What is wrong whatever the CRMs hold. Raises BadInput."""
    blank = next((option for option, value in values.items() if not option.strip() or not value.strip()), None)
    twice = next((value for value in values.values() if list(values.values()).count(value) > 1), None)
    if blank is not None:
        raise BadInput(
            f"{line}: {blank!r} of {name} is joined with nothing.",
            code="values_not_joined",
            field=name,
            fix="Name an option and a value, or leave the line out: what is left out is not joined.",
        )
    if twice is not None:
        raise BadInput(
            f"{line}: two options of {name} are called {twice}, and the way back would not be certain.",
            code="values_not_joined",
            field=name,
            fix="Join each value with one option.",
        )


def wrong(
    schemas: Schemas, object_: str, type_: str, property_: str, field: str, values: Mapping[str, str]
) -> tuple[str, str] | None:
    """The first option that cannot be called what it says, and why."""
    of = ObjectMappingRow(object=object_, salesforce_type=type_)
    pair = pair_of(schemas, of, FieldMappingRow(0, property_, field, SyncRule.TWO_WAY.value))
    for option, value in values.items():
        if pair is None:
            return (
                option,
                f"{property_} and {field} are no list and picklist that are joined by their values",
            )
        if option not in pair.options:
            return option, f"HubSpot has no option {option} of {property_}"
        if value not in pair.values:
            return option, f"Salesforce has no value {value} of {type_}.{field}"
        if option not in pair.only_here():
            return option, f"the option {option} is a value of {field} under its own name already"
        if value not in pair.only_there():
            return option, f"the value {value} is an option of {property_} under its own name already"
    return None


def joined_as(row: FieldMappingRow, values: Mapping[str, str] | None) -> dict[str, object]:
    """The definition of a row with these; None: with what it has."""
    return row.definition if values is None else {**row.definition, VALUES: dict(values)}

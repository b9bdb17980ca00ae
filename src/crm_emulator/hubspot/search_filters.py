"""The filters of a search: parsing, limits, and the check that each operator makes on one value.

Text is compared without regard to case except enumerations; numbers and instants by value (CRM search, "filters").
IN and NOT_IN on text find a value only where the list holds it in lower case (same page).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.computed import Compute
from crm_emulator.hubspot.records import Record, Table
from crm_emulator.hubspot.stamps import parse_instant_ms

GROUPS_MAX = 5
FILTERS_PER_GROUP_MAX = 6
FILTERS_MAX = 18
LIST_OPERATORS = frozenset({"IN", "NOT_IN"})
UNARY_OPERATORS = frozenset({"HAS_PROPERTY", "NOT_HAS_PROPERTY"})
OPERATORS = (
    frozenset({"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"})
    | LIST_OPERATORS
    | UNARY_OPERATORS
)

_BY_VALUE = frozenset({"number", "datetime", "date"})
# Several values in one, of which a search finds each (reported with HubSpot's own client: hubspot-api-nodejs, issue 24).
_SETS = frozenset({"hs_additional_emails"})

Check = Callable[[Record], bool]
Comparable = Any  # Decimal, int or str: one of them per property type


class Filter(msgspec.Struct, frozen=True):
    name: str
    operator: str
    values: tuple[str, ...]
    type: str
    related: bool = False

    def compile(self, get: Compute, comparable: Callable[[Record], Comparable] | None = None) -> Check:
        """The check of this filter, given how its property is read (and, where that is cheaper, compared)."""
        operator = self.operator
        if operator == "HAS_PROPERTY":
            return lambda record: bool(get(record))
        if operator == "NOT_HAS_PROPERTY":
            return lambda record: not get(record)
        if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
            pattern, wanted = _token_pattern(self.values[0]), operator == "CONTAINS_TOKEN"
            return lambda record: (bool(pattern.search(get(record) or "")) is wanted) and (wanted or bool(get(record)))
        if self.name in _SETS and operator in ("EQ", "IN"):
            asked = {value.lower() for value in self.values}
            return lambda record: not asked.isdisjoint((get(record) or "").lower().split(";"))
        return _comparison(operator, self._comparables(), comparable or self._reader(get))

    def _reader(self, get: Compute) -> Callable[[Record], Comparable]:
        def read(record: Record) -> Comparable:
            text = get(record)
            return self._key(text) if text else None

        return read

    def _comparables(self) -> list[Comparable]:
        if self.operator in LIST_OPERATORS and self.type not in _BY_VALUE:
            return list(self.values)
        found = [self._key(value) for value in self.values]
        if any(value is None for value in found):
            raise errors.invalid(f"Invalid filter value for property '{self.name}': {list(self.values)}")
        return found

    def _key(self, text: str) -> Comparable:
        if self.type == "number":
            try:
                return int(text) if text.isdecimal() else Decimal(text)
            except InvalidOperation:
                return None
        if self.type in ("datetime", "date"):
            return parse_instant_ms(text)
        return text if self.type == "enumeration" else text.lower()


def _comparison(operator: str, wanted: list[Comparable], read: Callable[[Record], Comparable]) -> Check:
    first = wanted[0]
    last = wanted[-1]
    tests: dict[str, Callable[[Comparable], bool]] = {
        "EQ": lambda value: value == first,
        "NEQ": lambda value: value != first,
        "LT": lambda value: value < first,
        "LTE": lambda value: value <= first,
        "GT": lambda value: value > first,
        "GTE": lambda value: value >= first,
        "BETWEEN": lambda value: first <= value <= last,
        "IN": lambda value: value in wanted,
        "NOT_IN": lambda value: value not in wanted,
    }
    test = tests[operator]

    def check(record: Record) -> bool:
        value = read(record)
        return value is not None and test(value)

    return check


def _token_pattern(text: str) -> re.Pattern[str]:
    """A whole word, `*` standing for any characters."""
    body = ".*".join(re.escape(part) for part in text.split("*"))
    start = "" if text.startswith("*") else r"(?<!\w)"
    end = "" if text.endswith("*") else r"(?!\w)"
    return re.compile(f"{start}{body}{end}", re.IGNORECASE)


def parse_groups(table: Table, body: dict[str, Any]) -> list[list[Filter]]:
    """OR of groups, AND inside. A top-level `filters` is one group. Raises ApiError."""
    groups = body.get("filterGroups")
    if not groups and body.get("filters"):
        groups = [{"filters": body["filters"]}]
    if not groups:
        return []
    if not isinstance(groups, list):
        raise errors.malformed_body("filterGroups must be an array")
    parsed = [[_filter(table, one) for one in group.get("filters") or ()] for group in groups]
    if len(parsed) > GROUPS_MAX:
        raise errors.invalid(f"A search may have at most {GROUPS_MAX} filterGroups, this one has {len(parsed)}.")
    if any(len(group) > FILTERS_PER_GROUP_MAX for group in parsed):
        raise errors.invalid(f"A filterGroup may have at most {FILTERS_PER_GROUP_MAX} filters.")
    if sum(map(len, parsed)) > FILTERS_MAX:
        raise errors.invalid(f"A search may have at most {FILTERS_MAX} filters in all.")
    return parsed


def _filter(table: Table, given: Any) -> Filter:
    name = str(given.get("propertyName") or "")
    operator = str(given.get("operator") or "")
    if operator not in OPERATORS:
        raise errors.malformed_body(f"'{operator}' is not a valid operator")
    if name.startswith("associations."):
        return Filter(name, operator, _values(given, operator), "number", related=True)
    definition = table.schema.properties.get(name)
    if definition is None:
        raise errors.invalid(f"There was a problem with the request: property '{name}' does not exist.")
    return Filter(name, operator, _values(given, operator), definition.type)


def _values(given: Any, operator: str) -> tuple[str, ...]:
    if operator in UNARY_OPERATORS:
        return ()
    if operator in LIST_OPERATORS:
        values = given.get("values")
        if not isinstance(values, list) or not values:
            raise errors.invalid(f"Operator {operator} needs 'values'.")
        return tuple(_text(value) for value in values)
    if given.get("value") is None or (operator == "BETWEEN" and given.get("highValue") is None):
        raise errors.invalid(f"Operator {operator} needs 'value'{' and highValue' if operator == 'BETWEEN' else ''}.")
    if operator == "BETWEEN":
        return _text(given["value"]), _text(given["highValue"])
    return (_text(given["value"]),)


def _text(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if text.count('"') % 2:
        # Reported with HubSpot's own client (hubspot-api-nodejs, issue 555).
        raise errors.malformed_body(f"Filter value '{text}' has mismatched quotation marks")
    return text

"""What a PROPERTY filter of a list asks about one value: texts, choices, numbers, yes/no, and moments, now or ever.

The operation types and operators are those of HubSpot's list filters (guide, and the types of hubspot-sdk). Text is compared
without regard to case; a record without a value passes only where the operation says `includeObjectsWithNoValueSet`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.list_moments import moment_test
from crm_emulator.hubspot.records import Record

Check = Callable[[Record], bool]
Test = Callable[[str], bool]

# What a property of each type may be asked (list filters, property filter operations).
_MOMENTS = frozenset({"date", "datetime"})
TYPES = {
    "MULTISTRING": frozenset({"string", "phone_number"}),
    "STRING": frozenset({"string", "phone_number"}),
    "ENUMERATION": frozenset({"enumeration"}),
    "NUMBER": frozenset({"number"}),
    "NUMBER_RANGED": frozenset({"number"}),
    "BOOL": frozenset({"bool"}),
    "TIME_POINT": _MOMENTS,
    "TIME_RANGED": _MOMENTS,
    "RANGED_DATE": _MOMENTS,
    "ROLLING_DATE_RANGE": _MOMENTS,
    "COMPARATIVE_DATE": _MOMENTS,
}
# Operators about any value that a property ever had, and the one about a single value that each asks.
_EVER = {
    "HAS_EVER_BEEN_EQUAL_TO": ("IS_EQUAL_TO", True),
    "HAS_NEVER_BEEN_EQUAL_TO": ("IS_EQUAL_TO", False),
    "HAS_EVER_CONTAINED": ("CONTAINS", True),
    "HAS_NEVER_CONTAINED": ("CONTAINS", False),
    "HAS_EVER_BEEN_ANY_OF": ("IS_ANY_OF", True),
    "HAS_NEVER_BEEN_ANY_OF": ("IS_ANY_OF", False),
    "HAS_EVER_BEEN_EXACTLY": ("IS_EXACTLY", True),
    "HAS_NEVER_BEEN_EXACTLY": ("IS_EXACTLY", False),
    "HAS_EVER_CONTAINED_ALL": ("CONTAINS_ALL", True),
    "HAS_NEVER_CONTAINED_ALL": ("CONTAINS_ALL", False),
}
# Operators that rule out what another one asks for.
_NOT = {
    "IS_NOT_EQUAL_TO": "IS_EQUAL_TO",
    "DOES_NOT_CONTAIN": "CONTAINS",
    "DOES_NOT_CONTAIN_EXACTLY": "CONTAINS_EXACTLY",
    "IS_NONE_OF": "IS_ANY_OF",
    "IS_NOT_EXACTLY": "IS_EXACTLY",
    "DOES_NOT_CONTAIN_ALL": "CONTAINS_ALL",
    "IS_NOT_BETWEEN": "IS_BETWEEN",
}
# MULTISTRING knows what a value is, not what it was.
_NEVER_PAST = frozenset({"MULTISTRING", "NUMBER_RANGED"})


class Property(msgspec.Struct, frozen=True):
    """One property as a filter reads it."""

    name: str
    type: str
    read: Callable[[Record], str | None]
    of: Callable[[str], Callable[[Record], str | None]]  # another property of the same record, by name
    now_ms: Callable[[], int]


def property_check(asked: Property, operation: Mapping[str, Any]) -> Check:
    """Raises ApiError on what is malformed or not in the subset."""
    kind, operator = str(operation.get("operationType") or ""), str(operation.get("operator") or "")
    read = asked.read
    if kind == "ALL_PROPERTY":
        if operator not in ("IS_KNOWN", "IS_UNKNOWN"):
            raise _unknown(kind, operator)
        known = operator == "IS_KNOWN"
        return lambda record: bool(read(record)) is known
    if asked.type not in TYPES.get(kind, ()):
        raise errors.invalid(f"Operation type {kind} does not fit property '{asked.name}' of the type {asked.type}.")
    without_value = operation.get("includeObjectsWithNoValueSet") is True
    if operator in _EVER and kind not in _NEVER_PAST and asked.type not in _MOMENTS:
        single, wanted = _EVER[operator]
        once = _test(asked.type, kind, single, operation)
        return lambda record: any(once(value) for value in _values(asked, record)) is wanted
    if asked.type in _MOMENTS:
        moment = moment_test(kind, operator, operation, asked.of, asked.now_ms)
        if moment is None:
            raise _unknown(kind, operator)
        return lambda record: moment(record, value) if (value := read(record)) else without_value
    test = _test(asked.type, kind, operator, operation)
    return lambda record: test(value) if (value := read(record)) else without_value


def depends_on_now(operation: Mapping[str, Any]) -> bool:
    """Whether a record can come to pass, or cease to, because time goes by."""
    points = [operation.get(key) for key in ("timePoint", "lowerBoundTimePoint", "upperBoundTimePoint")]
    indexed = any(isinstance(point, Mapping) and point.get("timeType") == "INDEXED" for point in points)
    return indexed or operation.get("operationType") == "ROLLING_DATE_RANGE"


def _values(asked: Property, record: Record) -> Iterable[str]:
    """Every value that it has or had."""
    found = [version.value for version in record.versions(asked.name) if version.value]
    current = asked.read(record)
    return found if current is None or current in found else [*found, current]


def _test(type: str, kind: str, operator: str, operation: Mapping[str, Any]) -> Test:
    passes = operator not in _NOT
    asked = _NOT.get(operator, operator)
    if kind in ("MULTISTRING", "STRING"):
        given = operation.get("values") if kind == "MULTISTRING" else [operation.get("value")]
        test = _text_test(asked, _texts(given))
    elif kind == "ENUMERATION":
        test = _choice_test(asked, _texts(operation.get("values")))
    elif kind == "NUMBER":
        test = _number_test(asked, _number(operation.get("value")))
    elif kind == "NUMBER_RANGED":
        low, high = (_number(operation.get(key)) for key in ("lowerBound", "upperBound"))
        test = _of_number(lambda number: low <= number <= high) if asked == "IS_BETWEEN" else None
    else:
        wanted = operation.get("value")
        text = str(wanted).lower() if isinstance(wanted, bool) else None
        test = (lambda value: value == text) if asked == "IS_EQUAL_TO" and text is not None else None
    if test is None:
        raise _unknown(kind, operator)
    return lambda value: test(value) is passes


def _text_test(operator: str, given: list[str]) -> Test | None:
    """Any of the values."""
    wanted = [text.lower() for text in given]
    tests: dict[str, Test] = {
        "IS_EQUAL_TO": lambda value: value.lower() in wanted,
        "CONTAINS": lambda value: any(text in value.lower() for text in wanted),
        "CONTAINS_EXACTLY": lambda value: any(text in value for text in given),
        "STARTS_WITH": lambda value: value.lower().startswith(tuple(wanted)),
        "ENDS_WITH": lambda value: value.lower().endswith(tuple(wanted)),
    }
    return tests.get(operator)


def _choice_test(operator: str, given: list[str]) -> Test | None:
    """Checkboxes hold several values with semicolons between them."""
    wanted = frozenset(given)
    tests: dict[str, Test] = {
        "IS_ANY_OF": lambda value: not wanted.isdisjoint(value.split(";")),
        "IS_EXACTLY": lambda value: wanted == frozenset(value.split(";")),
        "CONTAINS_ALL": lambda value: wanted.issubset(value.split(";")),
    }
    return tests.get(operator)


def _number_test(operator: str, wanted: Decimal) -> Test | None:
    tests: dict[str, Callable[[Decimal], bool]] = {
        "IS_EQUAL_TO": lambda number: number == wanted,
        "IS_GREATER_THAN": lambda number: number > wanted,
        "IS_GREATER_THAN_OR_EQUAL_TO": lambda number: number >= wanted,
        "IS_LESS_THAN": lambda number: number < wanted,
        "IS_LESS_THAN_OR_EQUAL_TO": lambda number: number <= wanted,
    }
    test = tests.get(operator)
    return None if test is None else _of_number(test)


def _of_number(test: Callable[[Decimal], bool]) -> Test:
    """A value from before the property became a number passes nothing."""

    def check(value: str) -> bool:
        try:
            return test(Decimal(value))
        except InvalidOperation:
            return False

    return check


def _texts(given: Any) -> list[str]:
    if not isinstance(given, list) or not given or not all(isinstance(each, str) and each for each in given):
        raise errors.invalid("The operation of this filter needs at least one text to compare with.")
    return given


def _number(given: Any) -> Decimal:
    try:
        number = Decimal(str(given))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise errors.invalid(f"The operation of this filter needs a number, not {given!r}.")
    return number


def _unknown(operation_type: str, operator: str) -> errors.ApiError:
    return errors.invalid(f"Operator '{operator}' of {operation_type} is not supported by this local HubSpot.")

"""The filters of a dynamic list: which records belong to it, by what they hold now.

A subset, evaluated as HubSpot documents it (list filters overview): an OR branch of AND branches, with PROPERTY filters
on text, choices, numbers and yes/no, and IN_LIST. What the subset does not have is refused when the list is saved, never
taken for something else. Text is compared without regard to case; a record without a value passes only a filter that
says `includeObjectsWithNoValueSet`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.computed import Compute
from crm_emulator.hubspot.records import Record, Table

Check = Callable[[Record], bool]
Get = Callable[[str], Compute]
InList = Callable[[str, Record], bool]
Test = Callable[[str], bool]

# What a property of each type may be asked (list filters, property filter operations).
_TYPES = {
    "MULTISTRING": frozenset({"string", "phone_number"}),
    "STRING": frozenset({"string", "phone_number"}),
    "ENUMERATION": frozenset({"enumeration"}),
    "NUMBER": frozenset({"number"}),
    "BOOL": frozenset({"bool"}),
}


def compile_branch(table: Table, branch: Any, get: Get, in_list: InList) -> Check:
    """The check that a list's `filterBranch` stands for. Raises ApiError on what is malformed or not in the subset."""
    if not isinstance(branch, dict) or branch.get("filterBranchType") != "OR":
        raise errors.invalid("The root of a filterBranch must be of the type OR.")
    if branch.get("filters"):
        raise errors.invalid("An OR filter branch may not have filters of its own.")
    groups = [_group(table, each, get, in_list) for each in branch.get("filterBranches") or ()]
    if not groups:
        raise errors.invalid("An OR filter branch needs at least one AND filter branch.")
    return lambda record: any(all(check(record) for check in group) for group in groups)


def lists_named(branch: Any) -> frozenset[str]:
    """The lists whose members a filter asks for."""
    filters = [each for group in branch["filterBranches"] for each in group.get("filters") or ()]
    return frozenset(str(each["listId"]) for each in filters if each.get("filterType") == "IN_LIST")


def _group(table: Table, branch: Any, get: Get, in_list: InList) -> list[Check]:
    if not isinstance(branch, dict) or branch.get("filterBranchType") != "AND":
        raise errors.invalid("The branches of the root must be of the type AND.")
    if branch.get("filterBranches"):
        raise errors.invalid("Nested filter branches are not supported by this local HubSpot.")
    filters = branch.get("filters") or ()
    if not filters:
        raise errors.invalid("An AND filter branch needs at least one filter.")
    return [_filter(table, each, get, in_list) for each in filters]


def _filter(table: Table, given: Any, get: Get, in_list: InList) -> Check:
    kind = given.get("filterType") if isinstance(given, dict) else None
    if kind == "IN_LIST":
        list_id, operator = str(given.get("listId") or ""), given.get("operator")
        if not list_id or operator not in ("IN_LIST", "NOT_IN_LIST"):
            raise errors.invalid("An IN_LIST filter needs listId, and IN_LIST or NOT_IN_LIST as operator.")
        wanted = operator == "IN_LIST"
        return lambda record: in_list(list_id, record) is wanted
    if kind != "PROPERTY":
        raise errors.invalid(f"Filters of the type {kind} are not supported by this local HubSpot.")
    name, operation = str(given.get("property") or ""), given.get("operation")
    definition = table.schema.properties.get(name)
    if definition is None:
        raise errors.invalid(f"Property '{name}' does not exist for {table.kind.type_id}.")
    if not isinstance(operation, dict):
        raise errors.malformed_body("a PROPERTY filter needs an operation")
    return _property_check(definition.type, name, operation, get(name))


def _property_check(type_: str, name: str, operation: Mapping[str, Any], read: Compute) -> Check:
    operation_type, operator = str(operation.get("operationType") or ""), str(operation.get("operator") or "")
    if operation_type == "ALL_PROPERTY":
        if operator not in ("IS_KNOWN", "IS_UNKNOWN"):
            raise _unknown(operation_type, operator)
        known = operator == "IS_KNOWN"
        return lambda record: bool(read(record)) is known
    if type_ not in _TYPES.get(operation_type, ()):
        raise errors.invalid(f"Operation type {operation_type} does not fit property '{name}' of the type {type_}.")
    test = _test(operation_type, operator, operation)
    without_value = operation.get("includeObjectsWithNoValueSet") is True

    def check(record: Record) -> bool:
        value = read(record)
        return test(value) if value else without_value

    return check


def _test(operation_type: str, operator: str, operation: Mapping[str, Any]) -> Test:
    if operation_type in ("MULTISTRING", "STRING"):
        given = operation.get("values") if operation_type == "MULTISTRING" else [operation.get("value")]
        return _text_test(operation_type, operator, _texts(given))
    if operation_type == "ENUMERATION":
        return _choice_test(operator, _texts(operation.get("values")))
    if operation_type == "NUMBER":
        return _number_test(operator, _number(operation.get("value")))
    wanted = operation.get("value")
    if not isinstance(wanted, bool) or operator not in ("IS_EQUAL_TO", "IS_NOT_EQUAL_TO"):
        raise _unknown("BOOL", operator)
    text, equal = str(wanted).lower(), operator == "IS_EQUAL_TO"
    return lambda value: (value == text) is equal


def _text_test(operation_type: str, operator: str, given: list[str]) -> Test:
    """Any of the values for what is asked for, none of them for what is ruled out."""
    wanted = [text.lower() for text in given]
    tests: dict[str, Callable[[str], bool]] = {
        "IS_EQUAL_TO": lambda value: value in wanted,
        "CONTAINS": lambda value: any(text in value for text in wanted),
        "STARTS_WITH": lambda value: any(value.startswith(text) for text in wanted),
        "ENDS_WITH": lambda value: any(value.endswith(text) for text in wanted),
    }
    ruled_out = {"IS_NOT_EQUAL_TO": "IS_EQUAL_TO", "DOES_NOT_CONTAIN": "CONTAINS"}
    test = tests.get(ruled_out.get(operator, operator))
    if test is None:
        raise _unknown(operation_type, operator)
    passes = operator not in ruled_out
    return lambda value: test(value.lower()) is passes


def _choice_test(operator: str, wanted: list[str]) -> Test:
    if operator not in ("IS_ANY_OF", "IS_NONE_OF"):
        raise _unknown("ENUMERATION", operator)
    passes = operator == "IS_ANY_OF"
    # Checkboxes hold several values with semicolons between them.
    return lambda value: (not set(value.split(";")).isdisjoint(wanted)) is passes


def _number_test(operator: str, wanted: Decimal) -> Test:
    tests: dict[str, Callable[[Decimal], bool]] = {
        "IS_EQUAL_TO": lambda number: number == wanted,
        "IS_NOT_EQUAL_TO": lambda number: number != wanted,
        "IS_GREATER_THAN": lambda number: number > wanted,
        "IS_GREATER_THAN_OR_EQUAL_TO": lambda number: number >= wanted,
        "IS_LESS_THAN": lambda number: number < wanted,
        "IS_LESS_THAN_OR_EQUAL_TO": lambda number: number <= wanted,
    }
    test = tests.get(operator)
    if test is None:
        raise _unknown("NUMBER", operator)
    return lambda value: test(Decimal(value))


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

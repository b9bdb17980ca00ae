"""The WHERE clause as a function of a row.

Semantics of a real org: text compares without case; null equals only null, is unequal to every value, and is never
less or greater; '' is null; a checkbox has no null, so null means false; dates compare with the ends of the range that
a literal means.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from crm_emulator.salesforce import times
from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.soql import ast
from crm_emulator.salesforce.soql.dates import literal_range
from crm_emulator.salesforce.soql.lexer import PLAIN_PERCENT, PLAIN_UNDERSCORE
from crm_emulator.salesforce.soql.resolve import Column
from crm_emulator.salesforce.store import Record

Predicate = Callable[[Record], bool]
ColumnOf = Callable[[ast.Expression], Column]
ValuesOf = Callable[[ast.Query], frozenset[Any]]

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FIELD_KIND = {"number": "double", "boolean": "boolean", "date": "date", "datetime": "dateTime", "seconds": "dateTime"}


class Where:
    def __init__(self, column_of: ColumnOf, values_of: ValuesOf, now_s: int) -> None:
        self._column_of = column_of
        self._values_of = values_of
        self._now_s = now_s

    def compile(self, condition: ast.Condition) -> Predicate:
        if isinstance(condition, ast.And):
            return _all_of([self.compile(part) for part in condition.parts])
        if isinstance(condition, ast.Or):
            return _any_of([self.compile(part) for part in condition.parts])
        if isinstance(condition, ast.Not):
            inner = self.compile(condition.part)
            return lambda record: not inner(record)
        column = self._column_of(condition.left)
        _check_filterable(column)
        if isinstance(condition, ast.Compare):
            return self._compare(column, condition)
        if isinstance(condition, ast.Includes):
            return _includes(column, condition)
        if isinstance(condition, ast.InQuery):
            return _member(column, self._values_of(condition.query), condition.negated)
        return self._in_list(column, condition)

    def _in_list(self, column: Column, condition: ast.InList) -> Predicate:
        if column.domain in ("date", "datetime", "seconds"):
            tests = [self._compare(column, ast.Compare(condition.left, "=", value)) for value in condition.values]
            found = _any_of(tests)
            return (lambda record: not found(record)) if condition.negated else found
        values = frozenset(self.value(column, value) for value in condition.values)
        return _member(column, values, condition.negated)

    def _compare(self, column: Column, condition: ast.Compare) -> Predicate:
        compare, literal, op = column.compare, condition.right, condition.op
        if op == "like":
            return _like(column, literal)
        if literal.kind == "null" and column.domain != "boolean":
            if op == "=":
                return lambda record: compare(record) is None
            if op == "!=":
                return lambda record: compare(record) is not None
            raise RequestError("INVALID_QUERY_FILTER_OPERATOR", f"'{column.field.name}' may not be compared to null so")
        if column.domain in ("date", "datetime", "seconds"):
            return self._compare_range(column, op, self.range(column, literal))
        wanted = self.value(column, literal)
        fold = column.domain == "text"
        if op in ("=", "!="):
            return _member(column, frozenset((wanted,)), op == "!=")
        if column.domain in ("boolean", "multipicklist"):
            raise RequestError(
                "INVALID_QUERY_FILTER_OPERATOR", f"filter operator '{op}' is not valid for field '{column.field.name}'"
            )
        if wanted is None:
            wanted = ""  # every id and every text is greater than an empty one
        test = _ORDERED[op]

        def ordered(record: Record) -> bool:
            value = compare(record)
            if value is None:
                return False
            return test(value.casefold() if fold else value, wanted)

        return ordered

    def _compare_range(self, column: Column, op: str, ends: tuple[Any, Any]) -> Predicate:
        compare = column.compare
        low, high = ends
        if op == "=":
            return lambda record: (value := compare(record)) is not None and low <= value < high
        if op == "!=":
            return lambda record: (value := compare(record)) is None or not low <= value < high
        if op in ("<", "<="):
            end = low if op == "<" else high
            return lambda record: (value := compare(record)) is not None and value < end
        start = high if op == ">" else low
        return lambda record: (value := compare(record)) is not None and value >= start

    def value(self, column: Column, literal: ast.Constant) -> Any:
        """A literal in the column's domain: folded text, an 18-character id, a number, a boolean."""
        raw = literal.value
        if literal.kind == "null":
            return False if column.domain == "boolean" else None
        if column.domain in ("text", "exact", "multipicklist"):
            if literal.kind != "string":
                raise _wrong_kind(column)
            text = _plain(str(raw))
            if not text:
                return None
            if column.domain == "multipicklist":
                return _as_set(text)
            return text.casefold() if column.domain == "text" else text
        if column.domain == "id":
            if literal.kind != "string":
                raise _wrong_kind(column)
            found = to_18(str(raw))
            if found is None and raw != "":
                raise RequestError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {raw}")
            return found
        if literal.kind != column.domain:
            raise _wrong_kind(column)
        return raw

    def range(self, column: Column, literal: ast.Constant) -> tuple[Any, Any]:
        """[from, to) in the column's own form: seconds, or the text a date or datetime is kept as."""
        raw = literal.value
        if isinstance(raw, ast.DateLiteral):
            low, high = literal_range(raw, self._now_s)
        elif literal.kind == "datetime" and column.domain != "date":
            at_s = times.parse_seconds(str(raw))
            if at_s is None:
                raise _wrong_kind(column)
            low, high = at_s, at_s + 1
        elif literal.kind == "date" and column.domain == "date":
            if times.parse_date(str(raw)) is None:
                raise _wrong_kind(column)
            low = times.parse_seconds(f"{raw}T00:00:00Z") or 0
            high = low + times.DAY_S
        else:
            raise _wrong_kind(column)
        if column.domain == "seconds":
            return low, high
        if column.domain == "datetime":
            return times.render_seconds(low), times.render_seconds(high)
        return times.day_of(low).isoformat(), times.day_of(high).isoformat()


def _check_filterable(column: Column) -> None:
    if not column.field.filterable:
        raise RequestError(
            "INVALID_FIELD", f"field '{column.field.name}' can not be filtered in a query call", status=400
        )


def _wrong_kind(column: Column) -> RequestError:
    kind = _FIELD_KIND.get(column.domain, "string")
    quotes = "should be enclosed in quotes" if kind == "string" else "should not be enclosed in quotes"
    return RequestError(
        "INVALID_FIELD",
        f"value of filter criterion for field '{column.field.name}' must be of type {kind} and {quotes}",
    )


def _plain(text: str) -> str:
    return text.replace(PLAIN_UNDERSCORE, "_").replace(PLAIN_PERCENT, "%")


def _as_set(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(";") if part.strip())


def _member(column: Column, values: frozenset[Any], negated: bool) -> Predicate:
    compare = column.compare
    if column.domain == "text":

        def folded(record: Record) -> bool:
            value = compare(record)
            return ((value.casefold() if value is not None else None) in values) is not negated

        return folded
    if column.domain == "multipicklist":

        def chosen(record: Record) -> bool:
            value = compare(record)
            return ((_as_set(value) if value is not None else None) in values) is not negated

        return chosen
    return lambda record: (compare(record) in values) is not negated


def _includes(column: Column, condition: ast.Includes) -> Predicate:
    if column.domain != "multipicklist":
        raise RequestError(
            "INVALID_QUERY_FILTER_OPERATOR", f"filter operator 'includes' is not valid for field '{column.field.name}'"
        )
    wanted = [_as_set(str(value.value)) for value in condition.values]
    compare, negated = column.compare, condition.negated

    def test(record: Record) -> bool:
        value = compare(record)
        chosen = _as_set(value) if value is not None else frozenset()
        return any(group <= chosen for group in wanted) is not negated

    return test


def _like(column: Column, literal: ast.Constant) -> Predicate:
    if column.domain not in ("text", "exact", "multipicklist") or literal.kind != "string":
        raise RequestError(
            "INVALID_QUERY_FILTER_OPERATOR", f"filter operator 'like' is not valid for field '{column.field.name}'"
        )
    pattern = "".join({"%": ".*", "_": "."}.get(char) or re.escape(_plain(char)) for char in str(literal.value))
    # "Operators are case sensitive for case-sensitive fields" (SOQL reference, fieldExpression).
    case = re.NOFLAG if column.domain == "exact" else re.IGNORECASE
    match = re.compile(pattern, case | re.DOTALL).fullmatch
    compare = column.compare
    return lambda record: (value := compare(record)) is not None and match(value) is not None


def _all_of(parts: list[Predicate]) -> Predicate:
    if len(parts) == 2:
        first, second = parts
        return lambda record: first(record) and second(record)
    return lambda record: all(part(record) for part in parts)


def _any_of(parts: list[Predicate]) -> Predicate:
    return lambda record: any(part(record) for part in parts)

"""Aggregate queries: COUNT, COUNT_DISTINCT, SUM, AVG, MIN, MAX over the rows, as a whole or by GROUP BY, with HAVING.

Rows of the answer are AggregateResults: an alias, the name of a grouped field, or expr0, expr1 where there is neither.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.soql import ast
from crm_emulator.salesforce.soql.resolve import Column
from crm_emulator.salesforce.soql.sorting import sort_rows
from crm_emulator.salesforce.store import Record

AGGREGATES = frozenset({"count", "count_distinct", "sum", "avg", "min", "max"})
_DATE_PARTS: dict[str, Callable[[str], Any]] = {
    "calendar_year": lambda text: int(text[:4]),
    "calendar_month": lambda text: int(text[5:7]),
    "calendar_quarter": lambda text: (int(text[5:7]) + 2) // 3,
    "day_in_month": lambda text: int(text[8:10]),
    "day_only": lambda text: text[:10],
    "hour_in_day": lambda text: int(text[11:13]),
}
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ColumnOf = Callable[[ast.Expression], Column]
Group = tuple[tuple[Any, ...], list[Record]]


def is_aggregate(query: ast.Query) -> bool:
    if query.group_by:
        return True
    return any(
        isinstance(item, ast.SelectField)
        and isinstance(item.expression, ast.Call)
        and item.expression.name in AGGREGATES
        for item in query.select
    )


class Aggregation:
    def __init__(self, query: ast.Query, column_of: ColumnOf) -> None:
        self._query = query
        self._column_of = column_of
        self._keys = [self._reader(expression) for expression in query.group_by]
        for expression in query.group_by:
            if isinstance(expression, ast.FieldRef) and not column_of(expression).field.group:
                name = column_of(expression).field.name
                raise RequestError("MALFORMED_QUERY", f"field '{name}' can not be grouped in a query call")

    def run(self, rows: list[Record]) -> list[dict[str, Any]]:
        groups: dict[tuple[Any, ...], list[Record]] = {}
        for record in rows:
            groups.setdefault(tuple(_hashable(key(record)) for key in self._keys), []).append(record)
        if not self._keys and not groups:
            groups[()] = []
        kept: list[Group] = list(groups.items())
        if self._query.having is not None:
            having = self._query.having
            kept = [group for group in kept if self._test(having, group)]
        for order in reversed(self._query.order_by):
            value = self._value_of(order.expression)
            kept = sort_rows(kept, value, order)
        columns = self._columns()
        return [
            {"attributes": {"type": "AggregateResult"}, **{name: read(group) for name, read in columns}}
            for group in kept
        ]

    def _columns(self) -> list[tuple[str, Callable[[Group], Any]]]:
        found: list[tuple[str, Callable[[Group], Any]]] = []
        unnamed = 0
        for item in self._query.select:
            if not isinstance(item, ast.SelectField):
                raise RequestError("MALFORMED_QUERY", "Only fields and functions may be selected with GROUP BY")
            name = item.alias
            if name is None and isinstance(item.expression, ast.FieldRef):
                name = self._column_of(item.expression).field.name
            elif name is None:
                name, unnamed = f"expr{unnamed}", unnamed + 1
            found.append((name, self._value_of(item.expression)))
        return found

    def _value_of(self, expression: ast.Expression) -> Callable[[Group], Any]:
        if isinstance(expression, ast.Call) and expression.name in AGGREGATES:
            return self._aggregate(expression)
        wanted = _same_key(expression)
        for position, grouped in enumerate(self._query.group_by):
            if _same_key(grouped) == wanted:
                return lambda group, position=position: group[0][position]  # type: ignore[misc]
        for item in self._query.select:
            # ORDER BY and HAVING may name an alias.
            if isinstance(item, ast.SelectField) and (item.alias or "").lower() == wanted:
                return self._value_of(item.expression)
        shown = expression.text if isinstance(expression, ast.FieldRef) else expression.name
        raise RequestError("MALFORMED_QUERY", f"Field must be grouped or aggregated: {shown}")

    def _aggregate(self, call: ast.Call) -> Callable[[Group], Any]:
        if call.argument is None:
            return lambda group: len(group[1])
        column = self._column_of(call.argument)
        if not column.field.raw.get("aggregatable", True) and call.name != "count":
            raise RequestError("MALFORMED_QUERY", f"field {column.field.name} does not support aggregate operator")
        if call.name in ("sum", "avg") and column.domain != "number":
            operation = call.name.upper()
            raise RequestError(
                "MALFORMED_QUERY", f"field {column.field.name} does not support aggregate operator {operation}"
            )
        show, name = column.show, call.name

        def read(group: Group) -> Any:
            values = [value for value in map(show, group[1]) if value is not None]
            return _FOLDS[name](values)

        return read

    def _reader(self, expression: ast.Expression) -> Callable[[Record], Any]:
        if isinstance(expression, ast.FieldRef):
            return self._column_of(expression).show
        part = _DATE_PARTS.get(expression.name)
        if expression.argument is None or part is None:
            raise RequestError("MALFORMED_QUERY", f"unexpected function in GROUP BY: {expression.name}")
        show = self._column_of(expression.argument).show
        taken = part
        return lambda record: taken(value) if (value := show(record)) is not None else None

    def _test(self, condition: ast.Condition, group: Group) -> bool:
        if isinstance(condition, ast.And):
            return all(self._test(part, group) for part in condition.parts)
        if isinstance(condition, ast.Or):
            return any(self._test(part, group) for part in condition.parts)
        if isinstance(condition, ast.Not):
            return not self._test(condition.part, group)
        if isinstance(condition, ast.Compare) and condition.op in _TESTS:
            value, wanted = self._value_of(condition.left)(group), condition.right.value
            if value is None or wanted is None:
                return (value is wanted) == (condition.op == "=")
            return _TESTS[condition.op](value, wanted)
        raise RequestError("MALFORMED_QUERY", "this condition is not valid in HAVING")


_FOLDS: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "count_distinct": lambda values: len(set(map(_hashable, values))),
    "sum": lambda values: sum(values) if values else None,
    "avg": lambda values: sum(values) / len(values) if values else None,
    "min": lambda values: min(values) if values else None,
    "max": lambda values: max(values) if values else None,
}


def _hashable(value: Any) -> Any:
    return str(value) if isinstance(value, dict) else value


def _same_key(expression: ast.Expression) -> str:
    if isinstance(expression, ast.FieldRef):
        return expression.text.lower()
    return f"{expression.name}({expression.argument.text.lower() if expression.argument else ''})"

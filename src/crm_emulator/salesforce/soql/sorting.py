"""ORDER BY: stable sorting with nulls first or last, text without case, picklists in the order of their definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.soql import ast
from crm_emulator.salesforce.soql.resolve import Column

Row = TypeVar("Row")


def sort_rows(rows: list[Row], key: Callable[[Row], Any], order: ast.Order) -> list[Row]:
    """One pass: sorting by several keys is sorting by the last one first."""
    nulls: list[Row] = []
    keyed: list[tuple[Any, Row]] = []
    for row in rows:
        value = key(row)
        if value is None:
            nulls.append(row)
        else:
            keyed.append((value.casefold() if isinstance(value, str) else value, row))
    keyed.sort(key=_first, reverse=order.descending)
    found = [row for _, row in keyed]
    return found + nulls if order.nulls_last else nulls + found


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def order_key(column: Column) -> Callable[[Any], Any]:
    if not column.field.sortable:
        raise RequestError("MALFORMED_QUERY", f"field '{column.field.name}' can not be sorted in a query call")
    compare = column.compare
    if column.domain == "id":
        # Ids sort with case: they are made in that order. sort_rows folds text, so give it a tuple.
        return lambda record: (value,) if (value := compare(record)) is not None else None
    order = column.field.picklist_order
    if order and column.field.type == "picklist":
        return lambda record: (order.get(value, len(order)), value) if (value := compare(record)) is not None else None
    return compare

"""Which rows a query has to look at: the smallest of an id list, an indexed field, a range of ids or of SystemModstamp.

What is chosen may hold more rows than the answer (the WHERE clause is still applied) but never fewer. A sync that polls
100,000 rows thousands of times must never scan them all. Without ORDER BY an org promises no order: rows come neither in
the order of a query's list nor in that of their making, so that a caller that counts on either is found out here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from crm_emulator.salesforce.soql import ast
from crm_emulator.salesforce.soql.resolve import Column
from crm_emulator.salesforce.soql.where import Where
from crm_emulator.salesforce.store import Index, Record, Table

# A row's other system times are never later than its SystemModstamp, so a lower bound on one is a lower bound on it.
_STAMPED = frozenset({"SystemModstamp", "LastModifiedDate", "CreatedDate"})


@dataclass(slots=True)
class Candidates:
    rows: Callable[[], Iterable[Record]]
    count: int
    order: str  # "stamp", "id" or "": the order the rows come in


def choose(
    table: Table,
    where: ast.Condition | None,
    compiler: Where,
    column_of: Callable[[ast.Expression], Column],
    order: str,
    values_of: Callable[[ast.Query], frozenset[Any]],
) -> Candidates:
    """`order` is the order that the query wants, which decides between a scan in that order and any other scan."""
    best = _scan(table, order)
    parts = where.parts if isinstance(where, ast.And) else () if where is None else (where,)
    stamps = _StampRange()
    low_id: str | None = None
    for part in parts:
        if not isinstance(part, (ast.Compare, ast.InList, ast.InQuery)) or not isinstance(part.left, ast.FieldRef):
            continue
        column = column_of(part.left)
        if not column.direct:
            continue
        if column.domain == "seconds" and column.field.name in _STAMPED and isinstance(part, ast.Compare):
            stamps.narrow(column, part, compiler)
            continue
        if column.field.name == "Id" and isinstance(part, ast.Compare) and part.op in (">", ">="):
            low_id = max(low_id or "", compiler.value(column, part.right) or "")
            continue
        found = _equal_to(table, column, part, compiler, values_of)
        if found is not None and found.count < best.count:
            best = found
    if low_id is not None and best.count >= len(table.rows):
        start = low_id
        best = Candidates(lambda: table.from_id(start), len(table.rows) // 2, "id")
    if stamps.low is not None:
        count = table.stamped_count(stamps.low)
        if count < best.count or (order == "stamp" and count <= best.count):
            low, high = stamps.low, stamps.high
            best = Candidates(lambda: table.stamped(low, high), count, "stamp")
    return best


def _scan(table: Table, order: str) -> Candidates:
    if order == "stamp":
        return Candidates(lambda: table.stamped(-(2**62)), len(table.rows) + 1, "stamp")
    if order == "id":
        return Candidates(lambda: table.from_id(""), len(table.rows) + 1, "id")
    return Candidates(lambda: reversed(table.rows.values()), len(table.rows) + 1, "")


class _StampRange:
    def __init__(self) -> None:
        self.low: int | None = None
        self.high: int | None = None

    def narrow(self, column: Column, part: ast.Compare, compiler: Where) -> None:
        if part.right.kind == "null" or part.op not in ("=", ">", ">=", "<", "<="):
            return
        low, high = compiler.range(column, part.right)
        start = high if part.op == ">" else low
        if part.op in ("=", ">", ">="):
            self.low = start if self.low is None else max(self.low, start)
        # An upper bound on another time says nothing about SystemModstamp.
        if column.field.name == "SystemModstamp" and part.op in ("=", "<", "<="):
            end = (low if part.op == "<" else high) - 1
            self.high = end if self.high is None else min(self.high, end)


def _equal_to(
    table: Table,
    column: Column,
    part: ast.Compare | ast.InList | ast.InQuery,
    compiler: Where,
    values_of: Callable[[ast.Query], frozenset[Any]],
) -> Candidates | None:
    is_id = column.field.name == "Id"
    index = table.indexes.get(column.field.name)
    if not is_id and index is None:
        return None
    if isinstance(part, ast.Compare):
        if part.op != "=" or part.right.kind == "null":
            return None
        values: Collection[Any] = (compiler.value(column, part.right),)
    elif part.negated:
        return None
    elif isinstance(part, ast.InQuery):
        values = values_of(part.query)
    else:
        values = {compiler.value(column, value) for value in part.values}
    if None in values:
        return None
    wanted = sorted(values, key=str, reverse=True)
    if is_id:
        found = [table.rows[value] for value in wanted if value in table.rows]
        return Candidates(lambda: found, len(found), "")
    assert index is not None
    used = index
    count = sum(used.count(value) for value in wanted) + len(table.bin)
    return Candidates(lambda: _from_index(table, used, wanted), count, "")


def _from_index(table: Table, index: Index, wanted: list[Any]) -> Iterator[Record]:
    for value in wanted:
        yield from index.find(value)
    # Deleted rows are in no index; there are few of them.
    yield from table.bin.values()

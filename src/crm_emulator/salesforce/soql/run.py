"""Run a query: compile it for one user, choose the rows to look at, filter, sort, cut, and render on demand.

The answer holds rows, not JSON: a page is rendered when it is asked for, so a query over 100,000 rows costs what its
first
page costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.soql import ast
from crm_emulator.salesforce.soql.aggregate import Aggregation, is_aggregate
from crm_emulator.salesforce.soql.choose import choose
from crm_emulator.salesforce.soql.parser import parse
from crm_emulator.salesforce.soql.render import Render, build
from crm_emulator.salesforce.soql.resolve import Column, Names
from crm_emulator.salesforce.soql.sorting import order_key, sort_rows
from crm_emulator.salesforce.soql.where import Where
from crm_emulator.salesforce.store import Record, Table

_MOST_OFFSET_ROWS = 2_000  # SOQL reference, OFFSET
_MOST_STRING_CHARS = 4_000  # characters of one string in WHERE (SOQL reference, limits)


@dataclass(slots=True)
class Answer:
    """`total` rows in all; `rows` are rendered by `render`, `ready` already are JSON (aggregates)."""

    total: int
    rows: list[Record]
    render: Render
    ready: list[dict[str, Any]] | None = None

    def page(self, start: int, size_rows: int) -> list[dict[str, Any]]:
        if self.ready is not None:
            return self.ready[start : start + size_rows]
        render = self.render
        return [render(record) for record in self.rows[start : start + size_rows]]


def run(org: Org, user_id: str, soql: str, base: str, *, include_deleted: bool) -> Answer:
    if len(soql) > org.config.soql_chars:
        raise RequestError("QUERY_TOO_COMPLICATED", "SOQL statement is longer than 100,000 characters")
    return _Run(org, user_id, soql, base, include_deleted).run(parse(soql))


class _Run:
    def __init__(self, org: Org, user_id: str, soql: str, base: str, include_deleted: bool) -> None:
        self._org = org
        self._user_id = user_id
        self._names = Names(org, user_id, soql)
        self._base = base
        self._include_deleted = include_deleted
        self._now_s = org.now_s()
        self._answered: dict[int, frozenset[Any]] = {}

    def run(self, query: ast.Query) -> Answer:
        if query.offset > _MOST_OFFSET_ROWS:
            raise RequestError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {_MOST_OFFSET_ROWS}")
        table = self._names.table(query.source, query.at)
        if not table.sobject.flags["queryable"]:
            raise RequestError("INVALID_TYPE_FOR_OPERATION", f"entity type {query.source} does not support query")
        column_of = self._columns(table, query.alias)
        if query.is_count:
            rows = self._rows(table, query, column_of)
            return Answer(len(rows), [], lambda _record: {}, ready=[])
        if is_aggregate(query):
            plain = ast.Query(query.select, query.source, query.at, query.alias, query.scope, query.where)
            results = Aggregation(query, column_of).run(self._rows(table, plain, column_of))
            results = _cut(results, query)
            return Answer(len(results), [], lambda _record: {}, ready=results)
        render = build(self._names, table, query, self._base, self._children_of)
        rows = self._rows(table, query, column_of)
        return Answer(len(rows), rows, render)

    def _columns(self, table: Table, alias: str | None) -> Callable[[ast.Expression], Column]:
        found: dict[ast.FieldRef, Column] = {}

        def column_of(expression: ast.Expression) -> Column:
            if isinstance(expression, ast.Call):
                if expression.argument is None:
                    raise RequestError("MALFORMED_QUERY", f"unexpected function: {expression.name}")
                return column_of(expression.argument)
            column = found.get(expression)
            if column is None:
                column = found[expression] = self._names.column(table, expression, alias)
            return column

        return column_of

    def _rows(
        self,
        table: Table,
        query: ast.Query,
        column_of: Callable[[ast.Expression], Column],
        among: Iterable[Record] | None = None,
    ) -> list[Record]:
        where = Where(column_of, self._values_of, self._now_s)
        test = where.compile(query.where) if query.where is not None else None
        order, is_whole = self._order_wanted(query, column_of)
        if among is None:
            chosen = choose(table, query.where, where, column_of, order, self._values_of)
            among, sorted_already = chosen.rows(), bool(chosen.order) and chosen.order == order and is_whole
        else:
            sorted_already = False
        needs_sort = bool(query.order_by) and not sorted_already
        enough = None
        if query.limit is not None and not needs_sort:
            enough = query.limit + query.offset
        rows = self._visible(among, test, query, enough)
        if needs_sort:
            for part in reversed(query.order_by):
                rows = sort_rows(rows, order_key(column_of(part.expression)), part)
        return _cut(rows, query)

    def _order_wanted(self, query: ast.Query, column_of: Callable[[ast.Expression], Column]) -> tuple[str, bool]:
        """ "stamp" for ORDER BY SystemModstamp[, Id], "id" for ORDER BY Id; and whether that is the whole ORDER BY."""
        names = []
        for part in query.order_by:
            column = column_of(part.expression)
            if part.descending or not column.direct or isinstance(part.expression, ast.Call):
                return "", False
            names.append(column.field.name)
        if names in (["SystemModstamp"], ["SystemModstamp", "Id"]):
            return "stamp", True
        return ("id", True) if names == ["Id"] else ("", False)

    def _visible(
        self,
        among: Iterable[Record],
        test: Callable[[Record], bool] | None,
        query: ast.Query,
        enough: int | None,
    ) -> list[Record]:
        rows: list[Record] = []
        in_bin, include_deleted = self._org.in_bin, self._include_deleted
        mine = self._user_id if query.scope == "mine" else None
        for record in among:
            if enough is not None and len(rows) >= enough:
                break
            if record.deleted_s is not None and not (include_deleted and in_bin(record)):
                continue
            if mine is not None and record.values.get("OwnerId") != mine:
                continue
            if test is None or test(record):
                rows.append(record)
        return rows

    def _values_of(self, query: ast.Query) -> frozenset[Any]:
        """The values a semi-join selects: one field of the inner query's rows."""
        found = self._answered.get(id(query))
        if found is not None:
            return found
        item = query.select[0]
        if len(query.select) != 1 or not isinstance(item, ast.SelectField):
            raise RequestError("MALFORMED_QUERY", "semi join sub-selects can only select one field")
        table = self._names.table(query.source, query.at)
        column_of = self._columns(table, query.alias)
        column = column_of(item.expression)
        fold = column.domain == "text"
        values = frozenset(
            value.casefold() if fold else value
            for value in map(column.compare, self._rows(table, query, column_of))
            if value is not None
        )
        self._answered[id(query)] = values
        return values

    def _children_of(self, parent: Table, query: ast.Query) -> tuple[str, Callable[[Record], Any]]:
        wanted = query.source.lower()
        relationship = next((child for child in parent.sobject.children if (child.name or "").lower() == wanted), None)
        if relationship is None:
            raise RequestError(
                "INVALID_TYPE",
                f"Didn't understand relationship '{query.source}' in FROM part of query call. If you are attempting to "
                "use a custom relationship, be sure to append the '__r' after the custom relationship name. "
                "Please reference your WSDL or the describe call for the appropriate names.",
            )
        name = relationship.name or query.source
        table = self._org.tables.get(relationship.child)
        if table is None:
            return name, lambda record: None  # an object that this org describes but does not hold
        column_of = self._columns(table, query.alias)
        render = build(self._names, table, query, self._base, self._children_of)
        field = table.sobject.fields[relationship.field]
        index = table.index(field)

        def read(record: Record) -> dict[str, Any] | None:
            among: Iterable[Record] = index.find(record.id)
            if self._include_deleted:
                gone = [row for row in table.bin.values() if row.values.get(field.name) == record.id]
                among = [*among, *gone]
            rows = self._rows(table, query, column_of, among)
            if not rows:
                return None
            return {"totalSize": len(rows), "done": True, "records": [render(row) for row in rows]}

        return name, read


def _cut(rows: list[Any], query: ast.Query) -> list[Any]:
    if query.offset:
        rows = rows[query.offset :]
    return rows if query.limit is None else rows[: query.limit]

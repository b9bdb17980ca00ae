"""The SELECT list as a function that turns a row into the JSON of the answer.

Parents become nested objects (null where there is none), child subqueries nested results (null where empty), in the
order
the query names them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crm_emulator.salesforce.derived import Getter
from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.soql import ast
from crm_emulator.salesforce.soql.resolve import Column, Hop, Names, type_name
from crm_emulator.salesforce.store import Record, Table

Render = Callable[[Record], dict[str, Any]]
# What a child subquery becomes: parent row -> its part of the answer.
ChildrenOf = Callable[[Table, ast.Query], tuple[str, Callable[[Record], Any]]]

_FIELDS_LIMIT = 200  # FIELDS(ALL) and FIELDS(CUSTOM) need LIMIT 200 or less (SOQL reference, FIELDS())


class _Node:
    """One level of the answer: the row itself, or one of its parents."""

    def __init__(self) -> None:
        self.parts: dict[str, Getter | _Node | Callable[[Record], Any]] = {}
        self.hop: Hop | None = None

    def parent(self, name: str, hop: Hop) -> _Node:
        node = self.parts.get(name)
        if not isinstance(node, _Node):
            node = self.parts[name] = _Node()
            node.hop = hop
        return node

    def compile(self, base: str) -> Render:
        plain = [(name, part) for name, part in self.parts.items() if not isinstance(part, _Node)]
        if len(plain) == len(self.parts):
            return _plain(plain, base)
        steps: list[tuple[str, Callable[[Record], Any]]] = []
        for name, part in self.parts.items():
            steps.append((name, _nested(part, base) if isinstance(part, _Node) else part))
        return _plain(steps, base)


def _plain(steps: list[tuple[str, Callable[[Record], Any]]], base: str) -> Render:
    def render(record: Record) -> dict[str, Any]:
        shown = attributes(record, base)
        for name, read in steps:
            shown[name] = read(record)
        return shown

    return render


def attributes(record: Record, base: str) -> dict[str, Any]:
    name = record.table.sobject.name
    return {"attributes": {"type": name, "url": f"{base}/sobjects/{name}/{record.id}"}}


def _nested(node: _Node, base: str) -> Callable[[Record], Any]:
    hop, inner = node.hop, node.compile(base)
    assert hop is not None

    def read(record: Record) -> dict[str, Any] | None:
        parent = hop(record)
        return inner(parent) if parent is not None else None

    return read


def build(names: Names, table: Table, query: ast.Query, base: str, children_of: ChildrenOf) -> Render:
    root = _Node()
    for item in query.select:
        if isinstance(item, ast.SelectAll):
            _add_all(names, table, query, item, root)
        elif isinstance(item, ast.SelectChildren):
            name, read = children_of(table, item.query)
            root.parts[name] = read
        elif isinstance(item, ast.TypeOf):
            name, read = _typeof(names, table, item, base)
            root.parts[name] = read
        else:
            _add_field(names, table, query, item, root)
    return root.compile(base)


def _add_field(names: Names, table: Table, query: ast.Query, item: ast.SelectField, root: _Node) -> None:
    expression = item.expression
    if isinstance(expression, ast.Call):
        if expression.name not in ("tolabel", "format", "convertcurrency") or expression.argument is None:
            raise RequestError("MALFORMED_QUERY", f"unexpected function in a query without GROUP BY: {expression.name}")
        expression = expression.argument
    elif item.alias is not None:
        raise RequestError("MALFORMED_QUERY", "only aggregate expressions use field aliasing")
    column = names.column(table, expression, query.alias)
    node = root
    for relationship, hop, _target in column.hops:
        node = node.parent(relationship, hop)
    name = item.alias or column.field.name
    if name in node.parts:
        raise RequestError("INVALID_FIELD", f"duplicate field selected: {column.field.name}")
    node.parts[name] = _last(names, column)


def _last(names: Names, column: Column) -> Getter:
    """The reader of the field on its own row: the hops are done by the nodes."""
    if not column.hops:
        return column.show
    target = column.hops[-1][2]
    if target:
        return names.org.getters.getter(target, column.field)
    name = column.field.name

    def read(record: Record) -> Any:
        sobject = record.table.sobject
        if name == "Type":
            return type_name(record)
        field = sobject.field(name) or (sobject.name_field if name == "Name" else None)
        return names.org.getters.getter(sobject.name, field)(record) if field is not None else None

    return read


def _add_all(names: Names, table: Table, query: ast.Query, item: ast.SelectAll, root: _Node) -> None:
    if item.which != "standard" and (query.limit is None or query.limit > _FIELDS_LIMIT):
        raise RequestError(
            "MALFORMED_QUERY",
            "The SOQL FIELDS function must have a LIMIT of at most 200",
        )
    for field in names.view(table.sobject).fields.values():
        if item.which == "all" or field.custom == (item.which == "custom"):
            root.parts[field.name] = names.org.getters.getter(table.sobject.name, field)


def _typeof(names: Names, table: Table, item: ast.TypeOf, base: str) -> tuple[str, Callable[[Record], Any]]:
    field = names.view(table.sobject).relationship(table.sobject, item.relationship.text)
    if field is None:
        raise names.no_column(item.relationship.text, table.sobject.name, item.relationship.at)
    read_id = names.org.getters.getter(table.sobject.name, field)
    branches = {name.lower(): references for name, references in item.branches}

    def read(record: Record) -> Any:
        target = read_id(record)
        row = names.org.record(target) if target is not None else None
        if row is None:
            return None
        shown = attributes(row, base)
        for reference in branches.get(row.table.sobject.name.lower(), item.otherwise):
            column = names.column(row.table, reference, None)
            shown[column.field.name] = column.show(row)
        return shown

    return field.relationship or item.relationship.text, read

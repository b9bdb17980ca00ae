"""WHERE and ORDER BY against an obvious evaluation in Python, on random rows and filters, however a query is planned."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.emulator.salesforce.calls import Caller

from crm_emulator.salesforce.soql.run import run

TEXTS = ["Ada", "ADA", "bob", "Bob%", "b_b", "a'b", "c\\d", "c\\%", "", "Zoë"]
KINDS: dict[str, tuple[str, list[Any]]] = {
    "LastName": ("text", TEXTS[:-2]),
    "Title": ("text", [*TEXTS, None]),
    "Email": ("text", ["a@x.com", "b@x.com", "c@y.com", None]),  # indexed, not unique
    "Key__c": ("text", [*(f"K{number}" for number in range(12)), None]),  # indexed, unique
    "Code__c": ("exact", ["k", "K", "x%", None]),  # indexed, with case
    "Score__c": ("number", [-1.5, 0.0, 2.0, 2.5, 1e6, None]),
    "Birthdate": ("date", ["1990-01-01", "1990-12-31", "2000-02-29", None]),
    "DoNotCall": ("flag", [True, False]),
    "AccountId": ("id", [0, 1, 2, None]),  # indexed; positions of accounts
    "Likes__c": ("set", ["Tea", "Jam", "Tea;Jam", "Tea;Jam;Bread", None]),
    "SystemModstamp": ("moment", [f"2026-01-0{day}T0{hour}:00:00Z" for day in (1, 2) for hour in (0, 5, 9)]),
}
Row = dict[str, Any]
# ("leaf", field, operator, operand) | ("and" | "or", parts) | ("not", part)
Filter = tuple[Any, ...]


def of(name: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(KINDS[name][1])


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    count = draw(st.integers(0, 12))
    keys = draw(st.lists(of("Key__c").filter(lambda key: key is not None), unique=True, min_size=count, max_size=count))
    found = []
    for key in keys:
        row = {name: draw(of(name)) for name in KINDS}
        row["Key__c"] = draw(st.sampled_from([key, None]))
        row["gone"] = draw(st.sampled_from([False, False, False, True]))
        found.append(row)
    return found


@st.composite
def leaves(draw: st.DrawFn) -> Filter:
    name = draw(st.sampled_from(sorted(KINDS)))
    kind = KINDS[name][0]
    operators = ["=", "!=", "=", "in", "not in"]
    if kind in ("text", "exact", "number", "date", "moment"):
        operators += ["<", "<=", ">", ">="]
    if kind in ("text", "exact"):
        operators.append("like")
    if kind == "set":
        operators += ["includes", "excludes"]
    if kind == "flag":
        operators = ["=", "!="]
    operator = draw(st.sampled_from(operators))
    if operator == "like":
        pieces = st.sampled_from(["%", "_", r"\%", r"\_", r"\\", r"\'", "a", "B", "k", "K", "x", "d"])
        return ("leaf", name, operator, "".join(draw(st.lists(pieces, max_size=4))))
    if operator in ("in", "not in", "includes", "excludes"):
        values = of(name).filter(lambda value: value is not None) if "cludes" in operator else of(name)
        return ("leaf", name, operator, draw(st.lists(values, min_size=1, max_size=3)))
    values = of(name) if operator in ("=", "!=") else of(name).filter(lambda value: value is not None)
    return ("leaf", name, operator, draw(values))


def branches(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.tuples(st.sampled_from(["and", "and", "or"]), parts) | st.tuples(st.just("not"), inner)


FILTERS = st.recursive(leaves(), branches, max_leaves=6)


# The obvious evaluation


def key(kind: str, value: Any) -> Any:
    """A value in the form in which it compares."""
    if value is None or value == "":
        return None
    if kind == "text":
        return value.casefold()
    return frozenset(value.split(";")) if kind == "set" else value


def like(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(like(text[start:], pattern[1:]) for start in range(len(text) + 1))
    if not text:
        return False
    if pattern[0] == "\\":
        return text[0] == pattern[1] and like(text[1:], pattern[2:])
    return pattern[0] in ("_", text[0]) and like(text[1:], pattern[1:])


def holds(row: Row, condition: Filter) -> bool:
    if condition[0] == "not":
        return not holds(row, condition[1])
    if condition[0] in ("and", "or"):
        found = [holds(row, part) for part in condition[1]]
        return all(found) if condition[0] == "and" else any(found)
    _, name, operator, operand = condition
    kind = KINDS[name][0]
    value = key(kind, row[name])
    if operator in ("=", "!="):
        return (value == key(kind, operand)) is (operator == "=")
    if operator in ("in", "not in"):
        return (value in [key(kind, one) for one in operand]) is (operator == "in")
    if operator in ("includes", "excludes"):
        chosen = value or frozenset()
        return any(key(kind, one) <= chosen for one in operand) is (operator == "includes")
    if value is None:
        return False
    if operator == "like":
        pattern = operand.casefold() if kind == "text" else operand
        return like(value, pattern)
    wanted = key(kind, operand)
    if wanted is None:
        wanted = ""
    return {"<": value < wanted, "<=": value <= wanted, ">": value > wanted, ">=": value >= wanted}[operator]


# The same filter as SOQL


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("%", "\\%").replace("_", "\\_") + "'"


def literal(kind: str, value: Any, accounts: list[str]) -> str:
    if value is None:
        return "null"
    if kind == "id":
        return f"'{accounts[value]}'"
    if kind == "flag":
        return "TRUE" if value else "false"
    if kind in ("number", "date", "moment"):
        return str(value)
    return quoted(value)


def soql(condition: Filter, accounts: list[str]) -> str:
    if condition[0] == "not":
        return f"NOT ({soql(condition[1], accounts)})"
    if condition[0] in ("and", "or"):
        return f" {condition[0].upper()} ".join(f"({soql(part, accounts)})" for part in condition[1])
    _, name, operator, operand = condition
    kind = KINDS[name][0]
    if operator == "like":
        return f"{name} LIKE '{operand}'"
    if isinstance(operand, list):
        return f"{name} {operator.upper()} ({', '.join(literal(kind, one, accounts) for one in operand)})"
    return f"{name} {operator} {literal(kind, operand, accounts)}"


class World:
    """One org whose contacts are replaced from example to example, so that indexes hold traces of earlier ones."""

    def __init__(self) -> None:
        self.org = Caller()
        emulator = self.org.emulator
        emulator.add_custom_field("Contact", "Key__c", external_id=True, unique=True)
        emulator.add_custom_field("Contact", "Code__c", external_id=True, case_sensitive=True)
        emulator.add_custom_field("Contact", "Score__c", "Number", scale=1)
        emulator.add_custom_field("Contact", "Likes__c", "MultiselectPicklist", picklist=("Tea", "Jam", "Bread"))
        self.accounts = emulator.seed({"Account": [{"Name": f"A{n}"} for n in range(3)]})["Account"]
        self.table = emulator.org.tables["Contact"]

    def fill(self, drawn: list[Row]) -> dict[str, Row]:
        for record in list(self.table.rows.values()):
            self.table.erase(record)
        fields = [
            {**{name: row[name] for name in KINDS}, "AccountId": None, "CreatedDate": "2025-01-01T00:00:00Z"}
            for row in drawn
        ]
        for row, shown in zip(drawn, fields, strict=True):
            if row["AccountId"] is not None:
                shown["AccountId"] = self.accounts[row["AccountId"]]
        ids = self.org.emulator.seed({"Contact": fields})["Contact"]
        for id, row in zip(ids, drawn, strict=True):
            if row["gone"]:
                record = self.table.rows[id]
                self.table.hide(record)
                record.deleted_s = self.org.emulator.org.now_s()
        return dict(zip(ids, drawn, strict=True))

    def ids(self, where: str, *, deleted: bool, order: str) -> list[str]:
        text = f"SELECT Id FROM Contact WHERE {where} {order}"
        answer = run(self.org.emulator.org, self.org.user.id, text, "", include_deleted=deleted)
        return [row["Id"] for row in answer.page(0, 2_000)]


@pytest.fixture(scope="module")
def world() -> World:
    return World()


EXAMPLES = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def test_where_selects_what_the_obvious_evaluation_selects_however_it_is_planned(world: World) -> None:
    @EXAMPLES
    @given(rows(), FILTERS, st.booleans())
    def check(drawn: list[Row], condition: Filter, deleted: bool) -> None:
        held = world.fill(drawn)
        where = soql(condition, world.accounts)
        expected = [id for id, row in sorted(held.items()) if holds(row, condition) and (deleted or not row["gone"])]
        # Nothing under NOT is ever looked up in an index: the second form is a scan of every row.
        for form in (where, f"NOT (NOT ({where}))"):
            for order in ("ORDER BY Id", ""):
                assert sorted(world.ids(form, deleted=deleted, order=order)) == expected, (form, order)
            by_stamp = world.ids(form, deleted=deleted, order="ORDER BY SystemModstamp, Id")
            assert by_stamp == sorted(expected, key=lambda id: (held[id]["SystemModstamp"], id)), form

    check()


def test_order_by_sorts_as_the_obvious_evaluation_does(world: World) -> None:
    sortable = sorted(set(KINDS) - {"Likes__c", "AccountId"})
    keys = st.lists(
        st.tuples(st.sampled_from(sortable), st.booleans(), st.sampled_from(["", " NULLS FIRST", " NULLS LAST"])),
        min_size=1,
        max_size=3,
        unique_by=lambda one: one[0],
    )

    @EXAMPLES
    @given(rows(), keys)
    def check(drawn: list[Row], wanted: list[tuple[str, bool, str]]) -> None:
        held = world.fill(drawn)
        expected = sorted(held)
        for name, descending, nulls in reversed(wanted):
            values = {id: key(KINDS[name][0], held[id][name]) for id in expected}
            blank = [id for id in expected if values[id] is None]
            filled = [id for id in expected if values[id] is not None]

            def folded(id: str, values: dict[str, Any] = values) -> Any:
                value = values[id]
                return value.casefold() if isinstance(value, str) else value

            filled.sort(key=folded, reverse=descending)
            expected = filled + blank if nulls == " NULLS LAST" else blank + filled
        clause = ", ".join(f"{name}{' DESC' if descending else ''}{nulls}" for name, descending, nulls in wanted)
        order = f"ORDER BY {clause}, Id"
        assert world.ids("LastName != null", deleted=True, order=order) == expected

    check()


def test_pages_of_a_limit_and_offset_are_slices_of_the_whole(world: World) -> None:
    drawn = [
        {name: values[number % len(values)] for name, (_, values) in KINDS.items()} | {"Key__c": None, "gone": False}
        for number in range(12)
    ]
    world.fill(drawn)
    for order in ("ORDER BY Title, Id", "ORDER BY Id", "ORDER BY SystemModstamp, Id"):
        whole = world.ids("LastName != null", deleted=False, order=order)
        for limit, offset in itertools.product((0, 1, 5, 100), (0, 3, 11, 12)):
            cut = world.ids("LastName != null", deleted=False, order=f"{order} LIMIT {limit} OFFSET {offset}")
            assert cut == whole[offset : offset + limit], (order, limit, offset)

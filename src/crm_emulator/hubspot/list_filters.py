"""The filters of a dynamic list: which records belong to it, by what they and their associated records hold.

A subset, evaluated as HubSpot documents it (list filters overview): an OR branch of AND branches, which may hold further
branches, among them NOT_ALL, NOT_ANY and ASSOCIATION; with PROPERTY filters (`list_operations.py`) and IN_LIST. What the subset
does not have is refused when the list is saved, never taken for something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.computed import Compute
from crm_emulator.hubspot.list_operations import Check, Property, depends_on_now, property_check
from crm_emulator.hubspot.records import Record, Table

DEPTH_MOST = 8


class Account(Protocol):
    """What a filter reads of the account."""

    def now_ms(self) -> int: ...
    def table(self, type_name: str) -> Table: ...
    def reader(self, table: Table, name: str) -> Compute: ...
    def in_list(self, list_id: str, record: Record) -> bool: ...
    def associated(self, record: Record, table: Table, type_id: int) -> Iterable[Record]: ...


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled `filterBranch`, and what else than its own record a record's membership follows."""

    check: Check
    lists: frozenset[str]  # whose members it asks for
    kinds: frozenset[str]  # of associated records
    timed: bool  # it asks for moments relative to now


class _Compiler:
    def __init__(self, account: Account) -> None:
        self._account = account
        self.lists: set[str] = set()
        self.kinds: set[str] = set()
        self.timed = False

    def branch(self, table: Table, given: Any, depth: int) -> Check:
        kind = given.get("filterBranchType") if isinstance(given, dict) else None
        if depth > DEPTH_MOST:
            raise errors.invalid(f"Filter branches may be nested {DEPTH_MOST} deep.")
        if kind == "ASSOCIATION":
            return self._association(table, given, depth)
        if kind not in _COMBINED:
            raise errors.invalid(f"Filter branches of the type {kind} are not supported by this local HubSpot.")
        if kind == "OR" and given.get("filters"):
            raise errors.invalid("An OR filter branch may not have filters of its own.")
        return _COMBINED[kind](self._checks(table, given, depth, kind))

    def _checks(self, table: Table, given: dict[str, Any], depth: int, kind: str) -> list[Check]:
        checks = [self._filter(table, each) for each in given.get("filters") or ()]
        checks.extend(self.branch(table, each, depth + 1) for each in given.get("filterBranches") or ())
        if not checks:
            wanted = "AND filter branch" if kind == "OR" else "filter"
            raise errors.invalid(f"A filter branch of the type {kind} needs at least one {wanted}.")
        return checks

    def _association(self, table: Table, given: dict[str, Any], depth: int) -> Check:
        """Any associated record that passes; NOT_IN_LIST: none (guide: association filter branches)."""
        other = self._account.table(str(given.get("objectTypeId") or ""))
        type_id, operator = given.get("associationTypeId"), given.get("operator", "IN_LIST")
        if not isinstance(type_id, int) or operator not in ("IN_LIST", "NOT_IN_LIST"):
            raise errors.invalid("An ASSOCIATION filter branch needs associationTypeId, and IN_LIST or NOT_IN_LIST.")
        passes = _all(self._checks(other, given, depth, "ASSOCIATION"))
        self.kinds.add(other.kind.key)
        account, wanted = self._account, operator == "IN_LIST"
        return lambda record: any(passes(each) for each in account.associated(record, other, type_id)) is wanted

    def _filter(self, table: Table, given: Any) -> Check:
        kind = given.get("filterType") if isinstance(given, dict) else None
        if kind == "IN_LIST":
            return self._in_list(given)
        if kind != "PROPERTY":
            raise errors.invalid(f"Filters of the type {kind} are not supported by this local HubSpot.")
        name, operation = str(given.get("property") or ""), given.get("operation")
        if not isinstance(operation, dict):
            raise errors.malformed_body("a PROPERTY filter needs an operation")

        def reader(other: str) -> Compute:
            if other not in table.schema.properties:
                raise errors.invalid(f"Property '{other}' does not exist for {table.kind.type_id}.")
            return self._account.reader(table, other)

        read = reader(name)
        self.timed |= depends_on_now(operation)
        asked = Property(name, table.schema.properties[name].type, read, reader, self._account.now_ms)
        return property_check(asked, operation)

    def _in_list(self, given: dict[str, Any]) -> Check:
        list_id, operator = str(given.get("listId") or ""), given.get("operator")
        if not list_id or operator not in ("IN_LIST", "NOT_IN_LIST"):
            raise errors.invalid("An IN_LIST filter needs listId, and IN_LIST or NOT_IN_LIST as operator.")
        self.lists.add(list_id)
        wanted, account = operator == "IN_LIST", self._account
        return lambda record: account.in_list(list_id, record) is wanted


def _all(checks: list[Check]) -> Check:
    return lambda record: all(check(record) for check in checks)


def _any(checks: list[Check]) -> Check:
    return lambda record: any(check(record) for check in checks)


_COMBINED: dict[str, Callable[[list[Check]], Check]] = {
    "OR": _any,
    "AND": _all,
    "NOT_ALL": lambda checks: lambda record: not all(check(record) for check in checks),
    "NOT_ANY": lambda checks: lambda record: not any(check(record) for check in checks),
}


def compile_branch(table: Table, branch: Any, account: Account) -> Filters:
    """The check that a list's `filterBranch` stands for. Raises ApiError on what is malformed or not in the subset."""
    if not isinstance(branch, dict) or branch.get("filterBranchType") != "OR":
        raise errors.invalid("The root of a filterBranch must be of the type OR.")
    if any(
        not isinstance(each, dict) or each.get("filterBranchType") != "AND"
        for each in branch.get("filterBranches") or ()
    ):
        raise errors.invalid("The branches of the root must be of the type AND.")
    compiler = _Compiler(account)
    check = compiler.branch(table, branch, 0)
    return Filters(check=check, lists=frozenset(compiler.lists), kinds=frozenset(compiler.kinds), timed=compiler.timed)

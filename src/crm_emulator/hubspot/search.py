"""CRM search: filter groups, operators, sorts, query, paging, over what the search index can see.

It finds candidates through an index where a filter allows it (last modified, id, e-mail, unique properties) and checks
every filter on every candidate, so an index can only make it faster, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.computed import Compute
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.records import Record, Table
from crm_emulator.hubspot.search_filters import Check, Filter, parse_groups
from crm_emulator.hubspot.stamps import parse_instant_ms

QUERY_MAX_CHARACTERS = 3_000
_FOREVER_MS = 1 << 52

Related = Callable[[Record, str], Iterable[int]]


class Found:
    """One page of one search."""

    __slots__ = ("next_after", "page", "total")

    def __init__(self, total: int, page: list[Record], next_after: int | None) -> None:
        self.total = total
        self.page = page
        self.next_after = next_after


class Search:
    """Answers searches of one account. Keeps the last result, since pages of one search follow each other."""

    def __init__(self, portal: Portal, related: Related) -> None:
        self._portal = portal
        self._related = related
        self._last_key: tuple[Any, ...] | None = None
        self._last: list[Record] = []

    def run(self, table: Table, body: dict[str, Any], raw: bytes) -> Found:
        config = self._portal.config
        if len(raw) > QUERY_MAX_CHARACTERS:
            raise errors.invalid(f"The request body exceeds the maximum of {QUERY_MAX_CHARACTERS} characters.")
        limit = _count(body.get("limit"), 10, "limit")
        after = _count(body.get("after"), 0, "after")
        if limit > config.search_page_max:
            raise errors.invalid(f"Page size {limit} exceeds the maximum of {config.search_page_max}.")
        if after >= config.search_total_max:
            message = f"Search results beyond {config.search_total_max} cannot be paged to (after={after})."
            raise errors.invalid(message)
        groups = parse_groups(table, body)
        sort = _sort(table, body.get("sorts"))
        query = str(body.get("query") or "").strip().lower()
        now_ms = self._portal.now_ms()
        table.index.catch_up(now_ms)
        result = self._result(
            table, groups, query, sort, raw_key=(repr(body.get("filterGroups") or body.get("filters")))
        )
        end = min(after + limit, len(result), config.search_total_max)
        # Recorded: a record archived a moment ago still counts in `total` and is no longer among the results.
        page = [document for document in result[after:end] if table.live(document.id) is not None]
        return Found(len(result), page, end if end < len(result) else None)

    def _result(
        self, table: Table, groups: list[list[Filter]], query: str, sort: tuple[str, bool] | None, raw_key: str
    ) -> list[Record]:
        key = (table.kind.key, table.index.version, table.schema.version, raw_key, query, sort)
        if key == self._last_key and not any(one.related for group in groups for one in group):
            return self._last
        documents = self._documents(table, groups, sort)
        words = query.split()
        if words:
            documents = [document for document in documents if self._has_words(table, document, words)]
        self._last_key, self._last = key, _ordered(self._portal, table, documents, sort)
        return self._last

    def _documents(self, table: Table, groups: list[list[Filter]], sort: tuple[str, bool] | None) -> list[Record]:
        if not groups:
            return _live(_everything(table, sort))
        found: dict[int, Record] = {}
        for group in groups:
            checks = [self._check(table, one) for one in group]
            for document in _live(self._candidates(table, group, sort)):
                if document.id not in found and all(check(document) for check in checks):
                    found[document.id] = document
        return list(found.values())

    def _candidates(self, table: Table, group: list[Filter], sort: tuple[str, bool] | None) -> Iterable[Record]:
        lookup = _lookup(table)
        for one in group:
            if one.operator in ("EQ", "IN") and one.name == "hs_object_id":
                ids = [int(value) for value in one.values if value.isdecimal()]
                return _present(lookup(id) for id in ids)
            if one.operator in ("EQ", "IN") and one.name in table.unique:
                holders = (table.owner_of(one.name, value) for value in one.values)
                ids = [id for id in holders if id is not None]
                return _present(lookup(id) for id in dict.fromkeys([*ids, *table.index.shadows]))
        for one in group:
            window = _window(table, one)
            if window is not None:
                return table.index.modified_between(*window, lookup)
        return _everything(table, sort)

    def _check(self, table: Table, one: Filter) -> Check:
        if one.related:
            wanted = {int(value) for value in one.values if value.isdecimal()}
            kind = one.name.partition(".")[2]
            return lambda document: not wanted.isdisjoint(self._related(document, kind))
        if one.name in _MODIFIED:
            return one.compile(self._getter(table, one.name), lambda document: document.updated_ms)
        if one.name == "hs_object_id":
            return one.compile(self._getter(table, one.name), lambda document: document.id)
        return one.compile(self._getter(table, one.name))

    def _getter(self, table: Table, name: str) -> Compute:
        compute = self._portal.computed[table.kind.key].get(name)
        return compute if compute is not None else lambda record: record.values.get(name) or None

    def _has_words(self, table: Table, document: Record, words: list[str]) -> bool:
        texts = [(self._portal.value(document, name) or "").lower() for name in table.kind.searched]
        return all(any(word in text for text in texts) for word in words)


def _lookup(table: Table) -> Callable[[int], Record | None]:
    records, shadows = table.records, table.index.shadows
    if not shadows:
        return records.get
    return lambda id: shadows[id] if id in shadows else records.get(id)


def _everything(table: Table, sort: tuple[str, bool] | None) -> Iterable[Record]:
    lookup = _lookup(table)
    if sort is not None and sort[0] in _MODIFIED:
        return table.index.modified_between(0, _FOREVER_MS, lookup)
    gone = [id for id in table.index.shadows if id not in table.records]
    return _present(lookup(id) for id in [*table.ids, *gone])


def _present(documents: Iterable[Record | None]) -> list[Record]:
    return [document for document in documents if document is not None]


def _live(documents: Iterable[Record]) -> list[Record]:
    return [document for document in documents if document.archived_ms is None]


_MODIFIED = ("hs_lastmodifieddate", "lastmodifieddate")


def _window(table: Table, one: Filter) -> tuple[int, int] | None:
    """The modification times that a filter on them lets through."""
    if one.name not in _MODIFIED:
        return None
    moments = [parse_instant_ms(value) for value in one.values]
    first = moments[0] if moments else None
    if first is None:
        return None
    last = moments[-1]
    return {
        "EQ": (first, first),
        "GT": (first + 1, _FOREVER_MS),
        "GTE": (first, _FOREVER_MS),
        "LT": (0, first - 1),
        "LTE": (0, first),
        "BETWEEN": (first, last if last is not None else _FOREVER_MS),
    }.get(one.operator)


def _ordered(portal: Portal, table: Table, documents: list[Record], sort: tuple[str, bool] | None) -> list[Record]:
    """By one property, empty values last; without a sort by creation. Equal ones keep the order of their writing."""
    if sort is None:
        return sorted(documents, key=lambda document: (document.created_ms, document.id))
    name, descending = sort
    if name in _MODIFIED:
        return sorted(documents, key=lambda document: document.updated_ms, reverse=descending)
    if name == "hs_object_id":
        return sorted(documents, key=lambda document: document.id, reverse=descending)
    compute = portal.computed[table.kind.key].get(name)
    numeric = table.schema.properties[name].type == "number"
    filled: list[tuple[Any, Record]] = []
    empty: list[Record] = []
    for document in documents:
        value = compute(document) if compute is not None else document.values.get(name)
        if value:
            filled.append((_number(value) if numeric else value.lower(), document))
        else:
            empty.append(document)
    filled.sort(key=lambda pair: pair[0], reverse=descending)
    return [document for _, document in filled] + empty


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)


def _sort(table: Table, sorts: Any) -> tuple[str, bool] | None:
    """(property, descending). Strings such as "-createdate" are accepted too."""
    if not sorts:
        return None
    if len(sorts) > 1:
        raise errors.invalid("Only one sort is allowed per search.")
    first = sorts[0]
    if isinstance(first, str):
        name, descending = first.lstrip("-"), first.startswith("-")
    else:
        name = str(first.get("propertyName") or "")
        descending = str(first.get("direction") or "ASCENDING").upper() == "DESCENDING"
    if name not in table.schema.properties:
        raise errors.invalid(f"There was a problem with the request: property '{name}' does not exist.")
    return name, descending


def _count(given: Any, default: int, name: str) -> int:
    if given is None or given == "":
        return default
    try:
        number = int(given)
    except (TypeError, ValueError):
        raise errors.malformed_body(f"{name} must be a number") from None
    if number < 0:
        raise errors.malformed_body(f"{name} must not be negative")
    return number

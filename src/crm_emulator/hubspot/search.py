"""CRM search: filter groups, operators, sorts, query, paging, over what the search index can see.

Two ways to the same answer: a window of modification times alone is read off the index, at the cost of its page; any
other search checks every filter on every candidate, where an index may only make the candidates fewer, never wrong.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.computed import Compute
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.records import Record, Table
from crm_emulator.hubspot.search_filters import Check, Filter, parse_groups
from crm_emulator.hubspot.stamps import parse_instant_ms

QUERY_MAX_CHARACTERS = 3_000
_MODIFIED = ("hs_lastmodifieddate", "lastmodifieddate")
_FOREVER_MS = 1 << 52

Related = Callable[[Record, str], Iterable[int]]
Lookup = Callable[[int], Record | None]


class Sort(NamedTuple):
    name: str
    descending: bool


class Found(NamedTuple):
    """One page of one search."""

    total: int
    page: list[Record]
    next_after: int | None


class _Kept(NamedTuple):
    """The last result, with the ids in its order: pages of one search follow each other."""

    key: tuple[Any, ...]
    documents: list[Record]
    ids: list[int]


class Search:
    """Answers searches of one account."""

    def __init__(self, portal: Portal, related: Related) -> None:
        self._portal = portal
        self._related = related
        self._last = _Kept((), [], [])

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
        words = str(body.get("query") or "").lower().split()
        table.index.catch_up(self._portal.now_ms())
        most = min(after + limit, config.search_total_max)
        window = None if words else _whole_window(table, groups, sort)
        if window is not None:
            total, documents = _from_order(table, window, after, most, descending=sort is not None and sort.descending)
        else:
            result = self._result(table, groups, words, sort)
            total, documents = len(result), result[after:most]
        # Recorded: a record archived a moment ago still counts in `total` and is no longer among the results.
        page = [document for document in documents if table.live(document.id) is not None]
        return Found(total, page, most if most < total else None)

    def _result(self, table: Table, groups: list[list[Filter]], words: list[str], sort: Sort | None) -> list[Record]:
        bound, groups = _bound(groups, sort)
        key = (table.kind.key, table.index.version, table.schema.version, repr(groups), tuple(words), sort)
        if key != self._last.key or any(one.related for group in groups for one in group):
            documents = self._documents(table, groups)
            if words:
                documents = [document for document in documents if self._has_words(table, document, words)]
            ordered = _ordered(self._portal, table, documents, sort)
            self._last = _Kept(key, ordered, [document.id for document in ordered])
        if bound is None:
            return self._last.documents
        return self._last.documents[bisect_left(self._last.ids, bound) :]

    def _documents(self, table: Table, groups: list[list[Filter]]) -> list[Record]:
        if not groups:
            return _live(_everything(table))
        found: dict[int, Record] = {}
        for group in groups:
            checks = [self._check(table, one) for one in group]
            for document in _live(self._candidates(table, group)):
                if document.id not in found and all(check(document) for check in checks):
                    found[document.id] = document
        return list(found.values())

    def _candidates(self, table: Table, group: list[Filter]) -> Iterable[Record]:
        lookup = _lookup(table)
        for one in group:
            if one.operator in ("EQ", "IN") and one.name == "hs_object_id":
                return _present(lookup(int(value)) for value in dict.fromkeys(one.values) if value.isdecimal())
            if one.operator in ("EQ", "IN") and one.name in table.unique:
                holders = (table.owner_of(one.name, value) for value in one.values)
                ids = [id for id in holders if id is not None]
                return _present(lookup(id) for id in dict.fromkeys([*ids, *table.index.shadows]))
        window = _window(group)
        if window is None:
            return _everything(table)
        order = table.index.order
        return _present(lookup(id) for id in order.ids(*_ranks(table, window)))

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


# What the index holds


def _lookup(table: Table) -> Lookup:
    """The document that search shows for an id."""
    records, shadows = table.records, table.index.shadows
    if not shadows:
        return records.get
    return lambda id: shadows[id] if id in shadows else records.get(id)


def _everything(table: Table) -> Iterable[Record]:
    gone = [id for id in table.index.shadows if id not in table.records]
    return _present(map(_lookup(table), [*table.ids, *gone]))


def _present(documents: Iterable[Record | None]) -> list[Record]:
    return [document for document in documents if document is not None]


def _live(documents: Iterable[Record]) -> list[Record]:
    return [document for document in documents if document.archived_ms is None]


# Windows of modification times


def _whole_window(table: Table, groups: list[list[Filter]], sort: Sort | None) -> tuple[int, int] | None:
    """The window that a search is about, when it is about nothing else and walks along it."""
    if sort is None or sort.name not in _MODIFIED or len(groups) > 1:
        return None
    filters = groups[0] if groups else []
    return _window(filters) or (0, _FOREVER_MS) if all(_limits(one) is not None for one in filters) else None


def _window(filters: list[Filter]) -> tuple[int, int] | None:
    """The modification times, first and last, that the filters on them let through; None without such a filter."""
    limits = [found for one in filters if (found := _limits(one)) is not None]
    if not limits:
        return None
    return max(first for first, _ in limits), min(last for _, last in limits)


def _limits(one: Filter) -> tuple[int, int] | None:
    if one.name not in _MODIFIED or not one.values:
        return None
    moments = [parse_instant_ms(value) for value in one.values]
    first, last = moments[0], moments[-1]
    if first is None or last is None:
        return None
    return {
        "EQ": (first, first),
        "GT": (first + 1, _FOREVER_MS),
        "GTE": (first, _FOREVER_MS),
        "LT": (0, first - 1),
        "LTE": (0, first),
        "BETWEEN": (first, last),
    }.get(one.operator)


def _ranks(table: Table, window: tuple[int, int]) -> tuple[int, int]:
    order = table.index.order
    first, last = max(window[0], 0), min(window[1], _FOREVER_MS)
    return order.rank(first), order.rank(last + 1)


def _from_order(
    table: Table, window: tuple[int, int], after: int, most: int, *, descending: bool
) -> tuple[int, list[Record]]:
    """How many documents the window holds, and the page of them from `after` up to `most`."""
    start, stop = _ranks(table, window)
    total = max(0, stop - start)
    first, last = min(after, total), min(most, total)
    if descending:
        ids = table.index.order.ids(stop - last, stop - first)[::-1]
    else:
        ids = table.index.order.ids(start + first, start + last)
    return total, _present(map(_lookup(table), ids))


# Sorting


def _bound(groups: list[list[Filter]], sort: Sort | None) -> tuple[int | None, list[list[Filter]]]:
    """Takes "id greater than" out of a search that walks along ids, so that its next page is the same search."""
    if sort != ("hs_object_id", False) or len(groups) != 1:
        return None, groups
    kept: list[Filter] = []
    bound: int | None = None
    for one in groups[0]:
        if one.name == "hs_object_id" and one.operator in ("GT", "GTE") and one.values[0].isdecimal():
            bound = max(bound or 0, int(one.values[0]) + (one.operator == "GT"))
        else:
            kept.append(one)
    return bound, [kept]


def _ordered(portal: Portal, table: Table, documents: list[Record], sort: Sort | None) -> list[Record]:
    """By one property, empty values last; without a sort by creation. Nothing is promised about equal ones."""
    if sort is None:
        return sorted(documents, key=lambda document: (document.created_ms, _scattered(document)))
    name, descending = sort
    if name == "hs_object_id":
        return sorted(documents, key=lambda document: document.id, reverse=descending)
    compute = portal.computed[table.kind.key].get(name)
    rank = _RANKS.get(table.schema.properties[name].type, str.lower)
    filled: list[tuple[Any, int, Record]] = []
    empty: list[Record] = []
    for document in documents:
        value = compute(document) if compute is not None else document.values.get(name)
        if value:
            filled.append((rank(value), _scattered(document), document))
        else:
            empty.append(document)
    filled.sort(key=lambda entry: entry[:2], reverse=descending)
    return [document for _, _, document in filled] + empty


def _scattered(document: Record) -> int:
    """An order of equal ones that is neither that of ids nor that of writing."""
    return document.id * 2_654_435_761 & 0xFFFF_FFFF


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)


def _instant(text: str) -> int:
    return parse_instant_ms(text) or 0


# By value where it differs from the text: `...:20.500Z` comes after `...:20Z`.
_RANKS: dict[str, Callable[[str], Any]] = {"number": _number, "datetime": _instant, "date": _instant}


def _sort(table: Table, sorts: Any) -> Sort | None:
    """Strings such as "-createdate" are accepted too."""
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
    return Sort(name, descending)


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

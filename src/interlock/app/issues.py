"""Issues: listing, showing, resyncing, ignoring, exporting. Changes only what is due and how an issue stands."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from interlock.app.connections import check_objects
from interlock.app.errors import BadInput, Missing
from interlock.app.keys import parse_key
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.times import rfc3339
from interlock.core.model import Issue, IssueCategory, Reason, RecordKey, Side
from interlock.store import Store, dirty, issues, schedule
from interlock.store.issues import UNRESOLVED

Json = dict[str, Any]
PAGE_ROWS = 500


class Query(msgspec.Struct, frozen=True):
    category: str | None = None
    object: str | None = None
    code: str | None = None
    record: RecordKey | None = None
    status: tuple[str, ...] = UNRESOLVED


class Listed(msgspec.Struct, frozen=True):
    issues: list[Issue]
    total: int
    by_category: dict[str, int]
    next_cursor: str | None


def check_category(category: str | None) -> str | None:
    """Raises BadInput."""
    known = [each.value for each in IssueCategory]
    if category is not None and category not in known:
        raise BadInput(
            f"{category!r} is not a category.", code="no_such_category", fix=f"There are: {', '.join(known)}."
        )
    return category


def query_of(category: str | None, object_: str | None, code: str | None, record: str | None) -> Query:
    """What was typed. Raises BadInput."""
    check_objects([object_] if object_ else None)
    key = parse_key(record) if record else None
    if record and key is None:
        raise BadInput(f"{record!r} is not a record key.", code="bad_key", fix="`interlock find` gives the key.")
    return Query(check_category(category), object_, code, key)


async def list_(store: Store, connection_id: int, query: Query, cursor: str | None = None, limit: int = 100) -> Listed:
    """One page, with the counts of everything that is open. Raises BadInput for a cursor that is not ours."""
    async with store.read(connection_id) as tx:
        counts = await issues.counts(tx)
        try:
            found, next_cursor = await issues.list_(
                tx,
                category=query.category,
                object=query.object,
                code=query.code,
                record=query.record,
                status=query.status,
                cursor=cursor,
                limit=limit,
            )
        except ValueError as error:
            raise BadInput(
                f"{cursor!r} is not a cursor of this list.", code="bad_cursor", fix="Begin again without --cursor."
            ) from error
    return Listed(found, counts.total, counts.by_category, next_cursor)


async def every(store: Store, connection_id: int, query: Query) -> list[Issue]:
    found: list[Issue] = []
    cursor: str | None = None
    while True:
        page = await list_(store, connection_id, query, cursor, PAGE_ROWS)
        found += page.issues
        cursor = page.next_cursor
        if cursor is None:
            return found


async def show(store: Store, connection_id: int, id_: int) -> Issue:
    """Raises Missing."""
    async with store.read(connection_id) as tx:
        found = await issues.get(tx, id_)
    if found is None:
        raise Missing(f"There is no issue {id_}.", code="no_such_issue", fix="`interlock issues` lists them.")
    return found


async def choose(
    store: Store, connection_id: int, ids: Sequence[int] | None, category: str | None, everything: bool
) -> list[Issue]:
    """Those with these ids, else of a category, else all that are open. Raises Missing, BadInput."""
    if ids:
        return [await show(store, connection_id, id_) for id_ in ids]
    if not category and not everything:
        raise BadInput("Say which issues.", code="nothing_chosen", fix="Name ids, a category, or all of them.")
    return await every(store, connection_id, Query(check_category(category)))


def keys_of(issue: Issue) -> list[RecordKey]:
    """The record's keys, one of them is enough to make the pair due."""
    if issue.hubspot_id is not None:
        return [RecordKey(Side.HUBSPOT, issue.object, issue.hubspot_id)]
    if issue.salesforce_id is not None and issue.salesforce_type is not None:
        return [RecordKey(Side.SALESFORCE, issue.salesforce_type, issue.salesforce_id)]
    return []


async def resync(store: Store, connection_id: int, chosen: Sequence[Issue], now_us: int, by: By = BY_COMMAND) -> int:
    """The records of these issues are due again; each issue waits for the outcome. The number of records."""
    by_object: dict[str, list[RecordKey]] = {}
    for issue in chosen:
        by_object.setdefault(issue.object, []).extend(keys_of(issue))
    async with store.write(connection_id) as tx:
        for slug, keys in by_object.items():
            if keys:
                await dirty.mark(tx, slug, keys, Reason.RESYNC, now_us)
        named = [issue.id for issue in chosen if issue.id is not None and keys_of(issue)]
        await issues.set_waiting(tx, named, now_us)
        await schedule.ring(tx)
        await record(tx, by, "issues_resynced", f"connection:{connection_id}", issues=named)
    return len({key for keys in by_object.values() for key in keys})


async def ignore(store: Store, connection_id: int, chosen: Sequence[Issue], by: By = BY_COMMAND) -> int:
    async with store.write(connection_id) as tx:
        named = [issue.id for issue in chosen if issue.id is not None]
        ignored = await issues.ignore(tx, named)
        await record(tx, by, "issues_ignored", f"connection:{connection_id}", issues=named)
        return ignored


def list_document(listed: Listed) -> Json:
    return {
        "total": listed.total,
        "by_category": listed.by_category,
        "issues": [as_document(issue) for issue in listed.issues],
        "next_cursor": listed.next_cursor,
    }


def changed_document(action: str, chosen: Sequence[Issue], *, plan: bool) -> Json:
    return {"action": action, "planned": plan, "issues": [issue.id for issue in chosen]}


def as_document(issue: Issue) -> Json:
    record = {Side.HUBSPOT: issue.hubspot_id, Side.SALESFORCE: issue.salesforce_id}
    salesforce_type = issue.salesforce_type
    return {
        "id": issue.id,
        "category": issue.category.value,
        "code": issue.code,
        "severity": issue.severity,
        "status": issue.status,
        "object": issue.object,
        "label": issue.label,
        "hubspot": f"hubspot:{issue.object}:{record[Side.HUBSPOT]}" if record[Side.HUBSPOT] else None,
        "salesforce": (
            f"salesforce:{salesforce_type}:{record[Side.SALESFORCE]}"
            if record[Side.SALESFORCE] and salesforce_type
            else None
        ),
        "property": issue.property,
        "field": issue.field,
        "value": issue.value,
        "cause": issue.cause,
        "fix": issue.fix,
        "raw_message": issue.raw_message,
        "first_seen_at": rfc3339(issue.first_seen_us),
        "last_seen_at": rfc3339(issue.last_seen_us),
        "tries": issue.tries,
        "next_try_at": rfc3339(issue.next_try_us),
    }


def export(chosen: Collection[Issue], file: Path) -> None:
    """Write `.csv` or `.jsonl`, by the file's ending. Raises BadInput."""
    if file.suffix not in (".csv", ".jsonl"):
        # Before the file is opened: a name that was mistyped must not empty what is there.
        raise BadInput(f"{file.name}: the ending must be .csv or .jsonl.", code="bad_ending", fix="Give another name.")
    try:
        with file.open("w", encoding="utf-8", newline="") as out:
            out.write(_head(file.suffix) + _lines(file.suffix, chosen))
    except OSError as error:
        raise BadInput(
            f"{file} cannot be written: {error.strerror}.", code="file_unwritable", fix="Give another path."
        ) from error


async def exported(store: Store, connection_id: int, query: Query, suffix: str) -> AsyncIterator[str]:
    """The same text as `export` writes, a page of the list at a time. Raises BadInput with the first of them."""
    text = _head(suffix)
    cursor: str | None = None
    while True:
        page = await list_(store, connection_id, query, cursor, PAGE_ROWS)
        yield text + _lines(suffix, page.issues)
        text, cursor = "", page.next_cursor
        if cursor is None:
            return


def _head(suffix: str) -> str:
    return _csv_line(list(as_document(_EMPTY))) if suffix == ".csv" else ""


def _lines(suffix: str, chosen: Collection[Issue]) -> str:
    documents = map(as_document, chosen)
    if suffix == ".csv":
        return "".join(_csv_line([_safe_cell(value) for value in each.values()]) for each in documents)
    return "".join(json.dumps(each, ensure_ascii=True) + "\n" for each in documents)


def _csv_line(cells: Sequence[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _safe_cell(value: object) -> object:
    # A record's text that begins like a formula would be run by a spreadsheet that opens the file.
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


_EMPTY = Issue(IssueCategory.LIMITS, "", "", "", None, None, None, "", "")

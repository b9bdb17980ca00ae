"""Issues: listing, showing, resyncing, ignoring, exporting. Changes only what is due and how an issue stands."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from interlock.app.cells import csv_rows
from interlock.app.connections import check_objects
from interlock.app.errors import BadInput, Missing
from interlock.app.keys import parse_key
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.times import rfc3339
from interlock.core.model import Issue, IssueCategory, Reason, RecordKey, Side
from interlock.store import Store, Tx, dirty, issues, schedule
from interlock.store.issues import UNRESOLVED, Affected

Json = dict[str, Any]
PAGE_ROWS = 1_000


class Query(msgspec.Struct, frozen=True):
    category: str | None = None
    object: str | None = None
    code: str | None = None
    record: RecordKey | None = None
    status: tuple[str, ...] = UNRESOLVED
    up_to: int | None = None  # the newest that counts


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
            found, next_cursor = await _found(tx, query, cursor, limit)
        except ValueError as error:
            raise BadInput(
                f"{cursor!r} is not a cursor of this list.", code="bad_cursor", fix="Begin again without --cursor."
            ) from error
    return Listed(found, counts.total, counts.by_category, next_cursor)


async def _found(tx: Tx, query: Query, cursor: str | None, limit: int) -> tuple[list[Issue], str | None]:
    """Raises ValueError for a cursor that is not ours."""
    return await issues.list_(
        tx,
        category=query.category,
        object=query.object,
        code=query.code,
        record=query.record,
        status=query.status,
        up_to=query.up_to,
        cursor=cursor,
        limit=limit,
    )


async def matching(store: Store, connection_id: int, query: Query) -> tuple[int, int]:
    """How many the query finds, and the id of the newest."""
    async with store.read(connection_id) as tx:
        return await issues.matching(
            tx,
            category=query.category,
            object=query.object,
            code=query.code,
            record=query.record,
            status=query.status,
        )


async def every(store: Store, connection_id: int, query: Query) -> list[Issue]:
    return [issue async for page in pages(store, connection_id, query) for issue in page]


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


async def resync_all(store: Store, connection_id: int, query: Query, now_us: int, by: By = BY_COMMAND) -> int:
    """Everything that the query finds, in bites: each is a transaction of its own, however many there are."""
    return sum(
        [await resync(store, connection_id, page, now_us, by) async for page in pages(store, connection_id, query)]
    )


async def ignore_all(store: Store, connection_id: int, query: Query, counted: int, by: By = BY_COMMAND) -> int:
    """`counted`: how many a person saw. Raises BadInput unless there are as many: what is ignored stays out of sight also when it
    comes back, so nothing is ignored that came after the list was looked at."""
    now, newest = await matching(store, connection_id, query)
    if counted != now:
        raise BadInput(
            f"There are {now} such issues now, not {counted}.",
            code="count_differs",
            field="counted",
            fix="Look at the list again, then type the number that it shows.",
        )
    query = msgspec.structs.replace(query, up_to=newest)
    return sum([await ignore(store, connection_id, page, by) async for page in pages(store, connection_id, query)])


async def chosen(store: Store, connection_id: int, ids: Collection[int]) -> list[Issue]:
    """Those of these ids that are there; a list that somebody looks at may be old."""
    async with store.read(connection_id) as tx:
        found = [await issues.get(tx, id_) for id_ in sorted(ids)]
    return [each for each in found if each is not None]


async def pages(store: Store, connection_id: int, query: Query) -> AsyncIterator[list[Issue]]:
    """All that the query finds, never more than a page at a time."""
    cursor: str | None = None
    while True:
        async with store.read(connection_id) as tx:
            found, cursor = await _found(tx, query, cursor, PAGE_ROWS)
        if found:
            yield found
        if cursor is None:
            return


async def affected(store: Store, connection_id: int) -> dict[str, Affected]:
    """By category: how many issues, and of how many records. Every category is there."""
    async with store.read(connection_id) as tx:
        found = await issues.affected(tx)
    return {each.value: found.get(each.value, Affected(0, 0)) for each in IssueCategory}


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
    documents = [as_document(issue) for issue in chosen]
    if file.suffix not in (".csv", ".jsonl"):
        # Before the file is opened: a name that was mistyped must not empty what is there.
        raise BadInput(f"{file.name}: the ending must be .csv or .jsonl.", code="bad_ending", fix="Give another name.")
    try:
        with file.open("w", encoding="utf-8", newline="") as out:
            if file.suffix == ".csv":
                out.write(csv_rows(_NAMES))
                out.writelines(csv_rows(each.values()) for each in documents)
            else:
                out.writelines(map(_json_line, documents))
    except OSError as error:
        raise BadInput(
            f"{file} cannot be written: {error.strerror}.", code="file_unwritable", fix="Give another path."
        ) from error


async def exported(store: Store, connection_id: int, query: Query, ending: str) -> AsyncIterator[str]:
    """The same in pieces, for a page: `csv` or `jsonl`. Raises BadInput before the first piece."""
    if ending == "csv":
        yield csv_rows(_NAMES)
    elif ending != "jsonl":
        raise BadInput(f"{ending!r} is no format.", code="bad_ending", fix="Ask for csv or jsonl.")
    async for page in pages(store, connection_id, query):
        documents = [as_document(issue) for issue in page]
        yield "".join(csv_rows(each.values()) if ending == "csv" else _json_line(each) for each in documents)


def _json_line(document: Json) -> str:
    return json.dumps(document, ensure_ascii=True) + "\n"


_EMPTY = Issue(IssueCategory.LIMITS, "", "", "", None, None, None, "", "")
_NAMES = tuple(as_document(_EMPTY))

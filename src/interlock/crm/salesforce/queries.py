"""Reading Salesforce records: queries in composite calls, retrieval by ids, deletions, and the search of `find`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from interlock.core.model import Observation, Raw
from interlock.crm.calls import Calls, Reply, chunks, in_parallel
from interlock.crm.decoding import decoder
from interlock.crm.errors import ServerFault
from interlock.crm.salesforce import composite, condition, soql
from interlock.crm.salesforce.composite import Sub, SubReply
from interlock.crm.salesforce.model import Deleted, QueryResult
from interlock.crm.salesforce.requests import (
    COMPOSITE_COLLECTIONS,
    DATA_PATH,
    RETRIEVE_ROWS,
    WirePage,
    check_next_page,
    encode,
    flatten,
    parse_failures,
    parse_page,
    refusal_error,
    refused,
    sobject_path,
    to_observation,
    to_us,
)

SUBREQUEST_TRIES = 3
BY_IDS_ROWS = 600

parse_rows = decoder(list[dict[str, Raw] | None])


def query_url(text: str, include_deleted: bool) -> str:
    return f"{DATA_PATH}/{'queryAll' if include_deleted else 'query'}?q={soql.in_url(text)}"


async def query_many(calls: Calls, soqls: Sequence[str], include_deleted: bool, purpose: str) -> list[QueryResult]:
    return await _pages(calls, [query_url(text, include_deleted) for text in soqls], purpose)


async def query_more(calls: Calls, next_urls: Sequence[str], purpose: str) -> list[QueryResult]:
    for url in next_urls:
        check_next_page(calls, url)
    pages = await _pages(calls, next_urls, purpose)
    for url, page in zip(next_urls, pages, strict=True):
        calls.moved_on(url, page.next_url)
    return pages


async def query_all_rows(calls: Calls, text: str, include_deleted: bool, purpose: str) -> list[dict[str, Raw]]:
    [page] = await query_many(calls, [text], include_deleted, purpose)
    rows = page.records
    while page.next_url is not None:
        [page] = await query_more(calls, [page.next_url], purpose)
        rows.extend(page.records)
    return rows


async def _every_row(
    calls: Calls, soqls: Sequence[str], include_deleted: bool, purpose: str
) -> list[tuple[dict[str, Raw], int]]:
    """All rows of all queries, each with the time of its read; their further pages are walked side by side."""
    rows: list[tuple[dict[str, Raw], int]] = []
    pages = await query_many(calls, soqls, include_deleted, purpose)
    while pages:
        rows.extend((row, page.read_us) for page in pages for row in page.records)
        further = [page.next_url for page in pages if page.next_url is not None]
        pages = await query_more(calls, further, purpose)
    return rows


async def query_by_ids(
    calls: Calls, sobject: str, ids: Sequence[str], fields: Sequence[str], include_deleted: bool, purpose: str
) -> list[dict[str, Raw]]:
    most = soql.ids_per_query(sobject, fields, BY_IDS_ROWS)
    # One id that is none would have the whole query refused (MALFORMED_ID), and is of no record.
    wanted = [id for id in dict.fromkeys(ids) if soql.is_record_id(id)]
    soqls = [soql.by_ids(sobject, fields, chunk) for chunk in chunks(wanted, most)]
    return [flatten(row, fields) for row, _ in await _every_row(calls, soqls, include_deleted, purpose)]


async def query_where_in(
    calls: Calls,
    sobject: str,
    fields: Sequence[str],
    values: Mapping[str, Sequence[str]],
    include_deleted: bool,
    purpose: str,
) -> list[Observation]:
    wide = not soql.fit([*fields, *values])
    asked = soql.narrowed(fields) if wide else fields
    soqls = [
        text for field, wanted in values.items() for text in soql.where_in(sobject, [*asked, field], field, wanted)
    ]
    found: dict[str, Observation] = {}
    for row, read_us in await _every_row(calls, soqls, include_deleted, purpose):
        seen = to_observation(sobject, row, read_us, fields)
        # Found twice, by two fields: what was asked for beyond `fields` differs, so both answers count.
        known = found.get(seen.key.id)
        if known is not None:
            seen.values.update({name: value for name, value in known.values.items() if name not in seen.values})
        found[seen.key.id] = seen
    if not wide:
        return list(found.values())
    return await with_values(calls, sobject, list(found.values()), list(dict.fromkeys([*fields, *values])), purpose)


async def matching(
    calls: Calls, sobject: str, ids: Sequence[str], text: str, include_deleted: bool, purpose: str
) -> set[str]:
    most = condition.ids_among(sobject, text, BY_IDS_ROWS, soql.QUERY_BYTES_MAX)
    wanted = [id for id in dict.fromkeys(ids) if soql.is_record_id(id)]
    soqls = [condition.among(sobject, chunk, text) for chunk in chunks(wanted, most)]
    return {str(row["Id"]) for row, _ in await _every_row(calls, soqls, include_deleted, purpose)}


async def values_holding(calls: Calls, sobject: str, field: str, texts: Sequence[str], purpose: str) -> list[str]:
    rows = await _every_row(calls, soql.where_like(sobject, field, texts), False, purpose) if texts else []
    return [str(row[field]) for row, _ in rows]


async def count(calls: Calls, sobject: str, text: str | None, purpose: str) -> int:
    asked = condition.count_all(sobject) if text is None else condition.count(sobject, text)
    [page] = await query_many(calls, [asked], False, purpose)
    return page.total


async def with_values(
    calls: Calls, sobject: str, rows: Sequence[Observation], fields: Sequence[str], purpose: str
) -> list[Observation]:
    """Deleted rows as they are: nothing else reads them. The others anew; one that went since then is left out."""
    living = [row.key.id for row in rows if not row.values.get("IsDeleted")]
    found = await retrieve(calls, sobject, living, fields, purpose)
    seen = (row if row.values.get("IsDeleted") else found.get(row.key.id) for row in rows)
    return [row for row in seen if row is not None]


async def _pages(calls: Calls, urls: Sequence[str], purpose: str) -> list[QueryResult]:
    async def one(chunk: Sequence[str]) -> list[QueryResult]:
        return await _five(calls, chunk, purpose)

    parts = await in_parallel(chunks(urls, COMPOSITE_COLLECTIONS), one)
    return [page for part in parts for page in part]


async def _five(calls: Calls, urls: Sequence[str], purpose: str) -> list[QueryResult]:
    """One composite call; what broke down inside it (a query time-out) is asked again, what was refused is raised."""
    found: dict[int, QueryResult] = {}
    waiting = list(range(len(urls)))
    for attempt in range(SUBREQUEST_TRIES):
        if attempt:
            await calls.pause(attempt)
        subs = [Sub("GET", urls[index], f"query{index}") for index in waiting]
        replies, sent_us = await composite.read(calls, subs, purpose)
        for index in list(waiting):
            reply = replies.get(f"query{index}")
            if reply is not None and reply.ok:
                page = decode_page(calls, reply)
                found[index] = QueryResult(page.records, page.next_records_url, page.total_size, sent_us)
                waiting.remove(index)
            elif reply is not None and not _passes_later(reply):
                raise refusal_error(reply.http_status_code, parse_failures(reply.body))
        if not waiting:
            return [found[index] for index in range(len(urls))]
    raise ServerFault(calls.side, f"Salesforce did not finish {len(waiting)} of {len(urls)} queries.")


def _passes_later(reply: SubReply) -> bool:
    # 401: the session ended within the call; the next call signs in again.
    failures = parse_failures(reply.body)
    return reply.http_status_code in (401, 429) or reply.http_status_code >= 500 or refused(failures).retry


def decode_page(calls: Calls, reply: SubReply) -> WirePage:
    """Raises ServerFault."""
    try:
        return parse_page(reply.body)
    except msgspec.MsgspecError as error:
        raise calls.garbled("a page of records") from error


async def retrieve(
    calls: Calls, sobject: str, ids: Sequence[str], fields: Sequence[str], purpose: str
) -> dict[str, Observation]:
    names: dict[str, list[str]] = {}  # what was asked, by the 15 characters that both forms of an id share
    for id in dict.fromkeys(ids):
        # People can edit the property that an id comes from. What is none is of no record, like one that is unknown.
        if soql.is_record_id(id):
            names.setdefault(id[:15], []).append(id)
    wanted = [forms[0] for forms in names.values()]
    asked = list(dict.fromkeys(("Id", *(soql.name(field) for field in fields))))
    path = f"{DATA_PATH}/composite/sobjects/{soql.name(sobject)}"

    async def one(chunk: Sequence[str]) -> dict[str, Observation]:
        body = encode({"ids": chunk, "fields": asked})
        reply, rows = await calls.read_as(
            "POST", path, body, lambda reply: parse_rows(reply.body), "a list of records", purpose=purpose
        )
        seen = (to_observation(sobject, row, reply.sent_us) for row in rows if row is not None)
        return {id: record for record in seen for id in names.get(record.key.id[:15], ())}

    found: dict[str, Observation] = {}
    for part in await in_parallel(chunks(wanted, RETRIEVE_ROWS), one):
        found.update(part)
    return found


class _DeletedRecord(msgspec.Struct, rename="camel"):
    id: str
    deleted_date: str


class _Deleted(msgspec.Struct, rename="camel"):
    deleted_records: list[_DeletedRecord]
    latest_date_covered: str


async def deleted(calls: Calls, sobject: str, since_us: int, until_us: int, purpose: str) -> Deleted:
    # Seconds are ignored and the end must lie after the start (getDeleted): the minute is rounded outwards.
    start = since_us // 60_000_000 * 60_000_000
    end = max(until_us, start + 60_000_000)
    path = f"{sobject_path(soql.name(sobject))}/deleted/?start={_moment(start)}&end={_moment(end)}"

    def decode(reply: Reply) -> Deleted:
        answer = msgspec.json.decode(reply.body, type=_Deleted)
        return Deleted(
            {record.id: to_us(record.deleted_date) for record in answer.deleted_records},
            to_us(answer.latest_date_covered),
        )

    _, found = await calls.read_as("GET", path, None, decode, "a list of deleted records", purpose=purpose)
    return found


def _moment(us: int) -> str:
    return quote(datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00"), safe="")


_FIND = (
    ("Contact", ("Name", "Email", "Account.Name"), ("Name", "Email")),
    ("Lead", ("Name", "Email", "Company"), ("Name", "Email", "Company")),
    ("Account", ("Name", "Website"), ("Name",)),
    ("Opportunity", ("Name", "Account.Name"), ("Name",)),
)


async def find(calls: Calls, text: str, limit: int, purpose: str) -> list[Observation]:
    literal = soql.quote_like(text)
    soqls = [
        f"SELECT {soql.fields(shown, 'Id', 'SystemModstamp', 'CreatedDate')} FROM {sobject} WHERE "
        + " OR ".join(f"{field} LIKE {literal}" for field in searched)
        + f" LIMIT {limit:d}"
        for sobject, shown, searched in _FIND
    ]
    pages = await query_many(calls, soqls, False, purpose)
    return [
        to_observation(sobject, row, page.read_us, shown)
        for (sobject, shown, _), page in zip(_FIND, pages, strict=True)
        for row in page.records
    ]

"""Writing Salesforce records in composite calls, with an outcome for every record.

`update_with_before` puts "query these ids" (retrieve them, where the fields are too many for a query) before "PATCH
these records" in one call, so that what somebody wrote since our read shows in the pre-image. It relies on
`collateSubrequests` false (subrequests run in the order given) and on `allOrNone` false at both levels (one bad record
stops no other). What it cannot have: with `allOrNone` false a failed query does not stop the PATCH after it, and with true
one bad record would roll back all. A query by ids that fails where a read of the same fields passed just before is rare
(access to a field lost in between, a time-out); its records come back Written with `before` None, which means "not
proven", and the caller must treat it so. Between query and PATCH the row is not locked: the window is within one call, not
nil.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import msgspec

from interlock.core.model import NotDone, Outcome, Raw, Refused, Unsettled, Written
from interlock.crm.calls import Calls, Declined, chunks, in_parallel
from interlock.crm.isolate import WholeRefused
from interlock.crm.salesforce import composite, soql
from interlock.crm.salesforce.composite import Replies, Sub, SubReply
from interlock.crm.salesforce.groups import WRITES_AT_ONCE, GroupAnswer, call_answer, group_answer, in_groups
from interlock.crm.salesforce.model import SalesforceCreate, SalesforceInsert, SalesforceWrite
from interlock.crm.salesforce.queries import parse_rows, query_url
from interlock.crm.salesforce.requests import (
    AUTO_ASSIGN,
    COLLECTION_ROWS,
    COMPOSITE_COLLECTIONS,
    COMPOSITE_SUBREQUESTS,
    DATA_PATH,
    NO_AUTO_ASSIGN,
    WireSaved,
    flatten,
    parse_failures,
    parse_page,
    refused,
    segment,
    sobject_path,
    to_us,
)

COLLECTION_PATH = f"{DATA_PATH}/composite/sobjects"
PAIRS_PER_CALL = 2  # query, PATCH, query, PATCH; the fifth place holds the query after them
LINK_ROWS_ONLY = frozenset({"OpportunityContactRole", "PermissionSetAssignment", "FieldPermissions"})

Rows = dict[str, dict[str, Raw]]  # by the first 15 characters of the id, which all its forms share


async def update_with_before(
    calls: Calls, sobject: str, to_write: Sequence[SalesforceWrite], before_fields: Sequence[str], purpose: str
) -> dict[str, Outcome]:
    names = list(dict.fromkeys(("Id", *before_fields, "SystemModstamp")))
    wide = not soql.fit(names)
    rows = COLLECTION_ROWS
    if not wide:
        # The query after the writes asks for the ids of both pairs at once.
        rows = soql.ids_per_query(sobject, names, COLLECTION_ROWS * PAIRS_PER_CALL) // PAIRS_PER_CALL

    def reads(part: Sequence[SalesforceWrite], reference: str) -> Sub:
        ids = [write.id for write in part]
        if wide:
            return Sub("POST", f"{COLLECTION_PATH}/{soql.name(sobject)}", reference, {"ids": ids, "fields": names})
        return Sub("GET", query_url(soql.by_ids(sobject, names, ids), False), reference)

    async def send(parts: list[Sequence[SalesforceWrite]]) -> list[GroupAnswer]:
        subs: list[Sub] = []
        for index, part in enumerate(parts):
            subs.append(reads(part, f"before{index}"))
            subs.append(Sub("PATCH", COLLECTION_PATH, f"write{index}", _records(sobject, part)))
        subs.append(reads([write for part in parts for write in part], "after"))
        answer = await composite.write(calls, subs, purpose, NO_AUTO_ASSIGN)
        if not isinstance(answer, dict):
            return [call_answer(answer)] * len(parts)
        after = _rows(answer.get("after"))
        return [_update_answer(answer, index, part, after) for index, part in enumerate(parts)]

    outcomes = await in_groups(to_write, rows, PAIRS_PER_CALL, send, _carries)
    return {write.id: outcome for write, outcome in zip(to_write, outcomes, strict=True)}


def _carries(write: SalesforceWrite | SalesforceCreate | SalesforceInsert, name: str) -> bool:
    return name in write.fields


def _records(sobject: str, part: Sequence[SalesforceWrite]) -> dict[str, Any]:
    attributes = {"type": soql.name(sobject)}
    records = [{"attributes": attributes, "id": soql.record_id(write.id), **write.fields} for write in part]
    return {"allOrNone": False, "records": records}


def _update_answer(replies: Replies, index: int, part: Sequence[SalesforceWrite], after: Rows) -> GroupAnswer:
    before = _rows(replies.get(f"before{index}"))

    def written(position: int, saved: WireSaved) -> Outcome:
        write = part[position]
        values = after.get(write.id[:15])
        stamp = None if values is None else values.get("SystemModstamp")
        return Written(
            id=saved.id or write.id,
            values=values,
            modified_us=None if stamp is None else to_us(stamp),
            before=before.get(write.id[:15]),
        )

    return group_answer(replies.get(f"write{index}"), len(part), written)


def _rows(reply: SubReply | None) -> Rows:
    """The rows of a reading subrequest; none when it failed, since the writes beside it stand all the same."""
    if reply is None or not reply.ok:
        return {}
    try:
        # A retrieve answers with the bare rows, null for what it does not find.
        records = parse_rows(reply.body) if bytes(reply.body).startswith(b"[") else parse_page(reply.body).records
    except msgspec.MsgspecError:
        return {}
    return {row["Id"][:15]: flatten(row) for row in records if row is not None}


async def update_exact(
    calls: Calls, sobject: str, to_write: Sequence[tuple[SalesforceWrite, int]], purpose: str
) -> dict[str, Outcome]:
    """One subrequest a record, since If-Unmodified-Since acts on rows only (REST API, conditional requests)."""

    async def one(part: Sequence[tuple[SalesforceWrite, int]]) -> list[Outcome]:
        subs = [
            Sub(
                "PATCH",
                f"{sobject_path(soql.name(sobject))}/{soql.record_id(write.id)}",
                f"row{index}",
                write.fields,
                {"If-Unmodified-Since": _http_date(since_us)},
            )
            for index, (write, since_us) in enumerate(part)
        ]
        answer = await composite.write(calls, subs, purpose, NO_AUTO_ASSIGN)
        if not isinstance(answer, dict):
            whole = call_answer(answer)
            outcome = whole.refused if isinstance(whole, WholeRefused) else whole
            return [outcome] * len(part)
        return [_row_outcome(write.id, answer.get(f"row{index}")) for index, (write, _) in enumerate(part)]

    parts = chunks(to_write, COMPOSITE_SUBREQUESTS)
    answers = await in_parallel(parts, one, WRITES_AT_ONCE)
    return {
        write.id: outcome
        for part, outcomes in zip(parts, answers, strict=True)
        for (write, _), outcome in zip(part, outcomes, strict=True)
    }


def _http_date(us: int) -> str:
    return format_datetime(datetime.fromtimestamp(us // 1_000_000, UTC), usegmt=True)


def _row_outcome(id: str, reply: SubReply | None) -> Outcome:
    if reply is None:
        return Unsettled("Salesforce's answer leaves this record out")
    if reply.ok:
        return Written(id)
    if reply.http_status_code == 412:
        return Refused("PRECONDITION_FAILED", "the record was changed since it was read")
    verdict = refused(parse_failures(reply.body), reply.http_status_code)
    if verdict.code == "PROCESSING_HALTED":
        return NotDone(f"Salesforce did not carry it out: {verdict.message}")
    if reply.http_status_code >= 500:
        return Unsettled(f"Salesforce broke down in the middle of the call: {verdict.message}")
    return verdict


async def create(
    calls: Calls,
    sobject: str,
    key_field: str,
    to_write: Sequence[SalesforceCreate],
    auto_assign: bool,
    purpose: str,
) -> dict[str, Outcome]:
    """No upsert: where the request comes twice that would write over what somebody typed into the new record in between,
    and show it to nobody. Of a key that is there already Salesforce says DUPLICATE_VALUE: then it came before, and what came
    of that nobody has told."""
    headers = AUTO_ASSIGN if auto_assign else NO_AUTO_ASSIGN
    attributes = {"type": soql.name(sobject)}

    def sub(index: int, part: Sequence[SalesforceCreate]) -> Sub:
        records = [{"attributes": attributes, soql.name(key_field): write.key, **write.fields} for write in part]
        return Sub("POST", COLLECTION_PATH, f"write{index}", {"allOrNone": False, "records": records})

    async def send(parts: list[Sequence[SalesforceCreate]]) -> list[GroupAnswer]:
        return await _send(calls, [sub(index, part) for index, part in enumerate(parts)], parts, purpose, headers)

    outcomes = await in_groups(to_write, COLLECTION_ROWS, COMPOSITE_COLLECTIONS, send, _carries)
    return {write.key: _unless_twice(key_field, outcome) for write, outcome in zip(to_write, outcomes, strict=True)}


def _unless_twice(key_field: str, outcome: Outcome) -> Outcome:
    if isinstance(outcome, Refused) and outcome.code == "DUPLICATE_VALUE" and key_field in outcome.message:
        return Unsettled("Salesforce has a record with this key already: the request came twice")
    return outcome


async def insert(calls: Calls, sobject: str, to_write: Sequence[SalesforceInsert], purpose: str) -> dict[str, Outcome]:
    _assert_link_rows(sobject)
    attributes = {"type": sobject}

    def sub(index: int, part: Sequence[SalesforceInsert]) -> Sub:
        records = [{"attributes": attributes, **write.fields} for write in part]
        return Sub("POST", COLLECTION_PATH, f"write{index}", {"allOrNone": False, "records": records})

    async def send(parts: list[Sequence[SalesforceInsert]]) -> list[GroupAnswer]:
        subs = [sub(index, part) for index, part in enumerate(parts)]
        return await _send(calls, subs, parts, purpose, NO_AUTO_ASSIGN)

    outcomes = await in_groups(to_write, COLLECTION_ROWS, COMPOSITE_COLLECTIONS, send, _carries)
    return {write.trace: outcome for write, outcome in zip(to_write, outcomes, strict=True)}


async def delete(calls: Calls, sobject: str, ids: Sequence[str], purpose: str) -> dict[str, Outcome]:
    _assert_link_rows(sobject)
    return await delete_rows(calls, sobject, ids, purpose)


async def delete_rows(calls: Calls, sobject: str, ids: Sequence[str], purpose: str) -> dict[str, Outcome]:
    def sub(index: int, part: Sequence[str]) -> Sub:
        listed = ",".join(segment(soql.record_id(id)) for id in part)
        return Sub("DELETE", f"{COLLECTION_PATH}?ids={listed}&allOrNone=false", f"write{index}")

    async def send(parts: list[Sequence[str]]) -> list[GroupAnswer]:
        subs = [sub(index, part) for index, part in enumerate(parts)]
        return await _send(calls, subs, parts, purpose, NO_AUTO_ASSIGN)

    wanted = list(dict.fromkeys(ids))
    outcomes = await in_groups(wanted, COLLECTION_ROWS, COMPOSITE_COLLECTIONS, send, lambda id, name: False)
    return dict(zip(wanted, outcomes, strict=True))


def _assert_link_rows(sobject: str) -> None:
    # Records are made with their creation key, and deleted by removal.py alone.
    if sobject not in LINK_ROWS_ONLY:
        raise ValueError(f"{sobject} rows are neither inserted nor deleted by Interlock")


async def _send(
    calls: Calls,
    subs: Sequence[Sub],
    parts: Sequence[Sequence[Any]],
    purpose: str,
    headers: Mapping[str, str],
) -> list[GroupAnswer]:
    answer: Replies | Declined | NotDone | Unsettled = await composite.write(calls, subs, purpose, headers)
    if not isinstance(answer, dict):
        return [call_answer(answer)] * len(parts)

    def written(_: int, saved: WireSaved) -> Outcome:
        return Written(saved.id or "", created=True)

    return [group_answer(answer.get(f"write{index}"), len(part), written) for index, part in enumerate(parts)]

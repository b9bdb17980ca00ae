"""Many records in few composite calls: cutting writes into groups, and isolating a group that is refused as a whole.

A group is one collections subrequest (at most 200 records), a call holds several groups. Knows nothing of what is
written: writes.py hands it the sending.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from interlock.core.model import NotDone, Outcome, Refused, Unsettled
from interlock.crm.calls import Declined, chunks, in_parallel
from interlock.crm.isolate import WholeRefused, isolate
from interlock.crm.salesforce.classify import FIELD_CODES
from interlock.crm.salesforce.composite import SubReply
from interlock.crm.salesforce.requests import WireSaved, parse_failures, parse_saved, refused

# One after the other: parallel writes of contacts that share an account lock each other out (UNABLE_TO_LOCK_ROW).
WRITES_AT_ONCE = 1

T = TypeVar("T")
GroupAnswer = list[Outcome] | WholeRefused | NotDone | Unsettled
Send = Callable[[list[Sequence[T]]], Awaitable[list[GroupAnswer]]]


async def in_groups(
    items: Sequence[T], rows: int, groups: int, send: Send[T], carries: Callable[[T, str], bool]
) -> list[Outcome]:
    """One outcome per item, in order: `rows` items a group, `groups` groups a call."""

    async def one(of_call: Sequence[T]) -> list[Outcome]:
        parts = chunks(of_call, rows)
        outcomes: list[Outcome] = []
        for part, answer in zip(parts, await send(parts), strict=True):
            outcomes.extend(await _settled(part, answer, send, carries))
        return outcomes

    return [
        outcome for part in await in_parallel(chunks(items, rows * groups), one, WRITES_AT_ONCE) for outcome in part
    ]


async def _settled(
    part: Sequence[T], answer: GroupAnswer, send: Send[T], carries: Callable[[T, str], bool]
) -> list[Outcome]:
    if isinstance(answer, list):
        return answer
    if isinstance(answer, NotDone | Unsettled):
        return [answer] * len(part)
    first: list[GroupAnswer] = [answer]

    async def attempt(items: list[T]) -> GroupAnswer:
        return first.pop() if first else (await send([items]))[0]

    return await isolate(part, attempt, carries)


def call_answer(answer: Declined | NotDone | Unsettled) -> NotDone | Unsettled | WholeRefused:
    """What became of every group of a call that gave no replies."""
    if not isinstance(answer, Declined):
        return answer
    failures = parse_failures(answer.reply.body)
    return WholeRefused(
        refused(failures, answer.reply.status)
        if failures
        else Refused(answer.error.crm_code or f"HTTP_{answer.reply.status}", answer.error.message),
        everyone=answer.reply.status == 403,
    )


def group_answer(reply: SubReply | None, size: int, written: Callable[[int, WireSaved], Outcome]) -> GroupAnswer:
    """One collections subrequest's answer; `written` makes the outcome of a record that was saved."""
    if reply is None:
        return Unsettled("Salesforce's answer leaves this part of the call out")
    if not reply.ok:
        return _refused_whole(reply)
    try:
        saved = parse_saved(reply.body)
    except msgspec.MsgspecError:
        return Unsettled("Salesforce took the call and answered something that is not a list of results")
    if len(saved) != size:
        return Unsettled(f"Salesforce answered {len(saved)} results for {size} records")
    return [_outcome(index, item, written) for index, item in enumerate(saved)]


def _outcome(index: int, item: WireSaved, written: Callable[[int, WireSaved], Outcome]) -> Outcome:
    if not item.success:
        return refused(item.errors)
    if not item.id:
        return Unsettled("Salesforce says that it saved the record, and not under which id")
    return written(index, item)


def _refused_whole(reply: SubReply) -> WholeRefused | NotDone | Unsettled:
    failures = parse_failures(reply.body)
    verdict = refused(failures, reply.http_status_code)
    if verdict.code in ("PROCESSING_HALTED", "REQUEST_LIMIT_EXCEEDED"):
        return NotDone(f"Salesforce did not carry it out: {verdict.message}")
    if reply.http_status_code >= 500:
        return Unsettled(f"Salesforce broke down in the middle of the call: {verdict.message}")
    return WholeRefused(verdict, blames_property=verdict.code in FIELD_CODES and bool(verdict.fields))

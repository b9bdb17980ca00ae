"""Sending the planned writes in batches and taking in one outcome per record. One bad record never stops its batch.

A field that the CRM refuses by name is dropped and the rest of the record is sent again, in at most as many rounds as a
record may have bad fields; each dropped field becomes an issue. Intents are on disk before the first request leaves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from interlock.core.codec import RefCodec
from interlock.core.model import (
    Intent,
    IntentKind,
    IntentState,
    NotDone,
    Observation,
    Raw,
    RecordKey,
    Refused,
    Side,
    Unsettled,
    Written,
)
from interlock.core.plan import FieldWrite
from interlock.core.reconcile import print_of
from interlock.core.values import Choice
from interlock.crm.hubspot.model import HubSpotWrite
from interlock.crm.salesforce.model import SalesforceCreate, SalesforceWrite
from interlock.engine.audit_rows import lost_races, rows_of
from interlock.engine.context import HUBSPOT_ID_PROPERTY, SALESFORCE_CREATION_KEY, STAMP_GRAIN_US, Cycle
from interlock.engine.together import may_go_without, with_followers
from interlock.engine.work import Batch, SideWrite, Work
from interlock.store import intents
from interlock.store import lease as leases

# Rounds of "drop what was refused, send the rest": a record with more bad fields than this is refused as a whole.
ROUNDS_MOST = 6

Pair = tuple[Work, SideWrite]


async def intend(ctx: Cycle, batch: Batch) -> None:
    """Put every write on disk before any request leaves (rule W)."""
    rows: list[Intent] = list(batch.intents)
    now = ctx.clock_us()
    for work in batch.works:
        for write in work.writes:
            if not _only_stamps(write):
                write.intent = _intent(ctx, work, write, now)
                rows.append(write.intent)
    if not rows:
        return
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        for row, id_ in zip(rows, await intents.open_(tx, rows), strict=True):
            row.id = id_


def _only_stamps(write: SideWrite) -> bool:
    """The stored id alone is written by nobody but us and is the same whenever it lands: there is nothing to settle."""
    return not write.creates and not write.fields and write.extra.keys() <= {HUBSPOT_ID_PROPERTY}


def _intent(ctx: Cycle, work: Work, write: SideWrite, now_us: int) -> Intent:
    source = work.key(write.side.other)
    assert source is not None, "a write carries values from a record that was read"
    return Intent(
        rows=rows_of(work, write, now_us),
        object=work.object,
        kind=IntentKind.CREATE if write.creates else IntentKind.UPDATE,
        state=IntentState.SENT,
        source=source,
        target=RecordKey(write.side, write.type, write.id or ""),
        sync_key=write.sync_key,
        fields=_carried(write),
        fence=ctx.lease.fence,
        target_stamp_us=_target_stamp_us(work, write),
        park_until_us=now_us + ctx.settings.park_us(write.side),
    )


def _carried(write: SideWrite) -> dict[int, tuple[str, int, int, int]]:
    """What is believed to stand there should the answer be lost. The record that a create makes in HubSpot holds no reference
    yet: it is associated when the answer is there (stamp.py), and a base that knew it already would make its absence an edit."""
    follows = write.creates and write.side is Side.HUBSPOT
    return {
        each.mapping.id: (each.name, each.written, each.source, each.target)
        for each in write.fields
        if not (follows and is_reference(each))
    }


def _target_stamp_us(work: Work, write: SideWrite) -> int:
    """Of the version that was decided on. What is not there yet has none, and nobody edits it unseen."""
    target = work.seen(write.side)
    return target.modified_us if isinstance(target, Observation) else 0


async def apply(ctx: Cycle, batch: Batch) -> None:
    pairs = [(work, write) for work in batch.works for write in work.writes]
    for _ in range(ROUNDS_MOST):
        if not pairs:
            return
        await _send(ctx, pairs)
        pairs = [pair for pair in pairs if _drop_refused(*pair)]
        await _keep_what_is_left(ctx, pairs)


async def _keep_what_is_left(ctx: Cycle, pairs: list[Pair]) -> None:
    """What a write no longer carries must not be believed to have landed with it, should its answer be lost now."""
    changed: list[Intent] = []
    for work, write in pairs:
        if write.intent is not None:
            write.intent.fields = _carried(write)
            write.intent.rows = rows_of(work, write, ctx.clock_us())
            changed.append(write.intent)
    if changed:
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            await intents.keep_rows(tx, changed)


async def _send(ctx: Cycle, pairs: list[Pair]) -> None:
    groups: dict[tuple[Side, str, bool], list[Pair]] = defaultdict(list)
    for work, write in pairs:
        groups[write.side, write.type, write.creates].append((work, write))
    # HubSpot last: its answers are verified against history from our read on, so the shorter that time the better.
    for (side, type_, creates), members in sorted(
        groups.items(), key=lambda item: (item[0][0] is Side.HUBSPOT, item[0][1:])
    ):
        await _still_owner(ctx)
        if side is Side.HUBSPOT:
            await _to_hubspot(ctx, type_, creates, members)
        elif creates:
            await _create_in_salesforce(ctx, type_, members)
        else:
            await _update_in_salesforce(ctx, type_, members)


async def _still_owner(ctx: Cycle) -> None:
    """A process that was frozen wakes with decisions of long ago: it sends none of them once the org is another's.

    Raises Fenced.
    """
    if ctx.clock_us() >= ctx.lease.until_us:
        ctx.lease = await leases.renew(ctx.store, ctx.lease, ctx.clock_us())


async def _to_hubspot(ctx: Cycle, type_: str, creates: bool, pairs: list[Pair]) -> None:
    by_trace: dict[str, Pair] = {}
    requests: list[HubSpotWrite] = []
    for number, (work, write) in enumerate(pairs):
        references = {reference.property for reference in work.runtime.references}
        # References are associations in HubSpot: they follow when the record is there (stamp.py).
        properties = {name: value for name, value in write.values().items() if name not in references}
        if not properties and write.id is not None:
            write.outcome = Written(write.id)
            continue
        properties |= write.along
        trace = f"{work.dirty[0].seq}-{number}"
        by_trace[trace] = work, write
        requests.append(HubSpotWrite(trace, write.id or write.sync_key, properties))  # type: ignore[arg-type]
    if creates:
        outcomes = await ctx.hubspot.upsert(type_, HUBSPOT_ID_PROPERTY, requests, purpose="write")
    else:
        outcomes = await ctx.hubspot.update(type_, requests, purpose="write")
    for trace, (work, write) in by_trace.items():
        write.outcome = outcomes[trace]
        if not creates:
            _drop_ignored(ctx, work, write)


def _drop_ignored(ctx: Cycle, work: Work, write: SideWrite) -> None:
    """HubSpot leaves out in silence what it does not take, a lifecycle stage that goes back say, and calls it written. Believed,
    that would be its next edit, which takes the other side's value away. Of options only: other values may be formatted into what
    was there before."""
    if not isinstance(write.outcome, Written) or write.outcome.values is None:
        return
    kept = [field for field in write.fields if _still_holds(field, write.outcome.values)]
    if not kept:
        return
    why = "HubSpot took the write and still holds what was there before."
    write.dropped = [*write.dropped, *((field, "NOT_TAKEN", why) for field in kept)]
    write.fields = [field for field in write.fields if field not in kept]
    if write.intent is not None:
        # In memory: after a crash its history tells the same.
        write.intent.fields, write.intent.rows = _carried(write), rows_of(work, write, ctx.clock_us())


def _still_holds(field: FieldWrite, values: Mapping[str, Raw]) -> bool:
    if type(field.old) is not Choice or field.target == field.written:
        return False
    return print_of(field.mapping, Side.HUBSPOT, values) == field.target


async def _create_in_salesforce(ctx: Cycle, type_: str, pairs: list[Pair]) -> None:
    by_key = {write.sync_key: write for _, write in pairs}
    requests = [SalesforceCreate(key, {**write.values(), **write.along}) for key, write in by_key.items()]
    # A lead without a matched owner is given one by the org's assignment rules, as the native integration does.
    assign = [each for each in requests if type_ == "Lead" and "OwnerId" not in each.fields]
    for group, auto_assign in ((assign, True), ([each for each in requests if each not in assign], False)):
        if not group:
            continue
        outcomes = await ctx.salesforce.create(
            type_, SALESFORCE_CREATION_KEY, group, auto_assign=auto_assign, purpose="write"
        )
        for request in group:
            by_key[request.key].outcome = outcomes[request.key]


async def _update_in_salesforce(ctx: Cycle, type_: str, pairs: list[Pair]) -> None:
    if type_ in pairs[0][0].runtime.exact_types:
        await _update_exactly(ctx, type_, pairs)
        return
    by_id = {write.id: write for _, write in pairs if write.id is not None}
    requests = [SalesforceWrite(id_, {**write.values(), **write.along}) for id_, write in by_id.items()]
    before = sorted({field.name for _, write in pairs for field in write.fields})
    outcomes = await ctx.salesforce.update_with_before(type_, requests, before, purpose="write")
    for id_, write in by_id.items():
        write.outcome = outcomes[id_]
    await _keep_lost_races(ctx, pairs)


async def _keep_lost_races(ctx: Cycle, pairs: list[Pair]) -> None:
    """Only this answer holds what somebody wrote between our read and our write: it is on disk before the next request
    leaves, with the write's intent, from where a crash leads it into the conflict log (recover.py)."""
    changed: list[Intent] = []
    for work, write in pairs:
        lost = lost_races(work, write, ctx.clock_us())
        if lost and write.intent is not None:
            write.intent.rows = [*write.intent.rows, *lost]
            changed.append(write.intent)
    if changed:
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            await intents.keep_rows(tx, changed)


async def _update_exactly(ctx: Cycle, type_: str, pairs: list[Pair]) -> None:
    """Each row only if nobody wrote to it since the second of its stamp. An edit within that second would pass unseen, so
    a row waits until our read of it is surely of a later second (If-Unmodified-Since has no finer grain)."""
    margin_us = STAMP_GRAIN_US + ctx.settings.clock_skew_us
    ready: dict[str, tuple[SideWrite, int]] = {}
    for work, write in pairs:
        seen = work.salesforce
        assert isinstance(seen, Observation)
        if seen.read_us > seen.modified_us + margin_us:
            ready[seen.key.id] = (write, seen.modified_us)
        else:
            write.outcome = NotDone("it was edited this very moment")
    requests = [
        (SalesforceWrite(id_, {**write.values(), **write.along}), stamp_us) for id_, (write, stamp_us) in ready.items()
    ]
    outcomes = await ctx.salesforce.update_exact_many(type_, requests, purpose="write") if requests else {}
    for id_, outcome in outcomes.items():
        ready[id_][0].outcome = outcome


def edited_since(write: SideWrite) -> bool:
    """Exact writes: somebody came before us. Nothing was written, and the pair is decided anew."""
    return isinstance(write.outcome, Refused) and write.outcome.code == "PRECONDITION_FAILED"


# A counterpart that keeps being in the way and is never found is a question for a person.
IN_THE_WAY_TRIES = 3


def in_the_way(work: Work, write: SideWrite, refusal: Refused) -> bool:
    """Somebody made the counterpart while we were about to: matching finds it next time."""
    tries = max((each.attempts for each in work.dirty), default=0)
    return write.creates and refusal.existing_id is not None and tries < IN_THE_WAY_TRIES


def _drop_refused(work: Work, write: SideWrite) -> bool:
    """Take the fields that the CRM named out of a refused write. True when there is something left to send again."""
    refusal = write.outcome
    if not isinstance(refusal, Refused) or refusal.retry or edited_since(write):
        return False
    if refusal.gone and not write.creates:
        return False
    # Without the address that a contact has by now the same person would be made a second time.
    if write.side is Side.HUBSPOT and "email" in refusal.fields and in_the_way(work, write, refusal):
        return False
    bad = [field for field in write.fields if field.name in refusal.fields]
    along = {name: value for name, value in write.along.items() if name not in refusal.fields}
    if not bad and along == write.along:
        bad = _unusable_references(write, refusal)
    bad = with_followers(work.runtime.spec, write.fields, bad, creates=write.creates)
    if write.creates and not may_go_without(work.runtime.spec, bad):
        return False
    # A create that lacks what the CRM requires cannot be saved by sending less.
    if refusal.code == "REQUIRED_FIELD_MISSING" or not (bad or along != write.along):
        return False
    write.along = along
    write.dropped = [*write.dropped, *((field, refusal.code, refusal.message) for field in bad)]
    write.fields = [field for field in write.fields if field not in bad]
    if not write.fields and not write.extra and not write.creates:
        write.outcome = Written(write.id or "")
        return False
    return True


# Salesforce says so of an id that it does not let us point to (deleted, hidden), and names no field (status codes).
_REFERENCE_CODES = frozenset(
    {"INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED"}
)


def _unusable_references(write: SideWrite, refusal: Refused) -> list[FieldWrite]:
    """The references among the fields: those whose id the message holds, or all of them."""
    if refusal.code not in _REFERENCE_CODES:
        return []
    references = [field for field in write.fields if is_reference(field) and field.raw]
    # Messages hold ids in either of their forms, of 15 characters or 18.
    return [field for field in references if str(field.raw)[:15] in refusal.message] or references


def is_reference(field: FieldWrite) -> bool:
    return isinstance(field.mapping.codec, RefCodec)


def carried_out(write: SideWrite) -> bool:
    return isinstance(write.outcome, Written)


def unknown(write: SideWrite) -> bool:
    return isinstance(write.outcome, Unsettled)


def not_done(write: SideWrite) -> bool:
    return isinstance(write.outcome, NotDone) or (isinstance(write.outcome, Refused) and write.outcome.retry)


def needs_verify(write: SideWrite) -> bool:
    """HubSpot has no conditional write: what ours may have replaced unseen is looked up in its history, under every
    rule: that Salesforce wins does not mean that what lost may vanish."""
    outcome = write.outcome
    if write.side is not Side.HUBSPOT or not isinstance(outcome, Written) or not write.fields:
        return False
    # A create that found its record there has updated it: the request came twice, and somebody may have been in between.
    return not write.creates or not outcome.created

"""Settling writes whose outcome a crash or a time-out kept from us, before their records are touched again (rule P).

A request that may still land is waited for. After that, creates are looked up by their key and never by search: one that
landed becomes a link, one that did not is forgotten. An update of two records without a link is a first link that was
interrupted: they become the pair that it was to be, whatever has become of either since. For other updates the pair is
read afresh like any other, and `recognise` asks whether the target holds what we wrote: then that is the base, as if the
answer had come. Without it our own late write would look like an edit of somebody's, and could win over a newer one.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from interlock.core.mapping import FieldMapping
from interlock.core.model import (
    AuditKind,
    AuditRow,
    ConflictReason,
    FieldBase,
    Intent,
    IntentKind,
    IntentState,
    LinkedBy,
    Observation,
    Reason,
    RecordKey,
    RecordLink,
    Side,
)
from interlock.core.reconcile import read_hubspot, read_salesforce
from interlock.core.values import Unknown, fingerprint
from interlock.engine.audit_rows import pair_row
from interlock.engine.context import HUBSPOT_ID_PROPERTY, SALESFORCE_CREATION_KEY, Cycle, ObjectRuntime
from interlock.engine.deleting import recognise_deletion
from interlock.engine.made import know_what_it_holds, tell_of_creates
from interlock.engine.merging import recognise_merge
from interlock.engine.work import Batch, Work
from interlock.store import WriteTx, dirty, intents, links


async def recover(ctx: Cycle, batch: Batch) -> None:
    """Works whose request may still land leave the batch's line (they are postponed); landed creates become links."""
    keys = [each.key for work in batch.works for each in work.dirty]
    keys += [work.link.key(side) for work in batch.works if work.link is not None for side in Side]
    async with ctx.store.read(ctx.connection_id) as tx:
        open_ = await intents.for_keys(tx, keys)
    if not open_:
        return
    now = ctx.clock_us()
    fresh_parks: dict[Side, list[int]] = {side: [] for side in Side}
    creates: dict[Side, list[tuple[Work, Intent]]] = defaultdict(list)
    interrupted: list[tuple[Work, Intent]] = []
    for work, other, intent in _assign(batch, open_):
        if intent.state is IntentState.SENT and intent.id is not None:
            # Whoever sent it died, and when is not known: the request may be as young as our own lease.
            side = intent.target.side
            intent.state, intent.park_until_us = IntentState.UNKNOWN, now + ctx.settings.park_us(side)
            fresh_parks[side].append(intent.id)
        if intent.state is IntentState.UNKNOWN and now < intent.park_until_us:
            for each in (work, other):
                each.wait(intent.park_until_us, Reason.PARKED)
            continue
        work.intents.append(intent)
        if intent.kind is IntentKind.CREATE and intent.state is IntentState.UNKNOWN:
            creates[intent.target.side].append((work, intent))
        elif intent.kind is IntentKind.UPDATE and intent.state is IntentState.UNKNOWN and work.link is None:
            interrupted.append((work, intent))
    # Of several requests for one record a later one may still be on its way, and be the one that made what is found.
    for side, pairs in creates.items():
        creates[side] = [(work, intent) for work, intent in pairs if work.postpone_until_us is None]
    begun = _begin_again(ctx, interrupted)
    landed = await _settle_creates(ctx, creates)
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        # With the link and not after it: that the record is ours to explain, and to take back, is known from its row alone.
        await tell_of_creates(tx, [intent for _, intent in landed], now)
        # Once each: of one record several requests may be open.
        linked = {id(work): work for work in (*(work for work, _ in landed), *begun) if not _on_disk(work)}
        new = await _free(tx, batch, list(linked.values()))
        for work in begun:
            if work.link is not None:
                work.audit.append(pair_row(work, AuditKind.LINK, LinkedBy.SYNC_KEY.value, now))
        for link, id_ in zip(new, await links.insert(tx, new), strict=True):
            link.id = id_
        if new:
            await dirty.wake(tx, [key for link in new for key in (link.hubspot, link.salesforce)])
        for side, ids in fresh_parks.items():
            if ids:
                await intents.update(tx, ids, IntentState.UNKNOWN, now + ctx.settings.park_us(side))
    batch.works = _joined(batch.works, new)
    batch.parked += [work for work in batch.works if work.postpone_until_us is not None]
    batch.works = [work for work in batch.works if work.postpone_until_us is None]


def _on_disk(work: Work) -> bool:
    return work.link is not None and work.link.id is not None


def _joined(works: list[Work], new: list[RecordLink]) -> list[Work]:
    """What landed may have been detected meanwhile, and be due by itself: the two go on as one."""
    if not new:
        return works
    made = {id(link) for link in new}
    landed = [(work, work.link) for work in works if work.link is not None and id(work.link) in made]
    owners = {key: work for work, link in landed for key in (link.hubspot, link.salesforce)}
    kept: list[Work] = []
    for work in works:
        owner = owners.get(work.dirty[0].key) if work.link is None else None
        if owner is None:
            kept.append(work)
        else:
            owner.dirty = [*owner.dirty, *work.dirty]
            owner.intents = [*owner.intents, *work.intents]
    return kept


async def _free(tx: WriteTx, batch: Batch, works: list[Work]) -> list[RecordLink]:
    """The links to make. Where a record was linked with another meanwhile there is none: matching decides about the work."""
    made = [work.link for work in works if work.link is not None]
    slug = batch.runtime.slug
    taken = set(await links.by_hubspot(tx, slug, [link.hubspot_id for link in made]))
    taken |= set(await links.by_salesforce(tx, slug, [link.salesforce_id for link in made]))
    free: list[RecordLink] = []
    for work in works:
        assert work.link is not None
        if taken & {work.link.hubspot_id, work.link.salesforce_id}:
            work.link = None
        else:
            taken |= {work.link.hubspot_id, work.link.salesforce_id}
            free.append(work.link)
    return free


def recognise(batch: Batch) -> None:
    """Compare what was read with what writes of unknown outcome wanted to leave there. After matching, since the pair of a
    first link was not on disk yet when its process died."""
    for work in batch.works:
        for intent in list(work.intents):
            if intent.state is not IntentState.UNKNOWN:
                continue
            if intent.kind is IntentKind.DELETE:
                recognise_deletion(work, intent)
            elif intent.kind is IntentKind.MERGE:
                recognise_merge(work, intent)
            elif intent.kind is not IntentKind.UPDATE:
                _found_by_its_key(work, intent)
            elif work.link is None:
                _left_alone(work, intent)
            else:
                _recognise_what_can_be_read(work, intent, work.link)


def _found_by_its_key(work: Work, intent: Intent) -> None:
    """A create whose record was due by itself, and was linked before anybody asked what had become of the create."""
    made = work.hubspot
    if work.link is None or intent.target.side is not Side.HUBSPOT or not isinstance(made, Observation):
        return
    if made.values.get(HUBSPOT_ID_PROPERTY) == intent.sync_key:
        # It may have come twice, and the second time over somebody's edit: the history tells.
        intent.target, intent.state = made.key, IntentState.VERIFY


def _left_alone(work: Work, intent: Intent) -> None:
    """The pair that it was to be did not come about: one of the two has another counterpart meanwhile."""
    work.audit += _conflicts(intent)
    if intent.target.side is Side.HUBSPOT:
        intent.state = IntentState.VERIFY


def _recognise_what_can_be_read(work: Work, intent: Intent, link: RecordLink) -> None:
    """HubSpot leaves out a property that was archived since. What can be read is settled now, since it is decided on now; for
    the rest the question stays open, and so does its intent. Of a record that has gone no later time can tell more."""
    rest = _unreadable(work, intent, link)
    if work.seen(intent.target.side) is None:
        work.intents.remove(intent)
        return
    if not rest:
        _recognise(work, intent, link)
        return
    work.intents.remove(intent)
    work.open_intents.append(intent)
    readable = {id_: carried for id_, carried in intent.fields.items() if id_ not in rest}
    if readable:
        settled = msgspec.structs.replace(intent, fields=readable, id=None)
        intent.fields, intent.rows = rest, _recognise(work, settled, link)
        work.intents.append(settled)


def _unreadable(work: Work, intent: Intent, link: RecordLink) -> dict[int, tuple[str, int, int, int]]:
    """The fields of it that tell nothing this time."""
    seen = work.seen(intent.target.side)
    if not isinstance(seen, Observation):
        return {}
    mapped = _fields(work, link)
    return {
        id_: carried
        for id_, carried in intent.fields.items()
        if id_ in work.runtime.left_out or (id_ in mapped and mapped[id_].name(seen.key.side) not in seen.values)
    }


def _holds(work: Work, link: RecordLink, id_: int, seen: Observation) -> int | None:
    """The print of what a record holds in the field of a mapping; None where it cannot be read."""
    field = _fields(work, link).get(id_)
    if field is None:
        return None
    value = (read_hubspot if seen.key.side is Side.HUBSPOT else read_salesforce)(field, seen)
    return None if type(value) is Unknown else fingerprint(value)


def _fields(work: Work, link: RecordLink) -> dict[int, FieldMapping]:
    return {field.id: field for field in work.runtime.mapping_for(link.salesforce_type).fields}


def _recognise(work: Work, intent: Intent, link: RecordLink) -> list[AuditRow]:
    """Notes what became of it. Returns the rows that are not told yet, for whoever learns more of it later."""
    side = intent.target.side
    seen = work.seen(side)
    if side is Side.HUBSPOT:
        # Whether or not ours still stands there: its history tells if it ever did, and what it replaced unseen.
        intent.state = IntentState.VERIFY
    if not isinstance(seen, Observation) or seen.key != intent.target:
        return _tell(work, intent, _conflicts(intent))
    # Only an answer tells of what a write replaced unseen: then it has landed, whatever became of it since.
    landed, moved_on = any(row.reason == ConflictReason.LOST_RACE.value for row in intent.rows), False
    for id_, (_, written, source, before) in intent.fields.items():
        holds = _holds(work, link, id_, seen)
        if holds == written:
            landed = True
            work.landed[id_] = _base_of(side, written, source, work.landed.get(id_))
        elif holds != before:
            # What cannot be read is somebody's too: where it stood before, nothing was written over it.
            moved_on = True
            if id_ not in link.base and id_ not in work.landed:
                # Of a first link that was interrupted: what it holds now somebody has typed, or emptied, since we read it.
                work.landed[id_] = (before, source) if side is Side.HUBSPOT else (source, before)
    if landed:
        return _tell(work, intent, intent.rows)
    return _tell(work, intent, _conflicts(intent) if moved_on else [])


def _base_of(side: Side, written: int, source: int, known: FieldBase | None) -> FieldBase:
    """A value for both sides has two intents, each of which tells of the side that it wrote."""
    if side is Side.HUBSPOT:
        return written, written if known is not None and known[1] == written else source
    return written if known is not None and known[0] == written else source, written


def _tell(work: Work, intent: Intent, rows: list[AuditRow]) -> list[AuditRow]:
    work.audit += rows
    return [row for row in intent.rows if all(row is not told for told in rows)]


def _conflicts(intent: Intent) -> list[AuditRow]:
    """The target has gone or changed since, so whether ours ever stood there is open: what it may have replaced is kept."""
    return [row for row in intent.rows if row.kind is AuditKind.CONFLICT]


def _assign(batch: Batch, found: list[Intent]) -> list[tuple[Work, Work, Intent]]:
    """Whose each intent is, and the work of its other end: of a pair that was not on disk yet both halves may be due, each
    by itself, and neither may go on while the request can still land."""
    by_key: dict[RecordKey, Work] = {}
    for work in batch.works:
        for each in work.dirty:
            by_key[each.key] = work
        if work.link is not None:
            by_key[work.link.hubspot] = work
            by_key[work.link.salesforce] = work
    pairs = []
    for intent in found:
        source, target = by_key.get(intent.source), by_key.get(intent.target)
        owner = source or target
        if owner is not None:
            pairs.append((owner, target or owner, intent))
    return pairs


def _begin_again(ctx: Cycle, interrupted: list[tuple[Work, Intent]]) -> list[Work]:
    begun: list[Work] = []
    for work, intent in interrupted:
        if work.postpone_until_us is None and work.link is None:
            _begun(ctx, work, intent)
            begun.append(work)
    return begun


def _begun(ctx: Cycle, work: Work, intent: Intent) -> None:
    """The pair that was decided on when the update was sent. It has no base yet: what both hold is compared as at first."""
    work.link = RecordLink.between(intent.source, intent.target, LinkedBy.SYNC_KEY, ctx.clock_us(), base={})


async def _settle_creates(ctx: Cycle, creates: dict[Side, list[tuple[Work, Intent]]]) -> list[tuple[Work, Intent]]:
    """Those that landed. A record that landed and was deleted right after has landed too: to make another would undo that
    delete."""
    landed = []
    for side, pairs in creates.items():
        if not pairs:
            continue
        # The last one made it: it was sent when those before it could land no more.
        by_key = {intent.sync_key: (work, intent) for work, intent in pairs}
        runtime = pairs[0][0].runtime
        if side is Side.HUBSPOT:
            made = await _made_in_hubspot(ctx, runtime, list(by_key))
        else:
            # Of a type that was switched off since, too: another is not made in its place.
            made = await _made_in_salesforce(ctx, list(by_key), sorted({intent.target.type for _, intent in pairs}))
        for key, seen in made.items():
            work, intent = by_key[key]
            if _on_disk(work):
                if work.link is not None and work.link.key(side) == seen.key:
                    continue  # it showed up by itself, and was told of then
                # While the request was under way a pair moved to whoever it was made for: what was made stands alone.
                between = RecordLink.between(intent.source, seen.key, LinkedBy.SYNC_KEY, ctx.clock_us(), base={})
                know_what_it_holds(between, intent, seen.key, as_it_was=False)
            else:
                work.link = RecordLink.between(intent.source, seen.key, LinkedBy.SYNC_KEY, ctx.clock_us(), base={})
                know_what_it_holds(work.link, intent, seen.key)
            landed.append((work, intent))
    return landed


async def _made_in_hubspot(ctx: Cycle, runtime: ObjectRuntime, keys: list[str]) -> dict[str, Observation]:
    found: dict[str, Observation] = {}
    for archived in (False, True):
        missing = [key for key in keys if key not in found]
        if missing:
            found |= await ctx.hubspot.read(
                runtime.spec.hubspot_type,
                missing,
                [HUBSPOT_ID_PROPERTY],
                id_property=HUBSPOT_ID_PROPERTY,
                archived=archived,
                purpose="verify",
            )
    return found


async def _made_in_salesforce(ctx: Cycle, keys: list[str], types: list[str]) -> dict[str, Observation]:
    found: dict[str, Observation] = {}
    for type_ in types:
        rows = await ctx.salesforce.query_where_in(
            type_,
            ["Id", "IsDeleted", SALESFORCE_CREATION_KEY],
            {SALESFORCE_CREATION_KEY: keys},
            include_deleted=True,
            purpose="verify",
        )
        # Should both hold the key, one that lives comes last and stands.
        for seen in sorted(rows, key=lambda row: not row.values.get("IsDeleted")):
            # Salesforce finds an external id whatever its case; ours have no capitals.
            found[str(seen.values[SALESFORCE_CREATION_KEY]).lower()] = seen
    return found

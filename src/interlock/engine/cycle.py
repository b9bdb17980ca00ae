"""One connection's cycle: the straight line from what changed to what is known again. The story, told once.

Import, resync, retry, a resolved conflict and undo all end here: each only marks records due.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from interlock.core.model import Dirty, Gone, IntentState, Observation, Reason, RecordKey, Side
from interlock.engine.accounts_for import wake_companies
from interlock.engine.apply import apply, intend
from interlock.engine.backfill import PAGES_A_POLL as BACKFILL_PAGES_A_POLL
from interlock.engine.backfill import backfill_asked
from interlock.engine.brake import brake
from interlock.engine.company_stages import move_companies
from interlock.engine.context import Cycle, ObjectRuntime, SetupChanged, StopAsked
from interlock.engine.decide import decide
from interlock.engine.deleting import delete_counterparts, deletion_intents, look_at_deletions, restore_counterparts
from interlock.engine.detect import detect
from interlock.engine.erasing import is_erased, leave_erased, note_erased
from interlock.engine.fetch import fetch
from interlock.engine.follow import follow, set_survivors_aside
from interlock.engine.formulas import PAGES_A_POLL as FORMULA_PAGES_A_POLL
from interlock.engine.formulas import sweep_formulas
from interlock.engine.freed_addresses import addresses_given_up, wake_who_gave_way
from interlock.engine.gap import PAGES_A_POLL, check_pairs, note_look, notice_gaps
from interlock.engine.import_ import import_asked
from interlock.engine.inclusion import leave_outside, read_membership
from interlock.engine.late_references import PAGES_A_POLL as LATE_PAGES_A_POLL
from interlock.engine.late_references import look_at_late_references
from interlock.engine.left_out import wake_returned
from interlock.engine.lifecycle import move_stages, plan_stages
from interlock.engine.load import load, loading
from interlock.engine.made import learn_of_creates
from interlock.engine.matching import match
from interlock.engine.merging import count_merged, merge_in_hubspot, merge_intents
from interlock.engine.newest_opportunity import read_opportunities
from interlock.engine.oscillation import damp
from interlock.engine.pace import ARCHIVE_SWEEP_S
from interlock.engine.person_rules import apply_person_rules
from interlock.engine.pipelines import stop_at_pipelines
from interlock.engine.record import record
from interlock.engine.recover import recognise, recover
from interlock.engine.references import learn_references
from interlock.engine.resync import PAGES_A_POLL as RESYNC_PAGES_A_POLL
from interlock.engine.resync import resync_asked
from interlock.engine.retention import forget_old_values
from interlock.engine.retries import retry_refused
from interlock.engine.roles import apply_roles, fetch_roles
from interlock.engine.second_company import converted_lately, tell_of_second_companies
from interlock.engine.shown_deletes import show_deletes
from interlock.engine.stamp import stamp_pairs
from interlock.engine.sweep import sweep_archived
from interlock.engine.taking_back import look_at_created, take_back
from interlock.engine.undo import wanted_of
from interlock.engine.verify import to_verify, verify
from interlock.engine.work import Batch, Work
from interlock.store import Tx, connections, dirty, intents, links, resolutions, undos
from interlock.store.dirty import UNTIL_WOKEN_US
from interlock.store.undos import WAITING

# Passes of one drain: each ends with nothing due now; an edit that never stops coming waits for the next drain.
PASSES_MOST = 50


async def drain(ctx: Cycle) -> None:
    """Run until nothing is due now and a detection pass on both sides found nothing to do now."""
    await wake_returned(ctx)
    await verify_leftovers(ctx)
    if await loading(ctx):
        await load(ctx, work_off)
    await work_off_what_was_left(ctx)
    await import_asked(ctx, work_off)
    await backfill_asked(ctx, work_off)
    await resync_asked(ctx, work_off)
    await look_at_late_references(ctx, work_off)
    await notice_gaps(ctx)
    await check_pairs(ctx, work_off)
    await sweep_archived(ctx)
    await sweep_formulas(ctx)
    await forget_old_values(ctx)
    for number in range(PASSES_MOST):
        if not await one_pass(ctx, look_back=number == 0):
            return


async def poll(ctx: Cycle) -> int:
    """One tick of a polling loop (pace.py says how long to the next): detection is not repeated until it is silent, since
    the next poll is the repetition, and HubSpot's archive has its own pace. Returns as `one_pass` does."""
    await wake_returned(ctx)
    await verify_leftovers(ctx)
    if await loading(ctx):
        await load(ctx, work_off)
    await work_off_what_was_left(ctx)
    await import_asked(ctx, work_off)
    found = await resync_asked(ctx, work_off, RESYNC_PAGES_A_POLL)
    found += await look_at_late_references(ctx, work_off, LATE_PAGES_A_POLL)
    found += await backfill_asked(ctx, work_off, BACKFILL_PAGES_A_POLL)
    await notice_gaps(ctx)
    found += await check_pairs(ctx, work_off, PAGES_A_POLL)
    found += await sweep_archived(ctx, ARCHIVE_SWEEP_S)
    found += await sweep_formulas(ctx, FORMULA_PAGES_A_POLL)
    await forget_old_values(ctx)
    await retry_refused(ctx)
    return found + await one_pass(ctx)


async def work_off_what_was_left(ctx: Cycle) -> None:
    """What an earlier process marked and did not come to. Before anything new is looked for: looking can take longer than
    a process lives that is killed again and again, or fail for as long as a search is down."""
    for runtime in ctx.objects.values():
        await work_off(ctx, runtime)


async def one_pass(ctx: Cycle, look_back: bool = False) -> int:
    """Detect, then work off what is due, parents first. Returns how many records were worked on.

    What was detected and is not due now waits for a request that may still land: detecting it once more would change nothing.
    """
    for runtime in ctx.objects.values():
        forget_references(runtime)
    ctx.fresh.clear()
    began_at_us = ctx.clock_us()
    await detect(ctx, look_back)
    await note_look(ctx, began_at_us)
    worked = 0
    for runtime in ctx.objects.values():
        worked += await work_off(ctx, runtime)
    return worked


async def work_off(ctx: Cycle, runtime: ObjectRuntime) -> int:
    """Batches of one object until none of its records is due now. Raises StopAsked or SetupChanged between two of them."""
    worked = 0
    # Parents were worked off since detection looked: their pairs may have been made, restored or parted.
    forget_references(runtime)
    while batch := await claim(ctx, runtime):
        # What was read a moment ago is worked off first, or it would have to be read again.
        if ctx.stop is not None and (worked or not ctx.fresh):
            raise StopAsked(ctx.stop)
        await run_batch(ctx, batch)
        worked += len(batch.works) + len(batch.parked)
    return worked


def forget_references(runtime: ObjectRuntime) -> None:
    for reference in runtime.references:
        reference.forget()


async def run_batch(ctx: Cycle, batch: Batch) -> None:
    await plan_batch(ctx, batch)
    brake(ctx, batch)
    if "email" in batch.runtime.spec.identity and (addresses := addresses_given_up(batch.works)):
        await wake_who_gave_way(ctx, batch, addresses)
    batch.intents = [*deletion_intents(ctx, batch), *merge_intents(ctx, batch)]
    await intend(ctx, batch)
    await apply(ctx, batch)
    await apply_roles(ctx, batch)
    await stamp_pairs(ctx, batch)
    if batch.runtime.stages:
        await move_stages(ctx, batch)
        await move_companies(ctx, batch)
    await take_back(ctx, batch)
    await delete_counterparts(ctx, batch)
    await restore_counterparts(ctx, batch)
    await merge_in_hubspot(ctx, batch)
    await record(ctx, batch)
    await verify_batch(ctx, batch)


async def plan_batch(ctx: Cycle, batch: Batch) -> None:
    """From what is due to what shall be done, which stands on the works then. Writes to neither CRM: a preview ends here."""
    await recover(ctx, batch)
    await fetch(ctx, batch)
    _hold_unmade(batch)
    _let_rest(batch)
    await set_survivors_aside(ctx, batch)
    await note_erased(ctx, batch)
    await read_membership(ctx, batch.runtime, batch.works)
    stop_at_pipelines(batch.works)
    await match(ctx, batch)
    await leave_outside(ctx, batch)
    stop_at_pipelines(batch.works)
    leave_erased(batch)
    await learn_of_creates(ctx, batch)
    recognise(batch)
    await fetch_roles(ctx, batch)
    if batch.runtime.newest_opportunity:
        await read_opportunities(ctx, batch.runtime, batch.works)
    await learn_references(ctx, batch.runtime, seen_of(batch), wanted_of(batch))
    await apply_person_rules(ctx, batch)
    await look_at_created(ctx, batch)
    decide(ctx, batch)
    await look_at_deletions(ctx, batch)
    await damp(ctx, batch)
    if batch.runtime.stages:
        await plan_stages(ctx, batch)
    if batch.runtime.shows_deleted:
        show_deletes(batch.works)
    if converted := converted_lately(batch.works):
        await tell_of_second_companies(ctx, converted)
    await follow(ctx, batch)
    await count_merged(ctx, batch)
    await wake_companies(ctx, batch)


async def claim(ctx: Cycle, runtime: ObjectRuntime) -> Batch | None:
    """Up to a batch of due records with their links, of `ctx.only_keys` where these are chosen. The horizon is taken before
    anything is read from a CRM."""
    async with ctx.store.read(ctx.connection_id) as tx:
        horizon = await dirty.horizon(tx)
        due = await _due(ctx, runtime, tx)
        if not due:
            return None
        # In one snapshot with what is claimed: a rule that was saved before a record was due is the rule it is synced by.
        if ctx.make_anew is not None and await connections.setup_version(tx) != ctx.setup_version:
            raise SetupChanged
        return await _batch_of(ctx, tx, runtime, due, horizon)


async def claim_these(ctx: Cycle, runtime: ObjectRuntime, keys: Sequence[RecordKey]) -> Batch | None:
    """The same of these records alone, to do nothing but what is to be undone of them: the rest of them stands still."""
    async with ctx.store.read(ctx.connection_id) as tx:
        horizon = await dirty.horizon(tx)
        found = await dirty.by_keys(tx, keys)
        due = sorted((each for each in found.values() if each.due_at_us <= ctx.clock_us()), key=lambda each: each.seq)
        batch = await _batch_of(ctx, tx, runtime, due, horizon) if due else None
    if batch is None:
        return None
    # One whose undo has ended, or that has no pair any more, stays due for whoever does everything.
    batch.works = [work for work in batch.works if any(row.state == WAITING for row in work.undos)]
    for work in batch.works:
        work.undoing = True
    return batch if batch.works else None


async def _batch_of(ctx: Cycle, tx: Tx, runtime: ObjectRuntime, due: list[Dirty], horizon: int) -> Batch:
    looked_us = ctx.clock_us()
    by_hubspot = await links.by_hubspot(tx, runtime.slug, _ids(due, Side.HUBSPOT))
    by_salesforce = await links.by_salesforce(tx, runtime.slug, _ids(due, Side.SALESFORCE))
    ids = [link.id for link in (*by_hubspot.values(), *by_salesforce.values()) if link.id is not None]
    chosen = await resolutions.waiting(tx, ids)
    undone = await undos.of_links(tx, ids)
    works: dict[RecordKey, Work] = {}
    for each in due:
        link = (by_hubspot if each.key.side is Side.HUBSPOT else by_salesforce).get(each.key.id)
        identity = link.hubspot if link is not None else each.key
        known = works.get(identity)
        if known is None:
            id_ = link.id or 0 if link is not None else 0
            works[identity] = Work(runtime, [each], link, resolutions=chosen.get(id_, []), undos=undone.get(id_, []))
        else:
            known.dirty.append(each)
    # Detection's own reads stand in for fresh ones (fetch.py), and are older than this moment.
    looked_us = min((read.seen.read_us for each in due if (read := ctx.fresh.get(each.key))), default=looked_us)
    return Batch(runtime, list(works.values()), horizon, looked_us)


def _hold_unmade(batch: Batch) -> None:
    """HubSpot leaves out of its answers what it does not have, which is not to be taken for what cannot be read."""
    if not batch.runtime.unmade:
        return
    blank = dict.fromkeys(batch.runtime.unmade)
    for work in batch.works:
        if isinstance(work.hubspot, Observation):
            work.hubspot = msgspec.structs.replace(work.hubspot, values={**blank, **work.hubspot.values})


def _let_rest(batch: Batch) -> None:
    """Pairs and records whose type does not sync any more, whatever made them due: they wait for the day on which it does. Of
    somebody whom HubSpot erased nothing is kept until then, and a lead that was converted lives on as what may sync."""
    in_salesforce = [(work, work.key(Side.SALESFORCE)) for work in batch.works]
    for work, key in in_salesforce:
        lives_on = isinstance(work.salesforce, Gone) and work.salesforce.successor is not None
        if key is not None and not batch.runtime.syncs(key.type) and not is_erased(work) and not lives_on:
            work.wait(batch.looked_us + UNTIL_WOKEN_US, Reason.WAITING)
            batch.parked.append(work)
    batch.works = [work for work in batch.works if work.postpone_until_us is None]


async def _due(ctx: Cycle, runtime: ObjectRuntime, tx: Tx) -> list[Dirty]:
    now_us = ctx.clock_us()
    if ctx.only_keys is None:
        return await dirty.claim(tx, runtime.slug, now_us, ctx.settings.batch_rows)
    chosen = (await dirty.by_keys(tx, sorted(ctx.only_keys))).values()
    return [each for each in chosen if each.object == runtime.slug and each.due_at_us <= now_us]


def _ids(due: list[Dirty], side: Side) -> list[str]:
    return [each.key.id for each in due if each.key.side is side]


def seen_of(batch: Batch) -> Iterator[Observation]:
    for work in batch.works:
        for seen in (work.hubspot, work.salesforce):
            if isinstance(seen, Observation):
                yield seen


async def verify_batch(ctx: Cycle, batch: Batch) -> None:
    written = [write.intent for work in batch.works for write in work.writes if write.intent is not None]
    recognised = [intent for work in batch.works for intent in work.intents]
    due = [intent for intent in (*written, *recognised) if intent.state is IntentState.VERIFY]
    await verify(ctx, batch.runtime, to_verify(due))


async def verify_leftovers(ctx: Cycle) -> None:
    """Writes of an earlier owner that were carried out but not verified before it stopped."""
    async with ctx.store.read(ctx.connection_id) as tx:
        old = await intents.older_than_fence(tx, ctx.lease.fence)
    for runtime in ctx.objects.values():
        await verify(ctx, runtime, [each for each in to_verify(old) if each.object == runtime.slug])

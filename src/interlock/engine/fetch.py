"""Fresh reads of both records of every claimed pair, with proof where a record is not there any more. Reads only.

A record that a batch read does not return is not thereby deleted: it may be merged, converted, purged or hidden from the
sync user. What cannot be proven stays None, and a pair with None is left alone.
"""

from __future__ import annotations

from collections.abc import Collection

from interlock.core.link import WHOLE
from interlock.core.model import Gone, GoneHow, Observation, Reason, RecordKey, Side
from interlock.crm.errors import CallRefused, Forbidden
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.sweep import ARCHIVE_KEPT_US, unbroken_since
from interlock.engine.work import Batch, Work
from interlock.store import unlinked

# Ids whose silence is looked into one by one (each is a call) for one batch. Of more the archive is asked first, a hundred a
# call, and those that it does not hold come with the next batches.
ONE_BY_ONE_MOST = 50
FRESH_FOR_US = 30_000_000
# Of a hundred contacts each, which is as many calls, made only where a contact is in no archive.
ARCHIVE_PAGES_MOST = 50
MERGED_IDS = "hs_merged_object_ids"
# The same in Salesforce, the other way round: what it was merged into; on the objects that can be merged.
MASTER, MERGEABLE = "MasterRecordId", ("Account", "Contact", "Lead")
CONVERTED_INTO = "ConvertedContactId"


async def fetch(ctx: Cycle, batch: Batch) -> None:
    await _fetch_hubspot(ctx, batch)
    await _fetch_salesforce(ctx, batch)


def _fresh(ctx: Cycle, work: Work, key: RecordKey) -> Observation | None:
    """Detection's own read, if nobody marked the record after it: then it is as fresh as a read made now would prove."""
    read = ctx.fresh.get(key)
    # A call may have hung since: what was read a minute ago is no ground for a write.
    if read is None or ctx.clock_us() - read.seen.read_us > FRESH_FOR_US:
        return None
    mine = [each for each in work.dirty if each.key == key]
    if any(each.seq != read.seq for each in mine):
        return None
    return read.seen


async def _fetch_hubspot(ctx: Cycle, batch: Batch) -> None:
    runtime = batch.runtime
    wanted: dict[str, Work] = {}
    for work in batch.works:
        key = work.key(Side.HUBSPOT)
        if key is None or work.hubspot is not None:
            continue
        work.hubspot = _fresh(ctx, work, key)
        if work.hubspot is None:
            wanted[key.id] = work
    if not wanted:
        return
    found = await ctx.hubspot.read(runtime.spec.hubspot_type, list(wanted), runtime.hubspot_properties, purpose="fetch")
    missing = [id_ for id_ in wanted if id_ not in found]
    for id_, seen in found.items():
        wanted[id_].hubspot = seen
    survivors = _survivors(batch)
    for id_ in missing:
        if id_ in survivors:
            wanted[id_].hubspot = Gone(
                RecordKey(Side.HUBSPOT, runtime.spec.hubspot_type, id_), GoneHow.MERGED, survivors[id_]
            )
    missing = [id_ for id_ in missing if id_ not in survivors]
    lived = await _not_deleted_unseen(ctx, runtime, [wanted[id_] for id_ in missing])
    answers, unasked = await hubspot_absence(ctx, runtime, missing, lived)
    for id_, gone in answers.items():
        wanted[id_].hubspot = gone
    for id_ in unasked:
        wait_to_be_asked(ctx, wanted[id_])
    batch.parked += [wanted[id_] for id_ in unasked]
    batch.works = [work for work in batch.works if work.postpone_until_us is None]


def _survivors(batch: Batch) -> dict[str, RecordKey]:
    """Id of a record that was merged away -> what it lives on as, of the records that this batch has read: those name it."""
    return {
        id_: work.hubspot.key
        for work in batch.works
        if isinstance(work.hubspot, Observation)
        for id_ in merged_ids(work.hubspot)
    }


def merged_ids(seen: Observation) -> list[str]:
    """Ids of the HubSpot records that were merged into this one."""
    named = seen.values.get(MERGED_IDS)
    return [id_ for id_ in str(named).split(";") if id_] if named else []


def wait_to_be_asked(ctx: Cycle, work: Work) -> None:
    """That nobody has asked what became of a record says nothing about it: it comes with the next batch."""
    work.wait(ctx.clock_us(), Reason.RETRY if work.reason is Reason.PARKED else work.reason)


async def _not_deleted_unseen(ctx: Cycle, runtime: ObjectRuntime, missing: list[Work]) -> set[str]:
    """Ids of those of which the archive would show, or would have shown, that they were deleted: they were there so short a time
    ago that it would hold them still, or it was read again and again ever since, and showed nothing of them."""
    now_us = ctx.clock_us()
    alone = [key for work in missing if work.link is None and (key := work.key(Side.HUBSPOT)) is not None]
    async with ctx.store.read(ctx.connection_id) as tx:
        unbroken_us = await unbroken_since(tx, runtime.slug, now_us) if missing else None
        known = await unlinked.by_keys(tx, alone) if alone else {}
    found = {key.id for key, each in known.items() if each.version_us > now_us - ARCHIVE_KEPT_US}
    for work in missing:
        if work.link is None:
            continue
        # It was there when it was edited last, as far as we know of it, and when it was linked.
        lived_us = max(work.link.looked.version_us(Side.HUBSPOT), work.link.linked_at_us)
        unseen = unbroken_us is None or lived_us < unbroken_us or work.link.state not in WHOLE
        if lived_us > now_us - ARCHIVE_KEPT_US or not unseen:
            found.add(work.link.hubspot_id)
    return found


async def hubspot_absence(
    ctx: Cycle, runtime: ObjectRuntime, ids: list[str], lived: Collection[str] = ()
) -> tuple[dict[str, Gone | Observation], list[str]]:
    """Why HubSpot did not return these ids: archived, merged away, or erased. Ids that prove nothing are left out. And the ids
    of which it was not asked, since they are too many for one batch.

    `lived`: those of which its archive would tell, had they been deleted; of the others nothing says that they were erased.
    """
    answers: dict[str, Gone | Observation] = {}
    if not ids:
        return answers, []
    type_ = runtime.spec.hubspot_type
    suspects = list(ids)
    unasked: list[str] = []
    if len(suspects) > ONE_BY_ONE_MOST:
        archived = await ctx.hubspot.read(type_, suspects, [], archived=True, purpose="fetch")
        for id_ in archived:
            answers[id_] = Gone(RecordKey(Side.HUBSPOT, type_, id_), GoneHow.DELETED)
        suspects = [id_ for id_ in suspects if id_ not in archived]
        suspects, unasked = suspects[:ONE_BY_ONE_MOST], suspects[ONE_BY_ONE_MOST:]
    for id_ in suspects:
        key = RecordKey(Side.HUBSPOT, type_, id_)
        # Reading a merged-away id by itself answers with the survivor (HubSpot CRM API, merge).
        survivor = await ctx.hubspot.read_by_id(type_, id_, runtime.hubspot_properties, purpose="fetch")
        if survivor is None:
            answers[id_] = Gone(key, GoneHow.DELETED)
        elif survivor.key.id != id_:
            answers[id_] = Gone(key, GoneHow.MERGED, survivor.key)
        else:
            answers[id_] = survivor
    if type_ == "contacts":
        await _tell_erased(ctx, answers, lived)
    return answers, unasked


async def _tell_erased(ctx: Cycle, answers: dict[str, Gone | Observation], lived: Collection[str]) -> None:
    """A contact that was erased is in no archive, as one that was deleted is for 90 days (HubSpot, "GDPR delete").

    What is remembered of somebody who was erased is cleared for good, so silence is no proof: of one that was deleted longer ago
    than that the archive says nothing either, so only `lived` are asked about. And one that was merged away is
    in no archive under its own id, but the record that it lived on as is, and names it. Only an archive that was read whole,
    and names it nowhere, proves it; else it counts as deleted.
    """
    deleted = [
        id_
        for id_, answer in answers.items()
        if isinstance(answer, Gone) and answer.how is GoneHow.DELETED and id_ in lived
    ]
    if not deleted:
        return
    archived = await ctx.hubspot.read("contacts", deleted, [], archived=True, purpose="fetch")
    nowhere = [id_ for id_ in deleted if id_ not in archived]
    named = await _merged_into_archived(ctx) if nowhere else None
    for id_ in nowhere:
        # Last: one that was restored this very moment is in no archive either, by its own id or that of its survivor.
        if await ctx.hubspot.read_by_id("contacts", id_, [], purpose="fetch") is not None:
            del answers[id_]
        elif named is not None and id_ not in named:
            answers[id_] = Gone(RecordKey(Side.HUBSPOT, "contacts", id_), GoneHow.ERASED)


async def _merged_into_archived(ctx: Cycle) -> set[str] | None:
    """Ids that were merged into a contact which is in the archive now; None where it is too long to be read whole."""
    named: set[str] = set()
    after: str | None = None
    for _ in range(ARCHIVE_PAGES_MOST):
        page = await ctx.hubspot.list_page("contacts", [MERGED_IDS], after, 100, archived=True, purpose="fetch")
        for row in page.records:
            named |= set(str(row.values.get(MERGED_IDS) or "").split(";"))
        after = page.next
        if after is None:
            return named
    return None


async def _fetch_salesforce(ctx: Cycle, batch: Batch) -> None:
    runtime = batch.runtime
    wanted: dict[str, dict[str, Work]] = {}
    leads: dict[str, Work] = {}
    for work in batch.works:
        key = work.key(Side.SALESFORCE)
        if key is None or work.salesforce is not None:
            continue
        if not runtime.syncs(key.type):
            leads |= {key.id: work} if key.type == "Lead" else {}
            continue
        fresh = _fresh(ctx, work, key)
        if fresh is not None:
            work.salesforce = converted(key, fresh)
        else:
            wanted.setdefault(key.type, {})[key.id] = work
    for type_, works in wanted.items():
        found = await ctx.salesforce.retrieve(type_, list(works), runtime.salesforce_fields[type_], purpose="fetch")
        for id_, seen in found.items():
            works[id_].salesforce = converted(seen.key, seen)
        missing = [id_ for id_ in works if id_ not in found]
        for id_, answer in (await salesforce_absence(ctx, runtime, type_, missing)).items():
            works[id_].salesforce = converted(answer.key, answer) if isinstance(answer, Observation) else answer
    for id_, gone in (await conversions(ctx, runtime, list(leads))).items():
        leads[id_].salesforce = gone


async def conversions(ctx: Cycle, runtime: ObjectRuntime, leads: list[str]) -> dict[str, Gone]:
    """Of leads, while leads do not sync, those that live on as contacts, which do. Where the sync user may not read leads any
    more nothing is known of them."""
    if not leads or not runtime.syncs("Contact"):
        return {}
    try:
        # Ids of other types are none of a lead, and no row answers to them.
        rows = await ctx.salesforce.query_by_ids("Lead", leads, "Id, IsConverted, ConvertedContactId", purpose="fetch")
    except (CallRefused, Forbidden):
        return {}
    return {
        row["Id"]: Gone(
            RecordKey(Side.SALESFORCE, "Lead", row["Id"]),
            GoneHow.CONVERTED,
            RecordKey(Side.SALESFORCE, "Contact", row["ConvertedContactId"]),
        )
        for row in rows
        if row.get("IsConverted") and row.get("ConvertedContactId")
    }


def converted(key: RecordKey, seen: Observation) -> Observation | Gone:
    """A converted lead lives on as its contact; the lead itself is read-only from then on (CANNOT_UPDATE_CONVERTED_LEAD)."""
    if key.type == "Lead" and seen.values.get("IsConverted"):
        contact = seen.values.get(CONVERTED_INTO)
        if contact:
            return Gone(key, GoneHow.CONVERTED, RecordKey(Side.SALESFORCE, "Contact", contact))
    return seen


async def salesforce_absence(
    ctx: Cycle, runtime: ObjectRuntime, type_: str, ids: list[str]
) -> dict[str, Gone | Observation]:
    """What the recycle bin says of these ids. An id that queryAll does not show either may just be hidden from us: left out.

    One that lives after all was restored since it was missed, and is read again.
    """
    answers: dict[str, Gone | Observation] = {}
    if not ids:
        return answers
    merged = f", {MASTER}" if type_ in MERGEABLE else ""
    rows = await ctx.salesforce.query_by_ids(
        type_, ids, f"Id, IsDeleted{merged}", include_deleted=True, purpose="fetch"
    )
    masters = await _last_masters(ctx, type_, [row["MasterRecordId"] for row in rows if row.get("MasterRecordId")])
    living = [row["Id"] for row in rows if not row.get("IsDeleted")]
    if living:
        answers |= await ctx.salesforce.retrieve(type_, living, runtime.salesforce_fields[type_], purpose="fetch")
    for row in rows:
        if not row.get("IsDeleted"):
            continue
        key = RecordKey(Side.SALESFORCE, type_, row["Id"])
        master = row.get("MasterRecordId")
        if master:
            answers[key.id] = Gone(key, GoneHow.MERGED, RecordKey(Side.SALESFORCE, type_, masters[master]))
        else:
            answers[key.id] = Gone(key, GoneHow.DELETED)
    return answers


async def _last_masters(ctx: Cycle, type_: str, ids: list[str]) -> dict[str, str]:
    """Where a chain of merges ends: id of a survivor -> the record that it lives on as, if it was merged away in turn."""
    merged_into: dict[str, str | None] = {}
    unknown = list(dict.fromkeys(ids))
    while unknown:
        rows = await ctx.salesforce.query_by_ids(
            type_, unknown, "Id, MasterRecordId", include_deleted=True, purpose="fetch"
        )
        merged_into |= dict.fromkeys(unknown) | {row["Id"]: row.get("MasterRecordId") for row in rows}
        unknown = [master for master in dict.fromkeys(merged_into.values()) if master and master not in merged_into]
    last = {}
    for id_ in ids:
        end = id_
        # A survivor is never merged into one that was merged into it, so a chain has an end.
        while (master := merged_into.get(end)) is not None:
            end = master
        last[id_] = end
    return last

"""Pairs that HubSpot's own integration had made: found by the ids that it left in HubSpot, ahead of e-mail, domain and name.

Only where the connection's setting `native_ids` is on (docs/migrate.md). What a HubSpot record names is its counterpart, or a
question: an id of a record that is not there, or that two records name, is never settled by a guess, and a record that another
one names is nobody else's. Reads only. HubSpot's side is found through our own index of keys, which the first load fills before
the first match; in Salesforce only those records are asked for that nothing else has brought: a call for 2,000 of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from interlock.core.model import Gone, Issue, LinkedBy, Observation, Reason, RecordKey, Side
from interlock.engine.candidates import LOOK_AGAIN_US, Finder, own_seen, take_answer
from interlock.engine.context import HUBSPOT_ID_PROPERTY, Cycle, ObjectRuntime
from interlock.engine.explanations import fix_for
from interlock.engine.fetch import converted, salesforce_absence
from interlock.engine.work import Work
from interlock.objects import native
from interlock.objects.native import Named
from interlock.store import identity, links

NOT_THERE = "native_id_missing"
# Of the HubSpot records that name the same one, as many are read and named to a person.
NAMESAKES_MOST = 5


async def by_native_ids(
    ctx: Cycle, finder: Finder, hubspot_works: Sequence[Work], salesforce_works: Sequence[Work]
) -> None:
    if not finder.runtime.native_ids:
        return
    await _from_hubspot(ctx, finder, [work for work in hubspot_works if not _known_by_our_key(finder, work)])
    await _from_salesforce(ctx, finder, [work for work in salesforce_works if not _known_by_our_key(finder, work)])
    await _keep_what_is_named(ctx, finder, [*hubspot_works, *salesforce_works])


def _known_by_our_key(finder: Finder, work: Work) -> bool:
    """Ours is the newer one, and follows merges and conversions."""
    ours = own_seen(work).values.get(HUBSPOT_ID_PROPERTY) if work.origin is Side.HUBSPOT else None
    return bool(ours) or any(each.by is LinkedBy.SYNC_KEY for each in finder.candidates[id(work)])


def _named(runtime: ObjectRuntime, seen: Observation) -> Named | None:
    """None as well for a record of a Salesforce object that does not sync."""
    found = native.named(runtime.spec, seen.values)
    return found if found is not None and found.salesforce_type in runtime.mappings else None


# --- who is named ---------------------------------------------------------------------------------------------------------


async def _from_hubspot(ctx: Cycle, finder: Finder, works: Sequence[Work]) -> None:
    by_type: dict[str, dict[str, list[Work]]] = defaultdict(lambda: defaultdict(list))
    for work in works:
        found = _named(finder.runtime, own_seen(work))
        if found is not None and found.key is not None:
            by_type[found.salesforce_type][found.key.id].append(work)
        elif found is not None:
            _not_there(ctx, work, found)
    for type_, by_id in by_type.items():
        answers = await _read_salesforce(ctx, finder, type_, list(by_id))
        for id_, named_by in by_id.items():
            for work in named_by:
                answer = answers.get(id_)
                if answer is not None:
                    await take_answer(ctx, finder, work, answer, LinkedBy.NATIVE_ID)
                elif (found := _named(finder.runtime, own_seen(work))) is not None:
                    _not_there(ctx, work, found)
    await _namesakes(ctx, finder, {id_: named_by for by_id in by_type.values() for id_, named_by in by_id.items()})


async def _read_salesforce(ctx: Cycle, finder: Finder, type_: str, ids: list[str]) -> dict[str, Observation | Gone]:
    """Id -> the record, or what became of it; an id that Salesforce does not know, or hides from us, is left out."""
    at_hand = {id_: finder.seen.get(RecordKey(Side.SALESFORCE, type_, id_)) for id_ in ids}
    seen = {id_: each for id_, each in at_hand.items() if each is not None}
    unread = [id_ for id_ in ids if id_ not in seen]
    seen |= await ctx.salesforce.retrieve(type_, unread, finder.runtime.salesforce_fields[type_], purpose="match")
    answers = {id_: converted(each.key, each) for id_, each in seen.items()}
    gone = await salesforce_absence(ctx, finder.runtime, type_, [id_ for id_ in ids if id_ not in seen])
    for id_, answer in gone.items():
        answers[id_] = converted(answer.key, answer) if isinstance(answer, Observation) else answer
    return answers


async def _namesakes(ctx: Cycle, finder: Finder, by_id: dict[str, list[Work]]) -> None:
    """Other HubSpot records that name the same one: a person gives it to one of them."""
    others = await _who_name(ctx, finder.runtime, list(by_id))
    for id_, named_by in by_id.items():
        for work in named_by:
            own = own_seen(work).key
            found = [seen.key for seen in others.get(id_, ()) if seen.key != own]
            finder.siblings[id(work)][LinkedBy.NATIVE_ID] += found


async def _from_salesforce(ctx: Cycle, finder: Finder, works: Sequence[Work]) -> None:
    by_id = {own_seen(work).key.id: work for work in works}
    for id_, seen in (await _who_name(ctx, finder.runtime, list(by_id))).items():
        for each in seen:
            finder.add(by_id[id_], each, LinkedBy.NATIVE_ID)


async def _who_name(ctx: Cycle, runtime: ObjectRuntime, ids: list[str]) -> dict[str, list[Observation]]:
    """Salesforce id -> the HubSpot records without a pair that name it, read afresh: the index may be behind."""
    async with ctx.store.read(ctx.connection_id) as tx:
        indexed = await identity.find(tx, runtime.slug, Side.HUBSPOT, native.KIND, ids)
        paired = await links.by_hubspot(tx, runtime.slug, [id_ for same in indexed.values() for id_ in same])
    free = {id_: [each for each in same if each not in paired][:NAMESAKES_MOST] for id_, same in indexed.items()}
    wanted = list(dict.fromkeys(each for same in free.values() for each in same))
    read = await ctx.hubspot.read(runtime.spec.hubspot_type, wanted, runtime.hubspot_properties, purpose="match")
    found: dict[str, list[Observation]] = defaultdict(list)
    for id_, same in free.items():
        for each in same:
            seen = read.get(each)
            names = None if seen is None else _named(runtime, seen)
            if seen is not None and names is not None and names.key is not None and names.key.id == id_:
                found[id_].append(seen)
    return found


# --- what is named is nobody else's ---------------------------------------------------------------------------------------


async def _keep_what_is_named(ctx: Cycle, finder: Finder, works: Sequence[Work]) -> None:
    """A record that an e-mail address, a domain or a name has found, and that an id joins with another one."""
    found_weakly: set[RecordKey] = set()
    for work in works:
        own = own_seen(work).key
        for each in finder.candidates[id(work)]:
            if each.by in (LinkedBy.SYNC_KEY, LinkedBy.NATIVE_ID):
                continue
            if each.key.side is Side.SALESFORCE:
                found_weakly.add(each.key)
                continue
            names = _named(finder.runtime, finder.seen[each.key])
            if names is not None and names.key is not None and names.key != own:
                finder.named_with[each.key] = names.key
    async with ctx.store.read(ctx.connection_id) as tx:
        ids = sorted(key.id for key in found_weakly)
        indexed = await identity.find(tx, finder.runtime.slug, Side.HUBSPOT, native.KIND, ids)
        paired = await links.by_hubspot(tx, finder.runtime.slug, [id_ for same in indexed.values() for id_ in same])
    for key in found_weakly:
        free = [id_ for id_ in indexed.get(key.id, ()) if id_ not in paired]
        if free:
            finder.named_with[key] = RecordKey(Side.HUBSPOT, finder.runtime.spec.hubspot_type, free[0])


def _not_there(ctx: Cycle, work: Work, found: Named) -> None:
    own = own_seen(work).key
    category, fix = fix_for(NOT_THERE)
    work.why_not = NOT_THERE
    work.issues.append(
        Issue(
            category=category,
            code=NOT_THERE,
            severity="error",
            object=work.object,
            hubspot_id=own.id,
            salesforce_id=None,
            salesforce_type=None,
            cause=f"HubSpot's own integration had joined it with the {found.salesforce_type} {found.text}"
            f" ({found.property}), which Salesforce does not know or does not show to the sync user.",
            fix=fix,
            label=work.label(),
            property=found.property,
        )
    )
    work.wait(ctx.clock_us() + LOOK_AGAIN_US, Reason.WAITING)

"""Finding counterparts for records that have none: by our keys first, then by the object's identity. Reads and links only.

Both CRMs are asked afresh, never a search index: a counterpart that was made a second ago must be found, or a second one
would be created. Companies are the exception: their names match only after normalisation, which neither API can do, so
candidates come from our own index of keys and are then read afresh.
"""

from __future__ import annotations

from collections import defaultdict

from interlock.core.match import Ambiguous, Decision, Match, NoMatch, choose
from interlock.core.model import (
    LinkedBy,
    LinkState,
    Observation,
    Reason,
    RecordKey,
    RecordLink,
    Side,
)
from interlock.engine.accounts_for import by_shared_people
from interlock.engine.addresses import addresses_of, found_by, rivals, siblings_of
from interlock.engine.candidates import (
    IDS,
    LOOK_AGAIN_US,
    Finder,
    by_identity,
    own_seen,
    siblings_by_identity,
    take_answer,
)
from interlock.engine.census import may_be_there
from interlock.engine.context import EXISTING, HUBSPOT_ID_PROPERTY, SALESFORCE_CREATION_KEY, Cycle
from interlock.engine.erasing import RECORD
from interlock.engine.fetch import conversions, converted, hubspot_absence, salesforce_absence, wait_to_be_asked
from interlock.engine.freed_addresses import CONTACT_PREFERRED
from interlock.engine.inclusion import why_left_out
from interlock.engine.latest import Hop, latest_instead, moves_to_latest
from interlock.engine.left_out import leave_to_its_type
from interlock.engine.next_in_line import leave_with_the_deleted
from interlock.engine.persons_word import by_persons_word, note_refused
from interlock.engine.questions import held_by_what_does_not_sync, question_of
from interlock.engine.relink import by_native_ids
from interlock.engine.work import Batch, Limit, Work
from interlock.store import intents, links

_TYPE_BY_PREFIX = {"001": "Account", "003": "Contact", "00Q": "Lead", "006": "Opportunity"}


async def match(ctx: Cycle, batch: Batch) -> None:
    """Give every work without link a link to be made, a reason to wait, an issue, or leave it to be created."""
    alone = [work for work in batch.works if work.link is None and work.why_not is None and eligible(work)]
    if not alone:
        return
    finder = Finder(ctx, batch)
    hubspot_works = [work for work in alone if work.origin is Side.HUBSPOT]
    salesforce_works = [work for work in alone if work.origin is Side.SALESFORCE]
    asked_after = await may_be_there(ctx, batch.runtime, salesforce_works)
    if "email" in batch.runtime.spec.identity:
        await _salesforce_by_key_and_email(ctx, finder, hubspot_works, salesforce_works)
        await _hubspot_by_email(ctx, finder, asked_after)
    else:
        await _salesforce_by_creation_key(ctx, finder, hubspot_works)
        await by_identity(ctx, finder, alone)
        await siblings_by_identity(ctx, finder, alone)
    await _salesforce_by_stored_id(ctx, finder, hubspot_works)
    await _hubspot_by_stored_id(ctx, finder, asked_after)
    await _hubspot_by_creation_key(ctx, finder, salesforce_works)
    await by_native_ids(ctx, finder, hubspot_works, salesforce_works)
    await by_persons_word(ctx, finder, alone)
    await by_shared_people(ctx, finder, [work for work in alone if work.why_not is None])
    await _deleted_counterparts(ctx, finder, hubspot_works, salesforce_works)
    await leave_with_the_deleted(ctx, finder, salesforce_works)
    await _note_links(ctx, finder, alone)
    _settle(batch, finder, hubspot_works + salesforce_works)


def eligible(work: Work) -> bool:
    """Whether the record may have a counterpart at all; if not, the work says why."""
    seen = work.seen(work.origin)
    if not isinstance(seen, Observation):
        work.why_not = "deleted" if seen is not None else "not_readable"
        return False
    work.why_not = work.runtime.spec.why_not_eligible(work.origin, seen.values)
    if work.erased == RECORD:
        work.why_not = "erased"
    if work.why_not is None and not (work.limit is Limit.PIPELINE and work.origin is Side.SALESFORCE):
        # An opportunity of a record type that does not sync is matched all the same: whose counterpart it is stays known.
        work.why_not = why_left_out(work)
    return work.why_not is None


async def _salesforce_by_key_and_email(
    ctx: Cycle, finder: Finder, hubspot_works: list[Work], salesforce_works: list[Work]
) -> None:
    by_email: dict[str, list[Work]] = defaultdict(list)
    by_key: dict[str, Work] = {}
    for work in hubspot_works:
        by_key[ctx.creation_key(work.object, own_seen(work).key.id)] = work
    for work in hubspot_works + salesforce_works:
        for email in addresses_of(work.runtime, own_seen(work)):
            by_email[email].append(work)
    for type_ in finder.runtime.salesforce_types:
        fields = finder.runtime.salesforce_fields[type_]
        found = await ctx.salesforce.query_where_in(
            type_,
            fields,
            {"Email": list(by_email), SALESFORCE_CREATION_KEY: list(by_key)},
            include_deleted=True,
            purpose="match",
        )
        finder.note_deleted(found)
        for seen in await _living(ctx, finder, type_, found, by_key):
            keyed = by_key.get(_creation_key_of(seen))
            lives_as = converted(seen.key, seen)
            if keyed is not None:
                await take_answer(ctx, finder, keyed, lives_as)
            if not isinstance(lives_as, Observation):
                continue
            email = str(seen.values.get("Email") or "").lower()
            finder.salesforce_by_email[email].append(seen.key)
            finder.edited_us[seen.key] = seen.modified_us
            for work in by_email.get(email, ()):
                if work.origin is Side.HUBSPOT:
                    finder.add(work, seen, found_by(own_seen(work), email))


async def _living(
    ctx: Cycle, finder: Finder, type_: str, found: list[Observation], by_key: dict[str, Work]
) -> list[Observation]:
    """Those of them that are there. One that was made for a record of ours and is gone says what became of its counterpart,
    of which HubSpot may know nothing: the stored id is written after the create."""
    living = [seen for seen in found if not seen.values.get("IsDeleted")]
    known = {_creation_key_of(seen) for seen in living}
    gone = {
        seen.key.id: by_key[key]
        for seen in found
        if seen.values.get("IsDeleted") and (key := _creation_key_of(seen)) in by_key and key not in known
    }
    for id_, answer in (await salesforce_absence(ctx, finder.runtime, type_, list(gone))).items():
        lives_as = converted(answer.key, answer) if isinstance(answer, Observation) else answer
        await take_answer(ctx, finder, gone[id_], lives_as)
    return living


async def _hubspot_by_email(ctx: Cycle, finder: Finder, works: list[Work]) -> None:
    by_email: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        for email in addresses_of(work.runtime, own_seen(work)):
            by_email[email].append(work)
    if not by_email:
        return
    found = await ctx.hubspot.read(
        finder.runtime.spec.hubspot_type,
        list(by_email),
        finder.runtime.hubspot_properties,
        id_property="email",
        purpose="match",
    )
    for email, seen in found.items():
        for work in by_email[email]:
            finder.add(work, seen, found_by(seen, email))
    await rivals(ctx, finder, list(found.values()))


async def _salesforce_by_creation_key(ctx: Cycle, finder: Finder, works: list[Work]) -> None:
    by_key = {ctx.creation_key(work.object, own_seen(work).key.id): work for work in works}
    if not by_key:
        return
    for type_ in finder.runtime.salesforce_types:
        fields = finder.runtime.salesforce_fields[type_]
        found = await ctx.salesforce.query_where_in(
            type_, fields, {SALESFORCE_CREATION_KEY: list(by_key)}, include_deleted=True, purpose="match"
        )
        for seen in await _living(ctx, finder, type_, found, by_key):
            finder.add(by_key[_creation_key_of(seen)], seen, LinkedBy.SYNC_KEY)


def _creation_key_of(seen: Observation) -> str:
    """As we spell it: Salesforce finds an external id whatever its case, and somebody may have typed it otherwise."""
    return str(seen.values.get(SALESFORCE_CREATION_KEY) or "").lower()


async def _salesforce_by_stored_id(ctx: Cycle, finder: Finder, works: list[Work]) -> None:
    """HubSpot's own record of its counterpart: the durable half of the pair, from which a lost database is rebuilt."""
    wanted: dict[str, dict[str, Work]] = defaultdict(dict)
    for work in works:
        stored = str(own_seen(work).values.get(HUBSPOT_ID_PROPERTY) or "")
        type_ = _TYPE_BY_PREFIX.get(stored[:3])
        if type_ in finder.runtime.mappings:
            wanted[type_][stored] = work
    for type_, by_id in wanted.items():
        unseen = [id_ for id_ in by_id if RecordKey(Side.SALESFORCE, type_, id_) not in finder.seen]
        found = await ctx.salesforce.retrieve(type_, unseen, finder.runtime.salesforce_fields[type_], purpose="match")
        for id_, work in by_id.items():
            seen = found.get(id_) or finder.seen.get(RecordKey(Side.SALESFORCE, type_, id_))
            if seen is not None:
                await take_answer(ctx, finder, work, converted(seen.key, seen))


async def _hubspot_by_stored_id(ctx: Cycle, finder: Finder, works: list[Work]) -> None:
    by_id = {own_seen(work).key.id: work for work in works}
    if not by_id:
        return
    type_, properties = finder.runtime.spec.hubspot_type, finder.runtime.hubspot_properties
    # A preview may come before the property is made: then no record can hold an id in it, and HubSpot refuses the question.
    asked = list(by_id) if HUBSPOT_ID_PROPERTY in properties else []
    found = await ctx.hubspot.read(type_, asked, properties, id_property=HUBSPOT_ID_PROPERTY, purpose="match")
    for salesforce_id, seen in found.items():
        finder.add(by_id[salesforce_id], seen, LinkedBy.SYNC_KEY)


async def _hubspot_by_creation_key(ctx: Cycle, finder: Finder, works: list[Work]) -> None:
    by_hubspot_id = {id_: work for work in works if (id_ := made_for(ctx, own_seen(work)))}
    created_from = await ctx.hubspot.read(
        finder.runtime.spec.hubspot_type, list(by_hubspot_id), finder.runtime.hubspot_properties, purpose="match"
    )
    for hubspot_id, seen in created_from.items():
        finder.add(by_hubspot_id[hubspot_id], seen, LinkedBy.SYNC_KEY)


async def _deleted_counterparts(
    ctx: Cycle, finder: Finder, hubspot_works: list[Work], salesforce_works: list[Work]
) -> None:
    """Records that carry our key of a counterpart which is no longer there: it lives on under another id, or it was
    deleted, and then another must not be made in its place. Asked only of records for which nothing else was found."""
    runtime = finder.runtime
    type_ = runtime.spec.hubspot_type
    by_hubspot_id = {
        id_: work
        for work in salesforce_works
        if not finder.candidates_of(work) and (id_ := made_for(ctx, own_seen(work)))
    }
    answers, unasked = await hubspot_absence(ctx, runtime, list(by_hubspot_id))
    for id_, answer in answers.items():
        await take_answer(ctx, finder, by_hubspot_id[id_], answer)
    for id_ in unasked:
        by_hubspot_id[id_].why_not = "waiting"
        wait_to_be_asked(ctx, by_hubspot_id[id_])
    asked = {
        own_seen(work).key.id: work
        for work in salesforce_works
        if not finder.candidates_of(work) and work.why_not is None and _may_be_created(ctx, work)
    }
    if HUBSPOT_ID_PROPERTY not in runtime.hubspot_properties:
        asked = {}
    archived = await ctx.hubspot.read(
        type_, list(asked), [], id_property=HUBSPOT_ID_PROPERTY, archived=True, purpose="match"
    )
    for id_ in archived:
        asked[id_].why_not = "counterpart_deleted"
    by_type: dict[str, dict[str, Work]] = defaultdict(dict)
    for work in hubspot_works:
        stored = str(own_seen(work).values.get(HUBSPOT_ID_PROPERTY) or "")
        salesforce_type = _TYPE_BY_PREFIX.get(stored[:3])
        if finder.candidates_of(work) or salesforce_type not in runtime.spec.salesforce_types:
            continue
        by_type[salesforce_type][stored] = work
    off = {id_: work for type_ in list(by_type) if not runtime.syncs(type_) for id_, work in by_type.pop(type_).items()}
    became = await conversions(ctx, runtime, list(off))
    for id_, work in off.items():
        if id_ in became:
            await take_answer(ctx, finder, work, became[id_])
        else:
            leave_to_its_type(ctx, work)
    for salesforce_type, by_id in by_type.items():
        for id_, answer in (await salesforce_absence(ctx, runtime, salesforce_type, list(by_id))).items():
            lives_as = converted(answer.key, answer) if isinstance(answer, Observation) else answer
            await take_answer(ctx, finder, by_id[id_], lives_as)


def _may_be_created(ctx: Cycle, work: Work) -> bool:
    """Else nobody has to ask whether its counterpart was deleted."""
    created = EXISTING[ctx.settings.existing].create or work.reason is not Reason.EXISTING_LINK_ONLY
    return work.runtime.create_in_hubspot and created


def made_for(ctx: Cycle, seen: Observation) -> str:
    """The HubSpot id in the creation key of a record that Interlock made for this account."""
    portal, _, rest = str(seen.values.get(SALESFORCE_CREATION_KEY) or "").partition(":")
    return rest.rpartition(":")[2] if portal == ctx.portal else ""


async def _note_links(ctx: Cycle, finder: Finder, works: list[Work]) -> None:
    hubspot_ids = [key.id for key in finder.seen if key.side is Side.HUBSPOT]
    salesforce_ids = [key.id for key in finder.seen if key.side is Side.SALESFORCE]
    async with ctx.store.read(ctx.connection_id) as tx:
        for link in (await links.by_hubspot(tx, finder.runtime.slug, hubspot_ids)).values():
            finder.note(link.hubspot, link, LinkState.SALESFORCE_DELETED)
        for link in (await links.by_salesforce(tx, finder.runtime.slug, salesforce_ids)).values():
            finder.note(link.salesforce, link, LinkState.HUBSPOT_DELETED)
        for intent in await intents.for_keys(tx, list(finder.seen)) if finder.seen else []:
            finder.note_request(intent)
        await note_refused(tx, finder, works)


def _settle(batch: Batch, finder: Finder, works: list[Work]) -> None:
    """Decide each work in turn; a record taken by one work is no longer free for the next."""
    waiting = {own_seen(work).key: work for work in works}
    joined: set[int] = set()
    for work in works:
        if work.new_link or work.why_not is not None or id(work) in joined:
            continue
        decision = _decide(finder, work)
        match decision:
            case Match(key=key, by=by) if finder.is_undecided(own_seen(work).key, key, by):
                # What becomes of its pair is decided in this very batch, or by a request that may still land.
                work.why_not = "waiting"
                work.wait(finder.ctx.clock_us() + finder.ctx.settings.retry_base_us, Reason.RETRY)
            case Match(key=key, by=by):
                other = waiting.get(key)
                if other is not None and other is not work:
                    # Both halves are due in this batch: they go on as one.
                    work.dirty = [*work.dirty, *other.dirty]
                    work.intents = [*work.intents, *other.intents]
                    joined.add(id(other))
                _pair(finder, work, key, by)
            case Ambiguous():
                work.why_not = decision.code
                work.issues.append(question_of(finder, work, decision))
                batch.also_due += held_by_what_does_not_sync(finder, decision)
                work.wait(finder.ctx.clock_us() + LOOK_AGAIN_US, Reason.WAITING)
            case Hop(hubspot=key, link=link):
                _move(finder, batch, work, key, link)
            case NoMatch():
                pass
    if joined:
        batch.works = [work for work in batch.works if id(work) not in joined]


def _decide(finder: Finder, work: Work) -> Decision | Hop:
    decision = _the_one(finder, work)
    return latest_instead(finder, work, decision) if moves_to_latest(finder) else decision


def _the_one(finder: Finder, work: Work) -> Decision:
    preferred = finder.runtime.salesforce_types if work.origin is Side.HUBSPOT else [finder.runtime.spec.hubspot_type]
    decision = choose(finder.candidates_of(work), preferred)
    if isinstance(decision, NoMatch) and (refused := finder.refused_of(work)):
        # To link them would be against a person's word, and to make another of them a duplicate.
        return Ambiguous((own_seen(work).key, refused[0].key), "match_refused", refused[0].by)
    if isinstance(decision, Match):
        siblings = finder.siblings[id(work)][decision.by]
        if siblings := [each for each in siblings if not finder.are_refused(each, decision.key)]:
            return Ambiguous((own_seen(work).key, *sorted(siblings)), "several_candidates", decision.by)
    if work.origin is Side.HUBSPOT or (isinstance(decision, Match) and decision.by in IDS):
        return decision
    return _among_siblings(finder, work, decision) or decision


def _among_siblings(finder: Finder, work: Work, decision: Decision) -> Decision | None:
    """Seen from Salesforce: other leads and contacts with the same e-mail decide whether this one may be linked."""
    own = own_seen(work).key
    siblings, nearer = siblings_of(finder, work, decision)
    if isinstance(decision, Match):
        siblings, nearer = (
            {each for each in keys if not finder.are_refused(each, decision.key)} for keys in (siblings, nearer)
        )
    if nearer:
        return Ambiguous((own, *sorted(nearer)), "several_candidates", LinkedBy.ADDITIONAL_EMAIL)
    for type_ in finder.runtime.salesforce_types:
        same_kind = sorted(key for key in siblings if key.type == type_)
        if not same_kind:
            continue
        if own not in same_kind:
            # A contact with this e-mail exists, and it is the person's record: the lead stays alone, silently.
            work.why_not = CONTACT_PREFERRED
            return NoMatch()
        if len(same_kind) > 1:
            return Ambiguous(tuple(same_kind), "several_candidates", LinkedBy.EMAIL)
        return None
    return None


def _pair(finder: Finder, work: Work, key: RecordKey, by: LinkedBy) -> None:
    work.see(key.side, finder.seen[key])
    own = _own_key(work, key)
    work.link = link = RecordLink.between(own, key, by, finder.ctx.clock_us(), base={})
    work.new_link = True
    work.ends = finder.ends.get(key)
    finder.linked_to[link.hubspot] = link.salesforce
    finder.linked_to[link.salesforce] = link.hubspot


def _move(finder: Finder, batch: Batch, work: Work, key: RecordKey, link: RecordLink) -> None:
    """The pair goes over to this record (follow.py), unless it is being worked on itself, now or by a request on its way."""
    busy = any(each.link is not None and each.link.id == link.id for each in batch.works)
    if busy or finder.is_undecided(own_seen(work).key, key, LinkedBy.EMAIL):
        work.why_not = "waiting"
        work.wait(finder.ctx.clock_us() + finder.ctx.settings.retry_base_us, Reason.RETRY)
        return
    work.see(key.side, finder.seen[key])
    work.follow, work.link = own_seen(work).key, link
    # The one that it goes away from is looked at as one that has no counterpart.
    batch.also_due.append(link.salesforce)


def _own_key(work: Work, other: RecordKey) -> RecordKey:
    seen = work.seen(other.side.other)
    assert isinstance(seen, Observation)
    return seen.key

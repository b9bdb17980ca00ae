"""The candidates of a batch, and those of them that the index of domains and names finds (companies). Reads only.

Names match only after normalisation, which neither API can do: our own index says which records may be the same, and each
of them is read afresh before it counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from interlock.core.identity.refusals import suggestion_key
from interlock.core.link import RESTS
from interlock.core.match import Candidate
from interlock.core.model import (
    Gone,
    Intent,
    IntentState,
    LinkedBy,
    LinkState,
    Observation,
    RecordKey,
    RecordLink,
    Side,
)
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.left_out import leave_to_its_type
from interlock.engine.work import Batch, Seen, Work
from interlock.store import identity, links

# Of the records that share a domain or a name, as many are read and named to a person.
SIBLINGS_MOST = 5

# A question may answer itself without a change of the record that asks: it is put again after this long, and sooner if
# one of the records among which to choose is seen to have changed (record.py).
LOOK_AGAIN_US = 6 * 3_600_000_000

# Proofs that name one record, whatever else it has in common with others.
IDS = frozenset({LinkedBy.SYNC_KEY, LinkedBy.NATIVE_ID, LinkedBy.PERSON})
_BY_KIND = {"domain": LinkedBy.DOMAIN, "name": LinkedBy.NAME}


class Finder:
    """The candidates of one batch, gathered side by side so that each kind of question is asked once for all records."""

    def __init__(self, ctx: Cycle, batch: Batch) -> None:
        self.ctx = ctx
        self.runtime = batch.runtime
        self.seen: dict[RecordKey, Observation] = {}
        self.candidates: dict[int, list[Candidate]] = defaultdict(list)
        self.salesforce_by_email: dict[str, list[RecordKey]] = defaultdict(list)
        self.in_the_bin: dict[str, list[RecordKey]] = defaultdict(list)  # by e-mail address, of Salesforce's
        self.edited_us: dict[RecordKey, int] = {}  # of those found by address
        self.linked_to: dict[RecordKey, RecordKey] = {}
        self.link_of: dict[RecordKey, RecordLink] = {}  # of those in `linked_to`
        self.named_with: dict[
            RecordKey, RecordKey
        ] = {}  # record -> the one that an id of the native integration joins it with
        self.ends: dict[RecordKey, int] = {}  # record -> its resting link, which ends when it finds another counterpart
        # Pairs of this batch of which a record that had gone is there again, or lives on as another: they are about to have it.
        self.coming_back = {
            work.link.id
            for work in batch.works
            for side in Side
            if work.link is not None and work.link.state is RESTS[side] and _lives(work.seen(side))
        }
        self.undecided: set[RecordKey] = set()  # records of these pairs
        # Records that a request may still join with another: with which. Whoever found one by less than an id comes after that.
        self.under_way: dict[RecordKey, set[RecordKey]] = defaultdict(set)
        self.siblings: dict[int, dict[LinkedBy, list[RecordKey]]] = defaultdict(lambda: defaultdict(list))

        self.asks_persons = False  # whether a person has said of any two records that they are one, or are not
        self.refused: set[str] = set()  # keys of what they said are not (persons_word.py)

    def add(self, work: Work, seen: Observation, by: LinkedBy) -> None:
        self.seen[seen.key] = seen
        self.candidates[id(work)].append(Candidate(seen.key, by))

    def note(self, key: RecordKey, link: RecordLink, widowed: LinkState) -> None:
        """A record whose counterpart was deleted is free for another that is found to be the same."""
        if link.state is widowed and link.id in self.coming_back:
            self.undecided.add(key)
        elif link.state is widowed and link.id is not None:
            self.ends[key] = link.id
        else:
            self.linked_to[key] = link.key(key.side.other)
            self.link_of[key] = link

    def note_request(self, intent: Intent) -> None:
        if intent.state is IntentState.SENT or (
            intent.state is IntentState.UNKNOWN and self.ctx.clock_us() < intent.park_until_us
        ):
            self.under_way[intent.source].add(intent.target)
            self.under_way[intent.target].add(intent.source)

    def is_undecided(self, own: RecordKey, key: RecordKey, by: LinkedBy) -> bool:
        return key in self.undecided or (by not in IDS and bool(self.under_way[key] - {own}))

    def note_deleted(self, found: Iterable[Observation]) -> None:
        for seen in found:
            if seen.values.get("IsDeleted"):
                self.in_the_bin[str(seen.values.get("Email") or "").lower()].append(seen.key)

    def candidates_of(self, work: Work) -> list[Candidate]:
        return [
            Candidate(each.key, each.by, self._taken_by(each))
            for each in self.candidates[id(work)]
            if not self._is_refused(work, each)
        ]

    def refused_of(self, work: Work) -> list[Candidate]:
        """What it has found, and a person said that it is not."""
        return [each for each in self.candidates[id(work)] if self._is_refused(work, each)]

    def _is_refused(self, work: Work, each: Candidate) -> bool:
        # An id was written by who knew.
        return each.by not in IDS and self.are_refused(own_seen(work).key, each.key)

    def are_refused(self, one: RecordKey, other: RecordKey) -> bool:
        return bool(self.refused) and suggestion_key(one, other) in self.refused

    def _taken_by(self, each: Candidate) -> RecordKey | None:
        # What an id names is free for the record that names it, and for nobody who has found it by less.
        named = None if each.by in IDS else self.named_with.get(each.key)
        return self.linked_to.get(each.key) or named


def _lives(seen: Seen) -> bool:
    return isinstance(seen, Observation) or (isinstance(seen, Gone) and seen.successor is not None)


def own_seen(work: Work) -> Observation:
    seen = work.seen(work.origin)
    assert isinstance(seen, Observation), "only observed records are matched"
    return seen


async def take_answer(
    ctx: Cycle, finder: Finder, work: Work, answer: Gone | Observation, by: LinkedBy = LinkedBy.SYNC_KEY
) -> None:
    """What became of the record that an id names: it is there, lives on as another, or was deleted and is not made again."""
    if isinstance(answer, Observation):
        finder.add(work, answer, by)
    elif answer.successor is None:
        work.why_not = "counterpart_deleted"
    elif answer.successor.side is Side.SALESFORCE and not finder.runtime.syncs(answer.successor.type):
        leave_to_its_type(ctx, work)
    else:
        successor = answer.successor
        if successor.side is Side.HUBSPOT:
            seen = await ctx.hubspot.read_by_id(
                successor.type, successor.id, finder.runtime.hubspot_properties, purpose="match"
            )
        else:
            fields = finder.runtime.salesforce_fields[successor.type]
            found = await ctx.salesforce.retrieve(successor.type, [successor.id], fields, purpose="match")
            seen = found.get(successor.id)
        if seen is not None:
            finder.add(work, seen, by)
        else:
            # What it lives on as is gone in turn, or hidden from us: another would be made in its place.
            work.why_not = "counterpart_deleted"


async def by_identity(ctx: Cycle, finder: Finder, works: list[Work]) -> None:
    wanted: dict[tuple[Side, str], dict[str, list[Work]]] = defaultdict(lambda: defaultdict(list))
    for work in works:
        for kind, key in finder.runtime.spec.identity_keys(work.origin, own_seen(work).values):
            wanted[work.origin.other, kind][key].append(work)
    hits: dict[Side, dict[str, list[tuple[Work, LinkedBy]]]] = defaultdict(lambda: defaultdict(list))
    async with ctx.store.read(ctx.connection_id) as tx:
        for (side, kind), by_key in wanted.items():
            found = await identity.find(tx, finder.runtime.slug, side, kind, list(by_key))
            for key, record_ids in found.items():
                for record_id in record_ids:
                    hits[side][record_id].extend((work, _BY_KIND[kind]) for work in by_key[key])
    for side, by_record in hits.items():
        for seen in await _read(ctx, finder.runtime, side, list(by_record)):
            # The index may be behind: what the record holds now decides.
            now = set(finder.runtime.spec.identity_keys(side, seen.values))
            for work, by in by_record[seen.key.id]:
                mine = set(finder.runtime.spec.identity_keys(work.origin, own_seen(work).values))
                if any(_BY_KIND[kind] is by for kind, _ in now & mine):
                    finder.add(work, seen, by)


async def siblings_by_identity(ctx: Cycle, finder: Finder, works: list[Work]) -> None:
    """Records of the same side with the same domain or name as a work that found its counterpart by it: what fits two
    records is for a person to give to one of them."""
    keys: dict[Side, dict[tuple[str, str], list[Work]]] = defaultdict(lambda: defaultdict(list))
    for work in works:
        proofs = {each.by for each in finder.candidates[id(work)]}
        for kind, key in finder.runtime.spec.identity_keys(work.origin, own_seen(work).values):
            if _BY_KIND[kind] in proofs:
                keys[work.origin][kind, key].append(work)
    for side, by_key in keys.items():
        for seen in await _read(ctx, finder.runtime, side, await _free(ctx, finder.runtime, side, list(by_key))):
            for kind, key in finder.runtime.spec.identity_keys(side, seen.values):
                for work in by_key.get((kind, key), ()):
                    if own_seen(work).key != seen.key:
                        finder.siblings[id(work)][_BY_KIND[kind]].append(seen.key)


async def _free(ctx: Cycle, runtime: ObjectRuntime, side: Side, keys: list[tuple[str, str]]) -> list[str]:
    """Ids of records without counterpart that the index knows by these keys, where there is more than one. A few of each
    are enough: that there are others is the question."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for kind, key in keys:
        kinds[kind].append(key)
    ids: dict[str, None] = {}
    async with ctx.store.read(ctx.connection_id) as tx:
        for kind, of_kind in kinds.items():
            found = await identity.find(tx, runtime.slug, side, kind, of_kind)
            shared = [id_ for same in found.values() if len(same) > 1 for id_ in same]
            taken = await (links.by_hubspot if side is Side.HUBSPOT else links.by_salesforce)(tx, runtime.slug, shared)
            for same in found.values():
                if len(same) > 1:
                    ids |= dict.fromkeys([id_ for id_ in same if id_ not in taken][:SIBLINGS_MOST])
    return list(ids)


async def _read(ctx: Cycle, runtime: ObjectRuntime, side: Side, ids: list[str]) -> list[Observation]:
    if side is Side.HUBSPOT:
        found = await ctx.hubspot.read(runtime.spec.hubspot_type, ids, runtime.hubspot_properties, purpose="match")
        return list(found.values())
    (type_,) = runtime.salesforce_types
    found = await ctx.salesforce.retrieve(type_, ids, runtime.salesforce_fields[type_], purpose="match")
    # An account that is a person has the name of one, and is no company of that name.
    return [seen for seen in found.values() if runtime.spec.why_not_eligible(side, seen.values) is None]

"""*The one edited last syncs*: where a person chose it, leads or contacts with one address are no question. The one that was edited
last in Salesforce syncs, and the pair moves to it, as in HubSpot's own integration. Decides and reads nothing by itself.

The pair moves and nothing else happens then: the next look decides the fields of the two, from what the pair agreed on last. What
the one that it moves to never had was not emptied there: of such a field it is forgotten that they agreed. Who is not the one is
left alone, and made nowhere. A pair that a person made stays as it is, and so does one that rests.
"""

from __future__ import annotations

import msgspec

from interlock.core.match import Ambiguous, Decision, Match, NoMatch, choose, latest
from interlock.core.model import Base, LinkedBy, LinkState, Observation, RecordKey, RecordLink, Side
from interlock.core.reconcile import print_of
from interlock.core.values import BLANK_FINGERPRINT
from interlock.engine.addresses import addresses_of
from interlock.engine.candidates import Finder, own_seen
from interlock.engine.context import ObjectRuntime
from interlock.engine.work import Seen, Work
from interlock.objects.choices import DUPLICATES, LATEST_MODIFIED

NOT_LATEST = "edited_before_another"


class Hop(msgspec.Struct, frozen=True):
    """The pair of `hubspot` moves to the record that was looked at."""

    hubspot: RecordKey
    link: RecordLink


def moves_to_latest(finder: Finder) -> bool:
    return finder.ctx.settings.chosen(DUPLICATES, finder.runtime.slug) == LATEST_MODIFIED


def latest_instead(finder: Finder, work: Work, decision: Decision) -> Decision | Hop:
    """What is made of a question where it is one of several with the same address; any other stays a question."""
    if not isinstance(decision, Ambiguous) or work.erased or decision.code == "match_refused":
        return decision
    if work.origin is Side.HUBSPOT:
        return _of_hubspot(finder, decision)
    return _of_salesforce(finder, work, decision)


def _of_hubspot(finder: Finder, decision: Ambiguous) -> Decision:
    keys = [key for key in decision.keys if key.side is Side.SALESFORCE]
    if decision.code != "several_candidates" or len(keys) != len(decision.keys) or not _share_an_address(finder, keys):
        return decision
    key = latest({key: finder.seen[key].modified_us for key in keys}, None)
    taken = finder.linked_to.get(key)
    return Match(key, decision.by) if taken is None else Ambiguous((key, taken), "candidate_taken", decision.by)


def _share_an_address(finder: Finder, keys: list[RecordKey]) -> bool:
    return any(set(keys) <= set(same) for same in finder.salesforce_by_email.values())


def _of_salesforce(finder: Finder, work: Work, decision: Ambiguous) -> Decision | Hop:
    own = own_seen(work)
    addresses = addresses_of(finder.runtime, own)
    same = {key for address in addresses for key in finder.salesforce_by_email.get(address, ())} | {own.key}
    found = choose(finder.candidates_of(work), [finder.runtime.spec.hubspot_type])
    holder = found.keys[1] if isinstance(found, Ambiguous) and found.code == "candidate_taken" else None
    if len(same) < 2 or (holder is not None and holder not in same):
        return decision
    edited = {key: finder.edited_us.get(key, own.modified_us) for key in same if key.type == own.key.type}
    if latest(edited, holder) != own.key:
        work.why_not = NOT_LATEST
        return NoMatch()
    if holder is None:
        return found
    assert isinstance(found, Ambiguous)
    link = finder.link_of.get(found.keys[0])
    if link is None or link.state is not LinkState.LINKED or link.linked_by is LinkedBy.PERSON:
        return found
    return Hop(found.keys[0], link)


def without_blanks_of(runtime: ObjectRuntime, seen: Seen, to: RecordKey, base: Base) -> Base:
    """What is left of what the pair agreed on where it moves to a record that was looked at. In a merge the survivor was not: what
    it lacks somebody left out of it."""
    if not isinstance(seen, Observation) or seen.key != to:
        return base
    fields = runtime.mapping_for(to.type).fields
    blank = {field.id for field in fields if print_of(field, Side.SALESFORCE, seen.values) == BLANK_FINGERPRINT}
    return {id_: pair for id_, pair in base.items() if id_ not in blank}

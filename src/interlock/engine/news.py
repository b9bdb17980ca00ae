"""Whether a row that detection has read is news, judged from the row and what is remembered of its record. Pure.

What is no news is left out for its price alone: that a record is due is a fact, what became of it is read afresh later.
"""

from __future__ import annotations

import enum

from interlock.core.link import OUTSIDE, deleted_by_us
from interlock.core.model import LinkState, Observation, RecordLink, Side
from interlock.core.reconcile import print_of
from interlock.engine.context import OPT_OUT, STAMP_AGED_US, ObjectRuntime
from interlock.store.unlinked import Unlinked

_RESTS_FOR = {LinkState.HUBSPOT_DELETED: Side.HUBSPOT, LinkState.SALESFORCE_DELETED: Side.SALESFORCE}


class News(enum.Enum):
    NOTHING = 0
    UNSURE = 1  # as we know it, but its stamp is so young that a later edit may carry the same one
    NOW = 2
    RESTS = 3  # of a pair of a type that does not sync: it waits until that does


def was_compared(link: RecordLink) -> bool:
    """Whether the pair was looked at again when the versions that it was looked at in could hide no edit any more."""
    return (link.synced_at_us or 0) - link.looked.since_us > STAMP_AGED_US


def of_one_alone(row: Observation, alone: Unlinked | None) -> News:
    """A stamp says that a record without counterpart is as it was looked at only once its grain, a second in Salesforce,
    has passed: a later edit within the same second carries the same stamp."""
    if row.values.get("IsDeleted") or row.values.get("IsConverted"):
        # Of a record that stood alone there may be an issue, which ends with it.
        return News.NOTHING if alone is None else News.NOW
    if alone is None or alone.version_us != row.modified_us:
        return News.NOW
    return News.NOTHING if alone.seen_us - alone.first_us > STAMP_AGED_US else News.UNSURE


def of_a_pair(runtime: ObjectRuntime, link: RecordLink, row: Observation) -> News:
    """Nothing, if the row holds just what the base says of its side."""
    if not runtime.syncs(link.salesforce_type) or _lives_as_what_does_not_sync(runtime, row):
        return News.RESTS
    # This very version. One that shows up late, behind a newer stamp, is another one.
    looked_at = link.looked.version_us(row.key.side) == row.modified_us
    compared = looked_at and was_compared(link)
    rests_for = _RESTS_FOR.get(link.state)
    gone = row.values.get("IsDeleted") or row.values.get("IsConverted")
    if gone and rests_for is not None and deleted_by_us(link.base) is row.key.side:
        # As we left it when we deleted it.
        return News.NOTHING
    if gone and rests_for is not row.key.side.other:
        return News.NOTHING if rests_for is Side.SALESFORCE else News.NOW
    if rests_for is row.key.side.other or link.state in OUTSIDE:
        # The one that is left of a resting pair, or one outside of what syncs: nothing of it is carried
        # over, so its edits are looked at once.
        return News.NOTHING if compared else News.UNSURE if looked_at else News.NOW
    if rests_for is not None:
        # A record that shows up although its pair rests was restored.
        return News.NOW
    # Members of a set (contact roles) are not among the row's values.
    if runtime.set_objects and not looked_at:
        return News.NOW
    if runtime.left_out and not looked_at:
        # It may have changed in a field whose mapping cannot be used now: it is to wait for it.
        return News.NOW
    side = row.key.side
    if runtime.pipelines is not None and not looked_at and not runtime.pipelines.syncs(side, row.values):
        # It moved to where nothing syncs, and the pair is to say so.
        return News.NOW
    if not looked_at and any(each.is_unknown(side, row.values) for each in runtime.references):
        # A company that is not linked yet, and that nobody has seen the record at: so nobody waits for it.
        return News.NOW
    unsure = bool(runtime.set_objects) and not compared
    place = 0 if side is Side.HUBSPOT else 1
    for field in runtime.mapping_for(link.salesforce_type).fields:
        base = link.base.get(field.id)
        held = link.held.get(field.id)
        if base is None and held is None:
            # A new mapping, or a side that cannot be read: looked at since, or will be again when the stamp has aged.
            unsure = unsure or not compared
            continue
        print_ = print_of(field, side, row.values)
        known = held if held is not None else base
        if print_ is not None and known is not None and print_ != known[place]:
            if not looked_at:
                return News.NOW
            # Looked at since, and still not in the base: it cannot be carried over (the other side cannot be read, an
            # owner without counterpart). To look again at once would find the same, and again, pass after pass.
            unsure = unsure or not compared
    if _opt_out_moved(runtime, link, row):
        return News.NOW
    return News.UNSURE if unsure else News.NOTHING


def _lives_as_what_does_not_sync(runtime: ObjectRuntime, row: Observation) -> bool:
    return bool(row.values.get("IsConverted")) and not runtime.syncs("Contact")


def _opt_out_moved(runtime: ObjectRuntime, link: RecordLink, row: Observation) -> bool:
    opt_out = runtime.spec.opt_out
    if opt_out is None:
        return False
    hubspot = row.key.side is Side.HUBSPOT
    name = opt_out.property if hubspot else opt_out.field
    if name not in row.values:
        return False
    given = str(row.values[name]).lower() == "true"
    if not hubspot and OPT_OUT in link.held:
        return False
    return given and not link.base.get(OPT_OUT, (0, 0))[0 if hubspot else 1]

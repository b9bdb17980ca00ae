"""Of a field whose values are chosen and not typed, so that the same one stands in many places at many times: whether one that
people set was replaced by us unlogged, and whether we wrote one that was never the other side's. Judged from the journals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crm_emulator.kernel.journal import JournalEntry
from interlock.core.model import AuditRow
from tests.simulation.journals import OURS, counterparts, entries_of, unheard
from tests.simulation.kinds import Kind
from tests.simulation.twice import read_failed_within, refused_when_it_came_again
from tests.simulation.world import Story

# Two clocks of one story, and what a read and the write that follows it are apart at most (emptied.py).
READ_BEFORE_US = 300_000_000
# Rows are stamped by our clock, which two machines may tell differently; Salesforce's journal has whole seconds of creates.
APART_US = 5_000_000

# What stood for longer, a sync has seen.
SEEN_WITHIN_US = 120_000_000

# The values of the other side that stand for one of this side: (side, value) -> values.
Same = Callable[[str, str], set[str]]
# Whether a row of the log speaks of that value of its side.
Tells = Callable[[AuditRow, str], bool]


@dataclass(frozen=True)
class Place:
    """A field of an object: by its property in HubSpot, its field in Salesforce."""

    kind: Kind
    property: str
    field: str

    def on(self, side: str) -> str:
        return self.property if side == "hubspot" else self.field


def other(side: str) -> str:
    return "salesforce" if side == "hubspot" else "hubspot"


def true_us(story: Story, side: str, entry: JournalEntry) -> int:
    """By a clock that is right."""
    return entry.at_us - round(story.skews_s[side] * 1e6)


def changes(story: Story, place: Place, side: str, id_: str) -> list[JournalEntry]:
    return [each for each in entries_of(story, place.kind, side) if each.id == id_ and each.field == place.on(side)]


def stood(story: Story, place: Place, side: str, id_: str, since_us: int, until_us: int) -> set[str]:
    """All values that a record of that side held in this time."""
    before, within = "", set()
    for each in changes(story, place, side, id_):
        at_us = true_us(story, side, each)
        if at_us > until_us:
            break
        if at_us < since_us:
            before = each.new or ""
        else:
            within |= {each.old or "", each.new or ""}
    return within | {before}


def last_by_a_person_us(story: Story, place: Place, side: str, id_: str) -> int:
    return max(
        (true_us(story, side, each) for each in changes(story, place, side, id_) if each.client != OURS), default=0
    )


def replaced_unlogged(story: Story, place: Place, same: Same, tells: Tells) -> Iterator[str]:
    """What a person set and we replaced was carried over before, or is in the log."""
    for side in ("hubspot", "salesforce"):
        for entry in entries_of(story, place.kind, side):
            if entry.client != OURS or entry.field != place.on(side) or entry.action != "update" or not entry.old:
                continue
            set_by = _set_by(story, place, side, entry)
            if set_by is None or set_by.client == OURS or _told(story, place, side, set_by, entry, tells):
                continue
            if _was_known(story, place, side, set_by, entry, same) or _nobody_can_know(story, side, entry):
                continue
            if _put_back(story, place, side, set_by, entry, same):
                continue
            yield (
                f"replaced: {entry.old!r} of {side} {place.kind.slug} {entry.id}.{entry.field}, set at {set_by.at_us}, by our"
                f" {entry.new!r} at {entry.at_us}, and is in no log"
            )


def _set_by(story: Story, place: Place, side: str, write: JournalEntry) -> JournalEntry | None:
    before = [each for each in changes(story, place, side, write.id) if each.seq < write.seq]
    return before[-1] if before else None


def _told(story: Story, place: Place, side: str, set_by: JournalEntry, write: JournalEntry, tells: Tells) -> bool:
    since_us = true_us(story, side, set_by) - APART_US
    ours_us = round(story.skews_s["ours"] * 1e6)
    return any(
        row.object == place.kind.slug
        and row.property == place.property
        and row.side is not None
        and write.id in (row.hubspot_id, row.salesforce_id)
        and row.at_us - ours_us >= since_us
        and (row.side.value == side or row.reason == "lost_race")
        and tells(row, write.old or "")
        for row in story.conflicts
    )


def _was_known(story: Story, place: Place, side: str, set_by: JournalEntry, write: JournalEntry, same: Same) -> bool:
    """Whether the other side stood at the same meanwhile, so that both agreed before somebody there went on."""
    wanted = same(side, write.old or "")
    since_us, until_us = true_us(story, side, set_by) - APART_US, true_us(story, side, write)
    others = counterparts(story, place.kind, side, write.id)
    return any(wanted & stood(story, place, other(side), id_, since_us, until_us) for id_ in others)


def _put_back(story: Story, place: Place, side: str, set_by: JournalEntry, write: JournalEntry, same: Same) -> bool:
    """Whether it is what both had agreed on last: then this side has no edit, and the other one's is carried over, with what it
    replaced in the log as of any update. In another pipeline the same stage has another id."""
    until_us, meant = true_us(story, side, set_by), same(side, write.old or "")
    others = counterparts(story, place.kind, side, write.id)
    return any(meant & _agreed_last(story, place, side, (write.id, id_), until_us, same) for id_ in others)


def _agreed_last(story: Story, place: Place, side: str, ids: tuple[str, str], until_us: int, same: Same) -> set[str]:
    """What both stood at when they last stood at the same, in words of the other side; and what before that, where it was over so
    soon that no sync need have seen it. `ids`: this side's, and the other's."""
    both = [
        (true_us(story, where, each), where, each.new or "")
        for where, id_ in zip((side, other(side)), ids, strict=True)
        for each in changes(story, place, where, id_)
    ]
    holds, agreed, since_us = {side: "", other(side): ""}, set[str](), 0
    for at_us, where, new in [*sorted(both), (until_us, side, "")]:
        same_now = same(side, holds[side])
        if holds[other(side)] in same_now:
            agreed = same_now | (agreed if at_us - since_us < SEEN_WITHIN_US else set())
        if at_us >= until_us:
            break
        holds[where], since_us = new, at_us
    return agreed


def _nobody_can_know(story: Story, side: str, write: JournalEntry) -> bool:
    """What docs/guarantees.md names as best effort of a value replaced unseen."""
    if side == "salesforce":
        return unheard(story, side, write) or read_failed_within(story, side, write)
    return refused_when_it_came_again(story, side, [write])


def invented(story: Story, place: Place, same: Same, besides: set[str] | None = None) -> Iterator[str]:
    """We write nothing that does not stand for what the other side held not long before; `besides`: save these."""
    for side in ("hubspot", "salesforce"):
        for entry in entries_of(story, place.kind, side):
            if entry.client != OURS or entry.field != place.on(side) or not entry.new or entry.new in (besides or ()):
                continue
            until_us = true_us(story, side, entry) + APART_US
            wanted = same(side, entry.new)
            others = counterparts(story, place.kind, side, entry.id)
            # A choice in the log may be old, and so may a value that goes back to where it was replaced unseen.
            if not any(wanted & stood(story, place, other(side), id_, 0, until_us) for id_ in others):
                yield (
                    f"invented: {entry.new!r} was written to {side} {place.kind.slug} {entry.id}.{entry.field} at {entry.at_us},"
                    f" which none of {others} ever had"
                )

"""Of the records that we deleted because a counterpart was: that a person had chosen it, and that nothing was lost with one."""

from __future__ import annotations

from collections.abc import Iterator

from crm_emulator.kernel.journal import JournalEntry
from interlock.core.model import AuditKind
from tests.simulation.journals import OURS, counterparts, entries, entries_of
from tests.simulation.kinds import CUSTOM, Kind
from tests.simulation.world import Story

_CHOSEN = {"hubspot": ("in_hubspot", "both"), "salesforce": ("in_salesforce", "both")}
# What somebody does between our last look at a record and our delete of it is lost (docs/adr/0029): a call may take so long.
BETWEEN_US = 45_000_000


def deletes_of_ours(story: Story, kind: Kind) -> Iterator[str]:
    chosen = story.recipe.choices.get("deletes", {}).get(kind.slug, "nothing")
    told = {
        (row.side, row.hubspot_id if row.side == "hubspot" else row.salesforce_id) for row in _deletes_told(story, kind)
    }
    for side in ("hubspot", "salesforce"):
        ours = [each for each in entries_of(story, kind, side) if each.client == OURS and each.action == "delete"]
        for entry in ours:
            what = f"delete: {side} {entry.object} {entry.id}"
            if chosen not in _CHOSEN[side]:
                yield f"{what} was deleted by us, and nobody chose that"
            if not _example(story, kind, side, entry):
                yield f"{what} was deleted by us, and nobody had deleted its counterpart"
            if (side, entry.id) not in told and not _carried_out_twice(story, side, entry):
                yield f"{what} was deleted by us, and no row of the log says so"
            yield from _lost_with(story, kind, side, entry)


def _deletes_told(story: Story, kind: Kind) -> list:  # type: ignore[type-arg]
    return [row for row in story.audit if row.kind is AuditKind.DELETE and row.object == kind.slug]


def _carried_out_twice(story: Story, side: str, entry: JournalEntry) -> bool:
    """Whether a proxy sent the request twice and handed on the second answer: that the record is gone, which says nothing of
    who deleted it (docs/guarantees.md)."""
    sent = [
        each for each in story.network.landings if each.side == side and each.first_seq <= entry.seq <= each.last_seq
    ]
    return any(
        again is not landing and again.request is landing.request
        for landing in sent
        for again in story.network.landings
    )


def _other(side: str) -> str:
    return "salesforce" if side == "hubspot" else "hubspot"


def _example(story: Story, kind: Kind, side: str, entry: JournalEntry) -> bool:
    """Whether a person had deleted a counterpart before."""
    others = set(counterparts(story, kind, side, entry.id))
    return any(
        each.action == "delete"
        and each.id in others
        and each.client != OURS
        and _true_us(story, _other(side), each) <= _true_us(story, side, entry)
        for each in entries_of(story, kind, _other(side))
    )


def _true_us(story: Story, side: str, entry: JournalEntry) -> float:
    """By a clock that is right; each CRM's own may not be."""
    return entry.at_us - story.skews_s[side] * 1_000_000


def _lost_with(story: Story, kind: Kind, side: str, entry: JournalEntry) -> Iterator[str]:
    """What a person had typed into the record, and the other side never held."""
    names = set(kind.fields if side == "hubspot" else kind.fields.values())
    last: dict[str, JournalEntry] = {}
    for each in entries_of(story, kind, side):
        if each.seq >= entry.seq:
            break
        if each.id == entry.id and each.field in names:
            last[each.field] = each
    elsewhere = {each.new for each in entries(story, _other(side))} | {str(row.old) for row in story.conflicts}
    for field, each in last.items():
        name = field if side == "hubspot" else kind.property_of(field)
        # A field that does not sync, or did not then, tells the other side nothing.
        if name == CUSTOM and _was_a_lead(story, kind, side, entry.id):
            continue
        silent = story.rules[kind.slug, name] == "dont_sync" or (kind.slug, name) in story.reruled
        if silent or each.client == OURS or not each.new:
            continue
        if each.new not in elsewhere and each.at_us < entry.at_us - BETWEEN_US:
            yield f"delete: {each.new!r} of {side} {entry.id}.{name} went with it, and was nowhere else"


def _was_a_lead(story: Story, kind: Kind, side: str, id_: str) -> bool:
    """All that it was ever paired with were leads, which lack the field."""
    contacts = story.salesforce.org.tables[kind.sobject].rows
    return side == "hubspot" and not any(each in contacts for each in counterparts(story, kind, side, id_))

"""Of the records that we merged in HubSpot as their counterparts were merged: that a person wanted it, and that nothing went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crm_emulator.kernel.journal import JournalEntry
from interlock.core.model import AuditKind
from interlock.objects.choices import AUTOMATIC, MERGES, NOTHING
from tests.simulation.journals import OURS, counterparts, entries, entries_of
from tests.simulation.kinds import Kind

if TYPE_CHECKING:
    from tests.simulation.world import Story

# Notes of what somebody did at the pages: which record of an object is to be merged; and which of MERGES.values was chosen.
CONFIRMED, CHOSEN = "merge confirmed", "merges chosen"
# What somebody does between our last look at a record and our merge of it: a call may take so long.
BETWEEN_US = 45_000_000


def merged_by_us(story: Story, kind: Kind) -> set[tuple[str, int]]:
    """Records that a merge of ours made, which HubSpot may give a new id, and when."""
    return {(each.new or "", each.at_us) for each in _ours(story, kind)}


def _ours(story: Story, kind: Kind) -> list[JournalEntry]:
    return [
        each
        for each in entries_of(story, kind, "hubspot")
        if each.client == OURS and each.action == "merge" and each.new
    ]


def merges_of_ours(story: Story, kind: Kind) -> Iterator[str]:
    chosen = {story.recipe.choices.get(MERGES.name, {}).get(kind.slug, MERGES.default)}
    chosen |= {note.value for note in story.notes if note.what == CHOSEN and note.object == kind.slug}
    told = {row.hubspot_id for row in story.audit if row.kind is AuditKind.MERGE and row.object == kind.slug}
    confirmed = {note.id for note in story.notes if note.what == CONFIRMED and note.object == kind.slug}
    for entry, at_once in _by_survivor(_ours(story, kind)):
        what = f"merge: HubSpot {kind.slug} {entry.id}"
        if chosen <= {NOTHING}:
            yield f"{what} was merged into {entry.new} by us, and nobody chose that"
        if entry.id in confirmed:
            continue
        # Where both get a new id, one of the two is the primary, which is merged away as well.
        losers = [each for each in at_once if _counterpart_was_merged(story, kind, each)]
        if not losers:
            yield f"{what} was merged into {entry.new} by us, and nobody had merged their counterparts"
        if not told & {each.id for each in at_once}:
            yield f"{what} was merged into {entry.new} by us, and no row of the log says so"
        if not confirmed & {each.id for each in at_once}:
            if AUTOMATIC not in chosen:
                yield f"{what} was merged into {entry.new} by us, and nobody confirmed it"
            elif entry in losers:
                yield from _gone_with(story, kind, entry)


def _by_survivor(ours: list[JournalEntry]) -> Iterator[tuple[JournalEntry, list[JournalEntry]]]:
    for entry in ours:
        yield entry, [each for each in ours if (each.new, each.at_us) == (entry.new, entry.at_us)]


def _counterpart_was_merged(story: Story, kind: Kind, entry: JournalEntry) -> bool:
    others = set(counterparts(story, kind, "hubspot", entry.id))
    return any(
        each.id in others and each.action in ("merge", "convert") and each.client != OURS
        for each in entries_of(story, kind, "salesforce")
    )


def _gone_with(story: Story, kind: Kind, entry: JournalEntry) -> Iterator[str]:
    """What a person had typed into the record, and Salesforce never held."""
    last: dict[str, JournalEntry] = {}
    for each in entries_of(story, kind, "hubspot"):
        if each.seq >= entry.seq:
            break
        if each.id == entry.id and each.field in kind.fields:
            last[each.field] = each
    there = {each.new for each in entries(story, "salesforce")} | {str(row.old) for row in story.conflicts}
    for name, each in last.items():
        if story.rules[kind.slug, name] == "dont_sync" or (kind.slug, name) in story.reruled or each.client == OURS:
            continue
        if each.new and each.new not in there and each.at_us < entry.at_us - BETWEEN_US:
            yield f"merge: {each.new!r} of HubSpot {entry.id}.{name} went by itself, and was nowhere in Salesforce"

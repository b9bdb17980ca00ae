"""Whether a field that we emptied was empty on the other side: what cannot be read there is not empty.

Later edits mend most of what a mistake empties, so the end of a story does not show it. Judged from the journals.
"""

from __future__ import annotations

from collections.abc import Iterator

from crm_emulator.kernel.journal import JournalEntry
from interlock.core.model import ConflictReason
from tests.simulation.journals import OURS, blank, counterparts, entries_of
from tests.simulation.kinds import Kind
from tests.simulation.world import Story

# Between our read and the landing of our write: what the batch sends to the other side first may wait two minutes for an answer
# that never comes, more than once, the process may have stood still, and the request itself may have been late.
READ_BEFORE_US = 300_000_000


def emptied_unread(story: Story, kind: Kind) -> Iterator[str]:
    """Nothing is emptied but what was read as empty on the other side."""
    for side in ("hubspot", "salesforce"):
        fields = kind.fields if side == "hubspot" else {field: name for name, field in kind.fields.items()}
        for entry in entries_of(story, kind, side):
            if entry.client != OURS or entry.field not in fields or blank(entry.old) or not blank(entry.new):
                continue
            others = counterparts(story, kind, side, entry.id)
            if not any(
                _was_empty(story, kind, side, entry, other, fields[entry.field])
                or _was_to_be_empty(story, kind, side, entry, other)
                for other in others
            ):
                yield f"emptied: {side} {entry.id}.{entry.field} {entry.old!r} by us, and it was empty in none of {others}"


def _was_empty(story: Story, kind: Kind, side: str, write: JournalEntry, other: str, other_field: str) -> bool:
    """At any moment since we can have read it."""
    other_side = "salesforce" if side == "hubspot" else "hubspot"
    until_us = write.at_us + round((story.skews_s[other_side] - story.skews_s[side]) * 1e6)
    empty = True
    for entry in entries_of(story, kind, other_side):
        if entry.id != other or entry.field != other_field:
            continue
        if entry.at_us > until_us:
            break
        if empty and entry.at_us >= until_us - READ_BEFORE_US:
            return True
        empty = blank(entry.new)
    return empty


def _was_to_be_empty(story: Story, kind: Kind, side: str, write: JournalEntry, other: str) -> bool:
    """Somebody emptied it there between our read and our write, which filled it again: by the rule it goes back to empty, on
    both sides, for neither is any more."""
    here = {"hubspot": "hubspot_id", "salesforce": "salesforce_id"}
    name = "property" if side == "hubspot" else "field"
    other_side = "salesforce" if side == "hubspot" else "hubspot"
    return any(
        row.reason == ConflictReason.LOST_RACE.value
        and row.object == kind.slug
        and row.side is not None
        and row.side.value == other_side
        and blank(row.old)
        and (getattr(row, here[side]), getattr(row, here[other_side])) == (write.id, other)
        and getattr(row, name) == write.field
        for row in story.conflicts
    )

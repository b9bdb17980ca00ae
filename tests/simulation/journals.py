"""What the CRMs' journals tell of a story: who wrote what, and which records were ever each other's counterpart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crm_emulator.kernel.journal import JournalEntry
from tests.simulation.kinds import LINK, PLACEHOLDER, Kind

if TYPE_CHECKING:
    from tests.simulation.world import Story

OURS = "Interlock"


def entries(story: Story, side: str) -> Iterator[JournalEntry]:
    crm = story.hubspot if side == "hubspot" else story.salesforce
    yield from crm.journal.entries()


def entries_of(story: Story, kind: Kind, side: str) -> Iterator[JournalEntry]:
    """An account that is a person is no company's: its name is worked out from the person's."""
    crm, objects = (story.hubspot, (kind.slug,)) if side == "hubspot" else (story.salesforce, kind.sobjects)
    persons = accounts_of_persons(story) if side == "salesforce" and kind.slug == "companies" else set()
    yield from (entry for entry in crm.journal.entries() if entry.object in objects and entry.id not in persons)


def accounts_of_persons(story: Story) -> set[str]:
    return {row.id for row in story.salesforce.org.tables["Account"].from_id("") if row.values.get("IsPersonAccount")}


def counterparts(story: Story, kind: Kind, side: str, id_: str) -> list[str]:
    """All that it was ever paired with."""
    pairs = {(entry.id, entry.new) for entry in entries_of(story, kind, "hubspot") if entry.field == LINK and entry.new}
    pairs |= {(row.hubspot_id or "", row.salesforce_id) for row in (*story.links, *story.audit)}
    found: dict[str, set[str]] = defaultdict(set)
    for hubspot_id, salesforce_id in pairs:
        here, there = (hubspot_id, salesforce_id) if side == "hubspot" else (salesforce_id, hubspot_id)
        if here and there:
            found[here].add(there)
    return sorted(found[id_])


def blank(value: str | None) -> bool:
    return not value or value == PLACEHOLDER


def unheard(story: Story, side: str, entry: JournalEntry) -> bool:
    """Whether nobody could keep the answer of this write, which held the value before it or the new id (docs/guarantees.md)."""
    return any(
        landing.side == side and landing.first_seq <= entry.seq <= landing.last_seq and not landing.kept
        for landing in story.network.landings
    )

"""That nothing is made twice, and that of all that we made the log tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from crm_emulator.kernel.journal import JournalEntry
from interlock.core.model import AuditKind, LinkState
from tests.simulation.journals import OURS, entries, entries_of
from tests.simulation.kinds import CREATION_KEY, LINK
from tests.simulation.merged import merged_by_us
from tests.simulation.twice import made_twice_by_one_request

if TYPE_CHECKING:
    from tests.simulation.check import Scene


def made_twice(scene: Scene) -> Iterator[str]:
    # Merged with another by a person before anybody could know that it had been made: what it was made for is made again.
    kind = scene.kind
    # The log tells of a create that landed, also where its record belonged to another pair by then.
    pairs = (AuditKind.LINK, AuditKind.RELINK, AuditKind.UNLINK)
    known = {(row.hubspot_id, row.salesforce_id) for row in scene.story.audit if row.kind in pairs}
    known |= {(link.hubspot_id, link.salesforce_id) for link in scene.story.links}
    table = scene.story.hubspot.portal.table(kind.slug)
    merged = {str(id_) for id_ in table.merged} | {str(table.survivor(id_)) for id_ in table.merged}
    # Of a pair that ended so HubSpot keeps no key: should the Salesforce record be restored, it is made again.
    ended = {row.hubspot_id for row in scene.story.audit if row.kind is AuditKind.UNLINK and row.cause == "merged"}
    # Nor does it of a pair whose Salesforce record was away when another one was merged into its HubSpot record, and took it over.
    # The row names the HubSpot record by the id that it had before the merge.
    moved = [row for row in scene.story.audit if row.kind is AuditKind.RELINK and row.object == kind.slug]
    survivors = {str(id_): str(table.survivor(id_)) for id_ in table.merged}
    # Nor of one that had moved along with such a merge, and ended.
    parted = {
        (link.hubspot_id, link.salesforce_id)
        for link in scene.story.links
        if link.object == kind.slug and link.state is LinkState.UNLINKED
    }
    took_over = {
        (id_, row.salesforce_id) for row in moved for id_ in (row.hubspot_id, survivors.get(row.hubspot_id or ""))
    }
    # Of doubles the pair went to the one edited last: the other is made by itself once it has another address (ADR 30).
    left = {(row.hubspot_id, row.salesforce_id) for row in moved if row.cause == "edited_later"}
    # Of a record that lost a merge in Salesforce and was restored, the pair went to the winner: it gets one of its own.
    there = list(entries_of(scene.story, kind, "salesforce"))
    lost = {entry.id for entry in there if entry.action == "merge"}
    came_back = {entry.id for entry in there if entry.action == "restore" and entry.id in lost}
    united = merged_by_us(scene.story, kind)
    for side, objects, name in (("salesforce", kind.sobjects, CREATION_KEY), ("hubspot", (kind.slug,), LINK)):
        made: dict[str, list[JournalEntry]] = defaultdict(list)
        for entry in entries(scene.story, side):
            if (
                entry.object in objects
                and entry.action == "create"
                and entry.field == name
                and entry.new
                and entry.client == OURS
                and (entry.id, entry.at_us) not in united
                and not (entry.id in merged and ((entry.id, entry.new) not in known or entry.id in ended))
                and (survivors.get(entry.id), entry.new) not in parted
                and entry.new not in came_back
                and (entry.id, entry.new) not in left
                and not any(entry.id == hubspot_id and entry.new != other for hubspot_id, other in took_over)
            ):
                made[entry.new].append(entry)
        for key, creates in made.items():
            if not all(made_twice_by_one_request(scene.story, side, *each) for each in pairwise(creates)):
                yield f"counterpart: {key} was created more than once: {[entry.id for entry in creates]}"


def creates_are_told(scene: Scene) -> Iterator[str]:
    """What we made is ours to explain, and to take back: the log says so of each record, whatever became of the answer. One
    that somebody merged away or deleted, maybe before it could be known, is nobody's any more."""
    told = {(row.side, row.hubspot_id) for row in scene.story.audit if row.kind is AuditKind.CREATE}
    told |= {(row.side, row.salesforce_id) for row in scene.story.audit if row.kind is AuditKind.CREATE}
    united = merged_by_us(scene.story, scene.kind)
    for side, objects in (("hubspot", (scene.kind.slug,)), ("salesforce", scene.kind.sobjects)):
        made = {
            entry.id
            for entry in entries(scene.story, side)
            if entry.object in objects
            and entry.action == "create"
            and entry.client == OURS
            and (entry.id, entry.at_us) not in united
        }
        gone = {entry.id for entry in entries(scene.story, side) if entry.action in ("merge", "delete", "archive")}
        for id_ in sorted(made - gone):
            if (side, id_) not in told:
                yield f"untold create: {side} {objects[0]} {id_} was made by us, and no row of the log says so"

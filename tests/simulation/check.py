"""What must hold after any story. Judged from the CRMs' journals and records alone, and from what Interlock shows a person.

Each check returns sentences; an empty list is a pass. Nothing of the engine is imported.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from crm_emulator.kernel.journal import JournalEntry
from tests.simulation.simulation import Story
from tests.simulation.users import CONTACT_FIELDS
from tests.simulation.virtual_time import EPOCH_US

OURS = "Interlock"
LINK, CREATION_KEY = "interlock_salesforce_id", "Interlock_Creation_Key__c"
PLACEHOLDER = "[unknown]"
_PROPERTY_OF = {field: name for name, field in CONTACT_FIELDS.items()}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+")


@dataclass(frozen=True)
class Edit:
    """One value typed or written: on which side, by whom, and what replaced it there."""

    side: str
    id: str
    name: str  # the HubSpot property
    value: str
    entry: JournalEntry
    replaced_by: JournalEntry | None


def check(story: Story) -> list[str]:
    return [
        *_silence(story),
        *_agreement(story),
        *_one_counterpart(story),
        *_no_lost_edit(story),
        *_no_invented_value(story),
        *_no_unasked_delete(story),
        *_opt_out_wins(story),
    ]


def _silence(story: Story) -> Iterator[str]:
    if story.quiet_seq != story.last_seq:
        yield f"silence: wrote something although nothing had changed: {story.quiet_seq} -> {story.last_seq}"


# --- pairs -------------------------------------------------------------------------------------------------------------


def _hubspot(story: Story) -> dict[str, dict[str, str]]:
    user = story.hubspot.user()
    return {id_: {k: v for k, v in user.get("contacts", id_).items() if v} for id_ in user.ids("contacts")}


def _salesforce(story: Story) -> dict[str, dict[str, object]]:
    user = story.salesforce.user()
    return {id_: user.get("Contact", id_) for id_ in user.ids("Contact")}


def _pairs(story: Story) -> list[tuple[str, str]]:
    there = _salesforce(story)
    return [(id_, values[LINK]) for id_, values in _hubspot(story).items() if values.get(LINK) in there]


def _with_issue(story: Story) -> set[str]:
    return {id_ for issue in story.issues for id_ in (issue.hubspot_id, issue.salesforce_id) if id_}


def _agreement(story: Story) -> Iterator[str]:
    here, there = _hubspot(story), _salesforce(story)
    troubled = _with_issue(story)
    for hubspot_id, salesforce_id in _pairs(story):
        for name, field in CONTACT_FIELDS.items():
            left = here[hubspot_id].get(name) or ""
            right = str(there[salesforce_id].get(field) or "")
            right = "" if right == PLACEHOLDER else right
            if left == right or hubspot_id in troubled:
                continue
            rule = story.rules[name]
            if (rule == "always_salesforce" and not right) or (rule == "always_hubspot" and not left):
                continue
            yield f"agreement: {hubspot_id}.{name} {left!r} and {salesforce_id}.{field} {right!r} differ under {rule}"


def _one_counterpart(story: Story) -> Iterator[str]:
    here, there = _hubspot(story), _salesforce(story)
    troubled = _with_issue(story)
    reached: dict[str, list[str]] = defaultdict(list)
    for hubspot_id, values in here.items():
        if LINK in values:
            reached[values[LINK]].append(hubspot_id)
        elif _EMAIL.fullmatch(values.get("email", "")) and hubspot_id not in troubled:
            yield f"counterpart: HubSpot contact {hubspot_id} has none"
    archived = _archived_links(story)
    for salesforce_id in there:
        count = len(reached.get(salesforce_id, ()))
        if count > 1:
            yield f"counterpart: {salesforce_id} is named by HubSpot contacts {reached[salesforce_id]}"
        elif count == 0 and salesforce_id not in archived and salesforce_id not in troubled:
            yield f"counterpart: Salesforce contact {salesforce_id} has none"
    keys: dict[str, list[str]] = defaultdict(list)
    for entry in _entries(story, "salesforce"):
        if entry.action == "create" and entry.field == CREATION_KEY and entry.new:
            keys[entry.new].append(entry.id)
    for key, ids in keys.items():
        if len(ids) > 1:
            yield f"counterpart: {key} was created more than once: {ids}"
    made: dict[str, list[str]] = defaultdict(list)
    for entry in _entries(story, "hubspot"):
        if entry.action == "create" and entry.field == LINK and entry.new:
            made[entry.new].append(entry.id)
    for key, ids in made.items():
        if len(ids) > 1:
            yield f"counterpart: {key} was created more than once in HubSpot: {ids}"


def _archived_links(story: Story) -> set[str]:
    table = story.hubspot.portal.table("contacts")
    return {record.values.get(LINK, "") for record in table.after(-1, archived=True)}


# --- edits ---------------------------------------------------------------------------------------------------------------


def _entries(story: Story, side: str) -> Iterator[JournalEntry]:
    crm = story.hubspot if side == "hubspot" else story.salesforce
    yield from crm.journal.entries()


def _edits(story: Story) -> list[Edit]:
    found: list[Edit] = []
    for side, names in (
        ("hubspot", {name: name for name in CONTACT_FIELDS}),
        ("salesforce", _PROPERTY_OF),
    ):
        latest: dict[tuple[str, str], int] = {}
        for entry in _entries(story, side):
            if entry.field not in names:
                continue
            place = (entry.id, entry.field)
            if place in latest:
                before = found[latest[place]]
                found[latest[place]] = Edit(before.side, before.id, before.name, before.value, before.entry, entry)
            latest[place] = len(found)
            found.append(Edit(side, entry.id, names[entry.field], entry.new or "", entry, None))
    return found


def _no_lost_edit(story: Story) -> Iterator[str]:
    """A person's value ends on both sides, or a person who could see it replaced it, or the conflict log has it."""
    logged = {str(row.old) for row in story.conflicts if row.old is not None}
    edits = _edits(story)
    replaced_by_people = {
        edit.value for edit in edits if edit.replaced_by is not None and edit.replaced_by.client != OURS
    }
    for edit in edits:
        if edit.entry.client == OURS or not edit.value or edit.replaced_by is None:
            continue  # what still stands is judged by `_agreement`
        if edit.value in replaced_by_people or edit.value in logged:
            continue
        if edit.side == "salesforce" and _unheard(story, edit.replaced_by):
            continue
        yield (
            f"lost edit: {edit.value!r} of {edit.side} {edit.id}.{edit.name} was replaced by {edit.replaced_by.new!r}"
            f" ({edit.replaced_by.client}) at {edit.replaced_by.at_us} and is in no log"
        )


def _unheard(story: Story, entry: JournalEntry) -> bool:
    """Whether the answer of the write, which held the value before it, was lost on its way (docs/guarantees.md)."""
    at_s = (entry.at_us - EPOCH_US) / 1_000_000
    return any(
        host.startswith(entry.object and "salesforce") and abs(when - at_s) < 1e-5
        for host, when in story.network.unheard
    )


def _no_invented_value(story: Story) -> Iterator[str]:
    edits = _edits(story)
    typed = {edit.value for edit in edits if edit.entry.client != OURS}
    for edit in edits:
        if edit.entry.client == OURS and edit.value and edit.value != PLACEHOLDER and edit.value not in typed:
            yield f"invented value: {edit.value!r} was written to {edit.side} {edit.id}.{edit.name}, nobody typed it"


def _no_unasked_delete(story: Story) -> Iterator[str]:
    for side in ("hubspot", "salesforce"):
        for entry in _entries(story, side):
            if entry.client == OURS and entry.action not in (
                "create",
                "update",
                "opt_out",
                "associate",
                "disassociate",
            ):
                yield f"unasked: {side} {entry.object} {entry.id}: {entry.action}"


def _opt_out_wins(story: Story) -> Iterator[str]:
    here, there = _hubspot(story), _salesforce(story)
    for hubspot_id, salesforce_id in _pairs(story):
        left = here[hubspot_id].get("hs_email_optout") == "true"
        right = bool(there[salesforce_id].get("HasOptedOutOfEmail"))
        if left != right and hubspot_id not in _with_issue(story):
            yield f"opt-out: {hubspot_id} {left} and {salesforce_id} {right} differ"

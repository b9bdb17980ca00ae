"""A clear is an edit: what somebody emptied after both sides had agreed on it is not filled again with the same. And nobody loses
the company but to somebody who took it away.

Later edits mend most of what goes wrong here, and both sides agree on what was lost. Judged from the journals and the log.
"""

from __future__ import annotations

from collections.abc import Iterator

from crm_emulator.kernel.journal import JournalEntry
from tests.simulation.journals import OURS, blank, counterparts, entries_of, unheard
from tests.simulation.kinds import ALWAYS, KINDS, Kind
from tests.simulation.twice import refused_when_it_came_again
from tests.simulation.world import Story

_OTHER = {"hubspot": "salesforce", "salesforce": "hubspot"}


def filled_again(story: Story, kind: Kind) -> Iterator[str]:
    for side in ("hubspot", "salesforce"):
        fields = {name: name for name in kind.fields}
        if side == "salesforce":
            fields = {field: name for name, field in kind.fields.items()}
        cleared: dict[tuple[str, str], JournalEntry] = {}
        for entry in entries_of(story, kind, side):
            if entry.field not in fields:
                continue
            clear = cleared.pop((entry.id, entry.field), None)
            if blank(entry.new) and not blank(entry.old) and entry.client != OURS:
                cleared[entry.id, entry.field] = entry
            elif clear is not None and entry.client == OURS and not blank(entry.new):
                name = fields[entry.field]
                if not _may_fill(story, kind, side, name, clear, entry):
                    yield (
                        f"filled again: {side} {entry.id}.{entry.field}, cleared of {clear.old!r}, holds it again by us"
                    )


def _may_fill(story: Story, kind: Kind, side: str, name: str, clear: JournalEntry, fill: JournalEntry) -> bool:
    """Another value than the one that was cleared is an edit of the other side, and an empty one that loses is in no log (table 1
    of docs/guarantees.md). By some rules the other side's value goes back, whatever became of it here."""
    if fill.new != clear.old or (kind.slug, name) in story.reruled:
        return True
    if story.rules[kind.slug, name] in (*ALWAYS, f"prefer_{_OTHER[side]}"):
        return True
    other_field = kind.fields[name] if side == "hubspot" else name
    others = counterparts(story, kind, side, clear.id)
    cleared_us = _there_us(story, side, clear.at_us)
    there = [
        entry
        for entry in entries_of(story, kind, _OTHER[side])
        if entry.id in others and entry.field == other_field and entry.new == clear.old
    ]
    # A write of ours of which we were not told, or told that it was refused: what it left is no base, and put back to what it was
    # it is as if it had never been (docs/guarantees.md).
    here = [
        entry
        for entry in entries_of(story, kind, side)
        if (entry.id, entry.field, entry.new) == (clear.id, clear.field, clear.old)
    ]
    for where, entries in ((side, here), (_OTHER[side], there)):
        ours = [entry for entry in entries if entry.client == OURS]
        if any(unheard(story, where, each) or refused_when_it_came_again(story, where, [each]) for each in ours):
            return True
    # Typed and cleared before anybody carried it over: as both knew it, it never changed.
    return not there or any(entry.client != OURS and entry.at_us > cleared_us for entry in there)


def companies_taken(story: Story) -> Iterator[str]:
    """Interlock takes a contact's or a deal's company away where somebody did on the other side, or where one of the records or
    companies was deleted, restored or merged."""
    for slug in ("contacts", "deals"):
        kind = KINDS[slug]
        for side in ("hubspot", "salesforce"):
            for entry in entries_of(story, kind, side):
                if entry.client == OURS and _takes_company(entry) and not _was_asked(story, kind, side, entry):
                    yield f"company taken: {side} {entry.object} {entry.id} lost {entry.old or entry.new!r} by us, and nobody asked"


def _takes_company(entry: JournalEntry) -> bool:
    if entry.object == "Contact" or entry.object == "Opportunity":
        return entry.field == "AccountId" and bool(entry.old) and not entry.new
    return entry.action == "disassociate" and entry.field == "companies"


def _was_asked(story: Story, kind: Kind, side: str, taken: JournalEntry) -> bool:
    companies = KINDS["companies"]
    company = str(taken.old or taken.new)
    others = counterparts(story, kind, side, taken.id)
    concerned = {taken.id, company, *others, *counterparts(story, companies, side, company)}
    moved = any(
        entry.id in concerned and entry.action in ("merge", "delete", "archive", "restore", "undelete")
        for crm in _OTHER
        for entry in (*entries_of(story, kind, crm), *entries_of(story, companies, crm))
    )
    # Where both have changed, the company that was deleted on the other side may win: the log has the one that was taken.
    logged = any(str(row.old) == company and taken.id in (row.hubspot_id, row.salesforce_id) for row in story.conflicts)
    return (
        moved
        or logged
        or any(
            entry.id in others
            and entry.client != OURS
            and (
                entry.field == "AccountId"
                or (entry.field == "companies" and entry.action in ("associate", "disassociate"))
            )
            for entry in entries_of(story, kind, _OTHER[side])
        )
    )


def _there_us(story: Story, side: str, at_us: int) -> int:
    """A moment of one CRM's clock by the other's."""
    return at_us + round((story.skews_s[_OTHER[side]] - story.skews_s[side]) * 1e6)

"""Whether it is the right one that wins: the newest edit, an opt-out, and a value that the rule gives back to who lost it.

That nothing is lost (check.py) does not say so: a loser is in the conflict log whoever it is. Judged from the journals, and
from the log that a person sees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from crm_emulator.kernel.journal import JournalEntry
from interlock.core.model import AuditKind, AuditRow, LinkState, Side
from tests.simulation.kinds import KINDS
from tests.simulation.twice import refused_when_it_came_again
from tests.simulation.world import Story

OURS = "Interlock"
# Nearer to each other than this, two clocks cannot tell who was last (docs/guarantees.md), and Salesforce stamps whole
# seconds of when a transaction began.
TOO_CLOSE_US = 5_000_000 + 1_000_000 + 4_000_000
# The clocks of one installation's machines (world.py).
OUR_CLOCKS_APART_US = 2_000_000
# Between a read and the row that tells what became of it: a request may take twenty seconds.
UNREAD_US = 30_000_000
_MOVES_PARTNERS = ("delete", "restore", "merge")
# From when a rule is saved until no process works by the one before: a batch, and what it left unproved.
RULE_IN_USE_US = 60_000_000
_WINS = {
    Side.SALESFORCE: ("prefer_salesforce", "always_salesforce"),
    Side.HUBSPOT: ("prefer_hubspot", "always_hubspot"),
}


def precedence(story: Story) -> Iterator[str]:
    yield from _newest_wins(story)
    yield from _no_echo(story)
    yield from _no_false_base(story)
    yield from _no_opt_in(story)
    yield from _given_back(story)


def _newest_wins(story: Story) -> Iterator[str]:
    """Under *two-way* the record that was edited last keeps its value. What is in the log was read, and with it a stamp of its
    record that is no older than the edit; the other record's was no younger than its last change before it won."""
    for row in story.conflicts:
        if row.rule != "two_way" or row.reason not in ("both_changed", "first_link") or row.side is None or not row.old:
            continue
        if row.object == "companies" or (row.object, row.property) in story.automated:
            # A stamp moves with what the journal does not tell: what hangs on an account, and a write of ours that the flow
            # turned into no change.
            continue
        lost = _typed(story, row, row.side, str(row.old))
        won_us = _last_change_us(story, row, row.side.other)
        if lost is not None and won_us is not None and lost.at_us - won_us > TOO_CLOSE_US:
            yield (
                f"newest: {row.old!r} of {row.side.value} {lost.id} was typed at {lost.at_us}, and lost to {row.new!r} of"
                f" {_place(row, row.side.other)[0]}, which nobody had touched since {won_us}"
            )


def _typed(story: Story, row: AuditRow, side: Side, value: str) -> JournalEntry | None:
    """The first time that a person entered it."""
    id_, name = _place(row, side)
    return next(
        (
            entry
            for entry in _entries(story, row, side)
            if entry.id == id_ and entry.field == name and entry.new == value and entry.client != OURS
        ),
        None,
    )


def _last_change_us(story: Story, row: AuditRow, side: Side) -> int | None:
    """When the record was last saved, by anybody, before the row was written; that another record was associated with it, or
    one that was is deleted, moves its stamp as well, and so does a write of ours that changes nothing, which no journal tells.
    Our clock may be off, and the CRM's too."""
    id_, _ = _place(row, side)
    assert id_ is not None
    crm = story.hubspot if side is Side.HUBSPOT else story.salesforce
    partners = {
        each
        for entry in crm.journal.entries()
        if id_ in (entry.id, entry.old, entry.new)
        for each in (entry.id, entry.old, entry.new)
    }
    changes_us = [
        entry.at_us
        for entry in crm.journal.entries()
        if id_ in (entry.id, entry.old, entry.new) or (entry.id in partners and entry.action in _MOVES_PARTNERS)
    ]
    ahead_us = round((story.skews_s[side.value] - story.skews_s["hubspot"]) * 1e6)
    changes_us += [
        landing.at_us + ahead_us
        for landing in story.network.landings
        if landing.side == side.value and id_ in landing.saved
    ]
    until_us = row.at_us + round((story.skews_s[side.value] - story.skews_s["ours"]) * 1e6) + OUR_CLOCKS_APART_US
    return max((at_us for at_us in changes_us if at_us <= until_us), default=None)


def _place(row: AuditRow, side: Side) -> tuple[str | None, str | None]:
    return (row.hubspot_id, row.property) if side is Side.HUBSPOT else (row.salesforce_id, row.field)


def _entries(story: Story, row: AuditRow, side: Side) -> Iterator[JournalEntry]:
    crm, kind = (story.hubspot if side is Side.HUBSPOT else story.salesforce), KINDS[row.object]
    objects = (kind.slug,) if side is Side.HUBSPOT else kind.sobjects
    yield from (entry for entry in crm.journal.entries() if entry.object in objects)


def _no_echo(story: Story) -> Iterator[str]:
    """Who "changed" a field on a side is never we alone: our own write, however late its answer, is no edit.

    A pair that moved to another record met what we had written there for the pair that it belonged to before.
    """
    moved = {id_ for row in story.audit if row.kind is AuditKind.RELINK for id_ in (row.hubspot_id, row.salesforce_id)}
    moved |= {link.hubspot_id for link in story.links if link.salesforce_id in moved}
    for row in story.conflicts:
        if {row.hubspot_id, row.salesforce_id} & moved:
            continue
        if row.side is None or row.reason != "both_changed" or (row.object, row.property) in story.automated:
            continue
        if row.property not in KINDS[row.object].fields:
            continue  # who belongs to whom: the one pointed to may live on as another
        for side, value in ((row.side, row.old), (row.side.other, row.new)):
            id_, name = _place(row, side)
            written = [
                entry
                for entry in _entries(story, row, side)
                if value and entry.id == id_ and entry.field == name and entry.new == value
            ]
            if {entry.client for entry in written} == {OURS} and not refused_when_it_came_again(
                story, side.value, written
            ):
                yield f"echo: {value!r} of {side.value} {id_}.{name} was written by us, and taken for an edit at {row.at_us}"


def _no_false_base(story: Story) -> Iterator[str]:
    """Both sides unchanged, holding two values: then they never agreed on what the base says (marks.py, OUT_OF_REACH)."""
    for row in story.conflicts:
        if row.cause == "unequal":
            pair = f"{row.hubspot_id}.{row.property} and {row.salesforce_id}"
            yield f"false base: {pair}: {row.old!r} lost to {row.new!r}, and neither had changed"


def _moved(story: Story) -> set[str | None]:
    """Records that were merged or had more than one counterpart: what the one pair wrote is news to the other."""
    merged = {
        id_
        for crm in (story.hubspot, story.salesforce)
        for entry in crm.journal.entries()
        if entry.action == "merge" or entry.field == "hs_merged_object_ids"
        for id_ in (entry.id, entry.old, entry.new)
    }
    times = Counter(id_ for link in story.links for id_ in (link.hubspot_id, link.salesforce_id))
    return merged | {id_ for id_, number in times.items() if number > 1}


def _no_opt_in(story: Story) -> Iterator[str]:
    """An opt-out is never cleared by us, on either side."""
    for entry in story.salesforce.journal.entries():
        if entry.client == OURS and entry.field == "HasOptedOutOfEmail" and entry.old == "true" and entry.new != "true":
            yield f"opt-in: Salesforce {entry.object} {entry.id} was opted in by us at {entry.at_us}"
    for entry in story.hubspot.journal.entries():
        if entry.client == OURS and "opt_in" in entry.action:
            yield f"opt-in: HubSpot {entry.object} {entry.id} was opted in by us at {entry.at_us}"


def _given_back(story: Story) -> Iterator[str]:
    """What a write of ours replaced unseen goes back where the rule lets it win, unless somebody has edited since."""
    linked = {(link.hubspot_id, link.salesforce_id) for link in story.links if link.state is LinkState.LINKED}
    ours_us = round(story.skews_s["ours"] * 1e6)
    for row in story.conflicts:
        if row.side is None or row.reason != "lost_race" or row.rule not in _WINS[row.side] or row.status != "open":
            continue
        if (row.hubspot_id, row.salesforce_id) not in linked:
            continue  # one of the two went away before it could go back
        if story.rules.get((row.object, row.property)) == "dont_sync":
            continue  # no longer synced when its turn to go back came: it stays in the log, open
        if (row.object, row.property) in story.reruled and (
            row.at_us - ours_us < story.reruled_us + RULE_IN_USE_US or _by_another_rule(story, row)
        ):
            continue  # written by one rule and judged by another, with edits under either
        id_, name = _place(row, row.side)
        values = [entry.new for entry in _entries(story, row, row.side) if entry.id == id_ and entry.field == name]
        if values and values[-1] == row.new and not any(_edited_since(story, row, side) for side in Side):
            yield f"given back: {row.old!r} of {row.side.value} {id_}.{name} was to win by {row.rule}, {row.new!r} stands"


def _by_another_rule(story: Story, row: AuditRow) -> bool:
    """Whether the write that replaced the value had been decided on when another rule held: a turn may be long."""
    return any(
        each.kind is AuditKind.UPDATE
        and (each.hubspot_id, each.salesforce_id, each.property) == (row.hubspot_id, row.salesforce_id, row.property)
        and each.new == row.new
        and each.rule != row.rule
        for each in story.audit
    )


def _edited_since(story: Story, row: AuditRow, side: Side) -> bool:
    """By a person, after the row or so shortly before that it may not have been read. What replaced the very value that we
    wrote came after we had read it, however long our write took to land."""
    id_, name = _place(row, side)
    skew_us = round((story.skews_s[side.value] - story.skews_s["ours"]) * 1e6)
    return any(
        entry.client != OURS
        and entry.new != row.old
        and (entry.at_us > row.at_us + skew_us - UNREAD_US or entry.old == row.new)
        for entry in _entries(story, row, side)
        if entry.id == id_ and entry.field == name
    )

"""What the opportunities of contacts say of lifecycle stages, when they came to say it, and what is asked of each stage that we
wrote for that, of a contact or of a company. Judged from the journals."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from crm_emulator.kernel.journal import JournalEntry
from interlock.core.lifecycle import CUSTOMER, OPPORTUNITY
from interlock.core.model import AuditKind
from interlock.objects.choices import LIFECYCLE_TRANSITIONS, ON
from tests.simulation.journals import OURS, counterparts, entries, entries_of, unheard
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.themes.chosen_values import true_us
from tests.simulation.virtual_time import EPOCH_US
from tests.simulation.world import Story

CONTACTS, DEALS = KINDS["contacts"], KINDS["deals"]
PROPERTY = "lifecyclestage"
STAGES = ("lead", "marketingqualifiedlead", "salesqualifiedlead", OPPORTUNITY, CUSTOMER, "evangelist")
OPEN, WON, LOST = "Prospecting", "Closed Won", "Closed Lost"
SAYS = {OPEN: OPPORTUNITY, WON: CUSTOMER}
# From when a choice is saved, or something was read, until nobody writes by it any more.
IN_USE_US = 120_000_000
NEVER_US = 1 << 62


def written(story: Story, kind: Kind) -> Iterator[JournalEntry]:
    """Stages, by us. What HubSpot gives to a record that we make or merge is its own."""
    merged = {
        (each.id, each.at_us) for each in entries_of(story, kind, "hubspot") if each.field == "hs_merged_object_ids"
    }
    for entry in entries_of(story, kind, "hubspot"):
        ours = entry.client == OURS and entry.field == PROPERTY and entry.action == "update"
        if ours and (entry.id, entry.at_us) not in merged:
            yield entry


def forward_and_told(story: Story, kind: Kind, entry: JournalEntry) -> Iterator[str]:
    what = _what(entry)
    if entry.new not in (OPPORTUNITY, CUSTOMER):
        yield f"{what}, which no opportunity says"
    elif entry.old in STAGES and STAGES.index(entry.old) > STAGES.index(entry.new):
        yield f"{what} goes backwards"
    told = any(
        row.kind is AuditKind.STAGE and (row.object, row.hubspot_id, row.new) == (kind.slug, entry.id, entry.new)
        for row in story.audit
    )
    # A stage has no intent: of one whose answer nobody kept only the CRM tells (docs/guarantees.md).
    if not told and not unheard(story, "hubspot", entry) and not _stopped_before_the_row(story, entry):
        yield f"{what} is in no row of the log"


def _stopped_before_the_row(story: Story, entry: JournalEntry) -> bool:
    """Whether the process had heard the answer, went on to the companies of its batch, and was stopped there: the rows of both come
    after both."""
    at_s = (true_us(story, "hubspot", entry) - EPOCH_US) / 1e6
    return any(
        0.0 <= when_s - at_s < IN_USE_US / 1e6 and any(module == "company_stages" for module, _ in stands)
        for when_s, _, stands in story.incidents
    )


def asked_for(story: Story, entry: JournalEntry, people: Collection[str]) -> Iterator[str]:
    """By a role of one of these contacts, and by whoever chose that roles move stages."""
    at_us, what = true_us(story, "hubspot", entry), _what(entry)
    if not _on(story, at_us - IN_USE_US, at_us):
        yield f"{what}, and nobody had chosen that"
    said = {WON} if entry.new == CUSTOMER else {WON, OPEN}
    for person in people:
        for contact in counterparts(story, CONTACTS, "hubspot", person):
            for opportunity in roles_ever(story, contact):
                if any(
                    each.id == opportunity
                    and each.field == "StageName"
                    and each.new in said
                    and true_us(story, "salesforce", each) <= at_us + 1_000_000
                    for each in entries_of(story, DEALS, "salesforce")
                ):
                    return
    yield f"{what}, and no role in an opportunity said so"


def _what(entry: JournalEntry) -> str:
    return f"lifecycle: {entry.object} {entry.id} {entry.old!r} -> {entry.new!r} by us at {entry.at_us}"


def _on(story: Story, since_us: int, until_us: int) -> bool:
    """At any moment of this time."""
    on = story.recipe.choices[LIFECYCLE_TRANSITIONS.name]["contacts"] == ON
    for deed in story.deeds:
        if deed.what == "transitions":
            if deed.at_us > since_us and on:
                return True
            if deed.at_us > until_us:
                return on
            on = deed.about[0] == ON
    return on


def on_all_the_time(story: Story) -> bool:
    chosen = story.recipe.choices[LIFECYCLE_TRANSITIONS.name]["contacts"]
    return chosen == ON and not any(deed.what == "transitions" for deed in story.deeds)


def on_at_last(story: Story) -> bool:
    """Whoever turns it on has what was said before taken up too."""
    return _on(story, NEVER_US, NEVER_US)


def roles_ever(story: Story, contact: str) -> list[str]:
    """Opportunities in which a contact, or one that was merged into it, ever had a role: one for each time."""
    ids = {contact}
    rows = story.salesforce.org.tables["Contact"].rows
    ids |= {id_ for id_, row in rows.items() if row.master_id in ids}
    theirs, of = set(), {}
    for entry in entries(story, "salesforce"):
        if entry.object == "OpportunityContactRole" and entry.field == "OpportunityId" and entry.new:
            of[entry.id] = entry.new
        # A merge of contacts moves their roles.
        if entry.object == "OpportunityContactRole" and entry.field == "ContactId" and entry.new in ids:
            theirs.add(entry.id)
    return [of[role] for role in sorted(theirs & set(of))]


def roles_now(story: Story, contact: str) -> dict[str, set[str]]:
    """By opportunity."""
    sally = story.salesforce.user()
    found: dict[str, set[str]] = {}
    for id_ in sally.ids("OpportunityContactRole"):
        role = sally.get("OpportunityContactRole", id_)
        if role["ContactId"] == contact:
            found.setdefault(role["OpportunityId"], set()).add(id_)
    return found


def said_us(story: Story, roles: set[str], opportunity: str, stands: str) -> int:
    """When a contact's roles in it came to say what they say: once the first of them was given, and the opportunity was opened for
    the first time, or was won after it had been seen otherwise."""
    given_us, opened_us, won_us, otherwise_us = {}, 0, 0, 0
    for each in entries(story, "salesforce"):
        at_us = true_us(story, "salesforce", each)
        if each.id in roles and each.field == "ContactId":
            given_us[each.id] = at_us
        elif each.id == opportunity and each.field == "StageName":
            opened_us = opened_us or at_us * (each.new in (OPEN, WON))
            if each.new != WON:
                otherwise_us = otherwise_us or at_us
            else:
                seen = not won_us or at_us - otherwise_us > IN_USE_US
                won_us, otherwise_us = at_us if seen else won_us, 0
    return max(min(given_us.values()), won_us if stands == WON else opened_us)

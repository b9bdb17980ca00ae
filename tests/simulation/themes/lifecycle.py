"""Opportunities move lifecycle stages where a person chose that, and e-mail opt-outs are given, refused and taken back.

What has to hold of a stage: we write it forward only, for a role in an opportunity that is or was so, once for each and for each
further win, with a row in the log, and not at all where nobody chose it; and every role is honoured, unless a person set the stage
since. Of an opt-out:
we take none back, and whoever was opted out on one side and did not opt in since is so on both, or somebody was told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crm_emulator.kernel.journal import JournalEntry
from interlock.app import what_syncs
from interlock.core.lifecycle import CUSTOMER, OPPORTUNITY
from interlock.core.model import AuditKind
from interlock.objects.choices import LIFECYCLE_TRANSITIONS, OFF, ON
from tests.simulation.desk import Desk
from tests.simulation.journals import OURS, counterparts, entries, entries_of, unheard
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.themes.at_the_pages import AtThePages
from tests.simulation.themes.chosen_values import Place, last_by_a_person_us, true_us
from tests.simulation.themes.theme import Move, Page, Theme
from tests.simulation.twice import landings_of

if TYPE_CHECKING:
    from interlock.store import Store
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

CONTACTS, DEALS = KINDS["contacts"], KINDS["deals"]
PROPERTY = "lifecyclestage"
STAGES = ("lead", "marketingqualifiedlead", "salesqualifiedlead", OPPORTUNITY, CUSTOMER, "evangelist")
OPEN, WON, LOST = "Prospecting", "Closed Won", "Closed Lost"
# Opportunities of stories about contacts alone, where none of them syncs.
OPPORTUNITIES_MOST = 4
# From when a choice is saved, or something was read, until nobody writes by it any more.
IN_USE_US = 120_000_000


def _choices(recipe: Recipe) -> dict[str, dict[str, str]]:
    chosen = recipe.chance("lifecycle").choice((ON, ON, ON, OFF))
    return {LIFECYCLE_TRANSITIONS.name: {"contacts": chosen}}


# --- moves ---------------------------------------------------------------------------------------------------------------


def enter_an_opportunity_with_somebody(desk: Desk, kind: Kind) -> None:
    there = desk.some_in_salesforce(CONTACTS)
    if DEALS in desk.kinds and not desk.room(DEALS):
        return
    if len(desk.sally.ids("Opportunity")) >= OPPORTUNITIES_MOST:
        return
    fields = {"Name": desk.token("dealname"), "StageName": desk.chance.choice((OPEN, OPEN, WON, LOST))}
    made = desk.sally.create("Opportunity", DEALS.required_in_salesforce | fields)
    desk.sally.create("OpportunityContactRole", {"OpportunityId": made, "ContactId": there})


def give_a_role(desk: Desk, kind: Kind) -> None:
    fields = {
        "OpportunityId": desk.chance.choice(desk.sally.ids("Opportunity")),
        "ContactId": desk.some_in_salesforce(CONTACTS),
    }
    desk.sally.create("OpportunityContactRole", fields)


def take_a_role_away(desk: Desk, kind: Kind) -> None:
    desk.sally.delete("OpportunityContactRole", desk.chance.choice(desk.sally.ids("OpportunityContactRole")))


def win_lose_or_reopen(desk: Desk, kind: Kind) -> None:
    there = desk.chance.choice(desk.sally.ids("Opportunity"))
    stage = desk.chance.choice((OPEN, WON, WON, LOST))
    if desk.sally.get("Opportunity", there)["StageName"] != stage:
        desk.sally.update("Opportunity", there, {"StageName": stage})


def move_the_stage_by_hand(desk: Desk, kind: Kind) -> None:
    """Forward, back, or to none."""
    here, stage = desk.some_in_hubspot(CONTACTS), desk.chance.choice((*STAGES, ""))
    if (desk.hugo.get("contacts", here).get(PROPERTY) or "") != stage:
        desk.hugo.update("contacts", here, {PROPERTY: stage})


def untick_in_salesforce(desk: Desk, kind: Kind) -> None:
    ticked = [id_ for id_ in desk.in_salesforce(CONTACTS) if desk.sally.get("Contact", id_)["HasOptedOutOfEmail"]]
    desk.sally.update("Contact", desk.chance.choice(ticked), {"HasOptedOutOfEmail": False})


def opt_out_and_lose_the_address(desk: Desk, kind: Kind) -> None:
    """Both at one moment, in Salesforce; or the address alone comes back."""
    there = desk.some_in_salesforce(CONTACTS)
    row = desk.sally.get("Contact", there)
    if not row["Email"]:
        desk.sally.update("Contact", there, {"Email": desk.token("email")})
    elif not row["HasOptedOutOfEmail"]:
        desk.sally.update("Contact", there, {"HasOptedOutOfEmail": True, "Email": None})


def edit_and_opt_out_at_once(desk: Desk, kind: Kind) -> None:
    """A person types in one CRM while the contact unsubscribes by the other's e-mail."""
    here, there = desk.some_pair(CONTACTS)
    email = desk.hugo.get("contacts", here).get("email")
    desk.sally.update("Contact", there, {"Title": desk.token("jobtitle")})
    if email:
        desk.hugo.opt_out(email)


def lose_or_get_back_the_scope(desk: Desk, kind: Kind) -> None:
    """Of subscriptions, which an administrator gives and takes."""
    for token in desk.portal.account.tokens.values():
        token.scopes = None if token.scopes == _WITHOUT else _WITHOUT if token.scopes is None else token.scopes


_WITHOUT = frozenset(
    {f"crm.objects.{name}.{what}" for name in ("contacts", "companies", "deals") for what in ("read", "write")}
    | {f"crm.schemas.{name}.{what}" for name in ("contacts", "companies", "deals") for what in ("read", "write")}
    | {"crm.objects.owners.read", "crm.lists.read"}
)

MOVES: dict[Move, float] = {
    enter_an_opportunity_with_somebody: 4,
    give_a_role: 3,
    take_a_role_away: 1.5,
    win_lose_or_reopen: 4,
    move_the_stage_by_hand: 3.5,
    untick_in_salesforce: 1.5,
    opt_out_and_lose_the_address: 1.5,
    edit_and_opt_out_at_once: 1,
    lose_or_get_back_the_scope: 1,
}

# --- pages ---------------------------------------------------------------------------------------------------------------


async def turn_it_on_or_off(world: World, store: Store) -> None:
    opened = AtThePages(world, store)
    connection = await opened.connection()
    before = what_syncs.chosen(connection, "contacts").choices[LIFECYCLE_TRANSITIONS.name]
    after = OFF if before == ON else ON
    await what_syncs.choose(
        store, connection, "contacts", what_syncs.Choice(choices={LIFECYCLE_TRANSITIONS.name: after}), None
    )
    world.did("transitions", after)


PAGES: dict[Page, float] = {turn_it_on_or_off: 1}

# --- check ---------------------------------------------------------------------------------------------------------------


def check(story: Story) -> Iterator[str]:
    for entry in _written(story):
        yield from _forward_and_told(story, entry)
        yield from _asked_for(story, entry)
    yield from _once(story)
    yield from _honoured(story)
    yield from _latched(story)


def _written(story: Story) -> Iterator[JournalEntry]:
    for entry in entries_of(story, CONTACTS, "hubspot"):
        if entry.client == OURS and entry.field == PROPERTY and entry.action == "update":
            yield entry


def _forward_and_told(story: Story, entry: JournalEntry) -> Iterator[str]:
    what = f"lifecycle: {entry.id} {entry.old!r} -> {entry.new!r} by us at {entry.at_us}"
    if entry.new not in (OPPORTUNITY, CUSTOMER):
        yield f"{what}, which no opportunity says"
    elif entry.old in STAGES and STAGES.index(entry.old) > STAGES.index(entry.new):
        yield f"{what} goes backwards"
    told = any(
        row.kind is AuditKind.STAGE and (row.hubspot_id, row.new) == (entry.id, entry.new) for row in story.audit
    )
    # A stage has no intent: of one whose answer nobody kept only the CRM tells (docs/guarantees.md).
    if not told and not unheard(story, "hubspot", entry):
        yield f"{what} is in no row of the log"


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


def _asked_for(story: Story, entry: JournalEntry) -> Iterator[str]:
    at_us = true_us(story, "hubspot", entry)
    what = f"lifecycle: {entry.id} {entry.old!r} -> {entry.new!r} by us at {entry.at_us}"
    if not _on(story, at_us - IN_USE_US, at_us):
        yield f"{what}, and nobody had chosen that"
    said = {WON} if entry.new == CUSTOMER else {WON, OPEN}
    for contact in counterparts(story, CONTACTS, "hubspot", entry.id):
        for opportunity in _roles(story, contact):
            if any(
                each.id == opportunity
                and each.field == "StageName"
                and each.new in said
                and true_us(story, "salesforce", each) <= at_us + 1_000_000
                for each in entries_of(story, DEALS, "salesforce")
            ):
                return
    yield f"{what}, and no role in an opportunity said so"


def _roles(story: Story, contact: str) -> list[str]:
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


def _once(story: Story) -> Iterator[str]:
    """As often as roles were given or their opportunities won, at most; a request that came twice is one."""
    merged = {each.id for side in ("hubspot", "salesforce") for each in entries(story, side) if each.action == "merge"}
    merged |= {each.new or "" for each in entries(story, "hubspot") if each.field == "hs_merged_object_ids"}
    sent: dict[tuple[str, str], set[int]] = {}
    for entry in _written(story):
        requests = {id(each.request) for each in landings_of(story, "hubspot", [entry])}
        sent.setdefault((entry.id, entry.new or ""), set()).update(requests)
    for (here, stage), requests in sent.items():
        others = counterparts(story, CONTACTS, "hubspot", here)
        if merged & {here, *others}:
            continue
        roles = [role for each in others for role in _roles(story, each)]
        given = sum(max(1, _wins(story, role)) for role in roles) if stage == CUSTOMER else len(roles)
        if len(requests) > given:
            yield f"lifecycle: {here} was moved to {stage} {len(requests)} times, for {given} roles and wins"


def _wins(story: Story, opportunity: str) -> int:
    stages = (each for each in entries(story, "salesforce") if (each.id, each.field) == (opportunity, "StageName"))
    return sum(each.new == WON for each in stages)


def _honoured(story: Story) -> Iterator[str]:
    """Where it was on all the time: nobody stands behind what a role says, but by a person's hand."""
    if story.recipe.choices[LIFECYCLE_TRANSITIONS.name]["contacts"] != ON or any(
        deed.what == "transitions" for deed in story.deeds
    ):
        return
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    place = Place(CONTACTS, PROPERTY, "")
    for link in story.links:
        pair = {link.hubspot_id, link.salesforce_id}
        if link.object != "contacts" or link.state.value != "linked" or link.hubspot_id not in hugo.ids("contacts"):
            continue
        if any(pair & {each.hubspot_id, each.salesforce_id} for each in story.issues):
            continue
        held = hugo.get("contacts", link.hubspot_id).get(PROPERTY) or ""
        by_hand_us = last_by_a_person_us(story, place, "hubspot", link.hubspot_id)
        for opportunity, roles in _roles_now(story, link.salesforce_id).items():
            stands = sally.get("Opportunity", opportunity)["StageName"]
            wanted = {OPEN: OPPORTUNITY, WON: CUSTOMER}.get(stands)
            if by_hand_us > _said_us(story, roles, opportunity, stands):
                continue
            behind = held not in STAGES or (wanted is not None and STAGES.index(held) < STAGES.index(wanted))
            if wanted is not None and behind:
                yield f"lifecycle: {link.hubspot_id} is {held!r}, and a role in {opportunity} says {wanted}"


def _roles_now(story: Story, contact: str) -> dict[str, set[str]]:
    """By opportunity."""
    sally = story.salesforce.user()
    found: dict[str, set[str]] = {}
    for id_ in sally.ids("OpportunityContactRole"):
        role = sally.get("OpportunityContactRole", id_)
        if role["ContactId"] == contact:
            found.setdefault(role["OpportunityId"], set()).add(id_)
    return found


def _said_us(story: Story, roles: set[str], opportunity: str, stands: str) -> int:
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


FIELDS = {"hubspot": "hs_email_optout", "salesforce": "HasOptedOutOfEmail"}


def _latched(story: Story) -> Iterator[str]:
    """Whom we opted out on either side, somebody had opted out."""
    for side, field in FIELDS.items():
        for entry in entries_of(story, CONTACTS, side):
            if entry.client != OURS or entry.field != field or str(entry.new).lower() != "true":
                continue
            if not _ever_opted_out(story, side, entry):
                yield f"opt-out: {side} {entry.id} was opted out by us at {entry.at_us}, and nobody had said so"


def _ever_opted_out(story: Story, side: str, entry: JournalEntry) -> bool:
    """On the other side; or on its own, and stays so under an address that we carry over, or where the other side keeps it."""
    where = "salesforce" if side == "hubspot" else "hubspot"
    until_us = true_us(story, side, entry) + 1_000_000
    opted = _opted_out(story, where, set(counterparts(story, CONTACTS, side, entry.id)))
    opted += [each for each in _opted_out(story, side, {entry.id}) if each[0] is not entry and each[0].client != OURS]
    return any(at_us <= until_us for _, at_us in opted)


def _opted_out(story: Story, side: str, ids: set[str]) -> list[tuple[JournalEntry, int]]:
    return [
        (each, true_us(story, side, each))
        for each in entries_of(story, CONTACTS, side)
        if each.id in ids and each.field == FIELDS[side] and str(each.new).lower() == "true"
    ]


LIFECYCLE = Theme(
    "lifecycle",
    check,
    moves=MOVES,
    pages=PAGES,
    choices=_choices,
    modules=("lifecycle",),
    objects=("contacts",),
)

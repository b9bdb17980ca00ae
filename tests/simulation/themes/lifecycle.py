"""Opportunities move lifecycle stages where a person chose that, and e-mail opt-outs are given, refused and taken back.

What has to hold of a stage: we write it forward only, for a role in an opportunity that is or was so, once for each and for each
further win, with a row in the log, and not at all where nobody chose it; and every role is honoured, unless a person set the stage
since. The company of a contact moves along (company_stages.py). Of an opt-out: we take none back, and whoever was opted out on one
side and did not opt in since is so on both, or somebody was told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crm_emulator.kernel.journal import JournalEntry
from interlock.app import what_syncs
from interlock.core.lifecycle import CUSTOMER
from interlock.objects.choices import LIFECYCLE_TRANSITIONS, OFF, ON
from tests.simulation.desk import Desk
from tests.simulation.journals import OURS, counterparts, entries, entries_of
from tests.simulation.kinds import Kind
from tests.simulation.themes import company_stages
from tests.simulation.themes.at_the_pages import AtThePages
from tests.simulation.themes.chosen_values import Place, last_by_a_person_us, true_us
from tests.simulation.themes.stages_said import (
    CONTACTS,
    DEALS,
    LOST,
    OPEN,
    PROPERTY,
    SAYS,
    STAGES,
    WON,
    asked_for,
    forward_and_told,
    on_all_the_time,
    roles_ever,
    roles_now,
    said_us,
    written,
)
from tests.simulation.themes.theme import Move, Page, Theme
from tests.simulation.twice import landings_of

if TYPE_CHECKING:
    from interlock.store import Store
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

# Opportunities of stories about contacts alone, where none of them syncs.
OPPORTUNITIES_MOST = 4


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
    company_stages.give_a_role_to_somebody_of_a_company: 10,
    company_stages.move_a_company_by_hand: 1.5,
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
    for entry in written(story, CONTACTS):
        yield from forward_and_told(story, CONTACTS, entry)
        yield from asked_for(story, entry, [entry.id])
    yield from company_stages.check(story)
    yield from _once(story)
    yield from _honoured(story)
    yield from _latched(story)


def _once(story: Story) -> Iterator[str]:
    """As often as roles were given or their opportunities won, at most; a request that came twice is one."""
    merged = {each.id for side in ("hubspot", "salesforce") for each in entries(story, side) if each.action == "merge"}
    merged |= {each.new or "" for each in entries(story, "hubspot") if each.field == "hs_merged_object_ids"}
    sent: dict[tuple[str, str], set[int]] = {}
    for entry in written(story, CONTACTS):
        requests = {id(each.request) for each in landings_of(story, "hubspot", [entry])}
        sent.setdefault((entry.id, entry.new or ""), set()).update(requests)
    for (here, stage), requests in sent.items():
        others = counterparts(story, CONTACTS, "hubspot", here)
        if merged & {here, *others}:
            continue
        roles = [role for each in others for role in roles_ever(story, each)]
        given = sum(max(1, _wins(story, role)) for role in roles) if stage == CUSTOMER else len(roles)
        if len(requests) > given:
            yield f"lifecycle: {here} was moved to {stage} {len(requests)} times, for {given} roles and wins"


def _wins(story: Story, opportunity: str) -> int:
    stages = (each for each in entries(story, "salesforce") if (each.id, each.field) == (opportunity, "StageName"))
    return sum(each.new == WON for each in stages)


def _honoured(story: Story) -> Iterator[str]:
    """Where it was on all the time: nobody stands behind what a role says, but by a person's hand."""
    if not on_all_the_time(story):
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
        for opportunity, roles in roles_now(story, link.salesforce_id).items():
            stands = sally.get("Opportunity", opportunity)["StageName"]
            wanted = SAYS.get(stands)
            if by_hand_us > said_us(story, roles, opportunity, stands):
                continue
            behind = held not in STAGES or (wanted is not None and STAGES.index(held) < STAGES.index(wanted))
            if wanted is not None and behind:
                yield f"lifecycle: {link.hubspot_id} is {held!r}, and a role in {opportunity} says {wanted}"


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
    furnish=company_stages.employ,
    choices=_choices,
    modules=("lifecycle", "company_stages", "company_stages"),
    objects=("contacts",),
)

"""Contacts show what their newest opportunity says, where a person chose that: opportunities and roles come, change, go and return.

What has to hold: we write into those properties only what some opportunity said, or nothing, and not at all where nobody chose it;
and in the end each contact shows the one that was created last, of those in which it has a role.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from interlock.app import what_syncs
from interlock.app.opportunity_choice import AMOUNT, CLOSE_DATE, NAME, STAGE
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.shown_properties import make_properties, needed
from interlock.objects.choices import NEWEST_OPPORTUNITY, OFF, ON
from interlock.store import directory
from tests.simulation.desk import Desk
from tests.simulation.journals import OURS, entries, entries_of
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.themes import lifecycle
from tests.simulation.themes.at_the_pages import AtThePages
from tests.simulation.themes.theme import Move, Page, Theme

if TYPE_CHECKING:
    from interlock.store import Store
    from interlock.store.connections import Connection
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

CONTACTS = KINDS["contacts"]
SHOWN = {NAME: "Name", STAGE: "StageName", AMOUNT: "Amount", CLOSE_DATE: "CloseDate"}
DAYS = ("2026-03-31", "2026-04-30", "2026-12-24")
AMOUNTS_BELOW = 10_000


def _choices(recipe: Recipe) -> dict[str, dict[str, str]]:
    return {NEWEST_OPPORTUNITY.name: {"contacts": recipe.chance("newest").choice((ON, ON, ON, OFF))}}


async def _make_properties(world: World, store: Store, connection: Connection) -> None:
    """As saving the choice does; they stay where it is taken back."""
    async with AtThePages(world, store).clients(connection) as clients:
        await make_properties(clients.hubspot, "contacts", needed({NEWEST_OPPORTUNITY.name: ON}))
    async with store.write(connection.id) as tx:
        await directory.drop(tx, SCHEMAS)


# --- moves ---------------------------------------------------------------------------------------------------------------


def _some_opportunity(desk: Desk) -> str:
    return desk.chance.choice(desk.sally.ids("Opportunity"))


def change_what_it_says(desk: Desk, kind: Kind) -> None:
    says = {
        "Name": desk.token("dealname"),
        "Amount": desk.chance.randrange(AMOUNTS_BELOW),
        "CloseDate": desk.chance.choice(DAYS),
    }
    field = desk.chance.choice(list(says))
    desk.sally.update("Opportunity", _some_opportunity(desk), {field: says[field]})


def take_its_amount_away(desk: Desk, kind: Kind) -> None:
    desk.sally.update("Opportunity", _some_opportunity(desk), {"Amount": None})


def delete_an_opportunity(desk: Desk, kind: Kind) -> None:
    desk.sally.delete("Opportunity", _some_opportunity(desk))


def restore_an_opportunity(desk: Desk, kind: Kind) -> None:
    rows = desk.org.tables["Opportunity"].from_id("")
    desk.sally.undelete("Opportunity", desk.chance.choice([row.id for row in rows if row.deleted_s is not None]))


def type_over_what_is_shown(desk: Desk, kind: Kind) -> None:
    desk.hugo.update("contacts", desk.some_in_hubspot(CONTACTS), {NAME: desk.token("dealname")})


MOVES: dict[Move, float] = {
    lifecycle.enter_an_opportunity_with_somebody: 4,
    lifecycle.give_a_role: 3,
    lifecycle.take_a_role_away: 2,
    lifecycle.win_lose_or_reopen: 2,
    change_what_it_says: 4,
    take_its_amount_away: 1,
    delete_an_opportunity: 1.5,
    restore_an_opportunity: 1,
    type_over_what_is_shown: 1.5,
}

# --- pages ---------------------------------------------------------------------------------------------------------------


async def turn_it_on_or_off(world: World, store: Store) -> None:
    opened = AtThePages(world, store)
    connection = await opened.connection()
    before = what_syncs.chosen(connection, "contacts").choices[NEWEST_OPPORTUNITY.name]
    after = OFF if before == ON else ON
    async with opened.clients(connection) as clients:
        wanted = what_syncs.Choice(choices={NEWEST_OPPORTUNITY.name: after})
        await what_syncs.choose(store, connection, "contacts", wanted, clients.hubspot)
    world.did("newest", after)


PAGES: dict[Page, float] = {turn_it_on_or_off: 1}

# --- check ---------------------------------------------------------------------------------------------------------------


def check(story: Story) -> Iterator[str]:
    yield from _said_by_one(story)
    chosen = story.recipe.choices[NEWEST_OPPORTUNITY.name]["contacts"]
    turned = any(deed.what == "newest" for deed in story.deeds)
    if chosen == OFF and not turned:
        yield from (f"newest: {each.id} got {each.field} by us, and nobody chose that" for each in _written(story))
    if chosen == ON and not turned:
        yield from _shows_the_newest(story)


def _written(story: Story) -> Iterator[Any]:
    yield from (
        each
        for each in entries_of(story, CONTACTS, "hubspot")
        if each.client == OURS and each.field in SHOWN and each.new
    )


def _plain(value: Any) -> str:
    """A number by its value; a text without blanks at its ends, which say nothing."""
    text = str(value if value is not None else "").strip()
    try:
        return str(float(text))
    except ValueError:
        return text


def _said_by_one(story: Story) -> Iterator[str]:
    said: dict[str, set[str]] = {name: set() for name in SHOWN.values()}
    for each in entries(story, "salesforce"):
        if each.object == "Opportunity" and each.field in said:
            said[each.field].add(_plain(each.new))
    for each in _written(story):
        if _plain(each.new) not in said[SHOWN[each.field]]:
            yield f"newest: {each.id} got {each.new!r} as {each.field} by us, which no opportunity ever said"


def _shows_the_newest(story: Story) -> Iterator[str]:
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    roles = [sally.get("OpportunityContactRole", id_) for id_ in sally.ids("OpportunityContactRole")]
    there = set(sally.ids("Contact"))
    outside = {id_ for theme in story.recipe.told for id_ in theme.outside(story, CONTACTS)}
    for link in story.links:
        pair = {link.hubspot_id, link.salesforce_id}
        if link.object != "contacts" or link.state.value != "linked" or pair & outside:
            continue
        if link.hubspot_id not in hugo.ids("contacts") or link.salesforce_id not in there:
            continue
        if any(pair & {each.hubspot_id, each.salesforce_id} for each in story.issues):
            continue
        contact = hugo.get("contacts", link.hubspot_id)
        held = tuple(_plain(contact.get(name)) for name in SHOWN)
        theirs = {role["OpportunityId"] for role in roles if role["ContactId"] == link.salesforce_id}
        rows = [sally.get("Opportunity", id_) for id_ in theirs]
        newest = max((str(row["CreatedDate"]) for row in rows), default=None)
        # Of two that were created in one second either may be it.
        wanted = {
            tuple(_plain(row[field]) for field in SHOWN.values()) for row in rows if str(row["CreatedDate"]) == newest
        }
        if wanted and held not in wanted:
            yield f"newest: {link.hubspot_id} shows {held}, and its newest opportunity says {wanted}"
        if not wanted and any(held) and not _typed_last(story, link.hubspot_id):
            yield f"newest: {link.hubspot_id} shows {held}, and it has no opportunity"


def _typed_last(story: Story, hubspot_id: str) -> bool:
    """By a person: what Salesforce never had stays."""
    last = [each for each in entries_of(story, CONTACTS, "hubspot") if each.id == hubspot_id and each.field in SHOWN]
    return bool(last) and last[-1].client != OURS


NEWEST = Theme(
    "newest",
    check,
    moves=MOVES,
    pages=PAGES,
    choices=_choices,
    settle=_make_properties,
    modules=("newest_opportunity",),
    objects=("contacts",),
)

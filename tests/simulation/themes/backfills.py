"""A mapping is added while both sides hold values already, people ask for a backfill and stop one, and a formula over a parent is
mapped whose parent is edited. Imports from Salesforce are asked for too (imported.py).

What has to hold: a backfill that ran to its end has left no pair whose values differ under the new mapping, and replaced nothing
without a row in the log; a formula agrees a round after whatever it is made of changed last.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from interlock.app import backfill, mapping_edits
from interlock.app.connections import objects_on
from interlock.app.mapping_edits import Edit
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas, read_schemas
from interlock.core.model import SyncRule
from interlock.store import directory, mappings
from interlock.store.mappings import FieldMappingRow
from tests.simulation.desk import Desk
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.moves import type_in_salesforce
from tests.simulation.themes.at_the_pages import AtThePages
from tests.simulation.themes.chosen_values import Place, invented, replaced_unlogged
from tests.simulation.themes.imported import check_imports, import_from_salesforce, leave_alone, outside
from tests.simulation.themes.theme import Move, Page, Theme

if TYPE_CHECKING:
    from interlock.store import Store
    from interlock.store.connections import Connection
    from tests.simulation.world import Story, World

CONTACTS, COMPANIES = KINDS["contacts"], KINDS["companies"]
MOTTO, MOTTO_FIELD = "motto", "Motto__c"
BADGE, BADGE_FIELD = "badge", "Badge__c"
# A round of the look through formulas (engine/formulas.py), which nothing brings forward.
ROUND_S = 3_700.0


def make_property(world: World, name: str, type_: str = "string", field_type: str = "text", **more: Any) -> None:
    schema = world.hubspot.portal.table("contacts").schema
    texts = {"name": name, "label": name, "type": type_, "fieldType": field_type} | more
    schema.create(texts | {"groupName": next(iter(schema.groups))}, world.hubspot.portal.now_ms(), None)


def _furnish(world: World) -> None:
    make_property(world, MOTTO)
    make_property(world, BADGE)
    world.salesforce.add_custom_field("Contact", MOTTO_FIELD, "Text")
    world.salesforce.add_formula("Contact", BADGE_FIELD, 'LastName & " of " & Account.Name')


async def map_contacts(
    store: Store, connection: Connection, property_: str, field: str, rule: SyncRule, **more: Any
) -> None:
    """As connecting would have."""
    async with store.write(connection.id) as tx:
        for row in await mappings.object_mappings(tx):
            if row.salesforce_type == CONTACTS.sobject and row.id is not None:
                mapped = FieldMappingRow(row.id, property_, field, rule.value, kind="custom", **more)
                await mappings.save_field_mapping(tx, mapped)
        await directory.drop(tx, SCHEMAS)


async def _settle(world: World, store: Store, connection: Connection) -> None:
    await map_contacts(store, connection, BADGE, BADGE_FIELD, SyncRule.ALWAYS_SALESFORCE)
    await leave_alone(world, store, connection)


# --- moves ---------------------------------------------------------------------------------------------------------------


def type_a_motto_in_hubspot(desk: Desk, kind: Kind) -> None:
    desk.hugo.update("contacts", desk.some_in_hubspot(CONTACTS), {MOTTO: desk.token(MOTTO)})


def type_a_motto_in_salesforce(desk: Desk, kind: Kind) -> None:
    desk.sally.update("Contact", desk.some_in_salesforce(CONTACTS), {MOTTO_FIELD: desk.token(MOTTO)})


def type_two_mottos(desk: Desk, kind: Kind) -> None:
    here, there = desk.some_pair(CONTACTS)
    desk.hugo.update("contacts", here, {MOTTO: desk.token(MOTTO)})
    desk.sally.update("Contact", there, {MOTTO_FIELD: desk.token(MOTTO)})


def rename_the_account(desk: Desk, kind: Kind) -> None:
    type_in_salesforce(desk, COMPANIES, "name")


MOVES: dict[Move, float] = {
    type_a_motto_in_hubspot: 3,
    type_a_motto_in_salesforce: 3,
    type_two_mottos: 2,
    rename_the_account: 3,
}

# --- pages ---------------------------------------------------------------------------------------------------------------


async def map_the_motto(world: World, store: Store) -> None:
    """Or take the mapping away again."""
    opened = AtThePages(world, store)
    connection = await opened.connection()
    mapped = _mapped(world.story)
    edit = Edit(MOTTO, MOTTO_FIELD, None if mapped else SyncRule.TWO_WAY, ("Contact",), adds=not mapped)
    async with store.read(connection.id) as tx:
        edition = await backfill.edition(tx, "contacts")
    async with opened.clients(connection) as clients:

        async def refresh() -> Schemas:
            return await read_schemas(clients.hubspot, clients.salesforce, objects_on(connection))

        assert connection.id is not None
        await mapping_edits.save(store, connection.id, "contacts", [edit], edition, refresh, BY_COMMAND)
    world.did("unmapped" if mapped else "mapped")


async def ask_for_a_backfill(world: World, store: Store) -> None:
    await backfill.ask(store, world.connection_id, "contacts")
    world.did("backfill asked")


async def stop_the_backfill(world: World, store: Store) -> None:
    await backfill.stop(store, world.connection_id, "contacts")
    world.did("backfill stopped")


async def map_and_ask(world: World, store: Store) -> None:
    """One after the other, as the page offers it."""
    if not _mapped(world.story):
        await map_the_motto(world, store)
    await ask_for_a_backfill(world, store)


PAGES: dict[Page, float] = {
    map_and_ask: 4,
    map_the_motto: 3,
    ask_for_a_backfill: 2,
    stop_the_backfill: 1.5,
    import_from_salesforce: 6,
}

# --- check ---------------------------------------------------------------------------------------------------------------


def _mapped(story: Story) -> bool:
    words = [deed.what for deed in story.deeds if deed.what in ("mapped", "unmapped")]
    return words[-1:] == ["mapped"]


def _taken_up(story: Story) -> bool:
    """Whether a backfill was asked for after the mapping was added, and stopped by nobody."""
    words = [deed.what for deed in story.deeds]
    if not _mapped(story):
        return False
    since = words[len(words) - words[::-1].index("mapped") :]
    return since[-1:] != ["backfill stopped"] and "backfill asked" in since and "backfill stopped" not in since


def check(story: Story) -> Iterator[str]:
    yield from _formulas(story)
    yield from check_imports(story)
    if _taken_up(story) and ("contacts", MOTTO) not in story.reruled:
        yield from _mottos(story)
    place = Place(CONTACTS, MOTTO, MOTTO_FIELD)

    def same(side: str, value: str) -> set[str]:
        return {value}

    yield from replaced_unlogged(story, place, same, lambda row, value: str(row.old) == value)
    yield from invented(story, place, same)


def _pairs(story: Story) -> Iterator[tuple[tuple[str, str], dict[str, Any], dict[str, Any]]]:
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    for link in story.links:
        pair = (link.hubspot_id, link.salesforce_id)
        if link.object != "contacts" or link.state.value != "linked":
            continue
        if link.hubspot_id not in hugo.ids("contacts") or link.salesforce_id not in sally.ids("Contact"):
            continue
        if any({each.hubspot_id, each.salesforce_id} & set(pair) for each in story.issues):
            continue
        yield pair, hugo.get("contacts", link.hubspot_id), sally.get("Contact", link.salesforce_id)


def _formulas(story: Story) -> Iterator[str]:
    if ("contacts", BADGE) in story.reruled:
        return
    for pair, left, right in _pairs(story):
        # Blanks at an end say nothing in a text.
        here, there = (left.get(BADGE) or "").strip(), str(right[BADGE_FIELD] or "").strip()
        if here != there:
            yield f"backfill: the badge of {pair} is {here!r} in HubSpot and {there!r} in Salesforce, rounds after it changed last"


def _mottos(story: Story) -> Iterator[str]:
    for pair, left, right in _pairs(story):
        here, there = left.get(MOTTO) or "", right[MOTTO_FIELD] or ""
        if here != there:
            yield f"backfill: {pair} hold {here!r} and {there!r} though they were taken up"


BACKFILLS = Theme(
    "backfills",
    check,
    moves=MOVES,
    pages=PAGES,
    furnish=_furnish,
    settle=_settle,
    outside=outside,
    modules=("backfill", "formulas", "import_"),
    objects=("companies",),
    pace_s=ROUND_S,
)

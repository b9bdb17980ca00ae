"""Administrators change what the two CRMs look like under mappings that work: a picklist gets, loses and replaces values, HubSpot's
list is made to follow or called the same, and a field is renamed, retyped and given back.

What has to hold: no value is emptied by that on either side, as nobody empties one here; none is replaced without a row of the log;
an issue of a mapping is one that the two schemas explain, there is none where they fit, and where they do both sides agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crm_emulator.hubspot.settings import Settings
from crm_emulator.salesforce import field_changes
from crm_emulator.salesforce.custom_fields import field_from_metadata
from interlock.app import options
from interlock.app.mapping_drift import BROKEN, LIST_CHANGED
from interlock.app.schemas import NAME as SCHEMAS
from interlock.core.model import SyncRule
from interlock.store import directory
from tests.simulation.desk import Desk
from tests.simulation.journals import OURS, blank, entries_of
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.themes.at_the_pages import AtThePages
from tests.simulation.themes.backfills import make_property, map_contacts
from tests.simulation.themes.chosen_values import Place, replaced_unlogged
from tests.simulation.themes.theme import Move, Page, Theme

if TYPE_CHECKING:
    from interlock.store import Store
    from interlock.store.connections import Connection
    from tests.simulation.world import Story, World

CONTACTS = KINDS["contacts"]
TIER, TIER_FIELD = "tier", "Tier__c"
SQUAD, SQUAD_FIELD, RENAMED = "squad", "Squad__c", "Group__c"
FIRST_TIERS = ("gold", "silver", "bronze")
# Which both CRMs may come to have.
LATER_TIERS = ("platinum", "copper", "tin")
# By then the schemas have been read again (app/schemas.py).
SCHEMAS_AGED_S = 6.1 * 3_600


def _furnish(world: World) -> None:
    offered = [{"label": each, "value": each} for each in FIRST_TIERS]
    make_property(world, TIER, "enumeration", "select", options=offered)
    make_property(world, SQUAD)
    world.salesforce.add_custom_field("Contact", TIER_FIELD, "Picklist", picklist=FIRST_TIERS)
    world.salesforce.add_custom_field("Contact", SQUAD_FIELD, "Text", length=80)


async def _settle(world: World, store: Store, connection: Connection) -> None:
    await map_contacts(store, connection, TIER, TIER_FIELD, SyncRule.TWO_WAY)
    await map_contacts(store, connection, SQUAD, SQUAD_FIELD, SyncRule.TWO_WAY)


# --- moves ---------------------------------------------------------------------------------------------------------------


def _offered_in_hubspot(crm: Any) -> list[str]:
    return [str(each["value"]) for each in crm.portal.table("contacts").schema.get(TIER).options]


def _offered_in_salesforce(crm: Any) -> list[str]:
    return [str(each["value"]) for each in crm.org.objects["Contact"].fields[TIER_FIELD].picklist if each["active"]]


def choose_a_tier_in_hubspot(desk: Desk, kind: Kind) -> None:
    here, value = desk.some_in_hubspot(CONTACTS), desk.chance.choice(_offered_in_hubspot(desk))
    if desk.hugo.get("contacts", here).get(TIER) != value:
        desk.hugo.update("contacts", here, {TIER: value})


def choose_a_tier_in_salesforce(desk: Desk, kind: Kind) -> None:
    there, value = desk.some_in_salesforce(CONTACTS), desk.chance.choice(_offered_in_salesforce(desk))
    if desk.sally.get("Contact", there)[TIER_FIELD] != value:
        desk.sally.update("Contact", there, {TIER_FIELD: value})


def type_a_squad_in_hubspot(desk: Desk, kind: Kind) -> None:
    desk.hugo.update("contacts", desk.some_in_hubspot(CONTACTS), {SQUAD: desk.token(SQUAD)})


def type_a_squad_in_salesforce(desk: Desk, kind: Kind) -> None:
    name = SQUAD_FIELD if _has_field(desk, SQUAD_FIELD) else RENAMED
    desk.sally.update("Contact", desk.some_in_salesforce(CONTACTS), {name: desk.token(SQUAD)})


def _has_field(crm: Any, name: str) -> bool:
    return name in crm.org.objects["Contact"].fields


def the_picklist_gets_a_value(desk: Desk, kind: Kind) -> None:
    field = desk.org.objects["Contact"].fields[TIER_FIELD]
    known = {each["value"] for each in field.picklist}
    field.add_picklist_value(desk.chance.choice([each for each in LATER_TIERS if each not in known]))


def the_picklist_loses_a_value(desk: Desk, kind: Kind) -> None:
    """Records that have it keep it."""
    old = desk.chance.choice(_offered_in_salesforce(desk))
    desk.org.objects["Contact"].fields[TIER_FIELD].deactivate_picklist_value(old)


def the_picklist_replaces_a_value(desk: Desk, kind: Kind) -> None:
    the_picklist_gets_a_value(desk, kind)
    the_picklist_loses_a_value(desk, kind)


def hubspots_list_changes(desk: Desk, kind: Kind) -> None:
    settings, offered = Settings(desk.portal, desk.hugo.user), _offered_in_hubspot(desk)
    later = [each for each in LATER_TIERS if each not in offered]
    if later and desk.chance.random() < 0.5:
        settings.add_option("contacts", TIER, desk.chance.choice(later))
    elif len(offered) > 1:
        settings.remove_option("contacts", TIER, desk.chance.choice(offered))


def rename_the_field_or_back(desk: Desk, kind: Kind) -> None:
    names = (SQUAD_FIELD, RENAMED) if _has_field(desk, SQUAD_FIELD) else (RENAMED, SQUAD_FIELD)
    field_changes.rename(desk.org, "Contact", *names)


def retype_the_field_or_back(desk: Desk, kind: Kind) -> None:
    """As text of one line or several: its values stay."""
    field = desk.org.objects["Contact"].fields[SQUAD_FIELD]
    type_ = "TextArea" if field.raw["type"] == "string" else "Text"
    metadata = {"type": type_, "label": field.label, "length": 80 if type_ == "Text" else 255}
    field_changes.retype(desk.org, "Contact", field_from_metadata(SQUAD_FIELD, metadata, open_to_all=True))


def remove_the_field_or_bring_it_back(desk: Desk, kind: Kind) -> None:
    """With its values, as Salesforce restores one that was deleted within fifteen days."""
    owner = desk.org.objects["Contact"]
    if _has_field(desk, SQUAD_FIELD):
        field = owner.fields[SQUAD_FIELD]
        desk.kept[SQUAD_FIELD] = (field, desk.org.remove_field(owner, field))
        desk.org.access.changed()
    elif SQUAD_FIELD in desk.kept and not _has_field(desk, RENAMED):
        field, removed = desk.kept.pop(SQUAD_FIELD)
        desk.org.restore_field(owner, field, removed)
        desk.org.access.changed()


def archive_the_property_or_restore_it(desk: Desk, kind: Kind) -> None:
    if desk.kept.pop("archived", False):
        desk.hugo.restore_property("contacts", SQUAD)
    else:
        desk.hugo.archive_property("contacts", SQUAD)
        desk.kept["archived"] = True


MOVES: dict[Move, float] = {
    choose_a_tier_in_hubspot: 4,
    choose_a_tier_in_salesforce: 4,
    type_a_squad_in_hubspot: 3,
    type_a_squad_in_salesforce: 3,
    the_picklist_gets_a_value: 1,
    the_picklist_loses_a_value: 0.8,
    the_picklist_replaces_a_value: 0.8,
    hubspots_list_changes: 1.5,
    rename_the_field_or_back: 1.5,
    retype_the_field_or_back: 1,
    remove_the_field_or_bring_it_back: 1.5,
    archive_the_property_or_restore_it: 1.5,
}

# --- pages ---------------------------------------------------------------------------------------------------------------


async def follow_the_picklist(world: World, store: Store) -> None:
    """HubSpot gets the options that it lacks."""
    opened = AtThePages(world, store)
    connection = await opened.connection()
    async with opened.clients(connection) as clients:
        found = await options.compare(store, connection, "contacts", TIER, clients.hubspot, clients.salesforce)
        lacking = [each.value for each in found.to_add]
        await options.change(store, connection, "contacts", TIER, lacking, [], clients.hubspot, clients.salesforce)
    world.did("followed", *lacking)


async def call_two_the_same(world: World, store: Store) -> None:
    """An option and a value that have no namesake; or part what was called so."""
    chance = world.recipe.chance(f"call the same:{len(world.story.deeds)}")
    opened = AtThePages(world, store)
    connection = await opened.connection()
    async with opened.clients(connection) as clients:
        both = (clients.hubspot, clients.salesforce)
        found = await options.compare(store, connection, "contacts", TIER, *both)
        here, there = found.to_join
        said = {chance.choice(here): chance.choice(there)} if here and there else {}
        await options.join(store, connection, "contacts", TIER, said, *both)
    world.did("called the same", *(word for each in said.items() for word in each))


async def look_at_the_schemas_again(world: World, store: Store) -> None:
    """As happens by itself when a CRM refuses a field."""
    async with store.write(world.connection_id) as tx:
        await directory.drop(tx, SCHEMAS)
    world.did("looked again")


PAGES: dict[Page, float] = {follow_the_picklist: 2, call_two_the_same: 2, look_at_the_schemas_again: 3}

# --- check ---------------------------------------------------------------------------------------------------------------


def check(story: Story) -> Iterator[str]:
    yield from _nothing_emptied(story)
    ever = {deed.about for deed in story.deeds if deed.what == "called the same" and deed.about}

    def same(side: str, value: str) -> set[str]:
        place, other = (0, 1) if side == "hubspot" else (1, 0)
        return {value} | {each[other] for each in ever if each[place] == value}

    for name, field in ((TIER, TIER_FIELD), (SQUAD, SQUAD_FIELD)):
        place = Place(CONTACTS, name, field)
        yield from replaced_unlogged(
            story,
            place,
            same,
            lambda row, value: str(row.old) in {value} | same("hubspot", value) | same("salesforce", value),
        )
    yield from _issues(story)
    yield from _agreement(story)


def _nothing_emptied(story: Story) -> Iterator[str]:
    for side in ("hubspot", "salesforce"):
        for entry in entries_of(story, CONTACTS, side):
            ours = entry.client == OURS and entry.field in (TIER, SQUAD, TIER_FIELD, SQUAD_FIELD, RENAMED)
            if ours and not blank(entry.old) and blank(entry.new):
                yield f"schema: {side} {entry.id}.{entry.field} {entry.old!r} was emptied by us at {entry.at_us}"


def _called_the_same(story: Story) -> dict[str, str]:
    """Option -> value, as it stands in the end."""
    last: dict[str, str] = {}
    for deed in story.deeds:
        if deed.what == "called the same":
            last = {deed.about[0]: deed.about[1]} if deed.about else {}
    return last


def _squad_fits(story: Story) -> bool:
    there = SQUAD in story.hubspot.portal.table("contacts").schema.properties
    return there and _has_field(story.salesforce, SQUAD_FIELD)


def _issues(story: Story) -> Iterator[str]:
    """Of whole mappings. Their schemas were read again in the calm."""
    said = {
        (each.code, each.property) for each in story.issues if each.hubspot_id is None and each.salesforce_id is None
    }
    if story.rules.get(("contacts", SQUAD)) != "dont_sync" and ((BROKEN, SQUAD) in said) == _squad_fits(story):
        fits = "are there" if _squad_fits(story) else "are not both there"
        yield f"schema: {SQUAD} and {SQUAD_FIELD} {fits}, and the issues are {said}"
    here, there = set(_offered_in_hubspot(story.hubspot)), set(_offered_in_salesforce(story.salesforce))
    # Two lists that have nothing in common are no mapping.
    joined = here & there or any(o in here and v in there for o, v in _called_the_same(story).items())
    if story.rules.get(("contacts", TIER)) != "dont_sync" and ((BROKEN, TIER) in said) == bool(joined):
        yield f"schema: HubSpot offers {sorted(here)} and Salesforce {sorted(there)}, and the issues are {said}"
    for option, value in _called_the_same(story).items():
        if option in here and value in there:
            here, there = here - {option}, there - {value}
    if (LIST_CHANGED, TIER) in said and here == there:
        yield f"schema: HubSpot's list and the picklist fit ({sorted(here)}), and an issue says otherwise"


def _agreement(story: Story) -> Iterator[str]:
    same = _called_the_same(story)
    # Of a mapping that cannot be used nothing is carried over, and its issue says so.
    broken = {each.property for each in story.issues if each.code == BROKEN}
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    for link in story.links:
        pair = {link.hubspot_id, link.salesforce_id}
        if link.object != "contacts" or link.state.value != "linked":
            continue
        if link.hubspot_id not in hugo.ids("contacts") or link.salesforce_id not in sally.ids("Contact"):
            continue
        about = [each.property for each in story.issues if {each.hubspot_id, each.salesforce_id} & pair]
        left, right = hugo.get("contacts", link.hubspot_id), sally.get("Contact", link.salesforce_id)
        for name, field in ((TIER, TIER_FIELD), (SQUAD, SQUAD_FIELD)):
            if {None, name} & set(about) or ("contacts", name) in story.reruled:
                continue
            if name in broken:
                continue
            here, there = left.get(name) or "", right[field] or ""
            if there not in (here, same.get(here)):
                what = f"schema: {link.hubspot_id}.{name} is {here!r} and {link.salesforce_id}.{field} {there!r}"
                yield f"{what}, and nobody was told"


SCHEMAS_CHANGE = Theme(
    "schemas",
    check,
    moves=MOVES,
    pages=PAGES,
    furnish=_furnish,
    settle=_settle,
    modules=("left_out",),
    objects=("contacts",),
    pace_s=SCHEMAS_AGED_S,
)

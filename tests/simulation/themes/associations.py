"""Who belongs to whom, where more of it is chosen: roles as labels, limits of associations, objects that are off for a while, and
resyncs of an object or of a list.

What has to hold, beside who works where and who takes part in which deal (check.py): roles and labels of one name agree; a label
that is no role is still there; and a resync comes to its end.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from interlock.app import object_rules, resync
from interlock.app.people.visitor import BY_COMMAND
from interlock.crm.errors import CrmError
from interlock.objects.choices import BOTH, NOTHING, ROLE_LABELS
from interlock.store import Store, connections
from interlock.store.connections import Connection
from tests.simulation.desk import Desk
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.themes.theme import Move, Page, Theme

if TYPE_CHECKING:
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

DEALS, PEOPLE, COMPANIES = KINDS["deals"], KINDS["contacts"], KINDS["companies"]
ROLES = ("Decision Maker", "Evaluator")  # labels too
NO_ROLE = "Bills are sent to"
_LABELLED, _MEMBERS = "labelled", "some deals"


def _make_labels(world: World) -> None:
    types = world.hubspot.operations.associations.types
    for label in (*ROLES, NO_ROLE):
        types.add_label("deals", "contacts", {"label": label, "name": label.lower().replace(" ", "_")})
    for slug in world.recipe.objects:
        world.hubspot.user().create_list(slug, f"some {slug}")


def _choices(recipe: Recipe) -> dict[str, dict[str, str]]:
    return {ROLE_LABELS.name: {"deals": recipe.chance("role labels").choice((BOTH, BOTH, NOTHING))}}


# --- people at work -------------------------------------------------------------------------------------------------------


def _type_ids(associations: Any) -> dict[str, int]:
    return {each.label: each.id for each in associations.types.of("deals", "contacts").values() if each.label}


def _label(desk: Desk, deal: str, contact: str, label: str) -> None:
    """HubSpot's search does not show that a label changed: whoever gives one types something into the deal too."""
    associations = desk.hugo._operations.associations
    held = desk.hugo.associated("deals", deal, "contacts").get(contact, ())
    names = {id_: name for name, id_ in _type_ids(associations).items()}
    given = {names[each] for each in held if each in names} | {label}
    desk.hugo.associate("deals", deal, "contacts", contact, *(_type_ids(associations)[each] for each in sorted(given)))
    desk.hugo.update("deals", deal, {"description": desk.token("description")})
    desk.note(_LABELLED, deal, contact, label)


def give_a_label(desk: Desk, kind: Kind) -> None:
    deal, contact = desk.some_in_hubspot(DEALS), desk.some_in_hubspot(PEOPLE)
    _label(desk, deal, contact, desk.chance.choice(ROLES))


def give_a_label_that_is_no_role(desk: Desk, kind: Kind) -> None:
    deal = desk.some_in_hubspot(DEALS)
    _label(desk, deal, desk.chance.choice(list(desk.hugo.associated("deals", deal, "contacts"))), NO_ROLE)


def _rows(desk: Desk) -> list[str]:
    return desk.sally.ids("OpportunityContactRole")


def give_a_role(desk: Desk, kind: Kind) -> None:
    row = {"OpportunityId": desk.some_in_salesforce(DEALS), "ContactId": desk.some_in_salesforce(PEOPLE)}
    desk.sally.create("OpportunityContactRole", row | {"Role": desk.chance.choice(ROLES)})


def change_a_role(desk: Desk, kind: Kind) -> None:
    id_, role = desk.chance.choice(_rows(desk)), desk.chance.choice((*ROLES, None))
    if desk.sally.get("OpportunityContactRole", id_)["Role"] != role:
        desk.sally.update("OpportunityContactRole", id_, {"Role": role})


def give_a_second_role(desk: Desk, kind: Kind) -> None:
    row = desk.sally.get("OpportunityContactRole", desk.chance.choice(_rows(desk)))
    other = next(role for role in ROLES if role != row["Role"])
    desk.sally.create(
        "OpportunityContactRole",
        {"OpportunityId": row["OpportunityId"], "ContactId": row["ContactId"], "Role": other},
    )


def limit_the_contacts(desk: Desk, kind: Kind) -> None:
    """Of a deal or of a company, to one; whoever is more stays."""
    associations = desk.hugo._operations.associations
    associations.limits.set(associations.types.default(desk.chance.choice(("deals", "companies")), "contacts"), 1)


def lift_the_limits(desk: Desk, kind: Kind) -> None:
    limits = desk.hugo._operations.associations.limits
    limits.purge(desk.chance.choice([each.type for each in limits.all()]))


def put_into_a_list(desk: Desk, kind: Kind) -> None:
    found = next(each for each in desk.portal.lists.all() if each.name == f"some {kind.slug}")
    desk.hugo.change_list(found.id, add=[desk.some_in_hubspot(kind)])


MOVES: dict[Move, float] = {
    give_a_label: 4,
    give_a_label_that_is_no_role: 2,
    give_a_role: 3,
    change_a_role: 3,
    give_a_second_role: 1.5,
    limit_the_contacts: 1,
    lift_the_limits: 1.5,
    put_into_a_list: 3,
}


# --- at Interlock's pages -------------------------------------------------------------------------------------------------


async def _connection(world: World, store: Store) -> Connection:
    async with store.read(None) as tx:
        found = await connections.get(tx, world.connection_id)
    assert found is not None
    return found


async def turn_an_object_off_and_on(world: World, store: Store) -> None:
    chance = world.recipe.chance(f"off and on:{len(world.story.pages)}")
    slug = chance.choice(("companies", "contacts", "deals"))
    await object_rules.turn_off(store, await _connection(world, store), slug, BY_COMMAND)
    await asyncio.sleep(chance.uniform(10.0, 60.0))
    while True:
        connection = await _connection(world, store)
        async with world.process(of_pages=True).clients() as clients:
            try:
                # Its key fields are there: nothing is deployed, and nobody is told how far that is.
                await object_rules.turn_on(
                    store,
                    connection,
                    slug,
                    clients.hubspot,
                    clients.salesforce,
                    clients.salesforce,
                    world.loop.now_us,
                    BY_COMMAND,
                    edition=None,
                    keeper=cast(Any, None),
                    progress=cast(Any, None),
                )
                return
            except CrmError:
                await asyncio.sleep(2.0)


async def resync_an_object(world: World, store: Store) -> None:
    slug = world.recipe.chance(f"resync:{len(world.story.pages)}").choice(world.recipe.objects)
    await resync.ask(store, await _connection(world, store), [slug], None)


async def resync_a_list(world: World, store: Store) -> None:
    slug = world.recipe.chance(f"resync:{len(world.story.pages)}").choice(world.recipe.objects)
    found = next(each for each in world.hubspot.portal.lists.all() if each.name == f"some {slug}")
    await resync.ask(store, await _connection(world, store), [slug], found.id)


PAGES: dict[Page, float] = {turn_an_object_off_and_on: 2, resync_an_object: 1, resync_a_list: 1}


# --- what has to hold -----------------------------------------------------------------------------------------------------


def check(story: Story) -> Iterator[str]:
    if story.recipe.choices[ROLE_LABELS.name]["deals"] == BOTH:
        yield from _in_step(story)
    yield from _labels_stay(story)


def _pairs(story: Story, slug: str) -> dict[str, str]:
    """Where nobody is told of anything."""
    troubled = {id_ for each in story.issues for id_ in (each.hubspot_id, each.salesforce_id)}
    kind, hugo, sally = KINDS[slug], story.hubspot.user(), story.salesforce.user()
    here, there = set(hugo.ids(slug)), set(sally.ids(kind.sobject))
    return {
        link.hubspot_id: link.salesforce_id
        for link in story.links
        if link.object == slug
        and link.hubspot_id in here - troubled
        and link.salesforce_id in there - troubled
        and link.state.value == "linked"
    }


def _in_step(story: Story) -> Iterator[str]:
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    names = {id_: name for name, id_ in _type_ids(story.hubspot.operations.associations).items()}
    roles: dict[tuple[str, str], set[str]] = defaultdict(set)
    for id_ in sally.ids("OpportunityContactRole"):
        row = sally.get("OpportunityContactRole", id_)
        roles[row["OpportunityId"], row["ContactId"]].add(row["Role"] or "")
    people = _pairs(story, "contacts")
    for deal, opportunity in _pairs(story, "deals").items():
        for contact, types in hugo.associated("deals", deal, "contacts").items():
            if contact not in people or (opportunity, people[contact]) not in roles:
                continue  # who takes part is judged by check.py
            labels = {names[each] for each in types if each in names} & set(ROLES)
            there = roles[opportunity, people[contact]] & set(ROLES)
            if labels != there:
                yield (
                    f"roles: {contact} is {sorted(labels)} of deal {deal},"
                    f" and {people[contact]} is {sorted(there)} of {opportunity}"
                )


def _labels_stay(story: Story) -> Iterator[str]:
    """A label that is no role goes only with the association."""
    hugo = story.hubspot.user()
    id_of = _type_ids(story.hubspot.operations.associations)[NO_ROLE]
    parted = {
        frozenset((entry.id, entry.old or entry.new))
        for entry in story.hubspot.journal.entries()
        if entry.action in ("disassociate", "delete", "merge", "restore")
    }
    deals, touched = set(hugo.ids("deals")), {id_ for pair in parted for id_ in pair}
    for note in story.notes:
        if note.what != _LABELLED or note.value != NO_ROLE or note.object not in deals:
            continue
        if frozenset((note.object, note.id)) in parted or {note.id, note.object} & _gone(story):
            continue
        if id_of not in hugo.associated("deals", note.object, "contacts").get(note.id, ()):
            yield f"roles: {note.id} of deal {note.object} is {NO_ROLE!r} no more, and nobody took that away {note.id in touched}"


def _gone(story: Story) -> set[str]:
    """Records that were deleted, restored or merged: their associations went another way."""
    return {
        id_
        for entry in story.hubspot.journal.entries()
        if entry.action in ("delete", "merge", "restore")
        for id_ in (entry.id, entry.new)
        if id_
    }


ASSOCIATIONS = Theme(
    "associations",
    check,
    moves=MOVES,
    pages=PAGES,
    choices=_choices,
    furnish=_make_labels,
    modules=("role_labels", "roles", "late_references", "resync"),
    objects=("companies", "contacts", "deals"),
)

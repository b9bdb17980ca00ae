"""In most of the stories what was there when the two were connected is left alone, and people import from Salesforce: all of an
object, or what changed or was made since a time.

What has to hold: a record of the chosen range has its counterpart at the end, as any that syncs (check.py: it is outside no more),
and nothing is made twice; and one that was left alone, that no range had and nobody touched since, has none by us.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from interlock.app import import_
from interlock.app.people.visitor import BY_COMMAND
from interlock.engine.load import Since
from interlock.store import connections
from tests.simulation.journals import OURS, entries_of
from tests.simulation.kinds import KINDS, LINK, Kind

if TYPE_CHECKING:
    from interlock.store import Store
    from interlock.store.connections import Connection
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

CONTACTS = KINDS["contacts"]
_THERE, _ASKED = "there when connected", "import asked"
# Before all that is there, and after what has aged (simulation.py): the clocks are two minutes apart at most.
LONG_AGO_US, LATELY_US = 3 * 3_600_000_000, 1_200_000_000


def _existing(recipe: Recipe) -> str:
    """What becomes of existing records. Other themes judge stories in which they sync."""
    return recipe.chance("existing").choice(("all", "none", "none")) if len(recipe.themes) == 1 else "all"


async def leave_alone(world: World, store: Store, connection: Connection) -> None:
    existing = _existing(world.recipe)
    if existing == "all":
        return
    assert connection.id is not None
    async with store.write(connection.id) as tx:
        found = await connections.get(tx, connection.id)
        assert found is not None
        await connections.update(tx, connection.id, settings={**found.settings, "existing": existing})
    hugo, sally = world.hubspot.user(), world.salesforce.user()
    desk, chance = world.users.desk, world.recipe.chance("left alone")
    for slug in world.recipe.objects:
        sobject = KINDS[slug].sobject
        world.did(_THERE, slug, *hugo.ids(slug), *sally.ids(sobject))
        # What somebody works on comes over without an import.
        desk.at_rest |= {(sobject, id_) for id_ in sally.ids(sobject) if chance.random() < 0.7}


# --- at Interlock's pages -------------------------------------------------------------------------------------------------


async def import_from_salesforce(world: World, store: Store) -> None:
    """One object, or one after the other."""
    chance = world.recipe.chance(f"import:{len(world.story.pages)}")
    now_us, slugs = world.loop.now_us(), world.recipe.objects
    ranges = [Since(now_us - ago_us, created) for ago_us in (LONG_AGO_US, LATELY_US) for created in (False, True)]
    since = chance.choice((None, *ranges))
    for slug in slugs if chance.random() < 0.5 else (chance.choice(slugs),):
        there = list(_in_range(world, KINDS[slug], since))
        await import_.ask(store, world.connection_id, slug, since, BY_COMMAND)
        world.did(_ASKED, slug, *there)


def _in_range(world: World, kind: Kind, since: Since | None) -> Iterator[str]:
    for row in world.salesforce.org.tables[kind.sobject].from_id(""):
        stamp_s = row.created_s if since is not None and since.created else row.stamp_s
        if since is None or stamp_s * 1_000_000 >= since.us:
            yield row.id


# --- what has to hold -----------------------------------------------------------------------------------------------------


def _told(story: Story, what: str, slug: str) -> list[set[str]]:
    return [set(deed.about[1:]) for deed in story.deeds if deed.what == what and deed.about[0] == slug]


def outside(story: Story, kind: Kind) -> set[str]:
    """What was there and nobody asked for, as long as it has no counterpart. The last word counts: an import that was not done when
    another one of the object was asked for is none."""
    hugo = story.hubspot.user()
    named = {id_: hugo.get(kind.slug, id_).get(LINK) for id_ in hugo.ids(kind.slug)}
    paired = {id_ for pair in named.items() if pair[1] for id_ in pair}
    last = _told(story, _ASKED, kind.slug)[-1:]
    return set().union(*_told(story, _THERE, kind.slug)).difference(paired, *last)


def check_imports(story: Story) -> Iterator[str]:
    connected_us = min((deed.at_us for deed in story.deeds if deed.what == _THERE), default=0)
    # Of what was saved shortly before, the first look for changes finds some (engine/window.py).
    old_us = connected_us + round(story.skews_s["salesforce"] * 1e6) - LATELY_US
    alone = set().union(*_told(story, _THERE, CONTACTS.slug)).difference(*_told(story, _ASKED, CONTACTS.slug))
    rows = story.salesforce.org.tables[CONTACTS.sobject].rows
    for entry in entries_of(story, CONTACTS, "hubspot"):
        if entry.client != OURS or entry.action != "create" or entry.field != LINK or entry.new not in alone:
            continue
        if rows[entry.new].stamp_s * 1_000_000 < old_us:
            yield f"imported: {entry.id} was made for {entry.new}, which was to be left alone, and no import had it"

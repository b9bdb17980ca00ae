"""In half of the stories somebody said by which address the pages are reached: HubSpot's records then hold the link of theirs.

What has to hold: a record that is linked holds the link of its own Salesforce record, and of no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from interlock.engine.context import HUBSPOT_LINK_PROPERTY
from interlock.store import connections
from tests.simulation.kinds import KINDS, LINK

if TYPE_CHECKING:
    from interlock.store import Store
    from interlock.store.connections import Connection
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

PAGES_AT, _SAID = "https://interlock.example.com", "pages at"


def _shows_links(recipe: Recipe) -> bool:
    return recipe.chance("record links").random() < 0.5


def make_link_properties(world: World) -> None:
    texts = {"name": HUBSPOT_LINK_PROPERTY, "label": "Interlock link", "type": "string", "fieldType": "text"}
    for slug in world.recipe.objects if _shows_links(world.recipe) else ():
        schema = world.hubspot.portal.table(slug).schema
        schema.create(texts | {"groupName": next(iter(schema.groups))}, world.hubspot.portal.now_ms(), None)


async def say_where_the_pages_are(world: World, store: Store, connection: Connection) -> None:
    if not _shows_links(world.recipe):
        return
    assert connection.id is not None
    async with store.write(connection.id) as tx:
        found = await connections.get(tx, connection.id)
        assert found is not None
        await connections.update(tx, connection.id, settings={**found.settings, "pages_at": PAGES_AT})
    world.did(_SAID, f"{PAGES_AT}/connections/{connection.id}")


def check_links(story: Story) -> Iterator[str]:
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    for connection in [deed.about[0] for deed in story.deeds if deed.what == _SAID]:
        for slug in story.recipe.objects:
            types = {id_: sobject for sobject in KINDS[slug].sobjects for id_ in sally.ids(sobject)}
            for id_ in hugo.ids(slug):
                values = hugo.get(slug, id_)
                to, link = values.get(LINK), values.get(HUBSPOT_LINK_PROPERTY)
                if to in types and link != f"{connection}/records/salesforce:{types[to]}:{to}":
                    yield f"link: {slug} {id_} belongs to {types[to]} {to}, and its link is {link!r}"

"""More mapped fields than fit into an address, a search or a query: everything still syncs, in both directions."""

from __future__ import annotations

import pytest

from interlock.core.model import Side
from tests.world import World

FIELDS = 450


def a_property(number: int) -> str:
    return f"a_property_that_somebody_made_{number}"


def a_field(number: int) -> str:
    return f"A_field_that_somebody_made_{number}__c"


def wide(world: World) -> None:
    for number in range(FIELDS):
        world.property("contacts", a_property(number), "string", "text")
        world.salesforce.add_custom_field("Contact", a_field(number), "Text", length=40)


async def map_all(world: World) -> None:
    for number in range(FIELDS):
        await world.map("contacts", a_property(number), "Contact", a_field(number))


def test_hundreds_of_mapped_fields_sync_in_both_directions(tell):
    async def story(world: World) -> None:
        await map_all(world)
        here = world.person("ada@example.com", **{a_property(7): "from HubSpot", a_property(449): "last"})
        there = world.sally.create(
            "Contact", {"LastName": "Hopper", "Email": "grace@example.com", a_field(449): "last"}
        )
        await world.settle()
        counterpart = world.counterpart("contacts", here)
        made = world.sally.get("Contact", counterpart)
        assert (made[a_field(7)], made[a_field(449)]) == ("from HubSpot", "last")
        (back,) = [id_ for id_ in world.hugo.ids("contacts") if world.counterpart("contacts", id_) == there]
        assert world.contact(back)[a_property(449)] == "last"

        world.hugo.update("contacts", back, {a_property(3): "new here"})
        world.sally.update("Contact", counterpart, {a_field(3): "new there"})
        await world.settle()
        assert world.sally.get("Contact", there)[a_field(3)] == "new here"
        assert world.contact(here)[a_property(3)] == "new there"
        assert await world.issues() == []

    tell(story, before=wide)


def test_the_first_load_of_hundreds_of_mapped_fields_joins_the_pairs_and_makes_none_twice(tell):
    def before(world: World) -> None:
        wide(world)
        for number in range(5):
            world.person(f"p{number}@example.com", **{a_property(449): f"here {number}"})
        for number in range(3, 8):
            fields = {"LastName": "Person", "Email": f"p{number}@example.com", a_field(448): f"there {number}"}
            world.sally.create("Contact", fields)

    async def story(world: World) -> None:
        await map_all(world)
        await world.settle()
        assert len(world.hugo.ids("contacts")) == len(world.sally.ids("Contact")) == 8
        for id_ in world.hugo.ids("contacts"):
            contact, other = world.contact(id_), world.sally.get("Contact", world.counterpart("contacts", id_))
            assert (contact.get(a_property(449)) or None) == other[a_field(449)]
            assert (contact.get(a_property(448)) or None) == other[a_field(448)]
        assert await world.issues() == []

    tell(story, before=before, existing="all")


@pytest.mark.parametrize("side", ["hubspot", "salesforce"])
def test_a_record_with_hundreds_of_mapped_fields_that_is_deleted_is_seen_to_be(tell, side):
    async def story(world: World) -> None:
        await map_all(world)
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        if side == "hubspot":
            world.hugo.archive("contacts", here)
        else:
            world.sally.delete("Contact", there)
        await world.settle()
        link = await world.link("contacts", here)
        assert link is not None
        assert link.state.value == f"{side}_deleted"

    tell(story, before=wide)


def test_what_somebody_wrote_between_our_read_and_our_wide_write_is_logged(tell):
    async def story(world: World) -> None:
        await map_all(world)
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        # As many fields as no query before the write could ask for.
        world.hugo.update("contacts", here, {a_property(number): f"v{number}" for number in range(FIELDS)})
        edit = {a_field(5): "overwritten"}
        world.between_read_and_write(Side.SALESFORCE, lambda: world.sally.update("Contact", there, edit))
        await world.settle()
        assert "overwritten" in {row.old for row in await world.audit("conflict")}

    tell(story, before=wide)

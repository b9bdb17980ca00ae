"""A list in HubSpot that limits which contacts sync, and what Interlock says of who is in it."""

from __future__ import annotations

from typing import Any

from interlock.app.explain import explain
from interlock.core.model import LinkState
from interlock.store import connections
from tests.world import World

ADA, BOB = "ada@example.com", "bob@example.com"
IN_LODZ = {
    "filterBranchType": "OR",
    "filters": [],
    "filterBranches": [
        {
            "filterBranchType": "AND",
            "filterBranches": [],
            "filters": [
                {
                    "filterType": "PROPERTY",
                    "property": "city",
                    "operation": {"operationType": "MULTISTRING", "operator": "IS_EQUAL_TO", "values": ["Łódź"]},
                }
            ],
        }
    ],
}
# The first list of an account has this id.
LIMITED = {"settings": {"inclusion": {"contacts": "1"}}}


def with_list(world: World) -> None:
    world.hugo.create_list("contacts", "Customers")


def with_dynamic_list(world: World) -> None:
    world.hugo.create_list("contacts", "In Łódź", filters=IN_LODZ)


async def choose(world: World, inclusion: dict[str, str]) -> None:
    """As the settings do it."""
    assert world.connection is not None
    assert world.connection.id is not None
    async with world.write() as tx:
        settings = {**world.connection.settings, "inclusion": inclusion}
        await connections.update(tx, world.connection.id, settings=settings)


async def explained(world: World, hubspot_id: str, clients: Any) -> dict[str, Any]:
    assert world.store is not None
    assert world.connection is not None
    return await explain(world.store, world.connection, f"hubspot:contacts:{hubspot_id}", clients, world.clock_us)


async def why(world: World, hubspot_id: str) -> list[str]:
    return list((await explained(world, hubspot_id, world.clients()))["why_not"])


async def state(world: World, hubspot_id: str) -> LinkState | None:
    link = await world.link("contacts", hubspot_id)
    return link.state if link is not None else None

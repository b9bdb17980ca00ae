"""What a process left that died: the next one carries it on before it looks for more."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from interlock.app.runtime import open_cycle
from interlock.core.model import Side
from interlock.crm.errors import CrmError
from interlock.crm.hubspot.requests import objects_path
from interlock.engine.cycle import drain, poll
from tests.world import World


@pytest.mark.parametrize("turn", [drain, poll])
def test_what_was_left_due_is_carried_over_before_anything_new_is_looked_for(tell, turn):
    """Looking for changes never ends here. Else records that were found stay behind for as long as it does not."""

    async def story(world: World) -> None:
        assert world.store is not None
        assert world.connection is not None
        here = world.person("ada@example.com")
        await world.settle()
        await world.rule("contacts", "jobtitle", "two_way")
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        reading = {"method": "POST", "path_prefix": objects_path("contacts") + "/batch/read"}
        world.hubspot.faults.add({"match": reading, "kind": "status", "status": 503})
        with contextlib.suppress(CrmError):
            await world.sync()
        world.hubspot.faults.clear()
        searching = {"method": "POST", "path_prefix": objects_path("contacts") + "/search"}
        world.hubspot.faults.add({"match": searching, "kind": "status", "status": 503})
        async with open_cycle(
            world.store, world.connection, *world.clients(), world.clock_us, owner="the next process"
        ) as ctx:
            with pytest.raises(CrmError):
                await turn(ctx)
        assert world.sally.get("Contact", world.counterpart("contacts", here))["Title"] == "CTO"

    tell(story)


def test_a_value_that_the_dead_process_replaced_unseen_goes_back_where_the_rule_lets_it_win(tell):
    """Prefer Salesforce fills in what is empty there; somebody typed a title in that moment."""

    async def story(world: World) -> None:
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        await world.settle()
        theirs, other = world.counterpart("contacts", ada), world.counterpart("contacts", bob)
        world.hugo.update("contacts", ada, {"jobtitle": "CTO"})
        world.sally.update("Contact", other, {"FirstName": "Bob"})
        world.between_read_and_write(Side.SALESFORCE, lambda: world.sally.update("Contact", theirs, {"Title": "CEO"}))
        reached, _ = world.freeze_at("/contacts/batch/update")
        syncing = asyncio.ensure_future(world.sync())
        await reached.wait()
        assert world.sally.get("Contact", theirs)["Title"] == "CTO"
        syncing.cancel()
        world.rewire()
        await world.sync_later(3_600.0)
        await world.settle()
        assert world.contact(ada)["jobtitle"] == world.sally.get("Contact", theirs)["Title"] == "CEO"

    tell(story)


def test_a_record_whose_first_link_was_interrupted_gets_no_other_counterpart_meanwhile(tell):
    async def story(world: World) -> None:
        ada = world.person("ada@example.com", jobtitle="CTO")
        theirs = world.sally.create("Contact", {"LastName": "Person", "FirstName": "Ada", "Email": "ada@example.com"})
        reached, _ = world.freeze_at("/contacts/batch/update")
        syncing = asyncio.ensure_future(world.sync())
        await reached.wait()
        syncing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await syncing
        world.sally.update("Contact", theirs, {"Email": "lovelace@example.com"})
        other = world.sally.create("Contact", {"LastName": "Person", "Email": "ada@example.com"})
        await world.sync_later(60.0)
        assert await world.link("contacts", ada) is None
        await world.settle()
        link = await world.link("contacts", ada)
        assert link is not None
        assert link.salesforce_id == theirs
        assert other in {issue.salesforce_id for issue in await world.issues()} | {
            world.counterpart("contacts", id_) for id_ in world.hugo.ids("contacts")
        }

    tell(story)

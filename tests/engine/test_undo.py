"""Undo and erasure where a pair has more to it: associations, leads, owners of the same field, and both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from interlock.app import erase as erasing
from interlock.app.undo import run as running
from interlock.core.model import RecordKey, Side
from interlock.wiring import Clients
from tests.world import World


@asynccontextmanager
async def clients_of(world: World) -> AsyncIterator[Clients]:
    yield Clients(*world.clients())


async def undo(world: World, since_us: int, **which: Any) -> running.UndoResult:
    assert world.store is not None
    assert world.connection is not None
    return await running.run(
        world.store, world.connection, lambda _: clients_of(world), world.clock_us, since_us=since_us, **which
    )


def test_a_person_goes_back_to_the_company_that_they_had_before(tell):
    async def story(world: World) -> None:
        first, second = (world.sally.create("Account", {"Name": name}) for name in ("Analytical", "Difference"))
        salesforce_id = world.sally.create(
            "Contact", {"LastName": "Byron", "Email": "ada@example.com", "AccountId": first}
        )
        await world.settle()
        since_us = world.clock_us()
        world.sally.update("Contact", salesforce_id, {"AccountId": second})
        await world.settle()
        (hubspot_id,) = world.hugo.ids("contacts")
        companies = {world.hugo.get("companies", id_)["name"]: id_ for id_ in world.hugo.ids("companies")}
        assert world.contact(hubspot_id)["associatedcompanyid"] == companies["Difference"]

        done = await undo(world, since_us)

        assert done.fields == 1, done.left
        assert world.contact(hubspot_id)["associatedcompanyid"] == companies["Analytical"]
        await world.settle()
        assert world.contact(hubspot_id)["associatedcompanyid"] == companies["Analytical"]
        assert world.sally.get("Contact", salesforce_id)["AccountId"] == second

    tell(story)


def test_many_pairs_go_back_in_parts(tell):
    async def story(world: World) -> None:
        ids = [world.sally.create("Contact", {"LastName": f"N{n}", "Email": f"n{n}@example.com"}) for n in range(230)]
        await world.settle()
        since_us = world.clock_us()
        for id_ in ids:
            world.sally.update("Contact", id_, {"Title": "Countess"})
        await world.settle()
        done = await undo(world, since_us)
        assert (done.fields, done.left) == (230, [])
        await world.settle()
        assert {world.contact(id_).get("jobtitle") or None for id_ in world.hugo.ids("contacts")} == {None}

    tell(story)


def test_an_erased_person_is_kept_out_on_either_database(tell):
    async def story(world: World) -> None:
        hubspot_id = world.person("ada@example.com")
        await world.settle()
        assert world.store is not None
        assert world.connection is not None
        key = RecordKey(Side.HUBSPOT, "contacts", hubspot_id)
        await erasing.erase(
            world.store, world.connection, lambda _: clients_of(world), world.clock_us, key, everywhere=True
        )
        world.person("ada@example.com")
        await world.settle()
        assert (world.counts()["contacts"], world.counts()["Contact"]) == (1, 0)

    tell(story)

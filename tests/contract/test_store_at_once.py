"""Two people, or two processes, who change one connection at the same moment: neither takes back what the other did."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.conftest import Clock, a_connection

from interlock.app.connections import fresh, pause, paused_objects
from interlock.store import Store, connections

pytestmark = pytest.mark.anyio


async def test_who_pauses_while_another_is_about_to_pauses_as_well(
    store: Store, clock: Clock, database_url: str
) -> None:
    async with store.write(None) as tx:
        id_ = await connections.create(tx, a_connection())
    other = await Store.open(database_url, clock_us=clock)
    try:
        async with store.write(id_) as tx:
            now = await fresh(tx, id_)
            second = asyncio.create_task(pause(other, now, ["deals"], plan=False))
            # It has read, or waits to, before the first has written.
            await asyncio.wait([second], timeout=0.5)
            await connections.update(tx, id_, settings={**now.settings, "paused_objects": ["contacts"]})
        await second
        async with store.read(None) as tx:
            after = await fresh(tx, id_)
    finally:
        await other.close()
    assert paused_objects(after) == {"contacts", "deals"}

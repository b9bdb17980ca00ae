"""Both local CRMs and the production engine in one process on virtual time, filled and counted for the benchmarks.

The calls are counted by the local CRMs, never by Interlock. Set-up (schemas, owners, limits, the account, key fields) is
told apart from the rest by its endpoint, as the issue tells it apart.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.people import fill_hubspot, fill_salesforce
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.world import SALESFORCE_URL, World

from interlock.app.runtime import open_cycle
from interlock.core.model import Side
from interlock.crm.budget import MemoryBudgetStore, SalesforceGovernor
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.tokens import StaticToken
from interlock.engine.context import Cycle
from interlock.engine.cycle import poll
from interlock.engine.pace import poll_interval_s
from interlock.store import mappings

SETUP_PARTS = (
    *("/properties/", "/owners", "/pipelines/", "/account-info/", "/describe", "/limits", "/tooling/", "/userinfo"),
    # The permission set for our key fields; records are never made one by one.
    "POST /services/data/{version}/sobjects/{object}",
    *("GET /services/data/{version}/query", "/oauth", "sobjects/PermissionSet"),
)


class Calls(msgspec.Struct):
    """`hubspot` and `salesforce` without set-up."""

    hubspot: int
    salesforce: int
    setup: int
    by_endpoint: dict[str, int]

    def since(self, before: Calls) -> Calls:
        by_endpoint = Counter(self.by_endpoint)
        by_endpoint.subtract(before.by_endpoint)
        return Calls(
            self.hubspot - before.hubspot,
            self.salesforce - before.salesforce,
            self.setup - before.setup,
            {endpoint: calls for endpoint, calls in by_endpoint.items() if calls},
        )


@asynccontextmanager
async def world(loop: VirtualTimeLoop, **connect_options: object) -> AsyncIterator[World]:
    """An empty, unconnected pair of CRMs with a store in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="interlock-benchmark-") as folder:
        made = World(Path(folder) / "interlock.db", loop.now_us, **connect_options)
        await made.open()
        try:
            yield made
        finally:
            assert made.store is not None
            await made.store.close()


def fill(made: World, records: int) -> None:
    """`records` contacts a side, made by people."""
    fill_hubspot(made.hubspot, records)
    fill_salesforce(made.salesforce, records)


def change_in_hubspot(made: World, places: Iterable[int], what: str) -> None:
    ids = made.hugo.ids("contacts")
    for place in places:
        made.hugo.update("contacts", ids[place], {"fax": f"{what} {place} here"})


def change_in_salesforce(made: World, places: Iterable[int], what: str) -> None:
    ids = made.sally.ids("Contact")
    for place in places:
        made.sally.update("Contact", ids[place], {"Fax": f"{what} {place} there"})


async def set_rules(made: World, rule: str) -> None:
    """Every field of every object under one rule, where the mapping allows it."""
    assert made.store is not None
    assert made.connection is not None
    assert made.connection.id is not None
    async with made.store.write(made.connection.id) as tx:
        for row in await mappings.field_mappings(tx):
            await mappings.save_field_mapping(tx, msgspec.structs.replace(row, rule=rule))


def counted(made: World) -> Calls:
    hubspot, salesforce = made.hubspot.stats, made.salesforce.stats
    assert hubspot.refused_429 == 0, "HubSpot refused calls as too fast"
    assert salesforce.refused_429 == 0, "Salesforce refused calls as too many"
    setup = {
        stats: sum(calls for endpoint, calls in stats.by_endpoint.items() if _is_setup(endpoint))
        for stats in (hubspot, salesforce)
    }
    return Calls(
        hubspot.calls - setup[hubspot],
        salesforce.calls - setup[salesforce],
        sum(setup.values()),
        {**hubspot.by_endpoint, **salesforce.by_endpoint},
    )


def _is_setup(endpoint: str) -> bool:
    return any(part in endpoint for part in SETUP_PARTS)


class Polling:
    """A connection that stays open and is polled, as `serve` does."""

    def __init__(self, ctx: Cycle) -> None:
        self.ctx = ctx

    def interval_s(self) -> float:
        return poll_interval_s(self.ctx)

    async def poll(self) -> int:
        return await poll(self.ctx)

    async def rest(self) -> None:
        """Polls until long after the last change: nothing of it is left to be read again."""
        for _ in range(6):
            await asyncio.sleep(600)
            await self.poll()

    async def settle(self, side: str, changed: int) -> None:
        """Every change has arrived, also that of the last poll."""
        await self.poll()
        counts = self.ctx.report.of("contacts")
        arrived = counts.updated_in_salesforce if side == "hubspot" else counts.updated_in_hubspot
        assert arrived == changed, counts


LEASE_S = 6 * 3_600.0


@asynccontextmanager
async def polling(made: World, allocated: int | None = None) -> AsyncIterator[Polling]:
    """`allocated`: Salesforce calls a day that Interlock may use."""
    assert made.store is not None
    assert made.connection is not None
    hubspot, salesforce = made.clients()
    if allocated is not None:
        salesforce = SalesforceClient(
            SALESFORCE_URL,
            made.transport,
            StaticToken(Side.SALESFORCE, made.salesforce.token),
            SalesforceGovernor(MemoryBudgetStore(made.clock_us), made.clock_us, allocated=allocated),
            made.clock_us,
        )
    # A lease of hours: days of virtual time would otherwise be a renewal every three seconds, and nothing else.
    async with open_cycle(
        made.store, made.connection, hubspot, salesforce, made.clock_us, owner="benchmark", term_s=LEASE_S
    ) as ctx:
        yield Polling(ctx)

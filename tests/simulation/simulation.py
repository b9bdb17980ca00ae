"""One seed, one story: users edit both CRMs while Interlock runs, crashes and is answered badly; then all is calm.

The production engine on a real SQLite file, both local CRMs in process, virtual time. The seed draws separate streams for
the order of steps, the network, the crashes and the users, so that changing one leaves the others as they were.
`check.py` judges the outcome from the CRMs' own journals.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app.connect import ConnectRequest, connect
from interlock.app.runtime import open_cycle
from interlock.app.sync import SyncResult, sync
from interlock.core.model import AuditRow, Issue, Reason, RecordKey, Side
from interlock.crm.budget import HubSpotGovernor, MemoryBudgetStore, SalesforceGovernor
from interlock.crm.errors import CrmError
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.seam import forbid_network
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import AsgiTransport
from interlock.store import Fenced, HeldByOther, Store, audit, dirty, issues, mappings
from interlock.store.connections import Connection
from interlock.store.connections import get as get_connection
from tests.simulation.network import CLEAR, STORM, Line, Network, Weather
from tests.simulation.users import Users
from tests.simulation.virtual_time import VirtualTimeLoop, run

HOSTS = ("hubspot.local", "salesforce.local")
POLL_S = 20.0
BUSY_S = 900.0  # how long users work
ROUNDS_MOST = 60  # of the calm: each a drain and a wait; more means that it does not converge


class DoesNotConverge(AssertionError):
    """After the last edit and the last fault the engine still finds something to do."""


@dataclass
class Story:
    """What a seed leaves behind, for the checks and for a person who reads a failure."""

    seed: int
    hubspot: HubSpotEmulator
    salesforce: SalesforceEmulator
    network: Network
    objects: tuple[str, ...] = ("contacts",)
    rules: dict[tuple[str, str], str] = field(default_factory=dict)  # by object and property
    conflicts: list[AuditRow] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    refused_moves: int = 0
    moves: int = 0
    steps: int = 0
    quiet_seq: tuple[int, int] = (0, 0)  # journals when nothing was due any more
    last_seq: tuple[int, int] = (0, 0)  # and after one more drain an hour later

    def trace(self) -> str:
        """A digest of everything that happened in both CRMs and when: the same seed must give the same."""
        digest = hashlib.blake2b(digest_size=12)
        for crm in (self.hubspot, self.salesforce):
            for entry in crm.journal.entries():
                digest.update(repr(entry).encode())
        return digest.hexdigest()


class Process:
    """One process of Interlock: a store, a line to the network, a lease owner of its own."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._owner = f"process-{number}"
        self._line = Line(world.network)
        self.store: Store | None = None
        self.alive = True

    async def open(self) -> None:
        self.store = await Store.open(
            str(self._world.path),
            clock_us=self._world.now_us,
            synchronous="OFF",
            threadless=True,
            forbid_network=forbid_network,
        )

    def crash(self) -> None:
        self.alive = False
        self._line.cut()
        if self.store is not None:
            self.store.freeze()

    def clients(self) -> tuple[HubSpotClient, SalesforceClient]:
        world, now_us = self._world, self._world.now_us
        budget = MemoryBudgetStore(now_us)
        return (
            HubSpotClient(
                f"http://{HOSTS[0]}",
                self._line,
                StaticToken(Side.HUBSPOT, world.hubspot.token),
                HubSpotGovernor(budget, now_us),
                now_us,
            ),
            SalesforceClient(
                f"http://{HOSTS[1]}",
                self._line,
                StaticToken(Side.SALESFORCE, world.salesforce.token),
                SalesforceGovernor(budget, now_us, allocated=1_000_000),
                now_us,
            ),
        )

    async def drain(self) -> SyncResult | None:
        """One `sync --once`; None when a CRM could not be reached or another process holds the connection."""
        assert self.store is not None
        async with self.store.read(None) as tx:
            connection = await get_connection(tx, self._world.connection_id)
        assert connection is not None
        try:
            async with open_cycle(
                self.store, connection, *self.clients(), self._world.now_us, owner=self._owner
            ) as ctx:
                return await sync(ctx)
        except (CrmError, HeldByOther, Fenced):
            return None

    async def work(self) -> None:
        """What `serve` does: drain, wait, drain."""
        while True:
            await self.drain()
            await asyncio.sleep(POLL_S)


class World:
    def __init__(self, seed: int, path: Path, objects: Sequence[str], weather: Weather) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.loop = loop
        self.seed = seed
        self.path = path
        self.objects = tuple(objects)
        self.storm = weather
        self.chance = random.Random(f"{seed}:world")
        clock = Clock(loop.now_us)
        lag_ms = self.chance.choice((0, 500, 8_000, 30_000))
        self.hubspot = HubSpotEmulator(
            clock=clock, seed=seed, search_lag_ms=lag_ms, search_lag_jitter_ms=lag_ms // 2, burst_limit=100_000
        )
        self.salesforce = SalesforceEmulator(
            clock=clock,
            seed=seed,
            commit_delay_ms=self.chance.choice((0, 0, (0, 4_000))),
            daily_api_requests=10_000_000,
        )
        transport = AsgiTransport({HOSTS[0]: self.hubspot.app, HOSTS[1]: self.salesforce.app})
        self.network = Network(transport, random.Random(f"{seed}:network"))
        self.users = Users(self.hubspot, self.salesforce, self.objects, random.Random(f"{seed}:users"))
        self.story = Story(seed, self.hubspot, self.salesforce, self.network, self.objects)
        self.connection_id = 0
        self.processes = 0
        self.killed: list[asyncio.Task[None]] = []  # kept, or a collected task would unwind as no killed process does

    def now_us(self) -> int:
        return self.loop.now_us()

    async def process(self) -> Process:
        self.processes += 1
        process = Process(self, self.processes)
        await process.open()
        return process

    async def connect(self) -> None:
        process = await self.process()
        assert process.store is not None
        request = ConnectRequest(f"http://{HOSTS[0]}", f"http://{HOSTS[1]}", objects=self.objects, existing="all")
        connection = await connect(process.store, *process.clients(), request, self.now_us)
        assert connection.id is not None
        self.connection_id = connection.id
        await self._draw_rules(process.store, connection)
        await process.store.close()

    async def _draw_rules(self, store: Store, connection: Connection) -> None:
        """Half of the seeds run all fields two-way, the others a rule drawn for each property."""
        all_two_way = self.chance.random() < 0.5
        async with store.write(connection.id) as tx:
            slugs = {row.id: row.object for row in await mappings.object_mappings(tx)}
            for row in await mappings.field_mappings(tx):
                place = (slugs[row.object_mapping_id], row.property)
                if row.locked_reason is None and not all_two_way:
                    row.rule = self.story.rules.get(place, self.chance.choice(self.users.rules))
                else:
                    row.rule = "two_way"
                await mappings.save_field_mapping(tx, row)
                self.story.rules[place] = row.rule


async def _story(seed: int, path: Path, objects: Sequence[str], weather: Weather, crashes_most: int) -> Story:
    world = World(seed, path, objects, weather)
    world.users.before()
    await world.connect()
    world.network.weather = world.storm
    await _busy(world, crashes_most)
    world.network.weather = CLEAR
    await _calm(world)
    world.story.steps = world.loop.steps
    return world.story


async def _busy(world: World, crashes_most: int) -> None:
    """Users at work, faults on, the process killed at any step and started again."""
    chance = random.Random(f"{world.seed}:crashes")
    users = asyncio.create_task(world.users.work(BUSY_S))
    for _ in range(chance.randint(0, crashes_most)):
        process = await world.process()
        working = asyncio.create_task(process.work())
        # Most steps of a day are waiting: a step is drawn, not a time, so that a crash falls inside the work.
        moment = world.loop.after_steps(chance.randint(1, 2_500))
        working.add_done_callback(lambda ended, moment=moment: _tell(ended, moment))
        await moment
        world.story.crashes.append(f"{world.loop.time():.3f}")
        process.crash()
        world.killed.append(working)
        await asyncio.sleep(chance.uniform(0.5, 15.0))
    process = await world.process()
    working = asyncio.create_task(process.work())
    await users
    if working.done():
        working.result()
    world.story.moves, world.story.refused_moves = world.users.moves, world.users.refused
    # Killed once more, so that the calm begins with whatever a process can leave behind.
    process.crash()
    world.killed.append(working)
    await asyncio.sleep(12.0)


def _tell(ended: asyncio.Task[None], moment: asyncio.Future[None]) -> None:
    """A process that ends by itself has met a defect: the seed fails with it."""
    if not moment.done():
        error = ended.exception()
        moment.set_exception(error if error is not None else AssertionError("the process ended"))


async def _calm(world: World) -> None:
    process = await world.process()
    assert process.store is not None
    quiet = 0
    for _ in range(ROUNDS_MOST):
        before = _seqs(world)
        result = await process.drain()
        next_due_us = await _next_due_us(process.store, world.connection_id)
        silent = result is not None and _seqs(world) == before and next_due_us is None
        quiet = quiet + 1 if silent else 0
        if quiet == 2:
            break
        wait_s = 0.0 if next_due_us is None else (next_due_us - world.now_us()) / 1_000_000
        # Beyond the search index's lag and the stamp's delay.
        await asyncio.sleep(max(60.0, wait_s))
    else:
        raise DoesNotConverge(f"seed {world.seed}: still busy after {ROUNDS_MOST} drains: {result}, due {next_due_us}")
    world.story.quiet_seq = _seqs(world)
    await asyncio.sleep(3_600.0)
    await process.drain()
    world.story.last_seq = _seqs(world)
    async with process.store.read(world.connection_id) as tx:
        async for rows in audit.since(tx, 0):
            world.story.conflicts += [row for row in rows if row.kind.value == "conflict"]
        world.story.issues, _ = await issues.list_(tx, limit=1_000)
    await process.store.close()


async def _next_due_us(store: Store, connection_id: int) -> int | None:
    """When there is something to do again. A record that waits for another, which may never come, is not busy."""
    async with store.read(connection_id) as tx:
        rows = await tx.rows("SELECT record_key FROM dirty WHERE connection_id = ?", connection_id)
        found = await dirty.by_keys(tx, [RecordKey.parse(row[0]) for row in rows])
    return min((each.due_at_us for each in found.values() if each.reason is not Reason.WAITING), default=None)


def _seqs(world: World) -> tuple[int, int]:
    return world.hubspot.journal.last_seq, world.salesforce.journal.last_seq


def simulate(
    seed: int, path: Path, objects: Sequence[str] = ("contacts",), weather: Weather = STORM, crashes_most: int = 2
) -> Story:
    """Play one seed to its end. Raises DoesNotConverge."""
    return run(_story(seed, path, objects, weather, crashes_most), seed)

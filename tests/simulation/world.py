"""Everything a story plays in: both local CRMs with clocks of their own, the network, the users, one database file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app.connect import ConnectRequest, connect
from interlock.core.model import AuditKind, AuditRow, Issue, RecordLink
from interlock.store import Store, StoreBusy, connections, deeds, mappings
from interlock.store.connections import Connection
from interlock.store.mappings import FieldMappingRow
from tests.simulation.desk import Desk, Note
from tests.simulation.fences import Fences
from tests.simulation.kinds import ALWAYS, CUSTOM, KINDS, RULES
from tests.simulation.network import HOSTS, Network
from tests.simulation.process import Process
from tests.simulation.races import Races
from tests.simulation.recipe import Recipe
from tests.simulation.users import Made, Users
from tests.simulation.virtual_time import VirtualTimeLoop

# A day of work in a few minutes: what takes minutes in life takes less than one here. Stamps and search lag by up to 45 s.
PACE = {
    "hubspot_park_us": 40_000_000,
    "salesforce_park_us": 60_000_000,
    "retry_base_us": 10_000_000,
    "hubspot_overlap_us": 60_000_000,
    "salesforce_overlap_us": 60_000_000,
}
# How far a clock may be off. All of one installation's machines are within two seconds of each other.
SKEWS_S = (0.0, 0.0, 0.0, 1.5, -1.5, 30.0, -30.0, 90.0, -90.0)


@dataclass(frozen=True)
class Deed:
    """Something that a person set in Interlock, or in a CRM without a journal telling it. `at_us`: by a true clock."""

    at_us: int
    what: str
    about: tuple[str, ...] = ()


@dataclass
class Story:
    """What a recipe leaves behind, for the checks and for a person who reads a failure."""

    recipe: Recipe
    hubspot: HubSpotEmulator
    salesforce: SalesforceEmulator
    network: Network
    rules: dict[tuple[str, str], str] = field(default_factory=dict)  # by object and property
    reruled: set[tuple[str, str]] = field(default_factory=set)  # whose rule was changed on the way
    reruled_us: int = 0  # and when, by a true clock
    automated: set[tuple[str, str]] = field(default_factory=set)
    skews_s: dict[str, float] = field(default_factory=dict)
    audit: list[AuditRow] = field(default_factory=list)
    links: list[RecordLink] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    incidents: list[tuple[float, str, list[Any]]] = field(default_factory=list)  # when, what, the awaits it stood at
    defects: list[str] = field(default_factory=list)
    moves: list[Made] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)  # of Interlock's own, that somebody used with success
    notes: list[Note] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)  # what was set there, in its order
    deeds_logged: list[deeds.Deed] = field(default_factory=list)  # what Interlock's own log of deeds says, oldest first
    steps: int = 0
    transactions: int = 0
    quiet_seq: tuple[int, int] = (0, 0)  # journals when nothing was due any more
    last_seq: tuple[int, int] = (0, 0)  # and after one more sync an hour later

    @property
    def conflicts(self) -> list[AuditRow]:
        return [row for row in self.audit if row.kind is AuditKind.CONFLICT]


def shout(text: str) -> str:
    """What the flow in Salesforce makes of a title, whoever saves it."""
    return text.upper()


class World:
    def __init__(self, recipe: Recipe, path: Path) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.loop, self.recipe, self.path = loop, recipe, path
        self.chance = recipe.chance("world")
        skews_s = {name: self.chance.choice(SKEWS_S) for name in ("hubspot", "salesforce", "ours")}
        self.process_skew_s = skews_s["ours"]
        lag_ms = self.chance.choice((0, 500, 8_000, 30_000))
        self.hubspot = HubSpotEmulator(
            clock=self._clock(skews_s["hubspot"]),
            seed=recipe.seed,
            search_lag_ms=lag_ms,
            search_lag_jitter_ms=lag_ms // 2,
            burst_limit=self.chance.choice((100_000, 100_000, 40)),
            merge_keeps_primary_id=self.chance.random() < 0.5,
        )
        self.salesforce = SalesforceEmulator(
            clock=self._clock(skews_s["salesforce"]),
            seed=recipe.seed,
            commit_delay_ms=self.chance.choice((0, 0, (0, 4_000))),
            daily_api_requests=10_000_000,
        )
        self._make_custom_property()
        for theme in recipe.told:
            theme.furnish(self)
        desk = Desk(self.hubspot, self.salesforce, recipe.objects)
        self.network = Network(self.hubspot, self.salesforce, recipe, recipe.chance("network"), Races(desk, recipe))
        self.users = Users(desk, recipe)
        self.story = Story(recipe, self.hubspot, self.salesforce, self.network, skews_s=skews_s, notes=desk.notes)
        self.fences = Fences(path, self.story.defects)
        if self.chance.random() < 0.2:
            self.story.automated.add(("contacts", "jobtitle"))
            self.salesforce.add_automation(
                "Contact", "Title", lambda row: shout(row["Title"]) if row.get("Title") else None
            )
        self.connection_id = 0
        self._processes = 0
        self.operating: list[asyncio.Task[None]] = []

    def _clock(self, skew_s: float) -> Clock:
        skew_us = round(skew_s * 1e6)
        return Clock(lambda: self.loop.now_us() + skew_us)

    def _make_custom_property(self) -> None:
        schema = self.hubspot.portal.table("contacts").schema
        texts = {"name": CUSTOM, "label": CUSTOM, "type": "string", "fieldType": "text"}
        schema.create(texts | {"groupName": next(iter(schema.groups))}, self.hubspot.portal.now_ms(), None)

    def process(self, *, of_pages: bool = False) -> Process:
        self._processes += 1
        return Process(self, self._processes, of_pages=of_pages)

    async def connect(self) -> None:
        process = self.process()
        await process.start(self._connect(process))

    async def _connect(self, process: Process) -> None:
        store = await process.open()
        hubspot, salesforce = (f"http://{HOSTS[side]}" for side in ("hubspot", "salesforce"))
        request = ConnectRequest(hubspot, salesforce, objects=self.recipe.objects, existing="all")
        async with process.clients() as clients:
            connection = await connect(store, clients.hubspot, clients.salesforce, request, process.clock_us)
        assert connection.id is not None
        self.connection_id = connection.id
        chosen = {"choices": self.recipe.choices} | ({"census_rows": 0} if self.recipe.counts else {})
        async with store.write(connection.id) as tx:
            await connections.update(tx, connection.id, settings={**connection.settings, **PACE, **chosen})
        await self._map_custom_property(store, connection)
        await self._draw_rules(store, connection)
        for theme in self.recipe.told:
            await theme.settle(self, store, connection)
        await store.close()

    async def _map_custom_property(self, store: Store, connection: Connection) -> None:
        contacts = KINDS["contacts"]
        async with store.write(connection.id) as tx:
            for row in await mappings.object_mappings(tx):
                if row.salesforce_type == contacts.sobject and row.id is not None:
                    mapped = FieldMappingRow(row.id, CUSTOM, contacts.fields[CUSTOM], "two_way", kind="custom")
                    await mappings.save_field_mapping(tx, mapped)

    async def _draw_rules(self, store: Store, connection: Connection) -> None:
        """A third of the seeds run all fields two-way, the others a rule drawn for each property."""
        all_two_way = self.chance.random() < 0.33
        async with store.write(connection.id) as tx:
            slugs = {row.id: row.object for row in await mappings.object_mappings(tx)}
            for row in await mappings.field_mappings(tx):
                place = (slugs[row.object_mapping_id], row.property)
                if row.locked_reason is None and not all_two_way:
                    row.rule = self.story.rules.get(place, self.chance.choice((*RULES, *ALWAYS)))
                else:
                    row.rule = "two_way"
                await mappings.save_field_mapping(tx, row)
                self.story.rules[place] = row.rule

    def did(self, what: str, *about: str) -> None:
        self.story.deeds.append(Deed(self.loop.now_us(), what, about))

    def operate(self, what: Callable[[World, Store], Awaitable[None]]) -> None:
        """A person at the command line: a process of its own, tried again while the database is locked."""
        process = self.process()

        async def operating() -> None:
            while True:
                try:
                    store = await process.open()
                    await what(self, store)
                    return await store.close()
                except StoreBusy:
                    await asyncio.sleep(1.0)

        self.operating.append(process.start(operating()))

    def seqs(self) -> tuple[int, int]:
        return self.hubspot.journal.last_seq, self.salesforce.journal.last_seq

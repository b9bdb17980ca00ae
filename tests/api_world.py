"""An installation with people, joined to both local CRMs, and its JSON API: all in one process, on a clock that also jumps."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import msgspec

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app import json_schemas
from interlock.app.connect import ConnectRequest, connect
from interlock.app.credentials import Credentials
from interlock.app.people import programs
from interlock.app.people.roles import Role
from interlock.app.serve import ServeDesk
from interlock.config import Home, ProcessSettings
from interlock.crm.seam import forbid_network
from interlock.crm.transport import AsgiTransport, Transport
from interlock.engine.dispatch.local import LocalDispatcher
from interlock.store import Store, keyring
from interlock.store.connections import Connection
from interlock.web.app import make_app
from interlock.wiring import Interlock
from tests import databases
from tests.asgi_browser import Answer, Browser
from tests.office import START_US, Office

HUBSPOT_URL, SALESFORCE_URL = "http://hubspot.local", "http://salesforce.local"
PUBLIC_URL = "http://127.0.0.1:8090"
Json = dict[str, Any]


class RunningOffice(Office):
    """Its clock goes on, and jumps when told."""

    def clock_us(self) -> int:
        return self.now_us + round(time.monotonic() * 1_000_000)


class Said(msgspec.Struct):
    """An answer of the API: a document that is what its schema says."""

    answer: Answer

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def document(self) -> Json:
        document: Json = json.loads(self.answer.body)
        kind, _, version = document["schema"].removeprefix("interlock.").partition("/")
        assert version == "1"
        jsonschema.Draft202012Validator(json_schemas.load_any(kind)).validate(document)
        return document

    @property
    def error(self) -> Json:
        document = self.document
        assert document["schema"] == "interlock.error/1", document
        error: Json = document["error"]
        return error


class ApiWorld:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.office = RunningOffice()
        clock = Clock(self.office.clock_us)
        self.hubspot = HubSpotEmulator(clock=clock, seed=1)
        self.salesforce = SalesforceEmulator(clock=clock, seed=1)
        self.hugo, self.sally = self.hubspot.user(), self.salesforce.user()
        self.connection: Connection
        self.app: Any
        self.bearers: dict[Role, str] = {}

    @property
    def store(self) -> Store:
        return self.office.store

    @asynccontextmanager
    async def transport(self) -> AsyncIterator[Transport]:
        yield AsgiTransport({"hubspot.local": self.hubspot.app, "salesforce.local": self.salesforce.app})

    async def open(self, database: str | None = None) -> None:
        store = await Store.open(
            database or databases.at(self.folder / "interlock.db"),
            clock_us=self.office.clock_us,
            forbid_network=forbid_network,
            keyring=keyring.load_or_create(self.folder / "secret.key"),
        )
        home = Home(path=self.folder, settings=ProcessSettings(public_url=PUBLIC_URL))
        self.office.interlock = Interlock(home, store, self.office.clock_us, opens_transport=self.transport)
        self.app = make_app(self.office.interlock, PUBLIC_URL, self.office.passwords)
        for name, role in (("Ada", Role.ADMIN), ("Otto", Role.OPERATOR), ("Vera", Role.VIEWER)):
            await self.office.add(name, role)
        ada = await self.office.by("Ada")
        for role in Role:
            self.bearers[role] = await programs.make(store, ada, f"for tests, {role}", role)

    async def close(self) -> None:
        await self.office.interlock.background.close()
        await self.store.close()

    async def connect(self, **options: Any) -> Connection:
        secrets = Credentials(hubspot_token=self.hubspot.token, salesforce_token=self.salesforce.token)
        request = ConnectRequest(HUBSPOT_URL, SALESFORCE_URL, secrets=secrets, **options)
        async with self.office.interlock.unsaved_clients(HUBSPOT_URL, SALESFORCE_URL, secrets) as clients:
            self.connection = await connect(
                self.store, clients.hubspot, clients.salesforce, request, self.office.clock_us
            )
        return self.connection

    @asynccontextmanager
    async def dispatcher(self) -> AsyncIterator[None]:
        """As `interlock serve` runs one."""
        stop = asyncio.Event()
        clients = self.office.interlock.clients
        desk = ServeDesk(
            self.store, lambda each: clients(each, note=False), self.office.clock_us, "serve-test", lambda _: None
        )
        # Whoever hands work over looks for it first.
        await desk.beat()
        running = asyncio.create_task(LocalDispatcher(desk, self.office.clock_us, stop).run())
        try:
            yield
        finally:
            stop.set()
            with suppress(asyncio.CancelledError):
                await running
            await desk.close()

    async def get(self, path: str, role: Role = Role.ADMIN, /, **query: object) -> Said:
        return await self.send("GET", f"{path}?{urlencode(query)}" if query else path, None, role)

    async def post(self, path: str, body: object = None, role: Role = Role.ADMIN) -> Said:
        return await self.send("POST", path, body if body is not None else {}, role)

    async def send(self, method: str, path: str, body: object, role: Role = Role.ADMIN, **headers: str) -> Said:
        """`path` is what comes after /api/v1/; `~` in it is the connection."""
        where = path.replace("~", f"connections/{self.connection.name}") if "~" in path else path
        sent = {"authorization": f"Bearer {self.bearers[role]}", **headers}
        data = b""
        if body is not None:
            sent["content-type"], data = "application/json", json.dumps(body).encode()
        return Said(await Browser(self.app).send(method, f"/api/v1/{where}", data, sent))

    async def ended(self, begun: Said) -> Json:
        """The job, once it is done or has failed."""
        assert begun.status == 202, begun.answer.body
        path = begun.answer.headers["location"].removeprefix("/api/v1/")
        job = (await self.get(path, wait_seconds=25)).document
        assert job["ended_at"] is not None
        return job


@asynccontextmanager
async def an_api(folder: Path, database: str | None = None) -> AsyncIterator[ApiWorld]:
    world = ApiWorld(folder)
    # The same moment whenever the test runs, and from there the process's own time.
    world.office.now_us = START_US - round(time.monotonic() * 1_000_000)
    await world.open(database)
    try:
        yield world
    finally:
        await world.close()

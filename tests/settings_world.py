"""The settings pages with all that stands behind them: both local CRMs, the store, the desk of `serve`, and a browser for each
role, in one process on virtual time. What a control does is seen where it counts: in the CRMs, after the next turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from interlock.app.connect import ConnectRequest, connect
from interlock.app.credentials import Credentials
from interlock.app.people import manage, signing_in
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.serve import ServeDesk
from interlock.config import Home, ProcessSettings
from interlock.crm.seam import forbid_network
from interlock.crm.transport import Transport
from interlock.engine.dispatch.desk import Work
from interlock.store import Store, deeds, keyring
from interlock.store.connections import Connection
from interlock.web.app import make_app
from interlock.wiring import Interlock
from tests.asgi_browser import Answer, Browser
from tests.simulation.virtual_time import run
from tests.world import HUBSPOT_URL, SALESFORCE_URL, World

PUBLIC_URL = "http://127.0.0.1:8090"


class SettingsWorld(World):
    people = 0

    async def open(self) -> None:
        keys = keyring.load_or_create(self.path.parent / "secret.key")
        self.store = await Store.open(
            self.database_at(self.path),
            clock_us=self.clock_us,
            synchronous="OFF",
            threadless=True,
            forbid_network=forbid_network,
            keyring=keys,
        )

        @asynccontextmanager
        async def line() -> AsyncIterator[Transport]:
            yield self.transport

        home = Home(path=self.path.parent, settings=ProcessSettings())
        self.interlock = Interlock(home, self.store, self.clock_us, opens_transport=line)
        self.app = make_app(self.interlock, PUBLIC_URL)
        self.said: list[str] = []
        self.desk = ServeDesk(self.store, self.interlock.clients, self.clock_us, "serve", self.said.append)

    async def connect(self) -> Connection:
        assert self.store is not None
        secrets = Credentials(hubspot_token=self.hubspot.token, salesforce_token=self.salesforce.token)
        options: dict[str, Any] = {"start": True, "secrets": secrets, **self.connect_options}
        request = ConnectRequest(HUBSPOT_URL, SALESFORCE_URL, **options)
        self.connection = await connect(self.store, *self.clients(), request, self.clock_us)
        return self.connection

    async def browser(self, role: Role) -> Browser:
        """Of somebody with that role who has signed in."""
        assert self.store is not None
        self.people += 1
        person, _ = await manage.add(self.store, BY_COMMAND, f"person{self.people}@example.com", role.value, role)
        async with self.store.write(None) as tx:
            token = await signing_in.begin_session(tx, person, "signed_in", "192.0.2.7", None)
        browser = Browser(self.app)
        browser.cookies["interlock_session"] = token
        return browser

    async def admin(self) -> Browser:
        return await self.browser(Role.ADMIN)

    async def turns(self, seconds: float = 300.0) -> None:
        """What `serve` does in that time: a poll now and one at the end of it."""
        assert self.connection is not None
        assert self.connection.id is not None
        for wait_s in (seconds, 60.0):
            await asyncio.sleep(wait_s)
            await self.desk.turn(self.connection.id, Work.POLL)
        assert not self.said, self.said

    async def deeds(self) -> list[str]:
        """What the log of deeds says was done, oldest first."""
        assert self.store is not None
        async with self.store.read(None) as tx:
            return [deed.action for deed in reversed(await deeds.list_(tx, None, 1000))]


async def ended(browser: Browser, address: str) -> Answer:
    """The page of a job, when it has nothing more to wait for."""
    for _ in range(600):
        answer = await browser.get(address)
        if "hx-trigger" not in answer.body:
            return answer
        await asyncio.sleep(1)
    raise AssertionError("it goes on and on")


async def saved(browser: Browser, asked: Answer, **typed: str) -> Answer:
    """A change of what syncs: saved from the page that shows what it would do, where there is one."""
    if asked.to is None or "/change/" not in asked.to:
        return asked
    await ended(browser, asked.to)
    return await browser.submit(asked.to, f"{asked.to}/save", **typed)


async def carried_out(browser: Browser, asked: Answer) -> Answer:
    """The tab from which something was asked of the org, when that has ended."""
    assert asked.status == 303, asked.body
    assert asked.to is not None
    assert "?run=" in asked.to
    return await ended(browser, asked.to)


def value_of(answer: Answer, name: str) -> str:
    """Of a hidden field of the page."""
    (field,) = {each.get("value") or "" for each in answer.page.all("input", name=name)}
    return field


def tell(
    path: Path,
    story: Callable[[SettingsWorld], Awaitable[None]],
    furnish: Callable[[SettingsWorld], object] = lambda world: None,
    **options: Any,
) -> None:
    """Run the story in a new, connected world that syncs already. `furnish(world)`: what the CRMs hold before."""

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        world = SettingsWorld(path / "interlock.db", loop.now_us, **options)
        await world.open()
        try:
            furnish(world)
            await asyncio.sleep(600)
            await world.connect()
            await story(world)
        finally:
            await world.desk.close()
            assert world.store is not None
            await world.store.close()

    run(main(), seed=1)

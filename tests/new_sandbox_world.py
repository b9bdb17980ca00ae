"""A connection with one sandbox, and another sandbox to go over to: an empty org of its own, or a copy of the old one as Salesforce
makes it when a sandbox is cloned (records keep their ids, the org gets a new one)."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator
from crm_emulator.salesforce.ids import IdMaker
from interlock.app.new_org import prepare
from interlock.app.sign_in import redirect_uri
from interlock.core.model import Side
from interlock.crm.transport import AsgiTransport, Request, Response
from interlock.store import connections
from interlock.store.connections import Connection
from tests import settings_world
from tests.asgi_browser import Answer, Browser
from tests.contract.sign_in_world import ADMIN, SANDBOX
from tests.contract.sign_in_world import Browser as Person
from tests.settings_world import PUBLIC_URL, SettingsWorld

HERE = "/connections/1"
PAGE = f"{HERE}/new-sandbox"
SLUGS = ("companies", "contacts", "deals")
NEW_URL = f"https://{SANDBOX}"
CALLBACKS = (redirect_uri(PUBLIC_URL, Side.SALESFORCE),)


def furnish(world: SettingsWorld, name: str = "") -> None:
    """A person and a company that HubSpot's people made, a deal of theirs, and one that came from Salesforce."""
    world.person(f"ada{name}@example.com", firstname="Ada")
    world.hugo.create("companies", {"name": f"Acme {name}", "domain": f"acme{name}.example"})
    world.hugo.create("deals", {"dealname": f"Upgrade {name}", "dealstage": "closedwon", "closedate": "2026-04-01"})
    world.sally.create("Opportunity", {"Name": "Renewal", "StageName": "Closed Won", "CloseDate": "2026-03-01"})


def pairs(world: SettingsWorld) -> dict[tuple[str, str], str]:
    """As HubSpot itself names them."""
    return {(slug, id_): world.counterpart(slug, id_) for slug in SLUGS for id_ in world.hugo.ids(slug)}


def records_written(org: SalesforceEmulator) -> list[str]:
    """In an org, by anybody: the kinds of record."""
    types = ("Account", "Contact", "Lead", "Opportunity", "OpportunityContactRole")
    return [f"{entry.object}:{entry.id}" for entry in org.journal.entries(0) if entry.object in types]


def a_sandbox(world: SettingsWorld, *, seed: int = 2, ids: IdMaker | None = None, **config: Any) -> SalesforceEmulator:
    """Another org. `ids`: as they were in the old one, so that its records get the ids that those made there since have."""
    options = {"sandbox": True, "org_name": "Acme UAT", "instance_url": NEW_URL, "callback_urls": CALLBACKS, **config}
    new = SalesforceEmulator(Clock(world.clock_us), seed=seed, **options)
    new.org.org_id = new.org.ids.make("00D")
    new.reset()
    if ids is not None:
        new.org.ids = ids
    serve(world, new)
    return new


def a_copy(world: SettingsWorld) -> SalesforceEmulator:
    """The old sandbox, cloned as it is now: fields, permissions, users and records with their ids."""
    new = a_sandbox(world, seed=9)
    config, org_id = new.org.config, new.org.org_id
    # Only what the org holds: clock, journal, address and deployments are the new one's own.
    old, fresh = world.salesforce.org, new.org
    own = [(old.clock, fresh.clock), (old.journal, fresh.journal), (old.config, fresh.config)]
    memo: dict[int, Any] = {id(theirs): ours for theirs, ours in [*own, (old.settle, fresh.settle)]}
    new.org = copy.deepcopy(old, memo)
    new.org.org_id = org_id
    rows = new.org.tables["Organization"].rows
    (organization,) = rows.values()
    rows.clear()
    organization.id = org_id
    organization.values["Name"] = config.org_name
    rows[org_id] = organization
    new.users[:] = copy.deepcopy(world.salesforce.users)
    new.sessions._org = new.org
    new.sessions.access[new.token].user_id = new.users[0].id
    new._start()
    serve(world, new)
    return new


def serve(world: SettingsWorld, new: SalesforceEmulator | None) -> None:
    """Lay the line: HubSpot, the old sandbox, and the new one at its My Domain and at the log-in page of sandboxes."""
    apps = {
        "hubspot.local": world.hubspot.app,
        "app.hubspot.com": world.hubspot.app,
        "api.hubapi.com": world.hubspot.app,
        "salesforce.local": world.salesforce.app,
    }
    if new is not None:
        apps |= {"test.salesforce.com": new.app, "login.salesforce.com": new.app, SANDBOX: new.app}
    world.transport = Watched(AsgiTransport(apps))


class Watched(AsgiTransport):
    """Which addresses were asked, and which of them were written to."""

    def __init__(self, inner: AsgiTransport) -> None:
        self._inner = inner
        self.sent: list[Request] = []

    async def send(self, request: Request, deadline_s: float) -> Response:
        self.sent.append(request)
        return await self._inner.send(request, deadline_s)


async def sign_in(
    world: SettingsWorld,
    admin: Browser,
    new: SalesforceEmulator,
    word: str = "yes",
    who: str = ADMIN,
    my_domain: str = "",
) -> Answer:
    """From the button to the page that it ends on."""
    app = {"client_id": new.client_id, "client_secret": new.client_secret}
    away = await admin.submit(PAGE, f"{PAGE}/sign-in", my_domain=my_domain, **app)
    assert away.status == 200, away.body
    person = Person(world.transport, who, interlock_url=PUBLIC_URL)
    await person.go_through(away.headers["refresh"].partition("url=")[2], word)
    back = await admin.get(person.at.removeprefix(PUBLIC_URL))
    return await admin.get(back.to) if back.to is not None else back


async def confirm(world: SettingsWorld, admin: Browser) -> Answer:
    """*Connect to this sandbox*, and what goes on behind the page until it has ended."""
    answer = await admin.submit(PAGE, f"{PAGE}/connect", agreed="yes")
    if answer.status == 303:
        await prepare.wait(world.interlock, 1)
    return answer


async def begin(world: SettingsWorld, admin: Browser, existing: str) -> Answer:
    """*Begin to sync with the new sandbox*, as soon as it lets."""
    await asyncio.sleep(600)
    return await admin.submit(PAGE, f"{PAGE}/begin", existing=existing)


async def now_of(world: SettingsWorld) -> Connection:
    assert world.store is not None
    async with world.store.read(None) as tx:
        found = await connections.get(tx, 1)
    assert found is not None
    return found


# Of processes that died: held, so that what is left of them is not collected among the living.
GRAVES: list[Any] = []


def tell(path: Path, story: Callable[[SettingsWorld], Awaitable[None]], **options: Any) -> None:
    """In a world whose org is a sandbox, and that syncs."""

    async def held(world: SettingsWorld) -> None:
        try:
            await story(world)
        finally:
            GRAVES.extend(asyncio.all_tasks() - {asyncio.current_task()})

    own = {"salesforce": {"sandbox": True, "org_name": "Acme dev"}, "existing": "all"}
    settings_world.tell(path, held, **{**own, **options})

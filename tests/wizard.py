"""A set-up that both sides have signed in to, with both CRMs in the same process: where the steps behind Connect begin; and people
at its pages, in browsers without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette

from interlock.app import sign_offs
from interlock.app.background import Background
from interlock.app.people import manage
from interlock.app.people.passwords import Passwords
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.setup import (
    apps,
    choices,
    configuration,
    connect,
    connecting,
    contacts,
    expectations,
    finish,
    owners,
    package,
    pipelines,
    properties,
    review,
)
from interlock.app.setup import state as setup_state
from interlock.app.setup.connect import SignedIn
from interlock.app.setup.connecting import Found
from interlock.app.sign_in import Finished
from interlock.config import Home, ProcessSettings
from interlock.core.model import Side
from interlock.crm.transport import Transport
from interlock.store import Store
from interlock.store.connections import Connection
from interlock.store.setups import Setup
from interlock.web.app import make_app
from interlock.wiring import Interlock
from tests import asgi_browser
from tests.asgi_browser import Answer
from tests.contract.sign_in_world import PUBLIC_URL, SALES, SignInWorld
from tests.office import PASSWORD, CountingHasher

if TYPE_CHECKING:  # whose fixtures stand on this module
    from tests.contract.conftest import Clock

BY: By = BY_COMMAND
AT = "http://127.0.0.1:8090"


class Person(asgi_browser.Browser):
    """Somebody at the wizard's pages."""

    async def press(self, page: str, action: str, **typed: str) -> Answer:
        """Send a form of a page, and go where that leads."""
        answer = await self.submit(page, action, **typed)
        while answer.to is not None:
            answer = await self.get(answer.to)
        return answer

    async def finish(self, existing: str = "none") -> Answer:
        """*Finish setup and begin syncing*, from the page as it is shown now."""
        return await self.submit("/setup/review", "/setup/review", existing=existing, go="next")


class Wizard(SignInWorld):
    def __init__(
        self, store: Store, clock: Clock, home: Any, hubspot: dict[str, Any] | None = None, **salesforce: Any
    ) -> None:
        # The clock stands still, so no window of a limit ever passes.
        patient = {
            "burst_limit": 100_000,
            "oauth_burst_limit": 100_000,
            "search_per_second": 100_000,
            **(hubspot or {}),
        }
        super().__init__(store, clock, patient, salesforce)
        self.interlock = Interlock(Home(path=home, settings=ProcessSettings()), store, clock)
        self.interlock.opens_transport = self._transport
        self.setup_id = 0
        self.passwords = Passwords(CountingHasher())

    @cached_property
    def app(self) -> Starlette:
        return make_app(self.interlock, AT, self.passwords)

    async def person(self, name: str = "Ada", role: Role = Role.ADMIN) -> Person:
        """Somebody new, who has signed in; `Ada` is ada@example.com."""
        email = f"{name.lower()}@example.com"
        await manage.add(self.store, BY, email, name, role, self.passwords, PASSWORD)
        person = Person(self.app)
        assert (await person.sign_in(email, PASSWORD)).status == 303
        return person

    @asynccontextmanager
    async def _transport(self) -> AsyncIterator[Transport]:
        yield self.line

    async def signed_in(self, sync_user: str | None = None) -> None:
        """As the steps before have left it; with `sync_user` the admin deploys and that user syncs."""
        await self.enter_apps()
        hubspot = await self.sign_in(Side.HUBSPOT)
        salesforce = await self.sign_in(Side.SALESFORCE, other_account=hubspot.identity.account_id, deploys=True)
        other: Finished | None = None
        if sync_user is not None:
            other = await self.sign_in(Side.SALESFORCE, browser=self.browser(sync_user))
            assert other is not None
            await sign_offs.choose_sync_user(self.store, salesforce.grant_id, other.grant_id)
        self.setup_id = (await setup_state.begin(self.store, BY)).id
        await self.keep(expectations.slug, expectations.Values(read=True))
        await self.keep(
            apps.slug,
            apps.Values(PUBLIC_URL, hubspot_app=self.apps[Side.HUBSPOT], salesforce_app=self.apps[Side.SALESFORCE]),
        )
        values = connect.Values(
            SignedIn(hubspot.identity, hubspot.grant_id),
            SignedIn(salesforce.identity, salesforce.grant_id),
            None if other is None else SignedIn(other.identity, other.grant_id),
        )
        await self.keep(connect.slug, values)

    async def setup(self) -> Setup:
        return await setup_state.load(self.store, self.setup_id)

    async def keep(self, slug: str, values: msgspec.Struct) -> None:
        version = (await self.setup()).version_of(slug)
        await setup_state.save(self.store, BY, self.setup_id, slug, values, version)

    async def install(self, **values: Any) -> package.Run:
        await self.keep(package.slug, package.Values(**values))
        await package.begin(self.interlock, BY, await self.setup(), PUBLIC_URL)
        await package.wait(self.interlock, self.setup_id)
        run = await package.standing(self.interlock, await self.setup())
        assert run is not None
        return run

    async def found(self) -> Found:
        return await connecting.found(self.interlock, BY, await self.setup())

    async def recommended(self, missing: Any = "create") -> None:
        await self.keep(configuration.slug, configuration.Values("recommended", missing))

    async def advanced(self, **more: Any) -> None:
        await self.keep(configuration.slug, configuration.Values("advanced"))
        await self.keep(contacts.slug, contacts.Values(saved=True, **more))

    async def choose(self, **values: Any) -> None:
        await self.keep(properties.slug, properties.Values(saved=True, **values))
        await self.keep(pipelines.slug, pipelines.Values(saved=True))
        await self.keep(choices.slug, choices.Values(saved=True))
        await self.keep(owners.slug, owners.Values(saved=True))

    async def preview(self) -> review.Seen:
        found = await self.found()
        await review.seen(self.interlock, BY, await self.setup(), found)
        await review.wait(self.interlock, self.setup_id)
        return await review.seen(self.interlock, BY, await self.setup(), found)

    async def end(self, existing: Any = "none") -> finish.Run:
        await self.keep(review.slug, review.Values(existing))
        await self.go_on(go_on=False)
        return await self.finished()

    async def left_in_the_middle(self, existing: Any) -> None:
        """A finish whose process dies before it has said how it ended: what is kept says that it still runs."""
        await self.keep(review.slug, review.Values(existing))
        await self.go_on(go_on=False)
        await finish.wait(self.interlock, self.setup_id)
        await self.interlock.background.close()
        self.interlock.background = Background()

    async def go_on(self, *, go_on: bool = True) -> None:
        await finish.begin(self.interlock, BY, await self.setup(), go_on=go_on)

    async def undo_trial(self, *, delete_records: int | None = None) -> finish.Run:
        await finish.undo_trial(self.interlock, BY, await self.setup(), delete_records=delete_records)
        return await self.finished()

    async def finished(self) -> finish.Run:
        await finish.wait(self.interlock, self.setup_id)
        run = await finish.standing(self.interlock, self.setup_id)
        assert run is not None
        return run

    async def connection(self) -> Connection:
        found = await connecting.connection_of(self.interlock, await self.setup())
        assert found is not None
        return found

    def hubspot_changes(self) -> int:
        return self.hubspot.portal.journal.last_seq

    def salesforce_rows(self, sobject: str) -> list[dict[str, Any]]:
        table = self.production.org.tables[sobject]
        return [row.values for row in table.rows.values() if not row.deleted]


@asynccontextmanager
async def a_wizard(
    store: Store, clock: Clock, home: Path, hubspot: dict[str, Any] | None = None, **salesforce: Any
) -> AsyncIterator[Wizard]:
    """Nobody has signed in yet. What it does behind its pages is at its end before the store is closed."""
    made = Wizard(store, clock, home, hubspot, **salesforce)
    try:
        yield made
    finally:
        await made.interlock.background.close()


async def installed(wizard: Wizard, ada: Person) -> Answer:
    """The page of the package, after its install by the pages for all users."""
    await ada.press("/setup/package?stage=scope", "/setup/package/install", who="all")
    await ada.press("/setup/package?stage=dialog", "/setup/package/continue")
    await package.wait(wizard.interlock, wizard.setup_id)
    return await ada.get("/setup/package")


__all__ = ["BY", "SALES", "Person", "Wizard", "a_wizard", "installed"]

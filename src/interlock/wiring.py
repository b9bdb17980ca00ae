"""The one place that builds everything: settings, store, transport, tokens, governors, clients. It decides nothing.

`open_interlock` gives the store of a home folder; `clients` gives both CRM clients of a connection, and remembers what
they learned about limits and reachability when they are done, so that `status` can tell without calling anybody.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from interlock import config
from interlock.app.background import Background
from interlock.app.reach import remember
from interlock.store import Store, grants, keyring
from interlock.store.budget import StoredBudget

if TYPE_CHECKING:
    from interlock.app.credentials import Credentials
    from interlock.app.crms import Addresses, Crms
    from interlock.app.notify.post import Post
    from interlock.crm.budget import BudgetStore, Governor
    from interlock.crm.hubspot.client import HubSpotClient
    from interlock.crm.salesforce.client import SalesforceClient
    from interlock.crm.tokens import TokenSource
    from interlock.crm.transport import Transport
    from interlock.store.connections import Connection
    from interlock.store.setups import Setup


def wall_clock_us() -> int:
    return time.time_ns() // 1_000


class Clients(msgspec.Struct):
    hubspot: HubSpotClient
    salesforce: SalesforceClient

    @property
    def governors(self) -> tuple[Governor, Governor]:
        return self.hubspot.governor, self.salesforce.governor


class Interlock(msgspec.Struct):
    """One opened installation."""

    home: config.Home
    store: Store
    clock_us: Callable[[], int]
    # None: the real ones. The demo puts its local CRMs here before anybody signs in.
    addresses: Addresses | None = None
    # None: over sockets, with the certificate authority of the settings.
    opens_transport: Callable[[], AbstractAsyncContextManager[Transport]] | None = None
    # Work that pages began and do not wait for.
    background: Background = msgspec.field(default_factory=Background)

    @asynccontextmanager
    async def clients(
        self, connection: Connection, *, note: bool = True, deploying: bool = False, administrator: int | None = None
    ) -> AsyncIterator[Clients]:
        """Both clients of a connection. Counts of calls are remembered at the end, and with `note` also limits and whether
        the CRMs answered; without it that is left to the caller, who may swallow what a call raised. `deploying`: as the admin
        who signed in, where the sync runs as somebody else; as `administrator` (a sign-in's number), who signed in for one work
        alone, only where that is named."""
        from interlock.app import credentials
        from interlock.app.org_work import kept as org_work

        assert connection.id is not None
        secrets = await credentials.load(self.store, connection.id)
        async with self.store.read(connection.id) as tx:
            granted = await grants.in_use(tx)
            if deploying:
                admins = await grants.all_in_use(tx, grants.ADMIN)
                if administrator is None:
                    for_one_alone = await org_work.administrators(tx)
                    granted |= {each.side: each for each in admins if each.id not in for_one_alone}
                else:
                    granted |= {each.side: each for each in admins if each.id == administrator}
        budget = StoredBudget(self.store, connection.id, self.clock_us)
        try:
            async with self._built(
                connection.hubspot_url,
                connection.salesforce_url,
                lambda transport: self._tokens(connection, secrets, granted, transport),
                budget,
                connection.settings,
            ) as built:
                if note:
                    async with remember(self.store, connection.id, built.governors, self.clock_us):
                        yield built
                else:
                    yield built
        finally:
            await budget.close()

    @asynccontextmanager
    async def unsaved_clients(
        self, hubspot_url: str, salesforce_url: str, secrets: Credentials
    ) -> AsyncIterator[Clients]:
        """Clients before there is a connection: calls are counted in memory only."""
        from interlock.crm.budget import MemoryBudgetStore

        budget = MemoryBudgetStore(self.clock_us)

        def tokens(transport: Transport) -> tuple[TokenSource, TokenSource]:
            return _hubspot_tokens(secrets), _salesforce_tokens(secrets, salesforce_url, transport, self.clock_us)

        async with self._built(hubspot_url, salesforce_url, tokens, budget, {}) as built:
            yield built

    @asynccontextmanager
    async def clients_with(self, connection: Connection, salesforce_grant: int) -> AsyncIterator[Clients]:
        """HubSpot as the connection signs in to it, Salesforce by a sign-in that is no connection's yet; calls are counted in
        memory only. Raises Missing."""
        from interlock.app import credentials
        from interlock.app.sign_offs import grant_of
        from interlock.core.model import Side
        from interlock.crm.budget import MemoryBudgetStore

        assert connection.id is not None
        url = str((await grant_of(self.store, salesforce_grant)).who["api_url"])
        secrets = await credentials.load(self.store, connection.id)
        async with self.store.read(connection.id) as tx:
            granted = await grants.in_use(tx)

        def tokens(transport: Transport) -> tuple[TokenSource, TokenSource]:
            from interlock.app.stored_tokens import StoredTokens

            crms = self._crms(transport)
            hubspot = (
                StoredTokens(self.store, crms, Side.HUBSPOT, connection_id=connection.id, role=granted["hubspot"].role)
                if "hubspot" in granted
                else _hubspot_tokens(secrets)
            )
            return hubspot, StoredTokens(self.store, crms, Side.SALESFORCE, grant_id=salesforce_grant)

        async with self._built(connection.hubspot_url, url, tokens, MemoryBudgetStore(self.clock_us), {}) as built:
            yield built

    @asynccontextmanager
    async def setup_clients(self, setup: Setup, *, deploying: bool = False) -> AsyncIterator[Clients]:
        """Clients of a set-up, whichever way its sides sign in; calls are counted in memory only. A side that is not signed in to
        refuses each call. `deploying`: Salesforce as the one who installs the package, else as the one the sync runs as."""
        from interlock.app.setup import apps, connect
        from interlock.core.model import Side
        from interlock.crm.budget import MemoryBudgetStore
        from interlock.crm.tokens import NotSignedIn

        values, entered = connect.values_of(setup), apps.values_of(setup)
        async with self.store.read(None) as tx:
            secrets = await apps.credentials_of(tx, setup)
        salesforce = values.salesforce if deploying or values.sync_user is None else values.sync_user
        addresses = self._addresses()
        hubspot_url = values.hubspot.identity.api_url if values.hubspot is not None else addresses.hubspot_api
        salesforce_url = entered.salesforce_url or addresses.salesforce_production
        if salesforce is not None:
            salesforce_url = salesforce.identity.api_url

        def source(side: Side, transport: Transport) -> TokenSource:
            from interlock.app.stored_tokens import StoredTokens

            signed_in = values.hubspot if side is Side.HUBSPOT else salesforce
            if entered.way(side) not in apps.WITH_APP and secrets is not None:
                if side is Side.HUBSPOT:
                    return _hubspot_tokens(secrets)
                return _salesforce_tokens(secrets, salesforce_url, transport, self.clock_us)
            if signed_in is None or signed_in.grant is None:
                return NotSignedIn(side)
            return StoredTokens(self.store, self._crms(transport), side, grant_id=signed_in.grant)

        async with self._built(
            hubspot_url,
            salesforce_url,
            lambda transport: (source(Side.HUBSPOT, transport), source(Side.SALESFORCE, transport)),
            MemoryBudgetStore(self.clock_us),
            {},
        ) as built:
            yield built

    @asynccontextmanager
    async def crms(self) -> AsyncIterator[Crms]:
        """For signing in and off: `sign_in.begin`, `sign_in.finish`, `sign_offs`."""
        async with self._transport() as transport:
            yield self._crms(transport)

    async def told_address(self, connection_id: int | None = None) -> str | None:
        """By which people and the CRMs come to the pages, where the settings or the wizard were told it."""
        from interlock.app.setup import own_address

        return await own_address.told(self.store, self.home.settings.public_url, connection_id)

    def post(self, listening: str) -> Post:
        """By which notifications go out; `listening`: the address of the pages where nobody said a better one. Raises BadInput."""
        from interlock.app.notify.mail import Mail, Smtp
        from interlock.app.notify.post import Post
        from interlock.app.notify.webhook import Webhooks

        settings = self.home.settings
        mail = None
        if settings.smtp is not None:
            smtp = settings.smtp
            password = self.home.smtp_password(os.environ)
            mail = Mail(
                Smtp(smtp.host, smtp.port, smtp.security, smtp.sender, smtp.user, password, _ca_file(self.home))
            )
        webhooks = Webhooks(settings.webhooks_to_private_addresses)
        return Post(webhooks, mail, settings.public_url, listening.rstrip("/"))

    def _transport(self) -> AbstractAsyncContextManager[Transport]:
        from interlock.crm.transport import HttpTransport

        if self.opens_transport is not None:
            return self.opens_transport()
        return HttpTransport(ca_file=_ca_file(self.home))

    def _crms(self, transport: Transport) -> Crms:
        from interlock.app.crms import Crms

        return Crms(transport, self.clock_us, self._addresses())

    def _addresses(self) -> Addresses:
        from interlock.app.crms import Addresses

        return self.addresses or Addresses()

    def _tokens(
        self, connection: Connection, secrets: Credentials, granted: dict[str, grants.Grant], transport: Transport
    ) -> tuple[TokenSource, TokenSource]:
        from interlock.app.stored_tokens import StoredTokens
        from interlock.core.model import Side

        crms = self._crms(transport)
        return (
            StoredTokens(self.store, crms, Side.HUBSPOT, connection_id=connection.id, role=granted["hubspot"].role)
            if "hubspot" in granted
            else _hubspot_tokens(secrets),
            StoredTokens(
                self.store, crms, Side.SALESFORCE, connection_id=connection.id, role=granted["salesforce"].role
            )
            if "salesforce" in granted
            else _salesforce_tokens(secrets, connection.salesforce_url, transport, self.clock_us),
        )

    @asynccontextmanager
    async def _built(
        self,
        hubspot_url: str,
        salesforce_url: str,
        tokens_over: Callable[[Transport], tuple[TokenSource, TokenSource]],
        budget: BudgetStore,
        settings: dict[str, object],
    ) -> AsyncIterator[Clients]:
        # Imported here: what calls no CRM (status, issues, --help) starts without aiohttp.
        from interlock.app.allocation import SETTING as ALLOCATED
        from interlock.crm.budget import HubSpotGovernor, SalesforceGovernor
        from interlock.crm.hubspot.client import HubSpotClient
        from interlock.crm.salesforce.client import SalesforceClient

        allocated = settings.get(ALLOCATED)
        async with self._transport() as transport:
            hubspot_tokens, salesforce_tokens = tokens_over(transport)
            clients = Clients(
                HubSpotClient(
                    hubspot_url.rstrip("/"),
                    transport,
                    hubspot_tokens,
                    HubSpotGovernor(budget, self.clock_us),
                    self.clock_us,
                ),
                SalesforceClient(
                    salesforce_url.rstrip("/"),
                    transport,
                    salesforce_tokens,
                    SalesforceGovernor(
                        budget, self.clock_us, allocated=allocated if isinstance(allocated, int) else None
                    ),
                    self.clock_us,
                ),
            )
            try:
                yield clients
            finally:
                for governor in clients.governors:
                    await governor.flush()


@asynccontextmanager
async def open_interlock(home: Path, clock_us: Callable[[], int] = wall_clock_us) -> AsyncIterator[Interlock]:
    """Open the installation in this folder; made on first use. Raises BadInput, StoreError."""
    from interlock.crm.seam import forbid_network

    settings = config.load(home)
    keys = keyring.load_or_create(settings.key_file)
    store = await Store.open(settings.database, clock_us=clock_us, forbid_network=forbid_network, keyring=keys)
    opened = Interlock(settings, store, clock_us)
    try:
        yield opened
    finally:
        await opened.background.close()
        await store.close()


def _ca_file(home: config.Home) -> str | None:
    """Raises BadInput for one that cannot be used: the first call would fail in words that name no setting."""
    import ssl

    from interlock.app.errors import BadInput

    if home.ca_file is None:
        return None
    try:
        ssl.create_default_context(cafile=home.ca_file)
    except OSError as error:
        raise BadInput(
            f"ca_file {home.ca_file} cannot be used: {error.strerror or error}.",
            code="ca_file_unreadable",
            field="ca_file",
            fix="Name a PEM file with the certificate of the authority, or take ca_file out of interlock.yaml.",
        ) from error
    return home.ca_file


def _hubspot_tokens(secrets: Credentials) -> TokenSource:
    from interlock.app.errors import BadInput
    from interlock.core.model import Side
    from interlock.crm.tokens import StaticToken

    if secrets.hubspot_token is None:
        raise BadInput(
            "This connection holds no sign-in to HubSpot.",
            code="sign_in_missing",
            side="hubspot",
            fix="Sign in again on its page, or run `interlock connect` again.",
        )
    return StaticToken(Side.HUBSPOT, secrets.hubspot_token)


def _salesforce_tokens(
    secrets: Credentials, url: str, transport: Transport, clock_us: Callable[[], int]
) -> TokenSource:
    from interlock.app.errors import BadInput
    from interlock.core.model import Side
    from interlock.crm.tokens import ClientCredentials, JwtBearer, StaticToken

    way, url = secrets.salesforce_way, url.rstrip("/")
    if way == "token":
        return StaticToken(Side.SALESFORCE, secrets.salesforce_token or "")
    if way == "client_credentials":
        return ClientCredentials(
            url, secrets.salesforce_client_id or "", secrets.salesforce_client_secret or "", transport
        )
    # The audience is the login host, not the org's own (Salesforce OAuth 2.0 JWT bearer flow).
    audience = "https://test.salesforce.com" if ".sandbox." in url else "https://login.salesforce.com"
    try:
        return JwtBearer(
            url,
            secrets.salesforce_client_id or "",
            secrets.salesforce_user or "",
            (secrets.salesforce_jwt_key or "").encode(),
            transport,
            clock_us,
            audience,
        )
    except ValueError as error:
        raise BadInput(
            f"The Salesforce JWT key cannot be used: {error}.",
            code="sign_in_incomplete",
            side="salesforce",
            fix="Give the PEM file of the RSA private key whose certificate the app holds.",
        ) from error

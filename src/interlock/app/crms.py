"""Where the two CRMs are, and the OAuth flow with each for one app. Holds the transport; decides nothing, remembers nothing.

`Addresses` are the real ones unless the demo puts local ones in their place; only then may an address of this machine be used.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from interlock.app.errors import Missing
from interlock.core.model import Side
from interlock.crm import hosts
from interlock.crm.hubspot import oauth as hubspot
from interlock.crm.oauth import App, Flow
from interlock.crm.salesforce import oauth as salesforce
from interlock.crm.transport import Transport
from interlock.store import Store, crm_apps


class Addresses(msgspec.Struct, frozen=True):
    hubspot_api: str = hubspot.API_URL
    hubspot_pages: str = hubspot.PAGES_URL
    salesforce_production: str = salesforce.PRODUCTION_URL
    salesforce_sandbox: str = salesforce.SANDBOX_URL
    local: bool = False

    @classmethod
    def of_local_crms(cls, hubspot_url: str, salesforce_url: str) -> Addresses:
        """The local CRMs answer for every host of theirs at one address."""
        return cls(hubspot_url, hubspot_url, salesforce_url, salesforce_url, local=True)


class Crms(msgspec.Struct, frozen=True):
    """What a sign-in needs of the outside."""

    transport: Transport
    clock_us: Callable[[], int]
    addresses: Addresses = Addresses()

    def login_url(self, side: Side, *, sandbox: bool = False, my_domain: str | None = None) -> str:
        """Where tokens of this side come from. Raises AddressRefused."""
        if side is Side.HUBSPOT:
            return hosts.checked(side, self.addresses.hubspot_api, local=self.addresses.local)
        if my_domain is not None:
            return hosts.my_domain(my_domain, local=self.addresses.local)
        url = self.addresses.salesforce_sandbox if sandbox else self.addresses.salesforce_production
        return hosts.checked(side, url, local=self.addresses.local)

    def flow(self, side: Side, app: App, login_url: str) -> Flow:
        if side is Side.HUBSPOT:
            return hubspot.HubSpotOAuth(app, self.transport, self.clock_us, login_url, self.addresses.hubspot_pages)
        # A grant of a local org was made in a demo, and is local for whichever process refreshes it.
        local = self.addresses.local or hosts.is_local(urlsplit(login_url).hostname or "")
        return salesforce.SalesforceOAuth(app, self.transport, self.clock_us, login_url, local=local)


async def app_of(store: Store, app_id: int) -> App:
    """Raises Missing, SecretUnreadable."""
    async with store.read(None) as tx:
        found = await crm_apps.get(tx, app_id)
    if found is None:
        raise Missing(
            "The app of this sign-in is not known any more.", code="no_such_app", fix="Enter it again under Apps."
        )
    return App(found.client_id, found.client_secret)


async def save_app(store: Store, side: Side, client_id: str, client_secret: str | None) -> int:
    """Its id, for `begin`. The same client id again replaces the secret for every connection signed in with it."""
    async with store.write(None) as tx:
        return await crm_apps.put(tx, side.value, client_id, client_secret)

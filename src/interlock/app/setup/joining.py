"""What a set-up joins its connection with, whichever way its two sides signed in."""

from __future__ import annotations

import msgspec

from interlock.app.credentials import Credentials
from interlock.app.errors import BadInput
from interlock.app.setup import apps, connect
from interlock.app.setup.connect import SignedIn
from interlock.store import Store
from interlock.store.setups import Setup


class Parts(msgspec.Struct, frozen=True):
    """For `connect.ConnectRequest`. `grants`: HubSpot's, the sync user's, and the deploying admin's where that is another."""

    hubspot_url: str
    salesforce_url: str
    secrets: Credentials | None
    grants: tuple[int, ...]
    sandbox: bool


async def parts(store: Store, setup: Setup) -> Parts:
    """Raises BadInput where a side is not signed in to, SecretUnreadable."""
    values = connect.values_of(setup)
    if values.hubspot is None or values.salesforce is None:
        side = "HubSpot" if values.hubspot is None else "Salesforce"
        raise BadInput(f"{side} is not signed in to.", code="sign_in_missing", fix=f"Sign in to {side} first.")
    async with store.read(None) as tx:
        secrets = await apps.credentials_of(tx, setup)
    signed_in: tuple[SignedIn | None, ...] = (values.hubspot, values.salesforce, values.sync_user)
    return Parts(
        values.hubspot.identity.api_url,
        values.salesforce.identity.api_url,
        secrets,
        tuple(each.grant for each in signed_in if each is not None and each.grant is not None),
        values.salesforce.identity.sandbox,
    )

"""How a connection is signed in to each CRM: as whom, by which way, with which scopes, since when. Calls no CRM, shows no
secret."""

from __future__ import annotations

import msgspec

from interlock.app import credentials
from interlock.app.errors import BadInput
from interlock.core.model import Side
from interlock.store import Store, grants
from interlock.store.connections import Connection
from interlock.store.grants import Grant


class Card(msgspec.Struct, frozen=True):
    """`way`: browser | private_app | token | client_credentials | jwt | none. Of a sign-in in the browser also the scopes and
    when its token was granted and last renewed; `deploys_as`: the admin whose sign-in deploys, where the sync is another's."""

    side: Side
    way: str
    user: str | None
    account: str
    account_id: str
    url: str
    scopes: tuple[str, ...] = ()
    granted_at_us: int | None = None
    renewed_at_us: int | None = None
    expires_at_us: int | None = None
    ended_because: str | None = None
    deploys_as: str | None = None


async def cards(store: Store, connection: Connection) -> list[Card]:
    """HubSpot's, then Salesforce's."""
    assert connection.id is not None
    async with store.read(connection.id) as tx:
        used = await grants.in_use(tx)
        admins = await grants.in_use(tx, grants.ADMIN)
    secrets = await credentials.load(store, connection.id)
    users = connection.settings.get("users", {})
    found = []
    for side in Side:
        here = side is Side.HUBSPOT
        own = (
            (connection.hubspot_name, connection.hubspot_account_id, connection.hubspot_url)
            if here
            else (connection.salesforce_name, connection.salesforce_org_id, connection.salesforce_url)
        )
        grant = used.get(side.value)
        if grant is None:
            found.append(Card(side, _way(side, secrets), users.get(side.value), *own))
            continue
        admin = admins.get(side.value)
        found.append(_granted(side, grant, admin, users.get(side.value), own))
    return found


def _granted(side: Side, grant: Grant, admin: Grant | None, user: str | None, own: tuple[str, str, str]) -> Card:
    return Card(
        side,
        "browser",
        str(grant.who.get("user_name") or user or ""),
        *own,
        scopes=tuple(grant.scopes),
        granted_at_us=grant.granted_at_us,
        renewed_at_us=grant.refreshed_at_us,
        expires_at_us=grant.expires_at_us,
        ended_because=grant.reason if grant.state != grants.GOOD else None,
        deploys_as=str(admin.who.get("user_name")) if admin is not None and admin.id != grant.id else None,
    )


def _way(side: Side, secrets: credentials.Credentials) -> str:
    if side is Side.HUBSPOT:
        return "private_app" if secrets.hubspot_token is not None else "none"
    try:
        return secrets.salesforce_way
    except BadInput:
        return "none"

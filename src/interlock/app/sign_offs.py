"""Ending what a CRM granted, and who the sync runs as: the admin's sign-in deploys, another user's may sync.

A grant that cannot be revoked (the CRM is away, the app's secret was changed) is forgotten here all the same, and the person is
told where to end it in the CRM: a token that we keep only because we could not give it back is the worse of the two.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from interlock.app import credentials
from interlock.app.crms import Crms, app_of
from interlock.app.errors import BadInput, Missing
from interlock.core.model import Side
from interlock.crm.errors import NAMES, CrmError, RateLimited, Unreachable
from interlock.crm.oauth import Granted, Identity
from interlock.store import Store, connections, grants, secrets
from interlock.store.errors import SecretUnreadable
from interlock.store.grants import Grant
from interlock.store.tx import WriteTx

WHERE = {
    Side.HUBSPOT: "In HubSpot: Settings, Integrations, Connected Apps, uninstall Interlock's app.",
    Side.SALESFORCE: "In Salesforce: Setup, Connected Apps OAuth Usage, revoke Interlock's app for that user.",
}
# Secrets of the ways to sign in without a browser; see credentials.py.
_OTHER_WAYS = {
    Side.HUBSPOT: ("hubspot_token",),
    Side.SALESFORCE: (
        "salesforce_token",
        "salesforce_client_id",
        "salesforce_client_secret",
        "salesforce_jwt_key",
        "salesforce_user",
    ),
}

# The reason of one that its CRM has taken back.
ENDED_BY_US = "Ended by Interlock."


class Ended(msgspec.Struct, frozen=True):
    """`why_not`: the CRM did not take it; `fix`: where to end it by hand. `kept`: it is here still, to be tried again.
    `unknown`: we held it to be good, and the CRM does not know it."""

    grant_id: int
    side: Side
    user: str
    why_not: str | None = None
    fix: str | None = None
    kept: bool = False
    unknown: bool = False


async def revoke(store: Store, crms: Crms, grant_id: int, *, keep_to_try_again: bool = False) -> Ended:
    """End a grant at its CRM and wipe its tokens here. One that has ended is fine. `keep_to_try_again`: one whose CRM does not
    answer stays as it is, for with its tokens goes the only way to end it from here. Raises Missing, StoreError."""
    grant = await grant_of(store, grant_id)
    side, user = Side(grant.side), str(grant.who.get("user_name", ""))
    why_not, unknown = None, None
    if grant.tokens is not None:
        async with store.read(grant.connection_id) as tx:
            shared = await grants.shares_refresh_token(tx, grant)
        try:
            if not shared:
                app = await app_of(store, grant.app_id)
                tokens = Granted(grant.tokens.access, grant.tokens.refresh)
                if not await crms.flow(side, app, grant.login_url).revoke(tokens) and grant.state == grants.GOOD:
                    unknown = (
                        f"{NAMES[side]} does not know the sign-in of {user} that is kept here: it was ended there, or somebody"
                        " else has renewed it and goes on with what they got."
                    )
        except (CrmError, Missing, SecretUnreadable) as error:
            why_not = f"{NAMES[side]} could not be told to end the sign-in of {user}: {error}"
            if keep_to_try_again and isinstance(error, Unreachable | RateLimited):
                return Ended(grant_id, side, user, why_not, WHERE[side], kept=True)
    async with store.write(grant.connection_id) as tx:
        ended = await grants.end(tx, grant, grants.REVOKED, why_not or unknown or ENDED_BY_US)
    if not ended and (await grant_of(store, grant_id)).state != grants.REVOKED:
        # A refresh was kept in between: what was revoked is not what is there now.
        return await revoke(store, crms, grant_id, keep_to_try_again=keep_to_try_again)
    return Ended(grant_id, side, user, why_not, None if why_not is None else WHERE[side], unknown=unknown is not None)


async def choose_sync_user(store: Store, admin_grant: int, sync_grant: int) -> None:
    """Both signed in to one org: the one deploys until `end_deploying`, the other syncs. Raises BadInput, Missing."""
    admin, sync = await grant_of(store, admin_grant), await grant_of(store, sync_grant)
    if (admin.side, admin.account_id) != (sync.side, sync.account_id):
        raise BadInput(
            f"{sync.who.get('user_name')} is signed in to {sync.who.get('account_name')} ({sync.account_id}), but the package"
            f" goes to {admin.who.get('account_name')} ({admin.account_id}).",
            code="other_org",
            side=admin.side,
            fix="Sign in as a user of the same org.",
        )
    if admin.who.get("user_id") == sync.who.get("user_id"):
        raise BadInput(
            f"{sync.who.get('user_name')} is the user who is signed in already.",
            code="same_user",
            side=admin.side,
            fix="Choose Sign in as someone else, and sign in as the user that the sync shall run as.",
        )
    async with store.write(admin.connection_id) as tx:
        await grants.set_role(tx, admin.id, grants.ADMIN)
        await grants.set_role(tx, sync.id, grants.SYNC)


async def end_deploying(store: Store, crms: Crms, connection_id: int) -> list[Ended]:
    """The package is there: revoke the admins' grants of this connection. One by which the connection syncs is not touched."""
    async with store.read(connection_id) as tx:
        found = await grants.all_in_use(tx, grants.ADMIN)
    return [await revoke(store, crms, grant.id) for grant in found]


async def end_left_deploying(store: Store, crms: Crms, before_us: int, wanted: Collection[int] = ()) -> list[Ended]:
    """Of every connection: administrators' sign-ins made before then that nobody will end any more. `wanted`: by something that is
    gone on with, and ends them itself."""
    async with store.read(None) as tx:
        ids = await grants.left_deploying(tx, before_us)
    return [await revoke(store, crms, grant_id) for grant_id in ids if grant_id not in wanted]


async def end_all(store: Store, crms: Crms, connection_id: int) -> list[Ended]:
    """For *Disconnect*: every grant of the connection, whatever its role or state."""
    async with store.read(connection_id) as tx:
        found = [*await grants.all_in_use(tx, grants.SYNC), *await grants.all_in_use(tx, grants.ADMIN)]
        ids = [grant.id for grant in found] + await grants.to_revoke(tx)
    return [await revoke(store, crms, grant_id) for grant_id in ids]


async def revoke_superseded(store: Store, crms: Crms, connection_id: int) -> list[Ended]:
    """What another sign-in of this connection has taken the place of."""
    async with store.read(connection_id) as tx:
        ids = await grants.to_revoke(tx)
    return [await revoke(store, crms, grant_id) for grant_id in ids]


async def drop_other_ways(tx: WriteTx, side: Side) -> None:
    """The transaction's connection signs in with a grant from now on: its pasted tokens and keys are forgotten."""
    held = set(await secrets.names(tx))
    mine = [name for each in _OTHER_WAYS[side] if (name := f"sign_in.{each}") in held]
    for name in mine:
        await secrets.drop(tx, name)
    if mine:
        await credentials.changed(tx)


async def adopt(tx: WriteTx, grant_ids: tuple[int, ...]) -> dict[Side, Identity]:
    """Make grants the transaction's connection's; who they are of, by side. Raises Missing, BadInput."""
    users: dict[Side, Identity] = {}
    connection = await connections.get(tx, tx.connection_id)
    assert connection is not None
    own = {Side.HUBSPOT: connection.hubspot_account_id, Side.SALESFORCE: connection.salesforce_org_id}
    for grant_id in grant_ids:
        grant = await grants.get(tx, grant_id)
        if grant is None or grant.state != grants.GOOD:
            raise Missing(f"Sign-in {grant_id} has ended.", code="grant_gone", fix="Sign in again.")
        side = Side(grant.side)
        if grant.account_id != own[side]:
            raise BadInput(
                f"Sign-in {grant_id} is to {grant.account_id}, the connection is with {own[side]}.",
                code="other_account",
                side=side.value,
                fix="Sign in again.",
            )
        await grants.adopt(tx, grant, grant.role)
        if grant.role == grants.SYNC:
            await drop_other_ways(tx, side)
            users[side] = msgspec.convert(grant.who, Identity)
    return users


async def grant_of(store: Store, grant_id: int) -> Grant:
    """Raises Missing, SecretUnreadable."""
    async with store.read(None) as tx:
        found = await grants.get(tx, grant_id)
    if found is None:
        raise Missing(f"There is no sign-in {grant_id} any more.", code="grant_gone", fix="Sign in again.")
    return found

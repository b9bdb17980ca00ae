"""Signing in to a CRM in the browser: `begin` gives the address to go to, `finish` takes what the browser comes back with.

    begin    a one-time state, kept as a hash, bound to a secret in the browser's cookie, good for ten minutes
    finish   state used up (store.sign_ins) -> code exchanged -> who is it -> may it be joined -> grant kept, sealed

What is refused after the exchange is revoked again at the CRM: nothing stays behind that nobody meant to give. Pages and cookies
are the surface's; joining two grants to a connection is `connect`'s; ending them `sign_offs`'.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlsplit

import msgspec

from interlock.app import sign_offs
from interlock.app.connections import UNTIL_PERMITTED, fresh
from interlock.app.crms import Crms, app_of
from interlock.app.errors import BadInput, Missing
from interlock.app.people.log import record, record_once_an_hour
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.sign_in_checks import ALWAYS_ON as ALWAYS_ON
from interlock.app.sign_in_checks import SignInRequest as SignInRequest
from interlock.app.sign_in_checks import SignInStopped as SignInStopped
from interlock.app.sign_in_checks import (
    check_connected,
    check_joined,
    check_kind,
    check_refreshable,
    check_rights,
    known,
)
from interlock.app.until_permitted import paused_for
from interlock.core.model import Side
from interlock.crm import hosts
from interlock.crm.errors import NAMES, AddressRefused, CrmError
from interlock.crm.hubspot.oauth import check_scopes
from interlock.crm.oauth import Granted, Identity, new_verifier
from interlock.crm.salesforce.oauth import SCOPES as SALESFORCE_SCOPES
from interlock.objects.registry import SPECS
from interlock.store import Store, StoreError, connections, grants, schedule, sign_ins
from interlock.store.grants import Grant, Tokens
from interlock.store.sign_ins import LIFETIME_US, Refused, Used
from interlock.store.tx import WriteTx

# The cookie that holds the browser's secret: HttpOnly, Secure over https, SameSite=Lax (not Strict: the CRM sends the browser back
# from another site).
COOKIE = "interlock_sign_in"
CALLBACKS = {Side.HUBSPOT: "/oauth/hubspot/callback", Side.SALESFORCE: "/oauth/salesforce/callback"}
_SECRET_BYTES = 32
# A set-up may wait for a colleague's sign-in for seven days (interface, Ask a colleague), and is left and resumed.
ABANDONED_US = 30 * 24 * 60 * 60 * 1_000_000


class Begun(msgspec.Struct, frozen=True):
    """Send the browser to `address`, and give it `browser` in the cookie."""

    address: str
    browser: str
    expires_at_us: int

    def __repr__(self) -> str:
        return "Begun(...)"


class Finished(msgspec.Struct, frozen=True):
    """What the identity card shows, and what the next steps need. `joined_to`: accounts that this org is joined to already."""

    grant_id: int
    side: Side
    role: str
    identity: Identity
    connection_id: int | None
    joined_to: tuple[str, ...] = ()
    # HubSpot: the connection that the account has already; signing in to the same org again is fine.
    known_as: str | None = None
    not_revoked: str | None = None  # an earlier sign-in that this one replaces could not be ended at the CRM: why
    setup_id: int | None = None  # as it was asked for
    part: str = ""
    moves: int | None = None  # as it was asked for
    replaces: int | None = None  # as it was asked for


class _Wanted(msgspec.Struct, frozen=True):
    """The sealed part of a sign-in under way."""

    verifier: str
    redirect_uri: str
    login_url: str
    request: SignInRequest


def object_scopes(slug: str) -> set[str]:
    """Without all of which an object does not sync. `schemas`, `write`: the key property, and properties that a person asks
    Interlock to make."""
    return {f"crm.{family}.{slug}.{verb}" for family in ("objects", "schemas") for verb in ("read", "write")}


def needed_scopes(objects: Collection[str]) -> tuple[str, ...]:
    """What a sign-in has to have been granted for these objects to sync."""
    return tuple(sorted({"oauth", "crm.objects.owners.read"}.union(*map(object_scopes, objects))))


def hubspot_scopes() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(required, optional) of the app, and so of each sign-in: required ones have to be in its address (HubSpot, Scopes).
    Optional are those that not every account has: without one, the thing it is for stays off."""
    optional = {"crm.lists.read"}.union(*(object_scopes(slug) for slug in SPECS if slug not in ALWAYS_ON))
    optional |= {"communication_preferences.read_write" for spec in SPECS.values() if spec.opt_out is not None}
    return needed_scopes(ALWAYS_ON), tuple(sorted(optional))


def redirect_uri(public_url: str, side: Side) -> str:
    """What is registered with the app, to the letter. Raises BadInput for an address to which no CRM sends anybody back."""
    url = public_url.strip().rstrip("/")
    parts = urlsplit(url)
    # Both CRMs take plain http for this machine only.
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and hosts.is_local(parts.hostname))
    ):
        raise BadInput(
            f"{public_url!r} cannot be the address of this Interlock in a sign-in: the CRMs send people back over https only.",
            code="public_url_unusable",
            field="public_url",
            fix="Put Interlock behind https and enter that address, or use http://localhost on this machine.",
        )
    return url + CALLBACKS[side]


async def begin(store: Store, crms: Crms, request: SignInRequest) -> Begun:
    """Raises BadInput, Missing, AddressRefused. Calls no CRM."""
    side = request.side
    back = redirect_uri(request.public_url, side)
    login_url = await _login_url(store, crms, request)
    app = await app_of(store, request.app_id)
    state, verifier = secrets.token_urlsafe(_SECRET_BYTES), new_verifier()
    browser = request.browser or secrets.token_urlsafe(_SECRET_BYTES)
    needed, optional = (SALESFORCE_SCOPES, ()) if side is Side.SALESFORCE else hubspot_scopes()
    address = crms.flow(side, app, login_url).address(
        back, state, verifier, needed, optional, as_somebody_else=request.as_somebody_else
    )
    wanted = _Wanted(verifier, back, login_url, msgspec.structs.replace(request, browser=None))
    async with store.write(None) as tx:
        await sign_ins.begin(tx, side.value, state, browser, msgspec.json.encode(wanted).decode())
        expires_at_us = tx.now_us + LIFETIME_US
    return Begun(address, browser, expires_at_us)


async def _login_url(store: Store, crms: Crms, request: SignInRequest) -> str:
    """Who signs in again goes to the log-in of the org that the connection is with, and need not know which that is."""
    sandbox, my_domain = request.sandbox, request.my_domain
    if request.connection_id is not None:
        async with store.read(request.connection_id) as tx:
            connected = await fresh(tx, request.connection_id)
        check_connected(connected, request.side)
        if request.side is Side.SALESFORCE and my_domain is None:
            try:
                return crms.login_url(request.side, my_domain=connected.salesforce_url)
            except AddressRefused:
                sandbox = connected.sandbox  # an instance (na1.salesforce.com) is no log-in
    return crms.login_url(request.side, sandbox=sandbox, my_domain=my_domain)


async def finish(
    store: Store,
    crms: Crms,
    side: Side,
    query: Mapping[str, str],
    browser: str | None,
    is_meant: Callable[[SignInRequest], bool] = lambda _: True,
    by: By = BY_COMMAND,
) -> Finished:
    """`query`: the callback's; `browser`: the cookie's value. `is_meant`: whether it is the sign-in that the caller goes on with;
    one that was begun elsewhere in this browser is not its to finish.

    Raises SignInStopped, SignInRefused and its kin, AddressRefused, MissingScope, Unreachable. Whatever it raises, the state is
    used up, save where it is not this browser's."""
    wanted = await _use(store, side, query.get("state", ""), browser, by)
    request = wanted.request
    if not is_meant(request):
        raise SignInStopped(
            "sign_in_other_page",
            f"This browser has begun another sign-in to {NAMES[side]} since. Nothing was changed by this one.",
            f"Start again with Sign in to {NAMES[side]}, and end one before you begin the next.",
            side,
        )
    if "iss" in query:
        # Who has answered, where that is said (RFC 9207): the CRM that was asked, and nobody else.
        hosts.checked(side, query["iss"], local=crms.addresses.local)
    flow = crms.flow(side, await app_of(store, request.app_id), wanted.login_url)
    if "error" in query or not query.get("code"):
        raise flow.read_error(query.get("error", "no code"), query.get("error_description", ""))
    granted = await flow.exchange(query["code"], wanted.redirect_uri, wanted.verifier)
    try:
        check_refreshable(side, granted)
        if side is Side.HUBSPOT:
            check_scopes(granted.scopes, needed_scopes(request.objects))
        identity = await flow.identity(granted)
        check_kind(request, identity)
        check_rights(request, identity)
        finished = await _keep(store, wanted, granted, identity, by)
    except BaseException:
        await _take_back(store, crms, wanted, granted)
        raise
    return msgspec.structs.replace(
        finished,
        not_revoked=await _revoke_replaced(store, crms, request),
        setup_id=request.setup_id,
        part=request.part,
        moves=request.moves,
        replaces=request.replaces,
    )


async def _use(store: Store, side: Side, state: str, browser: str | None, by: By) -> _Wanted:
    async with store.write(None) as tx:
        found = await sign_ins.use(tx, side.value, state, browser)
        if isinstance(found, Refused):
            await record_once_an_hour(tx, by, "crm_sign_in_refused", side.value, why=found.value)
    if isinstance(found, Used):
        return msgspec.json.decode(found.content, type=_Wanted)
    name = NAMES[side]
    again = f"Start again with Sign in to {name}."
    match found:
        case Refused.USED:
            raise SignInStopped(
                "sign_in_used", f"This sign-in to {name} was finished before; its address works once.", again, side
            )
        case Refused.EXPIRED:
            minutes = LIFETIME_US // 60_000_000
            raise SignInStopped(
                "sign_in_expired", f"This sign-in to {name} took longer than {minutes} minutes.", again, side
            )
        case Refused.OTHER_BROWSER:
            raise SignInStopped(
                "sign_in_other_browser",
                f"This sign-in to {name} was begun in another browser, or this browser keeps no cookies of Interlock.",
                f"Finish it in the browser in which it was begun, or: {again}",
                side,
            )
        case Refused.UNKNOWN:
            raise SignInStopped("sign_in_unknown", f"Interlock has begun no such sign-in to {name}.", again, side)


async def _keep(store: Store, wanted: _Wanted, granted: Granted, identity: Identity, by: By) -> Finished:
    """Check against what is known and remember the grant, in one transaction: two sign-ins at once see each other."""
    request, side = wanted.request, wanted.request.side
    async with store.write(request.connection_id) as tx:
        others = await check_joined(tx, request, identity)
        grant = Grant(
            side=side.value,
            app_id=request.app_id,
            login_url=wanted.login_url,
            account_id=identity.account_id,
            who=msgspec.to_builtins(identity),
            scopes=list(granted.scopes),
            tokens=Tokens(granted.access_token, granted.refresh_token),
            role=request.role,
            expires_at_us=None if granted.expires_in_s is None else tx.now_us + granted.expires_in_s * 1_000_000,
        )
        grant.id = await grants.create(tx, grant)
        if request.connection_id is not None:
            if request.role == grants.ADMIN:
                # An administrator who comes for one thing takes no other's place: a set-up goes on with the one that it knows.
                await grants.join(tx, grant, request.role)
            else:
                await grants.adopt(tx, grant, request.role)
                await _signed_in(tx, request.connection_id, side, identity)
            await record(tx, by, "crm_signed_in", f"connection:{request.connection_id}", side=side.value)
    own = request.connection_id
    found = known(side, [each for each in others if each.id != own])
    return Finished(grant.id, side, request.role, identity, own, found.joined_to, found.known_as)


async def _signed_in(tx: WriteTx, connection_id: int, side: Side, identity: Identity) -> None:
    """The connection goes on with it; one that was signed out is so no longer."""
    now = await fresh(tx, connection_id)
    users = {**now.settings.get("users", {}), side.value: identity.user_name}
    changes: dict[str, object] = {"settings": {**now.settings, "users": users}}
    if side is Side.SALESFORCE:
        changes["salesforce_url"] = identity.api_url
    if now.state == "signed_out":
        state = "idle" if now.begun_at_us is not None else "setting_up"
        changes |= {"state": state, "state_reason": None, "state_fix": None}
    if side is Side.SALESFORCE and (paused := paused_for(now, identity)):
        changes |= paused | {"settings": {**now.settings, "users": users, UNTIL_PERMITTED: identity.user_name}}
    await connections.update(tx, connection_id, **changes)
    await sign_offs.drop_other_ways(tx, side)
    await schedule.ring(tx)


async def _take_back(store: Store, crms: Crms, wanted: _Wanted, granted: Granted) -> None:
    """Refused after all: end what was granted. Best effort, the refusal is the story; what stays is in the CRM's list of apps."""
    request = wanted.request
    probe = Grant(
        side=request.side.value,
        app_id=request.app_id,
        login_url=wanted.login_url,
        account_id="",
        who={},
        scopes=[],
        tokens=Tokens(granted.access_token, granted.refresh_token),
    )
    try:
        async with store.read(None) as tx:
            if await grants.shares_refresh_token(tx, probe):
                return
        flow = crms.flow(request.side, await app_of(store, request.app_id), wanted.login_url)
        await flow.revoke(granted)
    except (CrmError, Missing, StoreError):
        return


async def _revoke_replaced(store: Store, crms: Crms, request: SignInRequest) -> str | None:
    """Why not, for those that this sign-in replaces. Set-ups that nobody finished are swept by the way, in silence."""
    async with store.read(None) as tx:
        forgotten = await grants.abandoned(tx, tx.now_us - ABANDONED_US)
    for grant_id in forgotten:
        await sign_offs.revoke(store, crms, grant_id)
    ids = [request.replaces] if request.replaces is not None else []
    if request.connection_id is not None:
        async with store.read(request.connection_id) as tx:
            ids += await grants.to_revoke(tx)
    for grant_id in ids:
        ended = await sign_offs.revoke(store, crms, grant_id)
        if ended.why_not is not None:
            return ended.why_not
    return None

"""Whether a sign-in may be taken: the right kind of org, enough rights, an account that is not joined elsewhere.

Asked of a sign-in in the browser (sign_in.py) and of one by a key alike. Reads the store, calls no CRM.
"""

from __future__ import annotations

import msgspec

from interlock.app.connections import fresh
from interlock.app.errors import BadInput
from interlock.core.model import Side
from interlock.crm.errors import NAMES, RightsMissing
from interlock.crm.oauth import Granted, Identity
from interlock.store import connections, grants
from interlock.store.connections import Connection
from interlock.store.tx import Tx

# All else hangs on them.
ALWAYS_ON = ("contacts",)
_ACCOUNTS = {Side.HUBSPOT: "HubSpot account", Side.SALESFORCE: "Salesforce org"}


class SignInStopped(BadInput):
    """This sign-in goes no further; `code` for the surface, `fix` for the person."""

    def __init__(self, code: str, message: str, fix: str, side: Side) -> None:
        super().__init__(message, code=code, fix=fix, side=side.value)


class SignInRequest(msgspec.Struct, frozen=True):
    """What a person chose before *Sign in to ...*. Grant ids are of sign-ins that were finished before."""

    side: Side
    app_id: int
    public_url: str
    browser: str | None = None  # the cookie's value, where there is one
    sandbox: bool = False  # Salesforce: *Yes, this will connect to a sandbox*
    my_domain: str | None = None  # Salesforce: *Use a My Domain address*, as typed
    as_somebody_else: bool = False  # *Not you?*
    role: str = grants.SYNC
    deploys: bool = False  # Salesforce: this user is to install the package
    objects: tuple[str, ...] = (
        ALWAYS_ON  # HubSpot: what the sign-in has to allow; a set-up leaves others off where it does not
    )
    connection_id: int | None = None  # *Sign in again*, *Connect a different user*
    moves: int | None = None  # *Connect to a new sandbox*: the connection that is to go over to what is signed in to
    other_account: str | None = (
        None  # of the same set-up: the HubSpot account or the org that the other side is signed in to
    )
    replaces: int | None = None  # this side's, of the same set-up
    setup_id: int | None = None  # of the wizard's set-up that it belongs to
    part: str = ""  # which sign-in of that set-up it is, see setup/signing_in.py


class Known(msgspec.Struct, frozen=True):
    """`joined_to`: HubSpot accounts that this org is joined to already. `known_as`: the connection that this account has."""

    joined_to: tuple[str, ...] = ()
    known_as: str | None = None


def known(side: Side, others: list[Connection]) -> Known:
    """What the identity card says of what `check_joined` found."""
    if side is Side.SALESFORCE:
        return Known(joined_to=tuple(each.hubspot_name for each in others))
    return Known(known_as=next((each.name for each in others), None))


async def check_key(tx: Tx, request: SignInRequest, identity: Identity) -> Known:
    """What is asked of a sign-in in the browser, of one by a key; but for rights to install: with a key nobody else can come and
    install, and the package may be there (setup/package.py says what to do). Raises SignInStopped."""
    check_kind(request, identity)
    return known(request.side, await check_joined(tx, request, identity))


def check_refreshable(side: Side, granted: Granted) -> None:
    """Without a refresh token the sync would end with the session, hours from now, and nobody would know why."""
    if granted.refresh_token is None:
        raise SignInStopped(
            "no_refresh_token",
            f"{NAMES[side]} gave no refresh token: the sign-in would end with the session.",
            "Add the scope refresh_token (Perform requests at any time) to the app, then sign in again.",
            side,
        )


def check_kind(request: SignInRequest, identity: Identity) -> None:
    if request.moves is not None and not identity.sandbox:
        raise SignInStopped(
            "production_refused",
            f"{identity.account_name} ({identity.account_id}) is a production org. A connection with a sandbox goes over to"
            " another sandbox only: test data must not end in production.",
            "Sign in to a sandbox. To sync with the production org, disconnect this connection and set it up with that org.",
            Side.SALESFORCE,
        )
    if request.side is not Side.SALESFORCE or request.connection_id is not None or identity.sandbox == request.sandbox:
        return
    org = f"{identity.account_name} ({identity.account_id})"
    raise SignInStopped(
        "wrong_kind_of_org",
        f"{org} is a sandbox, but a production org was asked for."
        if identity.sandbox
        else f"{org} is a production org, but a sandbox was asked for.",
        "Tick *Yes, this will connect to a sandbox*, or sign in to the other org."
        if identity.sandbox
        else "Untick *Yes, this will connect to a sandbox*, or sign in to the other org.",
        Side.SALESFORCE,
    )


def check_rights(request: SignInRequest, identity: Identity) -> None:
    """Where the org does not tell, the deployment itself will."""
    if request.deploys and identity.may_install is False:
        raise RightsMissing(
            Side.SALESFORCE,
            f"{identity.user_name} may not install the package in {identity.account_name}: neither Modify Metadata Through Metadata"
            " API Functions nor Modify All Data is granted.",
            fix="Sign in as an administrator of the org; the sync itself can run as another user. Or ask a colleague.",
        )


async def check_joined(tx: Tx, request: SignInRequest, identity: Identity) -> list[Connection]:
    """Connections that have this account or org already. Raises SignInStopped."""
    if request.connection_id is not None:
        connection = await fresh(tx, request.connection_id)
        check_connected(connection, request.side)
        _check_same(connection, request.side, identity)
    if request.moves is not None:
        check_other_sandbox(await fresh(tx, request.moves), identity)
    if request.side is Side.SALESFORCE:
        if request.other_account is not None:
            await check_pair(tx, request.other_account, identity.account_id, Side.SALESFORCE)
        return await connections.of_org(tx, identity.account_id)
    if request.other_account is not None:
        await check_pair(tx, identity.account_id, request.other_account, Side.HUBSPOT)
    found = await connections.by_hubspot_account(tx, identity.account_id)
    if found is None:
        return []
    if request.connection_id is None:
        _check_not_syncing(found, identity)
    return [found]


def _check_not_syncing(connection: Connection, identity: Identity) -> None:
    """A set-up ends before what syncs; better said here than once the package is in an org."""
    if connection.begun_at_us is not None and connection.state != "not_connected":
        raise SignInStopped(
            "account_already_joined",
            f"HubSpot account {identity.account_name} ({identity.account_id}) syncs already, as the connection"
            f" {connection.name!r} with the Salesforce org {connection.salesforce_name} ({connection.salesforce_org_id}).",
            "Change that connection under its settings, or sign in to another account. To connect it with another org, disconnect"
            " it first.",
            Side.HUBSPOT,
        )


async def check_pair(tx: Tx, hubspot_account_id: str, salesforce_org_id: str, side: Side) -> None:
    """A HubSpot account syncs with one org; an org with any number of accounts. Raises SignInStopped."""
    known = await connections.by_hubspot_account(tx, hubspot_account_id)
    # One that is still being set up has synced nothing: whoever signed in to the wrong org goes back and takes the other. One that
    # was disconnected gives the account free.
    joined = known is not None and known.state not in ("setting_up", "not_connected")
    if known is not None and joined and known.salesforce_org_id != salesforce_org_id:
        raise SignInStopped(
            "account_already_joined",
            f"HubSpot account {hubspot_account_id} is already joined to the Salesforce org"
            f" {known.salesforce_name} ({known.salesforce_org_id}), as the connection {known.name!r}.",
            "A HubSpot account syncs with one org. Disconnect that connection first, or sign in to that org or another account.",
            side,
        )


def check_connected(connection: Connection, side: Side) -> None:
    """A disconnected connection keeps no sign-in, and one alone would not make it sync. Raises SignInStopped."""
    if connection.state == "not_connected":
        raise SignInStopped(
            "not_connected",
            f"{connection.name} is disconnected: a sign-in alone does not connect it again.",
            "Set it up again: its pairs are found by their keys.",
            side,
        )


def check_may_move(connection: Connection) -> None:
    """Raises BadInput for a connection that goes over to no other org."""
    name = f"{connection.salesforce_name} ({connection.salesforce_org_id})"
    if not connection.sandbox:
        raise BadInput(
            f"{connection.name!r} is connected with the production org {name}. Only a connection with a sandbox goes over to"
            " another sandbox.",
            code="not_a_sandbox",
            side="salesforce",
            fix="Disconnect it, and set it up again with the other org.",
        )
    if connection.state in ("not_connected", "setting_up"):
        raise BadInput(
            f"{connection.name!r} does not sync with {name}: there is nothing to go over from.",
            code="not_begun",
            side="salesforce",
            fix="Open /setup, and sign in to the new sandbox there.",
        )


def check_other_sandbox(connection: Connection, identity: Identity) -> None:
    """Raises BadInput, SignInStopped."""
    check_may_move(connection)
    if connection.salesforce_org_id == identity.account_id:
        raise SignInStopped(
            "same_org",
            f"{identity.account_name} ({identity.account_id}) is the org that {connection.name!r} is connected with already.",
            "Sign in to the new sandbox, at its own My Domain address if the log-in page knows your user of the old one. To sign in"
            " to the same org anew, use *Sign in again*.",
            Side.SALESFORCE,
        )


def _check_same(connection: Connection, side: Side, identity: Identity) -> None:
    own = connection.hubspot_account_id if side is Side.HUBSPOT else connection.salesforce_org_id
    if own != identity.account_id and side is Side.SALESFORCE and connection.sandbox and identity.sandbox:
        raise SignInStopped(
            "other_sandbox",
            f"This is the sandbox {identity.account_name} ({identity.account_id}), but the connection {connection.name!r} is with"
            f" {connection.salesforce_name} ({own}). A sandbox that was refreshed is another org with another id, in which the"
            " records that this connection has linked may not be.",
            "Use *Connect to a new sandbox* under Settings, Connection: it says what becomes of the links before anything is"
            " changed, and nothing is deleted.",
            side,
        )
    if own != identity.account_id:
        name = connection.hubspot_name if side is Side.HUBSPOT else connection.salesforce_name
        what = _ACCOUNTS[side]
        raise SignInStopped(
            "other_account",
            f"This is the {what} {identity.account_name} ({identity.account_id}), but the connection {connection.name!r} is"
            f" with {name} ({own}).",
            f"Sign in to {name}. Another {what} takes a connection of its own.",
            side,
        )

"""Which apps Interlock signs in with, and by which address browsers come back. The demo brings its own, and skips this step.

Each side has three ways: an app that is there, one that is made now, or none and a key instead. Secrets come in and never go out:
an empty field keeps the one that there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from interlock.app import sign_in, sign_offs
from interlock.app.credentials import Credentials
from interlock.app.crms import Crms
from interlock.app.errors import BadInput
from interlock.app.people.visitor import By
from interlock.app.setup import connect, state
from interlock.core.model import Side
from interlock.crm import hosts
from interlock.crm.errors import NAMES, AddressRefused
from interlock.store import Store, crm_apps, setups
from interlock.store.setups import Setup
from interlock.store.tx import Tx, WriteTx

slug = "apps"
# The ways. HAVE and CREATE come to the same, a client id; which one was chosen is kept to show the page as it was left.
HAVE, CREATE, KEY, JWT, CLIENT_CREDENTIALS = "have", "create", "key", "jwt", "client_credentials"
WITH_APP = frozenset({HAVE, CREATE})
KEYS = frozenset({JWT, CLIENT_CREDENTIALS})  # Salesforce's ways without a browser
WAYS = {Side.HUBSPOT: (HAVE, CREATE, KEY), Side.SALESFORCE: (HAVE, CREATE, JWT, CLIENT_CREDENTIALS)}
# Names under which a set-up's secrets are sealed; those of `Credentials`.
SECRETS = {KEY: "hubspot_token", JWT: "salesforce_jwt_key", CLIENT_CREDENTIALS: "salesforce_client_secret"}


class Values(msgspec.Struct, frozen=True):
    """`*_app` are ids of `store.crm_apps`. `salesforce_user` and `salesforce_url` are for the ways without a browser."""

    public_url: str = ""
    hubspot_way: str = HAVE
    hubspot_client_id: str = ""
    hubspot_app: int | None = None
    salesforce_way: str = HAVE
    salesforce_client_id: str = ""
    salesforce_app: int | None = None
    salesforce_user: str = ""
    salesforce_url: str = ""
    given: bool = False  # by the demo: nothing to ask
    half: bool = False  # left before it was complete

    def way(self, side: Side) -> str:
        return self.hubspot_way if side is Side.HUBSPOT else self.salesforce_way


class Entered(msgspec.Struct, frozen=True):
    """The form as it was sent. A secret that is empty is the one that is kept already."""

    public_url: str
    hubspot_way: str
    hubspot_client_id: str
    hubspot_client_secret: str
    hubspot_key: str
    salesforce_way: str
    salesforce_client_id: str
    salesforce_client_secret: str
    salesforce_jwt_key: str
    salesforce_user: str
    salesforce_url: str

    def __repr__(self) -> str:
        return "Entered(...)"


class Change(NamedTuple):
    before: Values
    values: Values
    entered: Entered


def values_of(setup: Setup) -> Values:
    return state.kept(setup, slug, Values)


def applies(setup: Setup) -> bool:
    return not values_of(setup).given


def done(setup: Setup) -> bool:
    values = values_of(setup)
    if values.half:
        return False
    hubspot = values.hubspot_way not in WITH_APP or values.hubspot_app is not None
    salesforce = values.salesforce_way not in WITH_APP or values.salesforce_app is not None
    return bool(values.public_url) and hubspot and salesforce


async def kept_secrets(store: Store, setup: Setup) -> set[str]:
    """Names of the secrets that there are: `hubspot_app`, `salesforce_app`, and those of SECRETS."""
    values, found = values_of(setup), set()
    async with store.read(None) as tx:
        for name, app_id in (("hubspot_app", values.hubspot_app), ("salesforce_app", values.salesforce_app)):
            app = None if app_id is None else await crm_apps.get(tx, app_id)
            if app is not None and app.client_secret is not None:
                found.add(name)
        return found | set(await setups.secret_names(tx, setup.id))


async def save(store: Store, crms: Crms, by: By, setup: Setup, entered: Entered, version: int, *, local: bool) -> Setup:
    """`local`: Salesforce may be on this machine, as in the demo. Sign-ins that the set-up goes on without are ended at their CRM.
    Raises BadInput with the field, Stale."""
    check_address(entered.public_url, local=local)
    before = values_of(setup)
    values = Values(
        public_url=entered.public_url.strip().rstrip("/"),
        hubspot_way=_way(Side.HUBSPOT, entered.hubspot_way),
        hubspot_client_id=entered.hubspot_client_id.strip(),
        salesforce_way=_way(Side.SALESFORCE, entered.salesforce_way),
        salesforce_client_id=entered.salesforce_client_id.strip(),
        salesforce_user=entered.salesforce_user.strip(),
        salesforce_url=_org_url(entered, local),
    )
    async with store.write(None) as tx:
        values = msgspec.structs.replace(
            values,
            hubspot_app=await _app(tx, Side.HUBSPOT, values, before, entered.hubspot_client_secret),
            salesforce_app=await _app(tx, Side.SALESFORCE, values, before, entered.salesforce_client_secret),
        )
        for side, _secret, key in _secrets(entered):
            await _keep_key(tx, setup.id, side, values.way(side), key)
            await _forget_other_keys(tx, setup.id, side, values.way(side))
        left = await _ask_again(tx, by, setup, Change(before, values, entered), list(Side))
        saved = await state.save_in(tx, by, setup.id, slug, values, version)
    return await _end_what_was_left(store, crms, by, saved, left)


async def _end_what_was_left(store: Store, crms: Crms, by: By, saved: Setup, left: list[int]) -> Setup:
    refused = await _end(store, crms, left)
    if not refused:
        return saved
    return await state.change(
        store,
        by,
        saved.id,
        connect.slug,
        connect.Values,
        lambda now: msgspec.structs.replace(now, refused={**now.refused, **refused}),
    )


async def leave(
    store: Store, crms: Crms, by: By, setup: Setup, entered: Entered, version: int, *, local: bool
) -> tuple[Setup, bool]:
    """As `save`, of what need not be complete; and whether all that was typed is kept. An address that nobody is sent to is not,
    nor a secret of an app without its client id. A side whose way is not complete keeps the sign-in and the secrets that it had:
    somebody may only have looked. Raises Stale, and BadInput for a way that there is not."""
    before, typed_url = values_of(setup), entered.public_url.strip().rstrip("/")
    lost = not _holds(lambda: check_address(typed_url, local=local))
    values = Values(
        public_url=before.public_url if lost else typed_url,
        hubspot_way=_way(Side.HUBSPOT, entered.hubspot_way),
        hubspot_client_id=entered.hubspot_client_id.strip(),
        salesforce_way=_way(Side.SALESFORCE, entered.salesforce_way),
        salesforce_client_id=entered.salesforce_client_id.strip(),
        salesforce_user=entered.salesforce_user.strip(),
        half=lost,
    )
    if values.salesforce_way in KEYS and _holds(lambda: _domain(entered, local)):
        values = msgspec.structs.replace(values, salesforce_url=_domain(entered, local))
    elif values.salesforce_way in KEYS:
        lost = lost or bool(entered.salesforce_url.strip())
    has_org = _holds(lambda: _org_url(entered, local))
    whole: list[Side] = []
    async with store.write(None) as tx:
        for side, secret, key in _secrets(entered):
            try:
                app = await _app(tx, side, values, before, secret)
                await _keep_key(tx, setup.id, side, values.way(side), key)
            except BadInput as error:
                lost = lost or (error.failure.code == "client_id_missing" and bool(secret.strip()))
                app = _app_before(side, before, values)
            else:
                if side is Side.HUBSPOT or has_org:
                    whole.append(side)
                    await _forget_other_keys(tx, setup.id, side, values.way(side))
                else:
                    app = _app_before(side, before, values)
            values = msgspec.structs.replace(values, **{f"{side.value}_app": app})
        values = msgspec.structs.replace(values, half=values.half or len(whole) < len(Side))
        left = await _ask_again(tx, by, setup, Change(before, values, entered), whole)
        saved = await state.save_in(tx, by, setup.id, slug, values, version)
    return await _end_what_was_left(store, crms, by, saved, left), not lost


def _holds(check: Callable[[], object]) -> bool:
    try:
        check()
    except BadInput:
        return False
    return True


def _secrets(entered: Entered) -> list[tuple[Side, str, str]]:
    """Of each side: its app's, and the key that it signs in with where it has no app."""
    secret = entered.salesforce_client_secret
    key = entered.salesforce_jwt_key if entered.salesforce_way == JWT else secret
    return [(Side.HUBSPOT, entered.hubspot_client_secret, entered.hubspot_key), (Side.SALESFORCE, secret, key)]


def check_address(public_url: str, *, local: bool) -> None:
    """Where the CRMs send browsers back to: refused where it is typed, not at the sign-in. Raises BadInput.

    Both take http for http://localhost alone, no other name of this machine (HubSpot, OAuth: "HTTPS is required for redirect URLs,
    except for localhost"; Salesforce likewise). `local`: so do the local CRMs, which take any.
    """
    sign_in.redirect_uri(public_url, Side.HUBSPOT)
    parts = urlsplit(public_url.strip())
    if local or parts.scheme == "https" or parts.hostname == "localhost":
        return
    port = f":{parts.port}" if parts.port is not None else ""
    raise BadInput(
        f"HubSpot and Salesforce send nobody back to {public_url.strip()}: without https they take http://localhost only.",
        code="public_url_unusable",
        field="public_url",
        fix=f"Open Interlock at http://localhost{port}, sign in there, and enter that address.",
    )


async def give(store: Store, by: By, public_url: str, clients: dict[Side, tuple[str, str]]) -> Setup:
    """Begin a set-up whose apps are there, (client id, client secret) of each: the demo's. Its step is skipped."""
    async with store.write(None) as tx:
        setup = await state.begin_in(tx, by, None)
        ids = {side: await crm_apps.put(tx, side.value, *client) for side, client in clients.items()}
        values = Values(
            public_url=public_url.rstrip("/"),
            hubspot_client_id=clients[Side.HUBSPOT][0],
            hubspot_app=ids[Side.HUBSPOT],
            salesforce_client_id=clients[Side.SALESFORCE][0],
            salesforce_app=ids[Side.SALESFORCE],
            given=True,
        )
        return await state.save_in(tx, by, setup.id, slug, values, 0)


def _way(side: Side, way: str) -> str:
    if way not in WAYS[side]:
        raise BadInput(
            f"{way or 'Nothing'} is no way to sign in to {NAMES[side]}.",
            code="no_such_way",
            field=f"{side.value}_way",
            fix="Choose one of those shown.",
        )
    return way


async def _app(tx: WriteTx, side: Side, values: Values, before: Values, secret: str) -> int | None:
    """The id of the app, made or with its secret replaced; None where the side signs in with a key. Raises BadInput."""
    if values.way(side) not in WITH_APP:
        return None
    prefix, secret = side.value, secret.strip()
    client_id: str = getattr(values, f"{prefix}_client_id")
    if not client_id:
        raise BadInput(
            f"There is no client id for {NAMES[side]}.",
            code="client_id_missing",
            field=f"{prefix}_client_id",
            fix="Copy it from the app.",
        )
    known: int | None = getattr(before, f"{prefix}_app")
    if not secret and known is not None and getattr(before, f"{prefix}_client_id") == client_id:
        return known
    if not secret and side is Side.HUBSPOT:
        raise BadInput(
            "HubSpot gives every app a client secret, and asks for it at each sign-in.",
            code="client_secret_missing",
            field=f"{prefix}_client_secret",
            fix="Copy it from the app, beside the client id.",
        )
    return await crm_apps.put(tx, side.value, client_id, secret or None)


def _org_url(entered: Entered, local: bool) -> str:
    """The org's own address, which a sign-in without a browser goes to. Raises BadInput."""
    if entered.salesforce_way in WITH_APP:
        return ""
    if not entered.salesforce_client_id.strip():
        raise BadInput(
            "There is no client id for Salesforce.",
            code="client_id_missing",
            field="salesforce_client_id",
            fix="Copy it from the app.",
        )
    if entered.salesforce_way == JWT and not entered.salesforce_user.strip():
        raise BadInput(
            "With a JWT key Interlock signs in as a user who is named.",
            code="user_missing",
            field="salesforce_user",
            fix="Enter the user name in Salesforce; it looks like an e-mail.",
        )
    return _domain(entered, local)


def _domain(entered: Entered, local: bool) -> str:
    """Raises BadInput."""
    try:
        return hosts.my_domain(entered.salesforce_url, local=local)
    except AddressRefused as error:
        raise BadInput(error.message, code=error.code, field="salesforce_url", fix=error.fix) from error


async def _keep_key(tx: WriteTx, setup_id: int, side: Side, way: str, typed: str) -> None:
    """Seal what was typed. Raises BadInput where the way needs one and there is none."""
    if way in WITH_APP:
        return
    if typed.strip():
        await setups.put_secret(tx, setup_id, SECRETS[way], typed.strip())
    elif SECRETS[way] not in await setups.secret_names(tx, setup_id):
        field = {KEY: "hubspot_key", JWT: "salesforce_jwt_key", CLIENT_CREDENTIALS: "salesforce_client_secret"}[way]
        raise BadInput(
            f"There is no key for {NAMES[side]}.", code="key_missing", field=field, fix="Paste it from the CRM."
        )


async def _forget_other_keys(tx: WriteTx, setup_id: int, side: Side, way: str) -> None:
    """What another way of the side has left."""
    kept = await setups.secret_names(tx, setup_id)
    for other in WAYS[side]:
        if other != way and SECRETS.get(other) in kept:
            await setups.drop_secret(tx, setup_id, SECRETS[other])


def _app_before(side: Side, before: Values, values: Values) -> int | None:
    """Kept with a way that is not complete, for whoever goes back to the one before; of another client id it is not the app."""
    name = f"{side.value}_client_id"
    app: int | None = getattr(before, f"{side.value}_app")
    return app if getattr(before, name) == getattr(values, name) else None


def _is_other(side: Side, signed_in: connect.SignedIn, change: Change) -> bool:
    """Whether the side signs in with something else than the one whom Connect shows signed in with."""
    before, values, entered = change
    way = values.way(side)
    if (way in WITH_APP) != (signed_in.grant is not None):
        return True  # the way before may have been left half, with who signed in by the one before that
    if way in WITH_APP:
        return False  # whoever signed in stays so, whatever becomes of the app
    if way != before.way(side):
        return True
    if side is Side.HUBSPOT:
        return bool(entered.hubspot_key.strip())
    typed = entered.salesforce_jwt_key if way == JWT else entered.salesforce_client_secret
    own = (values.salesforce_client_id, values.salesforce_user, values.salesforce_url)
    return bool(typed.strip()) or own != (before.salesforce_client_id, before.salesforce_user, before.salesforce_url)


async def _ask_again(tx: WriteTx, by: By, setup: Setup, change: Change, sides: list[Side]) -> list[int]:
    """The card on Connect names whom a person has agreed to: another key may be another account's, and is asked who it is. Gives
    the grants that the set-up knows no more."""
    await setups.lock(tx, setup.id)
    signed_in = connect.values_of(await state.load_in(tx, setup.id))
    shown: dict[Side, connect.SignedIn | None] = {side: getattr(signed_in, side.value) for side in sides}
    parts = [side.value for side, who in shown.items() if who is not None and _is_other(side, who, change)]
    if Side.SALESFORCE.value in parts:
        parts.append("sync_user")
    if parts:
        gone = dict.fromkeys(parts)
        await state.change_in(
            tx, by, setup.id, connect.slug, connect.Values, lambda now: msgspec.structs.replace(now, **gone)
        )
    held: list[connect.SignedIn | None] = [getattr(signed_in, part) for part in parts]
    return [each.grant for each in held if each is not None and each.grant is not None]


async def _end(store: Store, crms: Crms, left: list[int]) -> dict[str, str]:
    """Why not, by side, for those that could not be ended at their CRM, and where to do it by hand."""
    refused: dict[str, str] = {}
    for grant_id in left:
        ended = await sign_offs.revoke(store, crms, grant_id)
        if ended.why_not is not None:
            refused[ended.side.value] = f"{ended.why_not} {ended.fix}"
    return refused


async def credentials_of(tx: Tx, setup: Setup) -> Credentials | None:
    """What the sides that have no app sign in with; None where both have one. Raises SecretUnreadable."""
    values = values_of(setup)
    hubspot, salesforce = values.hubspot_way == KEY, values.salesforce_way in KEYS
    if not hubspot and not salesforce:
        return None
    found = {name: await setups.get_secret(tx, setup.id, name) for name in SECRETS.values()}
    return Credentials(
        hubspot_token=found["hubspot_token"] if hubspot else None,
        salesforce_client_id=values.salesforce_client_id if salesforce else None,
        salesforce_client_secret=found["salesforce_client_secret"] if salesforce else None,
        salesforce_jwt_key=found["salesforce_jwt_key"] if salesforce else None,
        salesforce_user=values.salesforce_user if values.salesforce_way == JWT else None,
    )

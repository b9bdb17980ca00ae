"""The sign-ins of a set-up: HubSpot, Salesforce as the one who deploys, and, where wanted, Salesforce as the one the sync runs as.

    part          hubspot | salesforce | sync_user
    begin         the address to go to; what was refused before is forgotten
    finish        the grant is the set-up's, one that it replaces is revoked; or the refusal is kept, to be said beside the button;
                  who comes second of two is refused, and ended again
    with_key      the same without a browser: a service key, client credentials, a JWT key (apps.py)

Protocol, states and refusals are `app.sign_in`'s; who deploys and who syncs is `app.sign_offs`'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from interlock.app import sign_in, sign_in_checks, sign_offs
from interlock.app.crms import Crms
from interlock.app.errors import AppError, BadInput, as_failure
from interlock.app.people.visitor import By
from interlock.app.setup import apps, connect, state
from interlock.app.setup.connect import SignedIn, Values
from interlock.app.setup.connecting import drop
from interlock.core.model import Side
from interlock.crm.errors import NAMES, AddressRefused, CrmError
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.oauth import SANDBOX_TYPES
from interlock.crm.oauth import Identity
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.oauth import identity_of
from interlock.store import Store, grants, setup_work, setups
from interlock.store.setups import Setup
from interlock.store.tx import Tx, WriteTx

HUBSPOT, SALESFORCE, SYNC_USER = "hubspot", "salesforce", "sync_user"
PARTS = {HUBSPOT: Side.HUBSPOT, SALESFORCE: Side.SALESFORCE, SYNC_USER: Side.SALESFORCE}


class Choice(msgspec.Struct, frozen=True):
    """What was chosen beside the button. `my_domain` empty: the general log-in."""

    sandbox: bool = False
    my_domain: str = ""
    as_somebody_else: bool = False


async def begin(
    store: Store, crms: Crms, by: By, setup_id: int, part: str, choice: Choice, browser: str | None
) -> sign_in.Begun:
    """Raises BadInput, Missing, Stale. Calls no CRM."""
    setup = await state.load(store, setup_id)
    if part == SALESFORCE:
        _check_my_domain(crms, choice.my_domain)
        setup = await _remember(
            store,
            by,
            setup_id,
            lambda now: msgspec.structs.replace(now, sandbox=choice.sandbox, my_domain=choice.my_domain.strip()),
        )
    begun = await sign_in.begin(store, crms, _request(setup, part, choice, browser))
    await _remember(store, by, setup_id, lambda now: _without_refusal(now, part))
    return begun


def _check_my_domain(crms: Crms, typed: str) -> None:
    """Raises BadInput: a mistake is said where it was typed, and not kept."""
    try:
        crms.login_url(Side.SALESFORCE, my_domain=typed.strip() or None)
    except AddressRefused as error:
        raise BadInput(error.message, code=error.code, field="my_domain", fix=error.fix) from error


def _request(setup: Setup, part: str, choice: Choice, browser: str | None) -> sign_in.SignInRequest:
    """Raises BadInput where the side's app is not there yet, or there is nobody yet to sync instead of."""
    entered, values, side = apps.values_of(setup), connect.values_of(setup), PARTS[part]
    app_id = entered.hubspot_app if side is Side.HUBSPOT else entered.salesforce_app
    if app_id is None:
        raise BadInput(
            f"There is no app yet to sign in to {NAMES[side]} with.",
            code="no_such_app",
            side=side.value,
            fix="Enter it under Apps.",
        )
    sandbox, my_domain = values.sandbox, values.my_domain or None
    if part == SYNC_USER:
        if values.salesforce is None:
            raise BadInput(
                "The user who installs the package signs in first.",
                code="sign_in_missing",
                fix="Sign in to Salesforce.",
            )
        # The log-in of the org that is signed in to: what stands beside the other button may be of another, which nobody ended in.
        sandbox, my_domain = values.salesforce.identity.sandbox, values.salesforce.identity.api_url
    own = {HUBSPOT: values.hubspot, SALESFORCE: values.salesforce, SYNC_USER: values.sync_user}[part]
    return sign_in.SignInRequest(
        side,
        app_id,
        entered.public_url,
        browser,
        sandbox=sandbox,
        my_domain=my_domain if side is Side.SALESFORCE else None,
        as_somebody_else=choice.as_somebody_else or part == SYNC_USER,
        deploys=part == SALESFORCE,
        other_account=_account_beside(values, side),
        replaces=None if own is None else own.grant,
        setup_id=setup.id,
        part=part,
    )


def _account_beside(values: Values, side: Side) -> str | None:
    """What the other side of the set-up is signed in to, whichever way."""
    other = values.salesforce if side is Side.HUBSPOT else values.hubspot
    return None if other is None else other.identity.account_id


async def finish(
    store: Store,
    crms: Crms,
    by: By,
    setup_id: int,
    part: str,
    query: Mapping[str, str],
    browser: str | None,
) -> Setup:
    """`setup_id` and `part`: of the button that was pressed; what is refused is kept, to be said there.
    Raises as `sign_in.finish`."""
    try:
        finished = await sign_in.finish(
            store, crms, PARTS[part], query, browser, lambda asked: (asked.setup_id, asked.part) == (setup_id, part)
        )
        return await _attach(store, crms, by, finished)
    except (AppError, CrmError) as error:
        await keep_refusal(store, by, setup_id, part, error)
        raise


async def keep_refusal(store: Store, by: By, setup_id: int, part: str, error: AppError | CrmError) -> None:
    """To be said beside the button, until it is pressed again. Raises Stale, Missing."""
    failure = as_failure(error)
    assert failure is not None
    text = f"{failure.message} {failure.fix}".strip()
    await _remember(store, by, setup_id, lambda now: msgspec.structs.replace(now, refused={**now.refused, part: text}))


async def _attach(store: Store, crms: Crms, by: By, finished: sign_in.Finished) -> Setup:
    """The grant is the set-up's. Where it cannot be, it is ended again. Raises BadInput, Stale, Missing."""
    assert finished.setup_id is not None
    part = finished.part
    signed_in = SignedIn(
        finished.identity, finished.grant_id, finished.joined_to, finished.known_as, finished.not_revoked
    )
    try:
        admin = connect.values_of(await state.load(store, finished.setup_id)).salesforce
        if part == SYNC_USER and admin is not None and admin.grant is not None:
            await sign_offs.choose_sync_user(store, admin.grant, finished.grant_id)
        async with store.write(None) as tx:
            # Held from here on: what is looked at is what is replaced.
            await setups.lock(tx, finished.setup_id)
            before = await state.load_in(tx, finished.setup_id)
            _check_first(before, finished)
            await _check_pair(tx, before, finished)
            setup = await _remember_in(
                tx,
                by,
                finished.setup_id,
                lambda now: _without_refusal(msgspec.structs.replace(now, **{part: signed_in}), part),
            )
    except BaseException:
        await sign_offs.revoke(store, crms, finished.grant_id)
        raise
    sync_user = connect.values_of(before).sync_user
    if part == SALESFORCE and sync_user is not None and sync_user.grant is not None:
        return await _keep_sync_user(store, crms, by, setup, sync_user.grant)
    return setup


def _check_first(setup: Setup, finished: sign_in.Finished) -> None:
    """Two may sign in to one side at once. The first stays: a sign-in that another takes the place of unseen would be of no set-up,
    and nobody would end it. Raises SignInStopped."""
    side, name = finished.side, NAMES[finished.side]
    if apps.values_of(setup).way(side) not in apps.WITH_APP:
        raise sign_in.SignInStopped(
            "sign_in_too_late",
            f"While this sign-in was under way, somebody chose a key for {name} under Apps. This sign-in was ended again.",
            f"Press Sign in to {name} to go on with the key, or choose an app under Apps.",
            side,
        )
    stands: SignedIn | None = getattr(connect.values_of(setup), finished.part)
    if stands is not None and stands.grant != finished.replaces:
        raise sign_in.SignInStopped(
            "sign_in_came_second",
            f"{stands.identity.user_name} signed in to {stands.identity.account_name} while this sign-in was under way. That one"
            " stays, and this one was ended again.",
            "Look at who is signed in now, and change it there if it is not right.",
            side,
        )


async def _check_pair(tx: Tx, setup: Setup, finished: sign_in.Finished) -> None:
    """Once more: both sides may have been on their way at once, and neither known of the other. Raises SignInStopped."""
    beside = _account_beside(connect.values_of(setup), finished.side)
    if beside is None:
        return
    own, side = finished.identity.account_id, finished.side
    hubspot, salesforce = (own, beside) if side is Side.HUBSPOT else (beside, own)
    await sign_in_checks.check_pair(tx, hubspot, salesforce, side)


async def _keep_sync_user(store: Store, crms: Crms, by: By, setup: Setup, sync_grant: int) -> Setup:
    """Somebody else deploys now: the sync user stays, unless that is another org's or the same user."""
    salesforce = connect.values_of(setup).salesforce
    assert salesforce is not None
    assert salesforce.grant is not None
    try:
        await sign_offs.choose_sync_user(store, salesforce.grant, sync_grant)
    except BadInput:
        return await drop_sync_user(store, crms, by, setup.id)
    return setup


async def drop_sync_user(store: Store, crms: Crms, by: By, setup_id: int) -> Setup:
    """The sync runs as the one who deploys, as before. Raises Missing, Stale."""
    before = connect.values_of(await state.load(store, setup_id))
    setup = await _remember(store, by, setup_id, lambda now: msgspec.structs.replace(now, sync_user=None))
    if before.sync_user is not None and before.sync_user.grant is not None:
        await sign_offs.revoke(store, crms, before.sync_user.grant)
    if before.salesforce is not None and before.salesforce.grant is not None:
        async with store.write(None) as tx:
            await grants.set_role(tx, before.salesforce.grant, grants.SYNC)
    return setup


async def give_up(store: Store, crms: Crms, by: By, setup_id: int) -> list[sign_offs.Ended]:
    """End a set-up, every sign-in of it at its CRM, and its connection, which never began. Raises Missing, Stale; BadInput where
    that syncs already."""
    setup = await state.load(store, setup_id)
    await drop(store, setup)
    async with store.write(None) as tx:
        await state.give_up_in(tx, by, setup_id)
        await setup_work.drop_all_but(tx, setup_id)
    values = connect.values_of(setup)
    signed_in = (values.hubspot, values.salesforce, values.sync_user)
    return [
        await sign_offs.revoke(store, crms, each.grant)
        for each in signed_in
        if each is not None and each.grant is not None
    ]


async def with_key(
    store: Store, by: By, setup: Setup, client: HubSpotClient | SalesforceClient, choice: Choice
) -> Setup:
    """Ask the CRM who the key is, and join it. Raises SignInStopped, and what the client raises."""
    part = HUBSPOT if isinstance(client, HubSpotClient) else SALESFORCE
    if part == SALESFORCE:
        setup = await _remember(store, by, setup.id, lambda now: msgspec.structs.replace(now, sandbox=choice.sandbox))
    values = connect.values_of(setup)
    if isinstance(client, HubSpotClient):
        account = await client.account()
        identity = Identity(
            user_id="",
            user_name="service key",
            account_id=account.account_id,
            account_name=account.name,
            api_url=client.base_url,
            sandbox=account.account_type in SANDBOX_TYPES,
            edition=account.account_type,
        )
    else:
        identity = await identity_of(client, client.base_url)
    side = PARTS[part]
    async with store.write(None) as tx:
        await setups.lock(tx, setup.id)
        beside = _account_beside(connect.values_of(await state.load_in(tx, setup.id)), side)
        request = sign_in.SignInRequest(side, 0, "", sandbox=values.sandbox, other_account=beside)
        known = await sign_in_checks.check_key(tx, request, identity)
        signed_in = SignedIn(identity, None, known.joined_to, known.known_as)
        return await _remember_in(
            tx, by, setup.id, lambda now: _without_refusal(msgspec.structs.replace(now, **{part: signed_in}), part)
        )


async def _remember(store: Store, by: By, setup_id: int, changed: Callable[[Values], Values]) -> Setup:
    async with store.write(None) as tx:
        return await _remember_in(tx, by, setup_id, changed)


async def _remember_in(tx: WriteTx, by: By, setup_id: int, changed: Callable[[Values], Values]) -> Setup:
    return await state.change_in(tx, by, setup_id, connect.slug, Values, changed)


def _without_refusal(values: Values, part: str) -> Values:
    return msgspec.structs.replace(
        values, refused={name: text for name, text in values.refused.items() if name != part}
    )

"""Signing in to both CRMs in a browser, through the local CRMs' own log-in and consent pages: let in, refused, and why."""

from __future__ import annotations

import pytest
from tests.contract.conftest import Clock
from tests.contract.sign_in_world import PRODUCTION, SANDBOX, SignInWorld

from interlock.app.sign_in import Finished
from interlock.core.model import Side
from interlock.store import Store, grants

pytestmark = pytest.mark.anyio

HUBSPOT, SALESFORCE = Side.HUBSPOT, Side.SALESFORCE


@pytest.fixture
async def world(store: Store, clock: Clock) -> SignInWorld:
    made = SignInWorld(store, clock, {}, {})
    await made.enter_apps()
    return made


async def kept(world: SignInWorld, finished: Finished) -> grants.Grant:
    async with world.store.read(None) as tx:
        grant = await grants.get(tx, finished.grant_id)
    assert grant is not None
    return grant


async def test_an_admin_signs_in_to_hubspot(world: SignInWorld) -> None:
    finished = await world.sign_in(HUBSPOT)
    assert finished.identity.account_id == str(world.hubspot.account_id)
    assert finished.identity.user_name == "admin@example.com"
    grant = await kept(world, finished)
    assert grant.tokens is not None
    assert grant.tokens.access in world.hubspot.account.tokens
    assert "crm.objects.contacts.write" in grant.scopes
    assert "communication_preferences.read_write" in grant.scopes


@pytest.mark.parametrize(
    ("choices", "host"),
    [
        ({}, PRODUCTION),
        ({"sandbox": True}, SANDBOX),
        ({"my_domain": "acme"}, PRODUCTION),
        ({"my_domain": f"https://{PRODUCTION}/lightning/page/home"}, PRODUCTION),
        ({"my_domain": SANDBOX, "sandbox": True}, SANDBOX),
    ],
)
async def test_an_admin_signs_in_to_salesforce(world: SignInWorld, choices: dict[str, object], host: str) -> None:
    finished = await world.sign_in(SALESFORCE, **choices)
    org = world.sandbox if host == SANDBOX else world.production
    assert finished.identity.account_id == org.org_id
    assert finished.identity.user_name == org.users[1].username
    assert finished.identity.api_url == f"https://{host}"
    assert (finished.identity.sandbox, finished.identity.may_install) == (host == SANDBOX, True)
    assert finished.identity.edition == "Developer Edition"

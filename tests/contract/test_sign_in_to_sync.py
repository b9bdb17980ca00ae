"""From both sign-ins to a running connection, over HTTP and through the wiring: what the wizard will do, without its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.cli_world import Interlock as Command
from tests.contract.cli_world import LocalCrms
from tests.contract.sign_in_world import Browser, save_app

from interlock.app import sign_in, sign_offs
from interlock.app.connect import ConnectRequest, Joined, join
from interlock.app.crms import Addresses
from interlock.app.setup.connect import SignedIn, Values
from interlock.app.sign_in import Finished, SignInRequest
from interlock.core.model import Side
from interlock.crm.errors import AddressRefused
from interlock.crm.transport import HttpTransport, Request
from interlock.store import connections, grants
from interlock.store.setups import KeptStep, Setup
from interlock.wiring import Interlock, open_interlock

pytestmark = pytest.mark.anyio

# The local CRMs send people back to this machine only, as long as no callback is registered with their app.
BACK = "http://localhost:8090"


@pytest.fixture
async def opened(tmp_path: Path, crms: LocalCrms) -> AsyncIterator[Interlock]:
    async with open_interlock(tmp_path / "home") as found:
        found.addresses = Addresses.of_local_crms(crms.hubspot.url, crms.salesforce.url)
        yield found


async def signed_in(opened: Interlock, crms: LocalCrms, side: Side, **choices: Any) -> Finished:
    crm = crms.hubspot if side is Side.HUBSPOT else crms.salesforce
    app = await save_app(opened.store, side, crm.described["client_id"], crm.described["client_secret"])
    async with opened.crms() as asked:
        begun = await sign_in.begin(opened.store, asked, SignInRequest(side, app, BACK, **choices))
        browser = Browser(asked.transport, interlock_url=BACK)
        await browser.go_through(begun.address)
        return await sign_in.finish(opened.store, asked, side, browser.brought, begun.browser)


async def joined(opened: Interlock, crms: LocalCrms) -> Joined:
    hubspot = await signed_in(opened, crms, Side.HUBSPOT)
    salesforce = await signed_in(opened, crms, Side.SALESFORCE, other_account=hubspot.identity.account_id)
    request = ConnectRequest(
        hubspot.identity.api_url,
        salesforce.identity.api_url,
        grants=(hubspot.grant_id, salesforce.grant_id),
    )
    values = Values(SignedIn(hubspot.identity, hubspot.grant_id), SignedIn(salesforce.identity, salesforce.grant_id))
    setup = Setup(steps={"connect": KeptStep(msgspec.to_builtins(values), 1, "", 0)})
    async with opened.setup_clients(setup) as clients:
        return await join(opened.store, clients.hubspot, clients.salesforce, request, opened.clock_us)


async def test_two_sign_ins_become_a_connection_that_syncs_and_renews_its_tokens(
    opened: Interlock, crms: LocalCrms, interlock: Command
) -> None:
    connection = (await joined(opened, crms)).connection
    assert connection.id is not None
    assert connection.settings["users"]["hubspot"] == "admin@example.com"
    assert connection.settings["users"]["salesforce"].startswith("admin@example.com.")
    async with opened.store.read(connection.id) as tx:
        used = await grants.in_use(tx)
    assert used.keys() == {"hubspot", "salesforce"}

    # Salesforce ends the session: the next call renews it by itself, and the store has the new token.
    assert used["salesforce"].tokens is not None
    async with HttpTransport() as line:
        url = f"{crms.salesforce.url}/services/oauth2/revoke?token={used['salesforce'].tokens.access}"
        assert (await line.send(Request("POST", url, {}, b""), 10)).status == 200
    async with opened.clients(connection) as clients:
        assert (await clients.salesforce.organization()).id == connection.salesforce_org_id
    async with opened.store.read(connection.id) as tx:
        assert (await grants.in_use(tx))["salesforce"].generation == 2

    # And the command syncs with them, renewing what has ended: it was given no token and knows of no demo.
    async with opened.store.read(connection.id) as tx:
        used = await grants.in_use(tx)
    assert used["salesforce"].tokens is not None
    async with HttpTransport() as line:
        url = f"{crms.salesforce.url}/services/oauth2/revoke?token={used['salesforce'].tokens.access}"
        assert (await line.send(Request("POST", url, {}, b""), 10)).status == 200
    crms.salesforce.seed("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})
    no_tokens = {"INTERLOCK_HUBSPOT_TOKEN": None, "INTERLOCK_SALESFORCE_TOKEN": None}
    planned = interlock("plan", "--json", **no_tokens).sound()
    assert planned.document["objects"]["contacts"]["create_in_hubspot"] == 1
    ran = interlock("sync", "--once", "--json", **no_tokens).sound()
    assert ran.document["objects"]["contacts"]["created_in_hubspot"] == 1


async def test_disconnecting_ends_both_sign_ins(opened: Interlock, crms: LocalCrms) -> None:
    connection = (await joined(opened, crms)).connection
    assert connection.id is not None
    async with opened.crms() as asked:
        ended = await sign_offs.end_all(opened.store, asked, connection.id)
    assert [each.why_not for each in ended] == [None, None]
    async with opened.store.write(connection.id) as tx:
        await connections.delete(tx, tx.connection_id)


async def test_the_command_disconnects_and_ends_both_sign_ins(
    opened: Interlock, crms: LocalCrms, interlock: Command
) -> None:
    connection = (await joined(opened, crms)).connection
    async with opened.store.read(connection.id) as tx:
        used = await grants.in_use(tx)
    tokens = {side: grant.tokens.access for side, grant in used.items() if grant.tokens is not None}
    no_tokens = {"INTERLOCK_HUBSPOT_TOKEN": None, "INTERLOCK_SALESFORCE_TOKEN": None}
    done = interlock("disconnect", "--confirm", "Uninstall Salesforce", "--json", **no_tokens).sound().document
    assert done["package"] == "removed"
    assert len(done["ended"]) == 2
    assert done["not_ended"] == []
    async with HttpTransport() as line:
        url = f"{crms.salesforce.url}/services/oauth2/userinfo"
        headers = {"Authorization": f"Bearer {tokens['salesforce']}"}
        assert (await line.send(Request("GET", url, headers, None), 10)).status in (401, 403)
    async with opened.store.read(connection.id) as tx:
        assert await grants.in_use(tx) == {}


async def test_connecting_with_tokens_later_gives_the_sign_ins_up(
    opened: Interlock, crms: LocalCrms, interlock: Command
) -> None:
    connection = (await joined(opened, crms)).connection
    assert connection.id is not None
    async with opened.store.read(connection.id) as tx:
        before = (await grants.in_use(tx))["salesforce"]
    assert before.tokens is not None
    interlock.connect().sound()
    async with opened.store.read(connection.id) as tx:
        assert await grants.in_use(tx) == {}
        assert await grants.to_revoke(tx) == []
        ended = await grants.get(tx, before.id)
    assert ended is not None
    assert (ended.state, ended.tokens) == (grants.REVOKED, None)
    async with HttpTransport() as line:
        url = f"{crms.salesforce.url}/services/oauth2/userinfo"
        headers = {"Authorization": f"Bearer {before.tokens.access}"}
        assert (await line.send(Request("GET", url, headers, None), 10)).status in (401, 403)


async def test_local_crms_are_refused_where_it_is_no_demo(opened: Interlock, crms: LocalCrms) -> None:
    opened.addresses = Addresses(hubspot_api=crms.hubspot.url, salesforce_production=crms.salesforce.url)
    for side in Side:
        with pytest.raises(AddressRefused, match="only spoken to over https"):
            await signed_in(opened, crms, side)

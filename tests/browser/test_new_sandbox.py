"""*Connect to a new sandbox*, pressed through: signed in to, stayed away from, confirmed, counted, begun, and synced with.

What is refused, and what becomes of ids, links and writes under way: tests/contract/test_settings_new_sandbox.py.
"""

from __future__ import annotations

import time

import msgspec
import pytest
from playwright.async_api import Page, expect
from tests.browser import chromium
from tests.browser.settled import HERE, MADE, Settled, said
from tests.browser.sign_ins import log_in

from crm_emulator.kernel.clock import Clock
from crm_emulator.kernel.server import LocalServer
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app.sign_in import redirect_uri
from interlock.core.model import Side
from interlock.store import connections

pytestmark = pytest.mark.anyio

SANDBOX = "/connections/{id:int}/new-sandbox"
PAGE = f"{HERE}/new-sandbox"
# From when on what was emptied in HubSpot is taken for nobody's edit any more.
LATER_US = 3_600_000_000
WAIT_MS = 60_000


async def another_sandbox(settled: Settled) -> SalesforceEmulator:
    """An org of its own behind the log-in page of sandboxes; the connection is with a sandbox as well."""
    interlock = settled.demo.stage.interlock
    back = redirect_uri(settled.demo.url, Side.SALESFORCE)
    new = SalesforceEmulator(Clock(), seed=2, sandbox=True, org_name="Acme UAT", callback_urls=(back,))
    new.org.org_id = new.org.ids.make("00D")
    new.reset()
    server = LocalServer(new.app)
    await server.start()
    settled.beside.push_async_callback(server.stop)
    new.instance_url = server.url
    assert interlock.addresses is not None
    interlock.addresses = msgspec.structs.replace(interlock.addresses, salesforce_sandbox=server.url)
    async with settled.store.write(1) as tx:
        await connections.update(tx, 1, sandbox=True)
    return new


async def sign_in(page: Page, new: SalesforceEmulator) -> None:
    await page.get_by_text("The app has another client id there").first.click()
    await page.get_by_label("Client id in the new sandbox").fill(new.client_id)
    await page.get_by_label("Client secret").fill(new.client_secret)
    await page.get_by_role("button", name="Sign in to the new sandbox").click()
    await log_in(page)
    await page.locator("button[value=yes]").click()
    await page.wait_for_url(f"**{PAGE}?done=signed_in")
    await expect(
        page.get_by_role("region", name="The new sandbox").or_(page.get_by_text("Acme UAT")).first
    ).to_be_visible()


@pytest.mark.presses(
    f"GET {SANDBOX}",
    f"POST {SANDBOX}/sign-in",
    f"POST {SANDBOX}/give-up",
    f"POST {SANDBOX}/connect",
    f"POST {SANDBOX}/again",
    f"POST {SANDBOX}/begin",
)
async def test_a_connection_goes_over_to_a_new_sandbox_and_syncs_there(settled: Settled, page: Page) -> None:
    # Nobody else can use this world from here on.
    settled.spent = True
    # A turn of the sync that is under way is waited for, and that one for HubSpot, which takes so many calls in ten seconds.
    page.set_default_timeout(WAIT_MS)
    new = await another_sandbox(settled)
    old = await settled.value("SELECT salesforce_org_id FROM connection")
    await page.goto(f"{HERE}/connection")
    await page.get_by_role("link", name="Connect to a new sandbox").click()
    await page.wait_for_url(f"**{PAGE}")
    await chromium.axe(page)

    await sign_in(page, new)
    await expect(page.get_by_text("Nothing has been changed yet. When you confirm:")).to_be_visible()
    await chromium.axe(page)
    await page.get_by_role("button", name="Stay with the old one").click()
    await said(page, "Nothing was changed.")
    await sign_in(page, new)

    await page.get_by_role("button", name="Connect to this sandbox").click()
    await expect(page.get_by_role("alert")).to_contain_text("Say that you have read")
    await chromium.axe(page)
    assert await settled.value("SELECT salesforce_org_id FROM connection") == old
    await page.get_by_label("Yes, set the old links aside").check()
    await page.get_by_role("button", name="Connect to this sandbox").click()
    await page.wait_for_url(f"**{PAGE}?done=connected")
    preview = page.get_by_role("heading", name="What a first sync would do")
    # It arrives by itself.
    await expect(preview).to_be_visible(timeout=90_000)
    await chromium.axe(page)
    assert await settled.rows("SELECT salesforce_org_id, state FROM connection") == [(new.org.org_id, "paused")]
    assert not new.user().ids("Contact")

    await page.get_by_role("button", name="Count again").click()
    await page.goto(f"{PAGE}")
    await expect(preview).to_be_visible(timeout=90_000)
    await page.get_by_label("Link and create missing").check()
    await page.get_by_role("button", name="Begin to sync with the new sandbox").click()
    await expect(page.get_by_role("alert")).to_contain_text("would be taken for edits")
    await chromium.axe(page)

    settled.demo.stage.interlock.clock_us = lambda: time.time_ns() // 1000 + LATER_US
    await page.goto(PAGE)
    await page.get_by_label("Link and create missing").check()
    await page.get_by_role("button", name="Begin to sync with the new sandbox").click()
    await page.wait_for_url(f"**{HERE}/overview")
    await settled.until_true(
        lambda: MADE in {new.user().get("Contact", id_)["Email"] for id_ in new.user().ids("Contact")}
    )

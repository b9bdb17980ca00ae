"""The page that waits for a colleague looks again by itself, and leaves alone whoever uses it."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from tests.browser import test_setup
from tests.browser.conftest import Desk
from tests.browser.sign_ins import HUBSPOT

pytestmark = pytest.mark.anyio

# It looks again every ten seconds.
LONG_MS = 31_000

desk = test_setup.desk


async def waiting(desk: Desk) -> Page:
    """For Salesforce, with time under the test's hand."""
    page = await test_setup.at_connect(desk)
    await page.get_by_role("button", name="Ask a colleague (Salesforce)").click()
    await page.clock.install()
    await page.get_by_role("link", name="Back to the set-up").click()
    await expect(page.get_by_text("Waiting for your colleague")).to_be_visible()
    await page.evaluate("window.same = true")
    return page


async def test_it_looks_again_while_nobody_uses_it(desk: Desk) -> None:
    page = await waiting(desk)
    await page.clock.fast_forward(LONG_MS)
    await page.wait_for_function("window.same === undefined")


async def test_it_is_not_loaded_again_under_somebody_who_goes_by_keyboard(desk: Desk) -> None:
    page = await waiting(desk)
    button = page.get_by_role("button", name=HUBSPOT)
    await button.focus()
    await page.clock.fast_forward(LONG_MS)
    assert await page.evaluate("window.same")
    await expect(button).to_be_focused()


async def test_it_still_sees_that_the_sign_in_window_was_closed(desk: Desk) -> None:
    page = await waiting(desk)
    async with page.expect_popup() as opening:
        await page.get_by_role("button", name=HUBSPOT).click()
    window = await opening.value
    # Once it has begun: until then the page is right to say what became of the one before.
    await window.wait_for_url(lambda url: not url.startswith("about:"))
    await page.evaluate("document.activeElement.blur()")
    await page.clock.fast_forward(LONG_MS)
    assert await page.evaluate("window.same")
    await window.close()
    await page.clock.run_for(2_000)
    await expect(page.get_by_text("The sign-in window was closed")).to_be_visible()

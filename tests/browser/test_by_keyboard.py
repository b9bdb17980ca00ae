"""A person without a mouse: in, to work, and out again."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from tests.browser import chromium
from tests.browser.conftest import Desk
from tests.office import PASSWORD

pytestmark = pytest.mark.anyio


async def test_signing_in_adding_a_person_and_signing_out_by_keyboard(desk: Desk) -> None:
    page = await desk.page()
    await page.goto("/people")
    # The first field has the focus already.
    await page.keyboard.type("ada@example.com")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="People")).to_be_visible()

    await chromium.tab_to(page, page.get_by_label("Name", exact=True))
    await page.keyboard.type("Nina")
    await page.keyboard.press("Tab")
    await page.keyboard.type("nina@example.com")
    await page.keyboard.press("Tab")
    await page.keyboard.press("o")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="A link for Nina")).to_be_visible()

    await chromium.tab_to(page, page.get_by_role("button", name="Sign out"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()


async def test_the_first_stop_of_a_page_leads_past_its_header(desk: Desk) -> None:
    page = await desk.sign_in()
    await page.goto("/people")
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="To the content")
    assert await skip.evaluate("each => each === document.activeElement")
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.querySelector('main').contains(document.activeElement)")

"""What scripts add, and that pages do without them."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from tests.browser.conftest import Desk

pytestmark = pytest.mark.anyio


async def test_times_are_in_the_viewers_zone_and_keep_the_other_as_their_title(desk: Desk) -> None:
    page = await desk.sign_in()
    at = page.locator("footer time")
    await expect(at).to_have_text("5 Jan 2026, 10:00:00")
    await expect(at).to_have_attribute("title", "2026-01-05 09:00:00 UTC")
    polish = await desk.sign_in(timezone_id="America/New_York")
    await polish.goto("/account")
    await polish.get_by_label("Language", exact=True).select_option("pl")
    await polish.get_by_role("button", name="Save the language").click()
    await expect(polish.locator("footer time")).to_have_text("5 sty 2026, 04:00:00")


async def test_without_scripts_everything_is_there_and_times_say_that_they_are_utc(desk: Desk) -> None:
    page = await desk.sign_in(java_script_enabled=False)
    assert "2026-01-05 09:00:00 UTC" in await page.locator("footer").inner_text()
    await page.get_by_role("link", name="API tokens").click()
    await page.get_by_label("Name").fill("reports")
    await page.get_by_role("button", name="Make").click()
    await page.wait_for_load_state()
    assert await page.get_by_label("Token").input_value()


async def test_a_page_may_run_no_script_that_is_not_a_file_of_ours(desk: Desk) -> None:
    page = await desk.sign_in()
    blocked = "window.blocked = []; document.addEventListener('securitypolicyviolation', e => blocked.push(e.effectiveDirective))"
    await page.evaluate(blocked)
    await page.evaluate(
        """async () => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<p style='color: red' onclick='window.ran = true'>x</p>");
            document.body.lastElementChild.click();
            await fetch("https://elsewhere.example/").catch(() => null);
            await new Promise(done => setTimeout(done));
        }"""
    )
    assert await page.evaluate("window.ran") is None
    assert set(await page.evaluate("blocked")) >= {
        "script-src-elem",
        "script-src-attr",
        "style-src-attr",
        "connect-src",
    }
    # Said on the console as it should be; this page is done.
    desk.complaints.clear()

"""The parts that pages are made of (templates/parts.html, forms.html), all of them on one page: looked at, and used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from tests.browser import chromium
from tests.browser.conftest import Desk, a_desk

from interlock.web import forms
from interlock.web.site import Site

pytestmark = pytest.mark.anyio

PAGES = Path(__file__).parent / "parts"
ADDRESSES = {"/parts": "all.html", "/parts/modal": "modal.html", "/parts/live": "live.html"}


class Parts:
    """Served beside the pages of the installation, as if they were some of them."""

    def __init__(self, desk: Desk) -> None:
        self.site = Site(desk.office.interlock, desk.url, desk.office.passwords)
        for path, name in ADDRESSES.items():
            desk.app.router.routes.insert(0, Route(path, self._shows((PAGES / name).read_text(encoding="utf-8"))))

    def _shows(self, text: str) -> Callable[[Request], Awaitable[Response]]:
        template = self.site.templates.from_string(text)

        async def show(request: Request) -> Response:
            refused = [
                forms.Refused(name, f"The {name} is refused.") for name in request.query_params.getlist("refuse")
            ]
            given = forms.Shown(dict(request.query_params), refused)
            common = {"visitor": None, "places": [], "path": "/parts", "version": "1", "at": None, "sign_out_csrf": ""}
            return HTMLResponse(template.render(form=given, **common))

        return show


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncIterator[Desk]:
    async with a_desk(tmp_path_factory.mktemp("parts"), browser) as made:
        Parts(made)
        yield made


@pytest.fixture
async def page(desk: Desk) -> AsyncIterator[Page]:
    opened = await desk.page()
    yield opened
    desk.has_heard_no_complaint()


REFUSED = "/parts?refuse=name&refuse=rule&refuse=sandbox&refuse=scope&refuse=message"


@pytest.mark.parametrize("path", ["/parts", REFUSED, "/parts/modal"])
@pytest.mark.parametrize("width", [320, 1100])
async def test_every_part_is_as_good_as_axe_can_tell_and_fits(desk: Desk, path: str, width: int) -> None:
    page = await desk.page(width=width)
    await page.goto(path)
    await chromium.axe(page)
    await chromium.fits(page)
    await chromium.tab_through(page)


async def test_every_field_is_led_to_from_the_summary_when_it_is_refused(page: Page) -> None:
    await page.goto(REFUSED)
    for name in ("name", "rule", "sandbox", "scope", "message"):
        await page.get_by_role("alert").get_by_role("link", name=f"The {name} is refused.").click()
        at = page.locator(f"#{name}")
        assert await at.evaluate("each => each === document.activeElement"), name
        await expect(at).to_have_attribute("aria-invalid", "true")
        await expect(at).to_have_accessible_description(f"The {name} is refused.{await hint_of(page, name)}")


async def hint_of(page: Page, name: str) -> str:
    hint = page.locator(f"#{name}-hint")
    return f" {(await hint.text_content() or '').strip()}" if await hint.count() else ""


async def test_a_form_sends_what_was_ticked_chosen_and_written(page: Page) -> None:
    await page.goto("/parts")
    await page.get_by_label("Name", exact=True).fill("x")
    await page.get_by_label("Sync rule", exact=True).select_option("b")
    await page.get_by_label("Yes, this will connect to a sandbox").check()
    await page.get_by_label("Install for Admins Only").check()
    await page.get_by_label("Message", exact=True).fill("m")
    await expect(page.get_by_label("Install for nobody")).to_be_disabled()
    await page.get_by_role("button", name="Save").click()
    await page.wait_for_url("**/parts?name=x&rule=b&sandbox=yes&scope=admins&message=m")
    await expect(page.get_by_label("Yes, this will connect to a sandbox")).to_be_checked()
    await expect(page.get_by_label("Install for Admins Only")).to_be_checked()


async def test_a_dialog_opens_over_the_page_holds_the_focus_and_gives_it_back(page: Page) -> None:
    await page.goto("/parts")
    opener = page.get_by_role("link", name="Change the fields")
    await opener.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Remove the connection?")
    await expect(dialog).to_be_visible()
    await chromium.axe(page)
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(opener).to_be_focused()

    await page.keyboard.press("Enter")
    await dialog.get_by_role("link", name="Cancel").click()
    await expect(dialog).to_have_count(0)
    await expect(opener).to_be_focused()

    await page.keyboard.press("Enter")
    await dialog.get_by_label("Phrase").fill("yes")
    await dialog.get_by_role("button", name="Remove it").click()
    await page.wait_for_url("**/parts?removed=yes&phrase=yes")


async def test_without_scripts_the_dialog_is_a_page_of_its_own_with_a_way_back(desk: Desk) -> None:
    page = await desk.page(java_script_enabled=False)
    await page.goto("/parts")
    await page.get_by_role("link", name="Remove").click()
    await page.wait_for_url("**/parts/modal")
    await page.get_by_role("link", name="Cancel").click()
    await page.wait_for_url("**/parts")


async def test_a_part_that_comes_later_shows_its_times_locally(page: Page) -> None:
    await page.goto("/parts")
    await page.get_by_role("button", name="Look again").click()
    await expect(page.locator("#live")).to_have_text("Seen at 5 Jan 2026, 10:00:00")

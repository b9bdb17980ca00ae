"""Where this machine has a Chromium or Chrome, and what the ring asks of a page in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a run that leaves the browser out loads nothing of it
    from playwright.async_api import Browser, Locator, Page

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
LEFT_OUT = "there is no Chromium or Chrome here. Install one, or name it in INTERLOCK_TEST_BROWSER."

# Only a test that fails waits so long. Whoever goes through the wizard as fast as a test has the account's burst limit to wait for
# (ten seconds), and other tests may have the cores.
PATIENCE_MS = 30_000

NARROW = 320
# WCAG 2.2, level AA, and what axe counts as good practice; https://github.com/dequelabs/axe-core/blob/develop/doc/API.md
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_BAD = ("serious", "critical")

# Of what has the focus, told in one go, since each question is a way to the browser and back. `target`: is it this?
_FOCUS = """target => {
    const at = document.activeElement;
    if (at === null || at === document.body) return null;
    const box = at.getBoundingClientRect(), seen = at.dataset.stop !== undefined;
    at.dataset.stop = at.localName;
    const outlined = each => {
        if (!each) return false;
        const style = getComputedStyle(each);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    };
    const x = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 1);
    const y = Math.min(Math.max(box.top + Math.min(box.height, innerHeight) / 2, 1), innerHeight - 1);
    const over = document.elementFromPoint(x, y);
    return {
        seen, tag: at.localName, reached: at === target, html: at.outerHTML.slice(0, 160),
        outlined: outlined(at) || outlined(at.nextElementSibling?.querySelector("[class*=_faux]")),
        inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        covered: !(at.contains(over) || over?.contains(at)),
    };
}"""
# What axe would load by itself are style sheets for a rule that none of the tags asks for, and films, of which there is none.
_LOOK = """tags => axe
    .run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"], preload: false})
    .then(result => result.violations)"""
_TO_THE_BEGINNING = """() => {
    for (const each of document.querySelectorAll("[data-stop]")) delete each.dataset.stop;
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
}"""


@cache
def executable() -> str | None:
    named = os.environ.get("INTERLOCK_TEST_BROWSER")
    if named:
        return named
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or next((place for place in PLACES if Path(place).is_file()), None)


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


async def axe(page: Page) -> None:
    """No serious or critical finding of axe-core on what is shown now. Playwright's own evaluation is not held back by the CSP."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_axe())
    found: list[dict[str, Any]] = await page.evaluate(_LOOK, TAGS)
    bad = [
        f"{each['id']} ({each['impact']}): {each['help']}\n    " + "\n    ".join(node["html"] for node in each["nodes"])
        for each in found
        if each["impact"] in _BAD
    ]
    assert not bad, f"{page.url}\n" + "\n".join(bad)


async def fits(page: Page) -> None:
    """Nothing is to be scrolled sideways for (WCAG 1.4.10), but tables and the like that scroll within themselves."""
    wide = await page.evaluate(
        """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
            [...document.querySelectorAll("body *")]
                .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
                .map(each => each.outerHTML.slice(0, 120))"""
    )
    assert not wide, f"{page.url} is wider than {await page.evaluate('innerWidth')} px:\n" + "\n".join(wide)


def focus_is_seen(told: dict[str, Any], page: Page) -> None:
    """What has the focus is in the window, not under anything, and looks different for it (WCAG 2.4.7, 2.4.11)."""
    assert told["outlined"], f"{page.url}: the focus is not seen on {told['html']}"
    assert told["inside"], f"{page.url}: the focus is outside the window, on {told['html']}"
    assert not told["covered"], f"{page.url}: something covers {told['html']}, which has the focus"


async def tab_to(page: Page, target: Locator, most: int = 200) -> None:
    """Reach it with the Tab key alone; at each stop on the way the focus is seen."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        told = await target.evaluate(_FOCUS)
        if told is None:
            continue
        focus_is_seen(told, page)
        if told["reached"]:
            return
    raise AssertionError(f"{page.url}: Tab does not get to {target}")


async def tab_through(page: Page, most: int = 300) -> list[str]:
    """The tags of all stops of the Tab key from the beginning of the page; at each the focus is seen."""
    stops: list[str] = []
    await page.evaluate(_TO_THE_BEGINNING)
    for _ in range(most):
        await page.keyboard.press("Tab")
        told = await page.evaluate(_FOCUS)
        if told is None or told["seen"]:
            break
        focus_is_seen(told, page)
        stops.append(told["tag"])
    return stops


async def is_good(page: Page) -> None:
    """Gone through by keyboard, looked at by axe, at 320 px, and with text at 200 %. Its window is wide before, not after."""
    assert await page.locator("h1").count() == 1
    controls = await page.locator(
        # Of radio buttons of one question the chosen one is the stop.
        "a[href]:visible, button:enabled:visible, select:visible, textarea:visible, summary:visible,"
        " input:enabled:not([type=hidden]):not([type=radio]):visible, input[type=radio]:checked:visible"
    ).count()
    stops = await tab_through(page)
    # Regions that scroll are stops too; nothing that can be used is left out.
    used = ("a", "button", "select", "textarea", "input", "summary")
    assert len([stop for stop in stops if stop in used]) == controls
    await axe(page)

    await page.set_viewport_size({"width": NARROW, "height": 640})
    await axe(page)
    await fits(page)
    # Text at 200 % by the browser's own setting: every length of the style sheet goes by it.
    await page.set_viewport_size({"width": 2 * NARROW, "height": 900})
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    await fits(page)


async def hears_that_it_waits(page: Page, hears: Callable[[str], object]) -> None:
    """Each time that the window says that a page is on its way. Only the window itself can tell: Playwright does not look at a page
    that is about to be left. To be asked for before the page is opened."""
    await page.expose_function("hearsThatItWaits", hears)
    await page.add_init_script(
        """addEventListener("DOMContentLoaded", () => {
            const place = document.getElementById("waiting");
            new MutationObserver(() => place.textContent && hearsThatItWaits(place.textContent)).observe(place, {childList: true});
        });"""
    )


async def new_page(browser: Browser, *, width: int = 1100, height: int = 900, **options: Any) -> Page:
    """A window of its own, without any cookie, that fails the test for what the browser complains of."""
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        **{"locale": "en-GB", "timezone_id": "Europe/Warsaw", "reduced_motion": "reduce", **options},
    )
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page

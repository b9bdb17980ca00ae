"""The pictures of docs/screens, from the running demo: the wizard with both sign-ins, then the settings after the demo's story.

python -m tests.screens [NAME ...]     needs Chromium or Chrome. Takes them anew, all of them or those that are named

Each is the page as a person sees it, in English and in light, at one width, cut at a height, with the fonts of this machine: one
that has the usual ones (fonts-liberation) is to take them. Only sample data is in them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser import chromium

FOLDER = Path(__file__).parents[1] / "docs" / "screens"
WIZARD = ("connect", "package", "configuration", "review")
SETTINGS = ("overview", "health", "mappings", "record", "conflicts")
NAMES = (*WIZARD, *SETTINGS)
WIDTH, HIGHEST = 1_100, 1_150
COMMAND = str(Path(sys.executable).parent / "interlock")
# Ours, away from where `interlock serve` and the demo are usually.
PORT = 18_090
_PATIENCE_MS = 20_000
_LINK = re.compile(r"Interlock\s+(http://\S+/welcome/\S+)")
_CONFLICT = re.compile(r"explain (hubspot:contacts:\d+)")


@contextmanager
def demo(*options: str) -> Iterator[tuple[str, str]]:
    """The demo, once it says where to look: (the link that signs in, all that it said)."""
    with tempfile.TemporaryDirectory() as folder:
        command = [COMMAND, "demo", "--port", str(PORT), "--keep", f"{folder}/home", *options]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            yield _where(running)
        finally:
            running.terminate()
            running.wait(timeout=30)


def _where(running: subprocess.Popen[str]) -> tuple[str, str]:
    said = ""
    assert running.stdout is not None
    for line in running.stdout:
        said += line
        if line.startswith("Stop with"):
            found = _LINK.search(said)
            assert found is not None, said
            return found[1], said
    raise SystemExit(f"The demo ended before it said where to look:\n{said}")


def wizard(page: Page, shoot: Any) -> None:
    """Through the wizard as its first user goes, at each CRM as its administrator."""
    page.get_by_role("button", name="Next").click()
    page.wait_for_url("**/setup/connect**")
    _signed_in(page, "Sign in to HubSpot")
    _signed_in(page, "Sign in to Salesforce")
    shoot("connect")
    page.get_by_role("button", name="Next").click()
    page.wait_for_url("**/setup/package**")
    _installed(page)
    shoot("package")
    page.get_by_role("button", name="Next").click()
    page.wait_for_url("**/setup/configuration**")
    shoot("configuration")
    page.get_by_role("button", name="Review settings").click()
    page.wait_for_url("**/setup/review**")
    page.goto(page.url)
    while page.get_by_text("so far", exact=True).count():
        page.get_by_role("link", name="Load again").first.click()
    page.get_by_label("Link and create missing").check()
    shoot("review", "What a first sync would do")


def _signed_in(page: Page, button: str) -> None:
    with page.expect_popup() as opening:
        page.get_by_role("button", name=button).first.click()
    window = opening.value
    window.wait_for_url("**/sign-in?next=*")
    window.locator("[name=password]").fill(window.locator("code").first.inner_text())
    window.locator("[name=password]").press("Enter")
    window.wait_for_url("**/authorize?*")
    with window.expect_event("close"):
        window.locator("button[value=yes]").click()
    # Its card stands there once the page has heard of it.
    expect(page.get_by_role("button", name=button)).to_have_count(0)


def _installed(page: Page) -> None:
    page.get_by_role("link", name="Begin Salesforce package install").click()
    page.get_by_role("button", name="Install", exact=True).click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Done. The package is installed.")).to_be_visible()


def settings(page: Page, said: str, shoot: Any) -> None:
    """What the demo's day has left."""
    page.goto("/settings")
    at = page.url.removesuffix("/overview")
    shoot("overview")
    page.goto(f"{at}/health")
    shoot("health")
    page.goto(f"{at}/contacts")
    page.get_by_role("button", name="Show samples").click()
    expect(page.get_by_role("columnheader", name="Samples")).to_be_visible()
    shoot("mappings", "Field mappings")
    found = _CONFLICT.search(said)
    assert found is not None, said
    page.goto(f"{at}/records/{found[1]}")
    shoot("record")
    page.goto(f"{at}/conflicts")
    shoot("conflicts")


def take(wanted: set[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium.executable(), args=["--no-sandbox"])
        for names, options in ((WIZARD, ("--wizard",)), (SETTINGS, ())):
            if not wanted.intersection(names):
                continue
            with demo(*options) as (link, said):
                context = opened.new_context(
                    base_url=link.partition("/welcome/")[0],
                    viewport={"width": WIDTH, "height": 700},
                    locale="en-GB",
                    timezone_id="UTC",
                    reduced_motion="reduce",
                )
                context.set_default_timeout(_PATIENCE_MS)
                expect.set_options(timeout=_PATIENCE_MS)
                page = context.new_page()
                page.goto(link)
                page.get_by_role("main").get_by_role("button", name="Sign in").click()

                def shoot(name: str, heading: str = "", page: Page = page) -> None:
                    if name in wanted:
                        _picture(page, FOLDER / f"{name}.png", heading)

                wizard(page, shoot) if names is WIZARD else settings(page, said, shoot)
                context.close()
        opened.close()


def _picture(page: Page, file: Path, heading: str) -> None:
    """From this heading on, or from the top of the page."""
    page.wait_for_load_state("load")
    page.evaluate("window.scrollTo(0, 0)")
    above = page.get_by_role("heading", name=heading).first.bounding_box() if heading else None
    top = above["y"] - 24 if above else 0
    height = min(page.evaluate("document.documentElement.scrollHeight") - top, HIGHEST)
    page.screenshot(path=file, full_page=True, clip={"x": 0, "y": top, "width": WIDTH, "height": height})


if __name__ == "__main__":
    if chromium.executable() is None:
        raise SystemExit(f"No pictures were taken: {chromium.LEFT_OUT}")
    named = set(sys.argv[1:]) or set(NAMES)
    if not named <= set(NAMES):
        raise SystemExit(f"There is no screen {', '.join(sorted(named - set(NAMES)))}. There are: {', '.join(NAMES)}.")
    take(named)

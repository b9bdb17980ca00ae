"""What the wizard lets a person choose of two things that are not called the same, pressed with and without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from tests.browser import chromium
from tests.browser.conftest import Desk, a_desk
from tests.contract.conftest import Clock
from tests.contract.test_setup_drift import a_tier
from tests.wizard import Wizard

pytestmark = pytest.mark.anyio


@dataclass
class Room:
    desk: Desk
    wizard: Wizard

    def address(self, step: str) -> str:
        return f"/setup/{step}?setup={self.wizard.setup_id}&back=review"


@pytest.fixture
async def room(tmp_path: Path, browser: Browser) -> AsyncIterator[Room]:
    """Every step is done, the long way."""
    async with a_desk(tmp_path, browser) as desk:
        wizard = Wizard(desk.office.store, Clock(desk.office.now_us), tmp_path)
        desk.office.interlock.opens_transport = wizard.interlock.opens_transport
        desk.office.interlock.addresses = None
        wizard.interlock = desk.office.interlock
        wizard.production.add_custom_field("Contact", "Tier__c", "Picklist", picklist=("gold", "silver"))
        await wizard.signed_in()
        assert (await wizard.install()).state == "done"
        await wizard.advanced()
        await wizard.choose()
        yield Room(desk, wizard)


async def look(page: Page) -> None:
    await chromium.axe(page)
    await chromium.fits(page)


@pytest.mark.parametrize("scripts", [True, False])
async def test_labels_for_roles_are_ticked_and_said_on_the_review(room: Room, scripts: bool) -> None:
    page = await room.desk.sign_in(width=chromium.NARROW, java_script_enabled=scripts)
    await page.goto(room.address("choices"))
    deals = page.locator("#more-deals")
    await deals.locator("summary").press("Enter")
    await deals.get_by_label("Roles of an opportunity's contacts").select_option("both")
    labels = deals.get_by_role("group", name="Labels to make in HubSpot")
    for box in await labels.get_by_role("checkbox").all():
        await box.uncheck()
    await labels.get_by_label("Decision Maker", exact=True).check()
    if scripts:
        await look(page)
    await page.get_by_role("button", name="Next", exact=True).press("Enter")
    await page.wait_for_url("**/setup/review*")
    await expect(page.get_by_text("Labels that are made in HubSpot: Decision Maker.")).to_be_visible()


async def test_values_are_called_the_same_by_keyboard(room: Room) -> None:
    await a_tier(room.wizard, "gold", "bronze")
    page = await room.desk.sign_in(width=chromium.NARROW)
    await page.goto(room.address("values"))
    await page.get_by_role("button", name="Read the lists of both sides again").press("Enter")
    await page.locator("summary", has_text="industry").press("Enter")
    await page.locator("summary", has_text="tier__c").press("Enter")
    await page.get_by_label("bronze in HubSpot is in Salesforce").select_option("silver")
    await look(page)
    await page.get_by_role("button", name="Next", exact=True).press("Enter")
    await page.wait_for_url("**/setup/review*")
    await expect(page.get_by_text("tier__c: bronze in HubSpot is silver in Salesforce.")).to_be_visible()

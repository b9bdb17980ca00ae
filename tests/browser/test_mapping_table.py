"""The mapping table's search as one types: rows are shown and hidden in place, and what was ticked stays ticked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from tests.browser.conftest import a_desk
from tests.contract.conftest import a_connection

from interlock.store import connections, mappings
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow

pytestmark = pytest.mark.anyio

# More than are shown at once.
MANY = 200


@asynccontextmanager
async def _table(tmp_path: Path, browser: Browser) -> AsyncIterator[Page]:
    async with a_desk(tmp_path, browser) as desk:
        async with desk.office.store.write(None) as tx:
            id_ = await connections.create(tx, a_connection())
        async with desk.office.store.write(id_) as tx:
            of = await mappings.save_object_mapping(tx, ObjectMappingRow("contacts", "Contact"))
            for number in range(MANY):
                row = FieldMappingRow(of, f"region_{number}", f"Region_{number}__c", "two_way")
                await mappings.save_field_mapping(tx, row)
        page = await desk.sign_in()
        await page.goto(f"{desk.url}/connections/{id_}/contacts")
        yield page


async def test_typing_filters_the_table_in_place_and_the_rest_is_shown_on_request(
    tmp_path: Path, browser: Browser
) -> None:
    async with _table(tmp_path, browser) as page:
        rows, search = page.locator("#mapping-table tbody tr:visible"), page.get_by_label("Search mappings")
        more = page.get_by_role("button", name="Show all that were found")
        await expect(rows).to_have_count(150)
        await more.click()
        await expect(rows).to_have_count(MANY)
        await page.get_by_label("Select region_7", exact=True).check()
        await search.press_sequentially("REGION_19")
        await expect(rows).to_have_count(11)  # 19 and 190 to 199
        await expect(page.locator("#mapping-count")).to_have_text("Found: 11. Shown: 11.")
        await expect(more).to_be_hidden()
        await search.fill("no such field")
        await expect(rows).to_have_count(0)
        await search.fill("region_7")
        await expect(page.get_by_label("Select region_7", exact=True)).to_be_checked()


async def test_all_that_are_shown_are_selected_at_once_and_no_others(tmp_path: Path, browser: Browser) -> None:
    async with _table(tmp_path, browser) as page:
        all_, ticked = page.get_by_label("Select all that are shown"), page.locator("input[name^='pair:']:checked")
        await page.get_by_label("Search mappings").fill("region_19")
        await all_.check()
        await expect(ticked).to_have_count(11)
        await page.get_by_label("Search mappings").fill("")
        await expect(all_).not_to_be_checked()
        await page.get_by_role("button", name="Show all that were found").click()
        await expect(ticked).to_have_count(11)
        await all_.check()
        await expect(ticked).to_have_count(MANY)
        await page.get_by_label("Select region_7", exact=True).uncheck()
        await expect(all_).not_to_be_checked()

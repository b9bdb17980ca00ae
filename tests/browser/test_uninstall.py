"""*Disconnect*: what is removed and what stays, the files to keep, the phrase; how it goes, and both CRMs without Interlock."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from tests.browser import chromium
from tests.browser.settled import HERE, Settled

pytestmark = pytest.mark.anyio

C = "/connections/{id:int}"
REASON = "The pilot is over."


@pytest.mark.presses(
    f"GET {C}/links.csv",
    f"GET {C}/mappings.yaml",
    f"GET {C}/disconnect",
    f"POST {C}/disconnect",
    f"GET {C}/disconnect/{{job}}",
)
async def test_two_crms_are_parted_once_the_phrase_is_typed_and_keep_their_records(
    settled: Settled, page: Page
) -> None:
    people = settled.people()
    linked = await settled.rows("SELECT hubspot_id FROM record_link WHERE state = 'linked'")
    await page.goto(f"{HERE}/connection")
    await page.get_by_role("link", name="Disconnect", exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("heading", name="What is removed")).to_be_visible()
    await expect(dialog.get_by_role("heading", name="What stays")).to_be_visible()
    await chromium.axe(page)
    files = {}
    for name in ("Download mappings", "Download links"):
        async with page.expect_download() as downloading:
            await dialog.get_by_role("link", name=name).click()
        files[name] = (await (await downloading.value).path()).read_text(encoding="utf-8")
    assert "property: email" in files["Download mappings"]
    # The sync goes on meanwhile, so there may be more by now.
    assert linked
    for (id_,) in linked:
        assert f":{id_}," in files["Download links"]

    await dialog.get_by_label("Reason").fill(REASON)
    await dialog.get_by_label("To confirm, type Uninstall Salesforce").fill("uninstall salesforce")
    await dialog.get_by_role("button", name="Disconnect").click()
    await expect(page.get_by_role("alert")).to_contain_text("These are not the words.")
    await expect(page.get_by_label("Reason")).to_have_value(REASON)
    await chromium.axe(page)
    assert await settled.value("SELECT state FROM connection") != "not_connected"

    assert not settled.newest_sign_ins_are_ended()
    # From here on nobody else can use this world.
    settled.spent = True
    settled.world.salesforce.org.config.deploy_pending_s = 2.0
    await page.get_by_label("To confirm, type Uninstall Salesforce").fill("Uninstall Salesforce")
    await page.get_by_role("button", name="Disconnect").click()
    await page.wait_for_url(f"**{HERE}/disconnect/*")
    await expect(page.get_by_text("The files are written, the package is taken out")).to_be_visible()
    await chromium.axe(page)
    # It arrives by itself.
    await expect(page.get_by_text("Disconnected.", exact=False)).to_be_visible(timeout=90_000)
    await expect(page.get_by_text("taken out of the org")).to_be_visible()
    await expect(page.get_by_text("Ended at the CRMs: the sign-ins of")).to_be_visible()
    assert not settled.permitted()
    assert settled.newest_sign_ins_are_ended()
    assert settled.people() == people
    ((state, why),) = await settled.rows("SELECT state, state_reason FROM connection")
    assert state == "not_connected"
    assert REASON in why

    await chromium.axe(page)
    await page.goto(f"{HERE}/connection")
    await expect(page.get_by_role("link", name="Connect again")).to_be_visible()
    await expect(page.get_by_role("button", name="Pause syncing")).to_have_count(0)

"""What a person does at the CRMs' own pages: in a window that the wizard opened, or in the same tab."""

from __future__ import annotations

from playwright.async_api import Page

ADMIN, SALES = "admin@example.com", "sales@example.com"
HUBSPOT, SALESFORCE = "Sign in to HubSpot", "Sign in to Salesforce"


async def log_in(page: Page, email: str = ADMIN) -> None:
    """At the CRM's own page, which lists its people with their password."""
    await page.wait_for_url("**/sign-in?next=*")
    password = await page.locator("code").first.inner_text()
    await page.locator("[name=email]").select_option(email)
    await page.locator("[name=password]").fill(password)
    await page.locator("[name=password]").press("Enter")
    await page.wait_for_url("**/authorize?*")


async def in_a_window(page: Page, button: str, email: str | None = ADMIN, answer: str = "yes") -> None:
    """`email` None: somebody is logged in there already."""
    async with page.expect_popup() as opening:
        await page.get_by_role("button", name=button).first.click()
    window = await opening.value
    if email is not None:
        await log_in(window, email)
    else:
        await window.wait_for_url("**/authorize?*")
    async with window.expect_event("close"):
        await window.locator(f"button[value={answer}]").click()

"""Each control of Notifications, People, API tokens, the account and the Audit log once: what is seen on the page, what is kept,
and what arrives where messages go."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from tests.browser import chromium
from tests.browser.settled import Settled, said
from tests.office import PASSWORD, CountingHasher

from interlock.app.people import manage, signing_in
from interlock.app.people.passwords import Passwords
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND

pytestmark = pytest.mark.anyio


def places(state: str = "target") -> str:
    return f"SELECT {state} FROM notification_channel ORDER BY id"


@pytest.mark.presses(
    "POST /notifications",
    "POST /notifications/{id:int}/events",
    "POST /notifications/{id:int}/test",
    "POST /notifications/{id:int}/remove",
)
async def test_a_webhook_is_added_tried_told_of_other_things_and_removed(settled: Settled, page: Page) -> None:
    target = settled.hook.url
    await page.goto("/notifications")
    await page.get_by_label("Web address or e-mail address").fill("no address")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await chromium.axe(page)
    await page.get_by_label("Web address or e-mail address").fill(target)
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_label("Signing secret")).not_to_have_value("")
    await page.get_by_role("link", name="Back to Notifications").click()
    await expect(page.get_by_role("button", name=f"Send a test to {target}")).to_be_visible()
    await chromium.axe(page)
    await page.get_by_role("button", name=f"Send a test to {target}").click()
    await said(page, "The test was taken by the other side.")
    (message,) = settled.hook.posted
    assert any("signature" in name for name in message.headers)

    place = page.get_by_role("region", name=f"Webhook: {target}")
    await place.get_by_label("The first sync is done").check()
    await page.get_by_role("button", name=f"Save what {target} is told of").click()
    await said(page, "What this place is told of is saved.")
    await expect(place.get_by_label("The first sync is done")).to_be_checked()
    await page.get_by_role("button", name=f"Remove {target}").click()
    await expect(page.get_by_text("Nobody else.")).to_be_visible()


@pytest.mark.presses("POST /notifications", "POST /notifications/{id:int}/test", "POST /notifications/{id:int}/remove")
async def test_any_address_is_told_by_e_mail(settled: Settled, page: Page) -> None:
    target = "team@example.com"
    await page.goto("/notifications")
    await page.get_by_label("E-mail to any address").check()
    await page.get_by_label("Web address or e-mail address").fill(target)
    await page.get_by_role("button", name="Add", exact=True).click()
    await page.get_by_role("button", name=f"Send a test to {target}").click()
    await said(page, "The test was taken by the other side.")
    assert target in [mail["To"] for mail in settled.mail.mails]
    await page.get_by_role("button", name=f"Remove {target}").click()
    await expect(page.get_by_role("button", name=f"Remove {target}")).to_have_count(0)


@pytest.mark.presses(
    "POST /notifications/mine", "POST /notifications/mine/test", "POST /notifications/threshold/{id:int}"
)
async def test_one_chooses_what_one_is_told_of_and_from_how_many_issues_on(settled: Settled, page: Page) -> None:
    await page.goto("/notifications")
    mine = page.get_by_role("article", name="By e-mail to you")
    await mine.get_by_label("A connection is suspended").check()
    await page.get_by_role("button", name="Save what you are told of").click()
    await said(page, "What you are told of is saved.")
    await expect(mine.get_by_label("A connection is suspended")).to_be_checked()
    await page.get_by_role("button", name="Send a test to yourself").click()
    await said(page, "The test was taken by the other side.")
    assert "demo@example.com" in [mail["To"] for mail in settled.mail.mails]
    await mine.get_by_label("A connection is suspended").uncheck()
    await page.get_by_role("button", name="Save what you are told of").click()
    await page.get_by_label("Tell when a category has this many").fill("7")
    await page.get_by_role("button", name="Save number").click()
    await expect(page.get_by_label("Tell when a category has this many")).to_have_value("7")


@pytest.mark.presses(
    "POST /people",
    "POST /people/{id:int}/role",
    "POST /people/{id:int}/disable",
    "POST /people/{id:int}/enable",
    "POST /people/{id:int}/reset-password",
)
async def test_a_person_is_added_given_another_role_disabled_and_enabled(settled: Settled, page: Page) -> None:
    role = "SELECT role FROM person WHERE email = 'nina@example.com'"
    await page.goto("/people")
    await page.get_by_label("Name", exact=True).fill("Nina")
    await page.get_by_label("E-mail", exact=True).fill("nina@example.com")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="A link for Nina")).to_be_visible()
    assert await settled.value(role) == "viewer"
    await page.goto("/people")
    row = page.get_by_role("row").filter(has_text="nina@example.com")
    await page.get_by_label("Role of Nina", exact=True).select_option("operator")
    await page.get_by_role("button", name="Save the role of Nina").click()
    await expect(page.get_by_label("Role of Nina", exact=True)).to_have_value("operator")
    assert await settled.value(role) == "operator"
    await page.get_by_role("button", name="Disable Nina").click()
    await expect(row).to_contain_text("disabled")
    await chromium.axe(page)
    await page.get_by_role("button", name="Enable Nina").click()
    await expect(row).to_contain_text("no password yet")
    await page.get_by_role("button", name="New password for Nina").click()
    await expect(page.get_by_role("heading", level=1, name="A link for Nina")).to_be_visible()


@pytest.mark.presses("POST /api-tokens", "POST /api-tokens/{id:int}/revoke")
async def test_a_token_is_made_works_and_is_revoked_and_the_audit_log_tells_it(page: Page) -> None:
    async def asked_with(token: str) -> int:
        answer = await page.request.get("/api/v1/status", headers={"authorization": f"Bearer {token}"})
        return answer.status

    await page.goto("/api-tokens")
    await page.get_by_label("Name", exact=True).fill("reports")
    await page.get_by_role("button", name="Make", exact=True).click()
    token = await page.get_by_label("Token", exact=True).input_value()
    assert await asked_with(token) == 200
    await page.get_by_role("link", name="Back to API tokens").click()
    await page.get_by_role("button", name="Revoke reports").click()
    await expect(page.get_by_text("There is no token.")).to_be_visible()
    assert await asked_with(token) == 401
    await page.goto("/audit-log")
    await expect(page.get_by_text("rows are as they were written")).to_be_visible()
    await expect(page.get_by_role("row").nth(1)).to_contain_text("token")


@pytest.mark.presses("POST /account/language")
async def test_the_pages_speak_the_language_that_is_chosen(page: Page) -> None:
    await page.goto("/account")
    await page.get_by_label("Language", exact=True).select_option("pl")
    await page.get_by_role("button", name="Save the language").click()
    await expect(page.locator("html")).to_have_attribute("lang", "pl")
    await page.locator("select[name=language]").select_option("en")
    await page.locator("form[action='/account/language'] button").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.presses("POST /account/password", "POST /account/sign-out-elsewhere")
async def test_a_password_is_changed_and_every_other_browser_signed_out(settled: Settled, page: Page) -> None:
    store, passwords, email = settled.store, Passwords(CountingHasher()), "paula@example.com"
    await manage.add(store, BY_COMMAND, email, "Paula", Role.VIEWER, passwords, PASSWORD)
    tokens = [await signing_in.sign_in(store, passwords, email, PASSWORD, "127.0.0.1") for _ in range(2)]
    here, elsewhere = [await settled.demo.signed_in(token) for token in tokens]
    await here.goto("/account")
    await expect(here.get_by_text("In 2 browsers, this one included.")).to_be_visible()
    await here.get_by_role("button", name="Sign out everywhere else").click()
    await expect(here.get_by_text("In this browser only.")).to_be_visible()
    await elsewhere.goto("/account")
    await elsewhere.wait_for_url("**/sign-in**")

    changed = "a lantern under the third bridge"
    await here.get_by_label("Current password").fill("not this one")
    await here.get_by_label("New password").fill(changed)
    await here.get_by_role("button", name="Change", exact=True).click()
    await expect(here.get_by_role("alert")).to_be_visible()
    await chromium.axe(here)
    await here.get_by_label("Current password").fill(PASSWORD)
    await here.get_by_label("New password").fill(changed)
    await here.get_by_role("button", name="Change", exact=True).click()
    await expect(here.get_by_role("status").filter(has_text="password")).to_be_visible()
    await here.context.close()
    await elsewhere.get_by_label("E-mail").fill(email)
    await elsewhere.get_by_label("Password").fill(changed)
    await elsewhere.get_by_role("button", name="Sign in").click()
    await expect(elsewhere.get_by_role("link", name="Paula")).to_be_visible()
    await elsewhere.context.close()

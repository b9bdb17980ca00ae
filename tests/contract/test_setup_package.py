"""The page of the package in every state that an org can be in, and what is pressed on it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.asgi_browser import Answer
from tests.contract.conftest import Clock
from tests.wizard import BY, Person, Wizard, a_wizard, installed

from crm_emulator.salesforce.metadata.deployments import PlannedFailure
from crm_emulator.salesforce.setup import add_profile, add_user
from interlock.app.background import Background
from interlock.app.package import parts
from interlock.app.setup import package
from interlock.config import Home, ProcessSettings, SmtpSettings
from interlock.crm.salesforce.requests import sobject_path
from interlock.store import Store

pytestmark = pytest.mark.anyio

PAGE, SCOPE, DIALOG = "/setup/package", "/setup/package?stage=scope", "/setup/package?stage=dialog"
MAIL_SERVER = SmtpSettings(host="127.0.0.1", sender="interlock@example.com", security="none")
NOTHING_CHANGED = "nothing was changed in Salesforce"


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    await wizard.signed_in()
    return wizard


def rows(wizard: Wizard, table: str) -> list[dict[str, Any]]:
    return wizard.salesforce_rows(table)


def version_in_the_org(wizard: Wizard, text: str) -> None:
    [row] = [each for each in rows(wizard, "PermissionSet") if each.get("Name") == parts.PERMISSION_SET]
    row["Description"] = text


def who_sees_the_fields(wizard: Wizard) -> set[str]:
    """Their e-mails."""
    tables = wizard.production.org.tables
    [own] = [id_ for id_, row in tables["PermissionSet"].rows.items() if row.values.get("Name") == parts.USER_SET]
    given = [row for row in rows(wizard, "PermissionSetAssignment") if row["PermissionSetId"] == own]
    return {str(tables["User"].rows[str(row["AssigneeId"])].values["Email"]) for row in given}


async def pressed_through(wizard: Wizard, ada: Person, **scope: str) -> Answer:
    """*Install*, *Continue*, with what is ticked on the way left as it is but for `scope`."""
    await ada.press(SCOPE, "/setup/package/install", **scope)
    await ada.press(DIALOG, "/setup/package/continue")
    await package.wait(wizard.interlock, wizard.setup_id)
    return await ada.get(PAGE)


class TestWhatTheOrgHolds:
    async def test_an_older_package_is_upgraded(self, wizard: Wizard, ada: Person) -> None:
        await installed(wizard, ada)
        version_in_the_org(wizard, "Package version 0.")
        older = await ada.get(PAGE)
        assert "The org has version 0 of the package; this Interlock brings version 1." in older.page.text
        assert "Upgrade" in older.page.text
        done = await installed(wizard, ada)
        assert "The package is in the org, version 1." in done.page.text

    async def test_a_newer_package_is_left_alone_and_offers_no_install(self, wizard: Wizard, ada: Person) -> None:
        await installed(wizard, ada)
        version_in_the_org(wizard, "Package version 999.")
        newer = await ada.get(PAGE)
        assert "version 999 of the package, which is newer than this Interlock's" in newer.page.text
        assert SCOPE not in [a["href"] for a in newer.page.all("a")]

    async def test_what_is_partly_there_is_completed(self, wizard: Wizard, ada: Person) -> None:
        await installed(wizard, ada)
        [row, *_] = [each for each in rows(wizard, "FieldPermissions") if each["Field"] in parts.key_fields()]
        row["PermissionsEdit"] = False
        partly = await ada.get(PAGE)
        assert "Some of the package is in the org." in partly.page.text
        assert f"PermissionSet {parts.PERMISSION_SET} : different" in partly.page.text
        assert SCOPE in [a["href"] for a in partly.page.all("a")]

    async def test_it_can_be_downloaded_with_the_address_and_what_the_org_grants_now(
        self, wizard: Wizard, ada: Person
    ) -> None:
        await wizard.install(trusts_address=True)
        answer = await ada.get("/setup/package/interlock-package.zip")
        assert answer.headers["content-type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.raw)) as archive:
            whole = "".join(archive.read(name).decode() for name in archive.namelist())
        assert "https://interlock.example" in whole
        assert all(field in whole for field in parts.key_fields())
        assert "/setup/package/interlock-package.zip" in [a["href"] for a in (await ada.get(PAGE)).page.all("a")]


class TestForWhom:
    async def test_for_admins_only(self, wizard: Wizard, ada: Person) -> None:
        done = await pressed_through(wizard, ada, who="admins")
        assert "Done. The package is installed." in done.page.text
        assert who_sees_the_fields(wizard) == {"admin@example.com", "integration@example.com"}
        again = (await ada.get(SCOPE)).page
        assert [radio["value"] for radio in again.all("input", name="who") if "checked" in radio] == ["admins"]

    async def test_for_the_profiles_that_are_ticked(self, wizard: Wizard, ada: Person) -> None:
        org = wizard.production.org
        support = add_profile(org, "Support")
        add_user(org, "Bob Helper", "bob@example.com", profile=support)
        shown = await ada.get(SCOPE)
        assert "Support (1 person)" in shown.page.text
        assert [box for box in shown.page.all("input", type="checkbox") if "checked" in box] == []
        none = await ada.submit(SCOPE, "/setup/package/install", who="profiles")
        assert none.status == 422
        assert "No profile is chosen." in none.page.text
        done = await pressed_through(wizard, ada, who="profiles", **{f"profile:{support.id}": "yes"})
        assert "1 person sees Interlock's field." in done.page.text
        assert who_sees_the_fields(wizard) == {"bob@example.com"}

    async def test_the_org_trusts_the_address_only_where_the_box_was_ticked_which_it_is_not(
        self, wizard: Wizard, ada: Person
    ) -> None:
        await ada.press(SCOPE, "/setup/package/install", who="all")
        dialog = await ada.get(DIALOG)
        [box] = dialog.page.all("input", name="trusts_address")
        assert "checked" not in box
        await pressed_through(wizard, ada, who="all")
        assert wizard.production.org.sites == {}
        await ada.press(DIALOG, "/setup/package/continue", trusts_address="yes")
        await package.wait(wizard.interlock, wizard.setup_id)
        assert len(wizard.production.org.sites) == 2


class TestAfterAFailure:
    async def test_one_that_salesforce_rolled_back_has_changed_nothing(self, wizard: Wizard, ada: Person) -> None:
        wizard.production.deployments.failures.append(
            PlannedFailure("CustomField", "Lead.Interlock_HubSpot_Id__c", "Full", 1)
        )
        failed = await installed(wizard, ada)
        assert NOTHING_CHANGED in failed.page.text
        assert "The package is not in the org yet." in failed.page.text

    async def test_what_fails_after_the_deployment_is_not_called_nothing(self, wizard: Wizard, ada: Person) -> None:
        refused = {"method": "POST", "path_prefix": sobject_path("PermissionSetAssignment")}
        wizard.production.faults.add({"match": refused, "kind": "status", "status": 400})
        failed = await installed(wizard, ada)
        assert NOTHING_CHANGED not in failed.page.text
        assert "The install did not come to its end." in failed.page.text
        assert rows(wizard, "PermissionSet") != []
        wizard.production.faults.clear()
        await ada.press(PAGE, "/setup/package/again")
        await package.wait(wizard.interlock, wizard.setup_id)
        assert "Done. The package is installed." in (await ada.get(PAGE)).page.text

    async def test_another_choice_can_be_made_by_links_alone(self, wizard: Wizard, ada: Person) -> None:
        wizard.production.deployments.failures.append(
            PlannedFailure("CspTrustedSite", parts.SITE, "Not allowed here", None)
        )
        await ada.press(SCOPE, "/setup/package/install", who="all")
        await ada.press(DIALOG, "/setup/package/continue", trusts_address="yes")
        await package.wait(wizard.interlock, wizard.setup_id)
        failed = await ada.get(PAGE)
        assert "Not allowed here" in failed.page.text
        assert SCOPE in [a["href"] for a in failed.page.all("a")]
        dialog = await ada.press(SCOPE, "/setup/package/install", who="all")
        form = dialog.page.form("/setup/package/continue")
        form.pop("trusts_address", None)
        await ada.post("/setup/package/continue", form)
        await package.wait(wizard.interlock, wizard.setup_id)
        assert "Done. The package is installed." in (await ada.get(PAGE)).page.text


@pytest.mark.parametrize(
    ("smtp", "looks", "text"),
    [
        (None, "ada", "The bell, Notices, tells when it's done."),
        (MAIL_SERVER, "ada", "You will get an e-mail when it's done."),
        (MAIL_SERVER, "bo", "Whoever began it gets an e-mail when it's done."),
    ],
)
async def test_a_long_install_says_by_which_way_one_hears_of_its_end(
    store: Store, clock: Clock, tmp_path: Path, smtp: SmtpSettings | None, looks: str, text: str
) -> None:
    async with a_wizard(store, clock, tmp_path, deploy_pending_s=300) as slow:
        slow.interlock.home = Home(path=tmp_path, settings=ProcessSettings(smtp=smtp))
        await slow.signed_in()
        people = {name: await slow.person(name) for name in ("ada", "bo")}
        await people["ada"].press(SCOPE, "/setup/package/install", who="all")
        await people["ada"].press(DIALOG, "/setup/package/continue")
        clock.advance(61)
        told = (await people[looks].get(PAGE)).page.text
        assert "This app is taking a long time to install." in told
        assert text in told


async def test_an_install_that_a_process_left_goes_on_when_one_serves_again(wizard: Wizard, ada: Person) -> None:
    await wizard.keep(package.slug, package.Values())
    await package.begin(wizard.interlock, BY, await wizard.setup(), "https://interlock.example")
    await wizard.interlock.background.close()
    wizard.interlock.background = Background()
    await package.go_on_with_what_was_left(wizard.interlock)
    await package.wait(wizard.interlock, wizard.setup_id)
    assert package.done(await wizard.setup())


async def test_what_the_sync_user_will_be_granted_is_shown_on_the_review(wizard: Wizard, ada: Person) -> None:
    await wizard.install()
    await wizard.recommended("leave_out")
    shown = await ada.get("/setup/review?grants=yes")
    assert "When you finish, the permission set Interlock Integration also grants the mapped fields:" in shown.page.text
    assert "Contact.Title : see and change" in shown.page.text
    assert "Contact.Title" not in (await ada.get("/setup/review")).page.text

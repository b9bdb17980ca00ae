"""The tab Connection: who is signed in how, pausing that stops the engine, mappings that go out and in as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from tests.asgi_browser import Answer, Browser
from tests.contract.sign_in_world import ADMIN, PRODUCTION, save_app
from tests.contract.sign_in_world import Browser as Person
from tests.settings_world import PUBLIC_URL, SettingsWorld, carried_out, tell

from interlock.app import mappings, states
from interlock.app.package import plan
from interlock.app.package.parts import Address, address_of
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.setup import apps, connect, state
from interlock.app.sign_in import redirect_uri
from interlock.config import Home, ProcessSettings
from interlock.core.model import Side
from interlock.crm.transport import AsgiTransport, Transport
from interlock.store import connections, directory, grants

HERE = "/connections/1"
PAGE = f"{HERE}/connection"


def test_both_sides_are_shown_with_how_they_are_signed_in_and_no_secret(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        shown = await (await world.browser(Role.VIEWER)).get(PAGE)
        text = shown.page.text
        assert world.connection is not None
        assert world.connection.hubspot_account_id in text
        assert world.connection.salesforce_org_id in text
        assert "the token of a private app" in text
        assert world.hubspot.token not in shown.body
        assert world.salesforce.token not in shown.body
        assert not [each for each in shown.page.all("form", method="post") if each.get("action") != "/sign-out"]

    tell(tmp_path, story, objects=("contacts",))


def test_the_package_is_looked_up_in_the_org(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        viewer = await world.browser(Role.VIEWER)
        assert "The permission set is given to the sync user" in (await viewer.get(f"{PAGE}?package=yes")).page.text
        world.salesforce.faults.add({"match": {"path_prefix": "/services"}, "kind": "status", "status": 503})
        away = await viewer.get(f"{PAGE}?package=yes")
        assert away.status == 200
        assert "The org could not be asked" in away.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_a_connection_that_is_paused_writes_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        operator = await world.browser(Role.OPERATOR)
        assert (await operator.submit(PAGE, f"{PAGE}/pause")).to == f"{PAGE}?done=paused"
        world.person("ada@example.com")
        await world.turns()
        assert world.sally.ids("Contact") == []
        assert "A person has paused it" in (await operator.get(PAGE)).page.text
        assert (await operator.submit(PAGE, f"{PAGE}/resume")).to == f"{PAGE}?done=resumed"
        await world.turns()
        assert len(world.sally.ids("Contact")) == 1
        assert [deed for deed in await world.deeds() if deed in ("paused", "resumed")] == ["paused", "resumed"]

    tell(tmp_path, story, objects=("contacts",))


def test_one_object_is_paused_and_the_others_go_on(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        operator = await world.browser(Role.OPERATOR)
        assert (await operator.submit(PAGE, f"{PAGE}/contacts/pause")).status == 303
        world.person("ada@example.com")
        world.hugo.create("companies", {"name": "Acme", "domain": "acme.example"})
        await world.turns()
        assert (len(world.sally.ids("Contact")), len(world.sally.ids("Account"))) == (0, 1)
        assert (await operator.submit(PAGE, f"{PAGE}/contacts/resume")).status == 303
        await world.turns()
        assert len(world.sally.ids("Contact")) == 1
        form = (await operator.get(PAGE)).page.form(f"{PAGE}/pause")
        assert (await operator.post(f"{PAGE}/nothing/pause", form)).status == 422

    tell(tmp_path, story, objects=("companies", "contacts"))


def test_mappings_that_were_downloaded_changed_and_uploaded_are_shown_first_and_then_applied(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person = world.person("ada@example.com", jobtitle="Analyst")
        await world.turns()
        admin = await world.admin()
        file = await admin.get(f"{HERE}/mappings.yaml")
        assert file.headers["content-disposition"] == 'attachment; filename="mappings.yaml"'
        document = yaml.safe_load(file.body)
        assert (await _upload(admin, file.body)).to == f"{PAGE}?done=same"
        for row in document["objects"]["contacts"]["Contact"]["fields"]:
            if row["property"] == "jobtitle":
                row["rule"] = "dont_sync"
        shown = await _upload(admin, yaml.safe_dump(document))
        assert "1 change" in shown.page.text
        assert "jobtitle" in shown.page.text
        assert await _rule(world) == "prefer_salesforce"
        form = shown.page.form(f"{HERE}/mappings/apply")
        applied = await admin.upload(f"{HERE}/mappings/apply", form, "nothing", "")
        assert applied.to == f"{PAGE}?done=applied"
        assert await _rule(world) == "dont_sync"
        world.hugo.update("contacts", person, {"jobtitle": "Engineer"})
        await world.turns()
        assert world.sally.get("Contact", world.counterpart("contacts", person))["Title"] == "Analyst"

    tell(tmp_path, story, objects=("contacts",))


def test_a_file_shows_what_it_would_write_and_grant_and_lets_the_sync_user_use_its_fields(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person = world.person("ada@example.com", jobtitle="Analyst")
        await world.turns()
        await world.rule("contacts", "jobtitle", "dont_sync")
        await world.turns()
        world.hugo.update("contacts", person, {"jobtitle": "Engineer"})
        admin = await world.admin()
        document = yaml.safe_load((await admin.get(f"{HERE}/mappings.yaml")).body)
        for row in document["objects"]["contacts"]["Contact"]["fields"]:
            if row["property"] == "jobtitle":
                row["rule"] = "always_hubspot"
        shown = await _upload(admin, yaml.safe_dump(document))
        assert "Looked at 1 of 1 linked pairs." in shown.page.text
        assert "Values that would be written to Salesforce: 1" in shown.page.text
        assert "Contact.Title read and write" in shown.page.text
        assert await granted(world) == set()
        applied = await admin.upload(f"{HERE}/mappings/apply", shown.page.form(f"{HERE}/mappings/apply"), "nothing", "")
        assert "lets the sync user use their fields" in (await carried_out(admin, applied)).page.text
        assert await granted(world) == {("Contact.Title", True)}

    tell(tmp_path, story, objects=("contacts",))


def test_what_a_file_would_change_is_shown_although_a_sync_drops_the_schemas_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin, store, check = await world.admin(), world.store, mappings.apply
        document = yaml.safe_load((await admin.get(f"{HERE}/mappings.yaml")).body)
        document["objects"]["contacts"]["Contact"]["fields"][5]["rule"] = "dont_sync"

        async def then_dropped(*given: Any, **more: Any) -> Any:
            changes = await check(*given, **more)
            async with store.write(1) as tx:
                await directory.drop(tx, SCHEMAS)
            return changes

        monkeypatch.setattr(mappings, "apply", then_dropped)
        assert "1 change" in (await _upload(admin, yaml.safe_dump(document))).page.text

    tell(tmp_path, story, objects=("contacts",))


def test_a_file_stays_applied_when_the_permission_set_cannot_be_extended_and_it_can_be_tried_again(
    tmp_path: Path,
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        document = yaml.safe_load((await admin.get(f"{HERE}/mappings.yaml")).body)
        for row in document["objects"]["contacts"]["Contact"]["fields"]:
            if row["property"] == "jobtitle":
                row["rule"] = "two_way"
        shown = await _upload(admin, yaml.safe_dump(document))
        world.salesforce.faults.add({"match": {"path_prefix": "/services"}, "kind": "status", "status": 503})
        form = shown.page.form(f"{HERE}/mappings/apply")
        refused = await carried_out(admin, await admin.upload(f"{HERE}/mappings/apply", form, "nothing", ""))
        assert "The mappings are saved, but the permission set in Salesforce could not be extended" in refused.page.text
        assert await _rule(world) == "two_way"
        world.salesforce.faults.clear()
        (button,) = [str(each["action"]) for each in refused.page.all("form") if str(each["action"]).endswith("/again")]
        again = await carried_out(admin, await admin.post(button, refused.page.form(button)))
        assert "lets the sync user use their fields" in again.page.text
        assert ("Contact.Title", True) in await granted(world)

    tell(tmp_path, story, objects=("contacts",))


def test_a_file_is_not_applied_when_what_it_would_change_is_not_what_was_shown(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        document = yaml.safe_load((await admin.get(f"{HERE}/mappings.yaml")).body)
        document["objects"]["contacts"]["Contact"]["fields"][5]["rule"] = "dont_sync"
        shown = await _upload(admin, yaml.safe_dump(document))
        await world.rule("contacts", "fax", "dont_sync")
        refused = await admin.upload(f"{HERE}/mappings/apply", shown.page.form(f"{HERE}/mappings/apply"), "nothing", "")
        assert refused.status == 409
        assert "Somebody else has changed this" in refused.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_a_file_with_something_wrong_in_it_is_refused_with_the_line(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        for text, why in (
            ("version: 1\nobjects:\n  people: {}\n", "mappings.yaml, line 3: 'people' is not an object"),
            ("just words", "mappings.yaml holds no mappings"),
            ("  ", "No file was chosen"),
        ):
            refused = await _upload(admin, text)
            assert refused.status == 422, refused.page.text
            assert why in refused.page.text
        long = await _upload(admin, "x" * 1_100_000)
        assert long.status == 413

    tell(tmp_path, story, objects=("contacts",))


async def _upload(browser, text: str):  # type: ignore[no-untyped-def]
    form = (await browser.get(PAGE)).page.form(f"{HERE}/mappings/upload")
    return await browser.upload(f"{HERE}/mappings/upload", {"csrf": form["csrf"]}, "file", text)


async def granted(world: SettingsWorld) -> set[tuple[str, bool]]:
    """Fields that Interlock's permission set names in the org, besides the keys."""
    salesforce = world.clients()[1]
    found = await plan.look(salesforce, (await salesforce.identity()).user_id, Address(None))
    return set(found.further)


async def _rule(world: SettingsWorld) -> str:
    assert world.store is not None
    (rule,) = {
        str(row["rule"])
        for row in await mappings.list_(world.store, 1)
        if (row["property"], row["salesforce_object"]) == ("jobtitle", "Contact")
    }
    return rule


def _joined_by_browser(world: SettingsWorld) -> Transport:
    """Both CRMs behind their real host names, where people sign in to them."""
    hubspot, salesforce = world.hubspot.app, world.salesforce.app
    apps = {"hubspot.local": hubspot, "app.hubspot.com": hubspot, "api.hubapi.com": hubspot}
    apps |= {"salesforce.local": salesforce, "login.salesforce.com": salesforce, PRODUCTION: salesforce}
    world.transport = AsgiTransport(apps)
    return world.transport


async def _sign_in(
    world: SettingsWorld, admin: Browser, side: Side, who: str, as_: str, own: str = PUBLIC_URL
) -> Answer:
    """From the button to where the browser is led in the end."""
    assert world.store is not None
    crm = world.hubspot if side is Side.HUBSPOT else world.salesforce
    await save_app(world.store, side, crm.client_id, crm.client_secret)
    away = await admin.submit(PAGE, f"{PAGE}/{side.value}/sign-in", **{"as": as_})
    assert away.status == 200, away.body
    person = Person(_joined_by_browser(world), who, interlock_url=own)
    await person.go_through(away.headers["refresh"].partition("url=")[2])
    return await admin.get(person.at.removeprefix(own))


_REAL = {
    "hubspot": {"redirect_uris": (redirect_uri(PUBLIC_URL, Side.HUBSPOT),)},
    "salesforce": {
        "callback_urls": (redirect_uri(PUBLIC_URL, Side.SALESFORCE),),
        "instance_url": f"https://{PRODUCTION}",
    },
}


def test_signing_in_again_brings_back_a_connection_that_was_signed_out(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        await states.halt(world.store, 1, "signed_out", "Salesforce does not know the session.", "Sign in again.")
        world.person("ada@example.com")
        back = await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "same")
        shown = (await carried_out(admin, back)).page.text
        assert "Signed in. Syncing goes on with this sign-in." in shown
        assert "signed in in the browser" in shown
        assert "Scopes" in shown
        await world.turns()
        assert len(world.sally.ids("Contact")) == 1

    tell(tmp_path, story, objects=("contacts",), **_REAL)


def test_a_sign_in_that_was_denied_is_said_on_the_tab_and_changes_nothing(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        await save_app(world.store, Side.HUBSPOT, world.hubspot.client_id, world.hubspot.client_secret)
        away = await admin.submit(PAGE, f"{PAGE}/hubspot/sign-in", **{"as": "somebody_else"})
        person = Person(_joined_by_browser(world), ADMIN, interlock_url=PUBLIC_URL)
        await person.go_through(away.headers["refresh"].partition("url=")[2], "no")
        back = await admin.get(person.at.removeprefix(PUBLIC_URL))
        assert back.status in (409, 422, 502)
        assert "Not done" in back.page.text
        assert "the token of a private app" in (await admin.get(PAGE)).page.text

    tell(tmp_path, story, objects=("contacts",), **_REAL)


def test_a_sign_in_that_another_one_was_begun_after_leaves_both_as_they_were(tmp_path: Path) -> None:
    """In another tab somebody has begun to set up a further connection: whose the first one is must not be guessed."""

    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        assert (await _sign_in(world, admin, Side.HUBSPOT, ADMIN, "same")).to == f"{PAGE}?done=signed_in"
        assert "crm_signed_in" in await world.deeds()
        away = await admin.submit(PAGE, f"{PAGE}/hubspot/sign-in", **{"as": "same"})
        person = Person(_joined_by_browser(world), ADMIN, interlock_url=PUBLIC_URL)
        await person.go_through(away.headers["refresh"].partition("url=")[2])
        admin.cookies["interlock_sign_in_from_hubspot"] = "1.hubspot.tab."
        async with world.store.write(None) as tx:
            await state.begin_in(tx, BY_COMMAND, None)
        await admin.get(person.at.removeprefix(PUBLIC_URL))
        async with world.store.read(1) as tx:
            used = (await grants.in_use(tx))["hubspot"]
            setup = await state.load_in(tx, 1)
        assert (used.state, connect.values_of(setup).hubspot) == (grants.GOOD, None)
        assert "another sign-in to HubSpot since" in connect.values_of(setup).refused["hubspot"]
        await world.turns()

    tell(tmp_path, story, objects=("contacts",), **_REAL)


def test_signing_in_again_leads_back_to_the_address_that_the_apps_know(tmp_path: Path) -> None:
    """Entered at the set-up; `serve` itself may know this machine's own address only."""

    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        await save_app(world.store, Side.HUBSPOT, world.hubspot.client_id, world.hubspot.client_secret)
        setup = await state.begin(world.store, BY_COMMAND)
        await state.save(world.store, BY_COMMAND, setup.id, apps.slug, apps.Values("https://sync.example.com"), 0)
        async with world.store.write(None) as tx:
            await state.joined(tx, setup.id, 1)
            await state.finish_in(tx, BY_COMMAND, setup.id)
        away = await admin.submit(PAGE, f"{PAGE}/hubspot/sign-in", **{"as": "same"})
        assert quote(redirect_uri("https://sync.example.com", Side.HUBSPOT), safe="") in away.headers["refresh"]

    tell(tmp_path, story, objects=("contacts",), **_REAL)


def test_the_app_that_was_entered_last_is_signed_in_with(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        for client_id in ("first", "last"):
            await save_app(world.store, Side.HUBSPOT, client_id, "secret")
        away = await admin.submit(PAGE, f"{PAGE}/hubspot/sign-in", **{"as": "same"})
        assert "client_id=last" in away.headers["refresh"]

    tell(tmp_path, story, objects=("contacts",), **_REAL)


def test_a_disconnected_connection_is_not_signed_in_again(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        await save_app(world.store, Side.HUBSPOT, world.hubspot.client_id, world.hubspot.client_secret)
        form = (await admin.get(PAGE)).page.form(f"{PAGE}/hubspot/sign-in")
        away = await admin.post(f"{PAGE}/hubspot/sign-in", {**form, "as": "same"})
        async with world.store.write(1) as tx:
            await connections.update(tx, 1, state="not_connected")
        # While the browser was at HubSpot, or with a form that was opened before.
        person = Person(_joined_by_browser(world), ADMIN, interlock_url=PUBLIC_URL)
        await person.go_through(away.headers["refresh"].partition("url=")[2])
        back = await admin.get(person.at.removeprefix(PUBLIC_URL))
        again = await admin.post(f"{PAGE}/hubspot/sign-in", {**form, "as": "same"})
        for refused in (back, again):
            assert (refused.status, "is disconnected" in refused.page.text) == (422, True)
        async with world.store.read(1) as reading:
            assert await grants.in_use(reading) == {}

    tell(tmp_path, story, objects=("contacts",), **_REAL)


def test_signing_in_again_grants_no_access_that_was_not_granted_at_the_install(tmp_path: Path) -> None:
    own = "https://sync.example.com"
    real = {
        "salesforce": {
            "callback_urls": (redirect_uri(own, Side.SALESFORCE),),
            "instance_url": f"https://{PRODUCTION}",
        }
    }

    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        home = world.interlock.home
        world.interlock.home = Home(path=home.path, settings=ProcessSettings(public_url=own))
        admin = await world.admin()
        back = await carried_out(admin, await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "same", own))
        assert "Signed in. Syncing goes on with this sign-in." in back.page.text
        async with world.store.read(None) as tx:
            now = await connections.get(tx, 1)
        assert now is not None
        async with world.interlock.clients(now) as clients:
            user_id = (await clients.salesforce.identity()).user_id
            assert (await plan.look(clients.salesforce, user_id, address_of(own))).sites == ()

    tell(tmp_path, story, objects=("contacts",), **real)


@pytest.mark.parametrize("pressed", ["connection-", "connection-x", "connection-" + "9" * 30, "x.y", "1.hubspot"])
def test_a_callback_with_a_cookie_of_somebodys_own_making_is_refused(tmp_path: Path, pressed: str) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        admin.cookies["interlock_sign_in_from_hubspot"] = pressed
        assert (await admin.get("/oauth/hubspot/callback?code=1&state=2")).status == 400

    tell(tmp_path, story, objects=("contacts",))


def test_a_connection_without_an_app_says_how_to_sign_in(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        refused = await (await world.admin()).submit(PAGE, f"{PAGE}/hubspot/sign-in", **{"as": "same"})
        assert refused.status == 422
        assert "interlock connect" in refused.page.text

    tell(tmp_path, story, objects=("contacts",))

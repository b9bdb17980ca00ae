"""*Disconnect* on the tab Connection: what is asked before, what is said after, and the pages of a connection that has ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.asgi_browser import Answer, Browser
from tests.settings_world import SettingsWorld, tell

from interlock.app import disconnect
from interlock.app.people.roles import Action, Role
from interlock.config import Home
from interlock.store import StoreUnavailable
from interlock.web.address import Operation
from interlock.web.routes import ADDRESSES, CONNECTION

HERE = "/connections/1"
PAGE = f"{HERE}/disconnect"
PHRASE = "Uninstall Salesforce"


async def state(world: SettingsWorld) -> tuple[str, str | None]:
    assert world.store is not None
    async with world.store.read(None) as tx:
        (row,) = await tx.rows("SELECT state, state_reason FROM connection")
    return row[0], row[1]


async def ended(browser: Browser, address: str) -> Answer:
    for _ in range(600):
        answer = await browser.get(address)
        if "hx-trigger" not in answer.body:
            return answer
        await asyncio.sleep(1)
    raise AssertionError("it goes on and on")


async def disconnected(admin: Browser, **typed: str) -> Answer:
    sent = await admin.submit(PAGE, PAGE, phrase=PHRASE, **typed)
    assert sent.to is not None, sent.page.text
    return await ended(admin, sent.to)


def test_without_the_words_nothing_happens(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        asked = await admin.get(PAGE)
        assert "Every record in both CRMs, with its values." in asked.page.text
        for typed in ("", "yes", "uninstall salesforce"):
            refused = await admin.submit(PAGE, PAGE, phrase=typed, reason="Moving on")
            assert refused.status == 422
            assert "These are not the words." in refused.page.text
            assert refused.page.form(PAGE)["reason"] == "Moving on"
        assert (await state(world))[0] == "idle"

    tell(tmp_path, story, objects=("contacts",))


def test_the_package_goes_and_what_a_person_has_to_end_is_said(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        person = world.person("ada@example.com")
        await world.turns()
        contact = world.counterpart("contacts", person)
        admin = await world.admin()
        links = await admin.get(f"{HERE}/links.csv")
        assert f"salesforce:Contact:{contact}" in links.body
        done = await disconnected(admin, reason="Moving on")
        assert "taken out of the org" in done.page.text
        assert "What you still have to end" in done.page.text
        assert "delete the service key or private app" in done.page.text
        assert await state(world) == ("not_connected", "A person has disconnected it: Moving on")
        assert "disconnected" in await world.deeds()
        assert world.sally.get("Contact", contact)["Email"] == "ada@example.com"

    tell(tmp_path, story, objects=("contacts",))
    assert list(tmp_path.glob("*-mappings-*.yaml"))


def test_the_package_can_be_kept(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        done = await disconnected(await world.admin(), keep="yes")
        assert "The package is still in the org." in done.page.text
        assert world.salesforce.org.tables["PermissionSet"].rows

    tell(tmp_path, story, objects=("contacts",))


def test_a_failure_says_that_no_sign_in_was_ended_and_it_can_be_tried_again(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        rule = {"match": {"path_prefix": "/services"}, "kind": "status", "status": 503}
        world.salesforce.faults.add(rule)
        failed = await disconnected(admin)
        assert "No sign-in was ended." in failed.page.text
        assert (await state(world))[0] == "paused"
        world.salesforce.faults.clear()
        assert "Disconnected." in (await disconnected(admin)).page.text

    tell(tmp_path, story, objects=("contacts",))


def test_where_the_files_cannot_be_written_it_says_that_nothing_was_done(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        world.interlock.home = Home(path=tmp_path / "is not there", settings=world.interlock.home.settings)
        failed = (await disconnected(admin)).page.text
        assert "cannot be written: No such file or directory." in failed
        assert "Nothing was ended and nothing was taken out. The connection is as it was." in failed
        assert "paused" not in failed
        assert (await state(world))[0] == "idle"

    tell(tmp_path, story, objects=("contacts",))


def test_a_failure_after_sign_ins_were_ended_does_not_say_that_none_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()

        async def full(*_arguments: object, **_named: object) -> None:
            raise StoreUnavailable("The disk is full.")

        with monkeypatch.context() as patched:
            patched.setattr(disconnect, "record", full)
            failed = (await disconnected(admin)).page.text
        assert "No sign-in was ended" not in failed
        assert "sign-ins may have been ended already. Try again: it goes on from there." in failed
        # Nor after a second try that fails earlier.
        rule = {"match": {"path_prefix": "/services"}, "kind": "status", "status": 503}
        world.salesforce.faults.add(rule)
        assert "may have been ended already" in (await disconnected(admin)).page.text
        world.salesforce.faults.clear()
        assert "Disconnected." in (await disconnected(admin)).page.text

    tell(tmp_path, story, objects=("contacts",))


@pytest.mark.parametrize("role", [Role.ADMIN, Role.VIEWER])
def test_every_page_of_a_disconnected_connection_answers_and_says_so(tmp_path: Path, role: Role) -> None:
    async def story(world: SettingsWorld) -> None:
        person = world.person("ada@example.com")
        await world.turns()
        await disconnected(await world.admin())
        browser = await world.browser(role)
        paths = [
            address.path.replace("{id:int}", "1").replace("{key}", f"hubspot:contacts:{person}")
            for address in ADDRESSES
            if address.method == "GET" and address.path.startswith(CONNECTION) and not isinstance(address, Operation)
            if role is Role.ADMIN or address.need is Action.SEE
        ]
        for path in paths:
            if "{" in path:
                continue
            answer = await browser.get(path)
            assert answer.status < 500, path
            if answer.headers.get("content-type", "").startswith("text/html") and not path.endswith("/live"):
                assert "This connection is disconnected." in answer.page.text, (path, answer.page.text)
        found = await browser.get(f"{HERE}/records?q=ada@example.com")
        assert found.status < 500
        assert "This connection is disconnected." in found.page.text

    tell(tmp_path, story, objects=("contacts",))

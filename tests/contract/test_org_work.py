"""What the settings have done in the org: no request waits for it, it outlives the process that began it, and it is done once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.asgi_browser import Answer, Browser
from tests.contract.sign_in_world import ADMIN, SALES
from tests.contract.test_settings_connection import _REAL as BY_BROWSER
from tests.contract.test_settings_connection import PAGE, _sign_in
from tests.contract.test_settings_mappings import GRANTED, _granted, _preview, _save, _state, _try_again
from tests.held import Held
from tests.settings_world import SettingsWorld, carried_out, ended, saved, tell

from interlock.app import disconnect, left_running, object_rules, owned_work, sign_offs
from interlock.app.after_restore import withdraw_again
from interlock.app.background import Background
from interlock.app.connections import pause
from interlock.app.errors import Busy
from interlock.app.org_work import kept, work
from interlock.app.org_work.alone import task_name
from interlock.app.package import bring, deploy, export, permit, plan
from interlock.app.package.kept import Keeper, NothingKept
from interlock.app.package.parts import Address
from interlock.app.package.permit import MappedField
from interlock.app.people.visitor import BY_COMMAND
from interlock.core.model import Side
from interlock.crm.salesforce.deploy import Deployment
from interlock.crm.salesforce.requests import DATA_PATH
from interlock.store import Store, another_org, connections, grants
from interlock.store import lease as leases
from interlock.wiring import Interlock

HERE = "/connections/1"
ASSIGNING = f"{DATA_PATH}/sobjects/PermissionSetAssignment"
DEALS = f"{HERE}/deals"


async def _turn_on(browser: Browser) -> Answer:
    """From the button to the answer to *Save*."""
    return await saved(browser, await browser.submit(DEALS, f"{DEALS}/turn", sync="on"))


async def _is_on(world: SettingsWorld) -> bool:
    assert world.store is not None
    async with world.store.read(None) as tx:
        now = await connections.get(tx, 1)
    assert now is not None
    return "deals" in now.settings["objects"]


async def _runs(world: SettingsWorld) -> list[kept.Run]:
    assert world.store is not None
    return await kept.runs_of(world.store, 1)


async def _dies(world: SettingsWorld) -> None:
    """The process, with what it had in hand; another one serves from now on."""
    await world.interlock.background.close()
    world.interlock.background = Background()


def _another_process(world: SettingsWorld) -> Interlock:
    one = world.interlock
    return Interlock(one.home, one.store, one.clock_us, opens_transport=one.opens_transport)


def test_turning_an_object_on_answers_at_once_and_the_tab_says_how_it_goes_until_it_is_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin, held = await world.admin(), Held(monkeypatch, object_rules, "turn_on")
        asked = await _turn_on(admin)
        assert asked.status == 303
        shown = await admin.get(asked.to or "")
        (part,) = shown.page.all("div", id="in-org")
        assert (part["role"], part["aria-live"]) == ("region", "polite")
        assert part["hx-get"] == asked.to
        assert "Syncing is being turned on" in shown.page.text
        assert "You may leave this page: it goes on." in shown.page.text
        assert "Enable deal sync" not in shown.page.text
        assert not await _is_on(world)
        held.let_on.set()
        await work.wait(world.interlock, 1)
        # The part that asked for itself has the whole tab loaded: an object that is on has more on it.
        again = await admin.get(asked.to or "", **{"hx-request": "true"})
        assert again.headers["hx-redirect"] == asked.to
        done = await admin.get(asked.to or "")
        assert "It counts from the next batch of records" in done.page.text
        assert "Turn syncing off" in done.page.text
        assert await _is_on(world)
        assert "It counts from" not in (await admin.get(DEALS)).page.text
        assert "object_turned_on" in await world.deeds()

    tell(tmp_path, story, objects=("contacts",))


def test_an_object_that_is_turned_on_has_its_fields_granted_as_was_shown_before(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        asked = await admin.submit(DEALS, f"{DEALS}/turn", sync="on")
        shown = await ended(admin, asked.to or "")
        assert "Saving adds these fields to the permission set Interlock Integration:" in shown.page.text
        assert "Opportunity.Amount" in shown.page.text
        assert await _granted(world) == set()
        await carried_out(admin, await saved(admin, asked))
        await work.wait(world.interlock, 1)
        assert ("Opportunity.Amount", True) in await _granted(world)
        again = await admin.submit(DEALS, f"{DEALS}/turn", sync="off")
        assert again.status == 303
        seen = await ended(admin, (await admin.submit(DEALS, f"{DEALS}/turn", sync="on")).to or "")
        assert "needs nothing more" in seen.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_what_a_process_left_goes_on_when_one_serves_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        with monkeypatch.context() as patched:
            held = Held(patched, object_rules, "turn_on")
            asked = await _turn_on(admin)
            await held.is_there.wait()
            await _dies(world)
        assert not await _is_on(world)
        await work.go_on_with_what_was_left(world.interlock)
        await work.wait(world.interlock, 1)
        assert await _is_on(world)
        assert "It counts from the next batch" in (await admin.get(asked.to or "")).page.text

    tell(tmp_path, story, objects=("contacts",))


def test_a_program_that_asks_has_what_a_process_left_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        with monkeypatch.context() as patched:
            held = Held(patched, object_rules, "turn_on")
            await _turn_on(admin)
            await held.is_there.wait()
            await _dies(world)
        assert await work.being_turned_on(world.interlock, 1) == {"deals"}
        await work.wait(world.interlock, 1)
        assert await _is_on(world)

    tell(tmp_path, story, objects=("contacts",))


def test_what_is_asked_for_while_the_one_before_gives_its_lease_back_is_begun_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        asked: list[kept.Run] = []
        gives_back = leases.release

        async def release(store: Store, lease: leases.Lease) -> None:
            if lease.org_id == task_name(1) and not asked:
                asked.append(await _extend(world, "Title"))
            await gives_back(store, lease)

        monkeypatch.setattr(leases, "release", release)
        await _extend(world, "Fax")
        await work.wait(world.interlock, 1)
        assert (await work.ended(world.interlock, asked[0], 30)).state == "done"
        assert {("Contact.Title", True), ("Contact.Fax", True)} <= await _granted(world)

    tell(tmp_path, story, objects=("contacts",))


async def _extend(world: SettingsWorld, field: str) -> kept.Run:
    fields = [MappedField("Contact", field, True)]
    return await work.begin(world.interlock, BY_COMMAND, await _now(world), "extend", "contacts", fields=fields)


def test_a_deployment_that_something_else_has_begun_takes_back_nothing_that_is_granted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        one = world.interlock
        held = Held(monkeypatch, deploy, "deploy")
        # By a command, or for another connection of the org.
        address, now = Address("https://x.example.com"), await _now(world)
        brings = asyncio.create_task(
            bring.bring(world.store, now, one.clients, address, one.clock_us, mapped_fields=False)
        )
        await held.is_there.wait()
        await _extend(world, "Title")
        await work.wait(one, 1, 60)
        assert ("Contact.Title", True) not in await _granted(world)
        held.let_on.set()
        await brings
        await work.wait(one, 1)
        assert [each.added for each in await _runs(world)] == [("Contact.Title",)]
        assert ("Contact.Title", True) in await _granted(world)

    tell(tmp_path, story, objects=("contacts",))


def test_who_connects_anew_waits_as_well_for_whoever_is_at_the_package_of_the_org(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        org_id, came = (await _now(world)).salesforce_org_id, asyncio.Event()

        async def connects() -> None:
            assert world.store is not None
            async with NothingKept(world.store).alone(org_id):
                came.set()

        async with Keeper(world.store, 1).alone(org_id):
            anew = asyncio.create_task(connects())
            await asyncio.sleep(60)
            assert not came.is_set()
        await anew
        assert came.is_set()

    tell(tmp_path, story, objects=("contacts",))


def test_what_failed_is_said_to_whoever_comes_and_trying_again_shows_first_what_it_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_arguments: object, **_named: object) -> None:
        raise KeyError("a defect")

    async def story(world: SettingsWorld) -> None:
        admin, second = await world.admin(), await world.admin()
        with monkeypatch.context() as patched:
            patched.setattr(object_rules, "turn_on", breaks)
            failed = await carried_out(admin, await _turn_on(admin))
        assert "Syncing was not turned on:" in failed.page.text
        assert "defect of Interlock: KeyError" in failed.page.text
        assert "Enable deal sync" in failed.page.text
        seen = await second.get(DEALS)
        assert "Syncing was not turned on:" in seen.page.text
        again = await _try_again(second, seen)
        assert again.to is not None
        assert "/change/" in again.to
        assert "Turn syncing off" in (await carried_out(second, await saved(second, again))).page.text

    tell(tmp_path, story, objects=("contacts",))


def test_an_object_that_is_on_although_the_word_about_it_failed_is_turned_on_and_trying_again_grants_its_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_arguments: object, **_named: object) -> None:
        raise KeyError("a defect")

    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        with monkeypatch.context() as patched:
            patched.setattr(permit, "mapped_fields", breaks)
            await work.begin(world.interlock, BY_COMMAND, await _now(world), "turn_on", "deals")
            await work.wait(world.interlock, 1)
        failed = await admin.get(DEALS)
        assert "Syncing was not turned on:" in failed.page.text
        assert await _is_on(world)
        done = await carried_out(admin, await _try_again(admin, failed))
        assert "It counts from the next batch of records" in done.page.text
        assert "Syncing was not turned on:" not in done.page.text
        await work.wait(world.interlock, 1)
        assert ("Opportunity.Amount", True) in await _granted(world)
        # As when a process dies between the two: the edition that was seen is of an object that was off.
        (run,) = [each for each in await _runs(world) if each.kind == "turn_on"]
        again = await work.begin(
            world.interlock, BY_COMMAND, await _now(world), "turn_on", "deals", edition="as it was"
        )
        assert again.id != run.id
        assert (await work.ended(world.interlock, again, 60)).state == "done"

    tell(tmp_path, story, objects=("contacts",))


def test_two_processes_on_one_database_do_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owned_work, "LOOK_AGAIN_S", 0.01)

    async def story(world: SettingsWorld) -> None:
        admin, held = await world.admin(), Held(monkeypatch, object_rules, "turn_on")
        other = _another_process(world)
        await _turn_on(admin)
        await held.is_there.wait()
        (run,) = await work.standing(other, 1)
        # Pressed a second time, by whoever is served by the other.
        assert world.connection is not None
        twice = await work.begin(other, BY_COMMAND, world.connection, "turn_on", "deals", edition=run.edition)
        assert twice.id == run.id
        held.let_on.set()
        await work.wait(world.interlock, 1)
        await work.wait(other, 1)
        assert {(each.kind, each.state) for each in await _runs(world)} == {("turn_on", "done"), ("extend", "done")}
        assert held.came == 1
        await other.background.close()

    tell(tmp_path, story, objects=("contacts",))


def test_how_far_it_is_can_be_seen_by_whoever_another_process_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owned_work, "LOOK_AGAIN_S", 0.01)

    async def story(world: SettingsWorld) -> None:
        reached, other, turns_on = asyncio.Event(), _another_process(world), object_rules.turn_on

        async def turn_on(*arguments: Any, progress: deploy.Progress, **named: Any) -> None:
            progress(Deployment("0Af1", "InProgress", number_components_total=40, number_components_deployed=7))
            await reached.wait()
            await turns_on(*arguments, progress=progress, **named)

        monkeypatch.setattr(object_rules, "turn_on", turn_on)
        await work.begin(world.interlock, BY_COMMAND, await _now(world), "turn_on", "deals")
        await asyncio.sleep(owned_work.SHARE_S * 2)
        (seen,) = await work.standing(other, 1)
        assert (seen.state, seen.done, seen.total) == ("running", 7, 40)
        reached.set()
        await work.wait(world.interlock, 1)
        assert await _is_on(world)
        await other.background.close()

    tell(tmp_path, story, objects=("contacts",))


def test_what_is_asked_for_meanwhile_waits_its_turn_and_nothing_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin, held = await world.admin(), Held(monkeypatch, object_rules, "turn_on")
        await _turn_on(admin)
        await held.is_there.wait()
        asked = await _save(admin, await _preview(admin, "jobtitle:Title", "change", "two_way"))
        assert asked.status == 303
        waiting = await admin.get(asked.to or "")
        assert "The sync user is being given the mapped fields." in waiting.page.text
        assert await _granted(world) == set()
        held.let_on.set()
        assert GRANTED in (await ended(admin, asked.to or "")).page.text
        assert ("Contact.Title", True) in await _granted(world)
        assert await _is_on(world)

    tell(tmp_path, story, objects=("contacts",))


def test_fields_that_could_not_be_granted_are_granted_with_the_next_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_arguments: object, **_named: object) -> None:
        raise KeyError("a defect")

    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        with monkeypatch.context() as patched:
            patched.setattr(permit, "permit", breaks)
            await carried_out(admin, await _save(admin, await _preview(admin, "jobtitle:Title", "change", "two_way")))
        done = await carried_out(admin, await _save(admin, await _preview(admin, "fax:Fax", "change", "two_way")))
        assert GRANTED in done.page.text
        assert {("Contact.Title", True), ("Contact.Fax", True)} <= await _granted(world)
        assert "could not be extended" not in done.page.text

    tell(tmp_path, story, objects=("contacts",))


def test_fields_that_could_not_be_granted_and_are_mapped_no_more_are_not_granted_by_trying_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_arguments: object, **_named: object) -> None:
        raise KeyError("a defect")

    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        with monkeypatch.context() as patched:
            patched.setattr(permit, "permit", breaks)
            asked = await _save(admin, await _preview(admin, "jobtitle:Title", "change", "two_way"))
            await carried_out(admin, asked)
            await carried_out(admin, await _save(admin, await _preview(admin, "fax:Fax", "change", "two_way")))
        await _save(admin, await _preview(admin, "jobtitle:Title", "change", "dont_sync"))
        await carried_out(admin, await _try_again(admin, await admin.get(asked.to or "")))
        granted = await _granted(world)
        assert ("Contact.Fax", True) in granted
        assert "Contact.Title" not in {field for field, _editable in granted}

    tell(tmp_path, story, objects=("contacts",))


def test_what_failed_stays_on_its_tab_until_it_is_mended_whatever_else_is_asked_for_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_arguments: object, **_named: object) -> None:
        raise KeyError("a defect")

    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        with monkeypatch.context() as patched:
            patched.setattr(bring, "give", breaks)
            await carried_out(admin, await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "same"))
        await work.begin(world.interlock, BY_COMMAND, await _now(world), "extend", "connection")
        await work.wait(world.interlock, 1)
        assert "the permission set could not be given to the user" in (await admin.get(PAGE)).page.text
        await carried_out(admin, await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "same"))
        assert "could not be given" not in (await admin.get(PAGE)).page.text

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_what_was_asked_for_of_one_org_is_not_done_in_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        with monkeypatch.context() as patched:
            held = Held(patched, object_rules, "turn_on")
            await _turn_on(admin)
            await held.is_there.wait()
            await _dies(world)
        async with world.store.write(None) as tx:
            await tx.run("UPDATE connection SET salesforce_org_id = '00D000000000OTHER' WHERE id = 1")
        await work.go_on_with_what_was_left(world.interlock)
        await work.wait(world.interlock, 1)
        (run,) = await _runs(world)
        assert run.failure is not None
        assert "gone over to another org" in run.failure.message
        assert not await _is_on(world)

    tell(tmp_path, story, objects=("contacts",))


def test_what_the_switch_to_another_org_has_forgotten_is_neither_done_nor_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin, held = await world.admin(), Held(monkeypatch, object_rules, "turn_on")
        await _turn_on(admin)
        await held.is_there.wait()
        async with world.store.write(1) as tx:
            await another_org.set_aside(tx, {})
            await tx.run("UPDATE connection SET salesforce_org_id = '00D000000000OTHER' WHERE id = 1")
        held.let_on.set()
        await work.wait(world.interlock, 1)
        assert await _runs(world) == []
        assert not await _is_on(world)

    tell(tmp_path, story, objects=("contacts",))


async def _disconnect(world: SettingsWorld, folder: Path) -> disconnect.Disconnected:
    one = world.interlock
    now = await _now(world)
    return await disconnect.disconnect(one.store, now, one.clients, one.crms, one.clock_us, folder, keep_package=False)


def test_nothing_is_disconnected_or_removed_while_something_is_done_in_the_org(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin, held = await world.admin(), Held(monkeypatch, object_rules, "turn_on")
        await _turn_on(admin)
        await held.is_there.wait()
        with pytest.raises(Busy, match="Something is being done in the org"):
            await _disconnect(world, tmp_path)
        now = await _now(world)
        assert disconnect.how_far(now) == "nowhere"
        exported = await export.write(world.store, now.salesforce_org_id, tmp_path / "links.csv")
        with pytest.raises(Busy, match="Something is being done in the org"):
            await bring.take_out(world.store, now, world.interlock.clients, exported, world.clock_us)
        held.let_on.set()
        await work.wait(world.interlock, 1)
        assert await _is_on(world)
        assert (await _disconnect(world, tmp_path)).package == "removed"

    tell(tmp_path, story, objects=("contacts",))


def test_what_is_asked_for_while_it_is_disconnected_is_not_done_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        held = Held(monkeypatch, disconnect, "write_files")
        ends = asyncio.create_task(_disconnect(world, tmp_path))
        await held.is_there.wait()
        asked = await work.begin(world.interlock, BY_COMMAND, await _now(world), "turn_on", "deals")
        held.let_on.set()
        assert (await ends).package == "removed"
        with pytest.raises(kept.WorkFailed, match="was disconnected since this was asked for"):
            await work.ended(world.interlock, asked, 60)
        assert not await _is_on(world)
        salesforce = world.clients()[1]
        found = await plan.look(salesforce, (await salesforce.identity()).user_id, Address(None))
        assert found.state == "none"

    tell(tmp_path, story, objects=("contacts",))


def test_what_a_backup_holds_as_under_way_is_not_gone_on_with_after_the_restore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        with monkeypatch.context() as patched:
            held = Held(patched, object_rules, "turn_on")
            await _turn_on(admin)
            await held.is_there.wait()
            await _dies(world)
        await withdraw_again(world.store, None, 0, BY_COMMAND)
        await work.go_on_with_what_was_left(world.interlock)
        await work.wait(world.interlock, 1)
        (run,) = await _runs(world)
        assert run.failure is not None
        assert (run.state, run.failure.message) == ("failed", left_running.WHY)
        assert not await _is_on(world)

    tell(tmp_path, story, objects=("contacts",))


def test_another_user_is_given_the_permission_set_behind_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin, held = await world.admin(), Held(monkeypatch, bring, "give")
        back = await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "somebody_else")
        assert back.status == 303
        shown = await admin.get(back.to or "")
        assert "The permission set is being given to the user that the sync runs as." in shown.page.text
        await _dies(world)
        held.let_on.set()
        # Whoever looks at the tab has it gone on with.
        assert "Signed in. Syncing goes on with this sign-in." in (await ended(admin, back.to or "")).page.text

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_nothing_syncs_as_another_user_before_the_permission_set_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Salesforce hides from them until then would be taken for missing: a contact would be made without its title."""

    async def story(world: SettingsWorld) -> None:
        admin, held = await world.admin(), Held(monkeypatch, bring, "give")
        world.salesforce.set_field_permission(SALES, "Contact", "Title", read=False, edit=False)
        back = await _sign_in(world, admin, Side.SALESFORCE, SALES, "somebody_else")
        world.person("ada@example.com", jobtitle="Analyst")
        await world.turns()
        assert world.sally.ids("Contact") == []
        shown = await admin.get(PAGE)
        assert "has not been given the permission set Interlock Integration yet" in shown.page.text
        assert shown.page.form(f"{PAGE}/resume")
        world.salesforce.set_field_permission(SALES, "Contact", "Title", read=True, edit=True)
        held.let_on.set()
        await ended(admin, back.to or "")
        now = await _now(world)
        assert (now.state, now.state_reason) == ("idle", None)
        await world.turns()
        (there,) = world.sally.ids("Contact")
        assert world.sally.get("Contact", there)["Title"] == "Analyst"

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_a_person_may_go_on_without_the_permission_set_and_their_own_pause_stands_when_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin, held = await world.admin(), Held(monkeypatch, bring, "give")
        back = await _sign_in(world, admin, Side.SALESFORCE, SALES, "somebody_else")
        await admin.submit(PAGE, f"{PAGE}/resume")
        assert (await _now(world)).state == "idle"
        await admin.submit(PAGE, f"{PAGE}/pause")
        held.let_on.set()
        await ended(admin, back.to or "")
        assert (await _now(world)).state == "paused"

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_who_pauses_what_waits_for_the_permission_set_finds_it_paused_when_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin, held = await world.admin(), Held(monkeypatch, bring, "give")
        back = await _sign_in(world, admin, Side.SALESFORCE, SALES, "somebody_else")
        assert world.store is not None
        assert (await pause(world.store, await _now(world), None, plan=False)).changed
        assert "A person has paused it. It had been paused before:" in ((await _now(world)).state_reason or "")
        held.let_on.set()
        await ended(admin, back.to or "")
        assert (await _now(world)).state == "paused"
        assert not (await pause(world.store, await _now(world), None, plan=False)).changed

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_a_user_who_may_not_take_the_permission_set_gets_it_from_an_administrator_with_all_that_is_mapped(
    tmp_path: Path,
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        # Who may not assign permission sets may not do it for himself either.
        world.salesforce.faults.add(
            {"match": {"method": "POST", "path_prefix": ASSIGNING}, "kind": "status", "status": 403}
        )
        refused = await carried_out(admin, await _sign_in(world, admin, Side.SALESFORCE, SALES, "somebody_else"))
        world.salesforce.faults.clear()
        assert "The sign-in is kept, but the permission set could not be given to the user:" in refused.page.text
        assert "Sign in as an administrator for this" in refused.page.text
        done = await carried_out(admin, await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "administrator"))
        assert "The permission set lets the sync user use the mapped fields." in done.page.text
        assert "could not be given" not in done.page.text
        async with world.interlock.clients(await _now(world)) as clients:
            identity = await clients.salesforce.identity()
            found = await plan.look(clients.salesforce, identity.user_id, Address(None))
        assert identity.username.startswith(SALES)
        assert found.complete
        assert ("Contact.Title", True) in found.further

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


async def _now(world: SettingsWorld) -> connections.Connection:
    assert world.store is not None
    async with world.store.read(None) as tx:
        now = await connections.get(tx, 1)
    assert now is not None
    return now


def test_an_administrators_sign_in_outlives_the_process_as_long_as_it_is_needed_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        with monkeypatch.context() as patched:
            held = Held(patched, bring, "give")
            await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "administrator")
            await held.is_there.wait()
            await _dies(world)
        (run,) = await _runs(world)
        assert run.grant is not None
        wanted = await work.administrators_in_use(world.interlock)
        async with world.interlock.crms() as crms:
            # As `serve` does when it begins.
            assert await sign_offs.end_left_deploying(world.store, crms, world.interlock.clock_us(), wanted) == []
        assert await _state(world, run.grant) == grants.GOOD
        await work.go_on_with_what_was_left(world.interlock)
        await work.wait(world.interlock, 1)
        assert await _state(world, run.grant) == grants.REVOKED
        assert await work.administrators_in_use(world.interlock) == set()
        assert ("Contact.Title", True) in await _granted(world)

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_an_administrators_sign_in_is_used_for_what_it_is_for_and_by_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        assert (await _sign_in(world, admin, Side.SALESFORCE, SALES, "somebody_else")).status == 303
        await work.wait(world.interlock, 1)
        held = Held(monkeypatch, bring, "give")
        await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "administrator")
        await held.is_there.wait()
        (run,) = [each for each in await _runs(world) if each.grant is not None]
        who = []
        for administrator in (None, run.grant):
            opens = world.interlock.clients(await _now(world), deploying=True, administrator=administrator)
            async with opens as clients:
                who.append((await clients.salesforce.identity()).username)
        assert who[0].startswith(SALES)
        assert who[1].startswith(ADMIN)
        held.let_on.set()
        await work.wait(world.interlock, 1)
        assert ("Contact.Title", True) in await _granted(world)

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_an_administrators_sign_in_is_ended_whatever_comes_of_what_it_was_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_arguments: object, **_named: object) -> None:
        raise KeyError("a defect")

    async def story(world: SettingsWorld) -> None:
        admin = await world.admin()
        monkeypatch.setattr(bring, "give", breaks)
        shown = await carried_out(admin, await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "administrator"))
        assert "defect of Interlock: KeyError" in shown.page.text
        (run,) = await _runs(world)
        assert run.grant is not None
        assert await _state(world, run.grant) == grants.REVOKED

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_an_administrators_sign_in_is_ended_where_what_it_was_for_cannot_even_be_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_arguments: object, **_named: object) -> None:
        raise Busy("The database is busy.")

    async def story(world: SettingsWorld) -> None:
        assert world.store is not None
        admin = await world.admin()
        monkeypatch.setattr(work, "begin", breaks)
        answer = await _sign_in(world, admin, Side.SALESFORCE, ADMIN, "administrator")
        assert answer.status != 303
        async with world.store.read(1) as tx:
            assert await grants.all_in_use(tx, grants.ADMIN) == []

    tell(tmp_path, story, objects=("contacts",), **BY_BROWSER)


def test_the_package_is_completed_and_the_address_trusted_from_the_tab_connection(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        world.interlock.home = world.interlock.home.reached_by("https://sync.example.com")
        admin = await world.admin()
        shown = await admin.get(f"{PAGE}?package=yes")
        assert "sync.example.com: this Interlock." in shown.page.text
        form = shown.page.form(f"{PAGE}/package")
        assert "trusts_address" not in form  # off until somebody ticks it
        done = await carried_out(admin, await admin.post(f"{PAGE}/package", form | {"trusts_address": "yes"}))
        assert "Done. The package is installed." in done.page.text
        salesforce = world.clients()[1]
        user_id = (await salesforce.identity()).user_id
        found = await plan.look(salesforce, user_id, Address("https://sync.example.com"))
        assert found.complete
        assert found.sites
        assert "package_installed" in await world.deeds()
        assert not (await admin.get(f"{PAGE}?package=yes")).page.all("form", action=f"{PAGE}/package")

    tell(tmp_path, story, objects=("contacts",))

"""Work behind pages that outlives its process, or ends by a defect of ours: it is known how it stands, and one process does it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import Clock
from tests.new_sandbox_world import PAGE, a_sandbox, furnish, now_of, sign_in, tell
from tests.settings_world import PUBLIC_URL, SettingsWorld
from tests.wizard import BY, Person, Wizard

from interlock.app import left_running, owned_work, preview
from interlock.app.after_restore import withdraw_again
from interlock.app.background import Background
from interlock.app.errors import Busy
from interlock.app.new_org import kept, prepare
from interlock.app.setup import configuration, connecting, finish, opened, package, review, state, trial
from interlock.app.setup.connecting import Found
from interlock.engine.ownership import own
from interlock.store import Fenced, Store, StoreBusy, connections, erasures, lease, setup_work
from interlock.wiring import Interlock

pytestmark = pytest.mark.anyio  # those that are told in virtual time are no coroutines


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    """At the review, to begin with all."""
    await wizard.signed_in()
    await wizard.install()
    await wizard.recommended()
    await wizard.keep(review.slug, review.Values("all"))
    return wizard


class Steps:
    """In place of the first thing a finish does: it waits until it is let on, and who came is counted."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.came, self.let_on, self.is_there = 0, asyncio.Event(), asyncio.Event()
        self._found_anew = connecting.found_anew
        patched.setattr(connecting, "found_anew", self)

    async def __call__(self, *arguments: Any) -> Found:
        self.came += 1
        self.is_there.set()
        await self.let_on.wait()
        return await self._found_anew(*arguments)


class Counts:
    """Previews that have something counted and wait until they are let on; how many came is counted."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.came, self.let_on, self.is_there = 0, asyncio.Event(), asyncio.Event()
        self._plan = preview.plan
        patched.setattr(preview, "plan", self)
        for name in ("SHARE_S", "LOOK_AGAIN_S"):
            patched.setattr(owned_work, name, 0.001)

    async def __call__(self, *arguments: Any, watch: Any, **named: Any) -> Any:
        self.came += 1

        def watched(counting: Any) -> None:
            watch(counting)
            self.is_there.set()

        found = await self._plan(*arguments, watch=watched, **named)
        await self.let_on.wait()
        return found


def another_process(wizard: Wizard) -> Interlock:
    """That serves the same database."""
    one = wizard.interlock
    other = Interlock(one.home, one.store, one.clock_us)
    other.opens_transport = one.opens_transport
    return other


async def breaks(*_arguments: object, **_named: object) -> None:
    raise KeyError("a defect")


class TestADefect:
    async def test_ends_the_preview_as_failed_and_no_look_begins_it_anew(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(preview, "plan", breaks)
        seen = await wizard.preview()
        assert (seen.state, seen.message[:35]) == ("failed", "This is a defect of Interlock: KeyE")

    async def test_ends_the_finish_as_failed_and_no_look_begins_it_anew(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(connecting, "found_anew", breaks)
            await wizard.go_on(go_on=False)
            run = await wizard.finished()
        assert (run.state, run.step) == ("failed", "properties")
        assert "defect of Interlock: KeyError" in run.message
        assert run.fix
        assert "KeyError: 'a defect'" in caplog.text
        again = await finish.standing(wizard.interlock, wizard.setup_id)
        assert again is not None
        assert again.state == "failed"
        assert not wizard.interlock.background.runs(f"setup:{wizard.setup_id}:finish")

    async def test_ends_the_install_as_failed_and_trying_again_installs(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(package, "install", breaks)
            run = await wizard.install()
        assert run.state == "failed"
        assert "defect of Interlock: KeyError" in run.troubles[0].message
        assert not run.rolled_back
        assert (await wizard.install()).state == "done"

    async def test_an_install_for_a_set_up_that_was_given_up_meanwhile_is_not_begun_anew_by_each_look(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        installed = package.install

        async def given_up_meanwhile(*arguments: Any) -> Any:
            done = await installed(*arguments)
            async with wizard.store.write(None) as tx:
                await tx.run("UPDATE setup SET ended_at_us = 1 WHERE id = ?", wizard.setup_id)
            return done

        setup = await wizard.setup()
        monkeypatch.setattr(package, "install", given_up_meanwhile)
        await package.begin(wizard.interlock, BY, setup, PUBLIC_URL)
        await package.wait(wizard.interlock, wizard.setup_id)
        run = await package.standing(wizard.interlock, setup)
        assert run is not None
        assert (run.state, run.troubles[0].message) == ("failed", "This set-up has ended. Nothing was saved.")

    def test_ends_getting_a_new_sandbox_ready_as_failed_and_trying_again_does_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def story(world: SettingsWorld) -> None:
            furnish(world)
            await world.turns()
            admin = await world.admin()
            await sign_in(world, admin, a_sandbox(world))
            with monkeypatch.context() as patched:
                patched.setattr(prepare, "install", breaks)
                await admin.submit(PAGE, f"{PAGE}/connect", agreed="yes")
                await prepare.wait(world.interlock, 1)
            assert "defect of Interlock: KeyError" in (await admin.get(PAGE)).page.text
            await admin.submit(PAGE, f"{PAGE}/again")
            await prepare.wait(world.interlock, 1)
            assert "What a first sync would do" in (await admin.get(PAGE)).page.text

        tell(tmp_path, story)


class Busy3:
    """A database that another process keeps locked when it is to be said how something ended, three times."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.refused, self._put = 0, setup_work.put
        patched.setattr(setup_work, "put", self)
        patched.setattr(owned_work, "LOOK_AGAIN_S", 0.001)

    async def __call__(self, tx: Any, setup_id: int, name: str, content: Any) -> None:
        if content.get("state") in ("done", "failed") and self.refused < 3:
            self.refused += 1
            raise StoreBusy("Another process keeps the database locked.")
        await self._put(tx, setup_id, name, content)


class TestABusyDatabase:
    async def test_a_finish_says_how_it_ended_once_the_database_is_free(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        busy = Busy3(monkeypatch)
        monkeypatch.setattr(connecting, "found_anew", breaks)
        await wizard.go_on(go_on=False)
        assert (await wizard.finished()).state == "failed"
        assert busy.refused == 3

    async def test_a_preview_says_how_it_ended_once_the_database_is_free(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        busy = Busy3(monkeypatch)
        assert (await wizard.preview()).state == "done"
        assert busy.refused == 3


class TestWhatAProcessLeft:
    async def test_a_finish_goes_on_when_one_serves_again(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            steps = Steps(patched)
            await wizard.go_on(go_on=False)
            await steps.is_there.wait()
            await wizard.interlock.background.close()
        wizard.interlock.background = Background()
        await finish.go_on_with_what_was_left(wizard.interlock)
        await finish.wait(wizard.interlock, wizard.setup_id)
        assert (await wizard.setup()).ended_at_us is not None

    async def test_a_trial_that_waits_for_somebody_is_left_alone(self, wizard: Wizard) -> None:
        assert (await wizard.end("try")).state == "tried"
        await finish.go_on_with_what_was_left(wizard.interlock)
        assert (await wizard.finished()).state == "tried"

    def test_getting_a_new_sandbox_ready_goes_on_when_one_serves_again(self, tmp_path: Path) -> None:
        async def story(world: SettingsWorld) -> None:
            furnish(world)
            await world.turns()
            admin = await world.admin()
            await sign_in(world, admin, a_sandbox(world))
            await admin.submit(PAGE, f"{PAGE}/connect", agreed="yes")
            await world.interlock.background.close()
            world.interlock.background = Background()

            async def address(_connection_id: int) -> str:
                return PUBLIC_URL

            await prepare.go_on_with_what_was_left(world.interlock, address)
            await prepare.wait(world.interlock, 1)
            run = await kept.run_of(world.interlock.store, await now_of(world))
            assert run is not None
            assert run.state == "done"

        tell(tmp_path, story)


class TestWhatABackupHoldsAsUnderWay:
    """What it was to do may have been done since, or be wanted no more."""

    async def test_a_finish_begins_nothing_after_the_restore_until_somebody_finishes_again(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            steps = Steps(patched)
            await wizard.go_on(go_on=False)
            await steps.is_there.wait()
            await wizard.interlock.background.close()
        wizard.interlock.background = Background()
        await withdraw_again(wizard.store, None, 0, BY)
        await finish.go_on_with_what_was_left(wizard.interlock)
        run = await wizard.finished()
        assert (run.state, run.message) == ("failed", left_running.WHY)
        assert (await wizard.setup()).ended_at_us is None
        await wizard.go_on(go_on=False)
        assert (await wizard.finished()).state == "done"

    async def test_an_install_is_not_gone_on_with_after_the_restore(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        is_there = asyncio.Event()

        async def stands_still(*_arguments: object) -> None:
            is_there.set()
            await asyncio.Event().wait()

        setup = await wizard.setup()
        with monkeypatch.context() as patched:
            patched.setattr(package, "install", stands_still)
            await package.begin(wizard.interlock, BY, setup, PUBLIC_URL)
            await is_there.wait()
            await wizard.interlock.background.close()
        wizard.interlock.background = Background()
        await withdraw_again(wizard.store, None, 0, BY)
        await package.go_on_with_what_was_left(wizard.interlock)
        await package.wait(wizard.interlock, wizard.setup_id)
        run = await package.standing(wizard.interlock, setup)
        assert run is not None
        assert (run.state, run.troubles[0].message) == ("failed", left_running.WHY)

    def test_a_new_sandbox_is_not_made_ready_after_the_restore_until_somebody_tries_again(self, tmp_path: Path) -> None:
        async def story(world: SettingsWorld) -> None:
            furnish(world)
            await world.turns()
            admin = await world.admin()
            await sign_in(world, admin, a_sandbox(world))
            await admin.submit(PAGE, f"{PAGE}/connect", agreed="yes")
            await world.interlock.background.close()
            world.interlock.background = Background()
            await withdraw_again(world.interlock.store, None, 0, BY)

            async def address(_connection_id: int) -> str:
                return PUBLIC_URL

            await prepare.go_on_with_what_was_left(world.interlock, address)
            await prepare.wait(world.interlock, 1)
            run = await kept.run_of(world.interlock.store, await now_of(world))
            assert run is not None
            assert (run.state, run.message) == ("failed", left_running.WHY)

        tell(tmp_path, story)


class TestAConnectionThatIsStoppedWhileTheFinishRuns:
    @pytest.mark.parametrize(("stopped", "ends"), [("paused", "done"), ("not_connected", "failed")])
    async def test_does_not_sync_when_that_has_ended(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch, stopped: str, ends: str
    ) -> None:
        connection, counted = (await wizard.found()).connection, review.whole

        async def stopped_meanwhile(*arguments: Any) -> Any:
            async with wizard.store.write(None) as tx:
                await connections.update(tx, connection.id or 0, state=stopped)
            return await counted(*arguments)

        monkeypatch.setattr(review, "whole", stopped_meanwhile)
        await wizard.go_on(go_on=False)
        assert (await wizard.finished()).state == ends
        assert (await wizard.connection()).state == stopped


class TestAStepThatIsSavedWhileTheFinishRuns:
    async def test_is_refused_with_the_reason_since_it_would_be_in_no_connection(
        self, wizard: Wizard, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = "/setup/configuration"
        form = (await ada.get(page)).page.form(page)
        steps = Steps(monkeypatch)
        await wizard.go_on(go_on=False)
        await steps.is_there.wait()
        saved = await ada.post(page, {**form, "missing": "leave_out", "go": "next"})
        assert saved.status == 409
        assert "The set-up is being finished, with what was chosen before. Nothing was saved." in saved.page.text
        assert configuration.values_of(await wizard.setup()).missing == "create"
        steps.let_on.set()
        assert (await wizard.finished()).state == "done"

    async def test_finish_pressed_twice_leads_to_the_progress(
        self, wizard: Wizard, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = "/setup/review"
        await wizard.preview()
        form = (await ada.get(page)).page.form(page) | {"existing": "all", "go": "next"}
        found_anew = connecting.found_anew
        steps = Steps(monkeypatch)
        await wizard.go_on(go_on=False)
        await steps.is_there.wait()
        monkeypatch.setattr(connecting, "found_anew", found_anew)
        assert (await ada.post(page, form)).to == f"/settings/progress?setup={wizard.setup_id}"
        steps.let_on.set()
        assert (await wizard.finished()).state == "done"

    async def test_is_kept_while_a_trial_waits_and_while_it_is_taken_back(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wizard.hubspot.user().create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
        assert (await wizard.end("try")).state == "tried"
        await wizard.recommended("leave_out")
        undo, is_there, let_on = trial.undo, asyncio.Event(), asyncio.Event()

        async def slow(*arguments: Any) -> Any:
            is_there.set()
            await let_on.wait()
            return await undo(*arguments)

        monkeypatch.setattr(trial, "undo", slow)
        undone = asyncio.create_task(wizard.undo_trial())
        await is_there.wait()
        await wizard.recommended("create")
        let_on.set()
        assert (await undone).state == "undone"
        assert configuration.values_of(await wizard.setup()).missing == "create"


class TestTwoProcessesOnOneDatabase:
    async def test_a_finish_is_done_by_the_one_that_has_it_whoever_looks(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(owned_work, "LOOK_AGAIN_S", 0.001)
        steps, other = Steps(monkeypatch), another_process(wizard)
        await wizard.go_on(go_on=False)
        await steps.is_there.wait()
        seen = await finish.standing(other, wizard.setup_id)
        assert seen is not None
        assert seen.state == "running"
        # Pressed a second time, by whoever is served by the other.
        await finish.begin(other, BY, await wizard.setup())
        steps.let_on.set()
        run = await wizard.finished()
        assert (run.state, run.message, steps.came) == ("done", "", 1)
        await finish.wait(other, wizard.setup_id)
        seen = await finish.standing(other, wizard.setup_id)
        assert seen is not None
        assert (seen.state, seen.message, steps.came) == ("done", "", 1)
        await other.background.close()

    async def test_who_is_served_by_the_other_changes_nothing_of_a_finish_that_runs(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps, other = Steps(monkeypatch), another_process(wizard)
        await wizard.go_on(go_on=False)
        await steps.is_there.wait()
        with pytest.raises(Busy, match="being finished"):
            await finish.check_not_running(other, wizard.setup_id)
        before = await opened.load(wizard.store, wizard.setup_id, state.FINISH, finish.Run)
        await finish.begin(other, BY, await wizard.setup(), choices="others")
        assert await opened.load(wizard.store, wizard.setup_id, state.FINISH, finish.Run) == before
        steps.let_on.set()
        assert (await wizard.finished()).state == "done"
        await finish.check_not_running(other, wizard.setup_id)
        await other.background.close()

    async def test_what_a_dead_process_left_keeps_nobody_from_giving_the_set_up_up(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps, other = Steps(monkeypatch), another_process(wizard)
        await wizard.go_on(go_on=False)
        await steps.is_there.wait()
        await wizard.interlock.background.close()
        await finish.check_not_running(other, wizard.setup_id)

    async def test_the_one_that_stands_by_goes_on_once_the_other_has_ended(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(owned_work, "LOOK_AGAIN_S", 0.001)
        steps, other = Steps(monkeypatch), another_process(wizard)
        await wizard.go_on(go_on=False)
        await steps.is_there.wait()
        await finish.standing(other, wizard.setup_id)
        steps.let_on.set()
        await wizard.interlock.background.close()
        await finish.wait(other, wizard.setup_id)
        assert (await wizard.setup()).ended_at_us is not None
        await other.background.close()

    async def test_a_page_that_the_other_serves_shows_how_far_a_finish_is(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(owned_work, "SHARE_S", 0.001)
        other, is_there, let_on, permitted = (
            another_process(wizard),
            asyncio.Event(),
            asyncio.Event(),
            finish._Finish._permit,
        )

        async def stands_still(*arguments: Any) -> None:
            is_there.set()
            await let_on.wait()
            await permitted(*arguments)

        monkeypatch.setattr(finish._Finish, "_permit", stands_still)
        await wizard.go_on(go_on=False)
        await is_there.wait()
        while (seen := await finish.standing(other, wizard.setup_id)) is not None and seen.step != "permissions":  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        assert seen is not None
        assert seen.made == seen.to_make > 0
        let_on.set()
        assert (await wizard.finished()).state == "done"
        await other.background.close()

    async def test_a_preview_is_counted_by_the_one_that_has_it_and_shown_by_the_other(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counting, other = Counts(monkeypatch), another_process(wizard)
        wizard.hubspot.user().create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
        setup, found = await wizard.setup(), await wizard.found()
        await review.seen(wizard.interlock, BY, setup, found)
        await counting.is_there.wait()
        for interlock in (other, wizard.interlock, other):
            seen = await review.seen(interlock, BY, setup, found)
            assert seen.state == "running"
        while not (await review.seen(other, BY, setup, found)).document:  # noqa: ASYNC110  (it is shared in one of the next)
            await asyncio.sleep(0.001)
        counting.let_on.set()
        await review.wait(wizard.interlock, wizard.setup_id)
        seen = await review.seen(other, BY, setup, found)
        assert (seen.state, seen.creates, counting.came) == ("done", 1, 1)
        await other.background.close()

    async def test_a_preview_of_other_choices_begun_at_the_other_ends_the_one_that_runs(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counting, other = Counts(monkeypatch), another_process(wizard)
        await review.seen(wizard.interlock, BY, await wizard.setup(), await wizard.found())
        await counting.is_there.wait()
        await wizard.recommended("leave_out")
        anew = await review.seen(other, BY, await wizard.setup(), await wizard.found())
        await review.wait(wizard.interlock, wizard.setup_id)
        counting.let_on.set()
        await review.wait(other, wizard.setup_id)
        seen = await review.counted(wizard.interlock, wizard.setup_id)
        assert seen is not None
        assert (seen.state, seen.of, counting.came) == ("done", anew.of, 2)
        await other.background.close()

    async def test_a_preview_that_read_somebody_who_was_erased_meanwhile_keeps_nothing_of_them(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counting = Counts(monkeypatch)
        wizard.hubspot.user().create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
        setup, found = await wizard.setup(), await wizard.found()
        await review.seen(wizard.interlock, BY, setup, found)
        await counting.is_there.wait()
        async with wizard.store.write(found.connection.id) as tx:
            await erasures.put(tx, ["email:ada@example.com"])
        counting.let_on.set()
        await review.wait(wizard.interlock, wizard.setup_id)
        assert await review.counted(wizard.interlock, wizard.setup_id) is None
        async with wizard.store.read(None) as tx:
            assert await setup_work.get(tx, wizard.setup_id, "preview") is None

    async def test_a_preview_whose_process_died_is_begun_anew_by_whoever_looks(
        self, wizard: Wizard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counting, other = Counts(monkeypatch), another_process(wizard)
        setup, found = await wizard.setup(), await wizard.found()
        await review.seen(wizard.interlock, BY, setup, found)
        await counting.is_there.wait()
        await wizard.interlock.background.close()
        assert await review.counted(other, wizard.setup_id) is None
        counting.let_on.set()
        await review.seen(other, BY, setup, found)
        await review.wait(other, wizard.setup_id)
        assert (await review.seen(other, BY, setup, found)).state == "done"
        await other.background.close()

    async def test_who_froze_and_lost_it_cannot_say_how_it_ended(
        self, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(owned_work, "LOOK_AGAIN_S", 0.001)
        wizard, ended = Wizard(store, clock, Path()), asyncio.Event()
        said: list[str] = []

        async def load() -> finish.Run:
            return finish.Run("done" if ended.is_set() else "running", "begin", "", 0)

        async def work(_run: finish.Run, ours: lease.Lease) -> None:
            await lease.take(store, "work", "another", clock.advance(lease.TERM_S + 1))
            ended.set()
            async with store.write(None, ours):
                said.append("how it ended")

        owned_work.carry_on(wizard.interlock, "work", load, work)
        await wizard.interlock.background.wait("work")
        wizard.interlock.background.raise_defect("work")
        assert said == []

    async def test_who_learns_that_another_took_over_is_told_at_once(self, store: Store, clock: Clock) -> None:
        lost: list[str] = []
        async with own(store, "work", "one", clock) as ownership:
            ownership.after_loss = lambda: lost.append("work")
            await lease.take(store, "work", "another", clock.advance(lease.TERM_S + 1))
            with pytest.raises(Fenced):
                await ownership.hold()
        assert lost == ["work"]

"""*Finish setup and begin syncing*: what is missing in HubSpot is made, mapped fields are granted, and the connection begins.

    0. both schemas, as they are now     a change since the review was confirmed begins nothing
    1. properties that HubSpot lacks     each is looked for first
       pipelines and stages of deals     by what was chosen, found by their labels; labels for roles
    2. the mappings, checked against what is there now
    3. the permission set                as the admin, where the sync runs as somebody else
    4. begun, and the set-up over        one transaction: from here on it syncs
    5. the admin's sign-in is revoked
Behind the page, like the install. Each step can be run again: after a failure, or a process that died, it starts from the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from interlock.app import first_sync, key_fields, owned_work, sign_offs
from interlock.app.background import failure_of
from interlock.app.connect import load_again
from interlock.app.connections import HALTED, objects_on
from interlock.app.disconnect import NOT_CONNECTED
from interlock.app.errors import BadInput, Busy, Stale
from interlock.app.package import permit
from interlock.app.package.kept import Keeper
from interlock.app.package.permit import MappedField
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.setup import choices as more_choices
from interlock.app.setup import connecting, drift, opened, package, pipelines, properties, review, state, trial
from interlock.app.setup.connecting import Found
from interlock.app.setup.draft import Draft, to_make
from interlock.app.setup.opened import Opened, task_name
from interlock.app.setup.trial import Chosen, TriedPair, Undone
from interlock.core.model import SyncRule
from interlock.objects.pipelines import Chosen as Pipelines
from interlock.objects.registry import SPECS
from interlock.store import connections, erasures, from_now_on, jobs, schedule, setup_work, setups
from interlock.store.connections import Connection
from interlock.store.lease import Lease
from interlock.store.setups import Setup

_RUN = state.FINISH
# What the review has read is as good as read anew for this long.
_READ_AGE_US = 60_000_000
# How the choices of the review are carried out (engine/context.py, EXISTING). Who has tried ten goes on with all.
_EXISTING = {"none": "none", "try": "all", "link": "link", "all": "all"}

Step = Literal["properties", "pipelines", "mappings", "permissions", "try", "undo", "begin", "done"]


class Run(msgspec.Struct, frozen=True):
    """One finish as it is remembered. `made`: how many of how many properties. `tried`: ten records are synced, and somebody
    has to look at them; `go_on`: somebody has. `undone`: they were taken back, and another choice can be made. `choices`: of the
    steps, as they were confirmed on the review."""

    state: Literal["running", "tried", "undone", "done", "failed"]
    step: Step
    by: str
    began_at_us: int
    made: int = 0
    to_make: int = 0
    message: str = ""
    fix: str = ""
    not_revoked: str = ""
    go_on: bool = False
    choices: str = ""
    trial: list[TriedPair] = []
    chosen: Chosen | None = None
    undone: Undone | None = None
    delete_records: int | None = None  # how many created records somebody has confirmed to delete again


async def will_grant(interlock: Opened, setup: Setup, found: Found) -> permit.Chosen:
    """What the permission set will name for the mapped fields, shown before. Raises CrmError."""
    fields = mapped_fields(properties.draft_of(setup, found))
    async with interlock.setup_clients(setup, deploying=True) as clients:
        return await permit.choose_in(clients.salesforce, fields)


def mapped_fields(draft: Draft) -> list[MappedField]:
    return [
        MappedField(type_, field, row.rule is not SyncRule.ALWAYS_SALESFORCE)
        for slug in draft.objects
        for row in draft.rows[slug]
        if row.rule is not SyncRule.DONT_SYNC and row.status != "broken"
        for type_, field in row.fields.items()
    ]


async def begin(
    interlock: Opened,
    by: By,
    setup: Setup,
    *,
    choices: str | None = None,
    go_on: bool = False,
    read: Found | None = None,
) -> None:
    """What is kept of the steps says how; `go_on`: past the trial. `choices`: of the steps, as confirmed; None: as kept. `read`:
    both sides as they were read for that a moment ago. While one runs, nothing happens."""
    before = await opened.load(interlock.store, setup.id, _RUN, Run)
    if before is not None and before.state == "running" and await owned_work.runs(interlock, task_name(setup.id, _RUN)):
        return
    # Whoever tries again tries the same records: a further ten would be synced beside them.
    chosen = None if before is None else before.chosen
    if go_on and before is not None:
        choices = before.choices
    choices = choices or review.chosen(setup)
    run = Run("running", "properties", by.actor, interlock.clock_us(), go_on=go_on, choices=choices, chosen=chosen)
    async with interlock.store.write(None) as tx:
        # What somebody saves this very moment is in it, or is refused.
        await setups.lock(tx, setup.id)
        await setup_work.put(tx, setup.id, _RUN, msgspec.to_builtins(run))
        await record(tx, by, "setup_finishing", state.subject_of(setup.id), existing=review.values_of(setup).existing)
    _start(interlock, by, setup.id, None if read is None else _Read(read, run.began_at_us))


def check_choices(run: Run, setup: Setup) -> None:
    """What was tried, or confirmed, is what goes on. Raises Stale."""
    # A trial that waits since before an upgrade does not say what it was of: that is unknown, not changed.
    if run.choices and run.choices != review.chosen(setup):
        raise Stale(
            "A step of this set-up was changed since the review was confirmed. Nothing more was begun.",
            fix="Look at the review again, then finish.",
        )


async def undo_trial(interlock: Opened, by: By, setup: Setup, *, delete_records: int | None) -> None:
    """*Undo these*: what the trial has done is taken back, and the set-up waits for another choice. `delete_records`: how many
    created records somebody has confirmed to delete, as `trial.plan_undo` counts them; None: none are. Raises BadInput."""
    run = await standing(interlock, setup.id)
    if not may_undo(run):
        raise BadInput("There is no trial to take back.", code="no_trial", fix="Choose on the review what to do.")
    assert run is not None
    run = msgspec.structs.replace(
        run, state="running", step="undo", by=by.actor, message="", fix="", delete_records=delete_records
    )
    await opened.keep(interlock.store, setup.id, _RUN, run)
    _start(interlock, by, setup.id)


def may_undo(run: Run | None) -> bool:
    """Whether there is a trial that nobody has gone on from; a trial, or its undo, that failed half way is one too."""
    return run is not None and run.chosen is not None and run.state in ("tried", "failed")


async def standing(interlock: Opened, setup_id: int) -> Run | None:
    """As it stands, live where it runs in this process and some seconds old where it does in another; one that a process left is
    continued."""
    run = await opened.load(interlock.store, setup_id, _RUN, Run)
    name = task_name(setup_id, _RUN)
    interlock.background.raise_defect(name)
    if run is None or run.state != "running":
        return run
    if not interlock.background.runs(name):
        _start(interlock, By(run.by), setup_id)
    return interlock.background.told(name) or run


async def go_on_with_what_was_left(interlock: Opened) -> None:
    """Finishes that a process left when it died: whoever pressed was told that the page may be left. Of set-ups that are over as
    well, which no page leads to: an admin's sign-in that was to be revoked would stay good."""
    async with interlock.store.read(None) as tx:
        kept = await setup_work.all_of(tx, _RUN)
    for setup_id, content in kept.items():
        if content["state"] == "running":
            await standing(interlock, setup_id)


async def check_not_running(interlock: Opened, setup_id: int) -> None:
    """Raises Busy. A finish that lost its connection on the way would make it anew, for a set-up that is no more."""
    run = await opened.load(interlock.store, setup_id, _RUN, Run)
    if run is not None and run.state == "running" and await owned_work.runs(interlock, task_name(setup_id, _RUN)):
        raise Busy(
            "The set-up is being finished.",
            code="setup_finishing",
            fix="Wait until that has ended. A connection that syncs is ended by *Disconnect* in its settings.",
        )


async def wait(interlock: Opened, setup_id: int) -> None:
    await interlock.background.wait(task_name(setup_id, _RUN))


class _Read(msgspec.Struct, frozen=True):
    """What the review has read for the finish that began then."""

    found: Found
    began_at_us: int

    def of(self, run: Run, now_us: int) -> Found | None:
        """None: for another finish, or so long ago that somebody may have edited since."""
        return self.found if run.began_at_us == self.began_at_us and now_us - self.began_at_us <= _READ_AGE_US else None


def _start(interlock: Opened, by: By, setup_id: int, read: _Read | None = None) -> None:
    async def load() -> Run | None:
        return await opened.load(interlock.store, setup_id, _RUN, Run)

    async def work(run: Run, lease: Lease) -> None:
        found = None if read is None else read.of(run, interlock.clock_us())
        await _finish(interlock, by if by.actor == run.by else By(run.by), setup_id, run, lease, found)

    owned_work.carry_on(interlock, task_name(setup_id, _RUN), load, work)


async def _finish(interlock: Opened, by: By, setup_id: int, run: Run, lease: Lease, read: Found | None) -> None:
    if run.step != "undo":
        # One that a process left is begun at its first step, however far that had come.
        run = msgspec.structs.replace(run, step="properties", made=0, to_make=0)
    finish = _Finish(interlock, by, setup_id, run, read)

    async def keep(reached: Run) -> None:
        await _keep(interlock, setup_id, reached, lease)

    try:
        async with owned_work.shared(lambda: finish.told, keep):
            await finish.run()
    except Exception as error:  # noqa: BLE001  (what nobody remembers would be begun anew by every look)
        failure = failure_of(error)
        finish.tell(state="failed", message=failure.message, fix=failure.fix)
    await owned_work.at_last(lambda: keep(finish.told))


async def _keep(interlock: Opened, setup_id: int, run: Run, lease: Lease) -> None:
    """Without those who were erased since it began: their values may have been read before. Raises Fenced, SecretUnreadable."""
    async with interlock.store.write(None if run.chosen is None else run.chosen.connection_id, lease) as tx:
        if run.chosen is not None and run.trial:
            await jobs.lock(tx)
            if run.began_at_us <= (await erasures.newest_us(tx) or -1):
                erased = await erasures.held(tx, [key for pair in run.trial for key in pair.keys])
                run = msgspec.structs.replace(run, trial=[pair for pair in run.trial if erased.isdisjoint(pair.keys)])
        await setup_work.put(tx, setup_id, _RUN, msgspec.to_builtins(run))


class _Finish:
    def __init__(self, interlock: Opened, by: By, setup_id: int, run: Run, read: Found | None) -> None:
        self._interlock = interlock
        self._by = by
        self._setup_id = setup_id
        self._read = read
        self.told = run

    def tell(self, **changes: Any) -> None:
        self.told = msgspec.structs.replace(self.told, **changes)
        self._interlock.background.tell(task_name(self._setup_id, _RUN), self.told)

    async def run(self) -> None:
        setup = await state.load(self._interlock.store, self._setup_id)
        if setup.ended_at_us is not None and setup.connection_id is not None:
            # A process died before the word about it.
            await self._revoke(setup.connection_id)
            self.tell(step="done", state="done")
            return
        if setup.ended_at_us is not None:
            raise Stale("This set-up was given up. It was not finished.", fix="Open /setup to begin another.")
        if self.told.step == "undo":
            await self._undo()
            return
        found = await connecting.found_anew(self._interlock, self._by, setup, self._read)
        await self._check_unchanged(setup, found)
        await self._make_properties(setup, found)
        self.tell(step="pipelines")
        parts = pipelines.parts_of(setup, found)
        chosen = await self._make_pipelines(setup, found, parts)
        self.tell(step="mappings")
        if self.told.to_make or any(part.makes for part in parts):
            found = await connecting.look_again(self._interlock, found.connection)
        assert found.connection.id is not None
        draft = properties.draft_of(setup, found)
        settings = {**review.settings_of(setup, found.connection), **pipelines.settings_of(chosen)}
        await connecting.lay_over(self._interlock, found.connection, draft, found.schemas, settings)
        self.tell(step="permissions")
        await self._permit(setup, found.connection)
        if review.values_of(setup).existing == "try" and not self.told.go_on:
            self.tell(step="try")
            assert found.connection.id is not None
            tried = await self._try(found.connection.id)
            # Both sides are others than the review has counted: whoever goes on is told how much is left.
            await review.seen(self._interlock, self._by, setup, found, again=True)
            self.tell(state="tried", trial=tried)
            return
        self.tell(step="begin")
        await self._begin(setup, found.connection)
        await self._revoke(found.connection.id)

    async def _check_unchanged(self, setup: Setup, found: Found) -> None:
        """Days may lie between the review and *Continue*. Raises Stale, Missing."""
        check_choices(self.told, setup)
        pipelines.check_there(setup, found)
        if await drift.since_made(self._interlock, setup, found):
            raise Stale(
                "Mapped fields or properties have changed in a CRM since the review was confirmed. Nothing more was begun.",
                fix="Look at the review: it says what has changed. Then finish again.",
            )

    async def _make_properties(self, setup: Setup, found: Found) -> None:
        draft = properties.draft_of(setup, found)
        new = to_make(found.schemas, draft)
        told = await self._interlock.told_address(found.connection.id)
        # With those that people see, which no mapping needs.
        needed = key_fields.missing_with_shown(found.schemas, draft.objects, told).properties
        needed += more_choices.to_make(setup, found)
        new += [each for each in needed if each not in new]
        self.tell(to_make=len(new))
        async with self._interlock.setup_clients(setup) as clients:
            for object_ in dict.fromkeys(object_ for object_, _ in new):
                await clients.hubspot.create_group(object_, key_fields.GROUP, key_fields.GROUP_LABEL)
            for made, (object_, each) in enumerate(new, 1):
                await clients.hubspot.create_property(object_, each)
                self.tell(made=made)

    async def _make_pipelines(self, setup: Setup, found: Found, parts: Sequence[pipelines.Part]) -> Pipelines:
        async with self._interlock.setup_clients(setup) as clients:
            crms = clients.hubspot, clients.salesforce
            made = await pipelines.make(self._interlock.store, found.connection, parts, *crms, self._by)
            await more_choices.make_labels(self._interlock, setup, found, clients, self._by)
            return made

    async def _permit(self, setup: Setup, connection: Connection) -> None:
        assert connection.id is not None
        fields = await permit.mapped_fields(self._interlock.store, connection.id)
        synced = {type_ for slug in objects_on(connection) for type_ in SPECS[slug].salesforce_types}
        async with self._interlock.clients(connection, deploying=True) as clients:
            await permit.permit(
                clients.salesforce,
                Keeper(self._interlock.store, connection.id),
                package.sync_user_id(setup),
                [each for each in fields if each.sobject in synced],
                lambda _: None,
            )

    async def _try(self, connection_id: int) -> list[TriedPair]:
        async def remember(chosen: Chosen) -> None:
            self.tell(chosen=chosen)
            await opened.keep(self._interlock.store, self._setup_id, _RUN, self.told)

        chosen = self.told.chosen
        if chosen is not None and chosen.connection_id != connection_id:
            chosen = None  # of another account, which was left since
        return await trial.run(self._interlock, self._by, connection_id, chosen, remember)

    async def _undo(self) -> None:
        assert self.told.chosen is not None
        undone = await trial.undo(self._interlock, self._by, self.told.chosen, self.told.delete_records)
        await review.forget(self._interlock, self._setup_id)
        self.tell(state="undone", undone=undone, chosen=None, trial=[])

    async def _begin(self, setup: Setup, connection: Connection) -> None:
        assert connection.id is not None
        existing = _EXISTING[review.values_of(setup).existing]
        counted = await review.whole(self._interlock, self._setup_id)
        await review.forget(self._interlock, self._setup_id)
        pages_at = await self._interlock.told_address(connection.id)
        if existing == "none":
            await self._look_at_pairs(connection.id)
        async with self._interlock.store.write(connection.id) as tx:
            now = await connections.get(tx, connection.id)
            if now is None or now.state == NOT_CONNECTED:
                raise Stale("The connection was disconnected meanwhile. It was not begun.", fix="Finish again.")
            # Who has paused it meanwhile resumes it.
            begun = now.state if now.state in HALTED else "first_sync"
            settings = {**now.settings, "existing": existing, "pages_at": pages_at or ""}
            if existing == "none":
                # From the moment when it was pressed, however long the steps of the finish take.
                begun_at_us = self.told.began_at_us
                for slug in SPECS:
                    await from_now_on.leave_the_rest(tx, slug)
                await from_now_on.begin_looking(tx)
            else:
                # What counts is what changed since the two were joined: an edit made during the set-up is not lost.
                begun_at_us = now.created_at_us
            # One that was disconnected may have been loaded before, by another choice.
            await load_again(tx, existing)
            await first_sync.expect(tx, existing, counted)
            await connections.update(tx, connection.id, settings=settings, begun_at_us=begun_at_us, state=begun)
            await state.finish_in(tx, self._by, self._setup_id)
            # What is left of the run is to end the sign-in that deployed.
            await setup_work.drop_all_but(tx, self._setup_id, _RUN)
            await schedule.ring(tx)
        self.tell(step="done", state="done")

    async def _look_at_pairs(self, connection_id: int) -> None:
        """Of a connection that has synced before, or has tried some: what was edited meanwhile is carried over. Page by page, since
        there may be many, and before it begins, so that nobody works on them yet."""
        for slug in SPECS:
            after_id: int | None = 0
            while after_id is not None:
                async with self._interlock.store.write(connection_id) as tx:
                    after_id = await from_now_on.mark_pairs(tx, slug, after_id)

    async def _revoke(self, connection_id: int) -> None:
        """The admin who deployed syncs nothing: the grant ends. What could not be ended at the CRM is said, and stops nothing."""
        async with self._interlock.crms() as crms:
            ended = await sign_offs.end_deploying(self._interlock.store, crms, connection_id)
        self.tell(not_revoked=" ".join(f"{each.why_not} {each.fix}" for each in ended if each.why_not is not None))

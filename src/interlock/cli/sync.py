"""`interlock sync`: runs cycles, once or until it is ended. Ctrl-C ends it between two batches, with everything saved."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.base import (
    DONE,
    INTERRUPTED,
    NEEDS_A_PERSON,
    STOPPED,
    Answer,
    ObjectsOption,
    Page,
    PlanOption,
    Run,
    with_common,
)
from interlock.cli.counted import counted

if TYPE_CHECKING:
    from interlock.app.sync import SyncResult
    from interlock.engine.context import Cycle
    from interlock.store.connections import Connection
    from interlock.wiring import Interlock

Json = dict[str, Any]


async def sync(
    run: Run,
    once: Annotated[bool, typer.Option("--once", help="Until nothing is due now; else until it is ended.")] = False,
    objects: ObjectsOption = None,
    record: Annotated[
        list[str] | None, typer.Option("--record", metavar="KEY", help="Only this record; repeatable.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every record of these objects on both sides, whether or not it changed.")
    ] = False,
    list_id: Annotated[
        str | None,
        typer.Option("--list", metavar="ID", help="The members of this HubSpot list, whether or not they changed."),
    ] = None,
    wait: Annotated[
        str, typer.Option("--wait", metavar="DURATION", help="How long to wait for another process that syncs.")
    ] = "0",
    plan: PlanOption = False,
) -> Answer:
    """Carry changes over, both ways."""
    from interlock.app import asked_for, connections, keys, times
    from interlock.app import once as use_case
    from interlock.cli.plan import plan as preview

    if (bool(record), all_, list_id is not None).count(True) > 1:
        raise typer.BadParameter("Of --record, --all and --list only one can be meant.")
    if all_ or list_id is not None:
        return await _resync(run, objects, list_id, times.duration_s(wait), plan)
    if plan:
        if record:
            raise typer.BadParameter(
                "--plan looks at whole objects; `interlock explain KEY` says what one record is in for."
            )
        run.schema = "plan"
        return await preview(run, objects)
    only = connections.check_objects(objects)
    wait_s = times.duration_s(wait)
    wanted = [keys.check_key(each) for each in record or ()]
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        use_case.check_runs(chosen, only)
        assert chosen.id is not None
        await asked_for.note_sync(opened.store, chosen.id, only, wanted)
        if not once and not wanted:
            return await _until_ended(run, opened, chosen, only)
        return await _once(run, opened, chosen, only, wanted, wait_s)


async def _resync(run: Run, objects: list[str] | None, list_id: str | None, wait_s: float, plan: bool) -> Answer:
    from interlock.app import connections, resync
    from interlock.cli.plan import planned

    list_id = None if list_id is None else resync.list_id_of(list_id)
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        slugs = await resync.check(chosen, objects, list_id, opened.clients)
        if plan:
            run.say(f"Looking at {', '.join(slugs)}; nothing is written ...")
            run.schema = "plan"
            return planned(
                await resync.plan(opened.store, chosen, opened.clients, opened.clock_us, slugs, list_id), "A resync"
            )
        await resync.ask(opened.store, chosen, slugs, list_id)
        return await _once(run, opened, chosen, slugs, [], wait_s)


async def _once(
    run: Run, opened: Interlock, chosen: Connection, only: list[str] | None, wanted: list[Any], wait_s: float
) -> Answer:
    from interlock.app import once as use_case

    assert chosen.id is not None
    with ending() as ends:
        result = await use_case.once(
            opened.store,
            chosen,
            opened.clients,
            opened.clock_us,
            only=only,
            keys=wanted,
            wait_s=wait_s,
            on_cycle=partial(working, run, ends),
        )
    open_issues = await use_case.open_issues(opened.store, chosen.id)
    return answer(result, open_issues)


async def _until_ended(run: Run, opened: Interlock, chosen: Connection, only: list[str] | None) -> Answer:
    from interlock.app import continuous, states
    from interlock.app import once as use_case
    from interlock.app.errors import Busy
    from interlock.app.handing_over import running

    assert chosen.id is not None
    slugs = use_case.check_runs(chosen, only)
    if await running(opened.store, opened.clock_us()):
        raise Busy(
            "A dispatcher is running already (`interlock serve`, or another `interlock sync`).",
            fix="Nothing to do: it syncs. `interlock sync --once` hands it work and waits for the result.",
        )
    await states.begin(opened.store, chosen)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    interrupted: list[int] = []

    def end(number: int) -> None:
        interrupted.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    run.say(f"Syncing {', '.join(slugs)}. Ctrl-C ends it.")
    halted = await continuous.run_until(
        stop,
        opened.store,
        partial(opened.clients, note=False),
        opened.clock_us,
        use_case.owner_name(),
        chosen.id,
        only=slugs,
        say=run.say,
        told=partial(_told, run, opened),
    )
    if halted is not None:
        use_case.check_runs(halted, only)
    return Answer(exit_code=INTERRUPTED if interrupted else DONE)


def _told(run: Run, opened: Interlock, result: SyncResult) -> None:
    """One line, or one document, for each look at both CRMs that came to something."""
    if run.json:
        from interlock.app.sync import as_document

        run.emit(as_document(result, None))
        return
    done = in_words(result)
    if done:
        from interlock.app.times import rfc3339

        sys.stdout.write(f"{rfc3339(opened.clock_us())}  {done}\n")
        sys.stdout.flush()


# --- shared with `import` ------------------------------------------------------------------------------------------------


class Ends:
    """Whether somebody asked to end, and the cycle to tell it to."""

    def __init__(self) -> None:
        self.asked = False
        self.cycle: Cycle | None = None

    def ask(self) -> None:
        from interlock.app.sync import INTERRUPTED as INTERRUPTED_STOP

        if self.asked or self.cycle is None:
            # Asked twice, or nothing runs yet: at once. That loses nothing either, but may park records for minutes.
            raise KeyboardInterrupt
        self.asked = True
        self.cycle.stop = INTERRUPTED_STOP


@contextmanager
def ending() -> Iterator[Ends]:
    """SIGINT and SIGTERM end the work between two batches while the block runs."""
    ends = Ends()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: ends.ask()) for number in numbers]
    try:
        yield ends
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def working(run: Run, ends: Ends, ctx: Cycle) -> None:
    ends.cycle = ctx
    run.say(f"Syncing {', '.join(ctx.objects)} ...")


def answer(result: SyncResult, open_issues: int, **more: Any) -> Answer:
    from interlock.app.sync import as_document

    document = {**as_document(result, open_issues), **more}
    code = {"stopped": STOPPED, "interrupted": INTERRUPTED}.get(result.outcome, NEEDS_A_PERSON if open_issues else DONE)

    def page(out: Page) -> None:
        _page(out, document)

    return Answer(document, page, code)


_WORDS = (
    ("created_in_hubspot", "created in HubSpot"),
    ("created_in_salesforce", "created in Salesforce"),
    ("updated_in_hubspot", "updated in HubSpot"),
    ("updated_in_salesforce", "updated in Salesforce"),
    ("linked", "linked"),
    ("conflicts", "conflicts"),
    ("issues", "issues"),
)


def in_words(result: SyncResult) -> str:
    """`contacts: 2 updated in HubSpot, 1 linked; deals: ...`; empty when nothing was done."""
    parts = []
    for slug, counts in result.objects.items():
        done = [f"{n} {words}" for name, words in _WORDS if (n := getattr(counts, name))]
        if done:
            parts.append(f"{slug}: {', '.join(done)}")
    return "; ".join(parts)


def _page(out: Page, document: Json) -> None:
    objects = document["objects"]
    names = tuple(name for name, _ in _WORDS)
    moved = any(counts[name] for counts in objects.values() for name in names)
    if document["outcome"] == "stopped":
        out.line(f"Stopped: {document['stopped_reason']}", style="bold")
    elif document["outcome"] == "interrupted":
        out.line("Interrupted. What was done is saved; run it again to continue.", style="bold")
    elif not moved:
        out.line("In agreement: nothing was to be done.", style="bold")
    else:
        out.line("Synced.", style="bold")
    if moved:
        head = ("Object", "New in HubSpot", "New in Salesforce", "Changed in HubSpot", "Changed in Salesforce")
        columns = (*head, "Linked", "Conflicts", "Issues", "Waiting")
        rows = [(slug, *(counts[name] for name in names), counts["waiting"]) for slug, counts in objects.items()]
        out.table(columns, rows, keep=("Object",))
    calls = document["api_calls"]
    out.line(
        f"{document['seconds']:.1f} s, {calls['hubspot']:,} HubSpot and {calls['salesforce']:,} Salesforce API calls."
    )
    if document["waiting"]:
        out.line(f"{counted(document['waiting'], 'record', 'waits')}, the next until {document['next_due_at']}.")
    if document["outcome"] == "stopped":
        out.line("Next: interlock status")
    elif document["open_issues"]:
        out.line(f"{counted(document['open_issues'], 'issue', 'needs')} a person. Next: interlock issues")


def register(app: typer.Typer) -> None:
    app.command("sync")(with_common("sync", sync))

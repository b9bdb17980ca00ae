"""`interlock undo`: takes back what was carried over. Records that a sync created are deleted only after their count was typed."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

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
    YesOption,
    with_common,
)
from interlock.cli.counted import counted
from interlock.cli.sync import ending, working

if TYPE_CHECKING:
    from interlock.app.undo.left import AllLeft
    from interlock.app.undo.plan import UndoPlan
    from interlock.app.undo.run import UndoResult

SHOWN = 20


async def undo(
    run: Run,
    since: Annotated[
        str,
        typer.Option("--since", metavar="T", help="What was carried over since: an age (2h, 3d), a date, RFC 3339."),
    ],
    objects: ObjectsOption = None,
    record: Annotated[str | None, typer.Option("--record", metavar="KEY", help="Only this record.")] = None,
    plan: PlanOption = False,
    delete: Annotated[
        int | None,
        typer.Option(
            "--delete",
            metavar="N",
            min=0,
            help="Also delete the N records again that a sync created; N as --plan counts them.",
        ),
    ] = None,
    yes: YesOption = False,
) -> Answer:
    """Take back what was carried over, where nobody has built on it. Works while the connection is paused."""
    from interlock.app import connections, keys, once, times
    from interlock.app.undo import plan as planning
    from interlock.app.undo import run as running

    only = connections.check_objects(objects) or ()
    key = keys.check_key(record) if record is not None else None
    async with run.open() as opened:
        since_us = times.since_us(since, opened.clock_us())
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        run.say("Looking at what can be taken back; nothing is written ...")
        async with opened.clients(chosen) as clients:
            found = await planning.plan(
                opened.store,
                chosen,
                clients.hubspot,
                clients.salesforce,
                opened.clock_us,
                since_us=since_us,
                only=only,
                key=key,
            )
        if plan or not (found.fields or found.records):
            return _planned(found, plan)
        if found.fields:
            run.confirm(f"Put {counted(len(found.fields), 'field')} back?", yes)
        count = delete if delete is not None else _typed(found, yes)
        with ending() as ends:
            result = await running.run(
                opened.store,
                chosen,
                opened.clients,
                opened.clock_us,
                since_us=since_us,
                only=only,
                key=key,
                delete_records=count,
                up_to=found.up_to,
                on_cycle=partial(working, run, ends),
            )
        open_issues = await once.open_issues(opened.store, chosen.id)
    return _done(found, result, open_issues)


def _typed(found: UndoPlan, yes: bool) -> int | None:
    """How many records a person wants deleted; None where there is nobody to type it: they are left. Raises Stopped."""
    from interlock.app.errors import Stopped
    from interlock.app.typed_count import is_typed

    number = len(found.records)
    if not number or yes or not sys.stdin.isatty():
        return None
    sys.stderr.write(
        f"{counted(number, 'record')} that a sync created, and that nobody has touched, would be deleted again."
        f" Type {number} to delete them, or nothing to keep them: "
    )
    sys.stderr.flush()
    typed = sys.stdin.readline().strip()
    if not typed:
        return None
    if not is_typed(typed, number):
        raise Stopped(f"{typed!r} is not {number}. Nothing was changed.", code="declined")
    return number


# --- telling ------------------------------------------------------------------------------------------------------------


def _planned(found: UndoPlan, plan: bool) -> Answer:
    from interlock.app.undo.documents import plan_document

    def page(out: Page) -> None:
        if not found.fields and not found.records:
            out.line("There is nothing to take back.", style="bold")
        else:
            out.line(
                f"{counted(len(found.fields), 'field')} would go back, and {counted(len(found.records), 'record')} that a sync"
                " created would be deleted again.",
                style="bold",
            )
            _show_fields(out, found)
        _show_left(out, found.left)
        out.line("Nothing was written.")

    return Answer(plan_document(found, plan=plan), page)


def _done(found: UndoPlan, result: UndoResult, open_issues: int) -> Answer:
    from interlock.app.undo.documents import result_document

    code = {"stopped": STOPPED, "interrupted": INTERRUPTED}.get(
        result.sync.outcome, NEEDS_A_PERSON if open_issues else DONE
    )

    def page(out: Page) -> None:
        if result.sync.outcome != "done":
            out.line(f"It ended early: {result.sync.stopped_reason}. Run it again to go on.", style="bold")
        out.line(
            f"{counted(result.fields, 'field')} went back, {counted(result.records, 'record', 'was')} deleted again.",
            style="bold",
        )
        _show_left(out, result.left)
        out.line("A field that went back stays so until somebody edits it on either side.")
        if open_issues:
            out.line(f"{counted(open_issues, 'issue', 'needs')} a person. Next: interlock issues")

    return Answer(result_document(found, result, open_issues), page, code)


def _show_fields(out: Page, found: UndoPlan) -> None:
    columns = ("Record", "In", "Property", "Now", "Back to")
    rows = [
        (getattr(each, each.side.value), each.side.value, each.property, _shown(each.now), _shown(each.back_to))
        for each in found.fields[:SHOWN]
    ]
    rows += [
        (getattr(each, each.side.value), each.side.value, "", each.label or "", "deleted")
        for each in found.records[:SHOWN]
    ]
    out.table(columns, rows, keep=("Record", "In"))
    more = len(found.fields) + len(found.records) - len(rows)
    if more:
        out.line(f"And {more:,} more; --json lists them, up to 1,000 of each kind.")


def _show_left(out: Page, left: AllLeft) -> None:
    for why, first in left.examples.items():
        out.line(f"{left.by_why[why]:,} left. {first.because}")
        what = f"{first.property} of " if first.property else ""
        out.line(f"  For example {what}{first.hubspot or first.salesforce_id}")


def _shown(value: str | None) -> str:
    return "(blank)" if value is None else value


def register(app: typer.Typer) -> None:
    app.command("undo")(with_common("undo", undo))

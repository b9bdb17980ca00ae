"""`interlock pause` and `interlock resume`: stop syncing on purpose, and go on. Changes the configuration only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from interlock.cli.base import Answer, ObjectsOption, Page, PlanOption, Run, with_common

if TYPE_CHECKING:
    from interlock.app.connections import StateChange


async def pause(run: Run, objects: ObjectsOption = None, plan: PlanOption = False) -> Answer:
    """Stop syncing until `resume`: everything, or single objects."""
    from interlock.app import connections

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        change = await connections.pause(opened.store, chosen, connections.check_objects(objects), plan=plan)
        return await _answer(run, change, "pause", plan)


async def resume(run: Run, objects: ObjectsOption = None, plan: PlanOption = False) -> Answer:
    """Sync again; clears a suspension or a brake after showing why."""
    from interlock.app import connections

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        if chosen.state in connections.HALTED and chosen.state_reason and not objects:
            run.say(f"{chosen.name} was {connections.HALTED[chosen.state]}: {chosen.state_reason}")
        change = await connections.resume(opened.store, chosen, connections.check_objects(objects), plan=plan)
        return await _answer(run, change, "resume", plan)


async def _answer(run: Run, change: StateChange, what: str, plan: bool) -> Answer:
    def page(out: Page) -> None:
        would = "would be " if plan else ""
        if not change.changed:
            out.line(f"Nothing to {what}: the connection is {change.before}.")
        elif change.before != change.after:
            out.line(f"The connection was {change.before}, and {would or 'is '}{change.after}{'' if plan else ' now'}.")
        if change.objects:
            out.line(f"Paused objects: {', '.join(change.objects)}.")
        elif change.changed and change.before == change.after:
            out.line("No object is paused.")

    return Answer(change.document(plan=plan), page)


def register(app: typer.Typer) -> None:
    app.command("pause")(with_common("pause", pause))
    app.command("resume")(with_common("resume", resume))

"""`interlock import`: loads records from Salesforce, whether or not they changed, through the line that everything takes."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from interlock.cli.base import Answer, PlanOption, Run, with_common
from interlock.cli.sync import answer, ending, working


async def import_(
    run: Run,
    objects: Annotated[
        list[str], typer.Option("--object", metavar="OBJECT", help="contacts, companies or deals; repeatable.")
    ],
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="D", help="Only what changed since: an age (2h, 3d), a date, RFC 3339."),
    ] = None,
    created_since: Annotated[
        str | None, typer.Option("--created-since", metavar="D", help="Only what was created since, likewise.")
    ] = None,
    plan: PlanOption = False,
) -> Answer:
    """Load from Salesforce: link what matches, create the rest in HubSpot."""
    from interlock.app import asked_for, connections, import_, once, turns

    only = connections.check_objects(objects)
    async with run.open() as opened:
        since_when = import_.since_of(since, created_since, opened.clock_us())
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        if plan:
            return await _plan(run, opened, chosen, once.chosen_objects(chosen, only), since_when)
        await asked_for.note_import(opened.store, chosen.id, once.check_runs(chosen, only), since_when)
        wanted = import_.Import(since_when)
        with ending() as ends:
            result = await once.once(
                opened.store,
                chosen,
                opened.clients,
                opened.clock_us,
                only=only,
                wait_s=turns.WAIT_S,
                work=wanted.work,
                on_cycle=partial(working, run, ends),
            )
        open_issues = await once.open_issues(opened.store, chosen.id)
    return answer(result, open_issues, marked=wanted.marked)


async def _plan(run: Run, opened: Any, chosen: Any, only: list[str], since: Any) -> Answer:
    from interlock.app import preview
    from interlock.cli.plan import planned

    run.say(f"Looking at {', '.join(only)} in Salesforce; nothing is written ...")
    async with opened.clients(chosen) as clients:
        found = await preview.plan_import(
            opened.store, chosen, clients.hubspot, clients.salesforce, opened.clock_us, only=only, since=since
        )
    run.schema = "plan"
    return planned(found, "An import")


def register(app: typer.Typer) -> None:
    app.command("import")(with_common("import", import_))

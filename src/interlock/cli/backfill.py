"""`interlock backfill`: every linked pair takes up what is mapped now, through the line that everything takes."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from interlock.cli.base import Answer, Page, PlanOption, Run, with_common
from interlock.cli.sync import answer, ending, working


async def backfill(
    run: Run,
    objects: Annotated[
        list[str], typer.Option("--object", metavar="OBJECT", help="contacts, companies or deals; repeatable.")
    ],
    plan: PlanOption = False,
) -> Answer:
    """Let linked pairs take up new and changed mappings, both ways. Goes on where it was."""
    from interlock.app import backfill, connections, once, turns

    only = connections.check_objects(objects)
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        if plan:
            return await _plan(run, opened, chosen, once.chosen_objects(chosen, only))
        slugs = once.check_runs(chosen, only)
        for slug in slugs:
            await backfill.ask(opened.store, chosen.id, slug)
        with ending() as ends:
            result = await once.once(
                opened.store,
                chosen,
                opened.clients,
                opened.clock_us,
                only=slugs,
                wait_s=turns.WAIT_S,
                on_cycle=partial(working, run, ends),
            )
        open_issues = await once.open_issues(opened.store, chosen.id)
        states = [backfill.document(slug, await backfill.last(opened.store, chosen.id, slug)) for slug in slugs]
    return answer(result, open_issues, backfills=states)


async def _plan(run: Run, opened: Any, chosen: Any, only: list[str]) -> Answer:
    from interlock.app import preview
    from interlock.app.setting_changes import BACKFILL_PAIRS_MOST
    from interlock.cli.plan import show

    run.say(f"Looking at linked pairs of {', '.join(only)}; nothing is written ...")
    async with opened.clients(chosen) as clients:
        found = await preview.plan_backfill(
            opened.store, chosen, clients.hubspot, clients.salesforce, opened.clock_us, only, BACKFILL_PAIRS_MOST
        )
    document = preview.as_document(found)

    def page(out: Page) -> None:
        show(out, document, what="A backfill")

    run.schema = "plan"
    return Answer(document, page)


def register(app: typer.Typer) -> None:
    app.command("backfill")(with_common("backfill", backfill))

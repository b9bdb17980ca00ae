"""`interlock duplicates`: which records of one CRM are one person or company, before they are synced. Changes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from interlock.cli.base import Answer, ObjectsOption, Page, Run, with_common
from interlock.cli.counted import counted

SHOWN = 50
_BY = {
    "email": "the same e-mail address",
    "domain": "the same domain",
    "name": "the same name",
    "likeness": "alike",
}


async def duplicates(
    run: Run,
    objects: ObjectsOption = None,
    side: Annotated[str | None, typer.Option("--side", help="hubspot or salesforce; without it both.")] = None,
) -> Answer:
    """Report which records of a CRM are one person or company, so that they can be merged before they are synced."""
    from interlock.app import conflicts, connections, once
    from interlock.app.identity import report as use_case
    from interlock.app.identity.reading import COMPARED
    from interlock.core.model import Side
    from interlock.crm.errors import NAMES

    only = connections.check_objects(objects)
    sides = tuple(Side) if side is None else (conflicts.side_of(side),)
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        # Before the set-up is finished nothing syncs yet.
        syncs = [slug for slug in once.chosen_objects(chosen, None) if slug in COMPARED]
        slugs = [slug for slug in only or syncs or COMPARED if slug in COMPARED]
        run.say("Reading all of these records; nothing is changed ...")
        async with opened.clients(chosen) as clients:
            found = await use_case.report(opened.store, chosen, clients.hubspot, clients.salesforce, slugs, sides)

    def page(out: Page) -> None:
        for slug, by_side in found.items():
            for where, each in by_side.items():
                said = f"{counted(len(each.groups), 'group')}, {counted(each.extra, 'record')} too many"
                out.line(f"{slug} in {NAMES[where]}: {each.records:,} read, {said}.", style="bold")
                if each.left_out:
                    out.line(f"  {counted(each.left_out, 'record')} left out: too many to compare at once.")
                for group in each.groups[:SHOWN]:
                    out.line(f"  {_BY[group.by]}{'' if group.sure else ', to be looked at'}:")
                    for key in group.members:
                        out.line(f"    {key}  {each.labels[key]}")
                    for reason in group.reasons:
                        out.line(f"      {reason}")
                if len(each.groups) > SHOWN:
                    out.line(
                        f"  And {len(each.groups) - SHOWN:,} groups more: --json lists up to {use_case.GROUPS_MOST}."
                    )
        out.line("Merge them where they are, before the first sync: it asks about those that fit one record.")

    return Answer(use_case.document(found), page)


def register(app: typer.Typer) -> None:
    app.command("duplicates")(with_common("duplicates", duplicates))

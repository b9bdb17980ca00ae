"""`interlock erase`: forgets a person, on somebody's order."""

from __future__ import annotations

from typing import Annotated

import typer

from interlock.cli.base import Answer, Page, PlanOption, Run, YesOption, with_common


async def erase(
    run: Run,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The record of the person, in either CRM.")],
    everywhere: Annotated[
        bool,
        typer.Option(
            "--everywhere", help="Also erase it in HubSpot, for ever, and delete it in Salesforce (recycle bin)."
        ),
    ] = False,
    plan: PlanOption = False,
    yes: YesOption = False,
) -> Answer:
    """Forget a person: values, conflicts, issues. A keyed hash is kept, so that no sync makes them again."""
    from interlock.app import connections, keys
    from interlock.app import erase as use_case

    wanted = keys.check_key(key)
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        found = await use_case.look(opened.store, chosen, wanted)
        if not plan:
            where = "from both CRMs and " if everywhere else ""
            run.confirm(f"Erase {wanted} {where}from what Interlock remembers? There is no way back.", yes)
            found = await use_case.erase(
                opened.store, chosen, opened.clients, opened.clock_us, wanted, everywhere=everywhere
            )

    def page(out: Page) -> None:
        would = "would be " if plan else "were "
        out.line(f"{found.audit:,} values and conflicts and {found.issues:,} issues {would}cleared.", style="bold")
        records = " and ".join(str(each) for each in (found.hubspot, found.salesforce) if each is not None)
        if everywhere:
            out.line(
                f"{records}: {would}deleted. Salesforce keeps what is in its recycle bin for 15 days: empty it there."
            )
        elif not plan:
            out.line(f"{records} are still in their CRMs; they sync no more.")
        if found.others:
            out.line(
                f"Still in their CRMs are {', '.join(map(str, found.others))}, which were merged or linked with these, or bear"
                " the same address. Erase each of them, if it is the same person."
            )
        if not plan:
            out.line("Backups made before still hold what they held: delete them, or keep them without the key file.")

    return Answer(found.document(everywhere=everywhere, plan=plan), page)


def register(app: typer.Typer) -> None:
    app.command("erase")(with_common("erase", erase))

"""`interlock disconnect`: parts a HubSpot account from its org, and says what a person still has to end."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.base import DONE, NEEDS_A_PERSON, Answer, Page, PlanOption, Run, YesOption, with_common


async def disconnect(
    run: Run,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="WORDS", help="Uninstall Salesforce, to take the package out of the org."),
    ] = None,
    keep_package: Annotated[
        bool, typer.Option("--keep-package", help="Leave Interlock's fields and permission set in the org.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="FOLDER", help="Where mappings and links are written [default: the home folder]."
        ),
    ] = None,
    plan: PlanOption = False,
    yes: YesOption = False,
) -> Answer:
    """End both sign-ins and take the package out. Mappings and links are written to files first."""
    from interlock.app import connections
    from interlock.app import disconnect as use_case
    from interlock.cli.package import Telling

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        other = await use_case.shares_org(opened.store, chosen)
        if plan:
            document = use_case.plan_document(keep_package or other is not None)
            return Answer(document, lambda out: out.line(f"{chosen.name} would be disconnected. Nothing was changed."))
        if not keep_package and other is None:
            use_case.check_phrase(confirm)
        run.confirm(
            f"Disconnect {chosen.hubspot_name} ({chosen.hubspot_account_id}) from {chosen.salesforce_name}"
            f" ({chosen.salesforce_org_id})?",
            yes or confirm is not None,
        )
        done = await use_case.disconnect(
            opened.store,
            chosen,
            partial(opened.clients, deploying=True),
            opened.crms,
            opened.clock_us,
            export or opened.home.path,
            keep_package=keep_package,
            progress=Telling(run),
        )

    def page(out: Page) -> None:
        out.line(f"{chosen.name} is disconnected.", style="bold")
        out.line(
            f"The mappings are in {done.files.mappings}, the {done.files.links.pairs:,} links in {done.files.links.path}."
        )
        out.line(
            {
                "removed": f"{len(done.components)} components were taken out of the org.",
                "absent": "Nothing of the package was in the org.",
                "kept": f"The package is still in the org. {done.package_why}",
            }[done.package]
        )
        for each in done.not_ended:
            out.line(f"{each.why} {each.fix}")

    return Answer(done.document(), page, NEEDS_A_PERSON if done.not_ended else DONE)


def register(app: typer.Typer) -> None:
    app.command("disconnect")(with_common("disconnect", disconnect))

"""`interlock package`: Interlock's own fields, permission set and sites in the Salesforce org."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.base import DONE, NEEDS_A_PERSON, Answer, Page, PlanOption, Run, YesOption, with_common

if TYPE_CHECKING:
    from interlock.app.package.plan import Plan
    from interlock.crm.salesforce.deploy import Deployment

_STATES = {
    "none": "Nothing of the package is in the org.",
    "partly": "Some of the package is in the org.",
    "older": "An older version of the package is in the org.",
    "newer": "A newer version of the package is in the org than this Interlock brings.",
    "current": "The package is in the org.",
}


async def package_plan(
    run: Run,
    zip_file: Annotated[
        Path | None,
        typer.Option("--zip", metavar="FILE", help="Also write what would be deployed, for the sf CLI."),
    ] = None,
) -> Answer:
    """Say what of the package the org holds and what an install would do. Changes nothing."""
    from interlock.app import connections
    from interlock.app.errors import BadInput
    from interlock.app.package import parts, rights
    from interlock.app.package import plan as use_case
    from interlock.app.package.documents import plan_document

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        address = parts.address_of(await opened.told_address(chosen.id))
        async with opened.clients(chosen) as clients:
            user_id = (await clients.salesforce.identity()).user_id
            found = await use_case.look(clients.salesforce, user_id, address)
            held = await rights.held(clients.salesforce, found) if zip_file is not None else {}
    if zip_file is not None:
        try:
            zip_file.write_bytes(parts.package(address, held))
        except OSError as error:
            raise BadInput(
                f"{zip_file} cannot be written: {error.strerror}.", code="file_unwritable", fix="Give another path."
            ) from error
    document = {**plan_document(found), "zip": str(zip_file) if zip_file is not None else None}

    def page(out: Page) -> None:
        _show(out, found)
        if zip_file is not None:
            out.line(f"What would be deployed is in {zip_file}.")
        if not found.complete and found.state != "newer":
            out.line("Nothing was changed. Next: interlock package install")

    return Answer(document, page)


async def install(
    run: Run,
    mapped_fields: Annotated[
        bool,
        typer.Option("--mapped-fields", help="Also let the sync user see and write every field that is mapped."),
    ] = False,
    plan: PlanOption = False,
) -> Answer:
    """Bring the package to this version, or upgrade it, and give it to the sync user. Can be run again."""
    if plan:
        run.schema = "package-plan"
        return await package_plan(run)
    from interlock.app import connections
    from interlock.app.package import bring as use_case
    from interlock.app.package import parts
    from interlock.app.package.documents import install_document

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        address = parts.address_of(await opened.told_address(chosen.id))
        installed, permitted = await use_case.bring(
            opened.store, chosen, opened.clients, address, opened.clock_us, Telling(run), mapped_fields=mapped_fields
        )
    before, after = installed.before, installed.after

    def page(out: Page) -> None:
        _show(out, after)
        if before.complete:
            out.line("It was there as it has to be: nothing of it was changed.")
        if permitted.added:
            out.line(f"The sync user may now use {', '.join(field for field, _ in permitted.added)}.")
        for each in permitted.left_out:
            out.line(f"  {each.field} is not in the permission set: {each.why}.")

    return Answer(install_document(installed, permitted), page, DONE if after.complete else NEEDS_A_PERSON)


async def status(
    run: Run,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Ask Salesforce to end the deployment that is under way.")
    ] = False,
) -> Answer:
    """Say which version is in the org, and where a deployment that is under way stands. Exit code 1 if it is not current."""
    from interlock.app import connections
    from interlock.app.package import parts
    from interlock.app.package import status as use_case
    from interlock.app.package.documents import deployment_document, plan_document
    from interlock.app.package.kept import Keeper

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        address = parts.address_of(await opened.told_address(chosen.id))
        keeper = Keeper(opened.store, chosen.id)
        async with opened.clients(chosen) as clients:
            told = await use_case.status(clients.salesforce, keeper, address, cancel=cancel)
    found, running = told.plan, told.deployment
    if told.forgotten is not None:
        run.say(f"The org knows no deployment {told.forgotten} any more.")
    document = {**plan_document(found), "deployment": deployment_document(running)}

    def page(out: Page) -> None:
        _show(out, found)
        if running is not None:
            out.line(f"{_progress(running)} Run `interlock package install` to follow it to its end.")

    return Answer(document, page, DONE if found.complete else NEEDS_A_PERSON)


async def remove(
    run: Run,
    export: Annotated[
        Path,
        typer.Option("--export", metavar="FILE", help="A new file for the links, written first (CSV): the keys go."),
    ],
    plan: PlanOption = False,
    yes: YesOption = False,
) -> Answer:
    """Take the package out of the org, with the keys that its records hold. Writes every link to a file first."""
    if plan:
        return await _planned_removal(run)
    from interlock.app import connections
    from interlock.app.package import bring as use_case
    from interlock.app.package import export as exporting
    from interlock.app.package.documents import remove_document

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        exporting.check_new(export)
        pairs = await exporting.count(opened.store, chosen.salesforce_org_id)
        run.confirm(
            f"The {pairs:,} links go into {export}. Delete Interlock's fields with their values, its"
            f" permission set and its sites from {chosen.salesforce_name} ({chosen.salesforce_org_id})? Nothing can be"
            " synced until the package is installed again.",
            yes,
        )
        exported = await exporting.write(opened.store, chosen.salesforce_org_id, export)
        removed = await use_case.take_out(opened.store, chosen, opened.clients, exported, opened.clock_us, Telling(run))

    def page(out: Page) -> None:
        if not removed.components:
            out.line("Nothing of the package was in the org.")
            return
        out.line(f"Removed {len(removed.components)} components from {chosen.salesforce_name}.", style="bold")
        out.line(f"The {exported.pairs:,} links are in {exported.path}.")

    return Answer(remove_document(exported, removed), page)


async def _planned_removal(run: Run) -> Answer:
    run.schema = "package-plan"
    found = await package_plan(run)

    def page(out: Page) -> None:
        assert found.page is not None
        found.page(out)
        out.line("What is there would be taken out, once the links are in the file. Nothing was changed.")

    return Answer(found.document, page)


class Telling:
    """Progress as it is made: a line when something has changed, with each component that is done."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._last = ""
        self._told: set[tuple[str | None, str]] = set()

    def __call__(self, deployment: Deployment) -> None:
        for row in deployment.components:
            if (row.component_type, row.full_name) not in self._told:
                self._told.add((row.component_type, row.full_name))
                word = "done" if row.success else f"failed: {row.problem}"
                self._run.say(f"  {row.component_type} {row.full_name}: {word}")
        line = _progress(deployment)
        if line != self._last:
            self._last = line
            self._run.say(line)


def _progress(deployment: Deployment) -> str:
    done, total = deployment.number_components_deployed, deployment.number_components_total
    return f"Deployment {deployment.id}: {deployment.status}, {done} of {total} components."


def _show(out: Page, found: Plan) -> None:
    there = f" Version {found.version_there} is there; this Interlock brings {found.version}."
    out.line(_STATES[found.state] + (there if found.version_there is not None else ""), style="bold")
    rows = [(each.type, each.name, each.state) for each in found.components]
    out.table(("Type", "Name", "State"), rows, keep=("Type", "Name", "State"))
    if found.address.why_not is not None:
        out.line(f"No site is trusted: {found.address.why_not}.")
    if found.permission_set_id is not None:
        out.line(f"The sync user {'has' if found.assigned else 'does not have'} the permission set.")


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True, help="Interlock's own fields, permission set and sites in the Salesforce org."
    )
    group.command("plan")(with_common("package-plan", package_plan))
    group.command("install")(with_common("package-install", install))
    group.command("status")(with_common("package-status", status))
    group.command("remove")(with_common("package-remove", remove))
    app.add_typer(group, name="package")

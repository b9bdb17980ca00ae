"""`interlock mappings`: what syncs with what, as a table and as a file that can be kept, compared and applied."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.base import DONE, NEEDS_A_PERSON, Answer, ObjectsOption, Page, PlanOption, Run, with_common

if TYPE_CHECKING:
    from interlock.app.mappings import Change
    from interlock.app.schemas import Schemas

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="YAML, as `mappings export` writes it.")]


async def list_mappings(run: Run, objects: ObjectsOption = None) -> Answer:
    """List every pair of fields with its rule and whether it can be synced."""
    from interlock.app import connections
    from interlock.app import mappings as use_case

    only = connections.check_objects(objects)
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        rows = await use_case.list_(opened.store, chosen.id, only)

    def page(out: Page) -> None:
        for object_, type_ in dict.fromkeys((row["object"], row["salesforce_object"]) for row in rows):
            out.line(f"{object_} and {type_}", style="bold")
            mine = [row for row in rows if (row["object"], row["salesforce_object"]) == (object_, type_)]
            names = ("property", "field", "rule", "status", "status_reason")
            keep = ("HubSpot property", "Salesforce field", "Rule", "Status")
            out.table((*keep, "Why"), [[row[name] for name in names] for row in mine], keep=keep)
            out.line()
        counts = Counter(row["status"] for row in rows)
        out.line(", ".join(f"{n} {status}" for status, n in counts.items()) + ".")

    return Answer({"mappings": rows}, page)


async def export(
    run: Run,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to write it [default: standard output].")
    ] = None,
) -> Answer:
    """Write the mappings as YAML."""
    from interlock.app import connections, mapping_files
    from interlock.app import mappings as use_case
    from interlock.app.errors import BadInput

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        exported = await use_case.export(opened.store, chosen.id)
    text = mapping_files.as_yaml(exported, chosen)
    if file is not None:
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInput(
                f"{file} cannot be written: {error.strerror}.", code="file_unwritable", fix="Give another path."
            ) from error

    def page(out: Page) -> None:
        out.line(f"The mappings are in {file}." if file is not None else text.rstrip("\n"))

    document = {
        "file": str(file) if file is not None else None,
        "yaml": text,
        "mappings": exported,
        "version": mapping_files.version_of(exported),
    }
    return Answer(document, page)


async def diff(run: Run, file: FileArgument) -> Answer:
    """Say how the mappings differ from a file. Exit code 1 when they do."""
    from interlock.app import connections
    from interlock.app import mappings as use_case
    from interlock.mapping_input import read_file

    document, where = read_file(file)
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        changes = await use_case.compare(opened.store, chosen.id, document, where)

    def page(out: Page) -> None:
        if not changes:
            out.line(f"The mappings are as in {file}.")
            return
        out.line(f"To become as in {file}:")
        _show(out, changes)

    answer = {"file": str(file), "differs": bool(changes), "changes": [change.document() for change in changes]}
    return Answer(answer, page, NEEDS_A_PERSON if changes else DONE)


async def apply(run: Run, file: FileArgument, plan: PlanOption = False) -> Answer:
    """Make the mappings as a file says, all or nothing. Rows that do not change keep what they know of each record."""
    from interlock.app import connections, mapping_files
    from interlock.app import mappings as use_case
    from interlock.mapping_input import read_file

    document, where = read_file(file)
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None

        async def refresh() -> Schemas:
            async with opened.clients(chosen) as clients:
                return await mapping_files.fresh_schemas(opened.store, chosen, clients.hubspot, clients.salesforce)

        changes = await use_case.apply(opened.store, chosen.id, document, where, refresh, plan=plan)

    def page(out: Page) -> None:
        if not changes:
            out.line(f"Nothing to do: the mappings are as in {file}.")
            return
        out.line("Would change:" if plan else "Changed:")
        _show(out, changes)
        if not plan and any(change.action == "add" for change in changes):
            out.line(
                "A pair of records takes up a new field when one of them changes next, or with `interlock import`."
            )

    answer = {
        "file": str(file),
        "planned": plan,
        "changes": [change.document() for change in changes],
        "effect": None,
        "permissions": None,
    }
    return Answer(answer, page)


def _show(out: Page, changes: list[Change]) -> None:
    from interlock.app import value_maps

    names = ("action", "object", "salesforce_object", "property", "field", "rule_before", "rule_after")
    columns = ("", "Object", "Salesforce", "HubSpot property", "Salesforce field", "Rule before", "Rule after")
    out.table(columns, [[change.document()[name] for name in names] for change in changes], keep=columns)
    for change in changes:
        if change.values_after is not None:
            joined = value_maps.shown(change.values_after) or "none"
            out.line(f"Called the same of {change.property} and {change.salesforce_object}.{change.field}: {joined}")


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="What syncs with what: list, export, compare, apply.")
    group.command("list")(with_common("mappings-list", list_mappings))
    group.command("export")(with_common("mappings-export", export))
    group.command("diff")(with_common("mappings-diff", diff))
    group.command("apply")(with_common("mappings-apply", apply))
    app.add_typer(group, name="mappings")

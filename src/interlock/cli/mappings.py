"""`interlock mappings`: what syncs with what, as a table and as a file that can be kept, compared and applied."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.base import DONE, NEEDS_A_PERSON, Answer, ObjectsOption, Page, PlanOption, Run, with_common

if TYPE_CHECKING:
    from interlock.app.mappings import Change, Document, Where
    from interlock.app.schemas import Schemas
    from interlock.store.connections import Connection
    from interlock.wiring import Interlock

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
    from interlock.app.errors import BadInput

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        text = await mapping_files.written(opened.store, chosen)
    if file is not None:
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{file} cannot be written: {error.strerror}.", code="file_unwritable") from error

    def page(out: Page) -> None:
        out.line(f"The mappings are in {file}." if file is not None else text.rstrip("\n"))

    return Answer({"file": str(file) if file is not None else None, "yaml": text}, page)


async def diff(run: Run, file: FileArgument) -> Answer:
    """Say how the mappings differ from a file. Exit code 1 when they do."""
    from interlock.app import connections
    from interlock.app import mappings as use_case

    document, _ = read_file(file)
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        changes = await use_case.compare(opened.store, chosen.id, document)

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
    from interlock.app import connections
    from interlock.app import mappings as use_case

    document, where = read_file(file)
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None

        async def refresh() -> Schemas:
            return await _fresh_schemas(opened, chosen)

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

    answer = {"file": str(file), "planned": plan, "changes": [change.document() for change in changes]}
    return Answer(answer, page)


async def _fresh_schemas(opened: Interlock, connection: Connection) -> Schemas:
    from interlock.app.schemas import keep_schemas, read_schemas
    from interlock.objects.registry import SPECS

    assert connection.id is not None
    slugs = [slug for slug in SPECS if slug in connection.settings.get("objects", list(SPECS))]
    async with opened.clients(connection) as clients:
        schemas = await read_schemas(clients.hubspot, clients.salesforce, slugs)
    await keep_schemas(opened.store, connection.id, schemas)
    return schemas


def _show(out: Page, changes: list[Change]) -> None:
    names = ("action", "object", "salesforce_object", "property", "field", "rule_before", "rule_after")
    columns = ("", "Object", "Salesforce", "HubSpot property", "Salesforce field", "Rule before", "Rule after")
    out.table(columns, [[change.document()[name] for name in names] for change in changes], keep=columns)


# --- the file ---------------------------------------------------------------------------------------------------------


def read_file(file: Path) -> tuple[Document, Where]:
    """The document, and how to say where in the file something stands. Raises BadInput with file, line and key."""
    from pydantic import ValidationError

    from interlock.app.errors import BadInput
    from interlock.app.mappings import Document
    from interlock.config import line_of, parse_yaml, refused

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{file} cannot be read: {error}.", code="file_unreadable", fix="Give the path of a file."
        ) from error
    values, lines = parse_yaml(text, str(file))
    if not isinstance(values, dict):
        raise BadInput(
            f"{file} holds no mappings.", code="config_invalid", fix="`interlock mappings export` writes such a file."
        )
    try:
        document = Document.model_validate(values)
    except ValidationError as error:
        raise refused(error, lines, str(file), Document) from error
    return document, lambda path: f"{file}, line {line_of(lines, path)}"


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="What syncs with what: list, export, compare, apply.")
    group.command("list")(with_common("mappings-list", list_mappings))
    group.command("export")(with_common("mappings-export", export))
    group.command("diff")(with_common("mappings-diff", diff))
    group.command("apply")(with_common("mappings-apply", apply))
    app.add_typer(group, name="mappings")

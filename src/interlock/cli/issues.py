"""`interlock issues`: what needs a person: list, show, resync, ignore, export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.base import DONE, NEEDS_A_PERSON, Answer, Page, PlanOption, Run, YesOption, with_common
from interlock.cli.counted import counted

if TYPE_CHECKING:
    from interlock.core.model import Issue

CategoryOption = Annotated[str | None, typer.Option("--category", help="Only this category, e.g. property_values.")]
ObjectOption = Annotated[str | None, typer.Option("--object", help="Only contacts, companies or deals.")]
CodeOption = Annotated[str | None, typer.Option("--code", help="Only this code, e.g. STRING_TOO_LONG.")]
RecordOption = Annotated[str | None, typer.Option("--record", metavar="KEY", help="Only this record.")]
IdsArgument = Annotated[list[int] | None, typer.Argument(metavar="ID", help="Issue ids.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every open issue.")]


async def list_issues(
    run: Run,
    context: typer.Context,
    category: CategoryOption = None,
    object_: ObjectOption = None,
    code: CodeOption = None,
    record: RecordOption = None,
    cursor: Annotated[str | None, typer.Option("--cursor", help="Continue a list, from `next_cursor`.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Issues in one answer.")] = 100,
) -> Answer:
    """List what needs a person."""
    from interlock.app import connections, issues

    query = issues.query_of(category, object_, code, record)
    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        listed = await issues.list_(opened.store, chosen.id, query, cursor, limit)
    document = issues.list_document(listed)
    documents = document["issues"]

    def page(out: Page) -> None:
        if not documents:
            out.line("No issues: nothing needs you.")
            return
        rows = [
            (each["id"], each["category"], each["label"] or each["hubspot"] or each["salesforce"], each["cause"])
            for each in documents
        ]
        out.table(("Id", "Category", "Record", "Cause"), rows, keep=("Id", "Category"))
        if listed.next_cursor:
            out.line(f"More: interlock issues --cursor {listed.next_cursor}")
        out.line("Next: interlock issues show ID, then interlock issues resync ID")

    return Answer(document, page, NEEDS_A_PERSON if listed.total else DONE)


async def show(run: Run, id_: Annotated[int, typer.Argument(metavar="ID", help="The issue's id.")]) -> Answer:
    """Show one issue with its cause and its fix."""
    from interlock.app import connections, issues

    async with run.open() as opened:
        chosen = await connections.choose(opened.store, run.connection)
        assert chosen.id is not None
        document = issues.as_document(await issues.show(opened.store, chosen.id, id_))

    def page(out: Page) -> None:
        out.line(f"{document['object']}: {document['label'] or document['hubspot'] or document['salesforce']}")
        for name in ("hubspot", "salesforce", "property", "field", "value", "status", "tries", "first_seen_at"):
            if document[name] is not None:
                out.line(f"  {name.replace('_', ' ')}: {document[name]}")
        out.line(document["cause"])
        if document["raw_message"]:
            out.line(f"In the CRM's words: {document['raw_message']}")
        out.line(f"What to do: {document['fix']}")

    return Answer({"issue": document}, page)


async def resync(
    run: Run,
    ids: IdsArgument = None,
    category: CategoryOption = None,
    everything: AllOption = False,
    plan: PlanOption = False,
) -> Answer:
    """Make the records of issues due again: by id, by category, or --all."""
    from interlock.app import connections, issues

    async with run.open() as opened:
        connection = await connections.choose(opened.store, run.connection)
        assert connection.id is not None
        chosen = await issues.choose(opened.store, connection.id, ids, category, everything)
        if not plan:
            await issues.resync(opened.store, connection.id, chosen, opened.clock_us())
    return _changed("resync", chosen, plan, "due again", "Next: interlock sync --once")


async def ignore(
    run: Run,
    ids: IdsArgument = None,
    category: CategoryOption = None,
    everything: AllOption = False,
    plan: PlanOption = False,
    yes: YesOption = False,
) -> Answer:
    """Hide issues for good, also when they are raised again."""
    from interlock.app import connections, issues

    async with run.open() as opened:
        connection = await connections.choose(opened.store, run.connection)
        assert connection.id is not None
        chosen = await issues.choose(opened.store, connection.id, ids, category, everything)
        if not plan and chosen:
            if not ids:
                run.confirm(f"Ignore {counted(len(chosen), 'issue')}?", yes)
            await issues.ignore(opened.store, connection.id, chosen)
    return _changed("ignore", chosen, plan, "ignored", "")


async def export(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A name that ends in .csv or .jsonl.")],
    category: CategoryOption = None,
    object_: ObjectOption = None,
    code: CodeOption = None,
    record: RecordOption = None,
) -> Answer:
    """Write issues to a .csv or .jsonl file."""
    from pathlib import Path

    from interlock.app import connections, issues

    query = issues.query_of(category, object_, code, record)
    async with run.open() as opened:
        connection = await connections.choose(opened.store, run.connection)
        assert connection.id is not None
        found = await issues.every(opened.store, connection.id, query)
    issues.export(found, Path(file))
    document = {"file": file, "issues": len(found)}
    return Answer(document, lambda out: out.line(f"{counted(len(found), 'issue', 'is')} in {file}."))


def _changed(what: str, chosen: list[Issue], plan: bool, word: str, next_line: str) -> Answer:
    from interlock.app.issues import changed_document

    document = changed_document(what, chosen, plan=plan)

    def page(out: Page) -> None:
        out.line(f"{counted(len(chosen), 'issue', 'would be' if plan else 'is')} {word}.")
        if next_line and not plan and chosen:
            out.line(next_line)

    return Answer(document, page)


def register(app: typer.Typer) -> None:
    group = typer.Typer(invoke_without_command=True, help="What needs a person: list, show, resync, ignore, export.")
    group.callback()(with_common("issues", list_issues))
    group.command("show")(with_common("issues-show", show))
    group.command("resync")(with_common("issues-resync", resync))
    group.command("ignore")(with_common("issues-ignore", ignore))
    group.command("export")(with_common("issues-export", export))
    app.add_typer(group, name="issues")

"""`interlock find`: from an e-mail, a name or an id to record keys."""

from __future__ import annotations

from typing import Annotated

import typer

from interlock.cli.base import Answer, Page, Run, with_common


async def find(
    run: Run,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="An e-mail, a name, or an id of either CRM.")],
    offline: Annotated[bool, typer.Option("--offline", help="Ask neither CRM.")] = False,
) -> Answer:
    """Find records by e-mail, name or id."""
    from interlock.app import connections
    from interlock.app import find as use_case

    async with run.open() as opened:
        connection = await connections.choose(opened.store, run.connection)
        assert connection.id is not None
        if offline:
            search = await use_case.find(opened.store, connection.id, text, None)
        else:
            async with opened.clients(connection, note=False) as clients:
                both = (clients.hubspot, clients.salesforce)
                search = await use_case.find(opened.store, connection.id, text, both)
    document = use_case.as_document(text, search)
    records, silent = document["records"], search.silent

    def page(out: Page) -> None:
        columns = ("Record", "HubSpot", "Salesforce", "Pair")
        rows = [
            (each["label"], each["hubspot"], each["salesforce"], each["link"] or each["why_not"] or "not linked")
            for each in records
        ]
        out.table(columns, rows, keep=("HubSpot", "Salesforce", "Pair"))
        if silent:
            out.line(f"{' and '.join(silent)} did not answer: this is what is remembered.")
        out.line("Next: interlock explain KEY")

    return Answer(document, page)


def register(app: typer.Typer) -> None:
    app.command("find")(with_common("find", find))

"""`interlock connections`: every connection with its state. Calls no CRM."""

from __future__ import annotations

import typer

from interlock.cli.base import Answer, Page, Run, with_common


async def list_connections(run: Run) -> Answer:
    """List connections with their state."""
    from interlock.app import connections

    async with run.open() as opened:
        found = await connections.all_(opened.store, run.connection)
        documents = [await connections.document(opened.store, each) for each in found]

    def page(out: Page) -> None:
        if not documents:
            out.line("Nothing is connected yet. Next: interlock connect, or interlock demo.")
            return
        rows = [
            (
                each["name"],
                each["state"],
                f"{each['hubspot']['name']} ({each['hubspot']['account_id']})",
                f"{each['salesforce']['name']} ({each['salesforce']['org_id']})",
                each["state_reason"],
            )
            for each in documents
        ]
        out.table(
            ("Name", "State", "HubSpot", "Salesforce", "Why"), rows, keep=("Name", "State", "HubSpot", "Salesforce")
        )

    return Answer({"connections": documents}, page)


def register(app: typer.Typer) -> None:
    app.command("connections")(with_common("connections", list_connections))

"""`interlock schema`: the JSON Schema of what a command prints with --json. Opens no installation."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from interlock.cli.base import Answer, Page, Run, with_common


async def schema(
    run: Run,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help="For example status, or issues show; error for failures.")
    ],
) -> Answer:
    """Print the JSON Schema of a command's --json documents."""
    from interlock.app import json_schemas

    name = " ".join(command)
    found = json_schemas.load(name)

    def page(out: Page) -> None:
        out.line(json.dumps(found, indent=2, ensure_ascii=False))

    return Answer({"command": "-".join(name.split()), "json_schema": found}, page)


def register(app: typer.Typer) -> None:
    app.command("schema")(with_common("schema", schema))

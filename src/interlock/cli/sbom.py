"""`interlock sbom`: what this installation consists of, as a file for whoever looks for known weaknesses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.base import Answer, Run, with_common


async def sbom(
    run: Run, file: Annotated[Path, typer.Argument(metavar="FILE", help="Where it is written; it must not exist yet.")]
) -> Answer:
    """Write a list of everything that is installed for Interlock (CycloneDX 1.6): name, version, licence, digest."""
    from interlock.app import sbom as use_case
    from interlock.wiring import wall_clock_us

    components = use_case.write(file, wall_clock_us())
    return Answer(
        {"file": str(file), "components": components},
        lambda out: out.line(f"{components:,} components are listed in {file}."),
    )


def register(app: typer.Typer) -> None:
    app.command("sbom")(with_common("sbom", sbom))

"""The JSON Schemas of every document that the commands print: `docs/cli/*.schema.json`, also inside an installed package.

There is one copy, in docs/cli. Building a wheel takes it along as `interlock/json_schemas` (pyproject.toml, force-include);
in a check-out, where that folder is not there, the repository's own is read.
"""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from interlock.app.errors import Missing

SUFFIX = ".schema.json"


def names() -> list[str]:
    return sorted(item.name.removesuffix(SUFFIX) for item in _folder().iterdir() if item.name.endswith(SUFFIX))


def load(command: str) -> dict[str, Any]:
    """`status`, `issues show` or `issues-show`. Raises Missing."""
    name = "-".join(command.split())
    file = _folder() / f"{name}{SUFFIX}"
    if name not in names():
        raise Missing(
            f"There is no command {command!r} that prints a document.",
            code="no_such_schema",
            fix=f"There are: {', '.join(names())}.",
        )
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def _folder() -> Traversable:
    packed = files("interlock") / "json_schemas"
    if packed.is_dir():
        return packed
    return Path(__file__).resolve().parents[3] / "docs" / "cli"

"""The JSON Schemas of every document that the commands print (`docs/cli/*.schema.json`) and of those that only the JSON API
answers with (`docs/api/*.schema.json`), also inside an installed package.

There is one copy, in docs. Building a wheel takes it along as `interlock/json_schemas` and `interlock/api_schemas`
(pyproject.toml, force-include); in a check-out, where those folders are not there, the repository's own are read.
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
    return _names(_folder())


def api_names() -> list[str]:
    return _names(_api_folder())


def load_any(name: str) -> dict[str, Any]:
    """Of a document that the JSON API answers with, whether or not a command prints it, too. Raises Missing."""
    return _read(_api_folder(), name) if name in api_names() else load(name)


def load(command: str) -> dict[str, Any]:
    """`status`, `issues show` or `issues-show`. Raises Missing."""
    name = "-".join(command.split())
    if name not in names():
        raise Missing(
            f"There is no command {command!r} that prints a document.",
            code="no_such_schema",
            fix=f"There are: {', '.join(names())}.",
        )
    return _read(_folder(), name)


def _names(folder: Traversable) -> list[str]:
    return sorted(item.name.removesuffix(SUFFIX) for item in folder.iterdir() if item.name.endswith(SUFFIX))


def _read(folder: Traversable, name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((folder / f"{name}{SUFFIX}").read_text(encoding="utf-8"))
    return schema


def _folder() -> Traversable:
    return _kept("json_schemas", "cli")


def _api_folder() -> Traversable:
    return _kept("api_schemas", "api")


def _kept(packed: str, folder: str) -> Traversable:
    inside = files("interlock") / packed
    return inside if inside.is_dir() else Path(__file__).resolve().parents[3] / "docs" / folder

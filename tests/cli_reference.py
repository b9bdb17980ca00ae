"""The generated half of docs/cli.md: every command with its arguments, options and help texts, from the commands themselves.

python -m tests.cli_reference      writes it anew; a test says when that is due
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from interlock.cli.base import _NAMES as COMMON
from interlock.cli.main import app

FILE = Path(__file__).parents[1] / "docs" / "cli.md"
BEGIN, END = "<!-- reference:begin -->", "<!-- reference:end -->"


def commands() -> Iterator[tuple[str, Any]]:
    """`issues show` and the command, in the order of the help."""

    def below(command: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        children = getattr(command, "commands", {})
        if names and (not children or command.invoke_without_command):
            yield " ".join(names), command
        for name, child in children.items():
            yield from below(child, (*names, name))

    yield from below(typer.main.get_command(app), ())


def reference() -> str:
    return "\n".join([BEGIN, "", *(line for name, command in commands() for line in _section(name, command)), END])


def _section(name: str, command: Any) -> list[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if _is_own(each)]
    usage = " ".join(["interlock", name, *map(_shown, arguments), *(["[OPTIONS]"] if options else [])])
    lines = [f"### `{usage}`", "", _clean(command.help), ""]
    for each in arguments:
        lines.append(f"- `{_shown(each)}`: {_clean(each.help)}")
    for each in options:
        lines.append(f"- `{_option(each)}`: {_clean(each.help)}{_default(each)}")
    return [*lines, ""] if arguments or options else lines


def _is_own(parameter: Any) -> bool:
    shared = parameter.name in (*COMMON, "help")
    return parameter.param_type_name == "option" and not parameter.hidden and not shared


def _shown(argument: Any) -> str:
    name = str(argument.metavar or argument.name.upper())
    return name if argument.required else f"[{name}]"


def _option(option: Any) -> str:
    name = option.opts[0]
    if option.is_flag:
        return str(name)
    return f"{name} {option.metavar or name.removeprefix('--').replace('-', '_').upper()}"


def _default(option: Any) -> str:
    value = option.default
    if option.is_flag or value is None or value == () or callable(value):
        return ""
    return f" Default: `{value}`."


def _clean(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()


def renewed(text: str) -> str:
    before, _, rest = text.partition(BEGIN)
    return before + reference() + rest.partition(END)[2]


if __name__ == "__main__":
    FILE.write_text(renewed(FILE.read_text(encoding="utf-8")), encoding="utf-8")

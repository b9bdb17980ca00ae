"""How a benchmark tells its figures: one JSON object on standard output, a line per figure on standard error, exit 1 on a miss."""

from __future__ import annotations

import json
import platform
import sys
from typing import Any

import msgspec


class Figure(msgspec.Struct):
    """`bar`: the most it may be; None for what is only told. `goal`: what it would rather be."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    goal: float | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        return self.bar is None or self.value <= self.bar

    def line(self) -> str:
        told = f"{self.name:<58} {self.value:>10.4g} {self.unit}"
        if self.bar is not None:
            told += f"   at most {self.bar:g}: {'met' if self.met else 'MISSED'}"
        if self.goal is not None:
            told += f" (goal {self.goal:g}{', reached' if self.value <= self.goal else ''})"
        return f"{told}   {self.note}".rstrip()


def tell(name: str, figures: list[Figure], **about: Any) -> int:
    """Prints everything and returns the exit code."""
    document = {
        "benchmark": name,
        "met": all(figure.met for figure in figures),
        "figures": [msgspec.to_builtins(figure) | {"met": figure.met} for figure in figures],
        "about": {**about, "python": platform.python_version(), "machine": platform.machine()},
    }
    for figure in figures:
        print(figure.line(), file=sys.stderr)
    print(json.dumps(document, indent=2))
    return 0 if document["met"] else 1

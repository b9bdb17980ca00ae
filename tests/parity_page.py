"""The generated part of docs/parity.md: what tests/parity holds, from the names and docstrings of its tests.

python -m tests.parity_page      writes it anew; a test says when that is due

A test is `test_<number>_...`, one of the rules of the native integration; `test_trigger_<number>_...`, one of its triggers; or
`test_otherwise_...`, a deviation by choice, whose docstring has two paragraphs: what the native integration does, and what
Interlock does instead and why.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent / "parity"
FILE = Path(__file__).parents[1] / "docs" / "parity.md"
BEGIN, END = "<!-- parity:begin -->", "<!-- parity:end -->"
NUMBERS = range(1, 21)
_NAMES = {"hubspot": "HubSpot", "salesforce": "Salesforce", "hubspots": "HubSpot's"}

# What of a number does not hold now, in words for a reader of the page. Whoever makes it hold takes it out.
NOT_YET: dict[int, str] = {}
# And beside the twenty.
ALSO_NOT_YET = (
    "Tasks and activities, campaigns, tickets and custom objects do not sync, and there is no panel inside Salesforce.",
)
# Triggers of HubSpot's list that are about records; the others are about activities.
TRIGGERS = (9, 10, 11, 12, 13, 15, 16)
NO_TRIGGER_YET: dict[int, str] = {}


class Told(msgspec.Struct, frozen=True):
    """One test: its name, and the paragraphs of its docstring, each in one line."""

    name: str
    paragraphs: tuple[str, ...]

    @property
    def number(self) -> int | None:
        """Of a rule."""
        return self._after("test_")

    @property
    def trigger(self) -> int | None:
        return self._after("test_trigger_")

    @property
    def deviates(self) -> bool:
        return self.name.startswith("test_otherwise_")

    def _after(self, beginning: str) -> int | None:
        found = re.match(beginning + r"(\d\d)_", self.name)
        return int(found[1]) if found else None

    @property
    def title(self) -> str:
        words = self.name.removeprefix("test_otherwise_").split("_")
        said = " ".join(_NAMES.get(word, word) for word in words)
        return said[0].upper() + said[1:]


def tests() -> Iterator[Told]:
    """In the order of the files."""
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                paragraphs = (ast.get_docstring(node) or "").split("\n\n")
                yield Told(node.name, tuple(" ".join(each.split()) for each in paragraphs))


def renewed(text: str) -> str:
    before, _, rest = text.partition(BEGIN)
    return before + "\n".join([BEGIN, "", *_lines(list(tests())), END]) + rest.partition(END)[2]


def _lines(found: list[Told]) -> Iterator[str]:
    yield from ("## What is the same", "")
    yield from _table([(each.number, each) for each in found if each.number is not None])
    yield from ("What by itself brings a sync about, under the numbers of HubSpot's list of triggers:", "")
    yield from _table([(each.trigger, each) for each in found if each.trigger is not None])
    yield from ("## What is not the same yet", "", "| | What does not hold |", "| --- | --- |")
    for number, text in NOT_YET.items():
        yield f"| {number} | {text} |"
    for number, text in NO_TRIGGER_YET.items():
        yield f"| Trigger {number} | {text} |"
    for text in ALSO_NOT_YET:
        yield f"| | {text} |"
    yield from ("", "## What is otherwise by choice", "")
    for told in found:
        if told.deviates:
            theirs, ours = told.paragraphs
            yield from (f"### {told.title}", "", f"- HubSpot's integration: {theirs}", f"- Interlock: {ours}")
            yield from (f"- Test: `{told.name}`", "")


def _table(numbered: list[tuple[int, Told]]) -> Iterator[str]:
    yield from ("| | What holds | Test |", "| --- | --- | --- |")
    for number, told in sorted(numbered, key=lambda pair: pair[0]):
        yield f"| {number} | {' '.join(told.paragraphs)} | `{told.name}` |"
    yield ""


if __name__ == "__main__":
    FILE.write_text(renewed(FILE.read_text(encoding="utf-8")), encoding="utf-8")

"""What a mutation is, and how the text of a module becomes its mistaken text. Pure.

The lines keep their numbers: a crash is aimed at a line (incidents.py), and a story is to differ from that of the real engine
by the mistake alone.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from types import CodeType

import msgspec


class DoesNotApply(Exception):
    """The engine has changed: somebody must say what the same mistake would be in it now."""


class Patch(msgspec.Struct, frozen=True):
    module: str
    old: str  # occurs exactly once in the module
    new: str


class Mutation(msgspec.Struct, frozen=True):
    """`why`: what is wrong about it, in a sentence. `breaks`: promises of docs/guarantees.md; none: only what
    somebody chose. `theme`: of the stories in which somebody chose that (../themes/); none: plain stories notice it."""

    name: str
    why: str
    breaks: tuple[str, ...]
    patches: tuple[Patch, ...]
    theme: str | None = None

    @property
    def themes(self) -> tuple[str, ...]:
        """Of the stories that notice it, as their recipe has them."""
        return () if self.theme is None else (self.theme,)

    def by_module(self) -> dict[str, list[Patch]]:
        modules: dict[str, list[Patch]] = {}
        for patch in self.patches:
            modules.setdefault(patch.module, []).append(patch)
        return modules


def mistaken(source: str, patches: Sequence[Patch]) -> tuple[str, list[int]]:
    """The text with all patches, and for each of its lines the number of the line in `source` that it stands for.

    Raises DoesNotApply.
    """
    places = sorted((_place(source, patch), patch) for patch in patches)
    text, lines, done = "", [1], 0
    for place, patch in places:
        if place < done:
            raise DoesNotApply(f"{patch.module} does not apply any more: two of its texts overlap at {patch.old!r}")
        text += source[done:place]
        lines += _following(lines[-1], source[done:place])
        first, added = lines[-1], patch.old.count("\n")
        most = added - 1 if patch.old.endswith("\n") else added
        lines += [first + min(number, most) for number in range(1, patch.new.count("\n") + 1)]
        text += patch.new
        done = place + len(patch.old)
        # What follows on the same line is of the line where the old text ended.
        lines[-1] = first + added
    return text + source[done:], lines + _following(lines[-1], source[done:])


def _place(source: str, patch: Patch) -> int:
    times = source.count(patch.old)
    if times != 1:
        raise DoesNotApply(f"{patch.module} does not apply any more: its text occurs {times} times:\n{patch.old}")
    return source.index(patch.old)


def _following(line: int, text: str) -> list[int]:
    return [line + number for number in range(1, text.count("\n") + 1)]


def compiled(source: str, patches: Sequence[Patch], path: str) -> CodeType:
    """The module with the mistakes, each statement at the line of the text that it replaces."""
    text, lines = mistaken(source, patches)
    tree = ast.parse(text, path)
    for node in ast.walk(tree):
        for name in ("lineno", "end_lineno"):
            if hasattr(node, name):
                setattr(node, name, lines[getattr(node, name) - 1])
        for name in ("col_offset", "end_col_offset"):
            if hasattr(node, name):
                # Several lines may have become one.
                setattr(node, name, 0)
    return compile(tree, path, "exec", dont_inherit=True)

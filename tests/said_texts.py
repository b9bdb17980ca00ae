"""The sentences that use cases and CRM clients say to a person, as they stand in the source: what pages show of them is translated.

A use case knows no language, and much of what it said is remembered (an issue's cause, why a connection stands still). So the
sentence itself is what a page looks up; what is filled in is a hole with a name: `There is no issue {id_}.`
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "interlock"
SPEAKING = ("app", "engine", "crm", "core", "objects", "store/errors.py")
# What only commands, files and the log of the process say.
COMMANDS = (
    "app/after_restore.py",
    "app/backup.py",
    "app/connect.py",
    "app/credentials.py",
    "app/json_schemas.py",
    "app/key_fields.py",
    "app/key_rotation.py",
    "app/notify/courier.py",
    "app/once.py",
    "app/setup/hubspot_project.py",
    "app/worker.py",
    "core/invariants.py",
    "crm/calls.py",
    "engine/dispatch",
    "engine/load.py",
)
# A piece of a sentence is no sentence: it could be found in anything. Without a full stop it is a reason, which a page or a command
# puts into a sentence, from so many words on.
WORDS, LETTERS = 2, 9
REASON_WORDS, SMALL_REASON_WORDS = 4, 6
# Of a query, and of a regular expression.
FOR_PROGRAMS = ("SELECT ", "([")
# What did not happen, and why: `{crm} refused to create it: {message}`.
WITH_A_REASON = re.compile(r"(\{\w+\}|[A-Z]\w*) .*: \{\w+\}")
# Who, and what became of them: a title, or as short a sentence as `{crm} is blank.`
OF_SOMETHING = re.compile(r"\{\w+\} (is|was) .+")
# What fills a hole of a sentence and is no name: the values of these tables are said, too. Not of one word: any name may be that.
FILLING = ("_ACCOUNTS", "SHARED")


def messages() -> list[str]:
    return sorted({text for path in _modules() for text in _said_in(path)})


def _modules() -> Iterator[Path]:
    for each in SPEAKING:
        place = SOURCE / each
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            if not path.relative_to(SOURCE).as_posix().startswith(COMMANDS):
                yield path


def _said_in(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield from _filling(tree)
    quiet = {id(each) for node in ast.walk(tree) for each in _not_said(node)}
    for node in ast.walk(tree):
        if id(node) not in quiet and (text := _text(node)) and _is_sentence(text, _words(node)):
            yield text


def _filling(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Dict):
            continue
        if any(isinstance(each, ast.Name) and each.id in FILLING for each in node.targets):
            yield from (str(each.value) for each in node.value.values if isinstance(each, ast.Constant))


def _not_said(node: ast.AST) -> list[ast.AST]:
    """Docstrings, the pieces of what is filled in, and what only a developer sees."""
    if isinstance(node, ast.Expr):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return list(node.values)
    if isinstance(node, (ast.Assert, ast.Raise)) and _for_developers(node):
        return list(ast.walk(node))
    return []


def _for_developers(node: ast.Assert | ast.Raise) -> bool:
    if isinstance(node, ast.Assert):
        return True
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(raised, ast.Name) and raised.id in ("AssertionError", "TypeError", "LookupError")


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if not isinstance(node, ast.JoinedStr):
        return ""
    holes: list[str] = []
    pieces = []
    for each in node.values:
        if isinstance(each, ast.Constant):
            pieces.append(str(each.value))
        elif isinstance(each, ast.FormattedValue):
            holes.append(_hole(each.value, holes))
            pieces.append(f"{{{holes[-1]}}}")
    return "".join(pieces)


def _hole(value: ast.expr, taken: list[str]) -> str:
    """The last name in it, as the most telling; with a number where it is there already."""
    names = [
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(value)
        if isinstance(each, (ast.Name, ast.Attribute))
    ]
    name = next((each for each in names if each not in ("len", "abs", "sorted", "NAMES", "Role")), "value").strip("_")
    name = "side" if any(isinstance(each, ast.Name) and each.id == "NAMES" for each in ast.walk(value)) else name
    return name if name not in taken else f"{name}{taken.count(name) + len(taken)}"


def _words(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return " ".join(str(each.value) for each in node.values if isinstance(each, ast.Constant))
    return _text(node)


def _is_sentence(text: str, words: str) -> bool:
    count = len(words.split())
    if "\n" in text or text != text.strip() or any(each in text for each in FOR_PROGRAMS):
        return False
    if OF_SOMETHING.fullmatch(text):
        return True
    if sum(map(str.isalpha, words)) < LETTERS or count < WORDS:
        return False
    if WITH_A_REASON.fullmatch(text):
        return True
    if text[0].islower():
        return count >= SMALL_REASON_WORDS
    return (text[0].isupper() or text[0] in "{`\"'") and (text[-1] in ".?!" or count >= REASON_WORDS)

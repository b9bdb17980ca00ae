"""The documents are true: what they name exists. Commands, options, links, files, tests, make targets, figures."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer

from interlock.cli import base
from interlock.cli.main import app
from interlock.engine.context import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))

every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def known_tests() -> frozenset[str]:
    found = (re.findall(r"def (test_\w+)\(", text_of(path)) for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(name for names in found for name in names)


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_in(text: str) -> list[str]:
    """Lines of fenced blocks (continued ones joined), and inline code."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in fenced for line in block.replace("\\\n", " ").splitlines()]
    rest = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [*lines, *re.findall(r"`([^`\n]+)`", rest)]


def commands_in(text: str) -> list[list[str]]:
    """Every `interlock ...` that a document names, as words."""
    found = []
    for line in code_in(text):
        for part in re.split(r"&&|\|", line.split("#")[0]):
            words = shlex.split(part) if re.search(r"\binterlock ", part) and part.count("'") % 2 == 0 else []
            # By whom and from where it is called stands before it: `sudo -u interlock /opt/.../bin/interlock status`.
            places = [at for at, word in enumerate(words) if word == "interlock" or word.endswith("/bin/interlock")]
            if places and len(words) > places[-1] + 1:
                found.append(words[places[-1] + 1 :])
    return found


@every_document
def test_every_relative_link_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        to = (path.parent / file) if file else path
        assert to.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors(to), f"{target}: {to.name} has no such heading"


@every_document
def test_every_command_and_option_that_is_named_exists(path):
    root = typer.main.get_command(app)
    for words in commands_in(text_of(path)):
        command, names = root, ["interlock"]
        while words and not words[0].startswith("-") and words[0] in getattr(command, "commands", {}):
            names.append(words[0])
            command, words = command.commands[words[0]], words[1:]  # type: ignore[attr-defined]
        if words[:1] == ["COMMAND"]:
            continue
        assert len(names) > 1 or words[0].startswith("-"), f"there is no command `interlock {words[0]}`"
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in words:
            if word.startswith("--"):
                assert word.partition("=")[0] in known | {"--help"}, f"`{' '.join(names)}` has no option {word}"


@every_document
def test_every_test_that_is_named_exists(path):
    named = {
        word for code in code_in(text_of(path)) for word in re.findall(r"\btest_\w+", code) if not code.endswith(".py")
    }
    missing = {name for name in named if name not in known_tests() and not name.endswith("_")}
    assert not missing


@every_document
def test_every_make_target_that_is_named_exists(path):
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for code in code_in(text_of(path)):
        for target in re.findall(r"(?:^|&& )make ([a-z]+)\b", code.strip()):
            assert target in targets, f"there is no `make {target}`"


ROOMS = ("src", "tests", "docs", "benchmarks", "core", "engine", "crm", "store", "app", "cli", "objects")


@every_document
def test_every_file_that_is_named_exists(path):
    for code in code_in(text_of(path)):
        for name in re.findall(rf"(?<![\w./])((?:{'|'.join(ROOMS)})/[\w./*-]+)", code):
            places = (ROOT, ROOT / "src" / "interlock")
            assert any(list(place.glob(name.rstrip("/."))) for place in places), f"there is no {name}"


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.stem)
def test_a_decision_record_says_context_decision_and_consequences_on_half_a_page(path):
    text = text_of(path)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert text.startswith(f"# {int(path.stem[:4])}. ")
    assert len(text.split()) <= 320


def test_decision_records_are_numbered_without_gaps():
    assert [int(path.stem[:4]) for path in ADRS] == list(range(1, len(ADRS) + 1))


def test_every_invariant_is_told_once_with_a_test():
    rows = re.findall(r"^\| (I\d+) \|.*\| (.*) \|$", text_of(ROOT / "docs" / "guarantees.md"), re.MULTILINE)
    assert [name for name, _ in rows] == [f"I{number}" for number in range(1, 14)]
    assert all("`test_" in shown for _, shown in rows)


def test_the_trust_in_clocks_that_is_told_is_the_one_that_is_used():
    assert f"({Settings().clock_skew_us // 1_000_000} seconds)" in text_of(ROOT / "docs" / "guarantees.md")


def test_what_counts_as_a_fight_of_automations_is_told_as_it_is():
    settings = Settings()
    assert settings.oscillation_window_us == 3_600_000_000
    text = " ".join(text_of(ROOT / "docs" / "guarantees.md").split())
    assert f"written {settings.oscillation_writes} times within an hour" in text


def test_the_readme_says_on_its_first_screen_what_has_not_been_tested():
    first = text_of(ROOT / "README.md").split("\n## ")[0]
    assert "Against real accounts it has not run yet" in first
    assert "<!-- demo:begin -->" in first


def test_these_checks_find_what_is_wrong():
    text = "`interlock nonsense --x` and\n```\nmake nothing && interlock \\\n  sync --once  # note\n```\n[a](b.md)"
    assert commands_in(text) == [["sync", "--once"], ["nonsense", "--x"]]
    assert code_in(text)[-1] == "interlock nonsense --x"


def every_command(command: object, names: tuple[str, ...] = ("interlock",)) -> list[tuple[str, ...]]:
    below = getattr(command, "commands", {})
    return [names, *(each for name, sub in below.items() for each in every_command(sub, (*names, name)))]


def test_every_command_that_exists_is_in_the_description_of_the_command_line():
    text = text_of(ROOT / "docs" / "cli.md")
    for names in every_command(typer.main.get_command(app)):
        told = " ".join(names[:2])
        line = next((line for line in text.splitlines() if f"`{told}`" in line or f"`{told} " in line), "")
        assert line, f"docs/cli.md does not tell of `{told}`"
        assert all(f"`{name}" in line for name in names[2:]), f"docs/cli.md does not tell of `{' '.join(names)}`"


def test_the_exit_codes_that_are_told_are_the_ones_that_are_given():
    told = re.findall(r"^\| (\d+) \| (.*) \|$", text_of(ROOT / "docs" / "cli.md"), re.MULTILINE)
    names = (
        "DONE",
        "NEEDS_A_PERSON",
        "BAD_USAGE",
        "CRM_UNREACHABLE",
        "STOPPED",
        "NOT_FOUND",
        "HELD",
        "DEFECT",
        "INTERRUPTED",
    )
    assert [int(code) for code, _ in told] == [getattr(base, name) for name in names]


def test_every_test_that_the_guarantees_name_exists():
    named = set(re.findall(r"`(test_\w+)`", text_of(ROOT / "docs" / "guarantees.md")))
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
    }
    assert named - defined == set()


def test_every_promise_says_how_strong_it_is_and_what_holds_it():
    text = text_of(ROOT / "docs" / "guarantees.md")
    rows = re.findall(r"^\| [^|]+ \| (exact|recorded|best effort)[^|]* \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
    assert len(rows) > 20
    unheld = [held for tier, held in rows if tier != "best effort" and "`test_" not in held]
    assert unheld == []

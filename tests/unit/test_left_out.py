"""Where there is no browser, its tests are left out, and the run says so at its end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests import conftest
from tests.browser import chromium
from tests.browser import conftest as of_the_browser

TESTS = Path(__file__).parents[1]


class Terminal:
    """What a run says at its end. `skipped`: the reasons of the tests that it left out."""

    def __init__(self, *skipped: str) -> None:
        self.stats = {"skipped": [SimpleNamespace(longrepr=("a_test.py", 1, f"Skipped: {why}")) for why in skipped]}
        self.said: list[str] = []

    def write_line(self, line: str, **_how: Any) -> None:
        self.said.append(line)


class Item:
    def __init__(self, path: str) -> None:
        self.path, self.marks = TESTS / path, list[pytest.MarkDecorator]()

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        self.marks.append(mark)


@pytest.mark.parametrize("there", ["/usr/bin/chromium", None])
def test_only_the_browsers_tests_need_one(monkeypatch: pytest.MonkeyPatch, there: str | None) -> None:
    monkeypatch.setattr(chromium, "executable", lambda: there)
    items = [Item("browser/test_wizard.py"), Item("unit/test_docs.py")]
    of_the_browser.pytest_collection_modifyitems(items)  # type: ignore[arg-type]
    reasons = [[mark.kwargs["reason"] for mark in item.marks] for item in items]
    assert reasons == [[] if there else [chromium.LEFT_OUT], []]


def test_a_run_without_a_browser_says_how_many_tests_it_left_out_and_what_to_do() -> None:
    terminal = Terminal(chromium.LEFT_OUT, "something else", chromium.LEFT_OUT)
    conftest.pytest_terminal_summary(terminal)
    (line,) = terminal.said
    assert line.startswith("2 browser tests were left out: there is no Chromium or Chrome here.")
    assert "INTERLOCK_TEST_BROWSER" in line


def test_a_run_that_left_none_out_says_nothing() -> None:
    terminal = Terminal("something else")
    conftest.pytest_terminal_summary(terminal)
    assert terminal.said == []


def test_the_browser_that_is_named_is_taken_before_what_else_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLOCK_TEST_BROWSER", "/opt/a-browser")
    monkeypatch.setattr(chromium.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert chromium.executable.__wrapped__() == "/opt/a-browser"
    monkeypatch.delenv("INTERLOCK_TEST_BROWSER")
    assert chromium.executable.__wrapped__() == "/usr/bin/chromium"
    monkeypatch.setattr(chromium.shutil, "which", lambda name: None)
    monkeypatch.setattr(chromium, "PLACES", ())
    assert chromium.executable.__wrapped__() is None

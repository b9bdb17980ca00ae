"""For the whole suite: says what was left out, where something that it needs is not on this machine."""

from __future__ import annotations

from typing import Any

from tests.browser.chromium import LEFT_OUT


def pytest_terminal_summary(terminalreporter: Any) -> None:
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if LEFT_OUT in str(report.longrepr)]
    if left_out:
        terminalreporter.write_line(f"{len(left_out)} browser tests were left out: {LEFT_OUT}", yellow=True)

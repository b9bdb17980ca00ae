"""The documents as a site: every page is in the navigation, what is generated is up to date, and it builds."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tests import issue_codes

from interlock.config import ProcessSettings, SmtpSettings
from interlock.core.model import IssueCategory
from interlock.engine.explanations import known

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def pages(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        for target in entry.values():
            if isinstance(target, str):
                yield target
            else:
                yield from pages(target)


def test_every_page_is_in_the_navigation_once() -> None:
    config = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    listed = list(pages(config["project"]["nav"]))
    assert sorted(listed) == sorted(path.name for path in DOCS.glob("*.md"))


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs")
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", "zensical.toml"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    front = (tmp_path / "build" / "site" / "index.html").read_text(encoding="utf-8")
    assert "The demo" in front
    assert "fonts.googleapis" not in front


def test_every_code_of_an_issue_is_told_with_what_to_do() -> None:
    text = issue_codes.FILE.read_text(encoding="utf-8")
    assert issue_codes.renewed(text) == text, "python -m tests.issue_codes writes it anew"


def test_every_category_of_issues_has_its_part() -> None:
    text = issue_codes.FILE.read_text(encoding="utf-8")
    assert [category for category in IssueCategory if f"\n### {category.value}\n" not in text] == []


def test_every_state_of_a_connection_is_told() -> None:
    text = issue_codes.FILE.read_text(encoding="utf-8")
    connections = json.loads((DOCS / "cli" / "connections.schema.json").read_text(encoding="utf-8"))
    states = connections["properties"]["connections"]["items"]["properties"]["state"]["enum"]
    assert [state for state in states if f"| `{state}` |" not in text] == []


def test_every_code_of_a_value_that_does_not_fit_has_words_of_its_own() -> None:
    raised = {
        code
        for path in (ROOT / "src" / "interlock" / "core" / "codec").glob("*.py")
        for code in re.findall(r'CodecError\(\s*"([A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(raised) > 4
    assert raised - {code for code, _, _ in known()} == set()


def blocks_of_yaml(name: str) -> list[Any]:
    text = (DOCS / name).read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]


def test_every_setting_of_the_process_is_told_with_what_it_is_where_nobody_sets_it() -> None:
    (told,) = (block for block in blocks_of_yaml("cli.md") if "key_file" in block)
    assert told == ProcessSettings().model_dump(mode="json")


def test_every_setting_of_the_mail_server_is_told_and_taken_as_it_is_told() -> None:
    (told,) = (block["smtp"] for block in blocks_of_yaml("notifications.md") if "smtp" in block)
    assert told.keys() == SmtpSettings.model_fields.keys()
    SmtpSettings.model_validate(told)


def test_every_variable_of_the_environment_is_told() -> None:
    code = (path.read_text(encoding="utf-8") for path in (ROOT / "src" / "interlock").rglob("*.py"))
    names = {name for text in code for name in re.findall(r"\bINTERLOCK_[A-Z_]+\b", text)}
    assert len(names) > 3
    told = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))
    assert [name for name in sorted(names) if name not in told] == []

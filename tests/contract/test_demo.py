"""The installed command `interlock demo`: its document, its page, its exit codes, and the README that quotes it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest

from interlock.demo import excerpt, readme, report, world

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).parent / "interlock"
# A machine that runs the other tests at the same time is slow; alone the demo takes a tenth of this.
PATIENCE_S = 240

Json = dict[str, Any]


def run(*arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK")}
    environment |= {"COLUMNS": "80", "NO_COLOR": "1"}
    if home is not None:
        environment["INTERLOCK_HOME"] = str(home)
    return subprocess.run(
        [str(COMMAND), "demo", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture(scope="module")
def told() -> subprocess.CompletedProcess[str]:
    return run("--once", "--json")


@pytest.fixture(scope="module")
def document(told: subprocess.CompletedProcess[str]) -> Json:
    lines = told.stdout.splitlines()
    assert len(lines) == 1, told.stdout + told.stderr
    found: Json = json.loads(lines[0])
    return found


@pytest.fixture(scope="module")
def page() -> str:
    done = run("--once")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- the document -------------------------------------------------------------------------------------------------------


def test_the_document_is_as_its_schema_says(document: Json) -> None:
    schema = json.loads((ROOT / "docs/cli/demo.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)


def test_nothing_differs_that_should_agree(document: Json) -> None:
    assert document["totals"]["differences"] == 0
    assert document["totals"]["same"] > 5_000
    assert {each["differences"] for each in document["objects"].values()} == {0}


def test_a_sync_after_which_nothing_changed_writes_nothing(document: Json) -> None:
    assert document["writes_when_nothing_changed"] == 0


def test_everything_planted_is_found(document: Json, told: subprocess.CompletedProcess[str]) -> None:
    assert [each for each in document["planted"] if not each["found"]] == []
    named = [each["kind"] for each in document["planted"] if each["hubspot"] or each["salesforce"]]
    assert sorted(named) == sorted(kind for _, kinds in report.GROUPS for kind in kinds)
    assert told.returncode == 0


def test_the_first_preview_is_what_was_planted(document: Json) -> None:
    expected = world.build(excerpt.packaged()).expected
    objects = document["first_preview"]["objects"]
    for object_, planted in expected.items():
        assert objects[object_]["create_in_hubspot"] == planted.created_in_hubspot
        assert objects[object_]["create_in_salesforce"] == planted.created_in_salesforce
        assert objects[object_]["matched"] == planted.matched
        assert objects[object_]["ambiguous"] == planted.ambiguous
        assert objects[object_]["delete_in_hubspot"] == objects[object_]["delete_in_salesforce"] == 0
    assert document["first_preview"]["complete"] is True


def test_it_uses_a_small_part_of_four_calls_a_record(document: Json) -> None:
    assert sum(document["api_calls"].values()) * 5 < document["calls_at_four_per_record"]
    records = document["calls_at_four_per_record"] / 4
    for side, calls in document["api_calls"].items():
        assert document["api_calls_per_record"][side] == pytest.approx(calls / records, abs=1e-4)


def test_what_may_differ_are_the_planted_mistakes_alone(document: Json) -> None:
    assert document["expected_disagreements"] == {
        "picklist_value_missing": 1,
        "record_refused": 1,
        "text_too_long": 1,
        "value_refused": 1,
    }


# --- the page -----------------------------------------------------------------------------------------------------------


def test_the_page_fits_80_columns_and_ends_with_the_verdict(page: str) -> None:
    assert max(map(len, page.splitlines())) <= 80
    assert "Everything planted was found" in page.splitlines()[-2]


def test_the_readme_shows_the_demos_real_last_lines(page: str) -> None:
    shown = readme.shown((ROOT / "README.md").read_text(encoding="utf-8"))
    assert shown is not None, "README.md has lost the block of the demo"
    wanted = readme.block(page.rstrip("\n").splitlines()[-len(shown.splitlines()) + 4 :])
    # Calls may move by a few with the speed of the machine; every other figure is the same on each.
    assert _without_calls(shown) == _without_calls(wanted), "run: python -m interlock.demo.readme"
    for used, now in zip(_calls(shown), _calls(wanted), strict=True):
        assert used == pytest.approx(now, rel=0.2), "run: python -m interlock.demo.readme"


def _without_calls(block: str) -> str:
    kept = [line for line in readme.timeless(block).splitlines() if not line.startswith("  used for ")]
    return "\n".join(kept)


def _calls(block: str) -> list[int]:
    (line,) = [line for line in block.splitlines() if line.startswith("  used for ")]
    return [int(each.replace(",", "")) for each in line.split()[-2:]]


# --- usage --------------------------------------------------------------------------------------------------------------


def test_a_data_folder_without_the_tables_is_named_as_such(tmp_path: Path) -> None:
    done = run("--once", "--json", "--data", str(tmp_path))
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 2
    assert error["code"] == "data_unusable"
    assert "Account_rt_mapping.csv is missing" in error["message"]


@pytest.mark.parametrize("with_", ["--once", "--json"])
def test_the_wizard_is_for_a_person_and_has_no_story_and_no_document(with_: str) -> None:
    done = run("--wizard", with_)
    assert done.returncode == 2
    assert "--wizard opens pages for a person" in done.stdout + done.stderr


def test_the_wizard_opens_by_its_link_with_the_apps_filled_in_and_nothing_connected(tmp_path: Path) -> None:
    command = [str(COMMAND), "demo", "--wizard", "--port", "9440", "--keep", str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            told = []
            for line in process.stdout:
                told.append(line)
                if line.startswith("Stop with"):
                    break
            text = "".join(told)
            link = re.search(r"http://\S+/welcome/\S+", text)
            assert link is not None, text
            assert text.count("admin@example.com") == 2
            assert text.count("sales@example.com") == 2
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            page = browser.open(link[0]).read().decode()
            csrf = re.search(r'name="csrf" value="([^"]+)"', page)
            assert csrf is not None
            opened = browser.open(link[0], urlencode({"csrf": csrf[1]}).encode())
            assert opened.url.endswith("/setup/expectations")
            steps = re.findall(r"slds-path__title\">([^<]+)", opened.read().decode())
            assert steps[:2] == ["Before you start", "Connect"]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)


def test_a_folder_in_use_is_not_taken_for_the_demos_state(tmp_path: Path) -> None:
    (tmp_path / "interlock.db").write_text("somebody's")
    done = run("--once", "--keep", str(tmp_path))
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert (tmp_path / "interlock.db").read_text() == "somebody's"


def test_the_demo_leaves_the_persons_own_home_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run("--once", "--data", str(tmp_path / "nowhere"), home=home)
    assert done.returncode == 2
    assert not home.exists()


# --- staying up ---------------------------------------------------------------------------------------------------------


def test_without_once_it_serves_both_crms_names_records_of_this_run_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    command = [str(COMMAND), "demo", "--keep", str(kept), "--port", "20090"]
    environment = os.environ | {"COLUMNS": "80", "NO_COLOR": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            text = _until(process, "Stop with Ctrl-C.")
            urls = re.findall(
                r"^  (?:HubSpot|Salesforce) +(http://127\.0\.0\.1:\d+)   \S+@\S+   \S+$", text, re.MULTILINE
            )
            assert len(urls) == 2
            for url in urls:
                with urllib.request.urlopen(f"{url}/sign-in", timeout=20) as answer:
                    assert answer.status == 200
            (link,) = re.findall(r"^  Interlock +(http://127\.0\.0\.1:\d+/welcome/\S+)   ", text, re.MULTILINE)
            with urllib.request.urlopen(link, timeout=20) as answer:
                assert "You come in as Demo" in " ".join(answer.read().decode().split())
            (key,) = re.findall(r"issues --record (hubspot:contacts:\d+)", text)
            issues = subprocess.run(
                [str(COMMAND), "issues", "--record", key, "--json", "--home", str(kept)],
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
            assert [each["code"] for each in json.loads(issues.stdout)["issues"]] == ["STRING_TOO_LONG"]
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0
            assert time.monotonic() - begun < 20
        finally:
            process.kill()


def _until(process: subprocess.Popen[str], last: str) -> str:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.strip() == last:
            return text
    raise AssertionError(f"it ended before it said {last!r}:\n{text}")

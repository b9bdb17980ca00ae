"""The commands that serve pages look for what the pages load before they do anything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interlock.cli.main import main
from interlock.web import front_end


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["demo"]], ids=lambda words: words[0])
def test_without_the_files_that_pages_load_a_command_that_serves_them_does_not_start(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(front_end, "FOLDER", tmp_path / "static")
    home = tmp_path / "home"
    code = main([*command, "--home", str(home), "--json"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert (code, error["code"]) == (2, "front_end_missing")
    assert "make setup" in error["fix"]
    assert not home.exists()

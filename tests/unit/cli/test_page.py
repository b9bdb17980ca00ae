"""What a person sees keeps every id whole, on any width."""

from __future__ import annotations

import pytest

from interlock.cli.base import Page

ID = "salesforce:Opportunity:006fY000000gD48UAE"


@pytest.mark.parametrize("columns", ["20", "80"])
def test_a_table_wider_than_the_screen_keeps_its_heads_and_ids(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    page = Page(no_color=True)
    heads = ("HubSpot record", "Salesforce record", "Conflicts and issues")
    page.table(heads, [(ID, ID, ID)], keep=heads)
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].split() == [ID, ID, ID]
    for head in heads:
        assert head in printed[0]
    assert page.console.width == int(columns)

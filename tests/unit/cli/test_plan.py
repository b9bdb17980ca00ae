"""How long a sync would take, as `plan` says it on a terminal."""

from __future__ import annotations

import pytest

from interlock.app.how_long import Duration
from interlock.cli.plan import how_long
from interlock.core.model import Side

SALESFORCE = Side.SALESFORCE


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Duration(30), "It would take less than a minute, at the pace of this count"),
        (Duration(720), "It would take about 12 minutes, at the pace of this count"),
        (
            Duration(3 * 3_600, 4, SALESFORCE),
            "It would take about 3 hours of work, over 4 days because of the daily limit of Salesforce.",
        ),
        (
            Duration(60, None, SALESFORCE),
            "It would not end: others use every API call that Salesforce allows in a day.",
        ),
    ],
)
def test_the_sentence(found: Duration, expected: str) -> None:
    assert how_long(found.document()).startswith(expected)

"""*API calls and time* on the review: what a first sync would take, as the page says it, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest

from interlock.app.how_long import Duration
from interlock.app.setup.review import Seen
from interlock.core.model import Side
from interlock.web import texts
from interlock.web.pages.setup.review import calls_and_time

State = Literal["running", "done", "failed"]


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    texts.speak("en")
    yield
    texts.speak("en")


def seen(duration: Duration | None, state: State = "done", calls: int = 1_200) -> Seen:
    document: dict[str, Any] = {"api_calls": {"hubspot": calls, "salesforce": 0}}
    if duration is not None:
        document["duration"] = duration.document()
    return Seen(state, "", 0, document)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (Duration(59), "At the pace of this count that is less than a minute; automation"),
        (Duration(60), "that is about 1 minute; automation"),
        (Duration(720), "that is about 12 minutes; automation"),
        (Duration(3 * 3_600), "that is about 3 hours; automation"),
        (
            Duration(3 * 3_600, 4, Side.SALESFORCE),
            "That is about 3 hours of work, over 4 days because of the daily limit of Salesforce.",
        ),
        (Duration(3 * 3_600, 2, Side.HUBSPOT), "over 2 days because of the daily limit of HubSpot."),
        (Duration(60, None, Side.SALESFORCE), "others use every API call that Salesforce allows in a day."),
    ],
)
def test_the_time_is_told_with_what_limits_it(duration: Duration, expected: str) -> None:
    told = calls_and_time(seen(duration)) or ""
    assert told.startswith("It would take about 1,200 HubSpot and 0 Salesforce API calls. ")
    assert expected in told


def test_while_it_counts_it_says_so() -> None:
    assert (calls_and_time(seen(Duration(120), "running")) or "").startswith("So far: ")
    assert not (calls_and_time(seen(Duration(120))) or "").startswith("So far: ")


def test_nothing_is_told_before_anything_was_counted() -> None:
    assert calls_and_time(None) is None
    assert calls_and_time(Seen("running", "", 0)) is None
    assert calls_and_time(seen(Duration(0), "running", calls=0)) is None


def test_a_preview_that_an_older_version_has_kept_tells_its_calls() -> None:
    assert calls_and_time(seen(None)) == "It would take about 1,200 HubSpot and 0 Salesforce API calls."


def test_it_is_told_in_polish() -> None:
    texts.speak("pl")
    told = calls_and_time(seen(Duration(3 * 3_600, 4, Side.SALESFORCE), "running")) or ""
    assert told.startswith("Jak dotąd:")
    assert "około 3 godzin pracy, rozłożone na 4 dni z powodu dobowego limitu Salesforce" in told

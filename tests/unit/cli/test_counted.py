"""One of a thing is not called several."""

from __future__ import annotations

import pytest

from interlock.cli import plan
from interlock.cli.counted import counted


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 issues need"), (1, "1 issue needs"), (2, "2 issues need"), (12_000, "12,000 issues need")],
)
def test_a_number_and_its_word_and_verb_agree(number: int, said: str) -> None:
    assert counted(number, "issue", "needs") == said


def test_a_verb_that_is_the_same_for_one_and_many_stays() -> None:
    assert counted(1, "issue", "would be") == "1 issue would be"
    assert counted(2, "field") == "2 fields"


@pytest.mark.parametrize(("seconds", "said"), [(60, "about 1 minute,"), (120, "about 2 minutes,")])
def test_a_first_sync_of_one_minute_is_not_called_minutes(seconds: int, said: str) -> None:
    told = {"limited_by": None, "days": 0, "working_seconds": seconds}
    assert said in plan.how_long(told)

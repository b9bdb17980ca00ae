"""What a seed found once stays mended, and how a failing story is made small."""

from __future__ import annotations

import pytest

from tests.simulation import shrink
from tests.simulation.child import Verdict, play
from tests.simulation.found import FOUND
from tests.simulation.recipe import Recipe


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_once_stays_mended(name: str) -> None:
    assert play(FOUND[name]).problems == []


def test_shrinking_leaves_what_a_story_needs_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails if moves 7 and 23 are made, answers are lost after request 100, and the second incident happens."""

    def plays(recipe: Recipe) -> Verdict:
        fails = (
            not {7, 23} & set(recipe.without_moves)
            and "answer_lost" not in recipe.without_faults
            and recipe.clear_until <= 100 < recipe.clear_from
            and 1 not in recipe.without_incidents
        )
        moves = 50 - len(recipe.without_moves)
        return Verdict(recipe, ["lost edit: one"] if fails else [], requests=400, moves=moves)

    monkeypatch.setattr(shrink, "play", plays)
    monkeypatch.setattr(shrink.incidents, "draw", lambda recipe: [_Numbered(number) for number in range(3)])
    small = shrink.shrink(Recipe(5), say=lambda line: None)
    assert set(range(1, 61)) - set(small.without_moves) == {7, 23}
    assert small.without_incidents == (0, 2)
    assert "answer_lost" not in small.without_faults
    assert {"late", "lost", "token_refused"} <= set(small.without_faults)
    assert (small.clear_until, small.clear_from) == (100, 101)


def test_a_story_that_does_not_fail_cannot_be_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shrink, "play", lambda recipe: Verdict(recipe, []))
    with pytest.raises(ValueError, match="does not fail"):
        shrink.shrink(Recipe(5), say=lambda line: None)


class _Numbered:
    def __init__(self, number: int) -> None:
        self.number = number

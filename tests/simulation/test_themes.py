"""Stories about the rules that somebody may choose: all end in agreement, and what each theme is about happens in them."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.simulation.many import play_many
from tests.simulation.recipe import Recipe
from tests.simulation.tell import story_of
from tests.simulation.themes import THEMES, of_seed
from tests.simulation.themes.theme import Theme

SEEDS = 40
EACH_MOVE_AT_LEAST = 5
# Of one page of a story there are three uses at most.
EACH_PAGE_AT_LEAST = 3


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_a_rule_that_was_chosen_holds_and_its_moves_are_made(theme: Theme) -> None:
    # Those of a run that goes on in several processes share the cores already.
    processes = 1 if os.environ.get("PYTEST_XDIST_WORKER") else os.cpu_count() or 1

    verdicts = list(play_many([Recipe(seed, themes=(theme.name,)) for seed in range(SEEDS)], processes))

    failing = {verdict.recipe.seed: verdict.problems for verdict in verdicts if verdict.problems}
    if failing:
        told = story_of(Recipe(min(failing), themes=(theme.name,)))
        pytest.fail(f"{len(failing)} of {SEEDS} stories fail: {failing}\n\n{told}", pytrace=False)
    met: Counter[str] = Counter()
    for verdict in verdicts:
        met.update(verdict.marks)
    rare = [move.__name__ for move in theme.moves if met[f"did {move.__name__}"] < EACH_MOVE_AT_LEAST]
    rare += [page.__name__ for page in theme.pages if met[f"did {page.__name__}"] < EACH_PAGE_AT_LEAST]
    rare += [module for module in theme.modules if not any(mark.startswith(f"stop {module}:") for mark in met)]
    assert not rare, f"too seldom in {SEEDS} stories: {', '.join(rare)}"


def test_every_theme_has_its_turn_and_meets_every_other() -> None:
    turns = [of_seed(seed) for seed in range(40 * len(THEMES) ** 2)]

    alone = {themes[0] for themes in turns if len(themes) == 1}
    together = {themes for themes in turns if len(themes) == 2}

    assert alone == set(THEMES)
    assert together == {(first, second) for first in THEMES for second in THEMES if first != second}

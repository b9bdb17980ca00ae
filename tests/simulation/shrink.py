"""Making a failing story small: what can be left out of its recipe while it still fails, is.

Incidents first, then kinds of faults, then the stretch of requests in which the network is bad, then user moves in halves
and one by one. Each try is one play; the result is as small as this order finds, not the smallest there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from tests.simulation import incidents
from tests.simulation.child import Verdict, play
from tests.simulation.network import STORM
from tests.simulation.races import ABOUT_A_POLL, RACES
from tests.simulation.recipe import Recipe
from tests.simulation.troubles import KINDS_OF_TROUBLE

PLAYS_MOST = 400


class _Shrinking:
    def __init__(self, recipe: Recipe, say: Callable[[str], None]) -> None:
        self.verdict = play(recipe)
        self._say = say
        self._plays = 0
        # A story that fails in another way is another story.
        self._kinds = _kinds(self.verdict)

    @property
    def recipe(self) -> Recipe:
        return self.verdict.recipe

    def accepts(self, **changes: object) -> bool:
        if self._plays >= PLAYS_MOST:
            return False
        self._plays += 1
        tried = play(msgspec.structs.replace(self.recipe, **changes))
        if not _kinds(tried) & self._kinds:
            return False
        self.verdict = tried
        self._say(f"{self._plays:4} {tried.requests} requests, {tried.moves} moves: {tried.problems[0][-100:].strip()}")
        return True


def _kinds(verdict: Verdict) -> set[str]:
    return {problem.partition(":")[0] if ":" in problem[:20] else "raised" for problem in verdict.problems}


def shrink(recipe: Recipe, say: Callable[[str], None]) -> Recipe:
    """Raises ValueError when the story does not fail."""
    state = _Shrinking(recipe, say)
    if not state.verdict.problems:
        raise ValueError(f"{recipe} does not fail")
    for number in [incident.number for incident in incidents.draw(recipe)]:
        state.accepts(without_incidents=(*state.recipe.without_incidents, number))
    kinds = (*STORM, *RACES, ABOUT_A_POLL, *KINDS_OF_TROUBLE)
    if not state.accepts(without_faults=kinds):
        for kind in kinds:
            state.accepts(without_faults=(*state.recipe.without_faults, kind))
        _narrow(state)
    _fewer_moves(state)
    return state.recipe


def _narrow(state: _Shrinking) -> None:
    """The stretch of bad network, by halving from either end."""
    step = state.verdict.requests // 2
    while step:
        while state.accepts(clear_until=state.recipe.clear_until + step):
            pass
        latest = min(state.recipe.clear_from, state.verdict.requests + 1)
        while latest - step > state.recipe.clear_until and state.accepts(clear_from=latest - step):
            latest -= step
        step //= 2


def _fewer_moves(state: _Shrinking) -> None:
    left = [number for number in range(1, 61) if number not in state.recipe.without_moves]
    size = len(left) // 2
    while size:
        for part in [left[place : place + size] for place in range(0, len(left), size)]:
            if _without(state, part):
                left = [number for number in left if number not in part]
        size //= 2


def _without(state: _Shrinking, numbers: Sequence[int]) -> bool:
    return state.accepts(without_moves=(*state.recipe.without_moves, *numbers))

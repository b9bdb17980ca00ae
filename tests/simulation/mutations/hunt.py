"""Looking for the first standard seed that catches a mutation. Plays in processes of their own (player.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests import databases
from tests.simulation.mutations.mutation import Mutation
from tests.simulation.mutations.player import AS_IT_IS, Played

SEEDS = 500
SEEDS_OF_A_THEME = 150
ROOT = Path(__file__).parents[3]
FIRST_SEEDS = Path(__file__).with_name("first_seeds.json")


def first_seeds() -> dict[str, int]:
    """By name, the seed that caught it last."""
    found: dict[str, int] = msgspec.json.decode(FIRST_SEEDS.read_bytes()) if FIRST_SEEDS.exists() else {}
    return found


def stories(mutation: Mutation) -> range:
    """The seeds among which one is to notice it."""
    return range(SEEDS if mutation.theme is None else SEEDS_OF_A_THEME)


def first_failing(name: str, seeds: Sequence[int], *, as_it_is: bool = False) -> Played | None:
    """Of the stories that are to notice it. Raises RuntimeError when the player itself fails."""
    if not seeds:
        return None
    words = [sys.executable, "-m", "tests.simulation.mutations.player", name]
    words += [*([AS_IT_IS] if as_it_is else []), *map(str, seeds)]
    with databases.told() as where:
        environment = os.environ | {"PYTHONHASHSEED": "0"} | where
        played = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    if played.returncode:
        raise RuntimeError(played.stderr)
    last = msgspec.json.decode(played.stdout.splitlines()[-1], type=Played)
    return last if last.problems else None


def hunt(mutation: Mutation, seeds: Sequence[int], remembered: int | None = None) -> Played | None:
    """What caught it: the seed that did so last, else the first that does. A seed that the engine fails as it is proves
    nothing about the mutation."""
    left = [seed for seed in seeds if seed != remembered]
    if remembered is not None:
        left.insert(0, remembered)
    while (caught := first_failing(mutation.name, left)) is not None:
        if first_failing(mutation.name, [caught.seed], as_it_is=True) is None:
            return caught
        left = left[left.index(caught.seed) + 1 :]
    return None

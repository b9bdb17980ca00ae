"""`python -m tests.simulation [--seeds N] [--first K] [--processes P] [--themes WHICH]`: play many seeds and tell what they met."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.simulation.many import play_many, summary
from tests.simulation.recipe import Recipe
from tests.simulation.themes import THEMES, of_seed


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    words.add_argument("--seeds", type=int, default=20_000)
    words.add_argument("--first", type=int, default=0)
    words.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    words.add_argument(
        "--themes",
        choices=("both", "none", "all", *THEMES),
        default="both",
        help="plain stories and those with themes; plain ones alone; those with themes alone; those of one theme",
    )
    words.add_argument("--keep", type=Path, help="write all verdicts to this file, as msgpack")
    chosen = words.parse_args()
    began_s = time.perf_counter()
    verdicts = []
    recipes = list(_asked(range(chosen.first, chosen.first + chosen.seeds), chosen.themes))
    for verdict in play_many(recipes, chosen.processes):
        verdicts.append(verdict)
        if verdict.problems:
            print(
                f"\n{_name(verdict.recipe)} fails:",
                *(each[-400:] for each in verdict.problems[:4]),
                sep="\n  ",
                flush=True,
            )
        if len(verdicts) % 500 == 0:
            print(
                f"{len(verdicts)} seeds, {sum(bool(each.problems) for each in verdicts)} failing, "
                f"{time.perf_counter() - began_s:.0f} s",
                flush=True,
            )
    if chosen.keep:
        chosen.keep.write_bytes(msgspec.msgpack.encode(verdicts))
    failing = [_name(verdict.recipe) for verdict in verdicts if verdict.problems]
    for line in summary(verdicts, time.perf_counter() - began_s):
        print(line)
    if failing:
        print(f"failing: {'; '.join(failing)}")
        print(f"to see one: python -m tests.simulation.tell {failing[0]}")
    return 1 if failing else 0


def _asked(seeds: range, themes: str) -> Iterator[Recipe]:
    for seed in seeds:
        if themes in ("both", "none"):
            yield Recipe(seed)
        if themes in ("both", "all"):
            yield Recipe(seed, themes=of_seed(seed))
        if themes in THEMES:
            yield Recipe(seed, themes=(themes,))


def _name(recipe: Recipe) -> str:
    """As `tell` takes it."""
    return " ".join([str(recipe.seed), *(f"--theme {name}" for name in recipe.themes)])


if __name__ == "__main__":
    sys.exit(main())

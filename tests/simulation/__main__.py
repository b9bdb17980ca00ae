"""`python -m tests.simulation [--seeds N] [--first K] [--processes P]`: play many seeds and tell what they met."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import msgspec

from tests.simulation.many import play_many, summary
from tests.simulation.recipe import Recipe


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    words.add_argument("--seeds", type=int, default=20_000)
    words.add_argument("--first", type=int, default=0)
    words.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    words.add_argument("--keep", type=Path, help="write all verdicts to this file, as msgpack")
    chosen = words.parse_args()
    began_s = time.perf_counter()
    verdicts = []
    recipes = [Recipe(seed) for seed in range(chosen.first, chosen.first + chosen.seeds)]
    for verdict in play_many(recipes, chosen.processes):
        verdicts.append(verdict)
        if verdict.problems:
            print(
                f"\nseed {verdict.recipe.seed} fails:",
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
    failing = [verdict.recipe.seed for verdict in verdicts if verdict.problems]
    for line in summary(verdicts, time.perf_counter() - began_s):
        print(line)
    if failing:
        print(f"failing: {' '.join(map(str, failing))}")
        print(f"to see one: python -m tests.simulation.tell {failing[0]}")
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())

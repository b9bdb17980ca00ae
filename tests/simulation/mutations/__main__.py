"""`python -m tests.simulation.mutations [NAME ...] [--seeds N] [--write]`: which seed catches which mutation, with what.

Ends with 1 when one is not caught. `--write` remembers the seeds for the test (first_seeds.json).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

import msgspec

from tests.simulation.mutations.catalogue import MUTATIONS, named
from tests.simulation.mutations.hunt import FIRST_SEEDS, SEEDS, SEEDS_OF_A_THEME, first_seeds, hunt, stories
from tests.simulation.mutations.mutation import Mutation
from tests.simulation.mutations.player import Played

PROBLEM_SHOWN = 110


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.simulation.mutations", description=__doc__)
    words.add_argument("names", nargs="*", metavar="NAME")
    words.add_argument(
        "--seeds", type=int, help=f"{SEEDS} of plain stories and {SEEDS_OF_A_THEME} of those of a theme, if not said"
    )
    words.add_argument("--first", type=int, default=0, help="the first of them, where earlier ones were tried")
    words.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    words.add_argument("--write", action="store_true")
    chosen = words.parse_args()
    mutations = [named(name) for name in chosen.names] or list(MUTATIONS)
    remembered = first_seeds()
    missed: list[str] = []

    def hunted(mutation: Mutation) -> tuple[Mutation, Played | None, float]:
        began_s = time.perf_counter()
        seeds = range(chosen.first, chosen.first + (chosen.seeds or len(stories(mutation))))
        caught = hunt(mutation, seeds, remembered.get(mutation.name))
        return mutation, caught, time.perf_counter() - began_s

    with ThreadPoolExecutor(chosen.processes) as pool:
        for hunting in as_completed([pool.submit(hunted, mutation) for mutation in mutations]):
            mutation, caught, seconds = hunting.result()
            print(_line(mutation, caught, seconds), flush=True)
            if caught is None:
                missed.append(mutation.name)
            elif chosen.write:
                _remember(mutation, caught)
    caught_text = f"{len(mutations) - len(missed)} of {len(mutations)} caught"
    print(caught_text + (f", not {', '.join(missed)}" if missed else ""))
    return 1 if missed else 0


def _remember(mutation: Mutation, caught: Played) -> None:
    known = first_seeds() | {mutation.name: caught.seed}
    kept = {each.name: known[each.name] for each in MUTATIONS if each.name in known}
    FIRST_SEEDS.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")


def _line(mutation: Mutation, caught: Played | None, seconds: float) -> str:
    if caught is None:
        return f"{mutation.name:34} NOT CAUGHT ({seconds:.0f} s)"
    problem = caught.problems[0].strip().rpartition("\n")[2]
    return f"{mutation.name:34} seed {caught.seed:3} ({seconds:3.0f} s) {problem[:PROBLEM_SHOWN]}"


if __name__ == "__main__":
    sys.exit(main())

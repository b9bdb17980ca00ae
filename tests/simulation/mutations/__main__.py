"""`python -m tests.simulation.mutations [NAME ...] [--seeds N] [--write]`: which seed catches which mutation, with what.

Ends with 1 when one is not caught. `--write` remembers the seeds for the test (first_seeds.json).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec

from tests.simulation.mutations.catalogue import MUTATIONS, named
from tests.simulation.mutations.hunt import FIRST_SEEDS, SEEDS, first_seeds, hunt
from tests.simulation.mutations.mutation import Mutation
from tests.simulation.mutations.player import Played

PROBLEM_SHOWN = 110


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.simulation.mutations", description=__doc__)
    words.add_argument("names", nargs="*", metavar="NAME")
    words.add_argument("--seeds", type=int, default=SEEDS)
    words.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    words.add_argument("--write", action="store_true")
    chosen = words.parse_args()
    mutations = [named(name) for name in chosen.names] or list(MUTATIONS)
    remembered = first_seeds()
    missed = []

    def hunted(mutation: Mutation) -> tuple[Mutation, Played | None, float]:
        began_s = time.perf_counter()
        caught = hunt(mutation, range(chosen.seeds), remembered.get(mutation.name))
        return mutation, caught, time.perf_counter() - began_s

    with ThreadPoolExecutor(chosen.processes) as pool:
        for mutation, caught, seconds in pool.map(hunted, mutations):
            print(_line(mutation, caught, seconds), flush=True)
            if caught is None:
                missed.append(mutation.name)
            else:
                remembered[mutation.name] = caught.seed
    if chosen.write:
        kept = {mutation.name: remembered[mutation.name] for mutation in MUTATIONS if mutation.name in remembered}
        FIRST_SEEDS.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
    print(
        f"{len(mutations) - len(missed)} of {len(mutations)} caught" + (f", not {', '.join(missed)}" if missed else "")
    )
    return 1 if missed else 0


def _line(mutation: Mutation, caught: Played | None, seconds: float) -> str:
    if caught is None:
        return f"{mutation.name:34} NOT CAUGHT ({seconds:.0f} s)"
    problem = caught.problems[0].strip().rpartition("\n")[2]
    return f"{mutation.name:34} seed {caught.seed:3} ({seconds:3.0f} s) {problem[:PROBLEM_SHOWN]}"


if __name__ == "__main__":
    sys.exit(main())

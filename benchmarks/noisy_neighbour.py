"""One connection refused as too fast, beside a healthy one in the same process: `python benchmarks/noisy_neighbour.py`.

On virtual time, through the dispatcher and desk of `serve`. Both connections' people edit all the time. After a calm
half hour HubSpot answers every call of the first connection with 429 for ten minutes; how long edits of the other take to
arrive then is divided by how long they took in the calm, at the 95th percentile, in the same run. Once with an org for
each of the two, and once with both on one org, whose turns they share. Afterwards everything of both has to arrive.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell
from tests.neighbours import EDIT_EVERY_S, Ran, beside_a_refused_one
from tests.simulation.virtual_time import VirtualTimeLoop

CALM_S, STORM_S = 1_800.0, 600.0
MOST = 1.2
REFUSED_MOST = 60  # calls of the connection that is refused, in ten minutes
STREETS = {"an org each": (1, 2), "one org": (1, 1)}


def run(orgs: tuple[int, int], calm_s: float) -> Ran:
    loop = VirtualTimeLoop(random.Random(0))
    asyncio.set_event_loop(loop)
    with tempfile.TemporaryDirectory(prefix="interlock-benchmark-") as folder:
        return loop.run_until_complete(beside_a_refused_one(loop, Path(folder) / "interlock.db", orgs, calm_s, STORM_S))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calm-s", type=float, default=CALM_S)
    asked = parser.parse_args()
    figures: list[Figure] = []
    for name, orgs in STREETS.items():
        ran = run(orgs, asked.calm_s)
        figures += [
            Figure(f"{name}: p95 of an edit beside a refused one, over calm", ran.storm_s / ran.calm_s, "x", MOST),
            Figure(f"{name}: p95 of an edit in the calm", ran.calm_s, "s"),
            Figure(f"{name}: p95 of an edit beside a refused one", ran.storm_s, "s"),
            Figure(f"{name}: calls of the refused one in ten minutes", ran.refused, "", REFUSED_MOST),
            Figure(f"{name}: edits that had not arrived a quarter of an hour later", ran.not_arrived, "", 0),
        ]
    return tell("noisy_neighbour", figures, calm_s=asked.calm_s, storm_s=STORM_S, edit_every_s=EDIT_EVERY_S)


if __name__ == "__main__":
    sys.exit(main())

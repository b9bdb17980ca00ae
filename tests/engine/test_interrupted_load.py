"""A first load that is interrupted over and over; `benchmarks/backfill.py` is the same at full size.

In a process of its own, since the processes that die in it are never unwound.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "backfill.py"
RECORDS = 2_100
INTERRUPTIONS = 10
# A batch of 1,000: HubSpot is read in ten calls, and once more in as many by who comes after; some of its writes are unknown.
CALLS_OF_A_BATCH = 25


def loaded(crashes: int, seed: int) -> tuple[Any, Any]:
    """What the whole load and the interrupted one came to."""
    options = {"--records": RECORDS, "--interruptions": INTERRUPTIONS, "--crashes": crashes, "--seed": seed}
    command = [sys.executable, str(BENCHMARK), *(str(part) for option in options.items() for part in option)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    about = json.loads(ran.stdout)["about"]
    assert set(about["interrupted"]["left"].values()) == {0}, about
    return about["whole"], about["interrupted"]


def calls(ran: Any) -> int:
    return sum(number for name, number in ran["sent"].items() if name.endswith("loading"))


def test_a_load_that_is_asked_to_end_again_and_again_reads_and_writes_nothing_twice() -> None:
    whole, interrupted = loaded(crashes=0, seed=1)
    assert len(interrupted["interruptions"]) >= 5  # it has six batches
    assert calls(interrupted) == calls(whole)


def test_a_load_whose_process_dies_repeats_a_batch_at_most() -> None:
    whole, interrupted = loaded(crashes=INTERRUPTIONS, seed=2)
    assert calls(interrupted) - calls(whole) <= INTERRUPTIONS * CALLS_OF_A_BATCH

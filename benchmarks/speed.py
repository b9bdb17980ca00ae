"""CPU of Interlock's first sync over the least that any client could take: `python benchmarks/speed.py`.

Three alternating runs of `interlock sync --once` and `floor.py`, each against fresh local CRMs in processes of their own
and a connection that was made before, which is not counted. The bar is on the median of the ratios of the two processes'
CPU seconds (user and system), start of Python and imports included on both sides. Both find their imports compiled, as an
installed program does.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell
from benchmarks.local_crms import local_crms
from benchmarks.people import DATA
from benchmarks.processes import Used, connect, first_sync, run

RATIO_MOST = 3.0
HERE = Path(__file__).resolve().parent


def interlock(records: int) -> Used:
    with local_crms(records) as crms, tempfile.TemporaryDirectory(prefix="interlock-benchmark-") as home:
        connect(crms, Path(home))
        used = first_sync(crms, Path(home))
        assert used.told["objects"]["contacts"]["linked"] == records, used.told
        assert crms.stats()["hubspot"]["refused_429"] == 0
    return used


def floor(records: int) -> Used:
    with local_crms(records) as crms:
        used = run(
            crms,
            [sys.executable, str(HERE / "floor.py")],
            ["--hubspot-url", crms.hubspot_url, "--salesforce-url", crms.salesforce_url],
        )
        assert used.told["records"] == 2 * records, used.told
    return used


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000, help="contacts a side")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    # One uncounted run of each leaves the compiled imports behind.
    interlock(100), floor(100)
    ours: list[Used] = []
    least: list[Used] = []
    for number in range(asked.runs):
        ours.append(interlock(asked.records))
        least.append(floor(asked.records))
        print(f"run {number + 1}: {ours[-1].cpu_s:.2f} s over {least[-1].cpu_s:.2f} s", file=sys.stderr)
    ratios = [mine.cpu_s / floors.cpu_s for mine, floors in zip(ours, least, strict=True)]
    starting_s = interlock_start_s()
    figures = [
        Figure("CPU of Interlock over the floor, median", median(ratios), "x", bar=RATIO_MOST),
        Figure("CPU of the Interlock process, median", median(used.cpu_s for used in ours), "s"),
        Figure("of which its start", starting_s, "s"),
        Figure("CPU of the floor process, median", median(used.cpu_s for used in least), "s"),
    ]
    load = os.getloadavg()[0]
    return tell(
        "speed", figures, records_a_side=asked.records, data=DATA, ratios=ratios, load=load, last_run=ours[-1].told
    )


def interlock_start_s() -> float:
    """A sync that has nothing to do but to start and to look."""
    with local_crms(1) as crms, tempfile.TemporaryDirectory(prefix="interlock-benchmark-") as home:
        connect(crms, Path(home))
        first_sync(crms, Path(home))
        return first_sync(crms, Path(home)).cpu_s


if __name__ == "__main__":
    sys.exit(main())

"""Peak memory of Interlock while it joins 100,000 records a side: `python benchmarks/memory.py [--records N]`.

VmHWM of the `interlock sync --once` process, which the kernel tells of an ended child. The local CRMs are processes of
their own. Keeping to HubSpot's ten-second limit, 100,000 records take about three minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell
from benchmarks.local_crms import local_crms
from benchmarks.people import DATA
from benchmarks.processes import connect, first_sync

MEMORY_MOST_MB = 400


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="contacts a side")
    asked = parser.parse_args()
    with local_crms(asked.records) as crms, tempfile.TemporaryDirectory(prefix="interlock-benchmark-") as home:
        connect(crms, Path(home))
        used = first_sync(crms, Path(home))
        again = first_sync(crms, Path(home))
        refused = crms.stats()["hubspot"]["refused_429"]
    assert used.told["objects"]["contacts"]["linked"] == asked.records, used.told
    figures = [
        Figure(f"peak memory, first sync of {asked.records:,} a side", used.peak_mb, "MB", MEMORY_MOST_MB),
        Figure("peak memory, a sync that finds nothing", again.peak_mb, "MB", MEMORY_MOST_MB),
        Figure("CPU of the first sync", used.cpu_s, "s"),
        Figure("time of the first sync", used.told["seconds"], "s"),
        Figure("calls refused as too fast", refused, "", 0),
    ]
    return tell("memory", figures, records_a_side=asked.records, data=DATA, api_calls=used.told["api_calls"])


if __name__ == "__main__":
    sys.exit(main())

"""Peak memory of a preview, which looks at every record of both sides and keeps none: `python benchmarks/preview_memory.py`.

VmHWM of `interlock plan` at two sizes, each on CRMs of its own: what a preview holds for each record more is the difference.
Keeping to HubSpot's ten-second limit, 100,000 records a side take some minutes. `--records N` for the larger of the two sizes.
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
from benchmarks.processes import COMMAND, Used, connect, run

MEMORY_MOST_MB = 400
# A key and its place in a set are 240 bytes, for each side. What is left here is what the allocator does not give back.
RECORD_MOST_BYTES = 150
# Large enough that the caches of the database and of what was just written are full at either size.
SMALLER = 2  # times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="contacts a side, of the larger size")
    asked = parser.parse_args()
    fewer = asked.records // SMALLER
    small, large = _preview(fewer), _preview(asked.records)
    grown = (large.peak_mb - small.peak_mb) * 1_048_576 / (asked.records - fewer)
    figures = [
        Figure(f"peak memory, a preview of {asked.records:,} a side", large.peak_mb, "MB", MEMORY_MOST_MB),
        Figure(f"peak memory, a preview of {fewer:,} a side", small.peak_mb, "MB"),
        Figure("what it holds for each record more", grown, "bytes", RECORD_MOST_BYTES),
        Figure("CPU of the larger preview", large.cpu_s, "s"),
    ]
    return tell("preview_memory", figures, records_a_side=asked.records, data=DATA)


def _preview(records: int) -> Used:
    with local_crms(records) as crms, tempfile.TemporaryDirectory(prefix="interlock-benchmark-") as home:
        connect(crms, Path(home))
        used = run(crms, [COMMAND, "plan"], ["--home", home, "--json"])
    counts = used.told["objects"]["contacts"]
    assert counts["matched"] == records, counts
    return used


if __name__ == "__main__":
    sys.exit(main())

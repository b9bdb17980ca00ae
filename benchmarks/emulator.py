"""Speed and memory of the two local CRMs: `python benchmarks/emulator.py [--records N] [--crm hubspot|salesforce]`.

Each CRM is measured in a process of its own, so that memory is its own. A figure with a bar fails the command when it
misses it.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import sys
from pathlib import Path
from typing import Any

CRMS = ("hubspot", "salesforce")


def rss_mb() -> float:
    """Resident memory of this process (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1_024
    return 0.0


def measure_one(crm: str, records: int) -> list[tuple[str, float, str, float | None]]:
    sys.path.insert(0, str(Path(__file__).parent))
    module = importlib.import_module(f"emulator_{crm}")
    figures: list[Any] = module.measure(records, rss_mb)
    return [(figure.name, figure.value, figure.unit, figure.bar) for figure in figures]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--crm", choices=CRMS)
    asked = parser.parse_args()
    missed = 0
    context = multiprocessing.get_context("spawn")
    for crm in [asked.crm] if asked.crm else CRMS:
        if not (Path(__file__).parent / f"emulator_{crm}.py").exists():
            print(f"{crm}: nothing to measure")
            continue
        with context.Pool(1) as pool:
            figures = pool.apply(measure_one, (crm, asked.records))
        print(crm)
        for name, value, unit, bar in figures:
            verdict = "" if bar is None else f"   bar {bar:g} {unit}: {'met' if value <= bar else 'MISSED'}"
            missed += bar is not None and value > bar
            print(f"  {name:<45} {value:>9.2f} {unit}{verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

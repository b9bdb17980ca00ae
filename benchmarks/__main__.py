"""Every benchmark, one after the other, and a table of how they did: `python benchmarks [NAME ...]`, or `make bench`.

A benchmark is a script here that tells its own command in its docstring; the others are parts that benchmarks are made
of. Each exits 1 when one of its figures misses its bar. Figures told as bars.py does end up in the table, others above it.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
VERDICTS = {0: "within its bars", 1: "MISSED A BAR"}


def benchmarks() -> dict[str, Path]:
    """Name -> script, by name: those whose first lines hold "`python benchmarks/<name>.py"."""
    found = {}
    for path in sorted(HERE.glob("*.py")):
        told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if f"`python benchmarks/{path.name}" in told:
            found[path.stem] = path
    return found


def main(names: list[str]) -> int:
    known = benchmarks()
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"No such benchmark: {', '.join(unknown)}. There are: {', '.join(known)}.", file=sys.stderr)
        return 2
    lines, missed = [], False
    for name in names or list(known):
        print(f"--- {name}", flush=True)
        began = time.monotonic()
        ran = subprocess.run([sys.executable, str(known[name])], check=False, stdout=subprocess.PIPE, text=True)
        verdict = VERDICTS.get(ran.returncode, f"BROKE (exit {ran.returncode})")
        missed = missed or ran.returncode != 0
        lines.append(f"{name:<60}{time.monotonic() - began:>12.0f} s{'':14}{verdict}")
        lines += rows(ran.stdout)
    print(f"\n{'benchmark':<60}{'figure':>12}{'at most':>14}  result")
    print("\n".join(lines))
    return int(missed)


def rows(output: str) -> list[str]:
    """The figures of a benchmark that tells them as bars.py does; what another says is printed as it is."""
    try:
        figures = json.loads(output)["figures"]
    except (ValueError, KeyError, TypeError):
        print(output, end="")
        return []
    return [
        f"  {each['name']:<58}{each['value']:>12.4g} {each['unit']:<8}"
        f"{'-' if each['bar'] is None else format(each['bar'], 'g'):>6}  {'met' if each['met'] else 'MISSED'}"
        for each in figures
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m tests.simulation.tell SEED [ID ...]`: what happened in both CRMs, side by side in time, for a person."""

from __future__ import annotations

import gc
import sys
import tempfile
from pathlib import Path

from tests.simulation.check import check
from tests.simulation.simulation import DoesNotConverge, Story, simulate
from tests.simulation.virtual_time import EPOCH_US


def tell(story: Story, ids: set[str]) -> list[str]:
    entries = [("hubspot", each) for each in story.hubspot.journal.entries()]
    entries += [("salesforce", each) for each in story.salesforce.journal.entries()]
    lines = []
    for side, each in sorted(entries, key=lambda pair: (pair[1].at_us, pair[0], pair[1].seq)):
        if ids and each.id not in ids:
            continue
        what = f"{each.id} {each.action} {each.field}: {each.old!r} -> {each.new!r} ({each.client})"
        column = what if side == "hubspot" else " " * 50 + what
        lines.append(f"{(each.at_us - EPOCH_US) / 1e6:10.3f} {column}")
    lines += [
        f"conflict {row.at_us / 1e6 - EPOCH_US / 1e6:10.3f} {row}"
        for row in story.conflicts
        if not ids or ids & {row.hubspot_id, row.salesforce_id}
    ]
    return lines + [f"issue {row}" for row in story.issues]


def main(seed: int, ids: set[str], objects: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            story = simulate(seed, Path(folder) / "interlock.db", objects)
        except DoesNotConverge as error:
            print(error)  # noqa: T201
            return
    print("\n".join(tell(story, ids)))  # noqa: T201
    print("rules", story.rules, "crashes", story.crashes)  # noqa: T201
    print("\n".join(check(story)))  # noqa: T201


if __name__ == "__main__":
    gc.disable()
    words = sys.argv[1:]
    everything = "--all" in words
    main(
        int(words[0]),
        {word for word in words[1:] if word != "--all"},
        ("companies", "contacts", "deals") if everything else ("contacts",),
    )

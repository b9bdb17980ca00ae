"""`python -m tests.simulation.tell SEED [ID ...] [--theme NAME ...]`: what happened in both CRMs, side by side in time.

With ids only what concerns these records. `--shrink` first takes out of the story whatever it does not need to fail, and
prints the recipe that is left, to be kept in found.py. `--requests` adds what was sent.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import textwrap
from pathlib import Path

from tests.databases import migrated
from tests.simulation.check import check
from tests.simulation.child import play
from tests.simulation.recipe import Recipe
from tests.simulation.shrink import shrink
from tests.simulation.simulation import DoesNotConverge, simulate
from tests.simulation.themes import THEMES
from tests.simulation.virtual_time import EPOCH_US
from tests.simulation.world import Story

COLUMN = 64


def tell(story: Story, ids: set[str]) -> list[str]:
    """HubSpot on the left, Salesforce on the right, and across both what befell the process between them."""
    told: list[tuple[float, int, str]] = []
    for side, crm in (("hubspot", story.hubspot), ("salesforce", story.salesforce)):
        skew_us = round(story.skews_s[side] * 1e6)
        for each in crm.journal.entries():
            if ids and each.id not in ids:
                continue
            who = "" if each.client == "ui" else " << Interlock" if each.client == "Interlock" else f" << {each.client}"
            what = f"{each.id} {each.action} {each.field or ''}: {each.old!r} -> {each.new!r}{who}"
            indent = 12 if side == "hubspot" else 12 + COLUMN
            text = textwrap.fill(
                what, COLUMN + indent - 2, initial_indent=" " * indent, subsequent_indent=" " * (indent + 4)
            )
            told.append(((each.at_us - skew_us - EPOCH_US) / 1e6, each.seq, text))
    for when, what, at in story.incidents:
        told.append(
            (when, 0, f"{' ' * 12}---- {what} at {' > '.join(f'{module}:{line}' for module, line in at) or 'rest'}")
        )
    for landing in story.network.landings:
        if not landing.kept and landing.side == "salesforce" and landing.last_seq >= landing.first_seq:
            told.append(
                (0.0, 0, f"{' ' * 12}(nobody kept the answer of Salesforce {landing.first_seq}..{landing.last_seq})")
            )
    lines = [f"{when:10.3f}{text[10:]}" for when, _, text in sorted(told)]
    for row in story.audit:
        if not ids or ids & {row.hubspot_id, row.salesforce_id}:
            what = (
                f"{row.property}: {row.old!r} -> {row.new!r} ({row.rule}, {row.reason}, {row.status})"
                if row.property
                else ""
            )
            at_s = (row.at_us - EPOCH_US) / 1e6
            lines.append(
                f"audit {at_s:10.3f} {row.kind.value} {row.hubspot_id} {row.salesforce_id} {row.cause} {row.side} {what}"
            )
    for link in story.links:
        if not ids or ids & {link.hubspot_id, link.salesforce_id}:
            lines.append(
                f"link {link.hubspot_id} {link.salesforce_id} {link.state.value} {link.linked_by.value} {link.looked}"
            )
    lines += [f"issue {row}" for row in story.issues if not ids or ids & {row.hubspot_id, row.salesforce_id}]
    lines += [
        f"note {(note.at_us - EPOCH_US) / 1e6:10.3f} {note.what} {note.object} {note.id} {note.value}"
        for note in story.notes
    ]
    lines.append(f"rules {story.rules}")
    lines.append(f"skews {story.skews_s}, automated {story.automated}, faults {dict(story.network.faults)}")
    return lines


def story_of(recipe: Recipe) -> str:
    """The story of a failing recipe, told in a child of its own."""
    told: list[str] = []

    def judge(story: Story) -> list[str]:
        return ["\n".join(tell(story, set()))]

    for problem in play(recipe, judge).problems:
        told.append(problem)
    return "\n".join(told)


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m tests.simulation.tell", description=__doc__)
    words.add_argument("seed", type=int)
    words.add_argument("ids", nargs="*")
    words.add_argument("--shrink", action="store_true")
    words.add_argument("--theme", action="append", default=[], choices=list(THEMES))
    chosen = words.parse_args()
    recipe = Recipe(chosen.seed, themes=tuple(chosen.theme))
    if chosen.shrink:
        recipe = shrink(recipe, say=lambda line: print(line, flush=True))
        print(recipe)
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = Path(folder) / "interlock.db"
            path.write_bytes(migrated())
            story = simulate(recipe, path)
        except DoesNotConverge as error:
            print(error)
            return
    print("\n".join([*tell(story, set(chosen.ids)), *check(story)]))


if __name__ == "__main__":
    gc.disable()
    main()
    sys.stdout.flush()
    os._exit(0)  # unwinding what was killed would do what a killed process does not

"""One recipe in a child process of its own: nothing of an earlier one is left over, and a killed process never unwinds.

The garbage collector is off in the child: collecting a killed process' tasks would run their `finally` blocks, which a
crash does not do. `python -m tests.simulation.child SEED ...` plays seeds in a fresh interpreter and prints their digests.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.databases import TMPFS, migrated
from tests.simulation import marks
from tests.simulation.check import check
from tests.simulation.recipe import Recipe
from tests.simulation.simulation import simulate
from tests.simulation.world import Story

Judge = Callable[[Story], list[str]]


class Verdict(msgspec.Struct):
    recipe: Recipe
    problems: list[str]
    requests: int = 0
    transactions: int = 0
    faults: dict[str, int] = {}
    crashes: int = 0
    moves: int = 0
    refused_moves: int = 0
    conflicts: int = 0
    cpu_ms: float = 0.0
    marks: dict[str, int] = {}
    digest: str = ""


def warm_up() -> None:
    """Play a story in this process, never to collect its garbage: what its children import and compile lazily, a quarter of
    a story's time, they inherit. That it changes no story is what playing some again in a fresh process shows."""
    gc.disable()
    _play(Recipe(0), check)


def play(recipe: Recipe, judge: Judge = check) -> Verdict:
    """Fork, play, judge, and read the verdict from a pipe."""
    migrated()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            gc.disable()
            with os.fdopen(writing, "wb") as out:
                out.write(msgspec.msgpack.encode(_play(recipe, judge)))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        data = answer.read()
    os.waitpid(child, 0)
    if not data:
        return Verdict(recipe, ["the child died without a verdict"])
    return msgspec.msgpack.decode(data, type=Verdict)


def _play(recipe: Recipe, judge: Judge) -> Verdict:
    began_s = time.process_time()
    with tempfile.TemporaryDirectory(dir=TMPFS if TMPFS.is_dir() else None) as folder:
        path = Path(folder) / "interlock.db"
        path.write_bytes(migrated())
        with marks.counting() as counted:
            try:
                story = simulate(recipe, path)
                problems = judge(story)
            except Exception:  # noqa: BLE001  (any end but a good one is the seed's verdict)
                return Verdict(recipe, [traceback.format_exc(limit=-12)])
        counted.take(story)
    return Verdict(
        recipe,
        problems,
        requests=story.network.requests,
        transactions=counted.transactions,
        faults=dict(story.network.faults),
        crashes=sum(what == "crash" for _, what, _ in story.incidents),
        moves=len(story.moves),
        refused_moves=sum(made.refused is not None for made in story.moves),
        conflicts=len(story.conflicts),
        cpu_ms=(time.process_time() - began_s) * 1_000,
        marks=dict(counted.marks),
        digest=story.network.digest() + journals(story),
    )


def journals(story: Story) -> str:
    return f"{story.hubspot.journal.last_seq}.{story.salesforce.journal.last_seq}.{story.steps}"


if __name__ == "__main__":
    for word in sys.argv[1:]:
        print(word, play(Recipe(int(word))).digest, flush=True)

"""One seed in a child process of its own: nothing of an earlier seed is left over, and a killed process never unwinds.

The garbage collector is off in the child: collecting a killed process' tasks would run their `finally` blocks, which a
crash does not do.
"""

from __future__ import annotations

import gc
import os
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tests.simulation.check import check
from tests.simulation.simulation import Story, simulate

Judge = Callable[[Story], list[str]]
TMPFS = Path("/dev/shm")


class Verdict(msgspec.Struct):
    seed: int
    problems: list[str]
    requests: int = 0
    faults: dict[str, int] = {}
    crashes: int = 0
    moves: int = 0
    refused_moves: int = 0
    conflicts: int = 0
    trace: str = ""


def play(seed: int, objects: Sequence[str] = ("contacts",), judge: Judge = check) -> Verdict:
    """Fork, play, judge, and read the verdict from a pipe."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            gc.disable()
            with os.fdopen(writing, "wb") as out:
                out.write(msgspec.msgpack.encode(_play(seed, objects, judge)))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        data = answer.read()
    os.waitpid(child, 0)
    if not data:
        return Verdict(seed, ["the child died without a verdict"])
    return msgspec.msgpack.decode(data, type=Verdict)


def _play(seed: int, objects: Sequence[str], judge: Judge) -> Verdict:
    with tempfile.TemporaryDirectory(dir=TMPFS if TMPFS.is_dir() else None) as folder:
        try:
            story = simulate(seed, Path(folder) / "interlock.db", objects)
            problems = judge(story)
        except Exception:  # noqa: BLE001  (any end but a good one is the seed's verdict)
            return Verdict(seed, [traceback.format_exc(limit=-6)])
    return Verdict(
        seed,
        problems,
        requests=story.network.requests,
        faults=story.network.faults,
        crashes=len(story.crashes),
        moves=story.moves,
        refused_moves=story.refused_moves,
        conflicts=len(story.conflicts),
        trace=story.trace(),
    )

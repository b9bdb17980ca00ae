"""Many recipes, on as many processes as there are cores; verdicts come as they are reached."""

from __future__ import annotations

import gc
import os
import select
from collections.abc import Iterator, Sequence
from statistics import median

import msgspec

from tests.databases import migrated
from tests.simulation.child import Verdict, play, warm_up
from tests.simulation.recipe import Recipe


def play_many(recipes: Sequence[Recipe], processes: int) -> Iterator[Verdict]:
    """Each process takes the next recipe when it is through with one, and forks a child for it (child.py)."""
    migrated()
    gc.collect()
    gc.freeze()
    # The players share its offset: no two read the same place.
    turns = os.memfd_create("turns")
    os.write(turns, b"".join(place.to_bytes(4) for place in range(len(recipes))))
    os.lseek(turns, 0, os.SEEK_SET)
    pipes = [_player(recipes, turns) for _ in range(min(processes, len(recipes)))]
    streams = {reading: bytearray() for reading, _ in pipes}
    try:
        while streams:
            for reading in select.select(list(streams), [], [])[0]:
                data = os.read(reading, 65_536)
                if not data:
                    del streams[reading]
                    continue
                yield from _verdicts(streams[reading], data)
    finally:
        gc.unfreeze()
        os.close(turns)
        for reading, player in pipes:
            os.close(reading)
            os.waitpid(player, 0)


def _player(recipes: Sequence[Recipe], turns: int) -> tuple[int, int]:
    reading, writing = os.pipe()
    player = os.fork()
    if player:
        os.close(writing)
        return reading, player
    code = 1
    try:
        os.close(reading)
        warm_up()
        with os.fdopen(writing, "wb") as out:
            while turn := os.read(turns, 4):
                data = msgspec.msgpack.encode(play(recipes[int.from_bytes(turn)]))
                out.write(len(data).to_bytes(4) + data)
                out.flush()
        code = 0
    finally:
        os._exit(code)


def _verdicts(buffer: bytearray, data: bytes) -> Iterator[Verdict]:
    buffer += data
    while len(buffer) >= 4 and len(buffer) >= 4 + (size := int.from_bytes(buffer[:4])):
        yield msgspec.msgpack.decode(bytes(buffer[4 : 4 + size]), type=Verdict)
        del buffer[: 4 + size]


def summary(verdicts: Sequence[Verdict], seconds: float) -> list[str]:
    good = [verdict for verdict in verdicts if not verdict.problems]
    if not good:
        return [f"{len(verdicts)} seeds, none without a problem"]

    def middle(name: str) -> float:
        return median(getattr(verdict, name) for verdict in good)

    faults = median(sum(verdict.faults.values()) for verdict in good)
    return [
        f"{len(verdicts)} seeds in {seconds:.0f} s, {len(verdicts) - len(good)} failing",
        f"median a seed: {middle('requests'):.0f} requests, {middle('transactions'):.0f} transactions, {faults:.0f} faults, "
        f"{middle('moves'):.0f} moves, {middle('conflicts'):.0f} conflicts, {middle('cpu_ms'):.0f} ms",
        f"crashes: {sum(verdict.crashes for verdict in good)}, moves refused: "
        f"{sum(verdict.refused_moves for verdict in good) / max(1, sum(verdict.moves for verdict in good)):.0%}",
    ]

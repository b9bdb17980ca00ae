"""What a connection costs that nothing happens on: `python benchmarks/idle.py`.

A day of virtual time, all objects on, polled as often as `engine/pace.py` says, once with 100,000 Salesforce calls
allocated to Interlock and once with 15,000. Schemas grow old and are read again; a refresh is part of the day. Counted by
the local CRMs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell
from benchmarks.worlds import Calls, counted, fill, polling, world
from tests.simulation.virtual_time import VirtualTimeLoop

DAY_S = 86_400.0
# Allocated to Interlock -> the most that a day of idling may use (of Salesforce).
BARS = {100_000: 6_000, 15_000: 750}
HUBSPOT_DAILY = 625_000  # what the local account tells in its headers
HUBSPOT_SHARE = 0.05


class Day(msgspec.Struct):
    calls: Calls
    polls: int
    interval_s: float


async def idle(loop: VirtualTimeLoop, allocated: int, records: int) -> Day:
    async with world(loop, existing="link", settings={"salesforce_allocated_calls": allocated}) as made:
        fill(made, records)
        await made.connect()
        await made.sync()
        await made.sync_later(3_600)
        before, begun_s, polls = counted(made), loop.time(), 0
        while loop.time() - begun_s < DAY_S:
            # The schemas are opened as a process opens them, every few hours, so that their refresh is in the count.
            async with polling(made, allocated) as connection:
                chapter_s = loop.time()
                while loop.time() - chapter_s < DAY_S / 12 and loop.time() - begun_s < DAY_S:
                    assert await connection.poll() == 0, "something was found on an idle connection"
                    polls += 1
                    interval_s = connection.interval_s()
                    await asyncio.sleep(interval_s)
        return Day(counted(made).since(before), polls, interval_s)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--records", type=int, default=1_000, help="linked contacts; an idle poll costs the same at any number"
    )
    asked = parser.parse_args()
    figures: list[Figure] = []
    about: dict[str, object] = {}
    for allocated, most in BARS.items():
        loop = VirtualTimeLoop(random.Random(0))
        asyncio.set_event_loop(loop)
        day = loop.run_until_complete(idle(loop, allocated, asked.records))
        salesforce = sum(calls for endpoint, calls in day.calls.by_endpoint.items() if "/services/" in endpoint)
        hubspot = day.calls.hubspot + day.calls.salesforce + day.calls.setup - salesforce
        figures += [
            Figure(f"idle day, {allocated:,} allocated, Salesforce calls", salesforce, "", most),
            Figure(f"idle day, {allocated:,} allocated, HubSpot calls", hubspot, "", HUBSPOT_DAILY * HUBSPOT_SHARE),
            Figure(f"idle day, {allocated:,} allocated, seconds between polls", day.interval_s, "s"),
        ]
        about[f"{allocated} allocated"] = {"polls": day.polls, "by_endpoint": day.calls.by_endpoint}
    return tell("idle", figures, linked=asked.records, hours=24, **about)


if __name__ == "__main__":
    sys.exit(main())

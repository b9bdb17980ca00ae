"""Two hundred times `kill -9` in the middle of a sync: `python benchmarks/kill.py [--records N] [--kills N] [--seed N]`.

50,000 records that people made, 25,000 in each CRM (kill_crms.py: 10,000 pairs of twins to link and adjust, 30,000 records
to create on the other side), are synced by the installed commands, `interlock sync --once` and now and then `interlock
serve`. From the moment a process has committed something, it is given between 0.2 and 3 s (drawn so that short lives are as
likely as long ones), then killed with SIGKILL, and the next one is started at once. When little is left to do, people edit
some hundreds of records in each CRM. After the last kill nothing is disturbed any more, and the command runs until nothing
is due and nothing waits. Every field is under the rule *Two-way*.

What is counted, by the CRMs themselves and from what stands in them at the end:

- lost: a person's record without counterpart, a pair whose stored id is not its counterpart's, a field that differs between
  the two, an edit that is not on both sides.
- duplicated: records beyond one a person in either CRM, and creation keys or stored ids that occur twice.
- redone: a *batch* is what the engine claims at once (Settings.batch_rows). A record was redone if a write of it held a value
  that the CRM had last been sent for that field, and had carried out, before a kill. It is charged to the first kill after
  that earlier write. The most that any one kill was charged may be one batch. What is merely read again is told as calls: of
  the whole run, and of an undisturbed one with `--compare`.
- working again: from the start of a process after a kill to its first commit of progress (a mark, an intent, an audit row, a
  cursor: not the lease, not the heartbeat). A start that is refused because a dead process holds the org counts as a miss.

Records whose request was under way in a kill wait until that request can no longer land: 180 s for HubSpot, 600 s for
Salesforce. During the run there is always something else to do; at its end these waits are waited out in real time, which is
most of what the benchmark takes after its last kill, and is told apart. `--park-s N` makes both waits N seconds, which is
true of the local CRMs: what they have not carried out when its sender dies, they never will.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell
from benchmarks.kill_crms import CREATION_KEY, FIELDS, HUBSPOT, SALESFORCE, STORED_ID, Crm, Mix, Told, crm
from benchmarks.local_crms import LocalCrms
from benchmarks.processes import COMMAND, connect

from interlock.engine.context import Settings

WORKING_AGAIN_MOST_S = 10.0
LIFE_S = (0.2, 3.0)
# Of the processes, so many are `interlock serve`; the others are `interlock sync --once`.
SERVE_SHARE = 0.25
# A process that has committed nothing after this long does not work.
PATIENCE_S = 60.0
LOOK_S = 0.02
# Records that people edit in each CRM at a time, as a share of all; and how much must be due for them to leave it alone.
EDITED_SHARE, DUE_SHARE = 0.02, 0.02
# Undisturbed runs after the last kill: each takes what is due and waits for what is parked.
FINISHING_RUNS_MOST = 30

_PROGRESS = """
    SELECT (SELECT COALESCE(SUM(seq), 0) FROM dirty_counter), (SELECT COALESCE(MAX(id), 0) FROM audit),
           (SELECT COALESCE(MAX(id), 0) FROM intent), (SELECT COUNT(*) FROM intent),
           (SELECT COALESCE(group_concat(value), '') FROM (SELECT value FROM cursor ORDER BY name))"""
_DUE = "SELECT COUNT(*) FROM dirty WHERE due_at_us <= ?"
_LOADING = "SELECT COUNT(*) FROM cursor WHERE name LIKE 'load:%' AND value NOT LIKE '%done%'"


class Verdict(msgspec.Struct):
    """What the CRMs and the processes told of one run."""

    lost: list[str]
    duplicated: list[str]
    redone_by_kill: Counter[int]
    sent_again_without_kill: int
    working_again_s: list[float]
    refused_starts: int
    kills: int
    open_writes: list[int]
    edits: int
    writes: int
    calls: dict[str, int]
    seconds: dict[str, float]


class Killed:
    """One installation between two CRMs, whose processes die."""

    def __init__(self, home: Path, hubspot: Crm, salesforce: Crm, mix: Mix, chance: random.Random) -> None:
        self.home = home
        self.crms = {HUBSPOT: hubspot, SALESFORCE: salesforce}
        self.mix = mix
        self.chance = chance
        self.kills_at: list[float] = []
        self.working_again_s: list[float] = []
        self.life_s = LIFE_S
        self.refused_starts = 0
        self.open_writes: list[int] = []  # at each kill, just before it
        self.edits = 0
        self._after_kill = False

    # --- set-up --------------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        hubspot, salesforce = self.crms[HUBSPOT], self.crms[SALESFORCE]
        joined = LocalCrms(hubspot.url, hubspot.token, salesforce.url, salesforce.token)
        connect(joined, self.home, existing="all")
        file = self.home / "mappings.yaml"
        self._done("mappings", "export", str(file))
        file.write_text(re.sub(r"(rule: )(?:prefer_salesforce|prefer_hubspot)", r"\1two_way", file.read_text()))
        self._done("mappings", "apply", str(file))

    def shorten_parks(self, park_s: float) -> None:
        """There is no command for it, since no real CRM bears it: it goes into the connection's settings."""
        park_us = round(park_s * 1_000_000)
        with contextlib.closing(sqlite3.connect(self.home / "interlock.db", isolation_level=None)) as database:
            ((settings,),) = database.execute("SELECT settings FROM connection").fetchall()
            changed = json.loads(settings) | {"hubspot_park_us": park_us, "salesforce_park_us": park_us}
            database.execute("UPDATE connection SET settings = ?", (json.dumps(changed),))

    def slow_down(self, latency_ms: int) -> None:
        for each in self.crms.values():
            each.control("POST", "faults", [{"kind": "slow", "delay_ms": latency_ms}])

    def _command(self, *arguments: str) -> list[str]:
        return [COMMAND, *arguments, "--home", str(self.home)]

    def _done(self, *arguments: str) -> str:
        ended = subprocess.run(self._command(*arguments), capture_output=True, text=True, check=False)
        if ended.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(arguments)} ended with {ended.returncode}: {ended.stdout} {ended.stderr}")
        return ended.stdout

    # --- killing -------------------------------------------------------------------------------------------------------

    def live_and_die(self) -> None:
        """One process: started, given some time once it works, killed. One that is done by itself before is not counted."""
        # `serve` leaves a connection alone that nobody has begun to sync.
        serving = self.chance.random() < SERVE_SHARE and bool(self.kills_at)
        life_s = math.exp(self.chance.uniform(*map(math.log, self.life_s)))
        command = ("serve", "--port", "0", "--quiet") if serving else ("sync", "--once", "--json")
        began = time.monotonic()
        with (self.home / "last.err").open("w") as errors:
            process = subprocess.Popen(self._command(*command), stdout=subprocess.DEVNULL, stderr=errors)
        try:
            # A first life has no predecessor to recover from.
            if self._works(process, began) and self._after_kill:
                self.working_again_s.append(time.monotonic() - began)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(life_s)
            self._look_at_open_writes(process)
        finally:
            self.kill(process)

    def _look_at_open_writes(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            with contextlib.closing(sqlite3.connect(self.home / "interlock.db", isolation_level=None)) as looking:
                self.open_writes.append(
                    looking.execute("SELECT COUNT(*) FROM intent WHERE state = 'sent'").fetchone()[0]
                )

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        self._after_kill = process.poll() is None
        if self._after_kill:
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.kills_at.append(time.time())
            return
        if process.returncode == 6:
            self.refused_starts += 1
        elif process.returncode not in (0, 1):
            raise SystemExit(
                f"a process ended with {process.returncode}: {(self.home / 'last.err').read_text()[-2_000:]}"
            )
        self.people_edit()

    def _works(self, process: subprocess.Popen[bytes], began: float) -> bool:
        """Whether it has committed something, as soon as it has; False when it ended without.

        We look into its database only while it has it open itself: else it would be us who recover what a kill left.
        """
        while not _has_open(process, f"{self.home / 'interlock.db'}-shm"):
            if process.poll() is not None:
                return False
            time.sleep(LOOK_S)
        looking = sqlite3.connect(self.home / "interlock.db", isolation_level=None)
        try:
            before = looking.execute(_PROGRESS).fetchone()
            while process.poll() is None:
                if looking.execute(_PROGRESS).fetchone() != before:
                    self._leave_no_idleness(looking)
                    return True
                if time.monotonic() - began > PATIENCE_S:
                    raise SystemExit(f"nothing was committed within {PATIENCE_S:g} s of a start")
                time.sleep(LOOK_S)
            return False
        finally:
            looking.close()

    def _leave_no_idleness(self, looking: sqlite3.Connection) -> None:
        (loading,) = looking.execute(_LOADING).fetchone()
        (due,) = looking.execute(_DUE, (time.time_ns() // 1_000,)).fetchone()
        if not loading and due < self.mix.records * DUE_SHARE:
            self.people_edit()

    def people_edit(self) -> None:
        count = max(1, round(self.mix.records * EDITED_SHARE / 2))
        for each in self.crms.values():
            each.edit(count)
        self.edits += 2 * count

    # --- the end ---------------------------------------------------------------------------------------------------------

    def finish(self) -> float:
        """Undisturbed, until nothing is due and nothing waits. Returns the seconds of waiting for parked records."""
        waited_s = 0.0
        for _ in range(FINISHING_RUNS_MOST):
            document = json.loads(self._done("sync", "--once", "--json"))
            if document["outcome"] != "done":
                raise SystemExit(f"stopped: {document}")
            if not document["waiting"] and not _moved(document):
                return waited_s
            if document["waiting"] and not _moved(document):
                until = _seconds_until(document["next_due_at"])
                print(f"{document['waiting']} records wait for another {until:.0f} s", file=sys.stderr, flush=True)
                time.sleep(until)
                waited_s += until
        raise SystemExit(f"not at rest after {FINISHING_RUNS_MOST} undisturbed runs")


def _has_open(process: subprocess.Popen[bytes], path: str) -> bool:
    with contextlib.suppress(OSError):
        return any(os.readlink(each.path) == path for each in os.scandir(f"/proc/{process.pid}/fd"))
    return False


def _moved(document: dict[str, Any]) -> bool:
    return any(count for counts in document["objects"].values() for name, count in counts.items() if name != "waiting")


def _seconds_until(at: str) -> float:
    from datetime import UTC, datetime

    return max(0.1, (datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds() + 0.1)


# --- judging ---------------------------------------------------------------------------------------------------------------


def lost(mix: Mix, hubspot: Told, salesforce: Told) -> list[str]:
    here = {values["email"].lower(): id_ for id_, values in hubspot.records.items()}
    there = {values["Email"].lower(): id_ for id_, values in salesforce.records.items()}
    found = []
    for number in sorted({*mix.of(HUBSPOT), *mix.of(SALESFORCE)}):
        email = f"person{number}@company{number % 9_000}.example.com"
        if email not in here or email not in there:
            found.append(f"{email}: {'not in HubSpot' if email not in here else 'not in Salesforce'}")
            continue
        mine, theirs = hubspot.records[here[email]], salesforce.records[there[email]]
        if mine[STORED_ID] != there[email]:
            found.append(f"{email}: HubSpot names {mine[STORED_ID]!r}, its counterpart is {there[email]}")
        for property_, field in FIELDS.items():
            if mine[property_] != theirs[field]:
                found.append(f"{email}: {property_} is {mine[property_]!r} and {theirs[field]!r}")
        edited = hubspot.edits.get(number) or salesforce.edits.get(number)
        if edited is not None and edited != mine["fax"]:
            found.append(f"{email}: the edit {edited!r} is not there, but {mine['fax']!r}")
    return found


def duplicated(mix: Mix, hubspot: Told, salesforce: Told) -> list[str]:
    found = []
    for name, told, key in (("HubSpot", hubspot, STORED_ID), ("Salesforce", salesforce, CREATION_KEY)):
        if len(told.records) != mix.people:
            found.append(f"{name} holds {len(told.records)} records of {mix.people} people")
        keys = Counter(values[key] for values in told.records.values() if values[key])
        found += [f"{name}: {times} records hold the key {each}" for each, times in keys.items() if times > 1]
    made = sum(1 for values in salesforce.records.values() if values[CREATION_KEY])
    if made != mix.alone:
        found.append(f"{made} records in Salesforce hold a creation key, {mix.alone} were to be created")
    return found


def charged(kills_at: list[float], *crms: Told) -> tuple[Counter[int], int]:
    """Records redone by each kill, and what was sent again although nobody had died."""
    by_kill: Counter[int] = Counter()
    unexplained = 0
    for told in crms:
        # A record that was sent again twice after one kill was redone once.
        charges = set()
        for each in told.sent_again:
            kill = next((n for n, at in enumerate(kills_at) if each.before_at < at < each.at), None)
            if kill is None:
                unexplained += 1
            else:
                charges.add((kill, each.record))
        by_kill.update(kill for kill, _ in charges)
    return by_kill, unexplained


# --- runs ------------------------------------------------------------------------------------------------------------------


def run(
    records: int,
    kills: int,
    seed: int,
    latency_ms: int,
    park_s: float | None = None,
    life_s: tuple[float, float] = LIFE_S,
) -> Verdict:
    mix = Mix(records)
    with (
        tempfile.TemporaryDirectory(prefix="interlock-benchmark-") as home,
        crm(HUBSPOT, mix) as hubspot,
        crm(SALESFORCE, mix) as salesforce,
    ):
        killed = Killed(Path(home), hubspot, salesforce, mix, random.Random(seed))
        killed.life_s = life_s
        killed.connect()
        killed.slow_down(latency_ms)
        if park_s is not None:
            killed.shorten_parks(park_s)
        began = time.monotonic()
        while len(killed.kills_at) < kills:
            killed.live_and_die()
            if len(killed.kills_at) % 20 == 0:
                print(f"{len(killed.kills_at)} of {kills} kills", file=sys.stderr, flush=True)
        killing_s = time.monotonic() - began
        waited_s = killed.finish()
        finishing_s = time.monotonic() - began - killing_s - waited_s
        here, there = hubspot.told(), salesforce.told()
    redone, unexplained = charged(killed.kills_at, here, there)
    return Verdict(
        lost(mix, here, there),
        duplicated(mix, here, there),
        redone,
        unexplained,
        killed.working_again_s,
        killed.refused_starts,
        len(killed.kills_at),
        killed.open_writes,
        killed.edits,
        here.writes + there.writes,
        {HUBSPOT: here.calls, SALESFORCE: there.calls},
        {"killing": killing_s, "finishing": finishing_s, "waiting for parked records": waited_s},
    )


def figures_of(verdict: Verdict) -> list[Figure]:
    batch = Settings().batch_rows
    slowest = max(verdict.working_again_s, default=0.0)
    ordered = sorted(verdict.working_again_s) or [0.0]
    return [
        Figure("lost", len(verdict.lost), "", bar=0, note="; ".join(verdict.lost[:3])),
        Figure("duplicated", len(verdict.duplicated), "", bar=0, note="; ".join(verdict.duplicated[:3])),
        Figure("most records redone by one kill", max(verdict.redone_by_kill.values(), default=0), "", bar=batch),
        Figure("records redone in all", sum(verdict.redone_by_kill.values()), ""),
        Figure("sent again without a kill", verdict.sent_again_without_kill, "", bar=0),
        Figure("working again after a kill, slowest", slowest, "s", bar=WORKING_AGAIN_MOST_S),
        Figure("working again after a kill, median", ordered[len(ordered) // 2], "s"),
        Figure("starts refused for a dead process", verdict.refused_starts, "", bar=0),
        Figure("kills with writes under way", sum(1 for each in verdict.open_writes if each), f"of {verdict.kills}"),
        *(Figure(name, seconds, "s") for name, seconds in verdict.seconds.items()),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="kill -9 in the middle of a sync, again and again")
    parser.add_argument("--records", type=int, default=50_000, help="made by people, in both CRMs together")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compare", action="store_true", help="also run undisturbed, to tell what was read again")
    parser.add_argument("--latency-ms", type=int, default=100, help="that each call to a CRM takes at least")
    parser.add_argument("--park-s", type=float, help="instead of 180 s for HubSpot and 600 s for Salesforce")
    asked = parser.parse_args()
    verdict = run(asked.records, asked.kills, asked.seed, asked.latency_ms, asked.park_s)
    figures = figures_of(verdict)
    if asked.compare:
        calm = run(asked.records, 0, asked.seed, asked.latency_ms)
        figures += figures_of_comparison(verdict, calm)
    load = os.getloadavg()[0]
    about = {"kills": verdict.kills, "edits": verdict.edits, "writes": verdict.writes, "calls": verdict.calls}
    return tell("kill", figures, records=asked.records, seed=asked.seed, load=load, **about)


def figures_of_comparison(verdict: Verdict, calm: Verdict) -> list[Figure]:
    """Calls of the disturbed run beyond an undisturbed one, which has no edits to carry over; so this is an upper bound."""
    return [
        Figure(
            f"{side} calls beyond an undisturbed run, a kill", (calls - calm.calls[side]) / max(1, verdict.kills), ""
        )
        for side, calls in verdict.calls.items()
    ]


if __name__ == "__main__":
    sys.exit(main())

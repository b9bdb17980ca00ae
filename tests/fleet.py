"""A fleet: many connections between local CRMs, each on a port of its own, in one process that says what they saw.

`python -m tests.fleet CONNECTIONS ORGS RECORDS` is that process: HubSpot account number i is joined to Salesforce org number i
modulo ORGS, and both hold the same RECORDS contacts. It notes every request with the process it came from (the other end of its
socket, as the kernel tells), and answers to lines of JSON. `Crms` is its other end. What syncs them: fleet_workers.py; what their
database saw of that: fleet_watch.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
WRITES = ("/batch/update", "/batch/upsert", "/batch/create", "/composite/sobjects")
RECORDS_AGE_S = 86_400
PATIENCE_S = 60.0

Json = dict[str, Any]


class Seen(msgspec.Struct):
    """One request, as the CRM saw it. `ended`: 0 while it has not. Seconds since 1970."""

    org: int
    pid: int
    begun: float
    ended: float
    write: bool


class State(msgspec.Struct):
    """What the CRMs hold. `late`: records whose last edit has not arrived; `backwards`: where an older edit came after a newer."""

    late: list[str]
    backwards: list[str]
    records: int
    arrived: int  # edits of people that Interlock carried over


# --- the process of the CRMs -----------------------------------------------------------------------------------------------


class Hold:
    """The next write of a process that holds none yet is kept back, until it is let go."""

    def __init__(self) -> None:
        self.seen: Seen | None = None
        self.held, self.let_go = asyncio.Event(), asyncio.Event()


class Gate:
    """Stands before every CRM: notes who asks what, and keeps requests back where told."""

    def __init__(self) -> None:
        self.pids: list[int] = []
        self.seen: list[Seen] = []
        self.holds: list[Hold] = []
        self.written = asyncio.Event()
        self._known: dict[Any, int] = {}

    def before(self, app: Any, org: int) -> Any:
        async def gate(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or "/_emulator" in scope["path"] or not self.pids:
                await app(scope, receive, send)
                return
            receive, body = await _read(receive)
            write = any(each in scope["path"] for each in WRITES) or b'"PATCH"' in body or b'"records"' in body
            pid = self._pid(scope)
            if not pid:
                # Whoever connects, which is no worker.
                await app(scope, receive, send)
                return
            seen = Seen(org, pid, time.time(), 0.0, write)
            self.seen.append(seen)
            hold = self._hold_for(seen)
            if hold is not None:
                hold.seen = seen
                hold.held.set()
                await hold.let_go.wait()
            try:
                await app(scope, receive, send)
            finally:
                seen.ended = time.time()
                if write:
                    self.written.set()

        return gate

    def _hold_for(self, seen: Seen) -> Hold | None:
        if not seen.write or any(each.seen is not None and each.seen.pid == seen.pid for each in self.holds):
            return None
        return next((each for each in self.holds if each.seen is None), None)

    def _pid(self, scope: Any) -> int:
        transport = scope["state"]["crm_emulator.transport"]
        if transport not in self._known:
            self._known[transport] = process_at(scope["client"][1], scope["server"][1], self.pids)
        return self._known[transport]


async def _read(receive: Any) -> tuple[Any, bytes]:
    """The body, and how it can be received once more."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    body = b"".join(each.get("body", b"") for each in messages)

    async def again() -> Any:
        return messages.pop(0) if messages else await receive()

    return again, body


def process_at(port: int, server_port: int, pids: list[int]) -> int:
    """Which of these processes holds the client's end of a connection; 0: none of them."""
    here, there = f":{port:04X}", f":{server_port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[1].endswith(here) and columns[2].endswith(there):
            for pid in pids:
                if _holds(pid, f"socket:[{columns[9]}]"):
                    return pid
    return 0


def _holds(pid: int, socket: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") == socket:
                    return True
    return False


class Pair:
    """One HubSpot account and the records that it shares with its org. People edit the fax number; each record on one side."""

    def __init__(self, number: int, hubspot: Any, org: int, salesforce: Any, records: int) -> None:
        self.number, self.hubspot, self.org, self.salesforce = number, hubspot, org, salesforce
        emails = [f"person{number}-{each}@company{number}.example.com" for each in range(records)]
        owner = hubspot.user().owner_id
        here = [{"email": each, "lastname": "Person", "hubspot_owner_id": owner} for each in emails]
        for emulator in (hubspot, salesforce):
            emulator.clock.advance_seconds(-RECORDS_AGE_S)
        self.here = hubspot.seed({"contacts": here})["contacts"]
        self.there = salesforce.seed({"Contact": [{"Email": each, "LastName": "Person"} for each in emails]})["Contact"]
        for emulator in (hubspot, salesforce):
            emulator.clock.advance_seconds(RECORDS_AGE_S)
        self.last = [0] * records

    def edit(self, count: int) -> int:
        """The next edit of the `count` records that were edited least."""
        order = sorted(range(len(self.last)), key=lambda each: self.last[each])[:count]
        for record in order:
            self.last[record] += 1
            if record % 2:
                self.salesforce.user().update("Contact", self.there[record], {"Fax": str(self.last[record])})
            else:
                self.hubspot.user().update("contacts", self.here[record], {"fax": str(self.last[record])})
        return len(order)

    def late(self) -> list[str]:
        found = []
        for record, last in enumerate(self.last):
            here = self.hubspot.user().get("contacts", self.here[record]).get("fax") or "0"
            there = self.salesforce.user().get("Contact", self.there[record]).get("Fax") or "0"
            if not str(last) == here == there:
                found.append(f"{self.number}/{record}: edited {last} times, {here} in HubSpot, {there} in Salesforce")
        return found


class Fleet:
    def __init__(self, connections: int, orgs: int, records: int) -> None:
        from crm_emulator.hubspot import HubSpotEmulator
        from crm_emulator.kernel.server import LocalServer
        from crm_emulator.salesforce import SalesforceEmulator

        self.gate = Gate()
        self.hubspots = [HubSpotEmulator(account_id=1_000 + number, seed=number) for number in range(connections)]
        self.salesforces = [
            SalesforceEmulator(seed=1_000 + number, daily_api_requests=100_000_000) for number in range(orgs)
        ]
        self.pairs = [
            Pair(number, hubspot, number % orgs, self.salesforces[number % orgs], records)
            for number, hubspot in enumerate(self.hubspots)
        ]
        self.servers = [
            LocalServer(self.gate.before(each.app, number % orgs)) for number, each in enumerate(self.hubspots)
        ]
        self.servers += [
            LocalServer(self.gate.before(each.app, number)) for number, each in enumerate(self.salesforces)
        ]
        for emulator, server in zip(self.salesforces, self.servers[connections:], strict=True):
            emulator.instance_url = server.url

    def ready(self) -> Json:
        told = [
            {"url": server.url, "token": emulator.token}
            for emulator, server in zip([*self.hubspots, *self.salesforces], self.servers, strict=True)
        ]
        return {"hubspot": told[: len(self.hubspots)], "salesforce": told[len(self.hubspots) :]}

    async def answer(self, do: str, asked: Json) -> Any:
        match do:
            case "watch":
                self.gate.pids = asked["pids"]
                return None
            case "edit":
                return sum(pair.edit(asked["count"]) for pair in self.pairs if pair.org not in asked["spare"])
            case "hold":
                self.gate.holds = [Hold() for _ in range(asked["processes"])]
                return None
            case "held":
                hold = self.gate.holds[asked["number"]]
                await asyncio.wait_for(hold.held.wait(), PATIENCE_S)
                return hold.seen
            case "let_go":
                self.gate.holds[asked["number"]].let_go.set()
                return None
            case "seen":
                return self.gate.seen[asked["after"] :]
            case "settle":
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._settled(), asked["within_s"])
                return {"late": [text for pair in self.pairs for text in pair.late()], "cpu_s": time.process_time()}
            case "state":
                return self.state()
        raise AssertionError(do)

    async def _settled(self) -> None:
        """Looks again whenever something was written."""
        while True:
            self.gate.written.clear()
            if not any(pair.late() for pair in self.pairs):
                return
            await self.gate.written.wait()

    def state(self) -> State:
        late = [text for pair in self.pairs for text in pair.late()]
        backwards, arrived = [], 0
        for place, emulator in enumerate([*self.hubspots, *self.salesforces]):
            newest: dict[str, int] = {}
            for entry in emulator.journal.entries(0):
                if entry.client == "Interlock" and entry.field in ("fax", "Fax") and entry.new:
                    arrived += 1
                    if int(entry.new) <= newest.get(entry.id, 0):
                        backwards.append(f"{place}/{entry.id}: {entry.new} after {newest[entry.id]}")
                    newest[entry.id] = int(entry.new)
        records = sum(len(each.user().ids("contacts")) for each in self.hubspots)
        records += sum(len(each.user().ids("Contact")) for each in self.salesforces)
        return State(late, backwards, records, arrived)


async def _serve(connections: int, orgs: int, records: int) -> None:
    fleet = Fleet(connections, orgs, records)
    for server in fleet.servers:
        await server.start()
    _say(fleet.ready())
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        _say(await fleet.answer(asked.pop("do"), asked))
    # Not stopped one by one: nobody is left to be answered.


def _say(what: object) -> None:
    sys.stdout.write(msgspec.json.encode(what).decode() + "\n")
    sys.stdout.flush()


# --- its other end -----------------------------------------------------------------------------------------------------------


class Crms:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.ready: Json = json.loads(self._line())

    def watch(self, pids: list[int]) -> None:
        self._ask("watch", pids=pids)

    def edit(self, count: int, spare: list[int] | None = None) -> int:
        """In each pair, but in those of the orgs to be spared. How many were made."""
        return int(self._ask("edit", count=count, spare=spare or []))

    def hold(self, processes: int) -> None:
        """Keep back the next write of this many processes, one of each."""
        self._ask("hold", processes=processes)

    def held(self, number: int) -> Seen:
        """The request that is kept back, once there is one."""
        return msgspec.convert(self._ask("held", number=number), Seen)

    def let_go(self, number: int) -> None:
        self._ask("let_go", number=number)

    def seen(self, after: int = 0) -> list[Seen]:
        return msgspec.convert(self._ask("seen", after=after), list[Seen])

    def settle(self, within_s: float) -> float:
        """Returns when the last edit of every record has arrived: the CPU seconds that the CRMs have used so far. Raises
        AssertionError."""
        told = self._ask("settle", within_s=within_s)
        assert not told["late"], f"not within {within_s:.0f} s: {told['late'][:5]}"
        return float(told["cpu_s"])

    def state(self) -> State:
        return msgspec.convert(self._ask("state"), State)

    def _ask(self, do: str, **what: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **what}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the local CRMs ended with {self._process.wait()}")
        return line


@contextmanager
def crms(connections: int, orgs: int, records: int) -> Iterator[Crms]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fleet", str(connections), str(orgs), str(records)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    try:
        yield Crms(process)
    finally:
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve(*map(int, sys.argv[1:])))

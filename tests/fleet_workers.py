"""`Installation` is an Interlock on PostgreSQL with all of a fleet connected (fleet.py), with its workers and `serve`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fleet import PATIENCE_S, Crms, Json

if TYPE_CHECKING:
    from tests.fleet_watch import Watch


COMMAND = str(Path(sys.executable).parent / "interlock")
PARK_US = 1_000_000


class Worker:
    """One `interlock worker`, or `interlock serve`, that is ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.ready = process.stdout.readline()
        if not self.ready:
            raise RuntimeError(f"a worker ended with {process.wait()}: {process.communicate()[1]}")

    @property
    def name(self) -> str:
        return str(json.loads(self.ready)["worker"])

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu_s(self) -> float:
        """What the process has used so far."""
        told = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> float:
        """When it was."""
        at = time.time()
        self.process.kill()
        self.process.wait()
        return at

    def freeze(self) -> float:
        """When it was."""
        at = time.time()
        self.process.send_signal(signal.SIGSTOP)
        return at

    def wake(self, watch: Watch) -> float:
        """Returns when it has shown that it is awake: the moment in which it was woken."""
        beat = f"SELECT beat_at_us FROM worker WHERE owner = '{self.name}'"
        before = watch.row(beat)
        at = time.time()
        self.process.send_signal(signal.SIGCONT)
        watch.until(lambda: watch.row(beat) != before, lambda: watch.row(beat))
        return at

    def end(self) -> tuple[int, str]:
        """SIGTERM; the exit code, and what it said."""
        self.process.terminate()
        said = self.process.communicate(timeout=PATIENCE_S)[1]
        return self.process.returncode, said


class Installation:
    """A home folder whose database is this PostgreSQL. `connect` joins everything of the fleet, and begins to sync it."""

    def __init__(self, home: Path, url: str, fleet: Crms) -> None:
        self.home = home
        self.url = url
        self.fleet = fleet
        self.workers: list[Worker] = []
        home.mkdir(parents=True, exist_ok=True)
        (home / "interlock.yaml").write_text(json.dumps({"database": url}))

    def migrate(self) -> None:
        async def opened() -> None:
            from interlock.wiring import open_interlock

            async with open_interlock(self.home):
                pass

        asyncio.run(opened())

    def connect(self) -> None:
        asyncio.run(self._connect())

    async def _connect(self) -> None:
        from interlock.app import states
        from interlock.app.connect import ConnectRequest, join
        from interlock.app.credentials import Credentials
        from interlock.store import mappings
        from interlock.wiring import open_interlock

        ready = self.fleet.ready
        settings = {
            "salesforce_allocated_calls": 100_000_000,
            # Of an org's contacts, each of its HubSpot accounts keeps to those that it has.
            "create_in_hubspot": False,
            "create_person_as": "",
            # A request that these CRMs did not answer lands within the second, if at all.
            "hubspot_park_us": PARK_US,
            "salesforce_park_us": PARK_US,
            # People who change one number over and over are no two automations that fight.
            "oscillation_writes": 1_000_000,
        }
        made = []
        async with open_interlock(self.home) as opened:
            for number, hubspot in enumerate(ready["hubspot"]):
                salesforce = ready["salesforce"][number % len(ready["salesforce"])]
                secrets = Credentials(hubspot["token"], salesforce_token=salesforce["token"])
                request = ConnectRequest(
                    hubspot["url"],
                    salesforce["url"],
                    name=f"pair{number}",
                    objects=("contacts",),
                    existing="link",
                    settings=settings,
                    secrets=secrets,
                    start=False,
                )
                async with opened.unsaved_clients(hubspot["url"], salesforce["url"], secrets) as clients:
                    joined = await join(opened.store, clients.hubspot, clients.salesforce, request, opened.clock_us)
                async with opened.store.write(joined.connection.id) as tx:
                    for row in await mappings.field_mappings(tx):
                        if row.property == "fax":
                            row.rule = "two_way"
                            await mappings.save_field_mapping(tx, row)
                made.append(joined.connection)
            for connection in made:
                await states.begin(opened.store, connection)

    def start_workers(self, count: int, at_once: int = 8) -> list[Worker]:
        """All at the same moment."""
        started = [self._popen("worker", "--at-once", str(at_once)) for _ in range(count)]
        # Before they have said anything: who asks the CRMs first must be known then.
        self.fleet.watch([each.pid for each in self.workers] + [each.pid for each in started])
        self.workers += [Worker(each) for each in started]
        return self.workers[-count:]

    def serve(self) -> Worker:
        self.workers.append(Worker(self._popen("serve", "--port", "0")))
        return self.workers[-1]

    def run(self, *arguments: str) -> Json:
        ended = subprocess.run(
            [COMMAND, *arguments, "--json"], env=self._environment(), capture_output=True, text=True, timeout=PATIENCE_S
        )
        if ended.returncode not in (0, 1):
            raise RuntimeError(f"{arguments} ended with {ended.returncode}: {ended.stdout} {ended.stderr}")
        document: Json = json.loads(ended.stdout)
        return document

    def _popen(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments, "--json"],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")}
        return {**kept, "INTERLOCK_HOME": str(self.home)}

    def end(self) -> None:
        """Whatever still runs, without asking."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.kill()
            worker.process.communicate()

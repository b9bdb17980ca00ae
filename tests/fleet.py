"""A fleet: many connections between local CRMs, and what the CRMs and PostgreSQL saw of the workers that share them.

`python -m tests.fleet CONNECTIONS ORGS RECORDS` is the process that holds all CRMs, each on a port of its own: HubSpot account
number i is joined to Salesforce org number i modulo ORGS, and both hold the same RECORDS contacts. It notes every request with
the process it came from (the other end of its socket, as the kernel tells), and answers to lines of JSON. `Crms` is its other
end; `Installation` is an Interlock on PostgreSQL with all of them connected, and `Watch` what its database saw: who took
which org, and who committed what.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psycopg

ROOT = Path(__file__).resolve().parent.parent
COMMAND = str(Path(sys.executable).parent / "interlock")
WRITES = ("/batch/update", "/batch/upsert", "/batch/create", "/composite/sobjects")
RECORDS_AGE_S = 86_400
PATIENCE_S = 60.0
PARK_US = 1_000_000

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


# --- the installation --------------------------------------------------------------------------------------------------------


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


# --- what the database saw ---------------------------------------------------------------------------------------------------

# Written by whoever works on an org; the rest of what a worker writes is no org's, or true whoever writes it (calls).
WATCHED = (
    *(
        "record_link",
        "dirty",
        "dirty_counter",
        "awaited",
        "intent",
        "audit",
        "issue",
        "cursor",
        "directory",
        "identity",
        "unlinked",
    ),
    *("resolution", "connection"),
)

_WATCH = """
CREATE SCHEMA watch;
CREATE TABLE watch.written (id bigserial PRIMARY KEY, pid int, org_id text, what text, owner text, fence bigint, at timestamptz);
CREATE FUNCTION watch.pid() RETURNS int LANGUAGE sql AS
    $$ SELECT NULLIF(substring(current_setting('application_name') FROM 'interlock-([0-9]+)'), '')::int $$;
CREATE FUNCTION watch.row_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE row record; connection_id bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN row := OLD; ELSE row := NEW; END IF;
    IF TG_TABLE_NAME = 'cursor' THEN
        -- Up to where people were told: by whichever process comes to it, and each notice once by a key of its own (ADR 23).
        IF row.name = 'notices' THEN RETURN NULL; END IF;
    END IF;
    IF TG_TABLE_NAME = 'connection' THEN connection_id := row.id; ELSE connection_id := row.connection_id; END IF;
    INSERT INTO watch.written (pid, org_id, what, at)
        SELECT watch.pid(), salesforce_org_id, TG_TABLE_NAME, clock_timestamp() FROM public.connection WHERE id = connection_id;
    NOTIFY watch;
    RETURN NULL;
END $$;
CREATE FUNCTION watch.lease_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.fence <> OLD.fence THEN
        INSERT INTO watch.written (pid, org_id, what, owner, fence, at)
            VALUES (watch.pid(), NEW.org_id, 'lease', NEW.owner, NEW.fence, clock_timestamp());
    END IF;
    NOTIFY watch;
    RETURN NULL;
END $$;
CREATE TRIGGER watched AFTER INSERT OR UPDATE ON public.lease FOR EACH ROW EXECUTE FUNCTION watch.lease_written();
"""


class Written(NamedTuple):
    id: int
    pid: int
    org_id: str
    what: str
    owner: str | None
    fence: int | None
    at: float  # seconds since 1970


class Watch:
    """From `begin` on notes, in each transaction that changes something of an org, which process it was: in the order of what
    stood when."""

    def __init__(self, url: str) -> None:
        self._raw = psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True)

    def begin(self) -> None:
        self._raw.execute(_WATCH.encode())
        for table in WATCHED:
            self._raw.execute(
                f"CREATE TRIGGER watched AFTER INSERT OR UPDATE OR DELETE ON public.{table}"
                " FOR EACH ROW EXECUTE FUNCTION watch.row_written()".encode()
            )
        # Who owned what before anybody looked; the number stands in the owner's name.
        self._raw.execute(
            "INSERT INTO watch.written (pid, org_id, what, owner, fence, at)"
            " SELECT substring(owner FROM '-([0-9]+)-[0-9a-f]+$')::int, org_id, 'lease', owner, fence, clock_timestamp()"
            " FROM lease WHERE NOT EXISTS (SELECT 1 FROM watch.written w WHERE w.org_id = lease.org_id AND w.what = 'lease')"
        )
        self._raw.execute("LISTEN watch")

    def written(self, after: int = 0) -> list[Written]:
        rows = self._raw.execute(
            "SELECT id, pid, org_id, what, owner, fence, extract(epoch FROM at)::float8 FROM watch.written"
            " WHERE id > %s ORDER BY id",
            (after,),
        )
        return [Written(*row) for row in rows]

    def until(self, what: Callable[[], Any], told: Callable[[], object], within_s: float = PATIENCE_S) -> Any:
        """The first thing that `what` finds; it looks again whenever a worker has committed something. Raises AssertionError
        with what `told` says when it finds nothing for so long."""
        end = time.monotonic() + within_s
        while not (found := what()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {within_s:.0f} s: {told()}")
            for _ in self._raw.notifies(timeout=1.0, stop_after=1):
                pass
        return found

    def row(self, sql: str) -> Any:
        return self._raw.execute(sql.encode()).fetchone()

    def owners(self) -> dict[str, int]:
        """Who took each org last."""
        return {each.org_id: each.pid for each in self.written() if each.what == "lease"}

    def bytes_a_row(self, table: str) -> float:
        """As it is once vacuum has been there."""
        self._raw.execute(f"VACUUM FULL {table}".encode())
        return float(self.row(f"SELECT pg_total_relation_size('{table}')::float8 / COUNT(*) FROM {table}")[0])

    def held_by(self, owner: str) -> set[str]:
        """Orgs whose term runs."""
        sql = "SELECT org_id FROM lease WHERE owner = %s AND until_us > extract(epoch FROM clock_timestamp()) * 1000000"
        return {str(row[0]) for row in self._raw.execute(sql.encode(), (owner,))}

    def until_nobody_drains(self) -> None:
        under_way = "SELECT COUNT(*) FROM lease WHERE until_us > extract(epoch FROM clock_timestamp()) * 1000000"
        self.until(lambda: self.row(under_way)[0] == 0, lambda: self.row(under_way))

    def make_everything_due(self) -> None:
        """As if the time of every poll had come; but a drain that is under way may say otherwise when it ends."""
        self._raw.execute("DELETE FROM cursor WHERE name = 'turns'")
        self._raw.execute("UPDATE schedule SET seq = seq + 1, due_at_us = 0")

    def until_everything_was_drained(self) -> None:
        """Since everything was made due."""
        left = "SELECT COUNT(*) FROM schedule WHERE due_at_us <= extract(epoch FROM clock_timestamp()) * 1000000"
        polled = (
            "SELECT COUNT(*) FROM connection WHERE id NOT IN (SELECT connection_id FROM cursor WHERE name = 'turns')"
        )
        self.until(lambda: self.row(left)[0] == 0 and self.row(polled)[0] == 0, lambda: self.row(left))

    def org_ids(self) -> dict[int, str]:
        """Number -> id."""
        rows = self._raw.execute("SELECT name, salesforce_org_id FROM connection ORDER BY id DESC").fetchall()
        found = {int(name.removeprefix("pair")): str(org_id) for name, org_id in rows}
        orgs = len(set(found.values()))
        return {number: org_id for number, org_id in found.items() if number < orgs}

    def left_lying(self) -> int:
        """Jobs that stand in the queue as begun or ended. One that waits there for a worker, put there just before the last one was
        told to stop, is nothing that was left lying: the next worker takes it."""
        (schema,) = self.row("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'interlock_queue%'")
        return int(self.row(f"SELECT COUNT(*) FROM {schema}.procrastinate_jobs WHERE status <> 'todo'")[0])

    def by_others(self, written: list[Written], workers: list[Worker]) -> list[str]:
        """Commits to an org by a worker that did not own it at that moment. Empty, or the fence is no fence. Of an org that was
        owned already when the watch began, from the first that is known of it."""
        pids = {each.pid for each in workers}
        owner: dict[str, int] = {}
        fences: dict[str, int] = {}
        found = []
        for each in written:
            if each.what == "lease":
                if each.fence is not None and each.fence <= fences.get(each.org_id, -1):
                    found.append(f"{each.org_id}: fence {each.fence} after {fences[each.org_id]}")
                owner[each.org_id], fences[each.org_id] = each.pid, each.fence or 0
            elif each.pid in pids and owner.get(each.org_id, each.pid) != each.pid:
                found.append(f"{each.org_id}: {each.what} by {each.pid}, while {owner[each.org_id]} owned it")
        unknown = {each.org_id for each in written} - owner.keys()
        return found + [f"{org_id}: written to, and never owned" for org_id in sorted(unknown)]

    def close(self) -> None:
        self._raw.close()


def overlaps(seen: list[Seen], halted: dict[int, float]) -> list[str]:
    """Requests of two processes for one org at the same time, as its CRMs saw them. `halted`: when a process was killed or
    frozen; what was under way then may last."""
    found = []
    for org in {each.org for each in seen}:
        mine = sorted((each for each in seen if each.org == org), key=lambda each: each.begun)
        for number, each in enumerate(mine):
            at = halted.get(each.pid)
            if at is not None and each.begun <= at and (not each.ended or each.ended >= at):
                continue
            for later in mine[number + 1 :]:
                if each.ended and later.begun >= each.ended:
                    break
                if later.pid != each.pid:
                    found.append(f"org {org}: {each.pid} from {each.begun:.3f} to {each.ended:.3f}, {later.pid}")
    return found


def asked_unowned(
    seen: list[Seen], written: list[Written], pid: int, since: float, org_ids: dict[int, str]
) -> list[Seen]:
    """Requests of a process that was woken, for orgs that it has not taken since then."""
    leases = [each for each in written if each.what == "lease" and each.pid == pid and each.at > since]
    taken = {each.org_id: each.at for each in reversed(leases)}
    mine = [each for each in seen if each.pid == pid and each.begun > since]
    return [each for each in mine if each.begun < taken.get(org_ids[each.org], float("inf"))]


if __name__ == "__main__":
    asyncio.run(_serve(*map(int, sys.argv[1:])))

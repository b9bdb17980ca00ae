"""The two CRMs of kill.py, each a process of its own that keeps its own account of what Interlock sent it, and whose users edit.

Not a benchmark. Interlock sees ordinary CRMs; the rest goes over standard input and output, a line of JSON each way: `edit`
lets a person write a new fax number into some of the contacts that people made here, `tell` answers with every record as it
stands and with what was sent twice. The process ends when its standard input closes.

People: `Mix` numbers them. Those below `twins` are in both CRMs, and differ as people.py says; of the rest, half are in
HubSpot alone and half in Salesforce alone.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.people import RECORDS_AGE_S, hubspot_contact, salesforce_contact

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.http import Message, Receive, Scope, Send
from crm_emulator.kernel.server import LocalServer
from crm_emulator.salesforce import SalesforceEmulator

ROOT = Path(__file__).resolve().parent.parent
HUBSPOT, SALESFORCE = "hubspot", "salesforce"
CREATION_KEY, STORED_ID = "Interlock_Creation_Key__c", "interlock_salesforce_id"
# HubSpot property -> Salesforce field, of everything that people enter.
FIELDS = {
    "email": "Email",
    "firstname": "FirstName",
    "lastname": "LastName",
    "jobtitle": "Title",
    "phone": "Phone",
    "mobilephone": "MobilePhone",
    "fax": "Fax",
}

Json = dict[str, Any]
Values = dict[str, str]


class Mix(msgspec.Struct, frozen=True):
    """`records` made by people in all, half of them in each CRM; two in five have a twin in the other CRM."""

    records: int

    @property
    def twins(self) -> int:
        return self.records // 5

    @property
    def alone(self) -> int:
        """In each of the two CRMs."""
        return self.records // 2 - self.twins

    @property
    def people(self) -> int:
        """How many records each CRM ends up with."""
        return self.twins + 2 * self.alone

    def of(self, crm: str) -> list[int]:
        first = self.twins if crm == HUBSPOT else self.twins + self.alone
        return [*range(self.twins), *range(first, first + self.alone)]

    def edited_in(self, crm: str) -> list[int]:
        """Whom people edit there, and nowhere else: two editors of one field would be a conflict, which is another story."""
        return [number for number in self.of(crm) if number >= self.twins or (number % 2 == 0) == (crm == HUBSPOT)]


class SentAgain(msgspec.Struct, frozen=True):
    """A write of a record that held a value which the CRM had last been sent for that field, and had carried out, before."""

    record: str
    before_at: float
    at: float


class Told(msgspec.Struct):
    """`edits`: the last fax number that a person gave somebody, by person."""

    records: dict[str, Values]
    edits: dict[int, str]
    sent_again: list[SentAgain]
    writes: int
    calls: int


# --- what was sent -------------------------------------------------------------------------------------------------------


class SentBook:
    """Stands before a CRM and notes every record write that it carries out."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.writes: list[tuple[float, str, Json]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("POST", "PATCH") or "/_emulator" in scope["path"]:
            await self._app(scope, receive, send)
            return
        body, messages = b"", []
        while True:
            message = await receive()
            messages.append(message)
            body += message.get("body", b"")
            if not message.get("more_body"):
                break

        async def replayed() -> Message:
            return messages.pop(0) if messages else await receive()

        async def noted(message: Message) -> None:
            # Before the answer leaves: the client may be dead by then, and the write was carried out all the same.
            if message["type"] == "http.response.start" and message["status"] < 300:
                now = time.time()
                self.writes += [(now, name, values) for name, values in _record_writes(scope["path"], body)]
            await send(message)

        await self._app(scope, replayed, noted)

    def again(self, ids: dict[str, str]) -> list[SentAgain]:
        """`ids`: creation key or stored id -> record, for writes that name a record by its key."""
        last: dict[str, dict[str, tuple[Any, float]]] = {}
        found = []
        for at, name, values in self.writes:
            record = ids.get(name, name)
            known = last.setdefault(record, {})
            before = [known[field][1] for field, value in values.items() if field in known and known[field][0] == value]
            if before:
                found.append(SentAgain(record, max(before), at))
            known.update({field: (value, at) for field, value in values.items()})
        return found


def _record_writes(path: str, body: bytes) -> Iterator[tuple[str, Json]]:
    """(record, its fields) for every record that a request writes."""
    if path.endswith(("/batch/upsert", "/batch/update", "/batch/create")):
        for each in json.loads(body)["inputs"]:
            yield str(each["id"]), each["properties"]
    elif "/composite" in path:
        document = json.loads(body)
        subs = document.get("compositeRequest") or [{"method": "PATCH", "url": path, "body": document}]
        for sub in subs:
            for row in (sub.get("body") or {}).get("records", ()):
                if name := row.get("id") or row.get(CREATION_KEY):
                    yield str(name), {field: row[field] for field in row.keys() - {"attributes", "id", CREATION_KEY}}


# --- the process -----------------------------------------------------------------------------------------------------------


class _Crm:
    """One CRM with the people in it. `ids`: person -> record, of those that people made here."""

    def __init__(self, which: str, mix: Mix) -> None:
        self.which = which
        self.emulator: HubSpotEmulator | SalesforceEmulator
        if which == HUBSPOT:
            self.emulator = HubSpotEmulator()
            owner_id = self.emulator.user().owner_id
            rows = [hubspot_contact(number, owner_id) for number in mix.of(which)]
            self.type = "contacts"
        else:
            self.emulator = SalesforceEmulator(daily_api_requests=10_000_000)
            rows = [salesforce_contact(number) for number in mix.of(which)]
            self.type = "Contact"
        self.emulator.clock.advance_seconds(-RECORDS_AGE_S)
        self.ids = dict(zip(mix.of(which), self.emulator.seed({self.type: rows})[self.type], strict=True))
        self.emulator.clock.advance_seconds(RECORDS_AGE_S)
        self.book = SentBook(self.emulator.app)
        self.edits: dict[int, str] = {}
        self._turn = mix.edited_in(which)

    def edit(self, count: int) -> int:
        """The next `count` people in turn: nobody is edited so often that it looks like two automations that fight."""
        person = self.emulator.user()
        chosen, self._turn = self._turn[:count], self._turn[count:] + self._turn[:count]
        for number in chosen:
            fax = f"+1 558 {len(self.edits):05d} {number} {time.time_ns() % 10**9}"
            person.update(self.type, self.ids[number], {"fax" if self.which == HUBSPOT else "Fax": fax})
            self.edits[number] = fax
        return len(chosen)

    def told(self) -> Told:
        person = self.emulator.user()
        if isinstance(self.emulator, SalesforceEmulator):
            # Nobody but the sync user may see the creation keys.
            person = self.emulator.user(self.emulator.users[0].id)
        key = STORED_ID if self.which == HUBSPOT else CREATION_KEY
        names = [*(FIELDS if self.which == HUBSPOT else FIELDS.values()), key]
        records = {}
        for id_ in person.ids(self.type):
            values = person.get(self.type, id_)
            records[id_] = {name: str(values.get(name) or "") for name in names}
        by_key = {values[key]: id_ for id_, values in records.items() if values[key]}
        return Told(records, self.edits, self.book.again(by_key), len(self.book.writes), self.emulator.stats.calls)


async def _serve(which: str, records: int) -> None:
    crm = _Crm(which, Mix(records))
    server = LocalServer(crm.book)
    if isinstance(crm.emulator, SalesforceEmulator):
        crm.emulator.instance_url = server.url
    await server.start()
    _say({"url": server.url, "token": crm.emulator.token})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        _say({"edited": crm.edit(asked["edit"])} if "edit" in asked else crm.told())
    await server.stop()


def _say(what: object) -> None:
    sys.stdout.write(msgspec.json.encode(what).decode() + "\n")
    sys.stdout.flush()


# --- from outside ------------------------------------------------------------------------------------------------------------


class Crm:
    """One of the two processes, as kill.py talks to it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        ready = self._line()
        self.url: str = json.loads(ready)["url"]
        self.token: str = json.loads(ready)["token"]

    def edit(self, count: int) -> None:
        self._ask({"edit": count})

    def told(self) -> Told:
        return msgspec.json.decode(self._ask({"tell": True}), type=Told)

    def control(self, method: str, path: str, body: Any = None) -> None:
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_emulator/{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        urllib.request.urlopen(request).close()

    def _ask(self, what: Json) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a local CRM ended with {self._process.wait()}")
        return line


@contextmanager
def crm(which: str, mix: Mix) -> Iterator[Crm]:
    process = subprocess.Popen(
        [sys.executable, __file__, which, str(mix.records)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    try:
        yield Crm(process)
    finally:
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))

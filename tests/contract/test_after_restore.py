"""A database that other tools have put back gives nothing back that was taken since, on both databases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from tests.contract.conftest import Clock, a_connection
from tests.contract.test_store_migrations import filled
from tests.postgres import as_setting, new_database

from interlock.app import after_restore
from interlock.app.errors import BadInput, Busy
from interlock.core.model import AuditKind, AuditRow, RecordKey
from interlock.store import Store, api_tokens, audit, connections, deeds, erasures, heartbeat, keyring, people, sessions

pytestmark = pytest.mark.anyio
DAY_US = 86_400_000_000
ERASED = "hubspot:contacts:1"


class Installation:
    """`now` goes on after its backup; `then` is what the backup was put into."""

    def __init__(self, now: str, then: str, copy: Callable[[], None], clock: Clock) -> None:
        self.now, self.then, self.copy, self.clock = now, then, copy, clock
        self.keys = keyring.generate()
        self.connection_id = self.person_id = self.token_id = 0
        self.token = self.session = ""

    async def open(self, address: str) -> Store:
        return await Store.open(address, clock_us=self.clock, keyring=self.keys)

    async def settle(self, replaced: str | None) -> after_restore.Settled:
        return await after_restore.settle(self.then, replaced, self.keys, self.clock)

    async def of_now(self) -> after_restore.Planned:
        return await after_restore.plan(self.then, self.now, self.clock)

    async def begin(self) -> None:
        """A connection with somebody's values, a person with a session and a token; then the backup."""
        store = await self.open(self.now)
        async with store.write(None) as tx:
            self.connection_id = await connections.create(tx, a_connection())
            self.person_id = await people.add(tx, "ada@example.com", "Ada", "admin", "a hash")
            self.token_id, self.token = await api_tokens.make(tx, "reports", "viewer", self.person_id)
            self.session = await sessions.begin(tx, self.person_id, DAY_US)
            await deeds.append(tx, "command", "connected", "connection:1")
        async with store.write(self.connection_id) as tx:
            row = AuditRow(tx.now_us, AuditKind.UPDATE, "contacts", "1", "003X", new="Canaria", cause="x")
            await audit.append(tx, [row])
        await store.close()
        self.copy()

    async def is_signed_in(self) -> bool:
        store = await self.open(self.then)
        async with store.read(None) as tx:
            found = await sessions.find(tx, self.session, DAY_US)
        await store.close()
        return found is not None

    async def go_on(self) -> None:
        """All of it is taken away."""
        self.clock.advance(3_600)
        store = await self.open(self.now)
        async with store.write(None) as tx:
            await api_tokens.revoke(tx, self.token_id)
            await people.set_disabled(tx, self.person_id, True)
            await connections.update(tx, self.connection_id, state="paused")
        async with store.write(self.connection_id) as tx:
            await erasures.put(tx, [ERASED])
        await store.close()


def on_sqlite(folder: Path, clock: Clock) -> Installation:
    now, then = folder / "now.db", folder / "then.db"
    return Installation(str(now), str(then), lambda: shutil.copy(now, then) and None, clock)


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Installation:
    if request.param == "sqlite":
        return on_sqlite(tmp_path, clock)
    server = request.getfixturevalue("postgres_server")
    uris = new_database(server), new_database(server)

    def copy() -> None:
        now, then = (uri.partition("?")[0].rpartition("/")[2] for uri in uris)
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {then}")
            admin.execute(f"CREATE DATABASE {then} TEMPLATE {now}")

    return Installation(as_setting(uris[0]), as_setting(uris[1]), copy, clock)


async def test_what_was_taken_since_the_backup_is_taken_again_from_what_the_old_database_knows(
    installation: Installation,
) -> None:
    await installation.begin()
    await installation.go_on()
    done = await installation.settle(installation.now)
    assert (done.connections, done.readable) == (1, True)
    assert done.withdrawn == {"tokens": 1, "people": 1, "connections": 1, "channels": 0}
    store = await installation.open(installation.then)
    async with store.read(installation.connection_id) as tx:
        assert await api_tokens.find(tx, installation.token) is None
        assert await sessions.find(tx, installation.session, DAY_US) is None
        person = await people.get(tx, installation.person_id)
        assert person is not None
        assert person.disabled
        connection = await connections.get(tx, installation.connection_id)
        assert connection is not None
        assert connection.state == "paused"
        assert [row.new for row in await audit.history(tx, RecordKey.parse(ERASED))] == [None]
        assert (await deeds.list_(tx, None, 1))[0].action == "restored"
    await store.close()


async def test_without_the_old_database_everybody_is_signed_out_and_that_nothing_else_is_known_is_told(
    installation: Installation,
) -> None:
    await installation.begin()
    await installation.go_on()
    done = await installation.settle(None)
    assert done.withdrawn is None
    store = await installation.open(installation.then)
    async with store.read(None) as tx:
        assert await sessions.find(tx, installation.session, DAY_US) is None
        assert await api_tokens.find(tx, installation.token)
    await store.close()


async def test_it_is_refused_where_something_runs_and_where_both_are_one(installation: Installation) -> None:
    await installation.begin()
    with pytest.raises(BadInput, match="are the same"):
        await installation.settle(installation.then)
    store = await installation.open(installation.then)
    await heartbeat.beat(store, "somewhere:1", installation.clock())
    with pytest.raises(Busy):
        await installation.settle(installation.now)
    async with store.read(None) as tx:
        assert await sessions.find(tx, installation.session, DAY_US)
    await store.close()


async def test_a_database_that_something_still_writes_to_is_not_taken_for_the_one_of_before(
    installation: Installation,
) -> None:
    await installation.begin()
    store = await installation.open(installation.now)
    await heartbeat.beat(store, "somewhere:1", installation.clock())
    await store.close()
    with pytest.raises(Busy, match="the database that was there before"):
        await installation.settle(installation.now)
    assert await installation.is_signed_in()


async def test_a_database_that_is_not_there_is_refused_and_none_is_made(tmp_path: Path, clock: Clock) -> None:
    installation = on_sqlite(tmp_path, clock)
    await installation.begin()
    for misspelt in (str(tmp_path / "nwo.db"), f"sqlite:///{tmp_path}/nwo.db"):
        with pytest.raises(BadInput, match=r"There is no database .*nwo\.db"):
            await installation.settle(misspelt)
    assert "nwo" not in " ".join(os.listdir(tmp_path))
    assert await installation.is_signed_in()
    (tmp_path / "then.db").unlink()
    with pytest.raises(BadInput, match=r"There is no database .*then\.db"):
        await installation.settle(None)
    assert not (tmp_path / "then.db").exists()


async def test_a_file_that_is_no_database_of_interlock_is_refused_and_stays_as_it_is(
    tmp_path: Path, clock: Clock
) -> None:
    installation = on_sqlite(tmp_path, clock)
    await installation.begin()
    strange = tmp_path / "strange.db"
    strange.touch()
    with pytest.raises(BadInput, match=r"strange\.db cannot be used"):
        await installation.settle(str(strange))
    assert strange.read_bytes() == b""


async def test_the_same_database_is_known_under_another_spelling(installation: Installation, tmp_path: Path) -> None:
    await installation.begin()
    if "://" in installation.then:
        spelt = [
            installation.then.replace("postgresql+psycopg://", "postgresql://"),
            installation.then + "&connect_timeout=9",
        ]
    else:
        (tmp_path / "link.db").symlink_to(installation.then)
        spelt = [f"sqlite:///{installation.then}", str(tmp_path / "x" / ".." / "then.db"), str(tmp_path / "link.db")]
        (tmp_path / "x").mkdir()
    for each in spelt:
        with pytest.raises(BadInput, match="are the same"):
            await installation.settle(each)
    assert await installation.is_signed_in()


async def test_another_installations_database_gives_nobody_a_password_or_a_role(
    installation: Installation, tmp_path: Path
) -> None:
    await installation.begin()
    other = str(tmp_path / "other.db")
    store = await installation.open(other)
    async with store.write(None) as tx:
        await people.add(tx, "ada@example.com", "Ada", "viewer", "a hash of theirs")
        await deeds.append(tx, "command", "connected", "connection:7")
    await store.close()
    with pytest.raises(BadInput, match="not of one installation"):
        await installation.settle(other)
    store = await installation.open(installation.then)
    async with store.read(None) as tx:
        rows = await tx.rows("SELECT role, password_hash FROM person")
    await store.close()
    assert rows == [("admin", "a hash")]


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, installation: Installation, tmp_path: Path) -> str:
    """An empty database of the same kind, in which Interlock has nothing to do."""
    if "://" not in installation.now:
        return str(tmp_path / "elsewhere.db")
    return as_setting(new_database(request.getfixturevalue("postgres_server")))


async def test_a_database_of_another_program_or_of_another_installation_is_refused_as_it_is(
    installation: Installation, elsewhere: str
) -> None:
    await installation.begin()
    url = elsewhere if "://" in elsewhere else f"sqlite:///{elsewhere}"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE invoice (id INTEGER PRIMARY KEY)"))
    # A file is refused by what it lacks, before it is opened.
    with pytest.raises(BadInput, match=r"tables of something else \(invoice\)|cannot be used") as refused:
        await installation.settle(elsewhere)
    assert refused.value.failure.field == "replaced"
    assert sa.inspect(engine).get_table_names() == ["invoice"]
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE invoice"))
    filled(url, "0009")  # another Interlock's, of an older version
    with pytest.raises(BadInput, match="not of one installation"):
        await installation.settle(elsewhere)
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all() == ["0009"]
    assert await installation.is_signed_in()


async def test_what_would_be_taken_again_is_told_and_nothing_is_changed(installation: Installation) -> None:
    await installation.begin()
    await installation.go_on()
    before = await after_restore.plan(installation.then, None, installation.clock)
    assert before.withdrawn is None
    assert (before.lets_in.people, before.lets_in.tokens) == ([("ada@example.com", "admin")], [("reports", "viewer")])
    planned = await installation.of_now()
    assert planned.withdrawn == {"tokens": 1, "people": 1, "connections": 1, "channels": 0}
    assert (planned.lets_in.people, planned.lets_in.tokens) == ([], [])  # she was disabled since
    store = await installation.open(installation.then)
    async with store.read(None) as tx:
        assert await api_tokens.find(tx, installation.token)
        assert (await deeds.list_(tx, None, 1))[0].action == "connected"
    await store.close()
    assert await installation.is_signed_in()

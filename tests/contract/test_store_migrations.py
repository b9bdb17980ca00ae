"""The schema: made on open, equal to its definition on both databases, whole after a crash, refused when newer."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.contract.conftest import Clock, a_connection

from interlock.store import NotOurs, SchemaNewer, Store, StoreUnavailable, WriteTx, connections, migrate
from interlock.store.schema import GLOBAL_TABLES, metadata

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "interlock.db")
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


def test_the_known_revisions_are_the_files() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == migrate.REVISIONS


async def test_the_migrations_make_the_schema_that_is_defined(empty_url: str, clock: Clock) -> None:
    store = await Store.open(empty_url, clock_us=clock)

    def differences(connection: sa.Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    def details(connection: sa.Connection) -> dict[str, Any]:
        inspector = sa.inspect(connection)
        return {
            table: (
                {(c["name"], c["nullable"]) for c in inspector.get_columns(table)},
                inspector.get_pk_constraint(table)["constrained_columns"],
                {(i["name"], tuple(i["column_names"]), bool(i["unique"])) for i in inspector.get_indexes(table)},
            )
            for table in metadata.tables
        }

    await store.close()
    engine = sa.create_engine(empty_url if "://" in empty_url else f"sqlite:///{empty_url}")
    with engine.connect() as connection:
        assert differences(connection) == []
        migrated = details(connection)
    engine.dispose()

    defined = sa.create_engine("sqlite://")
    with defined.begin() as connection:
        metadata.create_all(connection)
        assert migrated == details(connection)


async def test_the_migrations_make_the_same_partial_indexes(tmp_path: Path, clock: Clock) -> None:
    await (await Store.open(str(tmp_path / "migrated.db"), clock_us=clock)).close()
    defined = sa.create_engine(f"sqlite:///{tmp_path}/defined.db")
    metadata.create_all(defined)
    defined.dispose()

    def indexes(name: str) -> set[str]:
        with sqlite3.connect(tmp_path / name) as raw:
            return {row[0] for row in raw.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql NOTNULL")}

    assert indexes("migrated.db") == indexes("defined.db")


async def test_ids_are_never_reused_in_the_migrated_tables(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "interlock.db"
    await (await Store.open(str(path), clock_us=clock)).close()
    with sqlite3.connect(path) as raw:
        tables = dict(raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    with_ids = {t.name for t in metadata.tables.values() if "id" in t.c}
    assert with_ids == {name for name, sql in tables.items() if "AUTOINCREMENT" in sql}


async def test_opening_again_changes_nothing_and_keeps_the_rows(empty_url: str, clock: Clock) -> None:
    first = await Store.open(empty_url, clock_us=clock)
    async with first.write(None) as tx:
        await connections.create(tx, a_connection())
    await first.close()
    second = await Store.open(empty_url, clock_us=clock)
    async with second.read(None) as tx:
        assert [row.name for row in await connections.list_(tx)] == ["main"]
    await second.close()


@pytest.mark.parametrize("revision", migrate.REVISIONS[3:-1])  # 0004 gave a column another name
async def test_a_database_of_an_older_version_keeps_every_row(empty_url: str, clock: Clock, revision: str) -> None:
    url = empty_url if "://" in empty_url else f"sqlite:///{empty_url}"
    before = filled(url, revision)
    await (await Store.open(empty_url, clock_us=clock)).close()
    assert rows_of(url, {table: list(row) for table, row in before.items()}) == before
    store = await Store.open(empty_url, clock_us=clock)
    async with store.read(1) as tx:
        # A row that was there before it was counted has seen no change.
        assert await connections.setup_version(tx) == before["connection"].get("setup_version", 0)
    await store.close()


Rows = dict[str, dict[str, Any]]


def filled(url: str, revision: str) -> Rows:
    """A database of that version with one row in each of its tables; {table: the row}."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        there = sa.MetaData()
        there.reflect(connection)
        rows = {table.name: {each.name: _some(each) for each in table.columns} for table in there.sorted_tables}
        del rows["alembic_version"]
        rows["connection"]["settings"] = "{}"
        for name, row in rows.items():
            connection.execute(sa.insert(there.tables[name]).values(row))
    engine.dispose()
    return rows


def _some(column: sa.Column[Any]) -> Any:
    if isinstance(column.type, sa.Integer):
        return 1
    if isinstance(column.type, sa.Boolean):
        return True
    return b"some" if isinstance(column.type, sa.LargeBinary) else "some"


def rows_of(url: str, columns: dict[str, list[str]]) -> Rows:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = {}
        for table, names in columns.items():
            (row,) = connection.execute(sa.text(f'SELECT {", ".join(names)} FROM "{table}"')).mappings().all()
            found[table] = {
                name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()
            }
    engine.dispose()
    return found


async def test_a_database_of_a_newer_version_is_refused_by_name_and_left_alone(empty_url: str, clock: Clock) -> None:
    store = await Store.open(empty_url, clock_us=clock)
    async with store.write(None) as tx:
        await set_version(tx, "9001")
    await store.close()
    with pytest.raises(SchemaNewer, match=r"9001.*upgrade"):
        await Store.open(empty_url, clock_us=clock)


async def made_by_another_program(url: str, *statements: str) -> None:
    engine = sa.create_engine(url if "://" in url else f"sqlite:///{url}")
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


async def test_a_database_with_the_tables_of_another_program_is_refused_before_anything_is_put_into_it(
    empty_url: str, clock: Clock
) -> None:
    made = [f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)" for name in ("invoice", "customer", "stock", "supplier")]
    await made_by_another_program(empty_url, *made)
    with pytest.raises(NotOurs, match=r"customer, invoice, stock and 1 more.*Nothing in it was changed"):
        await Store.open(empty_url, clock_us=clock)
    assert sorted(tables_in(empty_url)) == ["customer", "invoice", "stock", "supplier"]


@pytest.mark.parametrize("version", ["0001", migrate.REVISIONS[-1], "a1b2c3d4"])
async def test_another_program_that_counts_its_versions_as_we_do_is_not_taken_for_us(
    empty_url: str, clock: Clock, version: str
) -> None:
    await made_by_another_program(
        empty_url,
        "CREATE TABLE invoice (id INTEGER PRIMARY KEY)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32))",
        f"INSERT INTO alembic_version VALUES ('{version}')",
    )
    with pytest.raises(NotOurs, match="invoice"):
        await Store.open(empty_url, clock_us=clock)
    assert sorted(tables_in(empty_url)) == ["alembic_version", "invoice"]


async def test_a_database_that_is_only_looked_into_is_not_migrated(empty_url: str, clock: Clock) -> None:
    url = empty_url if "://" in empty_url else f"sqlite:///{empty_url}"
    with pytest.raises(NotOurs, match="is empty"):
        await Store.open(empty_url, clock_us=clock, as_it_is=True)
    assert tables_in(empty_url) == []
    filled(url, "0004")
    store = await Store.open(empty_url, clock_us=clock, as_it_is=True)
    assert await store.revision() == "0004"
    await store.close()
    assert "person" not in tables_in(empty_url)


@pytest.mark.parametrize("beside", [(), ("CREATE TABLE notes (id INTEGER PRIMARY KEY)",)], ids=["empty", "in use"])
async def test_a_schema_that_the_role_got_of_its_own_does_not_hide_ours(
    empty_postgres_url: str, clock: Clock, beside: tuple[str, ...]
) -> None:
    url = empty_postgres_url
    filled(url, migrate.REVISIONS[-3])
    await made_by_another_program(url, "CREATE SCHEMA AUTHORIZATION CURRENT_USER", *beside)
    store = await Store.open(url, clock_us=clock)
    assert await store.revision() == migrate.REVISIONS[-1]
    async with store.read(None) as tx:
        found = await tx.rows(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename IN [?]", list(metadata.tables)
        )
    await store.close()
    assert {row[0] for row in found} == metadata.tables.keys()


async def set_version(tx: WriteTx, version: str) -> None:
    await tx.run("UPDATE alembic_version SET version_num = ?", version)


async def test_a_migration_that_dies_half_way_leaves_the_old_schema(
    empty_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = migrate._run

    def die_at_the_end(connection: sa.Connection) -> None:
        run(connection)
        raise ZeroDivisionError

    monkeypatch.setattr(migrate, "_run", die_at_the_end)
    with pytest.raises(ZeroDivisionError):
        await Store.open(empty_url, clock_us=clock)
    monkeypatch.undo()
    assert tables_in(empty_url) == []

    store = await Store.open(empty_url, clock_us=clock)
    async with store.read(None) as tx:
        assert await connections.list_(tx) == []
    await store.close()


def tables_in(url: str) -> list[str]:
    engine = sa.create_engine(url if "://" in url else f"sqlite:///{url}")
    with engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
    engine.dispose()
    return names


OPEN = """
import asyncio, sys
from interlock.store import Store
async def main():
    store = await Store.open(sys.argv[1], clock_us=lambda: 1)
    await store.close()
asyncio.run(main())
"""


async def test_processes_that_open_a_new_database_at_once_migrate_it_once(empty_url: str, clock: Clock) -> None:
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", OPEN, empty_url, stderr=asyncio.subprocess.PIPE)
        for _ in range(3)
    ]
    for process in processes:
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()


async def test_a_database_can_be_opened_beside_a_writer(database_url: str, store: Store, clock: Clock) -> None:
    async with store.write(None):
        second = await asyncio.create_task(Store.open(database_url, clock_us=clock))
        async with second.read(None) as tx:
            assert await connections.list_(tx) == []
        await second.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/db", "postgresql\\+psycopg://"),
        ("postgresql+psycopg://localhost:1/none", "cannot be reached"),
        ("://", "cannot be read"),
        ("sqlite://", "SQLite file"),
    ],
)
async def test_a_database_that_cannot_be_used_is_said_in_a_sentence(clock: Clock, url: str, said: str) -> None:
    with pytest.raises(StoreUnavailable, match=said):
        await Store.open(url, clock_us=clock)


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "interlock.db"
    path.write_text("name: main\n" * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await Store.open(str(path), clock_us=clock)
    assert path.read_text() == "name: main\n" * 1000


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(StoreUnavailable, match="nowhere"):
        await Store.open(str(tmp_path / "nowhere" / "interlock.db"), clock_us=clock)


async def test_the_database_file_is_its_owners_alone(tmp_path: Path, clock: Clock) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/interlock.db", clock_us=clock)
    async with store.write(None) as tx:
        await connections.create(tx, a_connection())
        modes = file_modes(tmp_path)
    await store.close()
    assert modes == dict.fromkeys(("interlock.db", "interlock.db-wal", "interlock.db-shm"), 0o600)


def file_modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


async def test_a_commit_is_on_disk_before_the_caller_goes_on(tmp_path: Path, clock: Clock) -> None:
    store = await Store.open(str(tmp_path / "interlock.db"), clock_us=clock)
    async with store.write(None) as tx:
        settings = {
            name: (await tx.rows(f"PRAGMA {name}"))[0][0] for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    await store.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_every_table_of_a_connection_begins_its_keys_with_it() -> None:
    for table in metadata.tables.values():
        if table.name in GLOBAL_TABLES:
            continue
        assert "connection_id" in table.c
        first = {index.columns[0].name for index in table.indexes}
        key = [column.name for column in table.primary_key]
        assert first <= {"connection_id"}, table.name
        assert key[0] in ("connection_id", "id"), table.name


async def test_several_databases_are_made_at_once_in_one_process(tmp_path: Path) -> None:
    async def made(name: str) -> Store:
        return await Store.open(str(tmp_path / name), clock_us=lambda: 1)

    stores = await asyncio.gather(*(made(f"{number}.db") for number in range(4)))
    for store in stores:
        async with store.read(None) as tx:
            assert await tx.rows("SELECT version_num FROM alembic_version") == [(migrate.REVISIONS[-1],)]
        await store.close()

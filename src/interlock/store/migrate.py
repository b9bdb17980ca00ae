"""Brings the database to this version's schema on open. Alembic does the work; it and SQLAlchemy are
imported only when there is some.

A step is one file in `migrations/versions`; it runs inside the opening transaction, so that a crash leaves the old
schema whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from interlock.store.driver import Driver
from interlock.store.errors import SchemaNewer
from interlock.store.sql import Dialect

if TYPE_CHECKING:
    import sqlalchemy as sa

# In order; a test compares them with the files. Known without reading the folder, because every command opens the
# store.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012", "0013")

_LOCATION = Path(__file__).parent / "migrations"
# Any number: the same for all processes that could migrate one PostgreSQL database at once.
_ADVISORY_LOCK = 4_201_866


_IS_THERE = {
    Dialect.SQLITE: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'",
    Dialect.POSTGRESQL: "SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL",
}


async def is_current(driver: Driver) -> bool:
    """Asked in a reading transaction first: a command must be able to open the store beside a busy writer."""
    if not await driver.rows(_IS_THERE[driver.dialect], ()):
        return False
    return await driver.rows("SELECT version_num FROM alembic_version", ()) == [(REVISIONS[-1],)]


def upgrade(connection: sa.Connection) -> None:
    """Raises SchemaNewer. Does nothing when the schema is this version's."""
    import sqlalchemy as sa

    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    found = _current(connection)
    if found == REVISIONS[-1]:
        return
    if found is not None and found not in REVISIONS:
        raise SchemaNewer(found, REVISIONS[-1])
    _run(connection)


def _current(connection: sa.Connection) -> str | None:
    import sqlalchemy as sa

    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _run(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_LOCATION).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

"""Brings the database to this version's schema on open, if it is empty or ours. Alembic does the work; it and SQLAlchemy are
imported only when there is some.

A step is one file in `migrations/versions`; it runs inside the opening transaction, so that a crash leaves the old
schema whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from interlock.store.driver import Driver
from interlock.store.errors import NotOurs, SchemaNewer
from interlock.store.sql import Dialect

if TYPE_CHECKING:
    import sqlalchemy as sa

# In order; a test compares them with the files. Known without reading the folder, because every command opens the
# store.
REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
)

_LOCATION = Path(__file__).parent / "migrations"
# Any number: the same for all processes that could migrate one PostgreSQL database at once.
_ADVISORY_LOCK = 4_201_866


# Tables that every version of ours has had: a database without them is somebody else's, whatever its version is called.
_OURS = ("dirty_counter", "field_mapping", "record_link")

_TABLES = {
    Dialect.SQLITE: "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'",
    # Not those of extensions, which whoever makes databases here may put into each.
    Dialect.POSTGRESQL: "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT EXISTS"
    " (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')",
}
_NAMES = ", ".join(f"'{name}'" for name in ("alembic_version", *_OURS))
_IS_OURS = {
    Dialect.SQLITE: f"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ({_NAMES})",
    Dialect.POSTGRESQL: f"SELECT count(to_regclass(name)) FROM unnest(ARRAY[{_NAMES}]) AS name",
}


# Until the transaction ends: a table that is made anew belongs beside the others.
_WHERE_OURS_IS_FIRST = (
    "SELECT set_config('search_path', relnamespace::regnamespace::text || ', ' || current_setting('search_path'), true)"
    " FROM pg_class WHERE oid = to_regclass('alembic_version')"
)


async def is_current(driver: Driver) -> bool:
    """Asked in a reading transaction first: a command must be able to open the store beside a busy writer."""
    if not await _is_ours(driver):
        return False
    return await driver.rows("SELECT version_num FROM alembic_version", ()) == [(REVISIONS[-1],)]


async def revision_of(driver: Driver) -> str:
    """Of a database that is ours, whichever version of ours wrote it. Changes nothing. Raises NotOurs, SchemaNewer."""
    if not await _is_ours(driver):
        raise NotOurs([row[0] for row in await driver.rows(_TABLES[driver.dialect], ())])
    rows = await driver.rows("SELECT version_num FROM alembic_version", ())
    found = str(rows[0][0]) if rows else ""
    if found not in REVISIONS:
        raise SchemaNewer(found, REVISIONS[-1])
    return found


async def _is_ours(driver: Driver) -> bool:
    return await driver.rows(_IS_OURS[driver.dialect], ()) == [(1 + len(_OURS),)]


def upgrade(connection: sa.Connection) -> None:
    """Raises NotOurs, SchemaNewer. Does nothing when the schema is this version's."""
    import sqlalchemy as sa

    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    dialect = Dialect(connection.dialect.name)
    # A version that Alembic has written says nothing: other programs use Alembic too, and also begin at 0001.
    ours = connection.execute(sa.text(_IS_OURS[dialect])).scalar() == 1 + len(_OURS)
    # A schema that comes first in the search path (the role's own, say) may hold other things, or none, beside ours.
    if not ours and (tables := connection.execute(sa.text(_TABLES[dialect])).scalars().all()):
        raise NotOurs(tables)
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() if ours else None
    if found == REVISIONS[-1]:
        return
    if found is not None and found not in REVISIONS:
        raise SchemaNewer(found, REVISIONS[-1])
    if ours and dialect is Dialect.POSTGRESQL:
        connection.execute(sa.text(_WHERE_OURS_IS_FIRST))
    _run(connection)


def _run(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_LOCATION).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

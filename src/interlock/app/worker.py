"""Which dispatcher an installation has: on SQLite the process that serves, on PostgreSQL as many workers as are started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from interlock.app.errors import BadInput
from interlock.app.serve import ServeDesk
from interlock.engine.dispatch.local import LocalDispatcher
from interlock.store import Store


class Dispatcher(Protocol):
    async def run(self) -> None: ...


def is_shared(database: str) -> bool:
    """Whether several processes may work on this database at once, so that they share its connections through a queue."""
    return database.startswith("postgresql")


def check_shared(database: str) -> None:
    """Raises BadInput."""
    if not is_shared(database):
        raise BadInput(
            "Workers share a PostgreSQL database, and this installation keeps its state in an SQLite file.",
            code="database_not_shared",
            field="database",
            fix="`interlock serve` alone syncs all connections of an SQLite file. To spread them over several processes or"
            " machines, set `database: postgresql+psycopg://user@host/name` in interlock.yaml, and connect again.",
        )


def make_dispatcher(
    desk: ServeDesk,
    store: Store,
    database: str,
    owner: str,
    clock_us: Callable[[], int],
    stop: asyncio.Event,
    say: Callable[[str], None],
    at_once: int | None = None,
) -> Dispatcher:
    """`at_once`: orgs that a worker drains at the same time; None: what suits a process."""
    if not is_shared(database):
        return LocalDispatcher(desk, clock_us, stop)
    # Imported here: nobody on SQLite waits for Procrastinate.
    from sqlalchemy import make_url

    from interlock.engine.dispatch.procrastinate import AT_ONCE, Worker

    address = make_url(database).set(drivername="postgresql").render_as_string(hide_password=False)
    return Worker(desk, store, address, owner, clock_us, stop, say, at_once or AT_ONCE)

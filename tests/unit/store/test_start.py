"""What a command waits for before it can do anything: docs/adr/0009."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from interlock.store import Store

OPEN_AND_TELL = """
import asyncio, sys
import interlock.app.once, interlock.app.status, interlock.wiring
from interlock.store import Store, connections

async def main():
    store = await Store.open(sys.argv[1], clock_us=lambda: 1)
    async with store.read(None) as tx:
        assert await connections.list_(tx) == []
    await store.close()

asyncio.run(main())
print(sorted({"sqlalchemy", "alembic", "psycopg", "procrastinate"} & sys.modules.keys()))
"""


async def made(database: str) -> None:
    await (await Store.open(database, clock_us=lambda: 1)).close()


def test_a_command_on_sqlite_starts_without_sqlalchemy(tmp_path: Path) -> None:
    database = str(tmp_path / "interlock.db")
    asyncio.run(made(database))
    told = subprocess.run([sys.executable, "-c", OPEN_AND_TELL, database], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"

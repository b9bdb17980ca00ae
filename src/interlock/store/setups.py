"""Set-ups under way in the install wizard: one row each, and one row for what each step keeps, with a version of its own.

A set-up is there before its connection, and several may be under way. What a step keeps is JSON whose shape its module in
app/setup knows. A form shows a version; `save` takes it back only as long as nobody else has saved that step.

    version   0 there is no row yet; raised by one by every `save`
    ended     finished or given up: no save is taken any more, secrets are wiped
"""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.store import jsontext
from interlock.store.keyring import Keyring
from interlock.store.secrets import keyring_of
from interlock.store.tx import Tx, WriteTx

_NO_CONNECTION = 0  # sealed values name the row that they belong to; these are there before any connection


class KeptStep(msgspec.Struct, frozen=True):
    kept: dict[str, Any]
    version: int
    changed_by: str
    changed_at_us: int


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """`steps` by slug; one that nobody has saved is not in it. `id` 0: not begun yet, nothing of it is stored."""

    id: int = 0
    connection_id: int | None = None
    begun_by: str = ""
    created_at_us: int = 0
    changed_at_us: int = 0
    ended_at_us: int | None = None
    steps: dict[str, KeptStep] = {}

    def version_of(self, slug: str) -> int:
        found = self.steps.get(slug)
        return 0 if found is None else found.version


_COLUMNS = "id, connection_id, begun_by, created_at_us, changed_at_us, ended_at_us"


async def begin(tx: WriteTx, by: str) -> int:
    return await tx.insert("setup", {"begun_by": by, "created_at_us": tx.now_us, "changed_at_us": tx.now_us})


async def get(tx: Tx, setup_id: int) -> Setup | None:
    row = await tx.row(f"SELECT {_COLUMNS} FROM setup WHERE id = ?", setup_id)
    if row is None:
        return None
    rows = await tx.rows(
        "SELECT slug, kept, version, changed_by, changed_at_us FROM setup_step WHERE setup_id = ? ORDER BY slug",
        setup_id,
    )
    steps = {slug: KeptStep(jsontext.load_object(kept), *rest) for slug, kept, *rest in rows}
    return Setup(**dict(zip(_COLUMNS.split(", "), row, strict=True)), steps=steps)


async def open_ids(tx: Tx) -> list[int]:
    """Those under way, the one that was changed last first."""
    rows = await tx.rows("SELECT id FROM setup WHERE ended_at_us IS NULL ORDER BY changed_at_us DESC, id DESC")
    return [row[0] for row in rows]


async def of_connection(tx: Tx, connection_id: int) -> list[int]:
    """Those that were for this connection, the newest first."""
    rows = await tx.rows("SELECT id FROM setup WHERE connection_id = ? ORDER BY id DESC", connection_id)
    return [row[0] for row in rows]


async def newest_first(tx: Tx) -> list[int]:
    """All there ever were, ended or not."""
    return [row[0] for row in await tx.rows("SELECT id FROM setup ORDER BY id DESC")]


async def newest_id(tx: Tx) -> int:
    """Of all there ever were; 0 where there was none."""
    row = await tx.row("SELECT COALESCE(MAX(id), 0) FROM setup")
    assert row is not None
    return int(row[0])


async def save(tx: WriteTx, setup_id: int, slug: str, kept: dict[str, Any], version: int, by: str) -> bool:
    """Whether it was kept: not where another save came first (`version` is no longer the step's), or the set-up has ended."""
    under_way = await tx.run(
        "UPDATE setup SET changed_at_us = ? WHERE id = ? AND ended_at_us IS NULL", tx.now_us, setup_id
    )
    if under_way != 1:
        return False
    if version == 0:
        changed = await tx.run(
            "INSERT INTO setup_step (setup_id, slug, kept, version, changed_by, changed_at_us) VALUES (?, ?, ?, 1, ?, ?)"
            " ON CONFLICT (setup_id, slug) DO NOTHING",
            setup_id,
            slug,
            jsontext.dump(kept),
            by,
            tx.now_us,
        )
    else:
        changed = await tx.run(
            "UPDATE setup_step SET kept = ?, version = version + 1, changed_by = ?, changed_at_us = ?"
            " WHERE setup_id = ? AND slug = ? AND version = ?",
            jsontext.dump(kept),
            by,
            tx.now_us,
            setup_id,
            slug,
            version,
        )
    return changed == 1


async def lock(tx: WriteTx, setup_id: int) -> None:
    """Whoever reads a step to change it comes after whoever does so now. SQLite has one writer anyway."""
    await tx.run("UPDATE setup SET changed_at_us = changed_at_us WHERE id = ?", setup_id)


async def join(tx: WriteTx, setup_id: int, connection_id: int) -> None:
    """The connection is there now."""
    await tx.run(
        "UPDATE setup SET connection_id = ?, changed_at_us = ? WHERE id = ?", connection_id, tx.now_us, setup_id
    )


async def part(tx: WriteTx, setup_id: int) -> None:
    """The connection goes, the set-up stays."""
    await tx.run("UPDATE setup SET connection_id = NULL, changed_at_us = ? WHERE id = ?", tx.now_us, setup_id)


async def end(tx: WriteTx, setup_id: int) -> bool:
    """Finished or given up. Its links work no more, its secrets are gone. False: it had ended before."""
    ended = await tx.run("UPDATE setup SET ended_at_us = ? WHERE id = ? AND ended_at_us IS NULL", tx.now_us, setup_id)
    await tx.run("DELETE FROM setup_secret WHERE setup_id = ?", setup_id)
    await tx.run(
        "UPDATE colleague_link SET ended_at_us = ? WHERE setup_id = ? AND ended_at_us IS NULL", tx.now_us, setup_id
    )
    return ended == 1


# --- secrets of a set-up: service keys and the like, until its connection has them ----------------------------------------


def _name(setup_id: int, name: str) -> str:
    return f"setup.{setup_id}.{name}"


async def put_secret(tx: WriteTx, setup_id: int, name: str, value: str) -> None:
    await tx.run(
        "INSERT INTO setup_secret (setup_id, name, sealed) VALUES (?, ?, ?)"
        " ON CONFLICT (setup_id, name) DO UPDATE SET sealed = excluded.sealed",
        setup_id,
        name,
        keyring_of(tx).seal(_NO_CONNECTION, _name(setup_id, name), value),
    )


async def get_secret(tx: Tx, setup_id: int, name: str) -> str | None:
    """Raises SecretUnreadable."""
    row = await tx.row("SELECT sealed FROM setup_secret WHERE setup_id = ? AND name = ?", setup_id, name)
    return None if row is None else keyring_of(tx).unseal(_NO_CONNECTION, _name(setup_id, name), row[0])


async def secret_names(tx: Tx, setup_id: int) -> list[str]:
    """Which there are; never their values."""
    return [row[0] for row in await tx.rows("SELECT name FROM setup_secret WHERE setup_id = ? ORDER BY name", setup_id)]


async def drop_secret(tx: WriteTx, setup_id: int, name: str) -> None:
    await tx.run("DELETE FROM setup_secret WHERE setup_id = ? AND name = ?", setup_id, name)


async def reseal(tx: WriteTx, keyring: Keyring) -> int:
    """As `secrets.reseal`, for all set-ups."""
    rows = await tx.rows("SELECT setup_id, name, sealed FROM setup_secret")
    for setup_id, name, sealed in rows:
        place = _name(setup_id, name)
        fresh = keyring.seal(_NO_CONNECTION, place, keyring.unseal(_NO_CONNECTION, place, sealed))
        await tx.run("UPDATE setup_secret SET sealed = ? WHERE setup_id = ? AND name = ?", fresh, setup_id, name)
    return len(rows)

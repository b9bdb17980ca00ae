"""Copies of an SQLite database: made while others write to it, checked, put in another's place. No rows are read but the version.

A copy is one whole moment: SQLite's own backup takes it under one reading lock (SQLite, "Online Backup API", all pages in one
step), which under WAL holds up no writer.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from interlock.store.errors import SchemaNewer, StoreUnavailable
from interlock.store.migrate import REVISIONS

_BESIDE = ("-wal", "-shm")


def file_of(url: str) -> Path | None:
    """The file of a database address; None where it is no file."""
    if "://" not in url:
        return Path(url)
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def copy(source: Path, target: Path) -> None:
    """`target` is made, mode 0600. Raises StoreUnavailable."""
    if not source.exists():
        raise StoreUnavailable(f"There is no database {source} yet.")
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
            old.backup(new)
            # One file, not three: it is to be packed.
            new.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StoreUnavailable(f"The database {source} cannot be copied: {error}.") from error


def check(file: Path) -> str:
    """The version of the schema of a sound database of ours. Raises StoreUnavailable, SchemaNewer."""
    revision = revision_of(file)
    with _reading(file) as raw:
        (said,) = raw.execute("PRAGMA integrity_check(1)").fetchone()
    if said != "ok":
        raise StoreUnavailable(f"The database in it is damaged: {said}.")
    return revision


def revision_of(file: Path) -> str:
    """The version of its schema, without making a database of ours of what is none. Raises StoreUnavailable, SchemaNewer."""
    with _reading(file) as raw:
        rows = raw.execute("SELECT version_num FROM alembic_version").fetchall()
    revision = str(rows[0][0]) if rows else ""
    if revision not in REVISIONS:
        raise SchemaNewer(revision, REVISIONS[-1])
    return revision


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as raw:
            yield raw
    except sqlite3.Error as error:
        raise StoreUnavailable(f"It is no sound database of Interlock: {error}.") from error


def put_in_place(new: Path, path: Path, aside: Path) -> bool:
    """`new` becomes the database at `path`; what was there is kept as `aside`. Whether there was one. Both are on one disk.

    The log of the old one goes with it: a database beside the log of another is damaged. So `new` has none any more, and nobody
    has it open. Raises StoreUnavailable.
    """
    try:
        with contextlib.closing(sqlite3.connect(new)) as raw:
            raw.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StoreUnavailable(f"The database {new} cannot be made whole: {error}.") from error
    there = path.exists()
    if there:
        os.link(path, aside)
    for ending in _BESIDE:
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + ending))
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return there

"""Backups of an installation on SQLite: one file, made while it runs, and put back.

A backup is a ZIP archive of `manifest.json`, `interlock.db` and, only where it was asked for, `secret.key`: without the key file
nobody can read the sign-ins in it, and with it everybody who has the file can. A restore keeps what it replaces beside it. What
happened after the backup is not lost with it: the cursors are of that time, so everything since is detected again, and the keys
that both CRMs hold decide what is whose, so that nothing is made twice. What was taken from people, programs and connections
since stays taken (after_restore.py). Over the database of another installation a backup is put only by whoever was told who gets
in by it: nobody's password or role there counts for somebody of the same e-mail here. PostgreSQL has tools of its own, and is
told to use them.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec

from interlock import __version__
from interlock.app import let_in
from interlock.app.after_restore import OpenStore, sealed_anew, withdraw_again
from interlock.app.errors import BadInput, Busy
from interlock.app.handing_over import running
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.times import rfc3339
from interlock.store import Keyring, Store, connections, copy, keyring, restored
from interlock.store.connections import Connection
from interlock.store.errors import NotOurs, SchemaNewer, StoreError, StoreUnavailable

FORMAT = "interlock-backup/1"
_DATABASE, _MANIFEST, _KEY = "interlock.db", "manifest.json", "secret.key"
_BLOCK = 1 << 20


class Manifest(msgspec.Struct, frozen=True):
    format: str
    interlock_version: str
    schema: str  # the database's
    made_at_us: int
    sha256: str  # of interlock.db
    with_key: bool


class Made(msgspec.Struct, frozen=True):
    path: str
    size_bytes: int
    manifest: Manifest


# Of the database that a backup is to replace: of the installation that the backup was made of, of one that a copy of it has become,
# of another one, of nobody yet (there is none, or nobody was let in to it), or not to be told.
Over = Literal["same", "copy", "another", "none", "unknown"]


class Prepared(msgspec.Struct, frozen=True):
    """A backup that is sound and may be put back. `lets_in`: as it was when the backup was made."""

    manifest: Manifest
    over: Over
    lets_in: let_in.LetIn
    new: Path  # the database in it, brought to this version's schema
    key: bytes | None


class Restored(msgspec.Struct, frozen=True):
    """`kept`: where the database that was replaced is; None: there was none. `readable`: the key file opens the sign-ins.
    `lets_in`: who gets in now."""

    manifest: Manifest
    over: Over
    kept: str | None
    key_taken: bool
    readable: bool
    connections: int
    lets_in: let_in.LetIn


# --- making ------------------------------------------------------------------------------------------------------------


def make(address: str, key_file: Path, file: Path, now_us: int, *, with_key: bool) -> Made:
    """As a whole or not at all; mode 0600. Takes as long as the disk does. Raises BadInput, StoreUnavailable."""
    source = _file_of(address, f"Run: pg_dump --format=custom --file={file} --dbname={_without_password(address)}")
    if file.exists():
        raise BadInput(f"{file} exists already.", code="file_exists", fix="Name another file, or move that one away.")
    try:
        with tempfile.TemporaryDirectory(prefix=".interlock-backup-", dir=file.absolute().parent) as folder:
            database = Path(folder) / _DATABASE
            copy.copy(source, database)
            schema = copy.check(database)
            manifest = Manifest(FORMAT, __version__, schema, now_us, _digest(database), with_key)
            packed = Path(folder) / "packed"
            os.close(os.open(packed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(_MANIFEST, json.dumps(msgspec.to_builtins(manifest), indent=2))
                archive.write(database, _DATABASE)
                if with_key:
                    archive.writestr(_KEY, keyring.keys_of(key_file))
            with packed.open("rb") as written:
                os.fsync(written.fileno())
            packed.replace(file)
    except OSError as error:
        raise BadInput(
            f"{file} cannot be written: {error.strerror}.", code="file_unwritable", fix="Give another path."
        ) from error
    return Made(str(file), file.stat().st_size, manifest)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _file_of(database: str, instead: str) -> Path:
    """`instead`: what is to be done on PostgreSQL. Raises BadInput."""
    path = copy.file_of(database)
    if path is not None:
        return path
    raise BadInput(
        "The database is a PostgreSQL, which has tools of its own for this.",
        code="use_postgresql_tools",
        fix=f"{instead}   The key file is not in it: keep a copy of that apart.",
    )


def _without_password(url: str, scheme: str = "postgresql") -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.username
    return urlunsplit((scheme, f"{user}@{host}" if user else host, parts.path, "", ""))


# --- putting back --------------------------------------------------------------------------------------------------------


def look(file: Path) -> Manifest:
    """What the backup says of itself. Raises BadInput."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
    except (OSError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError) as error:
        raise BadInput(
            f"{file} is no backup of Interlock: {getattr(error, 'strerror', None) or error}.",
            code="no_backup",
            fix="Name a file that `interlock backup` wrote.",
        ) from error
    if manifest.format != FORMAT:
        raise BadInput(
            f"{file} has the format {manifest.format}; this Interlock reads {FORMAT}.",
            code="backup_newer",
            fix="Restore it with the Interlock that made it, or a newer one.",
        )
    return manifest


@asynccontextmanager
async def prepared(
    database: str,
    file: Path,
    clock_us: Callable[[], int],
    *,
    over_newer: bool = False,
    over_another: bool = False,
    open_store: OpenStore = Store.open,
) -> AsyncIterator[Prepared]:
    """Changes nothing. Raises BadInput (no_backup, backup_damaged, newer_installation, another_installation), Busy, StoreError."""
    # Never over the one that is there: it alone knows what was taken since.
    path = _file_of(
        database,
        f"Make a new database, put the dump into it (pg_restore --dbname=NEW {file}), name it in interlock.yaml, and run:"
        f" interlock after-restore --replaced {_without_password(database, 'postgresql+psycopg')}",
    )
    manifest = look(file)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".interlock-restore-", dir=path.parent) as folder:
        new = Path(folder) / _DATABASE
        key = _unpack(file, manifest, new)
        store = await open_store(str(new), clock_us=clock_us)
        try:
            async with store.read(None) as tx:
                lets_in = await let_in.by(tx)
            over = await _check_existing(
                path, store, manifest, clock_us, over_newer, over_another, open_store, new.parent
            )
        finally:
            await store.close()
        yield Prepared(manifest, over, lets_in, new, key)


async def put_back(
    ready: Prepared,
    database: str,
    key_file: Path,
    clock_us: Callable[[], int],
    *,
    by: By = BY_COMMAND,
    open_store: OpenStore = Store.open,
) -> Restored:
    """Raises Busy, StoreError. After a refusal all is as it was."""
    path = _file_of(database, "")
    key = ready.key
    keys = keyring.load_or_create(key_file) if key is None else keyring.together(key_file, key)
    # All of it before it takes the other's place: whatever becomes of this process, nothing is given back that was taken.
    store = await open_store(str(ready.new), clock_us=clock_us, keyring=keys)
    try:
        replaced = await _readable_store(path, keys, clock_us, open_store)
        try:
            await withdraw_again(store, replaced, ready.manifest.made_at_us, by, same=ready.over != "another")
        finally:
            if replaced is not None:
                await replaced.close()
        listed, readable = await sealed_anew(store, keys)
        async with store.read(None) as tx:
            lets_in = await let_in.by(tx)
    finally:
        await store.close()
    if key is not None:
        # Only now: a restore that failed leaves no key behind that opens nothing here. What is left to do is a rename.
        keyring.add(key_file, key)
    stamp = rfc3339(clock_us()) or ""
    aside = path.with_name(f"{path.name}.before-restore-{stamp[:19].replace(':', '')}Z")
    kept = str(aside) if copy.put_in_place(ready.new, path, aside) else None
    return Restored(ready.manifest, ready.over, kept, key is not None, readable, listed, lets_in)


async def restore(
    database: str,
    key_file: Path,
    file: Path,
    clock_us: Callable[[], int],
    *,
    over_newer: bool = False,
    over_another: bool = False,
    by: By = BY_COMMAND,
    open_store: OpenStore = Store.open,
) -> Restored:
    """Without anybody to be asked. Raises as `prepared` and `put_back` do."""
    asked = prepared(database, file, clock_us, over_newer=over_newer, over_another=over_another, open_store=open_store)
    async with asked as ready:
        return await put_back(ready, database, key_file, clock_us, by=by, open_store=open_store)


async def _readable_store(
    path: Path, keys: Keyring, clock_us: Callable[[], int], open_store: OpenStore
) -> Store | None:
    """At this version's schema, which it gets only here. Raises Busy."""
    if not os.path.exists(path):  # noqa: ASYNC240  (one look at a local folder)
        return None
    try:
        as_it_is = await open_store(str(path), clock_us=clock_us, as_it_is=True)
        try:
            # Once more: a person may have taken a while to answer.
            await _check_stopped(as_it_is, clock_us())
        finally:
            await as_it_is.close()
        return await open_store(str(path), clock_us=clock_us, keyring=keys)
    except StoreError:
        return None  # a person has been told that it cannot be looked into, and replaces it all the same


def _unpack(file: Path, manifest: Manifest, new: Path) -> bytes | None:
    """The key, if it is in it. Raises BadInput."""
    try:
        with zipfile.ZipFile(file) as archive:
            with archive.open(_DATABASE) as packed, new.open("xb") as out:
                new.chmod(0o600)
                while block := packed.read(_BLOCK):
                    out.write(block)
            key = archive.read(_KEY) if manifest.with_key else None
        if _digest(new) != manifest.sha256:
            raise StoreUnavailable("The database in it is not the one that was put into it.")
        copy.check(new)
    except SchemaNewer:
        raise
    except (OSError, KeyError, zipfile.BadZipFile, StoreUnavailable) as error:
        raise BadInput(
            f"The backup {file} is damaged: {error}",
            code="backup_damaged",
            fix="Nothing was changed. Restore an older backup.",
        ) from error
    return key


async def _check_existing(
    path: Path,
    backup: Store,
    manifest: Manifest,
    clock_us: Callable[[], int],
    over_newer: bool,
    over_another: bool,
    open_store: OpenStore,
    folder: Path,
) -> Over:
    """Raises Busy, BadInput."""
    if not os.path.exists(path):  # noqa: ASYNC240  (one look at a local folder)
        return "none"
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(_looked_into(path, backup, clock_us, open_store, folder))
        except StoreError as error:
            if isinstance(error, NotOurs) and not error.tables:
                return "none"
            if not over_newer:
                raise _newer(f"The database {path} that would be replaced cannot be looked into: {error}") from error
            return "unknown"
        here, there = await restored.begins_with(store), await restored.begins_with(backup)
        if here is not None and there is not None and here != there:
            if not over_another:
                raise await _another(path, store, backup)
            return "another"
        async with backup.read(None) as old, store.read(None) as tx:
            parted = here is not None and not await restored.went_on_to(old, tx)
            last_us = await restored.last_deed_us(tx)
        if parted:
            if not over_another:
                raise await _another(path, store, backup, parted=True)
            return "copy"
    if last_us > manifest.made_at_us and not over_newer:
        raise _newer(
            f"The installation has gone on since the backup: it was made at {rfc3339(manifest.made_at_us)}, and the last"
            f" thing known here is of {rfc3339(last_us)}."
        )
    return "none" if here is None else "same"


@asynccontextmanager
async def _looked_into(
    path: Path, backup: Store, clock_us: Callable[[], int], open_store: OpenStore, folder: Path
) -> AsyncIterator[Store]:
    """The database that is there, at this version's schema as the backup is. The file stays as it is, since it may go on being
    used: one of an older version is looked into in a copy. Raises Busy, StoreError."""
    async with AsyncExitStack() as stack:
        store = await open_store(str(path), clock_us=clock_us, as_it_is=True)
        stack.push_async_callback(store.close)
        await _check_stopped(store, clock_us())
        if await store.revision() != await backup.revision():
            copy.copy(path, folder / "replaced.db")
            store = await open_store(str(folder / "replaced.db"), clock_us=clock_us)
            stack.push_async_callback(store.close)
        yield store


async def _check_stopped(store: Store, now_us: int) -> None:
    """Raises Busy."""
    if await running(store, now_us):
        raise Busy(
            "Interlock is running on this database.",
            code="running",
            fix="Stop `interlock serve`, `worker` and `sync`, then restore.",
        )


def _newer(message: str) -> BadInput:
    return BadInput(
        message,
        code="newer_installation",
        fix="If the older state is what you want, add --over-newer: what is here is kept beside it.",
    )


async def _another(path: Path, here: Store, backup: Store, *, parted: bool = False) -> BadInput:
    async with here.read(None) as tx:
        joined_here = _accounts(await connections.list_(tx))
    async with backup.read(None) as tx:
        joined_there, lets_in = _accounts(await connections.list_(tx)), await let_in.by(tx)
    what = (
        f"The backup was made of another installation ({joined_there}) than the database {path} is of ({joined_here})."
    )
    if parted:
        what = f"The backup and the database {path} were one installation, and have gone different ways since."
    return BadInput(
        f"{what} {lets_in} Whoever gets in here now does so no more, unless they are among them.",
        code="another_installation",
        fix="See whether you named the right file. If that installation is to take the place of this one, stop it where it runs"
        " and add --over-another: what is here is kept beside it.",
    )


def _accounts(joined: list[Connection]) -> str:
    named = ", ".join(f"HubSpot {each.hubspot_account_id} with Salesforce {each.salesforce_org_id}" for each in joined)
    return named or "not connected"


def as_document(manifest: Manifest) -> dict[str, Any]:
    return {
        "made_at": rfc3339(manifest.made_at_us),
        "made_by_version": manifest.interlock_version,
        "database_schema": manifest.schema,
        "with_key": manifest.with_key,
    }

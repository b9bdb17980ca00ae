"""The key file and what is sealed with it. Fernet keys, one a line, the first seals and all unseal; the file is 0600.

Not a place for secrets themselves (secrets.py) and never printed: `repr` shows the number of keys only.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from interlock.store.errors import KeyFileProblem, SecretUnreadable


class _Sealed(msgspec.Struct, array_like=True):
    """What is inside: the row's own address travels with the value, so that a blob moved to another row is refused."""

    connection_id: int
    name: str
    value: str


_DECODER = msgspec.msgpack.Decoder(_Sealed)


class Keyring:
    """Seals and unseals. Made by `load_or_create`, or from keys directly in a test."""

    def __init__(self, keys: list[bytes]) -> None:
        if not keys:
            raise KeyFileProblem("The key file holds no key. Restore it from your backup of secret.key.")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise KeyFileProblem(
                "The key file is damaged: a line is not a Fernet key (44 characters). Restore it from your backup."
            ) from error
        self._count = len(keys)

    def __repr__(self) -> str:
        return f"Keyring({self._count} keys)"

    def seal(self, connection_id: int, name: str, value: str) -> bytes:
        return self._fernet.encrypt(msgspec.msgpack.encode(_Sealed(connection_id, name, value)))

    def unseal(self, connection_id: int, name: str, sealed: bytes) -> str:
        try:
            inside = _DECODER.decode(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise SecretUnreadable(
                f"The secret {name!r} does not decrypt with this key file. Was secret.key replaced?"
                " Restore it, or sign in again."
            ) from error
        if (inside.connection_id, inside.name) != (connection_id, name):
            raise SecretUnreadable(
                f"The secret {name!r} was sealed for another row: the database was altered from outside. Sign in again."
            )
        return inside.value


def generate() -> Keyring:
    """A keyring that lives in memory only."""
    return Keyring([Fernet.generate_key()])


def load_or_create(path: Path) -> Keyring:
    """The keyring of this file, made with one fresh key if it does not exist. Refuses a file that others can read."""
    if path.exists():
        return Keyring(_read(path))
    try:
        fresh = _write_beside(path, [Fernet.generate_key()])
        # A link, not a rename: of two processes that start at once one makes the file, the other reads that one.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    except OSError as error:
        raise KeyFileProblem(f"The key file {path} cannot be made: {error.strerror}.") from error
    return Keyring(_read(path))


def rotate(path: Path) -> Keyring:
    """Put a fresh key first; the old ones stay until `retire`, so that a crash in between leaves every secret readable.

    The order is: `rotate`, then everything is sealed anew, then `retire`; see app/key_rotation.py.
    """
    return _replace(path, [Fernet.generate_key(), *_read(path)])


def count(path: Path) -> int:
    """How many keys the file holds: more than one while a rotation is on its way, and after a restore that brought its key."""
    return len(_read(path))


def newest_alone(path: Path) -> Keyring:
    """Only the first key: what it opens needs no other."""
    return Keyring(_read(path)[:1])


def keys_of(path: Path) -> bytes:
    """The file as it is, for a backup that is to hold it."""
    return b"\n".join(_read(path)) + b"\n"


def together(path: Path, text: bytes) -> Keyring:
    """As `add`, in memory only."""
    return Keyring(_together(path, text))


def add(path: Path, text: bytes) -> Keyring:
    """Take in the keys of a backup. Those that are here stay first, so that what is sealed from now on needs none of the others."""
    return _replace(path, _together(path, text))


def _together(path: Path, text: bytes) -> list[bytes]:
    there = _read(path) if path.exists() else []
    return list(dict.fromkeys([*there, *text.split()]))


def retire(path: Path) -> Keyring:
    """Keep only the first key. Only after everything was sealed anew with it."""
    return _replace(path, _read(path)[:1])


def _read(path: Path) -> list[bytes]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        lines = path.read_bytes().split()
    except OSError as error:
        raise KeyFileProblem(f"The key file {path} cannot be read: {error.strerror}.") from error
    if mode & 0o077:
        raise KeyFileProblem(f"The key file {path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}")
    return lines


def _replace(path: Path, keys: list[bytes]) -> Keyring:
    keyring = Keyring(keys)
    _write_beside(path, keys).replace(path)
    return keyring


def _write_beside(path: Path, keys: list[bytes]) -> Path:
    """A complete file of mode 0600 in the same folder, to be linked or renamed to `path`."""
    descriptor, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"\n".join(keys) + b"\n")
        file.flush()
        # Secrets sealed with a key that a power cut took back would be lost.
        os.fsync(file.fileno())
    return Path(name)

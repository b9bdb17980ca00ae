"""Whether the owner of a lease or of a heartbeat has died: each process keeps one byte of a file locked while it lives.

The kernel gives the lock back when a process ends, however it ends (kill -9), and keeps it while one is merely frozen. So a
restart need not wait for the term of whoever was there before. Nothing about who may write rests on this: that is the
fence's doing. Where it cannot be told (PostgreSQL, which other machines use; a system without such locks), nobody is dead
and terms are waited out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import struct
from pathlib import Path

# A lock that belongs to an open file, not to a process: closing another descriptor does not drop it, and two stores in one
# process see each other's. Linux has them (fcntl(2), "Open file description locks"); elsewhere nothing can be told.
_SET, _GET = getattr(fcntl, "F_OFD_SETLK", None), getattr(fcntl, "F_OFD_GETLK", None)
_FLOCK = struct.Struct("@hhqqi4x")  # l_type, l_whence, l_start, l_len, l_pid
_OWNER = re.compile(r"-([0-9a-f]{12})\Z")


def new_owner(name: str) -> str:
    """`name` with the number of a byte that nobody else locks. Names one process, never two after one another."""
    return f"{name}-{secrets.token_hex(6)}"


class LifeSigns:
    """The signs of one database: its own, and how to look at others'. Closing it ends its own."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}-owners")
        self._descriptor: int | None = None
        self._shown: set[int] = set()

    def show(self, owner: str) -> None:
        """From now on `owner` lives, until `close` or the end of this process. An owner not from `new_owner` shows none."""
        place = _place(owner)
        if _SET is None or place is None or place in self._shown:
            return
        # Where no sign can be given (a file system without locks, a full disk) others wait for the term, which is no harm.
        with contextlib.suppress(OSError):
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.fcntl(self._descriptor, _SET, _lock_at(place))
            self._shown.add(place)

    def has_died(self, owner: str) -> bool:
        """True only if it is certain. False: it lives, or nobody can tell."""
        place = _place(owner)
        if _GET is None or place is None or place in self._shown:
            return False
        if not self._shown:
            self.show(new_owner("onlooker"))
        with contextlib.suppress(OSError):
            looking = os.open(self._path, os.O_RDWR)
            try:
                # Who does not even see a sign of their own is on a file system that keeps no locks.
                return any(_is_locked(looking, own) for own in self._shown) and not _is_locked(looking, place)
            finally:
                os.close(looking)
        return False

    def close(self) -> None:
        self._shown.clear()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _place(owner: str) -> int | None:
    found = _OWNER.search(owner)
    return int(found[1], 16) if found else None


def _lock_at(place: int) -> bytes:
    return _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)


def _is_locked(descriptor: int, place: int) -> bool:
    assert _GET is not None
    answer = fcntl.fcntl(descriptor, _GET, _lock_at(place))
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)

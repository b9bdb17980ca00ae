"""Hashing passwords (argon2id), comparing them, and which ones are taken. Knows no person.

Hashing takes tens of milliseconds and 64 MiB on purpose: it runs in threads, two at a time, and with a bound on how many wait,
so that neither the event loop nor the memory of the machine is at the mercy of whoever sends passwords.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from interlock.app.errors import BadInput
from interlock.app.people.common_passwords import is_common
from interlock.app.people.errors import HeldBack

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# OWASP ASVS 5.0, 6.2.1 and 6.2.9: at least 8, better 15; 64 must be possible. No rules of composition (6.2.5).
MIN_CHARACTERS, MAX_CHARACTERS = 12, 256
_MIN_DIFFERENT = 5
_AT_ONCE, _WAITING = 2, 30

Result = TypeVar("Result")


class Passwords:
    """One a process. `hasher`: tests give one that is cheap."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        # Imported here: most commands hash nothing.
        from argon2 import PasswordHasher

        # The library's defaults are RFC 9106's second recommendation: t=3, 64 MiB, 4 lanes.
        self._hasher = hasher or PasswordHasher()
        # Compared with where there is no hash, so that an unknown name takes as long as a wrong password.
        self._nobodys = self._hasher.hash(secrets.token_bytes(16))
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._inside = 0

    async def hash(self, password: str) -> str:
        """Raises HeldBack when more are waiting than are served."""
        return await self._in_turn(lambda: self._hasher.hash(_bytes(password)))

    async def fits(self, password_hash: str | None, password: str) -> bool:
        """False for None, after the same work. Raises HeldBack when more are waiting than are served."""
        fits = await self._in_turn(lambda: self._verify(password_hash or self._nobodys, password))
        return fits and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str, password: str) -> bool:
        from argon2.exceptions import VerifyMismatchError

        try:
            return self._hasher.verify(password_hash, _bytes(password))
        except VerifyMismatchError:
            return False

    async def _in_turn(self, work: Callable[[], Result]) -> Result:
        if self._inside >= _AT_ONCE + _WAITING:
            raise HeldBack(wait_s=5)
        self._inside += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work)
        finally:
            self._inside -= 1


def _bytes(password: str) -> bytes:
    """The same password from any keyboard: é is one character on some and two on others."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def check_password(password: str, *own_words: str) -> None:
    """Raises BadInput. `own_words`: the person's name and e-mail, which are the first that somebody tries."""
    if len(password) < MIN_CHARACTERS:
        raise _refused(
            "password_short", f"The password has {len(password)} characters.", f"Take {MIN_CHARACTERS} or more."
        )
    if len(password) > MAX_CHARACTERS:
        raise _refused(
            "password_long", f"The password has {len(password)} characters.", f"Take {MAX_CHARACTERS} or fewer."
        )
    plain = password.casefold()
    for word in own_words:
        if len(word) >= 4 and plain.startswith(word.casefold()) and len(password) - len(word) < 6:
            raise _refused(
                "password_own_words", "The password is little more than the name or the e-mail.", "Take other words."
            )
    if len(set(plain)) < _MIN_DIFFERENT or is_common(password):
        raise _refused(
            "password_common",
            "The password is one of those that are tried first.",
            "Take several words that do not belong together.",
        )


def _refused(code: str, message: str, fix: str) -> BadInput:
    return BadInput(message, code=code, field="password", fix=fix)

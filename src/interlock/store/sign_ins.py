"""Sign-ins under way: a one-time state, bound to the browser that began it, with an end. Hashes only: who reads the database
cannot finish a sign-in. What the finisher needs (the PKCE verifier, what was asked for) is sealed, and gone once it was used.

    begin -> (used | over)      `use` is the only way out that gives the sealed part, and works once: the row decides
"""

from __future__ import annotations

import enum
import hashlib
import hmac

import msgspec

from interlock.store.keyring import Keyring
from interlock.store.secrets import keyring_of
from interlock.store.tx import WriteTx

LIFETIME_US = 10 * 60 * 1_000_000
# As long as a row is kept, its state is told from one that never was.
KEPT_US = 24 * 60 * 60 * 1_000_000
_NO_CONNECTION = 0


class Refused(enum.Enum):
    UNKNOWN = "unknown"
    OTHER_BROWSER = "other_browser"
    USED = "used"
    EXPIRED = "expired"


class Used(msgspec.Struct, frozen=True):
    """The sealed part, opened."""

    content: str


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def begin(tx: WriteTx, side: str, state: str, browser: str, content: str) -> None:
    """Also sweeps what is long over. Index ix_sign_in_expires."""
    await tx.run("DELETE FROM sign_in WHERE expires_at_us < ?", tx.now_us - KEPT_US)
    state_hash = digest(state)
    await tx.run(
        "INSERT INTO sign_in (state_hash, browser_hash, side, sealed, expires_at_us) VALUES (?, ?, ?, ?, ?)",
        state_hash,
        digest(browser),
        side,
        keyring_of(tx).seal(_NO_CONNECTION, f"sign_in.{state_hash}", content),
        tx.now_us + LIFETIME_US,
    )


async def use(tx: WriteTx, side: str, state: str, browser: str | None) -> Used | Refused:
    """Take the sign-in of this state, once. From another browser it is refused and not used up: whoever sent a victim a link must
    not be able to end what the victim began. Raises SecretUnreadable."""
    state_hash = digest(state)
    row = await tx.row(
        "SELECT browser_hash, sealed, expires_at_us, used_at_us FROM sign_in WHERE state_hash = ? AND side = ?",
        state_hash,
        side,
    )
    if row is None:
        return Refused.UNKNOWN
    browser_hash, sealed, expires_at_us, used_at_us = row
    if browser is None or not hmac.compare_digest(digest(browser), browser_hash):
        return Refused.OTHER_BROWSER
    if used_at_us is not None:
        return Refused.USED
    if expires_at_us <= tx.now_us:
        return Refused.EXPIRED
    # Two requests with one state, in two processes: the second one's update finds no row.
    taken = await tx.run(
        "UPDATE sign_in SET used_at_us = ?, sealed = NULL WHERE state_hash = ? AND used_at_us IS NULL",
        tx.now_us,
        state_hash,
    )
    if taken != 1:
        return Refused.USED
    return Used(keyring_of(tx).unseal(_NO_CONNECTION, f"sign_in.{state_hash}", sealed))


async def reseal(tx: WriteTx, keyring: Keyring) -> int:
    """As `secrets.reseal`, for sign-ins under way."""
    rows = await tx.rows("SELECT state_hash, sealed FROM sign_in WHERE sealed IS NOT NULL")
    for state_hash, sealed in rows:
        name = f"sign_in.{state_hash}"
        fresh = keyring.seal(_NO_CONNECTION, name, keyring.unseal(_NO_CONNECTION, name, sealed))
        await tx.run("UPDATE sign_in SET sealed = ? WHERE state_hash = ?", fresh, state_hash)
    return len(rows)

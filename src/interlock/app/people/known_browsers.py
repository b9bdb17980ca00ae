"""Browsers in which somebody has signed in before, known again by a sealed cookie (OWASP, "Slow Down Online Guessing Attacks with
Device Cookies").

Whoever asks for an account under ever new addresses keeps it waiting, and with it the person whose it is. A browser that the
person has used before is therefore counted by itself: others cannot hold it back, and it can guess no more often than anybody.
The cookie opens nothing. It is kept nowhere here, and works as long as the key file opens it.
"""

from __future__ import annotations

import hashlib
import secrets as random

from interlock.store import Store, Tx, people, sessions
from interlock.store.errors import KeyFileProblem, SecretUnreadable
from interlock.store.people import Person
from interlock.store.secrets import keyring_of

# Sealed values name the row that they belong to; these belong to none.
_ROW, _NAME = 0, "known_browser"
_COOKIE_MOST = 1_000


async def cookie_of(store: Store, session: str, idle_us: int) -> str | None:
    """For the browser that has just begun this session. None: there is no key to seal it with."""
    async with store.read(None) as tx:
        found = await sessions.find(tx, session, idle_us)
        if found is None or tx.keyring is None:
            return None
        value = f"{found.person_id} {random.token_urlsafe(16)}"
        return tx.keyring.seal(_ROW, _NAME, value).decode("ascii")


async def source_of(tx: Tx, cookie: str | None, email: str) -> str | None:
    """What the tries of this browser are counted under. None: it is not known for this account."""
    if not cookie or len(cookie) > _COOKIE_MOST:
        return None
    try:
        value = keyring_of(tx).unseal(_ROW, _NAME, cookie.encode("utf-8", "surrogatepass"))
    except (KeyFileProblem, SecretUnreadable):
        return None
    person: Person | None = await people.by_email(tx, email)
    if person is None or value.partition(" ")[0] != str(person.id):
        return None
    return f"browser:{hashlib.sha256(value.encode()).hexdigest()}"

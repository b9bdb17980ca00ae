"""Every way into this installation at once: sessions, links, tokens, sign-ins that were begun. People and their passwords stay.

For the day on which something was stolen (app/revoke_all.py). One way at a time is ended by its own module.
"""

from __future__ import annotations

import msgspec

from interlock.store.tx import WriteTx


class Closed(msgspec.Struct, frozen=True):
    """How many of each there were."""

    sessions: int
    links: int
    api_tokens: int


async def close(tx: WriteTx) -> Closed:
    sessions = await tx.run("DELETE FROM session")
    links = await tx.run("DELETE FROM one_time_link WHERE used_at_us IS NULL")
    links += await tx.run("UPDATE colleague_link SET ended_at_us = ? WHERE ended_at_us IS NULL", tx.now_us)
    # A sign-in at a CRM that somebody began and has not come back from would bring a new grant.
    await tx.run("DELETE FROM sign_in")
    tokens = await tx.run("UPDATE api_token SET revoked_at_us = ? WHERE revoked_at_us IS NULL", tx.now_us)
    return Closed(sessions, links, tokens)

"""Links by which a colleague without an account does one side's part of a set-up. Kept as a hash, with an end.

A new link for a side makes the older one void. Whoever takes it up binds it to that browser: the sign-in leads away and back, but
nobody else gets in by it. It ends when that side's part is done, when somebody takes it back, or with its time.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

import msgspec

from interlock.store import tokens
from interlock.store.tx import Tx, WriteTx


class ColleagueLink(msgspec.Struct, frozen=True):
    id: int
    setup_id: int
    side: str
    made_by: str
    created_at_us: int
    until_us: int
    browser_hash: str | None


_COLUMNS = ", ".join(ColleagueLink.__struct_fields__)


async def make(tx: WriteTx, setup_id: int, side: str, by: str, lasts_us: int) -> str:
    """The token of its address, which is not kept."""
    await end(tx, setup_id, side)
    token = tokens.new_token()
    values = {
        "setup_id": setup_id,
        "side": side,
        "token_hash": tokens.hash_of(token),
        "made_by": by,
        "created_at_us": tx.now_us,
        "until_us": tx.now_us + lasts_us,
    }
    await tx.insert("colleague_link", values)
    return token


async def find(tx: Tx, token: str) -> ColleagueLink | None:
    """None: there is no such link, it has ended, or its time is over. Index uq_colleague_link_token_hash."""
    row = await tx.row(
        f"SELECT {_COLUMNS} FROM colleague_link WHERE token_hash = ? AND ended_at_us IS NULL AND until_us > ?",
        tokens.hash_of(token),
        tx.now_us,
    )
    return None if row is None else ColleagueLink(*row)


async def good(tx: Tx, setup_id: int) -> dict[str, ColleagueLink]:
    """{side: link} of those that work. Index ix_colleague_link_setup."""
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM colleague_link WHERE setup_id = ? AND ended_at_us IS NULL AND until_us > ? ORDER BY id",
        setup_id,
        tx.now_us,
    )
    return {link.side: link for link in (ColleagueLink(*row) for row in rows)}


async def take_up(tx: WriteTx, link_id: int, browser: str) -> bool:
    """Bind it to a browser by its cookie. False: another one has it."""
    return (
        await tx.run(
            "UPDATE colleague_link SET browser_hash = ? WHERE id = ? AND (browser_hash IS NULL OR browser_hash = ?)",
            tokens.hash_of(browser),
            link_id,
            tokens.hash_of(browser),
        )
        == 1
    )


def is_of(link: ColleagueLink, browser: str | None) -> bool:
    """Whether this browser may use it: it is nobody's yet, or this one's."""
    if link.browser_hash is None:
        return True
    return browser is not None and hmac.compare_digest(link.browser_hash, tokens.hash_of(browser))


async def end(tx: WriteTx, setup_id: int, side: str) -> bool:
    """Whether there was one."""
    ended = await tx.run(
        "UPDATE colleague_link SET ended_at_us = ? WHERE setup_id = ? AND side = ? AND ended_at_us IS NULL",
        tx.now_us,
        setup_id,
        side,
    )
    return ended > 0


async def end_all_by(tx: WriteTx, makers: Sequence[str]) -> None:
    """Those that these people and tokens have asked a colleague with."""
    sql = "UPDATE colleague_link SET ended_at_us = ? WHERE made_by IN [?] AND ended_at_us IS NULL"
    await tx.run(sql, tx.now_us, list(makers))

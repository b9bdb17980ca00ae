"""What a CRM granted at a sign-in: tokens, sealed, with whose they are; and whose turn it is to replace them.

A refresh token may work once only (Salesforce's rotation), and several processes may hold the same grant. So a refresh is a turn
(docs/adr/0015): taken by one conditional UPDATE before the request leaves, ended by one that keeps what it brought. No
transaction is held over the network, so that between the two stands `sent_us`: an answer may have been lost.

    turn_until_us  NULL                     nobody refreshes
                   in the future            somebody does: wait for the generation to rise
                   in the past              they died or froze; the next one may try, knowing that an answer may be lost
    generation     of the tokens in `sealed`; a turn ends only on the generation it was taken on
    sent_us        NULL                     every refresh that left has been answered
"""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.store import jsontext
from interlock.store.driver import Row
from interlock.store.errors import SecretUnreadable
from interlock.store.keyring import Keyring
from interlock.store.secrets import keyring_of
from interlock.store.tx import Tx, WriteTx

GOOD, DEAD, SUPERSEDED, REVOKED = "good", "dead", "superseded", "revoked"
SYNC, ADMIN = "sync", "admin"
_NO_CONNECTION = 0  # a grant is there before its connection; its own id is its address


class Tokens(msgspec.Struct, frozen=True):
    access: str
    refresh: str | None = None

    def __repr__(self) -> str:
        return "Tokens(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Grant(msgspec.Struct, kw_only=True):
    """`tokens` None: it has ended. `who` is the identity card as it was at the sign-in."""

    side: str
    app_id: int
    login_url: str
    account_id: str
    who: dict[str, Any]
    scopes: list[str]
    tokens: Tokens | None
    role: str = SYNC
    state: str = GOOD
    reason: str | None = None
    connection_id: int | None = None
    generation: int = 1
    granted_at_us: int = 0
    refreshed_at_us: int = 0
    expires_at_us: int | None = None
    turn_until_us: int | None = None
    sent_us: int | None = None
    id: int = 0


_COLUMNS = (
    "id, connection_id, side, role, state, reason, app_id, login_url, account_id, who, scopes, sealed, generation,"
    " granted_at_us, refreshed_at_us, expires_at_us, turn_until_us, sent_us"
)
_NAMES = tuple(name.strip() for name in _COLUMNS.split(","))


def _grant(tx: Tx, row: Row) -> Grant:
    values = dict(zip(_NAMES, row, strict=True))
    sealed = values.pop("sealed")
    opened = None if sealed is None else keyring_of(tx).unseal(_NO_CONNECTION, f"crm_grant.{values['id']}", sealed)
    values["tokens"] = None if opened is None else msgspec.json.decode(opened, type=Tokens)
    values["who"], values["scopes"] = jsontext.load_object(values["who"]), jsontext.load(values["scopes"])
    return Grant(**values)


def _seal(tx: Tx, grant_id: int, tokens: Tokens) -> bytes:
    return keyring_of(tx).seal(_NO_CONNECTION, f"crm_grant.{grant_id}", msgspec.json.encode(tokens).decode())


async def create(tx: WriteTx, grant: Grant) -> int:
    assert grant.tokens is not None
    grant_id = await tx.insert(
        "crm_grant",
        {
            "connection_id": grant.connection_id,
            "side": grant.side,
            "role": grant.role,
            "state": grant.state,
            "app_id": grant.app_id,
            "login_url": grant.login_url,
            "account_id": grant.account_id,
            "who": jsontext.dump(grant.who),
            "scopes": jsontext.dump(grant.scopes),
            "generation": grant.generation,
            "granted_at_us": tx.now_us,
            "refreshed_at_us": tx.now_us,
            "expires_at_us": grant.expires_at_us,
        },
    )
    await tx.run("UPDATE crm_grant SET sealed = ? WHERE id = ?", _seal(tx, grant_id, grant.tokens), grant_id)
    return grant_id


async def get(tx: Tx, grant_id: int) -> Grant | None:
    """Raises SecretUnreadable."""
    row = await tx.row(f"SELECT {_COLUMNS} FROM crm_grant WHERE id = ?", grant_id)
    return None if row is None else _grant(tx, row)


async def in_use(tx: Tx, role: str = SYNC) -> dict[str, Grant]:
    """{side: grant} of the transaction's connection, the newest of each; dead ones too: they say why."""
    return {found.side: found for found in await all_in_use(tx, role)}


async def all_in_use(tx: Tx, role: str) -> list[Grant]:
    """The oldest first: several administrators may have signed in, each for something else. Index ix_crm_grant_connection."""
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM crm_grant WHERE connection_id = ? AND role = ? AND state IN [?] ORDER BY id",
        tx.connection_id,
        role,
        [GOOD, DEAD],
    )
    return [_grant(tx, row) for row in rows]


async def to_revoke(tx: Tx) -> list[int]:
    """Grants of the transaction's connection that another has taken the place of."""
    rows = await tx.rows(
        "SELECT id FROM crm_grant WHERE connection_id = ? AND state = ? ORDER BY id", tx.connection_id, SUPERSEDED
    )
    return [row[0] for row in rows]


async def not_revoked(tx: Tx) -> list[tuple[int, str]]:
    """(id, side) of all that have not been ended, with or without a connection."""
    rows = await tx.rows("SELECT id, side FROM crm_grant WHERE state <> ? ORDER BY id", REVOKED)
    return [(int(id_), str(side)) for id_, side in rows]


async def revoked_because(tx: Tx, other_than: str) -> list[tuple[str, str]]:
    """(side, why) of all that were wiped here for another reason."""
    rows = await tx.rows(
        "SELECT side, reason FROM crm_grant WHERE state = ? AND reason <> ? ORDER BY id", REVOKED, other_than
    )
    return [(str(side), str(why)) for side, why in rows]


async def take_turn(tx: WriteTx, grant: Grant, owner: str, until_us: int) -> bool:
    """Whether it is ours to refresh now. `grant` as read in this transaction or before: its generation must still be the one.

    From here on a request may have left, until `keep`, `give_back` or `end` says otherwise.
    """
    return (
        await tx.run(
            "UPDATE crm_grant SET turn_owner = ?, turn_until_us = ?, sent_us = COALESCE(sent_us, ?)"
            " WHERE id = ? AND generation = ? AND state = ? AND (turn_until_us IS NULL OR turn_until_us <= ?)",
            owner,
            until_us,
            tx.now_us,
            grant.id,
            grant.generation,
            GOOD,
            tx.now_us,
        )
        == 1
    )


async def keep(tx: WriteTx, grant: Grant, tokens: Tokens, expires_at_us: int | None, scopes: list[str]) -> bool:
    """Store what the refresh of this generation brought. False: another refresh was kept meanwhile, and stands.

    A grant that was called dead meanwhile lives: whoever found it dead had the refresh token that this answer replaced.
    """
    return (
        await tx.run(
            "UPDATE crm_grant SET sealed = ?, generation = generation + 1, state = ?, reason = NULL, refreshed_at_us = ?,"
            " expires_at_us = ?, scopes = ?, turn_owner = NULL, turn_until_us = NULL, sent_us = NULL"
            " WHERE id = ? AND generation = ? AND state IN [?]",
            _seal(tx, grant.id, tokens),
            GOOD,
            tx.now_us,
            expires_at_us,
            jsontext.dump(scopes),
            grant.id,
            grant.generation,
            [GOOD, DEAD],
        )
        == 1
    )


async def give_back(tx: WriteTx, grant: Grant, owner: str, *, sent: bool) -> None:
    """The turn brought nothing. `sent` False: certainly no refresh of ours was carried out, so that all is as before."""
    await tx.run(
        "UPDATE crm_grant SET turn_owner = NULL, turn_until_us = NULL, sent_us = ?"
        " WHERE id = ? AND generation = ? AND turn_owner = ?",
        grant.sent_us if not sent else grant.sent_us or tx.now_us,
        grant.id,
        grant.generation,
        owner,
    )


async def end(tx: WriteTx, grant: Grant, state: str, reason: str) -> bool:
    """`dead`: the CRM said that its tokens are no more, those of this generation. `revoked`: we ended it; tokens are wiped.

    Dead keeps its tokens until it is signed in again: an answer that is still on its way may prove otherwise (`keep`).
    """
    return (
        await tx.run(
            "UPDATE crm_grant SET state = ?, reason = ?, turn_owner = NULL, turn_until_us = NULL"
            + (", sealed = NULL" if state == REVOKED else "")
            + " WHERE id = ? AND generation = ? AND state IN [?]",
            state,
            reason,
            grant.id,
            grant.generation,
            # What another took the place of has no reason but that one.
            [GOOD] if state == DEAD else [GOOD, DEAD, SUPERSEDED],
        )
        == 1
    )


async def wipe(tx: WriteTx, grant_id: int, reason: str) -> None:
    """As `end` with `revoked`, of one that cannot be read."""
    await tx.run(
        "UPDATE crm_grant SET state = ?, reason = ?, turn_owner = NULL, turn_until_us = NULL, sealed = NULL WHERE id = ?",
        REVOKED,
        reason,
        grant_id,
    )


async def adopt(tx: WriteTx, grant: Grant, role: str) -> None:
    """Make it the transaction's connection's, in this role. What was there in that role and side waits to be revoked."""
    await join(tx, grant, role)
    await tx.run(
        "UPDATE crm_grant SET state = ?, reason = ? WHERE connection_id = ? AND side = ? AND role = ? AND id != ? AND state IN [?]",
        SUPERSEDED,
        "Somebody has signed in anew.",
        tx.connection_id,
        grant.side,
        role,
        grant.id,
        [GOOD, DEAD],
    )


async def join(tx: WriteTx, grant: Grant, role: str) -> None:
    """As `adopt`, beside what is there."""
    changed = await tx.run(
        "UPDATE crm_grant SET connection_id = ?, role = ? WHERE id = ? AND (connection_id IS NULL OR connection_id = ?)",
        tx.connection_id,
        role,
        grant.id,
        tx.connection_id,
    )
    if changed != 1:
        raise LookupError(f"grant {grant.id} is another connection's")


async def release(tx: WriteTx, side: str) -> None:
    """The transaction's connection goes before it ever began: its grants are its set-up's again."""
    await tx.run(
        "UPDATE crm_grant SET connection_id = NULL WHERE connection_id = ? AND side = ?", tx.connection_id, side
    )


async def abandoned(tx: Tx, before_us: int) -> list[int]:
    """Grants of set-ups that nobody finished: of no connection, and not touched since."""
    rows = await tx.rows(
        "SELECT id FROM crm_grant WHERE connection_id IS NULL AND sealed IS NOT NULL AND refreshed_at_us < ? ORDER BY id",
        before_us,
    )
    return [row[0] for row in rows]


async def left_deploying(tx: Tx, before_us: int) -> list[int]:
    """Administrators' grants, made before then, of connections that no set-up is under way for: whoever was to end them died."""
    rows = await tx.rows(
        "SELECT id FROM crm_grant WHERE connection_id IS NOT NULL AND role = ? AND sealed IS NOT NULL AND granted_at_us <= ?"
        " AND connection_id NOT IN (SELECT connection_id FROM setup WHERE ended_at_us IS NULL AND connection_id IS NOT NULL)"
        " ORDER BY id",
        ADMIN,
        before_us,
    )
    return [row[0] for row in rows]


async def set_role(tx: WriteTx, grant_id: int, role: str) -> None:
    await tx.run("UPDATE crm_grant SET role = ? WHERE id = ?", role, grant_id)


async def supersede_all(
    tx: WriteTx, side: str, reason: str = "The connection signs in with a key or a token now."
) -> None:
    """The transaction's connection signs in another way from now on (a pasted token, client credentials, another org)."""
    await tx.run(
        "UPDATE crm_grant SET state = ?, reason = ? WHERE connection_id = ? AND side = ? AND state IN [?]",
        SUPERSEDED,
        reason,
        tx.connection_id,
        side,
        [GOOD, DEAD],
    )


async def shares_refresh_token(tx: Tx, grant: Grant) -> bool:
    """Whether another grant lives by the same refresh token: to revoke the one would end the other. (Whether HubSpot gives a
    user who lets the same app in twice a token of its own each time is not documented.)"""
    if grant.tokens is None or grant.tokens.refresh is None:
        return False
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM crm_grant WHERE side = ? AND state = ? AND id != ?", grant.side, GOOD, grant.id
    )
    return any(_readable_refresh(tx, row) == grant.tokens.refresh for row in rows)


def _readable_refresh(tx: Tx, row: Row) -> str | None:
    """None also where its key is lost: nobody lives by it any more, and it must not keep another from being ended."""
    try:
        tokens = _grant(tx, row).tokens
    except SecretUnreadable:
        return None
    return None if tokens is None else tokens.refresh


async def reseal(tx: WriteTx, keyring: Keyring) -> int:
    """As `secrets.reseal`, for all grants at once: those of no connection yet are among them."""
    rows = await tx.rows("SELECT id, sealed FROM crm_grant WHERE sealed IS NOT NULL")
    for grant_id, sealed in rows:
        name = f"crm_grant.{grant_id}"
        fresh = keyring.seal(_NO_CONNECTION, name, keyring.unseal(_NO_CONNECTION, name, sealed))
        await tx.run("UPDATE crm_grant SET sealed = ? WHERE id = ?", fresh, grant_id)
    return len(rows)

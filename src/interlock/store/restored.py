"""What a database that was put back from a backup must not believe any more, and how far it had come."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from interlock.store import census
from interlock.store.database import Store
from interlock.store.tx import Tx, WriteTx

# Of the schema that brought deeds, people and tokens.
_WITH_DEEDS = "0005"


class Withdrawn(msgspec.Struct, frozen=True):
    """What a database had taken from people, programs and connections. Empty: nothing."""

    tokens: list[str] = []  # hashes
    people: list[tuple[str, str, str | None, bool]] = []  # (e-mail key, role, password hash, whether disabled)
    accounts: list[tuple[str, str]] = []  # (HubSpot account, state) of connections that were not to sync
    channels: list[tuple[str, str]] | None = None  # all (kind, target) that were told; None: another installation's


async def last_deed_us(tx: Tx) -> int:
    """When something last happened here that a backup would hold: a deed, a write to a CRM, a good answer of one. 0: never."""
    row = await tx.row(
        "SELECT MAX(at_us) FROM (SELECT MAX(at_us) AS at_us FROM deed UNION ALL SELECT MAX(at_us) FROM audit"
        " UNION ALL SELECT MAX(hubspot_last_ok_us) FROM connection"
        " UNION ALL SELECT MAX(salesforce_last_ok_us) FROM connection) AS times"
    )
    return int(row[0] or 0) if row is not None else 0


async def forget_what_was_running(tx: WriteTx) -> None:
    """Processes of then are no more, and what they answered is out of date; who was signed in then may have been signed out since,
    and a link been taken back."""
    for table in ("worker", "handover", "job", "session", "one_time_link", "sign_in"):
        await tx.run(f"DELETE FROM {table}")
    await tx.run("UPDATE colleague_link SET ended_at_us = ? WHERE ended_at_us IS NULL", tx.now_us)
    await census.disbelieve(tx)
    await tx.run("UPDATE lease SET until_us = 0")
    await tx.run("UPDATE crm_grant SET turn_owner = NULL, turn_until_us = NULL")


async def withdrawn(tx: Tx, first_deed: str | None) -> Withdrawn:
    """`first_deed`: of the other database; only of the same installation's is what is missing here known to be gone."""
    tokens = await tx.rows("SELECT token_hash FROM api_token WHERE revoked_at_us IS NOT NULL")
    people = await tx.rows("SELECT email_key, role, password_hash, disabled_at_us FROM person")
    halted = "SELECT hubspot_account_id, state FROM connection WHERE state IN ('paused', 'not_connected')"
    channels = None
    if first_deed is not None and await first_deed_of(tx) == first_deed:
        rows = await tx.rows("SELECT kind, target FROM notify_channel WHERE person_id IS NULL")
        channels = [(row[0], row[1]) for row in rows]
    return Withdrawn(
        [row[0] for row in tokens],
        [(key, role, password, disabled is not None) for key, role, password, disabled in people],
        [(row[0], row[1]) for row in await tx.rows(halted)],
        channels,
    )


async def begins_with(store: Store) -> str | None:
    """As `first_deed_of`, also of a database that is only looked into, whichever version of ours wrote it."""
    if await store.revision() < _WITH_DEEDS:
        return None
    async with store.read(None) as tx:
        return await first_deed_of(tx)


async def first_deed_of(tx: Tx) -> str | None:
    """The hash that the chain of deeds begins with, and by which an installation is told from another. None: no deed was done
    yet, so that nobody has been let in either."""
    row = await tx.row("SELECT hash FROM deed WHERE seq = 1")
    return None if row is None else str(row[0])


async def went_on_to(backup: Tx, tx: Tx) -> bool:
    """Whether what this transaction sees is what the backup's installation went on to, by the last deed of the backup. Of a copy
    that went its own way since (a trial on another machine) people and tokens may have come in that nobody here knows."""
    last = await backup.row("SELECT seq, hash FROM deed ORDER BY seq DESC LIMIT 1")
    if last is None:
        return True
    return await tx.row("SELECT 1 FROM deed WHERE seq = ? AND hash = ?", *last) is not None


async def withdraw_again(tx: WriteTx, known: Withdrawn, why: Mapping[str, str], fix: str) -> dict[str, int]:
    """How many of each were still given here. Nothing is given that was not: whoever was made since is not made again.

    `why`: state of a connection then -> why it is paused now, a sentence.
    """
    counts = {"tokens": 0, "people": 0, "connections": 0, "channels": 0}
    counts["tokens"] = await tx.run(
        "UPDATE api_token SET revoked_at_us = ? WHERE revoked_at_us IS NULL AND token_hash IN [?]",
        tx.now_us,
        known.tokens,
    )
    for key, role, password_hash, disabled in known.people:
        # The password is that of today, or none where it was taken away: an old one may be known to others.
        await tx.run("UPDATE person SET password_hash = ? WHERE email_key = ?", password_hash, key)
        lower = {"viewer": ["operator", "admin"], "operator": ["admin"]}.get(role, [])
        changed = await tx.run("UPDATE person SET role = ? WHERE email_key = ? AND role IN [?]", role, key, lower)
        if disabled:
            changed += await tx.run(
                "UPDATE person SET disabled_at_us = ? WHERE email_key = ? AND disabled_at_us IS NULL", tx.now_us, key
            )
        counts["people"] += changed > 0
    for account_id, state in known.accounts:
        counts["connections"] += await tx.run(
            "UPDATE connection SET state = 'paused', state_since_us = ?, state_reason = ?, state_fix = ?"
            " WHERE hubspot_account_id = ? AND state NOT IN ('paused', 'not_connected')",
            tx.now_us,
            why[state],
            fix,
            account_id,
        )
    if known.channels is not None:
        told = await tx.rows("SELECT id, kind, target FROM notify_channel WHERE person_id IS NULL")
        gone = [row[0] for row in told if (row[1], row[2]) not in known.channels]
        counts["channels"] = await tx.run("DELETE FROM notify_channel WHERE id IN [?]", gone)
    return counts

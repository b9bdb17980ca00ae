"""What a database that was put back from a backup must not believe any more, and how far it had come."""

from __future__ import annotations

from interlock.store.tx import Tx, WriteTx


async def last_deed_us(tx: Tx) -> int:
    """When something last happened here that a backup would hold: a deed, a write to a CRM, a good answer of one. 0: never."""
    row = await tx.row(
        "SELECT MAX(at_us) FROM (SELECT MAX(at_us) AS at_us FROM deed UNION ALL SELECT MAX(at_us) FROM audit"
        " UNION ALL SELECT MAX(hubspot_last_ok_us) FROM connection"
        " UNION ALL SELECT MAX(salesforce_last_ok_us) FROM connection) AS times"
    )
    return int(row[0] or 0) if row is not None else 0


async def forget_what_was_running(tx: WriteTx) -> None:
    """Processes of then are no more; who was signed in then may have been signed out since, and a link been taken back."""
    for table in ("worker", "handover", "session", "one_time_link", "sign_in"):
        await tx.run(f"DELETE FROM {table}")
    await tx.run("UPDATE colleague_link SET ended_at_us = ? WHERE ended_at_us IS NULL", tx.now_us)
    await tx.run("UPDATE lease SET until_us = 0")
    await tx.run("UPDATE crm_grant SET turn_owner = NULL, turn_until_us = NULL")

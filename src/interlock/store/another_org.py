"""A connection goes over to another Salesforce org: what was known of the records of the old one is set aside or forgotten.

One transaction of the connection, under the lease of the old org. Ids of Salesforce records mean nothing in another org, or
something else; so whatever names one is history from then on, or gone.

    record_link                 `unlinked`: history, found by its own id and in pages only; its base proves ids in the new org until
                                the connection begins there (`forget_bases`)
    intent                      into HubSpot: to be looked up in its history; all others are forgotten
    audit                       stays; a conflict that was open is settled, since a choice would be one about the old pair
    issue                       resolved
    dirty, awaited, cursor, identity, unlinked, suggestion, resolution, undo, directory       gone
    handover                    answered as failed
    job                         stays for its day: what was asked, and what came of it then
    dirty_counter, calls, erased, object_mapping, field_mapping, secret  stay
"""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.core.model import AuditKind, IntentKind, IntentState, Side
from interlock.store import audit, dirty, intents, jsontext, links
from interlock.store.tx import Tx, WriteTx

# Of no lease: whoever drains next finds these as left over (`intents.older_than_fence`).
NOBODYS_FENCE = 0
_FORGOTTEN = ("dirty", "awaited", "cursor", "identity", "unlinked", "suggestion", "resolution", "undo", "directory")


class SetAside(msgspec.Struct, frozen=True):
    """`links`: pairs that lived. `due`: records to be looked at now. `may_land`: writes into HubSpot of which no answer is known,
    and which may land yet."""

    links: int
    due: int
    open_writes: int
    may_land: int


async def counts(tx: Tx) -> SetAside:
    """What `set_aside` would find now."""
    live = sum(n for states in (await links.counts(tx)).values() for state, n in states.items() if state != "unlinked")
    due = sum(each.due for each in (await dirty.counts(tx, tx.now_us)).values())
    return SetAside(live, due, await intents.count(tx), 0)


async def set_aside(tx: WriteTx, told: dict[str, Any]) -> SetAside:
    """`told`: the failure that whoever waits for a sync is answered with."""
    found = await counts(tx)
    may_land = await _leave_writes(tx)
    await tx.run(
        "UPDATE record_link SET state = 'unlinked', held = NULL WHERE connection_id = ? AND state <> 'unlinked'",
        tx.connection_id,
    )
    for table in _FORGOTTEN:
        await tx.run(f"DELETE FROM {table} WHERE connection_id = ?", tx.connection_id)
    await tx.run(
        "UPDATE issue SET status = 'resolved', next_try_us = NULL WHERE connection_id = ? AND status <> 'resolved'",
        tx.connection_id,
    )
    await tx.run(
        "UPDATE audit SET status = 'settled' WHERE connection_id = ? AND kind = 'conflict' AND status = 'open'",
        tx.connection_id,
    )
    await tx.run(
        "UPDATE handover SET state = 'failed', answer = ? WHERE connection_id = ? AND state IN ('waiting', 'taken')",
        jsontext.dump(told),
        tx.connection_id,
    )
    return msgspec.structs.replace(found, may_land=may_land)


async def forget_bases(tx: WriteTx) -> None:
    """Nothing is to be proven by them any more. As in every pair that ends (links.set_state): who is erased later could not be
    forgotten in its fingerprints."""
    await tx.run(
        "UPDATE record_link SET base = ? WHERE connection_id = ? AND state = 'unlinked'",
        links.pack_base({}, {}),
        tx.connection_id,
    )


async def _leave_writes(tx: WriteTx) -> int:
    """Nobody reads the pair of a write again by which one would know whether it landed: what it may have replaced, and was decided
    against, is logged as it stands. What nobody had seen before it was replaced in HubSpot is still found in its history."""
    may_land = 0
    drop: list[int] = []
    verify: list[int] = []
    for intent in await intents.all_(tx):
        assert intent.id is not None
        into_hubspot = intent.target.side is Side.HUBSPOT
        may_land += into_hubspot and intent.state in (IntentState.SENT, IntentState.UNKNOWN)
        if intent.state is not IntentState.VERIFY:
            await audit.append(tx, [row for row in intent.rows if row.kind is AuditKind.CONFLICT])
        known = intent.kind is IntentKind.UPDATE or intent.state is IntentState.VERIFY
        (verify if into_hubspot and intent.target.id and known else drop).append(intent.id)
    await intents.settle(tx, drop)
    await intents.leave_to_verify(tx, verify, NOBODYS_FENCE)
    return may_land

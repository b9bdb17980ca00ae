"""A connection that another user signs in for does not sync before that user has the permission set: until then Salesforce may hide
fields and records from them, Interlock's own among them, so that what is there would be made a second time, or without its values.

It is paused with its reason, and goes on by itself once the set is given (app/org_work). *Resume* goes on without.
"""

from __future__ import annotations

from typing import Any

from interlock.app.connections import HALTED, UNTIL_PERMITTED, fresh
from interlock.core.model import Side
from interlock.crm.oauth import Identity
from interlock.store import Store, connections, schedule
from interlock.store.connections import Connection


def paused_for(now: Connection, identity: Identity) -> dict[str, Any]:
    """What changes of the connection when this user signs in for it; nothing where they are the same as before, or it stands still
    for a reason of its own."""
    before = now.settings.get("users", {}).get(Side.SALESFORCE.value)
    if now.begun_at_us is None or (now.state in HALTED and now.state != "signed_out"):
        return {}
    if identity.user_name == before and UNTIL_PERMITTED not in now.settings:
        return {}
    return {
        "state": "paused",
        "state_reason": (
            f"{identity.user_name} syncs with Salesforce from now on, and has not been given the permission set Interlock"
            " Integration yet: fields and records may be hidden from them until then."
        ),
        "state_fix": "It goes on by itself once the set is given. Where that failed, the tab Connection says why, and what to do.",
    }


async def go_on(store: Store, connection_id: int) -> None:
    """The set is given. Who was paused by a person meanwhile stays so."""
    async with store.write(connection_id) as tx:
        now = await fresh(tx, connection_id)
        if UNTIL_PERMITTED not in now.settings:
            return
        settings = {name: value for name, value in now.settings.items() if name != UNTIL_PERMITTED}
        changes: dict[str, Any] = {"settings": settings}
        if now.state == "paused":
            changes |= {"state": "idle", "state_reason": None, "state_fix": None}
        await connections.update(tx, connection_id, **changes)
        await schedule.ring(tx)

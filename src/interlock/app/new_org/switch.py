"""From here on the connection belongs to the new org: one transaction, under the lease of the old one.

    1. paused                          whoever syncs it now ends with the batch
    2. lease of the old org taken      whoever still works by an older one writes nothing more, here or there (engine/ownership.py)
    3. one transaction                 org, address, sign-in, history set aside, stage "moved"
    4. the old org's sign-ins ended    best effort: that org may be gone

A process that dies before 3 leaves a paused connection of the old org, with what to do in its state; after 3 one of the new org.
A process that had read the connection before 3 and takes a lease after it is stopped when it opens its cycle (app/runtime.py).
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from interlock.app import sign_offs
from interlock.app.connections import BRAKE_RELEASED, ORG_SINCE, fresh
from interlock.app.disconnect import KEYS
from interlock.app.errors import Failure, Stale
from interlock.app.new_org import kept, offer, prepare
from interlock.app.new_org.kept import NewOrg, Opened
from interlock.app.new_org.offer import Look
from interlock.app.once import owner_name
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.runtime import settings_of
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.sign_in_checks import check_other_sandbox
from interlock.app.turns import WAIT_S, when_free
from interlock.core.model import Side
from interlock.engine.ownership import own
from interlock.store import another_org, connections, directory, grants, secrets
from interlock.store.connections import Connection
from interlock.store.lease import Lease

_ENDED = "The connection has gone over to another sandbox."


async def switch(
    interlock: Opened,
    by: By,
    connection: Connection,
    seen: str,
    *,
    trusts_address: bool = False,
    wait_s: float = WAIT_S,
) -> NewOrg:
    """`seen`: the fingerprint of the look that the person has confirmed. Raises Stale where it is another by now, Stopped where
    there is none, Missing for a sign-in that has ended, CrmError, HeldByOther; then all is as it was, but that the connection may
    be paused."""
    assert connection.id is not None
    now_there = await offer.look(interlock, connection)
    if now_there.fingerprint != seen:
        raise Stale(
            "What the new sandbox holds is not what this page has shown. Nothing was changed.",
            fix="Read again what would happen, then confirm.",
        )
    await _pause(interlock, connection)
    # Of the sandbox before, where nobody has begun.
    await interlock.background.cancel(prepare.task_name(connection.id))

    async def attempt() -> NewOrg:
        async with own(interlock.store, connection.salesforce_org_id, owner_name(), interlock.clock_us) as ownership:
            return await _switch(interlock, by, connection, now_there, trusts_address, ownership.lease)

    moved = await when_free(attempt, interlock.clock_us, wait_s)
    return await _end_old_sign_ins(interlock, connection.id, moved)


async def _pause(interlock: Opened, connection: Connection) -> None:
    assert connection.id is not None
    async with interlock.store.write(connection.id) as tx:
        now = await fresh(tx, connection.id)
        kept.offered(now)
        await connections.update(
            tx,
            connection.id,
            state="paused",
            state_reason="It is being connected to a new sandbox.",
            state_fix="Confirm it again under Settings, Connection, Connect to a new sandbox; or resume, to stay with the old one.",
        )


async def _switch(
    interlock: Opened, by: By, connection: Connection, look: Look, trusts_address: bool, lease: Lease
) -> NewOrg:
    assert connection.id is not None
    async with interlock.store.write(connection.id, lease) as tx:
        now = await fresh(tx, connection.id)
        offered = kept.offered(now)
        if offered != kept.offered(connection):
            raise Stale("Somebody has signed in to another sandbox meanwhile.", fix="Read again what would happen.")
        check_other_sandbox(now, offered.identity)
        aside = await another_org.set_aside(tx, msgspec.structs.asdict(_told(now, offered)))
        await grants.supersede_all(tx, Side.SALESFORCE.value, _ENDED)
        landed_at_us = tx.now_us + (settings_of(now).park_us(Side.HUBSPOT) if aside.may_land else 0)
        moved = msgspec.structs.replace(
            offered,
            stage="moved",
            left=now.salesforce_org_id,
            left_name=now.salesforce_name,
            moved_at_us=tx.now_us,
            landed_at_us=landed_at_us,
            aside=aside,
            trusts_address=trusts_address,
            emptied=offered.before is not None,
            before=None,
        )
        # Ids that HubSpot's own integration left name records of the old org as well.
        dropped = {BRAKE_RELEASED, "native_ids"}
        now.settings = {name: value for name, value in now.settings.items() if name not in dropped}
        now.settings[ORG_SINCE] = tx.now_us
        now.settings["users"] = {**now.settings.get("users", {}), "salesforce": offered.identity.user_name}
        await connections.update(
            tx,
            connection.id,
            salesforce_org_id=offered.identity.account_id,
            salesforce_name=offered.identity.account_name,
            salesforce_url=offered.identity.api_url,
            salesforce_last_ok_us=None,
            begun_at_us=tx.now_us,
            state="paused",
            state_reason=f"It has gone over to the sandbox {offered.identity.account_name} and waits for a person to begin there.",
            state_fix="Open Settings, Connection, Connect to a new sandbox: look at the preview, and begin.",
        )
        moved = msgspec.structs.replace(moved, not_ended=_keys_to_end(await secrets.names(tx)))
        await kept.put(tx, now, moved)
        # Checks that the grant is good and of this org, and forgets pasted tokens and keys of the old one.
        await sign_offs.adopt(tx, (offered.grant,))
        await directory.put(tx, SCHEMAS, msgspec.to_builtins(look.schemas))
        await record(
            tx,
            by,
            "new_sandbox_connected",
            f"connection:{connection.id}",
            salesforce=offered.identity.account_id,
            before=moved.left,
            links=aside.links,
            open_writes=aside.open_writes,
        )
    return moved


def _keys_to_end(names: Collection[str]) -> str:
    """Keys of the old org that a person made there, and where they are ended: they are forgotten here."""
    held = [fix for side, name, fix in KEYS if side is Side.SALESFORCE and f"sign_in.{name}" in names]
    return " ".join(held)


def _told(now: Connection, offered: NewOrg) -> Failure:
    """To whoever had asked for a sync and waits for its answer."""
    return Failure(
        "new_sandbox_not_begun",
        f"{now.name} has gone over to the sandbox {offered.identity.account_name} meanwhile.",
        4,
        fix="Open Settings, Connection, Connect to a new sandbox.",
    )


async def _end_old_sign_ins(interlock: Opened, connection_id: int, moved: NewOrg) -> NewOrg:
    """What cannot be ended is said, and stops nothing: the tokens are wiped here all the same."""
    async with interlock.crms() as crms:
        ended = await sign_offs.revoke_superseded(interlock.store, crms, connection_id)
    not_ended = " ".join(f"{each.why_not} {each.fix}" for each in ended if each.why_not is not None)
    if not not_ended:
        return moved
    moved = msgspec.structs.replace(moved, not_ended=f"{moved.not_ended} {not_ended}".strip())
    async with interlock.store.write(connection_id) as tx:
        now = await fresh(tx, connection_id)
        if (found := kept.of(now)) is not None and found.stage == "moved":
            await kept.put(tx, now, moved)
    return moved

"""Choosing a connection, showing it, pausing and resuming it. Calls no CRM."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from interlock.app import reach
from interlock.app.errors import BadInput, Missing, NotConnected, Stopped
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.reach import Reach
from interlock.app.times import rfc3339
from interlock.core.model import Side
from interlock.objects.registry import SPECS
from interlock.store import Store, connections, handovers, schedule
from interlock.store.connections import Connection
from interlock.store.tx import Tx, WriteTx

Json = dict[str, Any]

# States in which a person (or a safety net) has stopped the sync, and the word to say so.
HALTED = {
    "paused": "paused",
    "suspended": "suspended after a failure",
    "signed_out": "signed out",
    "stopped_by_brake": "stopped by a brake",
    "not_connected": "disconnected",
}
PAUSED_OBJECTS = "paused_objects"
# Of one that comes back by a restore: the state it had come to since the backup -> why it does not sync by itself.
SINCE_THE_BACKUP = {
    "paused": "A backup was restored that is older than its pause.",
    "not_connected": "A backup was restored that is older than its end: it had been disconnected.",
}
# As those, where the backup is of another installation than the one that was here.
BY_THE_REPLACED = {
    "paused": "A backup of another installation was restored over one in which this was paused.",
    "not_connected": "A backup of another installation was restored over one in which this had been disconnected.",
}
SINCE_THE_BACKUP_FIX = "Run `interlock resume` to have it sync again, or `interlock disconnect`."
# A person looked at what tripped the brake and resumed: the next drain may do it.
BRAKE_RELEASED = "brake_released"
# In the settings, while it is paused because who syncs has not been given the permission set (until_permitted.py).
UNTIL_PERMITTED = "until_permitted"
# In the settings, while it goes over to another org (app/new_org), and, for good, since when it is with the org that it has:
# what was written before was written to records of another.
NEW_ORG = "new_org"
ORG_SINCE = "org_since_us"
# Of a connection that does not talk yet.
NOTHING_KNOWN = {side: Reach() for side in Side}


async def choose(store: Store, name: str | None) -> Connection:
    """The named connection, or the only one. Raises Missing, NotConnected."""
    async with store.read(None) as tx:
        found = await connections.list_(tx)
    names = ", ".join(each.name for each in found)
    if name is not None:
        for each in found:
            if each.name == name:
                return each
        raise Missing(
            f"There is no connection named {name!r}.",
            code="no_such_connection",
            fix=f"There are: {names}." if found else "Run `interlock connect` first.",
        )
    if not found:
        raise NotConnected(
            "Nothing is connected yet.",
            fix="Run `interlock connect`, or `interlock demo` to see it work with nothing set up.",
        )
    if len(found) > 1:
        raise NotConnected(
            f"There are several connections: {names}.", code="which_connection", fix="Name one with --connection."
        )
    return found[0]


async def named(store: Store, text: str) -> Connection:
    """By id where it is digits alone, else by name. Raises Missing."""
    if not (text.isascii() and text.isdigit()):
        return await choose(store, text)
    async with store.read(None) as tx:
        found = await connections.get(tx, int(text)) if len(text) < 19 else None
    if found is None:
        raise Missing(f"There is no connection {text}.", code="no_such_connection", fix="List them first.")
    return found


async def all_(store: Store, name: str | None) -> list[Connection]:
    """Every connection, or the named one."""
    if name is not None:
        return [await choose(store, name)]
    async with store.read(None) as tx:
        return await connections.list_(tx)


async def document(store: Store, connection: Connection) -> Json:
    assert connection.id is not None
    async with store.read(connection.id) as tx:
        known = await reach.read(tx)
    return as_document(connection, known)


def as_document(connection: Connection, known: dict[Side, Reach]) -> Json:
    user = connection.settings.get("users", {})
    return {
        "id": connection.id,
        "name": connection.name,
        "state": connection.state,
        "state_since": rfc3339(connection.state_since_us),
        "state_reason": connection.state_reason,
        "state_fix": connection.state_fix,
        "hubspot": {
            "account_id": connection.hubspot_account_id,
            "name": connection.hubspot_name,
            "user": user.get("hubspot"),
            "url": connection.hubspot_url,
            "reachable": known[Side.HUBSPOT].reachable,
            "last_ok_at": rfc3339(connection.hubspot_last_ok_us),
        },
        "salesforce": {
            "org_id": connection.salesforce_org_id,
            "name": connection.salesforce_name,
            "user": user.get("salesforce"),
            "url": connection.salesforce_url,
            "sandbox": connection.sandbox,
            "reachable": known[Side.SALESFORCE].reachable,
            "last_ok_at": rfc3339(connection.salesforce_last_ok_us),
        },
    }


def check_objects(objects: Sequence[str] | None) -> list[str] | None:
    """Object slugs as typed. Raises BadInput."""
    for slug in objects or ():
        if slug not in SPECS:
            raise BadInput(
                f"{slug!r} is not an object that syncs.", code="no_such_object", fix=f"There are: {', '.join(SPECS)}."
            )
    return list(dict.fromkeys(objects)) if objects else None


def objects_on(connection: Connection) -> list[str]:
    """Those that sync at all, by what was chosen, in sync order; that one is paused meanwhile is another matter."""
    chosen = connection.settings.get("objects", SPECS)
    return [slug for slug in SPECS if slug in chosen]


def is_on(connection: Connection, slug: str) -> bool:
    return slug in objects_on(connection)


def active_objects(connection: Connection) -> list[str]:
    """Those that sync and are not paused."""
    paused = paused_objects(connection)
    return [slug for slug in objects_on(connection) if slug not in paused]


def paused_objects(connection: Connection) -> set[str]:
    return set(connection.settings.get(PAUSED_OBJECTS, ()))


class StateChange(msgspec.Struct, frozen=True):
    """What pause or resume did, or would do."""

    before: str
    after: str
    reason: str | None  # why it had been stopped
    objects: list[str]
    changed: bool

    def document(self, *, plan: bool) -> Json:
        return {
            "before": self.before,
            "after": self.after,
            "reason": self.reason,
            "paused_objects": self.objects,
            "changed": self.changed and not plan,
            "planned": plan,
        }


async def pause(
    store: Store, connection: Connection, objects: Collection[str] | None, *, plan: bool, by: By = BY_COMMAND
) -> StateChange:
    """Stop syncing until `resume`: everything, or these objects only."""
    assert connection.id is not None
    if plan:
        return _pausing(connection, objects)
    async with store.write(connection.id) as tx:
        # As it is now: somebody else may have paused another object, or disconnected it.
        now = await fresh(tx, connection.id)
        change = _pausing(now, objects)
        if not change.changed:
            return change
        if objects:
            await _set_paused(tx, now, change.objects)
            await record(tx, by, "paused", f"connection:{connection.id}", paused_objects=change.objects)
        else:
            # What would have gone on by itself does so no more.
            fix = None if UNTIL_PERMITTED in now.settings else now.state_fix
            settings = {name: value for name, value in now.settings.items() if name != UNTIL_PERMITTED}
            await connections.update(
                tx,
                connection.id,
                state="paused",
                state_reason=" ".join(filter(None, ("A person has paused it.", why_it_stood_still(now)))),
                state_fix=" ".join(filter(None, (fix, "Run `interlock resume`."))),
                settings=settings,
            )
            await record(tx, by, "paused", f"connection:{connection.id}")
    return change


def why_it_stood_still(now: Connection) -> str | None:
    """What a resume would run into again. The pause stands in its place, so it is to be read there."""
    match now.state:
        case "suspended":
            return f"It had been suspended before: {now.state_reason}"
        case "signed_out":
            return f"It had been signed out before: {now.state_reason}"
        case "stopped_by_brake":
            return f"A brake had stopped it before: {now.state_reason}"
        case "paused" if UNTIL_PERMITTED in now.settings:
            return f"It had been paused before: {now.state_reason}"
    return None


def _pausing(now: Connection, objects: Collection[str] | None) -> StateChange:
    paused = paused_objects(now)
    if objects:
        after = paused | set(objects)
        return StateChange(now.state, now.state, None, sorted(after), after != paused)
    # What is disconnected does not sync, and is not to be resumed as something that was only paused.
    state = now.state if now.state == "not_connected" else "paused"
    would_go_on = state == "paused" and UNTIL_PERMITTED in now.settings
    return StateChange(now.state, state, now.state_reason, sorted(paused), now.state != state or would_go_on)


async def resume(
    store: Store,
    connection: Connection,
    objects: Collection[str] | None,
    *,
    plan: bool,
    by: By = BY_COMMAND,
    seen_since_us: int | None = None,
) -> StateChange:
    """Sync again; also clears a suspension or a brake, whose reason is in the answer.

    `seen_since_us`: since when the state has been that a person was shown; None: that of `connection`. Raises Stopped where it is
    another by now: its reason was not seen.
    """
    assert connection.id is not None
    if plan:
        return _resuming(connection, objects)
    async with store.write(connection.id) as tx:
        now = await fresh(tx, connection.id)
        change = _resuming(now, objects)
        if not change.changed:
            return change
        if change.after != change.before:
            _check_seen(now, connection.state_since_us if seen_since_us is None else seen_since_us)
        if change.objects != sorted(paused_objects(now)):
            await _set_paused(tx, now, change.objects)
        if change.after != change.before:
            released = {BRAKE_RELEASED: True} if now.state == "stopped_by_brake" else {}
            settings = {**(await fresh(tx, connection.id)).settings, **released}
            settings.pop(UNTIL_PERMITTED, None)
            await connections.update(
                tx, connection.id, state=change.after, state_reason=None, state_fix=None, settings=settings
            )
        if now.begun_at_us is not None and change.after not in HALTED:
            # A dispatcher that has put it off, for as long as it stood still or by settings of before, looks again now.
            await handovers.ask(tx, (), ())
        await schedule.ring(tx)
        await record(tx, by, "resumed", f"connection:{connection.id}", was=change.before, paused_objects=change.objects)
    return change


def waits_in_new_org(connection: Connection) -> bool:
    kept = connection.settings.get(NEW_ORG, {})
    return kept.get("stage") == "moved" or kept.get("before") is not None


def check_org_settled(connection: Connection) -> None:
    """Raises Stopped for one that has gone over to another org and has not begun there: its keys may still name records of the
    old one."""
    if waits_in_new_org(connection):
        raise Stopped(
            f"{connection.name} has gone over to {connection.salesforce_name} and has not begun to sync there.",
            code="new_sandbox_not_begun",
            fix="Open Settings, Connection, Connect to a new sandbox: look at the preview there, and begin.",
        )


def since_of_org(connection: Connection, since_us: int) -> int:
    """The later of the two: what was written before the connection had this org is of no use to it."""
    return max(since_us, int(connection.settings.get(ORG_SINCE, 0)))


def _resuming(now: Connection, objects: Collection[str] | None) -> StateChange:
    """Raises NotConnected, Stopped."""
    if now.state == "not_connected":
        raise NotConnected(
            f"{now.name} is disconnected: there is no sign-in to sync with.",
            fix="Run `interlock connect`, or sign in again on the pages.",
        )
    if not objects:
        check_org_settled(now)
    paused = paused_objects(now)
    left = paused - set(objects) if objects else set()
    state = now.state
    if not objects and state in HALTED:
        state = "idle" if now.begun_at_us is not None else "setting_up"
    return StateChange(now.state, state, now.state_reason, sorted(left), state != now.state or left != paused)


def _check_seen(now: Connection, seen_since_us: int) -> None:
    """Raises Stopped."""
    if now.state_since_us != seen_since_us:
        why = now.state_reason or HALTED.get(now.state, now.state)
        raise Stopped(
            f"Since you looked, {now.name} has changed: {why}",
            code="changed_since",
            fix="Read the reason, then clear it.",
        )


async def _set_paused(tx: WriteTx, now: Connection, objects: Collection[str]) -> None:
    assert now.id is not None
    await connections.update(tx, now.id, settings={**now.settings, PAUSED_OBJECTS: sorted(objects)})
    await schedule.ring(tx)


async def fresh(tx: Tx, connection_id: int) -> Connection:
    """In a transaction that may change it, nobody else does until that ends. Raises Missing."""
    read = (
        connections.get_to_change(tx, connection_id) if isinstance(tx, WriteTx) else connections.get(tx, connection_id)
    )
    found = await read
    if found is None:
        raise Missing(
            "The connection is gone: somebody has removed it meanwhile.",
            code="no_such_connection",
            fix="See which there are: `interlock connections`, or Status.",
        )
    return found

"""What `status` tells: a verdict, every object's counts, API use, and what to do. Reads the store only, calls no CRM."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from interlock.app import first_sync, reach, states
from interlock.app.connections import HALTED, as_document, is_on, paused_objects
from interlock.app.first_sync import Expected
from interlock.app.times import US, rfc3339, shown
from interlock.core.model import LinkState, Side
from interlock.crm.budget import PURPOSES
from interlock.objects.registry import SPECS
from interlock.store import (
    Store,
    audit,
    calls,
    connections,
    cursors,
    dirty,
    heartbeat,
    issues,
    lease,
    links,
    looks,
    mappings,
)
from interlock.store.connections import Connection
from interlock.store.tx import Tx

Json = dict[str, Any]

DAY_US = 86_400 * US
# A dispatcher beats every two seconds; one that has not for this long is not running.
BEAT_LOST_US = 10 * US
GAP_TOLD_US = 7 * DAY_US
SIDES = {"hubspot": "HubSpot", "salesforce": "Salesforce"}
_STANDS_STILL = {
    "paused": "Syncing is paused.",
    "suspended": "Syncing is suspended after a failure.",
    "signed_out": "Syncing is signed out.",
    "stopped_by_brake": "Syncing is stopped by a brake.",
    "not_connected": "The connection is disconnected.",
}


class ConnectionStatus(msgspec.Struct):
    """One connection: the document of the interface, and what the exit code needs."""

    document: Json
    issues: int
    begun: bool
    lag_s: float | None
    halted: bool
    worker_running: bool = True

    def verdict(self, late: bool = False) -> str:
        """How it is going, in one sentence; what is worst comes first."""
        connection = self.document["connection"]
        if self.halted:
            reason = connection["state_reason"]
            return f"Not syncing: {reason}" if reason else _STANDS_STILL[connection["state"]]
        if self.document["held_up"]:
            reason = self.document["held_up"]["reason"]
            return f"Waiting to try again: {reason}"
        down = [name for side, name in SIDES.items() if connection[side]["reachable"] is False]
        if down:
            if len(down) > 1:
                return "Not in agreement: neither HubSpot nor Salesforce answered when last asked."
            return f"Not in agreement: {down[0]} did not answer when last asked."
        if self.issues:
            return f"Syncing, and {self.issues} {'issue needs' if self.issues == 1 else 'issues need'} a person."
        if late:
            return "Syncing, and behind."
        if not self.begun:
            return "Connected, and nothing synced yet."
        if connection["state"] == "first_sync":
            return "The first sync is running."
        due = sum(each["due"] for each in self.document["objects"].values())
        if due:
            return f"Syncing: {due:,} {'record is' if due == 1 else 'records are'} due."
        waiting = sum(each["waiting"] for each in self.document["objects"].values())
        if waiting:
            return f"In agreement, but for {waiting:,} {'record' if waiting == 1 else 'records'} that wait for a later try."
        return "In agreement: nothing is due, nothing needs you."

    def mood(self) -> str:
        """good | care | stopped: the same in one word, for a colour that goes along."""
        connection = self.document["connection"]
        if self.halted:
            return "stopped"
        down = any(connection[side]["reachable"] is False for side in SIDES)
        return "care" if down or self.document["held_up"] or self.issues else "good"


async def status(store: Store, found: list[Connection], now_us: int) -> list[ConnectionStatus]:
    return [await _one(store, each, now_us) for each in found]


async def live(store: Store, connection_ids: Collection[int], now_us: int) -> dict[int, ConnectionStatus]:
    """Of these connections, those that are still there; and whether a dispatcher runs."""
    async with store.read(None) as tx:
        found = [each for each in await connections.list_(tx) if each.id in connection_ids]
    running = bool((await worker(store, now_us))["running"])
    results = {each.id: await _one(store, each, now_us) for each in found if each.id is not None}
    for each in results.values():
        each.worker_running = running
    return results


async def worker(store: Store, now_us: int) -> Json:
    beat = await heartbeat.last_beat(store)
    running = beat is not None and now_us - beat.at_us < BEAT_LOST_US and not store.has_died(beat.owner)
    return {"running": running, "last_beat_at": rfc3339(beat.at_us if beat else None)}


async def _one(store: Store, connection: Connection, now_us: int) -> ConnectionStatus:
    assert connection.id is not None
    async with store.read(connection.id) as tx:
        known = await reach.read(tx)
        held_up = await states.held_up(tx, connection)
        objects = await _objects(tx, connection, now_us)
        held = await lease.read(tx, connection.salesforce_org_id)
        being_set_up = await states.is_being_set_up(tx, connection.id)
        gaps = [action for slug in objects for action in await _gap(tx, slug, now_us)]
        api = {side.value: await api_of(tx, side, known[side], now_us) for side in (Side.SALESFORCE, Side.HUBSPOT)}
    drained_by_somebody = held is not None and held.until_us > now_us and not store.has_died(held.owner)
    open_issues = sum(each["issues"] for each in objects.values())
    lags = [each["lag_seconds"] for each in objects.values() if each["lag_seconds"] is not None and each["enabled"]]
    document: Json = {
        "connection": as_document(connection, known),
        "held_up": None if held_up is None else held_up.document(),
        "objects": objects,
        "api": api,
        "next_actions": _next_actions(connection, objects, known, being_set_up, held_up) + gaps,
    }
    if connection.state == "idle" and drained_by_somebody and any(each["due"] for each in objects.values()):
        document["connection"]["state"] = "syncing"
    begun = connection.begun_at_us is not None
    return ConnectionStatus(document, open_issues, begun, max(lags, default=None), connection.state in HALTED)


async def _objects(tx: Tx, connection: Connection, now_us: int) -> Json:
    linked, due, raised = await links.counts(tx), await dirty.counts(tx, now_us), await issues.counts(tx)
    conflicts, synced = await audit.conflict_counts(tx), await links.last_synced_us(tx)
    enabled = {row.object for row in await mappings.object_mappings(tx) if row.enabled} - paused_objects(connection)
    checked, expected = await looks.checked(tx), await first_sync.expected(tx)
    documents: Json = {}
    for slug in SPECS:
        here = due.get(slug)
        pairs = linked.get(slug, {}).get(LinkState.LINKED.value, 0)
        documents[slug] = {
            "enabled": slug in enabled and is_on(connection, slug),
            "linked": pairs,
            "due": here.due if here else 0,
            "waiting": here.waiting if here else 0,
            "issues": raised.by_object.get(slug, 0),
            "conflicts": conflicts.get(slug, 0),
            "last_synced_at": rfc3339(synced.get(slug)),
            "lag_seconds": await _lag_s(tx, slug, connection, checked.get(slug), now_us),
            "first_sync": await _first_sync(tx, slug, connection, pairs, expected.get(slug), now_us),
        }
    return documents


async def _lag_s(tx: Tx, slug: str, connection: Connection, checked_us: int | None, now_us: int) -> float | None:
    """How old the oldest difference may be: the oldest due record, and the time since both sides were last looked at."""
    if connection.begun_at_us is None:
        return None
    oldest = await dirty.claim(tx, slug, now_us, 1)
    waits = [now_us - each.due_at_us for each in oldest]
    if checked_us is not None:
        waits.append(now_us - checked_us)
    return round(max(waits, default=0) / US, 3)


async def _first_sync(
    tx: Tx, slug: str, connection: Connection, linked: int, expected: Expected | None, now_us: int
) -> Json | None:
    """How far the first look at every record is. How many there are is not known before the last page unless a preview has
    counted them: null."""
    state = await cursors.get(tx, f"load:{slug}")
    if connection.state != "first_sync" or (state is not None and state["phase"] == "done"):
        return None
    seconds = (now_us - connection.state_since_us) / US
    made = linked if expected is None else max(linked - expected.before, 0)
    rate = round(made / seconds, 3) if seconds > 0 else None
    if expected is None:
        return {"done": linked, "total": None, "rate_per_second": rate, "eta_seconds": None}
    # Records come while it runs: what is done is never more than all.
    total = max(expected.pairs, linked)
    eta = round((total - linked) / rate, 3) if rate else None
    return {"done": linked, "total": total, "rate_per_second": rate, "eta_seconds": eta}


async def api_of(tx: Tx, side: Side, known: reach.Reach, now_us: int) -> Json:
    by_purpose = await calls.used(tx, side, now_us - DAY_US)
    used = sum(by_purpose.values())
    # What is left of the day is expected to go as the last hour went.
    last_hour = sum((await calls.used(tx, side, now_us - calls.HOUR_US)).values())
    return {
        "used_by_interlock_24h": used,
        "used_by_org_24h": known.used_by_all,
        "allocated": known.allocated,
        "limit": known.limit,
        "forecast_24h": max(used, 24 * last_hour) if used else 0,
        "by_purpose": {purpose: by_purpose.get(purpose, 0) for purpose in PURPOSES},
    }


def will_not_last(numbers: Json) -> bool:
    """Whether the allocated calls will be used up before the day is over, or are: then the forecast is just as many."""
    allocated = numbers["allocated"]
    return allocated is not None and numbers["forecast_24h"] >= max(1, allocated)


async def _gap(tx: Tx, slug: str, now_us: int) -> list[Json]:
    """Something to do, or to know, for a week after nobody had looked for longer than the CRMs remember."""
    gap = await looks.gap(tx, slug)
    if gap is None or (gap.done_us is not None and now_us - gap.done_us > GAP_TOLD_US):
        return []
    away = f"Nobody looked at {slug} from {shown(rfc3339(gap.from_us))} to {shown(rfc3339(gap.until_us))}"
    text = f"{away}, longer than the CRMs surely remember deletes. "
    if gap.done_us is None:
        return [{"text": text + f"Every pair is being checked: {gap.checked:,} so far.", "command": "interlock status"}]
    lost = "each had both its records" if not gap.missing else f"{gap.missing:,} records were not there any more"
    return [
        {
            "text": text + f"All {gap.checked:,} pairs were checked: {lost}.",
            "command": f"interlock issues --object {slug}",
        }
    ]


def _next_actions(
    connection: Connection,
    objects: Json,
    known: dict[Side, reach.Reach],
    being_set_up: bool,
    held_up: states.HeldUp | None,
) -> list[Json]:
    actions: list[Json] = []

    def add(text: str, command: str) -> None:
        actions.append({"text": text, "command": command})

    if connection.state in HALTED:
        command = "interlock connect" if connection.state == "not_connected" else "interlock resume"
        said = (_STANDS_STILL[connection.state], connection.state_reason, connection.state_fix)
        add(" ".join(each for each in said if each), command)
    elif being_set_up:
        add("Its set-up on the pages is not finished: finish it, or give it up.", "interlock serve")
    elif connection.begun_at_us is None:
        add("Nothing has been synced yet: see what a sync would change.", "interlock plan")
        add("Then begin.", "interlock sync --once")
    for side, name in SIDES.items():
        told = held_up is not None and held_up.side == side
        if known[Side(side)].reachable is False and connection.state not in HALTED and not told:
            add(f"{name} did not answer: see what is in the way.", "interlock doctor")
    if held_up is not None:
        since = shown(rfc3339(held_up.since_us))
        add(f"Nothing has come through since {since}: {held_up.reason} {held_up.fix}".rstrip(), "interlock doctor")
    if sum(each["issues"] for each in objects.values()):
        add("Records need a person.", "interlock issues")
    if sum(each["conflicts"] for each in objects.values()):
        add("Conflicts were decided by rule: look at them.", "interlock conflicts")
    if connection.begun_at_us is not None and connection.state not in HALTED:
        due = sum(each["due"] for each in objects.values())
        if due:
            add(f"{due:,} {'record is' if due == 1 else 'records are'} due.", "interlock sync --once")
    return actions

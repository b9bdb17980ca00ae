"""What is worth telling: compares how each connection is with what was noticed of it before, and writes notices to the outbox.

Derived from what the store holds, so that it does not matter which process or command brought a connection into its state,
nor whether this one was running then. What was noticed before stands in the connection's cursor `notices`, and moves in the
transaction that makes the notice; two processes that look at once make one, by its `once` (docs/adr/0023).
"""

from __future__ import annotations

import msgspec

from interlock.app import reach, states
from interlock.app.connections import objects_on
from interlock.app.notify import events
from interlock.app.status import DAY_US, SIDES, api_of, will_not_last
from interlock.core.model import AuditKind, Side
from interlock.store import Store, Tx, WriteTx, audit, channels, connections, cursors, dirty, issues, links, notices
from interlock.store.connections import Connection
from interlock.store.notices import Notice

THRESHOLD = "notify_issues_from"  # the connection's setting
THRESHOLD_ISSUES = 25
# Told again only after it was clearly over: a number that goes up and down by one is told once.
OVER_SHARE = 0.8
SUMMARY_HOUR_US = 6 * 3_600_000_000  # of the day, UTC
# A CRM that is away for some minutes is nobody's business: it is tried again.
HELD_UP_TOLD_US = 15 * 60_000_000
KEPT_US = 90 * DAY_US
_CURSOR = "notices"


class Seen(msgspec.Struct):
    """What was noticed before. `begun` None: the connection is looked at for the first time."""

    begun: bool | None = None
    loading: bool = False
    many: list[str] = []  # categories with as many issues as the threshold
    many_changed: int = 0  # how often these have changed
    forecast: bool = False
    summary_day: int = 0


async def look(store: Store, now_us: int) -> int:
    """How many notices were made. Raises StoreError."""
    async with store.read(None) as tx:
        found = await connections.list_(tx)
    return sum([await _look_at(store, each, now_us) for each in found])


async def _look_at(store: Store, connection: Connection, now_us: int) -> int:
    assert connection.id is not None
    async with store.read(connection.id) as tx:
        before = await _seen(tx)
        after, made = await _noticed(tx, connection, before, now_us)
        last = await cursors.get(tx, _CURSOR)
    if not made and after == before and last is not None:
        return 0
    async with store.write(connection.id) as tx:
        if await connections.get(tx, connection.id) is None:
            return 0
        told = [await _tell(tx, each) for each in made]
        await notices.prune(tx, now_us - KEPT_US)
        await cursors.set(tx, _CURSOR, msgspec.to_builtins(after))
    return sum(told)


async def _seen(tx: Tx) -> Seen:
    return msgspec.convert(await cursors.get(tx, _CURSOR) or {}, Seen)


async def _tell(tx: WriteTx, notice: Notice) -> bool:
    wanted = [each.id for each in await channels.list_(tx) if notice.event in each.events and not each.person_disabled]
    if notice.event == events.DAILY_SUMMARY and not wanted:
        # Nobody asked for it, and the bell is for what needs somebody.
        return False
    id_ = await notices.add(tx, notice)
    if id_ is not None:
        await notices.send_to(tx, id_, wanted)
    return id_ is not None


async def _noticed(tx: Tx, connection: Connection, before: Seen, now_us: int) -> tuple[Seen, list[Notice]]:
    after = msgspec.structs.replace(before)
    made = [
        *_stopped(connection),
        *await _held_up(tx, connection, now_us),
        *await _first_sync(tx, connection, before, after),
        *await _many_issues(tx, connection, before, after),
        *await _forecast(tx, connection, before, after, now_us),
        *await _summary(tx, connection, before, after, now_us),
    ]
    return after, [each for each in made if not await notices.is_told(tx, each.once)]


def _stopped(connection: Connection) -> list[Notice]:
    name = connection.name
    titles = {
        events.SUSPENDED: f"{name} is suspended",
        events.STOPPED_BY_BRAKE: f"{name} was stopped by a brake",
        events.SIGNED_OUT: f"{name} is signed out",
    }
    if connection.state not in titles:
        return []
    once = f"{connection.state}:{connection.state_since_us}"
    title = titles[connection.state]
    return [Notice(connection.state, once, title, connection.state_reason or f"{title}.", connection.state_fix or "")]


async def _held_up(tx: Tx, connection: Connection, now_us: int) -> list[Notice]:
    found = await states.held_up(tx, connection)
    if found is None or now_us - found.since_us < HELD_UP_TOLD_US:
        return []
    by = f" by {SIDES[found.side]}" if found.side else ""
    return [
        Notice(
            events.HELD_UP,
            f"held_up:{found.since_us}",
            f"{connection.name} is held up{by}",
            f"{found.reason} Changes wait and are synced once it gets on; it is tried again by itself.",
            found.fix,
        )
    ]


async def _first_sync(tx: Tx, connection: Connection, before: Seen, after: Seen) -> list[Notice]:
    loads = [await cursors.get(tx, f"load:{slug}") for slug in objects_on(connection)]
    begun = connection.begun_at_us is not None
    done = begun and all(load is not None and load["phase"] == "done" for load in loads)
    after.begun, after.loading = begun, begun and not done
    if not done or not (before.loading or before.begun is False):
        return []
    pairs = sum(by_state.get("linked", 0) for by_state in (await links.counts(tx)).values())
    body = f"Every record was looked at once. {pairs:,} pairs are linked; from now on what changes is synced."
    return [
        Notice(
            events.FIRST_SYNC_DONE,
            f"first_sync:{connection.begun_at_us}",
            f"The first sync of {connection.name} is done",
            body,
        )
    ]


async def _many_issues(tx: Tx, connection: Connection, before: Seen, after: Seen) -> list[Notice]:
    threshold = int(connection.settings.get(THRESHOLD, THRESHOLD_ISSUES))
    found = await issues.affected(tx)
    many = [category for category, each in found.items() if each.issues >= threshold]
    still = [
        each
        for each in before.many
        if each not in many and each in found and found[each].issues > OVER_SHARE * threshold
    ]
    after.many = sorted(many + still)
    after.many_changed += after.many != before.many
    return [
        Notice(
            events.ISSUES,
            # Not by the time: two processes that look at once have to come to the same.
            f"issues:{category}:{after.many_changed}",
            f"{connection.name}: {found[category].issues:,} issues of the category {category}",
            f"They hold back {found[category].records:,} records, or parts of them. The others go on.",
            "Open Sync health: it names the cause and what to do.",
        )
        for category in sorted(many)
        if category not in before.many
    ]


async def _forecast(tx: Tx, connection: Connection, before: Seen, after: Seen, now_us: int) -> list[Notice]:
    known = await reach.read(tx)
    numbers = await api_of(tx, Side.SALESFORCE, known[Side.SALESFORCE], now_us)
    allocated, forecast = numbers["allocated"], numbers["forecast_24h"]
    if allocated is None:
        return []
    after.forecast = will_not_last(numbers) or (before.forecast and forecast > OVER_SHARE * allocated)
    if not after.forecast or before.forecast:
        return []
    return [
        Notice(
            events.API_FORECAST,
            f"forecast:{now_us // DAY_US}",
            f"{connection.name}: the allocated Salesforce calls will not last the day",
            f"At the pace of the last hour {forecast:,} calls are used in 24 hours; {allocated:,} are allocated. When they are"
            " used up, changes wait until calls are free again.",
            "Allocate more in Sync health, or find what changes so many records.",
        )
    ]


async def _summary(tx: Tx, connection: Connection, before: Seen, after: Seen, now_us: int) -> list[Notice]:
    day = (now_us - SUMMARY_HOUR_US) // DAY_US
    after.summary_day = max(day, before.summary_day)
    if connection.begun_at_us is None or before.summary_day == 0 or day <= before.summary_day:
        return []
    written = await audit.counts_since(tx, now_us - DAY_US)
    due = sum(each.due for each in (await dirty.counts(tx, now_us)).values())
    open_issues = (await issues.counts(tx)).total
    created, updated = written.get(AuditKind.CREATE.value, 0), written.get(AuditKind.UPDATE.value, 0)
    body = (
        f"In the last 24 hours: {created:,} values of new records and {updated:,} of others were written,"
        f" {written.get(AuditKind.CONFLICT.value, 0):,} conflicts. Now: {due:,} records due, {open_issues:,} issues."
    )
    return [Notice(events.DAILY_SUMMARY, f"summary:{day}", f"{connection.name}: the last 24 hours", body)]

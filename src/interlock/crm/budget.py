"""How fast and how often the CRMs may be called: one governor per side, fed by the servers' own headers.

A governor admits each call before it leaves (waiting for the burst and search limits, refusing when the day's share is
spent), learns from each answer, paces the retries and counts calls by purpose. It sends nothing itself. Waiting and the
clock are injected, so virtual time works; counts outlive the process through BudgetStore.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from interlock.core.model import Side
from interlock.crm.errors import NAMES, BudgetSpent, RateLimited

PURPOSES = ("detect", "fetch", "match", "write", "verify", "setup")

# Families of HubSpot calls that have limits of their own (HubSpot API usage guidelines; the OpenAPI extension
# x-hubspot-rate-limit-exemptions takes search and the association batches out of the ten-second limit).
CRM = "crm"
SEARCH = "search"
ASSOCIATIONS = "associations"

# Association calls have a budget of their own, 100 or 150 in ten seconds by account (same guidelines). Which of the two
# no header was ever seen to tell, so the smaller: with 1,000 inputs a call it is hardly ever reached.
ASSOCIATION_BURST_MAX = 100

SHARE = 0.8  # of the org's daily limit, where a person has set nothing
IDLE_SHARE = 0.05  # idle polling may use this much of what is allocated
IDLE_INTERVAL_MIN_S = 15.0
DAY_S = 86_400.0
USED_REFRESH_S = 300.0  # other processes may count on the same org
FLUSH_CALLS = 25

# A wait that a CRM asks for by name (Retry-After) and that is longer than this is left to whoever runs the turns.
ASKED_WAIT_MOST_S = 60.0
# While others wait for this turn to end, a refused call is waited for this long and no longer.
IMPATIENT_WAIT_MOST_S = 2.0
# After a call was refused as too fast until its tries ran out, no other of its family is even sent for this long; then one
# try tells whether it is over.
CLOSED_S = 30.0

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], int]


def poll_interval_s(calls_per_poll: float, allocated: int, upkeep_calls: float = 0.0) -> float:
    """How long to wait between polls that find nothing, so that a day of them, `upkeep_calls` a day included, takes at
    most 5 % of what is allocated. Never under 15 s; at most a day, however little is allocated."""
    polls_a_day = (IDLE_SHARE * allocated - upkeep_calls) / calls_per_poll
    return DAY_S if polls_a_day <= 1 else max(IDLE_INTERVAL_MIN_S, DAY_S / polls_a_day)


class BudgetStore(Protocol):
    """Where counts of calls outlive the process, in hourly buckets."""

    async def add(self, side: Side, purpose: str, calls: int, at_us: int) -> None: ...

    async def used_24h(self, side: Side) -> dict[str, int]: ...


class MemoryBudgetStore:
    """Hourly buckets in memory: for tests and for commands that keep no database."""

    def __init__(self, clock_us: Clock) -> None:
        self._clock_us = clock_us
        self._buckets: dict[tuple[Side, int, str], int] = {}

    async def add(self, side: Side, purpose: str, calls: int, at_us: int) -> None:
        bucket = (side, at_us // 3_600_000_000, purpose)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + calls

    async def used_24h(self, side: Side) -> dict[str, int]:
        oldest_hour = self._clock_us() // 3_600_000_000 - 23
        used: dict[str, int] = {}
        for (of_side, hour, purpose), calls in self._buckets.items():
            if of_side is side and hour >= oldest_hour:
                used[purpose] = used.get(purpose, 0) + calls
        return used


class Governor:
    """What both sides share: counting, idle pacing, back-off. They differ in `_wait_turn`, `learn` and `allocated`."""

    side: Side
    daily_limit: int  # of everybody's calls, as the server last told

    def __init__(self, store: BudgetStore, clock_us: Clock, sleep: Sleep, rng: random.Random) -> None:
        self._store = store
        self._clock_us = clock_us
        self._sleep = sleep
        self._rng = rng
        self.counts: dict[str, int] = {}  # by purpose, since this governor was made
        self.waited_s = 0.0
        self._unsaved: dict[str, int] = {}
        self._used_before: int | None = None  # of the last 24 h, as the store last told
        self._used_since = 0
        self._used_read_us = 0
        # Another connection waits for the turn that this governor's calls are part of (engine/dispatch/local.py).
        self.impatient = False
        # Asked right before a request leaves; raises where none may: the org is another process's by now.
        self.gate: Callable[[], Awaitable[None]] | None = None
        self._closed_until_us: dict[str, int] = {}  # families whose limit was still in force when a call gave up

    @property
    def allocated(self) -> int:
        """Calls per 24 hours that Interlock may use."""
        raise NotImplementedError

    @property
    def calls_per_s(self) -> float | None:
        """The most calls a second that may leave for long; None: the CRM does not limit the rate."""
        return None

    def used_by_others(self, ours: int) -> int:
        """Calls of the day by everybody else, as far as the CRM tells. `ours`: Interlock's own of the last 24 hours."""
        return 0

    def allocate(self, calls: int | None) -> None:
        """What a person allows from now on; None: what it is by itself. HubSpot's calls are not shared out."""

    async def admit(self, purpose: str, family: str = CRM) -> None:
        """Returns when the call may leave. Raises BudgetSpent, RateLimited."""
        await self._check_day()
        if self._clock_us() < self._closed_until_us.get(family, 0):
            raise self._too_fast()
        await self._wait_turn(family)
        self.counts[purpose] = self.counts.get(purpose, 0) + 1
        self._unsaved[purpose] = self._unsaved.get(purpose, 0) + 1
        self._used_since += 1
        if sum(self._unsaved.values()) >= FLUSH_CALLS:
            await self.flush()

    def learn(self, headers: Mapping[str, str], family: str = CRM) -> None:
        """Take in the limits that an answer carries; `headers` have lower-case names."""

    async def back_off(
        self, attempt: int, family: str = CRM, policy: str | None = None, asked_s: float | None = None
    ) -> bool:
        """Wait before try number `attempt + 1`. `policy` is the limit a 429 named, None for a server's fault; `asked_s` is
        how long the CRM said to wait. False, without waiting to the end: this is not to be waited for here."""
        base_s = self._back_off_base_s(family, policy)
        # Full jitter over the upper half: callers that failed together do not come back together.
        pause_s = min(base_s * 2.0 ** (attempt - 1), 60.0) * (0.5 + 0.5 * self._rng.random())
        if asked_s is not None:
            pause_s = max(pause_s, asked_s)
        if policy is not None:
            self._hold(family, min(pause_s, ASKED_WAIT_MOST_S))
        if pause_s > ASKED_WAIT_MOST_S or (policy is not None and family in self._closed_until_us):
            return False
        return await self._patiently(pause_s)

    def gave_up(self, family: str, asked_s: float | None = None) -> None:
        """A call was refused as too fast and is not tried again: the others of its family need not find out one by one."""
        closed_s = max(CLOSED_S, asked_s or 0.0)
        self._closed_until_us[family] = self._clock_us() + int(closed_s * 1_000_000)

    def passed(self, family: str) -> None:
        """A call was let through: what refused this family is over."""
        self._closed_until_us.pop(family, None)

    async def _patiently(self, seconds: float) -> bool:
        """Wait, in steps, so that a wait under way ends when somebody else comes to wait for it."""
        left_s = seconds
        while left_s > IMPATIENT_WAIT_MOST_S:
            if self.impatient:
                return False
            await self._pause(1.0)
            left_s -= 1.0
        await self._pause(left_s)
        return True

    def _too_fast(self) -> RateLimited:
        return RateLimited(self.side, f"{NAMES[self.side]} refused calls as too fast a moment ago.")

    async def flush(self) -> None:
        """Hand the counts to the store; called every few calls and at the end of a cycle."""
        unsaved, self._unsaved = self._unsaved, {}
        at_us = self._clock_us()
        try:
            for purpose in list(unsaved):
                await self._store.add(self.side, purpose, unsaved[purpose], at_us)
                del unsaved[purpose]
        finally:
            # What could not be saved counts all the same, and is handed over with the next calls.
            for purpose, calls in unsaved.items():
                self._unsaved[purpose] = self._unsaved.get(purpose, 0) + calls

    async def used_24h(self) -> dict[str, int]:
        """Calls of the last 24 hours by purpose, those not yet saved included."""
        used = await self._store.used_24h(self.side)
        for purpose, calls in self._unsaved.items():
            used[purpose] = used.get(purpose, 0) + calls
        return used

    def idle_interval_s(self, calls_per_poll: float, upkeep_calls: float = 0.0) -> float:
        """`poll_interval_s` with what this side has allocated now."""
        return poll_interval_s(calls_per_poll, self.allocated, upkeep_calls)

    def _used(self) -> int:
        return (self._used_before or 0) + self._used_since

    async def _read_used(self) -> None:
        now_us = self._clock_us()
        if self._used_before is None or now_us - self._used_read_us >= USED_REFRESH_S * 1_000_000:
            await self.flush()
            used = await self._store.used_24h(self.side)
            self._used_before, self._used_since, self._used_read_us = sum(used.values()), 0, now_us

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self.waited_s += seconds
            await self._sleep(seconds)

    async def _check_day(self) -> None:
        """Raises BudgetSpent."""
        raise NotImplementedError

    async def _wait_turn(self, family: str) -> None:
        """Only HubSpot limits the rate; Salesforce limits long calls at the same time, which the clients never make."""

    def _hold(self, family: str, seconds: float) -> None:
        """Keep other callers of the family back too."""

    def _back_off_base_s(self, family: str, policy: str | None) -> float:
        return 0.5


# `per-app-api-usage=17/250(appName=x)` may stand beside it and is another limit.
_API_USAGE = re.compile(r"(?:^|[,\s])api-usage=(\d+)/(\d+)")


class SalesforceGovernor(Governor):
    """Keeps to a share of the org's daily limit over a rolling 24 hours. `allocated` in calls wins over `share`."""

    side = Side.SALESFORCE

    def __init__(
        self,
        store: BudgetStore,
        clock_us: Clock,
        *,
        allocated: int | None = None,
        share: float = SHARE,
        daily_limit: int = 15_000,  # Developer Edition, the smallest org, until a header says more
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(store, clock_us, sleep, rng or random.Random(0))  # noqa: S311  (how long to wait)
        self._fixed_allocation = allocated
        self._share = share
        self.daily_limit = daily_limit
        self.org_used = 0  # by everybody, as Sforce-Limit-Info last told
        self._org_used_at_us = 0

    @property
    def allocated(self) -> int:
        if self._fixed_allocation is not None:
            return self._fixed_allocation
        return max(1, int(self._share * self.daily_limit))

    def allocate(self, calls: int | None) -> None:
        self._fixed_allocation = calls

    def used_by_others(self, ours: int) -> int:
        return max(0, self.org_used - ours)

    def learn(self, headers: Mapping[str, str], family: str = CRM) -> None:
        found = _API_USAGE.search(headers.get("sforce-limit-info", ""))
        if found is not None:
            self.org_used, self.daily_limit = int(found[1]), max(1, int(found[2]))
            self._org_used_at_us = self._clock_us()

    async def _check_day(self) -> None:
        await self._read_used()
        if self._used() >= self.allocated:
            raise BudgetSpent(
                self.side,
                f"Interlock has used its {self.allocated:,} Salesforce calls of the last 24 hours "
                f"(the org allows {self.daily_limit:,} a day).",
            )
        # The limit is rolling: what was full a while ago may have room again, so one call in five minutes may look.
        seen_s = (self._clock_us() - self._org_used_at_us) / 1_000_000
        if self.org_used >= self.daily_limit and seen_s < USED_REFRESH_S:
            raise BudgetSpent(
                self.side,
                f"The Salesforce org has used all of its {self.daily_limit:,} API calls of the last 24 hours.",
                fix="Wait until calls fall away, or find the integration that uses them: Setup, API Usage.",
            )

    def _back_off_base_s(self, family: str, policy: str | None) -> float:
        return 2.0 if policy is not None else 0.5


class HubSpotGovernor(Governor):
    """Keeps to the burst limit with a margin, paces searches, and stops before the day is used up."""

    side = Side.HUBSPOT

    def __init__(
        self,
        store: BudgetStore,
        clock_us: Clock,
        *,
        burst_max: int = 100,  # private app on a Free or Starter account, the smallest (HubSpot usage guidelines)
        burst_interval_s: float = 10.0,
        margin: float = 0.1,
        searches_per_s: float = 4.0,  # the account's limit is 5, shared with its other apps
        daily_limit: int = 250_000,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(store, clock_us, sleep, rng or random.Random(0))  # noqa: S311  (how long to wait)
        self._margin = margin
        self._interval_us = int(burst_interval_s * 1_000_000)
        self._burst_max = burst_max
        self._search_gap_us = int(1_000_000 / searches_per_s)
        self._next_search_us = 0
        self.daily_limit = daily_limit
        self._daily_remaining: int | None = None
        self._daily_seen_us = 0
        # Times at which admitted calls leave, in order.
        self._leaving: dict[str, deque[int]] = {CRM: deque(), ASSOCIATIONS: deque()}
        self._foreign = 0  # calls in the window that were not ours: another program on the same token
        self._held_until_us: dict[str, int] = {}

    @property
    def allocated(self) -> int:
        return self.daily_limit

    @property
    def calls_per_s(self) -> float | None:
        return self._allowed(CRM) / (self._interval_us / 1_000_000)

    def used_by_others(self, ours: int) -> int:
        if self._daily_remaining is None:
            return 0
        return max(0, self.daily_limit - self._daily_remaining - ours)

    def learn(self, headers: Mapping[str, str], family: str = CRM) -> None:
        self._learn_day(headers)
        if family != CRM:
            # Should such an answer carry the app's burst after all: it is not what limits this family.
            return
        maximum, remaining = (
            _number(headers, "x-hubspot-ratelimit-max"),
            _number(headers, "x-hubspot-ratelimit-remaining"),
        )
        if maximum is None or maximum <= 0:
            return
        interval_ms = _number(headers, "x-hubspot-ratelimit-interval-milliseconds")
        if interval_ms:
            self._interval_us = interval_ms * 1000
        self._burst_max = maximum
        if remaining is not None:
            ours = self._in_window(self._leaving[CRM], self._clock_us())
            self._foreign = max(0, maximum - remaining - ours)

    def _learn_day(self, headers: Mapping[str, str]) -> None:
        limit = _number(headers, "x-hubspot-ratelimit-daily")
        remaining = _number(headers, "x-hubspot-ratelimit-daily-remaining")
        if limit:
            self.daily_limit = limit
        if remaining is not None:
            self._daily_remaining, self._daily_seen_us = remaining, self._clock_us()

    async def _check_day(self) -> None:
        remaining = self._daily_remaining
        # The day ends at midnight of the account's time zone, not ours to compute: one call in five minutes looks.
        fresh = (self._clock_us() - self._daily_seen_us) / 1_000_000 < USED_REFRESH_S
        if remaining is not None and remaining <= 0 and fresh:
            raise BudgetSpent(
                self.side,
                f"The HubSpot account has used all of its {self.daily_limit:,} API calls of today.",
                fix="Calls are free again at midnight in the account's time zone.",
            )

    async def _wait_turn(self, family: str) -> None:
        held_us = self._held_until_us.get(family, 0) - self._clock_us()
        if held_us > 0 and not await self._patiently(held_us / 1_000_000):
            raise self._too_fast()
        leave_us = now_us = self._clock_us()
        if family == SEARCH:
            # Evenly spaced, not four at once: two bursts of four could meet within one second of HubSpot's.
            leave_us = max(leave_us, self._next_search_us)
            self._next_search_us = leave_us + self._search_gap_us
        else:
            leave_us = self._reserve(self._leaving[family], leave_us, self._allowed(family))
        await self._pause((leave_us - now_us) / 1_000_000)

    def _allowed(self, family: str) -> int:
        """How many calls of a family may leave in one window."""
        if family == ASSOCIATIONS:
            return max(1, int(ASSOCIATION_BURST_MAX * (1.0 - self._margin)))
        return max(1, int(self._burst_max * (1.0 - self._margin)) - self._foreign)

    def _reserve(self, leaving: deque[int], leave_us: int, allowed: int) -> int:
        """The first moment at which the rolling window has room. Reserving does not await: callers keep their order."""
        if len(leaving) >= allowed:
            leave_us = max(leave_us, leaving[-allowed] + self._interval_us)
        if leaving:
            leave_us = max(leave_us, leaving[-1])
        leaving.append(leave_us)
        while len(leaving) > max(self._burst_max, ASSOCIATION_BURST_MAX):
            leaving.popleft()
        return leave_us

    def _in_window(self, leaving: deque[int], now_us: int) -> int:
        return sum(1 for at_us in leaving if now_us - self._interval_us < at_us <= now_us)

    def _hold(self, family: str, seconds: float) -> None:
        until_us = self._clock_us() + int(seconds * 1_000_000)
        self._held_until_us[family] = max(until_us, self._held_until_us.get(family, 0))

    def _back_off_base_s(self, family: str, policy: str | None) -> float:
        if policy is None:
            return 0.5
        if family == SEARCH or policy.upper().startswith("SECONDLY"):
            return 1.0
        # TEN_SECONDLY_ROLLING: after its length the whole window has passed. No Retry-After is documented.
        return self._interval_us / 1_000_000


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdigit() else None

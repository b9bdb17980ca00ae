"""The governors: how fast, how often, and when to stop. Time is a number that sleeping moves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import pytest

from interlock.core.model import Side
from interlock.crm.budget import (
    ASSOCIATIONS,
    CRM,
    SEARCH,
    HubSpotGovernor,
    MemoryBudgetStore,
    SalesforceGovernor,
    poll_interval_s,
)
from interlock.crm.errors import BudgetSpent

DAY_US = 86_400_000_000


class Time:
    """One caller at a time: sleeping moves the clock."""

    def __init__(self) -> None:
        self.now_us = 1_780_000_000_000_000

    def __call__(self) -> int:
        return self.now_us

    async def sleep(self, seconds: float) -> None:
        self.now_us += round(seconds * 1_000_000)


@pytest.fixture
def time() -> Time:
    return Time()


def hubspot(time: Time, **settings: Any) -> HubSpotGovernor:
    return HubSpotGovernor(MemoryBudgetStore(time), time, sleep=time.sleep, rng=random.Random(1), **settings)


def salesforce(time: Time, store: MemoryBudgetStore | None = None, **settings: Any) -> SalesforceGovernor:
    store = store or MemoryBudgetStore(time)
    return SalesforceGovernor(store, time, sleep=time.sleep, rng=random.Random(1), **settings)


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


async def leaving(governor: HubSpotGovernor, time: Time, calls: int, family: str = CRM) -> list[int]:
    times = []
    for _ in range(calls):
        await governor.admit("fetch", family)
        times.append(time.now_us)
    return times


def most_in_any_window(times: list[int], window_us: int) -> int:
    return max(sum(1 for at in times if start <= at < start + window_us) for start in times)


def test_a_burst_leaves_a_tenth_of_hubspots_limit_free(time: Time) -> None:
    async def story() -> None:
        times = await leaving(hubspot(time), time, 500)
        assert most_in_any_window(times, 10_000_000) == 90
        assert times[-1] - times[0] == 50_000_000  # and no slower than that

    run(story())


def test_the_burst_limit_of_the_headers_replaces_the_default(time: Time) -> None:
    async def story() -> None:
        governor = hubspot(time)
        governor.learn({"x-hubspot-ratelimit-max": "190", "x-hubspot-ratelimit-interval-milliseconds": "5000"})
        times = await leaving(governor, time, 400)
        assert most_in_any_window(times, 5_000_000) == 171

    run(story())


def test_what_another_program_uses_of_the_burst_is_left_to_it(time: Time) -> None:
    async def story() -> None:
        governor = hubspot(time)
        await leaving(governor, time, 10)
        governor.learn({"x-hubspot-ratelimit-max": "100", "x-hubspot-ratelimit-remaining": "60"})  # 30 are not ours
        times = await leaving(governor, time, 200)
        assert most_in_any_window(times, 10_000_000) == 60

    run(story())


def test_searches_are_spaced_and_do_not_use_up_the_burst(time: Time) -> None:
    async def story() -> None:
        governor = hubspot(time)
        times = await leaving(governor, time, 40, SEARCH)
        assert most_in_any_window(times, 1_000_000) == 4
        before_us = time.now_us
        await leaving(governor, time, 90, CRM)
        await leaving(governor, time, 90, ASSOCIATIONS)  # a budget of their own
        assert time.now_us == before_us

    run(story())


def test_a_search_does_not_teach_the_burst_limit(time: Time) -> None:
    governor = hubspot(time)
    governor.learn({"x-hubspot-ratelimit-max": "1000", "x-hubspot-ratelimit-remaining": "1"}, SEARCH)

    async def story() -> None:
        assert most_in_any_window(await leaving(governor, time, 200), 10_000_000) == 90

    run(story())


@pytest.mark.parametrize("family", [CRM, ASSOCIATIONS])
def test_an_account_with_a_large_burst_paces_its_associations_by_their_own_limit(time: Time, family: str) -> None:
    async def story() -> None:
        governor = hubspot(time)
        # Another program uses up half of the app's burst: that says nothing about associations either.
        governor.learn({"x-hubspot-ratelimit-max": "190", "x-hubspot-ratelimit-remaining": "95"}, family)
        assert most_in_any_window(await leaving(governor, time, 300, ASSOCIATIONS), 10_000_000) == 90

    run(story())


def test_after_a_refusal_the_other_callers_of_that_limit_wait_too(time: Time) -> None:
    async def story() -> None:
        remembering = Remembering()  # the clock stands still: as if the others called at the same moment
        governor = HubSpotGovernor(MemoryBudgetStore(time), time, sleep=remembering, rng=random.Random(1))
        assert await governor.back_off(1, CRM, "TEN_SECONDLY_ROLLING")
        waited_s = remembering.forget()
        assert 5.0 <= waited_s <= 10.0
        await governor.admit("fetch", SEARCH)
        assert remembering.forget() == 0.0
        await governor.admit("fetch", CRM)
        assert round(remembering.forget(), 3) == round(waited_s, 3)

    run(story())


class Remembering:
    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)

    def forget(self) -> float:
        """How long it was in all, since this was last asked."""
        slept, self.slept = self.slept, []
        return sum(slept)


def test_pauses_double_and_are_never_the_same_for_two(time: Time) -> None:
    async def story() -> None:
        remembering = Remembering()
        governor = HubSpotGovernor(MemoryBudgetStore(time), time, sleep=remembering, rng=random.Random(3))
        waits_s = []
        for attempt in range(1, 5):
            await governor.back_off(attempt)
            waits_s.append(remembering.forget())
        bounds = [(0.25, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0)]
        assert all(low <= waited_s <= high for waited_s, (low, high) in zip(waits_s, bounds, strict=True))
        other = Remembering()
        another = HubSpotGovernor(MemoryBudgetStore(time), time, sleep=other, rng=random.Random(4))
        await another.back_off(1)
        assert other.forget() != waits_s[0]

    run(story())


def test_hubspots_spent_day_stops_us_and_is_looked_at_again_later(time: Time) -> None:
    async def story() -> None:
        governor = hubspot(time)
        governor.learn({"x-hubspot-ratelimit-daily": "250000", "x-hubspot-ratelimit-daily-remaining": "0"})
        with pytest.raises(BudgetSpent, match="250,000"):
            await governor.admit("fetch")
        time.now_us += 301_000_000
        await governor.admit("fetch")

    run(story())


def test_salesforce_calls_stop_at_our_share_and_go_on_as_the_day_rolls(time: Time) -> None:
    async def story() -> None:
        governor = salesforce(time, allocated=100)
        for _ in range(100):
            await governor.admit("detect")
        with pytest.raises(BudgetSpent, match="100 Salesforce calls"):
            await governor.admit("detect")
        time.now_us += DAY_US
        await governor.admit("detect")

    run(story())


def test_our_share_follows_the_daily_limit_of_the_org(time: Time) -> None:
    governor = salesforce(time, share=0.5)
    assert governor.allocated == 7_500
    governor.learn({"sforce-limit-info": "api-usage=18/100000"})
    assert governor.allocated == 50_000
    governor.learn({"sforce-limit-info": "per-app-api-usage=17/250(appName=x), api-usage=25/15000"})
    assert (governor.org_used, governor.allocated) == (25, 7_500)


def test_an_org_that_others_used_up_stops_us_and_is_looked_at_again_later(time: Time) -> None:
    async def story() -> None:
        governor = salesforce(time)
        governor.learn({"sforce-limit-info": "api-usage=15000/15000"})
        with pytest.raises(BudgetSpent, match="org has used all"):
            await governor.admit("detect")
        time.now_us += 301_000_000
        await governor.admit("detect")

    run(story())


def test_calls_are_counted_by_purpose_and_outlive_the_process(time: Time) -> None:
    async def story() -> None:
        store = MemoryBudgetStore(time)
        first = salesforce(time, store, allocated=60)
        for purpose in ["detect"] * 40 + ["write"] * 10:
            await first.admit(purpose)
        assert first.counts == {"detect": 40, "write": 10}
        assert await first.used_24h() == {"detect": 40, "write": 10}
        await first.flush()
        second = salesforce(time, store, allocated=60)
        for _ in range(10):
            await second.admit("write")
        with pytest.raises(BudgetSpent):
            await second.admit("write")
        assert await second.used_24h() == {"detect": 40, "write": 20}

    run(story())


def test_two_processes_on_one_org_see_each_others_calls_within_minutes(time: Time) -> None:
    async def story() -> None:
        store = MemoryBudgetStore(time)
        one, other = salesforce(time, store, allocated=50), salesforce(time, store, allocated=50)
        await other.admit("detect")
        for _ in range(49):
            await one.admit("detect")
        await one.flush()
        time.now_us += 301_000_000
        with pytest.raises(BudgetSpent):
            await other.admit("detect")

    run(story())


@pytest.mark.parametrize(
    ("allocated", "calls_per_poll", "interval_s"),
    [(100_000, 1, 17.28), (15_000, 1, 115.2), (15_000, 2, 230.4), (1_000_000, 1, 15.0)],
)
def test_idle_polling_uses_at_most_a_twentieth_of_what_is_allocated(
    time: Time, allocated: int, calls_per_poll: float, interval_s: float
) -> None:
    assert salesforce(time, allocated=allocated).idle_interval_s(calls_per_poll) == pytest.approx(interval_s)


@pytest.mark.parametrize(
    ("calls_per_poll", "allocated", "upkeep"), [(1, 100_000, 40), (1, 15_000, 40), (3, 250_000, 924), (2, 5_000, 0)]
)
def test_a_day_of_idle_polls_and_its_upkeep_stay_within_a_twentieth(
    calls_per_poll: int, allocated: int, upkeep: int
) -> None:
    polls = int(86_400 / poll_interval_s(calls_per_poll, allocated, upkeep))
    assert polls * calls_per_poll + upkeep <= 0.05 * allocated


def test_an_allocation_too_small_for_polling_is_polled_once_a_day() -> None:
    assert poll_interval_s(1, 100, upkeep_calls=40) == 86_400.0


def test_the_memory_store_keeps_the_sides_apart_and_forgets_after_a_day(time: Time) -> None:
    async def story() -> None:
        store = MemoryBudgetStore(time)
        await store.add(Side.HUBSPOT, "fetch", 3, time.now_us)
        assert await store.used_24h(Side.SALESFORCE) == {}
        assert await store.used_24h(Side.HUBSPOT) == {"fetch": 3}
        time.now_us += DAY_US
        assert await store.used_24h(Side.HUBSPOT) == {}

    run(story())


def test_calls_that_could_not_be_counted_for_a_moment_are_not_forgotten(time: Time) -> None:
    class Busy(MemoryBudgetStore):
        busy = True

        async def add(self, side: Side, purpose: str, calls: int, at_us: int) -> None:
            if self.busy and purpose == "write":
                raise OSError("database is locked")
            await super().add(side, purpose, calls, at_us)

    async def story() -> None:
        store = Busy(time)
        governor = salesforce(time, store)
        for purpose in ("fetch", "write", "detect"):
            await governor.admit(purpose)
        with pytest.raises(OSError):
            await governor.flush()
        assert await governor.used_24h() == {"fetch": 1, "write": 1, "detect": 1}
        store.busy = False
        await governor.flush()
        assert await store.used_24h(Side.SALESFORCE) == {"fetch": 1, "write": 1, "detect": 1}

    run(story())

"""How long so many calls take: the pace, the limit of the rate, and days that a daily limit makes of it."""

from __future__ import annotations

import asyncio
import random

import pytest

from interlock.app.how_long import Duration, Room, duration, room_of, rounded
from interlock.core.model import Side
from interlock.crm.budget import Governor, HubSpotGovernor, MemoryBudgetStore, SalesforceGovernor

HUBSPOT, SALESFORCE = Side.HUBSPOT, Side.SALESFORCE
PLENTY = Room(left=1_000_000, a_day=1_000_000)


@pytest.mark.parametrize(
    ("hubspot", "salesforce", "rooms", "s_per_call", "expected"),
    [
        pytest.param(0, 0, {}, 0.5, Duration(0.0), id="nothing to do"),
        pytest.param(900, 100, {}, 0.5, Duration(500.0), id="at the pace of the count"),
        pytest.param(900, 100, {HUBSPOT: Room(10_000, 10_000, 10.0)}, 0.5, Duration(500.0), id="slower than the rate"),
        pytest.param(900, 100, {HUBSPOT: Room(10_000, 10_000, 1.0)}, 0.5, Duration(900.0), id="held back by the rate"),
        pytest.param(0, 100, {SALESFORCE: Room(100, 500)}, 1.0, Duration(100.0), id="the day is just enough"),
        pytest.param(0, 101, {SALESFORCE: Room(100, 500)}, 1.0, Duration(101.0, 2, SALESFORCE), id="one call too many"),
        pytest.param(
            0, 1_101, {SALESFORCE: Room(100, 500)}, 1.0, Duration(1_101.0, 4, SALESFORCE), id="today and three days"
        ),
        pytest.param(0, 500, {SALESFORCE: Room(0, 500)}, 1.0, Duration(500.0, 2, SALESFORCE), id="nothing left today"),
        pytest.param(
            900,
            300,
            {HUBSPOT: Room(100, 100), SALESFORCE: Room(100, 100)},
            1.0,
            Duration(1_200.0, 9, HUBSPOT),
            id="the one that takes more days",
        ),
        pytest.param(
            900,
            300,
            {HUBSPOT: Room(100, 100), SALESFORCE: Room(0, 0)},
            1.0,
            Duration(1_200.0, None, SALESFORCE),
            id="one never ends",
        ),
    ],
)
def test_how_long_it_takes(
    hubspot: int, salesforce: int, rooms: dict[Side, Room], s_per_call: float, expected: Duration
) -> None:
    calls = {HUBSPOT: hubspot, SALESFORCE: salesforce}
    assert duration(calls, {HUBSPOT: PLENTY, SALESFORCE: PLENTY, **rooms}, s_per_call) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, (0, "moment")),
        (59.9, (0, "moment")),
        (60, (1, "minutes")),
        (61, (2, "minutes")),
        (89 * 60, (89, "minutes")),
        (90 * 60, (2, "hours")),
        (47 * 3_600, (47, "hours")),
        (48 * 3_600, (2, "days")),
        (100 * 3_600, (4, "days")),
    ],
)
def test_it_is_said_as_a_person_would(seconds: float, expected: tuple[int, str]) -> None:
    assert rounded(seconds) == expected


def _clock() -> int:
    return 1_780_000_000_000_000


def _told(governor: Governor, **headers: str) -> Governor:
    governor.learn({name.replace("_", "-"): value for name, value in headers.items()})
    return governor


def test_salesforce_leaves_the_share_of_interlock_less_what_it_used() -> None:
    governor = SalesforceGovernor(MemoryBudgetStore(_clock), _clock, rng=random.Random(1))
    _told(governor, sforce_limit_info="api-usage=1000/100000")
    assert room_of(governor, ours=1_000) == Room(left=79_000, a_day=76_000)


def test_salesforce_leaves_no_more_than_the_others_do() -> None:
    governor = SalesforceGovernor(MemoryBudgetStore(_clock), _clock, rng=random.Random(1))
    _told(governor, sforce_limit_info="api-usage=91000/100000")
    assert room_of(governor, ours=1_000) == Room(left=9_000, a_day=9_500)
    _told(governor, sforce_limit_info="api-usage=101000/100000")
    assert room_of(governor, ours=1_000) == Room(left=0, a_day=0)


def test_what_a_person_allocated_counts_before_the_share() -> None:
    governor = SalesforceGovernor(MemoryBudgetStore(_clock), _clock, allocated=2_000, rng=random.Random(1))
    _told(governor, sforce_limit_info="api-usage=500/100000")
    assert room_of(governor, ours=500) == Room(left=1_500, a_day=1_900)


def test_hubspot_leaves_what_its_headers_say_at_nine_tenths_of_its_burst() -> None:
    governor = HubSpotGovernor(MemoryBudgetStore(_clock), _clock, rng=random.Random(1))
    _told(
        governor,
        x_hubspot_ratelimit_max="190",
        x_hubspot_ratelimit_remaining="190",
        x_hubspot_ratelimit_interval_milliseconds="10000",
        x_hubspot_ratelimit_daily="625000",
        x_hubspot_ratelimit_daily_remaining="600000",
    )
    assert room_of(governor, ours=5_000) == Room(left=600_000, a_day=574_750, calls_per_s=17.1)


def test_what_the_governors_counted_themselves_is_theirs_to_say() -> None:
    """No header has come yet: the smallest org's limit stands."""
    governor = SalesforceGovernor(MemoryBudgetStore(_clock), _clock, rng=random.Random(1))
    asyncio.run(governor.admit("fetch"))
    assert room_of(governor, ours=1) == Room(left=11_999, a_day=11_400)

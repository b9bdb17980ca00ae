"""How far a poll looks back: every row that becomes visible within the overlap is seen, and a burst is not read for ever."""

from __future__ import annotations

import random

import pytest

from interlock.engine.window import Window

S = 1_000_000
OVERLAP = 120 * S
GRAIN = S
PAGE = 10


class Crm:
    """Rows with a stamp, each visible from some time on. The CRM's clock runs `ahead_us` of ours."""

    def __init__(self, ahead_us: int) -> None:
        self.ahead_us = ahead_us
        self.rows: list[tuple[int, int]] = []  # stamp, visible from (both of the CRM's clock)

    def changed(self, now_us: int, lag_us: int) -> None:
        stamp = (now_us + self.ahead_us) // GRAIN * GRAIN
        self.rows.append((stamp, now_us + self.ahead_us + lag_us))

    def asked(self, now_us: int, since_us: int) -> list[tuple[int, int]]:
        return sorted(row for row in self.rows if row[0] >= since_us and row[1] <= now_us + self.ahead_us)


class Poller:
    def __init__(self, crm: Crm, begun_us: int) -> None:
        self.crm = crm
        self.begun_us = begun_us
        self.cursor: dict[str, int] | None = None
        self.seen: set[tuple[int, int]] = set()
        self.read = 0

    def poll(self, now_us: int, asked: bool = False, pages_most: int | None = None) -> int:
        """`pages_most`: after so many pages the process dies."""
        before = window = Window.of(self.cursor, self.begun_us, OVERLAP)
        back = window.looks_back(now_us, OVERLAP, asked)
        rows = self.crm.asked(now_us, window.since_us(back, GRAIN))
        pages = [rows[start : start + PAGE] for start in range(0, len(rows), PAGE)]
        for page in pages[:pages_most]:
            window = window.reached(page[-1][0], now_us)
            if back:
                window = window.passed(page[-1][0], before, now_us, OVERLAP)
            self.cursor = window.cursor()
            self.seen.update(page)
            self.read += len(page)
        if back and (pages_most is None or len(pages) <= pages_most):
            window = window.looked_back(before, now_us, OVERLAP)
        self.cursor = window.cursor()
        return len(rows)


@pytest.mark.parametrize("seed", range(60))
def test_every_row_that_becomes_visible_within_the_overlap_is_seen_whatever_the_clocks_show(seed: int) -> None:
    drawn = random.Random(seed)
    begun_us = 1_000_000 * S
    crm = Crm(drawn.randrange(-100 * S, 3_600 * S))
    poller = Poller(crm, begun_us)
    now_us = begun_us
    for _ in range(drawn.randrange(1, 80)):
        now_us += drawn.choice([0, 300_000, S, 7 * S, 20 * S, 119 * S, 130 * S, 900 * S])
        if drawn.random() < 0.6:
            for _ in range(drawn.choice([1, 1, 1, 40])):
                crm.changed(now_us, drawn.choice([0, 0, 0, S, 30 * S, 118 * S]))
        if drawn.random() < 0.7:
            poller.poll(now_us, asked=drawn.random() < 0.1, pages_most=drawn.choice([None, None, 0, 1, 2]))
    for _ in range(40):
        now_us += 20 * S
        poller.poll(now_us)
    assert poller.seen == set(crm.rows)


def test_a_burst_is_read_once_more_and_then_never_again() -> None:
    begun_us = 1_000_000 * S
    crm = Crm(0)
    poller = Poller(crm, begun_us)
    for _ in range(1_000):
        crm.changed(begun_us + 5 * S, 0)
    for number in range(1, 200):
        poller.poll(begun_us + number * 600 * S)
    assert poller.read == 2_000
    assert Window.of(poller.cursor, begun_us, OVERLAP).settled


def test_a_look_back_that_is_interrupted_goes_on_where_it_was() -> None:
    begun_us = 1_000_000 * S
    crm = Crm(0)
    poller = Poller(crm, begun_us)
    for number in range(1_000):
        crm.changed(begun_us + number * S, 0)
    poller.poll(begun_us + 2_000 * S)
    for number in range(10):
        poller.poll(begun_us + (2_600 + number * 600) * S, pages_most=10)
    poller.poll(begun_us + 12_000 * S)
    assert poller.seen == set(crm.rows)
    assert 2_000 <= poller.read <= 2_050
    assert Window.of(poller.cursor, begun_us, OVERLAP).settled


def test_a_first_look_that_is_interrupted_goes_on_where_it_was() -> None:
    begun_us = 1_000_000 * S
    crm = Crm(0)
    poller = Poller(crm, begun_us)
    for number in range(1_000):
        crm.changed(begun_us + number * S, 0)
    for number in range(11):
        poller.poll(begun_us + (2_000 + number) * S, pages_most=10)
    assert poller.seen == set(crm.rows)
    assert poller.read <= 1_050


def test_polling_every_quarter_minute_reads_a_steady_stream_a_few_times_at_most() -> None:
    begun_us = 1_000_000 * S
    crm = Crm(0)
    poller = Poller(crm, begun_us)
    for number in range(1, 240):
        crm.changed(begun_us + number * 15 * S - S, 0)
        poller.poll(begun_us + number * 15 * S)
    assert poller.seen == set(crm.rows)
    # Each row by itself, once more as the newest one, and in the two looks back that end with it settled.
    assert poller.read <= 4 * len(crm.rows)


def test_a_cursor_of_an_earlier_release_looks_back_as_far_as_that_release_did() -> None:
    window = Window.of({"modified_us": 500 * S}, 0, OVERLAP)
    assert window.looks_back(10_000 * S, OVERLAP, asked=False)
    assert window.since_us(True, GRAIN) == 500 * S - OVERLAP


def test_the_first_poll_allows_for_a_crm_clock_that_is_behind_ours() -> None:
    window = Window.of(None, 1_000 * S, OVERLAP)
    assert window.since_us(False, GRAIN) <= 1_000 * S - OVERLAP + GRAIN

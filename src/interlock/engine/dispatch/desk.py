"""What dispatchers share: the desk that carries out turns, what a turn is for, and when a connection's next one is.

Which process takes a turn is the dispatcher's: one process that has all connections to itself (local.py) or many that share
them through a queue (procrastinate.py).
"""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec

from interlock.engine.ownership import Ownership

# Records that are still due after a turn are looked at again, but never in a tight loop.
AGAIN_S = 5.0
US = 1_000_000


class Work(enum.Enum):
    """What a turn is for, from the least to the most that it does."""

    DUE = "due"  # records whose time has come: no detection
    POLL = "poll"
    BELL = "bell"  # somebody asked for it


class Standing(msgspec.Struct, frozen=True):
    """How a connection stands. Connections of one `lane` (a Salesforce org) are never worked on at the same time.

    `later_us`: when the first of the records that wait for a later time is due.
    """

    connection_id: int
    lane: str
    due: bool
    rung: bool
    later_us: int | None = None


class Desk(Protocol):
    async def standings(self, lane: str | None = None) -> list[Standing]:
        """The connections that may be worked on now, of one lane or of all."""
        ...

    async def turn(self, connection_id: int, work: Work, ownership: Ownership | None = None) -> float:
        """Do it, as whoever owns the org already or after becoming that. Seconds until the connection should be polled next.
        Handles every failure of its own."""
        ...

    async def beat(self) -> None: ...

    def end_turns(self) -> None:
        """Ask the turns under way to end at the next good moment."""
        ...

    def give_way(self, connection_id: int, end: bool) -> None:
        """Another connection waits for this one's turn: it waits for no CRM's limit then. `end`: it has had its slice."""
        ...


class Appointment(msgspec.Struct):
    """When a connection is worked on next. Times of 0: at once."""

    poll_at_us: int = 0
    not_before_us: int = 0

    def wanted(self, standing: Standing, now_us: int) -> Work | None:
        if standing.rung:
            return Work.BELL
        if now_us < self.not_before_us:
            return None
        if now_us >= self.poll_at_us:
            return Work.POLL
        return Work.DUE if standing.due else None

    def after(self, work: Work, next_s: float, now_us: int) -> None:
        """A turn has ended, and said when it wants the next poll."""
        self.not_before_us = now_us + round(min(AGAIN_S, next_s) * US)
        if work is not Work.DUE or not self.poll_at_us:
            self.poll_at_us = now_us + round(next_s * US)

    def next_us(self, standing: Standing, now_us: int) -> int:
        """When `wanted` will want something, as far as can be known now."""
        if standing.rung:
            return now_us
        wakes_us = [self.poll_at_us]
        if standing.due:
            wakes_us.append(now_us)
        elif standing.later_us is not None:
            wakes_us.append(standing.later_us)
        return max(min(wakes_us), self.not_before_us, now_us)

"""How long a sync will take that makes so many calls: by the pace at which the CRMs answer, by how fast they may be called, and by
what is left of their days. Pure.

The pace is measured, not assumed: a preview reads both sides on the way that the sync goes, so the seconds that a call of it took
are what a call takes here. What nobody can tell before is how long the automation of an org needs when it is written to.

A day's limit is met in full days: Salesforce's calls come free 24 hours after they were made, HubSpot's at midnight.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from interlock.core.model import Side
from interlock.crm.budget import IDLE_SHARE, Governor

Unit = Literal["moment", "minutes", "hours", "days"]


class Room(msgspec.Struct, frozen=True):
    """What one CRM leaves Interlock. `left`: calls until the day is used up; `a_day`: in each day after it; `calls_per_s`: None
    where the rate is not limited."""

    left: int
    a_day: int
    calls_per_s: float | None = None


class Duration(msgspec.Struct, frozen=True):
    """`working_s`: while calls are made. `days`: over how many it goes, 1 where a day's limit does not cut it short; None: it does
    not end, since others use every call of a day. `limited_by`: whose daily limit it is."""

    working_s: float
    days: int | None = 1
    limited_by: Side | None = None

    def document(self) -> dict[str, Any]:
        return {
            "working_seconds": round(self.working_s),
            "days": self.days,
            "limited_by": None if self.limited_by is None else self.limited_by.value,
        }


def room_of(governor: Governor, ours: int) -> Room:
    """`ours`: Interlock's own calls of the last 24 hours. Polls that find nothing go on beside a sync, and keep their share."""
    others = governor.used_by_others(ours)
    # What Interlock may use of a day, and what the others leave of everybody's.
    most = min(governor.allocated, governor.daily_limit - others)
    left, a_day = most - ours, most * (1.0 - IDLE_SHARE)
    return Room(max(0, left), max(0, int(a_day)), governor.calls_per_s)


def duration(calls: Mapping[Side, int], rooms: Mapping[Side, Room], s_per_call: float) -> Duration:
    """`s_per_call`: seconds that a call took from one to the next, of both sides together."""
    working_s = s_per_call * sum(calls.values())
    days: int | None = 1
    limited_by: Side | None = None
    for side, room in rooms.items():
        if room.calls_per_s is not None:
            working_s = max(working_s, calls[side] / room.calls_per_s)
        over = calls[side] - room.left
        if over <= 0 or days is None:
            continue
        needed = 1 + -(-over // room.a_day) if room.a_day else None
        if needed is None or needed > days:
            days, limited_by = needed, side
    return Duration(working_s, days, limited_by)


def rounded(seconds: float) -> tuple[int, Unit]:
    """As a person says it: nobody plans by the second, and the figure is not that good."""
    minutes = -(-seconds // 60)
    if seconds < 60:
        return 0, "moment"
    if minutes < 90:
        return int(minutes), "minutes"
    hours = round(minutes / 60)
    return (hours, "hours") if hours < 48 else (round(hours / 24), "days")

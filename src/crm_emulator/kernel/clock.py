"""The clock of a local CRM: microseconds since 1970 in UTC, from the wall or from a source that the caller supplies.

It is not a timer and never sleeps. With an injected source (virtual time) everything that the CRM stamps is
deterministic; `set` and `advance_seconds` shift it, which is how a test or the control API moves a CRM through a day.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

US_PER_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1)


def _wall_us() -> int:
    return time.time_ns() // 1_000


class Clock:
    """`source() + offset`; the offset is what `set` and `advance_seconds` change."""

    __slots__ = ("_offset_us", "_source")

    def __init__(self, source: Callable[[], int] | None = None) -> None:
        self._source = source or _wall_us
        self._offset_us = 0

    def now_us(self) -> int:
        return self._source() + self._offset_us

    def now_ms(self) -> int:
        return (self._source() + self._offset_us) // 1_000

    def set(self, at_us: int) -> None:
        self._offset_us = at_us - self._source()

    def advance_seconds(self, seconds: float) -> None:
        self._offset_us += round(seconds * US_PER_SECOND)


def iso_from_us(at_us: int) -> str:
    """`2026-03-12T07:33:46.615204Z`: how the journal and the control API write an instant. Raises OverflowError."""
    return f"{(_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec='microseconds')}Z"


def us_from_iso(text: str) -> int:
    """The inverse of `iso_from_us`; a text without an offset is read as UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * US_PER_SECOND + moment.microsecond

"""Instants as HubSpot writes and reads them: milliseconds UTC, `.000` dropped, epoch milliseconds accepted too."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

MS_PER_DAY = 86_400_000
_EPOCH_MS = re.compile(r"-?\d+", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T|$)", re.ASCII)


@lru_cache(maxsize=16_384)
def iso_ms(at_ms: int) -> str:
    """Recorded: `2026-03-12T07:33:46.615Z`, and `2026-12-31T00:00:00Z` where the milliseconds are zero."""
    seconds, milli = divmod(at_ms, 1_000)
    text = (datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()
    return f"{text}.{milli:03d}Z" if milli else f"{text}Z"


def parse_instant_ms(text: str) -> int | None:
    """Epoch milliseconds or ISO 8601; a date alone is its midnight in UTC. None when it is neither."""
    stripped = text.strip()
    if _EPOCH_MS.fullmatch(stripped):
        return int(stripped)
    if not _ISO_DATE.match(stripped):
        return None
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000 + delta.microseconds // 1_000


def zone(name: str) -> tzinfo:
    return timezone.utc if name in ("UTC", "Etc/UTC") else ZoneInfo(name)  # noqa: UP017  (a name, not an alias)


def following_midnight_ms(now_ms: int, time_zone: tzinfo) -> int:
    """The next midnight in an account's time zone."""
    local = datetime.fromtimestamp(now_ms / 1_000, time_zone)
    day = (local + timedelta(days=1)).date()
    return int(datetime(day.year, day.month, day.day, tzinfo=time_zone).timestamp() * 1_000)

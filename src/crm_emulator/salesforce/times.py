"""Dates and times as Salesforce reads and writes them: seconds since 1970 inside, `2021-12-02T18:23:39.000+0000`
outside.

Pure functions. Dates stay `YYYY-MM-DD` text; a datetime of a field is kept as the text it is shown as, which sorts as
time.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

US_PER_SECOND = 1_000_000
DAY_S = 86_400

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})\Z")
_DATETIME = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})\Z", re.IGNORECASE
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# "date and dateTime values outside 1700 to 4000 are refused" (SOQL and SOSL reference, date formats).
_FIRST_YEAR, _LAST_YEAR = 1700, 4000


@lru_cache(maxsize=4096)
def render_seconds(at_s: int) -> str:
    return f"{_EPOCH + timedelta(seconds=at_s):%Y-%m-%dT%H:%M:%S}.000+0000"


def parse_date(text: str) -> str | None:
    match = _DATE.match(text)
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups())
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        date(year, month, day)
    except ValueError:
        return None
    return text


def parse_seconds(text: str) -> int | None:
    """Seconds since 1970 of an ISO datetime with Z or an offset; None where it is not one. Parts of a second are
    dropped:
    Salesforce keeps seconds."""
    match = _DATETIME.match(text)
    if match is None:
        return None
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    second = int(match.group(6) or 0)
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    at_s = round((moment - _EPOCH).total_seconds())
    zone = match.group(7)
    if zone in ("Z", "z"):
        return at_s
    sign = -1 if zone[0] == "-" else 1
    digits = zone[1:].replace(":", "")
    return at_s - sign * (int(digits[:2]) * 3_600 + int(digits[2:]) * 60)


def parse_datetime(text: str) -> str | None:
    """The shown form of a datetime value, or None."""
    at_s = parse_seconds(text)
    return None if at_s is None else render_seconds(at_s)


def day_of(at_s: int) -> date:
    return (_EPOCH + timedelta(seconds=at_s)).date()


def start_of_day_s(day: date) -> int:
    return round((datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH).total_seconds())


def http_date(at_s: int) -> str:
    """`Fri, 03 Dec 2021 17:59:20 GMT`, as Last-Modified says it."""
    moment = _EPOCH + timedelta(seconds=at_s)
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{names[moment.weekday()]}, {moment:%d} {months[moment.month - 1]} {moment:%Y %H:%M:%S} GMT"


def parse_http_date(text: str) -> int | None:
    try:
        moment = datetime.strptime(text.strip(), "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    return round((moment - _EPOCH).total_seconds())

"""Times as people and scripts write and read them: RFC 3339 in UTC out, `2h`, `3d`, a date or RFC 3339 in. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from interlock.app.errors import BadInput

US = 1_000_000
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
# More digits are no age that anybody means.
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)([smhdw])", re.ASCII)


def rfc3339(at_us: int | None) -> str | None:
    """`2026-03-12T07:33:46.615204Z`; None stays None: unknown is null, never missing."""
    if at_us is None:
        return None
    seconds, micro = divmod(at_us, US)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micro:06d}Z"


def shown(text: str | None) -> str:
    """An RFC 3339 time of ours for a page that people read, to the second; the zone is said by the column or the reader."""
    return f"{text[:10]} {text[11:19]}Z" if text else ""


def duration_s(text: str) -> float:
    """`90s`, `15m`, `2h`, `3d`, or a plain number of seconds. Raises BadInput."""
    found = _DURATION.fullmatch(text.strip())
    if found is not None:
        return float(found[1]) * _UNITS_S[found[2]]
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 10 * 365 * 86_400:
        raise BadInput(f"{text!r} is not a duration.", fix="Write for example 90s, 15m, 2h or 3d.")
    return seconds


def since_us(text: str, now_us: int) -> int:
    """A point in the past: an age (`2h`, `3d`), a date, or RFC 3339. What lies before 1970 is 1970, since nothing was synced then,
    and what is still to come is now. Raises BadInput."""
    return min(max(0, _moment_us(text, now_us)), now_us)


def _moment_us(text: str, now_us: int) -> int:
    found = _DURATION.fullmatch(text.strip())
    if found is not None:
        return now_us - int(float(found[1]) * _UNITS_S[found[2]] * US)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput(
            f"{text!r} is not a time.", fix="Write an age (2h, 3d), a date (2026-03-01) or RFC 3339."
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * US + moment.microsecond

"""Times as people type them: whatever it is, it is a point that both databases hold and that can be written again, or refused."""

from __future__ import annotations

import pytest

from interlock.app import times
from interlock.app.errors import BadInput

NOW_US = 1_767_603_600_000_000


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2h", "2026-01-05T07:00:00.000000Z"),
        ("2026-01-01", "2026-01-01T00:00:00.000000Z"),
        ("2026-01-05T10:00:00.5+02:00", "2026-01-05T08:00:00.500000Z"),
        ("99999999999w", "1970-01-01T00:00:00.000000Z"),
        ("0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00.000000Z"),
        ("2030-01-01", "2026-01-05T09:00:00.000000Z"),
        ("9999-12-31T23:59:59-14:00", "2026-01-05T09:00:00.000000Z"),
    ],
)
def test_a_point_since_when_lies_between_1970_and_now(text: str, at: str) -> None:
    assert times.rfc3339(times.since_us(text, NOW_US)) == at


@pytest.mark.parametrize("text", ["", "soon", "-5d", "9" * 300 + "d", "٣d", "0.0000000000000001w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        times.since_us(text, NOW_US)
    if text:
        with pytest.raises(BadInput):
            times.duration_s(text)

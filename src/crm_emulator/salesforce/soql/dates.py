"""Date literals and datetimes of a query as ranges: every comparison with a date is a comparison with its two ends.

`LAST_N_DAYS:7`, `2026-01-01` and `2026-01-01T00:00:00Z` all become [from, to) in seconds since 1970. Days begin at
midnight
UTC and weeks on Sunday, as in an org whose time zone is GMT and whose locale is en_US.
"""

from __future__ import annotations

from datetime import date, timedelta

from crm_emulator.salesforce.soql.ast import DateLiteral
from crm_emulator.salesforce.times import day_of, start_of_day_s


def literal_range(literal: DateLiteral, now_s: int) -> tuple[int, int]:
    first, after = _days(literal, day_of(now_s))
    return start_of_day_s(first), start_of_day_s(after)


def _days(literal: DateLiteral, today: date) -> tuple[date, date]:
    """The first day, and the day after the last."""
    name, number = literal.name, literal.number
    one = timedelta(days=1)
    if name in ("TODAY", "YESTERDAY", "TOMORROW"):
        day = today + {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}[name] * one
        return day, day + one
    if name == "LAST_90_DAYS":
        return today - 90 * one, today + one
    if name == "NEXT_90_DAYS":
        return today + one, today + 91 * one
    # Fiscal periods are calendar periods: the org's fiscal year starts in January.
    name = name.replace("FISCAL_", "")
    if number is None:
        side, unit = name.split("_", 1)
        step = {"LAST": -1, "THIS": 0, "NEXT": 1}[side]
        start = _shift(_start_of(unit, today), unit, step)
        return start, _shift(start, unit, 1)
    if name.endswith("_AGO"):
        unit = name.removeprefix("N_").removesuffix("S_AGO")
        start = _shift(_start_of(unit, today), unit, -number)
        return start, _shift(start, unit, 1)
    side, unit = name.split("_N_")
    unit = unit.removesuffix("S")
    current = _start_of(unit, today)
    if side == "LAST":
        # LAST_N_DAYS:n ends with today; the longer units end before the current one (SOQL reference, date literals).
        return _shift(current, unit, -number), today + one if unit == "DAY" else current
    return _shift(current, unit, 1), _shift(current, unit, number + 1)


def _start_of(unit: str, day: date) -> date:
    if unit == "DAY":
        return day
    if unit == "WEEK":
        return day - timedelta(days=(day.weekday() + 1) % 7)
    if unit == "MONTH":
        return day.replace(day=1)
    if unit == "QUARTER":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1)


def _shift(start: date, unit: str, count: int) -> date:
    if unit in ("DAY", "WEEK"):
        return start + timedelta(days=count * (7 if unit == "WEEK" else 1))
    months = start.year * 12 + start.month - 1 + count * {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit]
    return date(months // 12, months % 12 + 1, 1)

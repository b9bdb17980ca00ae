"""What a list's filter asks about a date or an instant: before, after or between points that are fixed, moving, or a property.

The points of time are those of HubSpot's list filters: a DATE in a zone, one INDEXED to today or now with an offset, or one
PROPERTY_REFERENCED. A date alone counts as its midnight in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.records import Record
from crm_emulator.hubspot.stamps import MS_PER_DAY, parse_instant_ms, zone

Moment = Callable[[Record, str], bool]
Point = Callable[[Record], int | None]
Of = Callable[[str], Callable[[Record], str | None]]

_PARTS = ("year", "month", "day", "hour", "minute", "second", "millisecond")
_OFFSETS_MS = {
    "milliseconds": 1,
    "seconds": 1_000,
    "minutes": 60_000,
    "hours": 3_600_000,
    "days": MS_PER_DAY,
    "weeks": 7 * MS_PER_DAY,
}


def moment_test(
    kind: str, operator: str, operation: Mapping[str, Any], of: Of, now_ms: Callable[[], int]
) -> Moment | None:
    """None for an operator that this operation type does not have. Raises ApiError."""
    if kind == "ROLLING_DATE_RANGE":
        return _rolling(operator, operation, now_ms)
    if kind in ("TIME_POINT", "COMPARATIVE_DATE"):
        if kind == "TIME_POINT":
            point = _point(operation.get("timePoint"), of, now_ms)
        else:
            point = _referenced(str(operation.get("comparisonPropertyName") or ""), of)
        inclusive = operation.get("endpointBehavior") == "INCLUSIVE"
        return _beside(operator, point, inclusive=inclusive)
    if kind == "RANGED_DATE":
        bounds: list[Point] = [_fixed(operation.get(key)) for key in ("lowerBound", "upperBound")]
        inside = (True, True)
    else:
        bounds = [_point(operation.get(f"{end}BoundTimePoint"), of, now_ms) for end in ("lower", "upper")]
        ends = [operation.get(f"{end}BoundEndpointBehavior", "INCLUSIVE") for end in ("lower", "upper")]
        inside = (ends[0] == "INCLUSIVE", ends[1] == "INCLUSIVE")
    if operator not in ("IS_BETWEEN", "IS_NOT_BETWEEN"):
        return None
    wanted = operator == "IS_BETWEEN"
    low, high = bounds
    return lambda record, value: _between(value, low(record), high(record), inside) is wanted


def _between(value: str, low: int | None, high: int | None, inside: tuple[bool, bool]) -> bool:
    at_ms = parse_instant_ms(value)
    if at_ms is None or low is None or high is None:
        return False
    above = at_ms >= low if inside[0] else at_ms > low
    return above and (at_ms <= high if inside[1] else at_ms < high)


def _beside(operator: str, point: Point, *, inclusive: bool) -> Moment | None:
    def before(record: Record, value: str) -> bool:
        at_ms, border = parse_instant_ms(value), point(record)
        return at_ms is not None and border is not None and (at_ms < border or (inclusive and at_ms == border))

    def after(record: Record, value: str) -> bool:
        at_ms, border = parse_instant_ms(value), point(record)
        return at_ms is not None and border is not None and (at_ms > border or (inclusive and at_ms == border))

    return {"IS_BEFORE": before, "IS_AFTER": after}.get(operator)


def _rolling(operator: str, operation: Mapping[str, Any], now_ms: Callable[[], int]) -> Moment | None:
    days = operation.get("numberOfDays")
    if not isinstance(days, int) or days < 0:
        raise errors.invalid("A ROLLING_DATE_RANGE needs numberOfDays.")
    span = days * MS_PER_DAY

    def age(value: str) -> int:
        return now_ms() - (parse_instant_ms(value) or 0)

    tests: dict[str, Moment] = {
        "IS_LESS_THAN_X_DAYS_AGO": lambda record, value: 0 <= age(value) < span,
        "IS_MORE_THAN_X_DAYS_AGO": lambda record, value: age(value) > span,
        "IS_LESS_THAN_X_DAYS_FROM_NOW": lambda record, value: 0 <= -age(value) < span,
        "IS_MORE_THAN_X_DAYS_FROM_NOW": lambda record, value: -age(value) > span,
    }
    return tests.get(operator)


def _point(given: Any, of: Of, now_ms: Callable[[], int]) -> Point:
    if not isinstance(given, Mapping):
        raise errors.malformed_body("a time operation needs its points of time")
    kind = given.get("timeType")
    if kind == "DATE":
        at_ms = _date_ms(given)
        return lambda record: at_ms
    if kind == "PROPERTY_REFERENCED":
        return _referenced(str(given.get("property") or ""), of)
    reference = given.get("indexReference")
    kind = reference.get("referenceType") if isinstance(reference, Mapping) else None
    if kind not in ("NOW", "TODAY"):
        raise errors.invalid(
            f"Points of time of the type {given.get('timeType')} are not supported by this local HubSpot."
        )
    offset, place = _offset_ms(given.get("offset")), _zone(given)
    if kind == "NOW":
        return lambda record: now_ms() + offset
    return lambda record: _midnight_ms(now_ms(), place) + offset


def _date_ms(given: Mapping[str, Any]) -> int:
    place = _zone(given)
    try:
        year, month, day, hour, minute, second, milli = (int(given.get(key) or 0) for key in _PARTS)
        moment = datetime(year, month, day, hour, minute, second, milli * 1_000, tzinfo=place)
    except (TypeError, ValueError):
        raise errors.invalid(f"A point of time that is none: {dict(given)}") from None
    return int(moment.timestamp() * 1_000)


def _referenced(name: str, of: Of) -> Point:
    read = of(name)

    def point(record: Record) -> int | None:
        value = read(record)
        return parse_instant_ms(value) if value else None

    return point


def _fixed(given: Any) -> Point:
    if not isinstance(given, int):
        raise errors.invalid("A RANGED_DATE needs lowerBound and upperBound, in milliseconds.")
    return lambda record: given


def _offset_ms(given: Any) -> int:
    if given is None:
        return 0
    if not isinstance(given, Mapping):
        raise errors.malformed_body("an offset is an object")
    asked = {key: value for key, value in given.items() if value}
    if set(asked) - set(_OFFSETS_MS) or not all(isinstance(value, int) for value in asked.values()):
        raise errors.invalid(f"Offsets in {sorted(asked)} are not supported by this local HubSpot.")
    return sum(_OFFSETS_MS[key] * value for key, value in asked.items())


def _zone(given: Mapping[str, Any]) -> Any:
    name = str(given.get("zoneId") or "UTC")
    try:
        return zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise errors.invalid(f"There is no time zone '{name}'.") from None


def _midnight_ms(at_ms: int, place: Any) -> int:
    local = datetime.fromtimestamp(at_ms / 1_000, place)
    return int(datetime(local.year, local.month, local.day, tzinfo=place).timestamp() * 1_000)

"""Days and moments. A moment becomes a day only in the zone that the shape names; no clock is read here."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from interlock.core.codec.base import Codec, CodecError, not_of_this_codec
from interlock.core.model import Raw
from interlock.core.values import BLANK, Date, Instant, Unknown, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_A_DATE = Unknown("not a date")
_NOT_A_TIME = Unknown("not a date and time")

# Salesforce stores dates between these (Salesforce Help, "Custom field types": 1/1/1700 to 12/31/4000).
_FIRST_DAY, _LAST_DAY = "1700-01-01", "4000-12-31"


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """Raises ZoneInfoNotFoundError or ValueError for a name that is no zone."""
    return UTC if name == "UTC" else ZoneInfo(name)


def parse_moment(raw: Raw) -> datetime | None:
    """ISO 8601 with `Z`, `+0000` or another offset (none: UTC), or milliseconds since 1970, which HubSpot knows too."""
    if raw.__class__ is int:
        return _from_epoch_ms(raw)
    if raw.__class__ is not str:
        return None
    text = raw.strip()
    # Before ISO: "20261231" would pass as a date written without hyphens, but is a number of milliseconds.
    if text.isascii() and (text.isdigit() or (text[:1] == "-" and text[1:].isdigit())):
        return _from_epoch_ms(int(text)) if len(text) < 20 else None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_epoch_ms(milliseconds: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def to_us(moment: datetime) -> int:
    """Whole seconds, in microseconds: Salesforce stores datetimes to the second. Rounds down, before 1970 too."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000


def parse_day(raw: Raw) -> Value:
    """`YYYY-MM-DD`, or HubSpot's midnight UTC in milliseconds or as a datetime."""
    if raw is None or raw == "":
        return BLANK
    if raw.__class__ is str and len(raw) == 10 and raw[4] == "-" and raw[7] == "-":
        try:
            date.fromisoformat(raw)
        except ValueError:
            return _NOT_A_DATE
        return Date(raw)
    if raw.__class__ is str and not raw.strip():
        return BLANK
    moment = parse_moment(raw)
    return _NOT_A_DATE if moment is None else Date(moment.date().isoformat())


def _day_for_salesforce(day: str) -> str:
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise CodecError("INVALID_DATE", f"{day}: Salesforce holds dates from {_FIRST_DAY} to {_LAST_DAY}")
    return day


class DateCodec(Codec):
    """A calendar day on both sides; no zone is involved."""

    __slots__ = ()

    kind = "date"

    def from_hubspot(self, raw: Raw) -> Value:
        return parse_day(raw)

    def from_salesforce(self, raw: Raw) -> Value:
        return parse_day(raw)

    def canon(self, value: Value) -> Value:
        return parse_day(value.value) if type(value) is Date else value

    def render_hubspot(self, value: Value) -> str:
        if type(value) is not Date:
            raise not_of_this_codec(self, value)
        return value.value

    def render_salesforce(self, value: Value) -> Raw:
        return _day_for_salesforce(self.render_hubspot(value))


class InstantCodec(Codec):
    """A moment on both sides, to the second."""

    __slots__ = ()

    kind = "datetime"

    def from_hubspot(self, raw: Raw) -> Value:
        if raw is None or raw == "" or (raw.__class__ is str and not raw.strip()):
            return BLANK
        moment = parse_moment(raw)
        return _NOT_A_TIME if moment is None else Instant(to_us(moment))

    from_salesforce = from_hubspot

    def canon(self, value: Value) -> Value:
        return Instant(value.us // 1_000_000 * 1_000_000) if type(value) is Instant else value

    def render_hubspot(self, value: Value) -> str:
        return hubspot_time(self._moment(value))

    def render_salesforce(self, value: Value) -> Raw:
        return salesforce_time(self._moment(value))

    def _moment(self, value: Value) -> datetime:
        if type(value) is not Instant:
            raise not_of_this_codec(self, value)
        try:
            return _EPOCH + timedelta(microseconds=value.us)
        except OverflowError:
            raise CodecError("INVALID_DATE", "The moment is outside of the years 1 to 9999") from None


def hubspot_time(moment_utc: datetime) -> str:
    return f"{moment_utc.isoformat(timespec='seconds')[:19]}Z"


def salesforce_time(moment_utc: datetime) -> str:
    """As Salesforce itself writes times in JSON (`2021-12-02T18:23:39.000+0000`)."""
    text = moment_utc.isoformat(timespec="seconds")[:19]
    _day_for_salesforce(text[:10])
    return f"{text}.000+0000"


class _DayAndMoment(Codec):
    """One side holds a day, the other a moment. They agree when the moment falls on that day in the configured zone.

    A moment is only overwritten when its day changes, so its time of day survives edits of other fields.
    """

    __slots__ = ("_zone",)

    def __init__(self, *, time_zone: str = "UTC", nillable: bool = True) -> None:
        super().__init__(nillable=nillable)
        self._zone = zone(time_zone)

    def canon(self, value: Value) -> Value:
        return parse_day(value.value) if type(value) is Date else value

    def _day_of(self, raw: Raw) -> Value:
        if raw is None or raw == "" or (raw.__class__ is str and not raw.strip()):
            return BLANK
        moment = parse_moment(raw)
        if moment is None:
            return _NOT_A_TIME
        try:
            return Date(moment.astimezone(self._zone).date().isoformat())
        except OverflowError:
            return _NOT_A_TIME

    def _day(self, value: Value) -> str:
        if type(value) is not Date:
            raise not_of_this_codec(self, value)
        return value.value

    def _midnight(self, value: Value) -> datetime:
        day = self._day(value)
        try:
            local = datetime.fromisoformat(day).replace(tzinfo=self._zone)
            moment = local.astimezone(UTC)
            # A zone may have skipped a whole day (Pacific/Apia, 2011-12-30): no moment of it exists.
            if moment.astimezone(self._zone).date().isoformat() == day:
                return moment
        except OverflowError:
            pass
        raise CodecError("INVALID_DATE", f"{day} has no moment in the time zone {self._zone}")


class DatetimeToDateCodec(_DayAndMoment):
    """HubSpot `datetime`, Salesforce `date`: a deal's close date."""

    __slots__ = ()

    kind = "date"

    def from_hubspot(self, raw: Raw) -> Value:
        return self._day_of(raw)

    def from_salesforce(self, raw: Raw) -> Value:
        return parse_day(raw)

    def render_hubspot(self, value: Value) -> str:
        return hubspot_time(self._midnight(value))

    def render_salesforce(self, value: Value) -> Raw:
        return _day_for_salesforce(self._day(value))


class DateToDatetimeCodec(_DayAndMoment):
    """HubSpot `date`, Salesforce `datetime`."""

    __slots__ = ()

    kind = "date"

    def from_hubspot(self, raw: Raw) -> Value:
        return parse_day(raw)

    def from_salesforce(self, raw: Raw) -> Value:
        return self._day_of(raw)

    def render_hubspot(self, value: Value) -> str:
        return self._day(value)

    def render_salesforce(self, value: Value) -> Raw:
        return salesforce_time(self._midnight(value))

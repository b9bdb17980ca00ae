"""The laws of the codecs, drawn for every pair of types that may be mapped. A new pair belongs into PAIRS."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from interlock.core.codec import Codec, CodecError, FieldShape, RefCodec, StageCodec, codec_for
from interlock.core.plain import from_plain, plain
from interlock.core.values import BLANK, UNKNOWN, Blank, Choices, Flag, Instant, Number, Unknown, fingerprint

OPTIONS = ("Hot", "WARM", "cold", "a b", "ä")
PICKLIST = ("hot", "Warm", "cold", "A-B", "elsewhere")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Pacific/Kiritimati", "Asia/Kathmandu")


def shape(hubspot: str, field_type: str, salesforce: str, **facts: object) -> FieldShape:
    return FieldShape(hubspot_type=hubspot, hubspot_field_type=field_type, salesforce_type=salesforce, **facts)  # type: ignore[arg-type]


def built(shape_: FieldShape) -> Codec:
    codec = codec_for(shape_)
    assert isinstance(codec, Codec), codec
    return codec


anything_typed = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from(
    ["", " ", "\r\n", "[unknown]"]
)
addresses = st.from_regex(r"[A-Za-z0-9._+'-]{1,12}@[A-Za-z0-9.-]{1,12}\.[A-Za-z]{2,4}", fullmatch=True) | anything_typed
numbers_in_hubspot = (
    st.decimals(allow_nan=False, allow_infinity=False, places=6).map(str)
    | st.integers().map(str)
    | st.sampled_from(["1E+3", "-0", "0.00", " 7 ", "007", "1e999999", "NaN", "Infinity", "1,000", "٣", ""])
)
numbers_in_salesforce = st.integers() | st.floats() | st.decimals(allow_nan=True) | st.text(max_size=5)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
moments_in_hubspot = (
    moments.map(lambda at: at.isoformat(timespec="milliseconds") + "Z")
    | moments.map(lambda at: at.isoformat(timespec="seconds") + "Z")
    | st.integers(-(10**14), 10**15).map(str)
    | st.sampled_from(["", "soon", "20261231", "2026-12-31", "9" * 30])
)
moments_in_salesforce = moments.map(lambda at: at.isoformat(timespec="milliseconds") + "+0000") | anything_typed
days = st.dates().map(lambda day: day.isoformat()) | st.sampled_from(["", "2026-02-30", "31.12.2026", "not a day"])
choices = st.sampled_from([*OPTIONS, *PICKLIST, "", " cold ", "stale"])
several = st.lists(choices, max_size=5).map(";".join)
flags_in_hubspot = st.sampled_from(["true", "false", "TRUE", "", None, "yes"])
flags_in_salesforce = st.booleans() | st.none()

Drawn = st.SearchStrategy[object]
# What HubSpot's property, what Salesforce's field, and what either may hold.
PAIRS: dict[str, tuple[Codec, Drawn, Drawn]] = {}


def pair(name: str, codec: Codec, hubspot: Drawn, salesforce: Drawn) -> None:
    PAIRS[name] = (codec, hubspot | st.none(), salesforce | st.none())


for kind in ("string", "textarea", "phone", "url", "id", "encryptedstring", "combobox"):
    pair(f"text-{kind}", built(shape("string", "text", kind, length=30)), anything_typed, anything_typed)
pair(
    "phone_number-phone",
    built(shape("phone_number", "phonenumber", "phone", length=40)),
    anything_typed,
    anything_typed,
)
pair("textarea-textarea", built(shape("string", "textarea", "textarea")), anything_typed, anything_typed)
pair("html-textarea", built(shape("string", "html", "textarea")), anything_typed, anything_typed)
pair(
    "required text",
    built(shape("string", "text", "string", length=80, nillable=False, placeholder="[unknown]")),
    anything_typed,
    anything_typed,
)
pair("text-email", built(shape("string", "text", "email", length=80)), addresses, addresses)
pair(
    "default text-picklist",
    built(shape("string", "text", "picklist", picklist=PICKLIST, restricted=True, default_pair=True)),
    choices,
    choices,
)
pair(
    "default text-currency",
    built(shape("string", "text", "currency", precision=18, scale=0, default_pair=True)),
    numbers_in_hubspot,
    numbers_in_salesforce,
)
for kind in ("double", "currency", "percent", "long"):
    pair(
        f"number-{kind}",
        built(shape("number", "number", kind, precision=18, scale=2)),
        numbers_in_hubspot,
        numbers_in_salesforce,
    )
pair("number-double-unscaled", built(shape("number", "number", "double")), numbers_in_hubspot, numbers_in_salesforce)
pair("number-int", built(shape("number", "number", "int", precision=8)), numbers_in_hubspot, numbers_in_salesforce)
for form, kind in (("bool", "booleancheckbox"), ("enumeration", "booleancheckbox")):
    pair(f"{form}-boolean", built(shape(form, kind, "boolean")), flags_in_hubspot, flags_in_salesforce)
for form in ("select", "radio"):
    pair(
        f"{form}-picklist",
        built(shape("enumeration", form, "picklist", hubspot_options=OPTIONS, picklist=PICKLIST, restricted=True)),
        choices,
        choices,
    )
    pair(f"{form}-reference", built(shape("enumeration", form, "reference", length=18)), choices, choices)
pair(
    "checkbox-multipicklist",
    built(
        shape("enumeration", "checkbox", "multipicklist", hubspot_options=OPTIONS, picklist=PICKLIST, restricted=True)
    ),
    several,
    several,
)
pair("date-date", built(shape("date", "date", "date")), days | moments_in_hubspot, days)
pair("datetime-datetime", built(shape("datetime", "date", "datetime")), moments_in_hubspot, moments_in_salesforce)
for place in ZONES:
    pair(f"datetime-date {place}", built(shape("datetime", "date", "date", time_zone=place)), moments_in_hubspot, days)
    pair(
        f"date-datetime {place}", built(shape("date", "date", "datetime", time_zone=place)), days, moments_in_salesforce
    )
ids = st.sampled_from(["1", "2", "9", "", "005A", "005B", "005Z"])
pair("owner", RefCodec("owner", {"1": "ada", "2": "bob"}, {"005A": "ada", "005B": "bob", "005Z": "ada"}), ids, ids)
stages = st.sampled_from(["new", "won", "gone", "", "New", "Won", "Lost"])
pair("stage", StageCodec("default", {"new": "New", "won": "Won"}), stages, stages)

every_pair = pytest.mark.parametrize("name", PAIRS)
law = settings(max_examples=60, deadline=None)


@every_pair
@law
@given(data=st.data())
def test_what_is_written_reads_back_as_the_same_value(name: str, data: st.DataObject) -> None:
    codec, hubspot, salesforce = PAIRS[name]
    value = data.draw(st.one_of(hubspot.map(codec.from_hubspot), salesforce.map(codec.from_salesforce)))
    assume(not isinstance(value, Unknown))
    for write, read in ((codec.to_hubspot, codec.from_hubspot), (codec.to_salesforce, codec.from_salesforce)):
        try:
            written = write(value)
        except CodecError:
            continue  # the target cannot hold it, and said so
        assert read(written) == value


@every_pair
@law
@given(data=st.data())
def test_what_came_from_salesforce_survives_the_way_through_hubspot(name: str, data: st.DataObject) -> None:
    codec, _, salesforce = PAIRS[name]
    value = codec.from_salesforce(data.draw(salesforce))
    assume(not isinstance(value, Unknown))
    try:
        carried = codec.to_hubspot(value)
    except CodecError:
        return
    assert type(carried) is str
    assert codec.from_hubspot(carried) == value


@every_pair
@law
@given(data=st.data())
def test_the_canonical_form_of_a_canonical_value_is_itself(name: str, data: st.DataObject) -> None:
    codec, hubspot, salesforce = PAIRS[name]
    value = data.draw(st.one_of(hubspot.map(codec.from_hubspot), salesforce.map(codec.from_salesforce)))
    assert codec.canon(value) == value
    assert codec.canon(codec.canon(value)) == codec.canon(value)


@every_pair
@law
@given(data=st.data())
def test_a_value_is_found_again_from_what_a_person_reads(name: str, data: st.DataObject) -> None:
    codec, hubspot, salesforce = PAIRS[name]
    value = data.draw(st.one_of(hubspot.map(codec.from_hubspot), salesforce.map(codec.from_salesforce)))
    assume(not isinstance(value, Unknown))
    assert from_plain(codec, plain(value)) == codec.canon(value)


@every_pair
@law
@given(raw=st.none() | st.booleans() | st.integers() | st.floats() | anything_typed | st.just([1]) | st.just({}))
def test_reading_never_fails_and_never_takes_an_unreadable_value_for_blank(name: str, raw: object) -> None:
    codec, _, _ = PAIRS[name]
    for value in (codec.from_hubspot(raw), codec.from_salesforce(raw)):
        if isinstance(value, Blank):
            assert (
                raw is None
                or (isinstance(raw, str) and raw.strip(" \t\r\n;") in ("", "[unknown]"))
                or not str(raw).strip()
            )
        elif not isinstance(value, Unknown):
            assert fingerprint(value) == fingerprint(codec.canon(value)) != 0


@every_pair
def test_blank_is_written_as_blank_and_nothing_else_is(name: str) -> None:
    codec, _, _ = PAIRS[name]
    if codec.kind == "flag":
        assert (codec.to_hubspot(BLANK), codec.to_salesforce(BLANK)) == ("false", False)
        assert codec.from_salesforce(None) == codec.from_hubspot(None) == codec.from_hubspot("") == Flag(False)
        return
    assert codec.to_hubspot(BLANK) == ""
    assert codec.from_hubspot("") == codec.from_hubspot(None) == codec.from_salesforce(None) == BLANK
    if codec.nillable:
        assert codec.to_salesforce(BLANK) is None


@every_pair
def test_an_unreadable_value_is_never_written(name: str) -> None:
    codec, _, _ = PAIRS[name]
    for write in (codec.to_hubspot, codec.to_salesforce):
        with pytest.raises(ValueError, match="cannot write"):
            write(UNKNOWN)


@given(options=st.lists(st.sampled_from(["cold", "Hot", "WARM"]), min_size=1))
def test_several_options_are_a_set(options: list[str]) -> None:
    codec, _, _ = PAIRS["checkbox-multipicklist"]
    shuffled = ";".join(reversed(options + options[:1]))
    value = codec.from_hubspot(";".join(options))
    assert isinstance(value, Choices)
    assert codec.from_hubspot(shuffled) == value == codec.from_salesforce(codec.to_salesforce(value))


@given(number=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=2))
def test_no_digit_of_a_number_is_lost_on_the_way(number: Decimal) -> None:
    codec, _, _ = PAIRS["number-currency"]
    value = codec.from_hubspot(str(number))
    assert isinstance(value, Number)
    assert Decimal(value.value) == number
    assert Decimal(str(codec.to_salesforce(value))) == number


@given(at=moments, milliseconds=st.integers(0, 999))
def test_a_moment_is_compared_to_the_second(at: datetime, milliseconds: int) -> None:
    codec, _, _ = PAIRS["datetime-datetime"]
    whole = at.replace(microsecond=0)
    shown = (whole + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")
    from_hubspot = codec.from_hubspot(f"{shown}Z")
    assert isinstance(from_hubspot, Instant)
    assert from_hubspot == codec.from_salesforce(f"{whole.isoformat()}.000+0000")


@pytest.mark.parametrize("name", PAIRS)
def test_null_reads_as_blank_on_both_sides_wherever_the_codec_says_so(name: str) -> None:
    codec = PAIRS[name][0]
    nulls = (codec.from_hubspot(None), codec.from_salesforce(None))
    assert (nulls == (BLANK, BLANK)) == codec.null_is_blank

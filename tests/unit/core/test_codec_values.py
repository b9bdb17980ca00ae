"""What values become on their way between the CRMs, one fact of either CRM a test."""

from __future__ import annotations

from decimal import Decimal

import pytest

from interlock.core.codec import (
    Codec,
    CodecError,
    CurrencyCodec,
    FieldShape,
    PipelineCodec,
    RefCodec,
    StageCodec,
    codec_for,
    unmatched_options,
)
from interlock.core.codec.stage import MASTER
from interlock.core.values import BLANK, Blank, Choice, Choices, Date, Flag, Instant, Number, Ref, Text, Unknown


def codec(hubspot: str, field_type: str, salesforce: str, **facts: object) -> Codec:
    found = codec_for(
        FieldShape(hubspot_type=hubspot, hubspot_field_type=field_type, salesforce_type=salesforce, **facts)  # type: ignore[arg-type]
    )
    assert isinstance(found, Codec), found
    return found


def refused(write: object, value: object) -> str:
    with pytest.raises(CodecError) as caught:
        write(value)  # type: ignore[operator]
    assert str(caught.value)
    return caught.value.code


line = codec("string", "text", "string", length=10)
email = codec("string", "text", "email", length=80)
number = codec("number", "number", "double", precision=10, scale=2)
whole = codec("number", "number", "int", precision=8)
checkbox = codec("bool", "booleancheckbox", "boolean")
day = codec("date", "date", "date")
moment = codec("datetime", "date", "datetime")


# --- text -----------------------------------------------------------------------------------------------------------


def test_text_differs_by_neither_outer_blanks_nor_line_ends():
    assert line.from_hubspot(" a\r\nb\rc ") == line.from_salesforce("a\nb\nc") == Text("a\nb\nc")


def test_text_of_blanks_only_is_blank_as_salesforce_stores_it():
    assert line.from_hubspot(" \t\n ") == BLANK


def test_text_that_is_too_long_is_refused_with_both_figures():
    with pytest.raises(CodecError, match="11 characters, the Salesforce field holds 10") as caught:
        line.to_salesforce(Text("x" * 11))
    assert caught.value.code == "STRING_TOO_LONG"
    assert line.to_hubspot(Text("x" * 11)) == "x" * 11


def test_a_five_megabyte_property_is_refused_and_not_cut():
    unlimited = codec("string", "textarea", "textarea", length=32_000)
    assert refused(unlimited.to_salesforce, unlimited.from_hubspot("x" * 5_000_000)) == "STRING_TOO_LONG"


def test_a_salesforce_text_that_hubspot_cannot_hold_is_refused():
    assert refused(line.to_hubspot, Text("x" * 65_537)) == "STRING_TOO_LONG"


@pytest.mark.parametrize("bad", ["a\x00b", "\ud83d cut", "tail \udc00"])
def test_what_no_request_can_carry_is_refused(bad: str):
    value = line.from_hubspot(bad)
    assert value == Text(bad)
    assert refused(line.to_salesforce, value) == refused(line.to_hubspot, value) == "INVALID_CHARACTERS"


def test_an_emoji_is_text_like_any_other():
    assert line.to_salesforce(line.from_hubspot("Ada 🚀")) == "Ada 🚀"


def test_a_required_text_reads_its_placeholder_as_blank_and_writes_blank_as_the_placeholder():
    last_name = codec("string", "text", "string", nillable=False, placeholder="[unknown]")
    assert last_name.from_salesforce("[unknown]") == BLANK
    assert last_name.to_salesforce(BLANK) == "[unknown]"
    assert last_name.to_hubspot(BLANK) == ""


def test_a_required_field_without_placeholder_cannot_be_cleared():
    assert refused(codec("date", "date", "date", nillable=False).to_salesforce, BLANK) == "REQUIRED_FIELD_MISSING"


# --- e-mail ---------------------------------------------------------------------------------------------------------


def test_an_address_is_the_same_whatever_its_capitals():
    assert email.from_hubspot("ada@example.com") == email.from_salesforce(" Ada@Example.COM")


@pytest.mark.parametrize(
    "bad",
    ["ada", "ada@", "@example.com", "ada@example", "a da@example.com", "a..b@example.com", "ä@example.com", "a@b@c.de"],
)
def test_what_is_no_address_is_refused_on_both_sides(bad: str):
    value = email.from_hubspot(bad)
    assert refused(email.to_salesforce, value) == refused(email.to_hubspot, value) == "INVALID_EMAIL"


@pytest.mark.parametrize(
    "good", ["ada@example.com", "o'neil+news@mail.example.co.uk", "a_b-c.d@xn--mnchen-3ya.de", "1@2.de"]
)
def test_an_address_is_taken(good: str):
    assert email.to_salesforce(email.from_hubspot(good)) == good


def test_an_address_over_eighty_characters_does_not_fit_into_salesforce():
    assert refused(email.to_salesforce, Text("a" * 70 + "@example.com")) == "STRING_TOO_LONG"


# --- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("12.50", "12.5"),
        ("0012", "12"),
        ("1E+3", "1000"),
        ("-0.00", "0"),
        (" 7 ", "7"),
        ("2.345", "2.35"),
        ("-2.345", "-2.35"),
    ],
)
def test_a_number_has_one_spelling_rounded_to_the_scale_of_the_field(raw: str, value: str):
    assert number.from_hubspot(raw) == Number(value)


@pytest.mark.parametrize("raw", [12.5, Decimal("12.500"), "12.5"])
def test_a_number_reads_the_same_however_the_json_was_decoded(raw: object):
    assert number.from_salesforce(raw) == Number("12.5")


def test_the_long_tail_of_a_binary_fraction_is_rounded_away():
    # As a HubSpot calculated property answered it.
    assert number.from_hubspot("0.40000000000000002220446049250313080847263336181640625") == Number("0.4")


def test_a_decimal_is_never_squeezed_through_a_float():
    wide = codec("number", "number", "currency", precision=18, scale=2)
    value = wide.from_hubspot("1234567890123456.78")
    assert wide.to_salesforce(value) == "1234567890123456.78"
    assert wide.to_salesforce(Number("0.1")) == 0.1
    assert type(wide.to_salesforce(Number("5"))) is int


@pytest.mark.parametrize("raw", ["five", "1,000", "NaN", "Infinity", "1e999999", "٣", "1_000", True, [1]])
def test_what_is_no_number_is_unreadable_and_not_blank(raw: object):
    assert isinstance(number.from_hubspot(raw), Unknown)


def test_a_number_outside_of_the_field_is_refused():
    assert number.to_salesforce(Number("12345678.9")) == 12345678.9
    assert refused(number.to_salesforce, Number("123456789")) == "NUMBER_OUTSIDE_RANGE"
    assert refused(whole.to_salesforce, Number("123456789")) == "NUMBER_OUTSIDE_RANGE"
    assert refused(codec("number", "number", "int").to_salesforce, Number("2147483648")) == "NUMBER_OUTSIDE_RANGE"


def test_an_integer_field_compares_whole_numbers():
    assert whole.from_hubspot("10.5") == whole.from_salesforce(11) == Number("11")


# --- flags ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [None, "", "false", False, " False "])
def test_an_empty_check_box_is_not_ticked(raw: object):
    assert checkbox.from_hubspot(raw) == checkbox.from_salesforce(False) == Flag(False)


def test_a_check_box_is_never_written_as_null():
    assert (checkbox.to_salesforce(BLANK), checkbox.to_salesforce(Flag(True))) == (False, True)
    assert (checkbox.to_hubspot(BLANK), checkbox.to_hubspot(Flag(True))) == ("false", "true")


def test_a_check_box_that_says_maybe_is_unreadable():
    assert isinstance(checkbox.from_hubspot("maybe"), Unknown)


# --- days and moments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", ["2026-12-31", "1798675200000", "2026-12-31T00:00:00Z"])
def test_a_day_of_hubspot_is_read_in_each_of_its_spellings(raw: str):
    assert day.from_hubspot(raw) == day.from_salesforce("2026-12-31") == Date("2026-12-31")


@pytest.mark.parametrize("raw", ["2026-02-30", "31/12/2026", "soon", "2026-13-01"])
def test_a_day_that_does_not_exist_is_unreadable(raw: str):
    assert isinstance(day.from_hubspot(raw), Unknown)


@pytest.mark.parametrize(
    "raw", ["2026-12-31T10:20:30.456Z", "1798712430456", "2026-12-31T11:20:30+01:00", "2026-12-31T10:20:30"]
)
def test_a_moment_is_read_to_the_second_in_each_spelling(raw: str):
    assert moment.from_hubspot(raw) == moment.from_salesforce("2026-12-31T10:20:30.000+0000")


def test_a_moment_is_written_as_either_crm_writes_it():
    at = moment.from_hubspot("2026-12-31T10:20:30Z")
    assert moment.to_hubspot(at) == "2026-12-31T10:20:30Z"
    assert moment.to_salesforce(at) == "2026-12-31T10:20:30.000+0000"


@pytest.mark.parametrize("year", ["1699-12-31", "4001-01-01"])
def test_a_day_outside_of_what_salesforce_stores_is_refused(year: str):
    assert refused(day.to_salesforce, Date(year)) == "INVALID_DATE"
    assert refused(moment.to_salesforce, moment.from_hubspot(f"{year}T00:00:00Z")) == "INVALID_DATE"


@pytest.mark.parametrize(
    ("zone", "expected"), [("UTC", "2026-03-31"), ("Europe/Berlin", "2026-04-01"), ("America/New_York", "2026-03-31")]
)
def test_a_moment_becomes_the_day_of_the_configured_zone(zone: str, expected: str):
    close_date = codec("datetime", "date", "date", time_zone=zone)
    assert close_date.from_hubspot("2026-03-31T22:30:00Z") == Date(expected)


def test_a_day_becomes_midnight_of_the_configured_zone_and_keeps_its_date():
    close_date = codec("datetime", "date", "date", time_zone="Europe/Berlin")
    assert close_date.to_hubspot(Date("2026-03-31")) == "2026-03-30T22:00:00Z"
    assert close_date.from_hubspot("2026-03-30T22:00:00Z") == Date("2026-03-31")


def test_a_day_keeps_its_date_where_its_midnight_was_skipped_by_summer_time():
    due = codec("date", "date", "datetime", time_zone="America/Sao_Paulo")
    assert due.from_salesforce(due.to_salesforce(Date("2018-11-04"))) == Date("2018-11-04")


def test_a_day_that_a_zone_skipped_altogether_is_refused():
    due = codec("date", "date", "datetime", time_zone="Pacific/Apia")
    assert refused(due.to_salesforce, Date("2011-12-30")) == "INVALID_DATE"


# --- options --------------------------------------------------------------------------------------------------------

INDUSTRY = {
    "hubspot_options": ("BANKING", "FOOD_BEVERAGES", "OTHER"),
    "picklist": ("Banking", "Food & Beverage", "Other"),
}


def test_options_that_differ_in_spelling_alone_are_the_same():
    industry = codec("enumeration", "select", "picklist", **INDUSTRY)
    assert industry.from_hubspot("BANKING") == industry.from_salesforce("Banking") == Choice("Banking")
    assert industry.to_hubspot(Choice("Banking")) == "BANKING"


def test_an_option_that_hubspot_lacks_is_read_and_only_refused_when_written():
    industry = codec("enumeration", "select", "picklist", **INDUSTRY)
    value = industry.from_salesforce("Food & Beverage")
    assert value == Choice("Food & Beverage")
    assert refused(industry.to_hubspot, value) == "INVALID_OPTION"


def test_a_restricted_picklist_refuses_what_an_open_one_takes():
    restricted = codec("enumeration", "select", "picklist", restricted=True, **INDUSTRY)
    assert refused(restricted.to_salesforce, Choice("FOOD_BEVERAGES")) == "INVALID_OPTION"
    assert (
        codec("enumeration", "select", "picklist", **INDUSTRY).to_salesforce(Choice("FOOD_BEVERAGES"))
        == "FOOD_BEVERAGES"
    )


def test_two_options_that_fold_to_one_word_are_not_guessed_apart():
    grade = codec("enumeration", "select", "picklist", hubspot_options=("A+", "A-", "B"), picklist=("A", "B"))
    assert grade.from_hubspot("A+") == Choice("A+")


def test_a_set_of_options_has_no_order_and_no_repeats():
    colours = codec("enumeration", "checkbox", "multipicklist")
    assert colours.from_hubspot("red;blue;red;") == colours.from_salesforce("blue;red") == Choices(("blue", "red"))
    assert colours.from_hubspot(";") == BLANK


def test_the_options_that_one_side_lacks_are_named():
    shape = FieldShape(hubspot_type="enumeration", hubspot_field_type="select", salesforce_type="picklist", **INDUSTRY)  # type: ignore[arg-type]
    assert unmatched_options(shape) == (("FOOD_BEVERAGES",), ("Food & Beverage",))


# --- references and stages ------------------------------------------------------------------------------------------


def test_an_owner_is_the_same_person_on_both_sides():
    owner = RefCodec("owner", {"41": "ada@example.com"}, {"005000000000001AAA": "ada@example.com"})
    assert owner.from_hubspot("41") == owner.from_salesforce("005000000000001AAA") == Ref("owner", "ada@example.com")
    assert owner.to_salesforce(owner.from_hubspot("41")) == "005000000000001AAA"


def test_a_fifteen_character_id_names_the_same_record():
    # The pair of one real account id (restforce fixtures).
    company = RefCodec("companies", {"7": "7"}, {"001D000000INjVeIAL": "7"})
    assert company.from_salesforce("001D000000INjVe") == Ref("companies", "7")


def test_an_id_that_is_not_in_the_directory_is_unknown_and_not_blank():
    company = RefCodec("companies", {"7": "7"}, {"001A": "7"})
    assert company.from_hubspot("8") == Unknown("not linked")
    assert isinstance(company.from_hubspot(""), Blank)


def test_a_reference_without_a_target_is_refused():
    owner = RefCodec("owner", {"41": "ada"}, {"005A": "ada", "005B": "ada"}, {"ada": "41"}, {})
    assert refused(owner.to_salesforce, owner.from_hubspot("41")) == "NO_COUNTERPART"


def test_stages_are_joined_by_what_people_read():
    stage = StageCodec.by_label(
        "default",
        [("closedwon", "Closed Won"), ("137771", "Needs analysis"), ("own", "Only here")],
        ["Needs Analysis", "Closed Won", "Closed Lost"],
    )
    assert stage.from_hubspot("137771") == stage.from_salesforce("Needs Analysis") == Choice("Needs Analysis")
    assert stage.to_hubspot(Choice("Closed Won")) == "closedwon"
    assert isinstance(stage.from_hubspot("own"), Unknown)
    assert refused(stage.to_hubspot, stage.from_salesforce("Closed Lost")) == "STAGE_NOT_IN_PIPELINE"


def test_a_stage_of_another_pipeline_is_unknown_so_its_deal_is_left_alone():
    assert isinstance(StageCodec("default", {"won": "Closed Won"}).from_hubspot("other-won"), Unknown)


def test_a_stage_is_read_in_every_pipeline_that_syncs_and_written_in_its_own():
    renewals = StageCodec("renewals", {"paid": "Closed Won"}, {"won": "Closed Won", "new": "Prospecting"})
    assert renewals.from_hubspot("won") == renewals.from_hubspot("paid") == Choice("Closed Won")
    assert renewals.to_hubspot(Choice("Closed Won")) == "paid"
    assert refused(renewals.to_hubspot, renewals.from_hubspot("new")) == "STAGE_NOT_IN_PIPELINE"


def test_an_opportunity_without_record_type_is_of_master_and_one_that_is_not_there_of_none():
    pipeline = PipelineCodec({"default": MASTER, "renewals": "0121"})
    assert pipeline.from_salesforce(None) == pipeline.from_hubspot("default") == Choice(MASTER)
    assert pipeline.to_salesforce(Choice(MASTER)) is None
    assert pipeline.from_salesforce(pipeline.absent) == BLANK
    assert isinstance(pipeline.from_salesforce("0122"), Unknown)
    assert isinstance(pipeline.from_hubspot("partners"), Unknown)


def test_two_pipelines_for_one_record_type_are_a_mistake_of_the_set_up():
    with pytest.raises(ValueError, match="two pipelines"):
        PipelineCodec({"default": "0121", "renewals": "0121"})


def test_a_deal_that_names_no_currency_has_that_of_its_account_and_one_that_is_not_there_has_none():
    currency = CurrencyCodec("USD", ("USD", "EUR"), ("USD", "GBP"), restricted=True)
    assert currency.from_hubspot(None) == currency.from_salesforce("USD") == Choice("USD")
    assert currency.from_hubspot(currency.absent) == currency.from_salesforce(currency.absent) == BLANK
    assert currency.from_salesforce(None) == BLANK
    assert refused(currency.to_salesforce, currency.from_hubspot("EUR")) == "INVALID_OPTION"
    assert refused(currency.to_hubspot, currency.from_salesforce("GBP")) == "INVALID_OPTION"


def test_two_stages_for_one_stage_name_are_a_mistake_of_the_set_up():
    with pytest.raises(ValueError, match="two stages"):
        StageCodec("default", {"won": "Closed Won", "paid": "Closed Won"})


def test_of_two_ids_that_mean_the_same_the_first_is_written():
    owner = RefCodec("owner", {"41": "ada", "42": "ada"}, {"005A": "ada"})
    assert owner.to_hubspot(owner.from_hubspot("42")) == "41"


# --- the canonical form -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "value", "canonical"),
    [
        (line, Text(" a\r\nb "), Text("a\nb")),
        (line, Text("  "), BLANK),
        (email, Text("Ada@Example.com"), Text("ada@example.com")),
        (number, Number("2.345"), Number("2.35")),
        (checkbox, BLANK, Flag(False)),
        (moment, Instant(1_500_000), Instant(1_000_000)),
        (moment, Instant(-1), Instant(-1_000_000)),
        (codec("enumeration", "checkbox", "multipicklist"), Choices(("b", "a", "b")), Choices(("a", "b"))),
    ],
)
def test_a_value_is_brought_into_the_form_in_which_both_sides_compare(of: Codec, value: object, canonical: object):
    assert of.canon(value) == canonical  # type: ignore[arg-type]


def test_an_option_that_both_sides_spell_alike_leaves_no_room_for_a_second_reading():
    heat = codec("enumeration", "select", "picklist", hubspot_options=("hot", "Hot!"), picklist=("hot", "HOT"))
    assert heat.from_hubspot("Hot!") == Choice("Hot!")


def test_an_option_that_is_listed_twice_is_one_option():
    heat = codec("enumeration", "select", "picklist", hubspot_options=("HOT", "HOT"), picklist=("Hot", "Hot"))
    assert heat.from_hubspot("HOT") == Choice("Hot")

"""SOQL is built by one module; whatever a value holds, it stays a value."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interlock.crm.salesforce import soql

UNESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def read_literal(text: str) -> tuple[str, str]:
    """A SOQL string literal as Salesforce reads it: its value, and what comes after it."""
    assert text[0] == "'"
    value, at = "", 1
    while text[at] != "'":
        if text[at] == "\\":
            at += 1
            value += UNESCAPES[text[at]]
        else:
            value += text[at]
        at += 1
    return value, text[at + 1 :]


texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"))


@given(texts)
@example("O'Brien")
@example("\\' OR Name LIKE '%")
@example('’ ‘ ＇ ʼ \u2028 \n\r\t"')
@example("\\")
def test_a_quoted_value_reads_back_as_itself_and_ends_where_it_should(value: str) -> None:
    assert read_literal(soql.quote(value) + " AND x") == (value, " AND x")


@given(texts)
def test_no_raw_quote_or_line_break_leaves_the_literal(value: str) -> None:
    inside = soql.quote(value)[1:-1]
    assert re.fullmatch(r"(?:[^'\\\n\r]|\\.)*", inside) is not None


@given(texts)
@example("100%_off")
def test_a_search_text_takes_its_own_wildcards_literally(value: str) -> None:
    inside = soql.quote_like(value)[2:-2]
    assert re.search(r"(?<!\\)(?:\\\\)*[%_]", inside) is None


@pytest.mark.parametrize("text", ["a\0b", "\0"])
def test_a_nul_character_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        soql.quote(text)
    with pytest.raises(ValueError):
        soql.quote_like(text)


@pytest.mark.parametrize("text", ["Name", "Account.Name", "Interlock_Key__c", "npsp__Level__r.Name"])
def test_names_of_objects_and_fields_pass(text: str) -> None:
    assert soql.name(text) == text


@pytest.mark.parametrize("text", ["", "Name FROM User", "Name,Id", "1x", "Name'", "a..b", ".a", "Näme", "Name\n"])
def test_what_is_not_a_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        soql.name(text)


@pytest.mark.parametrize("text", ["003000000000001", "003000000000001AAA"])
def test_record_ids_pass(text: str) -> None:
    assert soql.record_id(text) == text


@pytest.mark.parametrize("text", ["", "0030000000000", "003000000000001A", "003000000000001AAA'", "003 00000000001"])
def test_what_is_not_a_record_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        soql.record_id(text)


def test_times_are_literals_in_utc_to_the_millisecond() -> None:
    assert soql.datetime_literal(1_780_000_000_123_456) == "2026-05-28T20:26:40.123Z"
    assert soql.datetime_literal(0) == "1970-01-01T00:00:00.000Z"


def test_the_keyset_goes_on_after_the_last_record_of_a_stamp() -> None:
    text = soql.changed_since("Contact", ["Email"], 1_780_000_000_000_000, after_id="003000000000001AAA", limit=2000)
    assert text == (
        "SELECT Id, SystemModstamp, Email FROM Contact WHERE (SystemModstamp > 2026-05-28T20:26:40.000Z OR "
        "(SystemModstamp = 2026-05-28T20:26:40.000Z AND Id > '003000000000001AAA')) "
        "ORDER BY SystemModstamp, Id LIMIT 2000"
    )


def test_as_many_ids_go_into_a_query_as_its_address_holds() -> None:
    names = ["FirstName", "LastName", "Email"]
    assert soql.ids_per_query("Contact", names, 400) == 400
    wide = [f"A_rather_long_field_name_number_{number}__c" for number in range(250)]
    fitting = soql.ids_per_query("Contact", wide, 400)
    assert 0 < fitting < 400
    ids = [f"003{number:012d}AAA" for number in range(fitting)]
    assert len(soql.in_url(soql.by_ids("Contact", wide, ids))) <= soql.QUERY_BYTES_MAX


def test_fields_that_fit_into_no_query_are_refused() -> None:
    wide = [f"A_rather_long_field_name_number_{number}__c" for number in range(500)]
    with pytest.raises(ValueError):
        soql.ids_per_query("Contact", wide, 400)


def test_a_long_list_of_values_is_cut_into_queries_that_fit() -> None:
    values = [f"person.number.{number}@example-company.com" for number in range(2000)]
    queries = soql.where_in("Contact", ["Name"], "Email", [*values, values[0], "nul\0@example.com"])
    assert len(queries) > 1
    assert all(len(soql.in_url(text)) <= soql.QUERY_BYTES_MAX for text in queries)
    found = [value for text in queries for value in re.findall(r"'([^']*)'", text)]
    assert found == values


def test_more_fields_than_a_query_holds_are_no_query_of_each_value() -> None:
    wide = [f"A_rather_long_field_name_number_{number}__c" for number in range(500)]
    assert not soql.fit(wide)
    with pytest.raises(ValueError):
        soql.where_in("Contact", wide, "Email", ["a@example.com"])
    assert soql.fit(wide[:200])
    assert soql.narrowed([*wide, "IsDeleted", "MasterRecordId"]) == ["IsDeleted", "MasterRecordId"]


def test_any_value_that_such_a_field_can_hold_fits_beside_as_many_fields_as_fit() -> None:
    names = [f"A_rather_long_field_name_number_{number}__c" for number in range(600)]
    while not soql.fit(names):
        names.pop()
    longest = "\U0001f600" * soql.FILTERED_CHARS_MAX
    [text] = soql.where_in("Contact", names[:-1], "Email", [longest, "x" * 5_000])
    assert len(soql.in_url(text)) <= soql.QUERY_BYTES_MAX
    text = soql.changed_since(
        "Contact", names, 1_780_000_000_000_000, "003000000000001AAA", 1_780_000_000_000_000, 2000
    )
    assert len(soql.in_url(text)) <= soql.QUERY_BYTES_MAX
    assert soql.ids_per_query("Contact", names, 400) > 100


def test_no_values_are_no_query() -> None:
    assert soql.where_in("Contact", ["Name"], "Email", []) == []

"""The same person or company, however it was typed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from interlock.objects.normalise import (
    check_email,
    company_domain,
    is_role_address,
    normal_company_name,
    normal_email,
    normal_person_name,
    normal_phone,
    registrable_domain,
)


@pytest.mark.parametrize("typed", ["ada@example.com", " Ada@Example.COM ", "ADA@EXAMPLE.COM\n"])
def test_an_address_is_one_whatever_its_capitals_and_blanks(typed: str):
    assert normal_email(typed) == "ada@example.com"


@pytest.mark.parametrize(
    "typed", ["", "ada", "ada@", "@example.com", "a..b@example.com", "ada@localhost", "a b@example.com"]
)
def test_what_is_no_address_has_no_key_and_a_reason(typed: str):
    assert normal_email(typed) is None
    assert check_email(typed).why


@pytest.mark.parametrize("typed", ["ada@firma.test", "o'neil@example.com", "müller@münchen.de", "ada+news@example.com"])
def test_an_unusual_address_is_still_one(typed: str):
    assert normal_email(typed) == typed


def test_a_mailbox_of_a_function_is_told_from_a_persons():
    assert is_role_address("Info@example.com")
    assert is_role_address("sales+eu@example.com")
    assert not is_role_address("ada@example.com")
    assert not is_role_address("info")


@pytest.mark.parametrize(
    ("typed", "domain"),
    [
        ("https://www.shop.example.co.uk/path?x=1", "example.co.uk"),
        ("ada@mail.example.co.uk", "example.co.uk"),
        ("EXAMPLE.com.", "example.com"),
        ("//example.com:8080", "example.com"),
        ("http://user:word@example.com/", "example.com"),
        ("www.münchen.de", "xn--mnchen-3ya.de"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
    ],
)
def test_a_site_and_a_mailbox_lead_to_one_domain(typed: str, domain: str):
    assert registrable_domain(typed) == domain


@pytest.mark.parametrize("typed", ["", "n/a", "localhost", "192.168.0.1", "co.uk", "not a site"])
def test_what_has_no_registered_domain_has_none(typed: str):
    assert registrable_domain(typed) is None


@pytest.mark.parametrize(
    "typed", ["ada@gmail.com", "https://www.facebook.com/acme", "acme.blogspot.com", "linkedin.com/in/x"]
)
def test_a_domain_that_many_share_is_no_companys(typed: str):
    assert company_domain(typed) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme, Inc.", "ACME"),
        ("Müller GmbH & Co. KG", "Muller"),
        ("Società Rossi S.p.A.", "Societa Rossi SpA"),
        ("The Home Depot", "Home Depot"),
        ("AT&T Inc.", "AT & T"),
        ("O’Reilly Automotive", "O'Reilly Automotive"),
        ("A. O. Smith Corp", "A O Smith"),
        ("Łódź Sp. z o.o.", "lodz sp z o o"),
        ("Grupo Norte, S.A. de C.V.", "Grupo Norte"),
    ],
)
def test_a_company_has_one_name_whatever_its_form_and_marks(one: str, other: str):
    assert normal_company_name(one) == normal_company_name(other) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("Acme Holding", "Acme"), ("Acme Group", "Acme"), ("Acme UK", "Acme US"), ("3M", "M")]
)
def test_companies_with_different_names_stay_apart(one: str, other: str):
    assert normal_company_name(one) != normal_company_name(other)


@pytest.mark.parametrize(
    ("name", "normal"),
    [("Co", "co"), ("The Company", "company"), ("AG", "ag"), ("...", ""), ("株式会社東芝", "株式会社東芝")],
)
def test_a_name_keeps_its_last_word(name: str, normal: str):
    assert normal_company_name(name) == normal


def test_a_name_in_ornamental_letters_is_the_same_name():
    assert normal_person_name("𝑨𝒅𝒂 𝐋𝐨𝐯𝐞𝐥𝐚𝐜𝐞") == "ada lovelace"


def test_a_phone_number_is_one_however_it_is_grouped():
    assert normal_phone("(415) 555-2671", "US") == normal_phone("+1 415.555.2671") == "+14155552671"
    assert normal_phone("020 7946 0018", "GB") == "+442079460018"


def test_zeros_before_a_national_number_are_no_part_of_it_but_italys_is():
    assert normal_phone("+49 0030 1234567") == normal_phone("+49 30 1234567") == "+49301234567"
    assert normal_phone("+39 06 12345678") == "+390612345678"


def test_an_extension_is_part_of_the_number():
    assert normal_phone("+1 415 555 2671 ext. 12") == "+14155552671;ext=12"


@pytest.mark.parametrize("typed", ["", "call me", "555", "415 555 2671"])
def test_a_number_without_a_country_is_not_guessed(typed: str):
    assert normal_phone(typed) is None


@pytest.mark.parametrize(
    "typed", ["Ada Lovelace", "LOVELACE, Ada", "Dr. Ada Lovelace, PhD", "Mrs Ada  Lovelace", "Ada Lovelace Jr."]
)
def test_a_person_has_one_name_with_or_without_titles(typed: str):
    assert normal_person_name(typed) == "ada lovelace"


def test_importing_the_objects_loads_none_of_the_large_libraries():
    heavy = "phonenumbers tldextract email_validator"
    code = f"import sys, interlock.objects.registry; print([m for m in '{heavy}'.split() if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )

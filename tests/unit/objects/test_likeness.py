"""How alike two people or companies are, from what the CRMs hold of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from interlock.core.identity.evidence import Likeness, Trait
from interlock.core.identity.verdict import Found
from interlock.core.model import RecordKey, Side
from interlock.objects.comparing import COMPANIES, CONTACTS
from interlock.objects.likeness import alike_companies, alike_persons
from interlock.objects.profiles import Company, Person, company_of, normal_date, person_of, phone_digits

SAME, CLOSE, CROSSED = Likeness.SAME, Likeness.CLOSE, Likeness.CROSSED
SHARED, UNLIKE, UNKNOWN = Likeness.SHARED, Likeness.UNLIKE, Likeness.UNKNOWN


def in_hubspot(**values: str) -> Person:
    return person_of(Side.HUBSPOT, values, "US")


def in_salesforce(**values: str) -> Person:
    return person_of(Side.SALESFORCE, values, "US")


# --- profiles ----------------------------------------------------------------------------------------------------------------


def test_both_crms_tell_the_same_of_the_same_person():
    here = in_hubspot(
        email="Ada@Example.com",
        firstname="Ada",
        lastname="Lovelace",
        phone="(415) 555-2671",
        date_of_birth="1815-12-10",
        address="12 St. James's Sq.",
        city="London",
        zip="SW1Y 4JH",
        company="Analytical Engines Ltd",
    )
    there = in_salesforce(
        Email="ada@example.com",
        FirstName="ada",
        LastName="LOVELACE",
        Phone="+1 415 555 2671",
        Birthdate="1815-12-10",
        MailingStreet="12 St James s Sq",
        MailingCity="london",
        MailingPostalCode="sw1y4jh",
        Company="Analytical Engines",
    )
    assert here == there


def test_addresses_of_contacts_that_were_merged_count_as_well():
    person = in_hubspot(email="ada@example.com", hs_additional_emails="ADA@old.example.com;not an address; ")
    assert person.emails == ("ada@example.com", "ada@old.example.com")
    assert alike_persons(person, in_salesforce(Email="ada@old.example.com"))[Trait.EMAIL] is SAME


def test_what_stands_in_for_a_missing_name_names_nobody():
    assert in_salesforce(FirstName="Ada", LastName="[unknown]", Company="[unknown]") == Person(given="ada")


def test_a_company_keeps_its_own_domains_apart_from_sites_that_many_share():
    company = company_of(
        Side.HUBSPOT, {"domain": "acme.com", "hs_additional_domains": "acme.co.uk", "website": "facebook.com/acme"}
    )
    assert (company.domains, company.shared_domains) == (("acme.com", "acme.co.uk"), ("facebook.com",))


@pytest.mark.parametrize(
    ("typed", "date"),
    [("1815-12-10", "1815-12-10"), ("18151210", "1815-12-10"), ("1815-12-10 00:00:00", "1815-12-10")],
)
def test_a_date_is_one_however_it_is_written(typed: str, date: str):
    assert normal_date(typed) == date


@pytest.mark.parametrize("typed", ["", "10/12/1815", "1815-13-10", "soon", "1815"])
def test_what_is_no_certain_date_is_none(typed: str):
    assert normal_date(typed) == ""


def test_a_number_without_a_country_keeps_its_digits():
    assert phone_digits("020 7946 0018") == "2079460018"
    assert phone_digits("020 7946 0018", "GB") == "+442079460018"
    assert phone_digits("12345") is None


# --- likenesses --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("ada@example.com", "ada@example.com", SAME),
        ("ada.lovelace@example.com", "ada.lovelase@example.com", CLOSE),
        ("lovelace@example.com", "lovelace@example.org", CLOSE),
        ("info@example.com", "info@example.com", SHARED),
        ("ada1@example.com", "ada2@example.com", UNLIKE),
        ("ada@example.com", "ada7@example.com", UNLIKE),
        ("sales@example.com", "sales@example.org", UNLIKE),
        ("al@example.com", "al@elsewhere.com", UNLIKE),
        ("ada@example.com", "", UNKNOWN),
    ],
)
def test_addresses(one: str, other: str, likeness: Likeness):
    assert alike_persons(in_hubspot(email=one), in_salesforce(Email=other))[Trait.EMAIL] is likeness


@pytest.mark.parametrize(
    ("one", "other", "given", "family"),
    [
        ("Ada Lovelace", "ada LOVELACE", SAME, SAME),
        ("Ada Lovelace", "Ada Lovelase", SAME, CLOSE),
        ("Robert Smith", "Bob Smith", CLOSE, SAME),
        ("A. Lovelace", "Ada Lovelace", CLOSE, SAME),
        ("Bill Smith", "Bob Smith", UNLIKE, SAME),
        ("Lovelace Ada", "Ada Lovelace", CROSSED, CROSSED),
        ("Ada Byron", "Ada King", SAME, UNLIKE),
        ("José Núñez", "Jose Nunez", SAME, SAME),
    ],
)
def test_names(one: str, other: str, given: Likeness, family: Likeness):
    (one_given, one_family), (other_given, other_family) = one.split(), other.split()
    found = alike_persons(
        in_hubspot(firstname=one_given, lastname=one_family),
        in_salesforce(FirstName=other_given, LastName=other_family),
    )
    assert (found[Trait.GIVEN], found[Trait.FAMILY]) == (given, family)


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("+1 415 555 2671", "(415) 555-2671", SAME),
        ("+44 20 7946 0018", "+1 207 946 0018", UNLIKE),
        ("+1 415 555 2671 ext. 12", "+1 415 555 2671 ext. 13", UNLIKE),
    ],
)
def test_phone_numbers(one: str, other: str, likeness: Likeness):
    assert alike_persons(in_hubspot(phone=one), in_salesforce(MobilePhone=other))[Trait.PHONE] is likeness


def test_a_number_whose_country_is_not_known_is_close_to_one_that_ends_alike():
    one, other = Person(phones=("+442079460018",)), Person(phones=("2079460018",))
    assert alike_persons(one, other)[Trait.PHONE] is CLOSE


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("1980-03-07", "1980-03-07", SAME),
        ("1980-03-07", "1980-07-03", CLOSE),
        ("1980-03-07", "1981-03-07", CLOSE),
        ("1980-03-07", "1955-11-21", UNLIKE),
    ],
)
def test_dates_of_birth(one: str, other: str, likeness: Likeness):
    assert alike_persons(in_hubspot(date_of_birth=one), in_salesforce(Birthdate=other))[Trait.BORN] is likeness


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("Acme, Inc.", "ACME", SAME),
        ("Edge Communications", "Edge Communications Europe", CLOSE),
        ("Burlington Textiles", "Burlington Textile", CLOSE),
        ("Acme", "Acme Europe", UNLIKE),
        ("IBM", "ICM", UNLIKE),
        ("Delta Faucet", "Delta Air Lines", UNLIKE),
    ],
)
def test_company_names(one: str, other: str, likeness: Likeness):
    here, there = company_of(Side.HUBSPOT, {"name": one}), company_of(Side.SALESFORCE, {"Name": other})
    assert alike_companies(here, there)[Trait.NAME] is likeness


def test_a_page_on_a_site_of_many_says_nothing_of_who_owns_it():
    here = Company(name="one", shared_domains=("facebook.com",))
    there = Company(name="other", shared_domains=("facebook.com",))
    assert alike_companies(here, there)[Trait.DOMAIN] is SHARED


# --- whole -------------------------------------------------------------------------------------------------------------------


def contact(id_: str) -> RecordKey:
    return RecordKey(Side.HUBSPOT, "contacts", id_)


def test_two_sides_are_paired_with_reasons():
    here = {
        contact("1"): in_hubspot(email="ada@example.com", firstname="Ada", lastname="Lovelace"),
        contact("2"): in_hubspot(firstname="Grace", lastname="Hopper", phone="+1 415 555 2671", city="Arlington"),
        contact("3"): in_hubspot(firstname="Grace", lastname="Kelly", city="Monaco"),
    }
    there = {
        RecordKey(Side.SALESFORCE, "Contact", "7"): in_salesforce(Email="ada@example.com", LastName="Lovelace"),
        RecordKey(Side.SALESFORCE, "Lead", "8"): in_salesforce(FirstName="Grace", LastName="Hoper", Phone="4155552671"),
    }
    pairing = CONTACTS.pairs(here, there)
    assert [(each.one.id, each.other.id) for each in pairing.links] == [("1", "7")]
    (suggested,) = pairing.suggestions
    assert (suggested.one.id, suggested.other.id) == ("2", "8")
    assert [reason.sentence for reason in suggested.verdict.reasons] == [
        "Last names that differ by a slip.",
        "The same first name.",
        "They have a phone number in common.",
    ]
    assert CONTACTS.pairs(here, there, {suggested.key}).suggestions == ()


def test_duplicates_of_one_side_are_reported_before_anything_is_synced():
    accounts = {
        RecordKey(Side.SALESFORCE, "Account", id_): company_of(Side.SALESFORCE, values)
        for id_, values in {
            "1": {"Name": "Edge Communications", "Website": "http://edgecomm.com", "BillingCity": "Austin"},
            "2": {"Name": "Edge Communications, Inc.", "Website": "www.edgecomm.com"},
            "3": {"Name": "Burlington Textiles", "Website": "burlington.com"},
        }.items()
    }
    (group,) = COMPANIES.duplicates(accounts).groups
    assert [member.id for member in group.members] == ["1", "2"]
    assert group.found is Found.LINK
    assert "They have a web domain in common." in [reason.sentence for reason in group.pairs[0].verdict.reasons]


def test_importing_what_compares_loads_none_of_the_large_libraries():
    heavy = "phonenumbers tldextract email_validator rapidfuzz"
    code = f"import sys, interlock.objects.comparing; print([m for m in '{heavy}'.split() if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )

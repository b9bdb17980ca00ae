"""What of a record says who it is: a person's and a company's profile, normalised, from the values of either CRM.

For finding and comparing only, as the keys of normalise.py are. A value that is missing, blank or not to be understood is
empty, and says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date

import msgspec

from interlock.core.model import Side
from interlock.objects.normalise import (
    company_domain,
    fold_text,
    normal_company_name,
    normal_email,
    normal_person_name,
    normal_phone,
    registrable_domain,
)
from interlock.objects.spec import PLACEHOLDER, Values, text


class Person(msgspec.Struct, frozen=True):
    emails: tuple[str, ...] = ()
    given: str = ""
    family: str = ""
    phones: tuple[str, ...] = ()  # E.164, or what digits there are where the country is not known
    born: str = ""  # 1815-12-10
    street: str = ""
    city: str = ""
    postcode: str = ""
    employer: str = ""


class Company(msgspec.Struct, frozen=True):
    name: str = ""
    domains: tuple[str, ...] = ()
    shared_domains: tuple[str, ...] = ()  # of sites where anybody gets a page, and of free mail
    phones: tuple[str, ...] = ()
    street: str = ""
    city: str = ""
    postcode: str = ""


# Where each CRM keeps what, in order: the first that holds something counts. The mailing properties of HubSpot are ours.
_ADDRESSES = {
    Side.HUBSPOT: (("mailingstreet", "mailingcity", "mailingpostalcode"), ("address", "city", "zip")),
    Side.SALESFORCE: (
        ("MailingStreet", "MailingCity", "MailingPostalCode"),
        ("Street", "City", "PostalCode"),
        ("BillingStreet", "BillingCity", "BillingPostalCode"),
    ),
}
_PHONES = {Side.HUBSPOT: ("phone", "mobilephone"), Side.SALESFORCE: ("Phone", "MobilePhone")}


# Everything above by its name, for whoever reads records to compare them: HubSpot object or Salesforce type -> names.
READ_FOR: dict[str, tuple[str, ...]] = {
    "contacts": ("email", "hs_additional_emails", "firstname", "lastname", "date_of_birth", "company"),
    "companies": ("name", "domain", "hs_additional_domains", "website"),
    "Contact": ("Email", "FirstName", "LastName", "Birthdate"),
    "Lead": ("Email", "FirstName", "LastName", "Company", "IsConverted"),
    "Account": ("Name", "Website", "IsPersonAccount"),
}


def read_for(side: Side, type_: str) -> list[str]:
    """What a profile is made of, and whether it is a record that syncs at all. An account or org need not have all of it."""
    places = [name for address in _ADDRESSES[side] for name in address]
    return [*READ_FOR[type_], *_PHONES[side], *places]


def person_of(side: Side, values: Values, region: str | None = None) -> Person:
    """A contact of HubSpot, a Contact or Lead of Salesforce. `region`: where a number without country code is taken to be."""
    if side is Side.HUBSPOT:
        # Addresses of contacts that were merged into this one still reach it (HubSpot: hs_additional_emails, by `;`).
        emails = [text(values, "email"), *text(values, "hs_additional_emails").split(";")]
        given, family = text(values, "firstname"), text(values, "lastname")
        born, employer = text(values, "date_of_birth"), text(values, "company")
    else:
        emails = [text(values, "Email")]
        given, family = text(values, "FirstName"), text(values, "LastName")
        born, employer = text(values, "Birthdate"), text(values, "Company")
    street, city, postcode = _address(side, values)
    return Person(
        emails=distinct(emails, normal_email),
        given=normal_name_part(given),
        family=normal_name_part(family),
        phones=_phones(side, values, region),
        born=normal_date(born),
        street=street,
        city=city,
        postcode=postcode,
        employer="" if employer == PLACEHOLDER else normal_company_name(employer),
    )


def company_of(side: Side, values: Values, region: str | None = None) -> Company:
    """A company of HubSpot, an Account of Salesforce."""
    if side is Side.HUBSPOT:
        name = text(values, "name")
        sites = [text(values, "domain"), *text(values, "hs_additional_domains").split(";"), text(values, "website")]
    else:
        name, sites = text(values, "Name"), [text(values, "Website")]
    street, city, postcode = _address(side, values)
    own = distinct(sites, company_domain)
    every = distinct(sites, registrable_domain)
    return Company(
        name="" if name == PLACEHOLDER else normal_company_name(name),
        domains=own,
        shared_domains=tuple(domain for domain in every if domain not in own),
        phones=_phones(side, values, region),
        street=street,
        city=city,
        postcode=postcode,
    )


def distinct(typed: Iterable[str], normal: Callable[[str], str | None]) -> tuple[str, ...]:
    """The normal forms of what is one, each once, in order."""
    found = (normal(each) for each in typed if each.strip())
    return tuple(dict.fromkeys(each for each in found if each))


def _phones(side: Side, values: Values, region: str | None) -> tuple[str, ...]:
    return distinct((text(values, name) for name in _PHONES[side]), lambda number: phone_digits(number, region))


def phone_digits(number: str, region: str | None = None) -> str | None:
    """E.164 where the country is known; else the digits alone, which are compared by their end. None for too few to tell."""
    if found := normal_phone(number, region):
        return found
    digits = re.sub(r"\D", "", number.lower().partition("x")[0])
    return digits.lstrip("0") if len(digits.lstrip("0")) >= LEAST_DIGITS else None


# A subscriber's number without its area code has up to eight digits; of fewer than seven, strangers share too many.
LEAST_DIGITS = 7


def normal_name_part(name: str) -> str:
    return "" if name == PLACEHOLDER else normal_person_name(name)


_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")


def normal_date(typed: str) -> str:
    """`18151210` and `1815-12-10` -> `1815-12-10`. Empty for no date, and for `10/12/1815`, whose month nobody knows."""
    try:
        return date.fromisoformat(_COMPACT_DATE.sub(r"\1-\2-\3", typed.strip()[:10])).isoformat()
    except ValueError:
        return ""


def _address(side: Side, values: Values) -> tuple[str, str, str]:
    for street, city, postcode in _ADDRESSES[side]:
        found = (text(values, street), text(values, city), text(values, postcode))
        if any(found):
            return normal_place(found[0]), normal_place(found[1]), normal_postcode(found[2])
    return "", "", ""


_NOT_WORD = re.compile(r"[\W_]+")


def normal_place(typed: str) -> str:
    """Words of a street or a town without punctuation: `23, Gundulu Place\\nCurringa` -> `23 gundulu place curringa`."""
    return _NOT_WORD.sub(" ", fold_text(typed)).strip()


def normal_postcode(typed: str) -> str:
    return _NOT_WORD.sub("", fold_text(typed))

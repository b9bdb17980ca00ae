"""The people of every benchmark: the same contacts on both sides, told apart by number, with a stated share of differences.

Matched by e-mail. Seven fields hold a value on both sides (e-mail, first and last name, job title, phone, mobile phone,
owner), as in an ordinary account. One record in five differs: one in ten in its job title (half of these because HubSpot's
is blank), another one in ten in job title and phone. Neither side knows the other's ids.
"""

from __future__ import annotations

from typing import Any

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.salesforce import SalesforceEmulator

DATA = "7 filled fields; 20 % of the records differ in 1 or 2 of them, a quarter of those by a blank in HubSpot"
# Older than any overlap of a first detection pass: an account that is connected was not filled this minute.
RECORDS_AGE_S = 86_400

_TITLES = ("Chief Technology Officer", "Sales Manager", "Nurse", "Teacher", "Software Engineer", "Accountant", "Owner")
_FIRST = ("Ada", "Grace", "Linus", "Barbara", "Edsger", "Frances", "Donald", "Radia", "Ken", "Margaret", "Tim")


def salesforce_contact(number: int) -> dict[str, Any]:
    return {
        "Email": f"person{number}@company{number % 9_000}.example.com",
        "FirstName": _FIRST[number % len(_FIRST)],
        "LastName": f"Family{number}",
        "Title": _TITLES[number % len(_TITLES)],
        "Phone": f"+1 555 {number:07d}",
        "MobilePhone": f"+1 556 {number:07d}",
    }


def hubspot_contact(number: int, owner_id: str) -> dict[str, Any]:
    twin = salesforce_contact(number)
    contact = {
        "email": twin["Email"],
        "firstname": twin["FirstName"],
        "lastname": twin["LastName"],
        "jobtitle": twin["Title"],
        "phone": twin["Phone"],
        "mobilephone": twin["MobilePhone"],
        "hubspot_owner_id": owner_id,
    }
    if differs(number):
        contact["jobtitle"] = "" if number % 20 == 0 else f"Senior {twin['Title']}"
        if number % 10 == 5:
            contact["phone"] = f"+1 557 {number:07d}"
    return contact


def differs(number: int) -> bool:
    return number % 5 == 0


def fill_hubspot(emulator: HubSpotEmulator, records: int) -> None:
    emulator.clock.advance_seconds(-RECORDS_AGE_S)
    # The first person of the account is the administrator of the org, by e-mail: every record's owner on both sides.
    owner_id = emulator.user().owner_id
    for numbers in _parts(records):
        emulator.seed({"contacts": [hubspot_contact(number, owner_id) for number in numbers]})
    emulator.clock.advance_seconds(RECORDS_AGE_S)


def fill_salesforce(emulator: SalesforceEmulator, records: int) -> None:
    emulator.clock.advance_seconds(-RECORDS_AGE_S)
    for numbers in _parts(records):
        emulator.seed({"Contact": [salesforce_contact(number) for number in numbers]})
    emulator.clock.advance_seconds(RECORDS_AGE_S)


def _parts(records: int) -> list[range]:
    return [range(start, min(start + 10_000, records)) for start in range(0, records, 10_000)]

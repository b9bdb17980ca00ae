"""The records that the demo is made of: a real Salesforce org of a non-profit, and prospects that only HubSpot knows.

It reads the excerpt that lies in `data/` (with source and licence), or makes the same excerpt from a folder of the
original tables. It decides nothing about who is in which CRM (`world.py`).
"""

from __future__ import annotations

import csv
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

# Prospects are taken from all over the table, not from its head: this many, then those who arrive during the day.
PROSPECTS = 150
ARRIVALS = 6
_NPSP, _PROSPECTS = "npsp_trailhead", "adventureworks"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")


class Account(msgspec.Struct, omit_defaults=True):
    ref: str
    name: str
    household: bool = False
    street: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""


class Contact(msgspec.Struct, omit_defaults=True):
    ref: str
    account: str
    first_name: str
    last_name: str
    email: str = ""
    phone: str = ""
    street: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    opted_out: bool = False


class Opportunity(msgspec.Struct, omit_defaults=True):
    ref: str
    account: str
    name: str
    close_date: str
    stage: str
    type: str = ""
    amount: float | None = None


class ContactRole(msgspec.Struct, omit_defaults=True):
    opportunity: str
    contact: str
    role: str = ""
    primary: bool = False


class Prospect(msgspec.Struct, omit_defaults=True):
    first_name: str
    last_name: str
    email: str
    salutation: str = ""
    occupation: str = ""
    phone: str = ""
    street: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""

    @property
    def domain(self) -> str:
        return self.email.partition("@")[2]


class Organisation(msgspec.Struct):
    source: str
    licence: str
    licence_file: str
    accounts: list[Account]
    contacts: list[Contact]
    opportunities: list[Opportunity]
    contact_roles: list[ContactRole]


class Prospects(msgspec.Struct):
    source: str
    licence: str
    licence_file: str
    prospects: list[Prospect]


class Excerpt(msgspec.Struct):
    organisation: Organisation
    prospects: Prospects


class DataMissing(Exception):
    """A folder given by the user lacks a table or a column; the message says which."""


def packaged() -> Excerpt:
    data = files("interlock.demo").joinpath("data")
    return Excerpt(
        msgspec.json.decode(data.joinpath("npsp.json").read_bytes(), type=Organisation),
        msgspec.json.decode(data.joinpath("prospects.json").read_bytes(), type=Prospects),
    )


def from_folder(folder: Path) -> Excerpt:
    """The same excerpt from the original tables: `npsp_trailhead/*.csv` and `adventureworks/ProspectiveBuyer.csv`."""
    organisation = _organisation(folder / _NPSP)
    taken = {contact.email.lower() for contact in organisation.contacts if contact.email}
    rows = _table(folder / _PROSPECTS / "ProspectiveBuyer.csv", ("EmailAddress", "FirstName", "LastName"))
    return Excerpt(
        organisation,
        Prospects(
            source="microsoft/sql-server-samples, AdventureWorks DW ProspectiveBuyer, commit 481085dc; "
            f"{PROSPECTS + ARRIVALS} of its rows with a usable e-mail address",
            licence="MIT",
            licence_file="LICENSE-adventureworks.txt",
            prospects=_prospects(rows, taken),
        ),
    )


def _organisation(folder: Path) -> Organisation:
    types = _table(folder / "Account_rt_mapping.csv", ("record_type_id", "developer_name"))
    kinds = {row["record_type_id"]: row["developer_name"] for row in types}
    needs = ("sf_id", "account_id", "Name", "StageName", "CloseDate")
    organisation = Organisation(
        source="SalesforceFoundation/NPSP, datasets/trailhead/test_data.sql, commit 19646faa; the fields that the "
        "default mappings use. The address of a contact is its work e-mail, else its home e-mail",
        licence="BSD-3-Clause",
        licence_file="LICENSE-NPSP.txt",
        accounts=[_account(row, kinds) for row in _table(folder / "Account.csv", ("sf_id", "Name"))],
        contacts=[_contact(row) for row in _table(folder / "Contact.csv", ("sf_id", "account_id", "LastName"))],
        opportunities=[_opportunity(row) for row in _table(folder / "Opportunity.csv", needs)],
        contact_roles=[
            ContactRole(row["opportunity_id"], row["contact_id"], row.get("Role", ""), row.get("IsPrimary") == "true")
            for row in _table(folder / "OpportunityContactRole.csv", ("opportunity_id", "contact_id"))
        ],
    )
    _check_references(folder, organisation)
    return organisation


def _check_references(folder: Path, organisation: Organisation) -> None:
    accounts = {each.ref for each in organisation.accounts}
    contacts = {each.ref for each in organisation.contacts}
    opportunities = {each.ref for each in organisation.opportunities}
    for table, column, wanted, known in (
        ("Contact.csv", "account_id", [each.account for each in organisation.contacts], accounts),
        ("Opportunity.csv", "account_id", [each.account for each in organisation.opportunities], accounts),
        ("OpportunityContactRole.csv", "contact_id", [each.contact for each in organisation.contact_roles], contacts),
        (
            "OpportunityContactRole.csv",
            "opportunity_id",
            [each.opportunity for each in organisation.contact_roles],
            opportunities,
        ),
    ):
        unknown = next((ref for ref in wanted if ref not in known), None)
        if unknown is not None:
            raise DataMissing(f"{folder / table}: {column} names {unknown!r}, which no record has")


def _account(row: dict[str, str], kinds: dict[str, str]) -> Account:
    return Account(
        ref=row["sf_id"],
        name=row["Name"],
        household=kinds.get(row.get("RecordTypeId", "")) == "HH_Account",
        street=row.get("BillingStreet", ""),
        city=row.get("BillingCity", ""),
        state=row.get("BillingState", ""),
        postal_code=row.get("BillingPostalCode", ""),
        country=row.get("BillingCountry", ""),
    )


def _contact(row: dict[str, str]) -> Contact:
    return Contact(
        ref=row["sf_id"],
        account=row["account_id"],
        first_name=row.get("FirstName", ""),
        last_name=row["LastName"],
        email=row.get("npe01__WorkEmail__c") or row.get("npe01__HomeEmail__c", ""),
        phone=row.get("npe01__WorkPhone__c", ""),
        street=row.get("MailingStreet", ""),
        city=row.get("MailingCity", ""),
        state=row.get("MailingState", ""),
        postal_code=row.get("MailingPostalCode", ""),
        country=row.get("MailingCountry", ""),
        opted_out=row.get("HasOptedOutOfEmail") == "true",
    )


def _opportunity(row: dict[str, str]) -> Opportunity:
    return Opportunity(
        ref=row["sf_id"],
        account=row["account_id"],
        name=row["Name"],
        close_date=row["CloseDate"],
        stage=row["StageName"],
        type=row.get("Type", ""),
        amount=_amount(row),
    )


def _amount(row: dict[str, str]) -> float | None:
    try:
        return float(row["Amount"]) if row.get("Amount") else None
    except ValueError:
        raise DataMissing(f"Opportunity.csv: the amount of {row['sf_id']} is no number: {row['Amount']!r}") from None


def _prospects(rows: list[dict[str, str]], taken: set[str]) -> list[Prospect]:
    """Evenly spread over the table; an address that is none, or that somebody has already, is passed over."""
    usable: dict[str, dict[str, str]] = {}
    for row in rows:
        email = row["EmailAddress"].strip().lower()
        if _EMAIL.fullmatch(email) and email not in taken:
            usable.setdefault(email, row)
    wanted = PROSPECTS + ARRIVALS
    if len(usable) < wanted:
        raise DataMissing(
            f"ProspectiveBuyer.csv: {wanted} rows with an e-mail address are needed, it has {len(usable)}"
        )
    step = len(usable) // wanted
    chosen = list(usable.items())[: wanted * step : step]
    return [
        Prospect(
            first_name=row["FirstName"],
            last_name=row["LastName"],
            email=email,
            salutation=row.get("Salutation", ""),
            occupation=row.get("Occupation", ""),
            phone=row.get("Phone", ""),
            street=row.get("AddressLine1", ""),
            city=row.get("City", ""),
            state=row.get("StateProvinceCode", ""),
            postal_code=row.get("PostalCode", ""),
        )
        for email, row in chosen
    ]


def _table(path: Path, needs: tuple[str, ...] = ()) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in needs if name not in (reader.fieldnames or ())]
            if missing:
                raise DataMissing(f"{path} lacks the column {', '.join(missing)}")
            return [{name: value or "" for name, value in row.items() if name} for row in reader]
    except FileNotFoundError:
        raise DataMissing(f"{path} is missing") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataMissing(f"{path} cannot be read as a table: {error}") from error


def as_json(part: Organisation | Prospects) -> bytes:
    """How the excerpt is written into the package: one record a line, so that a change shows as one."""
    heads: list[str] = []
    for name, value in msgspec.to_builtins(part).items():
        heads.append(f"{_text(name)}: {_lines(value) if isinstance(value, list) else _text(value)}")
    return ("{\n" + ",\n".join(heads) + "\n}\n").encode()


def _lines(rows: list[Any]) -> str:
    return "[\n" + ",\n".join(f"  {_text(row)}" for row in rows) + "\n]"


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()

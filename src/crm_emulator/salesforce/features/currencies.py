"""Multiple currencies: the CurrencyType rows of the org, and CurrencyIsoCode on every record.

A record's amounts are in its own currency. Only active currencies may be given to a record; one that is deactivated later
stays where it is. A record that names none has that of the user who makes it, else the corporate one (object reference,
CurrencyType and CurrencyIsoCode; Salesforce help, multiple currencies).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.schema import Field
from crm_emulator.salesforce.store import Record, Value

# Objects whose records have a currency. The label of a standard object's field is "Account Currency", a custom one's
# "Currency ISO Code".
_KINDS = (
    "Account",
    "Campaign",
    "CampaignMember",
    "Case",
    "Contact",
    "Event",
    "Lead",
    "Opportunity",
    "OpportunityContactRole",
    "Task",
    "User",
)
_NO_DECIMALS = frozenset({"JPY", "KRW", "CLP", "VND"})
DEFAULT_RATES = {"USD": 1.0, "EUR": 0.9, "GBP": 0.8}


def switch_on(org: Org, rates: Mapping[str, float] | None = None, corporate: str = "USD") -> None:
    """`rates` are the active currencies with what one unit of the corporate one is worth in them."""
    org.add_object("CurrencyType")
    org.features.corporate_currency = corporate
    for code, rate in {corporate: 1.0, **(DEFAULT_RATES if rates is None else rates)}.items():
        add(org, code, rate)
    for name in _KINDS:
        sobject = org.objects[name]
        sobject.add_field(_iso_code("CurrencyIsoCode", f"{sobject.label} Currency"))
        # "All existing records are stamped with the default currency" (Salesforce help, enabling multiple currencies).
        for record in org.tables[name].rows.values():
            record.values["CurrencyIsoCode"] = corporate
    org.objects["User"].add_field(_iso_code("DefaultCurrencyIsoCode", "Default Currency ISO Code"))
    for user in org.tables["User"].rows.values():
        user.values["DefaultCurrencyIsoCode"] = corporate
    refresh(org)


def _iso_code(name: str, label: str) -> Field:
    raw = {
        "name": name,
        "label": label,
        "type": "picklist",
        "length": 3,
        "defaultedOnCreate": True,
        "permissionable": False,
        "restrictedPicklist": True,
    }
    return Field(raw)


def add(org: Org, code: str, rate: float, *, active: bool = True) -> Record:
    values: dict[str, Value] = {
        "IsoCode": code,
        "ConversionRate": float(rate),
        "DecimalPlaces": 0 if code in _NO_DECIMALS else 2,
        "IsActive": active,
        "IsCorporate": code == org.features.corporate_currency,
    }
    return org.insert_setup("CurrencyType", values)


def refresh(org: Org) -> None:
    """Let every CurrencyIsoCode offer the currencies that are active now."""
    rows = sorted(org.tables["CurrencyType"].rows.values(), key=lambda row: str(row.values["IsoCode"]))
    for name in _KINDS:
        for field in (org.objects[name].fields.get(each) for each in ("CurrencyIsoCode", "DefaultCurrencyIsoCode")):
            if field is not None:
                field.set_choices([(str(row.values["IsoCode"]), bool(row.values.get("IsActive"))) for row in rows])
    org.access.changed()


def settle(org: Org, user_id: str, changes: dict[str, Value | None], *, create: bool) -> None:
    """A record always has a currency: what names none, or blank, has the user's own."""
    if (create and changes.get("CurrencyIsoCode") is None) or changes.get("CurrencyIsoCode", "") is None:
        user = org.tables["User"].rows.get(user_id)
        own: Any = user.values.get("DefaultCurrencyIsoCode") if user is not None else None
        changes["CurrencyIsoCode"] = own or org.features.corporate_currency

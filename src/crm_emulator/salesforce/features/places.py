"""Picklists of states and countries: an address takes only those that the org knows, by name or by code.

`BillingCountry` and `BillingState` stay texts (the "integration value", a name), and BillingCountryCode and
BillingStateCode come along; each save brings both into line as the table of "State and Country/Territory Picklist
Field-Syncing Logic" (Salesforce help) says. The sentences of the refusals are quoted by users of many tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from crm_emulator.salesforce.errors import RecordError
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.schema import Field, SObject
from crm_emulator.salesforce.store import Value

Changes = dict[str, Value | None]
_ADDRESSES = {
    "Account": ("Billing", "Shipping", "PersonMailing", "PersonOther"),
    "Contact": ("Mailing", "Other"),
    "Lead": ("",),
    "User": ("",),
}


class Country(msgspec.Struct, array_like=True, frozen=True):
    """`states`: code -> name."""

    code: str
    name: str
    states: dict[str, str]


class _File(msgspec.Struct):
    countries: list[Country]


@cache
def countries() -> tuple[Country, ...]:
    file = resources.files("crm_emulator.salesforce.features") / "places.json"
    return tuple(msgspec.json.decode(file.read_bytes(), type=_File).countries)


def switch_on(org: Org) -> None:
    org.features.states_and_countries = True
    for name, prefixes in _ADDRESSES.items():
        for prefix in prefixes:
            if f"{prefix}Country" in org.objects[name].fields:
                _add_codes(org.objects[name], prefix)
    org.access.changed()


def _add_codes(sobject: SObject, prefix: str) -> None:
    country = _code(sobject, prefix, "Country", [{"value": each.code, "label": each.name} for each in countries()])
    states: dict[str, str] = {}
    for each in countries():
        states.update({code: name for code, name in each.states.items() if code not in states})
    state = _code(sobject, prefix, "State", [{"value": code, "label": name} for code, name in states.items()])
    state.depend_on(country, {each.code: tuple(each.states) for each in countries()})


def _code(sobject: SObject, prefix: str, part: str, values: list[dict[str, str]]) -> Field:
    text = sobject.fields[f"{prefix}{part}"]
    raw = {
        "name": f"{text.name}Code",
        "label": f"{text.label} Code",
        "type": "picklist",
        "length": 10,
        "compoundFieldName": text.raw.get("compoundFieldName"),
        "restrictedPicklist": True,
        "picklistValues": values,
    }
    field = Field(raw)
    field.restricted = False  # refused here, with other words than those of other picklists
    sobject.add_field(field)
    return field


def settle(sobject: SObject, old: Mapping[str, Value] | None, changes: Changes) -> None:
    """Bring names and codes into line, or refuse."""
    for prefix in _ADDRESSES.get(sobject.name, ()):
        names = [f"{prefix}{part}" for part in ("Country", "CountryCode", "State", "StateCode")]
        if names[1] in sobject.fields and any(name in changes for name in names):
            _settle_address(sobject, prefix, old, changes)


def _settle_address(sobject: SObject, prefix: str, old: Mapping[str, Value] | None, changes: Changes) -> None:
    create = old is None
    held = dict(old or {})
    country = _country(sobject, prefix, held, changes, create=create)
    if f"{prefix}CountryCode" in changes and changes[f"{prefix}CountryCode"] is None:
        # "You remove a record's country/territory code, but don't remove the corresponding state code": the state goes too.
        changes.update({f"{prefix}{part}": None for part in ("Country", "State", "StateCode")})
        return
    changes[f"{prefix}Country"] = country.name if country is not None else None
    changes[f"{prefix}CountryCode"] = country.code if country is not None else None
    state = _state(sobject, prefix, held, changes, country, create=create)
    changes[f"{prefix}StateCode"], changes[f"{prefix}State"] = state if state is not None else (None, None)


def _country(
    sobject: SObject, prefix: str, held: dict[str, Value], changes: Changes, *, create: bool
) -> Country | None:
    text, code = f"{prefix}Country", f"{prefix}CountryCode"
    by_code = _find(changes[code], "code") if changes.get(code) is not None else None
    by_name = _find(changes[text], "name") if changes.get(text) is not None else None
    if changes.get(code) is not None and by_code is None:
        raise _problem(sobject, code, "country", "country/territory", "countries")
    if changes.get(text) is not None and by_name is None and not (create and by_code is not None):
        raise _problem(sobject, text, "country", "country/territory", "countries")
    if by_code is not None and by_name is not None and by_code is not by_name and not create:
        # On an existing record "the new integration and code values don't match. No changes are saved."
        raise _problem(sobject, text, "country", "country/territory", "countries")
    if text in changes or code in changes:
        return by_code or by_name
    return _find(held[code], "code") if held.get(code) is not None else None


def _state(
    sobject: SObject, prefix: str, held: dict[str, Value], changes: Changes, country: Country | None, *, create: bool
) -> tuple[str, str] | None:
    text, code = f"{prefix}State", f"{prefix}StateCode"
    if text in changes or code in changes:
        wanted_code, wanted_name = changes.get(code), changes.get(text)
    else:
        wanted_code, wanted_name = held.get(code), None
    if wanted_code is None and wanted_name is None:
        return None
    named = text if wanted_code is None else code
    label = sobject.fields[named].label
    if country is None:
        message = f"A country/territory must be specified before specifying a state value for field: {label}"
        raise RecordError("FIELD_INTEGRITY_EXCEPTION", message, [named])
    by_code = _find_state(country, wanted_code, 0)
    by_name = _find_state(country, wanted_name, 1)
    found = by_code or (by_name if wanted_code is None else None)
    if found is None:
        every = [(each, state) for each in countries() for state in each.states.items()]
        elsewhere = any(_same(state[0], wanted_code) or _same(state[1], wanted_name) for _, state in every)
        if elsewhere:
            message = f"The existing country/territory doesn't recognize the state value for field: {label}"
            raise RecordError("FIELD_INTEGRITY_EXCEPTION", message, [named])
        raise _problem(sobject, named, "state", "state", "states")
    if wanted_name is not None and by_name != found and not create:
        raise _problem(sobject, text, "state", "state", "states")
    return found


def _find(wanted: Any, attribute: str) -> Country | None:
    return next((each for each in countries() if _same(getattr(each, attribute), wanted)), None)


def _find_state(country: Country, wanted: Any, part: int) -> tuple[str, str] | None:
    return next((state for state in country.states.items() if _same(state[part], wanted)), None)


def _same(known: str, wanted: Any) -> bool:
    """ "Codes are case insensitive" (Salesforce help); of names it is supposed."""
    return isinstance(wanted, str) and known.casefold() == wanted.casefold()


def _problem(sobject: SObject, name: str, what: str, kind: str, list_name: str) -> RecordError:
    message = (
        f"There's a problem with this {what}, even though it may appear correct. "
        f"Please select a {kind} from the list of valid {list_name}.: {sobject.fields[name].label}"
    )
    return RecordError("FIELD_INTEGRITY_EXCEPTION", message, [name])

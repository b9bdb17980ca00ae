"""The ids that HubSpot's own Salesforce integration left in HubSpot: which Salesforce record each record was joined with. Pure.

Its properties keep their values after it is uninstalled (HubSpot knowledge base, uninstall the HubSpot-Salesforce integration).
They are only ever read, and say who was whom; what counts from then on is Interlock's own pair.
"""

from __future__ import annotations

import re

import msgspec

from interlock.core.codec.reference import salesforce_id_18
from interlock.core.model import RecordKey, Side
from interlock.objects.spec import ObjectSpec, Values, text

# Kind of the keys by which a record is found under the id that it names, beside the object's own (`identity_keys`).
KIND = "native_id"
# Salesforce: standard field types, ID; the first three characters name the object.
_PREFIXES = {"Account": "001", "Contact": "003", "Lead": "00Q", "Opportunity": "006"}
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


class Named(msgspec.Struct, frozen=True):
    """The counterpart that a HubSpot record names. `key` None: what stands there is no id of such a record."""

    property: str
    text: str
    salesforce_type: str
    key: RecordKey | None


def properties(spec: ObjectSpec) -> tuple[str, ...]:
    return tuple(each.property for each in spec.stored_ids)


def named(spec: ObjectSpec, values: Values) -> Named | None:
    """A contact that names both a Contact and a Lead is the Contact's: the lead was converted, and its id stayed."""
    for stored in spec.stored_ids:
        if found := text(values, stored.property):
            type_ = stored.salesforce_type
            fits = _ID.fullmatch(found) is not None and found.startswith(_PREFIXES[type_])
            key = RecordKey(Side.SALESFORCE, type_, salesforce_id_18(found)) if fits else None
            return Named(stored.property, found, type_, key)
    return None

"""What a person may type to name a record: our key, a bare Salesforce id, an e-mail, either CRM's record address. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from interlock.app.errors import BadInput
from interlock.core.model import RecordKey, Side
from interlock.objects.registry import SPECS, spec_of_salesforce_type

# Salesforce object key prefixes (Salesforce help, "Standard field record ID prefix decoder").
TYPE_BY_PREFIX = {"001": "Account", "003": "Contact", "00Q": "Lead", "006": "Opportunity"}
# HubSpot addresses name an object by its type id (/record/0-1/) or, the older form, in the singular.
_HUBSPOT_TYPES = {word: spec.hubspot_type for spec in SPECS.values() for word in (spec.hubspot_type_id, spec.singular)}
_SALESFORCE_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?")
_HUBSPOT_PATH = re.compile(r"/contacts/\d+/(?:record/)?([^/]+)/(\d+)")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def salesforce_id_18(id_: str) -> str:
    """The 18-character form of a Salesforce id: three letters that say which of the 15 are capitals."""
    if len(id_) != 15:
        return id_
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, letter in enumerate(id_[start : start + 5]) if letter.isupper())
        suffix += _LETTERS[bits]
    return id_ + suffix


def parse_key(text: str) -> RecordKey | None:
    """The record that `text` names, None when it must be searched for (an e-mail, a name). Raises BadInput."""
    text = text.strip()
    if text.startswith(("http://", "https://")):
        return _from_address(text)
    if text.split(":", 1)[0] in (Side.HUBSPOT.value, Side.SALESFORCE.value):
        return _from_own(text)
    if _SALESFORCE_ID.fullmatch(text) and text[:3] in TYPE_BY_PREFIX and any(letter.isdigit() for letter in text[3:]):
        return _salesforce(text)
    return None


def check_key(text: str) -> RecordKey:
    """As `parse_key` for where nothing can be searched for. Raises BadInput."""
    key = parse_key(text)
    if key is None:
        raise BadInput(
            f"{text!r} is not a record key.",
            code="bad_key",
            fix="Record keys look like hubspot:contacts:123 and salesforce:Contact:003...; `interlock find` tells them.",
        )
    return key


def object_of(key: RecordKey) -> str:
    """The object slug of a record. Raises BadInput."""
    if key.side is Side.HUBSPOT and key.type in SPECS:
        return key.type
    spec = spec_of_salesforce_type(key.type) if key.side is Side.SALESFORCE else None
    if spec is None:
        raise BadInput(
            f"{key} is of a type that does not sync.",
            code="no_such_object",
            record=str(key),
            fix="Record keys look like hubspot:contacts:123 and salesforce:Contact:003...",
        )
    return spec.slug


def _from_own(text: str) -> RecordKey:
    try:
        key = RecordKey.parse(text)
    except ValueError as error:
        raise BadInput(
            f"{text!r} is not a record key.",
            code="bad_key",
            fix="Record keys look like hubspot:contacts:123 and salesforce:Contact:003...",
        ) from error
    if key.side is Side.SALESFORCE:
        key = RecordKey(key.side, key.type, salesforce_id_18(key.id))
    object_of(key)
    return key


def _salesforce(id_: str) -> RecordKey:
    return RecordKey(Side.SALESFORCE, TYPE_BY_PREFIX[id_[:3]], salesforce_id_18(id_))


def _from_address(text: str) -> RecordKey:
    path = urlsplit(text).path
    hubspot = _HUBSPOT_PATH.search(path)
    if hubspot is not None and hubspot[1] in _HUBSPOT_TYPES:
        return RecordKey(Side.HUBSPOT, _HUBSPOT_TYPES[hubspot[1]], hubspot[2])
    for part in path.split("/"):
        if _SALESFORCE_ID.fullmatch(part) and part[:3] in TYPE_BY_PREFIX:
            return _salesforce(part)
    raise BadInput(
        f"{text} is not the address of a record that syncs.",
        code="bad_key",
        fix="Copy the address of a contact, company or deal in HubSpot, or of a record page in Salesforce.",
    )

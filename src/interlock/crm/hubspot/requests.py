"""HubSpot's wire form: paths, bodies, answers and refusals. Pure: builds bytes and parses bytes, sends nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from interlock.core.model import Observation, RecordKey, Refused, Side
from interlock.crm.calls import Kind, Refusal
from interlock.crm.decoding import decoder
from interlock.crm.errors import (
    BudgetSpent,
    CallRefused,
    Forbidden,
    MissingScope,
    NotFound,
    RateLimited,
    SchemaChanged,
    ServerFault,
    SignInRefused,
)
from interlock.crm.hubspot.classify import PROPERTY_CODES, TRANSIENT_CATEGORIES
from interlock.crm.transport import Response

# Dated versions are supported for 18 months; v3 and v4 end in 2027 (HubSpot developer changelog).
API_VERSION = "2026-09"

BATCH_INPUTS = 100  # CRM API, batch read, update and upsert
HISTORY_INPUTS = 50  # CRM API, batch read with propertiesWithHistory
ASSOCIATION_READ_INPUTS = 1000  # associations batch read (changelog 2025-02)
ASSOCIATION_WRITE_INPUTS = 1000  # 2,000 are allowed; smaller calls answer within the deadline
SEARCH_PAGE = 200
# Above some 16,200 characters the address is refused with 414 (measured by others: PostHog, pull request 31617).
ADDRESS_MAX = 15_000
SEARCH_BODY_MAX = 3_000  # characters (CRM search, limits)
SEARCH_CEILING = 10_000  # per query; beyond it answers 400

encode = msgspec.json.Encoder().encode


def objects_path(object: str) -> str:
    return f"/crm/objects/{API_VERSION}/{object}"


def properties_path(object: str) -> str:
    return f"/crm/properties/{API_VERSION}/{object}"


def schema_path(object: str) -> str:
    return f"/crm-object-schemas/{API_VERSION}/schemas/{object}"


def pipelines_path(object: str) -> str:
    return f"/crm/pipelines/{API_VERSION}/{object}"


def owners_path() -> str:
    return f"/crm/owners/{API_VERSION}"


def associations_path(from_object: str, to_object: str) -> str:
    return f"/crm/associations/{API_VERSION}/{from_object}/{to_object}"


def property_limits_path() -> str:
    return f"/crm/limits/{API_VERSION}/custom-properties"


def lists_path() -> str:
    return f"/crm/lists/{API_VERSION}"


def account_path() -> str:
    return f"/account-info/{API_VERSION}/details"


def private_token_path() -> str:
    """Tells of the token of a private app what it may do (HubSpot docs, private apps). It has no dated form."""
    return "/oauth/v2/private-apps/get/access-token-info"


def subscriptions_path() -> str:
    return f"/communication-preferences/{API_VERSION}/statuses"


def segment(text: str) -> str:
    """One path segment, quoted whole (e-mail addresses)."""
    return quote(text, safe="")


def with_query(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def modified_property(object: str) -> str:
    """Contacts show `lastmodifieddate`, every other object `hs_lastmodifieddate` (recorded property definitions)."""
    return "lastmodifieddate" if object == "contacts" else "hs_lastmodifieddate"


# --- answers -----------------------------------------------------------------------------------------------------


class WireRecord(msgspec.Struct, rename="camel", gc=False):
    id: str
    properties: dict[str, str | None]
    created_at: datetime
    updated_at: datetime
    archived: bool = False
    new: bool | None = None
    object_write_trace_id: str | None = None


class WireNext(msgspec.Struct):
    after: str


class WirePaging(msgspec.Struct):
    next: WireNext | None = None


class WireDetail(msgspec.Struct, rename="camel"):
    message: str = ""
    code: str | None = None
    sub_category: str | None = None
    context: dict[str, Any] | None = None


class WireError(msgspec.Struct, rename="camel"):
    """HubSpot's error envelope. Every part may be missing."""

    message: str = ""
    category: str | None = None
    sub_category: str | None = None
    errors: list[WireDetail] = []
    context: dict[str, Any] | None = None
    policy_name: str | None = None


class WireBatch(msgspec.Struct):
    """Batches, lists and searches answer alike. The order of `results` is not the order of the inputs (recorded)."""

    results: list[WireRecord]
    errors: list[WireError] = []
    paging: WirePaging | None = None
    total: int | None = None


_batch = decoder(WireBatch)
_record = decoder(WireRecord)
_error = msgspec.json.Decoder(WireError).decode


def parse_batch(body: bytes) -> WireBatch:
    """Raises msgspec.MsgspecError."""
    return _batch(body)


def parse_record(body: bytes) -> WireRecord:
    """Raises msgspec.MsgspecError."""
    return _record(body)


def parse_error(body: bytes) -> WireError:
    """Never raises: gateways answer HTML, or nothing."""
    try:
        return _error(body)
    except msgspec.MsgspecError:
        return WireError()


def to_us(moment: datetime) -> int:
    # A double holds microseconds exactly up to the year 2255; datetime subtraction would cost three objects a record.
    return round(moment.timestamp() * 1_000_000)


def observation(object: str, record: WireRecord, read_us: int) -> Observation:
    values = record.properties
    if "" in values.values():
        # A property that was cleared may read as an empty string, one that never was set as null: both are blank.
        values = {name: value or None for name, value in values.items()}
    return Observation(
        RecordKey(Side.HUBSPOT, object, record.id),
        values,
        to_us(record.updated_at),
        to_us(record.created_at),
        read_us,
    )


def read_body(
    ids: Sequence[str],
    properties: Sequence[str],
    id_property: str | None = None,
    history: Sequence[str] = (),
) -> bytes:
    body: dict[str, Any] = {"inputs": [{"id": id} for id in ids], "properties": properties}
    body["propertiesWithHistory"] = history
    if id_property is not None:
        body["idProperty"] = id_property
    return encode(body)


# --- refusals ----------------------------------------------------------------------------------------------------

_EXISTING_ID = re.compile(r"(?:Existing ID: |existing_id=)(\d+)|(\d+) already has that value")
_COORDINATES = re.compile(r"propertyName=([a-z0-9_]+)")
_NO_PROPERTY = re.compile(r"""property ['"]?([A-Za-z0-9_]+)['"]? does not exist""", re.IGNORECASE)
_EMBEDDED = re.compile(r"\[\s*\{.*\}\s*\]", re.DOTALL)


class _Embedded(msgspec.Struct):
    message: str = ""
    error: str | None = None
    name: str | None = None


def _embedded(message: str) -> list[_Embedded]:
    """`Property values were not valid: [{"isValid":false,"error":"INVALID_EMAIL","name":"email",...}]` (recorded)."""
    found = _EMBEDDED.search(message)
    if found is None:
        return []
    try:
        return msgspec.json.decode(found[0], type=list[_Embedded])
    except msgspec.MsgspecError:
        return []


def _named(context: dict[str, Any] | None, key: str) -> list[str]:
    value = (context or {}).get(key)
    if isinstance(value, list):
        return [str(item) for item in value]
    return [] if value is None else [str(value)]


def context_of(error: WireError, key: str) -> list[str]:
    """What the error, or a detail of it, says under `key`: objectWriteTraceId, ids, propertyName."""
    values = _named(error.context, key)
    for detail in error.errors:
        values.extend(_named(detail.context, key))
    return values


def refused(error: WireError, status: int) -> Refused:
    """One record's refusal, in HubSpot's own words."""
    embedded = _embedded(error.message)
    fields = context_of(error, "propertyName") + context_of(error, "properties")
    fields += [item.name for item in embedded if item.name] + _COORDINATES.findall(error.message)
    code = next((detail.code for detail in error.errors if detail.code), None)
    code = code or next((item.error for item in embedded if item.error), None)
    if code is None and (unknown := _NO_PROPERTY.findall(error.message)):  # searches say it in words alone
        code, fields = "PROPERTY_DOESNT_EXIST", fields + unknown
    if error.category == "CONFLICT" or status == 409:
        code = "CONFLICT"
        if error.message.startswith("Contact already exists"):
            fields.append("email")  # all that identifies a contact to HubSpot itself
    existing = _EXISTING_ID.search(" ".join([error.message, *(detail.message for detail in error.errors)]))
    message = "; ".join(item.message for item in embedded if item.message) or error.message
    return Refused(
        code=code or error.sub_category or error.category or f"HTTP_{status}",
        message=message or f"HubSpot answered HTTP {status}",
        fields=tuple(dict.fromkeys(fields)),
        retry=error.category in TRANSIENT_CATEGORIES or error.message.lower().startswith("internal error"),
        existing_id=(existing[1] or existing[2]) if existing else None,
        gone=error.category == "OBJECT_NOT_FOUND" or status == 404,
    )


def read_refusal(response: Response) -> Refusal:
    """What an answer that is not 2xx says about the call as a whole."""
    status, error = response.status, parse_error(response.body)
    side, said = Side.HUBSPOT, error.message.rstrip(".") or f"HTTP {response.status} without a reason"
    if status == 401:
        refused_token = SignInRefused(
            side, f"HubSpot refused the access token: {said}.", crm_code=error.category or "HTTP_401"
        )
        return Refusal(Kind.SIGN_IN, refused_token)
    if status == 429:
        return _too_fast(error, said)
    if status == 423:
        return Refusal(Kind.TOO_FAST, RateLimited(side, f"HubSpot has locked the records for a moment: {said}."))
    if status == 477:
        return Refusal(Kind.SPENT, ServerFault(side, "HubSpot is moving this account to another data centre."))
    if status >= 500 or status == 408:
        return Refusal(Kind.FAULT, ServerFault(side, f"HubSpot broke down: HTTP {status}, {said}."))
    if status == 403 and error.category == "MISSING_SCOPES":
        scopes = tuple(context_of(error, "requiredGranularScopes"))
        missing = f" Missing: {', '.join(scopes)}." if scopes else ""
        return Refusal(
            Kind.REFUSED, MissingScope(side, f"HubSpot does not allow this call: {said}.{missing}", scopes=scopes)
        )
    if status == 403:
        return Refusal(Kind.REFUSED, Forbidden(side, f"HubSpot does not allow this call: {said}."))
    verdict = refused(error, status)
    message = f"HubSpot refused the call: {verdict.message.rstrip('.')}."
    if status == 404:
        return Refusal(Kind.REFUSED, NotFound(side, message, crm_code=verdict.code))
    kind = SchemaChanged if verdict.code in PROPERTY_CODES else CallRefused
    return Refusal(Kind.REFUSED, kind(side, message, fields=verdict.fields, crm_code=verdict.code))


def _too_fast(error: WireError, said: str) -> Refusal:
    # Searches name no policy, only "You have reached your secondly limit." (recorded).
    policy = error.policy_name or ("DAILY" if "daily limit" in error.message else "SECONDLY")
    if policy == "DAILY":
        fix = "Calls are free again at midnight in the account's time zone."
        return Refusal(Kind.SPENT, BudgetSpent(Side.HUBSPOT, f"HubSpot: {said}.", fix=fix), policy)
    return Refusal(Kind.TOO_FAST, RateLimited(Side.HUBSPOT, f"HubSpot refused calls as too fast: {said}."), policy)

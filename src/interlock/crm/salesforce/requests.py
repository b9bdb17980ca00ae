"""Salesforce's wire form: paths, headers, answers and refusals. Pure: builds and parses bytes, sends nothing."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from interlock.core.codec.reference import salesforce_id_18
from interlock.core.model import Observation, Raw, RecordKey, Refused, Side
from interlock.crm.calls import Calls, Kind, Refusal
from interlock.crm.decoding import decoder
from interlock.crm.errors import (
    BudgetSpent,
    CallRefused,
    Forbidden,
    NotFound,
    RateLimited,
    SchemaChanged,
    ServerFault,
    SignInRefused,
)
from interlock.crm.salesforce.classify import SCHEMA_CODES, classify
from interlock.crm.transport import Response

API_VERSION = "66.0"
DATA_PATH = f"/services/data/v{API_VERSION}"

# Our name, on every call: it ends up in a change event's changeOrigin (Change Data Capture guide).
CALL_OPTIONS = {"Sforce-Call-Options": "client=Interlock"}
# The default is TRUE: a write would re-run the org's assignment rules (REST API, Sforce-Auto-Assign).
NO_AUTO_ASSIGN = {"Sforce-Auto-Assign": "FALSE"}
AUTO_ASSIGN = {"Sforce-Auto-Assign": "TRUE"}

COLLECTION_ROWS = 200  # sObject Collections, per request
RETRIEVE_ROWS = 2000  # sObject Collections retrieve with POST
COMPOSITE_SUBREQUESTS = 25
COMPOSITE_COLLECTIONS = 5  # of which query or sObject Collections

encode = msgspec.json.Encoder().encode


def check_next_page(calls: Calls, url: str) -> None:
    """The address comes from an answer: it may name a cursor of this org, and nothing else. Raises ServerFault."""
    if not url.startswith("/services/data/v"):
        raise calls.garbled("the address of a next page")


def sobject_path(sobject: str) -> str:
    return f"{DATA_PATH}/sobjects/{sobject}"


def segment(text: str) -> str:
    return quote(text, safe="")


# --- answers -----------------------------------------------------------------------------------------------------


class WireFailure(msgspec.Struct, rename="camel", gc=False):
    """Single calls say errorCode, collections statusCode; order and presence of keys vary."""

    message: str = ""
    error_code: str | None = None
    status_code: str | None = None
    fields: list[str] | None = None
    duplicate_result: dict[str, Any] | None = None

    @property
    def code(self) -> str:
        return self.error_code or self.status_code or "UNKNOWN_EXCEPTION"


class WireSaved(msgspec.Struct, gc=False):
    """One record's result in a collections answer, in request order."""

    success: bool
    id: str | None = None
    errors: list[WireFailure] = []


class WirePage(msgspec.Struct, rename="camel"):
    records: list[dict[str, Raw]]
    total_size: int = 0
    next_records_url: str | None = None


_failures = msgspec.json.Decoder(list[WireFailure]).decode
_single_failure = msgspec.json.Decoder(WireFailure).decode
parse_saved = msgspec.json.Decoder(list[WireSaved]).decode
parse_page = decoder(WirePage)


# What SOAP calls fail with, always under status 500 (SOAP API developer guide, API fault element).
_SOAP_FAULT = re.compile(rb"<faultcode>(?:\w+:)?(\w+)</faultcode>\s*<faultstring>(.*?)</faultstring>", re.DOTALL)


def parse_failures(body: bytes | msgspec.Raw) -> list[WireFailure]:
    """Never raises: a 500 may be empty, a 5xx may be HTML (Salesforce Edge)."""
    fault = _SOAP_FAULT.search(bytes(body))
    if fault is not None:
        code, said = (html.unescape(each.decode(errors="replace")) for each in fault.groups())
        return [WireFailure(said.removeprefix(f"{code}: "), code)]
    try:
        return _failures(body)
    except msgspec.MsgspecError:
        try:
            return [_single_failure(body)]
        except msgspec.MsgspecError:
            return []


def to_us(text: str) -> int:
    """`2021-12-02T18:23:39.000+0000`, always UTC (recorded). Raises ValueError."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


def to_observation(sobject: str, row: dict[str, Raw], read_us: int, fields: Sequence[str] = ()) -> Observation:
    """Takes `row` over. Raises KeyError when Id was not asked for."""
    values = flatten(row, fields)
    stamp = values.get("SystemModstamp") or values.get("LastModifiedDate")
    created = values.get("CreatedDate")
    return Observation(
        RecordKey(Side.SALESFORCE, sobject, values["Id"]),
        values,
        to_us(stamp) if stamp else 0,
        to_us(created) if created else 0,
        read_us,
    )


def flatten(row: dict[str, Raw], fields: Sequence[str] = ()) -> dict[str, Raw]:
    """In place: drops `attributes`, turns parents into dotted names. Compounds (addresses) stay what they are."""
    row.pop("attributes", None)
    parents = [name for name, value in row.items() if type(value) is dict and "attributes" in value]
    for name in parents:
        for inner, value in flatten(row.pop(name)).items():
            row[f"{name}.{inner}"] = value
    for name in fields:
        # A record without a parent answers {"Account": null}: its dotted fields are blank, not unreadable.
        if "." in name and name not in row and _parent_is_null(row, name):
            row[name] = None
    return row


def _parent_is_null(row: dict[str, Raw], name: str) -> bool:
    parts = name.split(".")
    return any(
        ".".join(parts[:depth]) in row and row[".".join(parts[:depth])] is None for depth in range(1, len(parts))
    )


# --- refusals ----------------------------------------------------------------------------------------------------

_DUPLICATE_OF = re.compile(r"record with id: ([A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?)\b")
_NO_SUCH_COLUMN = re.compile(r"No such column '([^']+)' on")
_UNABLE_FIELDS = re.compile(r"Unable to create/update fields: ([A-Za-z0-9_., ]+?)\.(?:\s|$)")


def refused(failures: Sequence[WireFailure], status: int = 400) -> Refused:
    """One record's refusal, in Salesforce's own words. The first failure gives the code, all give fields and words."""
    if not failures:
        return Refused(f"HTTP_{status}", f"Salesforce answered HTTP {status} without a reason", gone=status == 404)
    code = failures[0].code
    verdict = classify(code)
    names = [name for failure in failures for name in _blamed(failure)]
    return Refused(
        code=code,
        message="; ".join(failure.message for failure in failures if failure.message) or code,
        fields=tuple(dict.fromkeys(names)),
        retry=all(classify(failure.code).retry for failure in failures),
        existing_id=_existing_id(failures[0]),
        gone=verdict.gone,
    )


def _blamed(failure: WireFailure) -> list[str]:
    if failure.fields:
        return failure.fields
    column = _NO_SUCH_COLUMN.search(failure.message)
    if column is not None:
        return [column[1]]
    unable = _UNABLE_FIELDS.search(failure.message)
    return [] if unable is None else [name.strip() for name in unable[1].split(",")]


def _existing_id(failure: WireFailure) -> str | None:
    """In the 18-character form, as the keys of records are: messages name 15 characters as well."""
    if failure.code == "DUPLICATE_VALUE":
        found = _DUPLICATE_OF.search(failure.message)
        return None if found is None else salesforce_id_18(found[1])
    if failure.duplicate_result is not None:
        try:
            match = failure.duplicate_result["matchResults"][0]["matchRecords"][0]
            return salesforce_id_18(str(match["record"]["Id"]))
        except (KeyError, IndexError, TypeError):
            return None
    return None


def refusal_error(status: int, failures: Sequence[WireFailure]) -> CallRefused:
    """The error of a read, or of a subrequest, that was refused for good."""
    verdict = refused(failures, status)
    message = f"Salesforce refused the call: {' '.join(verdict.message.split()).rstrip('.')}."
    if status == 404:
        return NotFound(Side.SALESFORCE, message, crm_code=verdict.code)
    kind = SchemaChanged if verdict.code in SCHEMA_CODES else CallRefused
    return kind(Side.SALESFORCE, message, fields=verdict.fields, crm_code=verdict.code)


def read_refusal(response: Response) -> Refusal:
    """What an answer that is not 2xx says about the call as a whole."""
    side, status = Side.SALESFORCE, response.status
    failures = parse_failures(response.body)
    code = failures[0].code if failures else ""
    said = failures[0].message.rstrip(".") if failures else f"HTTP {status} without a reason"
    fault = bool(failures) and _SOAP_FAULT.search(response.body) is not None
    if status == 401 or (fault and code == "INVALID_SESSION_ID"):
        return Refusal(
            Kind.SIGN_IN, SignInRefused(side, f"Salesforce refused the access token: {said}.", crm_code=code)
        )
    if code == "REQUEST_LIMIT_EXCEEDED" and "TotalRequests" in said:
        return Refusal(Kind.SPENT, BudgetSpent(side, f"Salesforce: {said}.", crm_code=code), "DAILY")
    if status == 429 or code == "REQUEST_LIMIT_EXCEEDED":
        return Refusal(Kind.TOO_FAST, RateLimited(side, f"Salesforce refused calls: {said}.", crm_code=code), code)
    if fault and not classify(code).retry:
        return Refusal(Kind.REFUSED, refusal_error(status, failures))
    if status >= 500 or status in (406, 408, 420):
        # 406, 420 and HTML come from Salesforce Edge, and pass (seen by other connectors).
        return Refusal(Kind.FAULT, ServerFault(side, f"Salesforce broke down: HTTP {status}, {said}.", crm_code=code))
    if code == "QUERY_TIMEOUT":
        return Refusal(Kind.FAULT, ServerFault(side, f"Salesforce ran out of time: {said}.", crm_code=code))
    if status == 403:
        return Refusal(Kind.REFUSED, Forbidden(side, f"Salesforce does not allow this call: {said}.", crm_code=code))
    return Refusal(Kind.REFUSED, refusal_error(status, failures))

"""What an app's backend gets when a person looks at the app's card on a record: a request that HubSpot signed.

A card of a project app is code in HubSpot's page, and no API call shows or makes one; that its code may call `hubspot.fetch()`
is all that reaches outside (UI extensions, fetching data). Legacy CRM cards had an API; it ended on 31 October 2026.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.account import User

METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "PATCH"})
BODY_MAX_BYTES = 1_000_000  # "both request and response payloads are limited to 1MB"
TIMEOUT_S = 15
# Request validation: of the address only these are decoded before it is signed.
_DECODED = {
    code: chr(int(code, 16)) for code in ("3A", "2F", "3F", "40", "21", "24", "27", "28", "29", "2A", "2C", "3B")
}
_ESCAPE = re.compile("%(" + "|".join(_DECODED) + ")", re.IGNORECASE)


class CardRequest(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


def card_request(
    *,
    secret: str,
    app_id: int,
    account_id: int,
    user: User,
    permitted: tuple[str, ...],
    now_ms: int,
    url: str,
    method: str,
    body: Mapping[str, Any] | None,
) -> CardRequest:
    """Who is signed in comes with the query (names from general knowledge, unverified); the record is for the card's own code to
    name. Raises ApiError for an address that the app's `permittedUrls` do not have."""
    if method not in METHODS:
        raise errors.invalid(f"hubspot.fetch() has no method {method}")
    if not url.startswith("https://") or not any(url.startswith(one) for one in permitted):
        raise errors.invalid(f"{url} is not among the permittedUrls of this app")
    payload = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    if len(payload) > BODY_MAX_BYTES:
        raise errors.invalid(f"A request of a card may have {BODY_MAX_BYTES} bytes, this one has {len(payload)}")
    who = {"userId": user.user_id, "portalId": account_id, "userEmail": user.email, "appId": app_id}
    whole = f"{url}{'&' if '?' in url else '?'}{urlencode(who)}"
    headers = {
        "X-HubSpot-Request-Timestamp": str(now_ms),
        "X-HubSpot-Signature-v3": signature_v3(secret, method, whole, payload, now_ms),
    }
    if payload:
        headers["Content-Type"] = "application/json"
    return CardRequest(method=method, url=whole, headers=headers, body=payload)


def signature_v3(secret: str, method: str, uri: str, body: bytes, at_ms: int) -> str:
    """base64(HMAC-SHA256(client secret, method + uri + body + timestamp))."""
    plain = _ESCAPE.sub(lambda found: _DECODED[found.group(1).upper()], uri)
    signed = method.encode() + plain.encode() + body + str(at_ms).encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()

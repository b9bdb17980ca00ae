"""Whether a request comes from HubSpot, on behalf of an app: signature v3 of its request validation. Pure.

Source: developers.hubspot.com, Validating requests: `X-HubSpot-Signature-v3` is base64(HMAC-SHA256(client secret, method + URI +
body + timestamp)), `X-HubSpot-Request-Timestamp` is in milliseconds, and five minutes old at most; some escapes are decoded.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

WINDOW_MS = 300_000
_ESCAPE = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
# Milliseconds of any time that a clock shows; int() of a text without an end would take its time.
_DIGITS_MOST = 15


def is_signed(secret: str, method: str, uri: str, body: bytes, sent: str, signature: str, now_ms: int) -> bool:
    """`sent` and `signature`: the two headers, as they came."""
    if not (sent.isascii() and sent.isdigit() and len(sent) <= _DIGITS_MOST) or abs(now_ms - int(sent)) > WINDOW_MS:
        return False
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), uri)
    message = method.encode() + plain.encode() + body + sent.encode()
    made = base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest())
    return hmac.compare_digest(made, signature.encode())

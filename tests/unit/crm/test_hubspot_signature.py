"""Signature v3: known answers of HubSpot's own Python and Ruby clients (Apache-2.0), and what must not pass."""

from __future__ import annotations

import pytest

from interlock.crm.hubspot.signature import WINDOW_MS, is_signed

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URI, BODY = "https://www.example.com/webhook_uri", b"{'example_field':'example_value'}"
AT_MS, SIGNATURE = 1693657560000, "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="


def test_what_hubspot_has_signed_passes() -> None:
    assert is_signed(SECRET, "POST", URI, BODY, str(AT_MS), SIGNATURE, AT_MS + 1)
    assert is_signed(
        SECRET, "POST", URI, BODY, "1700000300000", "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=", 1700000300000
    )


@pytest.mark.parametrize("later_ms", [WINDOW_MS + 1, -WINDOW_MS - 1])
def test_what_was_sent_too_long_ago_or_in_the_future_does_not(later_ms: int) -> None:
    assert is_signed(SECRET, "POST", URI, BODY, str(AT_MS), SIGNATURE, AT_MS + WINDOW_MS)
    assert not is_signed(SECRET, "POST", URI, BODY, str(AT_MS), SIGNATURE, AT_MS + later_ms)


@pytest.mark.parametrize(
    ("secret", "method", "uri", "body", "sent", "signature"),
    [
        ("another", "POST", URI, BODY, str(AT_MS), SIGNATURE),
        (SECRET, "GET", URI, BODY, str(AT_MS), SIGNATURE),
        (SECRET, "POST", URI + "?a=b", BODY, str(AT_MS), SIGNATURE),
        (SECRET, "POST", URI, BODY + b" ", str(AT_MS), SIGNATURE),
        (SECRET, "POST", URI, BODY, str(AT_MS + 1), SIGNATURE),
        (SECRET, "POST", URI, BODY, str(AT_MS), ""),
        (SECRET, "POST", URI, BODY, str(AT_MS), "é"),
        (SECRET, "POST", URI, BODY, "", SIGNATURE),
        (SECRET, "POST", URI, BODY, "٣", SIGNATURE),
        (SECRET, "POST", URI, BODY, "9" * 5_000, SIGNATURE),
    ],
)
def test_what_is_otherwise_in_anything_does_not(
    secret: str, method: str, uri: str, body: bytes, sent: str, signature: str
) -> None:
    assert not is_signed(secret, method, uri, body, sent, signature, AT_MS)

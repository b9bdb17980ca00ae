"""What reaches an app's backend from its card, and the link that a record may hold.

Sources: HubSpot's pages on fetching data for UI extensions (limits, methods) and on request validation; the known answers of
signature v3 are those of HubSpot's own Python and Ruby clients (Apache-2.0).
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from tests.emulator.hubspot.calls import Caller

from crm_emulator.hubspot.app_card import signature_v3
from crm_emulator.hubspot.errors import ApiError

BACKEND = "https://interlock.example.com/card"


@pytest.fixture
def app() -> Caller:
    return Caller(rate_limits=False, app_permitted_urls=(BACKEND,))


@pytest.mark.parametrize(
    ("at_ms", "signature"),
    [
        (1693657560000, "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
        (1700000300000, "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
    ],
)
def test_a_request_is_signed_as_hubspots_clients_expect_it(at_ms: int, signature: str) -> None:
    secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
    body = b"{'example_field':'example_value'}"
    assert signature_v3(secret, "POST", "https://www.example.com/webhook_uri", body, at_ms) == signature


def test_of_the_address_only_some_escapes_are_decoded_before_it_is_signed() -> None:
    plain = signature_v3("s", "GET", "https://a.example.com/?e=a@b.co&x=%20", b"", 1)
    assert signature_v3("s", "GET", "https://a.example.com/?e=a%40b.co&x=%20", b"", 1) == plain
    assert signature_v3("s", "GET", "https://a.example.com/?e=a@b.co&x= ", b"", 1) != plain


def test_a_card_tells_who_looks_at_it_and_what_its_code_asked(app: Caller) -> None:
    person = app.emulator.user("Sales")
    sent = person.look_at_card(f"{BACKEND}?record=101&type=0-1", "POST", {"action": "sync"})
    query = {key: values[0] for key, values in parse_qs(urlsplit(sent.url).query).items()}
    assert (query["record"], query["userEmail"], query["userId"]) == (
        "101",
        "sales@example.com",
        str(person.user.user_id),
    )
    assert (query["portalId"], query["appId"]) == (str(app.emulator.account_id), str(app.emulator.config.app_id))
    at_ms = int(sent.headers["X-HubSpot-Request-Timestamp"])
    secret = app.emulator.client_secret
    assert sent.headers["X-HubSpot-Signature-v3"] == signature_v3(secret, "POST", sent.url, sent.body, at_ms)
    assert sent.body == b'{"action":"sync"}'


@pytest.mark.parametrize(
    ("url", "method", "body"),
    [
        ("https://elsewhere.example.com/", "GET", None),
        ("http://interlock.example.com/card", "GET", None),
        (BACKEND, "TRACE", None),
        (BACKEND, "POST", {"text": "x" * 1_000_000}),
    ],
)
def test_what_a_card_may_not_send_is_not_sent(app: Caller, url: str, method: str, body: dict[str, str] | None) -> None:
    with pytest.raises(ApiError):
        app.emulator.user().look_at_card(url, method, body)


def test_an_app_without_permitted_addresses_has_no_card_that_sends_anything(hubspot: Caller) -> None:
    with pytest.raises(ApiError, match="permittedUrls"):
        hubspot.emulator.user().look_at_card(BACKEND)


def test_a_record_holds_a_link_as_any_text(hubspot: Caller) -> None:
    """There is no property type for links: fieldType text, up to 65,536 characters (properties guide)."""
    body = {
        "name": "interlock_link",
        "label": "Interlock",
        "type": "string",
        "fieldType": "text",
        "groupName": "contactinformation",
    }
    assert hubspot.post("/crm/v3/properties/contacts", body).status == 201
    link = "https://interlock.example.com/connections/1/records/contacts/101?from=hubspot"
    assert hubspot.value("contacts", hubspot.contact(firstname="Ada", interlock_link=link), "interlock_link") == link


def test_legacy_cards_have_no_api_any_more(hubspot: Caller) -> None:
    """ "Legacy CRM cards will be sunset on Oct 31, 2026" (migrate legacy CRM cards)."""
    assert hubspot.get(f"/crm/v3/extensions/cards/{hubspot.emulator.config.app_id}").status == 404

"""How HubSpot's refusals are read: which record, which property, who is in the way, and whether it passes by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from interlock.crm.calls import Kind
from interlock.crm.errors import BudgetSpent, CallRefused, Forbidden, MissingScope, NotFound, SchemaChanged
from interlock.crm.hubspot.requests import parse_error, parse_record, read_refusal, refused, to_us
from interlock.crm.transport import Response


def answer(status: int, body: Any) -> Response:
    return Response(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def said(body: Any) -> Any:
    return parse_error(json.dumps(body).encode())


EMBEDDED = [{"isValid": False, "message": 'Property "testproperty" does not exist', "name": "testproperty"}]
EMBEDDED[0]["error"] = "PROPERTY_DOESNT_EXIST"
UNKNOWN_PROPERTY = {
    "status": "error",
    "message": f"Property values were not valid: {json.dumps(EMBEDDED)}",
    "category": "VALIDATION_ERROR",
}


def test_an_unknown_property_is_named_even_when_only_the_message_says_so() -> None:
    verdict = refused(said(UNKNOWN_PROPERTY), 400)
    assert (verdict.code, verdict.fields) == ("PROPERTY_DOESNT_EXIST", ("testproperty",))
    assert verdict.message == 'Property "testproperty" does not exist'


def test_a_taken_e_mail_names_the_contact_in_the_way() -> None:
    body = {"status": "error", "message": "Contact already exists. Existing ID: 512", "category": "CONFLICT"}
    verdict = refused(said(body), 409)
    assert (verdict.code, verdict.existing_id, verdict.retry) == ("CONFLICT", "512", False)


def test_a_taken_unique_value_names_property_and_record() -> None:
    message = (
        "Cannot set PropertyValueCoordinates{propertyName=erp_id, value=7} on the object. 99 already has that value."
    )
    verdict = refused(said({"message": message, "category": "VALIDATION_ERROR"}), 400)
    assert (verdict.fields, verdict.existing_id) == (("erp_id",), "99")


def test_a_missing_record_is_gone() -> None:
    assert refused(said({"message": "x", "category": "OBJECT_NOT_FOUND"}), 207).gone
    assert refused(said({"message": "resource not found"}), 404).gone


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'"x"', b"null"])
def test_an_unreadable_refusal_still_has_a_code_and_a_sentence(body: bytes) -> None:
    verdict = refused(parse_error(body), 400)
    assert (verdict.code, verdict.message) == ("HTTP_400", "HubSpot answered HTTP 400")
    assert read_refusal(answer(502, body)).kind is Kind.FAULT


BURST = {"message": "You have reached your ten_secondly_rolling limit.", "policyName": "TEN_SECONDLY_ROLLING"}
SEARCH = {"message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}
DAILY = {"message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY"}


@pytest.mark.parametrize(
    ("body", "kind", "policy"),
    [
        (BURST, Kind.TOO_FAST, "TEN_SECONDLY_ROLLING"),
        (SEARCH, Kind.TOO_FAST, "SECONDLY"),
        (DAILY, Kind.SPENT, "DAILY"),
        (b"", Kind.TOO_FAST, "SECONDLY"),
    ],
    ids=["burst", "search", "day", "empty"],
)
def test_a_429_names_the_limit_that_was_met(body: Any, kind: Kind, policy: str) -> None:
    refusal = read_refusal(answer(429, body))
    assert (refusal.kind, refusal.policy) == (kind, policy)
    assert isinstance(refusal.error, BudgetSpent) == (kind is Kind.SPENT)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, UNKNOWN_PROPERTY, SchemaChanged),
        (400, {"message": "nonsense", "category": "VALIDATION_ERROR"}, CallRefused),
        (403, {"message": "no", "category": "MISSING_SCOPES"}, MissingScope),
        (403, {"message": "no"}, Forbidden),
        (404, {"message": "resource not found"}, NotFound),
        (301, b"", CallRefused),
    ],
)
def test_a_final_refusal_is_the_error_that_says_what_to_do(status: int, body: Any, error: type[Exception]) -> None:
    refusal = read_refusal(answer(status, body))
    assert refusal.kind is Kind.REFUSED
    assert type(refusal.error) is error
    assert refusal.error.message.endswith(".")
    assert refusal.error.fix


@pytest.mark.parametrize(
    ("stamp", "us"),
    [
        ("2026-03-12T07:33:46.615Z", 1_773_300_826_615_000),
        ("2026-12-31T00:00:00Z", 1_798_675_200_000_000),
        ("1970-01-01T00:00:00.001Z", 1_000),
        ("2199-12-31T23:59:59.999Z", 7_258_118_399_999_000),
    ],
)
def test_stamps_keep_their_milliseconds_exactly(stamp: str, us: int) -> None:
    body = {"id": "1", "properties": {}, "createdAt": stamp, "updatedAt": stamp}
    assert to_us(parse_record(json.dumps(body).encode()).updated_at) == us

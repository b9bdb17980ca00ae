"""How Salesforce's answers are read: rows into observations, refusals into what they mean for a record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from interlock.crm.calls import Kind
from interlock.crm.errors import BudgetSpent, CallRefused, Forbidden, NotFound, RateLimited, SchemaChanged
from interlock.crm.salesforce.requests import flatten, parse_failures, read_refusal, refused, to_observation, to_us
from interlock.crm.transport import Response


def row(**values: Any) -> dict[str, Any]:
    attributes = {"type": "Contact", "url": "/services/data/v66.0/sobjects/Contact/003000000000001AAA"}
    return {"attributes": attributes, "Id": "003000000000001AAA", **values}


def test_a_row_becomes_an_observation_with_its_stamps() -> None:
    seen = to_observation(
        "Contact",
        row(Email=None, SystemModstamp="2021-12-02T18:23:39.000+0000", CreatedDate="2021-12-01T00:00:00.000+0000"),
        77,
    )
    assert (seen.key.id, seen.read_us) == ("003000000000001AAA", 77)
    assert seen.modified_us == to_us("2021-12-02T18:23:39.000+0000") == 1_638_469_419_000_000
    assert seen.created_us == 1_638_316_800_000_000
    assert seen.values["Email"] is None
    assert "attributes" not in seen.values


def test_a_parents_fields_get_dotted_names() -> None:
    parent = {"attributes": {"type": "Account"}, "Name": "Acme", "Owner": {"attributes": {}, "Name": "Ada"}}
    assert flatten(row(Account=parent)) == {
        "Id": "003000000000001AAA",
        "Account.Name": "Acme",
        "Account.Owner.Name": "Ada",
    }


def test_a_record_without_a_parent_has_blank_parent_fields_and_not_absent_ones() -> None:
    flat = flatten(row(Account=None), ("Account.Name", "Account.Owner.Name", "Owner.Name"))
    assert flat["Account.Name"] is None
    assert flat["Account.Owner.Name"] is None
    assert "Owner.Name" not in flat  # not in the answer at all: not readable


def test_an_address_stays_one_value() -> None:
    address = {"city": "Oslo", "country": None}
    assert flatten(row(MailingAddress=address))["MailingAddress"] == address


def failures(*items: dict[str, Any]) -> Any:
    return parse_failures(json.dumps(list(items)).encode())


def test_a_duplicate_value_names_the_record_in_the_way() -> None:
    message = "duplicate value found: Key__c duplicates value on record with id: 003000000000009AAA"
    verdict = refused(failures({"statusCode": "DUPLICATE_VALUE", "message": message, "fields": []}))
    assert (verdict.code, verdict.existing_id) == ("DUPLICATE_VALUE", "003000000000009AAA")


def test_the_record_in_the_way_has_the_key_by_which_everybody_else_knows_it() -> None:
    message = "duplicate value found: Key__c duplicates value on record with id: 0035g00000Qi0Az"
    assert refused(failures({"statusCode": "DUPLICATE_VALUE", "message": message})).existing_id == "0035g00000Qi0AzAAJ"
    body = {
        "errorCode": "DUPLICATES_DETECTED",
        "duplicateResult": {"matchResults": [{"matchRecords": [{"record": {"Id": "0035g00000Qi0Az"}}]}]},
    }
    assert refused(failures(body)).existing_id == "0035g00000Qi0AzAAJ"


def test_a_duplicate_rule_names_the_record_it_found() -> None:
    match = {"matchRecords": [{"record": {"attributes": {}, "Id": "003000000000008AAA"}}]}
    body = {
        "errorCode": "DUPLICATES_DETECTED",
        "message": "Use one of these records?",
        "duplicateResult": {"allowSave": True, "matchResults": [match]},
    }
    assert refused(failures(body)).existing_id == "003000000000008AAA"


@pytest.mark.parametrize(
    ("failure", "fields"),
    [
        ({"errorCode": "INVALID_FIELD", "message": "No such column 'foo' on sobject of type Bar"}, ("foo",)),
        (
            {
                "statusCode": "INVALID_FIELD_FOR_INSERT_UPDATE",
                "message": "Unable to create/update fields: Title, Fax__c. Please check the security settings.",
                "fields": [],
            },
            ("Title", "Fax__c"),
        ),
        ({"statusCode": "REQUIRED_FIELD_MISSING", "message": "x", "fields": ["Name"]}, ("Name",)),
    ],
)
def test_the_fields_that_are_blamed_are_named(failure: dict[str, Any], fields: tuple[str, ...]) -> None:
    assert refused(failures(failure)).fields == fields


def test_a_locked_row_may_pass_and_a_deleted_one_is_gone() -> None:
    locked = refused(failures({"statusCode": "UNABLE_TO_LOCK_ROW", "message": "x"}))
    deleted = refused(failures({"statusCode": "ENTITY_IS_DELETED", "message": "entity is deleted"}))
    assert (locked.retry, locked.gone) == (True, False)
    assert (deleted.retry, deleted.gone) == (False, True)


def test_a_record_refused_for_two_reasons_is_retried_only_when_both_may_pass() -> None:
    locked, long = (
        {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "a"},
        {"statusCode": "STRING_TOO_LONG", "message": "b"},
    )
    verdict = refused(failures(locked, long))
    assert not verdict.retry
    assert verdict.message == "a; b"


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "error"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", Kind.SPENT, BudgetSpent),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded.", Kind.TOO_FAST, RateLimited),
        (403, "API_DISABLED_FOR_ORG", "The REST API is not enabled.", Kind.REFUSED, Forbidden),
        (404, "NOT_FOUND", "The requested resource does not exist", Kind.REFUSED, NotFound),
        (400, "INVALID_FIELD", "No such column 'foo' on sobject of type Bar", Kind.REFUSED, SchemaChanged),
        (400, "MALFORMED_QUERY", "unexpected token", Kind.REFUSED, CallRefused),
    ],
)
def test_a_refusal_says_what_becomes_of_the_call(
    status: int, code: str, message: str, kind: Kind, error: type[Exception]
) -> None:
    body = json.dumps([{"message": message, "errorCode": code}]).encode()
    refusal = read_refusal(Response(status, {}, body))
    assert refusal.kind is kind
    assert type(refusal.error) is error


@pytest.mark.parametrize("status", [500, 502, 503, 420])
@pytest.mark.parametrize("body", [b"", b"<html>Edge</html>"])
def test_a_breakdown_without_a_reason_is_a_fault(status: int, body: bytes) -> None:
    assert read_refusal(Response(status, {}, body)).kind is Kind.FAULT

"""The door: tokens, scopes, and HubSpot's limits with their headers and bodies."""

from __future__ import annotations

import pytest
from tests.emulator.hubspot.calls import Caller

CONTACTS = "/crm/v3/objects/contacts"


def test_without_a_token_nothing_is_answered(hubspot: Caller) -> None:
    hubspot.token = "pat-na1-unknown"
    refused = hubspot.get(CONTACTS)
    assert refused.status == 401
    assert refused.json["category"] == "INVALID_AUTHENTICATION"
    assert refused.json["message"].startswith("Authentication credentials not found.")
    assert refused.headers["x-hubspot-auth-failure"] == "401 Unauthorized"


def test_an_oauth_token_expires(hubspot: Caller) -> None:
    hubspot.token = hubspot.emulator.issue_token("crm.objects.contacts.read", expires_in_s=1_800)
    assert hubspot.get(CONTACTS).status == 200
    hubspot.later(1_807)
    refused = hubspot.get(CONTACTS)
    assert refused.status == 401
    assert refused.json["category"] == "EXPIRED_AUTHENTICATION"
    assert refused.json["message"] == "The OAuth token used to make this call expired 7 second(s) ago."


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", CONTACTS, "crm.objects.contacts.read"),
        ("POST", f"{CONTACTS}/search", "crm.objects.contacts.read"),
        ("POST", f"{CONTACTS}/batch/read", "crm.objects.contacts.read"),
        ("POST", f"{CONTACTS}/batch/create", "crm.objects.contacts.write"),
        ("PATCH", "/crm/objects/2026-09/companies/1", "crm.objects.companies.write"),
        ("GET", "/crm/v3/properties/deals", "crm.schemas.deals.read"),
        ("POST", "/crm/v3/properties/deals", "crm.schemas.deals.write"),
        ("GET", "/crm/v3/pipelines/deals", "crm.schemas.deals.read"),
        ("GET", "/crm/v3/owners", "crm.objects.owners.read"),
        (
            "POST",
            "/communication-preferences/v4/statuses/a@b.co/unsubscribe-all",
            "communication_preferences.read_write",
        ),
    ],
)
def test_a_call_without_its_scope_is_forbidden_and_names_it(
    hubspot: Caller, method: str, path: str, scope: str
) -> None:
    hubspot.token = hubspot.emulator.issue_token("oauth")
    refused = hubspot.call(method, path, {}, {})
    assert refused.status == 403
    assert refused.json["category"] == "MISSING_SCOPES"
    assert scope in refused.json["errors"][0]["context"]["requiredGranularScopes"]
    hubspot.token = hubspot.emulator.issue_token(scope)
    assert hubspot.call(method, path, {}, {}).status != 403


def test_the_eleventh_call_of_a_burst_of_ten_is_refused_until_the_window_has_rolled_on() -> None:
    hubspot = Caller(burst_limit=10)
    remaining = [hubspot.get(CONTACTS).headers["x-hubspot-ratelimit-remaining"] for _ in range(10)]
    assert remaining == [str(left) for left in range(9, -1, -1)]
    refused = hubspot.get(CONTACTS)
    assert refused.status == 429
    assert refused.json["policyName"] == "TEN_SECONDLY_ROLLING"
    assert refused.json["errorType"] == "RATE_LIMIT"
    assert "retry-after" not in refused.headers
    assert hubspot.emulator.stats.refused_429 == 1
    hubspot.later(9.999)
    assert hubspot.get(CONTACTS).status == 429
    hubspot.later(0.001)
    assert hubspot.get(CONTACTS).status == 200


def test_association_batches_have_a_burst_and_a_day_of_their_own() -> None:
    hubspot = Caller(association_burst_limit=2, association_daily_limit=3)
    path = "/crm/v4/associations/contacts/companies/batch/read"
    answers = [hubspot.post(path, {"inputs": []}) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[-1].json["policyName"] == "TEN_SECONDLY_ROLLING"
    assert "x-hubspot-ratelimit-max" not in answers[0].headers
    assert hubspot.get(CONTACTS).status == 200
    hubspot.later(10)
    assert hubspot.post(path, {"inputs": []}).status == 200
    assert hubspot.post(path, {"inputs": []}).json["policyName"] == "DAILY"
    assert hubspot.get(CONTACTS).status == 200
    hubspot.later(86_400)
    assert hubspot.post(path, {"inputs": []}).status == 200


def test_searches_and_association_batches_are_outside_the_burst() -> None:
    hubspot = Caller(burst_limit=1)
    hubspot.get(CONTACTS)
    assert hubspot.post(f"{CONTACTS}/search", {}).status == 200
    assert hubspot.post("/crm/v4/associations/contacts/companies/batch/read", {"inputs": []}).status == 200
    assert hubspot.get(CONTACTS).status == 429


def test_the_sixth_search_of_a_second_is_refused_with_the_recorded_body() -> None:
    hubspot = Caller()
    answers = [hubspot.post(f"{CONTACTS}/search", {}) for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    refused = answers[-1].json
    assert (refused["message"], refused["category"]) == ("You have reached your secondly limit.", "RATE_LIMITS")
    assert "policyName" not in refused
    assert "x-hubspot-ratelimit-max" not in answers[0].headers
    assert "x-hubspot-ratelimit-daily" in answers[0].headers
    hubspot.later(1)
    assert hubspot.post(f"{CONTACTS}/search", {}).status == 200


def test_the_daily_limit_holds_until_midnight_where_the_account_is() -> None:
    hubspot = Caller(daily_limit=3, time_zone="America/New_York")
    for left in ("2", "1", "0"):
        assert hubspot.get(CONTACTS).headers["x-hubspot-ratelimit-daily-remaining"] == left
    refused = hubspot.get(CONTACTS)
    assert (refused.status, refused.json["policyName"]) == (429, "DAILY")
    hubspot.later(13 * 3600 + 46 * 60 + 39)  # 14:13:20Z is 10:13:20 in New York
    assert hubspot.get(CONTACTS).status == 429
    hubspot.later(1)
    assert hubspot.get(CONTACTS).status == 200


def test_an_oauth_app_has_its_own_burst_and_no_daily_headers() -> None:
    hubspot = Caller(burst_limit=1)
    hubspot.get(CONTACTS)
    hubspot.token = hubspot.emulator.issue_token(expires_in_s=60)
    answer = hubspot.get(CONTACTS)
    assert (answer.status, answer.headers["x-hubspot-ratelimit-max"]) == (200, "110")
    assert "x-hubspot-ratelimit-daily" not in answer.headers


def test_limits_can_be_switched_off_and_are_still_counted() -> None:
    hubspot = Caller(rate_limits=False, burst_limit=1, daily_limit=5)
    assert {hubspot.get(CONTACTS).status for _ in range(10)} == {200}
    usage = hubspot.get("/account-info/v3/api-usage/daily/private-apps").json["results"][0]
    assert (usage["usageLimit"], usage["currentUsage"]) == (5, 11)
    assert usage["resetsAt"] == "2026-09-22T00:00:00Z"


def test_planted_statuses_speak_as_hubspot_does(hubspot: Caller) -> None:
    for status in (401, 403, 423, 429, 477, 500):
        hubspot.emulator.faults.add({"kind": "status", "status": status, "match": {"times": 1}})
        answer = hubspot.get(CONTACTS)
        assert answer.status == status
        assert answer.json["status"] == "error"
        assert ("retry-after" in answer.headers) == (status == 477)
    assert hubspot.get(CONTACTS).status == 200


@pytest.mark.parametrize("status", [502, 503, 504, 524])
def test_a_planted_gateway_failure_is_a_page_and_no_envelope(hubspot: Caller, status: int) -> None:
    hubspot.emulator.faults.add({"kind": "status", "status": status, "match": {"times": 1}})
    answer = hubspot.get(CONTACTS)
    assert (answer.status, answer.headers["content-type"]) == (status, "text/html")
    assert answer.body.startswith(b"<html>")


def test_an_address_that_is_too_long_never_reaches_hubspot(hubspot: Caller) -> None:
    names = ",".join(f"property_{number}" for number in range(1_200))
    answer = hubspot.get(CONTACTS, properties=names)
    assert (answer.status, answer.headers["content-type"]) == (414, "text/html")
    assert hubspot.emulator.limits.used_today == 0
    assert hubspot.get(CONTACTS, properties=names[:12_000]).status == 200


def test_a_body_that_is_too_large_never_reaches_hubspot() -> None:
    hubspot = Caller(body_max_bytes=1_000)
    assert hubspot.post(CONTACTS, {"properties": {"firstname": "x" * 1_000}}).status == 413
    assert hubspot.post(CONTACTS, {"properties": {"firstname": "x" * 900}}).status == 201


@pytest.mark.parametrize(
    ("given", "status"),
    [("application/json", 201), ("application/json; charset=utf-8", 201), ("application/x-www-form-urlencoded", 415)],
)
def test_a_body_that_says_it_is_no_json_is_not_read(hubspot: Caller, given: str, status: int) -> None:
    hubspot.headers["content-type"] = given
    assert hubspot.post(CONTACTS, {"properties": {"firstname": "Ada"}}).status == status


def test_a_token_that_expires_between_two_batches_lets_nothing_of_the_second_through(hubspot: Caller) -> None:
    hubspot.token = hubspot.emulator.issue_token(expires_in_s=60)
    rows = [{"properties": {"email": f"p{number}@example.com"}} for number in range(3)]
    assert hubspot.post(f"{CONTACTS}/batch/create", {"inputs": rows[:1]}).status == 201
    hubspot.later(60)
    refused = hubspot.post(f"{CONTACTS}/batch/create", {"inputs": rows[1:]})
    assert (refused.status, refused.json["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert len(hubspot.emulator.user().ids("contacts")) == 1


def test_a_revoked_token_is_nobodys(hubspot: Caller) -> None:
    hubspot.token = hubspot.emulator.issue_token()
    assert hubspot.get(CONTACTS).status == 200
    hubspot.emulator.revoke_token(hubspot.token)
    assert hubspot.get(CONTACTS).json["category"] == "INVALID_AUTHENTICATION"

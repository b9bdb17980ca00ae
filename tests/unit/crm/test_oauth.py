"""Sign-in requests to the letter, and what every answer of a token endpoint means."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from rich.pretty import pretty_repr

from interlock.core.model import Side
from interlock.crm import errors
from interlock.crm.hosts import checked, my_domain
from interlock.crm.hubspot.oauth import HubSpotOAuth
from interlock.crm.oauth import App, Flow, Granted, challenge_of, new_verifier
from interlock.crm.salesforce.oauth import SalesforceOAuth
from interlock.crm.transport import NotSent, OutcomeUnknown, Request, Response

APP = App("client-1", "hush")
BACK = "https://interlock.example/oauth/x/callback"
HUBSPOT_TOKEN_URL = "https://api.hubapi.com/oauth/2026-09/token"
SALESFORCE_TOKEN_URL = "https://login.salesforce.com/services/oauth2/token"


class Endpoint:
    """Answers as told, and remembers what it was sent."""

    def __init__(self, status: int = 200, body: Any = None, failure: Exception | None = None) -> None:
        self.status, self.body, self.failure = status, body, failure
        self.sent: list[Request] = []

    async def send(self, request: Request, deadline_s: float) -> Response:
        self.sent.append(request)
        if self.failure is not None:
            raise self.failure
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return Response(self.status, {}, body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs((self.sent[-1].body or b"").decode()).items()}


def hubspot(endpoint: Endpoint, app: App = APP) -> Flow:
    return HubSpotOAuth(app, endpoint, lambda: 0)


def salesforce(endpoint: Endpoint, app: App = APP) -> Flow:
    return SalesforceOAuth(app, endpoint, lambda: 0, "https://login.salesforce.com")


def run(story: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(story)


def query_of(address: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}


def test_the_challenge_is_that_of_the_standard() -> None:
    # RFC 7636, appendix B
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_verifiers_are_long_enough_and_never_the_same() -> None:
    made = {new_verifier() for _ in range(100)}
    assert len(made) == 100
    assert all(43 <= len(each) <= 128 and each.isascii() for each in made)


def test_hubspots_page_is_asked_for_required_and_optional_scopes() -> None:
    address = hubspot(Endpoint()).address(BACK, "s t", "v" * 43, ["oauth", "tickets"], ["automation"])
    assert address.startswith("https://app.hubspot.com/oauth/authorize?client_id=client-1&")
    assert "scope=oauth%20tickets&" in address  # a plus sign is no blank to every server
    assert query_of(address) == {
        "client_id": "client-1",
        "redirect_uri": BACK,
        "scope": "oauth tickets",
        "optional_scope": "automation",
        "state": "s t",
        "code_challenge": challenge_of("v" * 43),
        "code_challenge_method": "S256",
    }


def test_salesforces_page_is_asked_for_a_code_and_for_the_password_again_only_when_wanted() -> None:
    flow = salesforce(Endpoint())
    address = flow.address(BACK, "s", "v" * 43, ["api", "refresh_token"])
    assert address.startswith("https://login.salesforce.com/services/oauth2/authorize?response_type=code&")
    assert query_of(address) == {
        "response_type": "code",
        "client_id": "client-1",
        "redirect_uri": BACK,
        "scope": "api refresh_token",
        "state": "s",
        "code_challenge": challenge_of("v" * 43),
        "code_challenge_method": "S256",
    }
    assert query_of(flow.address(BACK, "s", "v" * 43, [], as_somebody_else=True))["prompt"] == "login"


@pytest.mark.parametrize(
    ("make", "url"), [(hubspot, HUBSPOT_TOKEN_URL), (salesforce, SALESFORCE_TOKEN_URL)], ids=["hubspot", "salesforce"]
)
def test_a_code_is_exchanged_with_everything_in_the_body(make: Callable[..., Flow], url: str) -> None:
    body = {
        "access_token": "a",
        "refresh_token": "r",
        "expires_in": 1_800,
        "scopes": ["x", "y"],
        "scope": "x y",
        "instance_url": "https://acme.my.salesforce.com",
        "id": "https://login.salesforce.com/id/00D/005",
    }
    endpoint = Endpoint(body=body)
    granted = run(make(endpoint).exchange("c", BACK, "v"))
    assert (granted.access_token, granted.refresh_token, granted.scopes) == ("a", "r", ("x", "y"))
    assert granted.expires_in_s == (1_800 if make is hubspot else None)
    assert (endpoint.sent[0].method, endpoint.sent[0].url) == ("POST", url)
    assert endpoint.form == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": BACK,
        "code_verifier": "v",
        "client_id": "client-1",
        "client_secret": "hush",
    }


@pytest.mark.parametrize("make", [hubspot, salesforce])
def test_a_public_client_sends_no_secret(make: Callable[..., Flow]) -> None:
    endpoint = Endpoint(body={"access_token": "a", "instance_url": "https://acme.my.salesforce.com"})
    run(make(endpoint, App("client-1")).refresh("r"))
    assert endpoint.form == {"grant_type": "refresh_token", "refresh_token": "r", "client_id": "client-1"}


def test_revocation_names_the_refresh_token() -> None:
    endpoint = Endpoint(200, {})
    run(salesforce(endpoint).revoke(Granted("a", "r")))
    assert (endpoint.sent[0].url, endpoint.form) == (
        "https://login.salesforce.com/services/oauth2/revoke",
        {"token": "r"},
    )
    run(salesforce(endpoint).revoke(Granted("a")))
    assert endpoint.form == {"token": "a"}
    run(hubspot(endpoint).revoke(Granted("a", "r")))
    assert endpoint.sent[-1].url == HUBSPOT_TOKEN_URL + "/revoke"
    assert endpoint.form["token"] == "r"


@pytest.mark.parametrize(
    ("make", "status", "body"),
    [
        (salesforce, 400, {"error": "invalid_token"}),
        (salesforce, 400, {"error": "unsupported_token_type", "error_description": "this token type is not supported"}),
        (hubspot, 400, {"error": "invalid_grant", "status": "BAD_REFRESH_TOKEN"}),
    ],
)
def test_what_has_ended_already_is_revoked(make: Callable[..., Flow], status: int, body: Any) -> None:
    run(make(Endpoint(status, body)).revoke(Granted("a", "r")))


REFUSALS: list[tuple[Callable[..., Flow], dict[str, str], type[errors.CrmError]]] = [
    (hubspot, {"error": "invalid_grant", "status": "BAD_REFRESH_TOKEN"}, errors.GrantDead),
    (hubspot, {"error": "invalid_grant", "status": "BAD_AUTH_CODE"}, errors.CodeRefused),
    (hubspot, {"error": "invalid_grant", "status": "EXPIRED_AUTH_CODE"}, errors.CodeRefused),
    (hubspot, {"error": "invalid_client", "status": "BAD_CLIENT_ID"}, errors.AppRefused),
    (hubspot, {"error": "invalid_client", "status": "BAD_CLIENT_SECRET"}, errors.AppRefused),
    (hubspot, {"error": "invalid_grant", "status": "BAD_REDIRECT_URI"}, errors.AppRefused),
    (hubspot, {"error": "access_denied", "status": "BAD_HUB"}, errors.AppNotAllowed),
    (hubspot, {"message": "something new"}, errors.SignInRefused),
    (salesforce, {"error": "invalid_grant", "error_description": "expired access/refresh token"}, errors.GrantDead),
    (salesforce, {"error": "invalid_grant", "error_description": "expired authorization code"}, errors.CodeRefused),
    (salesforce, {"error": "invalid_grant", "error_description": "invalid authorization code"}, errors.CodeRefused),
    (salesforce, {"error": "invalid_request", "error_description": "invalid code verifier"}, errors.CodeRefused),
    (salesforce, {"error": "invalid_client_id", "error_description": "client identifier invalid"}, errors.AppRefused),
    (salesforce, {"error": "invalid_client", "error_description": "invalid client credentials"}, errors.AppRefused),
    (salesforce, {"error": "redirect_uri_mismatch"}, errors.AppRefused),
    (
        salesforce,
        {"error": "invalid_client", "error_description": "app must be installed into org"},
        errors.AppNotAllowed,
    ),
    (
        salesforce,
        {"error": "invalid_grant", "error_description": "user hasn't approved this consumer"},
        errors.AppNotAllowed,
    ),
    # None of these says anything about the refresh token itself.
    (salesforce, {"error": "invalid_grant", "error_description": "inactive user"}, errors.SignInRefused),
    (salesforce, {"error": "invalid_grant", "error_description": "ip restricted"}, errors.SignInRefused),
]


@pytest.mark.parametrize(("make", "body", "kind"), REFUSALS)
def test_each_refusal_is_told_apart(
    make: Callable[..., Flow], body: dict[str, str], kind: type[errors.CrmError]
) -> None:
    with pytest.raises(errors.SignInRefused) as told:
        run(make(Endpoint(400, body)).refresh("r"))
    assert type(told.value) is kind
    assert told.value.fix
    assert (body.get("error_description") or body.get("message") or body["error"]) in told.value.message


@pytest.mark.parametrize("make", [hubspot, salesforce])
@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        (Endpoint(failure=NotSent("connection refused")), errors.Unreachable),
        (Endpoint(failure=OutcomeUnknown("no answer within 30 s")), errors.AnswerLost),
        (Endpoint(503, b"<html>"), errors.AnswerLost),
        (Endpoint(200, b'{"access_token": "a"'), errors.AnswerLost),
        (Endpoint(400, b"<html>"), errors.Unreachable),
        (Endpoint(429, {}), errors.RateLimited),
    ],
    ids=["not sent", "lost", "broken", "cut", "a page", "too fast"],
)
def test_whether_a_refresh_may_have_been_carried_out_is_told(
    make: Callable[..., Flow], endpoint: Endpoint, kind: type[errors.CrmError]
) -> None:
    with pytest.raises(errors.CrmError) as told:
        run(make(endpoint).refresh("r"))
    assert type(told.value) is kind


@pytest.mark.parametrize(
    ("error", "description", "kind"),
    [
        ("access_denied", "end-user denied authorization", errors.SignInDenied),
        ("access-denied", "", errors.SignInDenied),
        ("invalid_client", "app must be installed into org", errors.AppNotAllowed),
        ("OAUTH_EC_APP_NOT_FOUND", "", errors.AppNotAllowed),
        ("OAUTH_APP_BLOCKED", "this app is blocked by admin", errors.AppNotAllowed),
        ("OAUTH_APPROVAL_ERROR_GENERIC", "", errors.AppNotAllowed),
        ("invalid_request", "missing required code challenge", errors.AppRefused),
        ("invalid_scope", "the requested scope is not allowed", errors.AppRefused),
        ("server_error", "", errors.SignInRefused),
    ],
)
def test_what_salesforces_page_sends_back_is_told_apart(
    error: str, description: str, kind: type[errors.CrmError]
) -> None:
    assert type(salesforce(Endpoint()).read_error(error, description)) is kind


@pytest.mark.parametrize(
    ("side", "url"),
    [
        (Side.SALESFORCE, "https://acme.my.salesforce.com"),
        (Side.SALESFORCE, "https://acme--dev.sandbox.my.salesforce.com/"),
        (Side.SALESFORCE, "https://eu55.salesforce.com"),
        (Side.HUBSPOT, "https://api.hubapi.com/oauth"),
        (Side.HUBSPOT, "https://app-eu1.hubspot.com"),
    ],
)
def test_the_crms_own_hosts_are_taken(side: Side, url: str) -> None:
    assert url.startswith(checked(side, url, local=False))


@pytest.mark.parametrize(
    ("side", "url"),
    [
        (Side.SALESFORCE, "http://acme.my.salesforce.com"),
        (Side.SALESFORCE, "https://acme.my.salesforce.com:8443"),
        (Side.SALESFORCE, "https://salesforce.com"),
        (Side.SALESFORCE, "https://notsalesforce.com"),
        (Side.SALESFORCE, "https://acme.my.salesforce.com.evil.example"),
        (Side.SALESFORCE, "https://acme.my.salesforce.com@evil.example"),
        (Side.SALESFORCE, "https://evil.example/acme.my.salesforce.com"),
        (Side.SALESFORCE, "https://evil.example#.salesforce.com"),
        (Side.SALESFORCE, "https://evil.example\\.salesforce.com"),
        (Side.SALESFORCE, "https://api.hubapi.com"),
        (Side.HUBSPOT, "https://acme.my.salesforce.com"),
        (Side.HUBSPOT, "http://127.0.0.1:8091"),
        (Side.HUBSPOT, "https://[::1]"),
        (Side.HUBSPOT, "https://["),
        (Side.HUBSPOT, ""),
    ],
)
def test_any_other_host_is_refused(side: Side, url: str) -> None:
    with pytest.raises(errors.AddressRefused):
        checked(side, url, local=False)


def test_in_the_demo_this_machine_is_taken_and_no_other() -> None:
    for url in ("http://127.0.0.1:8091", "https://localhost:1", "http://[::1]:8092"):
        assert checked(Side.HUBSPOT, url, local=True) == url
    for url in ("http://192.168.0.7", "http://localhost.evil.example", "http://127.0.0.1.evil.example"):
        with pytest.raises(errors.AddressRefused):
            checked(Side.HUBSPOT, url, local=True)


@pytest.mark.parametrize(
    "typed",
    ["acme", "acme.my.salesforce.com", "https://acme.my.salesforce.com/home", "acme.lightning.force.com", " ACME "],
)
def test_a_my_domain_is_understood_however_it_is_typed(typed: str) -> None:
    assert my_domain(typed, local=False) == "https://acme.my.salesforce.com"


def test_no_secret_shows_in_what_a_printer_makes_of_it() -> None:
    granted = Granted("access-secret", "refresh-secret")
    for shown in (granted, APP, hubspot(Endpoint()), salesforce(Endpoint())):
        for text in (repr(shown), str(shown), pretty_repr(shown)):
            assert "secret" not in text
            assert "hush" not in text

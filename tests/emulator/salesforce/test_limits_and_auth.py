"""The daily limit, who may call, tokens, OAuth and identity, and what planted faults look like."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tests.emulator.salesforce.calls import Answer, Caller

from crm_emulator.kernel.faults import Dropped

ONE = "/sobjects/Account"


def token_call(org: Caller, path: str = "token", **form: str) -> Answer:
    org.token = ""
    raw = urlencode({"client_id": org.emulator.client_id, "client_secret": org.emulator.client_secret, **form})
    return org.call("POST", f"/services/oauth2/{path}", raw=raw.encode())


class TestDailyLimit:
    def test_every_answer_tells_what_was_used(self, org: Caller) -> None:
        assert org.call("GET", ONE).headers["sforce-limit-info"] == "api-usage=1/15000"
        assert org.call("GET", "/sobjects/Account/001000000000000AAA").headers["sforce-limit-info"] == (
            "api-usage=2/15000"
        )
        assert "sforce-limit-info" not in org.call("GET", "/services/data").headers

    def test_a_used_up_day_refuses_reads_and_writes_alike_and_passes(self) -> None:
        org = Caller(daily_api_requests=3)
        for _ in range(3):
            assert org.call("GET", ONE).status == 200
        refused = org.call("POST", "/sobjects/Contact", {"LastName": "L"})
        assert refused.status == 403
        assert refused.json == [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
        assert not {name for name in refused.headers if "retry" in name or "ratelimit" in name}
        org.pass_seconds(86_400 + 60)
        assert org.call("GET", ONE).headers["sforce-limit-info"] == "api-usage=1/3"

    @pytest.mark.parametrize(
        ("edition", "limit"),
        [("Developer Edition", 15_000), ("Professional Edition", 100_000), ("Enterprise Edition", 100_000)],
    )
    def test_an_edition_has_its_allowance(self, edition: str, limit: int) -> None:
        org = Caller(edition=edition)
        found = org.call("GET", "/limits").json["DailyApiRequests"]
        assert found == {"Max": limit, "Remaining": limit - 1}
        assert org.soql("SELECT OrganizationType FROM Organization") == [{"OrganizationType": edition}]

    def test_people_at_work_use_up_nothing(self, org: Caller) -> None:
        for _ in range(5):
            org.user.create("Account", {"Name": "Acme"})
        assert org.call("GET", ONE).headers["sforce-limit-info"] == "api-usage=1/15000"

    def test_rows_are_counted_by_object(self, org: Caller) -> None:
        gone = org.create("Account", Name="A")
        org.create("Account", Name="B")
        org.user.delete("Account", gone)
        found = org.call("GET", "/limits/recordCount", query={"sObjects": "Account,Unicorn,Lead"}).json
        assert found == {"sObjects": [{"count": 1, "name": "Account"}, {"count": 0, "name": "Lead"}]}


class TestSessions:
    def test_a_missing_wrong_or_revoked_token_is_told_as_recorded(self, org: Caller) -> None:
        good = org.token
        expired = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
        for token in ("", "nope", good[:-1]):
            org.token = token
            refused = org.call("GET", ONE)
            assert (refused.status, refused.json) == (401, expired)
        org.token = good
        assert org.call("GET", ONE).status == 200
        org.emulator.revoke_token(good)
        assert org.call("GET", ONE).error == (401, "INVALID_SESSION_ID")

    def test_a_session_ends_in_the_middle_of_the_work(self) -> None:
        org = Caller(session_s=7_200)
        org.token = org.emulator.issue_token()
        org.create("Account", Name="A")
        org.pass_seconds(7_199)
        org.create("Account", Name="B")
        org.pass_seconds(1)
        assert org.call("POST", "/sobjects/Account", {"Name": "C"}).error == (401, "INVALID_SESSION_ID")
        assert [org.user.get("Account", id)["Name"] for id in org.user.ids("Account")] == ["A", "B"]

    def test_another_scheme_is_refused_and_oauth_is_understood(self, org: Caller) -> None:
        assert org.call("GET", ONE, headers={"Authorization": "Basic eDp5"}).error == (401, "INVALID_AUTH_HEADER")
        assert org.call("GET", ONE, headers={"Authorization": f"OAuth {org.token}"}).status == 200

    def test_a_user_who_left_can_do_nothing(self, org: Caller) -> None:
        leaver = org.emulator.add_user("Lea Ver")
        org.token = org.emulator.issue_token("Lea Ver")
        assert org.call("GET", ONE).status == 200
        org.user.update("User", leaver.id, {"IsActive": False})
        assert org.call("GET", ONE).error == (401, "INVALID_SESSION_ID")

    def test_answers_carry_the_recorded_headers(self, org: Caller) -> None:
        headers = org.call("GET", ONE).headers
        assert headers["content-type"] == "application/json;charset=UTF-8"
        assert headers["cache-control"] == "no-cache,must-revalidate,max-age=0,no-store,private"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["vary"] == "Accept-Encoding"

    def test_the_callers_name_is_in_the_journal_and_the_counts(self, org: Caller) -> None:
        headers = {"Sforce-Call-Options": "client=Interlock; defaultNamespace=x", "User-Agent": "python/3"}
        org.call("POST", "/sobjects/Account", {"Name": "A"}, headers=headers)
        org.call("POST", "/sobjects/Account", {"Name": "B"}, headers={"User-Agent": "curl/8"})
        clients = [entry.client for entry in org.emulator.journal.entries() if entry.field == "Name"]
        assert clients == ["Interlock", "curl"]
        assert org.emulator.stats.by_client == {"Interlock": 1, "curl": 1}


class TestOAuth:
    def test_client_credentials_act_as_the_integration_user(self, org: Caller) -> None:
        granted = token_call(org, grant_type="client_credentials").json
        assert "expires_in" not in granted
        assert "refresh_token" not in granted
        assert granted["access_token"].startswith(org.emulator.org_id[:15] + "!")
        assert isinstance(granted["issued_at"], str)
        org.token = granted["access_token"]
        assert org.call("GET", "/services/oauth2/userinfo").json["user_id"] == org.emulator.users[0].id
        identity = urlsplit(granted["id"]).path
        assert org.call("GET", identity).json["organization_id"] == org.emulator.org_id

    def test_a_wrong_client_or_grant_is_refused(self, org: Caller) -> None:
        for form, error in (
            ({"client_id": "x"}, "invalid_client_id"),
            ({"client_secret": "x"}, "invalid_client"),
            ({"grant_type": "telepathy"}, "unsupported_grant_type"),
        ):
            refused = token_call(org, **{"grant_type": "client_credentials", **form})
            assert (refused.status, refused.json["error"]) == (400, error)

    def consent(self, org: Caller, **more: str) -> dict[str, list[str]]:
        """A person signs in and lets the app in; what the browser is sent back with."""
        form = urlencode({"email": "admin@example.com", "password": "user-password"}).encode()
        signed_in = org.call("POST", "/sign-in", raw=form)
        cookie = signed_in.headers["set-cookie"].partition(";")[0]
        query = {
            "client_id": org.emulator.client_id,
            "redirect_uri": "http://127.0.0.1:9/back",
            "response_type": "code",
            "scope": "api refresh_token",
            "state": "s",
            **more,
        }
        page = org.call("GET", "/services/oauth2/authorize", query=query, headers={"cookie": cookie})
        assert page.status == 200, page.body
        csrf = page.body.decode().partition('name="csrf" value="')[2].partition('"')[0]
        answer = org.call(
            "POST",
            "/services/oauth2/authorize",
            query=query,
            headers={"cookie": cookie},
            raw=urlencode({"csrf": csrf, "answer": "yes"}).encode(),
        )
        return parse_qs(urlsplit(answer.headers["location"]).query)

    def test_a_code_becomes_tokens_once(self) -> None:
        org = Caller(require_pkce=False)
        back = self.consent(org)
        assert back["state"] == ["s"]
        form = {"grant_type": "authorization_code", "code": back["code"][0], "redirect_uri": "http://127.0.0.1:9/back"}
        granted = token_call(org, **form).json
        again = token_call(org, **form)
        assert (again.status, again.json["error"]) == (400, "invalid_grant")
        fresh = token_call(org, grant_type="refresh_token", refresh_token=granted["refresh_token"]).json
        assert "refresh_token" not in fresh
        org.token = fresh["access_token"]
        assert org.call("GET", "/services/oauth2/userinfo").json["email"] == "admin@example.com"

    def test_a_challenge_needs_its_verifier(self, org: Caller) -> None:
        digest = hashlib.sha256(b"secret words").digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        for verifier, error in ((None, "invalid_grant"), ("other words", "invalid_request"), ("secret words", None)):
            code = self.consent(org, code_challenge=challenge)["code"][0]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://127.0.0.1:9/back"}
            answer = token_call(org, **form, **({"code_verifier": verifier} if verifier else {}))
            assert answer.json.get("error") == error

    def test_a_code_lives_15_minutes(self) -> None:
        org = Caller(require_pkce=False)
        code = self.consent(org)["code"][0]
        org.pass_seconds(900)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://127.0.0.1:9/back"}
        assert token_call(org, **form).json["error_description"] == "expired authorization code"

    def test_a_rotated_refresh_token_works_once(self) -> None:
        org = Caller(rotate_refresh_tokens=True, require_pkce=False)
        code = self.consent(org)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://127.0.0.1:9/back"}
        old = token_call(org, **form).json["refresh_token"]
        new = token_call(org, grant_type="refresh_token", refresh_token=old).json["refresh_token"]
        assert new != old
        refused = token_call(org, grant_type="refresh_token", refresh_token=old)
        assert refused.json == {"error": "invalid_grant", "error_description": "expired access/refresh token"}

    def test_introspection_tells_the_end_and_revocation_brings_it(self) -> None:
        org = Caller(session_s=7_200)
        token = token_call(org, grant_type="client_credentials").json["access_token"]
        shown = token_call(org, "introspect", token=token).json
        assert shown["active"] is True
        assert shown["exp"] - shown["iat"] == 7_200
        assert token_call(org, "revoke", token=token).status == 200
        assert token_call(org, "introspect", token=token).json == {"active": False}
        assert token_call(org, "revoke", token="nope").json["error"] == "invalid_token"


class TestConsent:
    """What Salesforce refuses on its own page, and what it sends back."""

    BACK = "https://app.example/oauth/salesforce/callback"

    def ask(
        self, org: Caller, email: str = "admin@example.com", answer: str = "yes", host: str = "", **changes: str
    ) -> Answer:
        form = urlencode({"email": email, "password": "user-password"}).encode()
        cookie = org.call("POST", "/sign-in", raw=form).headers["set-cookie"].partition(";")[0]
        query = {
            "client_id": org.emulator.client_id,
            "redirect_uri": self.BACK,
            "response_type": "code",
            "scope": "api refresh_token",
            "state": "s",
            "code_challenge": "x",
            **changes,
        }
        headers = {"cookie": cookie, "host": host}
        page = org.call("GET", "/services/oauth2/authorize", query=query, headers=headers)
        if page.status != 200:
            return page
        csrf = page.body.decode().partition('name="csrf" value="')[2].partition('"')[0]
        raw = urlencode({"csrf": csrf, "answer": answer}).encode()
        return org.call("POST", "/services/oauth2/authorize", query=query, headers=headers, raw=raw)

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"client_id": "x"}, "invalid_client_id"),
            ({"redirect_uri": "https://app.example/"}, "redirect_uri_mismatch"),
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"host": "test.salesforce.com"}, "invalid_grant"),
        ],
    )
    def test_nobody_is_sent_back_where_it_is_not_known_where_to(self, changes: dict[str, str], error: str) -> None:
        page = self.ask(Caller(callback_urls=(self.BACK,)), **changes)
        assert page.status == 400
        assert f"error={error}" in page.body.decode()

    @pytest.mark.parametrize(
        ("config", "changes", "error"),
        [
            ({}, {"code_challenge": ""}, "invalid_request"),
            ({}, {"scope": "api chatter_api"}, "invalid_scope"),
            ({}, {"answer": "no"}, "access_denied"),
            ({"app_policy": "not_installed"}, {}, "OAUTH_EC_APP_NOT_FOUND"),
            ({"app_policy": "blocked"}, {}, "OAUTH_APP_BLOCKED"),
            ({"app_policy": "admin_approved"}, {"email": "sales@example.com"}, "OAUTH_APP_ACCESS_DENIED"),
        ],
    )
    def test_a_refusal_is_sent_back_with_the_state(
        self, config: dict[str, Any], changes: dict[str, str], error: str
    ) -> None:
        org = Caller(callback_urls=(self.BACK,), **config)
        back = parse_qs(urlsplit(self.ask(org, **changes).headers["location"]).query)
        assert (back["error"], back["state"]) == ([error], ["s"])
        assert org.emulator.sessions.codes == {}

    def test_an_app_for_approved_users_lets_the_administrator_in(self) -> None:
        org = Caller(callback_urls=(self.BACK,), app_policy="admin_approved")
        assert "code=" in self.ask(org).headers["location"]

    def test_an_app_without_callbacks_is_sent_back_to_this_machine_only(self, org: Caller) -> None:
        assert self.ask(org).status == 400
        assert self.ask(org, redirect_uri="http://127.0.0.1:8090/back").status == 303

    def test_who_is_asked_to_sign_in_anew_is_asked_once(self) -> None:
        org = Caller(callback_urls=(self.BACK,))
        location = self.ask(org, prompt="login").headers["location"]
        assert location.startswith("/sign-in?next=")
        assert "prompt" not in location

    def test_a_revoked_refresh_token_takes_its_access_tokens_along(self) -> None:
        org = Caller(require_pkce=False)
        sessions, user = org.emulator.sessions, org.emulator.users[1].id
        refresh = sessions.issue_refresh(user, sessions.client_id, "api refresh_token")
        access = token_call(org, grant_type="refresh_token", refresh_token=refresh).json["access_token"]
        other = sessions.issue(user)
        assert token_call(org, "revoke", token=refresh).status == 200
        assert (sessions.find(access), sessions.find(other) is None) == (None, False)
        assert token_call(org, "revoke", token=refresh).json["error"] == "invalid_token"

    def test_a_user_who_left_cannot_refresh(self) -> None:
        org = Caller()
        user = org.emulator.add_user("Gone", active=False)
        refresh = org.emulator.sessions.issue_refresh(user.id, org.emulator.client_id, "api refresh_token")
        refused = token_call(org, grant_type="refresh_token", refresh_token=refresh)
        assert refused.json == {"error": "invalid_grant", "error_description": "inactive user"}

    def test_a_user_without_the_api_may_say_who_they_are_and_nothing_else(self, org: Caller) -> None:
        user = org.emulator.add_user("No Api", api_enabled=False)
        org.token = org.emulator.issue_token("No Api")
        assert org.call("GET", "/services/oauth2/userinfo").json["user_id"] == user.id
        refused = org.call("GET", ONE)
        assert (refused.status, refused.json[0]["errorCode"]) == (403, "API_DISABLED_FOR_ORG")

    def test_a_sandbox_says_that_it_is_one_and_has_a_log_in_of_its_own(self) -> None:
        org = Caller(sandbox=True, callback_urls=(self.BACK,))
        rows = org.call("GET", "/query", query={"q": "SELECT IsSandbox FROM Organization"}).json["records"]
        assert rows[0]["IsSandbox"] is True
        assert self.ask(org, host="login.salesforce.com").status == 400
        assert self.ask(org, host="test.salesforce.com").status == 303


class TestFaults:
    def plant(self, org: Caller, **rule: Any) -> None:
        org.emulator.faults.add(rule)

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (401, "INVALID_SESSION_ID"),
            (403, "REQUEST_LIMIT_EXCEEDED"),
            (429, "REQUEST_LIMIT_EXCEEDED"),
            (500, "UNKNOWN_EXCEPTION"),
            (503, "SERVER_UNAVAILABLE"),
        ],
    )
    def test_a_planted_status_speaks_as_salesforce_does_and_changes_nothing(
        self, org: Caller, status: int, code: str
    ) -> None:
        self.plant(org, kind="status", status=status, match={"times": 1})
        assert org.call("POST", "/sobjects/Account", {"Name": "A"}).error == (status, code)
        assert org.user.ids("Account") == []
        assert org.create("Account", Name="A")

    def test_a_gateway_answers_with_a_page(self, org: Caller) -> None:
        self.plant(org, kind="status", status=502)
        answer = org.call("GET", ONE)
        assert (answer.status, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
        assert answer.body.startswith(b"<html>")

    def test_a_time_out_before_does_nothing_and_one_after_has_done_everything(self, org: Caller) -> None:
        self.plant(org, kind="timeout_before", match={"method": "POST", "times": 1})
        with pytest.raises(Dropped):
            org.collection("POST", [{"LastName": "A"}])
        assert org.user.ids("Contact") == []
        self.plant(org, kind="timeout_after", match={"method": "POST", "times": 1})
        with pytest.raises(Dropped):
            org.collection("POST", [{"LastName": "A"}])
        assert len(org.user.ids("Contact")) == 1

    def test_a_body_is_cut_after_the_write_happened(self, org: Caller) -> None:
        self.plant(org, kind="cut_body", match={"method": "POST"})
        with pytest.raises(Dropped):
            org.call("POST", "/sobjects/Account", {"Name": "A"})
        assert len(org.user.ids("Account")) == 1

    @pytest.mark.parametrize("inside_composite", [False, True])
    def test_a_partial_failure_locks_some_rows_of_a_call(self, org: Caller, inside_composite: bool) -> None:
        ids = [org.create("Contact", LastName=f"L{n}") for n in range(40)]
        self.plant(org, kind="partial", match={"method": "POST" if inside_composite else "PATCH"})
        rows = [{"attributes": {"type": "Contact"}, "id": id, "Title": "T"} for id in ids]
        if inside_composite:
            url = "/services/data/v67.0/composite/sobjects"
            part = {"method": "PATCH", "url": url, "referenceId": "w", "body": {"records": rows}}
            answer = org.call("POST", "/composite", {"compositeRequest": [part]})
            results = answer.json["compositeResponse"][0]["body"]
        else:
            results = org.call("PATCH", "/composite/sobjects", {"records": rows}).json
        refused = [one for one in results if not one["success"]]
        assert 0 < len(refused) < 40
        assert {one["errors"][0]["statusCode"] for one in refused} == {"UNABLE_TO_LOCK_ROW"}
        written = [org.user.get("Contact", id)["Title"] == "T" for id in ids]
        assert written == [one["success"] for one in results]

    def test_a_rule_may_meet_every_third_call_of_a_path(self, org: Caller) -> None:
        self.plant(org, kind="status", status=503, match={"path_prefix": "/services/data/v67.0/sobjects", "every": 3})
        assert [org.call("GET", ONE).status for _ in range(6)] == [200, 200, 503, 200, 200, 503]
        assert org.call("GET", "/limits").status == 200

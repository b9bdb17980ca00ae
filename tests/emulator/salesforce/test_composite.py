"""/composite and /composite/batch: several requests in one call."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import BASE, Answer, Caller


def part(reference: str, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    found: dict[str, Any] = {"referenceId": reference, "method": method, "url": BASE + path}
    if body is not None:
        found["body"] = body
    if headers:
        found["httpHeaders"] = {name.replace("_", "-"): value for name, value in headers.items()}
    return found


def send(org: Caller, *parts: dict[str, Any], **more: Any) -> Answer:
    return org.call("POST", "/composite", {"compositeRequest": list(parts), "collateSubrequests": False, **more})


def outcomes(answer: Answer) -> list[tuple[str, int]]:
    assert answer.status == 200, answer.json
    return [(one["referenceId"], one["httpStatusCode"]) for one in answer.json["compositeResponse"]]


QUERY = "/query?q=SELECT+Id+FROM+Account"


class TestReferences:
    def test_an_earlier_answer_is_put_into_addresses_and_bodies(self, org: Caller) -> None:
        answer = send(
            org,
            part("acme", "POST", "/sobjects/Account", {"Name": "Acme"}),
            part("ada", "POST", "/sobjects/Contact", {"LastName": "Ada", "AccountId": "@{acme.id}"}),
            part("read", "GET", "/sobjects/Account/@{acme.id}?fields=Name"),
            part("found", "GET", "/query?q=SELECT+Id,Name+FROM+Account+WHERE+Id='@{acme.id}'"),
            part("role", "PATCH", "/sobjects/Contact/@{ada.id}", {"Title": "Of @{found.records[0].Name}!"}),
        )
        assert outcomes(answer) == [("acme", 201), ("ada", 201), ("read", 200), ("found", 200), ("role", 204)]
        created = answer.json["compositeResponse"][0]
        assert created["httpHeaders"]["Location"] == f"{BASE}/sobjects/Account/{created['body']['id']}"
        assert answer.json["compositeResponse"][4]["body"] is None
        assert org.soql("SELECT Title, Account.Name FROM Contact") == [
            {"Title": "Of Acme!", "Account": {"Name": "Acme"}}
        ]

    def test_a_collections_result_is_named_by_its_place(self, org: Caller) -> None:
        rows = [{"attributes": {"type": "Account"}, "Name": name} for name in "AB"]
        contact = {"attributes": {"type": "Contact"}, "LastName": "L", "AccountId": "@{accounts[1].id}"}
        answer = send(
            org,
            part("accounts", "POST", "/composite/sobjects", {"records": rows}),
            part("contacts", "POST", "/composite/sobjects", {"records": [contact]}),
        )
        assert outcomes(answer) == [("accounts", 200), ("contacts", 200)]
        assert org.soql("SELECT Account.Name FROM Contact") == [{"Account": {"Name": "B"}}]

    def test_what_depends_on_a_failed_one_fails_and_the_rest_is_done(self, org: Caller) -> None:
        answer = send(
            org,
            part("bad", "POST", "/sobjects/Account", {}),
            part("child", "POST", "/sobjects/Contact", {"LastName": "L", "AccountId": "@{bad.id}"}),
            part("other", "POST", "/sobjects/Contact", {"LastName": "M"}),
        )
        assert outcomes(answer) == [("bad", 400), ("child", 400), ("other", 201)]
        error = answer.json["compositeResponse"][1]["body"][0]
        assert error["errorCode"] == "PROCESSING_HALTED"
        assert error["message"] == "Invalid reference specified. No value for bad.id found in bad"

    def test_a_reference_to_a_later_or_unknown_one_fails(self, org: Caller) -> None:
        answer = send(
            org,
            part("first", "GET", "/sobjects/Account/@{second.id}"),
            part("second", "POST", "/sobjects/Account", {"Name": "A"}),
        )
        assert outcomes(answer) == [("first", 400), ("second", 201)]


class TestOrder:
    def read_then_write(self, org: Caller, **more: Any) -> list[str]:
        """The phone that a query before an update saw, and the one that is there afterwards."""
        id = org.create("Account", Name="Acme", Phone="old")
        parts = [
            part("before", "GET", f"/query?q=SELECT+Phone+FROM+Account+WHERE+Id='{id}'"),
            part("write", "PATCH", f"/sobjects/Account/{id}", {"Phone": "new"}),
        ]
        answer = org.call("POST", "/composite", {"compositeRequest": parts, **more})
        assert [reference for reference, _ in outcomes(answer)] == ["before", "write"]
        seen = answer.json["compositeResponse"][0]["body"]["records"][0]["Phone"]
        return [seen, org.row("Account", id)["Phone"]]

    def test_subrequests_that_are_not_collated_run_in_the_order_given(self, org: Caller) -> None:
        assert self.read_then_write(org, collateSubrequests=False) == ["old", "new"]

    def test_collated_ones_keep_the_order_of_references_only(self, org: Caller) -> None:
        assert self.read_then_write(org) == ["new", "new"]
        assert self.read_then_write(org, collateSubrequests=True) == ["new", "new"]

    def test_collated_ones_wait_for_what_they_refer_to(self, org: Caller) -> None:
        org.create("Account", Name="Acme")
        parts = [
            part("found", "GET", QUERY),
            part("ada", "POST", "/sobjects/Contact", {"LastName": "L", "AccountId": "@{found.records[0].Id}"}),
        ]
        assert outcomes(send(org, *parts, collateSubrequests=True)) == [("found", 200), ("ada", 201)]


class TestAllOrNone:
    def test_a_failure_takes_back_every_write_and_says_so_as_recorded(self, org: Caller) -> None:
        id = org.create("Account", Name="Acme", Phone="old")
        seq = org.emulator.journal.last_seq
        answer = send(
            org,
            part("first", "PATCH", f"/sobjects/Account/{id}", {"Phone": "new"}),
            part("bad", "POST", "/sobjects/Contact", {}),
            part("never", "POST", "/sobjects/Contact", {"LastName": "L"}),
            allOrNone=True,
        )
        assert outcomes(answer) == [("first", 400), ("bad", 400), ("never", 400)]
        for position in (0, 2):
            assert answer.json["compositeResponse"][position]["body"] == [
                {
                    "errorCode": "PROCESSING_HALTED",
                    "message": "The transaction was rolled back since another operation in the same transaction failed.",
                }
            ]
        assert answer.json["compositeResponse"][1]["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
        assert org.row("Account", id)["Phone"] == "old"
        assert org.soql("SELECT Id FROM Contact") == []
        assert org.emulator.journal.last_seq == seq

    def test_it_overrides_a_collections_own_setting(self, org: Caller) -> None:
        rows = [{"attributes": {"type": "Contact"}, "LastName": "A"}, {"attributes": {"type": "Contact"}}]
        body = {"records": rows, "allOrNone": False}
        send(
            org,
            part("account", "POST", "/sobjects/Account", {"Name": "A"}),
            part("some", "POST", "/composite/sobjects", body),
            allOrNone=True,
        )
        assert org.soql("SELECT Id FROM Contact") == org.soql("SELECT Id FROM Account") == []

    def test_without_it_a_partly_refused_collection_is_200_and_hides_its_failures(self, org: Caller) -> None:
        rows = [{"attributes": {"type": "Contact"}, "LastName": "A"}, {"attributes": {"type": "Contact"}}]
        answer = send(org, part("some", "POST", "/composite/sobjects", {"records": rows}))
        assert outcomes(answer) == [("some", 200)]
        assert [one["success"] for one in answer.json["compositeResponse"][0]["body"]] == [True, False]

    def test_a_collection_that_cannot_be_read_fails_alone(self, org: Caller) -> None:
        rows = [{"attributes": {"type": "Contact"}, "LastName": "A", "Nope": 1}]
        answer = send(org, part("bad", "POST", "/composite/sobjects", {"records": rows}), part("found", "GET", QUERY))
        assert outcomes(answer) == [("bad", 400), ("found", 200)]


class TestLimits:
    def test_25_subrequests_are_one_api_call(self, org: Caller) -> None:
        before = org.call("GET", "/limits").json["DailyApiRequests"]["Remaining"]
        parts = [part(f"r{n}", "GET", "/sobjects/Account") for n in range(25)]
        answer = send(org, *parts)
        assert {status for _, status in outcomes(answer)} == {200}
        assert answer.headers["sforce-limit-info"] == "api-usage=2/15000"
        assert org.call("GET", "/limits").json["DailyApiRequests"]["Remaining"] == before - 2
        assert send(org, *parts, part("more", "GET", "/sobjects/Account")).error == (400, "LIMIT_EXCEEDED")

    @pytest.mark.parametrize(
        "heavy", [QUERY, QUERY.replace("query", "queryAll"), "/composite/sobjects/Account?ids=x&fields=Id"]
    )
    def test_five_of_them_may_be_queries_or_collections(self, org: Caller, heavy: str) -> None:
        parts = [part(f"r{n}", "GET", heavy) for n in range(5)]
        assert send(org, *parts, part("light", "GET", "/sobjects/Account")).status == 200
        assert send(org, *parts, part("sixth", "GET", QUERY)).error == (400, "LIMIT_EXCEEDED")

    @pytest.mark.parametrize("reference", [None, "", "_a", "a-b", "a b", 5])
    def test_a_reference_id_is_needed_and_plain(self, org: Caller, reference: Any) -> None:
        id = org.create("Account", Name="Acme")
        answer = send(
            org,
            part("ok", "PATCH", f"/sobjects/Account/{id}", {"Phone": "1"}),
            {**part("x", "GET", "/sobjects/Account"), "referenceId": reference},
        )
        assert answer.status == 400
        assert org.row("Account", id)["Phone"] is None

    def test_reference_ids_differ(self, org: Caller) -> None:
        assert send(org, part("a", "GET", QUERY), part("a", "GET", QUERY)).status == 400

    def test_a_composite_inside_a_composite_is_refused(self, org: Caller) -> None:
        assert outcomes(send(org, part("a", "POST", "/composite", {"compositeRequest": []})))[0][1] in (400, 404)


class TestHeaders:
    def test_a_subrequest_may_carry_its_own(self, org: Caller) -> None:
        id = org.create("Account", Name="Acme")
        read_at = org.call("GET", f"/sobjects/Account/{id}").headers["last-modified"]
        org.pass_seconds(2)
        org.user.update("Account", id, {"Phone": "theirs"})
        other = org.create("Account", Name="Other")
        answer = send(
            org,
            part("stale", "PATCH", f"/sobjects/Account/{id}", {"Phone": "ours"}, If_Unmodified_Since=read_at),
            part("fresh", "PATCH", f"/sobjects/Account/{other}", {"Phone": "ours"}),
        )
        assert outcomes(answer) == [("stale", 412), ("fresh", 204)]
        assert org.row("Account", id)["Phone"] == "theirs"

    def test_switching_assignment_off_holds_for_every_subrequest(self, org: Caller) -> None:
        org.emulator.add_assignment_rule("Lead", "Sales User")
        lead = {"LastName": "L", "Company": "C"}
        body = {"compositeRequest": [part("lead", "POST", "/sobjects/Lead", lead)]}
        made = org.call("POST", "/composite", body, headers={"Sforce-Auto-Assign": "FALSE"}).json
        id = made["compositeResponse"][0]["body"]["id"]
        assert org.row("Lead", id)["OwnerId"] == org.emulator.users[0].id


class TestBatch:
    def test_each_subrequest_counts_and_has_its_own_status(self, org: Caller) -> None:
        id = org.create("Account", Name="Acme")
        parts = [
            {"method": "GET", "url": "v67.0/sobjects/Account/" + id},
            {"method": "PATCH", "url": f"v67.0/sobjects/Account/{id}", "richInput": {"Phone": "1"}},
            {"method": "GET", "url": "v67.0/sobjects/Account/001000000000000AAA"},
        ]
        answer = org.call("POST", "/composite/batch", {"batchRequests": parts})
        assert [one["statusCode"] for one in answer.json["results"]] == [200, 204, 404]
        assert answer.json["hasErrors"] is True
        assert answer.headers["sforce-limit-info"] == "api-usage=4/15000"

    def test_it_can_be_told_to_stop(self, org: Caller) -> None:
        parts = [
            {"method": "GET", "url": "v67.0/sobjects/Account/001000000000000AAA"},
            {"method": "POST", "url": "v67.0/sobjects/Account", "richInput": {"Name": "A"}},
        ]
        answer = org.call("POST", "/composite/batch", {"batchRequests": parts, "haltOnError": True})
        assert [one["statusCode"] for one in answer.json["results"]] == [404, 412]
        assert org.soql("SELECT Id FROM Account") == []

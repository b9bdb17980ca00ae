"""Composite writes against a very small org: what a whole CRM hardly ever does can be made to happen here.

The ordinary behaviour is tested against the local Salesforce in tests/contract/test_clients_salesforce.py.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote

import pytest

from interlock.core.model import NotDone, Outcome, Refused, Side, Unsettled, Written
from interlock.crm.budget import MemoryBudgetStore, SalesforceGovernor
from interlock.crm.errors import BudgetSpent, ServerFault, SignInRefused
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import SalesforceCreate, SalesforceInsert, SalesforceWrite
from interlock.crm.tokens import ClientCredentials, StaticToken
from interlock.crm.transport import NotSent, OutcomeUnknown, Request, Response

Sub = dict[str, Any]
Reply = tuple[int, Any]
NOW_US = 1_780_000_000_000_000


def record_id(number: int) -> str:
    return f"003{number:012d}AAA"


class TinyOrg:
    """Contacts by id; answers composite calls. `meddle` may answer a subrequest in its place, or change rows first."""

    def __init__(self, count: int) -> None:
        self.rows = {record_id(n): {"Id": record_id(n), "Title": f"old {n}"} for n in range(count)}
        self.calls: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.meddle: Callable[[Sub], Reply | None] = lambda sub: None
        self.before_call: Callable[[], Response | None] = lambda: None
        self.after_call: Callable[[], Response | None] = lambda: None

    async def send(self, request: Request, deadline_s: float) -> Response:
        self.headers.append(request.headers)
        body = json.loads(request.body or b"{}")
        self.calls.append(body)
        early = self.before_call()
        if early is not None:
            return early
        replies = []
        for sub in body["compositeRequest"]:
            status, answer = self.meddle(sub) or self.carry_out(sub)
            replies.append({"body": answer, "httpStatusCode": status, "referenceId": sub["referenceId"]})
        late = self.after_call()
        if late is not None:
            return late
        return Response(200, {}, json.dumps({"compositeResponse": replies}).encode())

    def carry_out(self, sub: Sub) -> Reply:
        if sub["method"] == "GET":
            ids = re.findall(r"'([A-Za-z0-9]{18})'", unquote(sub["url"]))
            found = [
                {"attributes": {"type": "Contact"}, "SystemModstamp": "2026-05-28T20:26:40.000+0000", **self.rows[id]}
                for id in ids
                if id in self.rows
            ]
            return 200, {"totalSize": len(found), "done": True, "records": found}
        return 200, [self.save(row) for row in sub["body"]["records"]]

    def save(self, row: dict[str, Any]) -> dict[str, Any]:
        if row["id"] not in self.rows:
            failure = {"statusCode": "ENTITY_IS_DELETED", "message": "entity is deleted", "fields": []}
            return {"success": False, "errors": [failure]}
        self.rows[row["id"]].update({name: row[name] for name in row if name not in ("id", "attributes")})
        return {"id": row["id"], "success": True, "errors": []}

    def references(self) -> list[list[str]]:
        return [[sub["referenceId"] for sub in call["compositeRequest"]] for call in self.calls]


def client_of(org: Any, **settings: Any) -> SalesforceClient:
    def clock() -> int:
        return NOW_US

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    governor = SalesforceGovernor(MemoryBudgetStore(clock), clock, sleep=sleep, rng=random.Random(1), **settings)
    return SalesforceClient("https://acme.my.salesforce.com", org, StaticToken(Side.SALESFORCE, "t"), governor, clock)


def run(story: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(story)


def titles(count: int) -> list[SalesforceWrite]:
    return [SalesforceWrite(record_id(n), {"Title": f"new {n}"}) for n in range(count)]


def update(org: Any, to_write: list[SalesforceWrite], **settings: Any) -> dict[str, Outcome]:
    client = client_of(org, **settings)
    outcomes: dict[str, Outcome] = run(client.update_with_before("Contact", to_write, ["Title"], purpose="write"))
    return outcomes


def test_four_hundred_records_are_one_call_of_two_pairs_and_a_look_afterwards() -> None:
    org = TinyOrg(400)
    outcomes = update(org, titles(400))
    assert org.references() == [["before0", "write0", "before1", "write1", "after"]]
    assert (org.calls[0]["allOrNone"], org.calls[0]["collateSubrequests"]) == (False, False)
    written = outcomes[record_id(399)]
    assert isinstance(written, Written)
    assert written.before is not None
    assert written.values is not None
    assert (written.before["Title"], written.values["Title"]) == ("old 399", "new 399")
    assert written.modified_us == NOW_US
    assert [len(sub["body"]["records"]) for sub in org.calls[0]["compositeRequest"] if "body" in sub] == [200, 200]


def test_every_write_names_us_and_runs_no_assignment_rules() -> None:
    org = TinyOrg(1)
    update(org, titles(1))
    assert org.headers[0]["Sforce-Auto-Assign"] == "FALSE"
    assert org.headers[0]["Sforce-Call-Options"] == "client=Interlock"
    patch = next(sub for sub in org.calls[0]["compositeRequest"] if sub["method"] == "PATCH")
    assert patch["httpHeaders"] == {"Sforce-Call-Options": "client=Interlock", "Sforce-Auto-Assign": "FALSE"}


def test_what_somebody_wrote_since_our_read_shows_in_the_pre_image() -> None:
    org = TinyOrg(1)
    org.rows[record_id(0)]["Title"] = "Somebody's"
    written = update(org, titles(1))[record_id(0)]
    assert isinstance(written, Written)
    assert written.before is not None
    assert written.before["Title"] == "Somebody's"


def test_a_record_that_is_gone_is_refused_alone() -> None:
    org = TinyOrg(3)
    del org.rows[record_id(1)]
    outcomes = update(org, titles(3))
    gone = outcomes.pop(record_id(1))
    assert isinstance(gone, Refused)
    assert gone.gone
    assert all(isinstance(outcome, Written) for outcome in outcomes.values())


def test_wide_rows_make_smaller_groups_rather_than_longer_addresses() -> None:
    org = TinyOrg(300)
    wide = [f"A_rather_long_field_name_number_{number}__c" for number in range(200)]
    client = client_of(org)
    outcomes = run(client.update_with_before("Contact", titles(300), wide, purpose="write"))
    assert all(isinstance(outcome, Written) for outcome in outcomes.values())
    longest = max(len(sub["url"]) for call in org.calls for sub in call["compositeRequest"])
    assert longest < 16_384


def test_a_pre_image_that_could_not_be_read_is_not_made_up() -> None:
    org = TinyOrg(2)
    failed = (400, [{"errorCode": "QUERY_TIMEOUT", "message": "Your query request was running for too long."}])
    org.meddle = lambda sub: failed if sub["referenceId"] == "before0" else None
    outcomes = update(org, titles(2))
    assert all(isinstance(outcome, Written) and outcome.before is None for outcome in outcomes.values())


def unknown_column(sub: Sub) -> Reply | None:
    if sub["method"] == "PATCH" and any("Gone__c" in row for row in sub["body"]["records"]):
        message = "No such column 'Gone__c' on sobject of type Contact"
        return 400, [{"errorCode": "INVALID_FIELD", "message": message}]
    return None


def test_a_field_that_is_gone_refuses_those_who_carry_it_and_no_other() -> None:
    org = TinyOrg(50)
    org.meddle = unknown_column
    to_write = titles(50)
    for number in (3, 4, 30):
        to_write[number] = SalesforceWrite(record_id(number), {"Gone__c": "x"})
    outcomes = update(org, to_write)
    refused = {id for id, outcome in outcomes.items() if isinstance(outcome, Refused)}
    assert refused == {record_id(3), record_id(4), record_id(30)}
    assert sum(isinstance(outcome, Written) for outcome in outcomes.values()) == 47
    assert len(org.calls) == 2


def broken(status: int, code: str = "SERVER_UNAVAILABLE", message: str = "x") -> Response:
    return Response(status, {}, json.dumps([{"errorCode": code, "message": message}]).encode())


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_that_breaks_down_leaves_every_record_unsettled(status: int) -> None:
    org = TinyOrg(2)
    org.after_call = lambda: broken(status)
    assert {type(outcome) for outcome in update(org, titles(2)).values()} == {Unsettled}
    assert len(org.calls) == 1


def test_a_breakdown_in_the_middle_of_a_call_unsettles_that_part_alone() -> None:
    org = TinyOrg(400)
    failed = (500, [{"errorCode": "UNKNOWN_EXCEPTION", "message": "x"}])
    org.meddle = lambda sub: failed if sub["referenceId"] == "write1" else None
    outcomes = list(update(org, titles(400)).values())
    assert {type(outcome) for outcome in outcomes[:200]} == {Written}
    assert {type(outcome) for outcome in outcomes[200:]} == {Unsettled}
    assert len(org.calls) == 1


def test_an_answer_that_is_lost_leaves_every_record_unsettled() -> None:
    org = TinyOrg(2)

    def lost() -> Response:
        raise OutcomeUnknown("the answer was cut")

    org.after_call = lost
    assert {type(outcome) for outcome in update(org, titles(2)).values()} == {Unsettled}
    assert org.rows[record_id(0)]["Title"] == "new 0"
    assert len(org.calls) == 1


def test_a_call_that_never_left_is_repeated_and_at_last_not_done() -> None:
    org = TinyOrg(2)

    def unsent() -> Response:
        raise NotSent("connection refused")

    org.before_call = unsent
    assert {type(outcome) for outcome in update(org, titles(2)).values()} == {NotDone}
    assert len(org.calls) == 5


def test_a_day_that_is_spent_leaves_writes_not_done() -> None:
    org = TinyOrg(2)
    org.before_call = lambda: broken(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    assert {type(outcome) for outcome in update(org, titles(2)).values()} == {NotDone}
    assert len(org.calls) == 1


def test_writes_of_one_client_never_overlap() -> None:
    class Watching(TinyOrg):
        under_way = 0
        most = 0

        async def send(self, request: Request, deadline_s: float) -> Response:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(0)
            self.under_way -= 1
            return await super().send(request, deadline_s)

    org = Watching(1000)
    assert len(update(org, titles(1000))) == 1000
    assert (len(org.calls), org.most) == (3, 1)


def test_the_same_record_is_never_in_two_calls() -> None:
    org = TinyOrg(1000)
    update(org, titles(1000))
    sent = [
        row["id"]
        for call in org.calls
        for sub in call["compositeRequest"]
        if "body" in sub
        for row in sub["body"]["records"]
    ]
    assert len(sent) == len(set(sent)) == 1000


def test_a_thousand_records_are_made_in_one_call() -> None:
    org = TinyOrg(0)
    org.meddle = lambda sub: (
        200,
        [{"id": record_id(7), "success": True, "errors": []} for _ in sub["body"]["records"]],
    )
    to_write = [SalesforceCreate(f"1:contacts:{n}", {"LastName": "x"}) for n in range(1000)]
    outcomes = run(client_of(org).create("Contact", "Interlock_Key__c", to_write, purpose="write"))
    assert outcomes["1:contacts:999"] == Written(record_id(7), created=True)
    assert len(org.calls) == 1
    sub = org.calls[0]["compositeRequest"][0]
    assert sub["url"] == "/services/data/v66.0/composite/sobjects"
    assert sub["body"]["records"][0] == {
        "attributes": {"type": "Contact"},
        "Interlock_Key__c": "1:contacts:0",
        "LastName": "x",
    }


def test_a_lead_may_be_assigned_where_that_was_asked_for() -> None:
    org = TinyOrg(0)
    org.meddle = lambda sub: (200, [{"id": record_id(7), "success": True, "errors": []}])
    to_write = [SalesforceCreate("1:contacts:1", {"LastName": "x"})]
    run(client_of(org).create("Lead", "Interlock_Key__c", to_write, auto_assign=True, purpose="write"))
    assert org.headers[0]["Sforce-Auto-Assign"] == "TRUE"
    assert org.calls[0]["compositeRequest"][0]["httpHeaders"]["Sforce-Auto-Assign"] == "TRUE"


def test_an_exact_update_is_refused_when_the_record_moved() -> None:
    org = TinyOrg(2)
    failed = (412, [{"errorCode": "PRECONDITION_FAILED", "message": "x"}])
    org.meddle = lambda sub: failed if record_id(1) in sub["url"] else (204, None)
    to_write = [(write, NOW_US + 999_999) for write in titles(2)]
    outcomes = run(client_of(org).update_exact_many("Contact", to_write, purpose="write"))
    assert outcomes[record_id(0)] == Written(record_id(0))
    moved = outcomes[record_id(1)]
    assert isinstance(moved, Refused)
    assert moved.code == "PRECONDITION_FAILED"
    headers = org.calls[0]["compositeRequest"][0]["httpHeaders"]
    assert headers["If-Unmodified-Since"] == "Thu, 28 May 2026 20:26:40 GMT"  # to the second, rounded down
    assert headers["Sforce-Auto-Assign"] == "FALSE"


def test_records_other_than_contact_roles_are_neither_inserted_nor_deleted() -> None:
    client = client_of(TinyOrg(0))
    with pytest.raises(ValueError):
        run(client.delete("Contact", [record_id(1)], purpose="write"))
    with pytest.raises(ValueError):
        run(client.insert("Contact", [SalesforceInsert("a", {})], purpose="write"))


@pytest.mark.parametrize(
    "passing",
    [
        (503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "try again"}]),
        (403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests Limit exceeded."}]),
        (401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]),
    ],
    ids=lambda reply: str(reply[0]),
)
def test_a_query_that_cannot_be_answered_for_a_moment_is_asked_again_after_a_pause(passing: Reply) -> None:
    org = TinyOrg(1)
    replies = iter([passing])
    org.meddle = lambda sub: next(replies, None)
    client = client_of(org)

    async def story() -> None:
        [page] = await client.query_many([f"SELECT Id FROM Contact WHERE Id IN ('{record_id(0)}')"], purpose="detect")
        assert len(page.records) == 1
        assert client.governor.waited_s > 0

    run(story())


def test_pages_that_do_not_move_on_are_given_up() -> None:
    org = TinyOrg(1)
    again = "/services/data/v66.0/query/01g000000000001AAA-2000"
    org.meddle = lambda sub: (200, {"totalSize": 9, "done": False, "records": [], "nextRecordsUrl": again})

    async def story() -> None:
        with pytest.raises(ServerFault):
            await client_of(org).query_all_rows("SELECT Id FROM Contact", purpose="fetch")
        assert len(org.calls) == 2

    run(story())


@pytest.mark.parametrize("elsewhere", ["@evil.example/", "https://evil.example/services/data/v66.0/query/01g-1"])
@pytest.mark.parametrize("tooling", [False, True])
def test_a_next_page_that_leads_elsewhere_is_not_asked_for(tooling: bool, elsewhere: str) -> None:
    org = TinyOrg(1)
    page = {"totalSize": 9, "done": False, "records": [], "nextRecordsUrl": elsewhere}
    org.meddle = lambda sub: (200, page)
    if tooling:
        org.before_call = lambda: Response(200, {}, json.dumps(page).encode())

    async def story() -> None:
        client = client_of(org)
        text = "SELECT Id FROM CustomField"
        asked = client.tooling_rows(text) if tooling else client.query_all_rows(text, purpose="fetch")
        with pytest.raises(ServerFault):
            await asked
        assert len(org.calls) == 1

    run(story())


def test_a_record_that_was_saved_under_no_id_is_not_linked_to_nothing() -> None:
    org = TinyOrg(0)
    org.meddle = lambda sub: (200, [{"success": True, "errors": []}])

    async def story() -> None:
        to_write = [SalesforceCreate("1:contacts:7", {"LastName": "L"})]
        outcomes = await client_of(org).create("Contact", "Key__c", to_write, purpose="write")
        assert isinstance(outcomes["1:contacts:7"], Unsettled)

    run(story())


def test_five_queries_are_one_call_and_a_query_that_ran_out_of_time_is_asked_again() -> None:
    org = TinyOrg(3)
    late = iter([(400, [{"errorCode": "QUERY_TIMEOUT", "message": "x"}])])
    org.meddle = lambda sub: next(late, None) if sub["referenceId"] == "query3" else None
    soqls = [f"SELECT Id FROM Contact WHERE Id IN ('{record_id(n % 3)}')" for n in range(6)]
    pages = run(client_of(org).query_many(soqls, purpose="detect"))
    assert [page.records[0]["Id"] for page in pages] == [record_id(n % 3) for n in range(6)]
    assert sorted(len(call["compositeRequest"]) for call in org.calls) == [1, 1, 5]


def test_a_query_that_never_ends_is_given_up() -> None:
    org = TinyOrg(1)
    org.meddle = lambda sub: (500, [{"errorCode": "UNKNOWN_EXCEPTION", "message": "x"}])
    with pytest.raises(ServerFault):
        run(client_of(org).query_many(["SELECT Id FROM Contact"], purpose="detect"))


def test_the_address_of_a_next_page_cannot_lead_elsewhere() -> None:
    org = TinyOrg(1)
    with pytest.raises(ServerFault):
        run(client_of(org).query_more(["https://evil.example/x"], purpose="detect"))
    assert org.calls == []


def test_records_are_found_by_several_fields_and_each_comes_once() -> None:
    org = TinyOrg(2)
    by_email = {"attributes": {}, "Id": record_id(0), "Title": "x", "Email": "a@example.com"}
    by_key = {"attributes": {}, "Id": record_id(0), "Title": "x", "Key__c": "1:2"}

    def found(sub: Sub) -> Reply:
        row = by_email if "WHERE%20Email" in sub["url"] else by_key
        return 200, {"totalSize": 1, "done": True, "records": [row]}

    org.meddle = found
    values = {"Email": ["a@example.com"], "Key__c": ["1:2"]}
    [seen] = run(client_of(org).query_where_in("Contact", ["Title"], values, purpose="match"))
    assert (seen.key.id, seen.values["Email"], seen.values["Key__c"]) == (record_id(0), "a@example.com", "1:2")
    assert len(org.calls) == 1


def test_further_pages_of_several_queries_are_walked_together() -> None:
    org = TinyOrg(0)

    def paged(sub: Sub) -> Reply:
        number = int(sub["url"][-1]) + 1 if "/query/01g" in sub["url"] else 0
        body: dict[str, Any] = {"records": [{"attributes": {}, "Id": record_id(number)}], "totalSize": 3, "done": True}
        if number < 2:
            body["nextRecordsUrl"] = f"/services/data/v66.0/query/01g-{number}"
        return 200, body

    org.meddle = paged
    rows = run(client_of(org).query_by_ids("Contact", [record_id(n) for n in range(900)], "Id, Title", purpose="fetch"))
    assert [row["Id"] for row in rows] == [record_id(n) for n in (0, 0, 1, 1, 2, 2)]
    assert len(org.calls) == 3


def test_our_own_share_is_kept_without_asking_the_org() -> None:
    org = TinyOrg(1)
    client = client_of(org, allocated=2)

    async def story() -> None:
        for _ in range(2):
            await client.query_many(["SELECT Id FROM Contact"], purpose="detect")
        with pytest.raises(BudgetSpent):
            await client.query_many(["SELECT Id FROM Contact"], purpose="detect")

    run(story())
    assert len(org.calls) == 2


class Expiring(TinyOrg):
    """Takes the newest token it gave out, refuses every other with 401, and signs in as often as it is asked."""

    def __init__(self, count: int, *, ever: bool = True) -> None:
        super().__init__(count)
        self.good = ""
        self.ever = ever
        self.sign_ins = 0

    async def send(self, request: Request, deadline_s: float) -> Response:
        await asyncio.sleep(0)
        if request.url.endswith("/services/oauth2/token"):
            self.sign_ins += 1
            self.good = f"t{self.sign_ins}" if self.ever else "another"
            return Response(200, {}, json.dumps({"access_token": f"t{self.sign_ins}"}).encode())
        if request.headers["Authorization"] != f"Bearer {self.good}":
            return broken(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return await super().send(request, deadline_s)


def signed_in(org: Expiring) -> SalesforceClient:
    client = client_of(org)
    tokens = ClientCredentials("https://acme.my.salesforce.com", "app", "secret", org)
    return SalesforceClient("https://acme.my.salesforce.com", org, tokens, client.governor, lambda: NOW_US)


def test_an_expired_session_is_renewed_once_for_all_calls_under_way() -> None:
    org = Expiring(10)
    client = signed_in(org)

    async def story() -> None:
        await client.query_many(["SELECT Id FROM Contact"], purpose="detect")
        org.good = "expired by the admin"
        reads = [client.query_many(["SELECT Id FROM Contact"], purpose="detect") for _ in range(8)]
        write = client.update_with_before("Contact", titles(2), ["Title"], purpose="write")
        outcomes, pages = await asyncio.gather(write, asyncio.gather(*reads))
        assert all(isinstance(outcome, Written) for outcome in outcomes.values())
        assert len(pages) == 8

    run(story())
    assert org.sign_ins == 2


def test_a_session_that_cannot_be_renewed_is_a_refused_sign_in() -> None:
    org = Expiring(1, ever=False)
    client = signed_in(org)
    with pytest.raises(SignInRefused):
        run(client.query_many(["SELECT Id FROM Contact"], purpose="detect"))

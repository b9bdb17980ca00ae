"""The HubSpot client and lists: finding one, telling who is in it, and walking its members in the order they joined."""

from __future__ import annotations

import json

import pytest
from tests.contract.hubspot_account import Account, Wire

from interlock.crm.errors import MissingScope, ServerFault
from interlock.crm.hubspot.model import ListMember, RecordList
from interlock.crm.transport import Request, Response

CITY_IS_KNOWN = {"operationType": "ALL_PROPERTY", "operator": "IS_KNOWN", "includeObjectsWithNoValueSet": False}
HAS_CITY = {
    "filterBranchType": "OR",
    "filters": [],
    "filterBranches": [
        {
            "filterBranchType": "AND",
            "filterBranches": [],
            "filters": [{"filterType": "PROPERTY", "property": "city", "operation": CITY_IS_KNOWN}],
        }
    ],
}


class HalfAnswered(Wire):
    """Of the first batch HubSpot says that it could not look at one record."""

    def __init__(self, emulator: object, hidden: str) -> None:
        super().__init__(emulator)  # type: ignore[arg-type]
        self.hidden: str | None = hidden

    async def send(self, request: Request, deadline_s: float) -> Response:
        answer = await super().send(request, deadline_s)
        if self.hidden is not None and request.url.endswith("/memberships/batch/read"):
            body = json.loads(answer.body)
            body["results"] = [row for row in body["results"] if row["recordId"] != self.hidden]
            body["errors"] = [{"status": "error", "category": "INTERNAL_ERROR", "message": "internal error"}]
            answer.status, answer.body, self.hidden = 207, json.dumps(body).encode(), None
        return answer


def test_lists_of_an_object_are_found_by_name_with_their_size_and_kind() -> None:
    account = Account()
    ids = account.contacts(3)
    manual = account.person.create_list("contacts", "Customers", ids[:2])
    dynamic = account.person.create_list("contacts", "customers with a city", filters=HAS_CITY)
    account.person.create_list("companies", "Customer firms")

    async def story() -> None:
        page = await account.client.lists("0-1", "customer", purpose="setup")
        assert page.lists == [
            RecordList(manual, "Customers", 2, "MANUAL", "0-1"),
            RecordList(dynamic, "customers with a city", 0, "DYNAMIC", "0-1"),
        ]
        assert page.next is None
        first = await account.client.lists("0-1", count=1, purpose="setup")
        assert first.next is not None
        assert [each.id for each in (await account.client.lists("0-1", "", first.next, purpose="setup")).lists] == [
            dynamic
        ]

    account.run(story())


def test_a_list_that_was_deleted_is_none() -> None:
    account = Account()
    list_id = account.person.create_list("contacts", "Customers")

    async def story() -> None:
        found = await account.client.list_by_id(list_id, purpose="setup")
        assert found == RecordList(list_id, "Customers", 0, "MANUAL", "0-1")
        account.person.delete_list(list_id)
        assert await account.client.list_by_id(list_id, purpose="setup") is None
        assert await account.client.list_members(list_id, purpose="detect") is None

    account.run(story())


def test_who_is_in_a_list_takes_one_call_a_hundred_records() -> None:
    account = Account()
    ids = account.contacts(201)
    list_id = account.person.create_list("contacts", "Every other", ids[::2])
    account.person.create_list("contacts", "All", ids)

    async def story() -> None:
        found = await account.client.memberships("0-1", list_id, ids, purpose="fetch")
        assert found == {id_: place % 2 == 0 for place, id_ in enumerate(ids)}

    account.run(story())
    assert account.paths() == ["/crm/lists/2026-09/records/memberships/batch/read"] * 3


def test_a_record_of_which_a_batch_says_nothing_is_asked_about_again() -> None:
    account = Account()
    ids = account.contacts(2)
    list_id = account.person.create_list("contacts", "Both", ids)
    account.wire = HalfAnswered(account.crm, ids[1])
    client = account.another_client()

    async def story() -> None:
        assert await client.memberships("0-1", list_id, ids, purpose="fetch") == dict.fromkeys(ids, True)

    account.run(story())
    assert len(account.wire.requests) == 2


def test_members_are_walked_in_the_order_they_joined_and_from_where_a_walk_ended() -> None:
    account = Account()
    ids = account.contacts(150)
    list_id = account.person.create_list("contacts", "Growing", ids[:101])
    began_us = account.time()

    async def story() -> None:
        first = await account.client.list_members(list_id, purpose="detect")
        assert first is not None
        assert first.next is not None
        assert first.members[0] == ListMember(ids[0], began_us // 1000 * 1000)
        account.person.change_list(list_id, add=ids[101:], remove=ids[:50])
        rest = await account.client.list_members(list_id, first.next, purpose="detect")
        assert rest is not None
        assert rest.next is None
        assert [member.id for member in (*first.members, *rest.members)] == ids

    account.run(story())


def test_without_the_scope_for_lists_the_scope_is_named() -> None:
    account = Account()
    token = account.crm.issue_token("crm.objects.contacts.read")
    client = account.another_client(token)

    async def story() -> None:
        with pytest.raises(MissingScope) as refused:
            await client.memberships("0-1", "1", ["101"], purpose="fetch")
        assert refused.value.scopes == ("crm.lists.read",)

    account.run(story())


def test_members_that_never_end_are_given_up() -> None:
    account = Account()
    list_id = account.person.create_list("contacts", "Odd", account.contacts(1))

    class Endless(Wire):
        async def send(self, request: Request, deadline_s: float) -> Response:
            answer = await super().send(request, deadline_s)
            answer.status = 200
            answer.body = json.dumps({"results": [], "paging": {"next": {"after": "7"}}}).encode()
            return answer

    account.wire = Endless(account.crm)
    client = account.another_client()

    async def story() -> None:
        with pytest.raises(ServerFault):
            await client.list_members(list_id, "7", purpose="detect")

    account.run(story())

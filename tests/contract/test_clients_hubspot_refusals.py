"""The HubSpot client against the local HubSpot: when the account says no, told as situations in an account.

The local CRM is an independent reading of HubSpot's documentation; nothing of it is stubbed here. Time is virtual:
waiting for a limit moves the clock.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.contract.hubspot_account import Account, writes

from interlock.core.model import NotDone, Refused
from interlock.crm.errors import BudgetSpent, MissingScope, ServerFault, SignInRefused, Unreachable
from interlock.crm.hubspot.model import Filter


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "timeout_before"},
        {"kind": "timeout_after"},
        {"kind": "cut_body"},
        {"kind": "partial"},
        {"kind": "status", "status": 429},
    ],
    ids=lambda fault: str(fault.get("status", fault["kind"])),
)
def test_reads_outlive_passing_trouble(fault: dict[str, Any]) -> None:
    account = Account()
    ids = account.contacts(5)
    account.crm.faults.add({**fault, "match": {"path_prefix": "/crm/objects", "times": 2}})

    async def story() -> None:
        found = await account.client.read("contacts", ids, ["email"], purpose="fetch")
        assert sorted(found) == sorted(ids)
        assert len(account.wire.requests) == 3

    account.run(story())


@pytest.mark.parametrize(
    ("fault", "error"),
    [({"kind": "status", "status": 502}, ServerFault), ({"kind": "timeout_before"}, Unreachable)],
    ids=["502", "no answer"],
)
def test_reads_give_up_after_five_tries(fault: dict[str, Any], error: type[Exception]) -> None:
    account = Account()
    account.crm.faults.add({**fault, "match": {"path_prefix": "/crm/objects"}})

    async def story() -> None:
        with pytest.raises(error):
            await account.client.read("contacts", ["1"], ["email"], purpose="fetch")
        assert len(account.wire.requests) == 5

    account.run(story())


def test_a_wrong_token_is_told_at_once() -> None:
    account = Account(token="pat-na1-wrong")

    async def story() -> None:
        with pytest.raises(SignInRefused) as told:
            await account.client.account()
        assert told.value.exit_code == 3
        outcomes = await account.client.update("contacts", writes(["1"], phone="1"), purpose="write")
        assert isinstance(outcomes["t0"], NotDone)

    account.run(story())


def test_a_missing_scope_is_named() -> None:
    account = Account()
    token = account.crm.issue_token("crm.objects.contacts.read")
    ids = account.contacts(1)
    client = account.another_client(token)

    async def story() -> None:
        with pytest.raises(MissingScope) as told:
            await client.read("companies", ["1"], ["name"], purpose="fetch")
        assert any("companies" in scope for scope in told.value.scopes)
        outcomes = await client.update("contacts", writes(ids, phone="1"), purpose="write")
        refusal = outcomes["t0"]
        assert isinstance(refusal, Refused)
        assert refusal.code == "MISSING_SCOPES"

    account.run(story())


def test_a_private_apps_token_tells_its_scopes_and_is_in_no_address() -> None:
    account = Account()
    granted = ("crm.objects.contacts.read", "crm.objects.owners.read")
    token = account.crm.issue_token(*granted)
    client = account.another_client(token)

    async def story() -> None:
        info = await client.token_info()
        assert info is not None
        assert (info.account_id, info.scopes) == (str(account.crm.account_id), granted)
        assert len(account.wire.requests) == 1
        assert not any(token in request.url or token in repr(request) for request in account.wire.requests)

    account.run(story())


@pytest.mark.parametrize("fault", ["timeout_before", "status"])
def test_a_token_is_in_no_message_when_it_cannot_be_asked_about(fault: str) -> None:
    account = Account()
    account.crm.faults.add({"kind": fault, "status": 500, "match": {"path_prefix": "/oauth"}})

    async def story() -> None:
        with pytest.raises((Unreachable, ServerFault)) as told:
            await account.client.token_info()
        causes = [told.value, told.value.__cause__, told.value.__context__]
        assert not any(account.crm.token in f"{error!r} {error}" for error in causes)

    account.run(story())


def test_a_token_that_hubspot_does_not_tell_about_is_no_error() -> None:
    account = Account()
    oauth = account.crm.issue_token("crm.objects.contacts.read", expires_in_s=1_800)
    client = account.another_client(oauth)

    async def story() -> None:
        assert await client.token_info() is None
        account.crm.faults.add({"kind": "status", "status": 401, "match": {"path_prefix": "/oauth"}})
        assert await client.token_info() is None

    account.run(story())


def test_a_day_that_is_used_up_stops_reads_and_leaves_writes_not_done() -> None:
    account = Account(daily_limit=3)
    ids = account.contacts(1)

    async def story() -> None:
        for _ in range(3):
            await account.client.read("contacts", ids, ["email"], purpose="fetch")
        with pytest.raises(BudgetSpent):
            await account.client.read("contacts", ids, ["email"], purpose="fetch")
        outcomes = await account.client.update("contacts", writes(ids, phone="1"), purpose="write")
        assert isinstance(outcomes["t0"], NotDone)

    account.run(story())


def test_a_thousand_calls_at_once_are_never_refused_as_too_fast() -> None:
    account = Account()
    ids = account.contacts(5)

    async def story() -> None:
        client = account.client
        reads = [client.read_by_id("contacts", ids[n % 5], ["email"], purpose="fetch") for n in range(800)]
        filters = [Filter("email", "EQ", "p1@example.com")]
        searches = [client.search("contacts", filters, ["email"], purpose="match") for _ in range(60)]
        await asyncio.gather(*reads, *searches)
        assert 429 not in account.wire.statuses
        assert account.governor.counts == {"fetch": 800, "match": 60}

    account.run(story())


def test_associations_are_never_refused_as_too_fast_in_an_account_with_a_larger_burst() -> None:
    account = Account(association_burst_limit=100)
    ids = account.contacts(5)

    async def story() -> None:
        client = account.client
        await client.read_by_id("contacts", ids[0], ["email"], purpose="fetch")  # tells of 190 calls in ten seconds
        await asyncio.gather(
            *(client.associations("contacts", "companies", [ids[n % 5]], purpose="fetch") for n in range(400))
        )
        assert 429 not in account.wire.statuses

    account.run(story())

"""The HubSpot client against the local HubSpot: writing, told as situations in an account.

The local CRM is an independent reading of HubSpot's documentation; nothing of it is stubbed here. Time is virtual:
waiting for a limit moves the clock.
"""

from __future__ import annotations

import pytest
from tests.contract.hubspot_account import Account, writes

from interlock.core.model import NotDone, Refused, Unsettled, Written
from interlock.crm.hubspot.model import HubSpotWrite, NewProperty


def test_an_update_tells_each_record_apart() -> None:
    account = Account()
    ids = account.contacts(3)

    async def story() -> None:
        to_write = [
            HubSpotWrite("good", ids[0], {"phone": "1"}),
            HubSpotWrite("bad", ids[1], {"email": "no address"}),
            HubSpotWrite("gone", "999999", {"phone": "3"}),
            HubSpotWrite("fine", ids[2], {"phone": "4"}),
        ]
        outcomes = await account.client.update("contacts", to_write, purpose="write")
        good, bad, gone, fine = (outcomes[trace] for trace in ("good", "bad", "gone", "fine"))
        assert isinstance(good, Written)
        assert isinstance(fine, Written)
        assert (good.id, good.created, good.modified_us) == (ids[0], False, account.time())
        assert good.values is not None
        assert good.values["phone"] == "1"
        assert isinstance(bad, Refused)
        assert (bad.code, bad.fields, bad.gone) == ("INVALID_EMAIL", ("email",), False)
        assert isinstance(gone, Refused)
        assert gone.gone
        assert len(account.wire.requests) == 1

    account.run(story())


def test_an_upsert_creates_and_updates_by_our_own_key() -> None:
    account = Account()

    async def story() -> None:
        client = account.client
        await client.create_group("contacts", "interlock", "Interlock")
        new = NewProperty("interlock_salesforce_id", "Salesforce id", group="interlock", has_unique=True)
        await client.create_property("contacts", new)
        await client.create_property("contacts", new)  # made already is fine
        first = [HubSpotWrite("a", "003A", {"email": "a@example.com"}), HubSpotWrite("b", "003B", {"lastname": "B"})]
        made = await client.upsert("contacts", "interlock_salesforce_id", first, purpose="write")
        again = await client.upsert("contacts", "interlock_salesforce_id", first, purpose="write")
        for trace in ("a", "b"):
            created, updated = made[trace], again[trace]
            assert isinstance(created, Written)
            assert isinstance(updated, Written)
            assert (created.created, updated.created) == (True, False)
            assert created.id == updated.id
        found = await client.read(
            "contacts", ["003A"], ["email"], id_property="interlock_salesforce_id", purpose="match"
        )
        assert found["003A"].values["email"] == "a@example.com"
        definition = {item.name: item for item in await client.properties("contacts")}["interlock_salesforce_id"]
        assert definition.has_unique
        assert not definition.read_only

    account.run(story())


def test_one_taken_e_mail_refuses_one_record_and_names_the_one_in_the_way() -> None:
    account = Account()
    ids = account.contacts(80)

    async def story() -> None:
        to_write = writes(ids[:70], lastname="New")
        to_write[33] = HubSpotWrite("t33", ids[33], {"email": "p75@example.com"})
        outcomes = await account.client.update("contacts", to_write, purpose="write")
        taken = outcomes.pop("t33")
        assert isinstance(taken, Refused)
        assert (taken.code, taken.existing_id) == ("CONFLICT", ids[75])
        assert all(isinstance(outcome, Written) for outcome in outcomes.values())

    account.run(story())


def test_a_batch_that_is_refused_whole_is_taken_apart_until_the_guilty_record_is_alone() -> None:
    account = Account()
    account.contacts(1)

    async def story() -> None:
        # By e-mail, HubSpot knows no partial success: one invalid address refuses the whole call.
        to_write = [HubSpotWrite(f"t{n}", f"new{n}@example.com", {"lastname": f"N{n}"}) for n in range(40)]
        to_write[17] = HubSpotWrite("t17", "not an address", {"lastname": "N17"})
        outcomes = await account.client.upsert("contacts", "email", to_write, purpose="write")
        bad = outcomes.pop("t17")
        assert isinstance(bad, Refused)
        assert bad.fields == ("email",)
        assert all(isinstance(outcome, Written) and outcome.created for outcome in outcomes.values())
        assert len(account.wire.requests) <= 13
        assert len(account.crm.snapshot()["contacts"]) == 40

    account.run(story())


def test_a_write_whose_answer_was_lost_is_unsettled_and_not_repeated() -> None:
    account = Account()
    ids = account.contacts(2)
    account.crm.faults.add({"kind": "timeout_after", "match": {"path_prefix": "/crm/objects", "times": 1}})

    async def story() -> None:
        outcomes = await account.client.update("contacts", writes(ids, phone="5"), purpose="write")
        assert all(isinstance(outcome, Unsettled) for outcome in outcomes.values())
        assert len(account.wire.requests) == 1
        assert account.value(ids[0], "phone") == "5"  # it had landed

    account.run(story())


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_breaks_under_a_write_leaves_it_unsettled(status: int) -> None:
    account = Account()
    ids = account.contacts(1)
    account.crm.faults.add({"kind": "status", "status": status, "match": {"path_prefix": "/crm/objects", "times": 1}})

    async def story() -> None:
        outcomes = await account.client.update("contacts", writes(ids, phone="5"), purpose="write")
        assert isinstance(outcomes["t0"], Unsettled)
        assert len(account.wire.requests) == 1

    account.run(story())


def test_a_write_refused_as_too_fast_is_repeated_then_given_up_as_not_done() -> None:
    account = Account()
    ids = account.contacts(1)
    account.crm.faults.add({"kind": "status", "status": 429, "match": {"path_prefix": "/crm/objects", "times": 2}})

    async def story() -> None:
        first = await account.client.update("contacts", writes(ids, phone="5"), purpose="write")
        assert isinstance(first["t0"], Written)
        account.crm.faults.clear()
        account.crm.faults.add({"kind": "status", "status": 429, "match": {"path_prefix": "/crm/objects"}})
        second = await account.client.update("contacts", writes(ids, phone="6"), purpose="write")
        assert isinstance(second["t0"], NotDone)
        assert account.value(ids[0], "phone") == "5"

    account.run(story())


def test_a_partial_failure_is_a_refusal_that_may_pass() -> None:
    account = Account()
    ids = account.contacts(10)
    account.crm.faults.add({"kind": "partial", "match": {"path_prefix": "/crm/objects", "times": 1}})

    async def story() -> None:
        outcomes = await account.client.update("contacts", writes(ids, phone="5"), purpose="write")
        failed = [outcome for outcome in outcomes.values() if isinstance(outcome, Refused)]
        assert failed
        assert all(outcome.retry for outcome in failed)
        assert len(failed) + sum(isinstance(outcome, Written) for outcome in outcomes.values()) == 10

    account.run(story())

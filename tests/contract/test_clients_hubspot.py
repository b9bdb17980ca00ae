"""The HubSpot client against the local HubSpot: what the engine relies on, told as situations in an account.

The local CRM is an independent reading of HubSpot's documentation; nothing of it is stubbed here. Time is virtual:
waiting for a limit moves the clock.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.contract.virtual_time import START_US, Time

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock
from interlock.core.model import NotDone, Observation, Outcome, Refused, Side, Unsettled, Written
from interlock.crm.budget import HubSpotGovernor, MemoryBudgetStore
from interlock.crm.errors import BudgetSpent, MissingScope, SchemaChanged, ServerFault, SignInRefused, Unreachable
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import Filter, HubSpotWrite, NewProperty
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import AsgiTransport, Request, Response


class Wire:
    """The in-process transport, counting what passes."""

    def __init__(self, emulator: HubSpotEmulator) -> None:
        self.inner = AsgiTransport({"api.hubapi.com": emulator.app})
        self.requests: list[Request] = []
        self.statuses: list[int] = []

    async def send(self, request: Request, deadline_s: float) -> Response:
        self.requests.append(request)
        answer = await self.inner.send(request, deadline_s)
        self.statuses.append(answer.status)
        return answer


class Between(Wire):
    """Somebody does something just before the first call of one kind arrives."""

    def __init__(self, emulator: HubSpotEmulator, before: str, deed: Callable[[], object]) -> None:
        super().__init__(emulator)
        self.before = before
        self.deed: Callable[[], object] | None = deed

    async def send(self, request: Request, deadline_s: float) -> Response:
        if self.deed is not None and self.before in request.url:
            deed, self.deed = self.deed, None
            deed()
        return await super().send(request, deadline_s)


class Promising(Wire):
    """Searches answer that there is more, and show nothing."""

    async def send(self, request: Request, deadline_s: float) -> Response:
        answer = await super().send(request, deadline_s)
        answer.body = b'{"total":9,"results":[],"paging":{"next":{"after":"200"}}}'
        return answer


class Stuck(Wire):
    """Every list has the same next page, for ever."""

    async def send(self, request: Request, deadline_s: float) -> Response:
        answer = await super().send(request, deadline_s)
        paging = {"next": {"after": "7"}}
        rows = [{"from": {"id": "1"}, "to": [], "paging": paging}] if "/associations/" in request.url else []
        answer.body = json.dumps({"results": rows, "paging": paging}).encode()
        return answer


class Account:
    """A HubSpot account, a person working in it, and our client."""

    def __init__(self, token: str | None = None, **config: Any) -> None:
        self.time = Time()
        self.crm = HubSpotEmulator(Clock(self.time), **config)
        self.person = self.crm.user()
        self.wire = Wire(self.crm)
        self.governor = HubSpotGovernor(MemoryBudgetStore(self.time), self.time, rng=random.Random(7))
        self.client = self.another_client(token)

    def another_client(self, token: str | None = None) -> HubSpotClient:
        """Over the wire as it is now."""
        tokens = StaticToken(Side.HUBSPOT, token or self.crm.token)
        return HubSpotClient("https://api.hubapi.com", self.wire, tokens, self.governor, self.time)

    def contacts(self, count: int) -> list[str]:
        rows = [{"email": f"p{number}@example.com", "lastname": f"Person {number}"} for number in range(count)]
        return self.crm.seed({"contacts": rows})["contacts"]

    def wide_schema(self, object: str, count: int) -> list[str]:
        """That many more text properties, with names as long as people make them."""
        names = [f"a_property_that_somebody_made_{number}" for number in range(count)]
        for name in names:
            self.crm.portal.table(object).schema.create(
                {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation"},
                self.time() // 1000,
                None,
            )
        return names

    def value(self, id: str, name: str) -> Any:
        return self.person.get("contacts", id).get(name)

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        self.time.run(story)

    def paths(self) -> list[str]:
        return [request.url.removeprefix("https://api.hubapi.com") for request in self.wire.requests]


def writes(ids: list[str], **properties: str) -> list[HubSpotWrite]:
    return [HubSpotWrite(f"t{number}", id, dict(properties)) for number, id in enumerate(ids)]


# --- reading ---------------------------------------------------------------------------------------------


def test_a_batch_read_finds_each_record_under_the_id_it_was_asked_by() -> None:
    account = Account()
    ids = account.contacts(250)

    async def story() -> None:
        found = await account.client.read("contacts", [*ids, "999999"], ["email", "phone"], purpose="fetch")
        assert sorted(found) == sorted(ids)
        seen = found[ids[3]]
        assert seen.values["email"] == "p3@example.com"
        assert seen.values["hs_object_id"] == ids[3]
        assert seen.values["phone"] is None
        assert (seen.key.side, seen.key.type, seen.key.id) == (Side.HUBSPOT, "contacts", ids[3])
        assert seen.modified_us == seen.created_us == seen.read_us == START_US
        assert len(account.wire.requests) == 3

    account.run(story())


def test_a_property_that_the_account_does_not_have_stays_absent() -> None:
    account = Account()
    [id] = account.contacts(1)

    async def story() -> None:
        found = await account.client.read("contacts", [id], ["email", "no_such_property"], purpose="fetch")
        assert "no_such_property" not in found[id].values

    account.run(story())


def test_a_cleared_value_reads_as_none() -> None:
    account = Account()
    [id] = account.contacts(1)
    account.person.update("contacts", id, {"phone": "123"})
    account.person.update("contacts", id, {"phone": ""})

    async def story() -> None:
        found = await account.client.read("contacts", [id], ["phone"], purpose="fetch")
        assert found[id].values["phone"] is None

    account.run(story())


def test_contacts_are_found_by_e_mail_whatever_its_case_and_by_additional_addresses() -> None:
    account = Account()
    first, second = account.contacts(2)
    account.person.merge("contacts", first, second)

    async def story() -> None:
        wanted = ["P0@Example.com", "p1@example.com", "nobody@example.com"]
        found = await account.client.read("contacts", wanted, ["lastname"], id_property="email", purpose="match")
        assert {value: seen.key.id for value, seen in found.items()} == {wanted[0]: first, wanted[1]: first}

    account.run(story())


def test_a_merged_away_id_answers_with_the_survivor() -> None:
    account = Account()
    first, second = account.contacts(2)
    account.person.merge("contacts", first, second)

    async def story() -> None:
        seen = await account.client.read_by_id("contacts", second, ["email"], purpose="fetch")
        assert seen is not None
        assert seen.key.id == first
        assert await account.client.read_by_id("contacts", "424242", ["email"], purpose="fetch") is None

    account.run(story())


def test_an_archived_record_is_found_in_the_archive_only() -> None:
    account = Account()
    [id] = account.contacts(1)
    account.person.archive("contacts", id)

    async def story() -> None:
        client = account.client
        assert await client.read("contacts", [id], ["email"], purpose="fetch") == {}
        assert list(await client.read("contacts", [id], ["email"], archived=True, purpose="fetch")) == [id]
        page = await client.list_page("contacts", ["email"], archived=True, purpose="detect")
        assert [seen.key.id for seen in page.records] == [id]

    account.run(story())


def test_a_listing_is_walked_page_by_page() -> None:
    account = Account()
    ids = account.contacts(230)

    async def story() -> None:
        seen: list[str] = []
        after: str | None = None
        while True:
            page = await account.client.list_page("contacts", ["email"], after, purpose="detect")
            seen.extend(record.key.id for record in page.records)
            after = page.next
            if after is None:
                break
        assert seen == ids
        assert len(account.wire.requests) == 3

    account.run(story())


def test_five_hundred_mapped_properties_do_not_stop_a_listing() -> None:
    account = Account()
    wide = account.wide_schema("contacts", 500)
    ids = account.crm.seed({"contacts": [{"email": f"p{n}@example.com", wide[499]: f"v{n}"} for n in range(130)]})[
        "contacts"
    ]

    async def story() -> None:
        first = await account.client.list_page("contacts", ["email", *wide], purpose="fetch")
        assert [seen.values[wide[499]] for seen in first.records] == [f"v{n}" for n in range(100)]
        account.person.archive("contacts", ids[120])
        second = await account.client.list_page("contacts", ["email", *wide], first.next, purpose="fetch")
        assert [seen.key.id for seen in second.records] == ids[100:120] + ids[121:]
        assert second.next is None
        gone = await account.client.list_page("contacts", ["email", *wide], archived=True, purpose="fetch")
        assert [seen.values[wide[499]] for seen in gone.records] == ["v120"]
        assert account.wire.statuses == [200] * 6

    account.run(story())


def test_a_record_that_goes_while_a_wide_listing_is_read_is_left_out_of_it() -> None:
    account = Account()
    wide = account.wide_schema("contacts", 500)
    ids = account.contacts(3)
    account.wire = Between(account.crm, "/batch/read", lambda: account.person.archive("contacts", ids[1]))
    client = account.another_client()

    async def story() -> None:
        page = await client.list_page("contacts", ["email", *wide], purpose="fetch")
        assert [seen.key.id for seen in page.records] == [ids[0], ids[2]]

    account.run(story())


def test_five_hundred_mapped_properties_do_not_stop_the_read_of_one_record() -> None:
    account = Account()
    wide = account.wide_schema("contacts", 500)
    first, second = account.contacts(2)
    account.person.update("contacts", first, {wide[499]: "here"})
    account.person.merge("contacts", first, second)

    async def story() -> None:
        for id in (first, second):
            seen = await account.client.read_by_id("contacts", id, ["email", *wide], purpose="fetch")
            assert seen is not None
            assert (seen.key.id, seen.values[wide[499]]) == (first, "here")
        assert await account.client.read_by_id("contacts", "424242", ["email", *wide], purpose="fetch") is None
        assert 414 not in account.wire.statuses

    account.run(story())


def test_a_record_merged_away_while_it_is_read_alone_answers_with_its_survivor() -> None:
    account = Account()
    wide = account.wide_schema("contacts", 500)
    first, second = account.contacts(2)
    account.wire = Between(account.crm, "/batch/read", lambda: account.person.merge("contacts", first, second))
    client = account.another_client()

    async def story() -> None:
        seen = await client.read_by_id("contacts", second, ["email", *wide], purpose="fetch")
        assert seen is not None
        assert seen.key.id == first

    account.run(story())


def test_history_tells_who_wrote_what_newest_first() -> None:
    account = Account()
    [id] = account.contacts(1)
    account.time.pass_us(5_000_000)
    account.person.update("contacts", id, {"lastname": "Later"})

    async def story() -> None:
        history = await account.client.read_history("contacts", [id, "77"], ["lastname"], purpose="verify")
        versions = history[id]["lastname"]
        assert [(entry.value, entry.at_us) for entry in versions] == [
            ("Later", START_US + 5_000_000),
            ("Person 0", START_US),
        ]
        assert versions[0].source_type == "CRM_UI"
        assert list(history) == [id]

    account.run(story())


# --- what changed ----------------------------------------------------------------------------------------


async def everything_changed(account: Account, since_us: int, limit: int = 200) -> list[str]:
    pages: list[list[Observation]] = [
        page async for page in account.client.changed("contacts", ["email"], since_us, limit=limit, purpose="detect")
    ]
    assert all(len(page) <= limit for page in pages)
    return [seen.key.id for page in pages for seen in page]


def test_what_changed_since_a_stamp_comes_oldest_first_and_once() -> None:
    account = Account()
    ids = []
    for number in range(45):
        account.time.pass_us(1000 if number % 4 == 0 else 0)  # several share a stamp
        ids += account.crm.seed({"contacts": [{"email": f"c{number}@example.com"}]})["contacts"]

    since = account.time()

    async def story() -> None:
        assert sorted(await everything_changed(account, START_US, limit=10)) == sorted(ids)
        assert await everything_changed(account, since) == ids[44:]
        assert await everything_changed(account, since + 1000) == []

    account.run(story())


def test_more_than_ten_thousand_records_with_one_timestamp_are_all_found() -> None:
    account = Account()
    before = account.contacts(3)
    account.time.pass_us(1000)
    rows = [{"email": f"bulk{number}@example.com"} for number in range(10_450)]
    bulk = account.crm.seed({"contacts": rows})["contacts"]
    account.time.pass_us(1000)
    after = account.crm.seed({"contacts": [{"email": "last@example.com"}]})["contacts"]

    async def story() -> None:
        found = await everything_changed(account, START_US)
        assert len(found) == len(set(found)) == 10_454
        assert set(found) == {*before, *bulk, *after}
        assert len(account.wire.requests) <= 10_454 / 200 + 5
        assert 429 not in account.wire.statuses

    account.run(story())


def test_a_record_that_changes_while_we_walk_hides_no_other() -> None:
    account = Account()
    ids = []
    for number in range(30):
        account.time.pass_us(1000)
        ids += account.crm.seed({"contacts": [{"email": f"c{number}@example.com"}]})["contacts"]

    async def story() -> None:
        found: list[str] = []
        async for page in account.client.changed("contacts", ["email"], START_US, limit=10, purpose="detect"):
            found += [seen.key.id for seen in page]
            if len(found) == 10:
                account.time.pass_us(1000)
                account.person.update("contacts", ids[2], {"phone": "1"})
        assert set(found) == set(ids)

    account.run(story())


@pytest.mark.parametrize("count", [30, 200])
def test_records_archived_before_the_index_knows_it_hide_none_of_those_behind_them(count: int) -> None:
    account = Account(search_lag_ms=60_000)
    gone = account.contacts(count)
    account.time.pass_us(5_000_000)
    kept = account.crm.seed({"contacts": [{"email": f"kept{number}@example.com"} for number in range(25)]})["contacts"]
    account.time.pass_us(120_000_000)
    for id in gone:
        account.person.archive("contacts", id)

    async def story() -> None:
        assert sorted(await everything_changed(account, START_US, limit=10)) == sorted(kept)
        assert len(account.wire.requests) < 200

    account.run(story())


def test_records_archived_out_of_the_middle_of_one_stamp_hide_none_of_those_behind_them() -> None:
    account = Account(search_lag_ms=60_000)
    ids = account.contacts(100)
    account.time.pass_us(120_000_000)
    for id in ids[20:60]:
        account.person.archive("contacts", id)

    async def story() -> None:
        assert sorted(await everything_changed(account, START_US, limit=10)) == sorted(ids[:20] + ids[60:])

    account.run(story())


def test_a_search_that_always_promises_more_and_shows_nothing_is_given_up() -> None:
    account = Account()
    account.contacts(3)

    account.wire = Promising(account.crm)
    account.client = account.another_client()

    async def story() -> None:
        with pytest.raises(ServerFault):
            await everything_changed(account, START_US - 86_400_000_000)
        assert len(account.wire.requests) < 120

    account.run(story())


def test_a_hundred_and_fifty_mapped_properties_do_not_stop_detection() -> None:
    account = Account()
    wide = account.wide_schema("contacts", 150)
    ids = account.crm.seed({"contacts": [{"email": f"p{n}@example.com", wide[149]: f"v{n}"} for n in range(230)]})[
        "contacts"
    ]

    async def story() -> None:
        pages = [p async for p in account.client.changed("contacts", ["email", *wide], START_US, purpose="detect")]
        found = {seen.key.id: seen for page in pages for seen in page}
        assert sorted(found) == sorted(ids)
        assert all(seen.values[wide[149]] == f"v{ids.index(id)}" for id, seen in found.items())
        assert all(seen.modified_us == START_US for seen in found.values())
        assert 400 not in account.wire.statuses
        # As narrow as before, they are found by searches alone.
        before = len(account.wire.requests)
        await everything_changed(account, START_US)
        assert all(path.endswith("/search") for path in account.paths()[before:])

    account.run(story())


def test_what_is_read_beside_a_search_moves_no_cursor_past_what_search_has_not_shown() -> None:
    account = Account(search_lag_ms=60_000)
    wide = account.wide_schema("contacts", 150)
    first, second = account.contacts(2)
    account.time.pass_us(120_000_000)
    account.person.update("contacts", first, {wide[0]: "new"})
    account.person.archive("contacts", second)

    async def story() -> None:
        [page] = [p async for p in account.client.changed("contacts", ["email", *wide], START_US, purpose="detect")]
        assert [(seen.key.id, seen.modified_us) for seen in page] == [(first, START_US)]
        assert page[0].values[wide[0]] == "new"

    account.run(story())


def test_lists_that_do_not_move_on_are_given_up() -> None:
    account = Account()
    [id] = account.contacts(1)
    account.wire = Stuck(account.crm)
    client = account.another_client()

    async def story() -> None:
        page = await client.list_page("contacts", ["email"], purpose="fetch")
        for read in (
            client.list_page("contacts", ["email"], page.next, purpose="fetch"),
            client.owners(),
            client.associations("contacts", "companies", [id], purpose="fetch"),
        ):
            with pytest.raises(ServerFault):
                await read

    account.run(story())


def test_search_finds_by_filters() -> None:
    account = Account()
    ids = account.contacts(3)

    async def story() -> None:
        filters = [Filter("email", "EQ", "p1@example.com")]
        found = await account.client.search("contacts", filters, ["email"], purpose="match")
        assert [seen.key.id for seen in found] == [ids[1]]

    account.run(story())


# --- writing ---------------------------------------------------------------------------------------------


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


# --- when the account says no ----------------------------------------------------------------------------


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


# --- schema, associations, subscriptions -----------------------------------------------------------------


def test_the_account_tells_its_id_time_zone_and_currency() -> None:
    account = Account()

    async def story() -> None:
        info = await account.client.account()
        assert (info.account_id, info.timezone, info.currency) == (str(account.crm.account_id), "UTC", "USD")
        assert info.ui_url.startswith("https://app.hubspot.com/")

    account.run(story())


def test_properties_owners_and_pipelines_are_read() -> None:
    account = Account()

    async def story() -> None:
        client = account.client
        properties = {item.name: item for item in await client.properties("contacts")}
        assert properties["hs_email_optout"].read_only
        assert not properties["email"].read_only
        assert properties["hubspot_owner_id"].referenced_object == "OWNER"
        owners = await client.owners()
        assert {owner.email for owner in owners} >= {account.person.user.email}
        pipelines = await client.pipelines("deals")
        stages = {stage.id: stage for stage in pipelines[0].stages}
        assert stages["closedwon"] == ("closedwon", stages["closedwon"].label, 1.0, True)
        assert not stages["qualifiedtobuy"].is_closed

    account.run(story())


def test_associations_are_added_read_and_taken_away() -> None:
    account = Account()
    first, second, third = account.contacts(3)
    company = account.crm.seed({"companies": [{"name": "Acme", "domain": "acme.example"}]})["companies"][0]

    async def story() -> None:
        client = account.client
        pairs = [(first, company, 1), (first, company, 279), (second, company, 279), ("999999", company, 279)]
        outcomes: dict[Any, Outcome] = dict(await client.associate("contacts", "companies", pairs, purpose="write"))
        assert isinstance(outcomes.pop(("999999", company, 279)), Refused)
        assert all(isinstance(outcome, Written) for outcome in outcomes.values())
        found = await client.associations("contacts", "companies", [first, second, third], purpose="fetch")
        assert {id: [row.to_id for row in rows] for id, rows in found.items()} == {
            first: [company],
            second: [company],
            third: [],
        }
        assert 1 in found[first][0].type_ids
        await client.disassociate("contacts", "companies", [(first, company)], purpose="write")
        default = await client.associate_default("contacts", "companies", [(third, company)], purpose="write")
        assert isinstance(default[(third, company)], Written)
        found = await client.associations("contacts", "companies", [first, third], purpose="fetch")
        assert (found[first], [row.to_id for row in found[third]]) == ([], [company])

    account.run(story())


def test_more_than_a_page_of_associations_is_read_whole() -> None:
    account = Account(association_page_max=2)
    ids = account.contacts(5)
    company = account.crm.seed({"companies": [{"name": "Acme"}]})["companies"][0]
    for id in ids:
        account.person.associate("contacts", id, "companies", company)

    async def story() -> None:
        found = await account.client.associations("companies", "contacts", [company], purpose="fetch")
        assert sorted(row.to_id for row in found[company]) == sorted(ids)

    account.run(story())


def test_opting_out_is_for_good_and_twice_is_fine() -> None:
    account = Account()
    account.contacts(3)

    async def story() -> None:
        client = account.client
        emails = ["p0@example.com", "p1@example.com"]
        for _ in range(2):
            outcomes = await client.opt_out(emails, purpose="write")
            assert {email: type(outcome) for email, outcome in outcomes.items()} == dict.fromkeys(emails, Written)
        assert await client.opted_out("p0@example.com", purpose="verify")
        assert not await client.opted_out("p2@example.com", purpose="verify")
        single = await client.opt_out(["p2@example.com"], purpose="write")
        assert isinstance(single["p2@example.com"], Written)
        assert await client.opted_out("p2@example.com", purpose="verify")

    account.run(story())


def test_an_address_that_cannot_be_opted_out_is_refused_alone() -> None:
    account = Account()
    account.contacts(2)

    async def story() -> None:
        emails = ["p0@example.com", "nonsense", "p1@example.com"]
        outcomes = await account.client.opt_out(emails, purpose="write")
        kinds = {email: type(outcome) for email, outcome in outcomes.items()}
        assert kinds == {"p0@example.com": Written, "nonsense": Refused, "p1@example.com": Written}

    account.run(story())


def test_a_read_by_a_property_that_is_gone_says_that_the_schema_changed() -> None:
    account = Account()

    async def story() -> None:
        filters = [Filter("no_such_property", "EQ", "1")]
        with pytest.raises(SchemaChanged):
            await account.client.search("contacts", filters, ["email"], purpose="match")

    account.run(story())


def test_one_story_twice_sends_the_same_requests() -> None:
    def told() -> list[tuple[str, bytes | None]]:
        account = Account()
        ids = account.contacts(230)

        async def story() -> None:
            await account.client.read("contacts", ids, ["email"], purpose="fetch")
            await account.client.update("contacts", writes(ids, phone="1"), purpose="write")

        account.run(story())
        return [(request.url, request.body) for request in account.wire.requests]

    assert told() == told()

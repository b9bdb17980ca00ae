"""The Salesforce client against the local Salesforce: what the engine relies on, told as situations in an org.

The local CRM is an independent reading of Salesforce's documentation; nothing of it is stubbed here. Time is virtual.
"""

from __future__ import annotations

import random
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.contract.virtual_time import START_US, Time

from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app.package.install import install
from interlock.app.package.kept import NothingKept
from interlock.app.package.parts import Address
from interlock.core.model import NotDone, Refused, Side, Unsettled, Written
from interlock.crm.budget import MemoryBudgetStore, SalesforceGovernor
from interlock.crm.errors import BudgetSpent, Forbidden, SchemaChanged, SignInRefused
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import SalesforceCreate, SalesforceInsert, SalesforceWrite
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import AsgiTransport, Request, Response

KEY = "Interlock_Creation_Key__c"


class Wire:
    """The in-process transport, counting what passes."""

    def __init__(self, emulator: SalesforceEmulator) -> None:
        self.inner = AsgiTransport({"acme.my.salesforce.com": emulator.app})
        self.requests: list[Request] = []
        self.statuses: list[int] = []

    async def send(self, request: Request, deadline_s: float) -> Response:
        self.requests.append(request)
        answer = await self.inner.send(request, deadline_s)
        self.statuses.append(answer.status)
        return answer


class OurOrg:
    """A Salesforce org, a person working in it, and our client."""

    def __init__(self, token: str | None = None, **config: Any) -> None:
        self.time = Time()
        self.crm = SalesforceEmulator(Clock(self.time), **config)
        self.person = self.crm.user()
        self.wire = Wire(self.crm)
        self.governor = SalesforceGovernor(MemoryBudgetStore(self.time), self.time, share=1.0, rng=random.Random(7))
        tokens = StaticToken(Side.SALESFORCE, token or self.crm.token)
        url = "https://acme.my.salesforce.com"
        self.client = SalesforceClient(url, self.wire, tokens, self.governor, self.time)

    def contacts(self, count: int) -> list[str]:
        return [
            self.person.create(
                "Contact", {"LastName": f"Person {n}", "Email": f"p{n}@example.com", "Title": f"old {n}"}
            )
            for n in range(count)
        ]

    def with_creation_key(self) -> OurOrg:
        """As set-up leaves an org: our unique external id on each object, visible to us."""

        async def story() -> None:
            user = (await self.client.identity()).user_id
            await install(self.client, NothingKept(), user, Address(None), self.time, lambda _: None)

        self.time.loop.run_until_complete(story())
        self.wire.requests.clear()
        return self

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        self.time.run(story)


def titles(ids: list[str]) -> list[SalesforceWrite]:
    return [SalesforceWrite(id, {"Title": f"new {n}"}) for n, id in enumerate(ids)]


# --- the org ---------------------------------------------------------------------------------------------------------


def test_the_org_tells_who_we_are_and_what_it_is() -> None:
    org = OurOrg()

    async def story() -> None:
        me = await org.client.identity()
        assert me.org_id == org.crm.org_id
        organization = await org.client.organization()
        assert organization.id == org.crm.org_id
        assert organization.type == "Developer Edition"
        limits = await org.client.limits()
        assert limits["DailyApiRequests"].max == 15_000
        assert org.governor.daily_limit == 15_000
        users = await org.client.users()
        assert me.user_id in {user.id for user in users}

    org.run(story())


def test_describe_tells_what_a_field_may_hold() -> None:
    org = OurOrg()

    async def story() -> None:
        fields = {field.name: field for field in await org.client.describe("Contact")}
        assert fields["LastName"].required
        assert not fields["FirstName"].required
        assert (fields["Title"].type, fields["Title"].length) == ("string", 128)
        assert fields["AccountId"].reference_to == ("Account",)
        assert not fields["SystemModstamp"].updateable
        assert {"Contact", "Lead", "Account"} <= {item.name for item in await org.client.objects()}

    org.run(story())


def test_an_org_that_does_not_show_its_own_record_says_so() -> None:
    org = OurOrg()
    org.crm.org.tables["Organization"].rows.clear()

    async def story() -> None:
        with pytest.raises(Forbidden, match="own record"):
            await org.client.organization()

    org.run(story())


# --- reading ---------------------------------------------------------------------------------------------------------


def test_five_queries_cost_one_call() -> None:
    org = OurOrg()
    org.contacts(3)

    async def story() -> None:
        soqls = [soql.changed_since("Contact", ["Email"], START_US - n) for n in range(5)]
        pages = await org.client.query_many(soqls, purpose="detect")
        assert [page.total for page in pages] == [3] * 5
        assert len(org.wire.requests) == 1
        assert org.crm.stats.calls == 1

    org.run(story())


def test_every_page_of_a_long_answer_is_read() -> None:
    org = OurOrg(page_size_rows=200)
    ids = org.contacts(450)

    async def story() -> None:
        rows = await org.client.query_all_rows("SELECT Id FROM Contact ORDER BY Id", purpose="detect")
        assert [row["Id"] for row in rows] == sorted(ids)
        assert len(org.wire.requests) == 3

    org.run(story())


def test_deleted_records_are_seen_where_asked_for() -> None:
    org = OurOrg()
    kept, deleted = org.contacts(2)
    org.time.pass_us(120_000_000)
    org.person.delete("Contact", deleted)

    async def story() -> None:
        client = org.client
        text = soql.changed_since("Contact", ["IsDeleted", "MasterRecordId"], START_US)
        [page] = await client.query_many([text], include_deleted=True, purpose="detect")
        assert {row["Id"]: row["IsDeleted"] for row in page.records} == {kept: False, deleted: True}
        found = await client.retrieve("Contact", [kept, deleted], ["Email"], purpose="fetch")
        assert list(found) == [kept]
        rows = await client.query_by_ids("Contact", [deleted], ["IsDeleted"], include_deleted=True, purpose="fetch")
        assert rows == [{"Id": deleted, "IsDeleted": True}]
        early = await client.deleted("Contact", START_US, purpose="detect")
        assert early.covered_us <= START_US + 120_000_000  # whole minutes only: the deletion is not covered yet
        assert early.at_us == {}
        org.time.pass_us(60_000_000)
        gone = await client.deleted("Contact", early.covered_us, purpose="detect")
        assert gone.at_us == {deleted: START_US + 120_000_000}
        assert gone.covered_us > early.covered_us

    org.run(story())


def test_a_merged_record_names_its_master() -> None:
    org = OurOrg()
    master, loser = org.contacts(2)
    org.person.merge("Contact", master, loser)

    async def story() -> None:
        names = ["IsDeleted", "MasterRecordId"]
        [row] = await org.client.query_by_ids("Contact", [loser], names, include_deleted=True, purpose="fetch")
        assert (row["IsDeleted"], row["MasterRecordId"]) == (True, master)

    org.run(story())


def test_a_record_asked_for_by_fifteen_characters_is_found_under_them() -> None:
    org = OurOrg()
    first, second = org.contacts(2)

    async def story() -> None:
        found = await org.client.retrieve("Contact", [first[:15], second, second[:15]], ["Email"], purpose="match")
        assert {id: seen.key.id for id, seen in found.items()} == {
            first[:15]: first,
            second: second,
            second[:15]: second,
        }

    org.run(story())


def wide_org(fields: int = 450) -> tuple[OurOrg, list[str]]:
    org = OurOrg()
    names = [f"A_field_that_somebody_made_{number}__c" for number in range(fields)]
    for name in names:
        org.crm.add_custom_field("Contact", name, "Text", length=40)
    return org, names


def test_records_are_found_by_e_mail_however_many_fields_are_asked_for() -> None:
    org, names = wide_org()
    ids = org.contacts(300)
    org.person.update("Contact", ids[7], {names[-1]: "here"})

    async def story() -> None:
        wanted = {"Email": [*(f"p{n}@example.com" for n in range(300)), "x" * 5_000]}
        found = await org.client.query_where_in("Contact", names, wanted, purpose="match")
        by_id = {seen.key.id: seen for seen in found}
        assert sorted(by_id) == sorted(ids)
        assert (by_id[ids[7]].values[names[-1]], by_id[ids[7]].values["Email"]) == ("here", "p7@example.com")
        assert len(org.wire.requests) == 2

    org.run(story())


def test_more_fields_are_written_than_a_query_could_ask_for_and_each_write_knows_what_it_replaced() -> None:
    org, names = wide_org()
    ids = org.contacts(450)
    org.person.update("Contact", ids[3], {names[-1]: "before"})

    async def story() -> None:
        to_write = [SalesforceWrite(id, dict.fromkeys(names, f"new {n}")) for n, id in enumerate(ids)]
        outcomes = await org.client.update_with_before("Contact", to_write, names, purpose="write")
        written = outcomes[ids[3]]
        assert isinstance(written, Written)
        assert written.before is not None
        assert written.values is not None
        assert (written.before[names[-1]], written.values[names[-1]]) == ("before", "new 3")
        assert all(isinstance(outcome, Written) and outcome.before for outcome in outcomes.values())
        assert len(org.wire.requests) == 2

    org.run(story())


def test_records_are_retrieved_by_their_ids_two_thousand_a_call() -> None:
    org = OurOrg()
    ids = org.contacts(2_100)

    async def story() -> None:
        fields = ["Email", "Title", "Fax", "SystemModstamp", "CreatedDate"]
        found = await org.client.retrieve("Contact", ids, fields, purpose="fetch")
        assert sorted(found) == sorted(ids)
        seen = found[ids[7]]
        assert (seen.values["Email"], seen.values["Fax"]) == ("p7@example.com", None)
        assert seen.modified_us == seen.created_us == START_US // 1_000_000 * 1_000_000
        assert len(org.wire.requests) == 2

    org.run(story())


def test_a_field_that_is_gone_says_that_the_schema_changed() -> None:
    org = OurOrg()
    [id] = org.contacts(1)

    async def story() -> None:
        with pytest.raises(SchemaChanged) as told:
            await org.client.retrieve("Contact", [id], ["Gone__c"], purpose="fetch")
        assert "Gone__c" in told.value.message
        with pytest.raises(SchemaChanged):
            await org.client.query_many(["SELECT Gone__c FROM Contact"], purpose="detect")

    org.run(story())


def test_a_name_full_of_quotes_finds_itself_and_nothing_else() -> None:
    org = OurOrg()
    odd = 'O\'Brien \\ "the" % _ ’quoted’'
    wanted = org.person.create("Contact", {"LastName": odd})
    org.person.create("Contact", {"LastName": "Somebody"})

    async def story() -> None:
        found = await org.client.query_where_in("Contact", ["LastName"], {"LastName": [odd]}, purpose="match")
        assert [(seen.key.id, seen.values["LastName"]) for seen in found] == [(wanted, odd)]
        assert [seen.key.id for seen in await org.client.find("O'Brien")] == [wanted]
        assert [seen.key.id for seen in await org.client.find("% _")] == [wanted]
        assert await org.client.find("O%n") == []

    org.run(story())


def test_a_parents_name_comes_with_the_record() -> None:
    org = OurOrg()
    account = org.person.create("Account", {"Name": "Acme"})
    with_parent = org.person.create("Contact", {"LastName": "A", "AccountId": account})
    without = org.person.create("Contact", {"LastName": "B"})

    async def story() -> None:
        fields = ["Account.Name"]
        rows = await org.client.query_by_ids("Contact", [with_parent, without], fields, purpose="fetch")
        assert {row["Id"]: row["Account.Name"] for row in rows} == {with_parent: "Acme", without: None}

    org.run(story())


# --- writing ---------------------------------------------------------------------------------------------------------


def test_four_hundred_updates_are_one_call_with_what_was_there_before() -> None:
    org = OurOrg()
    ids = org.contacts(400)
    org.time.pass_us(5_000_000)

    async def story() -> None:
        outcomes = await org.client.update_with_before("Contact", titles(ids), ["Title"], purpose="write")
        assert (len(org.wire.requests), org.crm.stats.calls) == (1, 1)
        for number, id in enumerate(ids):
            written = outcomes[id]
            assert isinstance(written, Written)
            assert written.before is not None
            assert written.values is not None
            assert (written.before["Title"], written.values["Title"]) == (f"old {number}", f"new {number}")
            assert written.modified_us == START_US + 5_000_000

    org.run(story())


def test_each_record_is_refused_for_its_own_reason() -> None:
    org = OurOrg()
    good, long, deleted, locked = org.contacts(4)
    org.person.delete("Contact", deleted)
    org.crm.lock_row(locked)

    async def story() -> None:
        to_write = [
            SalesforceWrite(good, {"Title": "fine"}),
            SalesforceWrite(long, {"Title": "x" * 200}),
            SalesforceWrite(deleted, {"Title": "late"}),
            SalesforceWrite(locked, {"Title": "busy"}),
        ]
        outcomes = await org.client.update_with_before("Contact", to_write, ["Title"], purpose="write")
        assert isinstance(outcomes[good], Written)
        too_long, gone, busy = outcomes[long], outcomes[deleted], outcomes[locked]
        assert isinstance(too_long, Refused)
        assert (too_long.code, too_long.fields, too_long.retry) == ("STRING_TOO_LONG", ("Title",), False)
        assert isinstance(gone, Refused)
        assert gone.gone
        assert isinstance(busy, Refused)
        assert (busy.code, busy.retry) == ("UNABLE_TO_LOCK_ROW", True)

    org.run(story())


def test_a_field_that_the_org_does_not_have_stops_only_those_who_carry_it() -> None:
    org = OurOrg()
    ids = org.contacts(30)

    async def story() -> None:
        to_write = titles(ids)
        to_write[11] = SalesforceWrite(ids[11], {"Gone__c": "x"})
        outcomes = await org.client.update_with_before("Contact", to_write, ["Title"], purpose="write")
        refused = outcomes.pop(ids[11])
        assert isinstance(refused, Refused)
        assert refused.fields == ("Gone__c",)
        assert all(isinstance(outcome, Written) for outcome in outcomes.values())

    org.run(story())


def test_an_exact_update_is_refused_when_somebody_was_faster() -> None:
    org = OurOrg()
    still, moved = org.contacts(2)
    org.time.pass_us(10_000_000)
    org.person.update("Contact", moved, {"Title": "mine"})
    org.time.pass_us(10_000_000)

    async def story() -> None:
        read_us = START_US + 5_000_000
        first = await org.client.update_exact(
            "Contact", SalesforceWrite(still, {"Title": "x"}), read_us, purpose="write"
        )
        assert isinstance(first, Written)
        late = await org.client.update_exact(
            "Contact", SalesforceWrite(moved, {"Title": "x"}), read_us, purpose="write"
        )
        assert isinstance(late, Refused)
        assert late.code == "PRECONDITION_FAILED"
        assert org.person.get("Contact", moved)["Title"] == "mine"

    org.run(story())


def test_a_create_on_our_key_makes_one_record_however_often_it_is_sent_and_takes_no_edit_back() -> None:
    org = OurOrg().with_creation_key()

    async def story() -> None:
        to_write = [SalesforceCreate(f"1:contacts:{n}", {"LastName": f"New {n}"}) for n in range(450)]
        to_write[3] = SalesforceCreate("1:contacts:3", {"FirstName": "no last name"})
        first = await org.client.create("Contact", KEY, to_write, purpose="write")
        known = first["1:contacts:0"]
        assert isinstance(known, Written)
        org.person.update("Contact", known.id, {"LastName": "typed"})
        again = await org.client.create("Contact", KEY, to_write, purpose="write")
        assert org.person.get("Contact", known.id)["LastName"] == "typed"
        assert len(org.wire.requests) == 2
        refused = first.pop("1:contacts:3")
        assert isinstance(refused, Refused)
        assert (refused.code, refused.fields) == ("REQUIRED_FIELD_MISSING", ("LastName",))
        for key, made in first.items():
            repeated = again[key]
            assert isinstance(made, Written)
            # It is there already: the request came twice, and nobody heard what became of the first time.
            assert isinstance(repeated, Unsettled)

    org.run(story())


def test_contact_roles_are_added_and_taken_away() -> None:
    org = OurOrg()
    [contact] = org.contacts(1)
    deal = org.person.create("Opportunity", {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-12-31"})

    async def story() -> None:
        client = org.client
        fields = {"OpportunityId": deal, "ContactId": contact, "IsPrimary": True}
        rows = [SalesforceInsert("good", fields), SalesforceInsert("bad", {"OpportunityId": deal})]
        outcomes = await client.insert("OpportunityContactRole", rows, purpose="write")
        made = outcomes["good"]
        assert isinstance(made, Written)
        assert isinstance(outcomes["bad"], Refused)
        again = await client.delete("OpportunityContactRole", [made.id], purpose="write")
        assert isinstance(again[made.id], Written)
        gone = (await client.delete("OpportunityContactRole", [made.id], purpose="write"))[made.id]
        assert isinstance(gone, Refused)
        assert gone.gone

    org.run(story())


def test_our_writes_carry_our_name() -> None:
    org = OurOrg()
    ids = org.contacts(1)

    async def story() -> None:
        await org.client.update_with_before("Contact", titles(ids), ["Title"], purpose="write")
        assert "Interlock" in str(org.crm.stats.by_client)

    org.run(story())


# --- when the org says no --------------------------------------------------------------------------------------------


def test_a_write_whose_answer_was_lost_is_unsettled_and_not_repeated() -> None:
    org = OurOrg()
    ids = org.contacts(2)
    org.crm.faults.add({"kind": "timeout_after", "match": {"path_prefix": "/services/data", "times": 1}})

    async def story() -> None:
        outcomes = await org.client.update_with_before("Contact", titles(ids), ["Title"], purpose="write")
        assert {type(outcome) for outcome in outcomes.values()} == {Unsettled}
        assert len(org.wire.requests) == 1
        assert org.person.get("Contact", ids[0])["Title"] == "new 0"

    org.run(story())


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "timeout_before"},
        {"kind": "timeout_after"},
        {"kind": "cut_body"},
        {"kind": "status", "status": 429},
    ],
    ids=lambda fault: str(fault.get("status", fault["kind"])),
)
def test_reads_outlive_passing_trouble(fault: dict[str, Any]) -> None:
    org = OurOrg()
    ids = org.contacts(5)
    org.crm.faults.add({**fault, "match": {"path_prefix": "/services/data", "times": 2}})

    async def story() -> None:
        found = await org.client.retrieve("Contact", ids, ["Email"], purpose="fetch")
        assert sorted(found) == sorted(ids)
        assert len(org.wire.requests) == 3

    org.run(story())


def test_a_partial_failure_settles_every_record() -> None:
    org = OurOrg()
    ids = org.contacts(20)
    org.crm.faults.add({"kind": "partial", "match": {"path_prefix": "/services/data", "times": 1}})

    async def story() -> None:
        outcomes = await org.client.update_with_before("Contact", titles(ids), ["Title"], purpose="write")
        failed = [outcome for outcome in outcomes.values() if isinstance(outcome, Refused)]
        assert failed
        assert all(outcome.retry for outcome in failed)
        assert len(failed) + sum(isinstance(outcome, Written) for outcome in outcomes.values()) == 20

    org.run(story())


def test_a_wrong_token_is_told_at_once() -> None:
    org = OurOrg(token="00D000000000001!wrong")

    async def story() -> None:
        with pytest.raises(SignInRefused) as told:
            await org.client.identity()
        assert told.value.exit_code == 3

    org.run(story())


def test_an_org_whose_day_is_used_up_stops_reads_and_leaves_writes_not_done() -> None:
    org = OurOrg(daily_api_requests=3)
    ids = org.contacts(1)

    async def story() -> None:
        client = org.client
        for _ in range(3):
            await client.retrieve("Contact", ids, ["Email"], purpose="fetch")
        with pytest.raises(BudgetSpent):
            await client.retrieve("Contact", ids, ["Email"], purpose="fetch")
        outcomes = await client.update_with_before("Contact", titles(ids), ["Title"], purpose="write")
        assert isinstance(outcomes[ids[0]], NotDone)

    org.run(story())

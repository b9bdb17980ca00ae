"""Unmodified simple-salesforce against a served Salesforce emulator: what it cannot use is a defect of ours.

It always speaks HTTPS, ends many paths with a slash, and asks for pretty-printed JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce, format_external_id, format_soql
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from crm_emulator.kernel.server import ThrowAwayCa, served_in_thread
from crm_emulator.salesforce import SalesforceEmulator

ADA = {"LastName": "Lovelace", "FirstName": "Ada", "Email": "ada@example.com"}


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[SalesforceEmulator, str, ThrowAwayCa]]:
    emulator, ca = SalesforceEmulator(), ThrowAwayCa()
    with served_in_thread(emulator.app, ca=ca) as url:
        yield emulator, url, ca


@pytest.fixture
def emulator(served: tuple[SalesforceEmulator, str, ThrowAwayCa]) -> SalesforceEmulator:
    served[0].reset()
    return served[0]


@pytest.fixture
def session(served: tuple[SalesforceEmulator, str, ThrowAwayCa]) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False  # neither proxies nor other certificates of the machine it runs on
        session.verify = str(served[2].path)
        yield session


@pytest.fixture
def client(
    emulator: SalesforceEmulator, served: tuple[SalesforceEmulator, str, ThrowAwayCa], session: requests.Session
) -> Any:
    host = served[1].removeprefix("https://")
    return Salesforce(instance=host, session_id=emulator.token, version="67.0", session=session)


class TestRecords:
    def test_a_contact_is_created_read_updated_and_deleted(self, client: Any) -> None:
        made = client.Contact.create(ADA)
        assert made["success"] is True
        id = made["id"]
        assert client.Contact.get(id)["Name"] == "Ada Lovelace"
        assert client.Contact.update(id, {"Title": "Countess"}) == 204
        assert client.Contact.get(id)["Title"] == "Countess"
        assert client.Contact.delete(id) == 204
        with pytest.raises(SalesforceResourceNotFound):
            client.Contact.get(id)

    def test_an_upsert_by_external_id_creates_updates_and_finds(
        self, client: Any, emulator: SalesforceEmulator
    ) -> None:
        emulator.add_custom_field("Contact", "Key__c", external_id=True, unique=True)
        path = format_external_id("Key__c", "hubspot/1:é")
        assert client.Contact.upsert(path, {"LastName": "A"}) == 201
        assert client.Contact.upsert(path, {"LastName": "B"}) == 200
        [found] = client.query("SELECT Id, LastName, Key__c FROM Contact")["records"]
        assert (found["LastName"], found["Key__c"]) == ("B", "hubspot/1:é")
        assert client.Contact.get_by_custom_id("Key__c", "hubspot/1:é")["Id"] == found["Id"]

    def test_a_parent_is_named_by_its_key(self, client: Any, emulator: SalesforceEmulator) -> None:
        emulator.add_custom_field("Account", "Key__c", external_id=True, unique=True)
        account = client.Account.create({"Name": "Acme", "Key__c": "acme"})["id"]
        contact = client.Contact.create({**ADA, "Account": {"Key__c": "acme"}})["id"]
        assert client.Contact.get(contact)["AccountId"] == account

    def test_changes_and_deletes_of_a_span_are_listed(self, client: Any, emulator: SalesforceEmulator) -> None:
        kept, gone = (client.Contact.create({"LastName": name})["id"] for name in "AB")
        client.Contact.delete(gone)
        now = datetime.now(UTC)
        emulator.clock.advance_seconds(120)
        try:
            span = (now - timedelta(days=1), now + timedelta(seconds=120))
            assert client.Contact.updated(*span)["ids"] == [kept]
            assert [one["id"] for one in client.Contact.deleted(*span)["deletedRecords"]] == [gone]
        finally:
            emulator.clock.advance_seconds(-120)

    def test_call_options_may_ride_along(self, client: Any, emulator: SalesforceEmulator) -> None:
        emulator.add_assignment_rule("Lead", "Sales User")
        headers = {"Sforce-Auto-Assign": "FALSE", "Sforce-Call-Options": "client=Interlock"}
        lead = client.Lead.create({"LastName": "L", "Company": "C"}, headers=headers)["id"]
        assert client.Lead.get(lead)["OwnerId"] == emulator.users[0].id
        assert "Interlock" in emulator.stats.by_client


class TestQueries:
    def test_every_page_is_read(self, client: Any, emulator: SalesforceEmulator) -> None:
        ids = emulator.seed({"Contact": [{"LastName": f"P{n:04}"} for n in range(4_100)]})["Contact"]
        soql = "SELECT Id FROM Contact ORDER BY Id"
        first = client.query(soql)
        assert (first["totalSize"], first["done"], len(first["records"])) == (4_100, False, 2_000)
        second = client.query_more(first["nextRecordsUrl"], identifier_is_url=True)
        assert len(second["records"]) == 2_000
        assert [row["Id"] for row in client.query_all(soql)["records"]] == ids
        assert sum(1 for _ in client.query_all_iter(soql)) == 4_100

    def test_deleted_rows_are_seen_where_asked_for(self, client: Any) -> None:
        id = client.Contact.create(ADA)["id"]
        client.Contact.delete(id)
        soql = "SELECT Id, IsDeleted FROM Contact"
        assert client.query(soql)["totalSize"] == 0
        assert client.query(soql, include_deleted=True)["records"][0]["IsDeleted"] is True

    def test_quoted_values_find_what_they_name(self, client: Any) -> None:
        for name in ("O'Neil", "50%_off", 'a "b" \\ c'):
            client.Contact.create({"LastName": name})
            soql = format_soql("SELECT LastName FROM Contact WHERE LastName = {}", name)
            assert [row["LastName"] for row in client.query(soql)["records"]] == [name]
        soql = format_soql("SELECT LastName FROM Contact WHERE LastName IN {}", ["O'Neil", "nobody"])
        assert client.query(soql)["totalSize"] == 1
        soql = format_soql("SELECT LastName FROM Contact WHERE LastName LIKE '{:like}%'", "50%_")
        assert client.query(soql)["totalSize"] == 1
        soql = format_soql("SELECT Id FROM Contact WHERE CreatedDate > {}", datetime.now(UTC) - timedelta(hours=1))
        assert client.query(soql)["totalSize"] == 3

    def test_parents_children_and_groups_are_read(self, client: Any) -> None:
        account = client.Account.create({"Name": "Acme"})["id"]
        client.Contact.create({**ADA, "AccountId": account})
        [row] = client.query("SELECT Name, Account.Name FROM Contact")["records"]
        assert row["Account"]["Name"] == "Acme"
        [row] = client.query("SELECT Name, (SELECT LastName FROM Contacts) FROM Account")["records"]
        assert row["Contacts"]["records"][0]["LastName"] == "Lovelace"
        [row] = client.query("SELECT AccountId, COUNT(Id) n FROM Contact GROUP BY AccountId")["records"]
        assert (row["AccountId"], row["n"]) == (account, 1)
        assert client.query("SELECT COUNT() FROM Contact")["totalSize"] == 1


class TestManyAtOnce:
    def test_collections_keep_order_and_tell_each_failure(self, client: Any) -> None:
        rows = [{"attributes": {"type": "Contact"}, "LastName": f"L{n}"} for n in range(200)]
        rows[7]["Email"] = "badone"
        done = client.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": rows})
        assert [one["success"] for one in done] == [n != 7 for n in range(200)]
        assert done[7]["errors"][0]["statusCode"] == "INVALID_EMAIL_ADDRESS"
        ids = [one["id"] for one in done if one["success"]]
        body = {"ids": ids, "fields": ["LastName"]}
        read = client.restful("composite/sobjects/Contact", method="POST", json=body)
        assert [row["Id"] for row in read] == ids
        gone = client.restful("composite/sobjects", params={"ids": ",".join(ids[:100])}, method="DELETE")
        assert all(one["success"] for one in gone)
        assert client.query("SELECT COUNT() FROM Contact")["totalSize"] == 99

    def test_a_composite_is_one_call(self, client: Any, emulator: SalesforceEmulator) -> None:
        base = "/services/data/v67.0"
        parts = [
            {"method": "POST", "url": f"{base}/sobjects/Account", "referenceId": "acme", "body": {"Name": "Acme"}},
            {
                "method": "POST",
                "url": f"{base}/sobjects/Contact",
                "referenceId": "ada",
                "body": {**ADA, "AccountId": "@{acme.id}"},
            },
        ]
        body = {"allOrNone": True, "compositeRequest": parts}
        done = client.restful("composite", method="POST", json=body)["compositeResponse"]
        assert [one["httpStatusCode"] for one in done] == [201, 201]
        assert emulator.stats.calls == 1


class TestErrors:
    def test_each_kind_of_refusal_is_its_own_exception(self, client: Any, emulator: SalesforceEmulator) -> None:
        with pytest.raises(SalesforceMalformedRequest) as refused:
            client.Contact.create({"FirstName": "Ada"})
        assert refused.value.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
        with pytest.raises(SalesforceMalformedRequest) as refused:
            client.query("SELECT Nope FROM Contact")
        assert refused.value.content[0]["errorCode"] == "INVALID_FIELD"
        with pytest.raises(SalesforceResourceNotFound):
            client.Unicorn.describe()
        emulator.add_custom_field("Contact", "Code__c", external_id=True)
        for name in "AB":
            client.Contact.create({"LastName": name, "Code__c": "same"})
        with pytest.raises(SalesforceMoreThanOneRecord) as several:
            client.Contact.upsert("Code__c/same", {"Title": "T"})
        assert len(several.value.content) == 2

    def test_a_used_up_day_refuses(self, client: Any, emulator: SalesforceEmulator) -> None:
        emulator.config.daily_api_requests = 0
        try:
            with pytest.raises(SalesforceRefusedRequest) as refused:
                client.Contact.create(ADA)
        finally:
            emulator.config.daily_api_requests = None
        assert refused.value.content[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"

    def test_a_session_that_ended_is_told(self, client: Any, emulator: SalesforceEmulator) -> None:
        client.session_id = emulator.issue_token()
        client.headers["Authorization"] = f"Bearer {client.session_id}"
        assert client.query("SELECT Id FROM Contact")["totalSize"] == 0
        emulator.revoke_token(client.session_id)
        with pytest.raises(SalesforceExpiredSession):
            client.query("SELECT Id FROM Contact")

    def test_a_dropped_answer_reaches_the_client_as_a_broken_connection(
        self, client: Any, emulator: SalesforceEmulator
    ) -> None:
        emulator.faults.add({"kind": "timeout_after", "match": {"method": "POST", "times": 1}})
        with pytest.raises(requests.ConnectionError):
            client.Contact.create(ADA)
        assert client.query("SELECT COUNT() FROM Contact")["totalSize"] == 1


class TestTheOrg:
    def test_it_describes_itself(self, client: Any) -> None:
        names = {one["name"] for one in client.describe()["sobjects"]}
        assert {"Account", "Contact", "Lead", "Opportunity"} <= names
        fields = {field["name"]: field for field in client.Contact.describe()["fields"]}
        assert fields["LastName"]["nillable"] is False
        assert client.Contact.metadata()["objectDescribe"]["keyPrefix"] == "003"
        assert client.is_sandbox() is False

    def test_its_limits_are_read_and_use_is_parsed_from_every_answer(self, client: Any) -> None:
        assert client.limits()["DailyApiRequests"]["Max"] == 15_000
        assert client.api_usage["api-usage"].total == 15_000
        used = client.api_usage["api-usage"].used
        client.query("SELECT Id FROM Contact")
        assert client.api_usage["api-usage"].used == used + 1

    def test_a_custom_field_is_made_and_granted(self, client: Any, emulator: SalesforceEmulator) -> None:
        metadata = {"type": "Text", "label": "Key", "length": 64, "externalId": True, "unique": True}
        made = client.toolingexecute(
            "sobjects/CustomField", method="POST", data={"FullName": "Contact.Key__c", "Metadata": metadata}
        )
        assert made["success"] is True
        with pytest.raises(SalesforceMalformedRequest):
            client.Contact.create({**ADA, "Key__c": "k"})
        permission_set = client.PermissionSet.create({"Name": "Sync", "Label": "Sync"})["id"]
        client.FieldPermissions.create(
            {
                "ParentId": permission_set,
                "SobjectType": "Contact",
                "Field": "Contact.Key__c",
                "PermissionsRead": True,
                "PermissionsEdit": True,
            }
        )
        client.PermissionSetAssignment.create({"AssigneeId": emulator.users[0].id, "PermissionSetId": permission_set})
        assert client.Contact.create({**ADA, "Key__c": "k"})["success"] is True

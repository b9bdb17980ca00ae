"""Person accounts: one person as an account and a contact, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller

from crm_emulator.salesforce import ApiError


@pytest.fixture
def people(org: Caller) -> Caller:
    org.emulator.enable_person_accounts()
    return org


def person(org: Caller, **fields: Any) -> str:
    [row] = org.soql("SELECT Id FROM RecordType WHERE SobjectType = 'Account' AND IsPersonType = true")
    return org.create("Account", **{"RecordTypeId": row["Id"], "LastName": "Lovelace", **fields})


def other_half(org: Caller, account: str) -> dict[str, Any]:
    return org.row("Contact", str(org.row("Account", account)["PersonContactId"]))


def refusal(answer: Any) -> tuple[str, str, list[str]]:
    assert answer.status == 400
    [error] = answer.json
    return error["errorCode"], error["message"], error.get("fields", [])


def test_an_org_without_them_has_none_of_their_fields(org: Caller) -> None:
    names = {field["name"] for field in org.call("GET", "/sobjects/Account/describe").json["fields"]}
    assert not {"IsPersonAccount", "PersonContactId", "PersonEmail", "LastName"} & names
    assert org.refused("SELECT IsPersonAccount FROM Contact") == "INVALID_FIELD"


def test_what_one_org_has_another_does_not(people: Caller) -> None:
    people.emulator.enable_currencies()
    people.emulator.enable_state_and_country_picklists()
    people.emulator.make_dependent("Account", "Rating", "Industry", {"Energy": ("Hot",)})
    other = Caller()
    described = {name: other.call("GET", f"/sobjects/{name}/describe").json for name in ("Account", "Lead", "Contact")}
    fields = {field["name"]: field for field in described["Account"]["fields"]}
    assert (fields["Name"]["nillable"], fields["Rating"]["dependentPicklist"]) == (False, False)
    assert {"LastName", "CurrencyIsoCode", "BillingCountryCode"} & set(fields) == set()
    company = next(field for field in described["Lead"]["fields"] if field["name"] == "Company")
    assert company["nillable"] is False
    assert other.call("POST", "/sobjects/Account", {"Phone": "1"}).error == (400, "REQUIRED_FIELD_MISSING")


def test_the_describe_is_that_of_a_recorded_person_account_org(people: Caller) -> None:
    # SFDO-Tooling/CumulusCI, Account describe of a person-account org, v59 (BSD-3-Clause).
    shown = people.call("GET", "/sobjects/Account/describe").json
    fields = {field["name"]: field for field in shown["fields"]}
    assert (fields["Name"]["nillable"], fields["Name"]["createable"]) == (True, True)
    assert (fields["IsPersonAccount"]["createable"], fields["IsPersonAccount"]["updateable"]) == (False, False)
    assert (fields["PersonContactId"]["referenceTo"], fields["PersonContactId"]["createable"]) == (["Contact"], False)
    assert (fields["PersonEmail"]["type"], fields["PersonEmail"]["length"]) == ("email", 80)
    assert fields["LastName"]["extraTypeInfo"] == "switchablepersonname"
    names = [info["developerName"] for info in shown["recordTypeInfos"]]
    assert names == ["Business_Account", "PersonAccount", "Master"]


class TestBothHalves:
    def test_a_person_account_has_a_contact_with_the_same_values(self, people: Caller) -> None:
        # SOAP API guide, Person Account Record Types: "a corresponding contact record is also created".
        account = person(people, FirstName="Ada", PersonEmail="ADA@example.com", PersonMailingCity="London", Phone="1")
        row = people.row("Account", account)
        assert (row["Name"], row["IsPersonAccount"], row["PersonEmail"]) == ("Ada Lovelace", True, "ada@example.com")
        assert row["PersonMailingAddress"]["city"] == "London"
        contact = other_half(people, account)
        assert (contact["IsPersonAccount"], contact["AccountId"], contact["Name"]) == (True, account, "Ada Lovelace")
        assert (contact["Email"], contact["MailingCity"], contact["Phone"]) == ("ada@example.com", "London", "1")
        assert people.soql("SELECT Id FROM Contact WHERE Email = 'ada@example.com'") == [{"Id": contact["Id"]}]
        found = people.soql("SELECT PersonContact.Email FROM Account WHERE PersonEmail = 'ada@example.com'")
        assert found == [{"PersonContact": {"Email": "ada@example.com"}}]

    def test_an_edit_of_either_half_is_in_both_and_stamps_both(self, people: Caller) -> None:
        # Change Data Capture guide: "updating a person account results in two change events".
        account = person(people)
        people.pass_seconds(60)
        people.call("PATCH", f"/sobjects/Account/{account}", {"FirstName": "Ada", "PersonTitle": "Countess"})
        contact = other_half(people, account)
        assert (contact["FirstName"], contact["Title"], contact["Name"]) == ("Ada", "Countess", "Ada Lovelace")
        assert contact["LastModifiedDate"] == people.row("Account", account)["LastModifiedDate"]
        people.pass_seconds(60)
        body = {"LastName": "Byron", "HomePhone": "2", "HasOptedOutOfEmail": True}
        people.call("PATCH", f"/sobjects/Contact/{contact['Id']}", body)
        row = people.row("Account", account)
        assert (row["Name"], row["PersonHomePhone"], row["PersonHasOptedOutOfEmail"]) == ("Ada Byron", "2", True)
        assert row["SystemModstamp"] == "2026-05-28T20:28:40.000+0000"
        people.call("PATCH", f"/sobjects/Account/{account}", {"PersonTitle": None})
        assert other_half(people, account)["Title"] is None

    def test_a_custom_field_of_contacts_is_a_pc_field_of_accounts(self, people: Caller) -> None:
        # Recorded: Level__pc, Gender__pc; "Contact: Member_Status__c ... Account gains Member_Status__pc".
        people.emulator.add_custom_field("Contact", "Level__c", "Picklist", picklist=("Gold", "Silver"))
        account = person(people, Level__pc="Gold")
        assert other_half(people, account)["Level__c"] == "Gold"
        people.call("PATCH", f"/sobjects/Contact/{other_half(people, account)['Id']}", {"Level__c": "Silver"})
        assert people.soql("SELECT Id FROM Account WHERE Level__pc = 'Silver'") == [{"Id": account}]
        refused = people.call("PATCH", f"/sobjects/Account/{account}", {"Level__pc": "Tin"})
        assert refused.error[1] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"

    def test_a_pc_field_is_seen_by_who_sees_the_contacts(self, people: Caller) -> None:
        people.emulator.add_custom_field("Contact", "Level__c", visible=False)
        assert people.refused("SELECT Level__pc FROM Account") == "INVALID_FIELD"
        [row] = people.soql("SELECT Id FROM PermissionSet WHERE Profile.Name = 'System Administrator'")
        grant = {"ParentId": row["Id"], "SobjectType": "Contact", "Field": "Contact.Level__c"}
        people.create("FieldPermissions", **grant, PermissionsRead=True, PermissionsEdit=True)
        assert people.soql("SELECT Level__pc FROM Account") == []

    def test_a_last_name_alone_makes_a_person_and_a_name_alone_a_business(self, people: Caller) -> None:
        assert people.row("Account", people.create("Account", LastName="L"))["IsPersonAccount"] is True
        assert people.row("Account", people.create("Account", Name="Acme"))["IsPersonAccount"] is False

    def test_rules_and_automation_of_accounts_count_and_those_of_contacts_do_not(self, people: Caller) -> None:
        # "Inserts, updates, and deletes on Person Accounts fire Account triggers, not Contact triggers" (chunwuglobal.com);
        # person fields are "available as merge fields in account validation rules" (Salesforce help).
        people.emulator.add_validation_rule("Contact", lambda values: True, "Never.")
        people.emulator.add_automation("Contact", "Department", lambda values: "Touched")
        people.emulator.add_validation_rule("Account", lambda values: values.get("PersonTitle") == "X", "No X.")
        people.emulator.add_automation("Account", "Site", lambda values: f"of {values.get('LastName')}")
        account = person(people)
        contact = other_half(people, account)
        assert (people.row("Account", account)["Site"], contact["Department"]) == ("of Lovelace", None)
        for kind, id, field in (("Account", account, "PersonTitle"), ("Contact", contact["Id"], "Title")):
            refused = people.call("PATCH", f"/sobjects/{kind}/{id}", {field: "X"})
            assert refusal(refused)[:2] == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No X.")
            assert other_half(people, account)["Title"] is None
        people.call("PATCH", f"/sobjects/Contact/{contact['Id']}", {"LastName": "Byron"})
        assert people.row("Account", account)["Site"] == "of Byron"

    def test_a_refused_half_refuses_the_whole_and_in_a_collection_only_its_record(self, people: Caller) -> None:
        people.emulator.add_custom_field("Contact", "Key__c", unique=True)
        people.create("Contact", LastName="Holder", Key__c="k")
        rows = [{"LastName": "L", "Key__pc": "k"}, {"LastName": "M", "Key__pc": "free"}]
        assert people.call("POST", "/sobjects/Account", rows[0]).error == (400, "DUPLICATE_VALUE")
        assert [one["success"] for one in people.collection("POST", rows, "Account").json] == [False, True]
        assert people.soql("SELECT Name FROM Account") == [{"Name": "M"}]
        assert {entry.object for entry in people.emulator.journal.entries()} == {"Account", "Contact"}
        assert len({entry.id for entry in people.emulator.journal.entries()}) == 3


class TestRefused:
    def test_the_name_of_a_person_and_person_fields_of_a_business(self, people: Caller) -> None:
        # knowledge.validity.com, DupeBlocker: "Account: bad field names on insert/update call: Name: [Name]".
        account = person(people)
        assert refusal(people.call("PATCH", f"/sobjects/Account/{account}", {"Name": "X"})) == (
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Account: bad field names on insert/update call: Name",
            ["Name"],
        )
        business = people.create("Account", Name="Acme")
        body = {"PersonEmail": "a@example.com", "FirstName": "A"}
        assert refusal(people.call("PATCH", f"/sobjects/Account/{business}", body)) == (
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Account: bad field names on insert/update call: PersonEmail, FirstName",
            ["PersonEmail", "FirstName"],
        )

    def test_what_each_kind_needs(self, people: Caller) -> None:
        [row] = people.soql("SELECT Id FROM RecordType WHERE IsPersonType = true")
        for body, missing in (({"Phone": "1"}, "Name"), ({"RecordTypeId": row["Id"], "FirstName": "A"}, "LastName")):
            assert refusal(people.call("POST", "/sobjects/Account", body)) == (
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{missing}]",
                [missing],
            )
        account = person(people)
        assert people.call("PATCH", f"/sobjects/Account/{account}", {"LastName": None}).error[1] == (
            "REQUIRED_FIELD_MISSING"
        )

    def test_a_second_contact_and_the_deletion_of_its_own(self, people: Caller) -> None:
        # Person Account Record Types: "the only contact record that can be associated directly with the person account";
        # its contact may be modified, not created or deleted.
        account = person(people)
        refused = people.call("POST", "/sobjects/Contact", {"LastName": "L", "AccountId": account})
        assert refused.error == (400, "FIELD_INTEGRITY_EXCEPTION")
        contact = other_half(people, account)["Id"]
        refused = people.call("DELETE", f"/sobjects/Contact/{contact}")
        assert refused.error == (400, "INSUFFICIENT_ACCESS_OR_READONLY")
        assert people.row("Contact", contact)["IsDeleted"] is False

    def test_another_record_type_or_account_of_its_contact(self, people: Caller) -> None:
        # Salesforce help 005305352: "RecordTypeId cannot be updated on the Person Contact entity".
        type_id = people.emulator.add_record_type("Contact", "Other")
        business = people.create("Account", Name="Acme")
        contact = other_half(people, person(people))["Id"]
        for body in ({"RecordTypeId": type_id}, {"AccountId": business}):
            assert refusal(people.call("PATCH", f"/sobjects/Contact/{contact}", body))[:2] == (
                "INSUFFICIENT_ACCESS_OR_READONLY",
                "insufficient access rights on object id",
            )


class TestDeletesAndMerges:
    def test_the_account_takes_its_contact_along_and_brings_it_back(self, people: Caller) -> None:
        account = person(people)
        contact = other_half(people, account)["Id"]
        people.user.delete("Account", account)
        assert people.soql("SELECT Id FROM Contact") == []
        people.user.undelete("Account", account)
        assert other_half(people, account)["Id"] == contact

    def test_persons_are_merged_with_persons_and_their_contacts_go_along(self, people: Caller) -> None:
        winner, loser, business = person(people), person(people), people.create("Account", Name="Acme")
        kept, lost = (other_half(people, account)["Id"] for account in (winner, loser))
        task = people.create("Task", Subject="Call", WhoId=lost)
        for kind, ids in (("Account", (winner, business)), ("Contact", (kept, lost))):
            with pytest.raises(ApiError, match="INVALID_OPERATION"):
                people.user.merge(kind, *ids)
        people.user.merge("Account", winner, loser)
        rows = people.soql("SELECT Id, MasterRecordId FROM Contact WHERE IsDeleted = true", deleted=True)
        assert rows == [{"Id": lost, "MasterRecordId": kept}]
        assert people.row("Task", task)["WhoId"] == kept
        assert other_half(people, winner)["Id"] == kept
        people.user.undelete("Account", loser)
        assert (other_half(people, loser)["Id"], other_half(people, loser)["AccountId"]) == (lost, loser)


class TestMarryingAndSeparating:
    def types(self, org: Caller) -> dict[bool, str]:
        rows = org.soql("SELECT Id, IsPersonType FROM RecordType WHERE SobjectType = 'Account'")
        return {row["IsPersonType"]: row["Id"] for row in rows}

    def test_a_business_with_one_contact_becomes_that_person_and_a_business_again(self, people: Caller) -> None:
        # "You can change an account's record type across record type families" (Person Account Record Types).
        account = people.create("Account", Name="Acme")
        contact = people.create("Contact", LastName="L", FirstName="F", Email="f@example.com", AccountId=account)
        types = self.types(people)
        assert people.call("PATCH", f"/sobjects/Account/{account}", {"RecordTypeId": types[True]}).status == 204
        row = people.row("Account", account)
        assert (row["Name"], row["PersonContactId"], row["PersonEmail"]) == ("F L", contact, "f@example.com")
        assert people.row("Contact", contact)["IsPersonAccount"] is True
        assert people.call("PATCH", f"/sobjects/Account/{account}", {"RecordTypeId": types[False]}).status == 204
        row = people.row("Account", account)
        assert (row["IsPersonAccount"], row["PersonContactId"], row["PersonEmail"]) == (False, None, None)
        assert people.row("Contact", contact)["AccountId"] == account
        assert people.row("Contact", contact)["IsPersonAccount"] is False

    def test_with_another_field_it_is_refused(self, people: Caller) -> None:
        # Quoted by users: "Cannot specify any additional fields when marrying or separating a Person-Account: []".
        account = people.create("Account", Name="Acme")
        body = {"RecordTypeId": self.types(people)[True], "Phone": "1"}
        assert refusal(people.call("PATCH", f"/sobjects/Account/{account}", body)) == (
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Cannot specify any additional fields when marrying or separating a Person-Account",
            [],
        )

    def test_two_contacts_are_too_many(self, people: Caller) -> None:
        account = people.create("Account", Name="Acme")
        for _ in range(2):
            people.create("Contact", LastName="L", AccountId=account)
        refused = people.call("PATCH", f"/sobjects/Account/{account}", {"RecordTypeId": self.types(people)[True]})
        assert refused.status == 400
        assert people.row("Account", account)["IsPersonAccount"] is False


class TestLeadConversion:
    def test_a_lead_without_a_company_becomes_a_person_account(self, people: Caller) -> None:
        # Salesforce help: with person accounts a lead's company is optional, and without it a person account is made.
        lead = people.create("Lead", LastName="Lovelace", FirstName="Ada", Email="ada@example.com")
        done = people.user.convert_lead(lead)
        row = people.row("Account", done.account_id)
        assert (row["IsPersonAccount"], row["PersonContactId"]) == (True, done.contact_id)
        assert (row["PersonEmail"], row["Name"]) == ("ada@example.com", "Ada Lovelace")
        assert people.row("Lead", lead)["ConvertedContactId"] == done.contact_id

    def test_an_existing_person_is_converted_into_without_naming_its_contact(self, people: Caller) -> None:
        account = person(people)
        lead = people.create("Lead", LastName="L", Email="ada@example.com")
        done = people.user.convert_lead(lead, account=account)
        assert (done.account_id, done.contact_id) == (account, other_half(people, account)["Id"])
        assert people.row("Account", account)["PersonEmail"] == "ada@example.com"
        assert len(people.soql("SELECT Id FROM Contact")) == 1

    def test_a_lead_with_a_company_becomes_a_business(self, people: Caller) -> None:
        done = people.user.convert_lead(people.create("Lead", LastName="L", Company="Engines"))
        assert people.row("Account", done.account_id)["IsPersonAccount"] is False

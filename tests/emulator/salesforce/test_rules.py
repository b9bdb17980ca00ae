"""What an administrator sets up gets in the way of a save: rules, automation, rights, locks."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller

LEAD = {"LastName": "L", "Company": "C"}


class TestUnique:
    @pytest.fixture
    def keyed(self, org: Caller) -> Caller:
        org.emulator.add_custom_field("Contact", "Key__c", external_id=True, unique=True)
        return org

    def test_a_value_in_use_is_refused_with_the_id_of_who_uses_it(self, keyed: Caller) -> None:
        holder = keyed.create("Contact", LastName="A", Key__c="k")
        refused = keyed.call("POST", "/sobjects/Contact", {"LastName": "B", "Key__c": " K "})
        assert refused.error == (400, "DUPLICATE_VALUE")
        assert refused.json[0]["message"] == (
            f"duplicate value found: Key__c duplicates value on record with id: {holder[:15]}"
        )
        assert keyed.call("PATCH", f"/sobjects/Contact/{holder}", {"Key__c": "K"}).status == 204

    def test_blank_is_not_a_value(self, keyed: Caller) -> None:
        keyed.create("Contact", LastName="A", Key__c="")
        keyed.create("Contact", LastName="B", Key__c=None)

    def test_two_records_of_one_call_cannot_share_a_value(self, keyed: Caller) -> None:
        done = keyed.collection("POST", [{"LastName": "A", "Key__c": "k"}, {"LastName": "B", "Key__c": "k"}]).json
        assert [one["success"] for one in done] == [True, False]

    def test_a_value_given_up_is_free_at_once(self, keyed: Caller) -> None:
        first = keyed.create("Contact", LastName="A", Key__c="k")
        second = keyed.create("Contact", LastName="B")
        rows = [{"id": first, "Key__c": None}, {"id": second, "Key__c": "k"}]
        assert all(one["success"] for one in keyed.collection("PATCH", rows).json)

    def test_a_case_sensitive_field_tells_cases_apart(self, org: Caller) -> None:
        org.emulator.add_custom_field("Contact", "Code__c", external_id=True, unique=True, case_sensitive=True)
        org.create("Contact", LastName="A", Code__c="k")
        org.create("Contact", LastName="B", Code__c="K")
        assert org.soql("SELECT LastName FROM Contact WHERE Code__c = 'K'") == [{"LastName": "B"}]


class TestValidationRules:
    def test_the_administrators_words_are_the_message(self, org: Caller) -> None:
        rule = org.emulator.add_validation_rule(
            "Contact", lambda values: values.get("Title") == "Nobody", "A title is needed.", field="Title"
        )
        refused = org.call("POST", "/sobjects/Contact", {"LastName": "L", "Title": "Nobody"})
        assert refused.json == [
            {
                "message": "A title is needed.",
                "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                "fields": ["Title"],
            }
        ]
        rule.active = False
        assert org.create("Contact", LastName="L", Title="Nobody")

    def test_it_judges_the_row_as_it_would_be_even_where_an_old_value_is_at_fault(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L", Title="Nobody")
        org.emulator.add_validation_rule("Contact", lambda values: values.get("Title") == "Nobody", "No.")
        assert org.call("PATCH", f"/sobjects/Contact/{id}", {"Phone": "1"}).error[1] == (
            "FIELD_CUSTOM_VALIDATION_EXCEPTION"
        )
        assert org.call("PATCH", f"/sobjects/Contact/{id}", {"Title": None, "Phone": "1"}).status == 204

    def test_people_meet_it_too(self, org: Caller) -> None:
        org.emulator.add_validation_rule("Account", lambda values: not values.get("Phone"), "Phone first.")
        with pytest.raises(Exception, match="Phone first"):
            org.user.create("Account", {"Name": "Acme"})
        assert org.user.ids("Account") == []


class TestDuplicateRules:
    def test_a_duplicate_is_refused_with_whom_it_matches(self, org: Caller) -> None:
        org.emulator.add_duplicate_rule("Contact", "Email")
        first = org.create("Contact", LastName="A", Email="a@example.com")
        refused = org.call("POST", "/sobjects/Contact", {"LastName": "B", "Email": "A@example.com"})
        assert refused.error == (400, "DUPLICATES_DETECTED")
        error = refused.json[0]
        assert error["message"] == (
            "You're creating a duplicate record. We recommend you use an existing record instead."
        )
        result = error["duplicateResult"]
        assert (result["allowSave"], result["duplicateRule"]) == (True, "Standard_Contact_Duplicate_Rule")
        [match] = result["matchResults"][0]["matchRecords"]
        assert match["record"]["Id"] == first

    def test_a_warning_may_be_overridden_and_a_block_may_not(self, org: Caller) -> None:
        rule = org.emulator.add_duplicate_rule("Contact", "Email")
        org.create("Contact", LastName="A", Email="a@example.com")
        body = {"LastName": "B", "Email": "a@example.com"}
        headers = {"Sforce-Duplicate-Rule-Header": "allowSave=true; runAsCurrentUser=true"}
        assert org.call("POST", "/sobjects/Contact", body, headers=headers).status == 201
        rule.block = True
        assert org.call("POST", "/sobjects/Contact", body, headers=headers).error[1] == "DUPLICATES_DETECTED"

    def test_in_a_collection_it_is_one_records_refusal(self, org: Caller) -> None:
        org.emulator.add_duplicate_rule("Contact", "LastName", "Email")
        org.create("Contact", LastName="A", Email="a@example.com")
        rows = [{"LastName": "a", "Email": "a@example.com"}, {"LastName": "B", "Email": "a@example.com"}]
        done = org.collection("POST", rows).json
        assert [one["success"] for one in done] == [False, True]
        assert done[0]["errors"][0]["statusCode"] == "DUPLICATES_DETECTED"


class TestAssignmentRules:
    @pytest.fixture
    def ruled(self, org: Caller) -> Caller:
        org.emulator.add_assignment_rule("Lead", "Sales User", lambda values: values.get("Country") == "IT")
        return org

    def owner(self, org: Caller, id: str) -> str:
        row = org.soql(f"SELECT Owner.Name FROM Lead WHERE Id = '{id}'")[0]
        return str(row["Owner"]["Name"])

    def test_a_lead_is_given_away_on_create_whatever_owner_was_named(self, ruled: Caller) -> None:
        admin = ruled.emulator.user("Admin User").id
        id = ruled.create("Lead", **LEAD, Country="IT", OwnerId=admin)
        assert self.owner(ruled, id) == "Sales User"
        assert self.owner(ruled, ruled.create("Lead", **LEAD, Country="DE", OwnerId=admin)) == "Admin User"

    def test_every_update_gives_it_away_again(self, ruled: Caller) -> None:
        id = ruled.create("Lead", **LEAD, Country="IT")
        ruled.user.update("Lead", id, {"OwnerId": ruled.emulator.user("Admin User").id})
        assert self.owner(ruled, id) == "Admin User"
        ruled.call("PATCH", f"/sobjects/Lead/{id}", {"Title": "T"})
        assert self.owner(ruled, id) == "Sales User"

    @pytest.mark.parametrize("value", ["FALSE", "false"])
    def test_unless_the_call_says_false(self, ruled: Caller, value: str) -> None:
        headers = {"Sforce-Auto-Assign": value}
        made = ruled.call("POST", "/sobjects/Lead", {**LEAD, "Country": "IT"}, headers=headers).json
        assert self.owner(ruled, made["id"]) == "Integration User"
        body = {"records": [{"attributes": {"type": "Lead"}, "id": made["id"], "Title": "T"}]}
        ruled.call("PATCH", "/composite/sobjects", body, headers=headers)
        assert self.owner(ruled, made["id"]) == "Integration User"


class TestAutomation:
    def test_a_flow_rewrites_what_was_written(self, org: Caller) -> None:
        org.emulator.add_automation("Contact", "Phone", lambda values: (values.get("Phone") or "").replace("+", "00"))
        id = org.create("Contact", LastName="L", Phone="+39 1")
        assert org.row("Contact", id)["Phone"] == "0039 1"
        [phone] = [entry for entry in org.emulator.journal.entries() if entry.field == "Phone"]
        assert phone.new == "0039 1"

    def test_it_runs_whatever_field_is_written_and_may_be_for_updates_only(self, org: Caller) -> None:
        org.emulator.add_automation("Contact", "Department", lambda values: "Touched", on=("update",))
        id = org.create("Contact", LastName="L")
        assert org.row("Contact", id)["Department"] is None
        org.call("PATCH", f"/sobjects/Contact/{id}", {"Title": "T"})
        assert org.row("Contact", id)["Department"] == "Touched"

    def test_what_it_writes_is_judged_by_validation_rules(self, org: Caller) -> None:
        org.emulator.add_automation("Contact", "Title", lambda values: "Boss")
        org.emulator.add_validation_rule("Contact", lambda values: values.get("Title") == "Boss", "No bosses.")
        assert org.call("POST", "/sobjects/Contact", {"LastName": "L"}).json[0]["message"] == "No bosses."


class TestFieldLevelSecurity:
    def test_a_hidden_field_does_not_exist_for_that_user_alone(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L", Birthdate="1990-01-01")
        org.emulator.set_field_permission("Sales User", "Contact", "Birthdate", read=False, edit=False)
        assert org.row("Contact", id)["Birthdate"] == "1990-01-01"
        org.token = org.emulator.issue_token("Sales User")
        assert "Birthdate" not in org.row("Contact", id)
        assert org.refused("SELECT Birthdate FROM Contact") == "INVALID_FIELD"
        assert org.refused("SELECT Id FROM Contact WHERE Birthdate = null") == "INVALID_FIELD"
        names = {field["name"] for field in org.call("GET", "/sobjects/Contact/describe").json["fields"]}
        assert "Birthdate" not in names
        refused = org.call("PATCH", f"/sobjects/Contact/{id}", {"Birthdate": None})
        assert refused.error == (400, "INVALID_FIELD")

    def test_a_field_to_read_only_is_refused_on_write_and_nothing_is_saved(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        org.emulator.set_field_permission("Sales User", "Contact", "Title", read=True, edit=False)
        org.token = org.emulator.issue_token("Sales User")
        rows = [{"id": id, "Title": "T", "Phone": "1"}]
        [done] = org.collection("PATCH", rows).json
        assert done["errors"][0]["statusCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
        assert done["errors"][0]["fields"] == ["Title"]
        assert (org.row("Contact", id)["Title"], org.row("Contact", id)["Phone"]) == (None, None)


class TestObjectPermissions:
    def test_an_object_without_read_is_not_there_for_that_user_alone(self, org: Caller) -> None:
        org.emulator.set_object_permission("Sales User", "Opportunity", read=False)
        assert org.call("GET", "/sobjects/Opportunity/describe").status == 200
        org.token = org.emulator.issue_token("Sales User")
        names = {each["name"] for each in org.call("GET", "/sobjects").json["sobjects"]}
        assert "Opportunity" not in names
        assert org.call("GET", "/sobjects/Opportunity/describe").error == (404, "NOT_FOUND")
        assert org.refused("SELECT Id FROM Opportunity") == "INVALID_TYPE"

    def test_who_may_not_read_accounts_reads_neither_contacts_nor_opportunities(self, org: Caller) -> None:
        org.emulator.set_object_permission("Sales User", "Account", read=False)
        org.token = org.emulator.issue_token("Sales User")
        names = {each["name"] for each in org.call("GET", "/sobjects").json["sobjects"]}
        assert not {"Account", "Contact", "Opportunity"} & names
        assert "Lead" in names

    def test_who_may_read_only_is_told_so_and_refused_a_write(self, org: Caller) -> None:
        id = org.create("Account", Name="Acme")
        org.emulator.set_object_permission("Sales User", "Account", create=False, edit=False)
        org.token = org.emulator.issue_token("Sales User")
        described = org.call("GET", "/sobjects/Account/describe").json
        assert (described["queryable"], described["createable"], described["updateable"]) == (True, False, False)
        assert org.call("POST", "/sobjects/Account", {"Name": "Other"}).status == 400
        assert org.call("PATCH", f"/sobjects/Account/{id}", {"Name": "Other"}).status == 400
        assert org.row("Account", id)["Name"] == "Acme"


class TestLocks:
    def test_a_locked_row_is_refused_as_often_as_it_is_locked(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        org.emulator.lock_row(id, times=2)
        for _ in range(2):
            refused = org.call("PATCH", f"/sobjects/Contact/{id}", {"Title": "T"})
            assert refused.error == (400, "UNABLE_TO_LOCK_ROW")
            assert refused.json[0]["message"] == (
                f"unable to obtain exclusive access to this record or 1 records: {id}"
            )
        assert org.call("PATCH", f"/sobjects/Contact/{id}", {"Title": "T"}).status == 204

    def test_a_locked_parent_refuses_its_children_and_nobody_elses(self, org: Caller) -> None:
        locked, other = org.create("Account", Name="A"), org.create("Account", Name="B")
        rows: list[dict[str, Any]] = [{"LastName": "L", "AccountId": parent} for parent in (locked, other, locked)]
        ids = [one["id"] for one in org.collection("POST", rows).json]
        org.emulator.lock_row(locked)
        done = org.collection("PATCH", [{"id": id, "Title": "T"} for id in ids]).json
        assert [one["success"] for one in done] == [False, True, False]
        assert done[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
        org.emulator.unlock_row(locked)
        assert org.collection("PATCH", [{"id": ids[0], "Title": "T"}]).json[0]["success"]

    def test_deletes_and_merges_need_the_lock_too(self, org: Caller) -> None:
        first, second = (org.create("Contact", LastName="L") for _ in range(2))
        org.emulator.lock_row(second)
        assert org.call("DELETE", f"/sobjects/Contact/{second}").error == (400, "UNABLE_TO_LOCK_ROW")
        with pytest.raises(Exception, match="UNABLE_TO_LOCK_ROW"):
            org.user.merge("Contact", first, second)
        assert len(org.user.ids("Contact")) == 2

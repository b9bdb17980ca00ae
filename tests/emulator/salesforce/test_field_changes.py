"""Formula fields, and what becomes of a field that records already have: renamed, relabelled, retyped, removed, hidden."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller

from crm_emulator.salesforce import ApiError
from crm_emulator.salesforce.formulas import BadFormula


def described(org: Caller, name: str) -> dict[str, Any] | None:
    fields = org.call("GET", "/sobjects/Contact/describe").json["fields"]
    return next((field for field in fields if field["name"] == name), None)


class TestFormulas:
    def test_a_cross_object_formula_changes_and_no_stamp_of_its_record_moves(self, org: Caller) -> None:
        # HubSpot's knowledge base: a change on another record that feeds a cross-object formula triggers no sync; formula
        # values are not in change events (Change Data Capture guide).
        org.emulator.add_formula("Contact", "Company__c", "Account.Name")
        account = org.create("Account", Name="Acme")
        contact = org.create("Contact", LastName="L", AccountId=account)
        before = org.row("Contact", contact)
        assert before["Company__c"] == "Acme"
        org.pass_seconds(60)
        org.call("PATCH", f"/sobjects/Account/{account}", {"Name": "Ajax"})
        after = org.row("Contact", contact)
        assert after["Company__c"] == "Ajax"
        assert {name for name in after if after[name] != before[name]} == {"Company__c"}
        assert org.soql(f"SELECT Id FROM Contact WHERE SystemModstamp > {before['SystemModstamp']}") == []
        assert org.soql("SELECT Id FROM Contact WHERE Company__c = 'ajax'") == [{"Id": contact}]
        assert [entry.object for entry in org.emulator.journal.entries() if entry.field == "Company__c"] == []

    def test_a_change_on_the_record_itself_is_a_write_like_any_other(self, org: Caller) -> None:
        org.emulator.add_formula("Contact", "Greeting__c", '"Dear " & FirstName & " (" & Account.Name & ")"')
        contact = org.create("Contact", LastName="L", FirstName="Ada")
        assert org.row("Contact", contact)["Greeting__c"] == "Dear Ada ()"
        org.pass_seconds(60)
        org.call("PATCH", f"/sobjects/Contact/{contact}", {"FirstName": "Eve"})
        row = org.row("Contact", contact)
        assert (row["Greeting__c"], row["SystemModstamp"]) == ("Dear Eve ()", "2026-05-28T20:27:40.000+0000")

    def test_numbers_are_worked_out_and_blank_is_zero(self, org: Caller) -> None:
        org.emulator.add_formula("Opportunity", "Share__c", "(Amount + 10) * 2 / 4", "Number")
        deal = {"Name": "D", "StageName": "S", "CloseDate": "2026-06-01"}
        assert org.row("Opportunity", org.create("Opportunity", **deal, Amount=90))["Share__c"] == 50.0
        assert org.row("Opportunity", org.create("Opportunity", **deal))["Share__c"] == 5.0

    def test_it_is_described_as_calculated_and_cannot_be_written(self, org: Caller) -> None:
        org.emulator.add_formula("Contact", "Company__c", "Account.Name")
        field = described(org, "Company__c") or {}
        assert (field["calculated"], field["calculatedFormula"]) == (True, "Account.Name")
        assert (field["createable"], field["updateable"], field["type"]) == (False, False, "string")
        refused = org.call("POST", "/sobjects/Contact", {"LastName": "L", "Company__c": "x"})
        assert refused.error == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")

    @pytest.mark.parametrize("formula", ["Nope", "Account.Nope", "Nope.Name", "1 +", "(1", "1 1", "#"])
    def test_what_cannot_be_read_is_no_formula(self, org: Caller, formula: str) -> None:
        with pytest.raises(BadFormula):
            org.emulator.add_formula("Contact", "Bad__c", formula)


class TestRenamed:
    def test_the_old_name_is_gone_and_values_and_grants_are_under_the_new_one(self, org: Caller) -> None:
        field_id = org.emulator.add_custom_field("Contact", "Old__c", visible=False)
        [row] = org.soql("SELECT Id FROM PermissionSet WHERE Profile.Name = 'System Administrator'")
        grant = {"ParentId": row["Id"], "SobjectType": "Contact", "Field": "Contact.Old__c"}
        org.create("FieldPermissions", **grant, PermissionsRead=True, PermissionsEdit=True)
        contact = org.create("Contact", LastName="L", Old__c="kept")
        org.pass_seconds(60)
        org.emulator.rename_field("Contact", "Old__c", "New__c")
        assert org.refused("SELECT Old__c FROM Contact") == "INVALID_FIELD"
        assert org.call("PATCH", f"/sobjects/Contact/{contact}", {"Old__c": "x"}).error == (400, "INVALID_FIELD")
        row = org.row("Contact", contact)
        assert (row["New__c"], row["SystemModstamp"]) == ("kept", "2026-05-28T20:26:40.000+0000")
        assert org.emulator.org.field_ids[field_id] == ("Contact", "New__c")
        org.call("PATCH", f"/sobjects/Contact/{contact}", {"New__c": "changed"})
        assert org.row("Contact", contact)["New__c"] == "changed"

    def test_another_label_is_no_other_field(self, org: Caller) -> None:
        org.emulator.add_custom_field("Contact", "Key__c", label="Key")
        org.emulator.relabel_field("Contact", "Key__c", "Code")
        assert (described(org, "Key__c") or {})["label"] == "Code"
        refused = org.call("POST", "/sobjects/Contact", {"LastName": "L", "Key__c": "x" * 256})
        assert refused.json[0]["message"].startswith("Code: data value too large")


class TestRetyped:
    # What is kept and lost: Salesforce help, Considerations for Converting the Field Type of a Custom Field.
    @pytest.mark.parametrize(
        ("before", "value", "after", "kept"),
        [
            (("Number", {}), 42, ("Text", {}), "42"),
            (("Number", {}), 42, ("Currency", {}), 42.0),
            (("Text", {}), "42", ("Number", {}), None),
            (("Text", {}), "a@example.com", ("Email", {}), "a@example.com"),
            (("Text", {}), "Gold", ("Picklist", {"picklist": ("Gold",)}), None),
            (("Picklist", {"picklist": ("Gold", "Tin")}), "Gold", ("Text", {}), "Gold"),
            (
                ("Picklist", {"picklist": ("Gold", "Tin")}),
                "Gold",
                ("MultiselectPicklist", {"picklist": ("Gold",)}),
                "Gold",
            ),
            (
                ("Picklist", {"picklist": ("Gold", "Tin")}),
                "Tin",
                ("MultiselectPicklist", {"picklist": ("Gold",)}),
                None,
            ),
            (("MultiselectPicklist", {"picklist": ("a", "b")}), "a;b", ("Text", {}), None),
            (("Checkbox", {}), True, ("Text", {}), None),
            (("Date", {}), "2026-06-01", ("Text", {}), None),
            (("Text", {}), "2026-06-01", ("Date", {}), None),
            (("Text", {}), "too long", ("Text", {"length": 3}), "too"),
        ],
    )
    def test_a_value_is_kept_or_lost_as_the_help_says(
        self, org: Caller, before: tuple[str, Any], value: Any, after: tuple[str, Any], kept: Any
    ) -> None:
        org.emulator.add_custom_field("Contact", "Key__c", before[0], **before[1])
        contact = org.create("Contact", LastName="L", Key__c=value)
        org.pass_seconds(60)
        org.emulator.retype_field("Contact", "Key__c", after[0], **after[1])
        row = org.row("Contact", contact)
        assert (row["Key__c"], row["SystemModstamp"]) == (kept, "2026-05-28T20:26:40.000+0000")

    def test_a_field_that_a_conversion_maps_and_a_formula_cannot_be(self, org: Caller) -> None:
        for sobject in ("Lead", "Contact"):
            org.emulator.add_custom_field(sobject, "Key__c")
        org.emulator.map_lead_field("Key__c", "Contact", "Key__c")
        with pytest.raises(ApiError, match="mapped for lead conversion"):
            org.emulator.retype_field("Lead", "Key__c", "Number")
        org.emulator.add_formula("Contact", "Company__c", "Account.Name")
        with pytest.raises(ApiError, match="formula"):
            org.emulator.retype_field("Contact", "Company__c", "Number")


class TestRemovedAndHidden:
    def test_a_removed_field_is_unknown_and_its_values_are_gone(self, org: Caller) -> None:
        org.emulator.add_custom_field("Contact", "Key__c")
        contact = org.create("Contact", LastName="L", Key__c="k")
        org.emulator.remove_field("Contact", "Key__c")
        assert "Key__c" not in org.row("Contact", contact)
        refused = org.call("PATCH", f"/sobjects/Contact/{contact}", {"Key__c": "x"})
        assert refused.json == [
            {"message": "No such column 'Key__c' on sobject of type Contact", "errorCode": "INVALID_FIELD"}
        ]
        org.emulator.add_custom_field("Contact", "Key__c")
        assert org.row("Contact", contact)["Key__c"] is None

    def test_a_hidden_field_answers_as_if_it_did_not_exist_and_keeps_its_values(self, org: Caller) -> None:
        # Field-level security: "INVALID_FIELD, as if the field did not exist".
        contact = org.create("Contact", LastName="L", Title="T")
        org.emulator.set_field_permission("Integration User", "Contact", "Title", read=False, edit=False)
        assert described(org, "Title") is None
        assert org.refused("SELECT Title FROM Contact") == "INVALID_FIELD"
        org.emulator.set_field_permission("Integration User", "Contact", "Title", read=True, edit=False)
        assert org.row("Contact", contact)["Title"] == "T"

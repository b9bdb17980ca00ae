"""Leads, and what becomes of them when a person converts one."""

from __future__ import annotations

import pytest
from tests.emulator.salesforce.calls import Caller

from crm_emulator.salesforce import ApiError

ADA = {"LastName": "Lovelace", "FirstName": "Ada", "Company": "Engines", "Email": "ada@example.com", "City": "London"}


class TestConversion:
    def test_a_lead_becomes_an_account_a_contact_and_an_opportunity(self, org: Caller) -> None:
        lead = org.create("Lead", **ADA, LeadSource="Web", HasOptedOutOfEmail=True)
        org.pass_seconds(5)
        done = org.user.convert_lead(lead, opportunity="Analytical engine")
        contact = org.row("Contact", done.contact_id)
        assert (contact["Name"], contact["Email"], contact["MailingCity"]) == ("Ada Lovelace", ADA["Email"], "London")
        assert (contact["AccountId"], contact["HasOptedOutOfEmail"]) == (done.account_id, True)
        assert org.row("Account", done.account_id)["Name"] == "Engines"
        assert done.opportunity_id is not None
        deal = org.row("Opportunity", done.opportunity_id)
        assert (deal["Name"], deal["CloseDate"], deal["ContactId"]) == (
            "Analytical engine",
            "2026-06-30",
            done.contact_id,
        )
        row = org.row("Lead", lead)
        assert (row["IsConverted"], row["ConvertedDate"], row["Status"]) == (True, "2026-05-28", "Closed - Converted")
        assert row["ConvertedContactId"] == done.contact_id
        assert row["ConvertedOpportunityId"] == done.opportunity_id
        assert row["SystemModstamp"] == "2026-05-28T20:26:45.000+0000"

    def test_a_converted_lead_is_read_only_as_recorded(self, org: Caller) -> None:
        lead = org.create("Lead", **ADA)
        org.user.convert_lead(lead)
        assert org.collection("PATCH", [{"id": lead, "LastName": "NoEdit"}], "Lead").json == [
            {
                "success": False,
                "errors": [
                    {
                        "statusCode": "CANNOT_UPDATE_CONVERTED_LEAD",
                        "message": "cannot reference converted lead",
                        "fields": [],
                    }
                ],
            }
        ]
        with pytest.raises(ApiError, match="CANNOT_UPDATE_CONVERTED_LEAD"):
            org.user.convert_lead(lead)
        other = org.create("Lead", **ADA)
        with pytest.raises(ApiError, match="CANNOT_UPDATE_CONVERTED_LEAD"):
            org.user.merge("Lead", other, lead)
        assert org.call("DELETE", f"/sobjects/Lead/{lead}").status == 204

    def test_an_existing_contact_only_has_its_gaps_filled(self, org: Caller) -> None:
        account = org.create("Account", Name="Acme")
        contact = org.create("Contact", LastName="Byron", AccountId=account)
        lead = org.create("Lead", **ADA)
        done = org.user.convert_lead(lead, contact=contact)
        assert (done.account_id, done.contact_id, done.opportunity_id) == (account, contact, None)
        row = org.row("Contact", contact)
        assert (row["LastName"], row["FirstName"], row["Email"]) == ("Byron", "Ada", ADA["Email"])
        assert org.row("Account", account)["Name"] == "Acme"

    def test_custom_fields_go_along_as_they_are_mapped(self, org: Caller) -> None:
        for sobject in ("Lead", "Contact"):
            org.emulator.add_custom_field(sobject, "Score__c", "Number", precision=3)
        lead = org.create("Lead", **ADA, Score__c=42)
        done = org.user.convert_lead(lead, custom={"Score__c": "Score__c"})
        assert org.row("Contact", done.contact_id)["Score__c"] == 42.0

    def test_campaign_members_are_the_contacts_from_then_on_as_recorded(self, org: Caller) -> None:
        lead, campaign = org.create("Lead", **ADA), org.create("Campaign", Name="High Value")
        org.create("CampaignMember", CampaignId=campaign, LeadId=lead)
        done = org.user.convert_lead(lead)
        found = org.soql(f"SELECT ContactId, LeadId FROM CampaignMember WHERE CampaignId = '{campaign}'")
        assert found == [{"ContactId": done.contact_id, "LeadId": lead}]

    def test_activities_move_and_count_as_modified(self, org: Caller) -> None:
        lead = org.create("Lead", **ADA)
        task = org.create("Task", Subject="Call", WhoId=lead)
        org.pass_seconds(60)
        done = org.user.convert_lead(lead, opportunity="Engine")
        row = org.row("Task", task)
        assert (row["WhoId"], row["WhatId"]) == (done.contact_id, done.opportunity_id)
        assert row["LastModifiedDate"] == "2026-05-28T20:27:40.000+0000"

    def test_a_rule_that_refuses_the_contact_undoes_the_whole_conversion(self, org: Caller) -> None:
        lead = org.create("Lead", **ADA)
        org.emulator.add_validation_rule("Contact", lambda values: not values.get("Phone"), "Phone first.")
        with pytest.raises(ApiError, match="Phone first"):
            org.user.convert_lead(lead)
        assert org.soql("SELECT Id FROM Account") == []
        assert org.row("Lead", lead)["IsConverted"] is False

    def test_conversion_is_journalled_as_one(self, org: Caller) -> None:
        lead = org.create("Lead", **ADA)
        org.user.convert_lead(lead)
        entries = [entry for entry in org.emulator.journal.entries() if entry.action == "convert"]
        assert {entry.field for entry in entries} >= {"IsConverted", "ConvertedContactId"}
        assert {(entry.client, entry.user) for entry in entries} == {("ui", "admin@example.com")}


def test_the_api_cannot_convert(org: Caller) -> None:
    lead = org.create("Lead", **ADA)
    refused = org.call("PATCH", f"/sobjects/Lead/{lead}", {"IsConverted": True})
    assert refused.error == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_a_lead_made_by_api_is_unread_until_its_owner_edits_it(org: Caller) -> None:
    lead = org.create("Lead", **ADA)
    assert org.row("Lead", lead)["IsUnreadByOwner"] is True
    org.call("PATCH", f"/sobjects/Lead/{lead}", {"Title": "T"})
    assert org.row("Lead", lead)["IsUnreadByOwner"] is False

"""convertLead, merge and undelete through SOAP, which no REST resource has."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

import pytest
from tests.emulator.salesforce.calls import Caller, Soaped

ADA = {"LastName": "Lovelace", "FirstName": "Ada", "Company": "Engines", "Email": "ada@example.com"}
STATUS = "Closed - Converted"


def convert(org: Caller, lead: str, **given: str) -> Soaped:
    fields = {"convertedStatus": STATUS, "doNotCreateOpportunity": "true", "leadId": lead, **given}
    inside = "".join(f"<urn:{name}>{escape(value)}</urn:{name}>" for name, value in fields.items())
    return org.soap(f"<urn:convertLead><urn:leadConverts>{inside}</urn:leadConverts></urn:convertLead>")


def merge(org: Caller, kind: str, winner: str, *losers: str, fields: str = "") -> Soaped:
    others = "".join(f"<urn:recordToMergeIds>{loser}</urn:recordToMergeIds>" for loser in losers)
    master = f"<urn:masterRecord><sf:type>{kind}</sf:type><sf:Id>{winner}</sf:Id>{fields}</urn:masterRecord>"
    return org.soap(f"<urn:merge><urn:request>{master}{others}</urn:request></urn:merge>")


def undelete(org: Caller, *ids: str, header: str = "") -> Soaped:
    return org.soap(
        "<urn:undelete>" + "".join(f"<urn:ids>{id}</urn:ids>" for id in ids) + "</urn:undelete>", header=header
    )


class TestConvertLead:
    def test_a_lead_becomes_an_account_a_contact_and_an_opportunity_named_like_the_company(self, org: Caller) -> None:
        # SOAP API developer guide, convertLead: doNotCreateOpportunity is false by default, opportunityName the company's.
        lead = org.create("Lead", **ADA, LeadSource="Web")
        org.pass_seconds(5)
        [done] = convert(org, lead, doNotCreateOpportunity="false").results
        assert (done["success"], done["leadId"]) == ("true", lead)
        row = org.row("Lead", lead)
        assert (row["IsConverted"], row["Status"], row["ConvertedDate"]) == (True, STATUS, "2026-05-28")
        assert (row["ConvertedAccountId"], row["ConvertedContactId"], row["ConvertedOpportunityId"]) == (
            done["accountId"],
            done["contactId"],
            done["opportunityId"],
        )
        assert row["Email"] == ADA["Email"]
        contact = org.row("Contact", done["contactId"])
        assert (contact["Email"], contact["AccountId"]) == (ADA["Email"], done["accountId"])
        assert org.row("Opportunity", done["opportunityId"])["Name"] == "Engines"
        assert row["LastModifiedDate"] == "2026-05-28T20:26:45.000+0000"

    def test_without_an_opportunity_it_has_none(self, org: Caller) -> None:
        [done] = convert(org, org.create("Lead", **ADA)).results
        assert (done["opportunityId"], org.soql("SELECT Id FROM Opportunity")) == (None, [])

    def test_existing_targets_have_their_gaps_filled_and_only_the_lead_source_overwritten_on_demand(
        self, org: Caller
    ) -> None:
        # "Only empty fields in the target object are overwritten ... The only exception is ... overwriteLeadSource".
        account = org.create("Account", Name="Acme")
        contact = org.create("Contact", LastName="Byron", AccountId=account, LeadSource="Other")
        first, second = (org.create("Lead", **ADA, LeadSource="Web") for _ in range(2))
        [done] = convert(org, first, accountId=account, contactId=contact).results
        assert (done["accountId"], done["contactId"]) == (account, contact)
        row = org.row("Contact", contact)
        assert (row["LastName"], row["FirstName"], row["LeadSource"]) == ("Byron", "Ada", "Other")
        convert(org, second, accountId=account, contactId=contact, overwriteLeadSource="true")
        assert org.row("Contact", contact)["LeadSource"] == "Web"

    def test_a_contact_must_be_of_the_account_that_is_named(self, org: Caller) -> None:
        # "This contact must be associated with the specified accountId, and an accountId must be specified".
        account, other = org.create("Account", Name="A"), org.create("Account", Name="B")
        contact = org.create("Contact", LastName="L", AccountId=account)
        lead = org.create("Lead", **ADA)
        for given in ({"contactId": contact}, {"contactId": contact, "accountId": other}):
            assert convert(org, lead, **given).refused[0] == "INVALID_CROSS_REFERENCE_KEY"
        assert org.row("Lead", lead)["IsConverted"] is False

    def test_an_existing_opportunity_is_taken(self, org: Caller) -> None:
        account = org.create("Account", Name="A")
        deal = org.create("Opportunity", Name="D", StageName="Prospecting", CloseDate="2026-06-01", AccountId=account)
        lead = org.create("Lead", **ADA)
        [done] = convert(org, lead, accountId=account, opportunityId=deal, doNotCreateOpportunity="false").results
        assert (done["opportunityId"], len(org.soql("SELECT Id FROM Opportunity"))) == (deal, 1)

    @pytest.mark.parametrize("status", ["Open - Not Contacted", "Closed - Not Converted", "Nonsense"])
    def test_a_status_that_does_not_convert_is_refused(self, org: Caller, status: str) -> None:
        # Seen in public issues: "INVALID_STATUS, invalid convertedStatus: Converted: [Status]".
        lead = org.create("Lead", **ADA)
        assert convert(org, lead, convertedStatus=status).refused == (
            "INVALID_STATUS",
            f"invalid convertedStatus: {status}",
        )

    def test_another_status_of_the_administrator_converts(self, org: Caller) -> None:
        org.emulator.add_lead_status("Qualified", converted=True)
        lead = org.create("Lead", **ADA)
        assert convert(org, lead, convertedStatus="Qualified").results[0]["success"] == "true"
        assert org.row("Lead", lead)["Status"] == "Qualified"
        found = org.soql("SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true ORDER BY SortOrder")
        assert found == [{"MasterLabel": STATUS}, {"MasterLabel": "Qualified"}]

    def test_a_lead_is_converted_once(self, org: Caller) -> None:
        lead = org.create("Lead", **ADA)
        convert(org, lead)
        assert convert(org, lead).refused == ("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")

    def test_the_lead_of_a_queue_needs_an_owner(self, org: Caller) -> None:
        # "When converting leads owned by a queue, the owner must be specified"; the sentence is in public clients' code.
        queue = org.emulator.add_queue("Inbound", "Lead")
        lead = org.create("Lead", **ADA, OwnerId=queue)
        assert convert(org, lead).refused[1] == (
            "Converted objects can only be owned by users.  If the lead is not owned by a user, you must specify a user "
            "for the Owner field."
        )
        seller = org.emulator.user("Sales User").id
        [done] = convert(org, lead, ownerId=seller).results
        assert org.row("Account", done["accountId"])["OwnerId"] == seller
        assert org.row("Contact", done["contactId"])["OwnerId"] == seller

    def test_custom_fields_go_where_the_administrator_mapped_them(self, org: Caller) -> None:
        for sobject in ("Lead", "Contact", "Account"):
            org.emulator.add_custom_field(sobject, "Score__c", "Number", precision=3)
        org.emulator.add_custom_field("Lead", "Unmapped__c")
        org.emulator.map_lead_field("Score__c", "Contact", "Score__c")
        org.emulator.map_lead_field("Score__c", "Account", "Score__c")
        lead = org.create("Lead", **ADA, Score__c=42, Unmapped__c="stays")
        [done] = convert(org, lead).results
        assert org.row("Contact", done["contactId"])["Score__c"] == 42.0
        assert org.row("Account", done["accountId"])["Score__c"] == 42.0
        assert org.row("Lead", lead)["Unmapped__c"] == "stays"

    def test_one_refused_lead_leaves_the_others_converted(self, org: Caller) -> None:
        good, bad = org.create("Lead", **ADA), org.create("Lead", **{**ADA, "LastName": "Bad"})
        org.emulator.add_validation_rule("Contact", lambda values: values.get("LastName") == "Bad", "No.")
        leads = "".join(
            f"<urn:leadConverts><urn:convertedStatus>{STATUS}</urn:convertedStatus><urn:leadId>{lead}</urn:leadId>"
            "</urn:leadConverts>"
            for lead in (bad, good)
        )
        first, second = org.soap(f"<urn:convertLead>{leads}</urn:convertLead>").results
        assert (first["success"], first["leadId"], first["accountId"]) == ("false", bad, None)
        assert first["errors"]["statusCode"] == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
        assert second["success"] == "true"
        assert len(org.soql("SELECT Id FROM Account")) == 1

    def test_it_is_the_clients_write(self, org: Caller) -> None:
        lead = org.create("Lead", **ADA)
        header = "<urn:CallOptions><urn:client>clerk</urn:client></urn:CallOptions>"
        inside = f"<urn:convertedStatus>{STATUS}</urn:convertedStatus><urn:leadId>{lead}</urn:leadId>"
        org.soap(f"<urn:convertLead><urn:leadConverts>{inside}</urn:leadConverts></urn:convertLead>", header=header)
        converted = [entry for entry in org.emulator.journal.entries() if entry.action == "convert"]
        assert {(entry.client, entry.user) for entry in converted} == {("clerk", None)}

    def test_a_duplicate_rule_refuses_unless_the_header_allows_it(self, org: Caller) -> None:
        org.create("Contact", LastName="L", Email=ADA["Email"])
        org.emulator.add_duplicate_rule("Contact", "Email")
        lead = org.create("Lead", **ADA)
        assert convert(org, lead).refused[0] == "DUPLICATES_DETECTED"
        header = "<urn:DuplicateRuleHeader><urn:allowSave>true</urn:allowSave></urn:DuplicateRuleHeader>"
        inside = f"<urn:convertedStatus>{STATUS}</urn:convertedStatus><urn:leadId>{lead}</urn:leadId>"
        call = f"<urn:convertLead><urn:leadConverts>{inside}</urn:leadConverts></urn:convertLead>"
        assert org.soap(call, header=header).results[0]["success"] == "true"


class TestMerge:
    @pytest.mark.parametrize("kind", ["Lead", "Contact", "Account"])
    def test_losers_are_deleted_name_their_master_and_their_children_move(self, org: Caller, kind: str) -> None:
        # SOAP API developer guide, merge: MergeResult; "up to three records can be merged in a single request".
        required: dict[str, Any] = {
            "Lead": {"LastName": "L", "Company": "C"},
            "Contact": {"LastName": "L"},
            "Account": {"Name": "N"},
        }[kind]
        winner, *losers = (org.create(kind, **required) for _ in range(3))
        about = "WhatId" if kind == "Account" else "WhoId"
        task = org.create("Task", Subject="Call", **{about: losers[1]})
        org.pass_seconds(5)
        [done] = merge(org, kind, winner, *losers).results
        assert done == {"id": winner, "mergedRecordIds": losers, "success": "true", "updatedRelatedIds": task}
        assert org.row("Task", task)[about] == winner
        lost = org.soql(f"SELECT Id, MasterRecordId FROM {kind} WHERE IsDeleted = true ORDER BY Id", deleted=True)
        assert lost == [{"Id": loser, "MasterRecordId": winner} for loser in losers]

    def test_the_master_keeps_its_values_and_its_gaps_unless_the_request_says_otherwise(self, org: Caller) -> None:
        # "Field values on the master record always supersede"; others are named in masterRecord, as in an update.
        winner = org.create("Contact", LastName="A", Title="CTO", Phone="1")
        loser = org.create("Contact", LastName="B", Email="b@example.com", Department="IT", HasOptedOutOfEmail=True)
        fields = (
            "<sf:Department>IT</sf:Department><sf:DoNotCall>true</sf:DoNotCall><sf:fieldsToNull>Phone</sf:fieldsToNull>"
        )
        assert merge(org, "Contact", winner, loser, fields=fields).results[0]["success"] == "true"
        row = org.row("Contact", winner)
        assert (row["LastName"], row["Title"], row["Department"], row["DoNotCall"]) == ("A", "CTO", "IT", True)
        assert (row["Phone"], row["Email"], row["HasOptedOutOfEmail"]) == (None, None, False)

    def test_the_enterprise_api_names_the_object_by_its_type(self, org: Caller) -> None:
        winner, loser = (org.create("Account", Name="A") for _ in range(2))
        master = f'<urn:masterRecord xsi:type="sf:Account"><sf:Id>{winner}</sf:Id></urn:masterRecord>'
        call = f"<urn:merge><urn:request>{master}<urn:recordToMergeIds>{loser}</urn:recordToMergeIds></urn:request></urn:merge>"
        assert org.soap(call, kind="c").results[0]["success"] == "true"

    def test_four_records_other_objects_and_rows_that_are_gone_are_refused(self, org: Caller) -> None:
        ids = [org.create("Contact", LastName="L") for _ in range(4)]
        assert merge(org, "Contact", *ids).refused[0] == "INVALID_OPERATION"
        deals = [org.create("Opportunity", Name="D", StageName="S", CloseDate="2026-06-01") for _ in range(2)]
        assert merge(org, "Opportunity", *deals).refused[0] == "INVALID_OPERATION"
        account = org.create("Account", Name="A")
        assert merge(org, "Contact", ids[0], account).refused == (
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
        )
        org.user.delete("Contact", ids[1])
        assert merge(org, "Contact", ids[0], ids[1]).refused == ("ENTITY_IS_DELETED", "entity is deleted")
        assert merge(org, "Contact", ids[0], "nonsense").refused[0] == "MALFORMED_ID"
        assert len(org.user.ids("Contact")) == 3

    def test_a_record_is_not_merged_with_itself(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        assert merge(org, "Contact", id, id).refused[0] == "INVALID_OPERATION"
        assert org.row("Contact", id)["IsDeleted"] is False


class TestUndelete:
    def test_a_row_comes_back_with_its_id_and_what_went_along(self, org: Caller) -> None:
        # "An undelete call undeletes the cascade-deleted records" (SOAP API developer guide, undelete).
        account = org.create("Account", Name="Acme")
        contact = org.create("Contact", LastName="L", AccountId=account)
        org.user.delete("Account", account)
        org.pass_seconds(5)
        assert undelete(org, account).results == [{"id": account, "success": "true"}]
        assert org.row("Contact", contact)["AccountId"] == account
        assert org.row("Account", account)["SystemModstamp"] == "2026-05-28T20:26:45.000+0000"

    def test_the_loser_of_a_merge_comes_back(self, org: Caller) -> None:
        # "You can undelete records that were deleted as the result of a merge" (the same page).
        winner, loser = (org.create("Contact", LastName="L") for _ in range(2))
        merge(org, "Contact", winner, loser)
        assert undelete(org, loser).results == [{"id": loser, "success": "true"}]
        assert org.row("Contact", loser)["MasterRecordId"] is None

    def test_what_is_not_in_the_bin_is_refused(self, org: Caller) -> None:
        # The sentence is quoted in public clients' tests.
        live, emptied = (org.create("Contact", LastName="L") for _ in range(2))
        org.user.delete("Contact", emptied)
        org.emulator.empty_recycle_bin()
        for id in (live, emptied):
            assert undelete(org, id).refused == ("UNDELETE_FAILED", "Entity is not in the recycle bin")

    def test_a_kind_that_is_not_undeletable_is_refused_as_recorded(self, org: Caller) -> None:
        # salesforce.stackexchange.com/questions/138077.
        assert undelete(org, org.emulator.users[0].id).refused == (
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            "Entity type is not undeletable",
        )

    def test_one_refusal_leaves_the_others_restored_unless_all_or_none_is_asked(self, org: Caller) -> None:
        gone, live = (org.create("Contact", LastName="L") for _ in range(2))
        org.user.delete("Contact", gone)
        header = "<urn:AllOrNoneHeader><urn:allOrNone>true</urn:allOrNone></urn:AllOrNoneHeader>"
        first, second = undelete(org, gone, live, header=header).results
        assert first["errors"]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
        assert second["errors"]["statusCode"] == "UNDELETE_FAILED"
        assert org.user.ids("Contact") == [live]
        assert [result["success"] for result in undelete(org, gone, live).results] == ["true", "false"]
        assert len(org.user.ids("Contact")) == 2


class TestFaults:
    def test_a_dead_session_is_a_fault_with_status_500_as_recorded(self, org: Caller) -> None:
        # SFDO-Tooling/CumulusCI, cumulusci/tasks/salesforce/tests/test_profiles.py (BSD-3-Clause).
        refused = org.soap("<urn:undelete><urn:ids>x</urn:ids></urn:undelete>", token="00D!nobody")
        assert (refused.status, refused.fault) == (
            500,
            "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session",
        )

    def test_without_a_soap_action_or_an_envelope_nothing_is_called(self, org: Caller) -> None:
        answer = org.call("POST", "/services/Soap/u/67.0", raw=b"<x/>", headers={"content-type": "text/xml"})
        assert (answer.status, b"SOAPAction HTTP header missing" in answer.body) == (500, True)
        for body in (b"<x/>", b"nonsense", b"<!DOCTYPE x><x/>"):
            answer = org.call("POST", "/services/Soap/u/67.0", raw=body, headers={"SOAPAction": "x"})
            assert (answer.status, b"soapenv:Client" in answer.body) == (500, True)

    def test_other_calls_and_other_versions_are_faults(self, org: Caller) -> None:
        assert org.soap("<urn:describeTabs/>").fault == (
            "No operation available for request {urn:partner.soap.sforce.com}describeTabs"
        )
        answer = org.call("POST", "/services/Soap/u/6.0", raw=b"", headers={"SOAPAction": "x"})
        assert (answer.status, b"UNSUPPORTED_API_VERSION" in answer.body) == (500, True)

    def test_an_unknown_object_or_a_field_that_is_not_there_refuses_the_call(self, org: Caller) -> None:
        one, other = (org.create("Contact", LastName="L") for _ in range(2))
        assert "INVALID_TYPE" in (merge(org, "Nonsense", one, other).fault or "")
        assert "INVALID_FIELD" in (merge(org, "Contact", one, other, fields="<sf:Nope>1</sf:Nope>").fault or "")

    def test_a_call_counts_and_says_how_many_are_left(self, org: Caller) -> None:
        before = org.emulator.api.usage.used
        undelete(org, org.create("Contact", LastName="L"))
        assert org.emulator.api.usage.used == before + 2
        limited = Caller(daily_api_requests=0)
        assert "REQUEST_LIMIT_EXCEEDED" in (limited.soap("<urn:undelete/>").fault or "")

    def test_a_planted_fault_is_a_soap_fault(self, org: Caller) -> None:
        match = {"path_prefix": "/services/Soap/", "times": 1}
        org.emulator.faults.add({"kind": "status", "status": 503, "match": match})
        refused = org.soap("<urn:undelete/>")
        assert (refused.status, refused.fault) == (500, "SERVER_UNAVAILABLE: Server Unavailable")
        assert org.soap("<urn:undelete/>").results == []

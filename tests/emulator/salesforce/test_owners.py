"""Owners: active and inactive users, users of other kinds, queues, and the assignment rules that give records away."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller

LEAD = {"LastName": "L", "Company": "C"}


class TestQueues:
    def test_a_queue_owns_records_of_the_objects_it_is_set_up_for(self, org: Caller) -> None:
        # Object reference, QueueSobject; public clients ask for it in these words.
        queue = org.emulator.add_queue("Inbound", "Lead")
        rows = org.soql("SELECT QueueId, Queue.Name FROM QueueSobject WHERE SobjectType = 'Lead'")
        assert rows == [{"QueueId": queue, "Queue": {"Name": "Inbound"}}]
        lead = org.create("Lead", **LEAD, OwnerId=queue)
        [row] = org.soql(f"SELECT OwnerId, Owner.Name, Owner.Type FROM Lead WHERE Id = '{lead}'")
        assert row == {"OwnerId": queue, "Owner": {"Name": "Inbound", "Type": "Queue"}}

    def test_and_none_of_others(self, org: Caller) -> None:
        # Quoted in public clients' code: "INVALID_OPERATION: Queue not associated with this SObject type".
        queue = org.emulator.add_queue("Inbound", "Lead")
        refused = org.call("POST", "/sobjects/Case", {"Subject": "S", "OwnerId": queue})
        assert refused.error == (400, "INVALID_OPERATION")
        assert refused.json[0]["message"] == "Queue not associated with this SObject type"

    @pytest.mark.parametrize(
        ("kind", "fields"),
        [
            ("Account", {"Name": "A"}),
            ("Contact", {"LastName": "L"}),
            ("Opportunity", {"Name": "D", "StageName": "S", "CloseDate": "2026-06-01"}),
        ],
    )
    def test_accounts_contacts_and_deals_never_belong_to_a_queue(
        self, org: Caller, kind: str, fields: dict[str, Any]
    ) -> None:
        # Recorded: OwnerId of these refers to User alone (SFDO-Tooling/CumulusCI describes).
        queue = org.emulator.add_queue("Inbound", "Lead")
        assert org.call("POST", f"/sobjects/{kind}", {**fields, "OwnerId": queue}).error == (
            400,
            "FIELD_INTEGRITY_EXCEPTION",
        )


class TestUsers:
    def test_an_inactive_user_cannot_become_owner_and_stays_where_they_are(self, org: Caller) -> None:
        # "operation performed with inactive user [1234] as owner of contact" (quoted by users of several tools).
        leaver = org.emulator.add_user("Leaver")
        kept = org.create("Contact", LastName="L", OwnerId=leaver.id)
        org.user.update("User", org.emulator.user("Leaver").id, {"IsActive": False})
        refused = org.call("POST", "/sobjects/Contact", {"LastName": "L", "OwnerId": leaver.id})
        assert refused.json == [
            {
                "message": f"operation performed with inactive user [{leaver.id}] as owner of contact",
                "errorCode": "INACTIVE_OWNER_OR_USER",
                "fields": ["OwnerId"],
            }
        ]
        assert org.call("PATCH", f"/sobjects/Contact/{kept}", {"Title": "T"}).status == 204
        assert org.row("Contact", kept)["OwnerId"] == leaver.id

    def test_a_deactivated_users_token_is_dead(self, org: Caller) -> None:
        org.emulator.add_user("Leaver")
        org.token = org.emulator.issue_token("Leaver")
        assert org.call("GET", "/limits").status == 200
        org.user.update("User", org.emulator.user("Leaver").id, {"IsActive": False})
        assert org.call("GET", "/limits").error == (401, "INVALID_SESSION_ID")

    def test_users_are_of_several_types(self, org: Caller) -> None:
        # HubSpot learns owners of types Standard, PowerPartner, Guest and Queue (its knowledge base, owner assignment).
        for user_type in ("PowerPartner", "Guest"):
            org.emulator.add_user(f"A {user_type}", user_type=user_type)
        found = {row["UserType"] for row in org.soql("SELECT UserType FROM User WHERE IsActive = true")}
        assert found == {"Standard", "PowerPartner", "Guest"}


class TestAssignmentRules:
    def owner(self, org: Caller, **headers: str) -> str:
        made = org.call("POST", "/sobjects/Lead", LEAD, headers={k.replace("_", "-"): v for k, v in headers.items()})
        return str(org.soql(f"SELECT Owner.Name FROM Lead WHERE Id = '{made.json['id']}'")[0]["Owner"]["Name"])

    def test_they_run_for_a_rest_call_that_says_nothing(self, org: Caller) -> None:
        # REST API guide, Assignment Rule Header: "If the header is not provided ... the default value is TRUE."
        org.emulator.add_assignment_rule("Lead", org.emulator.add_queue("Inbound", "Lead"))
        assert self.owner(org) == "Inbound"
        assert self.owner(org, Sforce_Auto_Assign="true") == "Inbound"
        assert self.owner(org, Sforce_Auto_Assign="FALSE") == "Integration User"

    def test_the_header_may_name_a_rule_even_an_inactive_one(self, org: Caller) -> None:
        # "A valid AssignmentRule ID: the given AssignmentRule is applied"; "can be active or inactive" (SOAP header).
        org.emulator.add_assignment_rule("Lead", "Sales User")
        org.emulator.add_assignment_rule("Lead", "Admin User", name="Night", active=False)
        rules = {row["Name"]: row for row in org.soql("SELECT Id, Name, Active FROM AssignmentRule ORDER BY Name")}
        assert [rules[name]["Active"] for name in ("Night", "Standard")] == [False, True]
        assert self.owner(org) == "Sales User"
        assert self.owner(org, Sforce_Auto_Assign=rules["Night"]["Id"]) == "Admin User"

    def test_what_no_entry_matches_goes_to_the_default_owner_of_the_settings(self, org: Caller) -> None:
        # Lead Settings, Default Lead Owner: takes a lead "if the active assignment rule fails to locate an owner".
        org.emulator.add_assignment_rule("Lead", "Sales User", lambda values: values.get("Country") == "IT")
        assert self.owner(org) == "Integration User"
        org.emulator.set_default_owner("Lead", "Admin User")
        assert self.owner(org) == "Admin User"
        assert self.owner(org, Sforce_Auto_Assign="false") == "Integration User"

    def test_contacts_and_deals_have_none(self, org: Caller) -> None:
        # "... when creating or updating Accounts, Cases, or Leads."
        org.emulator.add_assignment_rule("Contact", "Sales User")
        id = org.create("Contact", LastName="L")
        assert org.soql(f"SELECT Owner.Name FROM Contact WHERE Id = '{id}'") == [
            {"Owner": {"Name": "Integration User"}}
        ]

    def test_soap_runs_them_only_where_the_header_asks(self, org: Caller) -> None:
        # SOAP API guide: the AssignmentRuleHeader "must be specified ... for the specified assignment rule to be applied".
        org.emulator.add_assignment_rule("Lead", "Sales User")
        no_rules = {"headers": {"Sforce-Auto-Assign": "FALSE"}}
        one, other = (org.call("POST", "/sobjects/Lead", LEAD, **no_rules).json["id"] for _ in range(2))
        third = org.call("POST", "/sobjects/Lead", LEAD, **no_rules).json["id"]
        for loser, header, owner in (
            (other, "", "Integration User"),
            (
                third,
                "<urn:AssignmentRuleHeader><urn:useDefaultRule>true</urn:useDefaultRule></urn:AssignmentRuleHeader>",
                "Sales User",
            ),
        ):
            master = f"<urn:masterRecord><sf:type>Lead</sf:type><sf:Id>{one}</sf:Id></urn:masterRecord>"
            merged = f"<urn:request>{master}<urn:recordToMergeIds>{loser}</urn:recordToMergeIds></urn:request>"
            assert org.soap(f"<urn:merge>{merged}</urn:merge>", header=header).results[0]["success"] == "true"
            found = org.soql(f"SELECT Owner.Name FROM Lead WHERE Id = '{one}'")
            assert found == [{"Owner": {"Name": owner}}]

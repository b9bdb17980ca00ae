"""PermissionSet in a deployment: what it may grant, that its file replaces what it granted, and its removal."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller
from tests.emulator.salesforce.deploying import (
    KEY,
    assign,
    deploy,
    deployed,
    describe,
    fields_package,
    grant,
    manifest,
    permission_set,
    refused,
    removal,
)

RIGHTS = ("allowCreate", "allowRead", "allowEdit", "allowDelete", "viewAllRecords", "modifyAllRecords")


def package(name: str = "Sync", **elements: Any) -> dict[str, str]:
    return {"package.xml": manifest({"PermissionSet": [name]}), **permission_set(name, **elements)}


def problem(org: Caller, name: str = "Sync", **elements: Any) -> str:
    [text] = refused(org, package(name, **elements)).values()
    return text


def rights(sobject: str, *allowed: str) -> dict[str, Any]:
    return {**{right: right in allowed for right in RIGHTS}, "object": sobject}


@pytest.fixture
def keyed() -> Caller:
    """An org with a key field on contacts and leads, invisible as it is after a deployment."""
    org = Caller()
    deployed(org, fields_package(Contact={"Key__c": KEY}, Lead={"Key__c": KEY}))
    return org


class TestFieldPermissions:
    def test_reading_and_editing_are_granted_apart(self, keyed: Caller) -> None:
        """FieldPermissions: PermissionsRead and PermissionsEdit (Salesforce object reference)."""
        given = grant("Contact.Key__c") + grant("Lead.Key__c", editable=False)
        deployed(keyed, package(fieldPermissions=given))
        assign(keyed, "Sync", keyed.emulator.users[0].id)
        assert describe(keyed, "Contact")["Key__c"]["updateable"] is True
        keyed.create("Contact", LastName="L", Key__c="a")
        lead = {"LastName": "L", "Company": "C", "Key__c": "a"}
        assert keyed.call("POST", "/sobjects/Lead", lead).error == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
        assert "Key__c" in describe(keyed, "Lead")

    def test_a_profile_of_the_user_grants_as_well(self, keyed: Caller) -> None:
        """Each profile has a permission set of its own (object reference, PermissionSet, IsOwnedByProfile)."""
        [owned] = keyed.soql("SELECT Id FROM PermissionSet WHERE Profile.Name = 'System Administrator'")
        given = {"SobjectType": "Contact", "Field": "Contact.Key__c", "PermissionsRead": True}
        keyed.create("FieldPermissions", ParentId=owned["Id"], **given)
        assert "Key__c" in describe(keyed, "Contact")

    @pytest.mark.parametrize(
        ("field", "text"),
        [
            ("Contact.LastName", "You cannot deploy to a required field: Contact.LastName"),
            ("Opportunity.StageName", "You cannot deploy to a required field: Opportunity.StageName"),
            ("Contact.Needed__c", "You cannot deploy to a required field: Contact.Needed__c"),
            ("Lead.OwnerId", "You cannot deploy to a required field: Lead.OwnerId"),
            ("Contact.CreatedDate", "You cannot deploy to a required field: Contact.CreatedDate"),
            ("Contact.FirstName", "In field: field - no CustomField named Contact.FirstName found"),
            ("Contact.MailingCity", "In field: field - no CustomField named Contact.MailingCity found"),
            ("Contact.Nope__c", "In field: field - no CustomField named Contact.Nope__c found"),
            ("Unicorn.Key__c", "In field: field - no CustomField named Unicorn.Key__c found"),
            ("Key__c", "In field: field - no CustomField named Key__c found"),
        ],
    )
    def test_required_system_and_unknown_fields_are_refused(self, keyed: Caller, field: str, text: str) -> None:
        """Both sentences are quoted by users of deployment tools ("You cannot deploy to a required field", "In field:
        field - no CustomField named ... found")."""
        keyed.emulator.add_custom_field("Contact", "Needed__c", required=True)
        assert problem(keyed, fieldPermissions=grant(field)) == text

    def test_a_field_of_the_same_package_that_failed_is_not_there(self, org: Caller) -> None:
        files = {
            **fields_package(Contact={"Key__c": {**KEY, "length": 999}}),
            **permission_set("Sync", fieldPermissions=grant("Contact.Key__c")),
            "package.xml": manifest({"CustomField": ["Contact.Key__c"], "PermissionSet": ["Sync"]}),
        }
        assert refused(org, files) == {
            "Contact.Key__c": "Length: must be between 1 and 255",
            "Sync": "In field: field - no CustomField named Contact.Key__c found",
        }

    def test_a_field_that_the_package_removes_can_not_be_granted(self, keyed: Caller) -> None:
        files = {
            **package(fieldPermissions=grant("Contact.Key__c")),
            "destructiveChanges.xml": manifest({"CustomField": ["Contact.Key__c"]}),
        }
        assert refused(keyed, files)["Sync"] == "In field: field - no CustomField named Contact.Key__c found"

    def test_editing_needs_reading(self, keyed: Caller) -> None:
        given = {"editable": True, "field": "Contact.Key__c", "readable": False}
        assert "depends on permission(s): Read Contact.Key__c" in problem(keyed, fieldPermissions=given)

    def test_no_right_is_no_row(self, keyed: Caller) -> None:
        """FieldPermissions has no rows without PermissionsRead (Salesforce object reference)."""
        nothing = {"editable": False, "field": "Contact.Key__c", "readable": False}
        deployed(keyed, package(fieldPermissions=nothing, objectPermissions=rights("Lead")))
        assert keyed.soql("SELECT Id FROM FieldPermissions") == []
        assert keyed.soql("SELECT Id FROM ObjectPermissions") == []

    def test_a_standard_field_may_be_granted(self, org: Caller) -> None:
        deployed(org, package(fieldPermissions=grant("Contact.Title")))

    def test_an_address_is_granted_as_a_whole_and_never_by_its_parts(self, keyed: Caller) -> None:
        """salesforce.stackexchange.com/questions/97912: "no error when creating a permission for the Contact.MailingAddress
        field"; of Contact.MailingCity "bad value for restricted picklist field", though its describe says permissionable."""
        assert describe(keyed, "Contact")["MailingCity"]["permissionable"] is True
        deployed(keyed, package(fieldPermissions=grant("Contact.MailingAddress")))
        [row] = keyed.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'")
        part = {
            "SobjectType": "Contact",
            "Field": "Contact.MailingCity",
            "PermissionsRead": True,
            "ParentId": row["Id"],
        }
        refusal = keyed.call("POST", "/sobjects/FieldPermissions", part)
        assert refusal.error == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        keyed.create("FieldPermissions", **{**part, "Field": "Contact.OtherAddress"})


class TestReplacing:
    def test_what_the_file_does_not_name_is_taken_back(self, keyed: Caller) -> None:
        """The permissions of the file replace those of the set (Metadata API developer guide, PermissionSet, usage,
        since API version 40.0)."""
        first: dict[str, Any] = {
            "fieldPermissions": grant("Contact.Key__c", "Lead.Key__c"),
            "objectPermissions": [rights("Lead", "allowRead", "allowCreate")],
            "userPermissions": [{"enabled": True, "name": "ViewSetup"}],
            "description": "first",
        }
        deployed(keyed, package(**first))
        assign(keyed, "Sync", keyed.emulator.users[0].id)
        [before] = keyed.soql("SELECT Id, PermissionsViewSetup, Description FROM PermissionSet WHERE Name = 'Sync'")
        assert (before["PermissionsViewSetup"], before["Description"]) == (True, "first")

        row = deployed(keyed, package(fieldPermissions=grant("Contact.Key__c", editable=False)))["Sync"]
        assert (row["created"], row["changed"], row["id"]) == (False, True, before["Id"])
        assert keyed.soql("SELECT Field, PermissionsEdit FROM FieldPermissions") == [
            {"Field": "Contact.Key__c", "PermissionsEdit": False}
        ]
        assert keyed.soql("SELECT Id FROM ObjectPermissions") == []
        [after] = keyed.soql("SELECT PermissionsViewSetup, Description FROM PermissionSet WHERE Name = 'Sync'")
        assert after == {"PermissionsViewSetup": False, "Description": None}
        assert ("Key__c" in describe(keyed, "Contact"), "Key__c" in describe(keyed, "Lead")) == (True, False)

    def test_a_grant_that_somebody_added_by_hand_goes_too(self, keyed: Caller) -> None:
        deployed(keyed, package())
        [row] = keyed.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'")
        given = {"SobjectType": "Contact", "Field": "Contact.Key__c", "PermissionsRead": True}
        keyed.create("FieldPermissions", ParentId=row["Id"], **given)
        assert deployed(keyed, package())["Sync"]["changed"] is True
        assert keyed.soql("SELECT Id FROM FieldPermissions") == []

    def test_a_right_more_is_a_change(self, keyed: Caller) -> None:
        deployed(keyed, package(fieldPermissions=grant("Contact.Key__c", editable=False)))
        assert deployed(keyed, package(fieldPermissions=grant("Contact.Key__c")))["Sync"]["changed"] is True
        assert keyed.soql("SELECT PermissionsEdit FROM FieldPermissions") == [{"PermissionsEdit": True}]
        assert deployed(keyed, package(fieldPermissions=grant("Contact.Key__c")))["Sync"]["changed"] is False

    def test_assignments_stay(self, keyed: Caller) -> None:
        deployed(keyed, package())
        assign(keyed, "Sync", keyed.emulator.users[0].id)
        deployed(keyed, package(fieldPermissions=grant("Contact.Key__c")))
        assert "Key__c" in describe(keyed, "Contact")


class TestObjectPermissions:
    def test_they_become_rows(self, org: Caller) -> None:
        """ObjectPermissions (Salesforce object reference)."""
        given = [rights("Account", "allowRead"), rights("Contact", "allowRead", "allowEdit", "allowCreate")]
        deployed(org, package(objectPermissions=given))
        rows = org.soql(
            "SELECT SobjectType, PermissionsEdit, PermissionsDelete FROM ObjectPermissions ORDER BY SobjectType"
        )
        assert rows == [
            {"SobjectType": "Account", "PermissionsEdit": False, "PermissionsDelete": False},
            {"SobjectType": "Contact", "PermissionsEdit": True, "PermissionsDelete": False},
        ]

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ([rights("Lead", "allowCreate")], "Permission Create Lead depends on permission(s): Read Lead"),
            (
                [rights("Lead", "allowRead", "allowDelete")],
                "Permission Delete Lead depends on permission(s): Edit Lead",
            ),
            ([rights("Contact", "allowRead")], "Permission Read Contact depends on permission(s): Read Account"),
            (
                [rights("Lead", *[right for right in RIGHTS if right != "allowDelete"])],
                "Permission Modify All Lead depends on permission(s): Delete Lead",
            ),
            ([rights("Unicorn", "allowRead")], "In field: object - no CustomObject named Unicorn found"),
            ([{"object": "Lead", "allowRead": True}], "Required field is missing: allowCreate"),
        ],
    )
    def test_a_right_needs_those_it_rests_on(self, org: Caller, given: list[dict[str, Any]], text: str) -> None:
        """ "Permission Create ... depends on permission(s): Read ...", "Permission Modify All ... depends on
        permission(s): Delete" and "Read <Child> depends on ... Read <Master>" are quoted by users."""
        assert problem(org, objectPermissions=given) == text


class TestUserPermissions:
    def test_they_take_effect_with_the_assignment(self, org: Caller) -> None:
        given = [{"enabled": True, "name": "ModifyMetadata"}, {"enabled": True, "name": "RunReports"}]
        deployed(org, package("Deploy", userPermissions=given))
        sales = org.emulator.user("Sales User").id
        assert not org.emulator.org.access.permits(sales, "ModifyMetadata")
        assign(org, "Deploy", sales)
        assert org.emulator.org.access.permits(sales, "ModifyMetadata")

    def test_an_unknown_one_is_refused(self, org: Caller) -> None:
        """ "Unknown user permission: AllowUniversalSearch" is quoted by users of deployment tools."""
        assert problem(org, userPermissions=[{"enabled": True, "name": "Fly"}]) == "Unknown user permission: Fly"

    @pytest.mark.parametrize(
        ("element", "given", "text"),
        [
            (
                "classAccesses",
                {"apexClass": "Panel", "enabled": True},
                "In field: apexClass - no ApexClass named Panel",
            ),
            ("customPermissions", {"name": "Sync", "enabled": True}, "In field: name - no CustomPermission named Sync"),
            ("tabSettings", {"tab": "Sync", "visibility": "Visible"}, "In field: tab - no CustomTab named Sync found"),
        ],
    )
    def test_what_refers_to_nothing_is_refused(
        self, org: Caller, element: str, given: dict[str, Any], text: str
    ) -> None:
        """The pattern "In field: ... - no ... named ... found" is quoted by users, with many types."""
        elements: dict[str, Any] = {element: given}
        assert text in problem(org, **elements)


class TestTheSetItself:
    @pytest.mark.parametrize(
        ("name", "elements", "text"),
        [
            ("Sync", {"label": ""}, "Required field is missing: label"),
            ("Sync", {"label": "L" * 81}, "Label: data value too large"),
            ("Sync", {"description": "d" * 256}, "Description: data value too large"),
            ("Sync", {"shiny": True}, "shiny invalid at this location in type PermissionSet"),
            ("1Sync", {}, "Permission Set Name: The Permission Set Name can only contain"),
            ("S" * 81, {}, "Permission Set Name: data value too large"),
        ],
    )
    def test_its_own_elements_are_checked(self, org: Caller, name: str, elements: dict[str, Any], text: str) -> None:
        """Metadata API developer guide, PermissionSet: label is required, the name is a developer name."""
        assert text in problem(org, name, **elements)

    def test_the_set_of_a_profile_is_not_deployed(self, org: Caller) -> None:
        """Each profile owns a set (object reference, PermissionSet, IsOwnedByProfile), whose name is taken."""
        [owned] = org.soql("SELECT Id, Name FROM PermissionSet WHERE Profile.Name = 'System Administrator'")
        text = f"duplicate value found: Name duplicates value on record with id: {owned['Id'][:15]}"
        assert problem(org, owned["Name"]) == text

    def test_one_that_is_assigned_can_not_be_removed(self, org: Caller) -> None:
        """Permission sets cannot be deleted if assigned to users (Salesforce help, article 000386289)."""
        deployed(org, package())
        assignment = assign(org, "Sync", org.emulator.users[0].id)
        [text] = refused(org, removal(PermissionSet=["Sync"])).values()
        assert "assigned to users" in text
        org.call("DELETE", f"/sobjects/PermissionSetAssignment/{assignment}")
        [row] = deployed(org, removal(PermissionSet=["Sync"])).values()
        assert row["deleted"] is True
        assert org.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'") == []

    def test_it_is_assigned_to_a_user_once(self, org: Caller) -> None:
        """ "Duplicate PermissionSetAssignment" is quoted by users of several tools."""
        deployed(org, package())
        sales = org.emulator.user("Sales User").id
        first = assign(org, "Sync", sales)
        [row] = org.soql("SELECT PermissionSetId FROM PermissionSetAssignment")
        again = org.call("POST", "/sobjects/PermissionSetAssignment", {"AssigneeId": sales, **row})
        assert again.error == (400, "DUPLICATE_VALUE")
        assign(org, "Sync", org.emulator.users[0].id)
        org.call("DELETE", f"/sobjects/PermissionSetAssignment/{first}")
        assign(org, "Sync", sales)

    def test_one_that_was_removed_can_be_made_again(self, keyed: Caller) -> None:
        deployed(keyed, package(fieldPermissions=grant("Contact.Key__c")))
        deployed(keyed, removal(PermissionSet=["Sync"]))
        assert keyed.soql("SELECT Id FROM FieldPermissions") == []
        assert deployed(keyed, package())["Sync"]["created"] is True

    def test_one_can_be_replaced_by_a_new_one_in_one_deployment(self, org: Caller) -> None:
        first = deployed(org, package())["Sync"]["id"]
        files = {**package(), "destructiveChanges.xml": manifest({"PermissionSet": ["Sync"]})}
        result = deploy(org, files)
        rows = {row["fileName"]: row for row in result["details"]["componentSuccesses"]}
        made = rows["permissionsets/Sync.permissionset"]
        assert (result["status"], made["created"], made["id"] == first) == ("Succeeded", True, False)

    def test_one_that_was_deleted_permits_nothing(self, org: Caller) -> None:
        deployed(org, package(userPermissions=[{"enabled": True, "name": "ModifyMetadata"}]))
        sales = org.emulator.user("Sales User").id
        assign(org, "Sync", sales)
        [row] = org.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'")
        assert org.call("DELETE", f"/sobjects/PermissionSet/{row['Id']}").status == 204
        assert not org.emulator.org.access.permits(sales, "ModifyMetadata")

    def test_one_that_is_not_there_is_a_warning(self, org: Caller) -> None:
        files = removal(PermissionSet=["Sync"])
        assert refused(org, files) == {"destructiveChanges.xml": "No PermissionSet named: Sync found"}
        deployed(org, files, ignoreWarnings=True)

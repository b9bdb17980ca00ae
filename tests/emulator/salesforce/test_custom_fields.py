"""Custom fields through the Tooling API: made, found, granted, changed, deleted."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller

FIELDS = "/tooling/sobjects/CustomField"
KEY = {"type": "Text", "label": "HubSpot Id", "length": 64, "externalId": True, "unique": True}


def make(org: Caller, full_name: str, **metadata: Any) -> str:
    answer = org.call("POST", FIELDS, {"FullName": full_name, "Metadata": metadata})
    assert answer.status == 201, answer.json
    assert answer.json["success"] is True
    return str(answer.json["id"])


def grant(org: Caller, field: str, user: str, *, edit: bool = True) -> str:
    """As an installer does: a permission set with the field, given to the user."""
    name = field.replace(".", "_") + ("_edit" if edit else "_read")
    permission_set = org.create("PermissionSet", Name=name, Label=name)
    org.create(
        "FieldPermissions",
        ParentId=permission_set,
        SobjectType=field.partition(".")[0],
        Field=field,
        PermissionsRead=True,
        PermissionsEdit=edit,
    )
    return org.create("PermissionSetAssignment", AssigneeId=user, PermissionSetId=permission_set)


class TestVisibility:
    def test_a_new_field_is_seen_by_nobody_until_it_is_granted(self, org: Caller) -> None:
        id = org.create("Contact", LastName="L")
        make(org, "Contact.HubSpot_Id__c", **KEY)
        assert org.refused("SELECT HubSpot_Id__c FROM Contact") == "INVALID_FIELD"
        refused = org.call("PATCH", f"/sobjects/Contact/{id}", {"HubSpot_Id__c": "1"})
        assert refused.json[0]["message"] == "No such column 'HubSpot_Id__c' on sobject of type Contact"
        assert org.call("PATCH", "/sobjects/Contact/HubSpot_Id__c/1", {"LastName": "L"}).error == (404, "NOT_FOUND")
        assert "HubSpot_Id__c" not in org.row("Contact", id)

        grant(org, "Contact.HubSpot_Id__c", org.emulator.users[0].id)
        assert org.call("PATCH", f"/sobjects/Contact/{id}", {"HubSpot_Id__c": "1"}).status == 204
        assert org.soql("SELECT Id FROM Contact WHERE HubSpot_Id__c = '1'") == [{"Id": id}]
        [field] = [
            one
            for one in org.call("GET", "/sobjects/Contact/describe").json["fields"]
            if one["name"] == "HubSpot_Id__c"
        ]
        assert (field["custom"], field["unique"], field["externalId"], field["length"]) == (True, True, True, 64)
        org.token = org.emulator.issue_token("Sales User")
        assert org.refused("SELECT HubSpot_Id__c FROM Contact") == "INVALID_FIELD"

    def test_a_grant_may_be_to_read_only_and_is_taken_back_with_its_assignment(self, org: Caller) -> None:
        make(org, "Contact.Note__c", type="Text", label="Note", length=20)
        assignment = grant(org, "Contact.Note__c", org.emulator.users[0].id, edit=False)
        id = org.create("Contact", LastName="L")
        assert org.row("Contact", id)["Note__c"] is None
        refused = org.call("PATCH", f"/sobjects/Contact/{id}", {"Note__c": "x"})
        assert refused.error == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
        assert org.call("DELETE", f"/sobjects/PermissionSetAssignment/{assignment}").status == 204
        assert "Note__c" not in org.row("Contact", id)

    def test_rights_may_not_name_required_or_unknown_fields(self, org: Caller) -> None:
        permission_set = org.create("PermissionSet", Name="P", Label="P")
        for field in ("Contact.LastName", "Contact.Nope__c"):
            body = {"ParentId": permission_set, "SobjectType": "Contact", "Field": field, "PermissionsRead": True}
            refused = org.call("POST", "/sobjects/FieldPermissions", body)
            assert refused.error == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")

    def test_an_org_may_be_set_to_show_new_fields_at_once(self) -> None:
        org = Caller(custom_fields_visible=True)
        make(org, "Contact.Note__c", type="Text", label="Note", length=20)
        assert org.row("Contact", org.create("Contact", LastName="L", Note__c="n"))["Note__c"] == "n"


class TestFields:
    @pytest.mark.parametrize(
        ("metadata", "type", "given", "shown"),
        [
            ({"type": "Text", "length": 3}, "string", "abc", "abc"),
            ({"type": "LongTextArea", "length": 32_768, "visibleLines": 3}, "textarea", "a\nb", "a\nb"),
            ({"type": "Number", "precision": 5, "scale": 1}, "double", 1.25, 1.3),
            ({"type": "Currency", "precision": 18, "scale": 2}, "currency", "9.999", 10.0),
            ({"type": "Percent", "precision": 5, "scale": 2}, "percent", 12.5, 12.5),
            ({"type": "Checkbox", "defaultValue": "true"}, "boolean", False, False),
            ({"type": "Date"}, "date", "2026-05-28", "2026-05-28"),
            ({"type": "DateTime"}, "datetime", "2026-05-28T10:00:00Z", "2026-05-28T10:00:00.000+0000"),
            ({"type": "Email"}, "email", "A@b.com", "a@b.com"),
            ({"type": "Phone"}, "phone", "1", "1"),
            ({"type": "Url"}, "url", "x.com", "x.com"),
        ],
    )
    def test_every_type_is_made_and_holds_its_values(
        self, metadata: dict[str, Any], type: str, given: Any, shown: Any
    ) -> None:
        org = Caller(custom_fields_visible=True)
        make(org, "Contact.Field__c", label="Field", **metadata)
        [field] = [one for one in org.call("GET", "/sobjects/Contact/describe").json["fields"] if one["custom"]]
        assert field["type"] == type
        assert org.row("Contact", org.create("Contact", LastName="L", Field__c=given))["Field__c"] == shown
        if type == "boolean":
            assert org.row("Contact", org.create("Contact", LastName="L"))["Field__c"] is True

    def test_a_look_up_makes_a_relationship_both_ways(self) -> None:
        org = Caller(custom_fields_visible=True)
        make(org, "Contact.Firm__c", type="Lookup", label="Firm", referenceTo="Account", relationshipName="People")
        account = org.create("Account", Name="Acme")
        org.create("Contact", LastName="L", Firm__c=account)
        assert org.soql("SELECT Firm__r.Name FROM Contact") == [{"Firm__r": {"Name": "Acme"}}]
        assert org.soql("SELECT (SELECT LastName FROM People__r) FROM Account") == [{"People__r": [{"LastName": "L"}]}]

    def test_fields_of_activities_are_shared_by_tasks_and_events(self) -> None:
        org = Caller(custom_fields_visible=True)
        make(org, "Activity.Key__c", **KEY)
        assert org.row("Task", org.create("Task", Subject="S", Key__c="k"))["Key__c"] == "k"
        names = {field["name"] for field in org.call("GET", "/sobjects/Event/describe").json["fields"]}
        assert "Key__c" in names
        refused = org.call("POST", FIELDS, {"FullName": "Task.Other__c", "Metadata": KEY})
        assert refused.error == (400, "FIELD_INTEGRITY_EXCEPTION")

    def test_they_are_found_read_changed_and_deleted(self, org: Caller) -> None:
        id = make(org, "Account.Key__c", **KEY)
        soql = "SELECT Id, DeveloperName FROM CustomField WHERE DeveloperName = 'Key' AND TableEnumOrId = 'Account'"
        found = org.call("GET", "/tooling/query", query={"q": soql}).json
        assert (found["size"], found["records"][0]["Id"]) == (1, id)
        assert org.call("GET", f"{FIELDS}/{id}").json["FullName"] == "Account.Key__c"
        assert org.call("PATCH", f"{FIELDS}/{id}", {"Metadata": {**KEY, "length": 100}}).status == 204
        grant(org, "Account.Key__c", org.emulator.users[0].id)
        account = org.create("Account", Name="A", Key__c="x" * 100)
        assert org.call("DELETE", f"{FIELDS}/{id}").status == 204
        assert "Key__c" not in org.row("Account", account)
        assert org.call("GET", f"{FIELDS}/{id}").error == (404, "NOT_FOUND")

    def test_a_name_in_use_is_refused(self, org: Caller) -> None:
        make(org, "Contact.Key__c", **KEY)
        again = org.call("POST", FIELDS, {"FullName": "Contact.Key__c", "Metadata": KEY})
        assert again.error == (400, "DUPLICATE_DEVELOPER_NAME")

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"FullName": "Contact.Key__c"},
            {"FullName": "Key__c", "Metadata": KEY},
            {"FullName": "Unicorn.Key__c", "Metadata": KEY},
            {"FullName": "Contact.Key", "Metadata": KEY},
            {"FullName": "Contact.Key__c", "Metadata": {**KEY, "type": "Hologram"}},
            {"FullName": "Contact.Key__c", "Metadata": {**KEY, "label": ""}},
            {"FullName": "Contact.Key__c", "Metadata": {**KEY, "length": 256}},
            {"FullName": "Contact.Key__c", "Metadata": {"type": "Lookup", "label": "L"}},
        ],
    )
    def test_what_cannot_be_made_is_refused(self, org: Caller, body: Any) -> None:
        assert org.call("POST", FIELDS, body).status == 400

    def test_objects_and_fields_can_be_looked_up(self, org: Caller) -> None:
        soql = "SELECT QualifiedApiName, Label FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Contact'"
        found = org.call("GET", "/tooling/query/", query={"q": soql}).json["records"]
        names = {row["QualifiedApiName"] for row in found}
        assert {"LastName", "Email", "MailingAddress"} <= names
        assert "MailingCity" not in names  # the Metadata API knows an address as one field
        soql = "SELECT QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName IN ('Lead', 'Unicorn')"
        found = org.call("GET", "/tooling/query", query={"q": soql}).json["records"]
        assert [row["QualifiedApiName"] for row in found] == ["Lead"]

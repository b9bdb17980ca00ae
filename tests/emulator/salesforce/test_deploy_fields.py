"""CustomField in a deployment: its elements by type, its names, and what of a field that exists may change."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller
from tests.emulator.salesforce.deploying import (
    KEY,
    deployed,
    describe,
    fields_package,
    grant,
    manifest,
    objects,
    permission_set,
    refused,
    removal,
)

TEXT = {"type": "Text", "label": "Note", "length": 20}


@pytest.fixture
def open_org() -> Caller:
    """Everybody sees every field at once, so that a test can look at it."""
    return Caller(custom_fields_visible=True)


def problem(org: Caller, elements: dict[str, Any], name: str = "Field__c") -> str:
    [text] = refused(org, fields_package(Contact={name: elements})).values()
    return text


class TestTypes:
    @pytest.mark.parametrize(
        ("elements", "shown"),
        [
            (KEY, {"type": "string", "length": 64, "unique": True, "externalId": True, "caseSensitive": False}),
            (TEXT, {"type": "string", "length": 20, "unique": False, "externalId": False, "nillable": True}),
            ({**TEXT, "required": True}, {"type": "string", "nillable": False}),
            ({**TEXT, "required": False, "externalId": False, "unique": False}, {"unique": False, "nillable": True}),
            ({"type": "TextArea", "label": "L"}, {"type": "textarea", "length": 255}),
            ({"type": "LongTextArea", "label": "L", "length": 32768, "visibleLines": 3}, {"length": 32768}),
            (
                {"type": "Number", "label": "L", "precision": 5, "scale": 1},
                {"type": "double", "precision": 5, "scale": 1},
            ),
            ({"type": "Checkbox", "label": "L", "defaultValue": False}, {"type": "boolean", "nillable": False}),
            (
                {"type": "Date", "label": "L", "externalId": False, "unique": False, "required": False},
                {"type": "date", "unique": False},
            ),
            ({"type": "DateTime", "label": "L"}, {"type": "datetime"}),
            ({"type": "Email", "label": "L", "unique": True}, {"type": "email", "unique": True}),
            (
                {"type": "Lookup", "label": "L", "referenceTo": "Account", "relationshipName": "Firms"},
                {"type": "reference", "referenceTo": ["Account"]},
            ),
            (
                {
                    "type": "Picklist",
                    "label": "L",
                    "valueSet": {
                        "restricted": True,
                        "valueSetDefinition": {
                            "sorted": False,
                            "value": {"fullName": "A", "default": False, "label": "a"},
                        },
                    },
                },
                {"type": "picklist", "restrictedPicklist": True},
            ),
        ],
    )
    def test_each_type_is_made_as_its_elements_say(
        self, open_org: Caller, elements: dict[str, Any], shown: dict[str, Any]
    ) -> None:
        """Metadata API developer guide, CustomField, fields and "Declarative Metadata Sample Definition"."""
        deployed(open_org, fields_package(Contact={"Field__c": elements}))
        field = describe(open_org, "Contact")["Field__c"]
        assert {name: field[name] for name in shown} == shown

    @pytest.mark.parametrize(
        ("elements", "text"),
        [
            ({"type": "Text", "label": "L"}, "Must specify 'length' for a CustomField of type Text"),
            ({"type": "Checkbox", "label": "L"}, "Must specify 'defaultValue' for a CustomField of type Checkbox"),
            ({"type": "Number", "label": "L", "scale": 0}, "Must specify 'precision' for a CustomField of type Number"),
            ({"type": "LongTextArea", "label": "L", "length": 300}, "Must specify 'visibleLines' for a CustomField of"),
            ({"type": "Text", "length": 20}, "Must specify a non-empty label for the CustomField"),
            ({"label": "L"}, "Must specify a 'type' for the CustomField"),
            (
                {"type": "TextArea", "label": "L", "length": 255},
                "Can not specify 'length' for a CustomField of type TextArea",
            ),
            (
                {"type": "Date", "label": "L", "externalId": True},
                "Can not specify 'externalId' for a CustomField of type Date",
            ),
            (
                {"type": "Phone", "label": "L", "unique": True},
                "Can not specify 'unique' for a CustomField of type Phone",
            ),
            (
                {"type": "LongTextArea", "label": "L", "length": 300, "visibleLines": 3, "required": True},
                "Can not specify 'required' for a CustomField of type LongTextArea",
            ),
            ({**TEXT, "length": 256}, "Length: must be between 1 and 255"),
            ({**TEXT, "length": 0}, "Length: must be between 1 and 255"),
            ({"type": "Number", "label": "L", "precision": 19, "scale": 0}, "Precision: must be between 1 and 18"),
            ({"type": "Number", "label": "L", "precision": 2, "scale": 3}, "Precision: must be between 1 and 18"),
            ({**TEXT, "label": "L" * 41}, "Field Label: data value too large"),
            ({**TEXT, "length": "many"}, "'many' is not valid for the type xsd:int"),
            ({**TEXT, "length": "9" * 5_000}, "is not valid for the type xsd:int"),
            ({**TEXT, "unique": "yes"}, "'yes' is not valid for the type xsd:boolean"),
            ({**TEXT, "type": "Hologram"}, "'Hologram' is not a valid value for the enum 'FieldType'"),
            (
                {**TEXT, "shiny": True},
                "Error parsing file: Element {http://soap.sforce.com/2006/04/metadata}shiny invalid",
            ),
            (
                {"type": "Lookup", "label": "L", "referenceTo": "Unicorn__c", "relationshipName": "U"},
                "referenceTo value of 'Unicorn__c' does not resolve to a valid sObject type",
            ),
            ({"type": "Picklist", "label": "L", "valueSet": {"valueSetName": "Global"}}, "Not available for deploy"),
            (
                {"type": "Picklist", "label": "L", "valueSet": {"shiny": 1}},
                "shiny invalid at this location in type ValueSet",
            ),
            (
                {"type": "Picklist", "label": "L", "valueSet": {"valueSetDefinition": {"value": {"label": "A"}}}},
                "Required field is missing: fullName",
            ),
            (
                {
                    "type": "Picklist",
                    "label": "L",
                    "valueSet": {"valueSetDefinition": {"value": [{"fullName": "A"}, {"fullName": "a"}]}},
                },
                "Duplicate picklist values",
            ),
            ({"type": "Picklist", "label": "L"}, "Must specify 'valueSet' for a CustomField of type Picklist"),
            ({"type": "AutoNumber", "label": "L"}, "Not available for deploy for this organization"),
        ],
    )
    def test_what_a_type_needs_and_does_not_have_is_told_in_its_words(
        self, org: Caller, elements: dict[str, Any], text: str
    ) -> None:
        """Salesforce: "Can not specify 'length' ... of type TextArea", "... 'required' ... of type LongTextArea", "Must specify
        'defaultValue' ... of type Checkbox", "referenceTo value of ... does not resolve" and "Error parsing file: Element
        ..." are quoted by users of deployment tools. Limits: Salesforce help, custom field types."""
        assert text in problem(org, elements)
        assert org.emulator.org.field_ids == {}


def test_the_values_of_a_picklist_are_those_of_its_value_set(open_org: Caller) -> None:
    """CustomValue: fullName, label, default, isActive (Metadata API developer guide, CustomValue)."""
    values = [
        {"fullName": "a", "default": True, "label": "Alpha"},
        {"fullName": "b", "default": False},
        {"fullName": "c", "default": False, "isActive": False},
    ]
    picklist = {
        "type": "Picklist",
        "label": "L",
        "valueSet": {"restricted": True, "valueSetDefinition": {"value": values}},
    }
    deployed(open_org, fields_package(Contact={"Field__c": picklist}))
    shown = describe(open_org, "Contact")["Field__c"]["picklistValues"]
    assert [(one["value"], one["label"], one["defaultValue"], one["active"]) for one in shown] == [
        ("a", "Alpha", True, True),
        ("b", "b", False, True),
        ("c", "c", False, False),
    ]
    assert open_org.row("Contact", open_org.create("Contact", LastName="L"))["Field__c"] == "a"
    refusal = open_org.call("POST", "/sobjects/Contact", {"LastName": "L", "Field__c": "c"})
    assert refusal.error == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")


class TestNames:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("Key", "Could not resolve standard field's name."),
            ("Key__x1", "fullName must end with: __c or __kav or __x or __b or __e or __p or __mdt or __dll or __dlm"),
            ("1Key__c", "Field Name: The Field Name can only contain underscores and alphanumeric characters."),
            ("Key__", "fullName must end with: __c"),
            ("Ke-y__c", "Field Name: The Field Name can only contain"),
            ("Key___c", "Field Name: The Field Name can only contain"),
            ("K" * 41 + "__c", "Field Name: data value too large"),
            ("Id__c", "Field Name: Id is a reserved name"),
            ("acme__Key__c", "Cannot create a new component with the namespace: acme."),
            ("LastName", "Not available for deploy for this organization"),
            ("", "Required field is missing: fullName"),
        ],
    )
    def test_a_name_that_a_field_may_not_have_is_refused(self, org: Caller, name: str, text: str) -> None:
        """Salesforce: "Could not resolve standard field's name.", "fullName must end with: ..." and the namespace's sentence are
        quoted by users of deployment tools. A name has 40 characters without its __c (Salesforce help)."""
        package = {"package.xml": manifest({"CustomObject": ["Contact"]}), **objects(Contact={name: KEY})}
        assert text in refused(org, package)[f"Contact.{name}"]

    def test_forty_characters_are_allowed(self, org: Caller) -> None:
        deployed(org, fields_package(Contact={"K" * 40 + "__c": KEY}))

    def test_a_field_twice_in_one_package_is_refused(self, org: Caller) -> None:
        """Salesforce: "duplicate value found: <unknown> duplicates value on record with id: <unknown>" is quoted by users."""
        package = fields_package(Contact={"Key__c": KEY, "KEY__c": KEY})
        assert refused(org, package) == {
            "Contact.KEY__c": "duplicate value found: <unknown> duplicates value on record with id: <unknown>"
        }

    def test_an_object_that_is_not_there_is_refused(self, org: Caller) -> None:
        assert refused(org, fields_package(Unicorn={"Key__c": KEY})) == {
            "Unicorn.Key__c": "Not available for deploy for this organization"
        }

    def test_fields_of_activities_are_deployed_to_activity(self, open_org: Caller) -> None:
        """Salesforce: Custom fields of Task and Event are defined on Activity (Metadata API developer guide, CustomObject)."""
        deployed(open_org, fields_package(Activity={"Key__c": KEY}))
        assert "Key__c" in describe(open_org, "Task")
        assert "Key__c" in describe(open_org, "Event")
        assert "bad value for restricted picklist field: Task" in str(
            refused(open_org, fields_package(Task={"Other__c": KEY}))
        )


class TestChanging:
    def test_the_type_stays_once_there_are_rows(self, open_org: Caller) -> None:
        """Salesforce: "Cannot change type due to existing data" is quoted by users, of rows that are empty in that field too."""
        deployed(open_org, fields_package(Contact={"Field__c": TEXT}))
        number = {"type": "Number", "label": "Note", "precision": 5, "scale": 0}
        assert deployed(open_org, fields_package(Contact={"Field__c": number}))["Contact.Field__c"]["changed"] is True
        open_org.create("Contact", LastName="L")
        assert problem(open_org, TEXT) == "Cannot change type due to existing data"
        assert describe(open_org, "Contact")["Field__c"]["type"] == "double"

    def test_a_field_becomes_unique_only_where_its_values_are(self, open_org: Caller) -> None:
        """A unique field takes no value twice, so neither can one that becomes it."""
        deployed(open_org, fields_package(Contact={"Field__c": TEXT}))
        open_org.create("Contact", LastName="L", Field__c="a")
        twin = open_org.create("Contact", LastName="M", Field__c="A")
        assert problem(open_org, {**TEXT, "unique": True}) == "Cannot make Field__c unique: duplicate values exist"
        open_org.call("DELETE", f"/sobjects/Contact/{twin}")
        deployed(open_org, fields_package(Contact={"Field__c": {**TEXT, "unique": True}}))
        answer = open_org.call("POST", "/sobjects/Contact", {"LastName": "N", "Field__c": "A"})
        assert answer.error == (400, "DUPLICATE_VALUE")

    def test_a_field_that_is_visible_to_everybody_stays_so(self, org: Caller) -> None:
        org.emulator.add_custom_field("Contact", "Field__c")
        deployed(org, fields_package(Contact={"Field__c": TEXT}))
        assert describe(org, "Contact")["Field__c"]["length"] == 20

    def test_a_relabelled_look_up_is_one_relationship_still(self, open_org: Caller) -> None:
        look_up = {"type": "Lookup", "label": "L", "referenceTo": "Account", "relationshipName": "Firms"}
        for label in ("L", "M"):
            deployed(open_org, fields_package(Contact={"Field__c": {**look_up, "label": label}}))
        children = open_org.call("GET", "/sobjects/Account/describe").json["childRelationships"]
        assert [child["relationshipName"] for child in children if child["field"] == "Field__c"] == ["Firms__r"]

    def test_a_changed_look_up_leaves_no_relationship_behind(self, open_org: Caller) -> None:
        look_up = {"type": "Lookup", "label": "L", "referenceTo": "Account", "relationshipName": "Firms"}
        deployed(open_org, fields_package(Contact={"Field__c": look_up}))
        deployed(open_org, fields_package(Contact={"Field__c": {**look_up, "referenceTo": "User"}}))
        children = open_org.call("GET", "/sobjects/Account/describe").json["childRelationships"]
        assert "Field__c" not in {child["field"] for child in children}


def test_an_object_has_twenty_five_external_ids(org: Caller) -> None:
    """ "You can designate up to 25 External ID fields per object" (Salesforce help, article 000385134)."""
    deployed(org, fields_package(Contact={f"Key{number}__c": KEY for number in range(25)}))
    assert list(refused(org, fields_package(Contact={"One_More__c": KEY}))) == ["Contact.One_More__c"]
    deployed(org, fields_package(Contact={"One_More__c": {**KEY, "externalId": False}}, Lead={"Key__c": KEY}))
    deployed(org, fields_package(Contact={"Key0__c": {**KEY, "length": 70}}))
    files = {
        **fields_package(Contact={"One_More__c": KEY}),
        "destructiveChanges.xml": manifest({"CustomField": ["Contact.Key0__c"]}),
    }
    deployed(org, files)


class TestRemoving:
    def test_a_removed_field_takes_its_values_and_grants_with_it(self, org: Caller) -> None:
        """destructiveChanges.xml (Metadata API developer guide, deleting components from an organization)."""
        org.emulator.add_custom_field("Contact", "Field__c")
        set_id = org.create("PermissionSet", Name="P", Label="P")
        given = {"SobjectType": "Contact", "Field": "Contact.Field__c", "PermissionsRead": True}
        org.create("FieldPermissions", ParentId=set_id, **given)
        id = org.create("Contact", LastName="L", Field__c="a")
        [row] = deployed(org, removal(CustomField=["Contact.Field__c"])).values()
        assert (row["deleted"], row["changed"], row["created"]) == (True, True, False)
        assert (row["componentType"], row["fileName"]) == ("CustomField", "destructiveChanges.xml")
        assert "Field__c" not in org.row("Contact", id)
        assert org.soql("SELECT Id FROM FieldPermissions") == []
        org.emulator.add_custom_field("Contact", "Field__c")
        assert org.row("Contact", id)["Field__c"] is None

    def test_what_is_not_there_is_a_warning_that_may_be_ignored(self, org: Caller) -> None:
        """ignoreWarnings: "If ignoreWarnings is set to false, success is set to false and the warning is treated like an
        error". The row is reported under the file's name, with "No CustomField named: ... found" (recorded by users)."""
        files = removal(CustomField=["Contact.Nope__c"])
        text = "No CustomField named: Contact.Nope__c found"
        assert refused(org, files) == {"destructiveChanges.xml": text}
        row = deployed(org, files, ignoreWarnings=True)["destructiveChanges.xml"]
        assert (row["problem"], row["problemType"], row["warning"], row["success"]) == (text, "Warning", True, True)

    @pytest.mark.parametrize("kind", ["validation", "duplicate", "automation"])
    def test_a_field_that_something_uses_stays(self, org: Caller, kind: str) -> None:
        """Salesforce: "This custom field is referenced elsewhere in salesforce.com" is quoted by users of deployment tools."""
        org.emulator.add_custom_field("Contact", "Field__c")
        if kind == "validation":
            org.emulator.add_validation_rule("Contact", lambda values: False, "no", field="Field__c", name="Rule")
        elif kind == "duplicate":
            org.emulator.add_duplicate_rule("Contact", "Field__c", name="Rule")
        else:
            org.emulator.add_automation("Contact", "Field__c", lambda values: None)
        [text] = refused(org, removal(CustomField=["Contact.Field__c"])).values()
        assert text.startswith("This custom field is referenced elsewhere in salesforce.com.: ")
        assert "Field__c" in describe(org, "Contact")

    def test_a_standard_field_can_not_be_deleted(self, org: Caller) -> None:
        assert "Contact.Title" in refused(org, removal(CustomField=["Contact.Title"]))

    def test_a_field_can_be_replaced_by_one_of_another_type_in_one_deployment(self, open_org: Caller) -> None:
        """Salesforce: Deletions are processed before additions by default (Metadata API developer guide, adding and deleting
        components in a single deployment)."""
        deployed(open_org, fields_package(Contact={"Field__c": TEXT}))
        id = open_org.create("Contact", LastName="L", Field__c="a")
        number = {"type": "Number", "label": "Note", "precision": 5, "scale": 0}
        files = {
            **fields_package(Contact={"Field__c": number}),
            "destructiveChanges.xml": manifest({"CustomField": ["Contact.Field__c"]}),
        }
        deployed(open_org, files)
        assert describe(open_org, "Contact")["Field__c"]["type"] == "double"
        assert open_org.row("Contact", id)["Field__c"] is None

    def test_a_deletion_after_the_additions_finds_what_they_made(self, open_org: Caller) -> None:
        """destructiveChangesPost.xml deletes after the additions (same page)."""
        files = {
            **fields_package(Contact={"Field__c": TEXT}),
            "destructiveChangesPost.xml": manifest({"CustomField": ["Contact.Field__c"]}),
        }
        deployed(open_org, files)
        assert "Field__c" not in describe(open_org, "Contact")

    def test_a_removal_that_is_rolled_back_gives_the_values_back(self, org: Caller) -> None:
        org.emulator.add_custom_field("Contact", "Field__c", unique=True)
        set_id = org.create("PermissionSet", Name="P", Label="P")
        id = org.create("Contact", LastName="L", Field__c="a")
        org.emulator.lock_row(set_id)
        files = {
            "package.xml": manifest({"PermissionSet": ["P"], "CustomField": ["Contact.New__c"]}),
            **objects(Contact={"New__c": KEY}),
            **permission_set("P", fieldPermissions=grant("Contact.New__c")),
            "destructiveChanges.xml": manifest({"CustomField": ["Contact.Field__c"]}),
        }
        assert refused(org, files) == {}  # the whole deployment, not a component
        assert org.row("Contact", id)["Field__c"] == "a"
        assert org.call("POST", "/sobjects/Contact", {"LastName": "M", "Field__c": "a"}).error == (
            400,
            "DUPLICATE_VALUE",
        )
        assert list(org.emulator.org.field_ids.values()) == [("Contact", "Field__c")]

    def test_wildcards_delete_nothing(self, org: Caller) -> None:
        """destructiveChanges.xml takes no wildcards (Metadata API developer guide, deleting components)."""
        org.emulator.add_custom_field("Contact", "Field__c")
        assert "*" in refused(org, removal(CustomField=["*"]))
        assert "Field__c" in describe(org, "Contact")

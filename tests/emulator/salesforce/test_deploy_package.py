"""The zip of a deployment: package.xml against the files, and files that are none of what they should be."""

from __future__ import annotations

import io
import zipfile

import pytest
from tests.emulator.salesforce.calls import Caller
from tests.emulator.salesforce.deploying import (
    KEY,
    NAMESPACE,
    deploy,
    deployed,
    fields_package,
    look,
    manifest,
    objects,
    permission_set,
    refused,
    send,
    xml,
    zipped,
)

from crm_emulator.salesforce.metadata import package


class TestPackageXml:
    def test_what_it_names_must_be_in_the_zip(self, org: Caller) -> None:
        """Quoted by users: "An object '...' of type CustomField was named in package.xml, but was not found in zipped
        directory"."""
        files = {**fields_package(Contact={"Key__c": KEY})}
        files["package.xml"] = manifest({"CustomField": ["Contact.Key__c", "Contact.Other__c"], "PermissionSet": ["P"]})
        result = deploy(org, files)
        words = "was named in package.xml, but was not found in zipped directory"
        assert {
            row["fullName"]: (row["problem"], row["fileName"]) for row in result["details"]["componentFailures"]
        } == {
            "Contact.Other__c": (f"An object 'Contact.Other__c' of type CustomField {words}", "package.xml"),
            "P": (f"An object 'P' of type PermissionSet {words}", "package.xml"),
        }
        assert (result["numberComponentErrors"], result["numberComponentsTotal"]) == (2, 3)

    def test_missing_files_may_be_allowed(self, org: Caller) -> None:
        """allowMissingFiles: "specifies whether a deployment can still succeed" (deployOptions)."""
        files = {"package.xml": manifest({"PermissionSet": ["P"]})}
        assert deploy(org, files, allowMissingFiles=True)["status"] == "Succeeded"

    def test_what_is_in_the_zip_must_be_named(self, org: Caller) -> None:
        """Quoted by users, with fields and other parts of objects: "Not in package.xml"."""
        files = {**fields_package(Contact={"Key__c": KEY, "Other__c": KEY}), **permission_set("P")}
        files["package.xml"] = manifest({"CustomField": ["Contact.Key__c"]})
        assert refused(org, files) == {"Contact.Other__c": "Not in package.xml", "P": "Not in package.xml"}

    def test_an_object_that_is_named_covers_its_fields(self, org: Caller) -> None:
        """A CustomObject's file holds its fields (Metadata API developer guide, CustomObject)."""
        files = {"package.xml": manifest({"CustomObject": ["Contact"]}), **objects(Contact={"Key__c": KEY})}
        rows = deployed(org, files)
        assert (rows["Contact"]["changed"], rows["Contact.Key__c"]["created"]) == (False, True)

    def test_a_wildcard_covers_permission_sets_but_no_standard_object(self, org: Caller) -> None:
        """The wildcard of CustomObject means custom objects only (Metadata API developer guide, package.xml)."""
        files = {"package.xml": manifest({"PermissionSet": ["*"]}), **permission_set("P")}
        assert deployed(org, files)["P"]["created"] is True
        files = {"package.xml": manifest({"CustomObject": ["*"]}), **objects(Contact={"Key__c": KEY})}
        assert refused(org, files) == {"Contact.Key__c": "Not in package.xml"}

    def test_a_type_that_nobody_knows_is_refused(self, org: Caller) -> None:
        """Quoted by users: "Unknown type name 'Translation' specified in package.xml"."""
        files = {"package.xml": manifest({"Unicorn": ["U"]})}
        assert refused(org, files) == {"": "Unknown type name 'Unicorn' specified in package.xml"}

    def test_a_type_that_this_org_does_not_have_is_refused_by_component(self, org: Caller) -> None:
        """Quoted by users of editions without Apex: "Not available for deploy for this organization"."""
        files = {"package.xml": manifest({"ApexClass": ["Panel"]}), "classes/Panel.cls": "public class Panel {}"}
        assert refused(org, files) == {"Panel": "Not available for deploy for this organization"}

    @pytest.mark.parametrize("version", ["68.0", "12.0", "67", "soon", "67.5"])
    def test_a_version_that_does_not_exist_is_refused(self, org: Caller, version: str) -> None:
        """Quoted by users: "Invalid version specified"."""
        files = {**fields_package(Contact={"Key__c": KEY}), "package.xml": manifest({}, version)}
        assert refused(org, files) == {"package.xml": "Invalid version specified"}

    def test_an_older_package_still_deploys(self, org: Caller) -> None:
        files = fields_package(Contact={"Key__c": KEY})
        files["package.xml"] = manifest({"CustomField": ["Contact.Key__c"]}, "50.0")
        deployed(org, files)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "no xml",
            "<Package/>",
            "<Package>",
            f'<Other xmlns="{NAMESPACE}"/>',
            f'<Package xmlns="{NAMESPACE}"><shiny/></Package>',
            f'<Package xmlns="{NAMESPACE}"><types><members>A</members></types></Package>',
            f'<!DOCTYPE Package [<!ENTITY a "b">]><Package xmlns="{NAMESPACE}">&a;</Package>',
            f'<Package xmlns="{NAMESPACE}">' + "<types>" * 5_000 + "</types>" * 5_000 + "</Package>",
        ],
    )
    def test_one_that_can_not_be_read_fails_the_deployment(self, org: Caller, text: str) -> None:
        result = deploy(org, {"package.xml": text})
        assert result["status"] == "Failed"
        assert [(row["fullName"], row["success"]) for row in result["details"]["allComponentMessages"]] == [
            ("package.xml", False)
        ]


class TestTheZip:
    def test_one_without_package_xml_is_refused(self, org: Caller) -> None:
        """Quoted by users: "No package.xml found"."""
        assert refused(org, {"objects/Contact.object": "x"}) == {"package.xml": "No package.xml found"}
        assert refused(org, {}) == {"package.xml": "No package.xml found"}

    def test_a_set_of_packages_lies_in_folders(self, org: Caller) -> None:
        """singlePackage false: "a set of packages" (deployOptions)."""
        files = {f"one/{name}": text for name, text in fields_package(Contact={"Key__c": KEY}).items()}
        files.update({f"two/{name}": text for name, text in fields_package(Lead={"Key__c": KEY}).items()})
        rows = deployed(org, files, singlePackage=False)
        assert {name: row["fileName"] for name, row in rows.items()} == {
            "Contact.Key__c": "one/objects/Contact.object",
            "Lead.Key__c": "two/objects/Lead.object",
        }

    def test_a_single_package_sent_as_a_set_lacks_its_package_xml(self, org: Caller) -> None:
        """Recorded by a user: fileName "applications/package.xml", problem "No package.xml found". The default of
        singlePackage is false."""
        result = deploy(org, fields_package(Contact={"Key__c": KEY}), singlePackage=None)
        [row] = result["details"]["componentFailures"]
        assert (row["fileName"], row["problem"]) == ("objects/package.xml", "No package.xml found")

    # Named: a zip holds the time at which it was made, by which two processes would collect two tests.
    @pytest.mark.parametrize(
        "data", [b"", b"no zip", zipped({"package.xml": "x" * 500})[:-30]], ids=["empty", "no zip", "cut off"]
    )
    def test_what_is_no_zip_fails_as_a_whole(self, org: Caller, data: bytes) -> None:
        result = deploy(org, data)
        assert (result["status"], result["errorStatusCode"]) == ("Failed", "UNKNOWN_EXCEPTION")
        assert "unzipping" in result["errorMessage"]

    @pytest.mark.parametrize("at", range(41, 52))
    def test_a_zip_whose_content_is_damaged_fails_as_a_whole(self, org: Caller, at: int) -> None:
        data = bytearray(zipped({"package.xml": manifest({})}))
        data[at] ^= 0xFF
        result = deploy(org, bytes(data))
        assert (result["status"], result["errorStatusCode"]) == ("Failed", "UNKNOWN_EXCEPTION")

    @pytest.mark.parametrize("limit", ["MOST_ZIPPED_BYTES", "MOST_BYTES"])
    def test_its_size_is_limited_zipped_and_unzipped(
        self, org: Caller, monkeypatch: pytest.MonkeyPatch, limit: str
    ) -> None:
        """39 MB and 600 MB (Metadata API developer guide, deploy using REST); made small here."""
        files = fields_package(Contact={"Key__c": KEY})
        monkeypatch.setattr(package, limit, 10)
        result = deploy(org, files)
        assert (result["status"], result["errorStatusCode"]) == ("Failed", "UNKNOWN_EXCEPTION")
        assert result["errorMessage"].startswith("Maximum size of ")

    def test_names_may_begin_with_the_current_folder(self, org: Caller) -> None:
        """As some archivers write them."""
        files = {f"./{name}": text for name, text in fields_package(Contact={"Key__c": KEY}).items()}
        deployed(org, files)

    def test_what_is_wrong_with_it_is_told_when_the_deployment_ends(self) -> None:
        org = Caller(deploy_pending_s=5)
        id = send(org, b"no zip").json["id"]
        assert (look(org, id)["status"], look(org, id)["errorMessage"]) == ("Pending", None)
        org.pass_seconds(5)
        result = look(org, id)
        assert (result["status"], result["details"]["allComponentMessages"]) == ("Failed", [])

    def test_it_may_hold_ten_thousand_files(self, org: Caller) -> None:
        """ "You can deploy or retrieve up to 10,000 files at once" (Metadata API developer guide, deploy using REST)."""
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            for number in range(10_001):
                archive.writestr(f"f{number}", b"")
        result = deploy(org, held.getvalue())
        assert (result["status"], result["errorMessage"]) == (
            "Failed",
            "Too many files in zip: 10001, maximum is 10000",
        )

    def test_a_file_that_is_of_no_type_is_not_in_the_package(self, org: Caller) -> None:
        files = {**fields_package(Contact={"Key__c": KEY}), "README.md": "x"}
        assert refused(org, files) == {"README.md": "Not in package.xml"}

    def test_an_object_file_that_is_no_xml_says_so(self, org: Caller) -> None:
        files = {**fields_package(Contact={"Key__c": KEY}), "objects/Contact.object": "<CustomObject>"}
        assert "Error parsing file" in refused(org, files)["Contact"]

    def test_a_field_that_can_not_be_read_spoils_its_whole_file(self, org: Caller) -> None:
        """ "Error parsing file: ..." is about the file (quoted by users, under the name of the object)."""
        files = fields_package(Contact={"Key__c": KEY, "Odd__c": {**KEY, "shiny": True}}, Lead={"Key__c": KEY})
        result = deploy(org, files, rollbackOnError=False)
        [row] = result["details"]["componentFailures"]
        assert (row["componentType"], row["fullName"], row["fileName"]) == (
            "CustomObject",
            "Contact",
            "objects/Contact.object",
        )
        assert list(org.emulator.org.field_ids.values()) == [("Lead", "Key__c")]

    def test_elements_of_one_kind_stand_together(self, org: Caller) -> None:
        """Quoted by users: "Error parsing file: Element fieldPermissions is duplicated at this location in type
        PermissionSet (3621:17)", where elements of another kind lay between."""
        granted = {"editable": True, "field": "Contact.Title", "readable": True}
        setup = {"enabled": True, "name": "ViewSetup"}
        pairs = [
            ("label", "P"),
            ("fieldPermissions", granted),
            ("userPermissions", setup),
            ("fieldPermissions", granted),
        ]
        files = {
            "package.xml": manifest({"PermissionSet": ["P"]}),
            "permissionsets/P.permissionset": xml("PermissionSet", pairs),
        }
        [row] = deploy(org, files)["details"]["componentFailures"]
        assert row["problem"] == (
            "Error parsing file: Element fieldPermissions is duplicated at this location in type PermissionSet"
        )
        assert (row["fullName"], row["lineNumber"]) == ("P", 13)

    def test_an_element_that_may_stand_once_stands_once(self, org: Caller) -> None:
        files = {"package.xml": manifest({"PermissionSet": ["P"]}), **permission_set("P", description=["a", "b"])}
        assert "Element description is duplicated" in refused(org, files)["P"]

    def test_parts_of_an_object_that_are_no_fields_are_not_available_here(self, org: Caller) -> None:
        files = {
            "package.xml": manifest({"CustomObject": ["Contact"]}),
            "objects/Contact.object": f'<CustomObject xmlns="{NAMESPACE}"><webLinks/></CustomObject>',
        }
        assert refused(org, files) == {"Contact": "Not available for deploy for this organization"}

    def test_a_custom_object_can_not_be_made_here(self, org: Caller) -> None:
        """Quoted by users, of an object file without its own attributes: "Must specify a non-empty label for the
        CustomObject"."""
        files = {"package.xml": manifest({"CustomObject": ["Thing__c"]}), **objects(Thing__c={"Key__c": KEY})}
        assert refused(org, files)["Thing__c"] == "Must specify a non-empty label for the CustomObject"

"""Deployments by the Metadata REST API: how they are sent, what they make, and who may send them."""

from __future__ import annotations

import base64
import json

import pytest
from tests.emulator.salesforce.calls import Caller
from tests.emulator.salesforce.deploying import (
    BOUNDARY,
    DEPLOYMENTS,
    INTEGRATION,
    KEY,
    assign,
    deploy,
    deployed,
    describe,
    fields_package,
    form,
    look,
    manifest,
    permission_set,
    remote_sites,
    send,
    zipped,
)

# Of a deployResult and of a row of its details, as recorded from a v51 org (Opsera-QA/react-webclient-portal-1,
# SalesforceLogSummaryReportPanel.js).
RESULT_KEYS = (
    "id messages retrieveResult success checkOnly ignoreWarnings rollbackOnError status numberComponentsDeployed "
    "numberComponentsTotal numberComponentErrors numberTestsCompleted numberTestsTotal numberTestErrors details "
    "createdDate startDate lastModifiedDate completedDate errorStatusCode errorMessage stateDetail createdBy "
    "createdByName canceledBy canceledByName done runTestsEnabled runTestResult"
)
ROW_KEYS = (
    "componentType fileName fullName id problem success warning created changed deleted lineNumber columnNumber "
    "requiresProductionTestRun createdDate knownPackagingProblem forPackageManifestFile problemType"
)


class TestInstalling:
    def test_fields_and_their_permission_set_arrive_together_and_show_once_it_is_assigned(self, org: Caller) -> None:
        """A field made by an API is invisible until field-level security grants it (quoted by users of every tool that
        makes fields: "No such column ... on entity" for what was just deployed)."""
        rows = deployed(org, INTEGRATION)
        assert {name: (row["componentType"], row["created"], row["changed"]) for name, row in rows.items()} == {
            "Contact.Key__c": ("CustomField", True, True),
            "Lead.Key__c": ("CustomField", True, True),
            "Sync": ("PermissionSet", True, True),
        }
        assert "Key__c" not in describe(org, "Contact")
        assert org.refused("SELECT Key__c FROM Contact") == "INVALID_FIELD"

        assignment = assign(org, "Sync", org.emulator.users[0].id)
        shown = describe(org, "Contact")["Key__c"]
        kept = ("custom", "unique", "externalId", "idLookup", "caseSensitive", "length", "type", "label", "updateable")
        assert [shown[name] for name in kept] == [True, True, True, True, False, 64, "string", "Key", True]
        assert org.call("PATCH", "/sobjects/Contact/Key__c/a", {"LastName": "L"}).status == 201
        assert org.soql("SELECT Key__c FROM Contact") == [{"Key__c": "a"}]

        assert org.call("DELETE", f"/sobjects/PermissionSetAssignment/{assignment}").status == 204
        assert "Key__c" not in describe(org, "Contact")

    def test_each_component_has_the_id_it_is_found_under_elsewhere(self, org: Caller) -> None:
        """DeployMessage.id is "ID of the component being deployed" (Metadata API developer guide, DeployMessage)."""
        rows = deployed(org, INTEGRATION)
        [found] = org.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'")
        assert rows["Sync"]["id"] == found["Id"]
        field = org.call("GET", f"/tooling/sobjects/CustomField/{rows['Lead.Key__c']['id']}").json
        assert field["FullName"] == "Lead.Key__c"

    def test_the_same_again_changes_nothing(self, org: Caller) -> None:
        """DeployMessage: created and changed tell what was new and what was different (Metadata API developer guide)."""
        deployed(org, INTEGRATION)
        again = deployed(org, INTEGRATION)
        assert {(row["created"], row["changed"]) for row in again.values()} == {(False, False)}

    def test_what_is_there_is_upgraded_and_keeps_its_values(self, org: Caller) -> None:
        """Deploying a component that exists updates it (Metadata API developer guide, deploy: "create, update, or
        delete")."""
        deployed(org, INTEGRATION)
        assign(org, "Sync", org.emulator.users[0].id)
        id = org.create("Contact", LastName="L", Key__c="Abc")
        rows = deployed(org, fields_package(Contact={"Key__c": {**KEY, "length": 100, "caseSensitive": True}}))
        assert (rows["Contact.Key__c"]["created"], rows["Contact.Key__c"]["changed"]) == (False, True)
        shown = describe(org, "Contact")["Key__c"]
        assert (shown["length"], shown["caseSensitive"]) == (100, True)
        assert org.row("Contact", id)["Key__c"] == "Abc"
        org.create("Contact", LastName="M", Key__c="aBC")  # another key, now that case tells

    def test_a_validation_says_what_would_happen_and_does_nothing(self, org: Caller) -> None:
        """checkOnly: "a test deployment (validation) of components without saving" (deployOptions)."""
        result = deploy(org, INTEGRATION, checkOnly=True)
        assert (result["status"], result["checkOnly"], result["numberComponentsDeployed"]) == ("Succeeded", True, 3)
        assert org.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'") == []
        assert org.emulator.org.field_ids == {}
        assert deployed(org, INTEGRATION)["Sync"]["created"] is True


class TestTheCall:
    def test_the_answer_names_the_deployment_and_where_it_is(self, org: Caller) -> None:
        """201 with id, deployOptions and a first deployResult (Metadata API developer guide, deploy using REST)."""
        answer = send(org, INTEGRATION, testLevel="NoTestRun")
        body = answer.json
        assert (answer.status, body["id"][:3], body["deployResult"]["status"]) == (201, "0Af", "Pending")
        assert (body["deployOptions"]["testLevel"], body["deployOptions"]["rollbackOnError"]) == ("NoTestRun", True)

    def test_a_status_has_the_keys_that_were_recorded(self, org: Caller) -> None:
        id = send(org, INTEGRATION).json["id"]
        answer = org.call("GET", f"{DEPLOYMENTS}/{id}", query={"includeDetails": "true"}).json
        assert set(answer) == {"id", "validatedDeployRequestId", "deployOptions", "deployResult"}
        result = answer["deployResult"]
        assert set(result) == set(RESULT_KEYS.split())
        details = result["details"]
        assert set(details) == {
            "componentFailures",
            "componentSuccesses",
            "retrieveResult",
            "allComponentMessages",
            "runTestResult",
        }
        assert set(details["componentSuccesses"][0]) == set(ROW_KEYS.split())

    def test_details_come_where_they_are_asked_for(self, org: Caller) -> None:
        id = send(org, INTEGRATION).json["id"]
        answer = org.call("GET", f"{DEPLOYMENTS}/{id}")
        assert (answer.json["deployResult"]["status"], answer.json["deployResult"]["details"]) == ("Succeeded", None)
        details = look(org, id)["details"]
        manifest_row = details["componentSuccesses"][-1]
        assert (manifest_row["fullName"], manifest_row["componentType"]) == ("package.xml", "")
        assert (manifest_row["changed"], manifest_row["forPackageManifestFile"]) == (True, True)
        assert details["componentFailures"] == []

    def test_the_json_part_may_have_the_name_that_jsforce_gives_it(self, org: Caller) -> None:
        """jsforce, deployRest: `form.append('entity_content', ..., 'application/json')` after the file."""
        body = form(
            ('name="file"; filename="package.xml"', "application/zip", zipped(INTEGRATION)),
            ('name="entity_content"', "application/json", b'{"deployOptions": {"singlePackage": true}}'),
        )
        headers = {"content-type": f'multipart/form-data; boundary="{BOUNDARY}"'}
        answer = org.call("POST", DEPLOYMENTS, raw=body, headers=headers)
        assert answer.status == 201
        assert look(org, answer.json["id"])["status"] == "Succeeded"

    def test_a_zip_may_be_sent_as_base64(self, org: Caller) -> None:
        """Content-Transfer-Encoding of a part (RFC 7578, 4.7, from RFC 2046)."""
        media = "application/zip\r\nContent-Transfer-Encoding: base64"
        body = form(
            ('name="json"', "application/json", b'{"deployOptions": {"singlePackage": true}}'),
            ('name="file"; filename="deploy.zip"', media, base64.encodebytes(zipped(INTEGRATION))),
        )
        headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = org.call("POST", DEPLOYMENTS, raw=body, headers=headers)
        assert look(org, answer.json["id"])["status"] == "Succeeded"

    @pytest.mark.parametrize(
        ("parts", "code"),
        [
            ([("json", b'{"deployOptions": {}}')], "INVALID_MULTIPART_REQUEST"),
            ([("file", b"x")], "INVALID_MULTIPART_REQUEST"),
            ([("file", b"x"), ("json", b"{")], "JSON_PARSER_ERROR"),
            ([("file", b"x"), ("json", b"{}")], "JSON_PARSER_ERROR"),
            ([("file", b"x"), ("json", b'{"deployOptions": {"fast": true}}')], "JSON_PARSER_ERROR"),
            ([("file", b"x"), ("json", b'{"deployOptions": {"checkOnly": "yes"}}')], "JSON_PARSER_ERROR"),
            ([("file", b"x"), ("json", b'{"deployOptions": {"testLevel": "Some"}}')], "JSON_PARSER_ERROR"),
        ],
    )
    def test_a_form_that_is_not_whole_is_refused(self, org: Caller, parts: list[tuple[str, bytes]], code: str) -> None:
        kinds = {"json": "application/json", "file": "application/zip"}
        body = form(*((f'name="{name}"', kinds[name], content) for name, content in parts))
        headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        assert org.call("POST", DEPLOYMENTS, raw=body, headers=headers).error == (400, code)

    def test_the_options_are_json_by_their_type_too(self, org: Caller) -> None:
        body = form(('name="json"', "text/plain", b'{"deployOptions": {}}'), ('name="file"', "application/zip", b"x"))
        headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        assert org.call("POST", DEPLOYMENTS, raw=body, headers=headers).error == (400, "INVALID_MULTIPART_REQUEST")

    @pytest.mark.parametrize("cut", [b"", b"--" + BOUNDARY.encode(), b"--" + BOUNDARY.encode() + b"\r\nx"])
    def test_a_form_that_was_cut_is_refused(self, org: Caller, cut: bytes) -> None:
        headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        assert org.call("POST", DEPLOYMENTS, raw=cut, headers=headers).error == (400, "INVALID_MULTIPART_REQUEST")

    def test_json_alone_is_no_form(self, org: Caller) -> None:
        assert org.call("POST", DEPLOYMENTS, {"deployOptions": {}}).error == (415, "UNSUPPORTED_MEDIA_TYPE")

    def test_an_unknown_deployment_is_not_found(self, org: Caller) -> None:
        assert org.call("GET", f"{DEPLOYMENTS}/0Af000000000001AAA").error == (404, "NOT_FOUND")
        assert org.call("GET", f"{DEPLOYMENTS}/nonsense").error == (404, "NOT_FOUND")


class TestWhoMayDeploy:
    def test_modify_metadata_or_modify_all_data_is_needed(self, org: Caller) -> None:
        """Quoted by users of several tools: "use of the Metadata API requires a user with the ModifyAllData or
        ModifyMetadata permissions"."""
        id = send(org, INTEGRATION).json["id"]
        org.token = org.emulator.issue_token("Sales User")
        words = "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions"
        for answer in (send(org, INTEGRATION), org.call("GET", f"{DEPLOYMENTS}/{id}")):
            assert (answer.status, answer.json) == (403, [{"message": words, "errorCode": "INSUFFICIENT_ACCESS"}])

    def test_a_type_asks_for_its_own_permission_besides(self, org: Caller) -> None:
        """Modify Metadata alone does not open a feature: its own permission is needed (Salesforce help, Modify Metadata
        Through Metadata API Functions)."""
        sales = org.emulator.user("Sales User").id
        given = [{"enabled": True, "name": "ModifyMetadata"}]
        deployed(
            org,
            {"package.xml": manifest({"PermissionSet": ["Deploy"]}), **permission_set("Deploy", userPermissions=given)},
        )
        assign(org, "Deploy", sales)
        org.token = org.emulator.issue_token("Sales User")
        result = deploy(org, INTEGRATION)
        assert result["createdByName"] == "Sales User"
        failures = {row["fullName"]: row["problem"] for row in result["details"]["componentFailures"]}
        assert failures["Contact.Key__c"] == failures["Sync"] == "insufficient access rights on cross-reference id"

    def test_a_user_without_api_enabled_is_turned_away_everywhere(self, org: Caller) -> None:
        """Salesforce help, API Enabled; API_DISABLED_FOR_ORG is quoted by users of several clients."""
        [profile] = org.soql("SELECT Id FROM Profile WHERE Name = 'Standard User'")
        org.token = org.emulator.issue_token("Sales User")
        assert org.call("GET", "/sobjects/Contact/describe").status == 200
        org.user.update("Profile", profile["Id"], {"PermissionsApiEnabled": False})
        for answer in (send(org, INTEGRATION), org.call("GET", "/sobjects/Contact/describe")):
            assert answer.error == (403, "API_DISABLED_FOR_ORG")

    def test_a_production_org_neither_skips_tests_nor_keeps_halves(self) -> None:
        """deployOptions: testLevel and rollbackOnError. "INVALID_OPERATION: testLevel of NoTestRun cannot be used in
        production organizations" is quoted by users of several tools."""
        org = Caller(edition="Enterprise Edition")
        assert send(org, INTEGRATION, testLevel="NoTestRun").json[0]["message"] == (
            "testLevel of NoTestRun cannot be used in production organizations"
        )
        assert send(org, INTEGRATION, rollbackOnError=False).error == (400, "INVALID_OPERATION")
        assert deploy(org, INTEGRATION)["status"] == "Succeeded"


def test_a_deployment_is_journalled_under_the_client_that_sent_it(org: Caller) -> None:
    files = zipped(INTEGRATION)
    body = form(
        ('name="json"', "application/json", json.dumps({"deployOptions": {"singlePackage": True}}).encode()),
        ('name="file"', "application/zip", files),
    )
    headers = {
        "content-type": f"multipart/form-data; boundary={BOUNDARY}",
        "sforce-call-options": "client=Installer",
    }
    org.call("POST", DEPLOYMENTS, raw=body, headers=headers)
    org.call("GET", "/limits")
    entries = org.emulator.journal.entries()
    assert {(entry.client, entry.object) for entry in entries} == {
        ("Installer", "PermissionSet"),
        ("Installer", "FieldPermissions"),
    }


def test_a_reset_forgets_deployments_and_what_they_made(org: Caller) -> None:
    id = send(org, INTEGRATION).json["id"]
    look(org, id)
    deployed(org, remote_sites(Site="https://sync.example.com"))
    org.emulator.reset()
    assert org.emulator.org.sites == {}
    assert org.call("GET", f"{DEPLOYMENTS}/{id}").error == (404, "NOT_FOUND")
    assert deployed(org, INTEGRATION)["Contact.Key__c"]["created"] is True

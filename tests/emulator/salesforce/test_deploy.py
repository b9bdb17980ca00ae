"""Deployments by the Metadata REST API: how they are sent, how their status follows the clock, how they are cancelled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller
from tests.emulator.salesforce.deploying import (
    BOUNDARY,
    DEPLOYMENTS,
    KEY,
    assign,
    deploy,
    deployed,
    describe,
    fields_package,
    form,
    grant,
    look,
    manifest,
    objects,
    permission_set,
    send,
    zipped,
)

INTEGRATION = {
    "package.xml": manifest({"CustomField": ["Contact.Key__c", "Lead.Key__c"], "PermissionSet": ["Sync"]}),
    **objects(Contact={"Key__c": KEY}, Lead={"Key__c": KEY}),
    **permission_set("Sync", fieldPermissions=grant("Contact.Key__c", "Lead.Key__c")),
}


class TestInstalling:
    def test_fields_and_their_permission_set_arrive_together_and_show_once_it_is_assigned(self, org: Caller) -> None:
        """A field made by an API is invisible until field-level security grants it (Metadata API developer guide,
        CustomField: "... the fields aren't visible until permissions are granted")."""
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
        """DeployMessage: created is false for what was there, changed is false where it "is the same"."""
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
        assert body["url"].endswith(f"/services/data/v67.0{DEPLOYMENTS}/{body['id']}")

    def test_details_come_where_they_are_asked_for(self, org: Caller) -> None:
        id = send(org, INTEGRATION).json["id"]
        answer = org.call("GET", f"{DEPLOYMENTS}/{id}")
        assert (answer.json["deployResult"]["status"], answer.json["deployResult"]["details"]) == ("Succeeded", None)
        details = look(org, id)["details"]
        manifest_row = details["componentSuccesses"][0]
        assert (manifest_row["fullName"], manifest_row["componentType"]) == ("package.xml", "")
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

    @pytest.mark.parametrize("cut", [b"", b"--" + BOUNDARY.encode(), b"--" + BOUNDARY.encode() + b"\r\nx"])
    def test_a_form_that_was_cut_is_refused(self, org: Caller, cut: bytes) -> None:
        headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        assert org.call("POST", DEPLOYMENTS, raw=cut, headers=headers).error == (400, "INVALID_MULTIPART_REQUEST")

    def test_json_alone_is_no_form(self, org: Caller) -> None:
        assert org.call("POST", DEPLOYMENTS, {"deployOptions": {}}).error == (415, "UNSUPPORTED_MEDIA_TYPE")

    def test_an_unknown_deployment_is_not_found(self, org: Caller) -> None:
        assert org.call("GET", f"{DEPLOYMENTS}/0Af000000000001AAA").error == (404, "NOT_FOUND")
        assert org.call("GET", f"{DEPLOYMENTS}/nonsense").error == (404, "NOT_FOUND")


class TestThroughTime:
    @pytest.fixture
    def slow(self) -> Caller:
        return Caller(deploy_pending_s=5, deploy_component_s=2, deploy_finalize_s=3)

    def test_status_and_counters_follow_the_clock_component_by_component(self, slow: Caller) -> None:
        """DeployResult: status, numberComponentsTotal, numberComponentsDeployed, done, stateDetail. FinalizingDeploy
        shows from API version 65.0 on (Metadata API developer guide, cancel a deployment in progress)."""
        id = send(slow, INTEGRATION).json["id"]
        seen = []
        for seconds in (0, 5, 2, 2, 2, 2, 1):
            slow.pass_seconds(seconds)
            result = look(slow, id)
            seen.append((result["status"], result["numberComponentsDeployed"], result["done"], result["stateDetail"]))
        assert seen == [
            ("Pending", 0, False, None),
            ("InProgress", 0, False, "Processing Type: CustomField"),
            ("InProgress", 1, False, "Processing Type: CustomField"),
            ("InProgress", 2, False, "Processing Type: PermissionSet"),
            ("FinalizingDeploy", 3, False, None),
            ("FinalizingDeploy", 3, False, None),
            ("Succeeded", 3, True, None),
        ]

    def test_an_older_version_knows_no_finalizing(self, slow: Caller) -> None:
        id = send(slow, INTEGRATION).json["id"]
        slow.pass_seconds(12)
        assert look(slow, id, "v64.0")["status"] == "InProgress"
        assert look(slow, id, "v65.0")["status"] == "FinalizingDeploy"

    def test_nothing_is_in_the_org_before_the_end(self, slow: Caller) -> None:
        id = send(slow, INTEGRATION).json["id"]
        slow.pass_seconds(13.9)
        assert [row["fullName"] for row in look(slow, id)["details"]["componentSuccesses"]] == [
            "Contact.Key__c",
            "Lead.Key__c",
            "Sync",
        ]
        assert slow.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'") == []
        slow.pass_seconds(0.1)
        assert len(slow.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'")) == 1

    def test_times_are_the_schedule_not_the_moment_of_looking(self, slow: Caller) -> None:
        id = send(slow, INTEGRATION).json["id"]
        slow.pass_seconds(3_600)
        result = look(slow, id)
        assert (result["createdDate"], result["startDate"], result["completedDate"]) == (
            "2026-05-28T20:26:40.000+0000",
            "2026-05-28T20:26:45.000+0000",
            "2026-05-28T20:26:54.000+0000",
        )

    def test_one_deployment_waits_for_the_other(self, slow: Caller) -> None:
        """An org deploys one package at a time, the others are queued (Salesforce help, monitor deployments)."""
        first, second = (send(slow, INTEGRATION).json["id"] for _ in range(2))
        slow.pass_seconds(6)
        assert (look(slow, first)["status"], look(slow, second)["status"]) == ("InProgress", "Pending")
        slow.pass_seconds(8)
        assert (look(slow, first)["status"], look(slow, second)["status"]) == ("Succeeded", "InProgress")
        slow.pass_seconds(9)
        rows = look(slow, second)["details"]["componentSuccesses"]
        assert [row["created"] for row in rows] == [False] * 4

    def test_looking_often_makes_no_difference(self) -> None:
        ids = []
        for looks in (0, 5):
            slow = Caller(deploy_component_s=2)
            id = send(slow, INTEGRATION).json["id"]
            for _ in range(looks):
                slow.pass_seconds(1)
                look(slow, id)
            slow.pass_seconds(60)
            ids.append([row["id"] for row in look(slow, id)["details"]["componentSuccesses"]])
        assert ids[0] == ids[1]


CANCEL = {"deployResult": {"status": "Canceling"}}


class TestCancelling:
    """Metadata API developer guide, cancel a deployment in progress using REST: PATCH, 202, "the status shown in the
    response body can be either Canceling or Canceled"."""

    @pytest.fixture
    def slow(self) -> Caller:
        return Caller(deploy_pending_s=5, deploy_component_s=2, deploy_finalize_s=3)

    def test_what_still_waits_is_cancelled_at_once(self, slow: Caller) -> None:
        id = send(slow, INTEGRATION).json["id"]
        answer = slow.call("PATCH", f"{DEPLOYMENTS}/{id}", CANCEL)
        assert (answer.status, answer.json["deployResult"]["status"]) == (202, "Canceled")
        slow.pass_seconds(60)
        result = look(slow, id)
        assert (result["status"], result["done"], result["success"]) == ("Canceled", True, False)
        assert result["canceledByName"] == "Integration User"
        assert slow.emulator.org.field_ids == {}

    def test_what_is_under_way_finishes_its_component_first_and_leaves_nothing(self, slow: Caller) -> None:
        id = send(slow, INTEGRATION).json["id"]
        slow.pass_seconds(8)
        answer = slow.call("POST", f"{DEPLOYMENTS}/{id}?_HttpMethod=PATCH", CANCEL)
        assert (answer.status, answer.json["deployResult"]["status"]) == (202, "Canceling")
        slow.pass_seconds(1)
        result = look(slow, id)
        assert (result["status"], result["numberComponentsDeployed"]) == ("Canceled", 2)
        slow.pass_seconds(60)
        assert slow.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'") == []

    def test_the_next_one_begins_when_the_cancelled_one_ends(self, slow: Caller) -> None:
        first, second = (send(slow, INTEGRATION).json["id"] for _ in range(2))
        slow.pass_seconds(6)
        slow.call("PATCH", f"{DEPLOYMENTS}/{first}", CANCEL)
        slow.pass_seconds(1)
        assert (look(slow, first)["status"], look(slow, second)["status"]) == ("Canceled", "InProgress")

    def test_what_is_finalizing_can_not_be_cancelled_since_v65(self, slow: Caller) -> None:
        id = send(slow, INTEGRATION).json["id"]
        slow.pass_seconds(12)
        assert slow.call("PATCH", f"{DEPLOYMENTS}/{id}", CANCEL).error == (400, "INVALID_OPERATION")
        slow.pass_seconds(2)
        assert look(slow, id)["status"] == "Succeeded"

    def test_what_is_over_can_not_be_cancelled(self, org: Caller) -> None:
        id = send(org, INTEGRATION).json["id"]
        assert org.call("PATCH", f"{DEPLOYMENTS}/{id}", CANCEL).error == (400, "INVALID_ID_FIELD")
        assert look(org, id)["status"] == "Succeeded"

    @pytest.mark.parametrize("body", [{}, {"deployResult": {}}, {"deployResult": {"status": "Failed"}}])
    def test_no_other_status_can_be_set(self, slow: Caller, body: dict[str, Any]) -> None:
        id = send(slow, INTEGRATION).json["id"]
        assert slow.call("PATCH", f"{DEPLOYMENTS}/{id}", body).error == (400, "INVALID_INPUT")


BROKEN = {
    "package.xml": manifest({"CustomField": ["Contact.Key__c", "Lead.Bad__c"]}),
    **objects(Contact={"Key__c": KEY}, Lead={"Bad__c": {"type": "Text", "label": "Bad"}}),
}


class TestFailing:
    def test_one_failure_takes_everything_back(self, org: Caller) -> None:
        """rollbackOnError: "any failure causes a complete rollback" (deployOptions)."""
        result = deploy(org, BROKEN)
        assert (result["status"], result["success"]) == ("Failed", False)
        assert (result["numberComponentsDeployed"], result["numberComponentErrors"]) == (1, 1)
        assert result["numberComponentsTotal"] == 2
        assert org.emulator.org.field_ids == {}

    def test_without_rollback_what_can_be_done_is_done(self, org: Caller) -> None:
        """rollbackOnError false: "whatever actions can be performed without errors are performed, and errors are
        returned for the remaining actions"; the status is then SucceededPartial (DeployResult)."""
        result = deploy(org, BROKEN, rollbackOnError=False)
        assert (result["status"], result["success"]) == ("SucceededPartial", False)
        assert list(org.emulator.org.field_ids.values()) == [("Contact", "Key__c")]

    def test_without_rollback_and_without_any_success_it_failed(self, org: Caller) -> None:
        package = fields_package(Lead={"Bad__c": {"type": "Text", "label": "Bad"}})
        assert deploy(org, package, rollbackOnError=False)["status"] == "Failed"

    def test_a_problem_says_where_in_the_file_it_is(self, org: Caller) -> None:
        """Recorded by users: "objects/Account.object(291,13): ..." points behind the start tag of the field."""
        [row] = deploy(org, BROKEN)["details"]["componentFailures"]
        assert (row["fileName"], row["lineNumber"], row["columnNumber"]) == ("objects/Lead.object", 3, 13)
        assert (row["problemType"], row["success"], row["id"]) == ("Error", False, None)

    def test_a_component_can_be_made_to_fail_so_many_times(self, org: Caller) -> None:
        org.emulator.fail_deployment("PermissionSet", "Sync", "UNABLE_TO_LOCK_ROW", times=1)
        result = deploy(org, INTEGRATION)
        [row] = result["details"]["componentFailures"]
        assert (result["status"], row["fullName"], row["problem"]) == ("Failed", "Sync", "UNABLE_TO_LOCK_ROW")
        assert deploy(org, INTEGRATION)["status"] == "Succeeded"

    def test_looking_does_not_use_up_a_planned_failure(self) -> None:
        slow = Caller(deploy_component_s=1)
        slow.emulator.fail_deployment("PermissionSet", "Sync", "no", times=1)
        id = send(slow, INTEGRATION).json["id"]
        slow.pass_seconds(2.5)
        look(slow, id)
        slow.pass_seconds(1)
        assert look(slow, id)["status"] == "Failed"

    def test_a_deployment_can_be_made_to_break_as_a_whole(self, org: Caller) -> None:
        """DeployResult: errorStatusCode and errorMessage, "if an error occurred during the deploy() call"."""
        org.emulator.break_deployment("An unexpected error occurred. Please include this ErrorId: 1234567-89")
        result = deploy(org, INTEGRATION)
        assert (result["status"], result["errorStatusCode"]) == ("Failed", "UNKNOWN_EXCEPTION")
        assert result["errorMessage"].startswith("An unexpected error occurred.")
        assert result["details"]["componentFailures"] == []
        assert deploy(org, INTEGRATION)["status"] == "Succeeded"

    def test_a_row_that_is_locked_at_the_commit_leaves_the_schema_as_it_was(self, org: Caller) -> None:
        deployed(org, {"package.xml": manifest({"PermissionSet": ["Sync"]}), **permission_set("Sync")})
        [row] = org.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'")
        org.emulator.lock_row(row["Id"], times=1)
        result = deploy(org, INTEGRATION)
        assert (result["status"], result["errorStatusCode"]) == ("Failed", "UNABLE_TO_LOCK_ROW")
        assert org.emulator.org.field_ids == {}
        assert org.soql("SELECT Id FROM FieldPermissions") == []


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
        org.user.update("Profile", profile["Id"], {"PermissionsApiEnabled": False})
        org.token = org.emulator.issue_token("Sales User")
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
    org.emulator.reset()
    assert org.call("GET", f"{DEPLOYMENTS}/{id}").error == (404, "NOT_FOUND")
    assert deployed(org, INTEGRATION)["Contact.Key__c"]["created"] is True

"""A deployment as the clock passes: its status, its cancellation, its failures and what they leave behind."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller
from tests.emulator.salesforce.deploying import (
    DEPLOYMENTS,
    INTEGRATION,
    KEY,
    deploy,
    deployed,
    describe,
    fields_package,
    look,
    manifest,
    objects,
    permission_set,
    remote_sites,
    send,
)

from crm_emulator.salesforce.errors import RecordError


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
        """An org deploys one package at a time, the others are queued (general knowledge of setup's page Deployment Status)."""
        first, second = (send(slow, INTEGRATION).json["id"] for _ in range(2))
        slow.pass_seconds(6)
        assert (look(slow, first)["status"], look(slow, second)["status"]) == ("InProgress", "Pending")
        slow.pass_seconds(8)
        assert (look(slow, first)["status"], look(slow, second)["status"]) == ("Succeeded", "InProgress")
        slow.pass_seconds(9)
        rows = look(slow, second)["details"]["componentSuccesses"]
        assert [row["created"] for row in rows] == [False] * 4

    def test_a_lost_deployment_is_found_by_the_tooling_api(self, slow: Caller) -> None:
        """Tools list deployments by "SELECT Id, Status, ..., CreatedBy.Name FROM DeployRequest ORDER BY CreatedDate DESC"
        (quoted from several)."""
        first = send(slow, INTEGRATION).json["id"]
        slow.pass_seconds(1)
        second = send(slow, INTEGRATION).json["id"]
        slow.pass_seconds(13)
        columns = "Id, Status, CheckOnly, CompletedDate, NumberComponentsTotal, NumberComponentErrors, CreatedBy.Name"
        soql = f"SELECT {columns} FROM DeployRequest WHERE CheckOnly = false ORDER BY CreatedDate DESC LIMIT 2"
        found = slow.call("GET", "/tooling/query", query={"q": soql}).json["records"]
        assert [(row["Id"], row["Status"], row["NumberComponentsTotal"]) for row in found] == [
            (second, "InProgress", 3),
            (first, "Succeeded", 3),
        ]
        assert (found[1]["CompletedDate"], found[1]["CreatedBy"]) == (
            "2026-05-28T20:26:54.000+0000",
            {"Name": "Integration User"},
        )

    def test_a_person_at_work_meets_what_was_deployed_too(self, slow: Caller) -> None:
        """Nobody has to call the API first."""
        needed = {"type": "Text", "label": "Needed", "length": 9, "required": True}
        send(slow, fields_package(Contact={"Needed__c": needed}))
        slow.pass_seconds(9)
        slow.user.create("Contact", {"LastName": "L"})
        slow.pass_seconds(1)
        with pytest.raises(RecordError, match="Needed__c"):
            slow.user.create("Contact", {"LastName": "L"})

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
        assert slow.call("PATCH", f"{DEPLOYMENTS}/{id}", CANCEL).status == 202  # again: nothing more happens
        slow.pass_seconds(1)
        result = look(slow, id)
        assert (result["status"], result["numberComponentsDeployed"]) == ("Canceled", 2)
        assert "package.xml" not in {row["fullName"] for row in result["details"]["allComponentMessages"]}
        slow.pass_seconds(60)
        assert slow.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'") == []

    def test_asking_again_does_not_put_the_end_off(self, slow: Caller) -> None:
        id = send(slow, INTEGRATION).json["id"]
        slow.pass_seconds(6)
        slow.call("PATCH", f"{DEPLOYMENTS}/{id}", CANCEL)
        slow.token = slow.emulator.issue_token("Admin User")
        slow.pass_seconds(0.9)
        slow.call("PATCH", f"{DEPLOYMENTS}/{id}", CANCEL)
        slow.pass_seconds(0.1)
        result = look(slow, id)
        assert (result["status"], result["canceledByName"]) == ("Canceled", "Integration User")

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

    def test_before_v65_even_the_commit_can_be_cancelled(self) -> None:
        """ "For API versions below 65.0, ... it's possible that the cancellation will succeed" (same page)."""
        slow = Caller(deploy_finalize_s=3)
        id = send(slow, INTEGRATION, version="v64.0").json["id"]
        slow.pass_seconds(1)
        assert slow.call("PATCH", f"/services/data/v64.0{DEPLOYMENTS}/{id}", CANCEL).status == 202
        result = look(slow, id)
        assert (result["status"], result["completedDate"]) == ("Canceled", "2026-05-28T20:26:41.000+0000")
        assert slow.emulator.org.field_ids == {}

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

    def test_a_row_that_is_locked_at_the_commit_leaves_everything_as_it_was(self, org: Caller) -> None:
        deployed(org, {"package.xml": manifest({"PermissionSet": ["Sync"]}), **permission_set("Sync")})
        deployed(org, remote_sites(Old="https://old.example.com", Kept="https://old.example.com"))
        org.emulator.add_custom_field("Lead", "Kept__c", length=10)
        before = dict(org.emulator.org.sites), dict(org.emulator.org.field_ids)
        files = {
            **INTEGRATION,
            **remote_sites(Kept="https://new.example.com", New="https://new.example.com"),
            **objects(Contact={"Key__c": KEY}, Lead={"Key__c": KEY, "Kept__c": KEY}),
            "package.xml": manifest(
                {
                    "CustomObject": ["Contact", "Lead"],
                    "PermissionSet": ["Sync"],
                    "RemoteSiteSetting": ["Kept", "New"],
                }
            ),
            "destructiveChanges.xml": manifest({"RemoteSiteSetting": ["Old"]}),
        }
        [row] = org.soql("SELECT Id FROM PermissionSet WHERE Name = 'Sync'")
        org.emulator.lock_row(row["Id"], times=1)
        result = deploy(org, files)
        assert (result["status"], result["errorStatusCode"]) == ("Failed", "UNABLE_TO_LOCK_ROW")
        assert (org.emulator.org.sites, org.emulator.org.field_ids) == before
        assert describe(org, "Lead")["Kept__c"]["length"] == 10
        assert org.soql("SELECT Id FROM FieldPermissions") == []
        assert deploy(org, files)["status"] == "Succeeded"  # it was locked once

    def test_components_are_worked_off_in_the_order_that_they_need(self, org: Caller) -> None:
        """The order of a package does not matter (Metadata API developer guide, deploy): what others refer to is made
        first, deletions before all."""
        org.emulator.add_custom_field("Account", "Old__c")
        files = {
            **INTEGRATION,
            **remote_sites(Site="https://new.example.com"),
            "package.xml": manifest(
                {
                    "PermissionSet": ["Sync"],
                    "RemoteSiteSetting": ["Site"],
                    "CustomField": ["Lead.Key__c", "Contact.Key__c"],
                }
            ),
            "destructiveChanges.xml": manifest({"CustomField": ["Account.Old__c"]}),
        }
        assert list(deployed(org, files)) == ["Account.Old__c", "Contact.Key__c", "Lead.Key__c", "Site", "Sync"]

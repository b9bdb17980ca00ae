"""How a deployment is shown: the DeployResult of a status call, and the row that the Tooling API keeps of it.

The keys are those of an answer recorded from a real org (v51); the columns those that deployment tools ask for.
"""

from __future__ import annotations

from typing import Any

from crm_emulator.kernel.clock import US_PER_SECOND
from crm_emulator.salesforce.metadata.deployment import Deployment, Row
from crm_emulator.salesforce.metadata.deployments import Deployments
from crm_emulator.salesforce.metadata.plan import Component
from crm_emulator.salesforce.times import render_seconds

_NO_TESTS: dict[str, Any] = {
    "apexLogId": None,
    "codeCoverage": [],
    "codeCoverageWarnings": [],
    "failures": [],
    "flowCoverage": [],
    "flowCoverageWarnings": [],
    "numFailures": 0,
    "numTestsRun": 0,
    "successes": [],
    "totalTime": 0.0,
}
_COLUMNS = (
    "id",
    "status",
    "stateDetail",
    "checkOnly",
    "ignoreWarnings",
    "rollbackOnError",
    "createdDate",
    "startDate",
    "completedDate",
    "numberComponentsTotal",
    "numberComponentsDeployed",
    "numberComponentErrors",
    "numberTestsTotal",
    "numberTestsCompleted",
    "numberTestErrors",
    "errorStatusCode",
    "errorMessage",
)


def render(deployments: Deployments, deployment: Deployment, version: int, *, details: bool) -> dict[str, Any]:
    """The DeployResult, as it is by the org's clock, in the words of an API version."""
    now_us = deployments.now_us()
    rows = deployments.rows(deployment) if deployment.begun(now_us) else []
    status = deployment.status(now_us, version)
    code, message = deployment.error if deployment.error is not None and deployment.outcome else (None, None)
    by_id, by_name = deployment.canceled_by or (None, None)
    options = deployment.options
    moved_us = max([deployment.created_us, deployment.ended_us or 0, *(row.at_us for row in rows)])
    return {
        "canceledBy": None if by_id is None else by_id[:15],
        "canceledByName": by_name,
        "checkOnly": options.check_only,
        "completedDate": _time(deployment.ended_us),
        "createdBy": deployment.user_id[:15],  # recorded in this form
        "createdByName": deployment.user_name,
        "createdDate": _time(deployment.created_us),
        "details": _details(deployment, rows) if details else None,
        "done": deployment.outcome is not None,
        "errorMessage": message,
        "errorStatusCode": code,
        "id": deployment.id,
        "ignoreWarnings": options.ignore_warnings,
        "lastModifiedDate": _time(moved_us),
        "messages": None,
        "numberComponentErrors": sum(not row.success for row in rows),
        "numberComponentsDeployed": sum(row.success for row in rows),
        "numberComponentsTotal": len(deployment.steps) if deployment.begun(now_us) else 0,
        "numberTestErrors": 0,
        "numberTestsCompleted": 0,
        "numberTestsTotal": 0,
        "retrieveResult": None,
        "rollbackOnError": options.rollback_on_error,
        "runTestResult": None,
        "runTestsEnabled": options.test_level not in (None, "NoTestRun"),
        "startDate": _time(deployment.begin_us) if deployment.begun(now_us) else None,
        "stateDetail": _state(deployment, rows) if status == "InProgress" else None,
        "status": status,
        "success": status == "Succeeded",
    }


def tooling_row(deployments: Deployments, deployment: Deployment, version: int) -> dict[str, Any]:
    """A row of DeployRequest: where an installer that lost its answer finds its deployment again."""
    result = render(deployments, deployment, version, details=False)
    row = {key[0].upper() + key[1:]: result[key] for key in _COLUMNS}
    return {**row, "CreatedById": deployment.user_id, "CreatedBy.Name": deployment.user_name}


def _details(deployment: Deployment, rows: list[Row]) -> dict[str, Any]:
    """Once it is over, each package.xml is a success of its own, after the components; the counters leave it out."""
    shown = [row.render() for row in rows]
    if deployment.outcome not in (None, "Canceled") and deployment.error is None:
        at_us = deployment.ended_us or deployment.created_us
        for name in deployment.manifests:
            manifest = Row(Component("", name.rpartition("/")[2], name), changed=True, at_us=at_us)
            shown.append(manifest.render())
    return {
        "allComponentMessages": shown,
        "componentFailures": [row for row in shown if not row["success"]],
        "componentSuccesses": [row for row in shown if row["success"]],
        "retrieveResult": None,
        "runTestResult": _NO_TESTS,
    }


def _state(deployment: Deployment, rows: list[Row]) -> str | None:
    """What it works at ("Indicates which component is being deployed", DeployResult, stateDetail)."""
    left = deployment.steps[len(rows) :]
    return f"Processing Type: {left[0].type}" if left and left[0].type else None


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else render_seconds(at_us // US_PER_SECOND)

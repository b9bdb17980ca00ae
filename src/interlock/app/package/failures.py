"""What to do about a deployment that failed. Pure.

Decided by what Salesforce codes: the status, the error's code, the type of the component and of the problem. Its sentences
are shown as they are and never decide alone: their wording is not documented.
"""

from __future__ import annotations

import msgspec

from interlock.crm.salesforce.deploy import Component, Deployment

_BY_TYPE = {
    "CustomField": (
        "Open the field in Setup, Object Manager. One of this name that was made by hand with another type, or holds values"
        " that are not unique, has to be renamed or deleted; an object that is full of external ids needs one freed. The"
        " signed-in user needs Customize Application."
    ),
    "PermissionSet": "Give the signed-in user Manage Profiles and Permission Sets, then try again.",
    "RemoteSiteSetting": "Check this Interlock's address; the signed-in user needs Customize Application.",
    "CspTrustedSite": "Check this Interlock's address; the signed-in user needs Customize Application.",
}
_OTHER = "The message is Salesforce's own. If it names nothing you can change, report it as a defect of Interlock."
# errorStatusCode of a deployment that broke as a whole (StatusCode, Metadata API developer guide).
_BY_CODE = {
    "UNKNOWN_EXCEPTION": "Salesforce broke down while it deployed. Nothing was changed: try again in some minutes.",
    "UNABLE_TO_LOCK_ROW": "Somebody changed the same set-up at the same time. Nothing was changed: try again.",
    "INSUFFICIENT_ACCESS": "Sign in as a user who may modify metadata and customize the application.",
    "LIMIT_EXCEEDED": "The org has reached a limit, which the message names. Make room, then try again.",
}


class Trouble(msgspec.Struct, frozen=True):
    """One thing that stopped the deployment. `component` is None when it is the deployment as a whole."""

    component: str | None
    type: str | None
    message: str
    fix: str


def troubles(deployment: Deployment) -> list[Trouble]:
    """Empty for one that succeeded."""
    if deployment.success:
        return []
    found = [_of_component(row) for row in deployment.failures]
    if deployment.status == "Canceled":
        return [*found, Trouble(None, None, "The deployment was cancelled; nothing was changed.", "Start it again.")]
    if deployment.error_message or not found:
        fix = _BY_CODE.get(deployment.error_status_code or "", _OTHER)
        message = deployment.error_message or f"Salesforce ended the deployment as {deployment.status} without a reason"
        found.insert(0, Trouble(None, None, message, fix))
    return found


def _of_component(row: Component) -> Trouble:
    if row.problem_type == "Warning":
        fix = "Salesforce warns of this only; nothing was changed. Look at what it names, then try again."
    else:
        fix = _BY_TYPE.get(row.component_type or "", _OTHER)
    return Trouble(row.full_name, row.component_type or None, row.problem or "Salesforce gave no reason", fix)

"""The package and its deployments as the documents that commands print and the JSON API answers with. Pure."""

from __future__ import annotations

from typing import Any

from interlock.app.package.export import Exported
from interlock.app.package.install import Installed
from interlock.app.package.permit import Permitted
from interlock.app.package.plan import Plan
from interlock.app.package.remove import Removed
from interlock.crm.salesforce.deploy import Deployment

Json = dict[str, Any]


def plan_document(found: Plan) -> Json:
    return {
        "state": found.state,
        "version": found.version,
        "version_in_org": found.version_there,
        "assigned": found.assigned,
        "address": found.address.origin,
        "no_address_because": found.address.why_not,
        "components": [{"type": each.type, "name": each.name, "state": each.state} for each in found.components],
        "further_fields": [{"field": field, "editable": editable} for field, editable in found.further],
    }


def deployment_document(deployment: Deployment | None) -> Json | None:
    if deployment is None:
        return None
    return {
        "id": deployment.id,
        "status": deployment.status,
        "done": deployment.done,
        "components_total": deployment.number_components_total,
        "components_deployed": deployment.number_components_deployed,
        "component_errors": deployment.number_component_errors,
    }


def install_document(installed: Installed, permitted: Permitted) -> Json:
    return {
        **plan_document(installed.after),
        "state_before": installed.before.state,
        "deployment": deployment_document(installed.deployment),
        "granted": [{"field": field, "editable": editable} for field, editable in permitted.added],
        "left_out": [{"field": each.field, "reason": each.reason, "why": each.why} for each in permitted.left_out],
    }


def remove_document(exported: Exported, removed: Removed) -> Json:
    return {
        "exported": {"file": exported.path, "pairs": exported.pairs, "sha256": exported.sha256},
        "removed": [{"type": type_, "name": name} for type_, name in removed.components],
        "deployment": deployment_document(removed.deployment),
    }

"""A deployment as pages show it while it runs, and as it is remembered: a line for each component."""

from __future__ import annotations

import msgspec

from interlock.crm.salesforce.deploy import Deployment


class Line(msgspec.Struct, frozen=True):
    """One component of a deployment. `problem`: Salesforce's words."""

    type: str
    name: str
    success: bool
    problem: str | None = None


def lines_of(deployment: Deployment) -> list[Line]:
    return [
        Line(each.component_type or "", each.full_name, each.success, each.problem) for each in deployment.components
    ]

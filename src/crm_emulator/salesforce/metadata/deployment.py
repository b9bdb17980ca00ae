"""One deployment: where it stands at a moment of the org's clock, and what came of each component.

Nothing runs in the background: a deployment is a time table, made when it begins. Status by the clock, with P the wait,
C the time for each of n components and F the commit:

    created ..P.. begins ..n x C.. worked through ..F.. ends
    Pending       InProgress       FinalizingDeploy     Succeeded | SucceededPartial | Failed
    |             | cancel: Canceling until the component under way is done, then Canceled
    | cancel: Canceled at once

Nothing is seen in the org before the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crm_emulator.kernel.clock import US_PER_SECOND
from crm_emulator.salesforce.metadata.package import MANIFEST
from crm_emulator.salesforce.metadata.plan import Component
from crm_emulator.salesforce.metadata.problems import Problem
from crm_emulator.salesforce.times import render_seconds

# "For API versions 65.0 and higher, deployments with a status of Finalizing Deploy, can't be cancelled" (Metadata API
# developer guide, cancel a deployment in progress using REST). Before, it shows as InProgress.
FINALIZING_SINCE = 65


@dataclass(frozen=True, slots=True)
class Options:
    """deployOptions, with the defaults of the Metadata API developer guide."""

    allow_missing_files: bool = False
    check_only: bool = False
    ignore_warnings: bool = False
    purge_on_delete: bool = False
    rollback_on_error: bool = False
    single_package: bool = False
    test_level: str | None = None


@dataclass(frozen=True, slots=True)
class Durations:
    """Of one deployment, in microseconds."""

    pending_us: int
    component_us: int
    finalize_us: int


@dataclass(slots=True)
class Row:
    """A DeployMessage: what came of one component."""

    step: Component
    id: str | None = None
    created: bool = False
    changed: bool = False
    deleted: bool = False
    problem: Problem | None = None
    success: bool = True
    at_us: int = 0

    def render(self) -> dict[str, Any]:
        step, problem = self.step, self.problem
        line = column = None
        if problem is not None:
            node = step.node
            line = problem.line if problem.line is not None else node.line if node is not None else None
            column = problem.column if problem.column is not None else node.column if node is not None else None
        # A deletion of what is not there is reported under the file's name (recorded by users).
        absent = problem is not None and problem.warning and step.delete
        return {
            "changed": self.changed,
            "columnNumber": column,
            "componentType": step.type,
            "created": self.created,
            "createdDate": render_seconds(self.at_us // US_PER_SECOND),
            "deleted": self.deleted,
            "fileName": step.file_name,
            "forPackageManifestFile": step.full_name == MANIFEST,
            "fullName": step.file_name.rpartition("/")[2] if absent else step.full_name,
            "id": self.id,
            "knownPackagingProblem": False,
            "lineNumber": line,
            "problem": None if problem is None else problem.text,
            "problemType": None if problem is None else "Warning" if problem.warning else "Error",
            "requiresProductionTestRun": False,
            "success": self.success,
            "warning": problem is not None and problem.warning,
        }


@dataclass(slots=True)
class Deployment:
    """`begin_us` and `end_us` are None until they are known. `rows` are final once `outcome` is set."""

    id: str
    user_id: str
    user_name: str
    client: str
    options: Options
    steps: list[Component]
    manifests: list[str]
    created_us: int
    durations: Durations
    begin_us: int | None = None
    cancel_us: int | None = None
    canceled_by: tuple[str, str] | None = None
    outcome: str | None = None
    ended_us: int | None = None
    rows: list[Row] = field(default_factory=list)
    error: tuple[str, str] | None = None  # of the deployment as a whole: code, message

    @property
    def ready_us(self) -> int:
        return self.created_us + self.durations.pending_us

    @property
    def worked_us(self) -> int:
        """When the last component is done, counted from the beginning."""
        assert self.begin_us is not None
        return self.begin_us + len(self.steps) * self.durations.component_us

    @property
    def end_us(self) -> int:
        """When it ends, as things stand. A cancellation takes effect once the component under way is done."""
        assert self.begin_us is not None
        if self.cancel_us is None:
            return self.worked_us + self.durations.finalize_us
        each = self.durations.component_us
        if not each:
            return self.cancel_us
        return self.begin_us + -(-(self.cancel_us - self.begin_us) // each) * each

    def begun(self, now_us: int) -> bool:
        return self.begin_us is not None and now_us >= self.begin_us

    def finalizing(self, now_us: int) -> bool:
        return self.outcome is None and self.cancel_us is None and self.begun(now_us) and now_us >= self.worked_us

    def status(self, now_us: int, version: int) -> str:
        if self.outcome is not None:
            return self.outcome
        if not self.begun(now_us):
            return "Pending"
        if self.cancel_us is not None:
            return "Canceling"
        return "FinalizingDeploy" if self.finalizing(now_us) and version >= FINALIZING_SINCE else "InProgress"

    def done_steps(self, now_us: int) -> int:
        """How many components are worked through while it is under way."""
        if not self.begun(now_us):
            return 0
        assert self.begin_us is not None
        each = self.durations.component_us
        return min(len(self.steps), (now_us - self.begin_us) // each) if each else len(self.steps)

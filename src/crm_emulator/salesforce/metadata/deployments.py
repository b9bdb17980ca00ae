"""The deployments of an org: taken in, worked off one after the other as the clock passes, looked at, cancelled.

`settle` brings everything up to the clock; it is called before each call of the API and each act of a person. The org
does one deployment at a time; the others wait, as setup's page Deployment Status shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from crm_emulator.kernel.clock import US_PER_SECOND
from crm_emulator.salesforce.errors import ApiError, RequestError, not_found
from crm_emulator.salesforce.metadata import fields, permission_sets, sites
from crm_emulator.salesforce.metadata.deployment import FINALIZING_SINCE, Deployment, Durations, Options, Row
from crm_emulator.salesforce.metadata.draft import Change, Draft, Hands
from crm_emulator.salesforce.metadata.package import MANIFEST, BadZip, open_packages
from crm_emulator.salesforce.metadata.plan import Component, plan
from crm_emulator.salesforce.metadata.problems import Problem
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.removal import Remover
from crm_emulator.salesforce.save import Saver
from crm_emulator.salesforce.transaction import Caller

_CHECKS: dict[str, Callable[[Draft, Component], Change]] = {
    "CustomObject": fields.check_object,
    "CustomField": fields.check_field,
    "RemoteSiteSetting": sites.check_site,
    "CspTrustedSite": sites.check_site,
    "PermissionSet": permission_sets.check_permission_set,
}
_DELETIONS: dict[str, Callable[[Draft, Component], Change]] = {
    "CustomField": fields.check_deletion,
    "RemoteSiteSetting": sites.check_deletion,
    "CspTrustedSite": sites.check_deletion,
    "PermissionSet": permission_sets.check_deletion,
}


@dataclass(slots=True)
class PlannedFailure:
    """What an administrator of the local org planted: a component that is going to fail, `times` often or always."""

    type: str
    full_name: str
    problem: str
    times: int | None


@dataclass(slots=True)
class _Attempt:
    """What checking every component gave: a row each, and what would be done."""

    rows: list[Row]
    changes: list[tuple[Row, Change]] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(not row.success for row in self.rows)


class Deployments:
    def __init__(self, org: Org, saver: Saver, remover: Remover) -> None:
        self._org = org
        self._saver = saver
        self._remover = remover
        self._all: dict[str, Deployment] = {}
        self._waiting: list[Deployment] = []  # in order; the first may be under way
        self._free_us = 0  # when the last one ended
        self.failures: list[PlannedFailure] = []
        self.broken: list[str] = []  # messages of whole deployments that are going to break

        org.settle = self.settle

    def now_us(self) -> int:
        return self._org.clock.now_us()

    def all(self) -> list[Deployment]:
        """Oldest first."""
        return list(self._all.values())

    # Taking in

    def start(self, caller: Caller, user_name: str, zipped: bytes, options: Options) -> Deployment:
        """A new deployment. What is wrong with the zip is the deployment's result, not the call's."""
        now_us = self.now_us()
        config = self._org.config
        durations = Durations(
            *(
                round(seconds * US_PER_SECOND)
                for seconds in (config.deploy_pending_s, config.deploy_component_s, config.deploy_finalize_s)
            )
        )
        steps: list[Component] = []
        manifests: list[str] = []
        error = None
        try:
            for package in open_packages(zipped, single=options.single_package):
                steps.extend(plan(package, allow_missing_files=options.allow_missing_files))
                manifests.append(package.prefix + MANIFEST)
        except BadZip as broken:
            error = ("UNKNOWN_EXCEPTION", str(broken))
        if error is None and not manifests:
            steps.append(Component("", MANIFEST, MANIFEST, problem=Problem("No package.xml found")))
        deployment_id = self._org.ids.make("0Af")
        deployment = Deployment(
            deployment_id,
            caller.user_id,
            user_name,
            caller.client,
            options,
            steps,
            [
                name
                for name in manifests
                if not any(step.file_name == name and step.full_name == MANIFEST for step in steps)
            ],
            now_us,
            durations,
            error=error,
        )
        self._all[deployment_id] = deployment
        self._waiting.append(deployment)
        return deployment

    def find(self, deployment_id: str | None) -> Deployment:
        found = self._all.get(deployment_id or "")
        if found is None:
            raise not_found()
        return found

    def cancel(self, deployment: Deployment, user_id: str, user_name: str, version: int) -> None:
        """Ask for an end. What waits is cancelled at once; what is done cannot be (the sentences are supposed)."""
        now_us = self.now_us()
        if deployment.outcome is not None:
            raise RequestError("INVALID_ID_FIELD", "Deployment already completed")
        if deployment.finalizing(now_us) and version >= FINALIZING_SINCE:
            raise RequestError("INVALID_OPERATION", "Deployment is finalizing and can't be canceled")
        if deployment.cancel_us is not None:
            return
        deployment.cancel_us = now_us
        deployment.canceled_by = (user_id, user_name)
        if not deployment.begun(now_us):
            self._waiting.remove(deployment)
            self._end(deployment, "Canceled", now_us)

    # As the clock passes

    def settle(self) -> None:
        """Work off what is due by now."""
        now_us = self.now_us()
        while self._waiting:
            head = self._waiting[0]
            if head.begin_us is None:
                head.begin_us = max(head.ready_us, self._free_us)
            if now_us < head.begin_us or now_us < head.end_us:
                return
            self._waiting.pop(0)
            self._finish(head)

    def _finish(self, deployment: Deployment) -> None:
        end_us = deployment.end_us
        if deployment.cancel_us is not None:
            done = deployment.done_steps(end_us)
            deployment.rows = self._attempt(deployment).rows[:done]
            self._end(deployment, "Canceled", end_us)
            return
        if deployment.error is None and self.broken:
            deployment.error = ("UNKNOWN_EXCEPTION", self.broken.pop(0))
        if deployment.error is not None:
            self._end(deployment, "Failed", end_us)
            return
        attempt = self._attempt(deployment)
        deployment.rows = attempt.rows
        self._spend(attempt.rows)
        outcome = "Succeeded"
        if attempt.failed:
            partly = not deployment.options.rollback_on_error and bool(attempt.changes)
            outcome = "SucceededPartial" if partly else "Failed"
        if outcome != "Failed" and not deployment.options.check_only:
            try:
                self._carry_out(deployment, attempt)
            except ApiError as refused:
                deployment.error, outcome = (refused.code, refused.message), "Failed"
        self._end(deployment, outcome, end_us)

    def _end(self, deployment: Deployment, outcome: str, at_us: int) -> None:
        deployment.outcome, deployment.ended_us = outcome, at_us
        if deployment.begin_us is not None:
            self._free_us = at_us

    def _carry_out(self, deployment: Deployment, attempt: _Attempt) -> None:
        """All changes in one transaction. Raises ApiError, with everything as it was."""
        caller = Caller(deployment.user_id, deployment.client, assign=False, allow_duplicates=True)
        tx = self._org.begin(caller, can_roll_back=True)
        hands = Hands(self._org, self._saver, self._remover, tx)
        try:
            for row, change in attempt.changes:
                row.id = change.carry_out(hands)
        except ApiError:
            tx.roll_back()
            self._org.access.changed()
            raise
        tx.commit()
        self._org.access.changed()

    # Checking

    def rows(self, deployment: Deployment) -> list[Row]:
        """What is known by now of each component that was worked through."""
        if deployment.outcome is not None:
            return deployment.rows
        now_us = self.now_us()
        done = deployment.done_steps(min(now_us, deployment.end_us) if deployment.cancel_us is not None else now_us)
        return self._attempt(deployment).rows[:done]

    def _attempt(self, deployment: Deployment) -> _Attempt:
        """Check every component against the org as the ones before it would leave it. Changes nothing."""
        attempt = _Attempt([])
        draft = Draft(self._org, deployment.user_id)
        assert deployment.begin_us is not None
        for number, step in enumerate(deployment.steps, 1):
            row = Row(step, at_us=deployment.begin_us + number * deployment.durations.component_us)
            attempt.rows.append(row)
            try:
                change = self._check(draft, step)
            except Problem as problem:
                row.problem = problem
                row.success = problem.warning and deployment.options.ignore_warnings
                continue
            row.created, row.changed, row.deleted = change.created, change.changed, change.deleted
            attempt.changes.append((row, change))
        return attempt

    def _check(self, draft: Draft, step: Component) -> Change:
        if step.problem is not None:
            raise step.problem
        planned = self._planned(step)
        if planned is not None:
            raise Problem(planned.problem)
        return (_DELETIONS if step.delete else _CHECKS)[step.type](draft, step)

    def _planned(self, step: Component) -> PlannedFailure | None:
        return next(
            (plan for plan in self.failures if (plan.type, plan.full_name) == (step.type, step.full_name)), None
        )

    def _spend(self, rows: list[Row]) -> None:
        """A planned failure counts once its deployment is over, not each time that somebody looks."""
        for row in rows:
            planned = self._planned(row.step)
            if planned is not None and planned.times is not None:
                planned.times -= 1
                if planned.times <= 0:
                    self.failures.remove(planned)

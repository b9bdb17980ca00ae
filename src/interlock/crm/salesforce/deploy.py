"""Deployments of metadata: started, looked at, cancelled, found again; and the Tooling rows that say what an org holds.

    POST  /metadata/deployRequest        multipart: `json` {"deployOptions"}, `file` the zip -> 201 {"id": "0Af..."}
    GET   /metadata/deployRequest/ID     ?includeDetails=true -> {"id", "deployResult": {status, done, details, ...}}
    PATCH /metadata/deployRequest/ID     {"deployResult": {"status": "Canceling"}} -> 202
    GET   /tooling/query?q=SOQL          {"records": [...], "nextRecordsUrl"}

(Metadata API developer guide, deploy with REST; Tooling API, query.) What to deploy is not decided here. Set-up calls:
they raise CrmError. `start` raises NotStarted when nothing was begun, StartUnknown when something may have been: then
`unfinished` tells.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from interlock.core.model import NotDone, Raw
from interlock.crm.calls import Calls, Declined, Reply
from interlock.crm.decoding import decoder
from interlock.crm.errors import ServerFault
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.requests import DATA_PATH, check_next_page, encode, segment

_DEPLOYMENTS = f"{DATA_PATH}/metadata/deployRequest"
# A deployment in one of these may still change the org (DeployResult, status).
UNFINISHED = ("Pending", "InProgress", "FinalizingDeploy", "Canceling")
SUCCEEDED = "Succeeded"


class NotStarted(ServerFault):
    """Nothing was begun: it is safe to start again."""

    code = "deployment_not_started"


class StartUnknown(ServerFault):
    """The answer was lost: a deployment may be running."""

    code = "deployment_start_unknown"


class Component(msgspec.Struct, frozen=True, rename="camel"):
    """One row of a deployment (DeployMessage). `component_type` is empty for package.xml itself."""

    full_name: str
    component_type: str | None = None
    file_name: str | None = None
    success: bool = False
    created: bool = False
    changed: bool = False
    deleted: bool = False
    problem: str | None = None
    problem_type: str | None = None  # Error | Warning
    line_number: int | None = None


class Details(msgspec.Struct, rename="camel"):
    component_failures: list[Component] = []
    component_successes: list[Component] = []


class Deployment(msgspec.Struct, frozen=True, rename="camel"):
    """Where a deployment stands (DeployResult)."""

    id: str
    status: str
    done: bool = False
    success: bool = False
    number_components_total: int = 0
    number_components_deployed: int = 0
    number_component_errors: int = 0
    state_detail: str | None = None
    error_status_code: str | None = None
    error_message: str | None = None
    details: Details | None = None

    @property
    def failures(self) -> list[Component]:
        return [] if self.details is None else self.details.component_failures

    @property
    def components(self) -> list[Component]:
        """What was worked through so far, the manifest left out."""
        if self.details is None:
            return []
        rows = [*self.details.component_failures, *self.details.component_successes]
        return [row for row in rows if row.component_type]


class _Answer(msgspec.Struct, rename="camel"):
    id: str
    deploy_result: Deployment | None = None


class _Rows(msgspec.Struct, rename="camel"):
    records: list[dict[str, Raw]]
    next_records_url: str | None = None


class Unfinished(msgspec.Struct, frozen=True):
    """A deployment of anybody's that may still change the org."""

    id: str
    status: str
    user_id: str
    created: str  # as Salesforce writes it


_parse_rows = decoder(_Rows)


async def start(calls: Calls, zipped: bytes, *, ignore_warnings: bool, purpose: str) -> str:
    """The id of the new deployment. All or nothing (rollbackOnError). No test level: the default runs no tests for a
    package without Apex, and a production org refuses NoTestRun (deployOptions, testLevel)."""
    options = {"singlePackage": True, "rollbackOnError": True, "ignoreWarnings": ignore_warnings}
    boundary, body = _form(encode({"deployOptions": options}), zipped)
    headers = {"Content-Type": f'multipart/form-data; boundary="{boundary}"'}
    answer = await calls.write("POST", _DEPLOYMENTS, body, purpose=purpose, headers=headers)
    if isinstance(answer, Reply):
        try:
            return msgspec.json.decode(answer.body, type=_Answer, strict=False).id
        except msgspec.MsgspecError as error:
            why = "Salesforce answered something that is not a deployment."
            raise StartUnknown(calls.side, why) from error
    if isinstance(answer, Declined):
        raise answer.error
    kind = NotStarted if isinstance(answer, NotDone) else StartUnknown
    raise kind(calls.side, f"Salesforce did not say that it began to deploy: {answer.why}")


async def look(calls: Calls, id_: str, purpose: str) -> Deployment:
    """Raises NotFound for a deployment that the org has forgotten (it keeps them for 30 days)."""
    path = f"{_DEPLOYMENTS}/{segment(soql.record_id(id_))}?includeDetails=true"
    _, found = await calls.read_as("GET", path, None, _result, "the state of a deployment", purpose=purpose)
    return found


def _result(reply: Reply) -> Deployment:
    # The guide's samples show numbers and booleans as strings; real answers have JSON's.
    found = msgspec.json.decode(reply.body, type=_Answer, strict=False).deploy_result
    if found is None:
        raise ValueError("no deployResult")
    return found


async def cancel(calls: Calls, id_: str, purpose: str) -> None:
    """Asks only: the deployment ends when the component under way is done. Refused once it is finalizing."""
    body: dict[str, Any] = {"deployResult": {"status": "Canceling"}}
    path = f"{_DEPLOYMENTS}/{segment(soql.record_id(id_))}"
    answer = await calls.write("PATCH", path, encode(body), purpose=purpose)
    if isinstance(answer, Declined):
        raise answer.error
    if not isinstance(answer, Reply):
        raise ServerFault(calls.side, f"Salesforce did not say that it cancels the deployment: {answer.why}")


async def unfinished(calls: Calls, purpose: str) -> list[Unfinished]:
    """Of everybody, oldest first (Tooling API, DeployRequest)."""
    statuses = ", ".join(soql.quote(status) for status in UNFINISHED)
    text = f"SELECT Id, Status, CreatedById, CreatedDate FROM DeployRequest WHERE Status IN ({statuses})"
    rows = await tooling_rows(calls, f"{text} ORDER BY CreatedDate", purpose)
    return [Unfinished(row["Id"], row["Status"], row["CreatedById"], row["CreatedDate"]) for row in rows]


async def tooling_rows(calls: Calls, text: str, purpose: str) -> list[dict[str, Raw]]:
    """Every page of a query of the Tooling API."""
    rows: list[dict[str, Raw]] = []
    path: str | None = f"{DATA_PATH}/tooling/query?q={segment(text)}"
    while path is not None:
        _, page = await calls.read_as(
            "GET", path, None, lambda reply: _parse_rows(reply.body), "rows of the Tooling API", purpose=purpose
        )
        rows += page.records
        if page.next_records_url is not None:
            check_next_page(calls, page.next_records_url)
        path = calls.moved_on(path, page.next_records_url)
    return rows


def _form(options: bytes, zipped: bytes) -> tuple[str, bytes]:
    """multipart/form-data (RFC 7578). The boundary is of the content, so that it cannot stand in it by accident."""
    boundary = f"interlock-{hashlib.sha256(zipped).hexdigest()[:32]}"
    parts = (
        (b'name="json"', b"application/json", options),
        (b'name="file"; filename="deploy.zip"', b"application/zip", zipped),
    )
    body = b"".join(
        b"--%b\r\nContent-Disposition: form-data; %b\r\nContent-Type: %b\r\n\r\n%b\r\n"
        % (boundary.encode(), disposition, kind, content)
        for disposition, kind, content in parts
    )
    return boundary, body + b"--%b--\r\n" % boundary.encode()

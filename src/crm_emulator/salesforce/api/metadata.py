"""The Metadata REST API: deployments sent as a zip, looked at and cancelled (Metadata API developer guide, REST
resources: deploy, check status, cancel).

    POST  /metadata/deployRequest            multipart: JSON {"deployOptions": {...}} and the zip -> 201 {"id", ...}
    GET   /metadata/deployRequest/{id}       ?includeDetails=true -> {"id", "deployResult": {...}}
    PATCH /metadata/deployRequest/{id}       {"deployResult": {"status": "Canceling"}} -> 202

An answer has the keys of one recorded from a real org (v51), where numbers and booleans are JSON's; the guide's samples
show them as strings. The guide calls the JSON part "json"; Salesforce's own jsforce sends it as "entity_content": both
are taken. There is no retrieve by REST.
"""

from __future__ import annotations

from typing import Any

import msgspec

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce.api.context import Api, answer, object_of
from crm_emulator.salesforce.api.multipart import Part, parts_of
from crm_emulator.salesforce.errors import RequestError, json_parser_error
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.metadata.deployment import Deployment, Options
from crm_emulator.salesforce.metadata.results import render

_DEPLOYMENTS = "/metadata/deployRequest"
_ONE = _DEPLOYMENTS + "/{id}"
_JSON_PARTS = ("json", "entity_content")
_OPTIONS = {
    "allowMissingFiles": "allow_missing_files",
    "checkOnly": "check_only",
    "ignoreWarnings": "ignore_warnings",
    "purgeOnDelete": "purge_on_delete",
    "rollbackOnError": "rollback_on_error",
    "singlePackage": "single_package",
}
# Taken and without meaning here: "reserved for future use", and Apex tests, of which there are none.
_WITHOUT_EFFECT = ("autoUpdatePackage", "performRetrieve", "runTests")
_TEST_LEVELS = ("NoTestRun", "RunSpecifiedTests", "RunRelevantTests", "RunLocalTests", "RunAllTestsInOrg")


class Metadata:
    def __init__(self, api: Api) -> None:
        self._api = api
        api.data("POST", _DEPLOYMENTS, self.deploy)
        api.data("GET", _ONE, self.status)
        api.data("PATCH", _ONE, self.cancel)
        api.data("POST", _ONE, self.post)

    def deploy(self, request: Request) -> Response:
        self._check_permission(request)
        parts = parts_of(request)
        options = _options(_json_part(parts))
        zipped = next((part.body for part in parts if part.name == "file"), None)
        if zipped is None:
            raise RequestError("INVALID_MULTIPART_REQUEST", "The part with the zip file is missing: file")
        self._check_production(options)
        caller = self._api.caller(request)
        deployment = self._api.deployments.start(caller, self._name(caller.user_id), zipped, options)
        return self._answer(request, deployment, 201)

    def status(self, request: Request) -> Response:
        self._check_permission(request)
        deployment = self._api.deployments.find(to_18(request.params["id"]))
        details = (request.query_one("includeDetails") or "").lower() == "true"
        return self._answer(request, deployment, 200, details=details)

    def cancel(self, request: Request) -> Response:
        self._check_permission(request)
        deployment = self._api.deployments.find(to_18(request.params["id"]))
        result = object_of(request).get("deployResult")
        wanted = result.get("status") if isinstance(result, dict) else None
        if wanted != "Canceling":
            raise RequestError("INVALID_INPUT", "The status of a deployment can be set to Canceling only")
        caller = self._api.caller(request)
        self._api.deployments.cancel(deployment, caller.user_id, self._name(caller.user_id), _version(caller.base))
        return self._answer(request, deployment, 202)

    def post(self, request: Request) -> Response:
        """POST with ?_HttpMethod=PATCH, for clients that cannot send PATCH."""
        if (request.query_one("_HttpMethod") or "").upper() == "PATCH":
            return self.cancel(request)
        raise RequestError(
            "METHOD_NOT_ALLOWED", "HTTP Method 'POST' not allowed. Allowed are HEAD,GET,PATCH", status=405
        )

    def _check_permission(self, request: Request) -> None:
        access, user_id = self._api.org.access, self._api.caller(request).user_id
        if not (access.permits(user_id, "ModifyMetadata") or access.permits(user_id, "ModifyAllData")):
            # Seen in public issues of several tools.
            raise RequestError(
                "INSUFFICIENT_ACCESS",
                "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions",
                status=403,
            )

    def _check_production(self, options: Options) -> None:
        """A production org runs tests and rolls back (deployOptions: testLevel, rollbackOnError)."""
        [organisation] = self._api.org.tables["Organization"].rows.values()
        if organisation.values.get("IsSandbox") or organisation.values.get("OrganizationType") == "Developer Edition":
            return
        if options.test_level == "NoTestRun":
            # Seen in public issues of several tools.
            raise RequestError("INVALID_OPERATION", "testLevel of NoTestRun cannot be used in production organizations")
        if not options.rollback_on_error:
            # "This parameter must be set to true if you're deploying to a production org"; the sentence is supposed.
            raise RequestError("INVALID_OPERATION", "rollbackOnError must be true in production organizations")

    def _name(self, user_id: str) -> str:
        values = self._api.org.tables["User"].rows[user_id].values
        return " ".join(str(values[part]) for part in ("FirstName", "LastName") if values.get(part))

    def _answer(self, request: Request, deployment: Deployment, status: int, *, details: bool = False) -> Response:
        version = _version(self._api.caller(request).base)
        body: dict[str, Any] = {
            "id": deployment.id,
            "validatedDeployRequestId": None,
            "deployOptions": _shown_options(deployment.options) if status == 201 else None,
            "deployResult": render(self._api.deployments, deployment, version, details=details),
        }
        return answer(body, status)


def _json_part(parts: list[Part]) -> Any:
    found = next((part for part in parts if part.name in _JSON_PARTS), None)
    if found is None:
        raise RequestError("INVALID_MULTIPART_REQUEST", "The part with the deployOptions is missing: json")
    if "json" not in found.content_type:
        raise RequestError("INVALID_MULTIPART_REQUEST", f"The part {found.name} must be application/json")
    try:
        return msgspec.json.decode(found.body)
    except msgspec.DecodeError as broken:
        raise json_parser_error(f"{broken} at [line:1, column:1]") from broken


def _options(body: Any) -> Options:
    given = body.get("deployOptions") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise json_parser_error("deployOptions are missing at [line:1, column:1]")
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name in _OPTIONS:
            if value is not None and not isinstance(value, bool):
                raise json_parser_error(f"Cannot deserialize {name}: a boolean is needed at [line:1, column:1]")
            values[_OPTIONS[name]] = bool(value)
        elif name == "testLevel":
            if value is not None and value not in _TEST_LEVELS:
                raise json_parser_error(f"Cannot deserialize testLevel from {value!r} at [line:1, column:1]")
            values["test_level"] = value
        elif name not in _WITHOUT_EFFECT:
            raise json_parser_error(f'Unrecognized field "{name}" at [line:1, column:1]')
    return Options(**values)


def _shown_options(options: Options) -> dict[str, Any]:
    shown: dict[str, Any] = {name: getattr(options, attribute) for name, attribute in _OPTIONS.items()}
    return {
        **shown,
        "autoUpdatePackage": False,
        "performRetrieve": False,
        "runTests": None,
        "testLevel": options.test_level,
    }


def _version(base: str) -> int:
    """Of `/services/data/v67.0`."""
    return int(base.rpartition("/v")[2].partition(".")[0])

"""HubSpot's error language: one exception carrying the documented envelope, and a builder per case.

Every case names where its wording was seen. "unverified" marks wording that no recording or page at hand confirms;
clients should rely on the status and the category there.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

SCOPES_URL = "https://developers.hubspot.com/scopes"


class ApiError(Exception):
    """An answer of status >= 400. `body` is the envelope without its correlation id, which the app adds."""

    def __init__(self, status: int, message: str, category: str | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.more = more

    def body(self, correlation_id: str) -> dict[str, Any]:
        found: dict[str, Any] = {"status": "error", "message": self.message, "correlationId": correlation_id}
        if self.category is not None:
            found["category"] = self.category
        return {**found, **self.more}

    def batch_entry(self, context: dict[str, list[str]]) -> dict[str, Any]:
        """As one of the `errors` of a 207 answer."""
        entry: dict[str, Any] = {"status": "error", "category": self.category or "VALIDATION_ERROR"}
        entry["message"] = self.message
        if "errors" in self.more:
            entry["errors"] = self.more["errors"]
        if "subCategory" in self.more:
            entry["subCategory"] = self.more["subCategory"]
        entry["context"] = {**self.more.get("context", {}), **context}
        return entry


class PropertyFault(msgspec.Struct, frozen=True):
    """One property that a write may not have, as HubSpot's `validationResults` names it."""

    name: str
    error: str
    message: str


def invalid(message: str, **more: Any) -> ApiError:
    return ApiError(400, message, "VALIDATION_ERROR", **more)


def invalid_properties(faults: list[PropertyFault], portal_id: int) -> ApiError:
    """Documented: the message embeds the validation results as JSON; errors[] repeats code and property."""
    results = [
        {
            "isValid": False,
            "message": fault.message,
            "error": fault.error,
            "name": fault.name,
            "localizedErrorMessage": fault.message,
            "portalId": portal_id,
        }
        for fault in faults
    ]
    return invalid(
        f"Property values were not valid: {json.dumps(results, separators=(',', ':'))}",
        errors=[
            {"message": fault.message, "code": fault.error, "context": {"propertyName": [fault.name]}}
            for fault in faults
        ],
    )


def duplicate_email(existing_id: int) -> ApiError:
    """Quoted in many issue threads."""
    return ApiError(409, f"Contact already exists. Existing ID: {existing_id}", "CONFLICT")


def duplicate_value(name: str, value: str, existing_id: int) -> ApiError:
    """One third-party report: 400, `...already has that value...`; the exact body is unverified."""
    message = f"Cannot set PropertyValueCoordinates{{propertyName={name}, value={value}}} on the object. "
    message += f"{existing_id} already has that value."
    return invalid(message, errors=[{"message": message, "code": "CONFLICTING_UNIQUE_VALUE"}])


def required_on_create(kind: str, names: list[str]) -> ApiError:
    return invalid(
        f"Error creating {kind}. Some required properties were not set.",
        errors=[{"message": f"{name} is required", "context": {"properties": [name]}} for name in names],
        context={"properties": names},
    )


def not_found() -> ApiError:
    """Recorded: v3 answers `resource not found` without a category."""
    return ApiError(404, "resource not found")


def missing_objects(kind: str) -> ApiError:
    """As 207 entry of a batch; `context.ids` lists them all (third-party reports)."""
    message = f"Could not get some {kind} objects, they may be deleted or not exist. Check that ids are valid."
    return ApiError(404, message, "OBJECT_NOT_FOUND")


def non_unique_id_property(name: str, type_id: str, portal_id: int) -> ApiError:
    """Quoted in issue threads for update and upsert."""
    return invalid(f"Unable to perform update/upsert by non-unique {type_id} property {name} in portal ID {portal_id}")


def history_batch_too_big(limit: int) -> ApiError:
    """Quoted in an issue thread."""
    message = f"The maximum number of inputs supported in a batch request for property histories is {limit}. "
    return invalid(message + "Please reduce the number of items and try again")


def batch_too_big(limit: int) -> ApiError:
    """Unverified wording, after the one for histories."""
    message = f"The maximum number of inputs supported in a batch request is {limit}. "
    return invalid(message + "Please reduce the number of items and try again")


def duplicate_ids(ids: list[str]) -> ApiError:
    """Quoted in issue threads for batch update."""
    return invalid(f"Duplicate IDs found in batch input: [{', '.join(ids)}]. IDs must be unique")


def stages_in_use(stage_ids: list[str], object_ids: list[int]) -> ApiError:
    """Documented body: each list of ids is one text (pipelines guide, delete a pipeline)."""
    stages, objects = f"[{', '.join(stage_ids)}]", f"[{', '.join(map(str, object_ids))}]"
    return invalid(
        f"Stage IDs: {stages} are being referenced by object IDs: {objects}",
        subCategory="PipelineError.STAGE_ID_IN_USE",
        context={"stageIds": [stages], "objectIds": [objects]},
    )


def association_limit(kind: str, id: int, to: str, label: str | None, most: int) -> ApiError:
    """That there is one and that it is a VALIDATION_ERROR is documented; the body is unverified."""
    what = to if label is None else f"{to} with the label '{label}'"
    message = f"The {kind} {id} already has {most} associated {what}, which is as many as it may have."
    return invalid(
        message,
        subCategory="crm.associations.ASSOCIATION_LIMIT_EXCEEDED",
        context={"objectId": [str(id)], "limit": [str(most)]},
    )


def malformed_body(detail: str) -> ApiError:
    return invalid(f"Invalid input JSON: {detail}")


def unsupported_media_type(given: str) -> ApiError:
    """Seen by a third party for a form sent where JSON is read (HubSpot.NET, issue 102); the wording is unverified."""
    return ApiError(415, f"Unsupported media type: {given}")


def unauthenticated() -> ApiError:
    """Documented body."""
    message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
    message += "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
    return ApiError(401, message, "INVALID_AUTHENTICATION")


def expired_token(seconds_ago: int) -> ApiError:
    """Seen by several third parties."""
    message = f"The OAuth token used to make this call expired {seconds_ago} second(s) ago."
    return ApiError(401, message, "EXPIRED_AUTHENTICATION")


def missing_scopes(scopes: list[str]) -> ApiError:
    """Documented body."""
    message = "This app hasn't been granted all required scopes to make this call. Read more about required scopes "
    message += f"here: {SCOPES_URL}."
    return ApiError(
        403,
        message,
        "MISSING_SCOPES",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": scopes},
            }
        ],
        links={"scopes": SCOPES_URL},
    )


def burst_limit(group: str) -> ApiError:
    """Observed by third parties: errorType and policyName, no category."""
    return ApiError(
        429,
        "You have reached your ten_secondly_rolling limit.",
        None,
        errorType="RATE_LIMIT",
        policyName="TEN_SECONDLY_ROLLING",
        groupName=group,
    )


def daily_limit() -> ApiError:
    """Documented body, without its requestId."""
    return ApiError(429, "You have reached your daily limit.", None, errorType="RATE_LIMIT", policyName="DAILY")


def search_limit() -> ApiError:
    """Recorded 69 times: a category, no policyName, no errorType."""
    return ApiError(429, "You have reached your secondly limit.", "RATE_LIMITS")


def internal_error() -> ApiError:
    return ApiError(500, "internal error")

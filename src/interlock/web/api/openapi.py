"""The JSON API as OpenAPI 3.1, made from the table of addresses, the JSON Schemas of the documents, and the types of what is sent.

One source for each thing: what is served is what is described. docs/api.json is a written copy, held by a test.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from starlette.responses import JSONResponse, Response

from interlock import __version__
from interlock.app import json_schemas
from interlock.web.address import Operation
from interlock.web.api.called import Called

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_PARAMETERS = {
    "connection": ("The connection's id, or its name. Digits alone are an id.", {"type": "string", "minLength": 1}),
    "object": ("One of contacts, companies, deals.", {"enum": ["contacts", "companies", "deals"]}),
    "property": ("The HubSpot property's internal name.", {"type": "string", "minLength": 1}),
    "job": ("The job's id.", {"type": "string", "minLength": 1}),
    "id": ("The thing's id.", {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}),
}
# The kinds of jobs; each ends with the document of its name.
JOBS = (
    "plan",
    "sync",
    "import",
    "undo",
    "disconnect",
    "erase",
    "package-install",
    "package-remove",
    "suggestions-look",
    "duplicates",
)
# What everybody may get, and what comes with an address of a certain kind.
_ALWAYS = (401, 403, 408, 421, 422, 429, 503)
_REASONS = {
    400: "The body is not JSON.",
    401: "No token, or none that works.",
    403: "The token's role does not allow it, or no token works from where it was sent.",
    404: "There is no such thing.",
    408: "The request did not come to its end in time.",
    409: "Not now: it is paused, stopped, or held by another process.",
    412: "Somebody else has saved since.",
    413: "The body is too long.",
    415: "The body is not sent as JSON.",
    421: "The request is for another host.",
    422: "What was sent is refused, or cannot be done.",
    428: "If-Match is missing.",
    429: "Too many requests: wait as long as Retry-After says.",
    502: "A CRM did not answer, or refused.",
    503: "Not now: the database, or a CRM's limit. Try again.",
}


async def show(called: Called) -> Response:
    return JSONResponse(_written())


@cache
def _written() -> Json:
    # Imported here: the table names this module's own address.
    from interlock.web.api.addresses import OPERATIONS

    return document(OPERATIONS)


def document(operations: Sequence[Operation]) -> Json:
    """The same on every machine: it names no host and no time."""
    bodies = [each.body for each in operations if each.body is not None]
    _, components = msgspec.json.schema_components(bodies, ref_template=_REF)
    answers = {each.answers for each in operations if each.answers is not None} | {"error", *_results()}
    schemas = {name: _plain(json_schemas.load_any(name)) for name in sorted(answers)}
    paths: Json = {}
    for each in operations:
        paths.setdefault(_PARAMETER.sub(r"{\1}", each.path), {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Interlock",
            "version": __version__,
            "description": "All that the commands and the pages do. See docs/api.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in operations)],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**{name: schemas[name] for name in schemas}, **dict(sorted(components.items()))},
        },
    }


def _results() -> tuple[str, ...]:
    """The documents that a job ends with."""
    return JOBS


def _plain(schema: Json) -> Json:
    """Inside of a document of another kind it names no dialect of its own."""
    return {name: value for name, value in schema.items() if name != "$schema"}


def _operation(each: Operation) -> Json:
    described = [f"Needs the role {role_needed(each)}."]
    if each.again:
        described.append(f"The same once more: {each.again}")
    if each.calls:
        described.append("Asks the CRMs.")
    shown: Json = {
        "operationId": each.name,
        "tags": [each.tag],
        "summary": each.summary,
        "description": " ".join(described),
        "parameters": [*_in_path(each), *_in_query(each), *_in_headers(each)],
        "responses": {str(each.status): _good(each), **_bad(each)},
    }
    if each.body is not None:
        schema = {"$ref": _REF.format(name=each.body.__name__)}
        shown["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return shown


def role_needed(each: Operation) -> str:
    from interlock.app.people.roles import Role, allowed

    assert each.need is not None
    return next(role.value for role in Role if allowed(role, each.need))


def _in_path(each: Operation) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PARAMETERS[name][0],
            "schema": _PARAMETERS[name][1],
        }
        for name, _ in _PARAMETER.findall(each.path)
    ]


def _in_query(each: Operation) -> list[Json]:
    if each.query is None:
        return []
    _, components = msgspec.json.schema_components([each.query], ref_template=_REF)
    fields = components[each.query.__name__]
    required = set(fields.get("required", ()))
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": _said(of),
            "schema": _without_null(of),
        }
        for name, of in fields["properties"].items()
    ]


def _said(schema: Json) -> str:
    return str(next((part["description"] for part in _parts(schema) if "description" in part), ""))


def _parts(schema: Json) -> list[Json]:
    return [schema, *schema.get("anyOf", ())]


def _without_null(schema: Json) -> Json:
    """A parameter is there or is not; there is no null in an address."""
    found = {name: value for name, value in schema.items() if name not in ("default", "description")}
    if found.get("default", 0) is None:
        del found["default"]
    kept = [part for part in found.pop("anyOf", ()) if part.get("type") != "null"]
    if "enum" in found:
        found["enum"] = [value for value in found["enum"] if value is not None]
    for part in kept:
        found |= {name: value for name, value in part.items() if name != "description"}
    if schema.get("default") is not None:
        found["default"] = schema["default"]
    return found


def _in_headers(each: Operation) -> list[Json]:
    if not each.guarded:
        return []
    said = "The ETag of what was changed; `*`: overwrite whatever is there."
    return [
        {
            "name": "If-Match",
            "in": "header",
            "required": True,
            "description": said,
            "schema": {"type": "string", "minLength": 1},
        }
    ]


def _good(each: Operation) -> Json:
    if each.answers is None:
        return {"description": "The file.", "content": {kind: {"schema": {}} for kind in each.files}}
    schema = {"$ref": _REF.format(name=each.answers)}
    shown: Json = {"description": f"`interlock.{each.answers}/1`", "content": {"application/json": {"schema": schema}}}
    headers = {}
    if each.status == 202:
        headers["Location"] = "Where to ask after it."
    if each.guarded or each.name in ("export_mappings", "show_object"):
        headers["ETag"] = "The version, for If-Match."
    if headers:
        shown["headers"] = {
            name: {"description": said, "required": True, "schema": {"type": "string"}}
            for name, said in headers.items()
        }
    return shown


def refusals(each: Operation) -> list[int]:
    found = {*_ALWAYS}
    if _PARAMETER.search(each.path) or each.answers == "find":
        found.add(404)
    if each.body is not None:
        found |= {400, 413, 415}
    if each.guarded:
        found |= {412, 428}
    if each.goes_stale:
        found.add(412)
    if each.method != "GET" or each.calls:
        found.add(409)
    if each.calls:
        found.add(502)
    return sorted(found)


def _bad(each: Operation) -> Json:
    content = {"application/json": {"schema": {"$ref": _REF.format(name="error")}}}
    return {str(status): {"description": _REASONS[status], "content": content} for status in refusals(each)}

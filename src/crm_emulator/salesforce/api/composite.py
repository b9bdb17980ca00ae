"""/composite and /composite/batch: several requests in one call.

One API call whatever it holds (each subrequest of a batch counts). `@{ref.field}` of an earlier answer is put into
URLs and bodies. With allOrNone, the first refusal takes back every write and the others answer PROCESSING_HALTED.
Unless `collateSubrequests` is false, subrequests that do not refer to each other run in an order of the org's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import msgspec

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce.api.context import Api, CallContext, answer, error_response, object_of, options
from crm_emulator.salesforce.errors import ApiError, RequestError, json_parser_error, not_found
from crm_emulator.salesforce.transaction import Transaction

MOST_SUBREQUESTS = 25
MOST_QUERIES_AND_COLLECTIONS = 5
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\[\d+\]|\.[A-Za-z0-9_]+)+)\}")
_RELATIVE = re.compile(r"/?v\d{2}\.0/")
_STEP = re.compile(r"\[(\d+)\]|\.([A-Za-z0-9_]+)")
_NAMED = re.compile(r"@\{([A-Za-z0-9_]+)")
_REFERENCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*\Z")
_HALTED = RequestError(
    "PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed."
)
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Composite:
    def __init__(self, api: Api) -> None:
        self._api = api
        api.data("POST", "/composite", self.composite)
        api.data("POST", "/composite/batch", self.batch)

    def composite(self, request: Request) -> Response:
        body = object_of(request)
        parts = body.get("compositeRequest")
        if not isinstance(parts, list) or not parts:
            raise RequestError("JSON_PARSER_ERROR", "compositeRequest is required")
        self._check(parts)
        all_or_none = bool(body.get("allOrNone", False))
        tx = self._api.org.begin(self._api.caller(request), can_roll_back=True) if all_or_none else None
        answers: dict[str, Any] = {}
        shown: dict[int, dict[str, Any]] = {}
        failed: int | None = None
        # Collating is the default since v49 (REST API, Composite).
        for position in _collated(parts) if body.get("collateSubrequests", True) else range(len(parts)):
            part = parts[position]
            if failed is not None:
                response = error_response(_HALTED)
            else:
                response = self._one(request, part, answers, tx)
                if tx is not None and _refused(response):
                    failed = position
            shown[position] = _shown(part["referenceId"], response, answers)
        results = [shown[position] for position in range(len(parts))]
        if tx is not None:
            self._end(tx, results, failed)
        return answer({"compositeResponse": results})

    def _end(self, tx: Transaction, results: list[dict[str, Any]], failed: int | None) -> None:
        if failed is None:
            tx.commit()
            return
        tx.roll_back()
        self._api.org.access.changed()
        for position, result in enumerate(results):
            if position != failed:
                result.update(body=_HALTED.as_single(), httpHeaders={}, httpStatusCode=400)

    def _check(self, parts: list[Any]) -> None:
        if len(parts) > MOST_SUBREQUESTS:
            raise RequestError(
                "LIMIT_EXCEEDED", f"The composite request has more than {MOST_SUBREQUESTS} subrequests: {len(parts)}"
            )
        seen: set[str] = set()
        heavy = 0
        for part in parts:
            if not isinstance(part, dict) or not isinstance(part.get("url"), str):
                raise RequestError("JSON_PARSER_ERROR", "each subrequest needs method, url and referenceId")
            if not isinstance(part.get("httpHeaders") or {}, dict):
                raise RequestError("JSON_PARSER_ERROR", "httpHeaders of a subrequest must be an object")
            reference = part.get("referenceId")
            if not isinstance(reference, str) or not _REFERENCE_ID.match(reference):
                # Wording from guardian/support-service-lambdas, pull request 1512 (API v54).
                raise RequestError(
                    "INVALID_ARGUMENT",
                    f"Provided referenceId ('{reference}') must start with a letter or a number, and it can contain "
                    "only letters, numbers and underscores ('_').",
                )
            if reference in seen:
                raise RequestError("INVALID_ARGUMENT", f"Duplicate referenceId: {reference}")
            seen.add(reference)
            heavy += is_query_or_collection(part["url"])
        if heavy > MOST_QUERIES_AND_COLLECTIONS:
            raise RequestError(
                "LIMIT_EXCEEDED",
                f"The composite request has more than {MOST_QUERIES_AND_COLLECTIONS} query and sObject Collections "
                f"subrequests: {heavy}",
            )

    def _one(self, outer: Request, part: dict[str, Any], answers: dict[str, Any], tx: Transaction | None) -> Response:
        try:
            url = _substitute(part["url"], answers)
            body = _substitute(part.get("body"), answers)
        except ApiError as refused:
            return error_response(refused)
        headers = {str(name).lower(): str(value) for name, value in (part.get("httpHeaders") or {}).items()}
        return self._call(outer, str(part.get("method", "GET")), str(url), body, headers, tx)

    def _call(
        self, outer: Request, method: str, url: str, body: Any, headers: dict[str, str], tx: Transaction | None
    ) -> Response:
        path, _, query = url.partition("?")
        if _RELATIVE.match(path):  # `v67.0/sobjects/...`, as the documentation of batch requests writes it
            path = f"/services/data/{path.lstrip('/')}"
        elif not path.startswith("/services/data/"):
            path = f"/services/data/{outer.params['version']}/{path.lstrip('/')}"
        inner = Request(
            method.upper(),
            path,
            query_string=query,
            headers={**outer.headers, **headers},
            body=b"" if body is None else _encode(body),
        )
        route, values = self._api.router.find(inner.method, path)
        if route is None or path.rstrip("/").endswith(("/composite", "/batch")):
            return self._api.unrouted(inner, values if route is None else [])
        inner.params = dict(zip(route.names, values, strict=True))
        if not self._api.knows_version(inner.params.get("version", "")):
            return error_response(not_found())
        inner.route, inner.fault = route.template, outer.fault
        inner.context = CallContext(outer.context.session, self._caller(outer, inner, headers), tx)
        return route.handler(inner)

    def _caller(self, outer: Request, inner: Request, headers: dict[str, str]) -> Any:
        caller = self._api.caller(outer)
        duplicates = headers.get("sforce-duplicate-rule-header")
        if "sforce-auto-assign" in headers:
            caller = replace(caller, assign=headers["sforce-auto-assign"].strip().upper() != "FALSE")
        if duplicates is not None:
            caller = replace(caller, allow_duplicates=options(duplicates).get("allowsave", "").lower() == "true")
        return replace(caller, base=f"/services/data/{inner.params['version']}")

    def batch(self, request: Request) -> Response:
        body = object_of(request)
        parts = body.get("batchRequests")
        if not isinstance(parts, list) or not parts or len(parts) > MOST_SUBREQUESTS:
            raise RequestError("INVALID_ARGUMENT", f"1 to {MOST_SUBREQUESTS} batchRequests are required")
        if not all(isinstance(part, dict) for part in parts):
            raise json_parser_error("Each of batchRequests must be an object")
        self._api.usage.add(self._api.org.now_s(), len(parts) - 1)
        results: list[dict[str, Any]] = []
        halted = False
        for part in parts:
            if halted:
                skipped = RequestError("BATCH_PROCESSING_HALTED", "Batch processing halted per request", status=412)
                results.append({"statusCode": 412, "result": skipped.as_single()})
                continue
            url = str(part.get("url", ""))
            response = self._call(request, str(part.get("method", "GET")), url, part.get("richInput"), {}, None)
            results.append({"statusCode": response.status, "result": _decode(response.body) if response.body else None})
            halted = bool(body.get("haltOnError")) and response.status >= 400
        return answer({"hasErrors": any(result["statusCode"] >= 400 for result in results), "results": results})


def _collated(parts: list[Any]) -> list[int]:
    """Collated subrequests keep the order of explicit references only; writes are bulked together, ahead of reads that
    nothing ties to them. A real org promises no order at all, so a caller that relies on one is found out here."""
    place = {part["referenceId"]: position for position, part in enumerate(parts)}
    waits: list[set[int]] = []
    for position, part in enumerate(parts):
        named = {place.get(name) for name in _NAMED.findall(part["url"] + _encode(part.get("body")).decode())}
        waits.append({other for other in named if other is not None and other < position})
    order: list[int] = []
    left = list(range(len(parts)))
    while left:
        ready = [position for position in left if waits[position].issubset(order)]
        writes = [position for position in ready if str(parts[position].get("method", "GET")).upper() != "GET"]
        chosen = (writes or ready)[0]
        order.append(chosen)
        left.remove(chosen)
    return order


def is_query_or_collection(url: str) -> bool:
    path = unquote(url.partition("?")[0]).rstrip("/")
    return bool(re.search(r"/(query|queryAll|composite/sobjects)(/|\Z)", path))


def _refused(response: Response) -> bool:
    if response.status >= 400:
        return True
    if not response.body.startswith(b"["):
        return False
    found = _decode(response.body)
    return any(isinstance(item, dict) and item.get("success") is False for item in found)


def _shown(reference: str, response: Response, answers: dict[str, Any]) -> dict[str, Any]:
    body = _decode(response.body) if response.body else None
    answers[reference] = body if response.status < 400 else None
    headers = {name: value for name, value in response.headers if name in ("Location", "ETag", "Last-Modified")}
    return {"body": body, "httpHeaders": headers, "httpStatusCode": response.status, "referenceId": reference}


def _substitute(value: Any, answers: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return _in_text(value, lambda match: _look_up(match, answers)) if "@{" in value else value
    if isinstance(value, list):
        return [_substitute(item, answers) for item in value]
    if isinstance(value, dict):
        return {key: _substitute(item, answers) for key, item in value.items()}
    return value


def _in_text(text: str, found: Callable[[re.Match[str]], Any]) -> Any:
    whole = _REFERENCE.fullmatch(text)
    if whole is not None:
        return found(whole)
    return _REFERENCE.sub(lambda match: str(found(match)), text)


def _look_up(match: re.Match[str], answers: dict[str, Any]) -> Any:
    value: Any = answers.get(match.group(1))
    for index, name in _STEP.findall(match.group(2)):
        try:
            value = value[int(index)] if index else value[name]
        except (KeyError, IndexError, TypeError):
            value = None
        if value is None:
            raise RequestError(
                "PROCESSING_HALTED",
                f"Invalid reference specified. No value for {match.group(1)}{match.group(2)} found in {match.group(1)}",
            )
    return value

"""What every API route of the HubSpot emulator needs: who calls, the parsed body, answers, errors, versions of paths.

`Api.add` wraps a handler, so that an ApiError raised anywhere becomes the documented envelope with its correlation id.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from crm_emulator.hubspot import auth, errors
from crm_emulator.hubspot.account import Actor, Token
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.hubspot.limits import Limits, family_of
from crm_emulator.hubspot.operations import Operations
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.records import Table
from crm_emulator.hubspot.search import Search
from crm_emulator.hubspot.stamps import iso_ms
from crm_emulator.hubspot.views import Views
from crm_emulator.kernel.http import Request, Response, Route, Router, json_response

# All served by one handler per operation: the bodies are the same (date-based versions of the CRM API).
DATED = ("2025-09", "2026-03", "2026-09")
OBJECTS = ("/crm/v3/objects", *(f"/crm/objects/{date}" for date in DATED))
PROPERTIES = ("/crm/v3/properties", *(f"/crm/properties/{date}" for date in DATED))
PIPELINES = ("/crm/v3/pipelines", *(f"/crm/pipelines/{date}" for date in DATED))
OWNERS = ("/crm/v3/owners", *(f"/crm/owners/{date}" for date in DATED))
LIMITS = ("/crm/v3/limits", *(f"/crm/limits/{date}" for date in DATED))
LISTS = ("/crm/v3/lists", *(f"/crm/lists/{date}" for date in DATED))
PREFERENCES = ("/communication-preferences/v4", *(f"/communication-preferences/{date}" for date in DATED))

ApiHandler = Callable[[Request], Response]
# Answered by the machines in front of HubSpot, not by it: a page, no envelope, whatever the call was.
_GATEWAY = frozenset({413, 414, 502, 503, 504, 521, 522, 523, 524, 525, 526})
MIGRATION_RETRY_S = 3_600  # 477 says when to come back, in up to 24 hours (error handling page)


class Api:
    def __init__(
        self, portal: Portal, operations: Operations, search: Search, limits: Limits, router: Router, seed: int
    ) -> None:
        self.portal = portal
        self.account = portal.account
        self.config = portal.config
        self.operations = operations
        self.associations = operations.associations
        self.search = search
        self.limits = limits
        self.views = Views(portal)
        self._router = router
        self._random = random.Random(f"hubspot-correlation:{seed}")

    # Routes

    def add(self, method: str, templates: str | Iterable[str], handler: ApiHandler) -> None:
        def guarded(request: Request) -> Response:
            try:
                return handler(request)
            except ApiError as error:
                return self.error(error)

        for template in (templates,) if isinstance(templates, str) else templates:
            self._router.add(method, template, guarded)

    # The kernel's hooks

    def gate(self, request: Request, route: Route) -> Response | None:
        if len(request.path) + len(request.query_string) > self.config.url_max_characters:
            return gateway_page(414)
        if len(request.body) > self.config.body_max_bytes:
            return gateway_page(413)
        if auth.is_public(route.template):
            return None
        try:
            token = auth.authenticate(self.account, request, self.portal.now_ms())
            request.context = token
            self.portal.expire()
            self.limits.admit(token, family_of(route.template))
            auth.check_scopes(token, request, self.portal.kinds, self.config.scopes_unavailable)
            _check_media_type(request)
        except ApiError as error:
            response = self.error(error)
            if error.status == 401:
                response.headers.append(("X-HubSpot-Auth-Failure", "401 Unauthorized"))
            return response
        return None

    def finish(self, request: Request, response: Response) -> None:
        if isinstance(request.context, Token):
            response.headers.extend(self.limits.headers(request.context, family_of(request.route)))
        if response.header("X-HubSpot-Correlation-Id") is None:
            response.headers.append(("X-HubSpot-Correlation-Id", self.correlation_id()))

    def unrouted(self, request: Request, allowed: list[str]) -> Response:
        if allowed:
            return self.error(ApiError(405, "Method not allowed"))
        return self.error(errors.not_found())

    def planted(self, request: Request, status: int) -> Response:
        """What HubSpot, or a machine in front of it, would send for a planted status."""
        if status in _GATEWAY:
            return gateway_page(status)
        if status == 429:
            search = request.path.endswith("/search")
            error = errors.search_limit() if search else errors.burst_limit("publicapi:planted")
        elif status == 401:
            error = errors.unauthenticated()
        elif status == 403:
            error = errors.missing_scopes([])
        else:
            error = ApiError(status, "internal error" if status >= 500 else f"planted status {status}")
        response = self.error(error)
        if status == 477:
            response.headers.append(("Retry-After", str(MIGRATION_RETRY_S)))
        return response

    # Answers

    def error(self, error: ApiError) -> Response:
        correlation_id = self.correlation_id()
        response = json_response(error.body(correlation_id), error.status)
        response.headers.append(("X-HubSpot-Correlation-Id", correlation_id))
        return response

    def batch(self, results: list[Any], failures: list[dict[str, Any]], started_ms: int, ok: int = 200) -> Response:
        """200 or 201, or 207 with `numErrors` and `errors` when some inputs failed."""
        found: dict[str, Any] = {"status": "COMPLETE", "results": results}
        if failures:
            found["numErrors"] = len(failures)
            found["errors"] = failures
        found["startedAt"] = iso_ms(started_ms)
        found["completedAt"] = iso_ms(self.portal.now_ms())
        return json_response(found, 207 if failures else ok)

    def correlation_id(self) -> str:
        bits = f"{self._random.getrandbits(128):032x}"
        return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"

    # Requests

    def actor(self, request: Request) -> Actor:
        token: Token = request.context
        return self.account.api_actor(token, client_of(request))

    def table(self, request: Request, name: str = "type") -> Table:
        return self.portal.table(request.params[name])

    def shuffled(self, table: Table, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Recorded: the results of a batch are not in the order of its inputs."""
        if self.config.shuffle_batch_results:
            results.sort(key=lambda result: (int(result["id"]) * 2_654_435_761) & 0xFFFF_FFFF)
        return results


def client_of(request: Request) -> str:
    agent = request.headers.get("user-agent", "")
    return agent.split("/", 1)[0].split(" ", 1)[0] or "unknown"


def gateway_page(status: int) -> Response:
    text = f"<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>gateway</body></html>"
    return Response(status, text.encode(), content_type="text/html")


def _check_media_type(request: Request) -> None:
    """Raises ApiError 415. A body without a type is taken for JSON."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.body and given and given != "application/json":
        raise errors.unsupported_media_type(given)


def body_of(request: Request, shape: type[Any]) -> dict[str, Any]:
    """The JSON object of a request, of the right shape (`shapes.py`); null is absent, an absent body is empty."""
    try:
        found = request.json() if request.body else {}
        msgspec.convert(found, shape, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        raise errors.malformed_body(str(broken)) from None
    if not isinstance(found, dict):
        raise errors.malformed_body("an object was expected")
    return {name: value for name, value in found.items() if value is not None}


def names_of(request: Request, key: str) -> tuple[str, ...]:
    """Repeated keys and comma lists, also mixed: clients differ."""
    values = request.query.get(key)
    if not values:
        return ()
    return tuple(name for value in values for part in value.split(",") if (name := part.strip()))


def flag_of(request: Request, key: str) -> bool:
    """`archived=False`: one client sends Python's spelling."""
    return (request.query_one(key) or "").lower() == "true"


def number_of(request: Request, key: str, default: int) -> int:
    """A number in the query. Raises ApiError."""
    text = request.query_one(key)
    if text is None or text == "":
        return default
    if not text.isdecimal():
        raise errors.invalid(f"Invalid value for {key}: {text}")
    return int(text)


def inputs_of(body: dict[str, Any], limit: int, too_big: Callable[[int], ApiError] = errors.batch_too_big) -> list[Any]:
    """The `inputs` of a batch. Raises ApiError."""
    inputs: list[Any] = body["inputs"]
    if len(inputs) > limit:
        raise too_big(limit)
    return inputs

"""E-mail subscriptions: opting an address out of everything, one or many, and reading whether it did.

hs_email_optout of a contact follows; it cannot be written through the objects API (recorded: readOnlyValue). An app
cannot opt an address back in: that is the person's own act.
"""

from __future__ import annotations

from typing import Any

from crm_emulator.hubspot import errors, shapes, values
from crm_emulator.hubspot.api import PREFERENCES, Api, body_of
from crm_emulator.hubspot.stamps import iso_ms
from crm_emulator.kernel.http import Request, Response

BATCH_MAX = 100


class PreferenceRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._portal = api.portal
        for base in PREFERENCES:
            api.add("GET", f"{base}/statuses/{{email}}/unsubscribe-all", self.read)
            api.add("POST", f"{base}/statuses/{{email}}/unsubscribe-all", self.unsubscribe)
            api.add("POST", f"{base}/statuses/batch/unsubscribe-all", self.batch_unsubscribe)
            api.add("POST", f"{base}/statuses/batch/unsubscribe-all/read", self.batch_read)
            api.add("GET", f"{base}/statuses/{{email}}", self.statuses)

    def read(self, request: Request) -> Response:
        email = _address(request.params["email"])
        _require_channel(request)
        return self._api.batch([self._wide(email)], [], self._portal.now_ms())

    def unsubscribe(self, request: Request) -> Response:
        email = _address(request.params["email"])
        _require_channel(request)
        self._api.operations.opt_out(email, self._api.actor(request))
        return self._api.batch([self._wide(email)], [], self._portal.now_ms())

    def statuses(self, request: Request) -> Response:
        """No subscription types are set up in this account, so none are listed."""
        _address(request.params["email"])
        _require_channel(request)
        return self._api.batch([], [], self._portal.now_ms())

    def batch_unsubscribe(self, request: Request) -> Response:
        _require_channel(request)
        started_ms = self._portal.now_ms()
        results: list[Any] = []
        failures: list[dict[str, Any]] = []
        for email in _addresses(request):
            if not values.is_email(email):
                failures.append(errors.invalid(f"Email address {email} is invalid").batch_entry({"inputs": [email]}))
                continue
            self._api.operations.opt_out(email, self._api.actor(request))
            results.append({"subscriberIdString": email, "statuses": []})
        return self._api.batch(results, failures, started_ms)

    def batch_read(self, request: Request) -> Response:
        _require_channel(request)
        results = [{"subscriberIdString": email, "wideStatuses": [self._wide(email)]} for email in _addresses(request)]
        return self._api.batch(results, [], self._portal.now_ms())

    def _wide(self, email: str) -> dict[str, Any]:
        at_ms = self._portal.opted_out.get(email)
        return {
            "subscriberIdString": email,
            "channel": "EMAIL",
            "wideStatusType": "PORTAL_WIDE",
            "status": "NOT_SPECIFIED" if at_ms is None else "UNSUBSCRIBED",
            "timestamp": iso_ms(self._portal.now_ms() if at_ms is None else at_ms),
        }


def _address(text: str) -> str:
    email = text.strip().lower()
    if not values.is_email(email):
        raise errors.invalid(f"Email address {text} is invalid")
    return email


def _addresses(request: Request) -> list[str]:
    inputs: list[str] = body_of(request, shapes.Addresses)["inputs"]
    if len(inputs) > BATCH_MAX:
        raise errors.batch_too_big(BATCH_MAX)
    return [one.strip().lower() for one in inputs]


def _require_channel(request: Request) -> None:
    if request.query_one("channel") != "EMAIL":
        raise errors.invalid("Required query parameter channel must be EMAIL")

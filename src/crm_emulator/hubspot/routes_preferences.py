"""E-mail subscriptions: types, what an address chose about each, opting out of everything; v4, its dated forms, and v3.

hs_email_optout and hs_email_optout_<id> of a contact follow; neither can be written through the objects API (recorded:
readOnlyValue). An app cannot lift an opt-out of everything: that is the person's own act. Of a single type v4 lifts it, v3
refuses (guides of v3 and v4).
"""

from __future__ import annotations

from typing import Any

from crm_emulator.hubspot import errors, shapes, values
from crm_emulator.hubspot.api import PREFERENCES, Api, body_of, flag_of, inputs_of
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.hubspot.stamps import iso_ms
from crm_emulator.hubspot.subscriptions import (
    BY_API,
    BY_NOBODY,
    LEGAL_BASES,
    NOT_SPECIFIED,
    STATES,
    SUBSCRIBED,
    UNSUBSCRIBED,
    Choice,
)
from crm_emulator.kernel.http import Request, Response, json_response

BATCH_MAX = 100
_V3 = "/communication-preferences/v3"


class PreferenceRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._portal = api.portal
        self._subscriptions = api.portal.subscriptions
        for base in PREFERENCES:
            api.add("GET", f"{base}/definitions", self.definitions)
            api.add("GET", f"{base}/statuses/{{email}}/unsubscribe-all", self.read)
            api.add("POST", f"{base}/statuses/{{email}}/unsubscribe-all", self.unsubscribe)
            api.add("POST", f"{base}/statuses/batch/unsubscribe-all", self.batch_unsubscribe)
            api.add("POST", f"{base}/statuses/batch/unsubscribe-all/read", self.batch_read_wide)
            api.add("POST", f"{base}/statuses/batch/read", self.batch_read)
            api.add("POST", f"{base}/statuses/batch/write", self.batch_write)
            api.add("GET", f"{base}/statuses/{{email}}", self.statuses)
            api.add("POST", f"{base}/statuses/{{email}}", self.update)
        api.add("GET", f"{_V3}/definitions", self.definitions_v3)
        api.add("GET", f"{_V3}/status/email/{{email}}", self.statuses_v3)
        api.add("POST", f"{_V3}/subscribe", self.subscribe_v3)
        api.add("POST", f"{_V3}/unsubscribe", self.unsubscribe_v3)

    # Types

    def definitions(self, request: Request) -> Response:
        results = [found.to_json() for found in self._subscriptions.types.values()]
        if flag_of(request, "includeTranslations"):
            results = [{**found, "subscriptionTranslations": []} for found in results]
        return self._api.batch(results, [], self._portal.now_ms())

    # One address

    def read(self, request: Request) -> Response:
        email = _address(request.params["email"])
        _require_channel(request)
        return self._api.batch([self._wide(email)], [], self._portal.now_ms())

    def unsubscribe(self, request: Request) -> Response:
        """Documented: what was unsubscribed from is told with `verbose` only."""
        email = _address(request.params["email"])
        _require_channel(request)
        return self._api.batch(self._opt_out(request, email), [], self._portal.now_ms())

    def statuses(self, request: Request) -> Response:
        email = _address(request.params["email"])
        _require_channel(request)
        return self._api.batch(self._statuses(email), [], self._portal.now_ms())

    def update(self, request: Request) -> Response:
        email = _address(request.params["email"])
        result = self._change(request, email, body_of(request, shapes.StatusChange))
        return self._api.batch([result], [], self._portal.now_ms())

    # Many addresses

    def batch_unsubscribe(self, request: Request) -> Response:
        _require_channel(request)
        started_ms = self._portal.now_ms()
        results: list[Any] = []
        failures: list[dict[str, Any]] = []
        for email in _addresses(request):
            if not values.is_email(email):
                failures.append(errors.invalid(f"Email address {email} is invalid").batch_entry({"inputs": [email]}))
                continue
            results.append({"subscriberIdString": email, "statuses": self._opt_out(request, email)})
        return self._api.batch(results, failures, started_ms)

    def batch_read_wide(self, request: Request) -> Response:
        _require_channel(request)
        results = [{"subscriberIdString": email, "wideStatuses": [self._wide(email)]} for email in _addresses(request)]
        return self._api.batch(results, [], self._portal.now_ms())

    def batch_read(self, request: Request) -> Response:
        _require_channel(request)
        results = [{"subscriberIdString": email, "statuses": self._statuses(email)} for email in _addresses(request)]
        return self._api.batch(results, [], self._portal.now_ms())

    def batch_write(self, request: Request) -> Response:
        started_ms = self._portal.now_ms()
        results: list[Any] = []
        failures: list[dict[str, Any]] = []
        for given in inputs_of(body_of(request, shapes.StatusChanges), BATCH_MAX):
            named = str(given.get("subscriberIdString") or "")
            try:
                results.append(self._change(request, _address(named), given))
            except ApiError as fault:
                failures.append(fault.batch_entry({"subscriberIdString": [named]}))
        return self._api.batch(results, failures, started_ms)

    # v3

    def definitions_v3(self, request: Request) -> Response:
        return json_response({"subscriptionDefinitions": [one.to_json() for one in self._subscriptions.types.values()]})

    def statuses_v3(self, request: Request) -> Response:
        email = _address(request.params["email"])
        shown = [self._status_v3(email, id) for id in self._subscriptions.types]
        return json_response({"recipient": email, "subscriptionStatuses": shown})

    def subscribe_v3(self, request: Request) -> Response:
        """Documented: v3 does not resubscribe who opted out. What it says of a repetition is quoted by several clients."""
        email, id, body = self._named_v3(request)
        state = self._subscriptions.state(email, id)
        if state == SUBSCRIBED:
            raise errors.invalid(f"{email} is already subscribed to subscription {id}")
        if state == UNSUBSCRIBED:
            raise errors.invalid(f"{email} has opted out of subscription {id} and cannot be resubscribed")  # unverified
        self._change(request, email, {**body, "statusState": SUBSCRIBED, "channel": "EMAIL"})
        return json_response(self._status_v3(email, id))

    def unsubscribe_v3(self, request: Request) -> Response:
        email, id, body = self._named_v3(request)
        if self._subscriptions.state(email, id) == UNSUBSCRIBED:
            raise errors.invalid(f"{email} is already unsubscribed from subscription {id}")
        self._change(request, email, {**body, "statusState": UNSUBSCRIBED, "channel": "EMAIL"})
        return json_response(self._status_v3(email, id))

    # Inside

    def _opt_out(self, request: Request, email: str) -> list[dict[str, Any]]:
        was_out = not self._api.operations.opt_out(email, self._api.actor(request))
        if not flag_of(request, "verbose"):
            return []
        reason = "NO_STATUS_CHANGE" if was_out else "UNSUBSCRIBE_FROM_ALL_OCCURRED"
        return [{**each, "setStatusSuccessReason": reason} for each in self._statuses(email)]

    def _change(self, request: Request, email: str, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("channel") != "EMAIL":
            raise errors.invalid("Required field channel must be EMAIL")
        state = body.get("statusState")
        if state not in STATES:
            raise errors.invalid(f"statusState must be one of {sorted(STATES)}, not {state!r}")
        id = self._subscriptions.type(_number(body.get("subscriptionId"))).id
        basis, explanation = body.get("legalBasis"), body.get("legalBasisExplanation")
        if basis is not None and basis not in LEGAL_BASES:
            raise errors.invalid(f"legalBasis must be one of {sorted(LEGAL_BASES)}, not {basis!r}")
        if self._api.config.data_privacy and not (basis and explanation):
            # Seen live by a third party on subscribing; that both are required is documented.
            raise errors.invalid("Legal Basis is required for resubscribing a contact on GDPR enabled portals")
        choice = Choice(
            state=state, at_ms=self._portal.now_ms(), source=BY_API, legal_basis=basis, explanation=explanation
        )
        reason = self._api.operations.choose(email, id, choice, self._api.actor(request))
        return {**self._status(email, id), "setStatusSuccessReason": reason}

    def _statuses(self, email: str) -> list[dict[str, Any]]:
        return [self._status(email, id) for id in self._subscriptions.types]

    def _status(self, email: str, id: int) -> dict[str, Any]:
        chosen = self._subscriptions.choice(email, id)
        out_ms = self._subscriptions.opted_out.get(email)
        at_ms = out_ms if out_ms is not None else self._portal.now_ms() if chosen is None else chosen.at_ms
        source = BY_API if out_ms is not None else BY_NOBODY if chosen is None else chosen.source
        return {
            "businessUnitId": 0,
            "channel": "EMAIL",
            "subscriberIdString": email,
            "subscriptionId": id,
            "status": self._subscriptions.state(email, id),
            "source": source,
            "legalBasis": None if chosen is None else chosen.legal_basis,
            "legalBasisExplanation": None if chosen is None else chosen.explanation,
            "setStatusSuccessReason": None,
            "timestamp": iso_ms(at_ms),
        }

    def _status_v3(self, email: str, id: int) -> dict[str, Any]:
        """v3 knows no third state: who chose nothing is not subscribed (the values of its enumeration)."""
        found, chosen = self._subscriptions.type(id), self._subscriptions.choice(email, id)
        wide = email in self._subscriptions.opted_out
        return {
            "id": str(id),
            "name": found.name,
            "description": found.description,
            "status": "SUBSCRIBED" if self._subscriptions.state(email, id) == SUBSCRIBED else "NOT_SUBSCRIBED",
            "sourceOfStatus": "PORTAL_WIDE_STATUS" if wide else "SUBSCRIPTION_STATUS",
            "preferenceGroupName": None,
            "legalBasis": None if chosen is None else chosen.legal_basis,
            "legalBasisExplanation": None if chosen is None else chosen.explanation,
        }

    def _named_v3(self, request: Request) -> tuple[str, int, dict[str, Any]]:
        body = body_of(request, shapes.StatusChange)
        missing = [key for key in ("emailAddress", "subscriptionId") if not body.get(key)]
        if missing:  # reported with HubSpot's own client (hubspot-api-ruby, issue 170)
            raise errors.malformed_body(
                "Cannot build PublicUpdateSubscriptionStatusRequest, some of required attributes are not set "
                f"[{', '.join(missing)}]"
            )
        return _address(body["emailAddress"]), self._subscriptions.type(_number(body["subscriptionId"])).id, body

    def _wide(self, email: str) -> dict[str, Any]:
        at_ms = self._subscriptions.opted_out.get(email)
        return {
            "subscriberIdString": email,
            "channel": "EMAIL",
            "wideStatusType": "PORTAL_WIDE",
            "status": NOT_SPECIFIED if at_ms is None else UNSUBSCRIBED,
            "timestamp": iso_ms(self._portal.now_ms() if at_ms is None else at_ms),
        }


def _number(given: Any) -> int:
    text = str(given)
    return int(text) if text.isdecimal() else 0


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

"""Limits on associations that an admin sets, by type: `definitions/configurations` of the associations schema API."""

from __future__ import annotations

from typing import Any

from crm_emulator.hubspot import errors, shapes
from crm_emulator.hubspot.api import DATED, Api, body_of, inputs_of
from crm_emulator.hubspot.association_types import AssociationType
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.kernel.http import Request, Response, json_response

_BASES = ("/crm/v4/associations", "/crm/associations/v4", *(f"/crm/associations/{date}" for date in DATED))


class AssociationLimitRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._types = api.associations.types
        self._limits = api.associations.limits
        for base in _BASES:
            all_ = f"{base}/definitions/configurations"
            pair = f"{all_}/{{from_type}}/{{to_type}}"
            api.add("GET", f"{all_}/all", self.all)
            api.add("GET", pair, self.of_pair)
            api.add("POST", f"{pair}/batch/create", self.set)
            api.add("POST", f"{pair}/batch/update", self.set)
            api.add("POST", f"{pair}/batch/purge", self.purge)

    def all(self, request: Request) -> Response:
        return json_response({"results": [_set(each.type, each.most) for each in self._limits.all()]})

    def of_pair(self, request: Request) -> Response:
        keys = (self._api.table(request, "from_type").kind.key, self._api.table(request, "to_type").kind.key)
        return json_response({"results": [_set(each.type, each.most) for each in self._limits.all(*keys)]})

    def set(self, request: Request) -> Response:
        started_ms = self._api.portal.now_ms()
        results: list[Any] = []
        failures: list[dict[str, Any]] = []
        for given in inputs_of(body_of(request, shapes.TypeLimits), self._api.config.batch_max):
            try:
                found, most = self._type(request, given), given.get("maxToObjectIds")
                if most is None:
                    raise errors.malformed_body("maxToObjectIds is missing")
                self._limits.set(found, int(most))
            except ApiError as fault:
                failures.append(fault.batch_entry({"typeId": [str(given.get("typeId"))]}))
                continue
            results.append(_set(found, int(most)))
        return self._api.batch(results, failures, started_ms)

    def purge(self, request: Request) -> Response:
        for given in inputs_of(body_of(request, shapes.TypeLimits), self._api.config.batch_max):
            self._limits.purge(self._type(request, given))
        return Response(204)

    def _type(self, request: Request, given: dict[str, Any]) -> AssociationType:
        from_key, to_key = (self._api.table(request, end).kind.key for end in ("from_type", "to_type"))
        found = self._types.get(from_key, to_key, int(given.get("typeId") or 0))
        if given.get("category") not in (None, found.category):
            raise errors.invalid(f"Association type {found.id} is not of the category {given['category']}")
        return found


def _set(found: AssociationType, most: int) -> dict[str, Any]:
    return {
        "category": found.category,
        "typeId": found.id,
        "userEnforcedMaxToObjectIds": most,
        "label": found.label,
    }

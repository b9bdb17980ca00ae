"""Limits tracking: `limit`, `usage`, `percentage` of what an account may have, and which records are near a limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from crm_emulator.hubspot.api import LIMITS, Api
from crm_emulator.hubspot.association_limits import NEAR_PERCENT
from crm_emulator.hubspot.association_types import LABELS_MAX, USER_DEFINED
from crm_emulator.hubspot.records import Table
from crm_emulator.kernel.http import Request, Response, json_response

_SAMPLES_MOST = 10
_Counts = list[tuple[int, int]]


class LimitRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._portal = api.portal
        for base in LIMITS:
            api.add("GET", f"{base}/custom-properties", self.custom_properties)
            api.add("GET", f"{base}/pipelines", self.pipelines)
            api.add("GET", f"{base}/associations/labels", self.labels)
            api.add("GET", f"{base}/associations/records/from", self.records_from)
            api.add("GET", f"{base}/associations/records/{{from_type}}/to", self.records_to)
            api.add("GET", f"{base}/associations/records/{{from_type}}/{{to_type}}", self.records)

    def custom_properties(self, request: Request) -> Response:
        """What HubSpot ships does not count."""
        most = self._api.config.custom_properties_max
        rows = [{**_named(table), **_usage("", table.schema.own, most)} for table in self._portal.tables.values()]
        overall = _usage("overall", sum(row["usage"] for row in rows), most * len(rows))
        return json_response({**overall, "byObjectType": rows})

    def pipelines(self, request: Request) -> Response:
        rows = [
            {**_named(self._portal.tables[key]), **_usage("", len(found.all), self._api.config.pipelines_max)}
            for key, found in self._portal.pipelines.items()
        ]
        custom = {"byObjectType": [], **_usage("overall", 0, self._api.config.pipelines_max)}
        return json_response({"hubspotDefinedObjectTypes": rows, "customObjectTypes": custom})

    def labels(self, request: Request) -> Response:
        rows: list[dict[str, Any]] = []
        for from_table, to_table in self._pairs():
            types = self._api.associations.types.of(from_table.kind.key, to_table.kind.key).values()
            own = [each.label for each in types if each.category == USER_DEFINED]
            if own:
                ends = {"fromObjectType": _named(from_table), "toObjectType": _named(to_table)}
                rows.append({**ends, "allLabels": own, **_usage("", len(own), LABELS_MAX)})
        return json_response({"results": rows})

    def records_from(self, request: Request) -> Response:
        tables = self._portal.tables.values()
        return json_response({"results": self._near((one, [(one, other) for other in tables]) for one in tables)})

    def records_to(self, request: Request) -> Response:
        one = self._api.table(request, "from_type")
        return json_response({"results": self._near((other, [(one, other)]) for other in self._portal.tables.values())})

    def records(self, request: Request) -> Response:
        one, other = self._api.table(request, "from_type"), self._api.table(request, "to_type")
        at, near = self._full(one, other)
        most = self._api.associations.limits.of_pair(one.kind.key, other.kind.key)
        return json_response(
            {
                "limit": most,
                "totalRecordsAtLimit": len(at),
                "totalRecordsNearLimit": len(near),
                "atLimitFromRecordSamples": [{"label": str(id), "objectId": id} for id, _ in at[:_SAMPLES_MOST]],
                "nearLimitFromRecordSamples": [
                    {"label": str(id), "objectId": id, "usage": used, "percentage": round(used * 100 / most, 2)}
                    for id, used in near[:_SAMPLES_MOST]
                ],
            }
        )

    def _pairs(self) -> Iterator[tuple[Table, Table]]:
        for one in self._portal.tables.values():
            for other in self._portal.tables.values():
                yield one, other

    def _near(self, rows: Iterable[tuple[Table, list[tuple[Table, Table]]]]) -> list[dict[str, Any]]:
        """Object types with records at or near the limit of one of these pairs."""
        found: list[dict[str, Any]] = []
        for table, pairs in rows:
            full = [self._full(*pair) for pair in pairs]
            at, near = any(at for at, _ in full), any(near for _, near in full)
            if at or near:
                found.append({**_named(table), "hasRecordsAtLimit": at, "hasRecordsNearLimit": near})
        return found

    def _full(self, one: Table, other: Table) -> tuple[_Counts, _Counts]:
        """Records at their limit and those near it, each with how many it has."""
        most = self._api.associations.limits.of_pair(one.kind.key, other.kind.key)
        counts = [(record.id, used) for record, used in self._api.associations.counts(one, other) if used]
        at = [row for row in counts if row[1] >= most]
        near = [row for row in counts if most > row[1] >= most * NEAR_PERCENT / 100]
        return at, near


def _named(table: Table) -> dict[str, Any]:
    kind = table.kind
    return {
        "objectTypeId": kind.type_id,
        "singularLabel": kind.singular.capitalize(),
        "pluralLabel": kind.key.capitalize(),
    }


def _usage(prefix: str, used: int, most: int) -> dict[str, Any]:
    """`limit`, or with a prefix `overallLimit`."""
    named = {"limit": most, "usage": used, "percentage": round(used * 100 / most, 2) if most else 100}
    return {prefix + (name.capitalize() if prefix else name): value for name, value in named.items()}

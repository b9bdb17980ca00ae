"""What the org is made of: versions, resources, global and object describes, limits, record counts, and what changed
between two moments (getUpdated, getDeleted)."""

from __future__ import annotations

from typing import Any

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce import times
from crm_emulator.salesforce.access import ObjectRights
from crm_emulator.salesforce.api.context import Api, answer
from crm_emulator.salesforce.config import EARLIEST_VERSION, LATEST_VERSION
from crm_emulator.salesforce.errors import RequestError, not_found
from crm_emulator.salesforce.schema import SObject
from crm_emulator.salesforce.store import Table
from crm_emulator.salesforce.times import DAY_S, render_seconds

_SEASONS = ("Spring", "Summer", "Winter")
_MINUTE_S = 60
_REPLICATION_DAYS = 30
# Name -> most per day or at once, recorded from a Developer Edition org's /limits.
_OTHER_LIMITS = {
    "ConcurrentAsyncGetReportInstances": 200,
    "ConcurrentSyncReportRuns": 20,
    "DailyAsyncApexExecutions": 250_000,
    "DailyBulkApiBatches": 15_000,
    "DailyBulkV2QueryJobs": 10_000,
    "DailyStreamingApiEvents": 10_000,
    "DailyWorkflowEmails": 390,
    "DataStorageMB": 5,
    "FileStorageMB": 20,
    "HourlyTimeBasedWorkflow": 50,
    "MassEmail": 10,
    "SingleEmail": 15,
}
_RESOURCES = ("tooling", "metadata", "query", "queryAll", "composite", "limits", "sobjects")


class Describes:
    def __init__(self, api: Api) -> None:
        self._api = api
        api.add("GET", "/services/data", self.versions)
        api.data("GET", "", self.resources)
        api.data("GET", "/sobjects", self.all_objects)
        api.data("GET", "/sobjects/{object}", self.basic)
        api.data("GET", "/sobjects/{object}/describe", self.describe)
        api.data("GET", "/sobjects/{object}/updated", self.updated)
        api.data("GET", "/sobjects/{object}/deleted", self.deleted)
        api.data("GET", "/limits", self.limits)
        api.data("GET", "/limits/recordCount", self.record_count)

    def versions(self, request: Request) -> Response:
        return answer([_version(number) for number in range(EARLIEST_VERSION, LATEST_VERSION + 1)])

    def resources(self, request: Request) -> Response:
        base = self._api.caller(request).base
        found = {name: f"{base}/{name}" for name in _RESOURCES}
        user = self._api.caller(request).user_id
        found["identity"] = f"{self._api.org.config.instance_url}/id/{self._api.org.org_id}/{user}"
        return answer(found)

    def all_objects(self, request: Request) -> Response:
        base = self._api.caller(request).base
        user_id, access = self._api.caller(request).user_id, self._api.org.access
        sobjects = [
            sobject.describe_global(base) | _allowed(access.rights(user_id, sobject.name), sobject.flags)
            for sobject in self._api.org.objects.values()
            if access.rights(user_id, sobject.name).read
        ]
        return answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects})

    def basic(self, request: Request) -> Response:
        sobject, rights = self._seen(request)
        shown = sobject.describe_global(self._api.caller(request).base) | _allowed(rights, sobject.flags)
        return answer({"objectDescribe": shown, "recentItems": []})

    def describe(self, request: Request) -> Response:
        api, caller = self._api, self._api.caller(request)
        sobject, rights = self._seen(request)
        fields = list(api.org.access.view(caller.user_id, sobject).fields.values())
        described = sobject.describe(caller.base, api.org.config.instance_url, fields, caller.user_id)
        return answer(described | _allowed(rights, sobject.flags))

    def _seen(self, request: Request) -> tuple[SObject, ObjectRights]:
        """An object without Read is, to that user, not there (REST API, describe: NOT_FOUND)."""
        sobject = self._api.sobject(request.params["object"])
        rights = self._api.org.access.rights(self._api.caller(request).user_id, sobject.name)
        if not rights.read:
            raise not_found()
        return sobject, rights

    def limits(self, request: Request) -> Response:
        org = self._api.org
        daily = org.config.daily_limit
        found = {"DailyApiRequests": {"Max": daily, "Remaining": max(0, daily - self._api.usage.used)}}
        found.update({name: {"Max": most, "Remaining": most} for name, most in _OTHER_LIMITS.items()})
        return answer(dict(sorted(found.items())))

    def record_count(self, request: Request) -> Response:
        wanted = request.query_one("sObjects")
        names = [name.strip() for name in wanted.split(",")] if wanted else sorted(self._api.org.tables)
        found = []
        for name in names:
            sobject = self._api.org.sobject(name)
            if sobject is not None:
                table = self._api.org.tables[sobject.name]
                found.append({"count": len(table.rows) - len(table.bin), "name": sobject.name})
        return answer({"sObjects": found})

    # Replication

    def updated(self, request: Request) -> Response:
        table, start_s, end_s = self._span(request)
        ids = [record.id for record in table.stamped(start_s, end_s - 1) if record.deleted_s is None]
        return answer({"ids": ids, "latestDateCovered": render_seconds(end_s)})

    def deleted(self, request: Request) -> Response:
        table, start_s, end_s = self._span(request)
        gone: list[dict[str, Any]] = [
            {"id": record.id, "deletedDate": render_seconds(record.deleted_s)}
            for record in table.bin.values()
            if record.deleted_s is not None and start_s <= record.deleted_s < end_s
        ]
        gone.sort(key=lambda entry: (str(entry["deletedDate"]), str(entry["id"])))
        earliest = min((record.deleted_s or 0 for record in table.bin.values()), default=start_s)
        return answer(
            {
                "deletedRecords": gone,
                "earliestDateAvailable": render_seconds(max(earliest, self._api.org.now_s() - 30 * DAY_S)),
                "latestDateCovered": render_seconds(end_s),
            }
        )

    def _span(self, request: Request) -> tuple[Table, int, int]:
        """Start and end in whole minutes: "seconds are ignored" (REST API, getUpdated)."""
        table = self._api.table(request.params["object"])
        start, end = (times.parse_seconds(self._moment(request, name)) for name in ("start", "end"))
        now_s = self._api.org.now_s()
        if start is None or end is None or start >= end:
            raise RequestError("INVALID_REPLICATION_DATE", "startDate must be before endDate")
        if start < now_s - _REPLICATION_DAYS * DAY_S:
            raise RequestError("INVALID_REPLICATION_DATE", "startDate before org replication enabled date")
        if not table.sobject.flags["replicateable"]:
            raise RequestError("INVALID_TYPE_FOR_OPERATION", f"{table.sobject.name} is not replicateable")
        end = min(end, now_s)
        return table, start // _MINUTE_S * _MINUTE_S, max(end // _MINUTE_S * _MINUTE_S, start // _MINUTE_S * _MINUTE_S)

    def _moment(self, request: Request, name: str) -> str:
        # A `+` of an unencoded offset arrives as a space.
        return (request.query_one(name) or "").replace(" ", "+")


def _allowed(rights: ObjectRights, flags: dict[str, bool]) -> dict[str, bool]:
    """The flags of a describe that tell what this user may do."""
    return {
        "createable": flags["createable"] and rights.create,
        "updateable": flags["updateable"] and rights.edit,
    }


def _version(number: int) -> dict[str, str]:
    # v58 was Summer '23, and three releases a year followed.
    position = number - 58 + 1
    year = 23 + position // 3 + (1 if position % 3 == 2 else 0)
    season = _SEASONS[position % 3]
    return {"label": f"{season} '{year}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}

"""`/metrics` in Prometheus' text format, for whoever holds a token. What `status` tells, as numbers."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CollectorRegistry, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.responses import Response

from interlock import __version__
from interlock.app import connections, status
from interlock.app.connections import HALTED
from interlock.app.status import ConnectionStatus, Json
from interlock.web.access import Asked

_STATES = ("setting_up", "first_sync", "syncing", "idle", *HALTED)
# (name, key in the document of `status`, what it is)
_OF_OBJECTS = (
    ("linked_pairs", "linked", "Pairs that are linked."),
    ("due_records", "due", "Records that the next work takes."),
    ("waiting_records", "waiting", "Records that wait for a later try."),
    ("open_issues", "issues", "Issues that need a person."),
    ("open_conflicts", "conflicts", "Conflicts that were decided by rule and nobody has looked at."),
    ("lag_seconds", "lag_seconds", "How old the oldest difference between the two sides may be."),
)
_OF_SIDES = (
    ("api_calls_24h", "used_by_interlock_24h", "Calls that Interlock made in the last 24 hours."),
    ("api_calls_allocated", "allocated", "Calls that Interlock may make in 24 hours."),
    ("api_calls_limit", "limit", "Calls that the CRM allows in 24 hours."),
    ("api_calls_forecast_24h", "forecast_24h", "Calls expected in 24 hours, at the pace of the last hour."),
)


class _Snapshot(Collector):
    """What was read once, for one answer: nothing is kept between two."""

    def __init__(self, found: list[ConnectionStatus], worker: Json) -> None:
        self._found, self._worker = found, worker

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily("interlock_info", "Which version answers.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        yield GaugeMetricFamily("interlock_dispatcher_up", "Whether a dispatcher runs.", float(self._worker["running"]))
        yield self._states()
        for name, key, text in _OF_OBJECTS:
            yield self._gauge(name, key, text, "object", "objects")
        for name, key, text in _OF_SIDES:
            yield self._gauge(name, key, text, "side", "api")
        purposes = GaugeMetricFamily(
            "interlock_api_calls_by_purpose_24h",
            "The same calls by what they were for.",
            labels=["connection", "side", "purpose"],
        )
        for each in self._found:
            for side, numbers in each.document["api"].items():
                for purpose, calls in numbers["by_purpose"].items():
                    purposes.add_metric([_name(each), side, purpose], calls)
        yield purposes

    def _states(self) -> Metric:
        family = GaugeMetricFamily(
            "interlock_connection_state", "1 for the state that a connection is in.", labels=["connection", "state"]
        )
        for each in self._found:
            now = each.document["connection"]["state"]
            for state in _STATES:
                family.add_metric([_name(each), state], float(state == now))
        return family

    def _gauge(self, name: str, key: str, text: str, label: str, part: str) -> Metric:
        family = GaugeMetricFamily(f"interlock_{name}", text, labels=["connection", label])
        for each in self._found:
            for of, numbers in each.document[part].items():
                # What is not known has no number; 0 would be one.
                if numbers[key] is not None:
                    family.add_metric([_name(each), of], numbers[key])
        return family


def _name(found: ConnectionStatus) -> str:
    return str(found.document["connection"]["name"])


async def metrics(asked: Asked) -> Response:
    site = asked.site
    now_us = site.clock_us()
    found = await status.status(site.store, await connections.all_(site.store, None), now_us)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(found, await status.worker(site.store, now_us)))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

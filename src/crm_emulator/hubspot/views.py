"""How a record looks on the wire: which properties are returned, in which form, and with which history.

A view is compiled once per set of property names and reused for every record, since reads are most of all calls.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from crm_emulator.hubspot.computed import Compute
from crm_emulator.hubspot.portal import CALCULATED, Portal
from crm_emulator.hubspot.records import Record, Table, Version
from crm_emulator.hubspot.stamps import iso_ms

_CACHED_VIEWS_MAX = 512


class View:
    """Properties of one object type, in the order they are sent (by name, as recorded)."""

    __slots__ = ("_cleared", "_computed", "_names", "_url", "history")

    def __init__(self, portal: Portal, table: Table, names: Iterable[str], history: Iterable[str] = ()) -> None:
        known = table.schema.properties
        computed = portal.computed[table.kind.key]
        self.history = [name for name in history if name in known]
        wanted = {name for name in names if name in known}
        wanted.update(table.kind.always, self.history)
        self._names = sorted(wanted)
        self._computed: list[tuple[str, Compute]] = [(name, computed[name]) for name in self._names if name in computed]
        self._url = f"{portal.config.app_host}/contacts/{portal.config.account_id}/record/{table.kind.type_id}/"
        self._cleared = portal.config.cleared_reads_as

    def properties(self, record: Record) -> dict[str, str | None]:
        get = record.values.get
        found = {name: get(name) for name in self._names}
        for name, compute in self._computed:
            found[name] = compute(record)
        if self._cleared is None and record.history is not None:
            found = {name: value or None for name, value in found.items()}
        return found

    def render(self, record: Record) -> dict[str, Any]:
        found = self._envelope(record, self.properties(record))
        if self.history:
            found["propertiesWithHistory"] = self._histories(record)
        return found

    def _envelope(self, record: Record, properties: dict[str, str | None]) -> dict[str, Any]:
        found: dict[str, Any] = {
            "id": str(record.id),
            "properties": properties,
            "createdAt": iso_ms(record.created_ms),
            "updatedAt": iso_ms(record.updated_ms),
            "archived": record.archived_ms is not None,
        }
        if record.archived_ms is not None:
            found["archivedAt"] = iso_ms(record.archived_ms)
        found["url"] = f"{self._url}{record.id}"
        return found

    def _histories(self, record: Record) -> dict[str, list[dict[str, Any]]]:
        computed = dict(self._computed)
        found: dict[str, list[dict[str, Any]]] = {}
        for name in self.history:
            versions = record.versions(name)
            if not versions and name in computed:
                value = computed[name](record)
                versions = [] if value is None else [Version(value, record.updated_ms, CALCULATED)]
            if versions:
                found[name] = [_version(version) for version in versions]
        return found

    def written(self, record: Record, names: Container[str]) -> dict[str, Any]:
        """Answer to a create or update: what was written, what HubSpot computed, of that nothing empty (recorded)."""
        found = self.properties(record)
        return self._envelope(record, {name: value or "" for name, value in found.items() if value or name in names})


def _version(version: Version) -> dict[str, Any]:
    source = version.source
    found: dict[str, Any] = {
        "value": version.value,
        "timestamp": iso_ms(version.at_ms),
        "sourceType": source.type,
    }
    if source.id is not None:
        found["sourceId"] = source.id
    if source.label is not None:
        found["sourceLabel"] = source.label
    if source.user_id is not None:
        found["updatedByUserId"] = source.user_id
    return found


class Views:
    """Compiled views, kept until the definitions of their object type change."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._cache: dict[tuple[str, int, tuple[str, ...], tuple[str, ...]], View] = {}
        self._after_write: dict[tuple[str, int, tuple[str, ...]], View] = {}

    def get(self, table: Table, names: tuple[str, ...], history: tuple[str, ...] = ()) -> View:
        """`names` empty: the default properties of the object type."""
        key = (table.kind.key, table.schema.version, names, history)
        view = self._cache.get(key)
        if view is None:
            if len(self._cache) >= _CACHED_VIEWS_MAX:
                self._cache.clear()
            view = self._cache[key] = View(self._portal, table, names or table.kind.defaults, history)
        return view

    def after_write(self, table: Table, names: Iterable[str]) -> View:
        """Written properties, and the computed ones that a write's answer carries."""
        key = (table.kind.key, table.schema.version, tuple(names))
        view = self._after_write.get(key)
        if view is None:
            shown = _SHOWN_AFTER_WRITE.get(table.kind.key, ())
            if len(self._after_write) >= _CACHED_VIEWS_MAX:
                self._after_write.clear()
            view = self._after_write[key] = self.get(table, tuple(sorted({*names, *shown})))
        return view


_SHOWN_ALWAYS = ("hs_object_source", "hs_object_source_id", "hs_object_source_label")
_SHOWN_AFTER_WRITE: dict[str, tuple[str, ...]] = {
    "contacts": (
        *_SHOWN_ALWAYS,
        "associatedcompanyid",
        "hs_all_contact_vids",
        "hs_email_domain",
        "hs_full_name_or_email",
        "hs_is_contact",
        "hs_is_unworked",
        "hs_lastmodifieddate",
        "hs_pipeline",
        "lifecyclestage",
    ),
    "companies": (*_SHOWN_ALWAYS, "hs_pipeline", "hs_task_label", "lifecyclestage", "website"),
    "deals": (
        *_SHOWN_ALWAYS,
        "amount_in_home_currency",
        "days_to_close",
        "hs_closed_amount",
        "hs_deal_stage_probability",
        "hs_is_closed",
        "hs_is_closed_won",
        "hs_projected_amount",
        "pipeline",
    ),
}

"""Merging two records of one type, as a person or the API does it.

The primary's values win, empty ones are filled from the other, e-mails and domains are all kept, associations are
united, and the merged-away id leads to the survivor from then on. Deals always became a new record (HubSpot's changelog,
February 2021), contacts and companies since January 2025 (changelog, "Updated merge functionality for contacts and
companies"); which types do here, `Config.merge_keeps_primary_id` and `Config.merge_makes_new_of` decide.
"""

from __future__ import annotations

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.account import Actor
from crm_emulator.hubspot.associations import Associations
from crm_emulator.hubspot.kinds import COMPANIES
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.records import Record, Source, Table, Version

MERGES_MAX = 250  # per record (documented)
_MERGE = Source("MERGE_OBJECTS", None)
# object type -> what identifies its records, and where a survivor keeps what the other one had
_KEYS = {"contacts": ("email", "hs_additional_emails"), "companies": ("domain", "hs_additional_domains")}
_NOT_CARRIED = frozenset({"email", "hs_additional_emails", "hs_merged_object_ids", "associatedcompanyid"})


def merge(
    portal: Portal, associations: Associations, table: Table, primary: Record, other: Record, actor: Actor
) -> Record:
    """Returns the surviving record. Raises ApiError."""
    if not table.kind.mergeable:
        raise errors.invalid(f"Records of type {table.kind.singular} cannot be merged")
    if table.kind is COMPANIES and not portal.config.companies_can_be_merged:
        raise errors.invalid("Companies cannot be merged while the Salesforce integration is on")  # unverified wording
    if primary is other:
        raise errors.invalid("A record cannot be merged with itself")
    merged_ids = [*_ids(primary), str(other.id), *_ids(other)]
    if len(merged_ids) > MERGES_MAX:
        raise errors.invalid(f"A record can take part in at most {MERGES_MAX} merges")
    histories = _histories(primary, other) if portal.config.merge_unites_histories else None
    values = _united(table, primary, other)
    values["hs_merged_object_ids"] = ";".join(merged_ids)
    created_ms = min(primary.created_ms, other.created_ms)
    survivor = primary
    gone = [other]
    if makes_new(portal, table):
        values["hs_merged_object_ids"] = ";".join([str(primary.id), *merged_ids])
        gone = [primary, other]
        portal.forget(table, primary)
    portal.forget(table, other)
    if len(gone) > 1:
        kept = {name: value for name, value in primary.values.items() if value}
        survivor = portal.create(table, {**kept, **values}, actor)
    for record in gone:
        table.merged[record.id] = survivor.id
        table.merged_ms[record.id] = portal.now_ms()
        portal.note(actor, record, "merge", None, str(survivor.id))
    survivor.created_ms = created_ms
    portal.write(table, survivor, values, actor, source=_MERGE)
    if histories is not None:
        _unite_histories(survivor, histories, portal.now_ms(), portal.config.history_versions_max)
    for record in gone:
        associations.move(record, survivor)
    return survivor


def makes_new(portal: Portal, table: Table) -> bool:
    config = portal.config
    return not config.merge_keeps_primary_id or table.kind.key in config.merge_makes_new_of


def _histories(primary: Record, other: Record) -> dict[str, tuple[list[Version], list[Version]]]:
    """Of every property that either record ever had a value of, oldest first."""
    names = {*primary.values, *other.values, *(primary.history or ()), *(other.history or ())}
    return {name: (primary.versions(name)[::-1], other.versions(name)[::-1]) for name in sorted(names)}


def _unite_histories(
    survivor: Record, histories: dict[str, tuple[list[Version], list[Version]]], at_ms: int, most: int
) -> None:
    """Documented: "property values from both objects will still be merged onto the new object", the primary's being the current
    one. That the merge itself then shows as the newest version where both had one is unverified."""
    history = survivor.history = survivor.history or {}
    for name, (own, taken) in histories.items():
        value = survivor.values.get(name) or ""
        versions = sorted([*own, *taken], key=lambda version: version.at_ms)
        if not versions:
            continue
        if versions[-1].value != value or (own and taken):
            versions.append(Version(value, at_ms, _MERGE))
        history[name] = versions[-most:]


def _united(table: Table, primary: Record, other: Record) -> dict[str, str]:
    values = {
        name: value
        for name, value in other.values.items()
        if value and name not in _NOT_CARRIED and not primary.values.get(name) and not _kept_by_hubspot(table, name)
    }
    definition = table.schema.properties.get("lifecyclestage")
    if definition is not None:
        order = [str(option["value"]) for option in definition.options]
        stages = [stage for record in (primary, other) if (stage := record.values.get("lifecyclestage")) in order]
        if stages:
            values["lifecyclestage"] = max(stages, key=order.index)
    if table.kind.key in _KEYS:
        first, additional = _KEYS[table.kind.key]
        held = dict.fromkeys([*_keys(primary, first, additional), *_keys(other, first, additional)])
        if held:
            values[first], *more = held
            values[additional] = ";".join(more)
    return values


def _kept_by_hubspot(table: Table, name: str) -> bool:
    return table.schema.properties[name].read_only_value if name in table.schema.properties else True


def _keys(record: Record, first: str, additional: str) -> list[str]:
    found = [record.values.get(first) or "", *(record.values.get(additional) or "").split(";")]
    return [key for key in found if key]


def _ids(record: Record) -> list[str]:
    return [id for id in (record.values.get("hs_merged_object_ids") or "").split(";") if id]

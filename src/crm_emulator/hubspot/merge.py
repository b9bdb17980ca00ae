"""Merging two records of one type, as a person or the API does it.

The primary's values win, empty ones are filled from the other, e-mails and domains are all kept, associations are
united, and the merged-away id leads to the survivor from then on. Which id survives differs between accounts and types
(undocumented): `Config.merge_keeps_primary_id` decides.
"""

from __future__ import annotations

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.account import Actor
from crm_emulator.hubspot.associations import Associations
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.records import Record, Source, Table

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
    if primary is other:
        raise errors.invalid("A record cannot be merged with itself")
    merged_ids = [*_ids(primary), str(other.id), *_ids(other)]
    if len(merged_ids) > MERGES_MAX:
        raise errors.invalid(f"A record can take part in at most {MERGES_MAX} merges")
    values = _united(table, primary, other)
    values["hs_merged_object_ids"] = ";".join(merged_ids)
    created_ms = min(primary.created_ms, other.created_ms)
    survivor = primary
    associations_of = [other]
    if not portal.config.merge_keeps_primary_id:
        values["hs_merged_object_ids"] = ";".join([str(primary.id), *merged_ids])
        associations_of = [primary, other]
        portal.forget(table, primary)
    portal.forget(table, other)
    if not portal.config.merge_keeps_primary_id:
        kept = {name: value for name, value in primary.values.items() if value}
        survivor = portal.create(table, {**kept, **values}, actor)
        table.merged[primary.id] = survivor.id
        portal.note(actor, primary, "merge", None, str(survivor.id))
    table.merged[other.id] = survivor.id
    portal.note(actor, other, "merge", None, str(survivor.id))
    survivor.created_ms = created_ms
    portal.write(table, survivor, values, actor, source=_MERGE)
    for gone in associations_of:
        associations.move(gone, survivor)
    return survivor


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

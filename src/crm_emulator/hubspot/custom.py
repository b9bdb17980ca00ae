"""Custom object types: an account's own `2-123`, with the properties every object has and those that are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crm_emulator.hubspot.kinds import Kind
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.schema import Property, Schema

_FIRST_TYPE_ID = 3_604_285
# Recorded on two custom objects of 2022.
_BUILT_IN: tuple[tuple[str, str, str, str], ...] = (
    ("hs_object_id", "Record ID", "number", "number"),
    ("hs_createdate", "Object create date/time", "datetime", "date"),
    ("hs_lastmodifieddate", "Object last modified date/time", "datetime", "date"),
    ("hs_merged_object_ids", "Merged object IDs", "enumeration", "checkbox"),
    ("hs_created_by_user_id", "Created by user ID", "number", "number"),
    ("hs_updated_by_user_id", "Updated by user ID", "number", "number"),
    ("hs_unique_creation_key", "Unique creation key", "string", "text"),
    ("hs_all_accessible_team_ids", "All accessible team IDs", "enumeration", "checkbox"),
    ("hs_user_ids_of_all_owners", "User IDs of all owners", "enumeration", "checkbox"),
    ("hs_user_ids_of_all_notification_followers", "User IDs of all notification followers", "enumeration", "checkbox"),
    (
        "hs_user_ids_of_all_notification_unfollowers",
        "User IDs of all notification unfollowers",
        "enumeration",
        "checkbox",
    ),
    ("hs_object_source", "Record source", "string", "text"),
    ("hs_object_source_id", "Record source ID", "string", "text"),
    ("hs_object_source_label", "Record source label", "string", "text"),
)


def define_object(portal: Portal, name: str, properties: Sequence[Mapping[str, Any]], required: Sequence[str]) -> str:
    """Returns the new objectTypeId. `properties` are bodies as the properties API takes them, without groupName."""
    number = _FIRST_TYPE_ID + sum(key.startswith("2-") for key in (kind.type_id for kind in portal.kinds.all.values()))
    group = f"{name}_information"
    built_in: list[Property] = []
    for own_name, label, type, field_type in _BUILT_IN:
        made = Property(own_name, label, type, field_type, group)
        made.hubspot_defined = made.read_only_value = made.read_only_definition = True
        made.unique = own_name == "hs_unique_creation_key"
        built_in.append(made)
    schema = Schema(built_in)
    for body in properties:
        schema.create({"groupName": group, **body}, portal.now_ms(), None)
    names = tuple(str(body["name"]) for body in properties)
    kind = Kind(
        key=name,
        singular=name,
        type_id=f"2-{number}",
        searched=names[:1],
        columns=names[:4],
        required=tuple(required),
        first_id=860_247_701,
        full_name=f"p{portal.config.account_id}_{name}",
    )
    portal.add_kind(kind, schema)
    return kind.type_id

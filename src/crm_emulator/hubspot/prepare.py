"""Decides whether a write may happen, before anything is changed: from the properties a caller sends to clean values.

Reads the account, changes nothing. Every fault of one record is collected, so that the caller sees all of them at once,
as HubSpot's validation results do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_emulator.hubspot import errors, values
from crm_emulator.hubspot.account import Actor
from crm_emulator.hubspot.errors import PropertyFault
from crm_emulator.hubspot.kinds import COMPANIES, CONTACTS, DEALS
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.records import Record, Table
from crm_emulator.hubspot.schema import Property
from crm_emulator.hubspot.stamps import iso_ms

_STAGE_PROPERTY = {"deals": ("pipeline", "dealstage", "default"), "tickets": ("hs_pipeline", "hs_pipeline_stage", "0")}


def for_create(portal: Portal, table: Table, given: Mapping[str, Any], actor: Actor) -> dict[str, str]:
    """Clean values of a new record, defaults included. Raises ApiError."""
    cleaned = _clean(portal, table, given, None, actor)
    kind = table.kind
    missing = [name for name in kind.required if not cleaned.get(name)]
    if missing:
        raise errors.required_on_create(kind.upper, missing)
    if kind.required_one_of and not any(cleaned.get(name) for name in kind.required_one_of):
        raise errors.required_on_create(kind.upper, list(kind.required_one_of))
    _check_keys(table, cleaned, None)
    if kind is COMPANIES and cleaned.get("domain") and not cleaned.get("website"):
        cleaned["website"] = cleaned["domain"]  # recorded: website follows domain on create
    _close(portal, table, cleaned, None)
    if kind is DEALS and portal.currencies.others and not cleaned.get("deal_currency_code"):
        cleaned["deal_currency_code"] = portal.currencies.company  # documented: the default currency for new deals
    stage = portal.config.default_lifecycle_stage
    if stage and kind in (CONTACTS, COMPANIES) and not cleaned.get("lifecyclestage"):
        cleaned["lifecyclestage"] = stage
    return cleaned


def for_update(portal: Portal, table: Table, given: Mapping[str, Any], record: Record, actor: Actor) -> dict[str, str]:
    """Clean values to set on `record`. Raises ApiError."""
    cleaned = _clean(portal, table, given, record, actor)
    _check_keys(table, cleaned, record)
    if table.kind is CONTACTS and cleaned.get("email"):
        _take_from_additional(record, cleaned)
    _close(portal, table, cleaned, record)
    return cleaned


def _close(portal: Portal, table: Table, cleaned: dict[str, str], record: Record | None) -> None:
    """What a pipeline's autoCloseDateEnabled does: a deal that enters a closed stage gets the date of that."""
    if not portal.config.closing_sets_close_date or table.kind is not DEALS or "closedate" in cleaned:
        return
    if not cleaned.get("dealstage"):
        return
    held = {} if record is None else record.values
    pipelines = portal.pipelines[table.kind.key]
    before = pipelines.stage(held.get("pipeline"), held.get("dealstage"))
    after = pipelines.stage(cleaned.get("pipeline") or held.get("pipeline"), cleaned["dealstage"])
    if after is not None and after.is_closed and (before is None or not before.is_closed):
        cleaned["closedate"] = iso_ms(portal.now_ms())


def _clean(
    portal: Portal, table: Table, given: Mapping[str, Any], record: Record | None, actor: Actor
) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise errors.malformed_body("properties must be an object")
    faults: list[PropertyFault] = []
    cleaned: dict[str, str] = {}
    properties = table.schema.properties
    for name, value in given.items():
        if value is None and actor.is_api:
            continue  # reported with HubSpot's own client (hubspot-api-nodejs, issue 324): accepted and not cleared
        definition = properties.get(name)
        if definition is None:
            faults.append(PropertyFault(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
            continue
        if definition.read_only_value:
            message = f'"{name}" is a read only property; its value cannot be set.'
            faults.append(PropertyFault(name, "READ_ONLY_VALUE", message))
            continue
        try:
            text = values.clean(definition, value)
        except values.Invalid as refused:
            faults.append(refused.fault)
            continue
        if text[:1] == ";":
            text = _appended(record, definition, text)
        refers = definition.referenced_object_type is not None
        fault = _against_account(portal, table, definition, text) if refers else None
        if fault is not None:
            faults.append(fault)
        elif not (actor.is_api and name == "lifecyclestage" and _goes_back(definition, record, text)):
            cleaned[name] = text
    if table.kind.key in _STAGE_PROPERTY:
        faults.extend(_check_stage(portal, table, cleaned, record))
    if faults:
        raise errors.invalid_properties(faults, portal.config.account_id)
    return cleaned


def _take_from_additional(record: Record, cleaned: dict[str, str]) -> None:
    """An additional address that becomes the primary one changes places with it (unverified; none gets lost)."""
    held = record.values.get("email")
    additional = [email for email in (record.values.get("hs_additional_emails") or "").split(";") if email]
    if cleaned["email"] in additional:
        kept = [held if email == cleaned["email"] else email for email in additional]
        cleaned["hs_additional_emails"] = ";".join(email for email in kept if email)


def _appended(record: Record | None, definition: Property, text: str) -> str:
    """`;A;B` adds to what a multi-select holds (documented)."""
    if not definition.multiple:
        return text
    held = (record.values.get(definition.name) or "").split(";") if record is not None else []
    return ";".join(dict.fromkeys(value for value in [*held, *text.split(";")] if value))


def _against_account(portal: Portal, table: Table, definition: Property, text: str) -> PropertyFault | None:
    if not text:
        return None
    if definition.referenced_object_type == "OWNER":
        owner = portal.account.owner(text)
        if owner is None or owner.archived:
            message = f"{text} is not a valid owner ID"  # unverified wording
            return PropertyFault(definition.name, "INVALID_OWNER_ID", message)
    if definition.name == "associatedcompanyid" and table.kind is CONTACTS:
        companies = portal.tables[COMPANIES.key]
        if not text.isdecimal() or companies.live(companies.survivor(int(text))) is None:
            message = f"Company {text} does not exist"  # unverified wording
            return PropertyFault(definition.name, "INVALID_COMPANY_ID", message)
    return None


def _goes_back(definition: Property, record: Record | None, text: str) -> bool:
    """Documented: the API moves lifecyclestage only forward; clear it first to go back. The write is ignored."""
    held = record.values.get(definition.name) if record is not None else None
    if not held or not text:
        return False
    order = [str(option["value"]) for option in definition.options]
    return held in order and text in order and order.index(text) < order.index(held)


def _check_stage(portal: Portal, table: Table, cleaned: dict[str, str], record: Record | None) -> list[PropertyFault]:
    """A stage must belong to the record's pipeline. A new deal gets the default pipeline, or its stage's one."""
    pipeline_name, stage_name, default = _STAGE_PROPERTY[table.kind.key]
    pipelines = portal.pipelines[table.kind.key]
    stage = cleaned.get(stage_name)
    pipeline = cleaned.get(pipeline_name)
    if pipeline and pipeline not in pipelines.all:
        allowed = ", ".join(pipelines.all)
        message = f"{pipeline} was not one of the allowed options: [{allowed}]"
        return [PropertyFault(pipeline_name, "INVALID_OPTION", message)]
    if not pipeline and record is not None:
        pipeline = record.values.get(pipeline_name)
    if not pipeline:
        owner = pipelines.pipeline_of_stage(stage) if stage else None
        pipeline = owner.id if owner is not None else default
        if record is None and pipeline in pipelines.all:
            cleaned[pipeline_name] = pipeline
    if stage and (pipeline not in pipelines.all or pipelines.all[pipeline].stage(stage) is None):
        owner = pipelines.pipeline_of_stage(stage)
        if owner is None or pipeline_name in cleaned:
            known = pipelines.all.get(pipeline)
            allowed = ", ".join(found.id for found in known.stages) if known is not None else ""
            message = f"{stage} was not one of the allowed options: [{allowed}]"
            return [PropertyFault(stage_name, "INVALID_OPTION", message)]
        cleaned[pipeline_name] = owner.id
    return []


def _check_keys(table: Table, cleaned: Mapping[str, str], record: Record | None) -> None:
    """E-mail and unique properties must not be held by another live record."""
    own_id = None if record is None else record.id
    for name in table.unique:
        value = cleaned.get(name)
        holder = table.owner_of(name, value) if value else None
        if value is None or holder is None or holder == own_id:
            continue
        if name == "email" and table.kind is CONTACTS:
            raise errors.duplicate_email(holder)
        raise errors.duplicate_value(name, value, holder)

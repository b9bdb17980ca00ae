"""Letting the sync user see and write the fields that are mapped: added to the permission set, nothing is taken back.

Row by row (FieldPermissions), not as a deployment: that replaces the set by its file, so of two connections of one org each
would take back what the other one added at the same time, and what an administrator added besides would have to be named.

`choose` is pure: which fields may be named, and which may not and why. Salesforce refuses a permission set that names a
field whose access cannot be set (describe, `permissionable`): required fields, which everybody sees who sees the record,
and fields that it fills in itself. A field that the user cannot see is not in the describe; that it is hidden shows that
its access can be set. Access to an address is one right, of the whole: Salesforce refuses its parts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from interlock.app.errors import AppError
from interlock.app.package import deploy, parts, plan
from interlock.app.package.kept import Keeping
from interlock.app.package.parts import Address, Grant
from interlock.core.model import Refused, SyncRule
from interlock.crm.errors import CallRefused
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import FieldDef
from interlock.objects.spec import ObjectSpec
from interlock.store import Store, mappings

Reason = Literal["required", "system", "of_another_record", "unknown"]
# What Salesforce answers who may not change permission sets.
_NO_ACCESS = frozenset(
    {"INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"}
)
_SENTENCES: dict[Reason, str] = {
    "required": "it is required: who may see the record sees it",
    "system": "Salesforce sets who may see it, or fills it in itself",
    "of_another_record": "it is a field of the record that this one points to",
    "unknown": "the org has no such field",
}


# Parts of an address, as Salesforce names them: MailingCity of MailingAddress, City of Address; Site__City__s of Site__c
# (object reference, address compound fields).
_PARTS = "Street|City|State|StateCode|PostalCode|Country|CountryCode|Latitude|Longitude|GeocodeAccuracy"
_ADDRESS_PART = re.compile(rf"(?P<address>\w*?)(?:{_PARTS})")
_CUSTOM_PART = re.compile(rf"__(?:{_PARTS})__s\Z")


class MappedField(msgspec.Struct, frozen=True):
    sobject: str
    field: str
    written: bool  # whether its mapping ever writes it


class LeftOut(msgspec.Struct, frozen=True):
    field: str  # Object.Field
    reason: Reason

    @property
    def why(self) -> str:
        return _SENTENCES[self.reason]


class Chosen(msgspec.Struct, frozen=True):
    grants: tuple[Grant, ...]
    left_out: tuple[LeftOut, ...]


class Permitted(msgspec.Struct, frozen=True):
    """`added`: grants that were not there before."""

    added: tuple[Grant, ...]
    left_out: tuple[LeftOut, ...]


class NotGranted(AppError):
    """Salesforce refused some of the fields. The others are granted."""

    code = "fields_not_granted"

    def __init__(self, refused: Mapping[str, Refused]) -> None:
        names = ", ".join(refused)
        why = next(iter(refused.values()))
        barred = why.code in _NO_ACCESS
        super().__init__(
            f"Salesforce did not let the permission set Interlock Integration grant {names}: {why.message.rstrip('.')}.",
            fix=(
                "It takes Manage Profiles and Permission Sets. Let an administrator of the org sign in for this, or add the fields"
                " in Setup, Permission Sets, Interlock Integration."
                if barred
                else "Add the fields to the permission set in Setup, Permission Sets, or map others."
            ),
            side="salesforce",
            field=next(iter(refused)),
            cause=why.message,
        )


def choose(fields: Iterable[MappedField], seen: Mapping[str, Sequence[FieldDef]], hidden: frozenset[str]) -> Chosen:
    """`seen`: describes by object. `hidden`: `Object.Field` of fields that are there and not in the describes."""
    grants: dict[str, bool] = {}
    left_out: dict[str, LeftOut] = {}
    for mapped in fields:
        full_name = f"{mapped.sobject}.{mapped.field}"
        described = next((each for each in seen.get(mapped.sobject, ()) if each.name == mapped.field), None)
        whole = _whole(mapped, described, hidden)
        reason = _reason(mapped.field, described, whole in hidden)
        if reason is not None:
            left_out[full_name] = LeftOut(full_name, reason)
            continue
        writable = described is None or described.updateable or described.createable
        grants[whole] = grants.get(whole, False) or (mapped.written and not _calculated(described) and writable)
    return Chosen(tuple(sorted(grants.items())), tuple(left_out.values()))


def _whole(mapped: MappedField, described: FieldDef | None, hidden: frozenset[str]) -> str:
    """`Object.Field` of what access is granted to. Of an address that is hidden no describe tells the parts, and the list of
    what is hidden names the whole alone."""
    if described is not None:
        return f"{mapped.sobject}.{described.part_of or mapped.field}"
    part = _ADDRESS_PART.fullmatch(mapped.field)
    for name in (mapped.field, f"{part['address']}Address" if part else "", _CUSTOM_PART.sub("__c", mapped.field)):
        if f"{mapped.sobject}.{name}" in hidden:
            return f"{mapped.sobject}.{name}"
    return f"{mapped.sobject}.{mapped.field}"


def _reason(name: str, described: FieldDef | None, hidden: bool) -> Reason | None:
    if "." in name:
        return "of_another_record"
    if described is None:
        return None if hidden else "unknown"
    if described.permissionable:
        return None
    return "required" if described.required else "system"


def _calculated(described: FieldDef | None) -> bool:
    return described is not None and described.calculated


async def mapped_fields(store: Store, connection_id: int) -> list[MappedField]:
    """Of the mappings as they are saved. What is not synced needs no access."""
    async with store.read(connection_id) as tx:
        types = {each.id: each.salesforce_type for each in await mappings.object_mappings(tx)}
        rows = await mappings.field_mappings(tx)
    return [
        MappedField(types[row.object_mapping_id], row.field, row.rule != SyncRule.ALWAYS_SALESFORCE)
        for row in rows
        if row.rule != SyncRule.DONT_SYNC
    ]


def shipped(spec: ObjectSpec, type_: str, there: Collection[str]) -> list[MappedField]:
    """Of the mappings that an object gets which was never mapped. `there`: fields that the sync user sees."""
    found = ((each.fields.get(type_), each.rule) for each in spec.mappings)
    return [
        MappedField(type_, field, rule != SyncRule.ALWAYS_SALESFORCE)
        for field, rule in found
        if field is not None and field in there and rule != SyncRule.DONT_SYNC
    ]


async def permit(
    salesforce: SalesforceClient,
    keeper: Keeping,
    user_id: str,
    fields: Sequence[MappedField],
    progress: deploy.Progress,
) -> Permitted:
    """Raises AppError (package_missing) before the package is there, NotGranted, CrmError."""
    # One of ours that still runs would put the set back to what it granted when that began.
    async with keeper.alone((await salesforce.identity()).org_id):
        await deploy.resume(salesforce, keeper, progress)
        lacking, set_id = await _wanted(salesforce, user_id, fields)
        if lacking.added:
            refused = await salesforce.grant_fields(set_id, dict(lacking.added))
            if refused:
                raise NotGranted(refused)
        return lacking


async def wanted(salesforce: SalesforceClient, user_id: str, fields: Sequence[MappedField]) -> Permitted:
    """What `permit` would add, to be shown before. Raises AppError (package_missing), CrmError."""
    return (await _wanted(salesforce, user_id, fields))[0]


async def _wanted(salesforce: SalesforceClient, user_id: str, fields: Sequence[MappedField]) -> tuple[Permitted, str]:
    """And the id of the permission set."""
    found = await plan.look(salesforce, user_id, Address(None))
    if found.state != "current" or found.permission_set_id is None:
        raise AppError(
            f"The org holds the package as {found.state!r}, so the mapped fields cannot be granted.",
            code="package_missing",
            fix="Run `interlock package install` first.",
            side="salesforce",
        )
    chosen = await choose_in(salesforce, fields)
    before = dict(found.further)
    own = set(parts.key_fields())
    added = tuple(
        (field, editable)
        for field, editable in chosen.grants
        if field not in own and (field not in before or (editable and not before[field]))
    )
    return Permitted(added, chosen.left_out), found.permission_set_id


async def may_grant(salesforce: SalesforceClient, user_id: str) -> bool:
    """Whether the user may extend permission sets, by profile or by a permission set. False also where it cannot be asked: who
    may not look at permissions may not change them. Raises CrmError."""
    user, right = soql.quote(user_id), "PermissionsManageProfilesPermissionsets"
    queries = [
        f"SELECT Id FROM User WHERE Id = {user} AND Profile.{right} = true",
        f"SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = {user} AND PermissionSet.{right} = true",
    ]
    try:
        return any(found.records for found in await salesforce.query_many(queries, purpose="setup"))
    except CallRefused:
        return False


async def choose_in(salesforce: SalesforceClient, fields: Sequence[MappedField]) -> Chosen:
    """What an org would be asked for, to be shown before it is. Raises CrmError."""
    sobjects = dict.fromkeys(each.sobject for each in fields)
    seen = {sobject: await salesforce.describe(sobject) for sobject in sobjects}
    hidden: set[str] = set()
    for sobject in sobjects:
        names = {each.name for each in seen[sobject]}
        if all(each.field in names for each in fields if each.sobject == sobject):
            continue
        rows = await salesforce.tooling_rows(
            f"SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = {soql.quote(sobject)}"
        )
        hidden |= {f"{sobject}.{row['QualifiedApiName']}" for row in rows if row["QualifiedApiName"] not in names}
    return choose(fields, seen, frozenset(hidden))

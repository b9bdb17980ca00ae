"""Salesforce fields that no HubSpot property holds yet, and the properties that would. Pure, but for asking what is classified.

As the native integration does, every field that the sync user sees is offered: under the lower-cased API name, in the group
*Salesforce Information*, a picklist with its values (reference: HubSpot's "Salesforce Information" properties). One property
serves Lead and Contact where both name the field alike. Left out are ids, references, what Salesforce keeps about itself, and
what has no type in HubSpot. Fields that are encrypted or classified as confidential are offered too, and start at *Don't
sync*: whoever protected them decides.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence

import msgspec

from interlock.app.compile import Compiler
from interlock.app.key_fields import GROUP
from interlock.app.schemas import Schemas
from interlock.core.model import SyncRule
from interlock.crm.hubspot.model import NewProperty, Option, PropertyDef
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import FieldDef
from interlock.objects.registry import SPECS

# Data Sensitivity Level of a field, as Salesforce ships the list; Public and Internal say that nothing has to be kept back.
_SENSITIVE = frozenset({"Confidential", "Restricted", "MissionCritical"})
# Describe type -> HubSpot type and field type.
_TYPES = {
    "string": ("string", "text"),
    "email": ("string", "text"),
    "phone": ("string", "text"),
    "url": ("string", "text"),
    "combobox": ("string", "text"),
    "encryptedstring": ("string", "text"),
    "textarea": ("string", "textarea"),
    "picklist": ("enumeration", "select"),
    "multipicklist": ("enumeration", "checkbox"),
    "boolean": ("bool", "booleancheckbox"),
    "double": ("number", "number"),
    "int": ("number", "number"),
    "currency": ("number", "number"),
    "percent": ("number", "number"),
    "date": ("date", "date"),
    "datetime": ("datetime", "date"),
}
_FLAG_OPTIONS = (Option("true", "Yes"), Option("false", "No"))

Classified = Mapping[str, str]  # Object.Field -> the level, of fields that are to be kept back


class Offer(msgspec.Struct, frozen=True):
    """One property and the fields that it would hold. `new` None: HubSpot has it already. `sensitive`: why it starts at
    Don't sync."""

    object: str
    property: str
    label: str
    fields: dict[str, str]  # Salesforce type -> field
    new: NewProperty | None
    sensitive: str | None = None

    @builtins.property
    def rule(self) -> SyncRule:
        return SyncRule.DONT_SYNC if self.sensitive else SyncRule.PREFER_SALESFORCE


async def classified(salesforce: SalesforceClient, types: Sequence[str]) -> dict[str, str]:
    """FieldDefinition.SecurityClassification (Tooling API), one call an object. Raises CrmError."""
    found: dict[str, str] = {}
    for type_ in types:
        rows = await salesforce.tooling_rows(
            "SELECT QualifiedApiName, SecurityClassification FROM FieldDefinition"
            f" WHERE EntityDefinition.QualifiedApiName = {soql.quote(type_)}"
        )
        for row in rows:
            if row["SecurityClassification"] in _SENSITIVE:
                found[f"{type_}.{row['QualifiedApiName']}"] = str(row["SecurityClassification"])
    return found


def offers(schemas: Schemas, slug: str, kept_back: Classified) -> list[Offer]:
    """In the order of the describes, Contact's before Lead's."""
    spec = SPECS[slug]
    mapped = {(type_, field) for each in spec.mappings for type_, field in each.fields.items()}
    mapped |= {(type_, each.field) for each in spec.references for type_ in spec.salesforce_types}
    mapped |= {(type_, spec.opt_out.field) for type_ in spec.salesforce_types if spec.opt_out is not None}
    taken = {each.property for each in spec.mappings}
    by_name: dict[str, dict[str, FieldDef]] = {}
    for type_ in spec.salesforce_types:
        for field in schemas.fields.get(type_, ()):
            if (type_, field.name) not in mapped and _offered(field) and field.name.lower() not in taken:
                by_name.setdefault(field.name.lower(), {})[type_] = field
    there = {each.name: each for each in schemas.properties.get(spec.hubspot_type, ())}
    new = {name: _new(name, list(fields.values())) for name, fields in by_name.items() if name not in there}
    # One for all of them: to know the schemas by name takes as long as all that is looked up in it.
    compiler = Compiler(with_properties(schemas, [(spec.hubspot_type, each) for each in new.values()]))
    found = [
        _offer(compiler, slug, name, fields, there.get(name) or new[name], kept_back)
        for name, fields in by_name.items()
    ]
    return [each for each in found if each is not None]


def _offered(field: FieldDef) -> bool:
    ours = field.name.startswith("Interlock_")
    # What nobody can edit and no formula works out is Salesforce's book-keeping: stamps, counts, flags such as IsConverted.
    kept_by_salesforce = not (field.custom or field.updateable or field.calculated)
    return field.type in _TYPES and not ours and not kept_by_salesforce


def _offer(
    compiler: Compiler,
    slug: str,
    name: str,
    fields: dict[str, FieldDef],
    holds: PropertyDef | NewProperty,
    kept_back: Classified,
) -> Offer | None:
    spec = SPECS[slug]
    first = next(iter(fields.values()))
    new = holds if isinstance(holds, NewProperty) else None
    # The same name may stand for another type in Lead than in Contact: what does not fit the property is left out.
    fitting = {
        type_: field.name
        for type_, field in fields.items()
        if compiler.check(spec, type_, name, field.name).status == "ok"
    }
    if not fitting or (new is not None and new.type == "enumeration" and not new.options):
        return None
    label = holds.label if new is None else first.label or first.name
    return Offer(slug, name, label, fitting, new, _sensitive(fields, fitting, kept_back))


def _sensitive(fields: dict[str, FieldDef], fitting: dict[str, str], kept_back: Classified) -> str | None:
    if any(fields[type_].encrypted for type_ in fitting):
        return "encrypted"
    # Of an address the whole is classified, not its parts.
    named = (f"{type_}.{fields[type_].part_of or name}" for type_, name in fitting.items())
    return next((level for each in named if (level := kept_back.get(each))), None)


def _new(name: str, fields: list[FieldDef]) -> NewProperty:
    type_, field_type = _TYPES[fields[0].type]
    options: dict[str, Option] = {}
    if type_ == "enumeration":
        for field in fields:
            for value, label in field.picklist_values:
                options.setdefault(value, Option(value, label))
    shown = tuple(options.values()) if type_ == "enumeration" else _FLAG_OPTIONS if type_ == "bool" else ()
    label = fields[0].label or fields[0].name
    return NewProperty(name, label, type_, field_type, GROUP, options=shown)


def with_properties(schemas: Schemas, new: Sequence[tuple[str, NewProperty]]) -> Schemas:
    """The schemas as they will be once these are made."""
    properties = {object_: list(listed) for object_, listed in schemas.properties.items()}
    known = {object_: {each.name for each in listed} for object_, listed in properties.items()}
    for object_, each in new:
        names = known.setdefault(object_, set())
        if each.name not in names:
            names.add(each.name)
            properties.setdefault(object_, []).append(_as_there(each))
    return msgspec.structs.replace(schemas, properties=properties)


def _as_there(new: NewProperty) -> PropertyDef:
    return PropertyDef(
        name=new.name,
        label=new.label,
        type=new.type,
        field_type=new.field_type,
        options=list(new.options),
        read_only=False,
        calculated=False,
        has_unique=new.has_unique,
        hidden=new.hidden,
        referenced_object=None,
        group=new.group,
    )

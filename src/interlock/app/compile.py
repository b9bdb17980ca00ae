"""From stored mapping rows and the CRMs' schemas to what a cycle runs on: codecs, writable sides, what to read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import msgspec

from interlock.app import compiled_pipelines
from interlock.app.schemas import Schemas
from interlock.core.codec import Codec, CurrencyCodec, FieldShape, Mismatch, RefCodec, codec_for
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import SyncRule
from interlock.crm.hubspot.model import PropertyDef
from interlock.crm.salesforce.model import FieldDef
from interlock.engine.context import (
    HUBSPOT_DELETED_PROPERTY,
    HUBSPOT_ID_PROPERTY,
    HUBSPOT_LINK_PROPERTY,
    SALESFORCE_CREATION_KEY,
    SALESFORCE_HUBSPOT_ID,
    ListLimits,
    ObjectRuntime,
    Reference,
)
from interlock.engine.limited_lists import RECORD_TYPE
from interlock.objects import native, pipelines
from interlock.objects.lead_or_contact import PersonRule
from interlock.objects.owners import OwnerDirectory, Person, match_owners
from interlock.objects.registry import SPECS
from interlock.objects.spec import DefaultMapping, ObjectSpec
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow

# Mapping ids of references live above every stored mapping's: they are made here, one per (Salesforce type, field), and stay.
REFERENCE_ID_BASE = 1_000_000_000
_REFERENCE_TYPES = {"Contact": 1, "Opportunity": 2}

# Where HubSpot shows the company of a record among its values. Deals do so in a read-only, calculated property.
_REFERENCE_PROPERTY = {("deals", "companies"): "hs_primary_associated_company"}


# In the settings of an object mapping: how Salesforce is written.
WRITES, RECORDED, EXACT = "writes", "recorded", "exact"


# In the definition of a field mapping: HubSpot option -> the Salesforce value that a person says it is.
VALUES = "values"
NOTHING_JOINED: Mapping[str, str] = MappingProxyType({})


def joined_values(row: FieldMappingRow) -> dict[str, str]:
    return {str(option): str(value) for option, value in row.definition.get(VALUES, {}).items()}


class MappingStatus(msgspec.Struct, frozen=True):
    """Whether a pair of fields can be synced, and if not, why, in a sentence for the mapping table."""

    codec: Codec | None
    status: str  # ok | warning | broken
    reason: str | None = None


class Compiler:
    """Compiles the mappings of one connection against one reading of the schemas."""

    def __init__(self, schemas: Schemas, chosen: pipelines.Chosen | None = None) -> None:
        """`chosen`: the pipelines that a person has chosen to sync."""
        self.schemas = schemas
        self._chosen = chosen or {}
        # Every mapping is looked up several times, and an object may have a thousand of them.
        self._properties = {of: {each.name: each for each in known} for of, known in schemas.properties.items()}
        self._fields = {of: {each.name: each for each in known} for of, known in schemas.fields.items()}

    @cached_property
    def owners(self) -> OwnerDirectory:
        """Worked out once, and only where an owner is mapped: there may be thousands of people."""
        return match_owners(
            [Person(owner.id, owner.email, not owner.archived) for owner in self.schemas.owners],
            [Person(user.id, user.email, user.is_active) for user in self.schemas.users],
        )

    def check(
        self, spec: ObjectSpec, type_: str, property_: str, field: str, joined: Mapping[str, str] = NOTHING_JOINED
    ) -> MappingStatus:
        """The codec of a pair, or what stands in its way. `joined`: HubSpot options that a person called a Salesforce value."""
        left = self._property(spec, property_)
        right = self._field(type_, field)
        if left is None:
            return MappingStatus(None, "broken", f"HubSpot has no property {property_} on {spec.plural}")
        if right is None:
            return MappingStatus(None, "broken", f"Salesforce has no field {type_}.{field} that the sync user may see")
        if spec.opt_out is not None and (property_ == spec.opt_out.property or field == spec.opt_out.field):
            reason = "An opt-out of e-mail is carried over without a mapping, and by none is it ever taken back"
            return MappingStatus(None, "broken", reason)
        default = next(
            (each for each in spec.mappings if each.property == property_ and each.fields.get(type_) == field), None
        )
        codec = self._codec(spec, type_, left, right, default, joined)
        if isinstance(codec, Mismatch):
            return MappingStatus(None, "broken", str(codec))
        return MappingStatus(codec, "ok")

    def _property(self, spec: ObjectSpec, name: str) -> PropertyDef | None:
        return self._properties.get(spec.hubspot_type, {}).get(name)

    def _field(self, type_: str, name: str) -> FieldDef | None:
        return self._fields.get(type_, {}).get(name)

    def _codec(
        self,
        spec: ObjectSpec,
        type_: str,
        left: PropertyDef,
        right: FieldDef,
        default: DefaultMapping | None,
        joined: Mapping[str, str],
    ) -> Codec | Mismatch:
        if default is not None and default.codec == "owner":
            return self.owners.codec()
        if default is not None and default.codec == "stage":
            return self._stages(right)
        if default is not None and default.codec == "currency" and self.schemas.currency and right.type == "picklist":
            options, picklist = (option.value for option in left.options), (value for value, _ in right.picklist_values)
            return CurrencyCodec(self.schemas.currency, tuple(options), tuple(picklist), right.restricted)
        return codec_for(
            FieldShape(
                hubspot_type=left.type,
                hubspot_field_type=left.field_type,
                hubspot_options=tuple(option.value for option in left.options),
                hubspot_reference=left.referenced_object,
                salesforce_type=right.type,
                length=right.length or None,
                precision=(right.digits if right.type == "int" else right.precision) or None,
                scale=right.scale,
                picklist=tuple(value for value, _ in right.picklist_values),
                joined=tuple(joined.items()),
                restricted=right.restricted,
                nillable=right.nillable,
                placeholder=spec.required_salesforce.get(type_, {}).get(right.name),
                time_zone=self.schemas.time_zone,
                default_pair=default is not None,
            )
        )

    def _stages(self, right: FieldDef) -> Codec | Mismatch:
        if not self.schemas.pipelines:
            return Mismatch("Field Format Mismatch", "HubSpot has no deal pipeline")
        return compiled_pipelines.stage_codec(self._pipelines(right))

    def _pipelines(self, stage_name: FieldDef | None) -> pipelines.Chosen:
        return compiled_pipelines.in_use(self._chosen, self.schemas, stage_name)

    def default_rows(self, spec: ObjectSpec, object_mapping_id: int, type_: str) -> list[FieldMappingRow]:
        """The Recommended configuration: every shipped pair that both schemas have."""
        rows = []
        for default in spec.mappings:
            field = default.fields.get(type_)
            if field is None or self.schemas.field_named(type_, field) is None:
                continue
            status = self.check(spec, type_, default.property, field)
            rows.append(
                FieldMappingRow(
                    object_mapping_id=object_mapping_id,
                    property=default.property,
                    field=field,
                    rule=default.rule.value,
                    kind=default.kind,
                    locked_reason=default.locked_reason,
                    status=status.status,
                    status_reason=status.reason,
                )
            )
        return rows

    def runtime(
        self,
        slug: str,
        object_rows: Sequence[ObjectMappingRow],
        field_rows: Sequence[FieldMappingRow],
        synced: Sequence[str],
        create_type: str | None,
        create_in_hubspot: bool,
        inclusion: str | None = None,
        native_ids: bool = False,
        filters: Mapping[str, str] = MappingProxyType({}),
        person_rules: Sequence[PersonRule] = (),
    ) -> ObjectRuntime:
        """One object ready to run. `synced`: the slugs that sync; a reference to another is left alone."""
        spec = SPECS[slug]
        references = self._references(spec, synced)
        mappings: dict[str, ObjectMapping] = {}
        left_out: dict[str, set[int]] = {}
        for row in object_rows:
            if row.object != slug or not row.enabled or row.id is None:
                continue
            fields = [each for each in field_rows if each.object_mapping_id == row.id]
            compiled = [mapping for each in fields if (mapping := self.field(spec, row.salesforce_type, each))]
            if unusable := _worked_once(fields) - {mapping.id for mapping in compiled}:
                left_out[row.salesforce_type] = unusable
            compiled += self._reference_fields(spec, row.salesforce_type, references)
            mappings[row.salesforce_type] = ObjectMapping(row.id, slug, row.salesforce_type, tuple(compiled))
        runtime = ObjectRuntime(
            spec=spec,
            mappings=mappings,
            create_type=create_type if create_type in mappings else None,
            create_in_hubspot=create_in_hubspot,
            hubspot_properties=self._hubspot_properties(
                spec,
                mappings,
                references,
                native.properties(spec) if native_ids else (),
                # Asked for also where the schema, which may be hours old, does not know them: a rule would wait for that.
                [each.property for each in person_rules if each.property],
            ),
            salesforce_fields={type_: self._salesforce_fields(spec, type_, mappings[type_]) for type_ in mappings},
            references=references,
            exact_types=frozenset(
                row.salesforce_type for row in object_rows if row.object == slug and row.settings.get(WRITES) == EXACT
            ),
            id_shown_types=frozenset(type_ for type_, each in mappings.items() if self._shows_id(type_, each)),
            shows_link=self._shows(spec, HUBSPOT_LINK_PROPERTY, "string", mappings),
            shows_deleted=self._shows(spec, HUBSPOT_DELETED_PROPERTY, "bool", mappings),
            left_out=frozenset().union(*left_out.values()),
            lacking=frozenset(left_out),
            inclusion=inclusion,
            person_rules=tuple(person_rules),
            filters={type_: filters[type_] for type_ in mappings if filters.get(type_)},
            native_ids=native_ids,
            formulas={type_: names for type_ in mappings if (names := self._formulas(type_, mappings[type_]))},
            list_limits={type_: limits for type_ in mappings if (limits := self._list_limits(type_, mappings[type_]))},
            set_objects=tuple(each.kind for each in spec.references if each.many and each.kind in synced),
        )
        if slug == "deals":
            in_use = self._pipelines(self._field("Opportunity", "StageName"))
            compiled_pipelines.add(
                runtime,
                in_use,
                self._property(spec, pipelines.PIPELINE),
                self._field("Opportunity", pipelines.RECORD_TYPE),
            )
        return runtime

    def _shows_id(self, type_: str, mapping: ObjectMapping) -> bool:
        """An org may lack the field, or not let the sync user write it; a mapped one is the mapping's."""
        field = self._field(type_, SALESFORCE_HUBSPOT_ID)
        mapped = any(each.field == SALESFORCE_HUBSPOT_ID for each in mapping.fields)
        return field is not None and field.createable and field.updateable and not mapped

    def _list_limits(self, type_: str, mapping: ObjectMapping) -> ListLimits | None:
        """None: no list of it is limited further, as far as anything is mapped that may be refused for it."""
        described = (self._field(type_, each.field) for each in mapping.fields if each.salesforce_updateable)
        lists = [each for each in described if each is not None and each.restricted]
        controllers = {each.name: each.controller for each in lists if each.controller is not None}
        of_record = self._field(type_, RECORD_TYPE)
        names = of_record.record_types if of_record is not None and lists else ()
        if not names and not controllers:
            return None
        default = next((each.name for each in names if each.default), None)
        return ListLimits({each.id: each.name for each in names}, default, controllers)

    def _formulas(self, type_: str, mapping: ObjectMapping) -> list[str]:
        """Formulas and roll-up summaries (sObject describe, `calculated`) that are carried over."""
        return [
            each.field
            for each in mapping.fields
            if each.effective_rule is not SyncRule.DONT_SYNC
            and (described := self._field(type_, each.field)) is not None
            and described.calculated
        ]

    def _shows(self, spec: ObjectSpec, name: str, type_: str, mappings: dict[str, ObjectMapping]) -> bool:
        """Whether a property that is for people to see can be written; a mapped one is the mapping's."""
        property_ = self._property(spec, name)
        mapped = any(each.property == name for all_ in mappings.values() for each in all_.fields)
        return property_ is not None and property_.type == type_ and not property_.read_only and not mapped

    def field(self, spec: ObjectSpec, type_: str, row: FieldMappingRow) -> FieldMapping | None:
        """None for a pair that cannot be synced: its row says why, and its values stay as they are."""
        status = self.check(spec, type_, row.property, row.field, joined_values(row))
        if status.codec is None or row.id is None:
            return None
        left = self._property(spec, row.property)
        right = self._field(type_, row.field)
        assert left is not None
        assert right is not None
        return FieldMapping(
            id=row.id,
            property=row.property,
            field=row.field,
            rule=SyncRule(row.rule),
            codec=status.codec,
            hubspot_writable=not left.read_only and not left.calculated,
            salesforce_createable=right.createable,
            salesforce_updateable=right.updateable,
        )

    def _references(self, spec: ObjectSpec, synced: Sequence[str]) -> list[Reference]:
        references = []
        for each in spec.references:
            property_ = each.property or _REFERENCE_PROPERTY.get((spec.slug, each.kind))
            known = property_ and self.schemas.property_named(spec.hubspot_type, property_)
            if each.many or each.kind not in synced or not property_ or not known:
                continue
            here: dict[str, str] = {}
            there: dict[str, str] = {}
            back: dict[str, str] = {}
            # The common name of a pair is its Salesforce id, so that side is its own inverse.
            codec = RefCodec(each.kind, here, there, back, there)
            references.append(Reference(each.kind, property_, each.field, codec, here, there, back))
        return references

    def _reference_fields(self, spec: ObjectSpec, type_: str, references: list[Reference]) -> list[FieldMapping]:
        with_field = {each.kind for each in spec.references if type_ in each.salesforce_types}
        return [
            FieldMapping(
                id=REFERENCE_ID_BASE + _REFERENCE_TYPES[type_],
                property=reference.property,
                field=reference.field,
                rule=SyncRule.TWO_WAY,
                codec=reference.codec,
            )
            for reference in references
            if reference.object in with_field and self.schemas.field_named(type_, reference.field)
        ]

    def _hubspot_properties(
        self,
        spec: ObjectSpec,
        mappings: dict[str, ObjectMapping],
        references: list[Reference],
        named_by_others: Sequence[str],
        in_any_case: Sequence[str] = (),
    ) -> list[str]:
        named = [field.property for mapping in mappings.values() for field in mapping.fields]
        named += [reference.property for reference in references]
        # Identity reads the object's own names, whatever a person mapped.
        named += [
            HUBSPOT_ID_PROPERTY,
            HUBSPOT_LINK_PROPERTY,
            HUBSPOT_DELETED_PROPERTY,
            *spec.extra_hubspot_properties,
            *_IDENTITY_PROPERTIES.get(spec.slug, ()),
        ]
        named += named_by_others
        if spec.opt_out is not None:
            named.append(spec.opt_out.property)
        known = {each.name for each in self.schemas.properties.get(spec.hubspot_type, ())}
        return list(dict.fromkeys([*(name for name in named if name in known), *in_any_case]))

    def _salesforce_fields(self, spec: ObjectSpec, type_: str, mapping: ObjectMapping) -> list[str]:
        named = [field.field for field in mapping.fields]
        named += [*spec.extra_salesforce_fields.get(type_, ()), SALESFORCE_CREATION_KEY, SALESFORCE_HUBSPOT_ID]
        named += _IDENTITY_FIELDS.get(type_, ())
        if (limits := self._list_limits(type_, mapping)) is not None and limits.record_types:
            named.append(RECORD_TYPE)
        if spec.opt_out is not None:
            named.append(spec.opt_out.field)
        known = {each.name for each in self.schemas.fields.get(type_, ())}
        return [name for name in dict.fromkeys(named) if name in known]


def _worked_once(rows: Sequence[FieldMappingRow]) -> set[int]:
    """A mapping that was broken when it was made never took part, and nobody waits for it."""
    return {
        row.id for row in rows if row.id is not None and row.status != "broken" and row.rule != SyncRule.DONT_SYNC.value
    }


_IDENTITY_PROPERTIES = {
    "contacts": ("email", "firstname", "lastname"),
    "companies": ("name", "domain", "website"),
    "deals": ("dealname", "dealstage", "closedate"),
}
_IDENTITY_FIELDS = {
    "Contact": ("Email", "FirstName", "LastName"),
    "Lead": ("Email", "FirstName", "LastName"),
    "Account": ("Name", "Website"),
    "Opportunity": ("Name",),
}

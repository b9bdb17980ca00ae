"""What a set-up would map, from both schemas and what was chosen: rows for the pages, a document for the store. Pure.

A row is one HubSpot property with the Salesforce fields that it serves: Lead and Contact share one. Shipped pairs come first, then
every field that no property holds yet (app/new_properties.py). Rules that a person set stand in `rules`, by `object/property`;
what is not in there is as the Recommended configuration has it.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Literal

import msgspec

from interlock.app import key_fields, value_maps
from interlock.app.compile import Compiler
from interlock.app.errors import BadInput
from interlock.app.mappings import Document, FieldEntry, TypeEntry
from interlock.app.migrate import Line, Pair, resolve
from interlock.app.new_properties import Classified, Offer, offers, with_properties
from interlock.app.schemas import Schemas
from interlock.core.model import SyncRule
from interlock.crm.hubspot.model import NewProperty
from interlock.engine.context import HUBSPOT_ID_PROPERTY
from interlock.objects.registry import SPECS
from interlock.objects.spec import EVERY_RULE, DefaultMapping, ObjectSpec

Missing = Literal["create", "leave_out"]


class Choices(msgspec.Struct, frozen=True):
    """`objects` that sync, `rules` by `object/property`, and what becomes of fields without a property. `imported`: the mapping
    list of the native integration, for the objects whose list was brought."""

    objects: tuple[str, ...] = ("companies", "contacts", "deals")
    rules: dict[str, str] = {}
    missing: Missing = "create"
    imported: dict[str, tuple[Line, ...]] = {}
    # HubSpot option -> Salesforce value that a person called the same, by `object/property`.
    joined: dict[str, dict[str, str]] = {}


class Row(msgspec.Struct, frozen=True):
    """`new`: the property has to be made. `why_not`: why the two cannot be joined, or why it starts at Don't sync."""

    object: str
    property: str
    label: str
    hubspot_type: str
    fields: dict[str, str]  # Salesforce type -> field
    salesforce_type: str  # of the field's values, as a describe names it
    rule: SyncRule
    allowed: tuple[SyncRule, ...]
    locked_reason: str | None
    kind: str  # default | custom
    new: NewProperty | None
    status: str  # ok | broken
    why_not: str | None
    # Option -> value of those that are called the same, by Salesforce type; None: nobody said, and what is there stays.
    values: dict[str, dict[str, str]] | None = None

    @builtins.property
    def key(self) -> str:
        return f"{self.object}/{self.property}"

    @builtins.property
    def makes(self) -> NewProperty | None:
        """Nothing is made for what does not sync; what a shipped pair needs is made anyway, as connecting does."""
        return self.new if self.kind == "default" or self.rule is not SyncRule.DONT_SYNC else None


def rows(schemas: Schemas, slug: str, kept_back: Classified, choices: Choices) -> list[Row]:
    spec = SPECS[slug]
    new = {
        each.name: each
        for each in key_fields.default_properties(schemas, spec)
        if schemas.property_named(spec.hubspot_type, each.name) is None
    }
    compiler = Compiler(with_properties(schemas, [(spec.hubspot_type, each) for each in new.values()]))
    found = [
        row
        for default in spec.mappings
        if (row := _shipped(compiler, spec, default, new.get(default.property), choices)) is not None
    ]
    found += [_offered(schemas, offer, choices) for offer in offers(schemas, slug, kept_back)]
    lines = choices.imported.get(slug)
    return found if lines is None else _as_imported(schemas, spec, found, resolve(schemas, slug, lines).pairs, choices)


def _as_imported(
    schemas: Schemas, spec: ObjectSpec, found: Sequence[Row], pairs: Sequence[Pair], choices: Choices
) -> list[Row]:
    """The list decides. A shipped pair that is not in it stays as shipped while nothing of the list takes its property or its
    fields; any other field that is not in it does not sync."""
    by_property = {pair.property: pair for pair in pairs}
    taken = {names for pair in pairs for names in pair.fields.items()}
    listed: list[Row] = []
    for row in found:
        pair = by_property.get(row.property)
        if pair is not None and pair.fields == row.fields:
            listed.append(_with_rule(row, pair.rule, choices))
            del by_property[row.property]
            continue
        fields = {} if pair is not None else {of: field for of, field in row.fields.items() if (of, field) not in taken}
        if fields and row.kind == "default":
            listed.append(msgspec.structs.replace(row, fields=fields))
        elif fields:
            rest = msgspec.structs.replace(row, fields=fields)
            listed.append(_with_rule(rest, SyncRule.DONT_SYNC, choices))
    return listed + [_brought(schemas, spec, pair, choices) for pair in by_property.values()]


def _with_rule(row: Row, rule: SyncRule, choices: Choices) -> Row:
    return msgspec.structs.replace(row, rule=_rule(choices, row.key, rule, row.allowed))


def _brought(schemas: Schemas, spec: ObjectSpec, pair: Pair, choices: Choices) -> Row:
    """A pair that neither ships nor would be offered."""
    type_, field = next(iter(pair.fields.items()))
    there, described = schemas.property_named(spec.hubspot_type, pair.property), schemas.field_named(type_, field)
    assert there is not None
    assert described is not None
    return Row(
        object=spec.slug,
        property=pair.property,
        label=there.label,
        hubspot_type=there.type,
        fields=pair.fields,
        salesforce_type=described.type,
        rule=_rule(choices, f"{spec.slug}/{pair.property}", pair.rule, EVERY_RULE),
        allowed=EVERY_RULE,
        locked_reason=None,
        kind="custom",
        new=None,
        status="ok",
        why_not=None,
    )


def _shipped(
    compiler: Compiler, spec: ObjectSpec, default: DefaultMapping, new: NewProperty | None, choices: Choices
) -> Row | None:
    schemas = compiler.schemas
    fields = {type_: field for type_, field in default.fields.items() if schemas.field_named(type_, field) is not None}
    if not fields:
        return None
    checked = {type_: compiler.check(spec, type_, default.property, field) for type_, field in fields.items()}
    # Where the pair fits one of Contact and Lead only, the row is of that one.
    fields = {type_: field for type_, field in fields.items() if checked[type_].status == "ok"} or fields
    type_, field = next(iter(fields.items()))
    there = schemas.property_named(spec.hubspot_type, default.property)
    described = schemas.field_named(type_, field)
    assert described is not None
    status = checked[type_]
    return Row(
        object=spec.slug,
        property=default.property,
        label=default.property if there is None else there.label,
        hubspot_type="" if there is None else there.type,
        fields=fields,
        salesforce_type=described.type,
        rule=_rule(choices, f"{spec.slug}/{default.property}", default.rule, default.allowed_rules),
        allowed=default.allowed_rules,
        locked_reason=default.locked_reason,
        kind="default",
        new=new,
        status=status.status,
        why_not=status.reason,
    )


def _offered(schemas: Schemas, offer: Offer, choices: Choices) -> Row:
    spec = SPECS[offer.object]
    type_, field = next(iter(offer.fields.items()))
    described = schemas.field_named(type_, field)
    there = schemas.property_named(spec.hubspot_type, offer.property)
    assert described is not None
    left_out = offer.new is not None and choices.missing == "leave_out"
    rule = SyncRule.DONT_SYNC if left_out else offer.rule
    return Row(
        object=offer.object,
        property=offer.property,
        label=offer.label,
        hubspot_type=offer.new.type if offer.new is not None else there.type if there is not None else "",
        fields=offer.fields,
        salesforce_type=described.type,
        rule=_rule(choices, f"{offer.object}/{offer.property}", rule, EVERY_RULE),
        allowed=EVERY_RULE,
        locked_reason=None,
        kind="custom",
        new=offer.new,
        status="ok",
        why_not=None if offer.sensitive is None else f"classified in Salesforce: {offer.sensitive}",
    )


def _rule(choices: Choices, key: str, default: SyncRule, allowed: Sequence[SyncRule]) -> SyncRule:
    chosen = choices.rules.get(key)
    # What a set-up kept may name a rule that a newer version does not allow any more: then the pair is as shipped.
    return SyncRule(chosen) if chosen in [each.value for each in allowed] else default


def check_rule(row: Row, rule: str) -> SyncRule:
    """Raises BadInput for a rule that there is not, or that the row is locked against."""
    if rule not in [each.value for each in SyncRule]:
        raise BadInput(
            f"{rule!r} is not a sync rule.", code="unknown_rule", field=row.key, fix="Choose one of the list."
        )
    if rule not in [each.value for each in row.allowed]:
        raise BadInput(
            f"{row.property} cannot have this rule: {row.locked_reason}.",
            code="rule_locked",
            field=row.key,
            fix="Choose one of the others.",
        )
    return SyncRule(rule)


class Draft(msgspec.Struct, frozen=True):
    """Every row of every object; `objects` are those that sync."""

    objects: tuple[str, ...]
    rows: dict[str, list[Row]]

    def new_properties(self, slugs: Sequence[str] | None = None) -> list[tuple[str, NewProperty]]:
        """(HubSpot object, property) that have to be made for what syncs."""
        return [
            (SPECS[slug].hubspot_type, row.makes)
            for slug in (self.objects if slugs is None else slugs)
            for row in self.rows.get(slug, ())
            if row.makes is not None
        ]

    def for_fields(self) -> int:
        """How many of them are for fields that no shipped pair has."""
        return sum(
            row.kind == "custom" and row.makes is not None for slug in self.objects for row in self.rows.get(slug, ())
        )

    def document(self) -> Document:
        """For `mappings.apply_in`: the whole truth about each type of what syncs."""
        return Document(
            version=1,
            objects={
                slug: {
                    type_: TypeEntry(fields=_entries(self.rows[slug], type_)) for type_ in SPECS[slug].salesforce_types
                }
                for slug in self.objects
            },
        )


def _entries(listed: Sequence[Row], type_: str) -> list[FieldEntry]:
    return [
        FieldEntry(
            property=row.property,
            field=row.fields[type_],
            rule=row.rule,
            values=None if row.values is None else row.values.get(type_, {}),
        )
        for row in listed
        if type_ in row.fields
        and row.status != "broken"
        and (row.kind == "default" or row.rule is not SyncRule.DONT_SYNC)
    ]


def draft(schemas: Schemas, kept_back: Classified, choices: Choices) -> Draft:
    slugs = [slug for slug in SPECS if SPECS[slug].hubspot_type in schemas.properties]
    listed = {
        slug: [_with_values(schemas, row, choices) for row in rows(schemas, slug, kept_back, choices)] for slug in slugs
    }
    return Draft(tuple(slug for slug in slugs if slug in choices.objects), listed)


def _with_values(schemas: Schemas, row: Row, choices: Choices) -> Row:
    """What is called the same, as far as both lists have it: the leads' may lack what the contacts' has. It may be what two lists
    that share nothing were lacking."""
    said = choices.joined.get(row.key)
    if said is None or row.new is not None:
        return row
    values = {
        type_: {
            option: value
            for option, value in said.items()
            if value_maps.wrong(schemas, row.object, type_, row.property, field, {option: value}) is None
        }
        for type_, field in row.fields.items()
    }
    row = msgspec.structs.replace(row, values=values)
    if row.status != "broken" or not any(values.values()):
        return row
    spec, compiler = SPECS[row.object], Compiler(schemas)
    again = [compiler.check(spec, type_, row.property, field, values[type_]) for type_, field in row.fields.items()]
    if any(each.status == "broken" for each in again):
        return row
    return msgspec.structs.replace(row, status="ok", why_not=None)


def to_make(schemas: Schemas, found: Draft) -> list[tuple[str, NewProperty]]:
    """(HubSpot object, property) of all that the finish makes. Interlock's own id property comes first: without it nothing could
    be linked, whatever else was made."""
    wanted = [*key_fields.missing(schemas, found.objects).properties, *found.new_properties()]
    new = {(object_, each.name): (object_, each) for object_, each in wanted}
    return sorted(new.values(), key=lambda each: each[1].name != HUBSPOT_ID_PROPERTY)


def schemas_to_be(schemas: Schemas, found: Draft) -> Schemas:
    """As they will be when the properties of this draft are made. Interlock's own id property is not among them: no record can
    hold anything in it yet, and who asks for records by it is refused."""
    return with_properties(schemas, found.new_properties())

"""What has changed in either CRM since the mappings of a set-up were made, and picklists whose values the other side lacks.

A set-up may take days, and people go on working: a field is deleted, a picklist gets a value. What each mapped pair looked like
when somebody last chose or confirmed it is kept with the set-up; before anything begins both schemas are read anew and compared
with that. Comparing is pure. Nothing is mended here: options are added where they are wanted, by whoever owns the list.

    choices saved      what the pairs look like now is remembered
    review shown       what has changed since is said
    Finish             both sides are read anew; a change that the page has not shown begins nothing
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from interlock.app.schemas import Schemas
from interlock.app.setup import connect, opened, properties
from interlock.app.setup.connecting import Found
from interlock.app.setup.draft import Draft, Row, schemas_to_be
from interlock.app.setup.opened import Opened
from interlock.core.codec import FieldShape, unmatched_options
from interlock.core.model import Side, SyncRule
from interlock.crm.hubspot.model import PropertyDef
from interlock.crm.salesforce.model import FieldDef
from interlock.objects.registry import SPECS
from interlock.store.setups import Setup

_WORK = "mapped"
_PICKLISTS = ("picklist", "multipicklist")

What = Literal["object_off", "object_on", "added", "gone", "type", "options"]


class Shape(msgspec.Struct, frozen=True):
    """A property or field as far as values depend on it. `options`: of a list, in any order."""

    type: str
    options: tuple[str, ...] = ()


class Pair(msgspec.Struct, frozen=True):
    """One row that syncs. `there`: HubSpot has the property; otherwise it is made at the finish, and `property` is as it will be.
    `fields` by `Object.Field`."""

    property: Shape | None
    there: bool
    fields: dict[str, Shape]


Pairs = Mapping[str, Pair]  # by row key, `object/property`


class Change(msgspec.Struct, frozen=True):
    """`side` and `name` of what changed; empty for a whole object. `before`, `after`: types, or options that went and came.
    `syncs`: whether the pair still does."""

    what: What
    object: str
    property: str = ""
    side: Side | None = None
    name: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    syncs: bool = True


class Unmatched(msgspec.Struct, frozen=True):
    """A pair of lists. Values that would be carried over, and that the other side has no option for."""

    object: str
    property: str
    field: str  # Object.Field
    lacking_in_hubspot: tuple[str, ...]
    lacking_in_salesforce: tuple[str, ...]


class _Kept(msgspec.Struct, frozen=True):
    """`of`: the choices that the pairs come from; other choices are other pairs, and no change in a CRM."""

    of: str
    objects: tuple[str, ...]
    pairs: dict[str, Pair]


def pairs_of(schemas: Schemas, draft: Draft) -> dict[str, Pair]:
    to_be = schemas_to_be(schemas, draft)
    found = {}
    for slug in draft.objects:
        for row in _synced(draft.rows[slug]):
            property_ = to_be.property_named(SPECS[slug].hubspot_type, row.property)
            fields = {
                f"{type_}.{name}": _of_field(described)
                for type_, name in row.fields.items()
                if (described := schemas.field_named(type_, name)) is not None
            }
            found[row.key] = Pair(None if property_ is None else _of_property(property_), row.new is None, fields)
    return found


def _synced(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.rule is not SyncRule.DONT_SYNC and row.status != "broken"]


def _of_property(found: PropertyDef) -> Shape:
    # What HubSpot works out when it is asked (owners, for one) is no list that a mapping rests on.
    listed = found.type == "enumeration" and not found.external_options
    return Shape(found.type, tuple(sorted(option.value for option in found.options)) if listed else ())


def _of_field(found: FieldDef) -> Shape:
    listed = found.type in _PICKLISTS
    return Shape(found.type, tuple(sorted(value for value, _ in found.picklist_values)) if listed else ())


def changes(before: Pairs, objects: Sequence[str], schemas: Schemas, draft: Draft) -> list[Change]:
    """From `before` and the `objects` that synced then to what is there now, in the order of the rows. Pure."""
    now = pairs_of(schemas, draft)
    found = [Change("object_off", slug) for slug in objects if slug not in draft.objects]
    found += [Change("object_on", slug) for slug in draft.objects if slug not in objects]
    both = [slug for slug in objects if slug in draft.objects]
    for key, pair in before.items():
        slug, _, name = key.partition("/")
        if slug in both:
            found += _changes_of(slug, name, pair, now.get(key), schemas)
    for key, pair in now.items():
        slug, _, name = key.partition("/")
        if slug in both:
            known = before[key].fields if key in before else {}
            found += [Change("added", slug, name, Side.SALESFORCE, each) for each in pair.fields if each not in known]
    return found


def _changes_of(slug: str, name: str, before: Pair, now: Pair | None, schemas: Schemas) -> list[Change]:
    found = []
    there = schemas.property_named(SPECS[slug].hubspot_type, name)
    if before.property is not None and there is not None:
        found += _compared(slug, name, Side.HUBSPOT, name, before.property, _of_property(there), now is not None)
    elif before.there and there is None:
        # It is made anew where its pair still syncs.
        found.append(Change("gone", slug, name, Side.HUBSPOT, name, syncs=now is not None))
    for full_name, shape in before.fields.items():
        type_, _, field = full_name.partition(".")
        described = schemas.field_named(type_, field)
        syncs = now is not None and full_name in now.fields
        if described is None:
            found.append(Change("gone", slug, name, Side.SALESFORCE, full_name, syncs=False))
        else:
            found += _compared(slug, name, Side.SALESFORCE, full_name, shape, _of_field(described), syncs)
    return found


def _compared(slug: str, property_: str, side: Side, name: str, before: Shape, now: Shape, syncs: bool) -> list[Change]:
    if before.type != now.type:
        return [Change("type", slug, property_, side, name, (before.type,), (now.type,), syncs)]
    went = tuple(each for each in before.options if each not in now.options)
    came = tuple(each for each in now.options if each not in before.options)
    return [Change("options", slug, property_, side, name, went, came, syncs)] if went or came else []


def unmatched(schemas: Schemas, draft: Draft) -> list[Unmatched]:
    """Lists of which one side has values that the other cannot take, in the direction that the rule goes. Pure. A property that is
    made takes over the values; deal stages are joined by their labels, and owners by their people."""
    found = []
    for slug in draft.objects:
        joined_otherwise = {each.property for each in SPECS[slug].mappings if each.codec != "shape"}
        for row in _synced(draft.rows[slug]):
            there = schemas.property_named(SPECS[slug].hubspot_type, row.property)
            if there is None or there.type != "enumeration" or row.property in joined_otherwise:
                continue
            for type_, name in row.fields.items():
                described = schemas.field_named(type_, name)
                if described is not None and described.type in _PICKLISTS:
                    lists = _lacking(there, described, row.rule, (row.values or {}).get(type_, {}))
                    if any(lists):
                        found.append(Unmatched(slug, row.property, f"{type_}.{name}", *lists))
    return found


def _lacking(
    there: PropertyDef, described: FieldDef, rule: SyncRule, joined: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Values that HubSpot lacks, and that Salesforce lacks. An unrestricted picklist takes any; an empty list tells nothing."""
    options = tuple(option.value for option in there.options)
    values = tuple(value for value, _ in described.picklist_values)
    if not options or not values or there.external_options:
        return (), ()
    only_here, only_there = unmatched_options(
        FieldShape(
            hubspot_type=there.type,
            hubspot_field_type=there.field_type,
            hubspot_options=options,
            salesforce_type=described.type,
            picklist=values,
            joined=tuple(joined.items()),
        )
    )
    into_hubspot = rule is not SyncRule.ALWAYS_HUBSPOT
    into_salesforce = rule is not SyncRule.ALWAYS_SALESFORCE and described.restricted
    return only_there if into_hubspot else (), only_here if into_salesforce else ()


# --- what is kept of it --------------------------------------------------------------------------------------------------


def _choices(setup: Setup) -> str:
    of = (connect.accounts_of(setup), properties.choices_of(setup))
    return hashlib.sha256(msgspec.json.encode(of)).hexdigest()


async def remember(interlock: Opened, setup: Setup, found: Found) -> None:
    """Somebody has chosen, or confirmed, by what is there now."""
    draft = properties.draft_of(setup, found)
    kept = _Kept(_choices(setup), draft.objects, pairs_of(found.schemas, draft))
    await opened.keep(interlock.store, setup.id, _WORK, kept)


async def since_made(interlock: Opened, setup: Setup, found: Found) -> list[Change]:
    """What has changed since the mappings were made; those that nobody has looked at yet are made now."""
    kept = await opened.load(interlock.store, setup.id, _WORK, _Kept)
    if kept is None or kept.of != _choices(setup):
        await remember(interlock, setup, found)
        return []
    return changes(kept.pairs, kept.objects, found.schemas, properties.draft_of(setup, found))

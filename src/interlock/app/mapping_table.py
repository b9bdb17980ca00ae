"""The mapping table of one object as a person sees it: one row serves every Salesforce type that maps the same two names.

Reads what is kept and calls no CRM. What may be changed of a row, and why not more, stands in the row; changing is
mapping_edits.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import msgspec

from interlock.app import mappings as use_case
from interlock.app.compile import Compiler
from interlock.app.errors import Missing
from interlock.app.schemas import Schemas
from interlock.core.model import SyncRule
from interlock.crm.hubspot.model import PropertyDef
from interlock.objects.registry import SPECS
from interlock.objects.spec import EVERY_RULE
from interlock.store import Store, mappings
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow
from interlock.store.tx import Tx

# The worst of its types is what a row shows.
_ORDER = ("ok", "warning", "broken")


class Named(msgspec.Struct, frozen=True):
    """A property or field: `label` and `type` as its CRM shows them, "" where it is not in the schemas."""

    name: str
    label: str
    type: str


class Row(msgspec.Struct):
    """`rules` by Salesforce type. `rule` None: the types have different ones."""

    left: Named
    right: Named
    rules: dict[str, str]
    kind: str
    locked_reason: str | None
    allowed: tuple[SyncRule, ...]
    status: str
    status_reason: str | None

    @property
    def pair(self) -> str:
        """Its name in addresses and forms."""
        return f"{self.left.name}:{self.right.name}"

    @property
    def rule(self) -> str | None:
        found = set(self.rules.values())
        return found.pop() if len(found) == 1 else None

    @property
    def types(self) -> list[str]:
        return list(self.rules)

    @property
    def removable(self) -> bool:
        return self.locked_reason is None

    def words(self) -> str:
        """What a search looks through, in small letters."""
        return " ".join((self.left.name, self.left.label, self.right.name, self.right.label, *self.rules)).lower()


class Table(msgspec.Struct, frozen=True):
    """`edition` is another after any change of the object's mappings: a form carries the one that it was filled in with."""

    rows: list[Row]
    edition: str
    types: tuple[str, ...]

    def row(self, pair: str) -> Row:
        """Raises Missing."""
        found = next((each for each in self.rows if each.pair == pair), None)
        if found is None:
            raise Missing(
                f"There is no mapping {pair}.",
                code="no_such_mapping",
                fix="Somebody may have removed it. Load the table again.",
            )
        return found

    def searched(self, text: str) -> list[Row]:
        words = text.lower().split()
        return [row for row in self.rows if all(word in row.words() for word in words)]


async def table(store: Store, connection_id: int, slug: str) -> Table:
    async with store.read(connection_id) as tx:
        types, fields = await rows_of(tx, slug)
        compiler = await use_case.kept_compiler(tx)
    names = _Names(compiler, slug)
    rows: dict[tuple[str, str], Row] = {}
    for field in fields:
        of = types[field.object_mapping_id]
        status = use_case.status_of(compiler, of, field)
        row = rows.get((field.property, field.field))
        if row is None:
            rows[field.property, field.field] = row = Row(
                names.property(field.property),
                names.field(of.salesforce_type, field.field),
                {},
                field.kind,
                field.locked_reason,
                allowed_rules(slug, of.salesforce_type, field.property, field.field),
                status.status,
                status.reason,
            )
        row.rules[of.salesforce_type] = field.rule
        if _ORDER.index(status.status) > _ORDER.index(row.status):
            row.status, row.status_reason = status.status, status.reason
    return Table(
        list(rows.values()), edition_of(types.values(), fields), tuple(t.salesforce_type for t in types.values())
    )


async def rows_of(tx: Tx, slug: str) -> tuple[dict[int, ObjectMappingRow], list[FieldMappingRow]]:
    """Of one object: its types by id, and their fields."""
    types = {row.id: row for row in await mappings.object_mappings(tx) if row.object == slug and row.id is not None}
    fields = [row for row in await mappings.field_mappings(tx) if row.object_mapping_id in types]
    return types, fields


def edition_of(types: Collection[ObjectMappingRow], fields: Sequence[FieldMappingRow]) -> str:
    rows = sorted((row.object_mapping_id, row.property, row.field, row.rule) for row in fields)
    heads = sorted((row.salesforce_type, row.enabled, sorted(row.settings.items())) for row in types)
    return hashlib.sha256(msgspec.json.encode([heads, rows])).hexdigest()[:16]


def allowed_rules(slug: str, type_: str, property_: str, field: str) -> tuple[SyncRule, ...]:
    shipped = use_case.shipped_pair(SPECS[slug], type_, property_, field)
    return EVERY_RULE if shipped is None else shipped.allowed_rules


class _Names:
    """Labels and types from the schemas; looked up a thousand times for one page."""

    def __init__(self, compiler: Compiler | None, slug: str) -> None:
        schemas = compiler.schemas if compiler is not None else None
        self._left = {p.name: Named(p.name, p.label, p.type) for p in _properties(schemas, slug)}
        self._right = {
            (type_, f.name): Named(f.name, f.label, f.type)
            for type_ in SPECS[slug].salesforce_types
            for f in (schemas.fields.get(type_, ()) if schemas is not None else ())
        }

    def property(self, name: str) -> Named:
        return self._left.get(name) or Named(name, "", "")

    def field(self, type_: str, name: str) -> Named:
        return self._right.get((type_, name)) or Named(name, "", "")


def _properties(schemas: Schemas | None, slug: str) -> Sequence[PropertyDef]:
    return schemas.properties.get(SPECS[slug].hubspot_type, ()) if schemas is not None else ()


# --- what may be added ------------------------------------------------------------------------------------------------


class Target(msgspec.Struct):
    """A Salesforce field that a property may be mapped to, on these types."""

    field: Named
    types: list[str]


async def properties(store: Store, connection_id: int, slug: str) -> list[Named]:
    """HubSpot properties that are not mapped on every type yet, by label."""
    async with store.read(connection_id) as tx:
        types, fields = await rows_of(tx, slug)
        compiler = await use_case.kept_compiler(tx)
    mapped = {name for name in {row.property for row in fields} if _on_all(name, types, fields)}
    found = [
        Named(each.name, each.label, each.type)
        for each in _properties(compiler.schemas if compiler else None, slug)
        if each.name not in mapped and not each.hidden
    ]
    return sorted(found, key=lambda each: (each.label.lower(), each.name))


def _on_all(name: str, types: dict[int, ObjectMappingRow], fields: list[FieldMappingRow]) -> bool:
    return {row.object_mapping_id for row in fields if row.property == name} == set(types)


async def targets(store: Store, connection_id: int, slug: str, property_: str) -> list[Target]:
    """Fields that the table of allowed pairs (core/codec) lets this property be joined with, and that are not mapped."""
    async with store.read(connection_id) as tx:
        types, fields = await rows_of(tx, slug)
        compiler = await use_case.kept_compiler(tx)
    if compiler is None:
        return []
    found: dict[str, Target] = {}
    for id_, of in types.items():
        mine = [row for row in fields if row.object_mapping_id == id_]
        taken = {row.field for row in mine}
        if property_ in {row.property for row in mine}:
            continue
        for each in compiler.schemas.fields.get(of.salesforce_type, ()):
            if (
                each.name in taken
                or compiler.check(SPECS[slug], of.salesforce_type, property_, each.name).codec is None
            ):
                continue
            target = found.setdefault(each.name, Target(Named(each.name, each.label, each.type), []))
            target.types.append(of.salesforce_type)
    return sorted(found.values(), key=lambda each: (each.field.label.lower(), each.field.name))

"""Mappings as a person manages them: list with a status, export as a document, compare, apply. Calls no CRM itself.

A document names objects, Salesforce types and their field pairs. What it does not name at all is left alone; inside a type
that it names it is the whole truth. A pair keeps its row, and with it its id and base, for as long as both names stay: a
changed rule never makes a field look new. A pair that is removed and added again is a new row, since ids are never reused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from interlock.app import mapping_drift, options, value_maps
from interlock.app.compile import RECORDED, VALUES, WRITES, Compiler, MappingStatus, joined_values
from interlock.app.errors import BadInput, Stale
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas
from interlock.app.words import RULES
from interlock.core.model import SyncRule
from interlock.objects.registry import SPECS
from interlock.objects.spec import DefaultMapping, ObjectSpec
from interlock.store import Store, directory, mappings
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow
from interlock.store.tx import Tx, WriteTx

Json = dict[str, Any]
Path = tuple[str, ...]
# Where in the person's file a path of the document is, for example "mappings.yaml, line 12".
Where = Callable[[Path], str]


class FieldEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    property: str
    field: str
    rule: SyncRule = SyncRule.PREFER_SALESFORCE
    # HubSpot option -> Salesforce value, of those that a person says are the same. None: as it is.
    values: dict[str, str] | None = None


class TypeEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    # How Salesforce is written (docs/guarantees.md): many records a call with what they replaced on record, or 25 a call,
    # each refused if somebody edited it meanwhile.
    writes: Literal["recorded", "exact"] = "recorded"
    fields: list[FieldEntry] = Field(default_factory=list)


class Document(BaseModel):
    """`objects`: object -> Salesforce type -> its field pairs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    objects: dict[str, dict[str, TypeEntry]]


class Change(msgspec.Struct, frozen=True):
    """One thing that applying a document does. What concerns the whole type names no field; `writes` has its two values
    in place of rules. `values_after`: what is called the same then (value_maps.py); None: that does not change."""

    action: str  # add | remove | change | enable | disable | writes
    object: str
    salesforce_object: str
    property: str | None = None
    field: str | None = None
    rule_before: str | None = None
    rule_after: str | None = None
    values_before: dict[str, str] | None = None
    values_after: dict[str, str] | None = None

    def document(self) -> Json:
        return msgspec.structs.asdict(self)

    def told(self) -> str:
        """On one line, for the log of deeds: `change contacts/Contact jobtitle/Title two_way/dont_sync`."""
        pairs = (
            (self.object, self.salesforce_object),
            (self.property, self.field),
            (self.rule_before, self.rule_after),
        )
        words = [self.action, *("/".join(each or "-" for each in pair) for pair in pairs if any(pair))]
        if self.values_after is not None:
            words.append(f"values {value_maps.shown(self.values_after) or '-'}")
        return " ".join(words)


def fingerprint(changes: Sequence[Change]) -> str:
    return hashlib.sha256("\n".join(change.told() for change in changes).encode()).hexdigest()[:16]


# --- list and export --------------------------------------------------------------------------------------------------


async def list_(store: Store, connection_id: int, only: Sequence[str] | None = None) -> list[Json]:
    """Every field mapping with its status against the schemas as they were last read."""
    async with store.read(connection_id) as tx:
        types = {row.id: row for row in await mappings.object_mappings(tx)}
        rows = await mappings.field_mappings(tx)
        compiler = await kept_compiler(tx)
    documents = []
    for row in rows:
        of = types[row.object_mapping_id]
        if only and of.object not in only:
            continue
        status = status_of(compiler, of, row)
        documents.append(
            {
                "id": row.id,
                "object": of.object,
                "property": row.property,
                "field": row.field,
                "salesforce_object": of.salesforce_type,
                "rule": row.rule,
                "locked_reason": row.locked_reason,
                "kind": row.kind,
                "status": status.status,
                "status_reason": status.reason,
            }
        )
    return documents


async def kept_compiler(tx: Tx) -> Compiler | None:
    kept = await directory.get(tx, SCHEMAS)
    return Compiler(msgspec.convert(kept, Schemas, strict=False)) if kept is not None else None


def status_of(compiler: Compiler | None, of: ObjectMappingRow, row: FieldMappingRow) -> MappingStatus:
    if compiler is None:
        return MappingStatus(None, row.status, row.status_reason)
    spec = SPECS[of.object]
    status = compiler.check(spec, of.salesforce_type, row.property, row.field, joined_values(row))
    if status.status != "ok":
        return status
    compiled = compiler.field(spec, of.salesforce_type, row)
    if compiled is not None and compiled.effective_rule is not compiled.rule:
        who = "Salesforce" if compiled.hubspot_writable else "HubSpot"
        works = RULES[compiled.effective_rule]
        reason = f"{who} does not let the sync user change this field, so the rule works as: {works}"
        return MappingStatus(status.codec, "warning", reason)
    return status


async def export(store: Store, connection_id: int) -> Json:
    """The document of what is set now, in the order of the rows."""
    async with store.read(connection_id) as tx:
        return await export_in(tx)


async def export_in(tx: Tx) -> Json:
    types = await mappings.object_mappings(tx)
    rows = await mappings.field_mappings(tx)
    objects: dict[str, Json] = {}
    for of in types:
        fields = [_entry(row) for row in rows if row.object_mapping_id == of.id]
        entry = {"enabled": of.enabled, "writes": writes_of(of), "fields": fields}
        objects.setdefault(of.object, {})[of.salesforce_type] = entry
    return {"version": 1, "objects": objects}


def _entry(row: FieldMappingRow) -> Json:
    entry: Json = {"property": row.property, "field": row.field, "rule": row.rule}
    return entry | {"values": joined} if (joined := joined_values(row)) else entry


def writes_of(of: ObjectMappingRow | None) -> str:
    return str(of.settings.get(WRITES, RECORDED)) if of is not None else RECORDED


# --- compare and apply ------------------------------------------------------------------------------------------------


async def compare(store: Store, connection_id: int, document: Document, where: Where) -> list[Change]:
    """What differs, in the words of what applying would do. Raises BadInput for what is wrong whatever the CRMs hold."""
    check_document(document, where)
    async with store.read(connection_id) as tx:
        return await differences(tx, document)


async def apply(
    store: Store,
    connection_id: int,
    document: Document,
    where: Where,
    refresh: Callable[[], Awaitable[Schemas]],
    *,
    plan: bool,
    by: By = BY_COMMAND,
    seen: str | None = None,
    guard: Callable[[Tx], Awaitable[None]] | None = None,
) -> list[Change]:
    """Make it so, all or nothing. Raises BadInput naming the place in the file; `refresh` may raise CrmError. `guard` looks at
    what is there, first of all and once more in the transaction of the change, and raises what keeps it from being changed.

    `seen`: the fingerprint of the changes that a person was shown. Raises Stale when they would be others now.

    `refresh` reads the schemas from the CRMs. It is asked only when the kept ones lack something, since a field may have
    been made a minute ago.
    """
    async with store.read(connection_id) as tx:
        if guard is not None:
            await guard(tx)
        compiler, changes = await kept_compiler(tx), await differences(tx, document)
    check_document(document, where)
    if changes and (compiler is None or any(_wrong(compiler, change) for change in changes)):
        compiler = Compiler(await refresh())
    if compiler is not None:
        _check_changes(document, changes, compiler, where)
    if plan:
        check_removals(changes)
        return changes
    async with store.write(connection_id) as tx:
        # Once more in this transaction: somebody else may have applied another file meanwhile.
        if guard is not None:
            await guard(tx)
        changes = await differences(tx, document)
        if seen is not None and fingerprint(changes) != seen:
            raise Stale
        check_removals(changes)
        await carry_out(tx, changes)
        if changes:
            told = [change.told() for change in changes]
            await record(tx, by, "mappings_changed", f"connection:{connection_id}", changes=told)
    return changes


async def apply_in(tx: WriteTx, document: Document, compiler: Compiler, where: Where) -> list[Change]:
    """`apply` in the transaction that makes the connection: what is refused leaves neither behind. Raises BadInput."""
    check_document(document, where)
    changes = await differences(tx, document)
    _check_changes(document, changes, compiler, where)
    check_removals(changes)
    await carry_out(tx, changes)
    return changes


def _check_changes(document: Document, changes: Sequence[Change], compiler: Compiler, where: Where) -> None:
    """Raises BadInput for what the CRMs do not let be joined."""
    for change in changes:
        found = _wrong(compiler, change)
        if found is not None:
            part, reason = found
            named = f"{change.property} and {change.field}: {reason}"
            raise _refused(where((*_place(document, change), *part)), named, change)


def _wrong(compiler: Compiler, change: Change) -> tuple[Path, str] | None:
    """Where in the entry of the pair, and why."""
    if change.action == "add" and (reason := broken(compiler, change)) is not None:
        return ("property",), reason
    if not change.values_after or change.property is None or change.field is None:
        return None
    names = change.object, change.salesforce_object, change.property, change.field
    found = value_maps.wrong(compiler.schemas, *names, change.values_after)
    return None if found is None else (("values", found[0]), found[1])


def broken(compiler: Compiler, change: Change) -> str | None:
    assert change.property is not None
    assert change.field is not None
    spec = SPECS[change.object]
    status = compiler.check(spec, change.salesforce_object, change.property, change.field)
    return status.reason or "they cannot be joined" if status.status == "broken" else None


def _refused(where: str, message: str, change: Change, fix: str = "Correct the file, then apply it again.") -> BadInput:
    return BadInput(f"{where}: {message}.", code="mapping_refused", field=change.property, fix=fix)


def check_document(document: Document, where: Where) -> None:
    """What is wrong whatever the CRMs hold: unknown objects, a name twice, a rule that the pair is locked against.
    Raises BadInput."""
    for slug, types in document.objects.items():
        if slug not in SPECS:
            raise BadInput(
                f"{where(('objects', slug))}: {slug!r} is not an object that syncs.",
                code="unknown_key",
                field=slug,
                fix=f"There are: {', '.join(SPECS)}.",
            )
        for type_, entry in types.items():
            _check_type(SPECS[slug], type_, entry, where, ("objects", slug, type_))


def _check_type(spec: ObjectSpec, type_: str, entry: TypeEntry, where: Where, path: Path) -> None:
    if type_ not in spec.salesforce_types:
        raise BadInput(
            f"{where(path)}: {spec.slug} do not sync with the Salesforce object {type_!r}.",
            code="unknown_key",
            field=type_,
            fix=f"They sync with: {', '.join(spec.salesforce_types)}.",
        )
    seen: set[tuple[str, str]] = set()
    for place, pair in enumerate(entry.fields):
        here = (*path, "fields", str(place))
        for kind, name in (("property", pair.property), ("field", pair.field)):
            if (kind, name) in seen:
                line = where((*here, kind))
                raise BadInput(
                    f"{line}: the property {name} is mapped twice for {type_}, and the two would overwrite each other."
                    if kind == "property"
                    else f"{line}: the field {name} is mapped twice for {type_}, and the two would overwrite each other.",
                    code="mapped_twice",
                    field=name,
                    fix="Keep one of the two.",
                )
            seen.add((kind, name))
        if pair.values:
            value_maps.check_alone(pair.values, where((*here, "values")), pair.property)
        default = shipped_pair(spec, type_, pair.property, pair.field)
        if default is not None and pair.rule not in default.allowed_rules:
            allowed = ", ".join(rule.value for rule in default.allowed_rules)
            raise BadInput(
                f"{where((*here, 'rule'))}: {pair.property} and {pair.field} cannot have the rule {pair.rule.value}:"
                f" {default.locked_reason}.",
                code="rule_locked",
                field=pair.property,
                fix=f"Allowed are: {allowed}.",
            )


def shipped_pair(spec: ObjectSpec, type_: str, property_: str, field: str) -> DefaultMapping | None:
    return next(
        (each for each in spec.mappings if each.property == property_ and each.fields.get(type_) == field), None
    )


def check_removals(changes: Sequence[Change]) -> None:
    """A pair that is locked stays. Raises BadInput."""
    for change in changes:
        if change.action != "remove" or change.property is None or change.field is None:
            continue
        default = shipped_pair(SPECS[change.object], change.salesforce_object, change.property, change.field)
        if default is not None and default.locked_reason is not None:
            raise BadInput(
                f"{change.property} and {change.field} of {change.salesforce_object} cannot be left out:"
                f" {default.locked_reason}.",
                code="rule_locked",
                field=change.property,
                fix="Put the pair back into the file.",
            )


def _place(document: Document, change: Change) -> Path:
    path = ("objects", change.object, change.salesforce_object, "fields")
    for number, pair in enumerate(document.objects[change.object][change.salesforce_object].fields):
        if (pair.property, pair.field) == (change.property, change.field):
            return (*path, str(number))
    return path


async def differences(tx: Tx, document: Document) -> list[Change]:
    types = {(row.object, row.salesforce_type): row for row in await mappings.object_mappings(tx)}
    rows = await mappings.field_mappings(tx)
    changes: list[Change] = []
    for slug, entries in document.objects.items():
        for type_, entry in entries.items():
            of = types.get((slug, type_))
            if entry.enabled != (of.enabled if of is not None else True):
                changes.append(Change("enable" if entry.enabled else "disable", slug, type_))
            if entry.writes != writes_of(of):
                before, after = writes_of(of), entry.writes
                changes.append(Change("writes", slug, type_, rule_before=before, rule_after=after))
            mine = {(row.property, row.field): row for row in rows if of is not None and row.object_mapping_id == of.id}
            changes += _field_changes(slug, type_, entry, mine)
    return changes


def _field_changes(
    slug: str, type_: str, entry: TypeEntry, mine: dict[tuple[str, str], FieldMappingRow]
) -> list[Change]:
    wanted = {(pair.property, pair.field): pair for pair in entry.fields}
    changes = [
        Change("remove", slug, type_, *names, rule_before=row.rule)
        for names, row in mine.items()
        if names not in wanted
    ]
    for names, pair in wanted.items():
        row = mine.get(names)
        joined = {} if row is None else joined_values(row)
        after = pair.values if pair.values is not None and pair.values != joined else None
        before = joined if after is not None and row is not None else None
        if row is None:
            changes.append(Change("add", slug, type_, *names, None, pair.rule.value, None, after))
        elif row.rule != pair.rule.value or after is not None:
            changes.append(Change("change", slug, type_, *names, row.rule, pair.rule.value, before, after))
    return changes


async def carry_out(tx: WriteTx, changes: Sequence[Change]) -> None:
    types = {(row.object, row.salesforce_type): row for row in await mappings.object_mappings(tx)}
    rows = {(row.object_mapping_id, row.property, row.field): row for row in await mappings.field_mappings(tx)}
    removed: list[int] = []
    for change in changes:
        of = types.get((change.object, change.salesforce_object))
        if of is None:
            of = ObjectMappingRow(object=change.object, salesforce_type=change.salesforce_object)
            of.id = await mappings.save_object_mapping(tx, of)
            types[change.object, change.salesforce_object] = of
        assert of.id is not None
        if change.property is None:
            if change.action == "writes":
                of.settings = {**of.settings, WRITES: change.rule_after}
            else:
                of.enabled = change.action == "enable"
            await mappings.save_object_mapping(tx, of)
            continue
        assert change.field is not None
        row = rows.get((of.id, change.property, change.field))
        if change.action == "remove":
            assert row is not None
            assert row.id is not None
            removed.append(row.id)
            continue
        await mappings.save_field_mapping(tx, _row(change, of.id, row))
    await mappings.delete_field_mappings(tx, removed)
    # Records may wait for what is called the same now.
    joined = {(each.object, each.property) for each in changes if each.values_after is not None and each.property}
    for slug, property_ in sorted(joined):
        await options.try_again(tx, slug, property_)
    await mapping_drift.end_of(
        tx, {(each.object, each.property) for each in changes if each.rule_after in (None, SyncRule.DONT_SYNC.value)}
    )


def _row(change: Change, object_mapping_id: int, row: FieldMappingRow | None) -> FieldMappingRow:
    assert change.property is not None
    assert change.field is not None
    assert change.rule_after is not None
    if row is not None:
        row.rule = change.rule_after
        row.definition = value_maps.joined_as(row, change.values_after)
        return row
    default = shipped_pair(SPECS[change.object], change.salesforce_object, change.property, change.field)
    return FieldMappingRow(
        object_mapping_id=object_mapping_id,
        property=change.property,
        field=change.field,
        rule=change.rule_after,
        kind="default" if default is not None else "custom",
        locked_reason=default.locked_reason if default is not None else None,
        definition={} if change.values_after is None else {VALUES: dict(change.values_after)},
    )

"""Changing mappings row by row: add a pair, give rows another rule, take rows out. All or nothing, and only on the table that
the person saw: what somebody else saved meanwhile is never undone by a form that does not show it.

The checks and the carrying out are those of a document (mappings.py): an edit is the document of what is set now, with a few
lines changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from interlock.app import mappings as use_case
from interlock.app.compile import Compiler
from interlock.app.errors import BadInput, Stale
from interlock.app.mapping_table import edition_of, rows_of
from interlock.app.mappings import Change, Document, FieldEntry, TypeEntry
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.schemas import Schemas
from interlock.core.model import SyncRule
from interlock.store import Store
from interlock.store.tx import Tx

ADD, CHANGE, REMOVE = "add", "change", "remove"

Refresh = Callable[[], Awaitable[Schemas]]


class Edit(msgspec.Struct, frozen=True):
    """`types`: the Salesforce types it is for; empty: every one that maps the pair. `rule` None: take it out."""

    property: str
    field: str
    rule: SyncRule | None
    types: tuple[str, ...] = ()
    adds: bool = False


class Checked(msgspec.Struct, frozen=True):
    """What saving would do, and the schemas it was checked against."""

    changes: list[Change]
    compiler: Compiler


async def check(
    store: Store, connection_id: int, slug: str, edits: Sequence[Edit], edition: str, refresh: Refresh
) -> Checked:
    """Raises BadInput for what cannot be, Stale; `refresh` (asked only where the kept schemas lack something) CrmError."""
    async with store.read(connection_id) as tx:
        compiler = await use_case.kept_compiler(tx)
        changes = await _changes(tx, slug, edits, edition)
    added = [change for change in changes if change.action == ADD]
    if compiler is None or any(use_case.broken(compiler, change) for change in added):
        compiler = Compiler(await refresh())
    for change in added:
        if reason := use_case.broken(compiler, change):
            raise BadInput(
                f"{change.property} and {change.field} of {change.salesforce_object} cannot be mapped: {reason}.",
                code="mapping_refused",
                field="field",
                fix="Choose another field.",
            )
    return Checked(changes, compiler)


async def save(
    store: Store, connection_id: int, slug: str, edits: Sequence[Edit], edition: str, refresh: Refresh, by: By
) -> list[Change]:
    """The changes that were made; none where it is so already. Raises as `check`."""
    await check(store, connection_id, slug, edits, edition, refresh)
    async with store.write(connection_id) as tx:
        changes = await _changes(tx, slug, edits, edition)
        await use_case.carry_out(tx, changes)
        if changes:
            told = [change.told() for change in changes]
            await record(tx, by, "mappings_changed", f"connection:{connection_id}", changes=told)
    return changes


async def _changes(tx: Tx, slug: str, edits: Sequence[Edit], edition: str) -> list[Change]:
    types, fields = await rows_of(tx, slug)
    if edition_of(types.values(), fields) != edition:
        raise Stale
    wanted: dict[str, dict[tuple[str, str], SyncRule]] = {of.salesforce_type: {} for of in types.values()}
    for row in fields:
        wanted[types[row.object_mapping_id].salesforce_type][row.property, row.field] = SyncRule(row.rule)
    for edit in edits:
        _edit(wanted, edit)
    entries = {
        of.salesforce_type: TypeEntry(
            enabled=of.enabled,
            writes="exact" if use_case.writes_of(of) == "exact" else "recorded",
            fields=[
                FieldEntry(property=names[0], field=names[1], rule=rule)
                for names, rule in wanted[of.salesforce_type].items()
            ],
        )
        for of in types.values()
    }
    document = Document(version=1, objects={slug: entries})
    use_case.check_document(document, lambda _: slug)
    changes = await use_case.differences(tx, document)
    use_case.check_removals(changes)
    return changes


def _edit(wanted: dict[str, dict[tuple[str, str], SyncRule]], edit: Edit) -> None:
    """Raises BadInput for a pair that is not there, or a type that is none of the object's."""
    names = (edit.property, edit.field)
    types = edit.types or tuple(type_ for type_, rows in wanted.items() if names in rows)
    if not types or any(type_ not in wanted or (not edit.adds and names not in wanted[type_]) for type_ in types):
        raise BadInput(
            f"There is no mapping of {edit.property} and {edit.field}.",
            code="no_such_mapping",
            field="field",
            fix="Load the table again.",
        )
    for type_ in types:
        if edit.rule is None:
            del wanted[type_][names]
        elif edit.adds and names in wanted[type_]:
            raise BadInput(
                f"{edit.property} and {edit.field} are mapped already.",
                code="mapped_twice",
                field="field",
                fix="Change the rule of that mapping instead.",
            )
        else:
            wanted[type_][names] = edit.rule

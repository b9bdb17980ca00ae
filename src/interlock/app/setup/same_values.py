"""The step of values that are called the same: options of a HubSpot list and values of its picklist that have no namesake.

Nobody has to call any the same, so the wizard goes past it; the review leads here from the values that one side lacks. They are
what the page Options of the settings joins (app/options.py), checked by what checks them there, and stand with the mappings.
"""

from __future__ import annotations

import msgspec

from interlock.app import mapping_drift, options
from interlock.app.compile import VALUES, joined_values
from interlock.app.options import Compared
from interlock.app.setup import state
from interlock.app.setup.connecting import Found
from interlock.app.setup.draft import Draft, Row
from interlock.app.setup.opened import Opened
from interlock.store import mappings
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow
from interlock.store.setups import Setup

slug = "values"

Joined = dict[str, dict[str, str]]  # by `object/property`: HubSpot option -> Salesforce value


class Values(msgspec.Struct, frozen=True):
    """`typed`: by somebody who left before it was checked."""

    joined: Joined = {}
    typed: Joined | None = None


def values_of(setup: Setup) -> Values:
    return state.kept(setup, slug, Values)


def applies(setup: Setup) -> bool:
    return True


def done(setup: Setup) -> bool:
    return values_of(setup).typed is None


async def standing(interlock: Opened, setup: Setup, found: Found) -> Joined:
    """As it was kept in this step; else as it stands for the connection."""
    async with interlock.store.read(found.connection.id) as tx:
        objects = {row.id: row.object for row in await mappings.object_mappings(tx)}
        rows = await mappings.field_mappings(tx)
    before: Joined = {}
    for row in rows:
        before.setdefault(f"{objects[row.object_mapping_id]}/{row.property}", {}).update(joined_values(row))
    values = values_of(setup)
    return {**before, **values.joined, **(values.typed or {})}


def lists(found: Found, draft: Draft, joined: Joined) -> dict[str, Compared]:
    """By row key, the pairs of lists in which something can be, or is, called the same. Pure."""
    compared = {
        row.key: _compared(found, row, joined.get(row.key, {})) for on in draft.objects for row in draft.rows[on]
    }
    return {
        key: each
        for key, each in compared.items()
        if each is not None and (each.joined or (each.to_join[0] and each.to_join[1]))
    }


def _compared(found: Found, row: Row, said: dict[str, str]) -> Compared | None:
    rows = [
        (
            ObjectMappingRow(object=row.object, salesforce_type=type_),
            FieldMappingRow(0, row.property, field, row.rule.value, definition={VALUES: said}),
        )
        for type_, field in row.fields.items()
    ]
    return options.compared_of(found.schemas, mapping_drift.Known(), row.object, row.property, rows)


def checked(found: Found, draft: Draft, typed: Joined) -> Joined:
    """Without what is parted. Raises BadInput, as the page Options does."""
    there = {row.key: row for on in draft.objects for row in draft.rows[on]}
    kept: Joined = {}
    for key, said in typed.items():
        wanted = {option: value for option, value in said.items() if value}
        before = _compared(found, there[key], {}) if key in there else None
        if before is None:
            continue
        options.check_joined(before, wanted)
        kept[key] = wanted
    return kept

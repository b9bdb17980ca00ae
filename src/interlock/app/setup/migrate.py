"""The step of those who come from HubSpot's own Salesforce integration: its mapping lists, its pairs, and that it is switched off.

In the path where it was found in either CRM, or was chosen at the start. Nothing is changed by it: lists are kept as lines, and
become mappings with all else that was chosen (draft.py); pairs are found again by the first sync (engine/relink.py).
"""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.app import migrate as lists
from interlock.app import native_integration
from interlock.app.errors import BadInput
from interlock.app.migrate import Line, Resolved
from interlock.app.setup import expectations, opened, state
from interlock.app.setup.connecting import Found
from interlock.app.setup.draft import Choices, Draft
from interlock.app.setup.opened import Opened
from interlock.core.model import SyncRule
from interlock.crm.hubspot.model import Filter
from interlock.objects import native
from interlock.objects.registry import SPECS
from interlock.store.setups import Setup

slug = "migrate"
_NAMED = "named_records"
_COUNTED_FOR_US = 3_600_000_000


class _Counted(msgspec.Struct, frozen=True):
    records: dict[str, int]
    at_us: int


class MappingList(msgspec.Struct, frozen=True):
    lines: tuple[Line, ...]


class Pause(msgspec.Struct, frozen=True):
    """Somebody said that it is switched off, and what was seen of it since. `wrote`: HubSpot records that it wrote to."""

    since_us: int
    looked_us: int
    looked: int
    wrote: tuple[str, ...] = ()


class Values(msgspec.Struct, frozen=True):
    lists: dict[str, MappingList] = {}  # by object
    relink: bool = True
    pause: Pause | None = None
    saved: bool = False


class Change(msgspec.Struct, frozen=True):
    """What a list makes different. A rule None: the pair is not mapped."""

    object: str
    property: str
    fields: dict[str, str]
    before: SyncRule | None
    after: SyncRule | None


class Seen(msgspec.Struct, frozen=True):
    """One list against both schemas."""

    resolved: Resolved
    changes: list[Change]


def values_of(setup: Setup) -> Values:
    """As for those who do not come from it while the step is not in the path, whatever was chosen in it before."""
    return state.kept(setup, slug, Values) if applies(setup) else Values(relink=False)


def applies(setup: Setup) -> bool:
    return expectations.migrates(setup)


def done(setup: Setup) -> bool:
    return values_of(setup).saved


def lists_of(setup: Setup) -> dict[str, tuple[Line, ...]]:
    return {object_: each.lines for object_, each in values_of(setup).lists.items()}


def settings_of(setup: Setup) -> dict[str, Any]:
    """As the engine reads them (engine/context.py, Settings)."""
    return {"native_ids": values_of(setup).relink}


def with_list(values: Values, object_: str, text: str) -> Values:
    """Raises BadInput; then nothing of the file is taken."""
    _check_object(object_)
    brought = MappingList(lists.read(text, f"The list of {object_}"))
    return msgspec.structs.replace(values, lists={**values.lists, object_: brought})


def without_list(values: Values, object_: str) -> Values:
    _check_object(object_)
    return msgspec.structs.replace(values, lists={each: kept for each, kept in values.lists.items() if each != object_})


def _check_object(object_: str) -> None:
    if object_ not in SPECS:
        raise BadInput(f"{object_!r} is not an object that syncs.", code="unknown_object", field="object")


def seen(setup: Setup, found: Found) -> dict[str, Seen]:
    """What each list comes to in this account and org, and what it makes different from the Recommended configuration."""
    values = values_of(setup)
    plain = found.draft(Choices())
    brought = found.draft(Choices(imported=lists_of(setup)))
    return {
        object_: Seen(lists.resolve(found.schemas, object_, each.lines), changes(plain, brought, object_))
        for object_, each in values.lists.items()
    }


def changes(before: Draft, after: Draft, object_: str) -> list[Change]:
    """Pairs whose rule differs, or that only one of the two maps."""
    rules = [_mapped(each, object_) for each in (before, after)]
    return [
        Change(object_, property_, dict(fields), *(each.get((property_, fields)) for each in rules))
        for property_, fields in dict.fromkeys([*rules[1], *rules[0]])
        if rules[0].get((property_, fields)) is not rules[1].get((property_, fields))
    ]


def _mapped(drafted: Draft, object_: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], SyncRule]:
    return {
        (row.property, tuple(sorted(row.fields.items()))): row.rule
        for row in drafted.rows.get(object_, ())
        if row.status != "broken" and row.rule is not SyncRule.DONT_SYNC
    }


async def named_records(interlock: Opened, setup: Setup, found: Found) -> dict[str, int]:
    """Object -> how many HubSpot records name their counterpart; none for an account that has no such property. A call an object,
    once an hour. Raises CrmError."""
    kept = await opened.load(interlock.store, setup.id, _NAMED, _Counted)
    if kept is not None and interlock.clock_us() - kept.at_us < _COUNTED_FOR_US:
        return kept.records
    counted: dict[str, int] = {}
    async with interlock.setup_clients(setup) as clients:
        for object_, spec in SPECS.items():
            there = [
                each
                for each in native.properties(spec)
                if found.schemas.property_named(spec.hubspot_type, each) is not None
            ]
            if there:
                counted[object_] = await clients.hubspot.count(
                    spec.hubspot_type, [(Filter(name, "HAS_PROPERTY"),) for name in there], purpose="setup"
                )
    await opened.keep(interlock.store, setup.id, _NAMED, _Counted(counted, interlock.clock_us()))
    return counted


async def look_whether_paused(interlock: Opened, setup: Setup, *, anew: bool) -> Pause:
    """What it wrote since somebody said first that it is switched off; `anew`: since now. Raises CrmError."""
    before, now_us = values_of(setup).pause, interlock.clock_us()
    since_us = now_us if before is None or anew else before.since_us
    async with interlock.setup_clients(setup) as clients:
        written = await native_integration.writes_since(clients.hubspot, since_us)
    return Pause(since_us, now_us, written.looked, tuple(written.wrote))


def is_paused(values: Values) -> bool:
    return values.pause is not None and not values.pause.wrote

"""Conflicts: values that were replaced although nobody who wrote the other one could see them. Listing, and choosing anew.

Choosing writes nothing to a CRM. It notes the choice and makes the pair due (reason `resolved`), in one transaction; the
next sync carries it out through the same line as any change, with intents, outcomes, base and history, and only while both
sides still hold one of the two values that the person chose between (engine/choices.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from interlock.app.errors import BadInput, Missing
from interlock.app.keys import TYPE_BY_PREFIX
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.times import rfc3339
from interlock.core.model import (
    AuditKind,
    AuditRow,
    ConflictReason,
    LinkState,
    Reason,
    RecordKey,
    RecordLink,
    Side,
    SyncRule,
)
from interlock.engine.pipelines import PIPELINE_NOT_SYNCED
from interlock.objects.registry import SPECS
from interlock.store import Store, audit, dirty, links, mappings, resolutions, schedule
from interlock.store.resolutions import Resolution
from interlock.store.tx import Tx

Json = dict[str, Any]

STATUSES = audit.CONFLICT_STATUSES

# Why a value was replaced, for a person. The codes are stable, the words are not.
REASONS = {
    ConflictReason.BOTH_CHANGED: "both sides were edited before either could see the other's edit",
    ConflictReason.LOST_RACE: "it was edited in the moment between our read and our write",
    ConflictReason.UNEQUAL: "the two sides differed although neither had been edited",
    ConflictReason.RULE: "one side was edited and the rule gives the value to the other",
    ConflictReason.FIRST_LINK: "the two records held different values when they were linked",
}


class Listed(msgspec.Struct, frozen=True):
    conflicts: list[Json]
    total: int  # open ones
    next_cursor: str | None
    matching: int = 0  # on all pages


class Filter(msgspec.Struct, frozen=True):
    """Which conflicts. None: whatever it is. `kept`: the side whose value was kept."""

    status: str | None = "open"
    object: str | None = None
    property: str | None = None
    kept: Side | None = None

    def lost(self) -> Side | None:
        return None if self.kept is None else self.kept.other


async def list_(
    store: Store,
    connection_id: int,
    which: Filter = Filter(),
    cursor: str | None = None,
    limit: int = 100,
) -> Listed:
    """One page, newest first. Raises BadInput."""
    if which.status is not None and which.status not in STATUSES:
        raise BadInput(
            f"{which.status!r} is not a status of a conflict.",
            code="no_such_status",
            fix=f"There are: {', '.join(STATUSES)}, all.",
        )
    async with store.read(connection_id) as tx:
        try:
            found, next_cursor = await audit.conflicts(
                tx, which.status, limit, cursor, which.object, which.property, which.lost()
            )
        except ValueError as error:
            raise cursor_refused(cursor) from error
        total = sum((await audit.conflict_counts(tx)).values())
        matching = await audit.conflicts_in_all(tx, which.status, which.object, which.property, which.lost())
        documents = await _documents(tx, found)
    return Listed(documents, total, next_cursor, matching)


def cursor_refused(cursor: str | None) -> BadInput:
    return BadInput(f"{cursor!r} is not a cursor of this list.", code="bad_cursor", fix="Begin again without --cursor.")


async def _documents(tx: Tx, rows: Sequence[AuditRow]) -> list[Json]:
    chosen = await resolutions.of_conflicts(tx, [row.id for row in rows if row.id is not None])
    types: dict[str, str] = {}
    for object_ in {row.object for row in rows}:
        ids = [row.salesforce_id for row in rows if row.object == object_ and row.salesforce_id]
        types |= {id_: link.salesforce_type for id_, link in (await links.by_salesforce(tx, object_, ids)).items()}
    return [as_document(row, chosen.get(row.id or 0), types) for row in rows]


def as_document(row: AuditRow, choice: Resolution | None, types: Mapping[str, str]) -> Json:
    values = values_of(row)
    type_ = types.get(row.salesforce_id or "") or _type_of(row)
    return {
        "id": row.id,
        "at": rfc3339(row.at_us),
        "object": row.object,
        "hubspot": f"hubspot:{row.object}:{row.hubspot_id}" if row.hubspot_id else None,
        "salesforce": f"salesforce:{type_}:{row.salesforce_id}" if row.salesforce_id and type_ else None,
        "property": row.property,
        "field": row.field,
        "hubspot_value": values[Side.HUBSPOT],
        "salesforce_value": values[Side.SALESFORCE],
        "kept": row.side.other.value if row.side else None,
        "rule": row.rule,
        "reason": row.reason,
        "because": REASONS.get(ConflictReason(row.reason)) if row.reason else None,
        "status": row.status,
        "choice": (
            {"keep": choice.keep.value, "state": choice.state, "at": rfc3339(choice.at_us)}
            if choice is not None
            else None
        ),
    }


def _type_of(row: AuditRow) -> str | None:
    return TYPE_BY_PREFIX.get((row.salesforce_id or "")[:3])


def values_of(row: AuditRow) -> dict[Side, str | None]:
    """What each side held, as plain text; None is blank."""
    assert row.side is not None, "a conflict names the side that lost"
    return {row.side: row.old, row.side.other: row.new}


def list_document(listed: Listed) -> Json:
    return {"total": listed.total, "conflicts": listed.conflicts, "next_cursor": listed.next_cursor}


def side_of(text: str) -> Side:
    """Raises BadInput."""
    if text not in [side.value for side in Side]:
        raise BadInput(f"{text!r} is not a side.", code="bad_side", field="keep", fix="There are: hubspot, salesforce.")
    return Side(text)


class Chosen(msgspec.Struct, frozen=True):
    """What was noted, or would be."""

    document: Json
    key: RecordKey


async def resolve(
    store: Store,
    connection_id: int,
    id_: int,
    keep: Side,
    *,
    now_us: int,
    plan: bool,
    by: By = BY_COMMAND,
) -> Chosen:
    """Note that the value of `keep` is wanted on both sides, and make the pair due. Raises Missing, BadInput."""
    async with store.read(connection_id) as tx:
        row = await audit.get(tx, id_)
        if row is None or row.kind is not AuditKind.CONFLICT:
            raise Missing(
                f"There is no conflict {id_}.", code="no_such_conflict", fix="`interlock conflicts` lists them."
            )
        link = await link_of(tx, row)
        check_mapped(row, link, await mapped(tx))
    choice = choice_of(row, link, keep, now_us)
    if not plan:
        async with store.write(connection_id) as write:
            await dirty.mark(write, row.object, [link.hubspot], Reason.RESOLVED, now_us)
            await resolutions.put(write, choice)
            await schedule.ring(write)
            await record(write, by, "conflict_resolved", f"conflict:{id_}", connection=connection_id, keep=keep.value)
    types = {link.salesforce_id: link.salesforce_type}
    return Chosen(as_document(row, None if plan else choice, types), link.hubspot)


def choice_of(row: AuditRow, link: RecordLink, keep: Side, now_us: int) -> Resolution:
    values = values_of(row)
    assert link.id is not None
    assert row.id is not None
    return Resolution(
        conflict_id=row.id,
        link_id=link.id,
        property=row.property or "",
        field=row.field or "",
        keep=keep,
        chosen=values[keep],
        others=(values[keep.other],),
        at_us=now_us,
    )


async def link_of(tx: Tx, row: AuditRow) -> RecordLink:
    """The pair that a choice is for. Raises BadInput where it is none any more."""
    found = {}
    if row.hubspot_id is not None:
        found = await links.by_hubspot(tx, row.object, [row.hubspot_id])
    elif row.salesforce_id is not None:
        found = await links.by_salesforce(tx, row.object, [row.salesforce_id])
    link = next(iter(found.values()), None)
    if link is not None and link.state is LinkState.OTHER_PIPELINE:
        raise BadInput(
            f"The records of conflict {row.id} are in a pipeline that does not sync: nothing is written to their pair.",
            code=PIPELINE_NOT_SYNCED,
            record=str(link.hubspot),
            fix="Move the deal to one that does first, or enter the value you want by hand.",
        )
    if link is not None and link.state is LinkState.EXCLUDED:
        raise BadInput(
            f"The pair of conflict {row.id} is outside of the list or the filter that limits what syncs: nothing is written to it.",
            code="not_in_list",
            record=str(link.hubspot),
            fix="Put the record into the list first, or enter the value you want by hand.",
        )
    if link is None or link.state is not LinkState.LINKED:
        raise BadInput(
            f"The two records of conflict {row.id} are not linked any more, so there is no pair to write to.",
            code="not_linked",
            record=f"hubspot:{row.object}:{row.hubspot_id}" if row.hubspot_id else None,
            fix="The values are in `interlock conflicts --status all`: enter the one you want by hand.",
        )
    return link


async def mapped(tx: Tx) -> set[tuple[str, str, str, str]]:
    """(object, Salesforce type, property, field) of all that syncs."""
    types = {each.id: (each.object, each.salesforce_type) for each in await mappings.object_mappings(tx)}
    return {
        (*types[field.object_mapping_id], field.property, field.field)
        for field in await mappings.field_mappings(tx)
        if field.rule != SyncRule.DONT_SYNC
    }


def check_mapped(row: AuditRow, link: RecordLink, fields: set[tuple[str, str, str, str]]) -> None:
    """`fields`: as `mapped` gives them. Raises BadInput."""
    # References (a contact's company) are mapped by the object itself and have no row.
    if row.field in {each.field for each in SPECS[row.object].references}:
        return
    if (row.object, link.salesforce_type, row.property or "", row.field or "") in fields:
        return
    raise BadInput(
        f"{row.property} and {row.field} do not sync with each other any more.",
        code="not_mapped",
        field=row.property,
        fix="Map them again with `interlock mappings apply`, or enter the value you want by hand.",
    )

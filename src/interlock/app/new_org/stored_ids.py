"""HubSpot's stored ids after the org has become another: which of them still name the same record, and the rest taken away.

`interlock_salesforce_id` is the durable half of a pair, by which a lost database is found again (engine/matching.py). After a
move it names records of the old org. A copy of a sandbox keeps the ids of its records (Salesforce Help, "Servers and IDs"; a
refreshed sandbox has them from its source), so an id may well be good; but by itself it proves nothing, and a record joined by a
wrong id would be overwritten in silence. It is kept only where

    the record there bears the creation key of this HubSpot record, or
    the record there holds in every field what the pair held when it was last in agreement, its name among them.

All other ids are emptied in HubSpot. Their records are then found by creation key, e-mail, domain or name, or not at all. Can be
run again after any failure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence

from interlock.app.errors import AppError
from interlock.app.keys import TYPE_BY_PREFIX
from interlock.app.new_org.kept import Ids
from interlock.app.serve import Clients
from interlock.core.mapping import FieldMapping
from interlock.core.model import Base, Observation, RecordLink, Side, Written
from interlock.core.reconcile import print_of
from interlock.crm.hubspot.model import HubSpotWrite
from interlock.engine.context import HUBSPOT_ID_PROPERTY, SALESFORCE_CREATION_KEY, ObjectRuntime
from interlock.store import Store, links

_PAGE_ROWS = 1_000
_HUBSPOT_LIST_ROWS = 100
# Without it a few equal fields of small range ("Prospecting", blank, blank) would pass for a proof.
_NAMED_BY = {"Account": "Name", "Contact": "LastName", "Lead": "LastName", "Opportunity": "Name"}
# A user of the org: whom it names is another record's business.
_OWNER = "OwnerId"


async def set_straight(
    store: Store,
    connection_id: int,
    portal: str,
    clients: Clients,
    objects: Mapping[str, ObjectRuntime],
    before_emptying: Callable[[], Awaitable[None]],
) -> Ids:
    """`before_emptying` is awaited before the first id is taken. Raises AppError where HubSpot refused one, CrmError."""
    kept = emptied = 0
    for runtime in objects.values():
        if HUBSPOT_ID_PROPERTY not in runtime.hubspot_properties:
            continue
        former = await _proven_by_base(store, connection_id, clients, runtime)
        after: str | None = None
        while True:
            named: dict[str, str] = {}
            while len(named) < _PAGE_ROWS:
                page = await clients.hubspot.list_page(
                    runtime.spec.hubspot_type, [HUBSPOT_ID_PROPERTY], after, _HUBSPOT_LIST_ROWS, purpose="setup"
                )
                named |= {row.key.id: id_ for row in page.records if (id_ := _stored(row))}
                after = page.next
                if after is None:
                    break
            keyed = await _proven_by_key(clients, portal, runtime, named)
            stale = [id_ for id_, stored in named.items() if id_ not in keyed and former.get(id_) != stored]
            if stale:
                await before_emptying()
                await _empty(clients, runtime, stale)
            kept, emptied = kept + len(named) - len(stale), emptied + len(stale)
            if after is None:
                break
    return Ids(kept, emptied)


def _stored(row: Observation) -> str:
    return str(row.values.get(HUBSPOT_ID_PROPERTY) or "")


async def _proven_by_key(clients: Clients, portal: str, runtime: ObjectRuntime, named: Mapping[str, str]) -> set[str]:
    """HubSpot ids of those whose record in Salesforce was made for them."""
    by_type: dict[str, dict[str, str]] = defaultdict(dict)
    for hubspot_id, stored in named.items():
        type_ = TYPE_BY_PREFIX.get(stored[:3])
        if type_ in runtime.mappings:
            by_type[type_][stored] = hubspot_id
    proven: set[str] = set()
    for type_, owners in by_type.items():
        found = await clients.salesforce.retrieve(type_, list(owners), [SALESFORCE_CREATION_KEY], purpose="setup")
        for id_, seen in found.items():
            key = str(seen.values.get(SALESFORCE_CREATION_KEY) or "").lower()
            if key == f"{portal}:{runtime.slug}:{owners[id_]}":
                proven.add(owners[id_])
    return proven


async def _proven_by_base(store: Store, connection_id: int, clients: Clients, runtime: ObjectRuntime) -> dict[str, str]:
    """HubSpot id -> Salesforce id of former pairs whose Salesforce record is there as both sides last agreed on it."""
    proven: dict[str, str] = {}
    after_id = 0
    while True:
        async with store.read(connection_id) as tx:
            page = await links.page(tx, runtime.slug, after_id, _PAGE_ROWS)
        if not page:
            return proven
        after_id = page[-1].id or 0
        by_type: dict[str, dict[str, list[RecordLink]]] = defaultdict(lambda: defaultdict(list))
        for link in page:
            if link.base and link.salesforce_type in runtime.mappings:
                by_type[link.salesforce_type][link.salesforce_id].append(link)
        for type_, former in by_type.items():
            fields = [
                each
                for each in runtime.mapping_for(type_).fields
                if each.field != _OWNER and not _refers(runtime, each)
            ]
            asked = list(dict.fromkeys(each.field for each in fields))
            found = await clients.salesforce.retrieve(type_, list(former), asked, purpose="setup")
            for id_, seen in found.items():
                for link in former[id_]:
                    if _as_agreed(type_, fields, link.base, seen):
                        proven[link.hubspot_id] = id_


def _refers(runtime: ObjectRuntime, mapping: FieldMapping) -> bool:
    return any(each.field == mapping.field for each in runtime.references)


def _as_agreed(type_: str, fields: Sequence[FieldMapping], base: Base, seen: Observation) -> bool:
    """What cannot be read says nothing, but the name has to say something."""
    named = False
    for field in fields:
        if field.id not in base:
            continue
        holds = print_of(field, Side.SALESFORCE, seen.values)
        if holds is None:
            continue
        if holds != base[field.id][1]:
            return False
        named = named or field.field == _NAMED_BY[type_]
    return named


async def _empty(clients: Clients, runtime: ObjectRuntime, ids: Sequence[str]) -> None:
    writes = [HubSpotWrite(id_, id_, {HUBSPOT_ID_PROPERTY: ""}) for id_ in ids]
    outcomes = await clients.hubspot.update(runtime.spec.hubspot_type, writes, purpose="setup")
    failed = {id_: outcome for id_, outcome in outcomes.items() if not isinstance(outcome, Written)}
    # One that was deleted since holds nothing any more.
    failed = {id_: outcome for id_, outcome in failed.items() if not getattr(outcome, "gone", False)}
    if failed:
        id_, outcome = next(iter(failed.items()))
        why = getattr(outcome, "message", None) or getattr(outcome, "why", "")
        raise AppError(
            f"HubSpot did not empty {HUBSPOT_ID_PROPERTY} of {len(failed):,} {runtime.spec.plural}, hubspot:{runtime.slug}:{id_}"
            f" first: {why}",
            code="ids_not_emptied",
            side="hubspot",
            record=f"hubspot:{runtime.slug}:{id_}",
            fix="Try again: what is done is not done twice.",
        )

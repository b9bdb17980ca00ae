"""What a change of mappings would do to pairs that are linked already, before it is saved; and what mapped fields hold.

Both read a bounded number of pairs fresh from the CRMs and write nothing anywhere. The decision is the engine's own, made
twice for each field: by the rule that is set now and by the one that would be. What differs between the two is what the
change does; what is due anyway is not its doing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from interlock.app import value_maps
from interlock.app.compile import Compiler
from interlock.app.mapping_edits import ADD, REMOVE
from interlock.app.mapping_table import rows_of
from interlock.app.mappings import Change
from interlock.app.owner_choices import decided_as_chosen
from interlock.app.preview_pipelines import Pipelines
from interlock.app.runtime import settings_of
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import LinkState, Observation, RecordKey, RecordLink, Side, SyncRule
from interlock.core.plain import plain
from interlock.core.reconcile import FieldDecision, decide_fields
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.decide import newest
from interlock.objects.registry import SPECS
from interlock.store import Store, links
from interlock.store.connections import Connection
from interlock.store.mappings import FieldMappingRow

# Two calls to HubSpot and one to Salesforce for each of an object's types.
PAIRS_MOST = 200
EXAMPLES_MOST = 5
SAMPLES = 3
_PAGE_ROWS = 1_000
_PAGES_MOST = 10
# Of a pair that is not saved: no base knows it. Above every stored id and below those of references (compile.py).
_UNSAVED_ID = 900_000_000

PURPOSE = "setup"


class Example(msgspec.Struct, frozen=True):
    """One field of one pair that would be written. `side`: where; `lost`: the value there would go to the conflict log."""

    hubspot: RecordKey
    salesforce: RecordKey
    label: str
    property: str
    field: str
    side: Side
    before: str | None
    after: str | None
    lost: bool


class ChangePreview(msgspec.Struct):
    """Counts of pairs (`looked`, of `linked` in all) and of values that the change would have written in them."""

    linked: int
    looked: int = 0
    unchanged: int = 0
    to_hubspot: int = 0
    to_salesforce: int = 0
    lost: int = 0
    examples: list[Example] = []


async def preview(
    store: Store,
    connection: Connection,
    slug: str,
    changes: Sequence[Change],
    compiler: Compiler,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
) -> ChangePreview:
    """Raises CrmError when a CRM cannot be read."""
    assert connection.id is not None
    settings = settings_of(connection)
    pipelines = Pipelines(slug, compiler.schemas, settings.pipelines)
    kinds = _Kinds(slug, Compiler(compiler.schemas, settings.pipelines))
    async with store.read(connection.id) as tx:
        types, fields = await rows_of(tx, slug)
        counted = (await links.counts(tx)).get(slug, {}).get(LinkState.LINKED.value, 0)
    found = ChangePreview(counted)
    for id_, of in types.items():
        mine = [change for change in changes if change.salesforce_object == of.salesforce_type and change.property]
        saved = {(row.property, row.field): row for row in fields if row.object_mapping_id == id_}
        before, after = (
            decided_as_chosen(each, compiler.schemas, settings)
            for each in kinds.both(of.salesforce_type, id_, mine, saved)
        )
        if not after.fields:
            # Nothing is added or changed: what is taken out leaves both values as they are.
            continue
        properties = [*(each.property for each in after.fields), *pipelines.properties]
        names = [*(each.field for each in after.fields), *pipelines.fields]
        for pair in await _pairs(
            store, connection.id, slug, of.salesforce_type, PAIRS_MOST, properties, names, hubspot, salesforce
        ):
            if not pipelines.syncs(pair.hubspot, pair.salesforce):
                _count(found, slug, pair, [])
                continue
            was_by, will_by = (pipelines.of(each, pair.hubspot) for each in (before, after))
            last = newest(settings, pair.hubspot, pair.salesforce)
            was = {
                _names(each): each
                for each in decide_fields(was_by, pair.link.base, pair.hubspot, pair.salesforce, last)
            }
            will = decide_fields(will_by, pair.link.base, pair.hubspot, pair.salesforce, last)
            _count(found, slug, pair, [each for each in will if _differs(was.get(_names(each)), each)])
    return found


def _names(decided: FieldDecision) -> tuple[str, str]:
    return decided.mapping.property, decided.mapping.field


def _differs(was: FieldDecision | None, will: FieldDecision) -> bool:
    if will.merge.write is None:
        return False
    return was is None or (was.merge.write, was.merge.value) != (will.merge.write, will.merge.value)


def _count(found: ChangePreview, slug: str, pair: _Pair, decided: Sequence[FieldDecision]) -> None:
    found.looked += 1
    found.unchanged += not decided
    for each in decided:
        side = each.merge.write
        assert side is not None
        found.to_hubspot += side is Side.HUBSPOT
        found.to_salesforce += side is Side.SALESFORCE
        lost = each.merge.conflict is not None
        found.lost += lost
        if len(found.examples) < EXAMPLES_MOST:
            before = each.hubspot if side is Side.HUBSPOT else each.salesforce
            found.examples.append(
                Example(
                    pair.link.hubspot,
                    pair.link.salesforce,
                    pair.label(slug),
                    *_names(each),
                    side,
                    plain(before),
                    plain(each.merge.value),
                    lost,
                )
            )


class _Kinds:
    """The mapping of a type as it is and as it would be, of the changed fields alone."""

    def __init__(self, slug: str, compiler: Compiler) -> None:
        self._spec = SPECS[slug]
        self._compiler = compiler

    def both(
        self,
        type_: str,
        object_mapping_id: int,
        changes: Sequence[Change],
        saved: dict[tuple[str, str], FieldMappingRow],
    ) -> tuple[ObjectMapping, ObjectMapping]:
        before: list[FieldMapping | None] = []
        after: list[FieldMapping | None] = []
        for place, change in enumerate(changes):
            row = saved.get((change.property or "", change.field or ""))
            if row is not None:
                before.append(self._compiler.field(self._spec, type_, row))
            if change.action == REMOVE:
                continue
            rule = change.rule_after or SyncRule.DONT_SYNC.value
            if row is None or change.action == ADD:
                row = FieldMappingRow(object_mapping_id, change.property or "", change.field or "", rule)
                row.id = _UNSAVED_ID + place
            after.append(self._compiler.field(self._spec, type_, _as_changed(row, rule, change)))
        return self._mapping(type_, object_mapping_id, before), self._mapping(type_, object_mapping_id, after)

    def _mapping(self, type_: str, id_: int, fields: Sequence[FieldMapping | None]) -> ObjectMapping:
        return ObjectMapping(id_, self._spec.slug, type_, tuple(each for each in fields if each is not None))


def _as_changed(row: FieldMappingRow, rule: str, change: Change) -> FieldMappingRow:
    return msgspec.structs.replace(row, rule=rule, definition=value_maps.joined_as(row, change.values_after))


# --- reading pairs ------------------------------------------------------------------------------------------------------


class _Pair(msgspec.Struct, frozen=True):
    link: RecordLink
    hubspot: Observation
    salesforce: Observation

    def label(self, slug: str) -> str:
        return SPECS[slug].label(Side.HUBSPOT, self.hubspot.values)


async def _pairs(
    store: Store,
    connection_id: int,
    slug: str,
    type_: str,
    most: int,
    properties: Sequence[str],
    fields: Sequence[str],
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
) -> list[_Pair]:
    """The first linked pairs of the type that both CRMs still show."""
    chosen = await _linked(store, connection_id, slug, type_, most)
    if not chosen:
        return []
    # What a record is called is read with it; the compound name of a person comes of its parts.
    asked = list(dict.fromkeys((*properties, *_LABEL[slug])))
    here = await hubspot.read(SPECS[slug].hubspot_type, [link.hubspot_id for link in chosen], asked, purpose=PURPOSE)
    ids = [link.salesforce_id for link in chosen]
    there = await salesforce.retrieve(
        type_, ids, list(dict.fromkeys(("Id", "SystemModstamp", *fields))), purpose=PURPOSE
    )
    return [
        _Pair(link, here[link.hubspot_id], there[link.salesforce_id])
        for link in chosen
        if link.hubspot_id in here and link.salesforce_id in there
    ]


_LABEL = {
    "contacts": ("email", "firstname", "lastname"),
    "companies": ("name", "domain"),
    "deals": ("dealname",),
}


async def _linked(store: Store, connection_id: int, slug: str, type_: str, most: int) -> list[RecordLink]:
    found: list[RecordLink] = []
    after = 0
    async with store.read(connection_id) as tx:
        # Of a type that hardly any pair has, not the whole table is looked through.
        for _ in range(_PAGES_MOST):
            page = await links.page(tx, slug, after, _PAGE_ROWS)
            found += [each for each in page if each.state is LinkState.LINKED and each.salesforce_type == type_]
            if len(found) >= most or len(page) < _PAGE_ROWS:
                break
            after = page[-1].id or 0
    return found[:most]


class Sample(msgspec.Struct, frozen=True):
    """What one pair holds: `hubspot` by property, `salesforce` by field, as the CRMs gave it."""

    label: str
    hubspot: dict[str, str | None]
    salesforce: dict[str, str | None]


async def samples(
    store: Store,
    connection_id: int,
    slug: str,
    pairs: Callable[[str], tuple[Sequence[str], Sequence[str]]],
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
) -> list[Sample]:
    """Of a few linked pairs. `pairs` gives the properties and fields to read for a Salesforce type. Raises CrmError."""
    found: list[Sample] = []
    for type_ in SPECS[slug].salesforce_types:
        properties, fields = pairs(type_)
        if not fields:
            continue
        left = SAMPLES - len(found)
        for pair in await _pairs(store, connection_id, slug, type_, left, properties, fields, hubspot, salesforce):
            found.append(
                Sample(
                    pair.label(slug),
                    {name: plain(pair.hubspot.values.get(name)) for name in properties},
                    {name: plain(pair.salesforce.values.get(name)) for name in fields},
                )
            )
        if len(found) >= SAMPLES:
            break
    return found

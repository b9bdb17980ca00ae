"""The options of a HubSpot property that is mapped to a picklist, beside the picklist's values: what HubSpot lacks, and adding it
when a person says so. No option is ever taken away: records may hold it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from interlock.app import mapping_drift
from interlock.app.compile import VALUES
from interlock.app.connections import objects_on
from interlock.app.errors import BadInput, Missing
from interlock.app.mapping_drift import pair_of
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.schemas import Schemas, keep_schemas, read_schemas
from interlock.core.model import Issue, Reason, RecordKey, Side, SyncRule
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import Option
from interlock.crm.salesforce.client import SalesforceClient
from interlock.objects.registry import SPECS
from interlock.store import Store, dirty, issues, mappings, schedule
from interlock.store.connections import Connection
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow
from interlock.store.tx import Tx, WriteTx

# Of a value that HubSpot has no option for (core/codec/choice.py).
NO_OPTION = "INVALID_OPTION"
_ISSUES_A_PAGE = 500


class Renamed(msgspec.Struct, frozen=True):
    """A value that Salesforce shows under another label by now, while HubSpot's `option` shows the old one."""

    option: str
    before: str
    after: str


class Compared(msgspec.Struct, frozen=True):
    """`to_add` in the order of the picklist; `only_here`: options that Salesforce would refuse."""

    object: str
    property: str
    fields: tuple[str, ...]
    to_add: tuple[Option, ...]
    to_rename: tuple[Renamed, ...]
    only_here: tuple[str, ...]
    # HubSpot options and Salesforce values without a namesake there, which a person may call the same; and those who did.
    to_join: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    joined: dict[str, str] = {}

    def document(self) -> dict[str, Any]:
        return {
            "object": self.object,
            "property": self.property,
            "fields": list(self.fields),
            "to_add": [{"value": each.value, "label": each.label} for each in self.to_add],
            "to_rename": [msgspec.structs.asdict(each) for each in self.to_rename],
            "only_in_hubspot": list(self.only_here),
            "to_join": {"options": list(self.to_join[0]), "values": list(self.to_join[1])},
            "joined": self.joined,
        }


async def compare(
    store: Store,
    connection: Connection,
    slug: str,
    property_: str,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
) -> Compared:
    """Read from both CRMs now. Raises Missing, CrmError."""
    assert connection.id is not None
    schemas = await _read(slug, hubspot, salesforce)
    async with store.read(connection.id) as tx:
        return await _compared(tx, schemas, slug, property_)


async def change(
    store: Store,
    connection: Connection,
    slug: str,
    property_: str,
    add: Sequence[str],
    rename: Sequence[str],
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    by: By = BY_COMMAND,
) -> Compared:
    """Add these values of the picklist, give these options its label; what is left then. The records that were held back for a
    missing option are tried again. Raises BadInput for what is not to be added or renamed any more, Missing, CrmError."""
    assert connection.id is not None
    found = await compare(store, connection, slug, property_, hubspot, salesforce)
    new = [each for each in found.to_add if each.value in add]
    labels = {each.option: each.after for each in found.to_rename if each.option in rename}
    unknown = [each for each in add if each not in {option.value for option in new}]
    unknown += [each for each in rename if each not in labels]
    if unknown:
        raise BadInput(
            f"{', '.join(unknown)}: there is no such difference between the two lists any more. Nothing was changed.",
            code="options_differ",
            field="add",
            fix="Compare the lists again.",
        )
    if not new and not labels:
        raise BadInput("No option is chosen.", code="nothing_chosen", field="add", fix="Choose what to change.")
    await hubspot.change_options(SPECS[slug].hubspot_type, property_, new, labels)
    schemas = await read_schemas(hubspot, salesforce, objects_on(connection))
    await keep_schemas(store, connection.id, schemas)
    async with store.write(connection.id) as tx:
        await mapping_drift.note_in(tx, schemas, objects_on(connection))
        await try_again(tx, slug, property_)
        await schedule.ring(tx)
        changed = [each.value for each in new] + list(labels)
        await record(
            tx, by, "options_changed", f"connection:{connection.id}", object=slug, property=property_, options=changed
        )
        return await _compared(tx, schemas, slug, property_)


async def _read(slug: str, hubspot: HubSpotClient, salesforce: SalesforceClient) -> Schemas:
    spec = SPECS[slug]
    fields = {type_: await salesforce.describe(type_) for type_ in spec.salesforce_types}
    return Schemas({spec.hubspot_type: await hubspot.properties(spec.hubspot_type)}, fields, [], [], [])


async def _compared(tx: Tx, schemas: Schemas, slug: str, property_: str) -> Compared:
    """Of all fields that the property is mapped to. Raises Missing."""
    types = {row.id: row for row in await mappings.object_mappings(tx) if row.object == slug}
    rows = [
        (types[row.object_mapping_id], row)
        for row in await mappings.field_mappings(tx)
        if row.object_mapping_id in types and row.property == property_
    ]
    found = compared_of(schemas, await mapping_drift.known(tx), slug, property_, rows)
    if found is None:
        raise Missing(
            f"{property_} is no list that is mapped to a picklist.",
            code="no_such_list",
            fix="Name a property whose mapping joins a list with a picklist, and syncs.",
        )
    return found


def compared_of(
    schemas: Schemas,
    known: mapping_drift.Known,
    slug: str,
    property_: str,
    rows: Iterable[tuple[ObjectMappingRow, FieldMappingRow]],
) -> Compared | None:
    """By these mappings of the property. None: none of them joins a list with a picklist, and syncs. Pure."""
    fields: list[str] = []
    to_add: dict[str, Option] = {}
    to_rename: dict[str, Renamed] = {}
    only_here: dict[str, None] = {}
    options: dict[str, None] = {}
    values: dict[str, None] = {}
    joined: dict[str, str] = {}
    for of, row in rows:
        pair = None if row.rule == SyncRule.DONT_SYNC.value else pair_of(schemas, of, row)
        if pair is None:
            continue
        fields.append(f"{of.salesforce_type}.{row.field}")
        for value, label in pair.lacking_in_hubspot().items():
            to_add.setdefault(value, Option(value, label))
        for value, before in known.since(mapping_drift.key_of(of, row), pair).renamed.items():
            if (option := pair.option_of(value)) is not None:
                to_rename[option] = Renamed(option, before, pair.values[value])
        only_here |= dict.fromkeys(pair.lacking_in_salesforce())
        options |= dict.fromkeys(pair.only_here())
        values |= dict.fromkeys(pair.only_there())
        joined |= pair.said_same()
    if not fields:
        return None
    return Compared(
        slug,
        property_,
        tuple(fields),
        tuple(to_add.values()),
        tuple(to_rename.values()),
        tuple(only_here),
        (tuple(options), tuple(values)),
        joined,
    )


async def join(
    store: Store,
    connection: Connection,
    slug: str,
    property_: str,
    said: Mapping[str, str],
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    by: By = BY_COMMAND,
) -> Compared:
    """Call these HubSpot options these Salesforce values from now on, in place of what was said before; "" parts an option again.
    Raises BadInput for what has a namesake of its own, or is not there, Missing, CrmError."""
    assert connection.id is not None
    schemas = await _read(slug, hubspot, salesforce)
    wanted = {option: value for option, value in said.items() if value}
    async with store.write(connection.id) as tx:
        check_joined(await _compared(tx, schemas, slug, property_), wanted)
        types = {row.id for row in await mappings.object_mappings(tx) if row.object == slug}
        for row in await mappings.field_mappings(tx):
            if row.object_mapping_id in types and row.property == property_:
                row.definition = {**row.definition, VALUES: wanted}
                await mappings.save_field_mapping(tx, row)
        await try_again(tx, slug, property_)
        await schedule.ring(tx)
        told = [f"{option}={value}" for option, value in wanted.items()]
        await record(
            tx, by, "options_joined", f"connection:{connection.id}", object=slug, property=property_, options=told
        )
        return await _compared(tx, schemas, slug, property_)


def check_joined(before: Compared, wanted: Mapping[str, str]) -> None:
    """Raises BadInput."""
    options = {*before.to_join[0], *before.joined}
    values = {*before.to_join[1], *before.joined.values()}
    wrong = [f"{option} = {value}" for option, value in wanted.items() if option not in options or value not in values]
    if wrong or len(set(wanted.values())) != len(wanted):
        raise BadInput(
            f"These cannot be called the same: {', '.join(wrong or wanted)}.",
            code="values_not_joined",
            field="join",
            fix="Join one option that Salesforce has no value for with one value that HubSpot has no option for.",
        )


async def try_again(tx: WriteTx, slug: str, property_: str) -> None:
    """Records that wait for an option of this property."""
    place: str | None = None
    while True:
        page, place = await issues.list_(tx, object=slug, code=NO_OPTION, cursor=place, limit=_ISSUES_A_PAGE)
        due = [key for issue in page if issue.property == property_ and (key := _key_of(slug, issue)) is not None]
        if due:
            await dirty.mark(tx, slug, due, Reason.TRY_AGAIN, tx.now_us)
        if place is None:
            return


def _key_of(slug: str, issue: Issue) -> RecordKey | None:
    if issue.hubspot_id is not None:
        return RecordKey(Side.HUBSPOT, SPECS[slug].hubspot_type, issue.hubspot_id)
    if issue.salesforce_id is not None and issue.salesforce_type is not None:
        return RecordKey(Side.SALESFORCE, issue.salesforce_type, issue.salesforce_id)
    return None

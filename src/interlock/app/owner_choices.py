"""What a person chose about owners, brought into the compiled mappings: who gives way, who may change them, and where HubSpot
shows who owns a record in Salesforce. HubSpot's own owners cannot be made by a program, so a Salesforce owner whom HubSpot does not
know is seen there as text: an id and a name, in properties that are made when that is chosen (shown_properties.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from interlock.app.schemas import MAX_AGE_US, Schemas
from interlock.core.codec.owner import OwnerCodec, ShownOwnerCodec
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import SyncRule
from interlock.core.owner_merge import merge_owner
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import Queue
from interlock.engine.context import ObjectRuntime, Settings
from interlock.objects.choices import IN_HUBSPOT, IN_SALESFORCE, OWNER_CHANGES, OWNER_UNMATCHED, SALESFORCE
from interlock.objects.owners import OwnerDirectory, Person, match_owners
from interlock.objects.registry import SPECS
from interlock.store import Store, directory
from interlock.store.lease import Lease

# Where owners are changed on one side alone, the other may still name one where there is none: so "prefer", and not "always".
_RULES = {IN_SALESFORCE: SyncRule.PREFER_SALESFORCE, IN_HUBSPOT: SyncRule.PREFER_HUBSPOT}
# Of the queues in the directory of what the CRMs say of themselves.
QUEUES = "queues"
# The native integration's name of it, and one beside it that people can read.
OWNER_ID, OWNER_NAME = "salesforceownerid", "salesforceownername"
# Mapping ids above those of references (compile.py), two for each Salesforce type; they stay.
_ID_BASE = 1_100_000_000
_PLACES = {"Contact": 0, "Lead": 2, "Account": 4, "Opportunity": 6}


def stands_on_both(settings: Settings, slug: str) -> bool:
    return settings.chosen(OWNER_UNMATCHED, slug) == SALESFORCE


def names_owners(settings: Settings) -> bool:
    return any(stands_on_both(settings, slug) for slug in SPECS)


def directory_of(schemas: Schemas, settings: Settings) -> OwnerDirectory:
    return match_owners(
        [Person(owner.id, owner.email, not owner.archived) for owner in schemas.owners],
        [Person(user.id, user.email, user.is_active) for user in schemas.users],
        settings.owner_pairs,
    )


def choose_owners(runtime: ObjectRuntime, people: OwnerDirectory, settings: Settings) -> None:
    _change_fields(runtime, lambda _, fields: _as_chosen(fields, people, settings, runtime.slug))


def decided_as_chosen(mapping: ObjectMapping, schemas: Schemas, settings: Settings) -> ObjectMapping:
    """The same of one mapping, for a preview of it."""
    if not any(isinstance(field.codec, OwnerCodec) for field in mapping.fields):
        return mapping
    fields = _as_chosen(mapping.fields, directory_of(schemas, settings), settings, mapping.object)
    return msgspec.structs.replace(mapping, fields=tuple(fields))


def _as_chosen(
    fields: Sequence[FieldMapping], people: OwnerDirectory, settings: Settings, slug: str
) -> list[FieldMapping]:
    gives_way = stands_on_both(settings, slug)
    codec = people.codec(apart=gives_way)
    rule = _RULES.get(settings.chosen(OWNER_CHANGES, slug))
    return [
        _owner_field(field, codec, rule, gives_way) if isinstance(field.codec, OwnerCodec) else field
        for field in fields
    ]


def _owner_field(field: FieldMapping, codec: OwnerCodec, rule: SyncRule | None, gives_way: bool) -> FieldMapping:
    # A mapping that a person switched off stays off.
    ruled = field.rule if rule is None or field.rule is SyncRule.DONT_SYNC else rule
    return msgspec.structs.replace(field, codec=codec, rule=ruled, decided_by=partial(merge_owner, codec, gives_way))


def _change_fields(
    runtime: ObjectRuntime, change: Callable[[str, Sequence[FieldMapping]], Sequence[FieldMapping]]
) -> None:
    """By the Salesforce type. In the mapping of each pipeline as well: deals are decided by those."""

    def changed(mapping: ObjectMapping) -> ObjectMapping:
        fields = change(mapping.salesforce_type, mapping.fields)
        return msgspec.structs.replace(mapping, fields=tuple(fields))

    runtime.mappings = {type_: changed(mapping) for type_, mapping in runtime.mappings.items()}
    runtime.in_pipelines = {id_: changed(mapping) for id_, mapping in runtime.in_pipelines.items()}


def show_owners(runtime: ObjectRuntime, schemas: Schemas, settings: Settings, queues: Sequence[Queue]) -> None:
    """Not over a mapping of somebody's, nor where HubSpot lets nobody write (its own integration's property)."""
    if not stands_on_both(settings, runtime.slug):
        return
    names = {user.id: user.name for user in schemas.users} | {queue.id: queue.name for queue in queues}
    codecs = {OWNER_ID: ShownOwnerCodec(), OWNER_NAME: ShownOwnerCodec(names)}
    for type_ in [each for each in runtime.mappings if schemas.field_named(each, "OwnerId") is not None]:
        mapped = {each.property for each in runtime.mappings[type_].fields}
        shown = []
        for number, (name, codec) in enumerate(codecs.items()):
            there = schemas.property_named(runtime.spec.hubspot_type, name)
            if there is None or there.read_only or name in mapped:
                continue
            shown.append(
                FieldMapping(
                    id=_ID_BASE + _PLACES[type_] + number,
                    property=name,
                    field="OwnerId",
                    rule=SyncRule.ALWAYS_SALESFORCE,
                    codec=codec,
                    salesforce_createable=False,
                    salesforce_updateable=False,
                )
            )
            _read_too(runtime.hubspot_properties, name)
            _read_too(runtime.salesforce_fields[type_], "OwnerId")
        _change_fields(runtime, partial(_with_shown, type_, shown))


def _with_shown(
    type_: str, shown: Sequence[FieldMapping], of: str, fields: Sequence[FieldMapping]
) -> Sequence[FieldMapping]:
    return [*fields, *shown] if of == type_ else fields


def _read_too(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)


async def kept_queues(
    store: Store, connection_id: int, salesforce: SalesforceClient | None, lease: Lease | None = None
) -> list[Queue]:
    """Salesforce's queues. Without `salesforce` those that were read last. Raises CrmError."""
    async with store.read(connection_id) as tx:
        kept = await directory.get(tx, QUEUES, None if salesforce is None else MAX_AGE_US)
    if kept is not None or salesforce is None:
        return msgspec.convert(kept or [], list[Queue])
    found = await salesforce.queues()
    async with store.write(connection_id, lease) as tx:
        await directory.put(tx, QUEUES, msgspec.to_builtins(found))
    return found

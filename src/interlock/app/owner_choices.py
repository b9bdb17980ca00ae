"""What a person chose about owners, brought into the compiled mapping of the owner: who gives way, and who may change it."""

from __future__ import annotations

from functools import partial

import msgspec

from interlock.app.schemas import Schemas
from interlock.core.codec.owner import OwnerCodec
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import SyncRule
from interlock.core.owner_merge import merge_owner
from interlock.engine.context import ObjectRuntime, Settings
from interlock.objects.choices import IN_HUBSPOT, IN_SALESFORCE, OWNER_CHANGES, OWNER_UNMATCHED, SALESFORCE
from interlock.objects.owners import OwnerDirectory, Person, match_owners

# Where owners are changed on one side alone, the other may still name one where there is none: so "prefer", and not "always".
_RULES = {IN_SALESFORCE: SyncRule.PREFER_SALESFORCE, IN_HUBSPOT: SyncRule.PREFER_HUBSPOT}


def directory_of(schemas: Schemas, settings: Settings) -> OwnerDirectory:
    return match_owners(
        [Person(owner.id, owner.email, not owner.archived) for owner in schemas.owners],
        [Person(user.id, user.email, user.is_active) for user in schemas.users],
        settings.owner_pairs,
    )


def choose_owners(runtime: ObjectRuntime, directory: OwnerDirectory, settings: Settings) -> None:
    gives_way = settings.chosen(OWNER_UNMATCHED, runtime.slug) == SALESFORCE
    codec = directory.codec(apart=gives_way)
    rule = _RULES.get(settings.chosen(OWNER_CHANGES, runtime.slug))
    for type_, mapping in runtime.mappings.items():
        fields = tuple(
            _owner_field(field, codec, rule, gives_way) if isinstance(field.codec, OwnerCodec) else field
            for field in mapping.fields
        )
        runtime.mappings[type_] = ObjectMapping(mapping.id, mapping.object, mapping.salesforce_type, fields)


def _owner_field(field: FieldMapping, codec: OwnerCodec, rule: SyncRule | None, gives_way: bool) -> FieldMapping:
    # A mapping that a person switched off stays off.
    ruled = field.rule if rule is None or field.rule is SyncRule.DONT_SYNC else rule
    return msgspec.structs.replace(field, codec=codec, rule=ruled, decided_by=partial(merge_owner, codec, gives_way))

"""What Interlock makes in the two CRMs when they are joined: both halves of the sync key, and properties that mappings need.

Looks first and makes only what is missing, so it can be run again after any failure. Writes no record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from interlock.app.package.deploy import Progress
from interlock.app.package.install import install
from interlock.app.package.kept import Keeping
from interlock.app.package.parts import Address
from interlock.app.schemas import Schemas
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import NewProperty, Option
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.context import (
    HUBSPOT_DELETED_PROPERTY,
    HUBSPOT_ID_PROPERTY,
    HUBSPOT_LINK_PROPERTY,
    SALESFORCE_CREATION_KEY,
)
from interlock.objects.registry import SPECS
from interlock.objects.spec import ObjectSpec

GROUP = "salesforceinformation"
GROUP_LABEL = "Salesforce Information"
WITHOUT_SITES = Address(None, "`interlock package install` trusts this Interlock's address")


class Missing(msgspec.Struct):
    """What has to be made. Properties by HubSpot object; creation keys by Salesforce object."""

    properties: list[tuple[str, NewProperty]]
    creation_keys: list[str]

    def __bool__(self) -> bool:
        return bool(self.properties or self.creation_keys)

    def names(self) -> dict[str, list[str]]:
        """As a person reads them, by side."""
        return {
            "hubspot": [f"{object_}.{new.name}" for object_, new in self.properties],
            "salesforce": [f"{type_}.{SALESFORCE_CREATION_KEY}" for type_ in self.creation_keys],
        }


def missing(schemas: Schemas, objects: Sequence[str]) -> Missing:
    """What syncing needs. A creation key that the sync user cannot see and write counts as missing: it may be there and not be
    granted."""
    return _missing(schemas, objects, ())


def missing_with_shown(schemas: Schemas, objects: Sequence[str], pages_at: str | None) -> Missing:
    """With the properties that are for people to see. `pages_at`: where they reach the pages; without it records are told no link
    to theirs."""
    return _missing(schemas, objects, (*((_LINK_PROPERTY,) if pages_at else ()), _DELETED_PROPERTY))


def _missing(schemas: Schemas, objects: Sequence[str], shown: Sequence[NewProperty]) -> Missing:
    found = Missing([], [])
    for slug in objects:
        spec = SPECS[slug]
        for new in (_ID_PROPERTY, *shown, *default_properties(schemas, spec)):
            if schemas.property_named(spec.hubspot_type, new.name) is None:
                found.properties.append((spec.hubspot_type, new))
        for type_ in spec.salesforce_types:
            field = schemas.field_named(type_, SALESFORCE_CREATION_KEY)
            if field is None or not field.createable:
                found.creation_keys.append(type_)
    return found


def unfit(schemas: Schemas, objects: Sequence[str]) -> list[tuple[str, str]]:
    """Key fields of our name that cannot serve: (side, name). Somebody made them by hand, or changed them."""
    found = []
    for slug in objects:
        spec = SPECS[slug]
        property_ = schemas.property_named(spec.hubspot_type, HUBSPOT_ID_PROPERTY)
        if property_ is not None and not (property_.has_unique and property_.type == "string"):
            found.append(("hubspot", f"{spec.hubspot_type}.{HUBSPOT_ID_PROPERTY}"))
        for type_ in spec.salesforce_types:
            field = schemas.field_named(type_, SALESFORCE_CREATION_KEY)
            if field is not None and not (field.unique and field.external_id):
                found.append(("salesforce", f"{type_}.{SALESFORCE_CREATION_KEY}"))
    return found


async def make(
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    user_id: str,
    needed: Missing,
    clock_us: Callable[[], int],
    progress: Progress,
    keeper: Keeping,
) -> list[str]:
    """In Salesforce the package is deployed as a whole, but for the sites: see docs/adr/0016. `user_id`: whom the sync works as.
    Gives the Salesforce fields that were not there before. Raises CrmError, PackageFailed."""
    for object_ in dict.fromkeys(object_ for object_, _ in needed.properties):
        await hubspot.create_group(object_, GROUP, GROUP_LABEL)
    for object_, new in needed.properties:
        await hubspot.create_property(object_, new)
    if not needed.creation_keys:
        return []
    installed = await install(salesforce, keeper, user_id, WITHOUT_SITES, clock_us, progress)
    return installed.before.missing_fields()


_ID_PROPERTY = NewProperty(
    HUBSPOT_ID_PROPERTY,
    "Interlock Salesforce ID",
    group=GROUP,
    description="The Salesforce record that this record is linked with. Written by Interlock.",
    has_unique=True,
)


_LINK_PROPERTY = NewProperty(
    HUBSPOT_LINK_PROPERTY,
    "Interlock link",
    group=GROUP,
    description="The page of this record in Interlock: both sides, the history, and Sync now. Written by Interlock.",
)


_DELETED_PROPERTY = NewProperty(
    HUBSPOT_DELETED_PROPERTY,
    "Salesforce Deleted",
    "bool",
    "booleancheckbox",
    GROUP,
    description="Whether the Salesforce record was deleted while this one stays. Written by Interlock.",
    options=(Option("true", "Yes"), Option("false", "No")),
)


def default_properties(schemas: Schemas, spec: ObjectSpec) -> list[NewProperty]:
    """Properties that shipped mappings need and HubSpot does not ship; an enumeration takes over the picklist's values."""
    found = []
    for default in spec.mappings:
        new = default.new_property
        if new is None:
            continue
        options = _options(schemas, default.fields) if new.type == "enumeration" else ()
        if new.type == "enumeration" and not options:
            continue
        found.append(NewProperty(default.property, new.label, new.type, new.field_type, GROUP, options=options))
    return found


def _options(schemas: Schemas, fields: dict[str, str]) -> tuple[Option, ...]:
    found: dict[str, Option] = {}
    for type_, name in fields.items():
        field = schemas.field_named(type_, name)
        for value, label in field.picklist_values if field is not None else ():
            found.setdefault(value, Option(value, label))
    return tuple(found.values())

"""The properties in which a contact shows what its newest opportunity says, where a person chose that, brought into the compiled
mappings. What they read is put beside the values of the Salesforce contact (engine/newest_opportunity.py).

HubSpot's own integration fills four such properties (reference: HubSpot's knowledge base of 2016), of which the name of one is
known: `salesforceopportunitystage`. The others are called after it.
"""

from __future__ import annotations

import msgspec

from interlock.app.schemas import Schemas
from interlock.core.codec import FieldShape, Mismatch, codec_for
from interlock.core.mapping import FieldMapping
from interlock.core.model import SyncRule
from interlock.engine.context import ObjectRuntime, Settings
from interlock.engine.newest_opportunity import FIELDS
from interlock.objects.choices import NEWEST_OPPORTUNITY, ON

NAME, STAGE = "salesforceopportunityname", "salesforceopportunitystage"
AMOUNT, CLOSE_DATE = "salesforceopportunityamount", "salesforceopportunityclosedate"
# Property -> its type in HubSpot, the field, the field's type in Salesforce; in the order of FIELDS.
_SHOWN = {
    NAME: ("string", "text", "string"),
    STAGE: ("string", "text", "string"),
    AMOUNT: ("number", "number", "currency"),
    CLOSE_DATE: ("date", "date", "date"),
}
# Mapping ids above those of shown owners (owner_choices.py); they stay.
_ID_BASE = 1_200_000_000
_TYPE = "Contact"


def show_newest_opportunity(runtime: ObjectRuntime, schemas: Schemas, settings: Settings) -> None:
    """Not over a mapping of somebody's, nor where HubSpot lets nobody write, nor into a property that is of another type."""
    if settings.chosen(NEWEST_OPPORTUNITY, runtime.slug) != ON or not runtime.syncs(_TYPE):
        return
    whole = runtime.mappings[_TYPE]
    mapped = {each.property for each in whole.fields}
    # Of an org with several currencies an amount without its currency says nothing.
    left = {AMOUNT} if schemas.field_named(_TYPE, "CurrencyIsoCode") is not None else set()
    shown = []
    for number, ((name, (type_, field_type, of)), field) in enumerate(zip(_SHOWN.items(), FIELDS, strict=True)):
        there = schemas.property_named(runtime.spec.hubspot_type, name)
        if there is None or there.read_only or there.type != type_ or name in mapped or name in left:
            continue
        codec = codec_for(FieldShape(hubspot_type=type_, hubspot_field_type=field_type, salesforce_type=of))
        assert not isinstance(codec, Mismatch)
        shown.append(
            FieldMapping(
                id=_ID_BASE + number,
                property=name,
                field=field,
                rule=SyncRule.ALWAYS_SALESFORCE,
                codec=codec,
                salesforce_createable=False,
                salesforce_updateable=False,
            )
        )
        if name not in runtime.hubspot_properties:
            runtime.hubspot_properties.append(name)
    runtime.newest_opportunity = tuple(each.field for each in shown)
    runtime.mappings[_TYPE] = msgspec.structs.replace(whole, fields=(*whole.fields, *shown))

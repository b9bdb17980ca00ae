"""The part of the table of the JSON API's addresses that is about what mappings do to pairs and properties that are there."""

from __future__ import annotations

from interlock.app.people.roles import Action
from interlock.web.address import Operation
from interlock.web.api import backfills, property_options

_OBJECT = "/api/v1/connections/{connection}/objects/{object}"

PROPERTIES = (
    Operation(
        "GET",
        f"{_OBJECT}/backfill",
        Action.SEE,
        backfills.show,
        name="show_backfill",
        summary="How far the last backfill of an object is. Calls no CRM.",
        answers="backfill-state",
        tag="mappings",
    ),
    Operation(
        "POST",
        f"{_OBJECT}/backfill",
        Action.CONFIGURE,
        backfills.begin,
        name="begin_backfill",
        summary="Let every linked pair of an object take up what is mapped now, or stop that. plan_object shows what it does.",
        answers="backfill-state",
        body=backfills.Backfilling,
        again="One that is under way begins anew; to stop twice is to stop once.",
        tag="mappings",
    ),
    Operation(
        "GET",
        f"{_OBJECT}/options/{{property}}",
        Action.CONFIGURE,
        property_options.show,
        name="compare_options",
        summary="The options of a HubSpot property beside the values of the picklist that it is mapped to, read now.",
        answers="options",
        calls=True,
        tag="mappings",
    ),
    Operation(
        "POST",
        f"{_OBJECT}/options/{{property}}",
        Action.CONFIGURE,
        property_options.change,
        name="change_options",
        summary="Add options that HubSpot lacks, or give some the picklist's label. None is taken away. Answers what is left.",
        answers="options",
        body=property_options.ChangingOptions,
        again="What was added is no difference any more (422).",
        calls=True,
        tag="mappings",
    ),
    Operation(
        "GET",
        f"{_OBJECT}/properties",
        Action.CONFIGURE,
        property_options.missing,
        name="list_missing_properties",
        summary="Salesforce fields that HubSpot has no property for, with the property that would be made. Calls no CRM.",
        answers="missing-properties",
        tag="mappings",
    ),
    Operation(
        "POST",
        f"{_OBJECT}/properties",
        Action.CONFIGURE,
        property_options.make,
        name="make_property",
        summary="Make the HubSpot property of such a field. It is mapped by save_mappings.",
        answers="missing-properties",
        body=property_options.MakingProperty,
        again="It is there already (422).",
        calls=True,
        tag="mappings",
    ),
)

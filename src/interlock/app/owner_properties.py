"""The properties in which HubSpot shows who owns a record in Salesforce. Made when somebody chooses that Salesforce's owner stands
on both sides; filled by the mappings of owner_choices.py."""

from __future__ import annotations

from interlock.app.key_fields import GROUP, GROUP_LABEL
from interlock.app.owner_choices import OWNER_ID, OWNER_NAME
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import NewProperty
from interlock.objects.registry import SPECS

PROPERTIES = (
    NewProperty(OWNER_ID, "Salesforce Owner ID", group=GROUP),
    NewProperty(OWNER_NAME, "Salesforce Owner", group=GROUP),
)


async def make_properties(hubspot: HubSpotClient, slug: str) -> None:
    """Those that are there already are fine. Raises CrmError."""
    type_ = SPECS[slug].hubspot_type
    await hubspot.create_group(type_, GROUP, GROUP_LABEL)
    for new in PROPERTIES:
        await hubspot.create_property(type_, new)

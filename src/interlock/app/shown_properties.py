"""HubSpot properties that only show what Salesforce says, made when somebody chooses that: who owns a record there (filled by
the mappings of owner_choices.py), and what a contact's newest opportunity says (opportunity_choice.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.app.key_fields import GROUP, GROUP_LABEL
from interlock.app.opportunity_choice import AMOUNT, CLOSE_DATE, NAME, STAGE
from interlock.app.owner_choices import OWNER_ID, OWNER_NAME
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import NewProperty
from interlock.engine.context import Settings
from interlock.objects.choices import NEWEST_OPPORTUNITY, ON, OWNER_UNMATCHED, SALESFORCE, ChoiceOf
from interlock.objects.registry import SPECS

# The choice, the value with which they are needed, and what is made.
_MADE: tuple[tuple[ChoiceOf, str, tuple[NewProperty, ...]], ...] = (
    (
        OWNER_UNMATCHED,
        SALESFORCE,
        (
            NewProperty(OWNER_ID, "Salesforce Owner ID", group=GROUP),
            NewProperty(OWNER_NAME, "Salesforce Owner", group=GROUP),
        ),
    ),
    (
        NEWEST_OPPORTUNITY,
        ON,
        (
            NewProperty(NAME, "Opportunity Name", group=GROUP),
            NewProperty(STAGE, "Opportunity Stage", group=GROUP),
            NewProperty(AMOUNT, "Opportunity Amount", "number", "number", GROUP),
            NewProperty(CLOSE_DATE, "Opportunity Close Date", "date", "date", GROUP),
        ),
    ),
)


def needed(chosen: Mapping[str, str]) -> tuple[NewProperty, ...]:
    """By the choices for an object, by name."""
    return tuple(new for choice, value, properties in _MADE if chosen.get(choice.name) == value for new in properties)


def to_make(settings: Settings, object_: str, chosen: Mapping[str, str]) -> tuple[NewProperty, ...]:
    """Those that a person's new choices for an object need; what was chosen before has made its own."""
    before = {choice.name: settings.chosen(choice, object_) for choice, _, _ in _MADE}
    return needed({name: value for name, value in chosen.items() if before.get(name) != value})


async def make_properties(hubspot: HubSpotClient, slug: str, new: Sequence[NewProperty]) -> None:
    """Those that are there already are fine. Raises CrmError."""
    type_ = SPECS[slug].hubspot_type
    await hubspot.create_group(type_, GROUP, GROUP_LABEL)
    for each in new:
        await hubspot.create_property(type_, each)

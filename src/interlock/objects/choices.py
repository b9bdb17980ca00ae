"""What a person may choose for an object beside what is created and which records sync: each choice once, with its values.

Declared here, kept with the connection under `choices`, shown and saved by the object's tab and the API as it stands here
(app/what_syncs.py), read by the engine through `Settings.chosen`. Page texts are web/pages/choice_texts.py.
"""

from __future__ import annotations

import msgspec

from interlock.core.model import Side


class ChoiceOf(msgspec.Struct, frozen=True):
    """`values`: the first is what holds where nobody chose."""

    name: str
    values: tuple[str, ...]
    objects: tuple[str, ...]
    # Values with which a sync may create, change or delete what it left alone before: seen in a preview before they are saved.
    widening: frozenset[str] = frozenset()

    @property
    def default(self) -> str:
        return self.values[0]


NOTHING, IN_HUBSPOT, IN_SALESFORCE, BOTH = "nothing", "in_hubspot", "in_salesforce", "both"

# Where a record is deleted because its counterpart was.
DELETES = ChoiceOf(
    "deletes",
    (NOTHING, IN_HUBSPOT, IN_SALESFORCE, BOTH),
    ("contacts", "companies", "deals"),
    frozenset({IN_HUBSPOT, IN_SALESFORCE, BOTH}),
)

PROPOSE, AUTOMATIC = "propose", "automatic"

# What becomes of two HubSpot records whose Salesforce records were merged. Opportunities cannot be.
MERGES = ChoiceOf("merges", (PROPOSE, NOTHING, AUTOMATIC), ("contacts", "companies"), frozenset({AUTOMATIC}))

# The sides on which a record goes when its counterpart was deleted.
DELETES_IN: dict[str, tuple[Side, ...]] = {
    NOTHING: (),
    IN_HUBSPOT: (Side.HUBSPOT,),
    IN_SALESFORCE: (Side.SALESFORCE,),
    BOTH: (Side.HUBSPOT, Side.SALESFORCE),
}

OFF, ON = "off", "on"

# Whether a role in an open or a won opportunity moves its contact's lifecycle stage.
LIFECYCLE_TRANSITIONS = ChoiceOf("lifecycle_transitions", (OFF, ON), ("contacts",), frozenset({ON}))

# Whether a contact shows in HubSpot what its newest opportunity says.
NEWEST_OPPORTUNITY = ChoiceOf("newest_opportunity", (OFF, ON), ("contacts",), frozenset({ON}))

KEEP, SALESFORCE = "keep", "salesforce"

# What becomes of a HubSpot owner who cannot own in Salesforce: each side keeps its own, or Salesforce's stands on both.
OWNER_UNMATCHED = ChoiceOf(
    "owner_unmatched", (KEEP, SALESFORCE), ("contacts", "companies", "deals"), frozenset({SALESFORCE})
)
# Where an owner may be changed: anywhere, as the rule of the field says, or on one side alone.
OWNER_CHANGES = ChoiceOf(
    "owner_changes",
    (BOTH, IN_SALESFORCE, IN_HUBSPOT),
    ("contacts", "companies", "deals"),
    # Also back to both: what was changed on the other side alone was left alone before.
    frozenset({BOTH, IN_SALESFORCE, IN_HUBSPOT}),
)

STICKY, LATEST_MODIFIED = "sticky", "latest_modified"

# Which of several leads or contacts with one address syncs.
DUPLICATES = ChoiceOf("duplicates", (STICKY, LATEST_MODIFIED), ("contacts",), frozenset({LATEST_MODIFIED}))

ALL, WITH_CONTACTS = "all", "contacts"

# Which companies become accounts by themselves: all, or those of which a contact is a contact in Salesforce.
ACCOUNTS_FOR = ChoiceOf("accounts_for", (ALL, WITH_CONTACTS), ("companies",), frozenset({ALL}))

# Whether the roles of an opportunity's contacts are labels of the deal's contacts, and the other way round.
ROLE_LABELS = ChoiceOf("role_labels", (NOTHING, BOTH), ("deals",), frozenset({BOTH}))

CHOICES = (
    ACCOUNTS_FOR,
    DELETES,
    MERGES,
    DUPLICATES,
    ROLE_LABELS,
    LIFECYCLE_TRANSITIONS,
    NEWEST_OPPORTUNITY,
    OWNER_UNMATCHED,
    OWNER_CHANGES,
)


def choices_of(object_: str) -> tuple[ChoiceOf, ...]:
    return tuple(each for each in CHOICES if object_ in each.objects)

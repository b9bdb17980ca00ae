"""What a person may choose for an object beside what is created and which records sync: each choice once, with its values.

Declared here, kept with the connection under `choices`, shown and saved by the object's tab and the API as it stands here
(app/what_syncs.py), read by the engine through `Settings.chosen`. Page texts are web/pages/choice_texts.py.
"""

from __future__ import annotations

import msgspec


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

# Whether the roles of an opportunity's contacts are labels of the deal's contacts, and the other way round.
ROLE_LABELS = ChoiceOf("role_labels", (NOTHING, BOTH), ("deals",), frozenset({BOTH}))

CHOICES = (DELETES, ROLE_LABELS)


def choices_of(object_: str) -> tuple[ChoiceOf, ...]:
    return tuple(each for each in CHOICES if object_ in each.objects)

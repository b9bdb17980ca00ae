"""Two lists that are mapped to each other: what each lacks of the other, and what has changed in Salesforce's since it was last
known. Pure.

Values are joined as the codec joins them (codec/choice.py): by value, spelling aside. A change counts for as long as it matters: a
value that came, until HubSpot has an option for it; one that went, until HubSpot offers it no more; another label, until HubSpot
shows it, or a name that somebody chose there.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from interlock.core.codec import FieldShape, unmatched_options
from interlock.core.codec.choice import align

Labels = Mapping[str, str]  # label by value


class ListPair(msgspec.Struct, frozen=True):
    """`options` of the HubSpot property, `values` of the Salesforce picklist. `into_hubspot`, `into_salesforce`: whether the rule
    lets a value that only the other side has get there, and be refused."""

    options: dict[str, str]
    values: dict[str, str]
    into_hubspot: bool = True
    into_salesforce: bool = True
    joined: dict[str, str] = {}  # value by option, as a person said

    def lacking_in_hubspot(self) -> dict[str, str]:
        """With their labels, in the order of the picklist."""
        return {value: self.values[value] for value in self._unmatched()[1]} if self.into_hubspot else {}

    def lacking_in_salesforce(self) -> tuple[str, ...]:
        return self._unmatched()[0] if self.into_salesforce else ()

    def said_same(self) -> dict[str, str]:
        """Value by option, of what a person said, as far as it holds."""
        return {option: value for option, value in self._aligned().items() if self.joined.get(option) == value}

    def only_here(self) -> tuple[str, ...]:
        """Options that Salesforce has no value for, whether or not it would refuse them."""
        return self._unmatched()[0]

    def only_there(self) -> tuple[str, ...]:
        return self._unmatched()[1]

    def option_of(self, value: str) -> str | None:
        """The HubSpot option that a Salesforce value is joined with."""
        if value in self.options:
            return value
        joined = {there: here for here, there in self._aligned().items()}
        return joined.get(value)

    def _aligned(self) -> dict[str, str]:
        return align(tuple(self.options), tuple(self.values), tuple(self.joined.items()))

    def _unmatched(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        # An empty list is one that the CRM does not tell, not one that allows nothing.
        if not self.options or not self.values:
            return (), ()
        return unmatched_options(
            FieldShape(
                hubspot_type="enumeration",
                hubspot_field_type="select",
                salesforce_type="picklist",
                hubspot_options=tuple(self.options),
                picklist=tuple(self.values),
                joined=tuple(self.joined.items()),
            )
        )


class Drifted(msgspec.Struct, frozen=True):
    """What changed in the picklist and still matters. `renamed`: the label that a value had before, by value."""

    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()
    renamed: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.came or self.went or self.renamed)


def drifted(before: Labels, pending: Drifted, now: ListPair) -> Drifted:
    """`before`: the picklist as it was last known; `pending`: what had changed by then and mattered still."""
    if not now.values:
        return pending  # it is not told now: nothing follows
    lacking, left = now.lacking_in_hubspot(), now.lacking_in_salesforce()
    came = dict.fromkeys([*pending.came, *(value for value in now.values if value not in before)])
    went = dict.fromkeys([*pending.went, *(value for value in before if value not in now.values)])
    relabelled = {value: label for value, label in before.items() if now.values.get(value, label) != label}
    return Drifted(
        tuple(value for value in came if value in lacking),
        tuple(value for value in went if value in left),
        {value: label for value, label in {**relabelled, **pending.renamed}.items() if _still_shown(now, value, label)},
    )


def _still_shown(now: ListPair, value: str, label: str) -> bool:
    """Whether HubSpot still shows the label that the value had in Salesforce before."""
    option = now.option_of(value)
    shown = None if option is None else now.options[option]
    return shown == label and now.values.get(value, label) != label

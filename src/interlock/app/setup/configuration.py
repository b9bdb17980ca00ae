"""The step that chooses how much to choose: *Recommended* goes straight to the review, *Advanced* through the steps between.

Also what becomes of Salesforce fields that no HubSpot property holds: a property for each, against what the account has room
for, or left out. The properties are made at the finish.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

from interlock.app.errors import BadInput
from interlock.app.new_properties import Offer, offers
from interlock.app.setup import state
from interlock.app.setup.connecting import Found
from interlock.app.setup.draft import Choices, Missing, to_make
from interlock.objects.registry import SPECS
from interlock.store.setups import Setup

slug = "configuration"


class Values(msgspec.Struct, frozen=True):
    """`which` empty: not chosen yet."""

    which: Literal["", "recommended", "advanced"] = ""
    missing: Missing = "create"


class Lacking(msgspec.Struct, frozen=True):
    """Properties that one object would get, those its shipped pairs need included. `left` None: HubSpot does not tell."""

    object: str
    offers: list[Offer]
    count: int
    left: int | None

    @property
    def fits(self) -> bool:
        return self.left is None or self.count <= self.left


def values_of(setup: Setup) -> Values:
    return state.kept(setup, slug, Values)


def advanced(setup: Setup) -> bool:
    return values_of(setup).which == "advanced"


def applies(setup: Setup) -> bool:
    return True


def done(setup: Setup) -> bool:
    return bool(values_of(setup).which)


def lacking(found: Found, listed: Collection[str] = ()) -> list[Lacking]:
    """By object, only those that lack something. `listed`: objects whose mapping list was brought, which says what syncs."""
    whole = found.draft(Choices())
    lacked = []
    for object_ in SPECS:
        if object_ in listed:
            continue
        new = [
            each
            for each in offers(found.schemas, object_, found.kept_back)
            if each.new is not None and each.sensitive is None
        ]
        # One more is Interlock's own id property, which an account that was connected before has already.
        count = len(whole.new_properties([object_])) + 1
        if new:
            lacked.append(Lacking(object_, new, count, found.room.get(object_)))
    return lacked


def needed(found: Found) -> int:
    """How many properties are made whatever becomes of the others: for the shipped pairs, and for the links."""
    return len(to_make(found.schemas, found.draft(Choices(missing="leave_out"))))


def left(before: Values, typed: Values) -> Values:
    """*Save and leave*: nobody has looked whether there is room for what was chosen, so the step is still to be done."""
    return before if typed.missing == before.missing else Values("", typed.missing)


def check(values: Values, found: Found, listed: Collection[str] = ()) -> None:
    """Raises BadInput where the account has no room for what would be made."""
    if values.missing != "create":
        return
    for each in lacking(found, listed):
        if not each.fits:
            raise BadInput(
                f"{each.count} properties of {each.object} would be made, and the HubSpot account has room for {each.left}.",
                code="no_room_for_properties",
                field="missing",
                fix="Choose Leave them out: with Advanced, choose a rule for the fields you need. Or delete properties in HubSpot.",
            )

"""Tripwires: signs that a batch is an accident, checked before its first write. Pure: a reason to stop, or None."""

from __future__ import annotations

import msgspec

from interlock.core.model import Side


class Brake(msgspec.Struct, frozen=True):
    """Why a connection was stopped, in words for a person, and what releases it."""

    code: str
    reason: str
    fix: str


def empty_side(side: Side, object_: str, linked: int, missing: int, share: float, least: int) -> Brake | None:
    """Many linked records missing at once is a lost permission or a wrong account far more often than a clean-up.

    `linked`: pairs looked at in this batch; `missing`: of those, how many one side says are gone.
    """
    if missing < least or missing < linked * share:
        return None
    name = "HubSpot" if side is Side.HUBSPOT else "Salesforce"
    return Brake(
        "mass_delete",
        f"{missing} of {linked} linked {object_} looked at are gone in {name}.",
        f"Check in {name} that this is meant and that the sync user still sees these records; then run `interlock resume`.",
    )


def mass_delete(side: Side, object_: str, going: int, lately: int, least: int) -> Brake | None:
    """Records about to be deleted because their counterparts were. However many are looked at with them: each is one too many
    if it is an accident, and an accident may come in small pieces.

    `going`: in this batch; `lately`: within the day before it, since a person last looked.
    """
    if going == 0 or going + lately < least:
        return None
    name, other = ("HubSpot", "Salesforce") if side is Side.HUBSPOT else ("Salesforce", "HubSpot")
    return Brake(
        "mass_delete",
        f"{going} {object_} would be deleted in {name} because {other} deleted theirs; {lately} were within a day.",
        f"Check in {other} that this is meant; then run `interlock resume`. If not, restore them there first.",
    )


def mass_clear(side: Side, object_: str, writes: int, clears: int, share: float, least: int) -> Brake | None:
    """A batch most of whose writes blank values that were set: an import gone wrong on the other side."""
    if clears < least or clears < writes * share:
        return None
    name = "HubSpot" if side is Side.HUBSPOT else "Salesforce"
    return Brake(
        "mass_change",
        f"{clears} of {writes} field writes to {object_} in {name} would empty a value.",
        "Look at `interlock plan`; if the values should go, run `interlock resume`.",
    )


def oscillating(writes_in_window: int, limit: int) -> bool:
    """A field that we write again and again is being written back by somebody's automation."""
    return writes_in_window >= limit

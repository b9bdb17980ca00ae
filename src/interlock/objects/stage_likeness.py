"""Which stage of a HubSpot pipeline may stand for which of Salesforce where they read differently: what is suggested. Pure.

Nobody but the people who sell knows what a stage means. What both CRMs say of one is whether it closes a deal, won or lost, and how
likely a deal in it is won: a forecast counts by that. So what is left after equal names is joined by it, in the order of both
sides. It is a suggestion: it is shown, stage by stage, before anything goes by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from interlock.core.codec.stage import joined_by_label

# Two open stages further apart than this are not alike: a deal would count for a quarter more, or less, on the other side.
APART_MOST = 0.25


class StageOf(NamedTuple):
    """`key`: HubSpot's id of it, or the StageName. `chance`: from 0 to 1; None where its CRM does not say."""

    key: str
    label: str
    chance: float | None
    closed: bool
    won: bool


def by_name(here: Sequence[StageOf], there: Sequence[StageOf]) -> dict[str, str]:
    """HubSpot's id -> StageName, of those that read the same: as records hold it, else as Salesforce shows it."""
    found = joined_by_label([(each.key, each.label) for each in here], [each.key for each in there])
    shown = {each.label: each.key for each in there if each.key not in found.values()}
    left = [(each.key, each.label) for each in here if each.key not in found]
    return found | {key: shown[label] for key, label in joined_by_label(left, shown).items()}


def suggested(here: Sequence[StageOf], there: Sequence[StageOf]) -> dict[str, str]:
    """HubSpot's id -> StageName, of those that do not read the same and may mean the same."""
    named = by_name(here, there)
    left = [each for each in here if each.key not in named]
    free = [each for each in there if each.key not in named.values()]
    found: dict[str, str] = {}
    for won in (True, False):
        ours = [each for each in left if each.closed and each.won == won]
        theirs = [each for each in free if each.closed and each.won == won]
        # Of several ways to win or to lose nobody can tell which is which.
        if len(ours) == len(theirs) == 1:
            found[ours[0].key] = theirs[0].key
    return found | _nearest([each for each in left if not each.closed], [each for each in free if not each.closed])


class _Best(NamedTuple):
    """Of what was looked at so far: as many pairs as can be, and of those the ones that are least apart."""

    pairs: int
    apart: float
    joined: tuple[tuple[str, str], ...]


def _nearest(here: Sequence[StageOf], there: Sequence[StageOf]) -> dict[str, str]:
    """None crosses another: an earlier stage stays the earlier one."""
    before = [_Best(0, 0.0, ())] * (len(there) + 1)
    for ours in here:
        row = [before[0]]
        for n, theirs in enumerate(there, 1):
            best = _better(before[n], row[n - 1])
            if (apart := _apart(ours, theirs)) is not None:
                so_far = before[n - 1]
                with_both = _Best(so_far.pairs + 1, so_far.apart + apart, (*so_far.joined, (ours.key, theirs.key)))
                best = _better(best, with_both)
            row.append(best)
        before = row
    return dict(before[-1].joined)


def _better(one: _Best, other: _Best) -> _Best:
    return other if (other.pairs, -other.apart) > (one.pairs, -one.apart) else one


def _apart(ours: StageOf, theirs: StageOf) -> float | None:
    if ours.chance is None or theirs.chance is None:
        return None
    apart = round(abs(ours.chance - theirs.chance), 6)
    return apart if apart <= APART_MOST else None

"""What a seed is made of, and what was taken out of it: the whole input of one story.

A seed alone is a standard story. Shrinking (shrink.py) takes moves, crashes and kinds of faults out of it while it still
fails; what is left is small enough to read, and is kept as a regression test (found.py).
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tests.simulation.themes.theme import Theme

EVERYTHING = ("companies", "contacts", "deals")
CHOOSING_SHARE = 0.2


class Recipe(msgspec.Struct, frozen=True):
    seed: int
    themes: tuple[str, ...] = ()  # what somebody chose beside the defaults (themes/)
    without_moves: tuple[int, ...] = ()  # numbers of user moves
    without_faults: tuple[str, ...] = ()  # kinds, of the network and of the CRMs
    without_incidents: tuple[int, ...] = ()  # numbers of crashes and freezes
    clear_until: int = 0  # the request before which the network is well
    clear_from: int = 1_000_000_000  # and from which on it is
    counts: bool = False  # the first load notes whom HubSpot has from its first page on (engine/census.py)

    def chance(self, stream: str) -> random.Random:
        """A stream of its own for each purpose: to take something out of one leaves the others as they were."""
        return random.Random(f"{self.seed}:{stream}")

    @property
    def choices(self) -> dict[str, dict[str, str]]:
        """What a person chose beside the defaults (objects/choices.py): in one seed of five, where a delete goes; and by theme."""
        chance, chosen = self.chance("choices"), {}
        if chance.random() < CHOOSING_SHARE:
            chosen["deletes"] = {slug: chance.choice(("in_hubspot", "in_salesforce", "both")) for slug in self.objects}
        for theme in self.told:
            chosen |= theme.choices(self)
        return chosen

    @property
    def told(self) -> tuple[Theme, ...]:
        from tests.simulation.themes import THEMES  # themes judge stories, and a story has its recipe

        return tuple(THEMES[name] for name in self.themes)

    @property
    def objects(self) -> tuple[str, ...]:
        """Half of the seeds are about contacts alone, where most of the moves meet the same few records."""
        asked = {slug for theme in self.told for slug in theme.objects}
        return ("contacts",) if self.seed % 2 and asked <= {"contacts"} else EVERYTHING

"""People at work in both CRMs: which moves, when, and how close upon each other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from crm_emulator.hubspot.errors import ApiError as HubSpotRefused
from crm_emulator.salesforce.errors import ApiError as SalesforceRefused
from crm_emulator.salesforce.errors import RecordError
from tests.simulation.desk import Desk
from tests.simulation.kinds import KINDS
from tests.simulation.moves import (
    MOVES,
    MOVES_AMONG_OBJECTS,
    Move,
    create_in_hubspot,
    create_in_salesforce,
    create_twins,
    try_out_a_rule,
    type_in_hubspot,
    type_in_salesforce,
)
from tests.simulation.recipe import Recipe

# By a CRM, or because there is nothing to work on.
REFUSALS = (HubSpotRefused, SalesforceRefused, RecordError, LookupError, ValueError)


@dataclass
class Made:
    """One move of the day."""

    number: int
    at_s: float
    name: str
    refused: str | None = None


class Users:
    def __init__(self, desk: Desk, recipe: Recipe) -> None:
        self.desk = desk
        self._recipe = recipe
        self.made: list[Made] = []

    def before(self) -> None:
        """What is there when the two are connected: some on one side, some on both with differing values."""
        chance = self._recipe.chance("before")
        for kind in self.desk.kinds:
            number = 0
            for create, most in ((create_in_hubspot, 3), (create_in_salesforce, 3), (create_twins, 2)):
                for _ in range(chance.randint(0, most)):
                    number += 1
                    self.desk.begin(f"{kind.slug[0]}{number}", self._recipe.chance(f"before:{kind.slug}:{number}"))
                    # The day brings more.
                    if self.desk.room(kind, 2):
                        create(self.desk, kind)

    def lose_interest(self) -> None:
        """Two in five of what is there are touched by nobody any more."""
        desk, chance = self.desk, self._recipe.chance("at_rest")
        for kind in desk.kinds:
            for object_, ids in ((kind.slug, desk.hugo.ids(kind.slug)), (kind.sobject, desk.sally.ids(kind.sobject))):
                desk.at_rest |= {(object_, id_) for id_ in ids if chance.random() < 0.3}

    def try_out(self, places: set[tuple[str, str]]) -> None:
        """Edits of fields whose rule was just changed, first of those in which the two sides differ."""
        chance = self._recipe.chance("try_out")
        for number in range(25):
            self.desk.begin(f"t{number}", chance)
            with suppress(*REFUSALS):
                try_out_a_rule(self.desk, chance.choice(self.desk.kinds), places)

    def edit_meanwhile(self, move: str, field: str, chance: random.Random) -> None:
        """One record on either side, in a field that Interlock cannot use for now."""
        contacts = KINDS["contacts"]
        self.desk.begin(move, chance)
        for edit in (type_in_hubspot, type_in_salesforce):
            with suppress(*REFUSALS):
                edit(self.desk, contacts, contacts.property_of(field))

    async def work(self, seconds: float) -> None:
        chance = self._recipe.chance("users")
        moves = MOVES | (MOVES_AMONG_OBJECTS if len(self.desk.kinds) > 1 else {})
        themes = [theme.moves for theme in self._recipe.told if theme.moves]
        moments = sorted(chance.uniform(1.0, seconds) for _ in range(chance.randint(30, 60)))
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for number, moment in enumerate(moments, 1):
            its_chance = self._recipe.chance(f"move:{number}")
            # Every third move comes right behind the one before: two people on one record at the same time.
            if its_chance.random() > 0.33:
                await asyncio.sleep(max(0.0, began_s + moment - loop.time()))
            else:
                await asyncio.sleep(its_chance.uniform(0.0, 1.5))
            (move,) = _drawn(its_chance, moves, themes)
            kind = its_chance.choice(self.desk.kinds)
            if number in self._recipe.without_moves:
                continue
            made = Made(number, loop.time(), move.__name__)
            self.made.append(made)
            self.desk.begin(str(number), its_chance)
            try:
                move(self.desk, kind)
            except REFUSALS as refused:
                made.refused = type(refused).__name__


def _drawn(chance: random.Random, usual: Mapping[Move, float], themes: Sequence[Mapping[Move, float]]) -> list[Move]:
    """Where something was chosen, two moves of five are about it."""
    moves = chance.choice(themes) if themes and chance.random() < 0.4 else usual
    return chance.choices(list(moves), list(moves.values()))

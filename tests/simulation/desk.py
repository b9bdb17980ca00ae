"""The desk from which people work in both CRMs: their hands, what they can pick, and the tokens that they type.

Every value that somebody types is a token that occurs nowhere else, so that its way can be followed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.salesforce import SalesforceEmulator
from tests.simulation.kinds import KINDS, LINK, MOST_ALONE, MOST_TOGETHER, Kind


class Desk:
    """`chance` is of the move that is made: a move left out moves no other."""

    def __init__(self, hubspot: HubSpotEmulator, salesforce: SalesforceEmulator, objects: Sequence[str]) -> None:
        self.hugo = hubspot.user()
        self.sally = salesforce.user()
        self.portal = hubspot.portal
        self.org = salesforce.org
        self.kinds = [KINDS[slug] for slug in objects]
        self.most = MOST_TOGETHER if len(self.kinds) > 1 else MOST_ALONE
        self.chance = random.Random(0)
        self._move = ""
        self._tokens = 0

    def begin(self, move: str, chance: random.Random) -> None:
        self._move, self._tokens, self.chance = move, 0, chance

    # --- what they type --------------------------------------------------------------------------------------------

    def token(self, name: str) -> str:
        self._tokens += 1
        number = f"{self._move}{'abcdefghijklmnopqrstuvwxyz'[self._tokens - 1]}"
        match name:
            case "email":
                return f"p{number}@example.com"
            case "website":
                return f"https://w{number}.example.com"
        return f"{name[:4]}-{number}"

    def typed(self, kind: Kind) -> dict[str, str]:
        optional = [name for name in kind.fields if name not in kind.keys and self.chance.random() < 0.6]
        return {name: self.token(name) for name in dict.fromkeys((*kind.always, *optional))}

    # --- what they pick --------------------------------------------------------------------------------------------

    def some_field(self, kind: Kind) -> str:
        return self.chance.choice(list(kind.fields))

    def some_in_hubspot(self, kind: Kind) -> str:
        """Raises IndexError when there is none, as every pick here: then nothing is done."""
        return self.chance.choice(self.hugo.ids(kind.slug))

    def some_in_salesforce(self, kind: Kind) -> str:
        return self.chance.choice(self.sally.ids(kind.sobject))

    def some_pair(self, kind: Kind) -> tuple[str, str]:
        return self.chance.choice(self.pairs(kind))

    def pairs(self, kind: Kind) -> list[tuple[str, str]]:
        """HubSpot records and the Salesforce records that they name."""
        there = set(self.sally.ids(kind.sobject))
        named = [(id_, self.hugo.get(kind.slug, id_).get(LINK) or "") for id_ in self.hugo.ids(kind.slug)]
        return [pair for pair in named if pair[1] in there]

    def room(self, kind: Kind, records: int = 1) -> bool:
        """Whether both sides stay small when everything is carried over."""
        here = self.hugo.ids(kind.slug)
        named = {self.hugo.get(kind.slug, id_).get(LINK) for id_ in here}
        alone = [id_ for id_ in self.sally.ids(kind.sobject) if id_ not in named]
        return len(here) + len(alone) + records <= self.most[kind.slug]

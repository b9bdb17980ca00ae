"""The desk from which people work in both CRMs: their hands, what they can pick, and the tokens that they type.

Every value that somebody types is a token that occurs nowhere else, so that its way can be followed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.salesforce import SalesforceEmulator
from tests.simulation.kinds import CREATION_KEY, KINDS, LINK, MOST_ALONE, MOST_TOGETHER, Kind


@dataclass(frozen=True)
class Note:
    """`at_us`: by HubSpot's clock."""

    at_us: int
    what: str
    object: str
    id: str
    value: str = ""


class Desk:
    """`chance` is of the move that is made: a move left out moves no other."""

    def __init__(self, hubspot: HubSpotEmulator, salesforce: SalesforceEmulator, objects: Sequence[str]) -> None:
        self.hugo = hubspot.user()
        self.sally = salesforce.user()
        self.portal = hubspot.portal
        self.org = salesforce.org
        self.kinds = [KINDS[slug] for slug in objects]
        self.stranger = hubspot.settings().add_user("Only", "Here", "only.here@example.com")
        self.most = MOST_TOGETHER if len(self.kinds) > 1 else MOST_ALONE
        # Nobody touches these any more, (object, id), nor their counterparts: what is missed about them nothing else brings up.
        self.at_rest: set[tuple[str, str]] = set()
        # What a theme's check is to know and no journal tells.
        self.notes: list[Note] = []
        self.kept: dict[str, Any] = {}  # what one move leaves for a later one
        self.chance = random.Random(0)
        self._move = ""
        self._tokens = 0

    def begin(self, move: str, chance: random.Random) -> None:
        self._move, self._tokens, self.chance = move, 0, chance

    def note(self, what: str, object_: str, id_: str, value: str = "") -> None:
        self.notes.append(Note(self.portal.now_ms() * 1_000, what, object_, id_, value))

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
        return self.chance.choice(self.in_hubspot(kind))

    def some_in_salesforce(self, kind: Kind) -> str:
        return self.chance.choice(self.in_salesforce(kind))

    def in_hubspot(self, kind: Kind) -> list[str]:
        """Records that people work on."""
        ids = self.hugo.ids(kind.slug)
        if not self.at_rest:
            return ids
        resting = {(kind.slug, id_) for id_ in ids if (kind.sobject, self._named_by(kind, id_)) in self.at_rest}
        return [id_ for id_ in ids if (kind.slug, id_) not in self.at_rest | resting]

    def in_salesforce(self, kind: Kind) -> list[str]:
        ids = self.sally.ids(kind.sobject)
        if not self.at_rest:
            return ids
        here = [id_ for id_ in self.hugo.ids(kind.slug) if (kind.slug, id_) in self.at_rest]
        named = {self._named_by(kind, id_) for id_ in here}
        return [
            id_
            for id_ in ids
            if id_ not in named
            and (kind.sobject, id_) not in self.at_rest
            and (kind.slug, self._made_for(kind, id_)) not in self.at_rest
        ]

    def _named_by(self, kind: Kind, id_: str) -> str:
        return self.hugo.get(kind.slug, id_).get(LINK) or ""

    def _made_for(self, kind: Kind, id_: str) -> str:
        return str(self.sally.get(kind.sobject, id_).get(CREATION_KEY) or "").rpartition(":")[2]

    def newest_of_ours(self, kind: Kind, side: str) -> str:
        """The record that appeared last without anybody here having entered it."""
        journal, ids, object_ = (
            (self.portal.journal, self.in_hubspot(kind), kind.slug)
            if side == "hubspot"
            else (self.org.journal, self.in_salesforce(kind), kind.sobject)
        )
        made = [
            entry.id
            for entry in journal.entries()
            if entry.object == object_ and entry.action == "create" and entry.client != "ui" and entry.id in ids
        ]
        return made[-1]

    def some_pair(self, kind: Kind) -> tuple[str, str]:
        return self.chance.choice(self.pairs(kind))

    def pairs(self, kind: Kind) -> list[tuple[str, str]]:
        """HubSpot records and the Salesforce records that they name."""
        there = set(self.in_salesforce(kind))
        named = [(id_, self._named_by(kind, id_)) for id_ in self.in_hubspot(kind)]
        return [pair for pair in named if pair[1] in there]

    def room(self, kind: Kind, records: int = 1) -> bool:
        """Whether both sides stay small when everything is carried over."""
        here = self.hugo.ids(kind.slug)
        named = {self.hugo.get(kind.slug, id_).get(LINK) for id_ in here}
        alone = [id_ for id_ in self.sally.ids(kind.sobject) if id_ not in named]
        return len(here) + len(alone) + records <= self.most[kind.slug]

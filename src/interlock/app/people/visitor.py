"""Who asks: a person with a session, or a program with a token. What the pages and the log of deeds need to know of them."""

from __future__ import annotations

import msgspec

from interlock.app.people.roles import Action, Role, allowed
from interlock.store.deeds import COMMAND


class Visitor(msgspec.Struct, frozen=True):
    """`actor` is the word of the log (`person:1`, `token:2`); `person_id` None: a program. `behind` is then the person who made its
    token."""

    actor: str
    name: str
    role: Role
    person_id: int | None = None
    behind: int | None = None

    def may(self, action: Action) -> bool:
        return allowed(self.role, action)


class By(msgspec.Struct, frozen=True):
    """By whom and from where something is done: what the log of deeds says of it. `address` None: on the machine itself.
    `behind`: as of `Visitor`."""

    actor: str
    address: str | None = None
    person_id: int | None = None
    behind: int | None = None


BY_COMMAND = By(COMMAND)


def subject_of_person(id_: int) -> str:
    return f"person:{id_}"


def subject_of_token(id_: int) -> str:
    return f"token:{id_}"

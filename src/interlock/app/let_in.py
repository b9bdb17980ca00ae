"""Whom a database lets in: the people who can sign in to it with a password, and the tokens of programs. For whoever puts another
database into the place of one, and must know beforehand who gains a role by it."""

from __future__ import annotations

import msgspec

from interlock.store import api_tokens, people
from interlock.store.tx import Tx

_SHOWN = 5


class LetIn(msgspec.Struct, frozen=True):
    """`people`: (e-mail, role); `tokens`: (name, role). Admins first."""

    people: list[tuple[str, str]]
    tokens: list[tuple[str, str]]

    def as_document(self) -> dict[str, list[dict[str, str]]]:
        return {
            "people": [{"email": email, "role": role} for email, role in self.people],
            "api_tokens": [{"name": name, "role": role} for name, role in self.tokens],
        }

    def __str__(self) -> str:
        return f"People who get in by it: {_listed(self.people)}. API tokens that work: {_listed(self.tokens)}."


async def by(tx: Tx) -> LetIn:
    found = [
        (each.email, each.role)
        for each in await people.list_(tx)
        if each.password_hash is not None and not each.disabled
    ]
    working = [(each.name, each.role) for each in await api_tokens.list_(tx)]
    return LetIn(_admins_first(found), _admins_first(working))


def _admins_first(named: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(named, key=lambda each: (["admin", "operator", "viewer"].index(each[1]), each[0]))


def _listed(named: list[tuple[str, str]]) -> str:
    shown = ", ".join(f"{name} ({role})" for name, role in named[:_SHOWN])
    more = f" and {len(named) - _SHOWN:,} more" if len(named) > _SHOWN else ""
    return f"{shown}{more}" or "none"

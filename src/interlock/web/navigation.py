"""The pages that the header leads to, in its order: address, label, and the action that a visitor needs. A new page adds a line."""

from __future__ import annotations

import msgspec

from interlock.app.people.roles import Action
from interlock.app.people.visitor import Visitor
from interlock.web.texts import _


class Place(msgspec.Struct, frozen=True):
    path: str
    label: str
    need: Action
    also: tuple[str, ...] = ()  # other beginnings of addresses of its pages

    def is_at(self, path: str) -> bool:
        """Whether a page belongs here: the place itself, or below it."""
        return path == self.path or any(
            path.startswith(f"{below}/") for below in (self.path, *self.also) if below != "/"
        )


def places() -> tuple[Place, ...]:
    return (
        Place("/", _("Status"), Action.SEE),
        Place("/settings", _("Settings"), Action.SEE, ("/connections",)),
        Place("/setup", _("Set up"), Action.CONFIGURE),
        Place("/people", _("People"), Action.MANAGE_PEOPLE),
        Place("/api-tokens", _("API tokens"), Action.MANAGE_TOKENS),
        Place("/audit-log", _("Audit log"), Action.SEE_AUDIT_LOG),
    )


def places_for(visitor: Visitor | None) -> list[Place]:
    return [] if visitor is None else [place for place in places() if visitor.may(place.need)]

"""The tabs of the settings, in order: the one table that says which there are, where, and who sees them.

A tab that is not built is not in it. Each belongs to one connection (its address holds the connection's number) or to the
whole installation.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from interlock.app.people.roles import Action
from interlock.app.people.visitor import Visitor
from interlock.web.texts import _


class Tab(msgspec.Struct, frozen=True):
    """`path`: below the connection's address, or where it begins with a slash, of the installation. `label` is asked when a
    page is shown, in the language of that page."""

    slug: str
    path: str
    label: Callable[[], str]
    need: Action = Action.SEE

    def address(self, connection_id: int | None) -> str:
        return self.path if self.path.startswith("/") else f"/connections/{connection_id}/{self.path}"


TABS = (
    Tab("overview", "overview", lambda: _("Overview")),
    Tab("health", "health", lambda: _("Sync health")),
    Tab("contacts", "contacts", lambda: _("Contacts")),
    Tab("companies", "companies", lambda: _("Companies")),
    Tab("deals", "deals", lambda: _("Deals")),
    Tab("records", "records", lambda: _("Records")),
    Tab("connection", "connection", lambda: _("Connection")),
    Tab("notifications", "/notifications", lambda: _("Notifications"), Action.OWN_ACCOUNT),
    Tab("people", "/people", lambda: _("People"), Action.MANAGE_PEOPLE),
    Tab("tokens", "/api-tokens", lambda: _("API tokens"), Action.MANAGE_TOKENS),
    Tab("audit-log", "/audit-log", lambda: _("Audit log"), Action.SEE_AUDIT_LOG),
)


def name_of(slug: str) -> str:
    """An object's name in the language of the page; its slug where it has no tab."""
    return next((tab.label() for tab in TABS if tab.slug == slug), slug)


class Shown(msgspec.Struct, frozen=True):
    slug: str
    label: str
    address: str


def tabs_for(visitor: Visitor, connection_id: int | None) -> list[Shown]:
    """What this visitor may see; without a connection only what is not of one."""
    return [
        Shown(tab.slug, tab.label(), tab.address(connection_id))
        for tab in TABS
        if visitor.may(tab.need) and (connection_id is not None or tab.path.startswith("/"))
    ]


def first_of(connection_id: int) -> str:
    """The address of a connection's first tab."""
    return TABS[0].address(connection_id)

"""Roles, actions, and the one table of who may do what. Pure."""

from __future__ import annotations

import enum

from interlock.app.errors import BadInput


class Role(enum.StrEnum):
    """Each may do all that the one before may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Action(enum.StrEnum):
    SEE = "see"  # status, records, issues, mappings
    OPERATE = "operate"  # sync now, resync, resolve, pause, resume
    CONFIGURE = "configure"  # connect, mappings, settings
    MANAGE_PEOPLE = "manage_people"
    MANAGE_TOKENS = "manage_tokens"
    SEE_AUDIT_LOG = "see_audit_log"
    OWN_ACCOUNT = "own_account"  # one's own password; signing out


_NEEDS = {
    Action.SEE: Role.VIEWER,
    Action.OPERATE: Role.OPERATOR,
    Action.CONFIGURE: Role.ADMIN,
    Action.MANAGE_PEOPLE: Role.ADMIN,
    Action.MANAGE_TOKENS: Role.ADMIN,
    Action.SEE_AUDIT_LOG: Role.ADMIN,
    Action.OWN_ACCOUNT: Role.VIEWER,
}
_ORDER = list(Role)


def allowed(role: Role, action: Action) -> bool:
    return _ORDER.index(role) >= _ORDER.index(_NEEDS[action])


def lower(one: Role, other: Role) -> Role:
    return min(one, other, key=_ORDER.index)


def role_of(text: str) -> Role:
    """Raises BadInput."""
    try:
        return Role(text)
    except ValueError as error:
        raise BadInput(
            f"{text!r} is not a role.", code="unknown_role", field="role", fix=f"There are: {', '.join(Role)}."
        ) from error

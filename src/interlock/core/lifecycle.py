"""Where the opportunities of a contact move its lifecycle stage. Pure.

A role in an open opportunity says Opportunity, one in a won opportunity says Customer. Each says so once: what was honoured is
remembered, so that a stage which a person has moved back stays where they moved it, also when an opportunity is opened again. One
that was won, was not any more, and is won again says Customer again: that is another win, and newer than what a person had set. A
stage only goes forward, in the order in which HubSpot lists the stages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from interlock.core.values import Ref, fingerprint

# Internal names of HubSpot's own stages: an account may call them otherwise, and these stay (HubSpot, default properties).
OPPORTUNITY, CUSTOMER = "opportunity", "customer"


class Role(msgspec.Struct, frozen=True):
    """A contact's part in an opportunity, as the opportunity stands now."""

    opportunity: str
    closed: bool
    won: bool


class StageMove(msgspec.Struct):
    """`to`: the stage to move to, None where it stays. `said`: what the roles that are there have said by now, to be remembered
    once the stage was moved. `asked`: the stage for which a role has just spoken, wherever the contact is. `over`: what was
    honoured and holds no more, to be forgotten either way."""

    to: str | None
    said: list[int]
    asked: str | None = None
    done: bool = False
    over: list[int] = []


def says(role: Role) -> list[str]:
    """The stages that it speaks for. A won opportunity has been an open one, and one that was lost says nothing."""
    if role.won:
        return [OPPORTUNITY, CUSTOMER]
    return [] if role.closed else [OPPORTUNITY]


def mark(role: Role, stage: str) -> int:
    return fingerprint(Ref(stage, role.opportunity))


def news(roles: Iterable[Role], said: Iterable[int]) -> list[str]:
    """The stages for which a role speaks that has not done so before."""
    before = frozenset(said)
    return [stage for role in roles for stage in says(role) if mark(role, stage) not in before]


def over(roles: Iterable[Role], said: Iterable[int]) -> list[int]:
    """Of what was said before: that an opportunity was won which is not won any more."""
    before = frozenset(said)
    return sorted({mark(role, CUSTOMER) for role in roles if not role.won} & before)


def move(roles: Sequence[Role], said: Sequence[int], held: str | None, order: Sequence[str]) -> StageMove:
    """`held`: the stage that the contact has, in HubSpot's own words; `said`: what was honoured before."""
    wanted = news(roles, said)
    to = CUSTOMER if CUSTOMER in wanted else OPPORTUNITY if wanted else None
    # Of a role that was taken away nothing is kept: should it be given again, it speaks again.
    opened = {mark(role, OPPORTUNITY) for role in roles}
    now = {mark(role, stage) for role in roles for stage in says(role)} | (opened & frozenset(said))
    to_move = to if to is not None and is_forward(held, to, order) else None
    return StageMove(to_move, sorted(now), to, over=over(roles, said))


def is_forward(held: str | None, to: str, order: Sequence[str]) -> bool:
    if not held:
        return True
    if held not in order:
        return False  # a stage of which nothing is known may be any
    # One that the account does not have is for HubSpot to refuse, so that somebody is told.
    return to not in order or order.index(held) < order.index(to)

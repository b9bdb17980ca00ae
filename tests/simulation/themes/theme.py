"""What a theme is: a rule that somebody chose beside the defaults, what people do then, and what has to hold.

A plain story has none. A story with a theme is the plain one of its seed with other draws beside: its moves come among the
usual ones, its pages are used while processes die, and its check is asked after all the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulation.desk import Desk
from tests.simulation.kinds import Kind

if TYPE_CHECKING:
    from interlock.store import Store
    from interlock.store.connections import Connection
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

Move = Callable[[Desk, Kind], None]
Page = Callable[["World", "Store"], Awaitable[None]]


def _as_it_is(world: World) -> None:
    """An org and an account as every story has them."""


def _the_defaults(recipe: Recipe) -> dict[str, dict[str, str]]:
    return {}


async def _nothing_more(world: World, store: Store, connection: Connection) -> None:
    """What connecting set is all."""


def _nobody(story: Story, kind: Kind) -> set[str]:
    return set()


def _anywhere(story: Story, kind: Kind, name: str) -> bool:
    return False


@dataclass(frozen=True)
class Theme:
    """`name`: what `--theme` calls it, and the key of its stream of chance.

    `furnish` makes what the org or the account has of its own before anybody connects the two. `choices` are those of
    objects/choices.py, by choice and object; `settle` sets at the connection whatever else was chosen. `moves` are people's in
    either CRM and `pages` what somebody sets or asks for in Interlock meanwhile, each with its weight.
    `outside`: ids of an object's records on either side of which the usual checks expect neither a counterpart nor agreement.
    `may_differ`: whether a property's two values may.
    `modules`: those of the engine that have the rule's work, at whose awaits processes die more often; one that is named several
    times, so much more often.
    `later_s`: how long after all is quiet the story goes on, for what the rule leaves to a walk.
    `objects`: slugs that the story is about, where the seed alone does not say.
    `pace_s`: how long the calm waits between two syncs at least, for what is looked through at a pace of its own.
    """

    name: str
    check: Callable[[Story], Iterator[str]]
    moves: Mapping[Move, float] = field(default_factory=dict)
    pages: Mapping[Page, float] = field(default_factory=dict)
    furnish: Callable[[World], None] = _as_it_is
    choices: Callable[[Recipe], dict[str, dict[str, str]]] = _the_defaults
    settle: Callable[[World, Store, Connection], Awaitable[None]] = _nothing_more
    outside: Callable[[Story, Kind], set[str]] = _nobody
    may_differ: Callable[[Story, Kind, str], bool] = _anywhere
    modules: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    later_s: float = 0.0
    pace_s: float = 0.0

"""Where a process is killed or frozen: at an await of the cycle that the seed picks, so that rare ones are met as often.

`sites` finds every await of the modules that make up the cycle, in their source. `Aim` watches the chain of coroutines of a
process after each step of the loop and says when it stands at the site. Some are killed between two transactions instead,
of which lines tell nothing: what the one has left and the other was to add is where work is lost.
"""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import importlib
import random
import types
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simulation.recipe import Recipe
from tests.simulation.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from tests.simulation.process import Process

# The line that every change goes through, as engine/cycle.py tells it, with what that calls.
MODULES = (
    "cycle",
    "detect",
    "index",
    "fetch",
    "matching",
    "candidates",
    "follow",
    "roles",
    "references",
    "oscillation",
    "apply",
    "stamp",
    "record",
    "ledger",
    "repair",
    "verify",
    "recover",
    "made",
    "load",
    "sweep",
    "retention",
    "left_out",
    "gap",
    "erasing",
    "retries",
)
# Awaits of the cycle that hold it up in few of its batches, or once a turn: aimed at that much more often than others.
RARE = {
    "": 3,  # entering a transaction
    "wake_returned": 6,
    "loading": 10,
    "load": 3,
    "intents.older_than_fence": 4,
    "learn_references": 12,
    "learn_of_creates": 3,
    "links.by_hubspot": 6,
    "links.by_salesforce": 6,
    "resolutions.waiting": 6,
    "connections.setup_version": 4,
    "import_asked": 9,
    "dirty.horizon": 3,
    "sweep_archived": 2,
    "note_look": 2,
    "undos.of_links": 4,
    "note_erased": 12,
    "fetch_roles": 3,
    "damp": 6,
    "stamp_pairs": 4,
}
# Those that hold it up so seldom that a process aimed at one alone mostly ends its life before: each of all crashes is aimed at
# one of these too, whichever it comes to first, in these proportions.
ON_THE_WAY = {
    "apply_roles": 4,
    "check_pairs": 2,
    "follow": 2,
    "forget_old_values": 4,
    "notice_gaps": 2,
    "retry_refused": 1,
}
# Awaits of the cycle at which no process of a story stands, by what is awaited or the function that awaits it: nobody in the
# stories limits an object by a list, lets opportunities move stages or contacts show them, tries some records first, or undoes; nor
# asks for all of an object, maps a formula, has rules for persons, or lets merges be carried over.
BEYOND_THE_STORIES = {
    "read_membership": "no list",
    "leave_outside": "no list",
    "dirty.by_keys": "nothing is tried first",
    "claim_these": "nothing is undone",
    "look_at_created": "nothing is undone",
    "take_back": "nothing is undone",
    "notice_roles": "no opportunity moves a stage",
    "plan_stages": "no opportunity moves a stage",
    "move_stages": "no opportunity moves a stage",
    "move_companies": "no opportunity moves a stage",
    "notice_opportunities": "no contact shows its newest one",
    "read_opportunities": "no contact shows its newest one",
    "backfill_asked": "nobody asks for one",
    "resync_asked": "nobody asks for one",
    "look_at_late_references": "all objects are turned on together",
    "sweep_formulas": "no formula is mapped",
    "apply_person_rules": "there are no rules",
    "count_merged": "no merge is carried over",
    "merge_in_hubspot": "no merge is carried over",
    "wake_who_gave_way": "few give way to a record whose address changes",
    "tell_of_second_companies": "few leads of a company are converted",
    "wake_companies": "every company becomes an account",
    # Where a person chose it in a story, met by chance.
    "look_at_deletions": "deletes go in one story of five",
    "delete_counterparts": "deletes go in one story of five",
    "restore_counterparts": "deletes go in one story of five",
}
STARTED_AGAIN_S = (0.5, 15.0)
# Mostly so long that another process takes over, which tries every few seconds once the term of ten has passed.
STANDS_STILL_S = (5.0, 50.0)
Site = tuple[str, int]  # module, line
InFrame = tuple[str, int]  # the same with the module's whole name
# Share of the crashes that fall between two transactions, and of the life of a process how many of them: the first load and
# what is taken up after a crash lie within these.
BETWEEN_TRANSACTIONS = 0.25
TRANSACTIONS_AIMED_AT = 12


@cache
def sites() -> tuple[Site, ...]:
    return tuple(site for module in MODULES for site in _sites_of(module))


def _sites_of(module: str) -> Iterator[Site]:
    yield from (
        site for site in awaits_of(module, tuple(BEYOND_THE_STORIES)) if _awaited(*site) not in BEYOND_THE_STORIES
    )


@cache
def awaits_of(module: str, without: Collection[str] = ()) -> tuple[Site, ...]:
    tree = ast.parse("".join(_lines(module)))
    lines = {
        node.lineno
        for function in ast.walk(tree)
        if isinstance(function, ast.AsyncFunctionDef) and function.name not in without
        for node in ast.walk(function)
        if isinstance(node, ast.Await | ast.AsyncWith | ast.AsyncFor)
    }
    return tuple((module, line) for line in sorted(lines))


def _whole(module: str) -> str:
    """Those of the engine go by their last name."""
    return f"interlock.{module}" if module.startswith("app.") else f"interlock.engine.{module}"


@cache
def _lines(module: str) -> list[str]:
    path = Path(str(importlib.import_module(_whole(module)).__file__))
    return path.read_text().splitlines(keepends=True)


def standing(task: asyncio.Task[Any]) -> list[Site]:
    """The awaits of the cycle at which a suspended task stands, outermost first."""
    found = []
    waiting: Any = task.get_coro()
    while isinstance(waiting, types.CoroutineType):
        frame = waiting.cr_frame
        if frame is not None:
            name = frame.f_globals.get("__name__", "")
            if name.startswith(("interlock.engine.", "interlock.app.")):
                found.append((name.removeprefix("interlock.").removeprefix("engine."), frame.f_lineno))
        waiting = waiting.cr_await
    return found


def _stands_at(task: asyncio.Task[Any], lines: Collection[int], awaits: Collection[InFrame]) -> InFrame | None:
    """At which of these awaits, as `standing` would say; called after every step, so the lines alone are looked at first."""
    waiting: Any = task.get_coro()
    while type(waiting) is types.CoroutineType:
        frame = waiting.cr_frame
        if frame is not None and (line := frame.f_lineno) in lines:
            stands = (str(frame.f_globals.get("__name__")), line)
            if stands in awaits:
                return stands
        waiting = waiting.cr_await
    return None


@dataclass(frozen=True)
class Incident:
    number: int
    kind: str  # "crash" or "freeze"
    site: Site
    visits: int  # the step at which the process has stood there this often
    latest_steps: int  # whether or not it has, after this many steps
    seconds: float  # until another process is started, or the frozen one goes on
    transaction: int = 0  # instead of the site: the one of the process that has just begun, and is lost
    on_the_way: Site | None = None  # where it is stopped too, should it ever stand there before


def draw(recipe: Recipe) -> list[Incident]:
    """Up to two crashes, and in every fourth story a process that stands still for a while."""
    chance = recipe.chance("incidents")
    kinds = ["crash"] * chance.choice((0, 1, 2, 2, 2)) + ["freeze"] * (chance.random() < 0.25)
    chance.shuffle(kinds)
    drawn = [_incident(recipe, number, kind, chance) for number, kind in enumerate(kinds)]
    if kinds[:2] == ["crash", "crash"] and chance.random() < 0.3:
        for number, site in enumerate(_left_unverified()):
            drawn[number] = dataclasses.replace(drawn[number], site=site, visits=1)
    else:
        drawn = [_between_transactions(recipe, incident) for incident in drawn]
    return [incident for incident in drawn if incident.number not in recipe.without_incidents]


def _incident(recipe: Recipe, number: int, kind: str, chance: random.Random) -> Incident:
    of_a_theme = _of_a_theme(recipe, number)
    site = of_a_theme or _pick(recipe, number, kind, chance)
    visits = chance.choice((1, 1, 1, 2, 3, 5, 8))
    latest_steps = chance.randint(200, 6_000)
    if of_a_theme or (site[0] == "cycle" and _awaited(*site) in RARE):
        # It may not be met twice, nor soon.
        visits, latest_steps = 1, chance.randint(2_000, 6_000)
    seconds = chance.uniform(*(STARTED_AGAIN_S if kind == "crash" else STANDS_STILL_S))
    return Incident(number, kind, site, visits, latest_steps, seconds, on_the_way=_on_the_way(chance))


def _between_transactions(recipe: Recipe, incident: Incident) -> Incident:
    chance = recipe.chance(f"between:{incident.number}")
    if incident.kind != "crash" or chance.random() >= BETWEEN_TRANSACTIONS:
        return incident
    return dataclasses.replace(incident, transaction=chance.randint(1, TRANSACTIONS_AIMED_AT))


def _pick(recipe: Recipe, number: int, kind: str, chance: random.Random) -> Site:
    """Mostly one of the awaits that the cycle itself tells, each in its turn: they are few, and every one must be met."""
    if kind == "freeze" and chance.random() < 0.5:
        return chance.choice(_writing())
    if chance.random() < 0.2:
        return chance.choice(sites())
    return _in_turn()[(recipe.seed * 3 + number) % len(_in_turn())]


def _of_a_theme(recipe: Recipe, number: int) -> Site | None:
    """In the work of what was chosen, in half of the stories with a theme that has some."""
    chance = recipe.chance(f"in a theme:{number}")
    sites = [site for theme in recipe.told for module in theme.modules for site in awaits_of(module)]
    return chance.choice(sites) if sites and chance.random() < 0.5 else None


@cache
def _writing() -> list[Site]:
    """Where a write is on its way: whoever freezes here wakes with an outcome to note and perhaps with more to write. In a
    transaction a frozen process would keep the database locked, and nobody could follow it."""
    return [site for site in sites() if site[0] in ("apply", "stamp") and _awaited(*site).startswith("ctx.")]


@cache
def _in_turn() -> list[Site]:
    told = [
        site
        for site in _told_by_cycle()
        if _awaited(*site) not in ON_THE_WAY
        for _ in range(RARE.get(_awaited(*site), 1))
    ]
    random.Random("in turn").shuffle(told)
    return told


@cache
def _told_by_cycle() -> list[Site]:
    return [site for site in sites() if site[0] == "cycle"]


def _on_the_way(chance: random.Random) -> Site:
    (awaited,) = chance.choices(list(ON_THE_WAY), list(ON_THE_WAY.values()))
    return chance.choice([site for site in _told_by_cycle() if _awaited(*site) == awaited])


def _awaited(module: str, line: int) -> str:
    return _source(module, line).partition("await ")[2].partition("(")[0]


@cache
def _source(module: str, line: int) -> str:
    return _lines(module)[line - 1].strip()


def _left_unverified() -> tuple[Site, Site]:
    """Where a process dies that leaves a write unverified, and where the next one stands that takes it up."""
    places = {_source(*site): site for site in sites() if site[0] == "cycle"}
    (dies,) = [site for text, site in places.items() if text == "await verify_batch(ctx, batch)"]
    (resumes,) = [site for text, site in places.items() if text.startswith("await verify(ctx, runtime, [each for")]
    return dies, resumes


def last(recipe: Recipe) -> Incident:
    """The kill at the end of the day, at which the calm begins."""
    chance = recipe.chance("last")
    site = _of_a_theme(recipe, 2) or _pick(recipe, 2, "end", chance)
    visits, latest_steps = chance.choice((1, 1, 2)), chance.randint(200, 2_000)
    return Incident(-1, "end", site, visits, latest_steps, 0.0, on_the_way=_on_the_way(chance))


def _as_in_a_frame(site: Site) -> InFrame:
    module, line = site
    return _whole(module), line


class Aim:
    """`hit` is done when the process has stood at the site often enough, has begun the transaction, or has run long enough."""

    def __init__(self, loop: VirtualTimeLoop, process: Process, incident: Incident) -> None:
        assert process.main is not None
        self._loop, self._process, self._task = loop, process, process.main
        self._transaction = incident.transaction
        self._site = _as_in_a_frame(incident.site)
        self._on_the_way = _as_in_a_frame(incident.on_the_way) if incident.on_the_way is not None else None
        self._awaits = {each for each in (self._site, self._on_the_way) if each is not None}
        self._lines = {line for _, line in self._awaits}
        self._left = incident.visits
        self._latest = loop.steps + incident.latest_steps
        self.hit: asyncio.Future[None] = loop.create_future()
        loop.after_step = self._look

    def _look(self) -> None:
        if self._transaction:
            self._left = self._transaction - self._process.transactions
        elif (stands := _stands_at(self._task, self._lines, self._awaits)) is not None:
            self._left = 0 if stands == self._on_the_way else self._left - 1
        if self._left <= 0 or self._loop.steps >= self._latest or self._task.done():
            self._loop.after_step = None
            self.hit.set_result(None)

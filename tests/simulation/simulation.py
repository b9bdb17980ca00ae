"""One recipe, one story: users edit both CRMs while Interlock runs, crashes and is answered badly; then all is calm.

The production engine and dispatcher on a real SQLite file, both local CRMs in process, virtual time. The seed draws separate
streams for the order of steps, the network, the incidents and the users, so that changing one leaves the others as they were.
`check.py` judges the outcome from the CRMs' own journals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from interlock.app import connections as shown
from interlock.engine.dispatch.local import Work
from interlock.store import Store, audit, connections, deeds, issues, links
from tests.simulation import incidents, pages, troubles
from tests.simulation.process import Process
from tests.simulation.recipe import Recipe
from tests.simulation.virtual_time import run
from tests.simulation.world import Story, World

RESUMED = "resumed"  # a note, of the state that it had come to
BUSY_S = 165.0  # how long users work
ROUNDS_MOST = 60  # of the calm: each a sync and a wait; more means that it does not converge
# What was there before may be older than the first look for changes goes back (engine/window.py): only the load finds it then.
AGED_SHARE, AGED_S = 0.7, 3_600.0
# Beyond the search index's lag and the stamp's delay.
SETTLED_S = 60.0
# What a hidden field's mapping waits for (app/schemas.py), and a person who looks would shorten.
SCHEMAS_AGED_S = 6.1 * 3_600


class DoesNotConverge(AssertionError):
    """After the last edit and the last fault the engine still finds something to do."""


def simulate(recipe: Recipe, path: Path) -> Story:
    """Play it to its end. Raises DoesNotConverge."""
    return run(_story(recipe, path), recipe.seed)


async def _story(recipe: Recipe, path: Path) -> Story:
    world = World(recipe, path)
    world.users.before()
    if recipe.chance("aged").random() < AGED_SHARE:
        world.users.lose_interest()
        await asyncio.sleep(AGED_S)
    await world.connect()
    world.network.stormy = True
    await _busy(world)
    world.network.stormy = False
    await _calm(world)
    world.story.moves, world.story.steps = world.users.made, world.loop.steps
    return world.story


# --- busy -----------------------------------------------------------------------------------------------------------------


async def _busy(world: World) -> None:
    """Users at work, faults on, the process killed or frozen at any step and another started."""
    users = asyncio.ensure_future(world.users.work(BUSY_S))
    befalling = [asyncio.ensure_future(troubles.befall(world, each)) for each in troubles.draw(world, BUSY_S)]
    befalling += [asyncio.ensure_future(each) for each in pages.used(world, BUSY_S)]
    operator = asyncio.ensure_future(_resumes(world, befalling))
    process = _served(world)
    frozen: list[Process] = []
    for incident in incidents.draw(world.recipe):
        await incidents.Aim(world.loop, process, incident).hit
        _note(world, incident.kind, process)
        if incident.kind == "crash":
            process.crash()
            await asyncio.sleep(incident.seconds)
        else:
            world.loop.freeze(process.name)
            frozen.append(process)
            thawing = asyncio.ensure_future(_thaw(world, process, incident.seconds))
            befalling.append(thawing)
        process = _served(world)
    await _ended(world, users, process)
    for each in befalling:
        await each
    await operator
    # Killed once more, so that the calm begins with whatever a process can leave behind.
    await incidents.Aim(world.loop, process, incidents.last(world.recipe)).hit
    for each_process in (*frozen, process):
        _note(world, "end", each_process)
        each_process.crash()
    await asyncio.sleep(12.0)


def _served(world: World) -> Process:
    process = world.process()
    process.start(process.serve())
    return process


async def resume(world: World, store: Store) -> None:
    async with store.read(None) as tx:
        connection = await connections.get(tx, world.connection_id)
    assert connection is not None
    if connection.state in shown.HALTED:
        world.users.desk.note(RESUMED, connection.state, "")
        await shown.resume(store, connection, None, plan=False)


def _note(world: World, what: str, process: Process) -> None:
    assert process.main is not None
    at = incidents.standing(process.main)
    world.network.note(what, process.name, at)
    world.story.incidents.append((world.loop.time(), what, at))


async def _thaw(world: World, process: Process, seconds: float) -> None:
    await asyncio.sleep(seconds)
    world.loop.thaw(process.name)


async def _ended(world: World, users: Awaitable[None], process: Process) -> None:
    """A process that ends by itself has met a defect: the seed fails with it."""
    await users
    assert process.main is not None
    if process.main.done():
        process.main.result()


async def _resumes(world: World, befalling: list[asyncio.Future[None]]) -> None:
    """Somebody sees that the connection stands still, puts it right and resumes it."""
    for each in list(befalling):
        await each
        await asyncio.sleep(5.0)
        world.operate(resume)
    for operating in world.operating:
        await operating


# --- calm -----------------------------------------------------------------------------------------------------------------


async def _calm(world: World) -> None:
    process = world.process()
    await process.start(_come_to_rest(world, process))


async def _come_to_rest(world: World, process: Process) -> None:
    story = world.story
    store = await process.opened()
    await resume(world, store)
    if troubles.OF_A_FIELD & set(world.network.faults):
        await asyncio.sleep(SCHEMAS_AGED_S)
    desk = process.desk(store)
    pace_s = max((theme.pace_s for theme in world.recipe.told), default=0.0)
    quiet, later_s = 0, max((theme.later_s for theme in world.recipe.told), default=0.0)
    for _ in range(ROUNDS_MOST):
        before = world.seqs()
        if world.recipe.told:
            await resume(world, store)  # a brake may have stopped what it has just done
        await process.ring(store)
        await desk.turn(world.connection_id, Work.BELL)
        next_due_us = await process.next_due_us(store)
        quiet = quiet + 1 if world.seqs() == before and next_due_us is None else 0
        if quiet == 2:
            if not later_s:
                break
            await asyncio.sleep(later_s)
            quiet, later_s = 0, 0.0
        wait_s = 0.0 if next_due_us is None else (next_due_us - process.clock_us()) / 1_000_000
        await asyncio.sleep(max(SETTLED_S, wait_s, pace_s))
    else:
        raise DoesNotConverge(f"{world.recipe}: still busy after {ROUNDS_MOST} syncs, due {next_due_us}")
    story.quiet_seq = world.seqs()
    await asyncio.sleep(max(3_600.0, pace_s))
    await process.ring(store)
    await desk.turn(world.connection_id, Work.BELL)
    story.last_seq = world.seqs()
    await _read(world, store)
    await store.close()


async def _read(world: World, store: Store) -> None:
    async with store.read(world.connection_id) as tx:
        world.story.deeds_logged = (await deeds.list_(tx, None, 1_000))[::-1]
        async for rows in audit.since(tx, 0):
            world.story.audit += rows
        for slug in world.recipe.objects:
            world.story.links += await links.page(tx, slug)
        # Of what somebody put aside a person was told too.
        world.story.issues, _ = await issues.list_(tx, status=(*issues.UNRESOLVED, "ignored"), limit=1_000)

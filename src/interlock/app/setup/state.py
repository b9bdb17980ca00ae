"""A set-up under way: begun, read, saved step by step, ended. It lives on the server: any browser of any admin resumes it.

A form is saved with the version that it showed. Where somebody else saved that step in between, nothing is overwritten: `Stale`
says who and when. What the machinery itself adds to a step (a sign-in that came back) goes through `change`, which reads and
writes in one transaction and so cannot be stale. It knows no step's meaning: a step's module brings its struct.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from interlock.app.errors import Busy, Missing, Stale
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.times import rfc3339
from interlock.store import Store, people, setup_work, setups
from interlock.store.setups import Setup
from interlock.store.tx import Tx, WriteTx

Kept = TypeVar("Kept", bound=msgspec.Struct)

FINISH = "finish"  # the name of its run among the work of a set-up (finish.py)


def kept(setup: Setup, slug: str, type_: type[Kept]) -> Kept:
    """What a step keeps, as its own struct; its defaults where nobody has saved it."""
    found = setup.steps.get(slug)
    return msgspec.convert({} if found is None else found.kept, type_)


def subject_of(setup_id: int) -> str:
    return f"setup:{setup_id}"


async def load(store: Store, setup_id: int) -> Setup:
    """Raises Missing."""
    async with store.read(None) as tx:
        return await load_in(tx, setup_id)


async def load_in(tx: Tx, setup_id: int) -> Setup:
    """Raises Missing."""
    found = await setups.get(tx, setup_id)
    if found is None:
        raise Missing(
            f"There is no set-up {setup_id}.", code="no_such_setup", fix="Open /setup: it lists those under way."
        )
    return found


async def under_way(store: Store) -> list[Setup]:
    """The one that was changed last first."""
    async with store.read(None) as tx:
        return [await load_in(tx, id_) for id_ in await setups.open_ids(tx)]


async def newest_id(store: Store) -> int:
    """What the form of a new set-up shows as its version; see `begin_in`."""
    async with store.read(None) as tx:
        return await setups.newest_id(tx)


async def begin(store: Store, by: By) -> Setup:
    async with store.write(None) as tx:
        return await begin_in(tx, by, None)


async def begin_in(tx: WriteTx, by: By, newest_seen: int | None) -> Setup:
    """`newest_seen`: the newest set-up that its form knew of; a newer one under way is somebody else's, begun meanwhile. Raises
    Stale. None: begun whatever there is."""
    if newest_seen is not None:
        newer = [id_ for id_ in await setups.open_ids(tx) if id_ > newest_seen]
        if newer:
            other = await load_in(tx, newer[0])
            raise Stale(
                f"{await _name_of(tx, other.begun_by)} began a set-up meanwhile. Yours was not begun.",
                fix="Open /setup to go on with that one, or begin another there.",
            )
    setup_id = await setups.begin(tx, by.actor)
    await record(tx, by, "setup_begun", subject_of(setup_id))
    return await load_in(tx, setup_id)


async def save(
    store: Store, by: By, setup_id: int, slug: str, values: msgspec.Struct, version: int, newest_seen: int | None = None
) -> Setup:
    """Keep what a person chose. `version`: the step's, as the form showed it. `setup_id` 0 begins one. Raises Stale, Missing; Busy
    while the set-up is being finished."""
    async with store.write(None) as tx:
        return await save_in(tx, by, setup_id, slug, values, version, newest_seen)


async def save_in(
    tx: WriteTx,
    by: By,
    setup_id: int,
    slug: str,
    values: msgspec.Struct,
    version: int,
    newest_seen: int | None = None,
) -> Setup:
    """As `save`, the last thing in a transaction that also does something else."""
    if setup_id == 0:
        setup_id = (await begin_in(tx, by, newest_seen)).id
    # Before it is looked whether a finish runs: one that begins this very moment comes after, and finds what was saved.
    await setups.lock(tx, setup_id)
    await _refuse_while_finishing(tx, setup_id)
    return await _put(tx, by, setup_id, slug, values, version)


async def _refuse_while_finishing(tx: Tx, setup_id: int) -> None:
    """What was saved then would be in no connection."""
    run = await setup_work.get(tx, setup_id, FINISH)
    # Taking a trial back reads no step.
    if run is not None and run["state"] == "running" and run["step"] != "undo":
        raise Busy(
            "The set-up is being finished, with what was chosen before. Nothing was saved.",
            code="setup_finishing",
            fix="Wait until that has ended. Once the connection syncs, change it in its settings.",
        )


async def _put(tx: WriteTx, by: By, setup_id: int, slug: str, values: msgspec.Struct, version: int) -> Setup:
    if not await setups.save(tx, setup_id, slug, msgspec.to_builtins(values), version, by.actor):
        raise await _stale(tx, setup_id, slug)
    await record(tx, by, "setup_saved", subject_of(setup_id), step=slug)
    return await load_in(tx, setup_id)


async def change(
    store: Store, by: By, setup_id: int, slug: str, type_: type[Kept], changed: Callable[[Kept], Kept]
) -> Setup:
    """Read a step and keep what `changed` makes of it, in one transaction. Raises Missing; Stale where the set-up has ended."""
    async with store.write(None) as tx:
        return await change_in(tx, by, setup_id, slug, type_, changed)


async def change_in(
    tx: WriteTx, by: By, setup_id: int, slug: str, type_: type[Kept], changed: Callable[[Kept], Kept]
) -> Setup:
    """As `change`, the last thing in a transaction that also does something else."""
    # Without the lock two that change at once on PostgreSQL would read the same version, and the second be lost.
    await setups.lock(tx, setup_id)
    now = await load_in(tx, setup_id)
    return await _put(tx, by, setup_id, slug, changed(kept(now, slug, type_)), now.version_of(slug))


async def joined(tx: WriteTx, setup_id: int, connection_id: int) -> None:
    """The connection that this set-up is for is there. `tx` of no connection, or of that one."""
    await setups.join(tx, setup_id, connection_id)


async def finish_in(tx: WriteTx, by: By, setup_id: int) -> None:
    """The connection syncs. Secrets of the set-up are wiped, links of it work no more. Raises Stale where it has ended before."""
    await _end(tx, setup_id)
    await record(tx, by, "setup_finished", subject_of(setup_id))


async def give_up_in(tx: WriteTx, by: By, setup_id: int) -> None:
    """As `finish_in`, without a connection. Sign-ins are ended by whoever calls it. Raises Stale."""
    await _end(tx, setup_id)
    await record(tx, by, "setup_given_up", subject_of(setup_id))


async def _end(tx: WriteTx, setup_id: int) -> None:
    if not await setups.end(tx, setup_id):
        raise Stale("This set-up has ended already.", fix="Open /setup: it lists those under way.")


async def _stale(tx: Tx, setup_id: int, slug: str) -> Stale:
    now = await load_in(tx, setup_id)
    if now.ended_at_us is not None:
        return Stale("This set-up has ended. Nothing was saved.", fix="Open /setup: it lists those under way.")
    step = now.steps.get(slug)
    if step is None:
        return Stale("This page is old. Nothing was saved.", fix="Load it again.")
    who = await _name_of(tx, step.changed_by)
    return Stale(
        f"{who} saved this step at {rfc3339(step.changed_at_us)}, after this page was loaded. Nothing of yours was saved, and"
        " nothing of theirs was overwritten.",
        fix="What was saved is shown now: make your changes to it.",
    )


async def _name_of(tx: Tx, actor: str) -> str:
    kind, _, id_ = actor.partition(":")
    person = await people.get(tx, int(id_)) if kind == "person" and id_.isdecimal() else None
    if person is not None:
        return person.name
    return "A colleague" if kind == "link" else "Somebody else"

"""An undo over a day of many changes: what it takes to find out what there is, and a preview that is longer than a page."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from tests.undo_world import Undoing, linked, plan, undo
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app.runtime import open_cycle
from interlock.core.model import AuditKind, AuditRow, LinkedBy, LinkState, RecordLink, Side
from interlock.engine import undo_history
from interlock.engine.undo_history import Part
from interlock.store import aside, audit, links

PAIRS = 6_000
WRITES_OF_EACH = 4
MEMORY_MOST_BYTES = 6_000_000


async def written_to(world: World, pair: Undoing) -> None:
    """As a sync that carried one long text after the other over to many people leaves the store."""
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    ids = [(f"{n + 10**9}", f"003{n:015}") for n in range(PAIRS)]
    for start in range(0, PAIRS, 1_000):
        some = ids[start : start + 1_000]
        async with world.store.write(world.connection.id) as tx:
            await links.insert(tx, [_link(h, s) for h, s in some])
            for n in range(WRITES_OF_EACH):
                texts = [f"{text:_<300}" for text in (f"Title {n}", f"Title {n + 1}")]
                await audit.append(tx, [_row(pair.since_us + n + 1, h, s, *texts) for h, s in some])


def _link(hubspot_id: str, salesforce_id: str) -> RecordLink:
    base = {1: (1, 1)}
    return RecordLink("contacts", hubspot_id, "Contact", salesforce_id, LinkState.LINKED, LinkedBy.EMAIL, 1, base, {})


def _row(at_us: int, hubspot_id: str, salesforce_id: str, old: str, new: str) -> AuditRow:
    keys = (hubspot_id, salesforce_id, Side.HUBSPOT, "jobtitle", "Title")
    return AuditRow(at_us, AuditKind.UPDATE, "contacts", *keys, old, new)


async def _parts(world: World, since_us: int) -> tuple[list[int], int]:
    """How many pairs each part has, and the most memory that it took, in bytes."""
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    store, id_ = world.store, world.connection.id
    sizes: list[int] = []
    async with open_cycle(store, world.connection, *world.clients(), world.clock_us, owner="undoes") as ctx:
        tracemalloc.start()
        try:
            written = await undo_history.find(store, id_, ctx.objects, since_us, world.clock_us())
            async for part in written.parts():
                _check(part)
                sizes.append(len(part.pairs))
            return sizes, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def _check(part: Part) -> None:
    for _, rows in part.pairs:
        (row,) = rows
        assert (str(row.wanted).rstrip("_"), str(row.written).rstrip("_")) == ("Title 0", f"Title {WRITES_OF_EACH}")


def test_what_may_be_taken_back_of_many_changes_is_found_in_the_memory_of_a_few(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.since_us += 1
        await written_to(world, pair)
        sizes, most = await _parts(world, pair.since_us)
        assert sum(sizes) == PAIRS
        assert max(sizes) <= undo_history.PAIRS_AT_ONCE
        # The values alone are more than twice as much.
        assert most < MEMORY_MOST_BYTES

    tell(story)


def test_a_preview_that_leaves_memory_says_and_does_the_same(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "HELD_MOST", 2)
    monkeypatch.setattr(undo_history, "PAIRS_AT_ONCE", 2)

    async def story(world: World) -> None:
        people = [world.hugo.create("contacts", {"email": f"n{n}@example.com", "lastname": f"N{n}"}) for n in range(5)]
        await world.connect()
        await world.sync_later()
        await asyncio.sleep(3_600.0)
        since_us = world.clock_us()
        for id_ in people:
            world.sally.update("Contact", world.counterpart("contacts", id_), {"Title": f"Countess {id_}"})
        made = [world.sally.create("Contact", {"LastName": f"M{n}", "Email": f"m{n}@example.com"}) for n in range(4)]
        await world.sync_later()
        world.hugo.update("contacts", people[0], {"jobtitle": "Analyst"})
        planned = await plan(world, since_us)
        assert sorted(each.now or "" for each in planned.fields) == sorted(f"Countess {id_}" for id_ in people[1:])
        assert {each.salesforce for each in planned.records} == {f"salesforce:Contact:{id_}" for id_ in made}
        assert planned.left.by_why == {"edited_since": 1}
        done = await undo(world, since_us, delete_records=4, up_to=planned.up_to)
        assert (done.fields, done.records, done.left.by_why) == (4, 4, {"edited_since": 1})
        assert [world.contact(id_).get("jobtitle") or None for id_ in people] == ["Analyst", None, None, None, None]
        assert len(world.hugo.ids("contacts")) == 5

    tell(story)

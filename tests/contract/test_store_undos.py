"""What was undone, and who was erased: both tables on both databases."""

from __future__ import annotations

import pytest

from interlock.core.model import AuditKind, AuditRow, RecordKey, Side
from interlock.store import Store, audit, erasures, undos
from interlock.store.undos import STANDING, UNDONE, UndoRow

pytestmark = pytest.mark.anyio

# Half an emoji, a NUL and a quote: values are whatever people typed.
ODD = 'Ada\ud83d \x00 "x"'


def row(link_id: int = 10, property_: str = "jobtitle", at_us: int = 5, **changes: object) -> UndoRow:
    values = {"wanted": "Clerk", "written": "Countess"} | changes
    return UndoRow(link_id, Side.HUBSPOT, property_, property_.upper(), values["wanted"], values["written"], at_us)  # type: ignore[arg-type]


async def test_an_undo_comes_back_as_it_was_noted(store: Store, connection_id: int) -> None:
    noted = row(wanted=ODD, written={"email": ODD})
    async with store.write(connection_id) as tx:
        await undos.put(tx, [noted])
    async with store.read(connection_id) as tx:
        (found,) = (await undos.of_links(tx, [9, 10]))[10]
        assert (found.wanted, found.written, found.seen) == (ODD, {"email": ODD}, None)
        assert await undos.of_links(tx, []) == {}


async def test_what_stands_keeps_the_fingerprints_whole(store: Store, connection_id: int) -> None:
    seen = (2**63 - 1, 0)
    async with store.write(connection_id) as tx:
        await undos.put(tx, [row()])
        (found,) = (await undos.of_links(tx, [10]))[10]
        await undos.stand(tx, found.id, seen)
    async with store.read(connection_id) as tx:
        (found,) = (await undos.of_links(tx, [10]))[10]
        assert (found.state, found.seen) == (STANDING, seen)


async def test_the_last_word_counts_and_what_ended_in_older_runs_is_forgotten(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await undos.put(tx, [row(), row(property_="phone")])
        _, second = (await undos.of_links(tx, [10]))[10]
        await undos.set_state(tx, [second.id], UNDONE)
        await undos.forget_ended(tx, 6)
        await undos.put(tx, [row(at_us=6, wanted="Count")])
    async with store.read(connection_id) as tx:
        assert [each.wanted for each in (await undos.of_links(tx, [10]))[10]] == ["Count"]
        assert await undos.of_run(tx, 5, [10]) == []
        assert [each.wanted for each in await undos.of_run(tx, 6, [9, 10])] == ["Count"]
        assert await undos.of_run(tx, 6, [9]) == []


async def test_an_erased_word_is_known_again_and_no_other(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await erasures.put(tx, ["email:ada@example.com", "email:ada@example.com", "hubspot:contacts:1"])
    async with store.read(connection_id) as tx:
        words = ["email:ada@example.com", "email:bob@example.com", "hubspot:contacts:11"]
        assert await erasures.held(tx, words) == {"email:ada@example.com"}
        assert await erasures.held(tx, []) == set()


async def test_clearing_takes_the_values_of_one_record_and_leaves_the_rest(store: Store, connection_id: int) -> None:
    rows = [
        AuditRow(1, kind, "contacts", id_, f"003{id_}", side=Side.HUBSPOT, old=ODD, new=ODD, status=status)
        for id_ in ("1", "2")
        for kind, status in ((AuditKind.UPDATE, "done"), (AuditKind.CONFLICT, "open"))
    ]
    async with store.write(connection_id) as tx:
        await audit.append(tx, rows)
        await erasures.clear(tx, "contacts", [RecordKey(Side.HUBSPOT, "contacts", "1")], [])
    async with store.read(connection_id) as tx:
        found = [each async for page in audit.since(tx, 0) for each in page]
    assert [(each.old, each.status) for each in found if each.hubspot_id == "1"] == [(None, "done"), (None, "settled")]
    assert [(each.old, each.status) for each in found if each.hubspot_id == "2"] == [(ODD, "done"), (ODD, "open")]

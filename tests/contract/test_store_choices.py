"""What a person chose for conflicts, and work handed to a running dispatcher: both tables on both databases."""

from __future__ import annotations

import pytest
from tests.contract.conftest import Clock

from interlock.core.model import AuditKind, AuditRow, RecordKey, Side
from interlock.store import Store, audit, handovers, resolutions
from interlock.store.resolutions import EDITED_SINCE, Resolution

pytestmark = pytest.mark.anyio

# Half an emoji, a NUL and a quote: values are whatever people typed.
ODD = 'Ada\ud83d \x00 "x"'


def choice(conflict_id: int = 1, link_id: int = 10, field: str = "Title", **changes: object) -> Resolution:
    values: dict[str, object] = {
        "conflict_id": conflict_id,
        "link_id": link_id,
        "property": field.lower(),
        "field": field,
        "keep": Side.HUBSPOT,
        "chosen": "Ada",
        "others": (None,),
        "at_us": 5,
    }
    return Resolution(**values | changes)  # type: ignore[arg-type]


async def test_a_choice_comes_back_as_it_was_noted(store: Store, connection_id: int) -> None:
    noted = choice(chosen=ODD)
    async with store.write(connection_id) as tx:
        await resolutions.put(tx, noted)
    async with store.read(connection_id) as tx:
        assert await resolutions.waiting(tx, [9, 10]) == {10: [noted]}
        assert await resolutions.of_conflicts(tx, [1, 2]) == {1: noted}
        assert await resolutions.waiting(tx, []) == {}


async def test_the_last_choice_for_a_field_of_a_pair_counts(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await resolutions.put(tx, choice(1))
        await resolutions.put(tx, choice(2, chosen="Bea"))
        await resolutions.put(tx, choice(3, field="Phone"))
        await resolutions.put(tx, choice(2, chosen="Eve"))
    async with store.read(connection_id) as tx:
        found = (await resolutions.waiting(tx, [10]))[10]
    assert sorted((each.conflict_id, each.chosen) for each in found) == [(2, "Eve"), (3, "Ada")]


async def test_an_ended_choice_is_remembered_but_waits_no_more(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await resolutions.put(tx, choice())
        await resolutions.set_state(tx, [1], EDITED_SINCE)
    async with store.read(connection_id) as tx:
        assert await resolutions.waiting(tx, [10]) == {}
        assert (await resolutions.of_conflicts(tx, [1]))[1].state == EDITED_SINCE


async def test_a_choice_that_is_carried_out_is_gone_and_its_conflict_resolved(store: Store, connection_id: int) -> None:
    lost = AuditRow(1, AuditKind.CONFLICT, "contacts", "1", "003", Side.HUBSPOT, status="open")
    async with store.write(connection_id) as tx:
        await audit.append(tx, [lost])
        (row,), _ = await audit.conflicts(tx)
        assert row.id is not None
        await resolutions.put(tx, choice(row.id))
        # 999: the retention has taken that conflict meanwhile.
        await audit.resolve_conflicts(tx, [row.id, 999])
        await resolutions.drop(tx, [row.id, 999])
    async with store.read(connection_id) as tx:
        assert await resolutions.waiting(tx, [10]) == {}
        resolved = await audit.get(tx, row.id)
    assert resolved is not None
    assert resolved.status == "resolved"


async def test_a_choice_may_replace_several_values_and_is_found_by_its_field(store: Store, connection_id: int) -> None:
    several = choice(others=(None, ODD, "Bea"))
    async with store.write(connection_id) as tx:
        await resolutions.put(tx, several)
        assert await resolutions.of_field(tx, 10, "title", "Title") == several
        assert await resolutions.of_field(tx, 10, "phone", "Phone") is None
        await resolutions.set_state(tx, [1], resolutions.EDITED_SINCE)
        assert await resolutions.of_field(tx, 10, "title", "Title") is None


async def test_choices_belong_to_their_connection(store: Store, connection_id: int, other_connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await resolutions.put(tx, choice())
    async with store.write(other_connection_id) as tx:
        assert await resolutions.waiting(tx, [10]) == {}
        await resolutions.drop(tx, [1])
    async with store.read(connection_id) as tx:
        assert await resolutions.waiting(tx, [10]) != {}


KEY = RecordKey(Side.SALESFORCE, "Contact", "003000000000001AAA")


async def test_work_is_taken_in_the_order_in_which_it_was_asked_for(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        first, second = await handovers.ask(tx, [], [KEY]), await handovers.ask(tx, ["deals"], [])
    async with store.write(connection_id) as tx:
        assert await handovers.waiting(tx) == 2
        one = await handovers.take(tx)
        assert one is not None
        assert (one.id, one.keys, one.objects, one.state) == (first, [KEY], [], "taken")
        await handovers.answer(tx, one.id, handovers.DONE, {})
        two = await handovers.take(tx)
        assert two is not None
        assert (two.id, two.keys, two.objects) == (second, [], ["deals"])
        await handovers.answer(tx, two.id, handovers.FAILED, {})
        assert await handovers.take(tx) is None
        assert await handovers.waiting(tx) == 0


async def test_work_whose_taker_died_is_taken_by_the_next_owner(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        id_ = await handovers.ask(tx, [], [KEY])
        await handovers.take(tx)
    async with store.write(connection_id) as tx:
        assert await handovers.waiting(tx) == 1
        again = await handovers.take(tx)
        assert again is not None
        assert (again.id, again.keys) == (id_, [KEY])


async def test_an_answer_reaches_the_one_who_asked_and_nobody_after_a_withdrawal(
    store: Store, connection_id: int
) -> None:
    async with store.write(connection_id) as tx:
        id_ = await handovers.ask(tx, [], [])
        await handovers.take(tx)
        await handovers.answer(tx, id_, handovers.DONE, {"outcome": "done"})
    async with store.write(connection_id) as tx:
        answered = await handovers.get(tx, id_)
        assert answered is not None
        assert (answered.state, answered.answer) == ("done", {"outcome": "done"})
        assert await handovers.withdraw(tx, id_)
        assert not await handovers.withdraw(tx, id_)
        await handovers.answer(tx, id_, handovers.DONE, {})
        assert await handovers.get(tx, id_) is None


async def test_rows_of_processes_that_died_are_dropped_by_age(store: Store, connection_id: int, clock: Clock) -> None:
    async with store.write(connection_id) as tx:
        old = await handovers.ask(tx, [], [])
    clock.advance(60)
    async with store.write(connection_id) as tx:
        young = await handovers.ask(tx, [], [])
        assert await handovers.drop_older(tx, clock.now_us) == 1
        assert await handovers.get(tx, old) is None
        assert await handovers.get(tx, young) is not None

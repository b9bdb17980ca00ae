"""Record links: one counterpart per record, bases that come back as they were, pages and counts."""

from __future__ import annotations

import pytest

from interlock.core.model import LinkedBy, LinkState, RecordLink
from interlock.store import NotUnique, Store, links

pytestmark = pytest.mark.anyio


def pair(hubspot_id: str, salesforce_id: str, type_: str = "Contact", object_: str = "contacts") -> RecordLink:
    base = {11: (5, 5), 12: (0, 0), 13: (2**63 - 1, 7)}
    return RecordLink(
        object_, hubspot_id, type_, salesforce_id, LinkState.LINKED, LinkedBy.EMAIL, 1000, base, {"roles": [3, 4]}
    )


async def linked(store: Store, connection_id: int, *pairs: RecordLink) -> list[int]:
    async with store.write(connection_id) as tx:
        return await links.insert(tx, list(pairs))


async def test_a_link_comes_back_as_it_was_stored_from_either_side(store: Store, connection_id: int) -> None:
    link = pair("501", "003A")
    link.held = {12: (99, 98)}
    link.synced_at_us = 2000
    [id_] = await linked(store, connection_id, link)
    link.id = id_
    async with store.read(connection_id) as tx:
        assert await links.by_hubspot(tx, "contacts", ["501", "999"]) == {"501": link}
        assert await links.by_salesforce(tx, "contacts", ["003A", "003Z"]) == {"003A": link}
        assert await links.by_id(tx, [id_, id_ + 1]) == {id_: link}


async def test_ids_come_in_the_order_of_the_links(store: Store, connection_id: int) -> None:
    pairs = [pair(f"{i}", f"003{i}") for i in range(50, 0, -1)]
    ids = await linked(store, connection_id, *pairs)
    async with store.read(connection_id) as tx:
        found = await links.by_hubspot(tx, "contacts", [p.hubspot_id for p in pairs])
    assert [found[p.hubspot_id].id for p in pairs] == ids
    assert len(set(ids)) == 50


async def test_an_id_is_never_given_twice_even_after_the_newest_connection_is_deleted(
    store: Store, connection_id: int, other_connection_id: int
) -> None:
    from interlock.store import connections

    [first] = await linked(store, other_connection_id, pair("1", "003A"))
    async with store.write(other_connection_id) as tx:
        await connections.delete(tx, tx.connection_id)
    [second] = await linked(store, connection_id, pair("1", "003A"))
    assert second > first


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        (pair("501", "003A"), pair("501", "003B")),
        (pair("501", "003A"), pair("502", "003A")),
        # A HubSpot contact is linked with one Contact or one Lead, never with both.
        (pair("501", "003A", "Contact"), pair("501", "00QA", "Lead")),
    ],
    ids=["same HubSpot record", "same Salesforce record", "same HubSpot record across types"],
)
async def test_a_record_has_one_live_link(
    store: Store, connection_id: int, taken: RecordLink, wanted: RecordLink
) -> None:
    [id_] = await linked(store, connection_id, taken)
    with pytest.raises(NotUnique):
        await linked(store, connection_id, wanted)

    async with store.write(connection_id) as tx:
        await links.set_state(tx, [id_], LinkState.UNLINKED)
    await linked(store, connection_id, wanted)


async def test_an_unlinked_pair_is_history_only(store: Store, connection_id: int) -> None:
    [id_] = await linked(store, connection_id, pair("501", "003A"))
    async with store.write(connection_id) as tx:
        await links.set_state(tx, [id_], LinkState.UNLINKED)
    async with store.read(connection_id) as tx:
        assert await links.by_hubspot(tx, "contacts", ["501"]) == {}
        assert await links.by_salesforce(tx, "contacts", ["003A"]) == {}
        assert (await links.by_id(tx, [id_]))[id_].state is LinkState.UNLINKED
        assert [link.id for link in await links.page(tx, "contacts")] == [id_]


async def test_a_deleted_side_keeps_its_link_in_place(store: Store, connection_id: int) -> None:
    [id_] = await linked(store, connection_id, pair("501", "003A"))
    async with store.write(connection_id) as tx:
        await links.set_state(tx, [id_], LinkState.SALESFORCE_DELETED)
    async with store.read(connection_id) as tx:
        assert (await links.by_hubspot(tx, "contacts", ["501"]))["501"].state is LinkState.SALESFORCE_DELETED
    with pytest.raises(NotUnique):
        await linked(store, connection_id, pair("501", "003B"))


async def test_a_base_is_replaced_whole_and_what_is_held_stays(store: Store, connection_id: int) -> None:
    first, second = pair("501", "003A"), pair("502", "003B")
    first.held = {12: (99, 98)}
    ids = await linked(store, connection_id, first, second)
    async with store.write(connection_id) as tx:
        await links.update_base(tx, [(ids[0], {11: (8, 9)}, {}, 5000), (ids[1], {}, {"roles": []}, None)])
    async with store.read(connection_id) as tx:
        found = await links.by_id(tx, ids)
    assert (found[ids[0]].base, found[ids[0]].sets, found[ids[0]].synced_at_us) == ({11: (8, 9)}, {}, 5000)
    assert found[ids[0]].held == {12: (99, 98)}
    assert (found[ids[1]].base, found[ids[1]].sets, found[ids[1]].synced_at_us) == ({}, {"roles": []}, None)


async def test_a_held_value_is_forgotten_when_it_was_accepted(store: Store, connection_id: int) -> None:
    link = pair("501", "003A")
    link.held = {12: (99, 98)}
    [id_] = await linked(store, connection_id, link)
    async with store.write(connection_id) as tx:
        await links.set_held(tx, [(id_, {})])
    async with store.read(connection_id) as tx:
        assert (await links.by_id(tx, [id_]))[id_].held == {}


async def test_a_pair_that_was_only_compared_keeps_its_base(store: Store, connection_id: int) -> None:
    [id_] = await linked(store, connection_id, pair("501", "003A"))
    async with store.write(connection_id) as tx:
        await links.touch(tx, [id_], 7000)
    async with store.read(connection_id) as tx:
        found = (await links.by_id(tx, [id_]))[id_]
        assert await links.last_synced_us(tx) == {"contacts": 7000}
    assert (found.synced_at_us, found.base) == (7000, pair("501", "003A").base)


async def test_a_converted_lead_takes_its_link_to_the_contact(store: Store, connection_id: int) -> None:
    [id_] = await linked(store, connection_id, pair("501", "00QA", "Lead"))
    async with store.write(connection_id) as tx:
        await links.move(tx, id_, salesforce_type="Contact", salesforce_id="003A")
    async with store.read(connection_id) as tx:
        found = (await links.by_hubspot(tx, "contacts", ["501"]))["501"]
    assert (found.salesforce_type, found.salesforce_id, found.hubspot_id) == ("Contact", "003A", "501")
    assert found.base == pair("501", "00QA").base


async def test_a_link_cannot_move_onto_a_record_that_has_one(store: Store, connection_id: int) -> None:
    ids = await linked(store, connection_id, pair("501", "003A"), pair("502", "003B"))
    with pytest.raises(NotUnique):
        async with store.write(connection_id) as tx:
            await links.move(tx, ids[0], hubspot_id="502")


async def test_moving_a_link_that_is_not_there_is_an_error(store: Store, connection_id: int) -> None:
    with pytest.raises(LookupError):
        async with store.write(connection_id) as tx:
            await links.move(tx, 4711, hubspot_id="1")


async def test_counts_are_by_object_and_state(store: Store, connection_id: int) -> None:
    ids = await linked(
        store,
        connection_id,
        pair("1", "003A"),
        pair("2", "003B"),
        pair("3", "003C"),
        pair("1", "001A", "Account", "companies"),
    )
    async with store.write(connection_id) as tx:
        await links.set_state(tx, ids[:1], LinkState.HUBSPOT_DELETED)
    async with store.read(connection_id) as tx:
        assert await links.counts(tx) == {"contacts": {"linked": 2, "hubspot_deleted": 1}, "companies": {"linked": 1}}


async def test_pages_walk_every_link_of_an_object_once(store: Store, connection_id: int) -> None:
    await linked(store, connection_id, *(pair(f"{i}", f"003{i}") for i in range(7)))
    await linked(store, connection_id, pair("1", "001A", "Account", "companies"))
    seen: list[str] = []
    after_id = 0
    async with store.read(connection_id) as tx:
        while rows := await links.page(tx, "contacts", after_id, limit=3):
            seen += [row.hubspot_id for row in rows]
            after_id = rows[-1].id or 0
    assert seen == [str(i) for i in range(7)]


async def test_a_batch_of_thousands_is_one_question(store: Store, connection_id: int) -> None:
    pairs = [pair(f"{i}", f"003{i}") for i in range(2500)]
    await linked(store, connection_id, *pairs)
    async with store.read(connection_id) as tx:
        assert len(await links.by_hubspot(tx, "contacts", [p.hubspot_id for p in pairs])) == 2500
        assert await links.by_hubspot(tx, "contacts", []) == {}


def test_a_field_on_which_both_sides_agree_is_stored_once() -> None:
    agreed = links.pack_base({n: (2**60 + n, 2**60 + n) for n in range(20)}, {})
    differing = links.pack_base({n: (2**60 + n, 2**61 + n) for n in range(20)}, {})
    assert len(agreed) < 0.6 * len(differing)

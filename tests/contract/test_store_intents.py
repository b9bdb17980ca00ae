"""Intents: what may have been written to a CRM is known after any crash."""

from __future__ import annotations

import pytest

from interlock.core.model import Intent, IntentKind, IntentState, RecordKey, Side
from interlock.store import Store, intents

pytestmark = pytest.mark.anyio

ADA_HUBSPOT = RecordKey(Side.HUBSPOT, "contacts", "501")
ADA_SALESFORCE = RecordKey(Side.SALESFORCE, "Contact", "003A")


def update_of(source: RecordKey, target: RecordKey, fence: int = 1) -> Intent:
    fields = {11: ("Title", 2**63 - 1, 0, 5), 12: ("Email", 1, 2, 3)}
    return Intent("contacts", IntentKind.UPDATE, IntentState.SENT, source, target, "", fields, fence, 1000, 31_000)


def create_of(source: RecordKey) -> Intent:
    target = RecordKey(Side.SALESFORCE, "Contact", "")
    return Intent(
        "contacts", IntentKind.CREATE, IntentState.SENT, source, target, f"1:{source.id}", {}, 1, 1000, 31_000
    )


async def opened(store: Store, connection_id: int, *new: Intent) -> list[int]:
    async with store.write(connection_id) as tx:
        return await intents.open_(tx, list(new))


async def test_an_intent_is_found_by_its_source_and_by_its_target(store: Store, connection_id: int) -> None:
    intent = update_of(ADA_HUBSPOT, ADA_SALESFORCE)
    [intent.id] = await opened(store, connection_id, intent)
    async with store.read(connection_id) as tx:
        assert await intents.for_keys(tx, [ADA_HUBSPOT]) == [intent]
        assert await intents.for_keys(tx, [ADA_SALESFORCE]) == [intent]
        assert await intents.for_keys(tx, [ADA_HUBSPOT, ADA_SALESFORCE]) == [intent], "once, not twice"
        assert await intents.for_keys(tx, [RecordKey(Side.SALESFORCE, "Contact", "003Z")]) == []


async def test_a_create_is_found_by_its_source_with_its_sync_key(store: Store, connection_id: int) -> None:
    await opened(store, connection_id, create_of(ADA_HUBSPOT))
    async with store.read(connection_id) as tx:
        [found] = await intents.for_keys(tx, [ADA_HUBSPOT])
    assert (found.target.id, found.sync_key) == ("", "1:501")


async def test_an_unknown_outcome_is_kept_with_its_park(store: Store, connection_id: int) -> None:
    ids = await opened(store, connection_id, create_of(ADA_HUBSPOT), update_of(ADA_HUBSPOT, ADA_SALESFORCE))
    async with store.write(connection_id) as tx:
        await intents.update(tx, ids[:1], IntentState.UNKNOWN, 99_000)
    async with store.read(connection_id) as tx:
        found = await intents.for_keys(tx, [ADA_HUBSPOT])
    assert [(i.id, i.state, i.park_until_us) for i in found] == [
        (ids[0], IntentState.UNKNOWN, 99_000),
        (ids[1], IntentState.SENT, 31_000),
    ]


async def test_a_settled_intent_is_gone_and_its_id_is_not_given_again(store: Store, connection_id: int) -> None:
    ids = await opened(store, connection_id, create_of(ADA_HUBSPOT), update_of(ADA_HUBSPOT, ADA_SALESFORCE))
    async with store.write(connection_id) as tx:
        await intents.settle(tx, ids)
        assert await intents.count(tx) == 0
    assert min(await opened(store, connection_id, create_of(ADA_HUBSPOT))) > max(ids)


async def test_a_new_owner_finds_what_the_former_one_left_open(store: Store, connection_id: int) -> None:
    [old, _] = await opened(
        store,
        connection_id,
        update_of(ADA_HUBSPOT, ADA_SALESFORCE, fence=4),
        update_of(ADA_SALESFORCE, ADA_HUBSPOT, fence=5),
    )
    async with store.read(connection_id) as tx:
        assert [intent.id for intent in await intents.older_than_fence(tx, 5)] == [old]
        assert await intents.count(tx) == 2

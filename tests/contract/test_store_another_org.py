"""A connection goes over to another org: what named records of the old one is history or gone, on both databases, and of no other
connection anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from interlock.core.model import (
    AuditKind,
    AuditRow,
    Intent,
    IntentKind,
    IntentState,
    LinkedBy,
    LinkState,
    Reason,
    RecordKey,
    RecordLink,
    Side,
)
from interlock.store import Store, another_org, audit, connections, cursors, directory, dirty, handovers, intents, links

pytestmark = pytest.mark.anyio

ADA, ADA_THERE = RecordKey(Side.HUBSPOT, "contacts", "501"), RecordKey(Side.SALESFORCE, "Contact", "003A")
TOLD = {"code": "moved", "message": "It went over."}


def conflict(old: str) -> AuditRow:
    return AuditRow(
        1,
        AuditKind.CONFLICT,
        "contacts",
        "501",
        "003A",
        Side.HUBSPOT,
        "jobtitle",
        "Title",
        old,
        "ours",
        "sync",
        None,
        None,
        "open",
    )


def intent(source: RecordKey, target: RecordKey, kind: IntentKind, state: IntentState, *rows: AuditRow) -> Intent:
    return Intent("contacts", kind, state, source, target, "", {11: ("jobtitle", 1, 2, 3)}, 7, 1000, 31_000, list(rows))


async def fill(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        (id_,) = await links.insert(tx, [RecordLink.between(ADA, ADA_THERE, LinkedBy.EMAIL, 1, {11: (1, 2)})])
        await links.set_held(tx, [(id_, {12: (3, 4)})])
        await dirty.mark(tx, "contacts", [ADA], Reason.CHANGED, 0)
        await cursors.set(tx, "hubspot:contacts", {"modified_us": 1})
        await directory.put(tx, "schemas", {})
        await audit.append(tx, [conflict("lost")])
        await handovers.ask(tx, (), ())


async def test_links_are_history_and_what_is_due_cursors_and_schemas_are_gone(store: Store, connection_id: int) -> None:
    await fill(store, connection_id)
    async with store.write(connection_id) as tx:
        found = await another_org.set_aside(tx, TOLD)
    assert (found.links, found.due, found.open_writes, found.may_land) == (1, 1, 0, 0)
    async with store.read(connection_id) as tx:
        (link,) = await links.page(tx, "contacts")
        assert link.state is LinkState.UNLINKED
        assert await links.by_hubspot(tx, "contacts", ["501"]) == {}
        assert await dirty.counts(tx, 10) == {}
        assert await cursors.get(tx, "hubspot:contacts") is None
        assert await directory.get(tx, "schemas") is None
        assert await audit.conflict_counts(tx) == {}
        assert await audit.conflict_counts(tx, "settled") == {"contacts": 1}
        assert await handovers.waiting(tx) == 0


async def test_the_pairs_that_are_history_keep_no_fingerprint_in_which_somebody_could_be_found(
    store: Store, connection_id: int
) -> None:
    await fill(store, connection_id)
    async with store.write(connection_id) as tx:
        await another_org.set_aside(tx, TOLD)
        await another_org.forget_bases(tx)
    async with store.read(connection_id) as tx:
        (link,) = await links.page(tx, "contacts")
    assert (link.base, link.sets, link.held) == ({}, {}, {})


async def test_a_pair_of_before_may_be_linked_again(store: Store, connection_id: int) -> None:
    await fill(store, connection_id)
    async with store.write(connection_id) as tx:
        await another_org.set_aside(tx, TOLD)
        await links.insert(tx, [RecordLink.between(ADA, ADA_THERE, LinkedBy.SYNC_KEY, 2, {})])
    async with store.read(connection_id) as tx:
        assert (await links.by_hubspot(tx, "contacts", ["501"]))["501"].linked_by is LinkedBy.SYNC_KEY
        assert (await another_org.counts(tx)).links == 1


async def test_another_connection_keeps_all_that_it_has(
    store: Store, connection_id: int, make_connection: Callable[..., Any]
) -> None:
    async with store.write(None) as tx:
        other = await connections.create(tx, make_connection("other", "222"))
    for each in (connection_id, other):
        await fill(store, each)
    async with store.write(connection_id) as tx:
        await another_org.set_aside(tx, TOLD)
    async with store.read(other) as tx:
        assert (await another_org.counts(tx)) == another_org.SetAside(1, 1, 0, 0)
        assert await cursors.get(tx, "hubspot:contacts") == {"modified_us": 1}
        assert await audit.conflict_counts(tx) == {"contacts": 1}
        assert await handovers.waiting(tx) == 1


@pytest.mark.parametrize("state", [IntentState.SENT, IntentState.UNKNOWN])
async def test_open_writes_into_hubspot_are_left_to_be_looked_up_and_all_others_forgotten(
    store: Store, connection_id: int, state: IntentState
) -> None:
    nothing = RecordKey(Side.HUBSPOT, "contacts", "")
    async with store.write(connection_id) as tx:
        await intents.open_(
            tx,
            [
                intent(ADA_THERE, ADA, IntentKind.UPDATE, state, conflict("in HubSpot")),
                intent(ADA_THERE, nothing, IntentKind.CREATE, state),
                intent(ADA, ADA_THERE, IntentKind.UPDATE, state, conflict("in the old org")),
            ],
        )
        found = await another_org.set_aside(tx, TOLD)
    assert (found.open_writes, found.may_land) == (3, 2)
    async with store.read(connection_id) as tx:
        (left,) = await intents.older_than_fence(tx, 1)
        assert (left.target, left.state, left.fence) == (ADA, IntentState.VERIFY, another_org.NOBODYS_FENCE)
        logged = [row.old async for rows in audit.since(tx, 0) for row in rows]
    assert logged == ["in HubSpot", "in the old org"]


async def test_what_was_carried_out_and_not_looked_up_yet_is_left_to_be_looked_up(
    store: Store, connection_id: int
) -> None:
    async with store.write(connection_id) as tx:
        await intents.open_(tx, [intent(ADA_THERE, ADA, IntentKind.CREATE, IntentState.VERIFY)])
        found = await another_org.set_aside(tx, TOLD)
        assert (found.open_writes, found.may_land) == (1, 0)
        assert [each.fence for each in await intents.all_(tx)] == [another_org.NOBODYS_FENCE]

"""Transactions: all or nothing, bound to one connection, closed when their block ends, never open over the network."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any

import pytest
from tests.contract.conftest import Clock

from interlock.core.model import (
    AuditKind,
    AuditRow,
    Intent,
    IntentKind,
    IntentState,
    Issue,
    IssueCategory,
    LinkedBy,
    LinkState,
    Looked,
    Reason,
    RecordKey,
    RecordLink,
    Side,
)
from interlock.store import (
    NotUnique,
    Store,
    StoreUnavailable,
    Tx,
    WriteTx,
    audit,
    calls,
    census,
    connections,
    cursors,
    directory,
    dirty,
    erasures,
    from_now_on,
    identity,
    intents,
    issues,
    links,
    mappings,
    notices,
    secrets,
    suggestions,
    undos,
    unlinked,
)
from interlock.store.connections import Connection
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow
from interlock.store.notices import Notice
from interlock.store.suggestions import Suggestion
from interlock.store.undos import UndoRow
from interlock.store.unlinked import Unlinked

pytestmark = pytest.mark.anyio

ADA = RecordKey(Side.HUBSPOT, "contacts", "501")
ADA_SALESFORCE = RecordKey(Side.SALESFORCE, "Contact", "003A")


async def cursor(store: Store, connection_id: int) -> dict[str, Any] | None:
    async with store.read(connection_id) as tx:
        return await cursors.get(tx, "c")


async def test_a_block_that_raises_leaves_nothing(store: Store, connection_id: int) -> None:
    async def fail_half_way() -> None:
        async with store.write(connection_id) as tx:
            await cursors.set(tx, "c", {"n": 1})
            await dirty.mark(tx, "contacts", [ADA], Reason.CHANGED, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_half_way()
    async with store.read(connection_id) as tx:
        assert await cursors.get(tx, "c") is None
        assert await dirty.counts(tx, 1) == {}
        assert await dirty.horizon(tx) == 0


async def test_a_transaction_whose_statement_failed_never_commits_even_if_the_failure_is_caught(
    store: Store, connection_id: int, make_connection: Callable[..., Connection]
) -> None:
    async def swallow() -> None:
        async with store.write(connection_id) as tx:
            await cursors.set(tx, "c", {"n": 1})
            with pytest.raises(NotUnique):
                await connections.create(tx, make_connection())

    with pytest.raises(RuntimeError, match="caught inside"):
        await swallow()
    assert await cursor(store, connection_id) is None


async def test_the_store_works_on_after_a_block_that_raised(store: Store, connection_id: int) -> None:
    await test_a_block_that_raises_leaves_nothing(store, connection_id)
    async with store.write(connection_id) as tx:
        await cursors.set(tx, "c", {"n": 2})
    assert await cursor(store, connection_id) == {"n": 2}


@pytest.mark.parametrize("steps_before_cancel", range(12))
async def test_a_cancelled_task_leaves_all_or_nothing(
    store: Store, connection_id: int, steps_before_cancel: int
) -> None:
    finished = False

    async def write_twice() -> None:
        nonlocal finished
        async with store.write(connection_id) as tx:
            await cursors.set(tx, "c", {"n": 1})
            await cursors.set(tx, "d", {"n": 1})
        finished = True

    task = asyncio.create_task(write_twice())
    for _ in range(steps_before_cancel):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    async with store.read(connection_id) as tx:
        both = (await cursors.get(tx, "c"), await cursors.get(tx, "d"))
    assert both in [(None, None), ({"n": 1}, {"n": 1})]
    assert both[0] is not None or not finished
    # Whatever the cancelled task left running, the next transaction is a clean one.
    async with store.write(connection_id) as tx:
        await cursors.set(tx, "c", {"n": 2})
    assert await cursor(store, connection_id) == {"n": 2}


async def test_a_reader_sees_one_moment_however_long_it_reads(store: Store, connection_id: int) -> None:
    async with store.read(connection_id) as tx:
        assert await cursors.get(tx, "c") is None
        # Another task, as the dispatcher is to a page.
        await asyncio.create_task(set_cursor(store, connection_id, 1))
        assert await cursors.get(tx, "c") is None
    assert await cursor(store, connection_id) == {"n": 1}


async def set_cursor(store: Store, connection_id: int, n: int) -> None:
    async with store.write(connection_id) as tx:
        await cursors.set(tx, "c", {"n": n})


async def test_writers_wait_for_one_another(store: Store, connection_id: int) -> None:
    async def count_up() -> None:
        async with store.write(connection_id) as tx:
            await dirty.mark(tx, "contacts", [ADA], Reason.CHANGED, 1)
            seen = await cursors.get(tx, "c") or {"n": 0}
            await asyncio.sleep(0)
            await cursors.set(tx, "c", {"n": seen["n"] + 1})

    await asyncio.gather(*(count_up() for _ in range(20)))
    assert await cursor(store, connection_id) == {"n": 20}


async def test_a_reading_transaction_cannot_write(store: Store, connection_id: int) -> None:
    async with store.read(connection_id) as tx:
        with pytest.raises(Exception, match=r"read.?only"):
            await tx.rows("INSERT INTO cursor (connection_id, name, value) VALUES (?, 'x', '{}') RETURNING name", 1)


async def test_a_transaction_that_has_ended_is_of_no_use(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as ended:
        pass
    with pytest.raises(RuntimeError, match="ended"):
        await cursors.set(ended, "c", {})
    with pytest.raises(RuntimeError, match="ended"):
        await connections.list_(ended)


async def test_a_write_inside_a_write_is_refused_at_once(store: Store, connection_id: int) -> None:
    async with store.write(connection_id):
        with pytest.raises(RuntimeError, match="wait for itself"):
            await set_cursor(store, connection_id, 1)


async def test_a_statement_needs_a_connection_to_be_bound_to(store: Store) -> None:
    async with store.read(None) as tx:
        with pytest.raises(RuntimeError, match="no connection"):
            await cursors.get(tx, "c")


async def test_the_network_is_forbidden_while_a_transaction_is_open_and_only_then(
    database_url: str, clock: Clock
) -> None:
    forbidden: ContextVar[bool] = ContextVar("forbidden", default=False)
    store = await Store.open(database_url, clock_us=clock, forbid_network=forbidden)
    async with store.write(None):
        assert forbidden.get()
    assert not forbidden.get()
    async with store.read(None):
        assert forbidden.get()
    assert not forbidden.get()
    with pytest.raises(ZeroDivisionError):
        async with store.write(None):
            raise ZeroDivisionError
    assert not forbidden.get()
    await store.close()


async def test_a_closed_store_says_so(store: Store) -> None:
    await store.close()
    for transaction in (store.read(None), store.write(None)):
        with pytest.raises(StoreUnavailable, match="closed"):
            async with transaction:
                pass


# --- I13: no statement touches two connections ----------------------------------------------------------


async def fill(tx: WriteTx, salt: str) -> None:
    """Something in every table of a connection; the same records in both, as with one org and two accounts."""
    object_id = await mappings.save_object_mapping(tx, ObjectMappingRow("contacts", "Contact"))
    await mappings.save_field_mapping(tx, FieldMappingRow(object_id, "jobtitle", "Title", "two_way", status=salt))
    await links.insert(
        tx, [RecordLink("contacts", "501", "Contact", "003A", LinkState.LINKED, LinkedBy.EMAIL, 1, {1: (1, 1)}, {})]
    )
    await dirty.mark(tx, "contacts", [ADA], Reason.CHANGED, 1)
    await cursors.set(tx, "c", {"salt": salt})
    await secrets.put(tx, "token", salt)
    await intents.open_(
        tx, [Intent("contacts", IntentKind.UPDATE, IntentState.SENT, ADA, ADA_SALESFORCE, salt, {}, 1, 1, 1)]
    )
    await issues.raise_(
        tx,
        [
            Issue(
                IssueCategory.LIMITS, "c", "error", "contacts", "501", "003A", "Contact", salt, "fix",
                first_seen_us=1, next_try_us=1,
            )
        ],
    )  # fmt: skip
    await audit.append(tx, [AuditRow(1, AuditKind.CONFLICT, "contacts", "501", "003A", cause=salt, status="open")])
    await identity.put(tx, "contacts", Side.HUBSPOT, [("email", "a@x.com", "501")])
    await census.note(tx, "contacts", [("email", "a@x.com", "501")])
    await unlinked.put(tx, [Unlinked(ADA, "contacts", 1, "excluded", salt, 1)])
    await suggestions.replace_open(tx, "contacts", [_suggested(salt)])
    await directory.put(tx, "owners", salt)
    await calls.add(tx, Side.HUBSPOT, "fetch", 1, 1)
    await undos.put(tx, [UndoRow(1, Side.HUBSPOT, "jobtitle", "Title", salt, salt, 1)])
    await erasures.put(tx, ["email:a@x.com"])
    notice_id = await notices.add(tx, Notice("issues", "once", salt, salt, at_us=1))
    assert notice_id is not None
    await notices.send_to(tx, notice_id, [1])


async def everything(tx: Tx) -> list[Any]:
    """All rows of a connection, each table read by its own functions."""
    return [
        await connections.get(tx, tx.connection_id),
        await mappings.object_mappings(tx),
        await mappings.field_mappings(tx),
        await links.page(tx, "contacts"),
        await dirty.by_keys(tx, [ADA]),
        await dirty.horizon(tx),
        await cursors.get(tx, "c"),
        await secrets.get(tx, "token"),
        await intents.for_keys(tx, [ADA]),
        await issues.list_(tx, status=("open", "waiting", "ignored", "resolved")),
        await audit.conflicts(tx, None),
        await identity.find(tx, "contacts", Side.HUBSPOT, "email", ["a@x.com"]),
        await unlinked.by_keys(tx, [ADA]),
        await directory.get(tx, "owners"),
        await calls.used(tx, Side.HUBSPOT, 0),
        await undos.of_run(tx, 1, [1]),
        await erasures.all_(tx),
        await notices.list_(tx, None, 9),
        await notices.any_due(tx),
        await suggestions.page(tx, "open", None, 0, 9),
        await census.find(tx, "contacts", "email", ["a@x.com"]),
    ]


def _suggested(by: str) -> Suggestion:
    return Suggestion("contacts", ADA, ADA_SALESFORCE, "open", False, 14, (), 0, 1, decided_by=by)


async def change_all(tx: WriteTx, foreign: list[Any]) -> None:
    """Every writing function, also with the ids of the other connection's rows."""
    [theirs] = foreign[3]
    [their_intent] = foreign[8]
    [their_issue], _ = foreign[9]
    [their_conflict], _ = foreign[10]
    [their_undo] = foreign[15]
    [their_notice] = foreign[17]
    for link_id in (theirs.id,):
        await links.update_base(tx, [(link_id, {9: (9, 9)}, {}, 9)])
        await links.set_held(tx, [(link_id, {9: 9})])
        await links.set_looked(tx, [(link_id, Looked(9, 9, 9, 9))])
        await links.touch(tx, [link_id], 9)
        await links.set_state(tx, [link_id], LinkState.UNLINKED)
        with pytest.raises(LookupError):
            await links.move(tx, link_id, hubspot_id="9")
    with pytest.raises(LookupError):
        await mappings.save_field_mapping(tx, FieldMappingRow(1, "x", "y", "two_way", id=foreign[2][0].id))
    with pytest.raises(LookupError):
        await mappings.save_object_mapping(tx, ObjectMappingRow("deals", "X", id=foreign[1][0].id))
    await mappings.delete_field_mappings(tx, [foreign[2][0].id])
    await dirty.mark(tx, "contacts", [ADA], Reason.RESYNC, 0)
    await dirty.take_turn(tx)
    await dirty.await_(tx, [ADA], [(ADA, ADA)])
    await dirty.wake(tx, [ADA])
    await dirty.wake_these(tx, [ADA])
    await dirty.wake_waiting(tx, "contacts")
    await dirty.wake_unanswered(tx, "contacts", ["ambiguous"])
    await dirty.postpone(tx, [(ADA, 77, 7, Reason.PARKED)], 10**9)
    await dirty.park(tx, "contacts", [ADA], 78)
    await dirty.clear(tx, [ADA], 10**9)
    await cursors.set(tx, "c", {"changed": 1})
    await cursors.drop(tx, "c")
    await secrets.put(tx, "token", "changed")
    await secrets.drop(tx, "token")
    await intents.update(tx, [their_intent.id], IntentState.UNKNOWN, 9)
    await intents.leave_to_verify(tx, [their_intent.id], 9)
    await intents.settle(tx, [their_intent.id])
    await issues.raise_(
        tx, [Issue(IssueCategory.LIMITS, "c", "error", "contacts", "501", "003A", "Contact", "changed", "fix")]
    )
    await issues.resolve(tx, [ADA, ADA_SALESFORCE])
    await issues.resolve_ids(tx, [their_issue.id])
    await issues.ignore(tx, [their_issue.id])
    await issues.set_waiting(tx, [their_issue.id], 9)
    await issues.take_due(tx, ["contacts"], 9, 9)
    await undos.set_state(tx, [their_undo.id], "gone")
    await undos.stand(tx, their_undo.id, (9, 9))
    await undos.end_waiting(tx, their_undo.link_id, Side.HUBSPOT, "gone")
    await undos.drop(tx, [their_undo.id])
    await undos.forget_ended(tx, 10)
    await undos.put(tx, [UndoRow(their_undo.link_id, Side.HUBSPOT, "jobtitle", "Title", "9", "9", 9)])
    await erasures.clear(tx, "contacts", [ADA, ADA_SALESFORCE], [theirs.id])
    await erasures.put(tx, ["email:b@x.com"])
    await erasures.forget_labels(tx, "contacts", [ADA])
    await erasures.take_over(tx, *foreign[16])
    deliveries = [row[0] for row in await tx.rows("SELECT id FROM delivery WHERE connection_id <> ?", tx.connection_id)]
    for delivery_id in deliveries:
        await notices.sent(tx, delivery_id)
        await notices.not_sent(tx, delivery_id, "changed", None)
    await notices.take(tx, 10**18)
    await notices.add(tx, Notice("issues", "once", "changed", "changed"))
    await notices.send_to(tx, their_notice.id, [9])
    await issues.prune(tx, 10**18)
    await notices.prune(tx, 10**18)
    their_intent_now = Intent(
        "contacts", IntentKind.UPDATE, IntentState.SENT, RecordKey.parse("hubspot:contacts:501"),
        RecordKey.parse("salesforce:Contact:003A"), "", {}, 1, 1, 1, id=their_intent.id,
    )  # fmt: skip
    await intents.keep_rows(tx, [their_intent_now])
    await intents.name_targets(tx, [their_intent_now])
    await audit.resolve_conflicts(tx, [their_conflict.id])
    await audit.add(tx, AuditRow(9, AuditKind.UPDATE, "contacts", "501", "003A"))
    await audit.prune(tx, 10**18)
    await identity.put(tx, "contacts", Side.HUBSPOT, [("email", "b@x.com", "501")])
    await identity.drop(tx, "contacts", Side.HUBSPOT, ["501"])
    await census.note(tx, "contacts", [("email", "b@x.com", "501")])
    assert await census.forget_page(tx, "contacts")
    await census.forget(tx)
    await unlinked.put(tx, [Unlinked(ADA, "contacts", 9, "ambiguous", "changed", 9)])
    await unlinked.drop(tx, [ADA])
    await suggestions.decide(tx, _suggested("").key, "refused", "changed")
    await suggestions.follow(tx, "contacts", ADA, RecordKey(Side.HUBSPOT, "contacts", "502"))
    await suggestions.settle(tx, "contacts", [ADA_SALESFORCE])
    await suggestions.forget(tx, "contacts", [ADA_SALESFORCE])
    await suggestions.replace_open(tx, "contacts", [])
    await directory.put(tx, "owners", "changed")
    await directory.drop(tx, "owners")
    await directory.forget(tx, ["hubspot:contacts:501"])
    await calls.add(tx, Side.HUBSPOT, "fetch", 9, 1)
    await calls.prune(tx, 10**18)
    await from_now_on.mark_pairs(tx, "contacts", 0)
    await from_now_on.leave_the_rest(tx, "contacts")
    await from_now_on.begin_looking(tx)
    await connections.delete(tx, tx.connection_id)


async def test_nothing_done_to_one_connection_touches_another(
    store: Store, connection_id: int, other_connection_id: int
) -> None:
    async with store.write(connection_id) as tx:
        await fill(tx, "mine")
    async with store.write(other_connection_id) as tx:
        await fill(tx, "theirs")
        before = await everything(tx)
        assert all(before), "each table has a row to lose"

    async with store.write(connection_id) as tx:
        mine = await everything(tx)
        await change_all(tx, before)
        assert all(mine)

    async with store.read(other_connection_id) as tx:
        assert await everything(tx) == before
    async with store.read(connection_id) as tx:
        assert not any(row for row in await everything(tx) if row not in (([], None), 0)), "all of it is gone"


def test_that_test_knows_every_writing_function() -> None:
    source = inspect.getsource(change_all) + inspect.getsource(fill)
    modules: list[ModuleType] = [
        audit, calls, census, cursors, directory, dirty, erasures, from_now_on, identity, intents, issues, links, mappings,
        notices, secrets, suggestions, undos, unlinked,
    ]  # fmt: skip
    # Under calls.add; needs a second keyring, see test_store_secrets.py; of a person, who belongs to no connection; of a database
    # that was put back, with all its connections.
    exempt = {"calls.add_many", "secrets.reseal", "notices.mark_seen", "census.disbelieve"}
    missing = [
        f"{short}.{name}"
        for module in modules
        for short in [module.__name__.rpartition(".")[2]]
        for name, function in vars(module).items()
        if inspect.iscoroutinefunction(function)
        and not name.startswith("_")
        and "WriteTx" in str(inspect.signature(function).parameters.get("tx"))
        and f"{short}.{name}(" not in source
        and f"{short}.{name}" not in exempt
    ]
    assert missing == []

"""The small aggregates: connections, mappings, cursors, identities, unlinked records, the directory, call counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.contract.conftest import Clock

from interlock.core.model import RecordKey, Side
from interlock.store import (
    NotUnique,
    Store,
    calls,
    census,
    connections,
    cursors,
    directory,
    erasures,
    heartbeat,
    identity,
    mappings,
    unlinked,
)
from interlock.store.budget import DAY_US, StoredBudget
from interlock.store.connections import Connection
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow
from interlock.store.unlinked import Unlinked

pytestmark = pytest.mark.anyio

HOUR_US = calls.HOUR_US


# --- connections ----------------------------------------------------------------------------------------


async def test_a_connection_comes_back_by_name_and_by_id(
    store: Store, make_connection: Callable[..., Connection]
) -> None:
    row = make_connection(
        sandbox=True, settings={"existing": "link", "n": [1, None]}, begun_at_us=3, state_reason="why"
    )
    async with store.write(None) as tx:
        row.id = await connections.create(tx, row)
        row.created_at_us = tx.now_us
    async with store.read(None) as tx:
        assert await connections.get(tx, "main") == row
        assert await connections.get(tx, row.id) == row
        assert await connections.by_hubspot_account(tx, "111") == row
        assert await connections.get(tx, "nobody") is None
        assert await connections.list_(tx) == [row]


@pytest.mark.parametrize(("name", "account"), [("second", "111"), ("main", "222")], ids=["account", "name"])
async def test_a_hubspot_account_and_a_name_have_one_connection(
    store: Store, connection_id: int, make_connection: Callable[..., Connection], name: str, account: str
) -> None:
    with pytest.raises(NotUnique):
        async with store.write(None) as tx:
            await connections.create(tx, make_connection(name, account))


async def test_an_org_may_have_many_connections(store: Store, connection_id: int, other_connection_id: int) -> None:
    async with store.read(None) as tx:
        assert len({row.salesforce_org_id for row in await connections.list_(tx)}) == 1


async def test_a_state_remembers_since_when_and_does_not_restart(
    store: Store, connection_id: int, clock: Clock
) -> None:
    async def set_state(state: str) -> int:
        async with store.write(connection_id) as tx:
            await connections.update(tx, connection_id, state=state, state_reason="r")
        async with store.read(None) as tx:
            found = await connections.get(tx, connection_id)
        assert found is not None
        return found.state_since_us

    suspended_at = clock.advance(10)
    assert await set_state("suspended") == suspended_at
    clock.advance(10)
    assert await set_state("suspended") == suspended_at
    assert await set_state("idle") == clock.now_us


async def test_only_columns_that_may_change_can_be_changed(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        for wrong in ({"colour": 1}, {"id": 3}, {"created_at_us": 1}):
            with pytest.raises(TypeError):
                await connections.update(tx, connection_id, **wrong)
        with pytest.raises(LookupError):
            await connections.update(tx, 4711, state="idle")
        await connections.update(tx, connection_id, settings={"a": 1}, salesforce_last_ok_us=5)
        found = await connections.get(tx, connection_id)
    assert found is not None
    assert (found.settings, found.salesforce_last_ok_us) == ({"a": 1}, 5)


# --- mappings -------------------------------------------------------------------------------------------


async def test_mappings_come_back_whole_and_in_order(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        contact = ObjectMappingRow("contacts", "Contact", settings={"create": True})
        contact.id = await mappings.save_object_mapping(tx, contact)
        lead = ObjectMappingRow("contacts", "Lead", enabled=False)
        lead.id = await mappings.save_object_mapping(tx, lead)
        title = FieldMappingRow(contact.id, "jobtitle", "Title", "two_way", definition={"type": "string", "n": 1})
        title.id = await mappings.save_field_mapping(tx, title)
        email = FieldMappingRow(contact.id, "email", "Email", "two_way", "default", "is the key", "ok", None)
        email.id = await mappings.save_field_mapping(tx, email)
    async with store.read(connection_id) as tx:
        assert await mappings.object_mappings(tx) == [contact, lead]
        assert await mappings.field_mappings(tx) == [title, email]


async def test_a_rule_is_changed_in_place_and_keeps_its_id(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        object_id = await mappings.save_object_mapping(tx, ObjectMappingRow("contacts", "Contact"))
        row = FieldMappingRow(object_id, "jobtitle", "Title", "two_way")
        row.id = await mappings.save_field_mapping(tx, row)
        row.rule, row.status = "dont_sync", "left_out"
        assert await mappings.save_field_mapping(tx, row) == row.id
        assert await mappings.save_object_mapping(tx, ObjectMappingRow("contacts", "Contact", False, {}, object_id))
        assert await mappings.field_mappings(tx) == [row]
        assert [m.enabled for m in await mappings.object_mappings(tx)] == [False]


async def test_a_field_mapping_made_again_does_not_inherit_the_base_of_the_deleted_one(
    store: Store, connection_id: int
) -> None:
    async with store.write(connection_id) as tx:
        object_id = await mappings.save_object_mapping(tx, ObjectMappingRow("contacts", "Contact"))
        row = FieldMappingRow(object_id, "jobtitle", "Title", "two_way")
        first = await mappings.save_field_mapping(tx, row)
        assert await mappings.delete_field_mappings(tx, [first]) == 1
    async with store.write(connection_id) as tx:
        assert await mappings.save_field_mapping(tx, row) > first


async def test_the_same_pair_of_fields_is_mapped_once(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        object_id = await mappings.save_object_mapping(tx, ObjectMappingRow("contacts", "Contact"))
        await mappings.save_field_mapping(tx, FieldMappingRow(object_id, "jobtitle", "Title", "two_way"))
    with pytest.raises(NotUnique):
        async with store.write(connection_id) as tx:
            await mappings.save_field_mapping(tx, FieldMappingRow(object_id, "jobtitle", "Title", "dont_sync"))


# --- cursors, directory ---------------------------------------------------------------------------------


async def test_a_cursor_is_what_was_set_last(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        assert await cursors.get(tx, "hubspot.contacts") is None
        await cursors.set(tx, "hubspot.contacts", {"since_us": 1})
        await cursors.set(tx, "hubspot.contacts", {"since_us": 2, "after_id": "é"})
    async with store.read(connection_id) as tx:
        assert await cursors.get(tx, "hubspot.contacts") == {"since_us": 2, "after_id": "é"}
        assert await cursors.get(tx, "hubspot.companies") is None


async def test_a_cursor_moves_only_with_the_marks_of_its_transaction(store: Store, connection_id: int) -> None:
    async def detect_and_fail() -> None:
        async with store.write(connection_id) as tx:
            await cursors.set(tx, "hubspot.contacts", {"since_us": 2})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await detect_and_fail()
    async with store.read(connection_id) as tx:
        assert await cursors.get(tx, "hubspot.contacts") is None


async def test_the_directory_forgets_what_is_too_old(store: Store, connection_id: int, clock: Clock) -> None:
    async with store.write(connection_id) as tx:
        await directory.put(tx, "owners", [{"id": "1"}, None])
    clock.advance(60)
    async with store.read(connection_id) as tx:
        assert await directory.get(tx, "owners") == [{"id": "1"}, None]
        assert await directory.get(tx, "owners", max_age_us=60_000_000) == [{"id": "1"}, None]
        assert await directory.get(tx, "owners", max_age_us=59_999_999) is None
        assert await directory.get(tx, "nothing") is None
    async with store.write(connection_id) as tx:
        await directory.drop(tx, "owners")
        assert await directory.get(tx, "owners") is None


async def test_entries_are_found_by_how_their_names_begin_whatever_language_the_database_sorts_by(
    store: Store, connection_id: int
) -> None:
    async with store.write(connection_id) as tx:
        for name in ("import", "import:contacts", "import:deals", "imports", "schemas"):
            await directory.put(tx, name, name)
    async with store.read(connection_id) as tx:
        found = await directory.get_all(tx, "import:")
    assert found == {"import:contacts": "import:contacts", "import:deals": "import:deals"}


# --- identities and unlinked records --------------------------------------------------------------------


async def test_a_shared_key_names_all_its_records(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await identity.put(
            tx,
            "contacts",
            Side.HUBSPOT,
            [("email", "a@x.com", "2"), ("email", "a@x.com", "1"), ("email", "b@x.com", "1"), ("name", "a@x.com", "3")],
        )
        await identity.put(tx, "contacts", Side.SALESFORCE, [("email", "a@x.com", "003A")])
    async with store.read(connection_id) as tx:
        found = await identity.find(tx, "contacts", Side.HUBSPOT, "email", ["a@x.com", "b@x.com", "c@x.com"])
    assert found == {"a@x.com": ["1", "2"], "b@x.com": ["1"]}


async def test_a_record_put_again_has_its_new_keys_only(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await identity.put(tx, "contacts", Side.HUBSPOT, [("email", "old@x.com", "1"), ("email", "o@x.com", "2")])
        await identity.put(tx, "contacts", Side.HUBSPOT, [("email", "new@x.com", "1"), ("email", "new@x.com", "1")])
        found = await identity.find(tx, "contacts", Side.HUBSPOT, "email", ["old@x.com", "new@x.com", "o@x.com"])
        assert found == {"new@x.com": ["1"], "o@x.com": ["2"]}
        await identity.drop(tx, "contacts", Side.HUBSPOT, ["1"])
        assert await identity.find(tx, "contacts", Side.HUBSPOT, "email", ["new@x.com"]) == {}


async def test_a_key_with_a_nul_byte_is_found_again(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await identity.put(tx, "contacts", Side.HUBSPOT, [("email", "a\x00@x.com", "1")])
        assert await identity.find(tx, "contacts", Side.HUBSPOT, "email", ["a\x00@x.com"]) == {"a\x00@x.com": ["1"]}


async def test_a_census_knows_also_who_is_linked_by_now(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await census.note(
            tx, "contacts", [("email", "a@x.com", "1"), ("email", "a@x.com", "2"), ("names", "003A", "1")]
        )
        await identity.drop(tx, "contacts", Side.HUBSPOT, ["1"])
        assert await census.find(tx, "contacts", "email", ["a@x.com", "b@x.com"]) == {"a@x.com": ["1", "2"]}
        assert await census.find(tx, "contacts", "names", ["003A"]) == {"003A": ["1"]}
        assert await census.find(tx, "deals", "email", ["a@x.com"]) == {}
        # Who is matched is no business of it.
        assert await identity.find(tx, "contacts", Side.HUBSPOT, "email", ["a@x.com"]) == {}


async def test_a_census_is_forgotten_part_by_part(
    store: Store, connection_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(census, "PAGE_ROWS", 2)
    async with store.write(connection_id) as tx:
        await identity.put(tx, "contacts", Side.HUBSPOT, [("email", "a@x.com", "1")])
        # One of them has more keys than a part has rows.
        entries = [("email", f"{key}@x.com", "1") for key in range(5)] + [("email", "b@x.com", id_) for id_ in "234"]
        await census.note(tx, "contacts", entries)
        parts = 0
        while await census.forget_page(tx, "contacts"):
            parts += 1
        assert parts == 3
        assert await census.find(tx, "contacts", "email", ["0@x.com", "b@x.com"]) == {}
        assert await identity.find(tx, "contacts", Side.HUBSPOT, "email", ["a@x.com"]) == {"a@x.com": ["1"]}


async def test_of_who_is_forgotten_for_good_a_census_knows_nothing_either(store: Store, connection_id: int) -> None:
    ada = RecordKey(Side.HUBSPOT, "contacts", "1")
    async with store.write(connection_id) as tx:
        await census.note(tx, "contacts", [("email", "a@x.com", "1"), ("email", "b@x.com", "2")])
        await erasures.clear(tx, "contacts", [ada], [])
        assert await census.find(tx, "contacts", "email", ["a@x.com", "b@x.com"]) == {"b@x.com": ["2"]}


async def test_why_a_record_is_not_synced_is_known(store: Store, connection_id: int) -> None:
    ada, bob = RecordKey(Side.HUBSPOT, "contacts", "1"), RecordKey(Side.SALESFORCE, "Lead", "00QA")
    first = Unlinked(ada, "contacts", 5, "ambiguous", "ada@example.com", 6, 6)
    second = Unlinked(bob, "contacts", 5, "excluded", "Bob \x00", 6, 6)
    async with store.write(connection_id) as tx:
        await unlinked.put(tx, [Unlinked(ada, "contacts", 1, "excluded", "", 1), first, second])
        assert await unlinked.counts(tx) == {"contacts": {"ambiguous": 1, "excluded": 1}}
        found = await unlinked.by_keys(tx, [ada, bob, RecordKey(Side.HUBSPOT, "contacts", "9")])
        assert found == {ada: first, bob: Unlinked(bob, "contacts", 5, "excluded", "Bob ␀", 6, 6)}
        assert await unlinked.page(tx, "contacts", "ambiguous") == [first]
        assert await unlinked.page(tx, "contacts", "ambiguous", after=ada) == []
        await unlinked.drop(tx, [ada])
        assert await unlinked.counts(tx) == {"contacts": {"excluded": 1}}


# --- call counts ----------------------------------------------------------------------------------------


async def test_calls_are_summed_by_purpose_over_a_rolling_day(store: Store, connection_id: int, clock: Clock) -> None:
    now_us = calls.hour_of(clock.now_us) + HOUR_US // 2
    async with store.write(connection_id) as tx:
        await calls.add(tx, Side.SALESFORCE, "detect", 1, now_us - DAY_US - HOUR_US)  # the day before
        await calls.add(tx, Side.SALESFORCE, "detect", 2, now_us - DAY_US)  # its hour is partly within
        await calls.add(tx, Side.SALESFORCE, "detect", 3, now_us)
        await calls.add(tx, Side.SALESFORCE, "detect", 4, now_us)
        await calls.add(tx, Side.SALESFORCE, "write", 5, now_us)
        await calls.add(tx, Side.HUBSPOT, "write", 6, now_us)
    async with store.write(connection_id) as tx:
        assert await calls.used(tx, Side.SALESFORCE, now_us - DAY_US) == {"detect": 9, "write": 5}
        await calls.prune(tx, now_us - DAY_US - HOUR_US // 2)
        assert await calls.used(tx, Side.SALESFORCE, 0) == {"detect": 9, "write": 5}


async def test_counts_wait_in_memory_and_ride_along_with_the_next_write(
    store: Store, connection_id: int, clock: Clock
) -> None:
    budget = StoredBudget(store, connection_id, clock)
    await budget.add(Side.HUBSPOT, "fetch", 3, clock.now_us)
    assert await budget.used_24h(Side.HUBSPOT) == {"fetch": 3}
    assert await in_database(store, connection_id) == {}

    async with store.write(connection_id) as tx:
        await cursors.set(tx, "x", {})
    assert await in_database(store, connection_id) == {"fetch": 3}
    assert await budget.used_24h(Side.HUBSPOT) == {"fetch": 3}


async def test_counts_of_a_transaction_that_failed_are_not_lost(store: Store, connection_id: int, clock: Clock) -> None:
    budget = StoredBudget(store, connection_id, clock)
    await budget.add(Side.HUBSPOT, "fetch", 3, clock.now_us)
    with pytest.raises(ZeroDivisionError):
        async with store.write(connection_id):
            raise ZeroDivisionError
    await budget.flush()
    await budget.flush()
    assert await in_database(store, connection_id) == {"fetch": 3}


async def test_counts_of_another_connection_do_not_ride_along(
    store: Store, connection_id: int, other_connection_id: int, clock: Clock
) -> None:
    budget = StoredBudget(store, connection_id, clock)
    await budget.add(Side.HUBSPOT, "fetch", 3, clock.now_us)
    async with store.write(other_connection_id) as tx:
        await cursors.set(tx, "x", {})
    assert await in_database(store, other_connection_id) == {}


async def in_database(store: Store, connection_id: int) -> dict[str, int]:
    async with store.read(connection_id) as tx:
        return await calls.used(tx, Side.HUBSPOT, 0)


# --- heartbeat ------------------------------------------------------------------------------------------


async def test_the_last_beat_is_the_newest_of_all_workers(store: Store, clock: Clock) -> None:
    assert await heartbeat.last_beat(store) is None
    await heartbeat.beat(store, "a", clock.advance(1))
    await heartbeat.beat(store, "b", clock.advance(1))
    await heartbeat.beat(store, "a", clock.advance(1))
    assert await heartbeat.last_beat(store) == heartbeat.Beat("a", clock.now_us)
    await heartbeat.end(store, "a")
    assert await heartbeat.last_beat(store) == heartbeat.Beat("b", clock.now_us - 1_000_000)

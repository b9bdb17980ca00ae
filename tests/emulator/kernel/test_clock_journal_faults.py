"""Clock, journal and fault rules: deterministic, and exact about what they hold."""

from __future__ import annotations

import msgspec
import pytest

from crm_emulator.kernel.clock import Clock, iso_from_us, us_from_iso
from crm_emulator.kernel.faults import Faults
from crm_emulator.kernel.journal import Journal


def test_a_clock_on_a_virtual_source_moves_only_with_it_and_by_hand() -> None:
    now = [1_000_000]
    clock = Clock(lambda: now[0])
    clock.advance_seconds(1.5)
    assert clock.now_us() == 2_500_000
    now[0] += 10
    assert clock.now_us() == 2_500_010
    clock.set(7)
    assert clock.now_us() == 7


@pytest.mark.parametrize("at_us", [0, 1, 1_790_000_000_123_456, 253_402_300_799_999_999])
def test_instants_survive_being_written_and_read(at_us: int) -> None:
    assert us_from_iso(iso_from_us(at_us)) == at_us


def test_one_write_of_three_fields_reads_as_three_entries() -> None:
    journal = Journal()
    journal.append(5, "ui", "ada", "contacts", "1", "delete")
    last = journal.append_fields(
        6, "api", None, "contacts", "2", "update", ("a", "b", "c"), ("1", None, "3"), (None, "2", "4")
    )
    assert last == journal.last_seq == 4
    fields = [(entry.seq, entry.field, entry.old, entry.new) for entry in journal.entries()]
    assert fields == [(1, None, None, None), (2, "a", "1", None), (3, "b", None, "2"), (4, "c", "3", "4")]


def test_the_journal_can_be_read_on_from_the_middle_of_a_write() -> None:
    journal = Journal()
    for record in range(50):
        journal.append_fields(0, "api", None, "contacts", str(record), "create", ("a", "b"), None, ("x", "y"))
    assert [entry.seq for entry in journal.entries(after=41, limit=4)] == [42, 43, 44, 45]
    assert journal.entries(after=41)[0].field == "b"
    assert journal.entries(after=100) == []


def test_every_third_call_of_a_method_under_a_prefix_is_met_and_no_more_often_than_said() -> None:
    faults = Faults()
    faults.add({"kind": "slow", "match": {"method": "post", "path_prefix": "/crm", "every": 3, "times": 2}})
    assert faults.pick("GET", "/crm/x") is None
    assert faults.pick("POST", "/other") is None
    hits = [faults.pick("POST", "/crm/x") is not None for _ in range(12)]
    assert hits == [False, False, True, False, False, True] + [False] * 6


def test_chance_is_the_same_for_the_same_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add({"kind": "timeout_after", "match": {"probability": 0.3}})
        return [faults.pick("GET", "/") is not None for _ in range(200)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert 30 < sum(drawn(1)) < 90


def test_a_partial_fault_hits_some_of_a_batch_and_always_one() -> None:
    faults = Faults(3)
    faults.add({"kind": "partial"})
    for _ in range(50):
        fault = faults.pick("POST", "/")
        assert fault is not None
        assert len(fault.hits(1)) == 1
        assert fault.hits(0) == frozenset()
        assert fault.hits(10) <= set(range(10))


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "status"},
        {"kind": "explode"},
        {"kind": "slow", "match": {"every": 0}},
        {"kind": "slow", "match": {"path": "/"}},
        {"kind": "status", "status": 200},
    ],
)
def test_a_malformed_rule_is_refused_and_none_of_its_list_is_planted(rule: dict[str, object]) -> None:
    faults = Faults()
    with pytest.raises(msgspec.ValidationError):
        faults.add({"kind": "slow"}, rule)
    assert faults.pick("GET", "/") is None

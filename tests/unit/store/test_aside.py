"""Lists, keys and groups that leave memory when they grow, and read the same then."""

from __future__ import annotations

import msgspec
import pytest

from interlock.core.model import RecordKey, Side
from interlock.store import aside
from interlock.store.aside import Grouped, Keys, Listed

# Half an emoji, a NUL and a quote: values are whatever people typed.
ODD = 'Ada\ud83d \x00 "x"'


class Item(msgspec.Struct, frozen=True):
    side: Side
    value: str | None


def item(n: int) -> Item:
    return Item(Side.HUBSPOT if n % 2 else Side.SALESFORCE, None if n % 3 == 0 else f"{ODD}{n}")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "HELD_MOST", 3)
    monkeypatch.setattr(aside, "_READ_AT_ONCE", 2)


@pytest.mark.parametrize("length", [0, 1, 3, 4, 11])
@pytest.mark.usefixtures("small")
def test_a_long_list_reads_like_a_short_one(length: int) -> None:
    plain = [item(n) for n in range(length)]
    listed = Listed(Item, plain[: length // 2])
    for each in plain[length // 2 :]:
        listed.append(each)
    assert (len(listed), list(listed)) == (length, plain)
    assert listed == plain
    assert listed != [*plain, item(0)]
    for start in range(length + 1):
        for stop in range(start, length + 2):
            assert listed[start:stop] == plain[start:stop]
    assert [listed[at] for at in range(-length, length)] == plain * 2
    assert listed[::-2] == plain[::-2]
    with pytest.raises(IndexError):
        listed[length]


@pytest.mark.usefixtures("small")
def test_a_key_is_known_again_wherever_it_lies() -> None:
    keys = Keys()
    added = [RecordKey(Side.HUBSPOT, "contacts", str(n)) for n in range(9)]
    for key in added * 2:
        keys.add(key)
    assert all(key in keys for key in added)
    assert RecordKey(Side.HUBSPOT, "companies", "1") not in keys
    assert RecordKey(Side.HUBSPOT, "contacts", "9") not in keys
    assert RecordKey(Side.HUBSPOT, "contacts", "9") not in Keys()


def test_groups_come_whole_in_parts_and_each_once() -> None:
    grouped = Grouped()
    rows = [("contacts", str(name), id_ * 10 + name) for id_ in range(4) for name in range(7)]
    grouped.add(rows)
    grouped.add(rows[:9])
    grouped.add([("companies", "3", 5)])
    parts = list(grouped.parts("contacts", 3, 1_000))
    assert [list(part) for part in parts] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    assert parts[1]["4"] == [4, 14, 24, 34]
    assert [list(part) for part in grouped.parts("contacts", 7, 5)] == [["0", "1"], ["2", "3"], ["4", "5"], ["6"]]
    assert list(grouped.parts("companies", 3, 1_000)) == [{"3": [5]}]
    assert list(grouped.parts("deals", 3, 1_000)) == []

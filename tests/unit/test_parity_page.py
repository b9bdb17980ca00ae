"""docs/parity.md says what tests/parity holds, no more and no less."""

from __future__ import annotations

from tests import parity_page

TESTS = list(parity_page.tests())


def test_the_page_is_up_to_date() -> None:
    text = parity_page.FILE.read_text(encoding="utf-8")
    assert parity_page.renewed(text) == text, "python -m tests.parity_page writes it anew"


def test_each_of_the_twenty_is_held_or_told_as_missing() -> None:
    held = {told.number for told in TESTS} - {None}
    assert held | parity_page.NOT_YET.keys() == set(parity_page.NUMBERS)


def test_each_trigger_is_held_or_told_as_missing() -> None:
    held = {told.trigger for told in TESTS} - {None}
    assert held.isdisjoint(parity_page.NO_TRIGGER_YET)
    assert held | parity_page.NO_TRIGGER_YET.keys() == set(parity_page.TRIGGERS)


def test_each_test_says_what_it_holds_and_a_deviation_also_why() -> None:
    assert [told.name for told in TESTS if not told.deviates and told.number is None and told.trigger is None] == []
    wanted = [(told.name, 2 if told.deviates else 1) for told in TESTS]
    assert [(told.name, len(told.paragraphs)) for told in TESTS] == wanted
    assert [told.name for told in TESTS for said in told.paragraphs if not said.endswith(".")] == []

"""The number that a person types to confirm a count."""

from __future__ import annotations

import pytest

from interlock.app.typed_count import is_count


@pytest.mark.parametrize("typed", ["12345", " 12345 ", "12,345", "12 345", "12\u00a0345", "12\u202f345"])
def test_a_count_may_be_typed_as_any_page_shows_it(typed: str) -> None:
    assert is_count(typed, 12_345)


@pytest.mark.parametrize("typed", ["", "1234", "123456", "12.345", "-12345", "all"])
def test_anything_else_is_not_that_count(typed: str) -> None:
    assert not is_count(typed, 12_345)

"""How a count that somebody types is read."""

from __future__ import annotations

import pytest

from interlock.app.typed_count import is_typed
from interlock.web import texts
from interlock.web.site import number


@pytest.mark.parametrize("typed", ["12500", " 12500 ", "12,500", "12 500", "12\N{NO-BREAK SPACE}500", "12\u202f500"])
def test_thousands_may_be_parted(typed: str) -> None:
    assert is_typed(typed, 12_500)


@pytest.mark.parametrize("typed", ["", "12", "125000", "12.500", "-12500", "12500x"])
def test_another_number_is_not_taken(typed: str) -> None:
    assert not is_typed(typed, 12_500)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_the_number_can_be_copied_from_the_page_in_every_language(language: str) -> None:
    texts.speak(language)
    try:
        assert is_typed(number(1_234_567), 1_234_567)
    finally:
        texts.speak(texts.ENGLISH)

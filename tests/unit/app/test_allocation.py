"""What a person may type for the number of calls."""

import pytest

from interlock.app.allocation import parsed
from interlock.app.errors import BadInput


@pytest.mark.parametrize(
    ("typed", "calls"),
    [("20000", 20_000), (" 20,000 ", 20_000), ("20.000", 20_000), ("1 234 567", 1_234_567), ("20\u202f000", 20_000)],
)
def test_thousands_may_be_parted_as_languages_do_it(typed: str, calls: int) -> None:
    assert parsed(typed) == calls


def test_nothing_typed_is_no_number() -> None:
    assert parsed("  ") is None


@pytest.mark.parametrize("typed", ["1.5", "20,00", "many", "-5", "1000000000"])
def test_what_is_no_whole_number_is_refused(typed: str) -> None:
    with pytest.raises(BadInput, match="is not a number of calls"):
        parsed(typed)

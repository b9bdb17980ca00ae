"""What is tried first is refused, and what people make of several words is not."""

from __future__ import annotations

import pytest

from interlock.app.people.common_passwords import is_common


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "P@ssw0rd-P@ssw0rd",
        "Passw0rd!Passw0rd!",
        "Salesforce2026!",
        "!!2026Hubspot!!",
        "admin-password",
        "Summer2026Winter2027",
        "letmeinletmein",
        "123456789012",
        "210987654321",
        "qwertyuiop1234",
        "1qaz2wsx3edc",
        "abcdefghijkl",
        "zyxwvutsrqponm",
        "1234-5678-9012",
        "abc1abc1abc1",
        "xyxyxyxyxyxyxy",
    ],
)
def test_a_common_password_is_found_in_its_disguise(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize(
    "password",
    [
        "violet kettle on the moor",
        "correct horse battery staple",
        "password of the old ferry",
        "kQ7#vLp2!xTz",
        "żółta łódź płynie",
        "1984 was not a manual",
        "......................",
        "",
    ],
)
def test_a_password_of_ones_own_is_taken(password: str) -> None:
    assert not is_common(password)


def test_a_long_password_that_nearly_is_one_takes_no_time_to_tell() -> None:
    """By trying every way to cut it, this one would take for ever."""
    assert not is_common("password" * 31 + "x" * 8)

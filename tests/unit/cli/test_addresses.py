"""Addresses as typed at `connect`: what is refused is named, except where a password may stand in it."""

from __future__ import annotations

import pytest

from interlock.app.errors import BadInput
from interlock.cli.connect import check_address


def test_an_address_that_is_none_is_repeated() -> None:
    with pytest.raises(BadInput, match=r"ftp://crm\.example"):
        check_address("ftp://crm.example", "--hubspot-url")


def test_a_password_in_an_address_is_never_repeated() -> None:
    with pytest.raises(BadInput) as refused:
        check_address("https://ada:hunter2@crm.example", "--salesforce-url")
    assert "hunter2" not in str(refused.value)
    assert "--salesforce-url" in str(refused.value)

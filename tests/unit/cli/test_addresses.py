"""Addresses as typed at `connect`: what is refused is named, except where a password may stand in it."""

from __future__ import annotations

import pytest

from interlock.app.errors import BadInput
from interlock.cli.connect import check_address
from interlock.core.model import Side


def test_an_address_that_is_none_is_repeated() -> None:
    with pytest.raises(BadInput, match=r"ftp://crm\.example"):
        check_address("ftp://crm.example", Side.HUBSPOT)


def test_a_password_in_an_address_is_never_repeated() -> None:
    with pytest.raises(BadInput) as refused:
        check_address("https://ada:hunter2@crm.example", Side.SALESFORCE)
    assert "hunter2" not in str(refused.value)
    assert "--salesforce-url" in str(refused.value)


@pytest.mark.parametrize(
    ("address", "side", "why"),
    [
        ("http://api.hubapi.com", Side.HUBSPOT, "only spoken to over https"),
        ("https://api.hubapi.example", Side.HUBSPOT, "is not an address of HubSpot"),
        ("https://acme.my.salesforce.com.evil.example", Side.SALESFORCE, "is not an address of Salesforce"),
        ("https://acme.my.salesforce.com", Side.HUBSPOT, "is not an address of HubSpot"),
        ("http://192.0.2.7:8091", Side.HUBSPOT, "only spoken to over https"),
    ],
)
def test_no_key_goes_to_a_host_that_is_not_the_crms_own(address: str, side: Side, why: str) -> None:
    with pytest.raises(BadInput, match=why) as refused:
        check_address(address, side)
    assert f"--{side.value}-url" in str(refused.value)


@pytest.mark.parametrize(
    ("address", "side"),
    [
        ("https://api.hubapi.com", Side.HUBSPOT),
        ("https://acme--dev.sandbox.my.salesforce.com", Side.SALESFORCE),
        ("http://127.0.0.1:8091", Side.HUBSPOT),
        ("https://localhost:8092", Side.SALESFORCE),
    ],
)
def test_the_crms_own_hosts_and_this_machine_are_taken(address: str, side: Side) -> None:
    assert check_address(f"{address}/", side) == address

"""The tripwires: what stops a connection, what does not, and what the person is told."""

from __future__ import annotations

import pytest

from interlock.core.model import Side
from interlock.core.safety import empty_side, mass_clear, oscillating

SHARE, LEAST = 0.5, 100


@pytest.mark.parametrize(
    ("linked", "missing", "stops"),
    [
        (1_000, 0, False),
        (1_000, 99, False),  # few in number
        (1_000, 499, False),  # many, but not most
        (1_000, 500, True),
        (100, 100, True),
        (99, 99, False),  # a small batch may well be a clean-up
        (0, 0, False),
    ],
)
def test_a_side_that_lost_most_of_its_linked_records_at_once_stops_the_connection(linked, missing, stops):
    assert (empty_side(Side.HUBSPOT, "contacts", linked, missing, SHARE, LEAST) is not None) is stops


@pytest.mark.parametrize(
    ("writes", "clears", "stops"),
    [(1_000, 0, False), (1_000, 99, False), (1_000, 499, False), (1_000, 500, True), (100, 100, True), (99, 99, False)],
)
def test_a_batch_that_would_mostly_empty_values_stops_the_connection(writes, clears, stops):
    assert (mass_clear(Side.SALESFORCE, "companies", writes, clears, SHARE, LEAST) is not None) is stops


def test_a_brake_says_what_was_seen_where_and_what_to_do():
    brake = empty_side(Side.SALESFORCE, "deals", 200, 150, SHARE, LEAST)
    assert brake is not None
    assert brake.code == "mass_delete"
    assert brake.reason == "150 of 200 linked deals looked at are gone in Salesforce."
    assert "interlock resume" in brake.fix
    brake = mass_clear(Side.HUBSPOT, "contacts", 300, 200, SHARE, LEAST)
    assert brake is not None
    assert brake.code == "mass_change"
    assert brake.reason == "200 of 300 field writes to contacts in HubSpot would empty a value."
    assert "interlock plan" in brake.fix


@pytest.mark.parametrize(("writes", "yes"), [(0, False), (5, False), (6, True), (60, True)])
def test_a_field_that_is_written_again_and_again_oscillates(writes, yes):
    assert oscillating(writes, limit=6) is yes

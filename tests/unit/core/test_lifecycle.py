"""Where opportunities move a lifecycle stage: forward, once for each of them, and never against a person."""

from __future__ import annotations

import pytest

from interlock.core.lifecycle import Role, move

ORDER = ("subscriber", "lead", "marketingqualifiedlead", "opportunity", "customer", "evangelist", "other")
OPEN = Role("006A", closed=False, won=False)
WON = Role("006A", closed=True, won=True)
LOST = Role("006A", closed=True, won=False)
OTHER = Role("006B", closed=False, won=False)


@pytest.mark.parametrize(
    ("role", "held", "to"),
    [
        (OPEN, "lead", "opportunity"),
        (OPEN, None, "opportunity"),
        (OPEN, "", "opportunity"),
        (OPEN, "opportunity", None),
        (OPEN, "customer", None),
        (WON, "lead", "customer"),
        (WON, "opportunity", "customer"),
        (WON, "evangelist", None),
        (LOST, "lead", None),
        (WON, "a stage of their own", None),
    ],
)
def test_a_role_moves_its_contact_forward_or_not_at_all(role, held, to):
    assert move([role], [], held, ORDER).to == to


def test_a_role_speaks_for_its_stage_wherever_its_contact_is_and_once():
    first = move([OPEN], [], "evangelist", ORDER)
    assert (first.to, first.asked) == (None, "opportunity")
    assert move([OPEN], first.said, "evangelist", ORDER).asked is None
    assert move([WON], first.said, "evangelist", ORDER).asked == "customer"


def test_what_was_honoured_moves_nothing_once_more_whatever_a_person_set_since():
    for role in (OPEN, WON):
        said = move([role], [], "lead", ORDER).said
        assert move([role], said, "subscriber", ORDER).to is None


def test_an_opportunity_that_is_opened_again_or_lost_moves_nothing():
    won = move([WON], [], "lead", ORDER).said
    opened_again = move([OPEN], won, "lead", ORDER)
    assert (opened_again.to, opened_again.said) == (None, move([OPEN], [], "lead", ORDER).said)
    assert move([OPEN], opened_again.said, "lead", ORDER).to is None
    assert move([LOST], won, "lead", ORDER).to is None


def test_an_opportunity_that_is_won_for_the_second_time_is_a_win_and_moves_nothing_back():
    won = move([WON], [], "lead", ORDER).said
    for between in (OPEN, LOST):
        said = move([between], won, "lead", ORDER).said
        assert move([WON], said, "lead", ORDER).to == "customer"
        assert move([WON], said, "evangelist", ORDER).to is None


def test_a_stage_that_a_person_has_moved_back_follows_another_opportunity():
    said = move([WON], [], "lead", ORDER).said
    assert move([WON, OTHER], said, "lead", ORDER).to == "opportunity"


def test_a_role_that_was_taken_away_and_given_again_speaks_again():
    said = move([OPEN], [], "lead", ORDER).said
    gone = move([], said, "opportunity", ORDER)
    assert gone.said == []
    assert move([OPEN], gone.said, "lead", ORDER).to == "opportunity"


def test_a_won_opportunity_outweighs_an_open_one():
    assert move([OTHER, WON], [], "lead", ORDER).to == "customer"


def test_a_stage_that_the_account_does_not_have_is_for_hubspot_to_refuse():
    assert move([WON], [], "lead", ("subscriber", "lead")).to == "customer"

"""What two mapped lists lack of each other, and which changes of a picklist still matter."""

from __future__ import annotations

from interlock.core.lists import Drifted, ListPair, drifted

BEFORE = {"gold": "Gold", "silver": "Silver"}


def pair(options: dict[str, str], values: dict[str, str], *, here: bool = True, there: bool = True) -> ListPair:
    return ListPair(options, values, here, there)


def test_a_value_that_came_counts_until_hubspot_has_an_option_for_it() -> None:
    now = BEFORE | {"platinum": "Platinum"}
    first = drifted(BEFORE, Drifted(), pair(BEFORE, now))
    assert first == Drifted(came=("platinum",))
    assert drifted(now, first, pair(BEFORE, now)) == first
    assert not drifted(now, first, pair(BEFORE | {"Platinum": "Platinum"}, now))
    assert not drifted(now, first, pair(BEFORE, BEFORE))


def test_what_hubspot_lacked_from_the_beginning_is_no_change() -> None:
    assert not drifted(BEFORE, Drifted(), pair({"gold": "Gold"}, BEFORE))
    assert pair({"gold": "Gold"}, BEFORE).lacking_in_hubspot() == {"silver": "Silver"}


def test_a_value_that_went_counts_while_hubspot_offers_it() -> None:
    now = {"gold": "Gold"}
    first = drifted(BEFORE, Drifted(), pair(BEFORE, now))
    assert first == Drifted(went=("silver",))
    assert drifted(now, first, pair(BEFORE, now)) == first
    assert not drifted(now, first, pair(now, now))
    assert not drifted(now, first, pair(BEFORE, BEFORE))


def test_another_label_counts_while_hubspot_shows_the_old_one_and_no_longer_when_somebody_chose_another() -> None:
    now = BEFORE | {"gold": "Gold (2026)"}
    first = drifted(BEFORE, Drifted(), pair(BEFORE, now))
    assert first == Drifted(renamed={"gold": "Gold"})
    assert drifted(now, first, pair(BEFORE, now)) == first
    assert not drifted(now, first, pair(now, now))
    assert not drifted(BEFORE, Drifted(), pair(BEFORE | {"gold": "Best"}, now))


def test_what_the_rule_never_carries_there_is_not_missed() -> None:
    now = {"gold": "Gold", "platinum": "Platinum"}
    assert drifted(BEFORE, Drifted(), pair(BEFORE, now, here=False)) == Drifted(went=("silver",))
    assert drifted(BEFORE, Drifted(), pair(BEFORE, now, there=False)) == Drifted(came=("platinum",))


def test_a_list_that_is_not_told_says_nothing() -> None:
    pending = Drifted(came=("platinum",))
    assert drifted(BEFORE, pending, pair(BEFORE, {})) == pending
    assert pair({}, BEFORE).lacking_in_hubspot() == {}


def test_what_a_person_calls_the_same_is_joined_one_to_one_and_never_against_a_namesake() -> None:
    said = ListPair(
        {"gold": "Gold", "bronze": "Bronze"}, {"gold": "Gold", "copper": "Copper"}, joined={"bronze": "copper"}
    )
    assert (said.lacking_in_hubspot(), said.lacking_in_salesforce()) == ({}, ())
    assert said.option_of("copper") == "bronze"
    assert said.said_same() == {"bronze": "copper"}
    namesake = ListPair(said.options, said.values, joined={"gold": "copper"})
    assert (namesake.said_same(), namesake.option_of("gold")) == ({}, "gold")
    twice = ListPair({"gold": "", "bronze": "", "tin": ""}, said.values, joined={"bronze": "copper", "tin": "copper"})
    assert twice.said_same() == {"bronze": "copper"}

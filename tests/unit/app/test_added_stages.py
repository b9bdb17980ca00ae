"""Where stages that are added to a HubSpot pipeline come to stand, among those that are there."""

from __future__ import annotations

from interlock.app.added_stages import places_with
from interlock.crm.hubspot.model import Pipeline, Stage

ORDER = ["Prospecting", "Qualification", "Proposal", "Review", "Won"]


def a_pipeline(**places: int) -> Pipeline:
    return Pipeline("default", "Sales", [Stage(id_, id_, 0.5, False, place) for id_, place in places.items()])


def in_row(places: dict[str, int]) -> list[str]:
    assert len(set(places.values())) == len(places)
    return sorted(places, key=lambda each: places[each])


def test_those_before_the_first_and_behind_the_last_go_there() -> None:
    here = a_pipeline(offer=0, parked=1, signed=2)
    places = places_with(
        ["Qualification", "Prospecting", "Review"], ORDER, here, {"offer": "Proposal", "signed": "Won"}
    )
    # One that stands for none of Salesforce stays where it was between its neighbours.
    assert in_row(places) == ["Prospecting", "Qualification", "offer", "Review", "parked", "signed"]


def test_stages_in_front_of_what_is_added_keep_their_places() -> None:
    here = a_pipeline(a=1, b=2, c=9)
    places = places_with(["Proposal"], ORDER, here, {"a": "Prospecting", "b": "Qualification", "c": "Won"})
    assert places == {"a": 1, "b": 2, "Proposal": 3, "c": 9}


def test_where_people_have_another_order_it_stays_theirs() -> None:
    here = a_pipeline(won=0, early=1)
    places = places_with(["Qualification"], ORDER, here, {"won": "Won", "early": "Prospecting"})
    assert in_row(places) == ["won", "early", "Qualification"]

"""Which stages are suggested for each other: by names first, then by what both CRMs say of them."""

from __future__ import annotations

from interlock.objects.stage_likeness import StageOf, by_name, suggested


def open_(name: str, chance: float | None) -> StageOf:
    return StageOf(name, name, chance, closed=False, won=False)


def won(name: str) -> StageOf:
    return StageOf(name, name, 1.0, closed=True, won=True)


def lost(name: str) -> StageOf:
    return StageOf(name, name, 0.0, closed=True, won=False)


def test_what_reads_the_same_is_the_same_however_likely_it_is_won() -> None:
    here, there = [open_("Proposal", 0.2)], [open_("Proposal", 0.9)]
    assert by_name(here, there) == {"Proposal": "Proposal"}
    assert suggested(here, there) == {}


def test_a_stage_that_salesforce_shows_by_another_name_than_records_hold_reads_as_it_is_shown() -> None:
    here = [open_("Offer", 0.2), open_("Proposal", 0.9)]
    there = [StageOf("Proposal", "Offer", 0.9, closed=False, won=False)]
    assert by_name([here[0]], there) == {"Offer": "Proposal"}
    # What records hold goes first: it is what the engine joins where nobody chose.
    assert by_name(here, there) == {"Proposal": "Proposal"}


def test_open_stages_are_joined_in_their_order_with_the_least_apart() -> None:
    here = [open_("a", 0.2), open_("b", 0.4), open_("c", 0.9)]
    there = [open_("1", 0.1), open_("2", 0.2), open_("3", 0.5), open_("4", 0.75), open_("5", 0.9)]
    assert suggested(here, there) == {"a": "2", "b": "3", "c": "5"}


def test_as_many_as_can_be_before_the_nearest() -> None:
    here = [open_("a", 0.2), open_("b", 0.2)]
    assert suggested(here, [open_("1", 0.2), open_("2", 0.4)]) == {"a": "1", "b": "2"}


def test_no_two_cross() -> None:
    here = [open_("late", 0.8), open_("early", 0.2)]
    assert len(suggested(here, [open_("1", 0.2), open_("2", 0.8)])) == 1


def test_stages_far_apart_or_of_no_known_chance_are_nobody() -> None:
    assert suggested([open_("a", 0.2)], [open_("1", 0.5)]) == {}
    assert suggested([open_("a", None)], [open_("1", 0.5)]) == {}


def test_a_won_or_lost_one_is_joined_where_no_other_could_be_meant() -> None:
    assert suggested([won("Signed"), lost("Gone")], [won("Closed Won"), lost("Closed Lost")]) == {
        "Signed": "Closed Won",
        "Gone": "Closed Lost",
    }
    assert suggested([won("Signed")], [won("New"), won("Renewed")]) == {}
    assert suggested([won("Signed")], [lost("Closed Lost"), open_("Last", 1.0)]) == {}

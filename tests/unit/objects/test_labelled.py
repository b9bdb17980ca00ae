"""Links and suggestions on people of whom it is known who is who: the bars that benchmarks/identity.py holds the whole sets to."""

from __future__ import annotations

import pytest
from benchmarks.identity import (
    FOUND_IN,
    MISSED_MOST,
    WRONG_LINKS_MOST,
    WRONG_SUGGESTIONS_MOST,
    crowd_figures,
    figures_of,
    measure,
)
from benchmarks.labelled import EXCERPTS, is_in_the_excerpt, read

from interlock.core.identity.verdict import Found

SETS = read(EXCERPTS)


@pytest.mark.parametrize("labelled", SETS, ids=lambda labelled: labelled.name)
def test_no_link_without_a_person_joins_two_people(labelled):
    found = measure(labelled)
    assert found.right[Found.LINK], "nothing was linked"
    assert found.wrong_share(Found.LINK) <= WRONG_LINKS_MOST


def test_of_people_with_an_address_nearly_all_are_found_and_nearly_none_wrongly():
    (labelled,) = (each for each in SETS if each.name == FOUND_IN)
    found = measure(labelled.half(chosen_by=False))
    assert found.wrong_share(Found.LINK, Found.SUGGESTION) <= WRONG_SUGGESTIONS_MOST
    assert 1 - found.found_share(Found.LINK, Found.SUGGESTION) <= MISSED_MOST


def test_the_benchmark_meets_its_bars_on_the_excerpts():
    assert all(figure.met for labelled in SETS for figure in figures_of(labelled))


def test_pairs_grow_with_the_records_and_not_with_their_square():
    assert all(figure.met for figure in crowd_figures(SETS, 1_000))


def test_the_excerpts_are_what_their_readme_says_and_a_person_is_in_one_half():
    for labelled in SETS:
        assert all(is_in_the_excerpt(entity) for entity in labelled.entity.values())
        one, other = labelled.half(chosen_by=True), labelled.half(chosen_by=False)
        assert not set(one.entity.values()) & set(other.entity.values())
        assert len(one.people) + len(other.people) == len(labelled.people)

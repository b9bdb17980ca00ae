"""A batch that is refused whole: who is found guilty, who is written all the same, and with how many calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from interlock.core.model import NotDone, Outcome, Refused, Unsettled, Written
from interlock.crm.isolate import CALLS_MAX, WholeRefused, isolate

Answer = list[Outcome] | WholeRefused | NotDone | Unsettled


class Crm:
    """Refuses a whole call that holds a guilty input; remembers what it was sent and what it wrote."""

    def __init__(self, guilty: Callable[[int], bool], refusal: WholeRefused | None = None) -> None:
        self.guilty = guilty
        self.refusal = refusal or WholeRefused(Refused("INVALID", "no"))
        self.calls: list[list[int]] = []
        self.written: list[int] = []

    async def write(self, inputs: list[int]) -> Answer:
        self.calls.append(inputs)
        if any(self.guilty(item) for item in inputs):
            return self.refusal
        self.written.extend(inputs)
        return [Written(str(item)) for item in inputs]


def isolated(crm: Crm, count: int, carries: Callable[[int, str], bool] = lambda item, name: False) -> list[Outcome]:
    return asyncio.run(isolate(range(count), crm.write, carries))


def test_a_good_batch_is_one_call() -> None:
    crm = Crm(lambda item: False)
    assert all(isinstance(outcome, Written) for outcome in isolated(crm, 100))
    assert len(crm.calls) == 1


def test_one_guilty_record_of_a_hundred_is_found_in_fifteen_calls() -> None:
    crm = Crm(lambda item: item == 61)
    outcomes = isolated(crm, 100)
    assert outcomes[61] == Refused("INVALID", "no")
    assert sorted(crm.written) == [item for item in range(100) if item != 61]
    assert len(crm.calls) <= 15


@given(st.sets(st.integers(0, 29), max_size=6))
def test_nobody_is_written_twice_or_forgotten_whoever_is_guilty(guilty: set[int]) -> None:
    crm = Crm(lambda item: item in guilty)
    outcomes = isolated(crm, 30)
    assert len(crm.written) == len(set(crm.written))
    for item, outcome in enumerate(outcomes):
        assert isinstance(outcome, Written) == (item in crm.written)
        if item in guilty:
            assert isinstance(outcome, Refused | NotDone)


def test_when_everybody_is_guilty_the_calls_end_and_the_rest_is_not_done() -> None:
    crm = Crm(lambda item: True)
    outcomes = isolated(crm, 100)
    assert len(crm.calls) == CALLS_MAX
    assert {type(outcome) for outcome in outcomes} == {Refused, NotDone}


def test_an_unknown_property_refuses_all_who_carry_it_at_once() -> None:
    refusal = WholeRefused(Refused("PROPERTY_DOESNT_EXIST", "no", ("odd",)), blames_property=True)
    crm = Crm(lambda item: item % 2 == 1, refusal)
    outcomes = isolated(crm, 100, lambda item, name: name == "odd" and item % 2 == 1)
    assert [isinstance(outcome, Written) for outcome in outcomes] == [item % 2 == 0 for item in range(100)]
    assert len(crm.calls) == 2


def test_a_property_that_nobody_carries_is_looked_for_by_halving() -> None:
    refusal = WholeRefused(Refused("PROPERTY_DOESNT_EXIST", "no", ("elsewhere",)), blames_property=True)
    crm = Crm(lambda item: item == 3, refusal)
    outcomes = isolated(crm, 8)
    assert [item for item, outcome in enumerate(outcomes) if isinstance(outcome, Refused)] == [3]


def test_what_is_refused_to_everyone_is_not_asked_again() -> None:
    crm = Crm(lambda item: True, WholeRefused(Refused("MISSING_SCOPES", "no"), everyone=True))
    assert all(isinstance(outcome, Refused) for outcome in isolated(crm, 100))
    assert len(crm.calls) == 1


def test_a_part_whose_answer_is_lost_is_unsettled_and_the_others_are_settled() -> None:
    class Losing(Crm):
        async def write(self, inputs: list[int]) -> Answer:
            if len(inputs) == 4 and inputs[0] == 0:
                self.calls.append(inputs)
                return Unsettled("lost")
            return await super().write(inputs)

    crm = Losing(lambda item: item == 6)
    outcomes = isolated(crm, 8)
    assert [type(outcome) for outcome in outcomes[:4]] == [Unsettled] * 4
    assert isinstance(outcomes[6], Refused)
    assert all(isinstance(outcomes[item], Written) for item in (4, 5, 7))


def test_nothing_to_write_is_no_call() -> None:
    crm = Crm(lambda item: True)
    assert isolated(crm, 0) == []
    assert crm.calls == []

"""Finding the record that makes a CRM refuse a whole batch, so that one bad record never stops the others.

Works on any batch write of either CRM: the caller sends, this decides what to send next. Where the refusal blames a
property that is wrong for every record carrying it, those are refused at once; else the batch is halved until the
guilty input stands alone. The number of calls is bounded; what is left then was surely not carried out and comes back
NotDone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from interlock.core.model import NotDone, Outcome, Refused, Unsettled

CALLS_MAX = 48  # two guilty records of 100 take at most 2 x (2 x 7) calls; the rest waits for the next cycle

T = TypeVar("T")


class WholeRefused(msgspec.Struct, frozen=True):
    """The call was refused as a whole, nothing of it was done."""

    refused: Refused
    # every input is refused alike (a missing scope): halving would not help
    everyone: bool = False
    # the named properties are refused whatever their value (unknown, read-only)
    blames_property: bool = False


Attempt = Callable[[list[T]], Awaitable[list[Outcome] | WholeRefused | NotDone | Unsettled]]


async def isolate(
    inputs: Sequence[T],
    attempt: Attempt[T],
    carries: Callable[[T, str], bool],
) -> list[Outcome]:
    """One outcome per input, in order. `attempt` sends a part of the inputs and answers in their order."""
    outcomes: dict[int, Outcome] = {}
    waiting = [list(range(len(inputs)))] if inputs else []
    calls = 0
    while waiting:
        group = waiting.pop()
        if calls >= CALLS_MAX:
            _settle(outcomes, group, NotDone("too many records of this batch were refused; it is tried again"))
            continue
        calls += 1
        answer = await attempt([inputs[index] for index in group])
        if isinstance(answer, list):
            outcomes.update(zip(group, answer, strict=True))
        elif isinstance(answer, WholeRefused):
            waiting.extend(_next_groups(outcomes, group, inputs, answer, carries))
        else:
            _settle(outcomes, group, answer)
    return [outcomes[index] for index in range(len(inputs))]


def _next_groups(
    outcomes: dict[int, Outcome],
    group: list[int],
    inputs: Sequence[T],
    answer: WholeRefused,
    carries: Callable[[T, str], bool],
) -> list[list[int]]:
    """Settle who is known to be guilty; the parts still to be sent, last one first."""
    if len(group) == 1 or answer.everyone:
        _settle(outcomes, group, answer.refused)
        return []
    if answer.blames_property:
        names = answer.refused.fields
        guilty = [index for index in group if any(carries(inputs[index], name) for name in names)]
        if guilty:
            _settle(outcomes, guilty, answer.refused)
            innocent = [index for index in group if index not in outcomes]
            return [innocent] if innocent else []
    half = len(group) // 2
    return [group[half:], group[:half]]


def _settle(outcomes: dict[int, Outcome], group: list[int], outcome: Outcome) -> None:
    for index in group:
        outcomes[index] = outcome

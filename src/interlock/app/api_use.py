"""How the API calls of the two CRMs go: the last 24 hours, what is expected, and the hours or days before. Reads the store only."""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.app import allocation, reach
from interlock.app.connections import fresh
from interlock.app.status import DAY_US, api_of, will_not_last
from interlock.core.model import Side
from interlock.crm.budget import PURPOSES
from interlock.store import Store, calls

Json = dict[str, Any]

# What a person may look at: {name: (days, length of one step)}. Longer ranges go by days, so that a chart has under 200 points.
RANGES = {"day": (1, calls.HOUR_US), "week": (7, calls.HOUR_US), "quarter": (90, DAY_US)}


class Step(msgspec.Struct, frozen=True):
    """One hour, or one day."""

    at_us: int
    by_purpose: dict[str, int]

    @property
    def calls(self) -> int:
        return sum(self.by_purpose.values())


class ApiUse(msgspec.Struct, frozen=True):
    """One side. `numbers`: as in `status`; `by_others`: what everything else used, None where the CRM does not tell.
    `set_by_person`: the allocation that was typed, None: it is the share. `steps`: every one of the range, the oldest first."""

    numbers: Json
    by_others: int | None
    set_by_person: int | None
    steps: list[Step]

    @property
    def will_not_last(self) -> bool:
        return will_not_last(self.numbers)


async def read(store: Store, connection_id: int, range_: str, now_us: int) -> dict[Side, ApiUse]:
    """Raises Missing for a connection that is gone."""
    days, step_us = RANGES.get(range_, RANGES["week"])
    found = {}
    async with store.read(connection_id) as tx:
        connection, known = await fresh(tx, connection_id), await reach.read(tx)
        for side in (Side.SALESFORCE, Side.HUBSPOT):
            numbers = await api_of(tx, side, known[side], now_us)
            rows = await calls.by_hour(tx, side, now_us - days * DAY_US)
            of_all, ours = numbers["used_by_org_24h"], numbers["used_by_interlock_24h"]
            found[side] = ApiUse(
                numbers,
                None if of_all is None else max(0, of_all - ours),
                allocation.of(connection) if side is Side.SALESFORCE else None,
                _steps(rows, now_us - days * DAY_US, now_us, step_us),
            )
    return found


def _steps(rows: list[tuple[int, str, int]], from_us: int, until_us: int, step_us: int) -> list[Step]:
    """Hours without a call are steps too: a gap in a chart would look like a gap in what is known."""
    first = from_us - from_us % step_us + step_us
    steps = {at_us: dict.fromkeys(PURPOSES, 0) for at_us in range(first, until_us + 1, step_us)}
    for hour_us, purpose, n in rows:
        here = steps.get(hour_us - hour_us % step_us)
        if here is not None:
            here[purpose] = here.get(purpose, 0) + n
    return [Step(at_us, by_purpose) for at_us, by_purpose in steps.items()]

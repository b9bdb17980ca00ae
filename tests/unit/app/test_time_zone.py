"""The day on which a moment falls is the day that the HubSpot account's people see, not the day in UTC."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.simulation.virtual_time import run
from tests.world import two_crms


def test_a_deal_that_closes_late_in_new_york_closes_on_that_day_in_salesforce(tmp_path: Path) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        new_york = {"time_zone": "America/New_York"}
        async with two_crms(tmp_path / "interlock.db", loop.now_us, existing="all", hubspot=new_york) as world:
            await world.connect()
            deal = world.hugo.create(
                "deals",
                {
                    "dealname": "Late",
                    "dealstage": "closedwon",
                    "closedate": "2026-04-01T02:30:00Z",  # the evening of 31 March in New York
                },
            )
            await world.settle()
            opportunity = world.counterpart("deals", deal)
            assert world.sally.get("Opportunity", opportunity)["CloseDate"] == "2026-03-31"
            assert world.hugo.get("deals", deal)["closedate"].startswith("2026-04-01T02:30:00")

            world.sally.update("Opportunity", opportunity, {"CloseDate": "2026-07-15"})
            await world.settle()
            assert world.hugo.get("deals", deal)["closedate"].startswith("2026-07-15T04:00:00")

    run(main(), seed=1)

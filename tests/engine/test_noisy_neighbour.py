"""One connection that its HubSpot refuses as too fast, beside a healthy one in the same process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.neighbours import Ran, beside_a_refused_one
from tests.simulation.virtual_time import run

GROWS_MOST = 1.2
REFUSED_MOST = 60


@pytest.mark.parametrize("orgs", [(1, 2), (1, 1)], ids=["an org each", "one org"])
def test_a_connection_that_is_refused_for_ten_minutes_slows_no_other_down(
    tmp_path: Path, orgs: tuple[int, int]
) -> None:
    async def story() -> Ran:
        loop: Any = asyncio.get_running_loop()
        return await beside_a_refused_one(loop, tmp_path / "interlock.db", orgs, calm_s=600.0)

    ran = run(story(), seed=1)
    assert ran.storm_s <= GROWS_MOST * ran.calm_s, ran
    assert 0 < ran.refused <= REFUSED_MOST
    assert ran.not_arrived == 0

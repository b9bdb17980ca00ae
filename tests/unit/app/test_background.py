"""Work that outlives the request that asked for it."""

from __future__ import annotations

import asyncio

import pytest

from interlock.app.background import Background

pytestmark = pytest.mark.anyio


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_one_of_a_name_runs_at_a_time() -> None:
    background = Background()
    assert background.start("install", for_ever)
    assert not background.start("install", for_ever)
    assert background.start("preview", for_ever)
    await background.close()


async def test_what_the_last_one_told_is_not_told_of_the_next() -> None:
    background = Background()
    background.start("install", for_ever)
    background.tell("install", 3)
    assert background.told("install") == 3
    await background.cancel("install")
    background.start("install", for_ever)
    assert background.told("install") is None
    await background.close()


async def test_what_a_work_did_not_foresee_is_raised_once_for_the_log() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    background = Background()
    background.start("install", broken)
    await background.wait("install")
    with pytest.raises(ZeroDivisionError):
        background.raise_defect("install")
    background.raise_defect("install")


async def test_closing_ends_what_runs_and_lets_nothing_begin() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await for_ever()
        finally:
            ended.append("install")

    background = Background()
    background.start("install", work)
    await asyncio.sleep(0)
    await background.close()
    assert ended == ["install"]
    assert not background.start("install", for_ever)


async def test_what_can_be_asked_to_end_ends_by_itself_when_the_process_does() -> None:
    asked, told = asyncio.Event(), []

    async def drain() -> None:
        await asked.wait()
        told.append("saved")

    background = Background()
    background.start("sync", drain, asked.set)
    await asyncio.sleep(0)
    await background.close()
    assert told == ["saved"]

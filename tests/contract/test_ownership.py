"""Owning an org: what still leaves a process, and what does not, when its term has run out."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.conftest import Clock

from interlock.core.model import Side
from interlock.crm.budget import HubSpotGovernor, MemoryBudgetStore
from interlock.crm.calls import Calls, Kind, Refusal
from interlock.crm.errors import ServerFault
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import Request, Response
from interlock.engine.ownership import own
from interlock.store import Fenced, Store, StoreUnavailable, lease

pytestmark = pytest.mark.anyio

ORG = "00D000000000001EAA"
AN_HOUR_S = 3_600.0  # between two renewals: what the tests are about happens without one


class Line:
    """Answers everything, and counts what was sent."""

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, request: Request, deadline_s: float) -> Response:
        self.sent += 1
        return Response(200, {}, b"{}")


def calls_over(line: Line, governor: HubSpotGovernor, clock: Clock) -> Calls:
    def refused(response: Response) -> Refusal:
        return Refusal(Kind.FAULT, ServerFault(Side.HUBSPOT, "no answer of this line is a refusal"))

    return Calls(Side.HUBSPOT, "http://h", line, StaticToken(Side.HUBSPOT, "t"), governor, clock, refused)


async def test_a_process_that_woke_after_another_took_over_sends_nothing(store: Store, clock: Clock) -> None:
    line, governor = Line(), HubSpotGovernor(MemoryBudgetStore(clock), clock)
    calls = calls_over(line, governor, clock)
    async with own(store, ORG, "frozen", clock, AN_HOUR_S) as ownership:
        with ownership.guarding([governor]):
            await calls.read("GET", "/", purpose="fetch")
            clock.advance(AN_HOUR_S)
            await lease.take(store, ORG, "next", clock())
            for _ in range(2):
                with pytest.raises(Fenced):
                    await calls.write("POST", "/", b"{}", purpose="write")
            with pytest.raises(Fenced):
                await calls.read("GET", "/", purpose="fetch")
        assert line.sent == 1
        await calls.read("GET", "/", purpose="fetch")
    assert line.sent == 2, "outside of what is owned nobody asks"


async def test_a_process_that_freezes_once_more_while_it_renews_sends_nothing(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, governor = Line(), HubSpotGovernor(MemoryBudgetStore(clock), clock)
    renew = lease.renew

    async def renewed_long_ago(*arguments: object) -> lease.Lease:
        held = await renew(*arguments)  # type: ignore[arg-type]
        clock.advance(AN_HOUR_S)
        await lease.take(store, ORG, "next", clock())
        return held

    async with own(store, ORG, "frozen", clock, AN_HOUR_S) as ownership:
        clock.advance(AN_HOUR_S)
        monkeypatch.setattr(lease, "renew", renewed_long_ago)
        with ownership.guarding([governor]), pytest.raises(Fenced):
            await calls_over(line, governor, clock).write("POST", "/", b"{}", purpose="write")
    assert line.sent == 0


async def test_a_process_that_was_only_slow_goes_on_with_its_term_renewed(store: Store, clock: Clock) -> None:
    line, governor = Line(), HubSpotGovernor(MemoryBudgetStore(clock), clock)
    async with own(store, ORG, "slow", clock, AN_HOUR_S) as ownership:
        clock.advance(AN_HOUR_S + 1)
        with ownership.guarding([governor]):
            await calls_over(line, governor, clock).write("POST", "/", b"{}", purpose="write")
        assert line.sent == 1
        async with store.read(None) as tx:
            held = await lease.read(tx, ORG)
        assert held == ownership.lease
        assert held.until_us == clock.now_us + round(AN_HOUR_S * 1_000_000)


async def test_it_is_renewed_every_third_of_its_term_and_also_after_a_database_that_was_away(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed, tries = asyncio.Event(), []
    renew = lease.renew

    async def away_at_first(*arguments: object) -> lease.Lease:
        tries.append(asyncio.get_running_loop().time())
        if len(tries) < 3:
            raise StoreUnavailable("The database cannot be reached: it restarts.")
        renewed.set()
        return await renew(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(lease, "renew", away_at_first)
    async with own(store, ORG, "one", clock, term_s=0.03):
        await asyncio.wait_for(renewed.wait(), 10)
    assert tries[1] - tries[0] >= 0.01


async def test_whoever_is_done_gives_it_back_at_once(store: Store, clock: Clock) -> None:
    async with own(store, ORG, "one", clock):
        pass
    async with own(store, ORG, "two", clock) as second:
        assert second.lease.fence == 2

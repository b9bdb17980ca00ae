"""How one call is carried to its end when the CRM misbehaves: cut answers, limits that stay, waits that it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.simulation.virtual_time import run

from interlock.core.model import Side, Unsettled, Written
from interlock.crm.budget import CLOSED_S, IMPATIENT_WAIT_MOST_S, HubSpotGovernor, MemoryBudgetStore
from interlock.crm.errors import RateLimited, ServerFault
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import HubSpotWrite
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import Request, Response

RECORD = (
    b'{"id":"7","properties":{"email":"ada@example.com"},"createdAt":"2026-01-01T00:00:00Z",'
    b'"updatedAt":"2026-01-01T00:00:00Z","archived":false,"objectWriteTraceId":"t"}'
)
WHOLE = Response(200, {}, b'{"status":"COMPLETE","results":[' + RECORD + b"]}")
CUT = Response(200, {}, WHOLE.body[:-9])
# As third parties observed it (no Retry-After in any of the recorded ones), and as a gateway words it.
TOO_FAST_BODY = (
    b'{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT",'
    b'"policyName":"TEN_SECONDLY_ROLLING"}'
)
TOO_FAST = Response(429, {}, TOO_FAST_BODY)


def asked_to_wait(text: str) -> Response:
    return Response(429, {"retry-after": text}, TOO_FAST_BODY)


class Script:
    """A transport that answers as it was told, the last answer over and over."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.sent: list[float] = []

    async def send(self, request: Request, deadline_s: float) -> Response:
        self.sent.append(asyncio.get_running_loop().time())
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


Story = Callable[[HubSpotClient, Script], Awaitable[None]]


def tell(story: Story, *answers: Response) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        script = Script(*answers)
        governor = HubSpotGovernor(MemoryBudgetStore(loop.now_us), loop.now_us)
        token = StaticToken(Side.HUBSPOT, "t")
        await story(HubSpotClient("http://hubspot.local", script, token, governor, loop.now_us), script)

    run(main(), seed=1)


async def read(client: HubSpotClient) -> list[str]:
    return list(await client.read("contacts", ["7"], ["email"], purpose="fetch"))


def test_a_read_whose_answer_was_cut_is_asked_again():
    async def story(client: HubSpotClient, script: Script) -> None:
        assert await read(client) == ["7"]
        assert len(script.sent) == 2

    tell(story, CUT, WHOLE)


def test_a_read_that_is_cut_every_time_gives_up():
    async def story(client: HubSpotClient, script: Script) -> None:
        with pytest.raises(ServerFault, match="not a list of records"):
            await read(client)
        assert len(script.sent) == 3

    tell(story, CUT)


def test_a_write_whose_answer_was_cut_may_have_been_carried_out_and_is_not_sent_again():
    async def story(client: HubSpotClient, script: Script) -> None:
        outcomes = await client.update("contacts", [HubSpotWrite("t", "7", {"fax": "1"})], purpose="write")
        assert isinstance(outcomes["t"], Unsettled)
        assert len(script.sent) == 1

    tell(story, CUT, WHOLE)


@pytest.mark.parametrize("said", ["30", "Mon, 05 Jan 2026 09:00:30 GMT"])
def test_a_wait_that_the_crm_asks_for_is_kept(said):
    async def story(client: HubSpotClient, script: Script) -> None:
        assert await read(client) == ["7"]
        first, second = script.sent
        assert 30.0 <= second - first < 31.0

    tell(story, asked_to_wait(said), WHOLE)


@pytest.mark.parametrize("said", ["soon", "-5", "\u0663", ""])
def test_a_wait_that_nobody_can_read_is_as_if_none_had_been_asked_for(said):
    async def story(client: HubSpotClient, script: Script) -> None:
        assert await read(client) == ["7"]
        assert 5.0 <= script.sent[1] - script.sent[0] <= 10.0

    tell(story, asked_to_wait(said), WHOLE)


@pytest.mark.parametrize("said", ["3600", "9" * 400])
def test_a_long_wait_is_left_to_whoever_runs_the_turns(said):
    async def story(client: HubSpotClient, script: Script) -> None:
        with pytest.raises(RateLimited) as raised:
            await read(client)
        assert (raised.value.retry_after_s or 0.0) >= 3_600.0
        with pytest.raises(RateLimited):
            await read(client)
        assert script.sent == [0.0]

    tell(story, asked_to_wait(said))


def test_what_stays_refused_is_given_up_and_the_calls_behind_it_are_not_even_sent():
    async def story(client: HubSpotClient, script: Script) -> None:
        with pytest.raises(RateLimited):
            await read(client)
        tries = len(script.sent)
        assert tries == 5
        for _ in range(20):
            with pytest.raises(RateLimited):
                await read(client)
        assert len(script.sent) == tries
        # Then a single try, which tells that nothing has changed, and another which tells that it has.
        await asyncio.sleep(CLOSED_S + 120.0)
        with pytest.raises(RateLimited):
            await read(client)
        assert len(script.sent) == tries + 1
        await asyncio.sleep(CLOSED_S + 120.0)
        script.answers = [WHOLE]
        assert await read(client) == ["7"]

    tell(story, TOO_FAST)


def test_a_write_that_stays_refused_was_surely_not_carried_out():
    async def story(client: HubSpotClient, script: Script) -> None:
        outcomes = await client.update("contacts", [HubSpotWrite("t", "7", {"fax": "1"})], purpose="write")
        assert type(outcomes["t"]).__name__ == "NotDone"

    tell(story, TOO_FAST)


def test_whoever_is_waited_for_waits_for_no_limit():
    async def story(client: HubSpotClient, script: Script) -> None:
        reading = asyncio.create_task(read(client))
        await asyncio.sleep(0.5)
        client.governor.impatient = True
        with pytest.raises(RateLimited):
            await reading
        assert asyncio.get_running_loop().time() <= 0.5 + IMPATIENT_WAIT_MOST_S

    tell(story, TOO_FAST)


def test_an_answer_that_passes_lets_everybody_through_again():
    async def story(client: HubSpotClient, script: Script) -> None:
        outcomes = await client.update("contacts", [HubSpotWrite("t", "7", {"fax": "1"})], purpose="write")
        assert isinstance(outcomes["t"], Written)
        assert await read(client) == ["7"]

    tell(story, TOO_FAST, WHOLE)

"""Deployments on the wire, where an answer is odd; what an org does with them is told in tests/contract/test_package.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.simulation.virtual_time import run

from interlock.core.model import Side
from interlock.crm.budget import MemoryBudgetStore, SalesforceGovernor
from interlock.crm.errors import ServerFault
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.deploy import NotStarted, StartUnknown
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import NotSent, OutcomeUnknown, Request, Response

ID = "0Af000000000001AAA"
Answered = Response | Exception


class Script:
    """A transport that answers as it was told, the last answer over and over."""

    def __init__(self, *answers: Answered) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    async def send(self, request: Request, deadline_s: float) -> Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def tell(story: Callable[[SalesforceClient, Script], Awaitable[None]], *answers: Answered) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        script = Script(*answers)
        governor = SalesforceGovernor(MemoryBudgetStore(loop.now_us), loop.now_us)
        token = StaticToken(Side.SALESFORCE, "t")
        await story(SalesforceClient("http://salesforce.local", script, token, governor, loop.now_us), script)

    run(main(), seed=1)


def test_numbers_and_booleans_are_read_as_the_guide_shows_them_too() -> None:
    """The samples of the Metadata API developer guide (deploy with REST, check status) put them into quotes."""
    result = {"id": ID, "status": "Succeeded", "done": "true", "success": "true", "numberComponentsTotal": "3"}

    async def story(client: SalesforceClient, script: Script) -> None:
        found = await client.deployment(ID)
        assert (found.done, found.success, found.number_components_total, found.components) == (True, True, 3, [])

    tell(story, Response(200, {}, json.dumps({"id": ID, "deployResult": result}).encode()))


def test_the_form_holds_the_options_and_the_zip_byte_for_byte() -> None:
    zipped = bytes(range(256))

    async def story(client: SalesforceClient, script: Script) -> None:
        assert await client.start_deployment(zipped) == ID
        [request] = script.requests
        kind, _, boundary = request.headers["Content-Type"].partition("; boundary=")
        assert kind == "multipart/form-data"
        assert request.body is not None
        before, options, file, after = request.body.split(b"--" + boundary.strip('"').encode())
        assert (before, after) == (b"", b"--\r\n")
        assert json.loads(options.partition(b"\r\n\r\n")[2])["deployOptions"]["rollbackOnError"] is True
        assert file.partition(b"\r\n\r\n")[2] == zipped + b"\r\n"

    tell(story, Response(201, {}, json.dumps({"id": ID}).encode()))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (OutcomeUnknown("the line went dead"), StartUnknown),
        (Response(500, {}, b""), StartUnknown),
        (Response(201, {}, b"<html>"), StartUnknown),
        (NotSent("nobody answers"), NotStarted),
    ],
)
def test_a_start_says_whether_it_may_have_begun(answer: Answered, error: type[ServerFault]) -> None:
    async def story(client: SalesforceClient, script: Script) -> None:
        with pytest.raises(error):
            await client.start_deployment(b"zip")

    tell(story, answer)


def test_a_status_without_a_result_is_asked_for_again() -> None:
    whole = {"id": ID, "deployResult": {"id": ID, "status": "Pending"}}

    async def story(client: SalesforceClient, script: Script) -> None:
        assert (await client.deployment(ID)).status == "Pending"
        assert len(script.requests) == 2

    tell(story, Response(200, {}, json.dumps({"id": ID}).encode()), Response(200, {}, json.dumps(whole).encode()))

"""The JSON API asked by schemathesis: requests drawn from its own description, good ones and bad ones, as a viewer, an operator and
an admin. No answer is a defect, every one is as described, and what is not as described is refused."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio.from_thread
import pytest
import requests
import schemathesis
from anyio.from_thread import BlockingPortal
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from tests.api_world import PUBLIC_URL, ApiWorld, an_api
from tests.asgi_browser import Answer, Browser

from interlock.app.people import programs
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.web.address import Operation
from interlock.web.api.addresses import OPERATIONS
from interlock.web.api.openapi import document

# Every address by each role, good and bad. What an admin may send is drawn three times; of who may do less one request is sent, the
# plainest: whether they may is decided before what they sent is looked at (who_may.py).
EXAMPLES = {Role.VIEWER: 1, Role.OPERATOR: 1, Role.ADMIN: 3}
# So many of everything, and other ones each time: INTERLOCK_DRAWN=50, for a night.
MORE = int(os.environ.get("INTERLOCK_DRAWN", "0"))
CHECKED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
REFUSED = [*CHECKED, "negative_data_rejection"]

# What would end the connection that all others are asked about is asked about one that is not there; test_api_settings.py does it.
ENDS = {"disconnect"}

# The token is put in on the way (Line.send): what would be drawn in its place is not sent.
_config = SchemathesisConfig(
    projects=ProjectsConfig(default=ProjectConfig(generation=GenerationConfig(with_security_parameters=False)))
)
schema: Any = schemathesis.openapi.from_dict(document(OPERATIONS), config=_config)


class Line:
    """To the API, which runs on a loop of its own."""

    def __init__(self, portal: BlockingPortal, world: ApiWorld) -> None:
        self._portal, self._world = portal, world

    def token(self, role: Role) -> str:
        return self._portal.call(programs.make, self._world.store, BY_COMMAND, "drawn", role)

    def send(self, case: Any, token: str) -> schemathesis.Response:
        wanted = {
            name: value for name, value in case.as_transport_kwargs(base_url=PUBLIC_URL).items() if value is not None
        }
        known = ("method", "url", "headers", "params", "json", "data", "cookies")
        prepared = requests.Request(**{name: wanted[name] for name in known if name in wanted}).prepare()
        headers = {
            **{name.lower(): value for name, value in prepared.headers.items()},
            "authorization": f"Bearer {token}",
        }
        body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body or b""
        assert prepared.url is not None
        answer: Answer = self._portal.call(self._sent, str(prepared.method), prepared.url, body, headers)
        return _as_response(prepared, answer)

    def plain(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        return self._portal.call(self._sent, method, PUBLIC_URL + path, b"", headers)

    async def _sent(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        path = requests.compat.unquote(url.removeprefix(PUBLIC_URL).partition("?")[0])
        query = url.partition("?")[2]
        return await Browser(self._world.app).send(method, f"{path.replace('?', '')}?{query}", body, headers)


def _as_response(request: requests.PreparedRequest, answer: Answer) -> schemathesis.Response:
    headers = {name: [value] for name, value in answer.headers.items()}
    return schemathesis.Response(answer.status, headers, answer.body.encode(), request, elapsed=0.0, verify=False)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder: Path = tmp_path_factory.mktemp("drawn")
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(an_api(folder)) as world,
    ):
        world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron", "jobtitle": "x" * 300})
        portal.call(world.connect)
        yield Line(portal, world)


def drawn(line: Line, operation: Operation, role: Role, mode: GenerationMode, checks: list[str]) -> None:
    described = schema[re.sub(r":\w+\}", "}", operation.path)][operation.method]
    # A connection that is there, of whose address a random text would only rarely be.
    known = "{connection}" in operation.path and mode is GenerationMode.POSITIVE and operation.name not in ENDS
    there = {"connection": "1"} if known else None
    # One for each: what is drawn may revoke its own.
    token = line.token(role)
    checked = CHECKS.get_by_names(checks)

    @settings(
        # One that asks the CRMs takes a second of their measured pace.
        max_examples=MORE or (1 if operation.calls or operation.status == 202 else EXAMPLES[role]),
        derandomize=not MORE,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=described.as_strategy(generation_mode=mode, path_parameters=there))
    def ask(case: Any) -> None:
        case.validate_response(line.send(case, token), checks=checked)

    ask()


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_what_is_asked_as_described_is_answered_as_described(line: Line, operation: Operation, role: Role) -> None:
    drawn(line, operation, role, GenerationMode.POSITIVE, CHECKED)


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.query or each.body], ids=lambda each: each.name
)
def test_what_is_asked_otherwise_is_refused_as_described(line: Line, operation: Operation) -> None:
    drawn(line, operation, Role.ADMIN, GenerationMode.NEGATIVE, REFUSED)


@pytest.mark.parametrize("path", sorted({each.path for each in OPERATIONS}))
def test_a_method_that_is_not_in_the_description_is_refused(line: Line, path: str) -> None:
    known = {each.method for each in OPERATIONS if each.path == path}
    address = re.sub(r"\{[a-z]+(:int)?\}", "1", path)
    headers = {"authorization": f"Bearer {line.token(Role.ADMIN)}"}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - known:
        answer = line.plain(method, address, headers)
        assert answer.status == 405, method
        assert set(answer.headers["allow"].split(", ")) - {"HEAD"} <= known

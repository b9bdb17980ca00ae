"""One request to the JSON API that has passed the door: who asks, for which connection, and what was sent, checked."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from starlette.responses import JSONResponse, Response

from interlock.app import connections
from interlock.app.documents import with_head
from interlock.app.jobs import Job
from interlock.store.connections import Connection
from interlock.web.access import Asked

T = TypeVar("T", bound=msgspec.Struct)

Json = dict[str, Any]
Work = Callable[[], Coroutine[Any, Any, Json]]
Stop = Callable[[], None]

JOBS = "/api/v1/jobs/"


class Called(Asked):
    sent_query: msgspec.Struct | None = None
    sent_body: msgspec.Struct | None = None

    def query(self, type_: type[T]) -> T:
        """As the table of addresses says that it is."""
        assert isinstance(self.sent_query, type_)
        return self.sent_query

    def body(self, type_: type[T]) -> T:
        assert isinstance(self.sent_body, type_)
        return self.sent_body

    @property
    def id(self) -> int:
        return int(self.request.path_params["id"])

    @property
    def if_match(self) -> str | None:
        """None: whatever is there (RFC 9110, 13.1.1). Tags of several versions are not told apart: one is sent, as it was got."""
        sent = self.request.headers["if-match"].strip()
        return None if sent == "*" else sent.removeprefix("W/").strip('"')

    async def connection(self) -> Connection:
        """The one in the address, by id or name. Raises Missing."""
        return await connections.named(self.site.store, str(self.request.path_params["connection"]))

    async def connection_id(self) -> int:
        """Raises Missing."""
        id_ = (await self.connection()).id
        assert id_ is not None
        return id_

    def answer(self, schema: str, document: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        return JSONResponse(with_head(document, schema, self.site.clock_us()), status, headers)

    async def begin(self, kind: str, chosen: Connection, asked: Json, work: Work, stop: Stop | None = None) -> Response:
        """A job of this connection: 202, with where to ask after it. Raises Busy."""
        return self.begun(await self.site.jobs.begin(kind, chosen, asked, work, stop))

    def begun(self, job: Job) -> Response:
        """202, with where to ask after it."""
        return self.answer("job", job.document(), 202, {"Location": f"{JOBS}{job.id}"})

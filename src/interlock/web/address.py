"""One line of the table of addresses (routes.py): what is served where, to whom, and for the JSON API what it takes and gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from interlock.app.people.roles import Action

API = "/api/"


class Address(msgspec.Struct, frozen=True):
    """`handler` takes an `Asked`, that of an `Operation` a `Called`. `need` None: open to everybody."""

    method: str
    path: str
    need: Action | None
    handler: Callable[[Any], Awaitable[Response]]

    @property
    def shown(self) -> str:
        """The path as people read it: without what a part of it has to look like."""
        return self.path.replace(":int", "")


class Signed(Address, frozen=True):
    """Asked by a CRM, which signs what it asks: `handler` takes (site, request) and is its own door."""


class Operation(Address, frozen=True, kw_only=True):
    """One of the JSON API. The door checks what is sent against `query` and `body`; the OpenAPI file is made from all of it.

    `answers`: the document's name in docs/cli or docs/api; None: a file. `again`: what sending the same once more does, of what
    changes something. `calls`: it asks a CRM. `guarded`: it is refused without If-Match. `goes_stale`:
    it is refused where what it is about is not what the caller has seen.
    """

    name: str
    summary: str
    answers: str | None
    status: int = 200
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    again: str = ""
    calls: bool = False
    guarded: bool = False
    goes_stale: bool = False
    files: tuple[str, ...] = ()
    tag: str = ""

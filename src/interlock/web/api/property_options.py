"""The options of a HubSpot property beside the values of the picklist that it is mapped to."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from interlock.app import options
from interlock.web.api.called import Called
from interlock.web.api.objects import slug_of

MOST = 1_000
Value = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class ChangingOptions(msgspec.Struct, forbid_unknown_fields=True):
    add: Annotated[list[Value], msgspec.Meta(max_length=MOST, description="Values of `to_add`.")] = []
    rename: Annotated[list[Value], msgspec.Meta(max_length=MOST, description="Options of `to_rename`.")] = []


async def show(called: Called) -> Response:
    connection, slug, property_ = await called.connection(), slug_of(called), _property(called)
    async with called.site.interlock.clients(connection) as clients:
        found = await options.compare(
            called.site.store, connection, slug, property_, clients.hubspot, clients.salesforce
        )
    return called.answer("options", found.document())


async def change(called: Called) -> Response:
    wanted, connection, slug = called.body(ChangingOptions), await called.connection(), slug_of(called)
    async with called.site.interlock.clients(connection) as clients:
        left = await options.change(
            called.site.store,
            connection,
            slug,
            _property(called),
            wanted.add,
            wanted.rename,
            clients.hubspot,
            clients.salesforce,
            called.by,
        )
    return called.answer("options", left.document())


def _property(called: Called) -> str:
    return str(called.request.path_params["property"])

"""HubSpot properties for mappings: the options of one beside the values of its picklist, and making one that lacks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from interlock.app import missing_property, options
from interlock.app.errors import BadInput
from interlock.web.api.called import Called
from interlock.web.api.objects import slug_of

MOST = 1_000
Value = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class ChangingOptions(msgspec.Struct, forbid_unknown_fields=True):
    add: Annotated[list[Value], msgspec.Meta(max_length=MOST, description="Values of `to_add`.")] = []
    join: (
        Annotated[
            dict[Value, Annotated[str, msgspec.Meta(max_length=1_000)]],
            msgspec.Meta(
                max_length=MOST,
                description="HubSpot option to the Salesforce value that it is, in place of those before; alone in a request.",
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    rename: Annotated[list[Value], msgspec.Meta(max_length=MOST, description="Options of `to_rename`.")] = []


class MakingProperty(msgspec.Struct, forbid_unknown_fields=True):
    property: Annotated[str, msgspec.Meta(min_length=1, max_length=255, description="One of `missing`.")]


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
        if not isinstance(wanted.join, msgspec.UnsetType):
            if wanted.add or wanted.rename:
                raise BadInput("Options are joined by a request of its own.", code="one_at_a_time", field="join")
            joined = await options.join(
                called.site.store,
                connection,
                slug,
                _property(called),
                wanted.join,
                clients.hubspot,
                clients.salesforce,
                called.by,
            )
            return called.answer("options", joined.document())
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


async def missing(called: Called) -> Response:
    return await _missing(called, await called.connection_id(), None)


async def make(called: Called) -> Response:
    wanted, connection, slug = called.body(MakingProperty), await called.connection(), slug_of(called)
    assert connection.id is not None
    async with called.site.interlock.clients(connection) as clients:
        made = await missing_property.make(
            called.site.store, connection, slug, wanted.property, clients.hubspot, clients.salesforce, called.by
        )
    return await _missing(called, connection.id, made.property)


async def _missing(called: Called, connection_id: int, made: str | None) -> Response:
    slug = slug_of(called)
    found = await missing_property.offered(called.site.store, connection_id, slug)
    return called.answer("missing-properties", missing_property.document(slug, found, made))

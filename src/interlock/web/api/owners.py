"""Who is whom among the owners of both CRMs, and the pairs that were made by hand."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from interlock.app import owner_pairs
from interlock.store.connections import Connection
from interlock.web.api.called import Called

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]


class Pairing(msgspec.Struct, forbid_unknown_fields=True):
    hubspot_owner: Annotated[_Id, msgspec.Meta(description="The id of a HubSpot owner.")]
    salesforce_user: Annotated[
        _Id | None,
        msgspec.Meta(description="The id of an active Salesforce user; null: take the pair of that owner apart."),
    ]


async def list_(called: Called) -> Response:
    return await _told(called, await called.connection())


async def pair(called: Called) -> Response:
    wanted, connection, opened = called.body(Pairing), await called.connection(), called.site.interlock
    if wanted.salesforce_user is None:
        return await _told(called, await owner_pairs.part(opened, connection, wanted.hubspot_owner, called.by))
    after = await owner_pairs.pair(opened, connection, wanted.hubspot_owner, wanted.salesforce_user, called.by)
    return await _told(called, after)


async def _told(called: Called, connection: Connection) -> Response:
    found = owner_pairs.lines(connection, await owner_pairs.people(called.site.interlock, connection, anew=True))
    return called.answer("owners", found.document())

"""Records: find, and explain one."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from interlock.app import explain, find
from interlock.web.api.called import Called
from interlock.web.api.shapes import RecordKey, Text

Offline = Annotated[bool, msgspec.Meta(description="Ask neither CRM; tell what is remembered.")]


class Finding(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[Text, msgspec.Meta(description="An e-mail, a name, or an id of either CRM.")]
    offline: Offline = False


class Explaining(msgspec.Struct, forbid_unknown_fields=True):
    record: RecordKey
    offline: Offline = False


async def search(called: Called) -> Response:
    asked, chosen = called.query(Finding), await called.connection()
    assert chosen.id is not None
    if asked.offline:
        found = await find.find(called.site.store, chosen.id, asked.text, None)
    else:
        async with called.site.interlock.clients(chosen, note=False) as clients:
            both = (clients.hubspot, clients.salesforce)
            found = await find.find(called.site.store, chosen.id, asked.text, both)
    return called.answer("find", find.as_document(asked.text, found))


async def tell(called: Called) -> Response:
    asked, chosen, site = called.query(Explaining), await called.connection(), called.site
    if asked.offline:
        document = await explain.explain(site.store, chosen, asked.record, None, site.clock_us)
    else:
        async with site.interlock.clients(chosen, note=False) as clients:
            both = (clients.hubspot, clients.salesforce)
            document = await explain.explain(site.store, chosen, asked.record, both, site.clock_us)
    return called.answer("explain", document)

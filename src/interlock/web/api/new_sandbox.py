"""*Connect to a new sandbox* for programs. The sign-in itself is a person's, in a browser, on the page of that name."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from interlock.app.new_org import begin as beginning
from interlock.app.new_org import documents, kept, offer, prepare
from interlock.app.new_org.switch import switch
from interlock.store import connections
from interlock.store.connections import Connection
from interlock.web.api.called import Called


class Connecting(msgspec.Struct, forbid_unknown_fields=True):
    seen: Annotated[
        str, msgspec.Meta(min_length=1, max_length=100, description="`offer.seen`, as it was read: that is confirmed.")
    ]
    trusts_address: Annotated[
        bool,
        msgspec.Meta(description="Salesforce's pages may show what this Interlock sends. Not needed for the sync."),
    ] = False


class Beginning(msgspec.Struct, forbid_unknown_fields=True):
    existing: Annotated[
        Literal["none", "link", "all"],
        msgspec.Meta(description="What becomes of records that exist; as of `interlock connect --existing`."),
    ]
    creates: Annotated[
        int | None,
        msgspec.Meta(description="`preparation.creates`, where that is more than a thousand and `existing` is `all`."),
    ] = None


async def show(called: Called) -> Response:
    return await _answer(called, await called.connection())


async def connect(called: Called) -> Response:
    wanted, chosen = called.body(Connecting), await called.connection()
    interlock = called.site.interlock
    await switch(interlock, called.by, chosen, wanted.seen, trusts_address=wanted.trusts_address)
    await prepare.begin(interlock, called.by, await _now(called, chosen), await called.site.own_address(chosen.id))
    return await _answer(called, chosen)


async def again(called: Called) -> Response:
    chosen = await called.connection()
    await prepare.begin(called.site.interlock, called.by, chosen, await called.site.own_address(chosen.id))
    return await _answer(called, chosen)


async def begin(called: Called) -> Response:
    wanted, chosen = called.body(Beginning), await called.connection()
    typed = "" if wanted.creates is None else str(wanted.creates)
    await beginning.begin(called.site.interlock, called.by, chosen, wanted.existing, typed)
    return await _answer(called, chosen)


async def give_up(called: Called) -> Response:
    chosen = await called.connection()
    assert chosen.id is not None
    await offer.give_up(called.site.interlock, called.by, chosen.id)
    return await _answer(called, chosen)


async def _now(called: Called, chosen: Connection) -> Connection:
    assert chosen.id is not None
    async with called.site.store.read(None) as tx:
        return await connections.get(tx, chosen.id) or chosen


async def _answer(called: Called, chosen: Connection) -> Response:
    chosen = await _now(called, chosen)
    interlock, now = called.site.interlock, kept.of(chosen)
    look = await offer.look(interlock, chosen) if now is not None and now.stage == "offered" else None
    run = None
    if now is not None and now.stage == "moved":
        run = await prepare.standing(interlock, chosen, await called.site.own_address(chosen.id))
    return called.answer("new-sandbox", documents.document(chosen, now, look, run))

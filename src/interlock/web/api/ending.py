"""What ends something for good, as jobs: disconnecting, and erasing a person."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from interlock.app import disconnect as disconnecting
from interlock.app import erase as erasing
from interlock.app import keys
from interlock.app.documents import with_head
from interlock.core.model import RecordKey as Key
from interlock.store.connections import Connection
from interlock.web.api.called import Called
from interlock.web.api.shapes import Phrase, RecordKey

Json = dict[str, Any]


class Disconnecting(msgspec.Struct, forbid_unknown_fields=True):
    confirm: Phrase | None = None
    keep_package: Annotated[bool, msgspec.Meta(description="Leave fields and permission set in the org.")] = False
    plan: Annotated[bool, msgspec.Meta(description="Say what would become of the package, and change nothing.")] = False


class Erasing(msgspec.Struct, forbid_unknown_fields=True):
    record: RecordKey
    everywhere: Annotated[
        bool,
        msgspec.Meta(description="Also erase it in HubSpot, for ever, and delete it in Salesforce (recycle bin)."),
    ] = False
    plan: Annotated[bool, msgspec.Meta(description="Say what is remembered, and change nothing.")] = False


async def disconnect(called: Called) -> Response:
    wanted, chosen = called.body(Disconnecting), await called.connection()
    stays = wanted.keep_package or await disconnecting.shares_org(called.site.store, chosen) is not None
    if not stays and not wanted.plan:
        disconnecting.check_phrase(wanted.confirm)
    asked = {"keep_package": wanted.keep_package, "plan": wanted.plan}
    if wanted.plan:
        return await called.begin("disconnect", chosen, asked, partial(_planned, called, stays))
    return await called.begin("disconnect", chosen, asked, partial(_disconnect, called, chosen, wanted.keep_package))


async def _planned(called: Called, stays: bool) -> Json:
    return with_head(disconnecting.plan_document(stays), "disconnect", called.site.clock_us())


async def _disconnect(called: Called, chosen: Connection, keep_package: bool) -> Json:
    site = called.site
    done = await disconnecting.disconnect(
        site.store,
        chosen,
        partial(site.interlock.clients, deploying=True),
        site.interlock.crms,
        site.clock_us,
        site.interlock.home.path,
        keep_package=keep_package,
        by=called.by,
    )
    return with_head(done.document(), "disconnect", site.clock_us())


async def erase(called: Called) -> Response:
    wanted, chosen = called.body(Erasing), await called.connection()
    key = keys.check_key(wanted.record)
    # A record that is no person is refused now, not by the job.
    await erasing.look(called.site.store, chosen, key)
    asked = {"record": str(key), "everywhere": wanted.everywhere, "plan": wanted.plan}
    return await called.begin("erase", chosen, asked, partial(_erase, called, chosen, key, wanted))


async def _erase(called: Called, chosen: Connection, key: Key, wanted: Erasing) -> Json:
    site = called.site
    if wanted.plan:
        found = await erasing.look(site.store, chosen, key)
    else:
        found = await erasing.erase(
            site.store,
            chosen,
            site.interlock.clients,
            site.clock_us,
            key,
            everywhere=wanted.everywhere,
            by=called.by,
        )
    document = found.document(everywhere=wanted.everywhere, plan=wanted.plan)
    return with_head(document, "erase", site.clock_us())

"""The package in the Salesforce org: what is there, and jobs that bring it and take it out."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from interlock.app.disconnect import check_phrase, links_file
from interlock.app.documents import with_head
from interlock.app.package import bring, export, parts
from interlock.app.package import plan as planning
from interlock.app.package import status as use_case
from interlock.app.package.documents import deployment_document, install_document, plan_document, remove_document
from interlock.app.package.kept import Keeper
from interlock.app.people.visitor import By
from interlock.store.connections import Connection
from interlock.web.api.called import Called
from interlock.web.api.shapes import Phrase
from interlock.web.site import Site

Json = dict[str, Any]


class Installing(msgspec.Struct, forbid_unknown_fields=True):
    mapped_fields: Annotated[
        bool, msgspec.Meta(description="Also let the sync user see and write every field that is mapped.")
    ] = False


class Removing(msgspec.Struct, forbid_unknown_fields=True):
    confirm: Phrase | None = None


async def status(called: Called) -> Response:
    site, chosen = called.site, await called.connection()
    assert chosen.id is not None
    async with site.interlock.clients(chosen) as clients:
        told = await use_case.status(clients.salesforce, Keeper(site.store, chosen.id), await _address(called, chosen))
    document = {**plan_document(told.plan), "deployment": deployment_document(told.deployment)}
    return called.answer("package-status", document)


async def plan(called: Called) -> Response:
    site, chosen = called.site, await called.connection()
    async with site.interlock.clients(chosen) as clients:
        user_id = (await clients.salesforce.identity()).user_id
        found = await planning.look(clients.salesforce, user_id, await _address(called, chosen))
    return called.answer("package-plan", {**plan_document(found), "zip": None})


async def _address(called: Called, chosen: Connection) -> parts.Address:
    return parts.address_of(await called.site.interlock.told_address(chosen.id))


async def install(called: Called) -> Response:
    wanted, chosen = called.body(Installing), await called.connection()
    asked = {"mapped_fields": wanted.mapped_fields}
    work = partial(_install, called.site, called.by, chosen, await _address(called, chosen), wanted.mapped_fields)
    return await called.begin("package-install", chosen, asked, work)


async def _install(site: Site, by: By, chosen: Connection, address: parts.Address, mapped_fields: bool) -> Json:
    installed, permitted = await bring.bring(
        site.store, chosen, site.interlock.clients, address, site.clock_us, mapped_fields=mapped_fields, by=by
    )
    return with_head(install_document(installed, permitted), "package-install", site.clock_us())


async def take_out(called: Called) -> Response:
    wanted, chosen = called.body(Removing), await called.connection()
    check_phrase(wanted.confirm)
    return await called.begin("package-remove", chosen, {}, partial(_remove, called.site, called.by, chosen))


async def _remove(site: Site, by: By, chosen: Connection) -> Json:
    file = links_file(site.interlock.home.path, chosen, site.clock_us())
    exported = await export.write(site.store, chosen.salesforce_org_id, file)
    removed = await bring.take_out(site.store, chosen, site.interlock.clients, exported, site.clock_us, by=by)
    return with_head(remove_document(exported, removed), "package-remove", site.clock_us())

"""The tab Connection: both sides' identity and sign-in, the package, pausing and resuming, mappings as a file."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import Response

from interlock.app import connections, mapping_effect, mappings, once, sign_in_cards
from interlock.app.connections import HALTED
from interlock.app.disconnect import NOT_CONNECTED
from interlock.app.errors import AppError, BadInput, Failure, NotConnected, Stopped
from interlock.app.key_fields import WITHOUT_SITES
from interlock.app.mapping_files import as_yaml
from interlock.app.package import parts
from interlock.app.package import plan as package
from interlock.app.people.roles import Action
from interlock.crm.errors import CrmError
from interlock.mapping_input import read_text
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.pages import org_work
from interlock.web.pages.mapping_changes import refresher
from interlock.web.pages.rule_texts import rule_choices
from interlock.web.texts import _

FILE_NAME = "mappings.yaml"


async def show(asked: Asked) -> Response:
    return await page(asked, await settings.connection_of(asked), forms.Shown())


async def page(
    asked: Asked,
    connection: Connection,
    form: forms.Shown,
    error: AppError | CrmError | None = None,
) -> Response:
    site = asked.site
    found, unread = None, ""
    if asked.request.query_params.get("package"):
        found, unread = await _package(asked, connection)
    address = parts.address_of(await site.own_address(connection.id))
    on = once.chosen_objects(connection, None)
    return settings.shown(
        asked,
        connection,
        "connection",
        "connection.html",
        200 if error is None else forms.status_of(error) if isinstance(error, AppError) else 502,
        document=await connections.document(site.store, connection),
        cards=await sign_in_cards.cards(site.store, connection),
        halted=connection.state in HALTED,
        moved=connections.waits_in_new_org(connection),
        disconnected=connection.state == NOT_CONNECTED,
        state_words=_state_words(),
        ways=_way_words(),
        objects=[(slug, slug in connections.paused_objects(connection)) for slug in on],
        package=found,
        package_words=_package_words(),
        host="" if address.origin is None else urlsplit(address.origin).netloc,
        may_trust=found is not None and not found.sites and address.origin is not None,
        unread=unread,
        may_operate=asked.who.may(Action.OPERATE),
        may_configure=asked.who.may(Action.CONFIGURE),
        form=form,
        said=_done().get(asked.request.query_params.get("done", ""), ""),
        in_org=await org_work.part_of(asked, connection, "connection"),
    )


def _done() -> dict[str, str]:
    return {
        "paused": _("Syncing is paused. What is under way ends with its batch."),
        "resumed": _("Syncing goes on."),
        "applied": _("The mappings are as in the file. They count from the next batch of records."),
        "signed_in": _("Signed in. Syncing goes on with this sign-in."),
        "same": _("Nothing to do: the mappings are as in the file."),
    }


def _state_words() -> dict[str, str]:
    return {
        "not_connected": _("not connected"),
        "setting_up": _("being set up"),
        "first_sync": _("first sync"),
        "syncing": _("syncing"),
        "idle": _("at rest, all is synced"),
        "paused": _("paused"),
        "suspended": _("suspended after a failure"),
        "signed_out": _("signed out"),
        "stopped_by_brake": _("stopped by a brake"),
    }


def _way_words() -> dict[str, str]:
    return {
        "browser": _("signed in in the browser"),
        "private_app": _("the token of a private app, or a service key"),
        "token": _("a token that was pasted, and cannot be renewed"),
        "client_credentials": _("client credentials"),
        "jwt": _("JWT bearer"),
        "none": _("no sign-in is kept"),
    }


def _package_words() -> dict[str, str]:
    return {
        "none": _("Nothing of the package is in the org."),
        "partly": _("Some of the package is in the org."),
        "older": _("An older version of the package is in the org."),
        "newer": _("A newer version of the package is in the org than this Interlock brings."),
        "current": _("The package is in the org."),
    }


async def _package(asked: Asked, connection: Connection) -> tuple[package.Plan | None, str]:
    """What the org holds, and what went wrong when it could not be asked."""
    try:
        async with asked.site.interlock.clients(connection, note=False) as clients:
            user_id = (await clients.salesforce.identity()).user_id
            found = await package.look(clients.salesforce, user_id, WITHOUT_SITES)
            if found.sites:
                # The org was let to trust an address. One that was not granted is nothing that is missing.
                address = parts.address_of(await asked.site.interlock.told_address(connection.id))
                found = await package.look(clients.salesforce, user_id, address)
            return found, ""
    except (AppError, CrmError) as error:
        return None, settings.said_by(error)


async def bring_package(asked: Asked) -> Response:
    """*Upgrade*, *Install*: what the look at the org has shown to be missing, and the address where that was granted."""
    connection = await settings.connection_of(asked)
    origin = None
    if asked.field("trusts_address") == "yes":
        origin = parts.address_of(await asked.site.own_address(connection.id)).origin
    return await org_work.begin(asked, connection, "package", "connection", origin=origin)


# --- pausing ------------------------------------------------------------------------------------------------------------


async def pause(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    await connections.pause(asked.site.store, connection, _object(asked), plan=False, by=asked.by)
    return settings.back(connection, "connection", "paused")


async def resume(asked: Asked) -> Response:
    """Also clears a suspension or a brake, whose reason the page shows beside the button, and only one that it has shown."""
    connection, objects = await settings.connection_of(asked), _object(asked)
    try:
        # Of the whole connection only: to resume one object clears nothing.
        seen_since_us = settings.seen_since_us(asked) if objects is None and connection.state in HALTED else None
        await connections.resume(
            asked.site.store, connection, objects, plan=False, by=asked.by, seen_since_us=seen_since_us
        )
    except (Stopped, NotConnected) as error:
        connection = await settings.connection_of(asked)
        return await page(asked, connection, forms.refused(error, {}, ()), error)
    return settings.back(connection, "connection", "resumed")


def _object(asked: Asked) -> list[str] | None:
    """The one that the address names; None: the whole connection. Raises BadInput."""
    slug = asked.request.path_params.get("object")
    return connections.check_objects([str(slug)]) if slug is not None else None


# --- mappings as a file --------------------------------------------------------------------------------------------------


async def download(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    assert connection.id is not None
    text = as_yaml(await mappings.export(asked.site.store, connection.id), connection)
    headers = {"content-disposition": f'attachment; filename="{FILE_NAME}"'}
    return Response(text, media_type="application/yaml", headers=headers)


async def upload(asked: Asked) -> Response:
    """What would change; nothing does."""
    connection = await settings.connection_of(asked)
    assert connection.id is not None
    text = asked.field("file")
    try:
        if not text.strip():
            raise BadInput(_("No file was chosen, or it is empty."), code="no_file", field="file")
        document, where = read_text(text, FILE_NAME)
        refresh = refresher(asked, connection)
        changes = await mappings.apply(asked.site.store, connection.id, document, where, refresh, plan=True)
        if not changes:
            return settings.back(connection, "connection", "same")
        compiler = await mapping_effect.compiler_of(asked.site.store, connection.id, refresh)
    except (AppError, CrmError) as error:
        return await page(asked, connection, _at_file(error), error)
    found = await mapping_effect.effect(asked.site.interlock, connection, changes, compiler)
    return settings.shown(
        asked,
        connection,
        "connection",
        "mappings_diff.html",
        changes=changes,
        rule_names=dict(rule_choices()),
        effect=found,
        unread=_said(found.unread),
        not_granted=_said(found.not_granted),
        text=text,
        seen=mappings.fingerprint(changes),
    )


async def apply(asked: Asked) -> Response:
    """What the page before has shown, and only if it still is what the file would change."""
    connection = await settings.connection_of(asked)
    assert connection.id is not None
    try:
        document, where = read_text(asked.field("text"), FILE_NAME)
        changes = await mappings.apply(
            asked.site.store,
            connection.id,
            document,
            where,
            refresher(asked, connection),
            plan=False,
            by=asked.by,
            seen=asked.field("seen"),
        )
    except (AppError, CrmError) as error:
        return await page(asked, connection, _at_file(error), error)
    fields = mapping_effect.permitted(changes)
    if not fields:
        return settings.back(connection, "connection", "applied")
    return await org_work.begin(asked, connection, "extend", "connection", fields=fields)


def _said(failure: Failure | None) -> str:
    return "" if failure is None else forms.said(failure)


def _at_file(error: AppError | CrmError) -> forms.Shown:
    return forms.Shown({}, [forms.Refused("file", settings.said_by(error))])

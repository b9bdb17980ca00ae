"""The tab Records: find one, see the pair side by side with its history and causes, sync it now. What is told of a record is
app/explain's document, as the command prints it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from interlock.app import explain, find, issues, look, records
from interlock.app.disconnect import NOT_CONNECTED
from interlock.app.errors import AppError
from interlock.app.keys import check_key
from interlock.app.people.roles import Action
from interlock.app.words import why_not
from interlock.core.model import AuditKind, LinkState, RecordKey, Side
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.pages.rule_texts import rule_choices
from interlock.web.texts import _

ISSUES_MOST = 20


async def show(asked: Asked) -> Response:
    """Search, and what was found. Asks both CRMs for a few seconds at most, and says of each whether it answered."""
    connection = await settings.connection_of(asked)
    assert connection.id is not None
    text = asked.request.query_params.get("q", "").strip()
    form, found, error = forms.Shown({"q": text}), None, None
    if text:
        try:
            async with _crms(asked, connection) as crms:
                found = await find.find(asked.site.store, connection.id, text, crms)
        except AppError as refused:
            error = refused
            form.refused.append(forms.Refused("q", settings.said_by(refused)))
    return settings.shown(
        asked,
        connection,
        "records",
        "records.html",
        200 if error is None else forms.status_of(error),
        text=text,
        form=form,
        found=[(each.document(), why_not(each.why_not) if each.why_not else "") for each in found.found]
        if found
        else [],
        searched=found is not None,
        most=find.LIMIT,
        pair_states=_pair_states(),
        may_operate=asked.who.may(Action.OPERATE) and connection.state != NOT_CONNECTED,
        silent=_silent(found.read if found is not None else {}),
    )


def _pair_states() -> dict[str, str]:
    return {
        LinkState.LINKED: _("linked"),
        LinkState.HUBSPOT_DELETED: _("rests: its HubSpot record was deleted"),
        LinkState.SALESFORCE_DELETED: _("rests: its Salesforce record was deleted"),
        LinkState.UNLINKED: _("unlinked"),
        LinkState.OTHER_PIPELINE: _("in a pipeline that does not sync"),
        LinkState.EXCLUDED: _("outside the list or filter that limits what syncs"),
    }


def _silent(read: dict[Side, str]) -> list[str]:
    names = {Side.HUBSPOT: "HubSpot", Side.SALESFORCE: "Salesforce"}
    return [names[side] for side, how in read.items() if how == "failed"]


@asynccontextmanager
async def _crms(asked: Asked, connection: Connection) -> AsyncIterator[tuple[HubSpotClient, SalesforceClient] | None]:
    """None of a connection that was disconnected: what is remembered is shown.

    Without `note`: that a CRM did not answer a person is said on the page, and is no news for the connection's state.
    """
    if connection.state == NOT_CONNECTED:
        yield None
        return
    async with asked.site.interlock.clients(connection, note=False) as clients:
        yield clients.hubspot, clients.salesforce


async def one(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    return await _one(asked, connection, check_key(str(asked.request.path_params["key"])))


async def _one(asked: Asked, connection: Connection, key: RecordKey, error: AppError | None = None) -> Response:
    assert connection.id is not None
    site = asked.site
    async with _crms(asked, connection) as crms:
        told = await explain.explain(site.store, connection, str(key), crms, site.clock_us)
    found = await issues.list_(site.store, connection.id, issues.Query(record=key), limit=ISSUES_MOST)
    form = forms.Shown({}, [forms.Refused(None, settings.said_by(error))] if error is not None else [])
    return settings.shown(
        asked,
        connection,
        "records",
        "record.html",
        200 if error is None else forms.status_of(error),
        key=str(key),
        told=told,
        issues=[issues.as_document(each) for each in found.issues],
        rule_names=dict(rule_choices()),
        kinds=_kinds(),
        history_most=look.HISTORY_ROWS,
        silent=_silent({side: told["read"][side.value] for side in Side}),
        may_operate=asked.who.may(Action.OPERATE) and connection.state != NOT_CONNECTED,
        form=form,
        said=_done().get(asked.request.query_params.get("done", ""), ""),
    )


def _kinds() -> dict[str, str]:
    """What a row of the history is, beside the name of its field."""
    return {
        AuditKind.CREATE: _("created"),
        AuditKind.UPDATE: _("changed"),
        AuditKind.LINK: _("linked"),
        AuditKind.UNLINK: _("unlinked"),
        AuditKind.RELINK: _("linked anew"),
        AuditKind.EXCLUDE: _("left out"),
        AuditKind.CONFLICT: _("conflict"),
        AuditKind.OPT_OUT: _("opted out"),
        AuditKind.ASSOCIATE: _("joined"),
        AuditKind.DISASSOCIATE: _("parted"),
        AuditKind.STAGE: _("moved on"),
        AuditKind.UNDO: _("undone"),
        AuditKind.DELETE: _("deleted"),
        AuditKind.MERGE: _("merged"),
    }


def _done() -> dict[str, str]:
    return {
        "due": _("The record is due: it is synced within seconds. Load the page again to see what came of it."),
        "waits": _("The record is due, but no dispatcher is running: it is synced with the next sync."),
    }


async def sync(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    key = check_key(str(asked.request.path_params["key"]))
    site = asked.site
    try:
        taken = await records.sync_now(site.store, connection, key, site.clock_us(), asked.by)
    except AppError as error:
        return await _one(asked, connection, key, error)
    where = f"/connections/{connection.id}/records/{quote(str(key), safe=':')}"
    return RedirectResponse(f"{where}?done={'due' if taken else 'waits'}", 303)

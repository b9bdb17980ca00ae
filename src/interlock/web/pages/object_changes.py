"""What a change of what syncs would do, shown before it is saved. The preview runs behind the page, as a job with an address."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

import msgspec
from starlette.responses import Response

from interlock.app import backfill, object_rules, setting_changes, what_syncs
from interlock.app.errors import AppError, Missing, Stale
from interlock.app.jobs import Job
from interlock.app.setting_changes import Change
from interlock.app.setup.review import COUNTS_FOR_US, Seen
from interlock.crm.errors import CrmError
from interlock.objects.registry import SPECS
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.pages import org_work
from interlock.web.pages.new_sandbox import count_titles
from interlock.web.pages.setup.review import calls_and_time
from interlock.web.texts import _


async def look(asked: Asked, connection: Connection, change: Change) -> Response:
    """Nothing is saved yet. Raises AppError."""
    if change.backfill:
        async with asked.site.store.read(connection.id) as tx:
            change = msgspec.structs.replace(change, edition=await backfill.edition(tx, change.object))
    work = partial(setting_changes.document, asked.site.interlock, connection, change, asked.site.clock_us)
    job = await asked.site.jobs.begin(setting_changes.JOB, connection, setting_changes.asked_of(change), work)
    return settings.back(connection, f"{change.object}/change/{job.id}")


async def show(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    return _page(asked, connection, *await _job_of(asked, connection), forms.Shown())


def _is_old(asked: Asked, found: Job, change: Change) -> bool:
    """Whether the preview counts no more: others have edited meanwhile, and what was typed is not what would be created."""
    if found.ended_at_us is None or not change.widens:
        return False
    return asked.site.clock_us() - found.ended_at_us > COUNTS_FOR_US


async def _job_of(asked: Asked, connection: Connection) -> tuple[Job, Change]:
    """Raises Missing."""
    found = await asked.site.jobs.get(str(asked.request.path_params["job"]))
    change = msgspec.convert(found.asked["change"], Change) if "change" in found.asked else None
    if change is None or found.connection != connection.name or change.object != _slug(asked):
        raise Missing(
            _("There is no such change."), code="no_such_job", fix=_("Make it again on the tab of its object.")
        )
    return found, change


def _slug(asked: Asked) -> str:
    return asked.request.url.path.split("/")[3]


def _page(
    asked: Asked,
    connection: Connection,
    found: Job,
    change: Change,
    form: forms.Shown,
    error: AppError | CrmError | None = None,
) -> Response:
    document = found.result
    return settings.shown(
        asked,
        connection,
        change.object,
        "object_change.html",
        200 if error is None else forms.status_of(error) if isinstance(error, AppError) else 502,
        slug=change.object,
        spec=SPECS[change.object],
        change=change,
        job=found.document(),
        counts=None if document is None else document["objects"][change.object],
        count_titles=count_titles()
        | {
            "delete_in_hubspot": _("Deleted in HubSpot"),
            "delete_in_salesforce": _("Deleted in Salesforce"),
            "merge_in_hubspot": _("Merged in HubSpot"),
            "merges_proposed": _("Merges proposed"),
        },
        how_much=None if document is None else calls_and_time(Seen("done", "", found.begun_at_us, document)),
        typed=document is not None and setting_changes.must_be_typed(document),
        creates=0 if document is None else setting_changes.creates_of(document),
        old=_is_old(asked, found, change),
        form=form,
    )


async def save(asked: Asked) -> Response:
    """What the page has shown; a preview that failed is enough only where nothing more can sync or be created. One that is old is
    made anew."""
    connection = await settings.connection_of(asked)
    found, change = await _job_of(asked, connection)
    if asked.field("do") == "preview":
        return await look(asked, connection, change)
    if found.result is None and (change.widens or found.state == "running"):
        return settings.back(connection, f"{change.object}/change/{found.id}")
    try:
        if _is_old(asked, found, change):
            raise Stale(
                _("This preview is more than an hour old: a sync may do something else by now. Nothing was saved."),
                fix=_("Preview it anew, then save."),
            )
        if found.result is not None:
            setting_changes.check_count(found.result, asked.field("count"))
        return await carry_out(asked, connection, change)
    except (AppError, CrmError) as error:
        at = error.failure.field if isinstance(error, AppError) and error.failure.field == "count" else None
        form = forms.Shown({"count": asked.field("count")}, [forms.Refused(at, settings.said_by(error))])
        return _page(asked, connection, found, change, form, error)


async def carry_out(asked: Asked, connection: Connection, change: Change) -> Response:
    """Raises AppError, CrmError; of an object that is turned on the tab says how that goes."""
    site, slug = asked.site, change.object
    assert connection.id is not None
    if change.backfill:
        await backfill.ask(site.store, connection.id, slug, asked.by, seen=change.edition)
        return settings.back(connection, slug, "backfill")
    if change.on:
        object_rules.check_edition(connection, slug, change.edition)
        return await org_work.begin(asked, connection, "turn_on", slug, edition=change.edition)
    async with AsyncExitStack() as stack:
        hubspot, salesforce = None, None
        if what_syncs.asks(connection, slug, change.choice):
            clients = await stack.enter_async_context(site.interlock.clients(connection, note=False))
            hubspot, salesforce = clients.hubspot, clients.salesforce
        await what_syncs.choose(
            site.store, connection, slug, change.choice, hubspot, asked.by, change.edition, salesforce
        )
    return settings.back(connection, slug, "rules")

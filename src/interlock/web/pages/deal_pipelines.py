"""The page Pipelines of the tab Deals: which HubSpot pipeline stands for which record type, stage by stage."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from interlock.app import pipelines, setting_changes, what_syncs
from interlock.app.errors import AppError, BadInput, Stale
from interlock.app.pipelines import Offer
from interlock.crm.errors import CrmError
from interlock.objects.pipelines import ANY, Chosen, PipelineChoice
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.pages import object_changes
from interlock.web.texts import _

SLUG = "deals"


async def show(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    offer, unread = await _offer(asked, connection)
    return _page(asked, connection, offer, unread, _filled_in(asked, connection, offer))


async def _offer(asked: Asked, connection: Connection) -> tuple[Offer | None, str]:
    """What both CRMs have, and what went wrong where they could not be asked."""
    try:
        async with asked.site.interlock.clients(connection, note=False) as clients:
            return await pipelines.read(clients.hubspot, clients.salesforce), ""
    except (AppError, CrmError) as error:
        return None, settings.said_by(error)


def _filled_in(asked: Asked, connection: Connection, offer: Offer | None) -> forms.Shown:
    """With what is in use; of a pipeline that does not sync, with the stages that read the same. One that was made a moment ago
    stands for the record type that it was made for."""
    if offer is None:
        return forms.Shown()
    in_use = offer.in_use(what_syncs.chosen(connection, SLUG).pipelines)
    query = asked.request.query_params
    values: dict[str, str] = {}
    for each in offer.pipelines:
        made = query.get("made") == each.id and offer.process(query.get("for", "")) is not None
        if made:
            choice = PipelineChoice(query["for"], offer.joined(each, query["for"]).stages, in_step=True)
        else:
            choice = in_use.get(each.id) or PipelineChoice("", offer.joined(each, ANY).stages)
        values[f"type:{each.id}"] = choice.record_type
        values |= {f"stage:{each.id}:{stage}": name for stage, name in choice.stages.items()}
        if choice.in_step:
            values[f"step:{each.id}"] = "yes"
    return forms.Shown(values)


async def save(asked: Asked) -> Response:
    """Seen in a preview first."""
    connection = await settings.connection_of(asked)
    offer, unread = await _offer(asked, connection)
    typed = forms.Shown({name: asked.field(name) for name in asked.form})
    if offer is None:
        return _page(asked, connection, None, unread, typed)
    try:
        edition = asked.field("edition")
        if edition != what_syncs.chosen(connection, SLUG).edition:
            raise Stale
        choice = what_syncs.Choice(pipelines=_chosen(asked, offer))
        await what_syncs.check(connection, SLUG, choice, None)
        change = setting_changes.chosen(connection, SLUG, choice, edition)
        if change is None:
            return settings.back(connection, SLUG, "rules")
        if setting_changes.is_shown(connection, change):
            return await object_changes.look(asked, connection, change)
        return await object_changes.carry_out(asked, connection, change)
    except (AppError, CrmError) as error:
        return _refused(asked, connection, offer, typed, error)


def _chosen(asked: Asked, offer: Offer) -> Chosen:
    """Raises BadInput, Missing."""
    found: Chosen = {}
    for each in offer.pipelines:
        record_type = asked.field(f"type:{each.id}")
        if record_type:
            stages = {stage.id: name for stage in each.stages if (name := asked.field(f"stage:{each.id}:{stage.id}"))}
            found[each.id] = PipelineChoice(record_type, stages, f"step:{each.id}" in asked.form)
    if not found:
        raise BadInput(
            _("No pipeline is left that syncs."),
            code="no_pipeline",
            field="pipelines",
            fix=_("Choose a record type for one of them, or turn the syncing of deals off."),
        )
    pipelines.check(found, offer)
    return found


async def make(asked: Asked) -> Response:
    """A pipeline in HubSpot for a record type; it syncs once it is chosen and saved."""
    connection, record_type = await settings.connection_of(asked), asked.field("record_type")
    try:
        async with asked.site.interlock.clients(connection, note=False) as clients:
            made = await pipelines.make(
                asked.site.store, connection, record_type, clients.hubspot, clients.salesforce, asked.by
            )
    except (AppError, CrmError) as error:
        offer, unread = await _offer(asked, connection)
        return _refused(asked, connection, offer, _filled_in(asked, connection, offer), error, unread)
    return RedirectResponse(f"/connections/{connection.id}/{SLUG}/pipelines?made={made.id}&for={record_type}", 303)


def _refused(
    asked: Asked,
    connection: Connection,
    offer: Offer | None,
    form: forms.Shown,
    error: AppError | CrmError,
    unread: str = "",
) -> Response:
    shown = forms.Shown(form.values, [forms.Refused(None, settings.said_by(error))])
    return _page(asked, connection, offer, unread, shown, error)


def _page(
    asked: Asked,
    connection: Connection,
    offer: Offer | None,
    unread: str,
    form: forms.Shown,
    error: AppError | CrmError | None = None,
) -> Response:
    chosen = what_syncs.chosen(connection, SLUG)
    in_use = {} if offer is None else offer.in_use(chosen.pipelines)
    taken = {each.record_type for each in in_use.values()}
    return settings.shown(
        asked,
        connection,
        SLUG,
        "deal_pipelines.html",
        200 if error is None else forms.status_of(error) if isinstance(error, AppError) else 502,
        offer=offer,
        unread=unread,
        form=form,
        edition=chosen.edition,
        names={each.id: _name(each.id, each.name) for each in (offer.processes if offer is not None else [])},
        # Of ANY only where there is nothing else to tell pipelines apart by.
        to_make=[each.id for each in (offer.processes if offer is not None else []) if each.id not in taken | {ANY}],
        stage_names=[(each.value, each.value) for each in (offer.processes[0].stages if offer is not None else [])],
        warnings=[] if offer is None else pipelines.warnings(in_use, offer),
        made=asked.request.query_params.get("made", ""),
    )


def _name(record_type: str, name: str) -> str:
    return _("Every record type") if record_type == ANY else name

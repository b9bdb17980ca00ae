"""Adding, changing and removing mappings: choose, see what it would change, save. A choice changes nothing until it is saved
from the page that shows its effect."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from interlock.app import mapping_edits, mapping_preview, mapping_table, missing_property
from interlock.app.errors import AppError, BadInput
from interlock.app.mapping_edits import Edit
from interlock.app.mapping_effect import permitted
from interlock.app.mapping_files import fresh_schemas
from interlock.app.package import permit
from interlock.app.schemas import Schemas, read_at_us
from interlock.app.times import rfc3339
from interlock.core.model import SyncRule
from interlock.crm.errors import CrmError
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.pages import objects, org_work
from interlock.web.pages.rule_texts import rule_choices
from interlock.web.texts import _

PICKED = "pair:"
_edits = msgspec.json.Decoder(list[Edit])


# --- choosing -----------------------------------------------------------------------------------------------------------


async def add(asked: Asked) -> Response:
    """Two steps that work without a script: the property, then the fields that it can be joined with."""
    return await _add(asked, forms.Shown())


async def _add(asked: Asked, form: forms.Shown, error: AppError | CrmError | None = None) -> Response:
    connection, slug = await settings.connection_of(asked), objects.slug_of(asked)
    assert connection.id is not None
    store = asked.site.store
    property_ = form.values.get("property") or asked.request.query_params.get("property", "")
    properties = await mapping_table.properties(store, connection.id, slug)
    known = next((each for each in properties if each.name == property_), None)
    return settings.shown(
        asked,
        connection,
        slug,
        "mapping_add.html",
        200 if error is None else forms.status_of(error) if isinstance(error, AppError) else 502,
        slug=slug,
        properties=properties,
        chosen=known,
        targets=await mapping_table.targets(store, connection.id, slug, known.name) if known is not None else [],
        table=await mapping_table.table(store, connection.id, slug),
        missing=await missing_property.offered(store, connection.id, slug),
        choices=rule_choices(),
        form=form,
        read_at=rfc3339(await read_at_us(store, connection.id)),
    )


async def read_again(asked: Asked) -> Response:
    """What can be joined is offered from schemas that may be hours old (schemas.py): a field made a minute ago is not among it."""
    connection, slug = await settings.connection_of(asked), objects.slug_of(asked)
    try:
        await refresher(asked, connection)()
    except (AppError, CrmError) as error:
        return await _add(asked, forms.Shown({}, [forms.Refused(None, settings.said_by(error))]), error)
    return settings.back(connection, f"{slug}/add")


async def make_property(asked: Asked) -> Response:
    """For a field that HubSpot has no property for. It is then mapped as any other."""
    connection, slug, property_ = await settings.connection_of(asked), objects.slug_of(asked), asked.field("new")
    try:
        async with asked.site.interlock.clients(connection) as clients:
            made = await missing_property.make(
                asked.site.store, connection, slug, property_, clients.hubspot, clients.salesforce, asked.by
            )
    except (AppError, CrmError) as error:
        form = forms.Shown({"new": property_}, [forms.Refused("new", settings.said_by(error))])
        return await _add(asked, form, error)
    return settings.back(connection, f"{slug}/add?property={made.property}")


async def edit(asked: Asked) -> Response:
    """One row: its rule, what its fields hold, or out with it."""
    connection, slug = await settings.connection_of(asked), objects.slug_of(asked)
    assert connection.id is not None
    table = await mapping_table.table(asked.site.store, connection.id, slug)
    row = table.row(str(asked.request.path_params["pair"]))
    samples, unread = await objects.samples_of(asked, connection, slug, [row])
    return settings.shown(
        asked,
        connection,
        slug,
        "mapping_edit.html",
        slug=slug,
        row=row,
        table=table,
        choices=rule_choices(row.allowed),
        samples=samples,
        unread=unread,
    )


# --- seeing what it would change ----------------------------------------------------------------------------------------


async def preview(asked: Asked) -> Response:
    connection, slug = await settings.connection_of(asked), objects.slug_of(asked)
    adds = asked.field("do") == mapping_edits.ADD
    try:
        edits = _chosen(asked)
        return await _effect(asked, connection, slug, edits, asked.field("edition"))
    except (AppError, CrmError) as error:
        if adds:
            form = forms.Shown(dict(asked.form), [forms.Refused(_at(error), settings.said_by(error))])
            return await _add(asked, form, error)
        form = forms.Shown({}, [forms.Refused(None, settings.said_by(error))])
        return await objects.page(asked, connection, form, error)


def _at(error: AppError | CrmError) -> str | None:
    field = error.failure.field if isinstance(error, AppError) else None
    return field if field in ("property", "field", "rule") else None


def _chosen(asked: Asked) -> list[Edit]:
    """What the form asks for: one pair to add, or the ticked rows to change or remove. Raises BadInput."""
    do = asked.field("do")
    rule = None if do == mapping_edits.REMOVE else _rule(asked.field("rule"))
    if do == mapping_edits.ADD:
        field, _space, types = asked.field("field").partition(" ")
        if not field or not types:
            raise BadInput(_("No Salesforce field is chosen."), code="nothing_chosen", field="field")
        return [Edit(asked.field("property"), field, rule, tuple(types.split(",")), adds=True)]
    picked = [name.removeprefix(PICKED).partition(":") for name in asked.form if name.startswith(PICKED)]
    if not picked:
        raise BadInput(
            _("No mapping is selected."), code="nothing_chosen", fix=_("Tick the rows that you want to change.")
        )
    return [Edit(property_, field, rule) for property_, _colon, field in picked]


def _rule(text: str) -> SyncRule:
    try:
        return SyncRule(text)
    except ValueError as error:
        raise BadInput(_("No rule is chosen."), code="unknown_rule", field="rule") from error


async def _effect(asked: Asked, connection: Connection, slug: str, edits: list[Edit], edition: str) -> Response:
    """Raises AppError for what cannot be saved anyway; a CRM that cannot be read leaves the effect unknown, and says so."""
    site = asked.site
    assert connection.id is not None
    checked = await mapping_edits.check(site.store, connection.id, slug, edits, edition, refresher(asked, connection))
    effect, unread = None, ""
    wanted, not_granted, administrator = None, "", False
    try:
        async with site.interlock.clients(connection, note=False) as clients:
            effect = await mapping_preview.preview(
                site.store, connection, slug, checked.changes, checked.compiler, clients.hubspot, clients.salesforce
            )
            try:
                user_id = (await clients.salesforce.identity()).user_id
                wanted = await permit.wanted(clients.salesforce, user_id, permitted(checked.changes))
                administrator = bool(wanted.added) and not await permit.may_grant(clients.salesforce, user_id)
            except (AppError, CrmError) as error:
                not_granted = settings.said_by(error)
    except (AppError, CrmError) as error:
        unread = settings.said_by(error)
    return settings.shown(
        asked,
        connection,
        slug,
        "mapping_effect.html",
        slug=slug,
        changes=checked.changes,
        rule_names=dict(rule_choices()),
        effect=effect,
        unread=unread,
        wanted=wanted,
        not_granted=not_granted,
        administrator=administrator,
        edits=msgspec.json.encode(edits).decode(),
        edition=edition,
    )


def refresher(asked: Asked, connection: Connection) -> mapping_edits.Refresh:
    async def refresh() -> Schemas:
        async with asked.site.interlock.clients(connection) as clients:
            return await fresh_schemas(asked.site.store, connection, clients.hubspot, clients.salesforce)

    return refresh


# --- saving -------------------------------------------------------------------------------------------------------------


async def save(asked: Asked) -> Response:
    connection, slug = await settings.connection_of(asked), objects.slug_of(asked)
    assert connection.id is not None
    try:
        changes = await mapping_edits.save(
            asked.site.store,
            connection.id,
            slug,
            _decoded(asked.field("edits")),
            asked.field("edition"),
            refresher(asked, connection),
            asked.by,
        )
    except (AppError, CrmError) as error:
        form = forms.Shown({}, [forms.Refused(None, settings.said_by(error))])
        return await objects.page(asked, connection, form, error)
    # What the page before has shown, and no more. The mappings are saved by now, whatever becomes of it.
    fields = permitted(changes)
    if not fields:
        return settings.back(connection, slug, "mappings")
    return await org_work.begin(asked, connection, "extend", slug, fields=fields)


def _decoded(text: str) -> list[Edit]:
    try:
        return _edits.decode(text)
    except msgspec.DecodeError as error:
        raise BadInput(_("The form is not one of ours."), code="bad_form", fix=_("Load the table again.")) from error

"""The tabs Contacts, Companies and Deals: their rules, their mappings, the import. The pages of a change of mappings are in
mappings.py."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from interlock.app import (
    backfill,
    import_,
    mapping_preview,
    mapping_table,
    object_rules,
    resync,
    setting_changes,
    what_syncs,
)
from interlock.app.connections import is_on
from interlock.app.errors import AppError, BadInput, Stale
from interlock.app.mapping_table import Row
from interlock.app.people.roles import Action
from interlock.crm.errors import CrmError
from interlock.objects.choices import choices_of
from interlock.objects.registry import SPECS
from interlock.store.connections import Connection
from interlock.store.errors import StoreError
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.pages import object_changes, org_work, person_rule_texts
from interlock.web.pages.choice_texts import offered
from interlock.web.pages.rule_texts import rule_choices
from interlock.web.texts import _

# Salesforce retrieves at most this many fields of a few records in one call without trouble (URL and body limits far off).
SAMPLED_ROWS_MOST = 300
LISTS_ROWS = 50
# In forms, where an empty value is nothing chosen.
_NOTHING = "nothing"


def slug_of(asked: Asked) -> str:
    """The object that the address names: `/connections/1/contacts/...`."""
    slug = asked.request.url.path.split("/")[3]
    assert slug in SPECS, "only the addresses of objects lead here"
    return slug


async def show(asked: Asked) -> Response:
    return await page(asked, await settings.connection_of(asked), forms.Shown())


async def turn(asked: Asked) -> Response:
    """Syncing of the object off; or on, after it was seen what that would do."""
    connection, slug, site = await settings.connection_of(asked), slug_of(asked), asked.site
    if asked.field("sync") == "on":
        return await turn_on(asked, connection, slug)
    try:
        await object_rules.turn_off(site.store, connection, slug, asked.by)
    except (AppError, CrmError) as error:
        return await page(asked, connection, _refused(error), error)
    return settings.back(connection, slug, "turned")


async def turn_on(asked: Asked, connection: Connection, slug: str) -> Response:
    if is_on(connection, slug):
        return settings.back(connection, slug, "turned")
    try:
        return await _see_first(asked, connection, setting_changes.turned_on(connection, slug))
    except (AppError, CrmError) as error:
        return await page(asked, connection, _refused(error), error)


async def _see_first(asked: Asked, connection: Connection, change: setting_changes.Change) -> Response:
    """Raises AppError, CrmError."""
    if setting_changes.is_shown(connection, change):
        return await object_changes.look(asked, connection, change)
    return await object_changes.carry_out(asked, connection, change)


async def save_rules(asked: Asked) -> Response:
    """What a new record becomes on the other side."""
    creates = asked.field("create_in_salesforce")
    return await change_what_syncs(
        asked,
        what_syncs.Choice(
            create_in_salesforce=what_syncs.NOTHING if creates == _NOTHING else creates,
            create_in_hubspot=asked.field("create_in_hubspot") == "yes",
            choices={
                each.name: asked.field(each.name) for each in choices_of(slug_of(asked)) if each.name in asked.form
            },
        ),
    )


async def save_list(asked: Asked) -> Response:
    """Which records sync: those of a HubSpot list, or all."""
    # Nothing chosen is not "all of them": that would lift a limit which nobody meant to lift.
    if "list_id" not in asked.form:
        nothing = BadInput(
            _("No list is chosen."), code="no_list", field="list_id", fix=_("Search, then choose one; or all records.")
        )
        return await page(asked, await settings.connection_of(asked), _refused(nothing), nothing)
    return await change_what_syncs(asked, what_syncs.Choice(list_id=asked.field("list_id") or None))


async def change_what_syncs(asked: Asked, choice: what_syncs.Choice) -> Response:
    """After it was seen what that would do, where there is anything to see."""
    connection, slug, site = await settings.connection_of(asked), slug_of(asked), asked.site
    try:
        edition = asked.field("edition")
        if edition != what_syncs.chosen(connection, slug).edition:
            raise Stale
        if what_syncs.asks(connection, slug, choice):
            async with site.interlock.clients(connection, note=False) as clients:
                choice = await what_syncs.check(connection, slug, choice, clients.hubspot, clients.salesforce)
        else:
            choice = await what_syncs.check(connection, slug, choice, None)
        change = setting_changes.chosen(connection, slug, choice, edition)
        if change is None:
            return settings.back(connection, slug, "rules")
        return await _see_first(asked, connection, change)
    except (AppError, CrmError) as error:
        return await page(asked, connection, _refused(error), error)


async def lists(asked: Asked) -> Response:
    """HubSpot's lists, searched by a part of their name."""
    connection, slug = await settings.connection_of(asked), slug_of(asked)
    text, offset = asked.request.query_params.get("q", "").strip(), asked.request.query_params.get("offset", "0")
    chosen, found, chosen_list, unread = what_syncs.chosen(connection, slug), None, None, ""
    try:
        async with asked.site.interlock.clients(connection, note=False) as clients:
            start = int(offset) if offset.isdecimal() and len(offset) < 10 else 0
            found = await what_syncs.lists(clients.hubspot, slug, text, start, LISTS_ROWS)
            if chosen.list_id is not None:
                chosen_list = await clients.hubspot.list_by_id(chosen.list_id, purpose="setup")
    except (AppError, CrmError) as error:
        unread = settings.said_by(error)
    return settings.shown(
        asked,
        connection,
        slug,
        "object_lists.html",
        slug=slug,
        spec=SPECS[slug],
        chosen=chosen,
        chosen_list=chosen_list,
        found=found,
        unread=unread,
        text=text,
    )


async def ask_import(asked: Asked) -> Response:
    connection, slug = await settings.connection_of(asked), slug_of(asked)
    since, created = asked.field("since").strip(), asked.field("by") == "created"
    assert connection.id is not None
    try:
        date = since or None
        when = import_.since_of(None if created else date, date if created else None, asked.site.clock_us())
        if not is_on(connection, slug):
            raise BadInput(
                f"{slug} do not sync.", code="object_off", field="since", fix=_("Turn their syncing on first.")
            )
        await import_.ask(asked.site.store, connection.id, slug, when, asked.by)
    except AppError as error:
        shown = forms.Shown(
            {"since": since, "by": asked.field("by")}, [forms.Refused("since", settings.said_by(error))]
        )
        return await page(asked, connection, shown, error)
    return settings.back(connection, slug, "import")


async def take_up(asked: Asked) -> Response:
    """See what a backfill would do; it is begun from the page that shows it. Or stop the one that is under way."""
    connection, slug, site = await settings.connection_of(asked), slug_of(asked), asked.site
    assert connection.id is not None
    if asked.field("do") == "stop":
        await backfill.stop(site.store, connection.id, slug, asked.by)
        return settings.back(connection, slug, "backfill_stopped")
    try:
        backfill.check_on(connection, slug)
        return await _see_first(asked, connection, setting_changes.Change(slug, backfill=True))
    except (AppError, CrmError) as error:
        return await page(asked, connection, _refused(error), error)


async def ask_resync(asked: Asked) -> Response:
    """All records, or those of a list: which button was pressed says which."""
    connection, slug, site = await settings.connection_of(asked), slug_of(asked), asked.site
    text = asked.field("list_id")
    try:
        list_id = resync.list_id_of(text) if asked.field("which") == "list" else None
        slugs = await resync.check(connection, [slug], list_id, partial(site.interlock.clients, note=False))
        await resync.ask(site.store, connection, slugs, list_id, asked.by)
    except (AppError, CrmError) as error:
        shown = forms.Shown({"list_id": text}, [forms.Refused("list_id", settings.said_by(error))])
        return await page(asked, connection, shown, error)
    return settings.back(connection, slug, "resync")


def _refused(error: AppError | CrmError) -> forms.Shown:
    return forms.Shown({}, [forms.Refused(None, settings.said_by(error))])


async def page(
    asked: Asked,
    connection: Connection,
    form: forms.Shown,
    error: AppError | CrmError | StoreError | None = None,
) -> Response:
    """The tab, with what was refused or done."""
    slug, store = slug_of(asked), asked.site.store
    assert connection.id is not None
    query = asked.request.query_params
    table = await mapping_table.table(store, connection.id, slug)
    text = query.get("q", "").strip()
    rows = table.searched(text)
    samples, unread = await samples_of(asked, connection, slug, rows) if query.get("samples") else ([], "")
    in_org = await org_work.part_of(asked, connection, slug)
    response = settings.shown(
        asked,
        connection,
        slug,
        "object.html",
        200 if error is None else forms.status_of(error) if isinstance(error, AppError) else 502,
        slug=slug,
        spec=SPECS[slug],
        enabled=is_on(connection, slug),
        chosen=what_syncs.chosen(connection, slug),
        creates=[(each, creates()[each]) for each in (*SPECS[slug].salesforce_types, _NOTHING)],
        offered=offered(slug),
        person_rules=person_rule_texts.told(what_syncs.chosen(connection, slug).person_rules),
        table=table,
        rows=rows,
        text=text,
        rule_names=dict(rule_choices()),
        choices=rule_choices(),
        samples=samples,
        unread=unread,
        importing=slug in await import_.waiting(store, connection.id),
        backfill=await backfill.last(store, connection.id, slug),
        resyncing=await resync.under_way(store, connection.id, slug),
        may_configure=asked.who.may(Action.CONFIGURE),
        may_operate=asked.who.may(Action.OPERATE),
        form=form,
        said=_done().get(query.get("done", ""), ""),
        in_org=in_org,
    )
    return org_work.loads_again(asked, in_org, response)


def creates() -> dict[str, str]:
    return {
        "Contact": _("Create or update the contact"),
        "Lead": _("Create or update the lead"),
        "Account": _("Create or update the account"),
        "Opportunity": _("Create or update the opportunity"),
        _NOTHING: _("Do nothing"),
    }


def _done() -> dict[str, str]:
    return {
        "turned": _("Saved. It counts from the next batch of records."),
        "rules": _("The rules are saved. They count from the next batch of records."),
        "import": _("The import is asked for. It begins with the next look at Salesforce."),
        "resync": _("The resync is asked for. It begins with the next look at both sides."),
        "mappings": _("The mappings are saved. They count from the next batch of records."),
        "backfill": _("The backfill is asked for. It begins with the next look at both CRMs."),
        "joined": _("Saved. These options and values are the same from the next batch of records on."),
        "options": _("The options are changed. Records that waited for one of them are tried again."),
        "backfill_stopped": _("The backfill is stopped. What it had taken up so far stays."),
    }


async def samples_of(
    asked: Asked, connection: Connection, slug: str, rows: list[Row]
) -> tuple[list[mapping_preview.Sample], str]:
    """Of a few pairs, and what went wrong if they could not be read."""
    shown = rows[:SAMPLED_ROWS_MOST]

    def of(type_: str) -> tuple[list[str], list[str]]:
        mine = [row for row in shown if type_ in row.rules and row.status != "broken"]
        return [row.left.name for row in mine], [row.right.name for row in mine]

    assert connection.id is not None
    try:
        async with asked.site.interlock.clients(connection, note=False) as clients:
            found = await mapping_preview.samples(
                asked.site.store, connection.id, slug, of, clients.hubspot, clients.salesforce
            )
    except (AppError, CrmError) as error:
        return [], settings.said_by(error)
    return found, "" if found else _("No pair is linked yet, so there is nothing to show.")

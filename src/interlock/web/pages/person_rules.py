"""The rules that say whether a new person of HubSpot becomes a lead or a contact, as one form: a row for each, and some to add."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app import person_rules, what_syncs
from interlock.app.errors import AppError
from interlock.app.person_rules import OBJECT
from interlock.crm.errors import CrmError
from interlock.objects.registry import SPECS
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.pages import person_rule_rows
from interlock.web.pages.objects import change_what_syncs
from interlock.web.pages.person_rule_texts import NOBODY, outcomes


async def show(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    return await _page(asked, forms.Shown(person_rule_rows.filled(what_syncs.chosen(connection, OBJECT).person_rules)))


async def send(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    rows = person_rule_rows.typed_rows(asked.field)
    values = {name: text for name, text in asked.form.items() if name.partition("_")[2].isdecimal()}
    try:
        rules = person_rule_rows.typed(asked.field, rows)
        person_rules.check(OBJECT, rules)
        choice = what_syncs.Choice(person_rules=rules)
        if what_syncs.asks(connection, OBJECT, choice):
            async with asked.site.interlock.clients(connection, note=False) as clients:
                await person_rules.check_properties(clients.hubspot, rules)
    except (AppError, CrmError) as error:
        at = error.failure.field if isinstance(error, AppError) else None
        refused = forms.Refused(person_rule_rows.row_of(at, rows), settings.said_by(error))
        return await _page(asked, forms.Shown(values, [refused]), error)
    return await change_what_syncs(asked, choice)


async def _page(asked: Asked, form: forms.Shown, error: AppError | CrmError | None = None) -> Response:
    connection = await settings.connection_of(asked)
    chosen = what_syncs.chosen(connection, OBJECT)
    return settings.shown(
        asked,
        connection,
        OBJECT,
        "person_rules.html",
        200 if error is None else forms.status_of(error) if isinstance(error, AppError) else 502,
        slug=OBJECT,
        spec=SPECS[OBJECT],
        edition=asked.field("edition") or chosen.edition,
        **person_rule_rows.shown(form.values),
        otherwise=dict(outcomes())[chosen.create_in_salesforce or NOBODY],
        form=form,
    )

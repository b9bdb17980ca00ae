"""The rules that say whether a new person of HubSpot becomes a lead or a contact, as one form: a row for each, and some to add."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app import person_rules, what_syncs
from interlock.app.errors import AppError
from interlock.app.person_rules import OBJECT, field_of
from interlock.crm.errors import CrmError
from interlock.objects.lead_or_contact import NOTHING, RULES_MOST, PersonRule, When
from interlock.objects.registry import SPECS
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.pages.objects import change_what_syncs
from interlock.web.pages.person_rule_texts import NOBODY, conditions, outcomes
from interlock.web.texts import _

BLANK_ROWS = 2


async def show(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    values: dict[str, str] = {}
    for place, rule in enumerate(what_syncs.chosen(connection, OBJECT).person_rules):
        values |= {
            field_of(place): rule.when.value,
            f"property_{place}": rule.property,
            f"values_{place}": "; ".join(rule.values),
            f"as_{place}": rule.create_as or NOBODY,
            f"order_{place}": str(place + 1),
        }
    return await _page(asked, forms.Shown(values))


async def send(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    rows = sorted(
        (place for place in range(RULES_MOST + BLANK_ROWS) if asked.field(field_of(place))),
        key=lambda place: (_order(asked, place), place),
    )
    values = {name: text for name, text in asked.form.items() if name.partition("_")[2].isdecimal()}
    try:
        rules = tuple(_rule(asked, place) for place in rows)
        person_rules.check(OBJECT, rules)
        choice = what_syncs.Choice(person_rules=rules)
        if what_syncs.asks(connection, OBJECT, choice):
            async with asked.site.interlock.clients(connection, note=False) as clients:
                await person_rules.check_properties(clients.hubspot, rules)
    except (AppError, CrmError) as error:
        return await _page(asked, forms.Shown(values, [_refused(error, rows)]), error)
    return await change_what_syncs(asked, choice)


def _order(asked: Asked, place: int) -> float:
    text = asked.field(f"order_{place}")
    return float(text) if text.isdecimal() and len(text) < 6 else place + 1.0


def _rule(asked: Asked, place: int) -> PersonRule:
    when = asked.field(field_of(place))
    becomes = asked.field(f"as_{place}")
    condition = When(when) if when in set(When) else When.ACCOUNT_EXISTS
    named = condition is not When.ACCOUNT_EXISTS
    return PersonRule(
        condition,
        NOTHING if becomes == NOBODY else becomes,
        asked.field(f"property_{place}").strip() if named else "",
        tuple(each.strip() for each in asked.field(f"values_{place}").split(";") if each.strip()) if named else (),
    )


def _refused(error: AppError | CrmError, rows: list[int]) -> forms.Refused:
    """At the row in which the rule was typed: they are numbered by their order."""
    at = error.failure.field if isinstance(error, AppError) else None
    places = {field_of(place): field_of(row) for place, row in enumerate(rows)}
    return forms.Refused(places.get(at or ""), settings.said_by(error))


async def _page(asked: Asked, form: forms.Shown, error: AppError | CrmError | None = None) -> Response:
    connection = await settings.connection_of(asked)
    used = [int(name.removeprefix("when_")) for name, text in form.values.items() if name.startswith("when_") and text]
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
        rows=list(range(min(max(used, default=-1) + 1 + BLANK_ROWS, RULES_MOST + BLANK_ROWS))),
        conditions=[("", _("No rule")), *conditions().items()],
        outcomes=outcomes(),
        otherwise=dict(outcomes())[chosen.create_in_salesforce or NOBODY],
        form=form,
    )

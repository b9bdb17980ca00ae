"""The review: settings in words with *Change*, what a first sync would do, *Existing records*, and *Finish setup*."""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse, Response

from interlock.app import how_long
from interlock.app.cells import csv_rows
from interlock.app.errors import AppError, BadInput
from interlock.app.people import exported
from interlock.app.setup import (
    configuration,
    connecting,
    contacts,
    drift,
    finish,
    migrate,
    owners,
    pipelines,
    properties,
    review,
    same_values,
    state,
)
from interlock.app.setup.connecting import Found
from interlock.app.setup.draft import Draft, to_make
from interlock.app.setup.findings import findings_of
from interlock.app.setup.review import EXISTING, Seen, Values, slug
from interlock.core.model import Side, SyncRule
from interlock.crm.errors import NAMES, CrmError
from interlock.store.setups import Setup
from interlock.web import forms
from interlock.web.pages.rule_texts import rule_names
from interlock.web.pages.setup import barred, drifted, kept_choices, looking, pipeline_texts, trial
from interlock.web.pages.setup import migrate as migrate_page
from interlock.web.pages.setup import owners as owners_page
from interlock.web.pages.setup import same_values as same_values_page
from interlock.web.pages.setup.frame import At, Page
from interlock.web.pages.setup.object_texts import object_names
from interlock.web.site import number
from interlock.web.texts import _, _n

_HEADER = (
    *("object", "action", "hubspot", "salesforce", "property", "field"),
    *("hubspot_value", "salesforce_value", "result", "rule", "reason"),
)
_ORDER = ("contacts", "companies", "deals")


async def show(at: At, form: forms.Shown) -> Response:
    values, query = review.values_of(at.setup), at.asked.request.query_params
    run = await finish.standing(at.interlock, at.setup.id)
    if run is not None and run.state == "running":
        return RedirectResponse(f"{trial.PROGRESS}?setup={at.setup.id}", 303)
    found, form = await looking.found_or_why(at, form)
    seen: Seen | None = None
    pairs = 0
    granted = None
    changed: list[str] = []
    lacking: list[str] = []
    if found is not None:
        seen = await review.seen(at.interlock, at.by, at.setup, found)
        pairs = await review.pairs_of(at.interlock, found)
        changed = drifted.lines(await drift.since_made(at.interlock, at.setup, found))
        lacking = drifted.lacking(drift.unmatched(found.schemas, properties.draft_of(at.setup, found)))
        if query.get("grants") == "yes":
            try:
                granted = await finish.will_grant(at.interlock, at.setup, found)
            except (AppError, CrmError) as error:
                form = looking.said(error, form)
    return at.page(
        "setup/review.html",
        forms.Shown({"existing": values.existing, **form.values}, form.refused),
        found=found,
        seen=seen,
        run=run,
        granted=granted,
        changed=changed,
        lacking=lacking,
        cards=[] if found is None else _cards(at, found),
        counts=_counts(seen),
        calls=calls_and_time(seen),
        names=object_names(),
        count_titles=count_titles(at.setup),
        many=review.MANY_CREATES,
        from_now_on=_from_now_on(pairs),
        duplicates=None if at.setup.connection_id is None else f"/connections/{at.setup.connection_id}/duplicates",
    )


def _from_now_on(pairs: int) -> str:
    """What *Only what changes from now on* means here. `pairs`: of a connection that has synced before, or tried some records."""
    told = _(
        "From the moment when you finish the set-up. Records that changed before are neither linked nor created, as with HubSpot's"
        " own integration."
    )
    if not pairs:
        return told
    known = _n(
        "The %(num)s pair that is linked already is compared: what was edited meanwhile is carried over by its rules.",
        "The %(num)s pairs that are linked already are compared: what was edited meanwhile is carried over by their rules.",
        pairs,
    )
    return f"{told} {known % {'num': number(pairs)}}"


def _cards(at: At, found: Found) -> list[tuple[str, str, list[str], str]]:
    """(id, title, sentences, address of *Change*) of each kind of settings."""
    draft, chosen = properties.draft_of(at.setup, found), contacts.values_of(at.setup)
    advanced = configuration.advanced(at.setup)
    who = (
        _("All contacts.")
        if not chosen.list_id
        else _("The contacts of the list %(name)s.") % {"name": chosen.list_name}
    )
    new_there = {
        "Contact": _("A new HubSpot contact becomes a Salesforce contact."),
        "Lead": _("A new HubSpot contact becomes a Salesforce lead."),
        "": _("A new HubSpot contact is not created in Salesforce."),
    }[chosen.in_salesforce]
    new_here = (
        _("A new Salesforce lead or contact becomes a HubSpot contact.")
        if chosen.in_hubspot
        else _("A new Salesforce lead or contact is not created in HubSpot.")
    )
    names, rules = object_names(), rule_names()
    cards = [
        (
            "kind-contacts",
            _("Contacts"),
            [who, new_there, new_here],
            at.address(contacts.slug if advanced else configuration.slug, back=slug),
        )
    ]
    lines = []
    for object_ in _ORDER:
        if object_ in found.barred:
            lines += barred.lines(found.barred, object_)
            continue
        if object_ not in draft.objects:
            lines.append(_("%(object)s: off.") % {"object": names[object_]})
            continue
        tally: dict[SyncRule, int] = {}
        for row in draft.rows[object_]:
            if row.status != "broken":
                tally[row.rule] = tally.get(row.rule, 0) + 1
        told = ", ".join(f"{rules[rule]}: {n}" for rule, n in tally.items())
        lines.append(f"{names[object_]}: {told}.")
    cards.append(
        (
            "kind-properties",
            _("Objects and properties"),
            lines,
            at.address(properties.slug if advanced else configuration.slug, back=slug),
        )
    )
    same = same_values_page.lines(at, found)
    if same:
        cards.append(("kind-values", _("Values of lists"), same, at.address(same_values.slug, back=slug)))
    if pipelines.applies(at.setup) and "deals" in draft.objects:
        joined = pipeline_texts.gone(found, pipelines.gone(at.setup, found))
        joined += pipeline_texts.lines(found, pipelines.parts_of(at.setup, found))
        cards.append(("kind-pipelines", _("Pipelines"), joined, at.address(pipelines.slug, back=slug)))
    cards += kept_choices.cards(at, found.connection)
    cards.append(("kind-owners", _("Owners"), owners_page.lines(at, found), at.address(owners.slug, back=slug)))
    if migrate.applies(at.setup):
        brought = migrate_page.lines_for_review(migrate.values_of(at.setup), findings_of(at.setup).native)
        cards.append(("kind-migrate", _("Migrate"), brought, at.address(migrate.slug, back=slug)))
    cards.append(
        ("kind-missing", _("Missing properties"), _to_make(found, draft), at.address(configuration.slug, back=slug))
    )
    return cards


def _to_make(found: Found, draft: Draft) -> list[str]:
    """What the configuration counted as fields without a property, and what is made whatever was chosen there."""
    new, own = len(to_make(found.schemas, draft)), draft.for_fields()
    lines = [_n("%(num)s property is made in HubSpot.", "%(num)s properties are made in HubSpot.", new) % {"num": new}]
    if own:
        lines.append(
            _n(
                "%(num)s of them for a Salesforce field that HubSpot has no property for.",
                "%(num)s of them for Salesforce fields that HubSpot has no property for.",
                own,
            )
            % {"num": own}
        )
    if new > own:
        lines.append(
            _n(
                "%(num)s that the standard mappings, or the links between records, need.",
                "%(num)s that the standard mappings and the links between records need.",
                new - own,
            )
            % {"num": new - own}
        )
    return lines


def count_titles(setup: Setup) -> dict[str, str]:
    relinked = {"relinked": _("Of these by the ids left")} if migrate.values_of(setup).relink else {}
    return {
        "create_in_hubspot": _("New in HubSpot"),
        "create_in_salesforce": _("New in Salesforce"),
        "update_in_hubspot": _("Changed in HubSpot"),
        "update_in_salesforce": _("Changed in Salesforce"),
        "matched": _("Matched"),
        **relinked,
        "ambiguous": _("Ambiguous"),
        "blocked": _("Blocked"),
        "conflicts": _("Conflicts"),
    }


def _counts(seen: Seen | None) -> list[tuple[str, dict[str, object]]]:
    objects = {} if seen is None else seen.document.get("objects", {})
    return [(each, objects[each]) for each in _ORDER if each in objects]


def calls_and_time(seen: Seen | None) -> str | None:
    """*API calls and time* of what is counted so far; None before anything is."""
    calls = {} if seen is None else seen.document.get("api_calls", {})
    if seen is None or not any(calls.values()):
        return None
    filled = {"h": number(calls["hubspot"]), "s": number(calls["salesforce"])}
    told = [_("It would take about %(h)s HubSpot and %(s)s Salesforce API calls.") % filled]
    if seen.document.get("duration") is not None:
        told.append(_how_long(seen.document["duration"]))
    if seen.state == "running":
        told.insert(0, _("So far:"))
    return " ".join(told)


def _how_long(told: dict[str, Any]) -> str:
    """`told`: the document of a duration (app/how_long.py)."""
    name = "" if told["limited_by"] is None else NAMES[Side(told["limited_by"])]
    if told["days"] is None:
        return _("It would not end: others use every API call that %(crm)s allows in a day.") % {"crm": name}
    n, unit = how_long.rounded(told["working_seconds"])
    working = {
        "moment": _("less than a minute"),
        "minutes": _n("about %(num)s minute", "about %(num)s minutes", n) % {"num": number(n)},
        "hours": _n("about %(num)s hour", "about %(num)s hours", n) % {"num": number(n)},
        "days": _n("about %(num)s day", "about %(num)s days", n) % {"num": number(n)},
    }[unit]
    if told["limited_by"] is None:
        pace = _("At the pace of this count that is %(time)s; automation in Salesforce may make it slower.")
        return pace % {"time": working}
    over = _n(
        "That is %(time)s of work, over %(num)s day because of the daily limit of %(crm)s.",
        "That is %(time)s of work, over %(num)s days because of the daily limit of %(crm)s.",
        told["days"],
    )
    return over % {"time": working, "num": number(told["days"]), "crm": name}


async def send(at: At) -> Response:
    existing = at.asked.field("existing")
    if at.leaves:
        # Who goes on from a trial goes on with what was chosen for it.
        if existing in EXISTING and await finish.standing(at.interlock, at.setup.id) is None:
            await at.save(Values(existing))
        return at.leave(whole=existing in ("", review.values_of(at.setup).existing))
    if existing not in EXISTING:
        raise BadInput(_("Choose what becomes of existing records."), code="no_choice", field="existing")
    values = Values(existing)
    shown, typed = at.asked.field("of"), at.asked.field("count")
    choices, read = await review.confirm(at.interlock, at.by, at.setup, values, shown, typed)
    await at.save(values)
    await finish.begin(at.interlock, at.by, at.setup, choices=choices, read=read)
    return RedirectResponse(f"{trial.PROGRESS}?setup={at.setup.id}", 303)


async def look_again(at: At) -> Response:
    """*Count again*, of what is there now."""
    found = await connecting.found_anew(at.interlock, at.by, at.setup)
    await review.seen(at.interlock, at.by, at.setup, found, again=True)
    return RedirectResponse(at.address(slug), 303)


async def download(at: At, form: forms.Shown) -> Response:
    """The examples of the preview, a line for each field that would be written."""
    at.setup = await state.load(at.store, at.setup.id)
    found, form = await looking.found_or_why(at, form)
    if found is None:
        return await show(at, form)
    seen = await review.seen(at.interlock, at.by, at.setup, found)
    rows: list[tuple[object, ...]] = [_HEADER]
    for object_, counts in seen.document.get("objects", {}).items():
        for each in counts["examples"]:
            head = (object_, each["action"], each["hubspot"] or "", each["salesforce"] or "")
            for field in each["fields"] or [None]:
                names = ("property", "field", "hubspot", "salesforce", "result", "rule")
                cells = [""] * len(names) if field is None else [field[name] for name in names]
                rows.append((*head, *cells, each["reason"]))
    await exported.note(at.store, at.by, at.setup.connection_id, "interlock-preview.csv")
    headers = {"Content-Disposition": 'attachment; filename="interlock-preview.csv"'}
    return Response(csv_rows(*rows).encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)


PAGE = Page(
    slug,
    show,
    send,
    more=(("count-again", look_again), ("continue", trial.go_on), ("undo", trial.undo)),
    files=(("interlock-preview.csv", download), ("undo", trial.show_undo)),
)

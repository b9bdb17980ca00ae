"""Issues of a connection: filtered, page by page; resynced, ignored and exported, some or all that the filter finds."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from starlette.responses import Response

from interlock.app import issues, merges
from interlock.app.connections import check_objects
from interlock.app.errors import BadInput
from interlock.app.issues import Query
from interlock.app.people.roles import Action
from interlock.core.model import RecordKey
from interlock.objects.registry import SPECS
from interlock.store.connections import Connection
from interlock.store.issues import UNRESOLVED
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.downloads import download
from interlock.web.pages.health import TAB
from interlock.web.pages.issue_texts import category_texts, status_texts
from interlock.web.texts import _

# A form holds at most 100 fields (web/access.py), and each issue is one.
PAGE_ROWS = 50
_FILTERS = ("category", "object", "code", "record", "status")
_STATUSES = {
    "": UNRESOLVED,
    "open": ("open",),
    "waiting": ("waiting",),
    "ignored": ("ignored",),
    "resolved": ("resolved",),
}
_CHOSEN = re.compile(r"issue-(\d{1,15})")
_MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


async def show(asked: Asked) -> Response:
    return await _list(asked, await settings.connection_of(asked), forms.Shown())


async def resync(asked: Asked) -> Response:
    """Those that are ticked, or with `all` everything that the filter finds."""
    connection = await settings.connection_of(asked)
    site, id_ = asked.site, connection.id
    assert id_ is not None
    filters = _from_form(asked)
    if asked.field("which") == "all":
        await issues.resync_all(site.store, id_, _query(filters), site.clock_us(), asked.by)
    else:
        chosen = await issues.chosen(site.store, id_, _ticked(asked))
        if not chosen:
            return await _nothing_ticked(asked, connection)
        await issues.resync(site.store, id_, chosen, site.clock_us(), asked.by)
    return _back(connection, filters, "resynced")


async def ignore(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    site, id_ = asked.site, connection.id
    assert id_ is not None
    filters = _from_form(asked)
    if asked.field("which") == "all":
        try:
            await issues.ignore_all(site.store, id_, _query(filters), _counted(asked.field("counted")), asked.by)
        except BadInput as error:
            return await _list(asked, connection, forms.refused(error, {}, ("counted",)), forms.status_of(error))
    else:
        chosen = await issues.chosen(site.store, id_, _ticked(asked))
        if not chosen:
            return await _nothing_ticked(asked, connection)
        await issues.ignore(site.store, id_, chosen, asked.by)
    return _back(connection, filters, "ignored")


async def merge(asked: Asked) -> Response:
    """Of those that are ticked, whose number is typed: no program takes a merge apart again."""
    connection = await settings.connection_of(asked)
    site, id_ = asked.site, connection.id
    assert id_ is not None
    chosen = await issues.chosen(site.store, id_, _ticked(asked))
    if not chosen:
        return await _nothing_ticked(asked, connection)
    try:
        if asked.field("merged").strip() != str(len(chosen)):
            raise BadInput(
                _("%(ticked)s are ticked. To merge what they propose, type that number.") % {"ticked": len(chosen)},
                code="count_not_typed",
                field="merged",
            )
        await merges.confirm(site.store, id_, chosen, site.clock_us(), asked.by)
    except BadInput as error:
        return await _list(asked, connection, forms.refused(error, {}, ("merged", "which")), forms.status_of(error))
    return _back(connection, _from_form(asked), "merged")


def _counted(text: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 12:
        raise BadInput(
            _("To ignore all that are found, type how many there are, as a number."),
            code="no_count",
            field="counted",
            fix=_("The list says how many fit the filter."),
        )
    return int(digits)


async def export(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    assert connection.id is not None
    ending = asked.request.query_params.get("format", "csv")
    if ending not in _MEDIA:
        raise BadInput(_("Issues are exported as csv or jsonl."), code="bad_ending", field="format")
    query = _query(_from_address(asked))
    pieces = issues.exported(asked.site.store, connection.id, query, ending)
    return await download(asked, connection.id, pieces, _MEDIA[ending], f"issues-{query.category or 'all'}.{ending}")


def _from_address(asked: Asked) -> dict[str, str]:
    return {name: asked.request.query_params.get(name, "").strip() for name in _FILTERS}


def _from_form(asked: Asked) -> dict[str, str]:
    return {name: asked.field(name).strip() for name in _FILTERS}


def _query(filters: dict[str, str]) -> Query:
    """Raises BadInput."""
    issues.check_category(filters["category"] or None)
    check_objects([filters["object"]] if filters["object"] else None)
    if filters["status"] not in _STATUSES:
        raise BadInput(f"{filters['status']!r} is no status of an issue.", code="no_such_status", field="status")
    record: RecordKey | None = None
    if filters["record"]:
        try:
            record = RecordKey.parse(filters["record"])
        except ValueError as error:
            raise BadInput(
                _("That is not a record's key."),
                code="bad_key",
                field="record",
                fix=_("Write it like hubspot:contacts:123 or salesforce:Contact:003...."),
            ) from error
    return Query(
        filters["category"] or None,
        filters["object"] or None,
        filters["code"] or None,
        record,
        _STATUSES[filters["status"]],
    )


def _ticked(asked: Asked) -> set[int]:
    return {int(found[1]) for name in asked.form if (found := _CHOSEN.fullmatch(name))}


async def _nothing_ticked(asked: Asked, connection: Connection) -> Response:
    text = _("No issue is ticked. Tick those that are meant, or choose all that are found.")
    return await _list(asked, connection, forms.Shown({}, [forms.Refused("which", text)]), 422)


def _back(connection: Connection, filters: dict[str, str], done: str) -> Response:
    asking = urlencode({name: value for name, value in filters.items() if value})
    response = settings.back(connection, "issues", done)
    if asking:
        response.headers["location"] += f"&{asking}"
    return response


async def _list(asked: Asked, connection: Connection, form: forms.Shown, status_code: int = 200) -> Response:
    site, id_ = asked.site, connection.id
    assert id_ is not None
    filters = _from_form(asked) if asked.form else _from_address(asked)
    try:
        query = _query(filters)
    except BadInput as error:
        # The list as it is without what was refused: a typing mistake is no dead end.
        form, status_code, query = forms.refused(error, filters, _FILTERS), forms.status_of(error), Query()
    listed = await issues.list_(
        site.store, id_, query, asked.request.query_params.get("cursor") or None, limit=PAGE_ROWS
    )
    form.values.update(filters)
    asking = {name: value for name, value in filters.items() if value}
    said = {
        "resynced": _("The records are due again. Each issue ends once its record is synced."),
        "merged": _("The next sync merges them in HubSpot. Each issue ends with that."),
        "ignored": _("Ignored: these issues stay out of sight, also when they come back."),
    }
    return settings.shown(
        asked,
        connection,
        TAB,
        "issues.html",
        status_code,
        form=form,
        said=said.get(asked.request.query_params.get("done", ""), ""),
        issues=[issues.as_document(issue) for issue in listed.issues],
        total=listed.total,
        proposed=any(merges.proposal_of(issue) is not None for issue in listed.issues),
        matching=(await issues.matching(site.store, id_, query))[0],
        filters=filters,
        asking=urlencode(asking),
        next_page=urlencode({**asking, "cursor": listed.next_cursor}) if listed.next_cursor else None,
        categories={slug: name for slug, (name, _cause) in category_texts().items()},
        statuses=status_texts(),
        objects=list(SPECS),
        may_operate=asked.who.may(Action.OPERATE),
    )

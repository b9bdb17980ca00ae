"""Issues: list, show, resync, ignore, export; and confirming the merges that some of them propose."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from interlock.app import issues, merges
from interlock.app.errors import BadInput
from interlock.core.model import Issue
from interlock.web.api.called import Called
from interlock.web.api.shapes import Cursor, Id, Limit, RecordKey, Slug
from interlock.web.downloads import download

Category = Literal[
    "associations",
    "custom_code",
    "duplicates",
    "permissions",
    "property_values",
    "field_mapping",
    "matching",
    "limits",
    "sign_in",
    "safety",
]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
# By what of the files' endings a reader asks for one.
KINDS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


class Which(msgspec.Struct, forbid_unknown_fields=True):
    category: Category | None = None
    object: Slug | None = None
    code: Code | None = None
    record: RecordKey | None = None


class Listing(Which, forbid_unknown_fields=True):
    cursor: Cursor | None = None
    limit: Limit = 100


class Exporting(Which, forbid_unknown_fields=True):
    format: Literal["csv", "jsonl"] = "jsonl"


class Choosing(msgspec.Struct, forbid_unknown_fields=True):
    """One of the three."""

    ids: Annotated[list[Id], msgspec.Meta(max_length=1_000)] = []
    category: Category | None = None
    all: Annotated[bool, msgspec.Meta(description="Every open one.")] = False
    plan: Annotated[bool, msgspec.Meta(description="Say which are meant, and change nothing.")] = False


class Confirming(msgspec.Struct, forbid_unknown_fields=True):
    """Each by its id: nobody confirms unseen what cannot be taken back."""

    ids: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=1_000)]
    plan: Annotated[bool, msgspec.Meta(description="Say which are meant, and change nothing.")] = False


def _meant(which: Which) -> issues.Query:
    return issues.query_of(which.category, which.object, which.code, which.record)


async def list_(called: Called) -> Response:
    asked = called.query(Listing)
    found = await issues.list_(
        called.site.store, await called.connection_id(), _meant(asked), asked.cursor, asked.limit
    )
    return called.answer("issues", issues.list_document(found))


async def show(called: Called) -> Response:
    issue = await issues.show(called.site.store, await called.connection_id(), called.id)
    return called.answer("issues-show", {"issue": issues.as_document(issue)})


async def resync(called: Called) -> Response:
    chosen = await _chosen(called)
    plan = called.body(Choosing).plan
    if not plan and chosen:
        site = called.site
        await issues.resync(site.store, await called.connection_id(), chosen, site.clock_us(), called.by)
    return called.answer("issues-resync", issues.changed_document("resync", chosen, plan=plan))


async def ignore(called: Called) -> Response:
    chosen = await _chosen(called)
    plan = called.body(Choosing).plan
    if not plan and chosen:
        await issues.ignore(called.site.store, await called.connection_id(), chosen, called.by)
    return called.answer("issues-ignore", issues.changed_document("ignore", chosen, plan=plan))


async def merge(called: Called) -> Response:
    wanted, id_ = called.body(Confirming), await called.connection_id()
    chosen = [await issues.show(called.site.store, id_, each) for each in dict.fromkeys(wanted.ids)]
    if not wanted.plan:
        await merges.confirm(called.site.store, id_, chosen, called.site.clock_us(), called.by)
    return called.answer("issues-merge", issues.changed_document("merge", chosen, plan=wanted.plan))


async def _chosen(called: Called) -> list[Issue]:
    """Raises Missing, BadInput."""
    wanted = called.body(Choosing)
    if sum(map(bool, (wanted.ids, wanted.category, wanted.all))) > 1:
        raise BadInput("Ids, a category and all exclude each other.", code="several_chosen", fix="Send one of them.")
    ids = list(dict.fromkeys(wanted.ids))
    return await issues.choose(called.site.store, await called.connection_id(), ids, wanted.category, wanted.all)


async def export(called: Called) -> Response:
    asked, id_ = called.query(Exporting), await called.connection_id()
    lines = issues.exported(called.site.store, id_, _meant(asked), asked.format)
    return await download(called, id_, lines, KINDS[asked.format], f"issues.{asked.format}")

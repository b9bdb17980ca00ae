"""Conflicts: list, and choose the other value of one or of many."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from interlock.app import conflicts, many_conflicts
from interlock.web.api.called import Called
from interlock.web.api.shapes import Cursor, Limit, Side, Slug, Text

Plan = Annotated[bool, msgspec.Meta(description="Say what would be chosen, and change nothing.")]


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    status: Literal["open", "settled", "resolved", "all"] = "open"
    cursor: Cursor | None = None
    limit: Limit = 100


class Choice(msgspec.Struct, forbid_unknown_fields=True):
    keep: Annotated[Side, msgspec.Meta(description="Whose value both sides shall hold.")]
    plan: Plan = False


class ManyChoices(msgspec.Struct, forbid_unknown_fields=True):
    """Of the open ones; what is not named is any."""

    keep: Annotated[Side, msgspec.Meta(description="Whose value both sides shall hold.")]
    object: Slug | None = None
    property: Text | None = None
    kept: Annotated[Side, msgspec.Meta(description="Only where this side's value was kept.")] | None = None
    cursor: Cursor | None = None
    plan: Plan = False


async def list_(called: Called) -> Response:
    asked = called.query(Listing)
    which = conflicts.Filter(None if asked.status == "all" else asked.status)
    found = await conflicts.list_(called.site.store, await called.connection_id(), which, asked.cursor, asked.limit)
    return called.answer("conflicts", conflicts.list_document(found))


async def resolve(called: Called) -> Response:
    wanted, site = called.body(Choice), called.site
    keep = conflicts.side_of(wanted.keep)
    chosen = await conflicts.resolve(
        site.store,
        await called.connection_id(),
        called.id,
        keep,
        now_us=site.clock_us(),
        plan=wanted.plan,
        by=called.by,
    )
    document = {"planned": wanted.plan, "keep": wanted.keep, "conflict": chosen.document}
    return called.answer("conflicts-resolve", document)


async def resolve_many(called: Called) -> Response:
    wanted, site = called.body(ManyChoices), called.site
    keep = conflicts.side_of(wanted.keep)
    kept = None if wanted.kept is None else conflicts.side_of(wanted.kept)
    which = conflicts.Filter("open", wanted.object, wanted.property, kept)
    many = await many_conflicts.resolve_all(
        site.store,
        await called.connection_id(),
        which,
        keep,
        now_us=site.clock_us(),
        plan=wanted.plan,
        cursor=wanted.cursor,
        by=called.by,
    )
    return called.answer("conflicts-resolve-many", many.document(keep, plan=wanted.plan))

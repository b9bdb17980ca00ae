"""How a connection does: its API calls and how many are allocated to it, and the reconciliation report."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from interlock.app import allocation, api_use, reconciliation
from interlock.app.times import rfc3339
from interlock.web.api.called import Called
from interlock.web.api.shapes import Cursor, Limit, Slug
from interlock.web.downloads import download

Why = Annotated[str, msgspec.Meta(min_length=1, max_length=100, description="A reason, as the report names it.")]


class Using(msgspec.Struct, forbid_unknown_fields=True):
    range: Literal["day", "week", "quarter"] = "week"


class Allocating(msgspec.Struct, forbid_unknown_fields=True):
    calls: (
        Annotated[
            int,
            msgspec.Meta(
                ge=1,
                le=999_999_999,
                description="Calls to Salesforce in 24 hours; null: four fifths of what it allows the org.",
            ),
        ]
        | None
    )


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    object: Slug
    why: Why
    cursor: Cursor | None = None
    limit: Limit = 100


class Exporting(msgspec.Struct, forbid_unknown_fields=True):
    object: Slug | None = None
    why: Why | None = None


async def calls(called: Called) -> Response:
    return await _use(called, called.query(Using).range)


async def allocate(called: Called) -> Response:
    id_ = await called.connection_id()
    await allocation.change(called.site.store, id_, called.body(Allocating).calls, called.by)
    return await _use(called, "day")


async def _use(called: Called, range_: str) -> Response:
    found = await api_use.read(called.site.store, await called.connection_id(), range_, called.site.clock_us())
    sides = {
        side.value: {
            **each.numbers,
            "used_by_others_24h": each.by_others,
            "allocated_by_person": each.set_by_person,
            "steps": [{"at": rfc3339(step.at_us), "calls": step.calls} for step in each.steps],
        }
        for side, each in found.items()
    }
    return called.answer("api-use", {"range": range_, "sides": sides})


async def report(called: Called) -> Response:
    found = await reconciliation.report(called.site.store, await called.connection_id())
    return called.answer("not-synced", {"objects": {each.object: each.document() for each in found}})


async def not_synced(called: Called) -> Response:
    asked = called.query(Listing)
    found = await reconciliation.page(
        called.site.store, await called.connection_id(), asked.object, asked.why, asked.cursor, asked.limit
    )
    return called.answer("not-synced-records", {"object": asked.object, **found.document(asked.why)})


async def export(called: Called) -> Response:
    asked = called.query(Exporting)
    id_ = await called.connection_id()
    pieces = reconciliation.as_csv(called.site.store, id_, asked.object, asked.why)
    return await download(called, id_, pieces, "text/csv; charset=utf-8", f"not-synced-{asked.object or 'all'}.csv")

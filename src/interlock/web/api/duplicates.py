"""The duplicate report, as a job."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from interlock.core import model
from interlock.web import duplicate_report
from interlock.web.api.called import Called
from interlock.web.api.shapes import Side
from interlock.web.api.suggestions import Compared


class Reporting(msgspec.Struct, forbid_unknown_fields=True):
    objects: Annotated[
        list[Compared], msgspec.Meta(max_length=10, description="None of them named: every one that syncs.")
    ] = []
    sides: Annotated[list[Side], msgspec.Meta(max_length=2, description="None of them named: both.")] = []


async def report(called: Called) -> Response:
    wanted, chosen = called.body(Reporting), await called.connection()
    sides = [model.Side(side) for side in dict.fromkeys(wanted.sides)] or list(model.Side)
    return called.begun(await duplicate_report.begin(called.site, chosen, list(dict.fromkeys(wanted.objects)), sides))

"""The part of the table of the JSON API's addresses that is about what mappings do to pairs and properties that are there."""

from __future__ import annotations

from interlock.app.people.roles import Action
from interlock.web.address import Operation
from interlock.web.api import backfills

_OBJECT = "/api/v1/connections/{connection}/objects/{object}"

PROPERTIES = (
    Operation(
        "GET",
        f"{_OBJECT}/backfill",
        Action.SEE,
        backfills.show,
        name="show_backfill",
        summary="How far the last backfill of an object is. Calls no CRM.",
        answers="backfill",
        tag="mappings",
    ),
    Operation(
        "POST",
        f"{_OBJECT}/backfill",
        Action.CONFIGURE,
        backfills.begin,
        name="begin_backfill",
        summary="Let every linked pair of an object take up what is mapped now, or stop that. plan_object shows what it does.",
        answers="backfill",
        body=backfills.Backfilling,
        again="One that is under way begins anew; to stop twice is to stop once.",
        tag="mappings",
    ),
)

"""How many custom properties an account may have (limits tracking API)."""

from __future__ import annotations

from typing import Any

from tests.emulator.hubspot.calls import Caller


def contacts(hubspot: Caller) -> dict[str, Any]:
    body = hubspot.get("/crm/limits/2026-03/custom-properties").json
    [row] = [each for each in body["byObjectType"] if each["objectTypeId"] == "0-1"]
    return dict(row)


def test_what_hubspot_ships_does_not_count_against_the_limit(hubspot: Caller) -> None:
    assert contacts(hubspot)["usage"] == 0
    own = {"name": "own", "label": "Own", "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    hubspot.post("/crm/v3/properties/contacts", own)
    assert (contacts(hubspot)["usage"], contacts(hubspot)["limit"]) == (1, 1_000)

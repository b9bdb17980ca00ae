"""Suggestions over the JSON API: looked for as a job, listed, decided; each document against its schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.api_world import ApiWorld, an_api

from interlock.app.people.roles import Role

pytestmark = pytest.mark.anyio


@pytest.fixture
async def joined(database_url: str, tmp_path: Path) -> AsyncIterator[ApiWorld]:
    """Two records that may be one, which the first sync leaves alone."""
    async with an_api(tmp_path, database_url) as world:
        phone = "+44 20 7946 0018"
        name = {"firstname": "Ada", "lastname": "Lovelace", "phone": phone}
        world.hugo.create("contacts", {"email": "ada@example.com"} | name)
        there = {"FirstName": "Ada", "LastName": "Lovelace", "Phone": phone, "Email": "lovelace@example.org"}
        world.sally.create("Contact", there)
        await world.connect(existing="link", name="Acme main")
        world.office.advance(300)
        async with world.dispatcher():
            job = await world.ended(await world.post("~/sync"))
            assert job["result"]["outcome"] == "done", job
            yield world


async def test_suggestions_are_looked_for_listed_and_decided(joined: ApiWorld) -> None:
    job = await joined.ended(await joined.post("~/suggestions/look", {"objects": ["contacts"]}, Role.OPERATOR))
    assert job["result"]["objects"]["contacts"] == {
        "compared_in_hubspot": 1,
        "compared_in_salesforce": 1,
        "left_out": 0,
        "suggested": 1,
        "dropped": 0,
    }
    (found,) = (await joined.get("~/suggestions", Role.VIEWER)).document["suggestions"]
    assert found["state"] == "open"
    assert found["reasons"][-1]["points"] < 0
    said = {"suggestion": found["suggestion"], "decision": "refuse"}
    assert (await joined.post("~/suggestions/decide", said, Role.VIEWER)).status == 403
    refused = (await joined.post("~/suggestions/decide", said, Role.OPERATOR)).document["suggestion"]
    assert refused["state"] == "refused"
    assert (await joined.get("~/suggestions")).document["suggestions"] == []
    listed = (await joined.get("~/suggestions", state="refused", object="contacts")).document
    assert [each["suggestion"] for each in listed["suggestions"]] == [found["suggestion"]]
    assert listed["counts"] == {"open": 0, "accepted": 0, "refused": 1}
    again = await joined.ended(await joined.post("~/suggestions/look"))
    assert again["result"]["objects"]["contacts"]["suggested"] == 0


async def test_what_is_no_suggestion_or_no_decision_is_refused(joined: ApiWorld) -> None:
    unknown = {"suggestion": "a|b", "decision": "accept"}
    assert (await joined.post("~/suggestions/decide", unknown)).status == 404
    assert (await joined.post("~/suggestions/decide", {**unknown, "decision": "merge"})).status == 422
    assert (await joined.post("~/suggestions/look", {"objects": ["deals"]})).status == 422

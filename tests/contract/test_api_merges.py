"""Merges that issues propose, confirmed through the JSON API: which are meant, what is refused, that the next sync makes them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.api_world import ApiWorld
from tests.contract.test_api import LONG_TITLE, api

from interlock.app.people.roles import Role

pytestmark = pytest.mark.anyio

__all__ = ["api"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def merged(api: ApiWorld) -> AsyncIterator[ApiWorld]:
    """Two people who became one in Salesforce, and one whose title does not fit."""
    api.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron", "jobtitle": LONG_TITLE})
    there = [api.sally.create("Contact", {"LastName": name, "Email": f"{name}@example.com"}) for name in ("a", "b")]
    await api.connect(existing="all")
    api.office.advance(300)
    async with api.dispatcher():
        await api.ended(await api.post("~/sync"))
        api.sally.merge("Contact", *there)
        await api.ended(await api.post("~/sync"))
        yield api


async def proposal(world: ApiWorld) -> dict:
    (issue,) = (await world.get("~/issues", code="counterpart_merged")).document["issues"]
    return issue


async def test_a_proposed_merge_is_made_by_the_sync_after_it_was_confirmed(merged: ApiWorld) -> None:
    issue = await proposal(merged)
    planned = (await merged.post("~/issues/merge", {"ids": [issue["id"]], "plan": True}, Role.OPERATOR)).document
    assert (planned["planned"], planned["issues"]) == (True, [issue["id"]])
    assert (await merged.post("~/issues/merge", {"ids": [issue["id"]]}, Role.VIEWER)).status == 403
    assert (await proposal(merged))["status"] == "open"
    assert len(merged.hugo.ids("contacts")) == 3
    confirmed = (await merged.post("~/issues/merge", {"ids": [issue["id"]]}, Role.OPERATOR)).document
    assert (confirmed["planned"], confirmed["action"]) == (False, "merge")
    await merged.ended(await merged.post("~/sync"))
    assert len(merged.hugo.ids("contacts")) == 2
    again = await merged.post("~/issues/merge", {"ids": [issue["id"]]}, Role.OPERATOR)
    assert again.error["code"] == "no_proposal"


async def test_of_several_issues_of_which_one_proposes_no_merge_none_is_confirmed(merged: ApiWorld) -> None:
    issue = await proposal(merged)
    (other,) = (await merged.get("~/issues", category="property_values", limit=1)).document["issues"]
    refused = await merged.post("~/issues/merge", {"ids": [issue["id"], other["id"]]}, Role.OPERATOR)
    assert refused.error["code"] == "no_proposal"
    assert f"Issue {other['id']}" in refused.error["message"]
    assert (await merged.post("~/issues/merge", {"ids": []}, Role.OPERATOR)).status >= 400
    await merged.ended(await merged.post("~/sync"))
    assert (await proposal(merged))["status"] == "open"
    assert len(merged.hugo.ids("contacts")) == 3

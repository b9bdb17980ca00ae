"""The page Roles and labels of the tab Deals: labels that HubSpot lacks are seen, chosen and made, and what waited is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.api_world import ApiWorld, an_api
from tests.engine.test_role_labels import ada_decides, labels_of, make_label, type_ids
from tests.settings_world import SettingsWorld, tell

from interlock.app.people.roles import Role
from interlock.core.model import AuditKind

HERE = "/connections/1/deals/role-labels"
IN_STEP = {"settings": {"choices": {"role_labels": {"deals": "both"}}}, "objects": ("companies", "contacts", "deals")}


def test_a_label_that_lacks_is_made_and_whoever_has_the_role_gets_it(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        ada, here, _, _ = await ada_decides(world)
        assert [each.code for each in await world.issues()] == ["role_without_label"]
        admin = await world.admin()
        assert (await admin.get("/connections/1/deals")).page.all("a", href=HERE)
        shown = await admin.get(HERE)
        assert "0 are there" in shown.page.text
        assert type_ids(world) == {}
        nothing = await admin.post(
            HERE, {name: value for name, value in shown.page.form(HERE).items() if "role:" not in name}
        )
        assert (nothing.status, type_ids(world)) == (422, {})
        done = await admin.submit(HERE, HERE, **{"role:Decision Maker": "yes"})
        assert (done.status, "Decision Maker" in type_ids(world)) == (303, True)
        assert "labels_made" in await world.deeds()
        await world.turns()
        assert labels_of(world, here, ada) == {"Decision Maker"}
        assert await world.issues() == []
        (row,) = [each for each in await world.audit() if each.cause == "label"]
        assert (row.kind, row.new) == (AuditKind.ASSOCIATE, f"Decision Maker: {ada}")

    tell(tmp_path, story, **IN_STEP)


def test_no_more_labels_are_made_than_hubspot_has_room_for_and_the_issue_says_why(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        for number in range(10):
            make_label(world, f"Mine {number}")
        await ada_decides(world)
        (issue,) = await world.issues()
        assert "HubSpot allows 10 labels for two objects" in issue.cause
        admin = await world.admin()
        refused = await admin.submit(HERE, HERE, **{"role:Decision Maker": "yes"})
        assert refused.status == 422
        assert "there are 10" in refused.page.text
        assert len(type_ids(world)) == 10
        assert "labels_made" not in await world.deeds()

    tell(tmp_path, story, **IN_STEP)


@pytest.fixture
async def deals(database_url: str, tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with an_api(tmp_path, database_url) as world:
        await world.connect(name="Acme main")
        yield world


@pytest.mark.anyio
async def test_a_program_sees_which_labels_lack_and_makes_them(deals: ApiWorld) -> None:
    found = (await deals.get("~/role-labels")).document
    assert (found["labelled"], found["used"], found["most"], found["made"]) == ({}, 0, 10, [])
    first, second, *_ = found["missing"]
    made = (await deals.post("~/role-labels", {"roles": [first, second]})).document
    assert (made["labelled"], made["used"], made["made"]) == ({first: first, second: second}, 2, [first, second])
    again = await deals.post("~/role-labels", {"roles": [first]})
    assert (again.status, again.error["code"]) == (422, "nothing_to_make")
    assert (await deals.get("~/role-labels", Role.OPERATOR)).status == 403

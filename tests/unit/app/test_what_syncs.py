"""Choosing which records sync: what is refused, what is written to the log, and what the engine then works with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.app.conftest import Story, Tell
from tests.world import World

from interlock.app.errors import BadInput, Missing
from interlock.app.runtime import settings_of
from interlock.app.what_syncs import Choice, WhatSyncs, choose, chosen, lists
from interlock.core.model import Side
from interlock.objects.choices import choices_of
from interlock.store import connections, deeds


def connected(story: Story, before: Callable[[World], object] = lambda world: None) -> Story:
    """The story in a world that was furnished, and then connected."""

    async def whole(world: World) -> None:
        before(world)
        await world.connect()
        await story(world)

    return whole


async def choose_in(world: World, object_: str, **choice: object) -> WhatSyncs:
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    after = await choose(world.store, world.connection, object_, Choice(**choice), world.clients()[0])  # type: ignore[arg-type]
    async with world.store.read(None) as tx:
        world.connection = await connections.get(tx, world.connection.id)
    return after


def defaults(object_: str) -> dict[str, str]:
    return {each.name: each.default for each in choices_of(object_)}


def test_what_is_not_chosen_is_as_hubspot_does_it(tell: Tell) -> None:
    async def story(world: World) -> None:
        assert world.connection is not None
        assert chosen(world.connection, "contacts") == WhatSyncs(
            "contacts", None, "Contact", True, defaults("contacts")
        )
        assert chosen(world.connection, "deals") == WhatSyncs("deals", None, "Opportunity", True, defaults("deals"))

    tell(connected(story))


def test_a_choice_for_one_object_leaves_the_others_as_they_are_and_is_logged(tell: Tell) -> None:
    async def story(world: World) -> None:
        list_id = world.hugo.create_list("companies", "Accounts")
        await choose_in(world, "contacts", create_in_salesforce="Lead")
        await choose_in(world, "companies", list_id=list_id, create_in_hubspot=False)
        assert world.connection is not None
        assert chosen(world.connection, "contacts") == WhatSyncs("contacts", None, "Lead", True, defaults("contacts"))
        assert chosen(world.connection, "companies") == WhatSyncs(
            "companies", list_id, "Account", False, defaults("companies")
        )
        settings = settings_of(world.connection)
        assert (settings.inclusion, settings.creates_in(Side.HUBSPOT, "deals")) == ({"companies": list_id}, True)
        await choose_in(world, "companies", list_id=None)
        assert chosen(world.connection, "companies").list_id is None
        assert world.store is not None
        async with world.store.read(None) as tx:
            logged = [deed.detail["object"] for deed in await deeds.list_(tx, None, 3)]
        assert logged == ["companies", "companies", "contacts"]

    tell(connected(story))


def test_what_is_chosen_already_is_no_deed(tell: Tell) -> None:
    async def story(world: World) -> None:
        assert world.store is not None
        async with world.store.read(None) as tx:
            before = await deeds.list_(tx, None, 1)
        await choose_in(world, "contacts", create_in_hubspot=True, create_in_salesforce="Contact")
        async with world.store.read(None) as tx:
            assert await deeds.list_(tx, None, 1) == before

    tell(connected(story))


def test_nothing_made_of_people_keeps_what_they_would_be_made_as(tell: Tell) -> None:
    async def story(world: World) -> None:
        await choose_in(world, "contacts", create_in_salesforce="Lead")
        assert (await choose_in(world, "contacts", create_in_salesforce="")).create_in_salesforce == ""
        world.person("ada@example.com")
        await world.settle()
        assert (world.counts()["Contact"], world.counts()["Lead"]) == (0, 0)
        await choose_in(world, "contacts", create_in_salesforce="Lead")
        world.person("bob@example.com", company="Acme")
        await world.settle()
        assert world.counts()["Lead"] == 1

    tell(connected(story))


@pytest.mark.parametrize(
    ("object_", "choice", "code"),
    [
        ("contacts", {"list_id": "77"}, "no_such_list"),
        ("contacts", {"list_id": "1"}, "list_of_another_object"),
        ("contacts", {"create_in_salesforce": "Account"}, "no_such_type"),
        ("tickets", {"create_in_hubspot": False}, "no_such_object"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(
    tell: Tell, object_: str, choice: dict[str, object], code: str
) -> None:
    async def story(world: World) -> None:
        assert world.connection is not None
        before = world.connection.settings
        with pytest.raises((BadInput, Missing)) as refused:
            await choose_in(world, object_, **choice)
        assert refused.value.failure.code == code
        assert world.connection.settings == before

    tell(connected(story, lambda world: world.hugo.create_list("companies", "Accounts")))


def test_lists_to_choose_from_are_those_of_the_object(tell: Tell) -> None:
    async def story(world: World) -> None:
        world.hugo.create_list("companies", "Customers")
        mine = world.hugo.create_list("contacts", "Customers")
        page = await lists(world.clients()[0], "contacts", "custom")
        assert [each.id for each in page.lists] == [mine]

    tell(connected(story))

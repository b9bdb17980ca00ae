"""Which records of one CRM are one, told before they are synced."""

from __future__ import annotations

import time

from interlock.app.identity.reading import Read
from interlock.app.identity.report import Duplicates, _with_the_same, report
from interlock.core.model import RecordKey, Side
from interlock.objects.profiles import Person
from tests.world import World

PHONE = "+44 20 7946 0018"


async def reported(world: World, object_: str, side: Side) -> Duplicates:
    assert world.store is not None
    assert world.connection is not None
    before = world.written
    found = await report(world.store, world.connection, *world.clients(), [object_])
    assert world.written == before
    return found[object_][side]


def test_contacts_of_salesforce_with_one_address_are_one_group_and_whoever_is_alone_is_in_none(tell):
    def before(world: World) -> None:
        for name in ("Lovelace", "King"):
            world.sally.create("Contact", {"LastName": name, "Email": "ada@example.com"})
        world.sally.create("Lead", {"LastName": "Lovelace", "Company": "Acme", "Email": "ADA@example.com"})
        world.sally.create("Contact", {"LastName": "Hopper", "Email": "grace@example.com"})

    async def story(world: World) -> None:
        found = await reported(world, "contacts", Side.SALESFORCE)
        (group,) = found.groups
        assert (group.by, len(group.members), found.extra, found.records) == ("email", 3, 2, 4)
        assert (await reported(world, "contacts", Side.HUBSPOT)).groups == []

    tell(story, before)


def test_people_of_hubspot_who_look_like_one_are_told_with_the_reasons(tell):
    def before(world: World) -> None:
        for email in ("ada@example.com", "lovelace@example.org"):
            world.person(email, firstname="Ada", lastname="Lovelace", phone=PHONE)
        world.person("grace@example.com", firstname="Grace", lastname="Hopper")

    async def story(world: World) -> None:
        found = await reported(world, "contacts", Side.HUBSPOT)
        (group,) = found.groups
        assert group.by == "likeness"
        assert "They have a phone number in common." in group.reasons
        assert {found.labels[key] for key in group.members} == {
            "Ada Lovelace <ada@example.com>",
            "Ada Lovelace <lovelace@example.org>",
        }
        assert found.extra == 1

    tell(story, before)


def test_companies_with_one_domain_are_told_once_though_they_have_one_name_too(tell):
    def before(world: World) -> None:
        for _ in range(2):
            world.sally.create("Account", {"Name": "Acme", "Website": "acme.com"})
        for _ in range(2):
            world.sally.create("Account", {"Name": "Globex"})

    async def story(world: World) -> None:
        found = await reported(world, "companies", Side.SALESFORCE)
        assert sorted(group.by for group in found.groups) == ["domain", "name"]
        assert found.extra == 2

    tell(story, before)


def test_more_than_a_page_is_read_to_its_end(tell):
    def before(world: World) -> None:
        for n in range(205):
            world.person(f"p{n}@example.com")
        world.sally.create("Contact", {"LastName": "One", "Email": "one@example.com"})

    async def story(world: World) -> None:
        assert (await reported(world, "contacts", Side.HUBSPOT)).records == 205

    tell(story, before)


def test_as_many_groups_as_there_may_be_take_no_longer_each_than_a_few_do():
    """Each was looked for among all before it: of thirty thousand nothing else had its turn meanwhile, for minutes."""
    records = {
        RecordKey(Side.HUBSPOT, "contacts", f"{n}"): Read(Person(), "", (("email", f"p{n // 2}@example.com"),))
        for n in range(60_000)
    }
    began = time.process_time()
    assert len(list(_with_the_same("contacts", records))) == 30_000
    assert time.process_time() - began < 10

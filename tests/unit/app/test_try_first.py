"""Trying with a few records: they are synced as they will be, everything else waits, and the first sync goes on from there."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.app.conftest import Story, Tell
from tests.world import World

from interlock.app.try_first import Trial, try_first
from interlock.core.model import AuditKind, Reason, RecordKey, Side
from interlock.store import deeds, dirty


def connected(story: Story, before: Callable[[World], object] = lambda world: None) -> Story:
    """The story in a world that was furnished, and then connected."""

    async def whole(world: World) -> None:
        before(world)
        await world.connect()
        await story(world)

    return whole


async def tried(world: World, *keys: RecordKey, n: int = 10) -> Trial:
    assert world.store is not None
    assert world.connection is not None
    return await try_first(world.store, world.connection, *world.clients(), world.clock_us, keys=keys, n=n)


def people(world: World, count: int) -> list[str]:
    return [world.person(f"p{number}@example.com", jobtitle="CTO") for number in range(count)]


def test_as_many_as_asked_for_are_synced_and_nothing_else_is_touched(tell: Tell) -> None:
    async def story(world: World) -> None:
        trial = await tried(world, n=3)
        assert len(trial.keys) == 3
        assert world.counts()["Contact"] == 3
        assert {entry.id for entry in world.ours() if entry.object == "contacts"} == {key.id for key in trial.keys}
        for each in trial.tried:
            assert each.hubspot is not None
            assert each.salesforce is not None
            assert world.counterpart("contacts", each.hubspot.id) == each.salesforce.id
            assert [row.kind for row in each.written] == [AuditKind.CREATE]
            assert (each.why_not, each.issues) == (None, [])
        assert world.connection is not None
        assert world.store is not None
        async with world.store.read(None) as tx:
            (deed,) = await deeds.list_(tx, None, 1)
        assert (deed.action, deed.detail["records"]) == ("tried_first", [str(key) for key in trial.keys])

    tell(connected(story, lambda world: people(world, 12)), existing="all", start=False)


def test_the_first_sync_goes_on_and_makes_nothing_twice(tell: Tell) -> None:
    async def story(world: World) -> None:
        await tried(world, n=5)
        await world.settle()
        assert (world.counts()["contacts"], world.counts()["Contact"]) == (12, 12)

    tell(connected(story, lambda world: people(world, 12)), existing="all")


def test_a_record_that_is_due_for_another_reason_waits(tell: Tell) -> None:
    async def story(world: World) -> None:
        first, second = (RecordKey(Side.HUBSPOT, "contacts", id_) for id_ in people(world, 2))
        async with world.write() as tx:
            await dirty.mark(tx, "contacts", [second], Reason.CHANGED, world.clock_us())
        trial = await tried(world, first)
        assert trial.result.outcome == "done"
        assert world.counterpart("contacts", first.id)
        assert world.counterpart("contacts", second.id) == ""
        async with world.read() as tx:
            assert list(await dirty.by_keys(tx, [first, second])) == [second]

    tell(connected(story))


def test_who_cannot_sync_is_not_chosen_and_one_that_is_named_says_why(tell: Tell) -> None:
    async def story(world: World) -> None:
        nobody = world.hugo.create("contacts", {"lastname": "Without address"})
        inside, outside = people(world, 2)
        world.hugo.change_list("1", add=[inside])
        trial = await tried(world)
        assert [key.id for key in trial.keys] == [inside]
        named = await tried(world, *(RecordKey(Side.HUBSPOT, "contacts", id_) for id_ in (nobody, outside)))
        assert [each.why_not for each in named.tried] == ["no_email", "not_in_list"]
        assert world.counts()["Contact"] == 1

    tell(
        connected(story, lambda world: world.hugo.create_list("contacts", "Customers")),
        settings={"inclusion": {"contacts": "1"}},
    )


def test_companies_that_are_tried_find_the_account_that_is_theirs(tell: Tell) -> None:
    async def story(world: World) -> None:
        trial = await tried(world)
        (each,) = (each for each in trial.tried if each.hubspot and each.hubspot.type == "companies")
        assert each.salesforce is not None
        assert each.salesforce.id == world.sally.ids("Account")[0]
        assert world.counts()["Account"] == 1

    def before(world: World) -> None:
        world.sally.create("Account", {"Name": "Acme Inc.", "Website": "https://www.acme.example"})
        world.hugo.create("companies", {"name": "Acme", "domain": "acme.example"})

    tell(connected(story, before), existing="all")

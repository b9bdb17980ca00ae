"""A large first load notes whom HubSpot has, and asks it of nobody whom it has not: the outcome is that of one that asks of all."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest

from interlock.core.match import QUESTIONS
from interlock.core.model import LinkedBy, RecordKey, Side
from interlock.engine.context import HUBSPOT_ID_PROPERTY
from interlock.store import census, cursors, identity, restored, unlinked
from tests.simulation.virtual_time import run
from tests.world import World, two_crms

NEVER, FROM_THE_BEGINNING, IN_HUBSPOT, IN_SALESFORCE = 10_000, 0, 45, 68
PEOPLE = 120
BATCH = 20
KILLS = 6
# Of Salesforce's records: both CRMs hold hundreds in a page, of which a test has a few.
PAGE = 25


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interlock.engine.load.SALESFORCE_PAGE_ROWS", PAGE)
    monkeypatch.setattr("interlock.engine.load.HUBSPOT_LIST_ROWS", BATCH)


def settings(rows: int) -> dict[str, Any]:
    return {"census_rows": rows, "batch_rows": BATCH}


def furnish(world: World, seed: int) -> None:
    """People of both sides, of one side, twice, as lead and contact, with addresses in any case and beside their own, and with
    none."""
    chance = random.Random(f"census:{seed}")
    for number in range(PEOPLE):
        address = f"person{number}@example.com"
        if chance.random() < 0.5:
            here = world.person(_in_any_case(chance, address), firstname=f"Here {number}")
            if chance.random() < 0.3:
                world.hugo.add_email(here, f"other{number}@example.com")
        for _ in range(chance.choice((0, 1, 1, 1, 2))):
            email = chance.choice((address, address, f"other{number}@example.com", None))
            values = {"LastName": f"Person {number}", "FirstName": f"There {number}"}
            values |= {"Email": _in_any_case(chance, email)} if email else {}
            type_ = chance.choice(("Contact", "Contact", "Lead"))
            world.sally.create(type_, values | ({"Company": "Analytical"} if type_ == "Lead" else {}))


def _in_any_case(chance: random.Random, address: str) -> str:
    return chance.choice((address, address, address.upper(), address.title()))


async def came_to(world: World) -> dict[str, Any]:
    """By what the records are, since ids of what was made go by the order in which it was."""
    here = {id_: world.contact(id_) for id_ in world.hugo.ids("contacts")}
    there = {
        (type_, id_): world.sally.get(type_, id_) for type_ in ("Contact", "Lead") for id_ in world.sally.ids(type_)
    }
    pairs: list[tuple[str, str, str]] = []
    by = {}
    for id_, contact in here.items():
        link = await world.link("contacts", id_)
        if link is not None:
            other = there[link.salesforce_type, link.salesforce_id]
            pairs.append((_told(contact, "email"), link.salesforce_type, _told(other, "Email")))
            by[pairs[-1]] = link.linked_by
    keys = [RecordKey(Side.HUBSPOT, "contacts", id_) for id_ in here]
    keys += [RecordKey(Side.SALESFORCE, type_, id_) for type_, id_ in there]
    async with world.read() as tx:
        alone = await unlinked.by_keys(tx, keys)
        left = await census.find(tx, "contacts", "email", [])
    assert left == {}
    return {
        "here": sorted(_told(each, "email") for each in here.values()),
        "there": sorted((type_, _told(each, "Email")) for (type_, _), each in there.items()),
        "pairs": sorted(pairs),
        "by": by,
        "alone": sorted((str(key.type), each.label, each.why) for key, each in alone.items()),
        "questions": sorted((issue.code, issue.label or "") for issue in await world.issues()),
    }


def _told(record: dict[str, Any], address: str) -> str:
    first, last = ("firstname", "lastname") if address == "email" else ("FirstName", "LastName")
    return f"{record.get(first)} {record.get(last)} <{str(record.get(address) or '').lower()}>"


def loaded(
    path: Any, rows: int, seed: int, existing: str, kills: int = 0
) -> tuple[dict[str, Any], int, list[dict[str, Any]]]:
    """What the load came to, how often HubSpot was asked for records by what they have, and where processes died."""

    async def main() -> tuple[dict[str, Any], int, list[dict[str, Any]]]:
        loop: Any = asyncio.get_running_loop()
        options = {"existing": existing, "objects": ("contacts",), "settings": settings(rows)}
        async with two_crms(path, loop.now_us, **options) as world:
            furnish(world, seed)
            await asyncio.sleep(86_400)
            await world.connect()
            places = await _killed(world, random.Random(f"kills:{seed}"), kills)
            asked = world.calls(Side.HUBSPOT, "batch/read")
            await world.sync()
            asked = world.calls(Side.HUBSPOT, "batch/read") - asked
            await world.settle()
            return await came_to(world), asked, places

    return run(main(), seed=1)


async def _killed(world: World, chance: random.Random, kills: int) -> list[dict[str, Any]]:
    """Processes that die on the way: of what they sent they hear no more. The places of the load at which they did."""
    places = []
    for _ in range(kills):
        syncing = asyncio.ensure_future(world.sync())
        calls = world.calls_in_all + chance.randrange(6, 20)
        while world.calls_in_all < calls and not syncing.done():  # noqa: ASYNC110  (of the steps between, no event tells)
            await asyncio.sleep(0)
        syncing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await syncing
        world.rewire()
        await asyncio.sleep(60)
        async with world.read() as tx:
            places.append(await cursors.get(tx, "load:contacts") or {})
    return places


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("rows", "existing"),
    [(FROM_THE_BEGINNING, "link"), (FROM_THE_BEGINNING, "all"), (IN_HUBSPOT, "link"), (IN_SALESFORCE, "all")],
)
def test_whom_nobody_is_asked_after_comes_to_the_same(tmp_path, database, rows, seed, existing):
    careful, asked_of_all, _ = loaded(tmp_path / "careful.db", NEVER, seed, existing)
    counted, asked, _ = loaded(tmp_path / "counted.db", rows, seed, existing)
    assert counted == careful
    assert {code for code, _ in careful["questions"]} & set(QUESTIONS)
    assert asked < asked_of_all


@pytest.mark.parametrize("seed", range(2))
def test_a_load_whose_processes_die_comes_to_the_same(tmp_path, database, seed):
    careful, _, _ = loaded(tmp_path / "careful.db", NEVER, seed, "link")
    killed, _, places = loaded(tmp_path / "killed.db", FROM_THE_BEGINNING, seed, "link", kills=KILLS)
    # A pair of which HubSpot was told its id before the process died is found by that.
    assert {**killed, "by": ()} == {**careful, "by": ()}
    assert any("census" in place for place in places)


def test_a_small_load_notes_nothing(tell):
    async def story(world: World) -> None:
        assert world.store is not None
        await world.sync()
        async with world.read() as tx:
            assert await cursors.get(tx, "load:contacts") == {"phase": "done"}
            rows = await tx.rows("SELECT key FROM identity WHERE connection_id = ?", tx.connection_id)
        assert rows == []

    tell(story, lambda world: furnish(world, 1), existing="link", objects=("contacts",), settings=settings(NEVER))


def counting(tell: Callable[..., None], story: Any, before: Any, existing: str = "link") -> None:
    tell(story, before, 3_600.0, existing=existing, objects=("contacts",), settings=settings(FROM_THE_BEGINNING))


def test_whom_a_contact_names_that_is_none_to_be_matched_is_found(tell):
    """It has no address, so that it looks for nobody itself; but it says whose it is."""

    async def story(world: World) -> None:
        (there,) = world.sally.ids("Contact")
        here = world.hugo.create("contacts", {"lastname": "Lovelace", HUBSPOT_ID_PROPERTY: there})
        await world.settle()
        link = await world.link("contacts", here)
        assert link is not None
        assert link.salesforce_id == there

    def before(world: World) -> None:
        world.sally.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})

    counting(tell, story, before)


@pytest.mark.parametrize("existing", ["link", "all"])
def test_who_comes_to_hubspot_after_it_was_read_is_made_no_second_time(tell, existing):
    """Not even where that address is one of several that the contact has."""

    async def story(world: World) -> None:
        (there,) = world.sally.ids("Contact")
        reached, go_on = world.freeze_at("/composite/sobjects/Contact")
        syncing = asyncio.ensure_future(world.sync())
        await reached.wait()
        here = world.person("countess@example.com")
        world.hugo.add_email(here, "ada@example.com")
        go_on.set()
        await syncing
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert world.hugo.ids("contacts") == [here]
        assert world.sally.ids("Contact") == [there]

    def before(world: World) -> None:
        world.sally.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})

    counting(tell, story, before, existing)


def test_whose_address_changes_after_it_was_read_is_asked_after_by_the_new_one(tell):
    """Salesforce's record is read afresh before it is looked for, whatever stood in it when the load came by."""

    async def story(world: World) -> None:
        (there,), (here,) = world.sally.ids("Contact"), world.hugo.ids("contacts")
        reached, go_on = world.freeze_at("/composite/sobjects/Contact")
        syncing = asyncio.ensure_future(world.sync())
        await reached.wait()
        world.sally.update("Contact", there, {"Email": "ADA@example.com"})
        go_on.set()
        result = await syncing
        assert result.objects["contacts"].linked == 1
        assert world.counterpart("contacts", here) == there

    def before(world: World) -> None:
        world.person("ada@example.com")
        world.sally.create("Contact", {"LastName": "Lovelace", "Email": "old@example.com"})

    counting(tell, story, before)


def test_a_load_that_is_begun_anew_knows_nothing_of_what_the_one_before_had_noted(tell):
    async def story(world: World) -> None:
        async with world.write() as tx:
            await identity.put(tx, census.of("contacts"), Side.HUBSPOT, [("email", "of nobody", "9")])
        await world.sync()
        async with world.read() as tx:
            rows = await tx.rows("SELECT key FROM identity WHERE connection_id = ?", tx.connection_id)
        assert rows == []

    counting(tell, story, lambda world: furnish(world, 2))


def test_a_database_that_was_put_back_in_the_middle_of_a_load_does_not_write_over_what_was_made_since(tell):
    """What its census lacks is what the load went on to make after the backup, and people have edited."""

    async def story(world: World) -> None:
        (there,) = world.sally.ids("Contact")
        here = world.hugo.create(
            "contacts", {"email": "ada@example.com", "lastname": "Byron", HUBSPOT_ID_PROPERTY: there}
        )
        async with world.write() as tx:
            await identity.put(tx, census.of("contacts"), Side.HUBSPOT, [("email", "of nobody", "9")])
            await cursors.set(tx, "load:contacts", {"phase": "salesforce", "type": 0, "after": None, "census": True})
        assert world.store is not None
        async with world.store.write(None) as tx:
            await restored.forget_what_was_running(tx)
        await world.settle()
        link = await world.link("contacts", here)
        assert link is not None
        assert (link.salesforce_id, link.linked_by) == (there, LinkedBy.SYNC_KEY)

    def before(world: World) -> None:
        world.sally.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})

    counting(tell, story, before, "all")


def test_who_comes_to_hubspot_meanwhile_is_asked_after_where_contacts_are_made_without_their_address(tell):
    """HubSpot would not refuse a second one."""

    async def story(world: World) -> None:
        await world.rule("contacts", "email", "always_hubspot")
        (there,) = world.sally.ids("Contact")
        reached, go_on = world.freeze_at("/composite/sobjects/Contact")
        syncing = asyncio.ensure_future(world.sync())
        await reached.wait()
        here = world.person("ada@example.com")
        go_on.set()
        await syncing
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        assert world.counterpart("contacts", here) == there

    def before(world: World) -> None:
        world.sally.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com"})

    counting(tell, story, before, "all")

"""Our database is gone, and a new installation finds every pair by the keys that both CRMs hold.

Nothing else would do: deals have no identity at all, and here all of them, all companies and all people look alike or have
moved on since. The simple case stands in tests/unit/engine/test_lost_database.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from interlock.core.model import LinkedBy
from interlock.crm.transport import Request, Response, Transport
from interlock.store import links
from tests.world import World

SLUGS = ("companies", "contacts", "deals")
TYPES = ("Account", "Contact", "Lead", "Opportunity")
KEY, CREATION_KEY = "interlock_salesforce_id", "Interlock_Creation_Key__c"
MANY = 2  # of each kind on each side, all alike


def furnish(world: World, name: str) -> None:
    """People at work on both sides: everything that syncs, with its associations. `name` keeps addresses apart, nothing else."""
    for number in range(MANY):
        company = world.hugo.create("companies", {"name": "Acme", "domain": f"{name}{number}.com"})
        person = world.person(f"{name}{number}@example.com", firstname="Ada")
        deal = world.hugo.create("deals", {"dealname": "Renewal", "dealstage": "closedwon", "closedate": "2026-03-01"})
        world.hugo.associate("contacts", person, "companies", company)
        world.hugo.associate("deals", deal, "companies", company)
        world.hugo.associate("deals", deal, "contacts", person)
        account = world.sally.create("Account", {"Name": f"Globex {name}{number}"})
        contact = {"LastName": "Person", "Email": f"{name}-s{number}@example.com", "AccountId": account}
        world.sally.create("Contact", contact)
        world.sally.create("Lead", {"LastName": "L", "Company": "Initech", "Email": f"{name}-l{number}@example.com"})
        opportunity = {"Name": "Renewal", "StageName": "Closed Won", "CloseDate": "2026-03-01", "AccountId": account}
        world.sally.create("Opportunity", opportunity)


def pairs(world: World) -> dict[tuple[str, str], str]:
    """As HubSpot itself names them. Every record has its counterpart."""
    found = {(slug, id_): world.counterpart(slug, id_) for slug in SLUGS for id_ in world.hugo.ids(slug)}
    assert all(found.values()), found
    assert len(set(found.values())) == len(found), "one record has two counterparts"
    return found


def creation_keys(world: World) -> dict[str, str]:
    """As the sync user sees them."""
    reader = world.salesforce.user(world.salesforce.users[0].id)
    ids = [(type_, id_) for type_ in TYPES for id_ in world.sally.ids(type_)]
    return {id_: str(reader.get(type_, id_).get(CREATION_KEY) or "") for type_, id_ in ids}


def associated(world: World) -> dict[str, Mapping[str, Any]]:
    here = {id_: world.hugo.associated("deals", id_, "contacts") for id_ in world.hugo.ids("deals")}
    return here | {id_: world.hugo.associated("deals", id_, "companies") for id_ in world.hugo.ids("deals")}


async def linked(world: World) -> dict[tuple[str, str], tuple[str, LinkedBy]]:
    """As our database has them."""
    async with world.read() as tx:
        found: dict[tuple[str, str], tuple[str, LinkedBy]] = {}
        for slug in SLUGS:
            for id_, link in (await links.by_hubspot(tx, slug, world.hugo.ids(slug))).items():
                found[slug, id_] = (link.salesforce_id, link.linked_by)
        return found


class Dying:
    """A line on which the process dies at its request number `at`: just before it leaves, or with the answer on its way."""

    def __init__(self, inner: Transport, at: int, carried_out: bool) -> None:
        self._inner = inner
        self._left = at
        self._carried_out = carried_out
        self.died = asyncio.Event()

    async def send(self, request: Request, deadline_s: float) -> Response:
        self._left -= 1
        if self._left == 0:
            if self._carried_out:
                await self._inner.send(request, deadline_s)
            self.died.set()
        if self._left <= 0:
            await asyncio.Event().wait()
        return await self._inner.send(request, deadline_s)


async def crash(world: World, at: int, *, carried_out: bool) -> None:
    """The process of a sync dies at its request number `at`; another opens what it left."""
    assert world.store is not None
    line = world.transport
    world.transport = dying = Dying(line, at, carried_out)
    syncing = asyncio.create_task(world.sync())
    died = asyncio.create_task(dying.died.wait())
    await asyncio.wait([syncing, died], return_when=asyncio.FIRST_COMPLETED)
    assert not syncing.done(), "it had ended before: the crash is not in the middle of anything"
    world.store.freeze()
    GRAVES.append(syncing)
    world.transport = line
    await world.open()
    # Its lease runs on in virtual time, where no kernel says that it is dead.
    await asyncio.sleep(30.0)


GRAVES: list[asyncio.Task[Any]] = []  # held, so that what is left of a dead process is not collected among the living


def test_a_new_installation_finds_every_pair_and_writes_nothing(tell, tmp_path):
    async def story(world: World) -> None:
        furnish(world, "a")
        await world.settle()
        before, counts, keys, together = pairs(world), world.counts(), creation_keys(world), associated(world)
        written = world.written
        await world.lose_the_database(tmp_path / "new.db")
        await world.settle()
        assert world.written == written, f"wrote {world.ours(written)}"
        assert (pairs(world), world.counts(), creation_keys(world), associated(world)) == (
            before,
            counts,
            keys,
            together,
        )
        assert await linked(world) == {record: (there, LinkedBy.SYNC_KEY) for record, there in before.items()}
        assert await world.issues() == []

    tell(story, existing="all")


def test_an_installation_that_only_links_finds_every_pair_as_well(tell, tmp_path):
    async def story(world: World) -> None:
        furnish(world, "a")
        await world.settle()
        before, written = pairs(world), world.written
        world.connect_options["existing"] = "link"
        await world.lose_the_database(tmp_path / "new.db")
        await world.settle()
        assert world.written == written
        assert {record: there for record, (there, _) in (await linked(world)).items()} == before

    tell(story, existing="all")


def test_what_has_moved_on_since_is_found_by_its_key_and_brought_into_agreement(tell, tmp_path):
    """While there was no database: addresses, names and domains changed, on one side each, to those of others even."""

    async def story(world: World) -> None:
        furnish(world, "a")
        await world.settle()
        before, counts, keys = pairs(world), world.counts(), creation_keys(world)
        for place, contact in enumerate(world.sally.ids("Contact")):
            world.sally.update("Contact", contact, {"Email": f"moved{place}@example.com"})
        for place, lead in enumerate(world.sally.ids("Lead")):
            world.sally.update("Lead", lead, {"Email": f"moved-lead{place}@example.com"})
        for company in world.hugo.ids("companies"):
            world.hugo.update("companies", company, {"name": "Globex a0"})
        await world.lose_the_database(tmp_path / "new.db")
        await world.settle()
        assert (pairs(world), world.counts(), creation_keys(world)) == (before, counts, keys)
        for (slug, here), there in before.items():
            if slug == "contacts":
                type_ = "Lead" if there.startswith("00Q") else "Contact"
                assert world.contact(here)["email"] == world.sally.get(type_, there)["Email"]

    tell(story, existing="all")


@pytest.mark.parametrize(("at", "carried_out"), [(3, False), (20, True), (36, False), (44, True)])
def test_a_crash_in_the_middle_of_the_rebuild_changes_nothing_of_it(tell, tmp_path, at, carried_out):
    """And once more, later in the next try. Half of everything is new, so that there is also something to create."""

    async def story(world: World) -> None:
        furnish(world, "a")
        await world.settle()
        before, keys = pairs(world), creation_keys(world)
        furnish(world, "b")
        await world.lose_the_database(tmp_path / "new.db")
        await crash(world, at, carried_out=carried_out)
        await crash(world, 15, carried_out=not carried_out)
        await world.settle()
        after = pairs(world)
        assert {record: there for record, there in after.items() if record in before} == before
        assert {id_: key for id_, key in creation_keys(world).items() if id_ in keys} == keys
        assert len(after) == 2 * len(before)
        assert [world.counts()[type_] for type_ in TYPES] == [4 * MANY, 4 * MANY, 2 * MANY, 4 * MANY]

    tell(story, existing="all")


# --- two HubSpot accounts joined to one org ------------------------------------------------------------------------------


@asynccontextmanager
async def second_account(world: World, path: Path) -> AsyncIterator[World]:
    """Another HubSpot account with an Interlock of its own, joined to the org of `world`."""
    other = World(path, world.clock_us, hubspot={"account_id": 777}, existing="all")
    other.salesforce = world.salesforce
    other.sally = world.sally
    other.rewire()
    await other.open()
    await other.connect()
    try:
        yield other
    finally:
        assert other.store is not None
        await other.store.close()


async def both_settle(world: World, other: World) -> None:
    """What one account writes is news to the other, until neither has any."""
    before = None
    for _ in range(6):
        await world.settle()
        await other.settle()
        if before == (world.written, other.written):
            return
        before = (world.written, other.written)
    raise AssertionError("the two accounts keep each other busy")


@pytest.mark.parametrize("lost", ["one", "both"])
def test_with_two_accounts_on_one_org_each_finds_its_own_pairs_and_none_of_the_other(tell, tmp_path, lost):
    async def story(world: World) -> None:
        async with second_account(world, tmp_path / "other.db") as other:
            furnish(world, "a")
            await both_settle(world, other)
            # What the second account's people make is known to the first as well by then.
            deal = {"dealname": "Renewal", "dealstage": "closedwon", "closedate": "2026-03-01"}
            for number in range(MANY):
                other.person(f"b{number}@example.com")
                other.hugo.create("deals", deal)
            await both_settle(world, other)
            before, keys = (pairs(world), pairs(other)), creation_keys(world)
            counts, written = (world.counts(), other.counts()), (world.written, other.written)
            await world.lose_the_database(tmp_path / "new.db")
            if lost == "both":
                await other.lose_the_database(tmp_path / "other-new.db")
            await both_settle(world, other)
            assert (world.written, other.written) == written
            assert ((pairs(world), pairs(other)), creation_keys(world)) == (before, keys)
            assert (world.counts(), other.counts()) == counts
            made_by = {key.partition(":")[0] for key in keys.values() if key}
            assert made_by == {str(world.hubspot.config.account_id), "777"}, "the org holds keys of both accounts"
            for each, mine in zip((world, other), before, strict=True):
                assert {record: there for record, (there, _) in (await linked(each)).items()} == mine

    tell(story, existing="all")


def test_two_accounts_rebuild_at_the_same_time_while_their_people_work_on(tell, tmp_path):
    """Both databases are lost in the middle of a day, and one of the two processes dies on the way."""

    async def story(world: World) -> None:
        async with second_account(world, tmp_path / "other.db") as other:
            furnish(world, "a")
            await both_settle(world, other)
            before = pairs(world), pairs(other)
            await world.lose_the_database(tmp_path / "new.db")
            await other.lose_the_database(tmp_path / "other-new.db")
            world.person("new@example.com")
            other.person("new@example.com")
            world.hugo.update("deals", world.hugo.ids("deals")[0], {"dealname": "Upgrade"})
            await crash(world, 20, carried_out=True)
            await other.sync()
            await both_settle(world, other)
            for each, mine in zip((world, other), before, strict=True):
                after = pairs(each)
                assert {record: there for record, there in after.items() if record in mine} == mine
                assert len(after) == len(mine) + 1, "the person that both made is one person in the org"
            assert len(world.sally.ids("Contact")) == 2 * MANY + 1

    tell(story, existing="all")

"""A person is erased: nothing of theirs is remembered, and no sync makes them again, from either side."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.app.conftest import Tell
from tests.unit.app.test_backup import made, put_back
from tests.world import World

from interlock.app import erase as erasing
from interlock.app import preview
from interlock.app.errors import BadInput, Missing
from interlock.app.words import WHY_NOT
from interlock.core.model import LinkState, RecordKey, Refused, Side
from interlock.crm.errors import Unreachable
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine import fetch
from interlock.store import setup_work, setups, unlinked
from interlock.store.keyring import load_or_create
from interlock.store.links import unpack_base
from interlock.wiring import Clients

# What nobody may find any more; each is a value of its own, so that a look through every column tells.
CANARIES = ("canary@example.com", "Canaria", "Songbird")
DAYS_91_S = 91 * 86_400.0


async def known(world: World) -> tuple[str, str]:
    """A pair with history, an open conflict, an issue and a standing difference, all of them holding values."""
    hubspot_id = world.hugo.create("contacts", {"email": CANARIES[0], "lastname": CANARIES[1]})
    await world.connect()
    await world.rule("contacts", "jobtitle", "two_way")
    await world.sync_later()
    salesforce_id = world.counterpart("contacts", hubspot_id)
    world.hugo.update("contacts", hubspot_id, {"jobtitle": f"{CANARIES[2]} one"})
    world.sally.update("Contact", salesforce_id, {"Title": f"{CANARIES[2]} two"})
    await world.sync_later()
    world.salesforce.add_validation_rule("Contact", lambda record: record.get("Title") == "no", "No.")
    world.hugo.update("contacts", hubspot_id, {"jobtitle": "no", "lastname": f"{CANARIES[1]} Bird"})
    await world.sync_later()
    assert await canaries(world)
    return hubspot_id, salesforce_id


async def canaries(world: World) -> list[str]:
    """Where anything of the person still is, in any column of any table."""
    assert world.store is not None
    found = []
    async with world.store.read(None) as tx:
        tables = await tx.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables:
            for row in await tx.rows(f"SELECT * FROM {table}"):
                found += [f"{table}: {word}" for word in CANARIES if any(word in str(cell) for cell in row)]
    return found


async def erase(world: World, key: RecordKey, **options: Any) -> erasing.Remembered:
    assert world.store is not None
    assert world.connection is not None

    @asynccontextmanager
    async def clients(_: object) -> AsyncIterator[Clients]:
        yield Clients(*world.clients())

    return await erasing.erase(world.store, world.connection, clients, world.clock_us, key, **options)


def contact(hubspot_id: str) -> RecordKey:
    return RecordKey(Side.HUBSPOT, "contacts", hubspot_id)


def test_on_a_persons_order_nothing_of_theirs_is_remembered_and_neither_record_syncs_again(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await known(world)
        done = await erase(world, contact(hubspot_id))
        assert done.linked
        assert done.audit
        assert await canaries(world) == []
        # Both are still in their CRMs, and people go on editing them.
        world.hugo.update("contacts", hubspot_id, {"jobtitle": "Still here"})
        world.sally.update("Contact", salesforce_id, {"Title": "Here too"})
        await world.settle()
        assert world.counts()["contacts"] == world.counts()["Contact"] == 1
        assert world.sally.get("Contact", salesforce_id)["Title"] == "Here too"
        assert await world.link("contacts", hubspot_id) is None
        assert await canaries(world) == []

    tell(story)


def test_nothing_of_theirs_can_be_read_in_the_file_of_the_database_either(tell: Tell) -> None:
    """SQLite leaves what is deleted in free pages unless it is told otherwise."""

    async def story(world: World) -> None:
        hubspot_id, _ = await known(world)
        await erase(world, contact(hubspot_id))
        assert world.store is not None
        await world.store.close()
        there = b"".join(each.read_bytes() for each in world.path.parent.glob(f"{world.path.name}*"))
        await world.open()
        assert [word for word in CANARIES if word.encode() in there] == []

    tell(story)


def test_nothing_is_left_of_a_pair_of_theirs_that_had_ended(tell: Tell) -> None:
    """Its fingerprints tell whoever guesses a value that it was the one."""

    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await known(world)
        world.hugo.archive("contacts", hubspot_id)
        world.sally.delete("Contact", salesforce_id)
        await world.settle()
        assert await world.link("contacts", hubspot_id) is None
        await erase(world, contact(hubspot_id))
        async with world.read() as tx:
            rows = await tx.rows("SELECT base, held FROM record_link")
        assert [(unpack_base(base)[0], held) for base, held in rows] == [({}, None)]
        assert await canaries(world) == []

    tell(story)


@pytest.mark.parametrize("parted", [False, True])
def test_what_a_set_up_has_shown_of_them_goes_too_and_of_others_it_stays(tell: Tell, parted: bool) -> None:
    """A preview and a trial hold values, and are kept with the set-up."""

    async def story(world: World) -> None:
        hubspot_id, _ = await known(world)
        assert world.connection is not None
        assert world.connection.id is not None
        theirs, other = [str(contact(each)) for each in (hubspot_id, "4711")]
        field = {"property": "lastname", "hubspot": CANARIES[1]}
        examples = [{"hubspot": theirs, "fields": [field]}, {"hubspot": other, "fields": [{"hubspot": "Babbage"}]}]
        found = {"state": "done", "document": {"objects": {"contacts": {"create": 2, "examples": examples}}}}
        trial = {"chosen": {"keys": [theirs, other]}, "trial": [{"salesforce": None, **each} for each in examples]}
        assert world.store is not None
        async with world.store.write(None) as tx:
            setup_id = await setups.begin(tx, "command")
            await setups.join(tx, setup_id, world.connection.id)
            await setup_work.put(tx, setup_id, "preview", found)
            await setup_work.put(tx, setup_id, "finish", trial)
            if parted:
                await setups.part(tx, setup_id)
        await erase(world, contact(hubspot_id))
        assert await canaries(world) == []
        async with world.store.read(None) as tx:
            shown = await setup_work.get(tx, setup_id, "preview")
            tried = await setup_work.get(tx, setup_id, "finish")
        assert shown == {
            "state": "done",
            "document": {"objects": {"contacts": {"create": 2, "examples": examples[1:]}}},
        }
        assert tried is not None
        assert tried["chosen"] == trial["chosen"]
        assert [each["hubspot"] for each in tried["trial"]] == [other]

    tell(story)


def test_erased_everywhere_both_records_go_and_do_not_come_back(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, _ = await known(world)
        await erase(world, contact(hubspot_id), everywhere=True)
        assert world.counts()["contacts"] == world.counts()["Contact"] == 0
        await world.settle()
        assert world.counts()["contacts"] == world.counts()["Contact"] == 0
        assert await canaries(world) == []

    tell(story)


def test_a_crm_that_fails_once_the_records_are_gone_leaves_no_address_unknown_and_no_record_unnamed(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the command again finds no record any more that would tell the address."""

    async def story(world: World) -> None:
        hubspot_id, _ = await known(world)
        twin = world.sally.create("Lead", {"LastName": "Twin", "Company": "x", "Email": CANARIES[0]})
        asked = SalesforceClient.query_where_in

        async def fails_after_the_delete(*arguments: Any, **options: Any) -> Any:
            if world.counts()["contacts"] == 0:
                raise Unreachable(Side.SALESFORCE, "Salesforce could not be reached.")
            return await asked(*arguments, **options)

        named = None
        with monkeypatch.context() as patched:
            patched.setattr(SalesforceClient, "query_where_in", fails_after_the_delete)
            with contextlib.suppress(Unreachable):
                named = (await erase(world, contact(hubspot_id), everywhere=True)).others
        if named is None:
            named = (await erase(world, contact(hubspot_id), everywhere=True)).others
        assert named == (RecordKey(Side.SALESFORCE, "Lead", twin),)
        await no_contact_is_made_of(world, CANARIES[0])

    tell(story)


def test_an_address_that_only_the_record_had_which_is_gone_is_known_after_the_other_was_deleted_at_the_second_try(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await known(world)
        world.sally.update("Contact", salesforce_id, {"Email": "elsewhere@example.com"})

        async def refuses(_client: object, _type: str, ids: list[str], **_options: Any) -> dict[str, Refused]:
            return {id_: Refused("DELETE_FAILED", "It has cases.") for id_ in ids}

        with monkeypatch.context() as patched:
            patched.setattr(SalesforceClient, "delete_made", refuses)
            with pytest.raises(erasing.NotDeleted, match="It has cases"):
                await erase(world, contact(hubspot_id), everywhere=True)
        assert world.counts()["contacts"] == 0
        await erase(world, contact(hubspot_id), everywhere=True)
        assert world.counts()["Contact"] == 0
        await no_contact_is_made_of(world, CANARIES[0])

    tell(story)


async def no_contact_is_made_of(world: World, mail: str) -> None:
    world.sally.create("Contact", {"LastName": "Again", "Email": mail})
    await world.settle()
    assert world.counts()["contacts"] == 0


@pytest.mark.parametrize("how", ["merged in HubSpot", "merged in Salesforce", "converted"])
def test_whoever_a_record_lives_on_as_is_not_erased_under_its_old_id_nor_said_to_be_gone(tell: Tell, how: str) -> None:
    """HubSpot would erase the survivor, whom nobody has named; Salesforce deletes nobody, and they would live on."""

    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await known(world)
        other = world.person("bob@example.com")
        await world.sync_later()
        if how == "merged in HubSpot":
            world.hugo.merge("contacts", other, hubspot_id)
        elif how == "merged in Salesforce":
            world.sally.merge("Contact", world.counterpart("contacts", other), salesforce_id)
        before, counts = await canaries(world), world.counts()
        for everywhere in (True, False):
            with pytest.raises(erasing.LivesOn, match="lives on as"):
                await erase(world, contact(hubspot_id), everywhere=everywhere)
        assert (await canaries(world), world.counts()) == (before, counts)

    async def of_a_lead(world: World) -> None:
        lead = world.sally.create("Lead", {"LastName": CANARIES[1], "Email": CANARIES[0], "Company": "Acme"})
        await world.connect()
        await world.sync_later()
        world.sally.update("Lead", lead, {"LastName": f"{CANARIES[1]} Bird"})
        await world.settle()
        world.sally.convert_lead(lead)
        with pytest.raises(erasing.LivesOn, match=world.sally.ids("Contact")[0]):
            await erase(world, RecordKey(Side.SALESFORCE, "Lead", lead), everywhere=True)
        assert world.counts()["Contact"] == 1

    tell(of_a_lead if how == "converted" else story)


async def merged(world: World, how: str) -> str:
    """Somebody who is remembered under several ids; the HubSpot record that they live on as."""
    hubspot_id, salesforce_id = await known(world)
    if how == "both of them linked, merged in HubSpot":
        survivor = world.person("bob@example.com")
        await world.sync_later()
        world.hugo.merge("contacts", survivor, hubspot_id)
    elif how == "both of them linked, merged in Salesforce":
        survivor = world.person("bob@example.com")
        await world.sync_later()
        world.sally.merge("Contact", world.counterpart("contacts", survivor), salesforce_id)
    else:
        survivor = world.person("bob@example.com")
        world.hugo.merge("contacts", survivor, hubspot_id)
        await world.settle()
        other = world.sally.create("Contact", {"LastName": "Bob", "Email": "other@example.com"})
        world.sally.merge("Contact", other, salesforce_id)
    await world.settle()
    assert await canaries(world)
    return survivor


@pytest.mark.parametrize(
    "how",
    [
        "both of them linked, merged in HubSpot",
        "both of them linked, merged in Salesforce",
        "both of their records moved",
    ],
)
@pytest.mark.parametrize("disconnected", [False, True])
def test_of_whoever_others_were_merged_into_nothing_is_remembered_under_the_older_ids_either(
    tell: Tell, how: str, disconnected: bool
) -> None:
    async def story(world: World) -> None:
        survivor = await merged(world, how)
        if disconnected:
            assert world.connection is not None
            world.connection.state = "not_connected"
        await erase(world, contact(survivor))
        assert await canaries(world) == []
        for id_ in world.sally.ids("Contact"):
            world.sally.update("Contact", id_, {"Title": f"{CANARIES[2]} again"})
        for id_ in world.hugo.ids("contacts"):
            world.hugo.update("contacts", id_, {"jobtitle": f"{CANARIES[2]} again"})
        if not disconnected:
            before = world.counts()
            await world.settle()
            assert world.counts() == before
            assert await canaries(world) == []

    tell(story)


def test_a_record_that_was_parted_by_a_merge_and_is_still_there_is_named_to_whoever_erases_the_survivor(
    tell: Tell,
) -> None:
    async def story(world: World) -> None:
        survivor = await merged(world, "both of them linked, merged in HubSpot")
        mine = world.counterpart("contacts", survivor)
        (left,) = [id_ for id_ in world.sally.ids("Contact") if id_ != mine]
        done = await erase(world, contact(survivor), everywhere=True)
        assert done.others == (RecordKey(Side.SALESFORCE, "Contact", left),)
        assert world.sally.ids("Contact") == [left]
        await erase(world, done.others[0], everywhere=True)
        assert world.counts()["Contact"] == 0

    tell(story)


def test_somebody_who_has_the_record_for_a_counterpart_that_a_merge_left_is_not_forgotten_with_them(
    tell: Tell,
) -> None:
    async def story(world: World) -> None:
        survivor = await merged(world, "both of them linked, merged in HubSpot")
        mine = world.counterpart("contacts", survivor)
        (left,) = [id_ for id_ in world.sally.ids("Contact") if id_ != mine]
        world.sally.update("Contact", left, {"Email": "cy@example.com"})
        other = world.person("cy@example.com")
        await world.settle()
        assert world.counterpart("contacts", other) == left
        await erase(world, contact(survivor))
        world.hugo.update("contacts", other, {"jobtitle": "Baron"})
        await world.settle()
        assert world.sally.get("Contact", left)["Title"] == "Baron"

    tell(story)


def test_whoever_hubspot_erased_is_forgotten_with_those_who_were_merged_into_them(tell: Tell) -> None:
    async def story(world: World) -> None:
        survivor = await merged(world, "both of them linked, merged in HubSpot")
        mine = world.counterpart("contacts", survivor)
        world.hugo.erase(survivor)
        world.sally.update("Contact", mine, {"Title": "Edited"})
        await world.settle()
        assert await canaries(world) == []

    tell(story)


def test_other_records_with_the_same_address_are_named_and_what_was_asked_about_them_is_forgotten(tell: Tell) -> None:
    """Which of two contacts it is, is an issue that bears the address; both may be the person."""

    async def story(world: World) -> None:
        await world.connect()
        first, second = (
            world.sally.create("Contact", {"LastName": CANARIES[1], "Email": CANARIES[0]}) for _ in range(2)
        )
        hubspot_id = world.hugo.create("contacts", {"email": CANARIES[0], "lastname": CANARIES[1]})
        await world.settle()
        assert await world.issues()
        assert f"unlinked: {CANARIES[0]}" in await canaries(world)
        done = await erase(world, contact(hubspot_id))
        assert {key.id for key in done.others or ()} == {first, second}
        assert await canaries(world) == []
        for id_ in (first, second):
            world.sally.update("Contact", id_, {"Title": "Edited"})
        await world.settle()
        assert await canaries(world) == []

    tell(story)


@pytest.mark.parametrize("side", list(Side))
def test_a_new_record_with_the_same_address_is_not_carried_over(tell: Tell, side: Side) -> None:
    async def story(world: World) -> None:
        hubspot_id, _ = await known(world)
        await erase(world, contact(hubspot_id), everywhere=True)
        if side is Side.SALESFORCE:
            world.sally.create("Contact", {"LastName": "Again", "Email": CANARIES[0].upper()})
        else:
            world.person(CANARIES[0])
        assert world.store is not None
        assert world.connection is not None
        planned = await preview.plan(world.store, world.connection, *world.clients(), world.clock_us)
        assert planned.objects["contacts"].blocked == {"erased_address": 1}
        await world.settle()
        assert world.counts()["contacts"] + world.counts()["Contact"] == 1
        assert await canaries(world) == []

    tell(story)


def test_a_contact_that_hubspot_erased_is_forgotten_when_it_is_looked_at_and_not_made_again(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await known(world)
        world.hugo.erase(hubspot_id)
        world.sally.update("Contact", salesforce_id, {"Title": "Edited"})
        await world.settle()
        assert world.counts()["contacts"] == 0
        link = await world.link("contacts", hubspot_id)
        assert link is not None
        assert (link.state, link.base) == (LinkState.HUBSPOT_DELETED, {})
        assert await canaries(world) == []
        # Nor from a second record of the same person.
        world.sally.create("Contact", {"LastName": "Again", "Email": CANARIES[0]})
        world.sally.update("Contact", salesforce_id, {"Title": "Edited again"})
        await world.settle()
        assert world.counts()["contacts"] == 0
        assert await canaries(world) == []

    tell(story)


@pytest.mark.parametrize("polling", [False, True])
def test_a_contact_that_hubspot_erased_is_forgotten_within_a_month_though_nobody_touches_its_pair(
    tell: Tell, polling: bool
) -> None:
    async def story(world: World) -> None:
        hubspot_id, _ = await known(world)
        world.salesforce.add_validation_rule("Contact", lambda record: "alone" in (record.get("Email") or ""), "No.")
        alone = world.hugo.create("contacts", {"email": f"alone.{CANARIES[0]}", "lastname": CANARIES[2]})
        await world.sync_later(86_400)
        assert await world.link("contacts", alone) is None
        assert f"unlinked: {CANARIES[0]}" in await canaries(world)
        kept = world.person("bob@example.com")
        await world.settle()
        world.hugo.erase(hubspot_id)
        world.hugo.erase(alone)
        for _ in range(30):
            await asyncio.sleep(86_400)
            await (world.poll() if polling else world.sync())
        assert await canaries(world) == []
        link = await world.link("contacts", hubspot_id)
        assert link is not None
        assert (link.state, link.base) == (LinkState.HUBSPOT_DELETED, {})
        bob = await world.link("contacts", kept)
        assert bob is not None
        assert bob.base

    tell(story)


def test_a_contact_that_was_only_archived_is_remembered(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, _ = await known(world)
        world.hugo.archive("contacts", hubspot_id)
        await world.settle()
        link = await world.link("contacts", hubspot_id)
        assert link is not None
        assert link.state is LinkState.HUBSPOT_DELETED
        assert link.base != {}

    tell(story)


@pytest.mark.parametrize("state", ["resting", "linked", "alone"])
def test_a_contact_that_was_deleted_longer_ago_than_hubspots_archive_goes_back_is_remembered(
    tell: Tell, state: str
) -> None:
    """Nobody erased it: it has dropped out of the archive by itself, and HubSpot says of both the same, which is nothing."""

    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await known(world)
        if state == "alone":
            world.sally.delete("Contact", salesforce_id)
            await world.settle()
        before = await canaries(world)
        world.hugo.archive("contacts", hubspot_id)
        if state == "resting":
            await world.settle()
        await asyncio.sleep(DAYS_91_S)
        if state != "alone":
            world.sally.update("Contact", salesforce_id, {"Title": "Edited"})
        await world.settle()
        link = await world.link("contacts", hubspot_id)
        if state != "alone":
            assert link is not None
            assert link.state is LinkState.HUBSPOT_DELETED
            assert link.base != {}
        assert set(await canaries(world)) >= {each for each in before if each.startswith("audit")}
        # Their address is free, too: there is another of the name, who is carried over.
        world.sally.create("Contact", {"LastName": "Heir", "Email": "heir@example.com"})
        await world.settle()
        assert world.counts()["contacts"] == 1

    tell(story)


@pytest.mark.parametrize("stopped_days", [0, 91])
def test_one_whom_nobody_had_touched_for_long_is_known_for_erased_only_if_the_archive_was_read_all_the_while(
    tell: Tell, stopped_days: int
) -> None:
    async def story(world: World) -> None:
        hubspot_id, salesforce_id = await known(world)
        for _ in range(4):
            await world.sync_later(30 * 86_400)
        if stopped_days:
            await asyncio.sleep(stopped_days * 86_400)
            await world.sync()
        world.hugo.erase(hubspot_id)
        world.sally.update("Contact", salesforce_id, {"Title": "Edited"})
        await world.settle()
        link = await world.link("contacts", hubspot_id)
        assert link is not None
        assert link.state is LinkState.HUBSPOT_DELETED
        # After the stop nothing tells the two apart, and then what is remembered stays.
        assert bool(await canaries(world)) is bool(stopped_days)
        assert world.counts()["contacts"] == 0

    tell(story)


def test_of_many_that_are_gone_after_a_long_stop_none_is_taken_for_erased(tell: Tell) -> None:
    """More than are looked into one by one: the rest is asked about later, when the pair was looked at lately."""

    async def story(world: World) -> None:
        gone = [
            world.person(f"p{number}@example.com", jobtitle=CANARIES[2]) for number in range(fetch.ONE_BY_ONE_MOST + 5)
        ]
        kept = [world.person(f"k{number}@example.com") for number in range(2 * len(gone))]
        await world.connect()
        await world.settle()
        counterparts = [world.counterpart("contacts", id_) for id_ in gone]
        assert kept
        for id_ in gone:
            world.hugo.archive("contacts", id_)
        await asyncio.sleep(DAYS_91_S)
        for id_ in counterparts:
            world.sally.update("Contact", id_, {"Title": "Edited"})
        for _ in range(4):
            await world.sync_later(7 * 3_600)
        links = [await world.link("contacts", id_) for id_ in gone]
        assert all(link is not None and link.state is LinkState.HUBSPOT_DELETED and link.base for link in links)

    tell(story)


def test_nobody_else_is_touched(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id, _ = await known(world)
        other = world.person("bob@example.com", jobtitle="Clerk")
        await world.sync_later()
        world.sally.update("Contact", world.counterpart("contacts", other), {"Title": "Count"})
        await world.sync_later()
        before = [row for row in await world.audit() if row.hubspot_id == other]
        await erase(world, contact(hubspot_id), everywhere=True)
        assert [row for row in await world.audit() if row.hubspot_id == other] == before
        world.hugo.update("contacts", other, {"jobtitle": "Baron"})
        await world.settle()
        assert world.sally.get("Contact", world.counterpart("contacts", other))["Title"] == "Baron"

    tell(story)


def test_only_people_are_erased_and_only_such_as_are_known(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        with pytest.raises(BadInput, match="is no person"):
            await erase(world, RecordKey(Side.HUBSPOT, "companies", "1"))
        with pytest.raises(Missing, match="nothing is remembered"):
            await erase(world, contact("4711"))

    tell(story)


def test_the_hash_tells_nobody_whose_it_is(tell: Tell) -> None:
    import hashlib

    async def story(world: World) -> None:
        hubspot_id, _ = await known(world)
        await erase(world, contact(hubspot_id))
        assert world.store is not None
        async with world.store.read(None) as tx:
            hashes = {row[0] for row in await tx.rows("SELECT hash FROM erased")}
        assert len(hashes) == 3  # both records, and the address
        assert hashlib.sha256(f"email:{CANARIES[0]}".encode()).hexdigest() not in hashes

    tell(story)


@pytest.mark.parametrize("by", ["order", "hubspot"])
def test_a_restore_of_an_older_backup_brings_nobody_back_who_was_erased_since(
    tell: Tell, tmp_path: Path, by: str
) -> None:
    async def story(world: World) -> None:
        assert world.store is not None
        await world.store.close()
        world.keyring = load_or_create(tmp_path / "secret.key")
        await world.open()
        hubspot_id, salesforce_id = await known(world)
        other = world.person("bob@example.com", jobtitle="Clerk")
        await world.settle()
        made(world, tmp_path / "a.backup")
        if by == "order":
            await erase(world, contact(hubspot_id))
        else:
            world.hugo.erase(hubspot_id)
            world.sally.update("Contact", salesforce_id, {"Title": "Looked at"})
            await world.settle()
        before = world.counts()["contacts"]
        await put_back(world, tmp_path / "a.backup")
        assert await canaries(world) == []
        world.sally.update("Contact", salesforce_id, {"Title": "Edited"})
        world.sally.update("Contact", world.counterpart("contacts", other), {"Title": "Count"})
        await world.settle()
        assert world.counts()["contacts"] == before
        assert world.contact(other)["jobtitle"] == "Count"
        assert await canaries(world) == []
        if by == "order":
            assert await world.link("contacts", hubspot_id) is None

    tell(story)


def test_somebody_else_with_the_address_of_an_erased_person_is_said_to_be_held_back_and_what_to_do_works(
    tell: Tell,
) -> None:
    async def story(world: World) -> None:
        hubspot_id, _ = await known(world)
        await erase(world, contact(hubspot_id), everywhere=True)
        heir = world.hugo.create("contacts", {"email": CANARIES[0], "lastname": "Heir"})
        await world.settle()
        async with world.read() as tx:
            alone = (await unlinked.by_keys(tx, [contact(heir)]))[contact(heir)]
        assert "create them on the other side by hand" in WHY_NOT[alone.why]
        assert world.counts()["Contact"] == 0
        made_by_hand = world.sally.create("Contact", {"LastName": "Heir", "Email": CANARIES[0]})
        await world.settle()
        assert world.counterpart("contacts", heir) == made_by_hand
        world.hugo.update("contacts", heir, {"jobtitle": "Heiress"})
        await world.settle()
        assert world.sally.get("Contact", made_by_hand)["Title"] == "Heiress"

    tell(story)

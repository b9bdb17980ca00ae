"""Who is whom: contacts with several addresses, several leads or contacts of one address, and who only looks like another.

What has to hold: nobody is made beside a record that has one of the contact's addresses; two that a person refused are joined by
nothing but an id, two that were accepted are one; and where the one edited last syncs, the pair rests on that one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from interlock.app import what_syncs
from interlock.app.errors import Missing, Stopped
from interlock.app.identity.review import ACCEPT, REFUSE, decide, list_
from interlock.app.identity.suggest import look
from interlock.core.model import LinkedBy
from interlock.crm.errors import CrmError
from interlock.objects.choices import DUPLICATES, LATEST_MODIFIED, STICKY
from interlock.store import Store, connections
from interlock.store.connections import Connection
from tests.simulation.desk import Desk
from tests.simulation.journals import OURS, entries_of
from tests.simulation.kinds import CREATION_KEY, KINDS, LINK, Kind
from tests.simulation.themes.theme import Move, Page, Theme

if TYPE_CHECKING:
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

PEOPLE = KINDS["contacts"]
OTHERS = "hs_additional_emails"
CREATES_SHARE = 0.35
# What was read before is acted on after, by whoever stood still, or in a request that was late.
UNREAD_US = 120_000_000
# A question is looked at again after six hours.
LOOKED_AGAIN_S = 7 * 3_600.0
# Whoever has something to say comes back until there is something to say it of.
LOOKS, BETWEEN_LOOKS_S = 8, 15.0
# Of people, beyond what other stories have room for: one who looks like another takes two places, and those of one address more.
MORE_PEOPLE = 5
_MODE, _SAID = "duplicates", "said"


def _creates(recipe: Recipe) -> bool:
    return recipe.chance("identity").random() < CREATES_SHARE


def _choices(recipe: Recipe) -> dict[str, dict[str, str]]:
    return {DUPLICATES.name: {"contacts": recipe.chance("duplicates").choice(DUPLICATES.values)}}


async def _begin(world: World, store: Store, connection: Connection) -> None:
    """Some have another address by which Salesforce knows them; and where nobody is made, some who look like another are there."""
    assert connection.id is not None
    desk = world.users.desk
    desk.most = desk.most | {PEOPLE.slug: desk.most[PEOPLE.slug] + MORE_PEOPLE}
    desk.note(_MODE, "contacts", world.recipe.choices[DUPLICATES.name]["contacts"])
    desk.begin("o0", world.recipe.chance("another address"))
    enter_who_is_known_by_another_address(desk, PEOPLE)
    if _creates(world.recipe):
        return
    for number in range(2):
        desk.begin(f"l{number}", world.recipe.chance(f"alike:{number}"))
        enter_who_looks_like_another(desk, PEOPLE)
    async with store.write(connection.id) as tx:
        found = await connections.get(tx, connection.id)
        assert found is not None
        off = {"create_in_hubspot": {"contacts": False}, "create_in_salesforce": {"contacts": False}}
        await connections.update(tx, connection.id, settings={**found.settings, **off})


# --- people at work -------------------------------------------------------------------------------------------------------


def _addresses(values: dict[str, Any]) -> set[str]:
    return {each for each in (values.get("email") or "", *(values.get(OTHERS) or "").split(";")) if each}


def _some_address(desk: Desk) -> str:
    """Of somebody in Salesforce."""
    return str(desk.sally.get("Contact", desk.some_in_salesforce(PEOPLE))["Email"] or "") or desk.token("email")


def add_an_address(desk: Desk, kind: Kind) -> None:
    address = _some_address(desk) if desk.chance.random() < 0.5 else desk.token("email")
    desk.hugo.add_email(desk.some_in_hubspot(PEOPLE), address)


def remove_an_address(desk: Desk, kind: Kind) -> None:
    held = [
        (id_, each)
        for id_ in desk.in_hubspot(PEOPLE)
        for each in (desk.hugo.get("contacts", id_).get(OTHERS) or "").split(";")
        if each
    ]
    desk.hugo.remove_email(*desk.chance.choice(held))


def enter_somebody_with_another_address_of_a_contact(desk: Desk, kind: Kind) -> None:
    held = [
        each
        for id_ in desk.in_hubspot(PEOPLE)
        for each in (desk.hugo.get("contacts", id_).get(OTHERS) or "").split(";")
        if each
    ]
    if desk.room(PEOPLE):
        _enter(desk, desk.chance.choice(("Contact", "Lead")), desk.chance.choice(held))


def enter_who_is_known_by_another_address(desk: Desk, kind: Kind) -> None:
    """In HubSpot, with two addresses; Salesforce has one of them."""
    if desk.room(PEOPLE, 2):
        here = desk.hugo.create("contacts", desk.typed(PEOPLE) | {"email": desk.token("email")})
        other = desk.token("email")
        desk.hugo.add_email(here, other)
        _enter(desk, desk.chance.choice(("Contact", "Lead")), other)


def enter_a_second_one_of_an_address(desk: Desk, kind: Kind) -> None:
    if desk.room(PEOPLE):
        _enter(desk, desk.chance.choice(("Contact", "Contact", "Lead")), _some_address(desk))


def _enter(desk: Desk, type_: str, email: str) -> str:
    values = desk.typed(PEOPLE)
    values.setdefault("lastname", desk.token("lastname"))
    fields = {PEOPLE.fields[name]: value for name, value in values.items() if type_ == "Contact" or name != "team"}
    more = {"Company": desk.token("name")} if type_ == "Lead" else {}
    return desk.sally.create(type_, fields | {"Email": email} | more)


def edit_one_of_several(desk: Desk, kind: Kind) -> None:
    type_, id_ = desk.chance.choice(_several(desk))
    name = desk.chance.choice([name for name in PEOPLE.fields if name not in ("email", "team")])
    desk.sally.update(type_, id_, {PEOPLE.fields[name]: desk.token(name)})


def delete_one_of_several(desk: Desk, kind: Kind) -> None:
    desk.sally.delete(*desk.chance.choice(_several(desk)))


def give_one_of_several_another_address(desk: Desk, kind: Kind) -> None:
    desk.sally.update(*desk.chance.choice(_several(desk)), {"Email": desk.token("email")})


def _several(desk: Desk) -> list[tuple[str, str]]:
    holders: dict[str, list[tuple[str, str]]] = {}
    for type_ in PEOPLE.sobjects:
        for id_ in desk.sally.ids(type_):
            row = desk.sally.get(type_, id_)
            if row["Email"] and not row.get("IsConverted"):
                holders.setdefault(row["Email"], []).append((type_, id_))
    return [each for holding in holders.values() if len(holding) > 1 for each in holding]


def enter_who_looks_like_another(desk: Desk, kind: Kind) -> None:
    """One person with an address in each CRM."""
    if not desk.room(PEOPLE, 2):
        return
    named = {
        "firstname": desk.token("firstname"),
        "lastname": desk.token("lastname"),
        "jobtitle": desk.token("jobtitle"),
    }
    desk.hugo.create("contacts", named | {"email": desk.token("email")})
    fields = {PEOPLE.fields[name]: value for name, value in named.items()}
    desk.sally.create("Contact", fields | {"Email": desk.token("email")})


MOVES: dict[Move, float] = {
    add_an_address: 4,
    remove_an_address: 2,
    enter_somebody_with_another_address_of_a_contact: 3,
    enter_who_is_known_by_another_address: 2,
    enter_a_second_one_of_an_address: 3,
    edit_one_of_several: 4,
    delete_one_of_several: 1,
    give_one_of_several_another_address: 1,
    enter_who_looks_like_another: 3,
}


# --- at Interlock's pages -------------------------------------------------------------------------------------------------


async def _connection(world: World, store: Store) -> Connection:
    async with store.read(None) as tx:
        found = await connections.get(tx, world.connection_id)
    assert found is not None
    return found


async def look_for_suggestions(world: World, store: Store) -> None:
    async with world.process(of_pages=True).clients() as clients:
        try:
            await look(store, await _connection(world, store), clients.hubspot, clients.salesforce, ["contacts"])
        except CrmError as error:
            raise Stopped(f"a CRM did not answer: {error}") from error


async def _suggested(world: World, store: Store) -> list[dict[str, Any]]:
    """A CRM that does not answer now does at another time."""
    for _ in range(LOOKS):
        with suppress(Stopped):
            await look_for_suggestions(world, store)
            if rows := (await list_(store, world.connection_id)).rows:
                return rows
        await asyncio.sleep(BETWEEN_LOOKS_S)
    raise Missing("nothing is suggested")


async def _say(world: World, store: Store, *decisions: str) -> None:
    rows = await _suggested(world, store)
    row = world.recipe.chance(f"suggestion:{len(world.story.pages)}").choice(rows)
    for decision in decisions:
        await decide(store, world.connection_id, row["suggestion"], decision, world.loop.now_us())
        here, there = (row[side].rpartition(":")[2] for side in ("hubspot", "salesforce"))
        world.users.desk.note(_SAID, here, there, decision)


async def accept_a_suggestion(world: World, store: Store) -> None:
    await _say(world, store, ACCEPT)


async def refuse_a_suggestion(world: World, store: Store) -> None:
    await _say(world, store, REFUSE)


async def accept_what_was_refused(world: World, store: Store) -> None:
    await _say(world, store, REFUSE, ACCEPT)


async def choose_which_of_several_syncs(world: World, store: Store) -> None:
    before = [note.id for note in world.story.notes if note.what == _MODE][-1]
    mode = STICKY if before == LATEST_MODIFIED else LATEST_MODIFIED
    choice = what_syncs.Choice(choices={DUPLICATES.name: mode})
    await what_syncs.choose(store, await _connection(world, store), "contacts", choice, None)
    world.users.desk.note(_MODE, "contacts", mode)


PAGES: dict[Page, float] = {
    look_for_suggestions: 1,
    accept_a_suggestion: 3,
    refuse_a_suggestion: 6,
    accept_what_was_refused: 3,
    choose_which_of_several_syncs: 1,
}


# --- what has to hold -----------------------------------------------------------------------------------------------------


def outside(story: Story, kind: Kind) -> set[str]:
    """Where nobody is made: who has no counterpart. Else: one of several with an address of somebody who has a counterpart, or of
    whom a person is asked which of several it is: a lead gives way to those."""
    if kind is not PEOPLE:
        return set()
    hugo, here, there = story.hubspot.user(), _here(story), _there(story)
    linked = {values[LINK]: id_ for id_, values in here.items() if values.get(LINK) in there}
    if not _creates(story.recipe):
        return {id_ for id_, values in here.items() if not values.get(LINK)} | (there.keys() - linked.keys())
    refused = {id_ for pair in _said(story, REFUSE) for id_ in pair}
    asked = {each.hubspot_id for each in story.issues if each.code == "several_candidates"}
    found = set(refused)
    for salesforce_id, row in there.items():
        if salesforce_id in linked or not row["Email"]:
            continue
        holders = {id_ for id_, values in here.items() if row["Email"] in _addresses(values)}
        shared = any(id_ != salesforce_id and each["Email"] == row["Email"] for id_, each in there.items())
        if shared or holders & asked or any(hugo.get("contacts", id_).get(LINK) for id_ in holders):
            found.add(salesforce_id)
    return found


def _here(story: Story) -> dict[str, dict[str, Any]]:
    hugo = story.hubspot.user()
    return {id_: hugo.get("contacts", id_) for id_ in hugo.ids("contacts")}


def _there(story: Story) -> dict[str, dict[str, Any]]:
    sally = story.salesforce.user()
    rows = {id_: sally.get(type_, id_) for type_ in PEOPLE.sobjects for id_ in sally.ids(type_)}
    return {id_: row for id_, row in rows.items() if not row.get("IsConverted")}


def _said(story: Story, decision: str) -> dict[tuple[str, str], int]:
    """Pairs of which a person said this last, and when, by HubSpot's clock."""
    last = {(note.object, note.id): note for note in story.notes if note.what == _SAID}
    return {pair: note.at_us for pair, note in last.items() if note.value == decision}


def check(story: Story) -> Iterator[str]:
    yield from _refused(story)
    yield from _accepted(story)
    yield from _made_beside(story)
    yield from _the_latest(story)
    if not _creates(story.recipe):
        yield from _made_at_all(story)


def _refused(story: Story) -> Iterator[str]:
    for (hubspot_id, salesforce_id), said_us in _said(story, REFUSE).items():
        for entry in entries_of(story, PEOPLE, "hubspot"):
            joins = (entry.id, entry.field, entry.new, entry.client) == (hubspot_id, LINK, salesforce_id, OURS)
            if joins and entry.at_us > said_us + UNREAD_US:
                yield f"identity: {hubspot_id} and {salesforce_id} were refused, and joined by us all the same"


def _accepted(story: Story) -> Iterator[str]:
    here, there = _here(story), _there(story)
    troubled = {id_ for each in story.issues for id_ in (each.hubspot_id, each.salesforce_id)}
    for hubspot_id, salesforce_id in _said(story, ACCEPT):
        if hubspot_id not in here or salesforce_id not in there or {hubspot_id, salesforce_id} & troubled:
            continue
        taken = [
            values[LINK] for id_, values in here.items() if values.get(LINK) == salesforce_id and id_ != hubspot_id
        ]
        if here[hubspot_id].get(LINK) != salesforce_id and not here[hubspot_id].get(LINK) and not taken:
            yield f"identity: {hubspot_id} and {salesforce_id} were accepted, and are not linked"


def _made_beside(story: Story) -> Iterator[str]:
    """Nobody is made in Salesforce for a contact beside a record that has one of its addresses, and was there to be seen."""
    skew_us = round((story.skews_s["salesforce"] - story.skews_s["hubspot"]) * 1e6)
    refused = _said(story, REFUSE)
    pairs = {(link.hubspot_id, link.salesforce_id) for link in story.links}
    pairs |= {(row.hubspot_id or "", row.salesforce_id or "") for row in story.audit}
    for entry in entries_of(story, PEOPLE, "salesforce"):
        if entry.client != OURS or entry.action != "create" or entry.field != CREATION_KEY:
            continue
        made_for = (entry.new or "").rpartition(":")[2]
        held = _held_by(story, made_for, entry.at_us - skew_us - UNREAD_US)
        for other in _with_address(story, held, entry.at_us - UNREAD_US, entry.at_us):
            linked = {one for one, there in pairs if there == other and one != made_for}
            if other != entry.id and not linked and (made_for, other) not in refused:
                yield f"identity: {entry.id} was made for {made_for} beside {other}, which has one of its addresses"


def _held_by(story: Story, hubspot_id: str, at_us: int) -> set[str]:
    """Addresses that the contact had then and has had since."""
    then: dict[str, str] = {}
    since: list[str] = []
    for entry in entries_of(story, PEOPLE, "hubspot"):
        if entry.id == hubspot_id and entry.field in ("email", OTHERS):
            if entry.at_us <= at_us:
                then[entry.field] = entry.new or ""
            else:
                since.append(entry.field)
    return {each for name, text in then.items() if name not in since for each in text.split(";") if each}


def _with_address(story: Story, addresses: set[str], from_us: int, until_us: int) -> set[str]:
    """Salesforce records that had one of them and were there, unchanged in that, all the time."""
    holding: dict[str, str] = {}
    for entry in entries_of(story, PEOPLE, "salesforce"):
        if entry.at_us > until_us:
            break
        if entry.field == "Email" and entry.at_us <= from_us:
            holding[entry.id] = entry.new or ""
        elif entry.field == "Email" or entry.action in ("delete", "merge", "convert", "undelete", "restore"):
            holding.pop(entry.id, None)
    return {id_ for id_, email in holding.items() if email in addresses}


def _the_latest(story: Story) -> Iterator[str]:
    mode = [note.id for note in story.notes if note.what == _MODE][-1]
    if mode != LATEST_MODIFIED:
        return
    here, there = _here(story), _there(story)
    by_person = {link.salesforce_id for link in story.links if link.linked_by is LinkedBy.PERSON}
    troubled = {id_ for each in story.issues for id_ in (each.hubspot_id, each.salesforce_id)}
    for hubspot_id, values in here.items():
        own = there.get(values.get(LINK) or "")
        if own is None or not own["Email"] or {hubspot_id, own["Id"]} & troubled or own["Id"] in by_person:
            continue
        same = [row for row in there.values() if row["Email"] == own["Email"] and row["Id"][:3] == own["Id"][:3]]
        newest = max(same, key=lambda row: str(row["SystemModstamp"]))
        others = {row["Id"] for row in same} & {each.get(LINK) for each in here.values()} - {own["Id"]}
        if str(newest["SystemModstamp"]) > str(own["SystemModstamp"]) and not others and newest["Id"] not in troubled:
            yield f"identity: {hubspot_id} syncs with {own['Id']}, and {newest['Id']} of the same address was edited later"


def _made_at_all(story: Story) -> Iterator[str]:
    for side in ("hubspot", "salesforce"):
        for entry in entries_of(story, PEOPLE, side):
            if entry.client == OURS and entry.action == "create" and entry.field in (LINK, CREATION_KEY):
                yield f"identity: {side} {entry.id} was made by us, and nobody is to be made"


IDENTITY = Theme(
    "identity",
    check,
    moves=MOVES,
    pages=PAGES,
    choices=_choices,
    settle=_begin,
    outside=outside,
    modules=("addresses",) * 12 + ("persons_word",),
    later_s=LOOKED_AGAIN_S,
)

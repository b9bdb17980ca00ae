"""What is merged in Salesforce is merged in HubSpot: proposed, and confirmed by somebody, or by itself, with the brake; and deletes
are carried over meanwhile, restores too, also of what lost a merge.

What has to hold is told by merged.py and deleted.py, and that no brake was overrun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from interlock.app import issues as app_issues
from interlock.app import merges, what_syncs
from interlock.app.errors import Missing
from interlock.core.model import Issue
from interlock.engine.merging import PROPOSAL
from interlock.objects.choices import AUTOMATIC, BOTH, DELETES, IN_HUBSPOT, IN_SALESFORCE, MERGES, NOTHING, PROPOSE
from interlock.store import Store, connections
from interlock.store.connections import Connection
from tests.simulation.desk import Desk
from tests.simulation.journals import OURS, entries_of
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.merged import CHOSEN, CONFIRMED
from tests.simulation.themes.theme import Move, Page, Theme

if TYPE_CHECKING:
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

MERGEABLE = MERGES.objects
# Of the stories in which a brake stops what one would hardly come to in others.
BRAKED_SHARE, BRAKED_AT = 0.3, 2
DAY_S = 90_000.0
LOOKS, BETWEEN_LOOKS_S = 20, 8.0


def _choices(recipe: Recipe) -> dict[str, dict[str, str]]:
    chance = recipe.chance("merges")
    merging = {
        slug: chance.choice((PROPOSE, PROPOSE, AUTOMATIC, AUTOMATIC, NOTHING))
        for slug in recipe.objects
        if slug in MERGEABLE
    }
    deleting = {
        slug: chance.choice((IN_HUBSPOT, IN_SALESFORCE, BOTH, BOTH, DELETES.default)) for slug in recipe.objects
    }
    return {MERGES.name: merging, DELETES.name: deleting}


def _braked(recipe: Recipe) -> bool:
    return recipe.chance("brake").random() < BRAKED_SHARE


async def _arm(world: World, store: Store, connection: Connection) -> None:
    assert connection.id is not None
    if not _braked(world.recipe):
        return
    async with store.write(connection.id) as tx:
        found = await connections.get(tx, connection.id)
        assert found is not None
        await connections.update(tx, connection.id, settings={**found.settings, "mass_change_least": BRAKED_AT})


# --- people at work -------------------------------------------------------------------------------------------------------


def _merging(desk: Desk) -> Kind:
    return desk.chance.choice([kind for kind in desk.kinds if kind.slug in MERGEABLE])


def merge_two_that_are_linked(desk: Desk, kind: Kind) -> None:
    merging = _merging(desk)
    (_, winner), (_, loser) = desk.chance.sample(desk.pairs(merging), 2)
    desk.sally.merge(merging.sobject, winner, loser)


def edit_and_merge(desk: Desk, kind: Kind) -> None:
    """Somebody edits in HubSpot what another merges away in Salesforce at the same time."""
    merging = _merging(desk)
    (_, winner), (here, loser) = desk.chance.sample(desk.pairs(merging), 2)
    name = desk.chance.choice([name for name in merging.fields if name not in merging.keys])
    desk.hugo.update(merging.slug, here, {name: desk.token(name)})
    desk.sally.merge(merging.sobject, winner, loser)


def merge_on_both_sides(desk: Desk, kind: Kind) -> None:
    """Two people find the same two, and need not agree on which of them stays."""
    merging = _merging(desk)
    one, other = desk.chance.sample(desk.pairs(merging), 2)
    desk.sally.merge(merging.sobject, one[1], other[1])
    first, second = (one, other) if desk.chance.random() < 0.5 else (other, one)
    desk.hugo.merge(merging.slug, first[0], second[0])


def restore_what_lost_a_merge(desk: Desk, kind: Kind) -> None:
    merging = _merging(desk)
    rows = desk.org.tables[merging.sobject].from_id("")
    lost = [row.id for row in rows if row.deleted_s is not None and row.master_id is not None]
    desk.sally.undelete(merging.sobject, desk.chance.choice(lost))


def delete_one_of_a_pair(desk: Desk, kind: Kind) -> None:
    here, there = desk.some_pair(kind)
    if desk.chance.random() < 0.5:
        desk.hugo.archive(kind.slug, here)
    else:
        desk.sally.delete(kind.sobject, there)


def edit_and_delete(desk: Desk, kind: Kind) -> None:
    """Somebody edits what another deletes on the other side."""
    here, there = desk.some_pair(kind)
    name = desk.chance.choice([name for name in kind.fields if name not in kind.keys])
    if desk.chance.random() < 0.5:
        desk.sally.update(kind.sobject, there, {kind.fields[name]: desk.token(name)})
        desk.hugo.archive(kind.slug, here)
    else:
        desk.hugo.update(kind.slug, here, {name: desk.token(name)})
        desk.sally.delete(kind.sobject, there)


MOVES: dict[Move, float] = {
    merge_two_that_are_linked: 6,
    edit_and_merge: 2,
    merge_on_both_sides: 2,
    restore_what_lost_a_merge: 3,
    delete_one_of_a_pair: 3,
    edit_and_delete: 2,
}


# --- at Interlock's pages -------------------------------------------------------------------------------------------------


async def _proposed(world: World, store: Store) -> list[Issue]:
    """Whoever has something to say comes back until there is something to say it of."""
    for _ in range(LOOKS):
        found = (await app_issues.list_(store, world.connection_id, app_issues.Query(code=PROPOSAL))).issues
        if found:
            return found
        await asyncio.sleep(BETWEEN_LOOKS_S)
    raise Missing("no merge is proposed")


async def confirm_what_is_proposed(world: World, store: Store) -> None:
    found = await _proposed(world, store)
    chance = world.recipe.chance(f"confirm:{len(world.story.pages)}")
    chosen = found if chance.random() < 0.3 else [chance.choice(found)]
    for issue in chosen:
        # Before it is said: a sync may be quicker than the note.
        world.users.desk.note(CONFIRMED, issue.object, issue.hubspot_id or "", issue.value or "")
    await merges.confirm(store, world.connection_id, chosen, world.loop.now_us())


async def put_a_proposal_aside(world: World, store: Store) -> None:
    found = await _proposed(world, store)
    await app_issues.ignore(store, world.connection_id, found[:1])


async def choose_what_becomes_of_merges(world: World, store: Store) -> None:
    chance = world.recipe.chance(f"merges:{len(world.story.pages)}")
    slug = chance.choice([slug for slug in world.recipe.objects if slug in MERGEABLE])
    mode = chance.choice(MERGES.values)
    async with store.read(None) as tx:
        connection = await connections.get(tx, world.connection_id)
    assert connection is not None
    world.users.desk.note(CHOSEN, slug, "", mode)
    await what_syncs.choose(store, connection, slug, what_syncs.Choice(choices={MERGES.name: mode}), None)


PAGES: dict[Page, float] = {
    confirm_what_is_proposed: 8,
    put_a_proposal_aside: 9,
    choose_what_becomes_of_merges: 1.5,
}


# --- what has to hold -----------------------------------------------------------------------------------------------------


def check(story: Story) -> Iterator[str]:
    if not _braked(story.recipe):
        return
    released = any(note.what == "resumed" and note.object == "stopped_by_brake" for note in story.notes)
    for slug in story.recipe.objects:
        for side in ("hubspot", "salesforce"):
            gone = {
                each.id
                for each in entries_of(story, KINDS[slug], side)
                if each.client == OURS and each.action == "delete"
            }
            if len(gone) >= BRAKED_AT and not released:
                yield f"brake: {sorted(gone)} were deleted by us in {side}, and nothing stopped at {BRAKED_AT}"
        confirmed = {note.id for note in story.notes if note.what == CONFIRMED}
        merged = {
            (each.new, each.at_us)
            for each in entries_of(story, KINDS[slug], "hubspot")
            if each.client == OURS and each.action == "merge" and each.id not in confirmed
        }
        merged -= {(each.new, each.at_us) for each in entries_of(story, KINDS[slug], "hubspot") if each.id in confirmed}
        if len(merged) >= BRAKED_AT and not released:
            yield f"brake: {sorted(merged)} were merged by us, and nothing stopped at {BRAKED_AT}"


MERGES_THEME = Theme(
    "merges",
    check,
    moves=MOVES,
    pages=PAGES,
    choices=_choices,
    settle=_arm,
    modules=("follow",),
    later_s=DAY_S,
)

"""Deals in several pipelines, opportunities of several record types, of which two are joined and a third is not.

What has to hold: no deal of ours is ever without a stage or in a stage of another pipeline than its own; nothing of ours is written
to a pair while either of its records stands where nothing syncs; no stage that a person chose is replaced without a row in the log;
and where both stand in what syncs, pipeline and record type, and stage and StageName, stand for each other in the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from interlock.app import what_syncs
from interlock.app.schemas import NAME as SCHEMAS
from interlock.core.codec.stage import MASTER
from interlock.core.model import AuditRow
from interlock.objects.pipelines import Chosen
from interlock.store import connections, directory
from tests.simulation.desk import Desk
from tests.simulation.journals import OURS, entries_of
from tests.simulation.kinds import CREATION_KEY, KINDS, LINK, Kind
from tests.simulation.shown import SHOWN
from tests.simulation.themes import sales_stages
from tests.simulation.themes.at_the_pages import AtThePages
from tests.simulation.themes.chosen_values import Place, Tells, replaced_unlogged, true_us
from tests.simulation.themes.sales_stages import (
    FIRST,
    FIRST_STAGES,
    IN_STEP,
    pipelines,
    record_types,
)
from tests.simulation.themes.theme import Move, Page, Theme

if TYPE_CHECKING:
    from interlock.store import Store
    from interlock.store.connections import Connection
    from tests.simulation.world import Story, World

DEALS = KINDS["deals"]
PIPELINE, STAGE, RECORD_TYPE, STAGE_NAME = "pipeline", "dealstage", "RecordTypeId", "StageName"
# How many of the stories keep their pipelines in step; and what a look at these waits for (app/schemas.py).
IN_STEP_SHARE = 0.6
LOOKS_S = 6.1 * 3_600
JOINED, UNJOINED = ("New business", "Renewals"), "Partners"
# From when something leaves what syncs, or somebody chooses otherwise, until nobody writes by what was read before: what a batch
# has read may wait for answers that never come (emptied.py says five minutes, of which a story has three).
IN_USE_US = 120_000_000
# What Interlock keeps in the records to know them by.
# That an opportunity was deleted is shown wherever it stood: of one that is gone nothing else tells.
OURS_ALONE = (LINK, CREATION_KEY, "Interlock_HubSpot_Id__c", SHOWN)


# --- what there is -------------------------------------------------------------------------------------------------------


def _choice(world: World, names: tuple[str, ...], *, in_step: bool) -> dict[str, Any]:
    """As the settings keep it. The first pipeline stands for opportunities that have no record type."""
    there, types = pipelines(world.hubspot), record_types(world.salesforce)
    chosen: dict[str, Any] = {FIRST: {"record_type": MASTER, "stages": FIRST_STAGES}}
    for name in names:
        stages = sales_stages.joined(world, name)
        chosen[there[name].id] = {"record_type": types[name], "stages": stages, "in_step": in_step}
    return chosen


async def _settle(world: World, store: Store, connection: Connection) -> None:
    chance = world.recipe.chance("pipelines")
    names = chance.choice((JOINED, JOINED, JOINED[:1]))
    in_step = chance.random() < IN_STEP_SHARE
    chosen = _choice(world, names, in_step=in_step)
    world.users.desk.kept |= {IN_STEP: in_step, "org": world.salesforce, "account": world.hubspot.settings()}
    async with store.write(connection.id) as tx:
        now = await connections.get(tx, world.connection_id)
        assert now is not None
        await connections.update(tx, world.connection_id, settings={**now.settings, "pipelines": chosen})
        await directory.drop(tx, SCHEMAS)
    world.did("joined", *names)
    if in_step:
        world.did(IN_STEP)


# --- moves ---------------------------------------------------------------------------------------------------------------


def _goes_to(desk: Desk, here: str, name: str) -> None:
    pipeline = pipelines(desk)[name]
    stage = desk.chance.choice(pipeline.stages).id
    values = desk.hugo.get("deals", here)
    if (values.get(PIPELINE), values.get(STAGE)) != (pipeline.id, stage):
        desk.hugo.update("deals", here, {PIPELINE: pipeline.id, STAGE: stage})


def another_pipeline(desk: Desk, kind: Kind) -> None:
    _goes_to(desk, desk.some_in_hubspot(DEALS), desk.chance.choice((FIRST, *JOINED, *JOINED, UNJOINED)))


def another_stage_in_hubspot(desk: Desk, kind: Kind) -> None:
    here = desk.some_in_hubspot(DEALS)
    now = desk.hugo.get("deals", here).get(PIPELINE)
    _goes_to(desk, here, next(name for name, each in pipelines(desk).items() if each.id == now))


def _gets(desk: Desk, there: str, name: str | None, stage: str | None) -> None:
    values: dict[str, Any] = {} if stage is None else {STAGE_NAME: stage}
    if name is not None:
        values[RECORD_TYPE] = None if name == FIRST else record_types(desk)[name]
    before = desk.sally.get("Opportunity", there)
    if any(before[field] != value for field, value in values.items()):
        desk.sally.update("Opportunity", there, values)


def _some_stage(desk: Desk, name: str) -> str:
    return desk.chance.choice(sales_stages.offered(desk, name))


def another_record_type(desk: Desk, kind: Kind) -> None:
    """With a stage of its process, or with the one that it has."""
    name = desk.chance.choice((FIRST, *JOINED, *JOINED, UNJOINED))
    stage = _some_stage(desk, name) if desk.chance.random() < 0.6 else None
    _gets(desk, desk.some_in_salesforce(DEALS), name, stage)


def another_stage_in_salesforce(desk: Desk, kind: Kind) -> None:
    there = desk.some_in_salesforce(DEALS)
    type_ = desk.sally.get("Opportunity", there)[RECORD_TYPE]
    name = next((name for name, id_ in record_types(desk).items() if id_ == type_), FIRST)
    _gets(desk, there, None, _some_stage(desk, name))


def both_at_once(desk: Desk, kind: Kind) -> None:
    """Pipeline and record type of one pair, or the one's stage and the other's record type, before anybody can know."""
    here, there = desk.some_pair(DEALS)
    left, right = desk.chance.choice((FIRST, *JOINED)), desk.chance.choice((FIRST, *JOINED))
    _gets(desk, there, right, _some_stage(desk, right) if desk.chance.random() < 0.6 else None)
    if desk.chance.random() < 0.6:
        _goes_to(desk, here, left)
    else:
        now = desk.hugo.get("deals", here).get(PIPELINE)
        _goes_to(desk, here, next(name for name, each in pipelines(desk).items() if each.id == now))


def there_and_back(desk: Desk, kind: Kind) -> None:
    """Whatever stands where nothing syncs is typed into and comes back."""
    alone = pipelines(desk)[UNJOINED].id
    for id_ in desk.in_hubspot(DEALS):
        if desk.hugo.get("deals", id_).get(PIPELINE) == alone:
            desk.hugo.update("deals", id_, {"description": desk.token("description")})
            _goes_to(desk, id_, desk.chance.choice((FIRST, *JOINED)))
            return
    type_ = record_types(desk)[UNJOINED]
    there = desk.chance.choice(
        [id_ for id_ in desk.in_salesforce(DEALS) if desk.sally.get("Opportunity", id_)[RECORD_TYPE] == type_]
    )
    desk.sally.update("Opportunity", there, {"Description": desk.token("description")})
    name = desk.chance.choice((FIRST, *JOINED))
    _gets(desk, there, name, _some_stage(desk, name))


def enter_a_deal_in_a_pipeline(desk: Desk, kind: Kind) -> None:
    if not desk.room(DEALS):
        return
    name = desk.chance.choice((*JOINED, *JOINED, UNJOINED))
    if desk.chance.random() < 0.5:
        pipeline = pipelines(desk)[name]
        values = {PIPELINE: pipeline.id, STAGE: desk.chance.choice(pipeline.stages).id}
        desk.hugo.create("deals", desk.typed(DEALS) | DEALS.required_in_hubspot | values)
    else:
        fields = {DEALS.fields[each]: value for each, value in desk.typed(DEALS).items()}
        more = {RECORD_TYPE: record_types(desk)[name], STAGE_NAME: _some_stage(desk, name)}
        desk.sally.create("Opportunity", fields | DEALS.required_in_salesforce | more)


MOVES: dict[Move, float] = {
    another_pipeline: 4,
    another_stage_in_hubspot: 3,
    another_record_type: 4,
    another_stage_in_salesforce: 3,
    both_at_once: 6,
    there_and_back: 5,
    enter_a_deal_in_a_pipeline: 1.5,
    **sales_stages.MOVES,
}

# --- pages ---------------------------------------------------------------------------------------------------------------


def _ids(world: World, names: tuple[str, ...]) -> set[str]:
    return {FIRST} | {pipelines(world.hubspot)[name].id for name in names}


async def choose_other_pipelines(world: World, store: Store) -> None:
    """One joins, or one goes."""
    before = _joined(world.story)[-1][1]
    names = JOINED[:1] if len(before) > 1 else JOINED
    connection = await AtThePages(world, store).connection()
    in_step = any(each.get("in_step") for each in connection.settings["pipelines"].values())
    # What is in use stays as it is.
    chosen = msgspec.convert(
        _choice(world, names, in_step=in_step)
        | {id_: each for id_, each in connection.settings["pipelines"].items() if id_ in _ids(world, names)},
        Chosen,
    )
    await what_syncs.choose(store, connection, "deals", what_syncs.Choice(pipelines=chosen), None)
    world.did("joined", *names)


PAGES: dict[Page, float] = {choose_other_pipelines: 1, **sales_stages.PAGES}

# --- check ---------------------------------------------------------------------------------------------------------------


def _joined(story: Story) -> list[tuple[int, tuple[str, ...]]]:
    return [(deed.at_us, deed.about) for deed in story.deeds if deed.what == "joined"]


def _places(story: Story, names: tuple[str, ...]) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Of what syncs: pipeline -> record type ("" for none), stage -> what its stage in Salesforce was ever called."""
    there, types = pipelines(story.hubspot), record_types(story.salesforce)
    of = {FIRST: ""} | {there[name].id: types[name] for name in names}
    called = sales_stages.names_of(story)
    stages = {each.id for name in (FIRST, *names) for each in there[name].stages}
    return of, {id_: names for id_, names in called.items() if id_ in stages}


def check(story: Story) -> Iterator[str]:
    yield from _stages_of_deals(story)
    yield from _written_where_nothing_syncs(story)
    yield from _pairs(story)
    yield from _no_stage_twice(story)
    if any(deed.what == IN_STEP for deed in story.deeds):
        choices = [set(names) for _, names in _joined(story)]
        yield from sales_stages.check(story, set.intersection(*choices), choices[-1])
    _, stages = _places(story, JOINED)
    # A stage that stands for none is not written over, so what nobody can read is in question nowhere.
    place = Place(DEALS, STAGE, STAGE_NAME)
    yield from replaced_unlogged(story, place, lambda side, value: _stands_for(stages, side, value), _tells(stages))


def _stands_for(stages: dict[str, set[str]], side: str, value: str) -> set[str]:
    if side == "hubspot":
        return stages.get(value, set())
    return {stage for stage, names in stages.items() if value in names}


def _tells(stages: dict[str, set[str]]) -> Tells:
    def tells(row: AuditRow, value: str) -> bool:
        return str(row.old) in {value, *stages.get(value, ())}

    return tells


def _stages_of_deals(story: Story) -> Iterator[str]:
    """After each write of ours. What is written together is told together."""
    of_stage = {stage.id: each.id for each in pipelines(story.hubspot).values() for stage in each.stages}
    # Where HubSpot's stage is its own by the rule, a deal has none until somebody there gives it one.
    unruled = ("deals", STAGE) not in story.reruled and story.rules["deals", STAGE] not in (
        "dont_sync",
        "always_hubspot",
    )
    deals: dict[str, dict[str, str]] = {}
    ours: set[str] = set()
    rows = list(entries_of(story, DEALS, "hubspot"))
    for number, entry in enumerate(rows):
        deal = deals.setdefault(entry.id, {})
        if entry.field in (PIPELINE, STAGE):
            deal[entry.field] = entry.new or ""
            ours |= {entry.id}
        after = rows[number + 1] if number + 1 < len(rows) else None
        together = after is not None and (after.id, after.at_us, after.client) == (entry.id, entry.at_us, entry.client)
        if together or entry.id not in ours:
            continue
        ours.discard(entry.id)
        if entry.client != OURS or entry.action not in ("create", "update"):
            continue
        stage, pipeline = deal.get(STAGE, ""), deal.get(PIPELINE, "")
        if (not stage and unruled) or (stage and of_stage.get(stage) != pipeline):
            yield f"pipelines: deal {entry.id} is in pipeline {pipeline!r} and stage {stage!r} after our write at {entry.at_us}"


def _outside(story: Story, side: str, id_: str, since_us: int, until_us: int) -> bool:
    """Whether a record stood where nothing syncs all the time, whatever was chosen then."""
    joined = _joined(story)
    holding = [names for at_us, names in joined if at_us <= since_us][-1:]
    choices = holding + [names for at_us, names in joined if since_us < at_us <= until_us]
    syncs = {pipeline: type_ for names in choices for pipeline, type_ in _places(story, names)[0].items()}
    places = set(syncs) if side == "hubspot" else set(syncs.values())
    field = PIPELINE if side == "hubspot" else RECORD_TYPE
    stood, before, born = set(), "", False
    for entry in entries_of(story, DEALS, side):
        at_us = true_us(story, side, entry)
        if entry.id != id_ or at_us > until_us:
            continue
        born = born or at_us <= since_us
        if entry.field == field:
            if at_us <= since_us:
                before = entry.new or ""
            else:
                stood |= {entry.new or ""}
    return bool(choices) and born and not (stood | {before}) & places


def _written_where_nothing_syncs(story: Story) -> Iterator[str]:
    for side in ("hubspot", "salesforce"):
        for entry in entries_of(story, DEALS, side):
            if entry.client != OURS or entry.action != "update" or entry.field in OURS_ALONE:
                continue
            until_us = true_us(story, side, entry)
            pairs = [
                (link.hubspot_id, link.salesforce_id)
                for link in story.links
                if entry.id in (link.hubspot_id, link.salesforce_id)
            ]
            for pair in pairs:
                for where, id_ in zip(("hubspot", "salesforce"), pair, strict=True):
                    if _outside(story, where, id_, until_us - IN_USE_US, until_us):
                        yield (
                            f"pipelines: {side} {entry.id}.{entry.field} {entry.old!r} -> {entry.new!r} by us at {entry.at_us},"
                            f" and {where} {id_} stood where nothing syncs"
                        )


def outside(story: Story, kind: Kind) -> set[str]:
    """Records that stand where nothing syncs in the end, and their counterparts."""
    if kind is not DEALS:
        return set()
    of, _ = _places(story, _joined(story)[-1][1])
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    here = {id_ for id_ in hugo.ids("deals") if hugo.get("deals", id_).get(PIPELINE) not in of}
    there = {
        id_ for id_ in sally.ids("Opportunity") if (sally.get("Opportunity", id_)[RECORD_TYPE] or "") not in of.values()
    }
    alone = here | there
    alone |= {
        id_
        for link in story.links
        if {link.hubspot_id, link.salesforce_id} & alone
        for id_ in (link.hubspot_id, link.salesforce_id)
    }
    return alone


def _pairs(story: Story) -> Iterator[str]:
    if ("deals", STAGE) in story.reruled or story.rules["deals", STAGE] == "dont_sync":
        return
    of, stages = _places(story, _joined(story)[-1][1])
    alone = outside(story, DEALS)
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    for link in story.links:
        pair = (link.hubspot_id, link.salesforce_id)
        if link.object != "deals" or link.state.value != "linked" or set(pair) & alone:
            continue
        if link.hubspot_id not in hugo.ids("deals") or link.salesforce_id not in sally.ids("Opportunity"):
            continue
        if any({each.hubspot_id, each.salesforce_id} & set(pair) for each in story.issues):
            continue
        left, right = hugo.get("deals", link.hubspot_id), sally.get("Opportunity", link.salesforce_id)
        if (left.get(STAGE) or "") not in stages:
            continue  # it stands for none of Salesforce, and nothing is made of that
        pipeline, stage = left[PIPELINE] or "", left[STAGE] or ""
        if of[pipeline] != (right[RECORD_TYPE] or "") or right[STAGE_NAME] not in stages[stage]:
            here, there = (left[PIPELINE], left[STAGE]), (right[RECORD_TYPE], right[STAGE_NAME])
            yield f"pipelines: deal {link.hubspot_id} is in {here}, {link.salesforce_id} in {there}, and nobody was told"


def _no_stage_twice(story: Story) -> Iterator[str]:
    for name, pipeline in pipelines(story.hubspot).items():
        labels = [each.label for each in pipeline.stages]
        if len(set(labels)) < len(labels):
            yield f"pipelines: {name} has a stage twice: {labels}"


PIPELINES = Theme(
    "pipelines",
    check,
    moves=MOVES,
    pages=PAGES,
    furnish=sales_stages.organise,
    settle=_settle,
    outside=outside,
    modules=("pipelines", "app.pipelines_in_step"),
    objects=("deals",),
    pace_s=LOOKS_S,
)

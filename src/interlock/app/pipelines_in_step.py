"""Keeping a HubSpot pipeline in step with the sales process of its record type, where a person asked for it. What there is to do
is decided in objects/stages_in_step.py; here it is done, and remembered.

Looked at as often as the schemas are. What will be done is kept before the first request leaves, so that a process which dies
between a request and its row in the log of deeds leaves to the next look what to go on with and what to log. A stage that is
added is found by its label, and not made twice. What HubSpot does not let be done is an issue, and all else goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from interlock.app import pipeline_issues
from interlock.app.added_stages import places_with
from interlock.app.connections import fresh
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.pipelines import Offer, SalesProcess, read
from interlock.app.schemas import MAX_AGE_US
from interlock.app.schemas import NAME as SCHEMAS
from interlock.core.model import Issue
from interlock.crm.errors import CallRefused, Forbidden
from interlock.crm.hubspot.model import NewStage, Pipeline
from interlock.engine.context import Cycle
from interlock.objects.pipelines import Chosen, PipelineChoice
from interlock.objects.stages_in_step import (
    Change,
    DealStage,
    Deed,
    Followed,
    SalesStage,
    in_order,
    is_done,
    made_before,
    move,
    plan,
)
from interlock.store import WriteTx, connections, cursors, directory
from interlock.store.deeds import SYNC

LOOKED = "pipelines_in_step"
_ROWS = "SELECT Id, ApiName FROM OpportunityStage"


class _Kept(msgspec.Struct):
    """Between two looks. `going`: by pipeline, what was about to be done and is not known to have been."""

    at_us: int | None = None
    followed: dict[str, Followed] = {}
    going: dict[str, list[Change]] = {}


class _Step(msgspec.Struct):
    """What became of one pipeline. `was`, `names`: what its stages were joined with before, and are now."""

    was: dict[str, str]
    names: dict[str, str]
    followed: Followed
    refused: list[str]
    retired: list[str]
    pipeline: Pipeline


async def keep_in_step(ctx: Cycle) -> bool:
    """True: stages were joined, and the settings are others now. Raises CrmError, but for a refusal."""
    chosen = {id_: each for id_, each in ctx.settings.pipelines.items() if each.in_step}
    if not chosen or "deals" not in ctx.objects:
        return False
    async with ctx.store.read(ctx.connection_id) as tx:
        kept = msgspec.convert(await cursors.get(tx, LOOKED) or {}, _Kept)
    if kept.at_us is not None and ctx.clock_us() - kept.at_us < MAX_AGE_US:
        return False
    steps: dict[str, _Step] = {}
    found = []
    try:
        offer = await read(ctx.hubspot, ctx.salesforce)
        rows = {
            str(row["ApiName"]): str(row["Id"]) for row in await ctx.salesforce.query_all_rows(_ROWS, purpose="setup")
        }
        for id_, choice in chosen.items():
            pipeline, process = offer.pipeline(id_), offer.process(choice.record_type)
            if pipeline is not None and process is not None:
                steps[id_] = await _follow(ctx, kept, pipeline, _stages(process, rows), choice)
        found = await _told(ctx, steps, offer)
    except (CallRefused, Forbidden) as error:
        found = [pipeline_issues.behind([error.message])]
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        kept.at_us = ctx.clock_us()
        kept.followed = {id_: each for id_, each in kept.followed.items() if id_ in chosen}
        kept.followed |= {id_: each.followed for id_, each in steps.items()}
        await cursors.set(tx, LOOKED, msgspec.to_builtins(kept))
        await pipeline_issues.tell(tx, found)
        return await _save(tx, ctx.connection_id, steps)


def _stages(process: SalesProcess, rows: Mapping[str, str]) -> list[SalesStage]:
    return [
        SalesStage(rows.get(each.value, ""), each.value, each.label, each.closed, each.won, each.probability)
        for each in process.stages
    ]


def _here(pipeline: Pipeline) -> list[DealStage]:
    return [DealStage(each.id, each.label, (each.probability, each.is_closed)) for each in pipeline.stages]


async def _follow(
    ctx: Cycle, kept: _Kept, pipeline: Pipeline, there: list[SalesStage], choice: PipelineChoice
) -> _Step:
    here, going = _here(pipeline), kept.going.get(pipeline.id, [])
    was = choice.stages
    owed = plan(here, there, *made_before(going, here, was, kept.followed.get(pipeline.id, Followed())))
    done = [each for each in going if is_done(each, here)]
    refused: list[str] = []
    turned_down: list[tuple[Change, str]] = []
    names, followed = dict(owed.names), owed.followed
    if owed.changes:
        await _intend(ctx, kept, pipeline, [*going, *owed.changes])
        new = [each.added.name for each in owed.changes if each.added is not None]
        places = places_with(new, [each.name for each in there], pipeline, names)
        try:
            await _make_room(ctx, pipeline, places if new else {})
        except (CallRefused, Forbidden) as error:
            refused.append(error.message)
        for each in owed.changes:
            try:
                await _carry_out(ctx, pipeline, each, places)
                done.append(each)
            except (CallRefused, Forbidden) as error:
                turned_down.append((each, error.message))
        now = await ctx.hubspot.pipelines("deals")
        pipeline = next((each for each in now if each.id == pipeline.id), pipeline)
        for each, message in turned_down:
            # A request that came twice is refused what it has done.
            if is_done(each, _here(pipeline)):
                done.append(each)
            else:
                refused.append(message)
                followed = _without(each, followed, kept.followed.get(pipeline.id))
        followed = _with_added(followed, names, pipeline, there)
    moved = move(
        [stage.id for stage in pipeline.stages],
        owed.order,
        in_order(there, names),
        begun=any(each.deed is Deed.MOVE for each in going),
    )
    if moved is not None:
        await _intend(ctx, kept, pipeline, [*going, *owed.changes, moved])
        try:
            await _carry_out(ctx, pipeline, moved, {})
            done.append(moved)
        except (CallRefused, Forbidden) as error:
            refused.append(error.message)
            followed = msgspec.structs.replace(followed, order=owed.order)
    if done or pipeline.id in kept.going:
        await _log(ctx, kept, pipeline, done)
    return _Step(was, names, followed, refused, owed.retired, pipeline)


async def _intend(ctx: Cycle, kept: _Kept, pipeline: Pipeline, changes: list[Change]) -> None:
    # What a process that died was about to do, and is owed still, is one thing to do.
    kept.going[pipeline.id] = list({each.about: each for each in changes}.values())
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await cursors.set(tx, LOOKED, msgspec.to_builtins(kept))


async def _make_room(ctx: Cycle, pipeline: Pipeline, places: Mapping[str, int]) -> None:
    """For stages that are added: HubSpot shows two of one place by their labels, and another label would move one of them. From the
    last one on, so that those that are there keep their order whenever this ends."""
    for each in reversed(pipeline.stages):
        if each.place != places.get(each.id, each.place):
            await ctx.hubspot.change_stage("deals", pipeline.id, each.id, order=places[each.id])


async def _carry_out(ctx: Cycle, pipeline: Pipeline, change: Change, room: Mapping[str, int]) -> None:
    """`room`: by StageName, the places of stages that are added."""
    if change.deed is Deed.MOVE:
        places = {each.id: each.place for each in pipeline.stages}
        for place, stage in enumerate(change.order):
            if places.get(stage) != place:
                await ctx.hubspot.change_stage("deals", pipeline.id, stage, order=place)
    elif change.deed is Deed.ADD:
        assert change.means is not None
        assert change.added is not None
        new = NewStage(change.label, *change.means)
        await ctx.hubspot.create_stage("deals", pipeline.id, new, room[change.added.name])
    else:
        label = change.label if change.deed is Deed.RENAME else None
        await ctx.hubspot.change_stage("deals", pipeline.id, change.stage, label=label, means=change.means)


async def _log(ctx: Cycle, kept: _Kept, pipeline: Pipeline, done: Iterable[Change]) -> None:
    """A row in the log of deeds for each, and nothing is going any more: at once or not at all."""
    kept.going.pop(pipeline.id, None)
    labels = {each.id: each.label for each in pipeline.stages}
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await cursors.set(tx, LOOKED, msgspec.to_builtins(kept))
        for each in done:
            means = each.means or (None, None)
            await record(
                tx,
                By(SYNC),
                "pipeline_changed",
                f"connection:{ctx.connection_id}",
                pipeline=pipeline.label,
                did=each.deed.value,
                stage=each.label or None,
                was=each.was if each.was != each.label else None,
                probability=means[0],
                closed=means[1],
                order=[labels.get(id_, id_) for id_ in each.order],
            )


def _without(change: Change, followed: Followed, before: Followed | None) -> Followed:
    """What was refused is owed still."""
    known = None if before is None else before.stages.get(change.stage)
    if known is None:
        return followed
    now = followed.stages[change.stage]
    if change.deed is Deed.RENAME:
        now = msgspec.structs.replace(now, label=known.label)
    else:
        now = msgspec.structs.replace(now, closed=known.closed, won=known.won, percent=known.percent)
    return msgspec.structs.replace(followed, stages={**followed.stages, change.stage: now})


def _with_added(followed: Followed, names: dict[str, str], pipeline: Pipeline, there: Iterable[SalesStage]) -> Followed:
    """With the stages that were added, which are known by their labels; into `names` as well."""
    free = {each.label: each.id for each in pipeline.stages if each.id not in names}
    stages = dict(followed.stages)
    for each in there:
        if each.name not in names.values() and each.label in free:
            names[free[each.label]] = each.name
            stages[free[each.label]] = each
    return Followed(stages, in_order(list(there), names))


async def _told(ctx: Cycle, steps: Mapping[str, _Step], offer: Offer) -> list[Issue]:
    refused = [message for step in steps.values() for message in step.refused]
    found = [pipeline_issues.behind(refused)] if refused else []
    retired = []
    for step in steps.values():
        labels = {each.id: each.label for each in step.pipeline.stages}
        for stage in step.retired:
            deals = await pipeline_issues.deals_in(ctx, step.pipeline.id, stage)
            retired.append((step.pipeline.label, labels[stage], deals))
    if retired:
        found.append(pipeline_issues.retired(retired))
    apart = []
    for step in steps.values():
        there = {each.name: each for each in step.followed.stages.values()}
        for each in step.pipeline.stages:
            other = there.get(step.names.get(each.id, ""))
            if each.id not in step.retired and other is not None and each.is_closed != other.closed:
                apart.append((step.pipeline.label, each.label, other.name))
    if apart:
        found.append(pipeline_issues.apart(apart))
    return found


async def _save(tx: WriteTx, connection_id: int, steps: Mapping[str, _Step]) -> bool:
    """To what is chosen now: a person may have chosen otherwise meanwhile."""
    settings = dict((await fresh(tx, connection_id)).settings)
    chosen = msgspec.convert(settings.get("pipelines", {}), Chosen)
    after = {id_: _with(each, steps[id_]) if id_ in steps else each for id_, each in chosen.items()}
    if after == chosen:
        return False
    await connections.update(tx, connection_id, settings={**settings, "pipelines": msgspec.to_builtins(after)})
    await directory.drop(tx, SCHEMAS)
    return True


def _with(choice: PipelineChoice, step: _Step) -> PipelineChoice:
    if not choice.in_step:
        return choice
    stages = {
        stage: step.names.get(stage, name) if step.was.get(stage) == name else name
        for stage, name in choice.stages.items()
    }
    here = {each.id for each in step.pipeline.stages}
    for stage, name in step.names.items():
        if stage in choice.stages or stage in step.was:
            continue
        holder = next((id_ for id_, held in stages.items() if held == name), None)
        if holder is None or holder not in here:
            stages.pop(holder or "", None)
            stages[stage] = name
    if len(set(stages.values())) < len(stages):
        return choice
    return msgspec.structs.replace(choice, stages=stages)

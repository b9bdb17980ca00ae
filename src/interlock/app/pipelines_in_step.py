"""Keeping a HubSpot pipeline in step with the sales process of its record type, where a person asked for it: a stage that is added
in Salesforce is added in HubSpot and joined. Nothing is renamed, moved or taken away.

Looked at as often as the schemas are. A stage is found by its label, so what a process that died has made is joined, not made
twice. Where HubSpot does not let a stage be made, an issue says so and the rest syncs on.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.app.connections import fresh
from interlock.app.pipelines import Offer, SalesProcess, new_stages, read
from interlock.app.schemas import MAX_AGE_US
from interlock.app.schemas import NAME as SCHEMAS
from interlock.core.model import Issue
from interlock.crm.errors import CallRefused, Forbidden
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import Pipeline
from interlock.crm.salesforce.model import PicklistChoice
from interlock.engine.context import Cycle
from interlock.engine.explanations import fix_for
from interlock.objects.pipelines import Chosen, PipelineChoice
from interlock.store import WriteTx, connections, cursors, directory, issues

LOOKED = "pipelines_in_step"
BEHIND = "pipeline_behind"

# Pipeline id -> stage id -> StageName, of what is to be joined.
Joined = dict[str, dict[str, str]]


async def keep_in_step(ctx: Cycle) -> bool:
    """True: stages were joined, and the settings are others now. Raises CrmError, but for a refusal."""
    kept = {id_: each for id_, each in ctx.settings.pipelines.items() if each.in_step}
    if not kept or "deals" not in ctx.objects:
        return False
    async with ctx.store.read(ctx.connection_id) as tx:
        looked = await cursors.get(tx, LOOKED)
    if looked is not None and ctx.clock_us() - looked["at_us"] < MAX_AGE_US:
        return False
    try:
        joined, refused = await _joined(ctx, kept, await read(ctx.hubspot, ctx.salesforce)), None
    except (CallRefused, Forbidden) as error:
        # What was made before it is found by its label next time.
        joined, refused = {}, error.message
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await cursors.set(tx, LOOKED, {"at_us": ctx.clock_us()})
        open_, _ = await issues.list_(tx, object="deals", code=BEHIND)
        if refused is None:
            await issues.resolve_ids(tx, [each.id for each in open_ if each.id is not None])
        else:
            await issues.raise_(tx, [_behind(refused)])
        return await _save(tx, ctx.connection_id, joined)


async def _joined(ctx: Cycle, kept: Chosen, offer: Offer) -> Joined:
    found: Joined = {}
    for id_, choice in kept.items():
        pipeline, process = offer.pipeline(id_), offer.process(choice.record_type)
        if pipeline is not None and process is not None:
            found[id_] = await with_stages(ctx.hubspot, pipeline, process, choice, missing(process, choice))
    return found


def missing(process: SalesProcess, choice: PipelineChoice) -> list[PicklistChoice]:
    """The stages of Salesforce that no stage of the pipeline stands for yet."""
    return [each for each in process.stages if each.value not in choice.stages.values()]


async def with_stages(
    hubspot: HubSpotClient,
    pipeline: Pipeline,
    process: SalesProcess,
    choice: PipelineChoice,
    lacking: Sequence[PicklistChoice],
) -> dict[str, str]:
    """Stage id -> StageName of those that the pipeline lacks. Made where the pipeline has none of that label. Raises CrmError."""
    known = {each.label for each in pipeline.stages}
    for each in lacking:
        if each.label not in known:
            (stage,) = new_stages([each])
            await hubspot.create_stage("deals", pipeline.id, stage, place_of(each, process, pipeline, choice))
    if not lacking:
        return {}
    now = await hubspot.pipelines("deals")
    stages = next((each.stages for each in now if each.id == pipeline.id), [])
    free = {each.label: each.id for each in stages if each.id not in choice.stages}
    return {free[each.label]: each.value for each in lacking if each.label in free}


def place_of(stage: PicklistChoice, process: SalesProcess, pipeline: Pipeline, choice: PipelineChoice) -> int:
    """Beside the stage that stands for the one before it in Salesforce, or for the one behind: HubSpot shows two of one place by
    their labels (HubSpot CRM API, pipelines)."""
    places = {choice.stages[each.id]: n for n, each in enumerate(pipeline.stages) if each.id in choice.stages}
    at = process.stages.index(stage)
    nearest = [*reversed(process.stages[:at]), *process.stages[at + 1 :]]
    return next((places[each.value] for each in nearest if each.value in places), at)


async def _save(tx: WriteTx, connection_id: int, joined: Joined) -> bool:
    """To what is chosen now: a person may have chosen otherwise meanwhile."""
    settings = dict((await fresh(tx, connection_id)).settings)
    chosen = msgspec.convert(settings.get("pipelines", {}), Chosen)
    after = {id_: _with(each, joined.get(id_, {})) for id_, each in chosen.items()}
    if after == chosen:
        return False
    await connections.update(tx, connection_id, settings={**settings, "pipelines": msgspec.to_builtins(after)})
    await directory.drop(tx, SCHEMAS)
    return True


def _with(choice: PipelineChoice, joined: dict[str, str]) -> PipelineChoice:
    if not choice.in_step:
        return choice
    news = {
        stage: name
        for stage, name in joined.items()
        if stage not in choice.stages and name not in choice.stages.values()
    }
    return msgspec.structs.replace(choice, stages=choice.stages | news)


def _behind(refused: str) -> Issue:
    category, fix = fix_for(BEHIND)
    return Issue(
        category=category,
        code=BEHIND,
        severity="error",
        object="deals",
        hubspot_id=None,
        salesforce_id=None,
        salesforce_type=None,
        cause=f"A stage that Salesforce has got could not be added to its pipeline: {refused}",
        fix=fix,
    )

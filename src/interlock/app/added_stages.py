"""Stages of Salesforce that a HubSpot pipeline lacks: which they are, where they belong, and adding them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.app.pipelines import SalesProcess, new_stages
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import Pipeline
from interlock.crm.salesforce.model import PicklistChoice
from interlock.objects.pipelines import PipelineChoice


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
    order = [each.value for each in process.stages]
    new = {each.value: each for each in lacking if each.label not in known}
    places = places_with(list(new), order, pipeline, choice.stages)
    # From the last one on, so that those that are there keep their order whenever this ends.
    for there in reversed(pipeline.stages):
        if new and there.place != places[there.id]:
            await hubspot.change_stage("deals", pipeline.id, there.id, order=places[there.id])
    for each in new.values():
        (stage,) = new_stages([each])
        await hubspot.create_stage("deals", pipeline.id, stage, places[each.value])
    if not lacking:
        return {}
    now = await hubspot.pipelines("deals")
    stages = next((each.stages for each in now if each.id == pipeline.id), [])
    free = {each.label: each.id for each in stages if each.id not in choice.stages}
    return {free[each.label]: each.value for each in lacking if each.label in free}


def places_with(
    new: Sequence[str], order: Sequence[str], pipeline: Pipeline, joined: Mapping[str, str]
) -> dict[str, int]:
    """By stage id, and by StageName of those that are `new`: where each is to stand, so that no two have one place. Those that are
    there keep their order, and their places as far as they can. `order`: StageNames as Salesforce has them; `joined`: stage id ->
    StageName."""
    row = [(each.id, joined.get(each.id, "")) for each in pipeline.stages]
    for name in (each for each in order if each in new):
        at, names = order.index(name), [each for _, each in row]
        before = next((each for each in reversed(order[:at]) if each in names), None)
        behind = next((each for each in order[at + 1 :] if each in names), None)
        place = names.index(before) + 1 if before else names.index(behind) if behind else len(row)
        row.insert(place, (name, name))
    held = {each.id: each.place for each in pipeline.stages}
    places: dict[str, int] = {}
    last = -1
    for key, _ in row:
        last = places[key] = max(last + 1, held.get(key, 0))
    return places

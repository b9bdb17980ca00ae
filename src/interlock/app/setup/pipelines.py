"""The step of pipelines: for each sales process of opportunities the HubSpot pipeline that its deals go to, stage by stage.

Recommended, where nobody chose (docs/adr/0031): HubSpot's first pipeline stands for every record type. Stages that read the same
are joined, what is left by how likely a deal is won (objects/stage_likeness.py), and what Salesforce has beside them is added to
the pipeline. Where HubSpot's own integration has made pipelines, those stand for what they were made for.

Nothing is made before the finish. What is to be made has an id of its own until then, by which a preview goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from interlock.app import pipelines, what_syncs
from interlock.app.added_stages import missing, with_stages
from interlock.app.errors import BadInput, Missing
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.pipelines import Offer, SalesProcess, label_of, new_stages
from interlock.app.setup import configuration, properties, state
from interlock.app.setup.connecting import Found
from interlock.crm.errors import CallRefused, Forbidden
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import Pipeline, Stage
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import PicklistChoice
from interlock.objects import stage_likeness
from interlock.objects.pipelines import ANY, Chosen, PipelineChoice
from interlock.objects.stage_likeness import StageOf
from interlock.store import Store
from interlock.store.connections import Connection
from interlock.store.setups import Setup

slug = "pipelines"
DEALS = "deals"
# In place of the id of a stage: one is added to the pipeline.
ADD = "+"
_NEW = "new:"

How = Literal["join", "make", "leave"]


class Wanted(msgspec.Struct, frozen=True):
    """What a person chose for one sales process. `pipeline` to join with; `stages`: StageName -> stage id of it, or ADD."""

    how: How = "join"
    pipeline: str = ""
    stages: dict[str, str] = {}
    in_step: bool = True


class Values(msgspec.Struct, frozen=True):
    """`wanted` by record type, or of ANY alone; empty: nobody chose."""

    wanted: dict[str, Wanted] = {}
    saved: bool = False


class Part(msgspec.Struct, frozen=True):
    """A sales process that syncs. `pipeline` None: it is made, with all stages. `stages`: stage id -> StageName of what is there,
    `adds` what is added to it. `suggested`: ids of those that nobody has called the same."""

    process: SalesProcess
    pipeline: Pipeline | None
    stages: dict[str, str] = {}
    adds: list[PicklistChoice] = []
    in_step: bool = True
    suggested: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        return label_of(self.process) if self.pipeline is None else self.pipeline.label

    @property
    def makes(self) -> bool:
        """Whether the finish makes anything of it in HubSpot."""
        return self.pipeline is None or bool(self.adds)

    @property
    def choice(self) -> PipelineChoice:
        return PipelineChoice(self.process.id, self.stages, self.in_step)


def values_of(setup: Setup) -> Values:
    return state.kept(setup, slug, Values)


def applies(setup: Setup) -> bool:
    return DEALS in properties.values_of(setup).objects


def done(setup: Setup) -> bool:
    """The recommended configuration goes past it, but for what somebody began here; *Change* on the review leads here."""
    values = values_of(setup)
    return values.saved or not (values.wanted or configuration.advanced(setup))


# --- what is joined with what --------------------------------------------------------------------------------------------


def parts_apply(setup: Setup, found: Found) -> bool:
    return applies(setup) and DEALS in found.draft(properties.choices_of(setup)).objects


def parts_of(setup: Setup, found: Found) -> list[Part]:
    """What a person chose in this step; else what was chosen for this connection before it; else as recommended."""
    if not parts_apply(setup, found):
        return []
    offer, values = found.pipelines, values_of(setup)
    if values.saved and values.wanted:
        return chosen_parts(offer, values)
    before = what_syncs.chosen(found.connection, DEALS).pipelines
    return _kept(offer, before) or recommended(offer)


def chosen_parts(offer: Offer, values: Values) -> list[Part]:
    """Of what both CRMs still have."""
    found = []
    for record_type, wanted in values.wanted.items():
        process = offer.process(record_type)
        if process is None or wanted.how == "leave":
            continue
        if wanted.how == "make":
            found.append(made_for(offer, process))
        elif (pipeline := offer.pipeline(wanted.pipeline)) is not None:
            found.append(_as_wanted(pipeline, process, wanted))
    return found


def gone(setup: Setup, found: Found) -> list[str]:
    """Record types, or ANY, that are to sync and cannot as it was chosen: they, or their pipeline, are not there any more."""
    values = values_of(setup)
    if not values.saved or not parts_apply(setup, found):
        return []
    there = {part.process.id for part in chosen_parts(found.pipelines, values)}
    return [each for each, wanted in values.wanted.items() if wanted.how != "leave" and each not in there]


def check_there(setup: Setup, found: Found) -> None:
    """Nothing else takes its place unseen. Raises Missing."""
    if gone(setup, found):
        raise Missing(
            "What was chosen in the step Pipelines is not there any more: a pipeline of HubSpot, or a record type of Salesforce."
            " Nothing was begun.",
            code="pipeline_gone",
            field=slug,
            fix="Use Change beside Pipelines on the review, and choose another in the step Pipelines.",
        )


def _as_wanted(pipeline: Pipeline, process: SalesProcess, wanted: Wanted) -> Part:
    """A stage that is to be added and is there by now, made by a finish that failed behind it, is joined."""
    there = {each.id for each in pipeline.stages}
    names = {each.value: each for each in process.stages}
    stages = {id_: name for name, id_ in wanted.stages.items() if id_ in there and name in names}
    free = {each.label: each.id for each in pipeline.stages if each.id not in stages}
    to_add = [each for name, each in names.items() if wanted.stages.get(name) == ADD]
    stages |= {free[each.label]: each.value for each in to_add if each.label in free}
    adds = [each for each in to_add if each.label not in free]
    return Part(process, pipeline, stages, adds, wanted.in_step)


def _kept(offer: Offer, before: Chosen) -> list[Part]:
    found = []
    for id_, choice in before.items():
        pipeline, process = offer.pipeline(id_), offer.process(choice.record_type)
        if pipeline is not None and process is not None:
            there = {each.id for each in pipeline.stages}
            stages = {stage: name for stage, name in choice.stages.items() if stage in there}
            found.append(Part(process, pipeline, stages, in_step=choice.in_step))
    return found


def recommended(offer: Offer) -> list[Part]:
    natives = [(each, pipeline) for each in offer.processes if (pipeline := native_of(offer, each)) is not None]
    by_type = [pair for pair in natives if pair[0].id != ANY]
    if natives:
        return [joined(pipeline, process) for process, pipeline in by_type or natives]
    whole = offer.process(ANY)
    return [joined(offer.pipelines[0], whole)] if whole is not None and offer.pipelines else []


def native_of(offer: Offer, process: SalesProcess) -> Pipeline | None:
    """The pipeline that HubSpot's own integration has made for it: called by the record type's id, or `Default pipeline`."""
    labels = {f"Salesforce - {process.id}", f"Salesforce - {process.id[:15]}", label_of(process)}
    return next((each for each in offer.pipelines if each.label in labels), None)


def made_for(offer: Offer, process: SalesProcess) -> Part:
    """A pipeline of its own, which is there where an earlier finish came so far."""
    there = next((each for each in offer.pipelines if each.label == label_of(process)), None)
    if there is None:
        return Part(process, None)
    stages = stage_likeness.by_name(_here(there), _there(process))
    return Part(process, there, stages, missing(process, PipelineChoice(process.id, stages)))


def joined(pipeline: Pipeline, process: SalesProcess) -> Part:
    """As it is suggested."""
    here, there = _here(pipeline), _there(process)
    alike = stage_likeness.suggested(here, there)
    stages = stage_likeness.by_name(here, there) | alike
    taken = {each.label for each in pipeline.stages}
    adds = [each for each in missing(process, PipelineChoice(process.id, stages)) if each.label not in taken]
    return Part(process, pipeline, stages, adds, suggested=frozenset(alike))


def _here(pipeline: Pipeline) -> list[StageOf]:
    return [
        StageOf(each.id, each.label, each.probability, each.is_closed, each.is_closed and (each.probability or 0) >= 1)
        for each in pipeline.stages
    ]


def _there(process: SalesProcess) -> list[StageOf]:
    return [
        StageOf(
            each.value,
            each.label,
            None if each.probability is None else each.probability / 100,
            each.closed,
            each.won,
        )
        for each in process.stages
    ]


# --- as it will be -------------------------------------------------------------------------------------------------------


def to_be(found: Found, parts: Sequence[Part]) -> tuple[list[Pipeline], Chosen]:
    """The account's pipelines with what is to be made, and what then syncs."""
    pipelines_to_be = {each.id: each for each in found.schemas.pipelines}
    chosen: Chosen = {}
    for part in parts:
        own = part.pipeline or Pipeline(f"{_NEW}{part.process.id}", part.label, [])
        added = part.process.stages if part.pipeline is None else part.adds
        new = [
            (Stage(f"{_NEW}{own.id}:{each.value}", *stage), each.value)
            for each, stage in zip(added, new_stages(added), strict=True)
        ]
        pipelines_to_be[own.id] = Pipeline(own.id, own.label, [*own.stages, *(stage for stage, _ in new)])
        stages = part.stages | {stage.id: name for stage, name in new}
        chosen[own.id] = msgspec.structs.replace(part.choice, stages=stages)
    return list(pipelines_to_be.values()), chosen


def settings_of(chosen: Chosen) -> dict[str, Any]:
    """As the engine reads them; nothing where no deal syncs."""
    return {"pipelines": msgspec.to_builtins(chosen)} if chosen else {}


def told(parts: Sequence[Part]) -> list[tuple[str, str, dict[str, str], bool]]:
    """By names alone, so the same before and after it is made: (record type, pipeline, StageName -> label, kept in step)."""
    found = []
    for part in parts:
        labels = {each.id: each.label for each in part.pipeline.stages} if part.pipeline is not None else {}
        added = part.process.stages if part.pipeline is None else part.adds
        stages = {name: labels[id_] for id_, name in part.stages.items()} | {each.value: each.label for each in added}
        found.append((part.process.id, part.label, dict(sorted(stages.items())), part.in_step))
    return found


def check(values: Values, found: Found) -> None:
    """Raises BadInput, Missing, as the settings do of the same choice."""
    offer, parts = found.pipelines, chosen_parts(found.pipelines, values)
    if not offer.processes:
        return
    if not parts:
        raise BadInput(
            "No pipeline is left that syncs.",
            code="no_pipeline",
            field=slug,
            fix="Choose a pipeline for one of the record types, or turn the syncing of deals off.",
        )
    for part in parts:
        _check_part(part, values.wanted[part.process.id])
    _check_apart(parts)
    pipelines_to_be, chosen = to_be(found, parts)
    what_syncs.check_pipelines(DEALS, chosen)
    pipelines.check(chosen, Offer(pipelines_to_be, offer.processes))


def _check_apart(parts: Sequence[Part]) -> None:
    """A pipeline that is made is known by its label."""
    labels = [part.label for part in parts]
    twice = next((part for part in parts if labels.count(part.label) > 1), None)
    if twice is not None:
        raise BadInput(
            f"Two record types are joined with {twice.label}: a deal in it could be of either.",
            code="pipeline_twice",
            field=f"how:{twice.process.id}",
            fix="Choose a pipeline of its own for each, leave one out, or choose one pipeline for every record type.",
        )


def _check_part(part: Part, wanted: Wanted) -> None:
    if part.pipeline is None or wanted.how != "join":
        return
    used = [id_ for id_ in wanted.stages.values() if id_ not in ("", ADD)]
    twice = next((each for each in part.pipeline.stages if used.count(each.id) > 1), None)
    if twice is not None:
        raise BadInput(
            f"Two stages of Salesforce are joined with {twice.label} of {part.label}: the way back would not be certain.",
            code="stage_twice",
            field=f"how:{part.process.id}",
            fix="Choose another stage for one of them, or add it to the pipeline.",
        )
    taken = {each.label for each in part.pipeline.stages}
    for each in part.adds:
        if each.label in taken:
            raise BadInput(
                f"{part.label} has a stage {each.label} already, so none can be added.",
                code="stage_there",
                field=f"stage:{part.process.id}:{each.value}",
                fix="Join it with that one, or rename that one in HubSpot.",
            )
    if part.in_step and len(part.stages) + len(part.adds) < len(part.process.stages):
        raise BadInput(
            f"The stages of {part.label} are to be kept as Salesforce has them, and one that is there is left out.",
            code="stage_left_out",
            field=f"how:{part.process.id}",
            fix="Choose a stage for each, or untick that its stages are kept as Salesforce has them.",
        )


# --- made at the finish ----------------------------------------------------------------------------------------------------


async def make(
    store: Store,
    connection: Connection,
    parts: Sequence[Part],
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    by: By,
) -> Chosen:
    """What syncs then. Can be run again: what an earlier one has made is found by its label. Raises BadInput, CrmError."""
    chosen: Chosen = {}
    for part in parts:
        try:
            made = part.pipeline
            if made is None:
                made = await pipelines.make(store, connection, part.process.id, hubspot, salesforce, by)
            choice, adds = part.choice, part.adds
            if part.pipeline is None:
                choice = msgspec.structs.replace(
                    choice, stages=stage_likeness.by_name(_here(made), _there(part.process))
                )
                adds = missing(part.process, choice)
            added = await with_stages(hubspot, made, part.process, choice, adds)
        except (CallRefused, Forbidden) as refused:
            raise BadInput(
                f"HubSpot did not let the pipeline {part.label} get what was chosen: {refused.message}",
                code="pipeline_refused",
                side="hubspot",
                fix="Nothing of it is lost, and what was made stays. Put it right in HubSpot, or choose otherwise in the step"
                " Pipelines; then finish again.",
            ) from refused
        if added:
            async with store.write(None) as tx:
                subject = f"connection:{connection.id}"
                await record(tx, by, "stages_added", subject, label=made.label, stages=list(added.values()))
        chosen[made.id] = msgspec.structs.replace(choice, stages=choice.stages | added)
    return chosen

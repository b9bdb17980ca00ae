"""Deal pipelines and record types, to choose which stands for which: what both CRMs have, what can be chosen, and a pipeline that
is made in HubSpot because a person asks for it.

What is chosen is saved by what_syncs.py, and kept in step with Salesforce by pipelines_in_step.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from interlock.app.errors import BadInput, Missing
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.core.codec.stage import MASTER, joined_by_label
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import NewStage, Pipeline
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import PicklistChoice
from interlock.objects.pipelines import ANY, Chosen, PipelineChoice, stage_means
from interlock.store import Store
from interlock.store.connections import Connection

OPPORTUNITY, STAGE_NAME = "Opportunity", "StageName"


class SalesProcess(msgspec.Struct, frozen=True):
    """A record type, or ANY, with the stages that its opportunities go through."""

    id: str
    name: str
    stages: list[PicklistChoice]


class Offer(msgspec.Struct, frozen=True):
    """What there is to join. `processes`: ANY first, with every active stage."""

    pipelines: list[Pipeline]
    processes: list[SalesProcess]

    def process(self, record_type: str) -> SalesProcess | None:
        return next((each for each in self.processes if each.id == record_type), None)

    def pipeline(self, id_: str) -> Pipeline | None:
        return next((each for each in self.pipelines if each.id == id_), None)

    def document(self, chosen: Chosen) -> dict[str, Any]:
        return {
            "pipelines": [
                {
                    "id": each.id,
                    "label": each.label,
                    "stages": [
                        {
                            "id": stage.id,
                            "label": stage.label,
                            "closed": stage.is_closed,
                            "probability": stage.probability,
                        }
                        for stage in each.stages
                    ],
                }
                for each in self.pipelines
            ],
            "record_types": [
                {
                    "id": each.id,
                    "name": each.name,
                    "stages": [
                        {
                            "name": stage.value,
                            "closed": stage.closed,
                            "won": stage.won,
                            "probability": stage.probability,
                        }
                        for stage in each.stages
                    ],
                }
                for each in self.processes
            ],
            "chosen": msgspec.to_builtins(chosen),
            "in_use": msgspec.to_builtins(self.in_use(chosen)),
        }

    def in_use(self, chosen: Chosen) -> Chosen:
        """What syncs by it; where nobody chose, the first pipeline by equal labels (objects/pipelines.py)."""
        first = self.pipelines[0] if self.pipelines else None
        return chosen or ({} if first is None else {first.id: self.joined(first, ANY)})

    def joined(self, pipeline: Pipeline, record_type: str) -> PipelineChoice:
        """With the stages that read the same as those of the record type."""
        process = self.process(record_type)
        names = [each.value for each in process.stages] if process is not None else []
        return PipelineChoice(record_type, joined_by_label([(each.id, each.label) for each in pipeline.stages], names))


async def read(hubspot: HubSpotClient, salesforce: SalesforceClient) -> Offer:
    """A call for each record type, and three. Raises CrmError."""
    processes = await sales_processes(salesforce)
    return Offer(await hubspot.pipelines("deals"), processes)


async def sales_processes(salesforce: SalesforceClient) -> list[SalesProcess]:
    """ANY first. Raises CrmError."""
    types = await salesforce.record_types(OPPORTUNITY)
    processes = [SalesProcess(ANY, "", await salesforce.values_of(OPPORTUNITY, MASTER, STAGE_NAME))]
    if any(not each.is_master for each in types):
        for each in types:
            stages = await salesforce.values_of(OPPORTUNITY, each.id, STAGE_NAME)
            processes.append(SalesProcess(each.id, each.name, stages))
    return processes


def check(chosen: Chosen, offer: Offer) -> None:
    """Raises BadInput, Missing, where what is chosen is not there in one of the CRMs."""
    for id_, choice in chosen.items():
        pipeline, process = offer.pipeline(id_), offer.process(choice.record_type)
        if pipeline is None:
            raise Missing(
                f"HubSpot has no deal pipeline {id_}.",
                code="no_such_pipeline",
                field="pipelines",
                side="hubspot",
                fix="Choose one of those that it has, or make one.",
            )
        if process is None:
            raise Missing(
                f"Opportunities have no record type {choice.record_type} that the sync user may use.",
                code="no_such_record_type",
                field="pipelines",
                side="salesforce",
                fix="Choose one that they have, or give the sync user's profile that record type.",
            )
        stages = {each.id for each in pipeline.stages}
        for stage, name in choice.stages.items():
            if stage not in stages:
                raise _wrong(f"{pipeline.label} has no stage {stage} in HubSpot.", "no_such_stage")
            if name not in {each.value for each in process.stages}:
                raise _wrong(
                    f"{name!r} is no stage of {process.name or 'opportunities'} in Salesforce.", "no_such_stage"
                )


def _wrong(message: str, code: str) -> BadInput:
    return BadInput(message, code=code, field="pipelines", fix="Choose one of the stages that are there.")


def warnings(chosen: Chosen, offer: Offer) -> list[tuple[str, str]]:
    """(label of the stage in HubSpot, StageName) of those joined although they differ in whether a deal is closed by them."""
    found = []
    for id_, choice in chosen.items():
        pipeline, process = offer.pipeline(id_), offer.process(choice.record_type)
        if pipeline is None or process is None:
            continue
        there = {each.value: each for each in process.stages}
        for stage in pipeline.stages:
            other = there.get(choice.stages.get(stage.id, ""))
            if other is not None and stage.is_closed != other.closed:
                found.append((stage.label, other.value))
    return found


async def make(
    store: Store,
    connection: Connection,
    record_type: str,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    by: By,
) -> Pipeline:
    """A HubSpot pipeline with the stages of a record type; the one that an earlier call has made, where there is one. It syncs
    once it is chosen. Raises Missing, CrmError."""
    offer = await read(hubspot, salesforce)
    process = offer.process(record_type)
    if process is None:
        raise Missing(
            f"Opportunities have no record type {record_type} that the sync user may use.",
            code="no_such_record_type",
            field="record_type",
            side="salesforce",
            fix=f"There are: {', '.join(each.id for each in offer.processes)}.",
        )
    made = await hubspot.create_pipeline("deals", label_of(process), new_stages(process.stages))
    async with store.write(None) as tx:
        await record(tx, by, "pipeline_made", f"connection:{connection.id}", label=made.label, record_type=record_type)
    return made


def label_of(process: SalesProcess) -> str:
    """As the native integration names the one of an org without record types."""
    return f"Salesforce - {process.name or 'Default pipeline'}"


def new_stages(stages: Sequence[PicklistChoice]) -> list[NewStage]:
    return [
        NewStage(each.label, *stage_means(closed=each.closed, won=each.won, percent=each.probability))
        for each in stages
    ]

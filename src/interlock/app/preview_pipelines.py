"""The pipeline of a deal, as a preview of mappings takes it into account: it says which stages there are, and whether the deal
syncs at all. For an object without pipelines nothing is asked and nothing changes."""

from __future__ import annotations

import msgspec

from interlock.app import compiled_pipelines
from interlock.app.schemas import Schemas
from interlock.core.mapping import ObjectMapping
from interlock.core.model import Observation, Side
from interlock.objects.pipelines import PIPELINE, RECORD_TYPE, Chosen

DEALS, OPPORTUNITY, STAGE_NAME = "deals", "Opportunity", "StageName"


class Pipelines:
    """`properties` and `fields`: what has to be read of each pair."""

    def __init__(self, slug: str, schemas: Schemas, chosen: Chosen) -> None:
        mine = slug == DEALS and schemas.property_named(DEALS, PIPELINE) is not None
        record_type = schemas.field_named(OPPORTUNITY, RECORD_TYPE) if mine else None
        self.properties = [PIPELINE] if mine else []
        self.fields = [RECORD_TYPE] if record_type is not None else []
        stage_name = schemas.field_named(OPPORTUNITY, STAGE_NAME)
        self._in_use = compiled_pipelines.in_use(chosen, schemas, stage_name) if mine else {}
        self._synced = compiled_pipelines.synced(self._in_use, record_type) if mine else None

    def syncs(self, hubspot: Observation, salesforce: Observation) -> bool:
        """A pair is left alone where its pipeline or record type stands for nothing."""
        return self._synced is None or (
            self._synced.syncs(Side.HUBSPOT, hubspot.values) and self._synced.syncs(Side.SALESFORCE, salesforce.values)
        )

    def of(self, mapping: ObjectMapping, hubspot: Observation) -> ObjectMapping:
        """With the stages of the pipeline that the deal is in."""
        if not any(each.codec.kind == "stage" for each in mapping.fields):
            return mapping
        codec = compiled_pipelines.stage_codec(self._in_use, str(hubspot.values.get(PIPELINE) or "") or None)
        fields = tuple(
            msgspec.structs.replace(each, codec=codec) if each.codec.kind == "stage" else each
            for each in mapping.fields
        )
        return msgspec.structs.replace(mapping, fields=fields)

"""Pipelines and stages of deals and tickets: `/crm/v3/pipelines/{type}` and its dated forms, with their audits."""

from __future__ import annotations

from typing import Any

from crm_emulator.hubspot import errors, shapes
from crm_emulator.hubspot.account import Token
from crm_emulator.hubspot.api import PIPELINES, Api, body_of
from crm_emulator.hubspot.pipelines import Change, Pipelines, in_order
from crm_emulator.hubspot.stamps import iso_ms
from crm_emulator.kernel.http import Request, Response, json_response

_STAGE_OF = {"deals": "dealstage", "tickets": "hs_pipeline_stage"}
_PIPELINE_OF = {"deals": "pipeline", "tickets": "hs_pipeline"}
_FLAGS = ("validateDealStageUsagesBeforeDelete", "validateReferencesBeforeDelete")


class PipelineRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        for base in PIPELINES:
            all_, one = f"{base}/{{type}}", f"{base}/{{type}}/{{id}}"
            api.add("GET", all_, self.list_all)
            api.add("POST", all_, self.create)
            api.add("GET", one, self.read)
            api.add("PUT", one, self.replace)
            api.add("PATCH", one, self.update)
            api.add("DELETE", one, self.delete)
            api.add("GET", f"{one}/stages", self.stages)
            api.add("POST", f"{one}/stages", self.create_stage)
            api.add("GET", f"{one}/stages/{{stage}}", self.stage)
            api.add("PATCH", f"{one}/stages/{{stage}}", self.update_stage)
            api.add("PUT", f"{one}/stages/{{stage}}", self.replace_stage)
            api.add("DELETE", f"{one}/stages/{{stage}}", self.delete_stage)
            api.add("GET", f"{one}/audit", self.audit)
            api.add("GET", f"{one}/stages/{{stage}}/audit", self.stage_audit)

    def list_all(self, request: Request) -> Response:
        return json_response({"results": [one.to_json() for one in in_order(self._of(request).all.values())]})

    def create(self, request: Request) -> Response:
        body = body_of(request, shapes.PipelineBody)
        return json_response(self._of(request).create(body, self._now_ms(), _user(request)).to_json(), 201)

    def read(self, request: Request) -> Response:
        return json_response(self._of(request).get(request.params["id"]).to_json())

    def update(self, request: Request, *, replace: bool = False) -> Response:
        pipelines, id = self._of(request), request.params["id"]
        body = body_of(request, shapes.PipelineBody)
        if replace:
            self._refuse_if_used(request, pipelines.replaced(id, body))
        found = pipelines.update(id, body, self._now_ms(), replace=replace, user_id=_user(request))
        return json_response(found.to_json())

    def replace(self, request: Request) -> Response:
        return self.update(request, replace=True)

    def delete(self, request: Request) -> Response:
        pipelines = self._of(request)
        pipeline = pipelines.get(request.params["id"])
        self._refuse_if_used(request, [stage.id for stage in pipeline.stages])
        pipelines.delete(pipeline.id, self._now_ms(), _user(request))
        return Response(204)

    def stages(self, request: Request) -> Response:
        pipeline = self._of(request).get(request.params["id"])
        return json_response({"results": [stage.to_json() for stage in in_order(pipeline.stages)]})

    def create_stage(self, request: Request) -> Response:
        body = body_of(request, shapes.StageBody)
        made = self._of(request).add_stage(request.params["id"], body, self._now_ms(), _user(request))
        return json_response(made.to_json(), 201)

    def stage(self, request: Request) -> Response:
        return json_response(self._of(request).get_stage(request.params["id"], request.params["stage"]).to_json())

    def update_stage(self, request: Request, *, replace: bool = False) -> Response:
        found = self._of(request).update_stage(
            request.params["id"],
            request.params["stage"],
            body_of(request, shapes.StageBody),
            self._now_ms(),
            replace=replace,
            user_id=_user(request),
        )
        return json_response(found.to_json())

    def replace_stage(self, request: Request) -> Response:
        return self.update_stage(request, replace=True)

    def delete_stage(self, request: Request) -> Response:
        pipelines = self._of(request)
        stage = pipelines.get_stage(request.params["id"], request.params["stage"])
        self._refuse_if_used(request, [stage.id])
        pipelines.delete_stage(request.params["id"], stage.id, self._now_ms(), _user(request))
        return Response(204)

    def audit(self, request: Request) -> Response:
        pipelines, id = self._of(request), request.params["id"]
        changes = pipelines.audit(id)
        if not changes:
            pipelines.get(id)
        return json_response({"results": [self._change(each) for each in changes]})

    def stage_audit(self, request: Request) -> Response:
        pipelines, id, stage_id = self._of(request), request.params["id"], request.params["stage"]
        changes = pipelines.audit(id, stage_id)
        if not changes:
            pipelines.get_stage(id, stage_id)
        return json_response({"results": [self._change(each) for each in changes]})

    # Inside

    def _change(self, found: Change) -> dict[str, Any]:
        """The identifier of a stage is unverified."""
        account_id = self._api.config.account_id
        named = (found.pipeline_id,) if found.stage_id is None else (found.pipeline_id, found.stage_id)
        return {
            "portalId": account_id,
            "identifier": ":".join((str(account_id), *named)),
            "action": found.action,
            "timestamp": iso_ms(found.at_ms),
            "message": found.message,
            "rawObject": found.raw,
            "fromUserId": found.user_id,
        }

    def _refuse_if_used(self, request: Request, stage_ids: list[str]) -> None:
        """Documented as the default from 2026-09 on, where "false" bypasses it; before, only when it is asked for."""
        asked = [value.lower() for flag in _FLAGS if (value := request.query_one(flag)) is not None]
        if "true" not in asked and ("/2026-09/" not in request.route or "false" in asked):
            return
        table = self._api.table(request)
        name, pipeline = _STAGE_OF[table.kind.key], request.params["id"]
        users = [
            record
            for record in table.after(-1, archived=False)
            if record.values.get(name) in stage_ids and record.values.get(_PIPELINE_OF[table.kind.key]) == pipeline
        ]
        if users:
            used = [id for id in stage_ids if any(record.values[name] == id for record in users)]
            raise errors.stages_in_use(used, [record.id for record in users])

    def _of(self, request: Request) -> Pipelines:
        found = self._api.portal.pipelines.get(self._api.table(request).kind.key)
        if found is None:
            raise errors.not_found()
        return found

    def _now_ms(self) -> int:
        return self._api.portal.now_ms()


def _user(request: Request) -> int:
    token: Token = request.context
    return token.user_id

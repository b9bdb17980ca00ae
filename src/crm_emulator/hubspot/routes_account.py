"""Owners, pipelines, account details, API usage: what a sync reads about an account rather than about a record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crm_emulator.hubspot import errors, shapes
from crm_emulator.hubspot.account import User
from crm_emulator.hubspot.api import DATED, OWNERS, PIPELINES, Api, body_of, flag_of, number_of
from crm_emulator.hubspot.pipelines import Pipelines
from crm_emulator.hubspot.stamps import iso_ms, zone
from crm_emulator.kernel.http import Request, Response, json_response

_ACCOUNT = ("/account-info/v3", *(f"/account-info/{date}" for date in DATED))
_STAGE_OF = {"deals": "dealstage", "tickets": "hs_pipeline_stage"}
_PIPELINE_OF = {"deals": "pipeline", "tickets": "hs_pipeline"}


class AccountRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        api.add("GET", OWNERS, self.owners)
        api.add("GET", [f"{base}/{{id}}" for base in OWNERS], self.owner)
        api.add("GET", [f"{base}/details" for base in _ACCOUNT], self.details)
        api.add("GET", "/integrations/v1/me", self.me)
        api.add("GET", [f"{base}/api-usage/daily/private-apps" for base in _ACCOUNT], self.usage)
        api.add("GET", [f"{base}/api-usage/daily" for base in _ACCOUNT], self.usage)

    def owners(self, request: Request) -> Response:
        archived = flag_of(request, "archived")
        email = request.query_one("email")
        limit = number_of(request, "limit", 100)
        after = number_of(request, "after", 0)
        found = [
            user
            for user in self._api.account.users
            if user.archived == archived and (email is None or user.email == email.lower()) and user.owner_id > after
        ]
        body: dict[str, Any] = {"results": [_owner(user) for user in found[:limit]]}
        if len(found) > limit:
            last = str(found[limit - 1].owner_id)
            body["paging"] = {"next": {"after": last, "link": f"https://api.hubapi.com{request.path}?after={last}"}}
        return json_response(body)

    def owner(self, request: Request) -> Response:
        by_user, archived = request.query_one("idProperty") == "userId", flag_of(request, "archived")
        for user in self._api.account.users:
            own_id = user.user_id if by_user else user.owner_id
            if str(own_id) == request.params["id"] and user.archived == archived:
                return json_response(_owner(user))
        raise errors.not_found()

    def details(self, request: Request) -> Response:
        config = self._api.config
        offset_ms = self._utc_offset_ms()
        sign = "-" if offset_ms < 0 else "+"
        minutes = abs(offset_ms) // 60_000
        return json_response(
            {
                "portalId": config.account_id,
                "accountType": config.account_type,
                "timeZone": config.time_zone,
                "companyCurrency": config.company_currency,
                "additionalCurrencies": [],
                "utcOffset": f"{sign}{minutes // 60:02d}:{minutes % 60:02d}",
                "utcOffsetMilliseconds": offset_ms,
                "uiDomain": config.app_host.partition("://")[2],
                "dataHostingLocation": "na1",
            }
        )

    def me(self, request: Request) -> Response:
        """Legacy, recorded."""
        config = self._api.config
        offset_ms = self._utc_offset_ms()
        minutes = abs(offset_ms) // 60_000
        return json_response(
            {
                "portalId": config.account_id,
                "timeZone": config.time_zone,
                "accountType": config.account_type,
                "currency": config.company_currency,
                "utcOffset": f"{'-' if offset_ms < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}",
                "utcOffsetMilliseconds": offset_ms,
            }
        )

    def usage(self, request: Request) -> Response:
        limits = self._api.limits
        return json_response(
            {
                "results": [
                    {
                        "name": "private-apps-api-calls-daily",
                        "usageLimit": self._api.config.daily_limit,
                        "currentUsage": limits.used_today,
                        "collectedAt": iso_ms(self._api.portal.now_ms()),
                        "fetchStatus": "SUCCESS",
                        "resetsAt": iso_ms(limits.resets_at_ms()),
                    }
                ]
            }
        )

    def _utc_offset_ms(self) -> int:
        now = datetime.fromtimestamp(self._api.portal.now_ms() / 1_000, zone(self._api.config.time_zone))
        offset = now.utcoffset()
        return 0 if offset is None else int(offset.total_seconds() * 1_000)


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
            api.add("PUT", f"{one}/stages/{{stage}}", self.update_stage)
            api.add("DELETE", f"{one}/stages/{{stage}}", self.delete_stage)

    def list_all(self, request: Request) -> Response:
        return json_response({"results": [one.to_json() for one in self._of(request).all.values()]})

    def create(self, request: Request) -> Response:
        return json_response(
            self._of(request).create(body_of(request, shapes.PipelineBody), self._now_ms()).to_json(), 201
        )

    def read(self, request: Request) -> Response:
        return json_response(self._of(request).get(request.params["id"]).to_json())

    def update(self, request: Request, *, replace: bool = False) -> Response:
        pipelines = self._of(request)
        found = pipelines.update(
            request.params["id"], body_of(request, shapes.PipelineBody), self._now_ms(), replace=replace
        )
        return json_response(found.to_json())

    def replace(self, request: Request) -> Response:
        return self.update(request, replace=True)

    def delete(self, request: Request) -> Response:
        pipelines = self._of(request)
        pipeline = pipelines.get(request.params["id"])
        self._refuse_if_used(request, [stage.id for stage in pipeline.stages], "validateReferencesBeforeDelete")
        del pipelines.all[pipeline.id]
        return Response(204)

    def stages(self, request: Request) -> Response:
        pipeline = self._of(request).get(request.params["id"])
        return json_response({"results": [stage.to_json() for stage in pipeline.stages]})

    def create_stage(self, request: Request) -> Response:
        made = self._of(request).add_stage(request.params["id"], body_of(request, shapes.StageBody), self._now_ms())
        return json_response(made.to_json(), 201)

    def stage(self, request: Request) -> Response:
        return json_response(self._of(request).get_stage(request.params["id"], request.params["stage"]).to_json())

    def update_stage(self, request: Request) -> Response:
        id, stage_id = request.params["id"], request.params["stage"]
        return json_response(
            self._of(request).update_stage(id, stage_id, body_of(request, shapes.StageBody), self._now_ms()).to_json()
        )

    def delete_stage(self, request: Request) -> Response:
        pipelines = self._of(request)
        stage = pipelines.get_stage(request.params["id"], request.params["stage"])
        self._refuse_if_used(request, [stage.id], "validateDealStageUsagesBeforeDelete")
        pipelines.get(request.params["id"]).stages.remove(stage)
        return Response(204)

    def _refuse_if_used(self, request: Request, stage_ids: list[str], flag: str) -> None:
        """Documented as the default from 2026-09 on; before, only with the query flag."""
        if not flag_of(request, flag) and "/2026-09/" not in request.route:
            return
        table = self._api.table(request)
        name = _STAGE_OF[table.kind.key]
        pipeline = request.params["id"]
        users = [
            record
            for record in table.after(-1, archived=False)
            if record.values.get(name) in stage_ids and record.values.get(_PIPELINE_OF[table.kind.key]) == pipeline
        ]
        if users:
            used = sorted({record.values[name] for record in users})
            raise errors.invalid(
                f"Stage ids {used} are in use",
                subCategory="PipelineError.STAGE_ID_IN_USE",
                context={"stageIds": used, "objectIds": [str(record.id) for record in users]},
            )

    def _of(self, request: Request) -> Pipelines:
        found = self._api.portal.pipelines.get(self._api.table(request).kind.key)
        if found is None:
            raise errors.not_found()
        return found

    def _now_ms(self) -> int:
        return self._api.portal.now_ms()


def _owner(user: User) -> dict[str, Any]:
    """A deactivated one keeps its address, but neither its name (reported with probo, pull request 1594) nor userId."""
    return {
        "id": str(user.owner_id),
        "email": user.email,
        "type": "PERSON",
        "firstName": "" if user.archived else user.first_name,
        "lastName": "" if user.archived else user.last_name,
        "userId": None if user.archived else user.user_id,
        "userIdIncludingInactive": user.user_id,
        "createdAt": iso_ms(user.created_ms),
        "updatedAt": iso_ms(user.created_ms),
        "archived": user.archived,
    }

"""Owners, account details, API usage: what a sync reads about an account rather than about a record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.account import User
from crm_emulator.hubspot.api import DATED, OWNERS, Api, flag_of, number_of
from crm_emulator.hubspot.stamps import iso_ms, zone
from crm_emulator.kernel.http import Request, Response, json_response

_ACCOUNT = ("/account-info/v3", *(f"/account-info/{date}" for date in DATED))


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
                "additionalCurrencies": self._api.portal.currencies.others,
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


def _owner(user: User) -> dict[str, Any]:
    """A deactivated one keeps its address, but neither its name (reported with probo, pull request 1594) nor userId. `teams` is
    there where the user is in one (owners guide). What a queue shows beside its type is unverified."""
    found: dict[str, Any] = {
        "id": str(user.owner_id),
        "email": user.email,
        "type": "QUEUE" if user.queue else "PERSON",
        "firstName": "" if user.archived else user.first_name,
        "lastName": "" if user.archived else user.last_name,
        "userId": None if user.archived or user.queue else user.user_id,
        "userIdIncludingInactive": None if user.queue else user.user_id,
        "createdAt": iso_ms(user.created_ms),
        "updatedAt": iso_ms(user.updated_ms or user.created_ms),
        "archived": user.archived,
    }
    if user.teams:
        found["teams"] = [{"id": team.id, "name": team.name, "primary": team.primary} for team in user.teams]
    return found

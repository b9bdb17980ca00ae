"""Both CRMs as their APIs show them now: every record, with what is needed to compare values. Only reads.

Made for the comparer and as independent as it is: plain requests to the documented APIs, nothing of Interlock's own
clients, codecs or store. It reads everything, each time: fit for a demo or a test, not for a sync.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

CLIENT = "interlock-demo-check"
API_VERSION = "v62.0"
LINK = "interlock_salesforce_id"
# HubSpot list pages, batch reads of associations (CRM API: 100, and 1,000 inputs).
LIST_PAGE_ROWS, ASSOCIATION_BATCH = 100, 1_000
_TRIES = 5

Values = dict[str, Any]
Table = dict[str, Values]


@dataclass(frozen=True)
class Ends:
    """Where both CRMs answer, and as whom."""

    hubspot_url: str
    hubspot_token: str
    salesforce_url: str
    salesforce_token: str


@dataclass
class Snapshot:
    """`hubspot[type][id]` and `salesforce[type][id]` are the live records."""

    hubspot: dict[str, Table] = field(default_factory=dict)
    archived: dict[str, Table] = field(default_factory=dict)
    salesforce: dict[str, Table] = field(default_factory=dict)
    deleted: dict[str, set[str]] = field(default_factory=dict)
    # Kinds of field: (object, name) -> "number", "datetime", "enumeration/checkbox", ... and Salesforce's type.
    hubspot_kinds: dict[tuple[str, str], str] = field(default_factory=dict)
    salesforce_kinds: dict[tuple[str, str], str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    # deal id -> ids; opportunity id -> contact ids.
    deal_companies: dict[str, set[str]] = field(default_factory=dict)
    deal_contacts: dict[str, set[str]] = field(default_factory=dict)
    roles: dict[str, set[str]] = field(default_factory=dict)

    def linked(self, hubspot_type: str, salesforce_id: str) -> str | None:
        """The HubSpot record that names this Salesforce record as its counterpart, if there is just one."""
        found = [id_ for id_, values in self.hubspot.get(hubspot_type, {}).items() if values.get(LINK) == salesforce_id]
        return found[0] if len(found) == 1 else None

    def stamps(self) -> dict[str, str]:
        """Every Salesforce record with the stamp that any write moves."""
        return {
            id_: str(values.get("SystemModstamp"))
            for table in self.salesforce.values()
            for id_, values in table.items()
        }


async def read(ends: Ends, hubspot: Mapping[str, Iterable[str]], salesforce: Mapping[str, Iterable[str]]) -> Snapshot:
    """`hubspot`: object -> properties, `salesforce`: object -> fields; what every comparison needs is read anyway."""
    snapshot = Snapshot()
    async with aiohttp.ClientSession() as session:
        left = _HubSpot(session, ends)
        right = _Salesforce(session, ends)
        await asyncio.gather(left.read(snapshot, hubspot), right.read(snapshot, salesforce))
    return snapshot


class ReadFailed(Exception):
    """A CRM did not answer a read of the check; the message holds its words."""


async def _json(session: aiohttp.ClientSession, method: str, url: str, **more: Any) -> Any:
    for left in range(_TRIES, 0, -1):
        async with session.request(method, url, **more) as answer:
            if answer.status == 429 and left > 1:
                # HubSpot's burst limit is one of ten seconds; the check waits like anybody.
                await asyncio.sleep(2)
                continue
            if answer.status >= 400:
                raise ReadFailed(f"{method} {url.partition('?')[0]}: {answer.status} {(await answer.text())[:300]}")
            return await answer.json()
    raise ReadFailed(f"{method} {url.partition('?')[0]}: refused {_TRIES} times")


class _HubSpot:
    def __init__(self, session: aiohttp.ClientSession, ends: Ends) -> None:
        self._session = session
        self._base = ends.hubspot_url
        self._headers = {"Authorization": f"Bearer {ends.hubspot_token}", "User-Agent": CLIENT}

    async def read(self, into: Snapshot, wanted: Mapping[str, Iterable[str]]) -> None:
        for type_, names in wanted.items():
            for found in (await self._ask("GET", f"/crm/v3/properties/{type_}"))["results"]:
                into.hubspot_kinds[type_, found["name"]] = f"{found['type']}/{found['fieldType']}"
            known = [name for name in dict.fromkeys((*names, LINK)) if (type_, name) in into.hubspot_kinds]
            into.hubspot[type_] = await self._list(type_, known, archived=False)
            into.archived[type_] = await self._list(type_, known, archived=True)
        for owner in (await self._ask("GET", "/crm/v3/owners?limit=500"))["results"]:
            into.owners[str(owner["id"])] = str(owner.get("email") or "").lower()
        if "deals" in wanted:
            for pipeline in (await self._ask("GET", "/crm/v3/pipelines/deals"))["results"]:
                into.stages.update({stage["id"]: stage["label"] for stage in pipeline["stages"]})
            into.deal_companies = await self._associated("deals", "companies", list(into.hubspot["deals"]))
            into.deal_contacts = await self._associated("deals", "contacts", list(into.hubspot["deals"]))

    async def _list(self, type_: str, names: list[str], *, archived: bool) -> Table:
        found: Table = {}
        after = ""
        while True:
            query = f"limit={LIST_PAGE_ROWS}&archived={str(archived).lower()}&properties={','.join(names)}{after}"
            page = await self._ask("GET", f"/crm/v3/objects/{type_}?{query}")
            found.update({str(row["id"]): row["properties"] for row in page["results"]})
            more = page.get("paging", {}).get("next")
            if not more:
                return found
            after = f"&after={more['after']}"

    async def _associated(self, from_: str, to: str, ids: list[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for start in range(0, len(ids), ASSOCIATION_BATCH):
            inputs = [{"id": id_} for id_ in ids[start : start + ASSOCIATION_BATCH]]
            page = await self._ask("POST", f"/crm/v4/associations/{from_}/{to}/batch/read", {"inputs": inputs})
            for row in page["results"]:
                found.setdefault(str(row["from"]["id"]), set()).update(str(each["toObjectId"]) for each in row["to"])
        return found

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return await _json(self._session, method, self._base + path, headers=self._headers, json=body)


class _Salesforce:
    def __init__(self, session: aiohttp.ClientSession, ends: Ends) -> None:
        self._session = session
        self._base = ends.salesforce_url
        self._headers = {
            "Authorization": f"Bearer {ends.salesforce_token}",
            "User-Agent": CLIENT,
            "Sforce-Call-Options": f"client={CLIENT}",
        }

    async def read(self, into: Snapshot, wanted: Mapping[str, Iterable[str]]) -> None:
        for type_, names in wanted.items():
            shown = await self._ask(f"/services/data/{API_VERSION}/sobjects/{type_}/describe")
            into.salesforce_kinds.update({(type_, each["name"]): each["type"] for each in shown["fields"]})
            extra = ("Id", "IsDeleted", "SystemModstamp")
            known = [name for name in dict.fromkeys((*extra, *names)) if (type_, name) in into.salesforce_kinds]
            rows = await self._query("queryAll", f"SELECT {', '.join(known)} FROM {type_}")
            into.salesforce[type_] = {row["Id"]: row for row in rows if not row["IsDeleted"]}
            into.deleted[type_] = {row["Id"] for row in rows if row["IsDeleted"]}
        for user in await self._query("query", "SELECT Id, Email FROM User"):
            into.users[user["Id"]] = str(user.get("Email") or "").lower()
        if "Opportunity" in wanted:
            for row in await self._query("query", "SELECT OpportunityId, ContactId FROM OpportunityContactRole"):
                into.roles.setdefault(row["OpportunityId"], set()).add(row["ContactId"])

    async def _query(self, resource: str, soql: str) -> list[Values]:
        page = await self._ask(f"/services/data/{API_VERSION}/{resource}", {"q": soql})
        rows: list[Values] = page["records"]
        while not page["done"]:
            page = await self._ask(page["nextRecordsUrl"])
            rows += page["records"]
        return rows

    async def _ask(self, path: str, query: dict[str, str] | None = None) -> Any:
        return await _json(self._session, "GET", self._base + path, headers=self._headers, params=query)

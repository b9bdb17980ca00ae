"""The least that any client could do: read every page of both sides and write every record once, with no state and no matching.

aiohttp and msgspec, decoding into structs, as many calls at a time as Interlock allows itself (four to HubSpot, one
writing to Salesforce). It prints the calls it made. `speed.py` runs it beside Interlock and divides.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import msgspec

HUBSPOT_CALLS_AT_ONCE = 4
HUBSPOT_PROPERTIES = (
    *("email", "firstname", "lastname", "salutation", "jobtitle", "phone", "mobilephone", "fax", "mailingstreet"),
    *(
        "mailingcity",
        "mailingstate",
        "mailingpostalcode",
        "mailingcountry",
        "leadsource",
        "message",
        "hubspot_owner_id",
    ),
    *("associatedcompanyid", "hs_email_optout", "interlock_salesforce_id", "hs_additional_emails", "lastmodifieddate"),
)
SALESFORCE_FIELDS = (
    *("Id", "Email", "FirstName", "LastName", "Salutation", "Title", "Phone", "MobilePhone", "Fax", "MailingStreet"),
    *("MailingCity", "MailingState", "MailingPostalCode", "MailingCountry", "LeadSource", "Description", "OwnerId"),
    *("AccountId", "HasOptedOutOfEmail", "IsDeleted", "CreatedDate", "SystemModstamp"),
)
SALESFORCE_DATA = "/services/data/v66.0"


class HubSpotRecord(msgspec.Struct, gc=False):
    id: str
    properties: dict[str, str | None]


class Next(msgspec.Struct):
    after: str


class Paging(msgspec.Struct):
    next: Next | None = None


class HubSpotPage(msgspec.Struct):
    results: list[HubSpotRecord]
    paging: Paging | None = None


class SalesforcePage(msgspec.Struct, rename="camel"):
    records: list[dict[str, Any]]
    next_records_url: str | None = None


class Saved(msgspec.Struct):
    success: bool


hubspot_page = msgspec.json.Decoder(HubSpotPage).decode
salesforce_page = msgspec.json.Decoder(SalesforcePage).decode
saved = msgspec.json.Decoder(list[Saved]).decode
encode = msgspec.json.Encoder().encode


class Crm:
    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.calls = 0

    async def call(
        self, method: str, path: str, params: dict[str, str] | None = None, body: bytes | None = None
    ) -> bytes:
        while True:
            self.calls += 1
            async with self._session.request(
                method, self._url + path, params=params, data=body, headers=self._headers
            ) as answer:
                content = await answer.read()
                if answer.status == 429:
                    # Waiting costs no CPU; the floor is not asked to know the limits beforehand.
                    await asyncio.sleep(2)
                    continue
                assert answer.status < 300, (answer.status, content[:300])
                return content


async def read_hubspot(crm: Crm) -> list[HubSpotRecord]:
    records: list[HubSpotRecord] = []
    params = {"limit": "100", "properties": ",".join(HUBSPOT_PROPERTIES)}
    while True:
        page = hubspot_page(await crm.call("GET", "/crm/v3/objects/contacts", params))
        records += page.results
        if page.paging is None or page.paging.next is None:
            return records
        params["after"] = page.paging.next.after


async def read_salesforce(crm: Crm) -> list[dict[str, Any]]:
    soql = f"SELECT {', '.join(SALESFORCE_FIELDS)} FROM Contact"
    page = salesforce_page(await crm.call("GET", f"{SALESFORCE_DATA}/query", {"q": soql}))
    records = page.records
    while page.next_records_url is not None:
        page = salesforce_page(await crm.call("GET", page.next_records_url))
        records += page.records
    return records


async def write_hubspot(crm: Crm, records: Sequence[HubSpotRecord]) -> None:
    async def one(part: Sequence[HubSpotRecord]) -> None:
        inputs = [{"id": each.id, "properties": {"fax": f"+1 {each.id}"}} for each in part]
        answer = await crm.call("POST", "/crm/v3/objects/contacts/batch/update", body=encode({"inputs": inputs}))
        assert len(hubspot_page(answer).results) == len(part)

    await at_once(_parts(records, 100), one, HUBSPOT_CALLS_AT_ONCE)


async def write_salesforce(crm: Crm, records: Sequence[dict[str, Any]]) -> None:
    for part in _parts(records, 200):
        rows = [{"attributes": {"type": "Contact"}, "id": each["Id"], "Fax": f"+1 {each['Id']}"} for each in part]
        body = encode({"allOrNone": False, "records": rows})
        answer = await crm.call("PATCH", f"{SALESFORCE_DATA}/composite/sobjects", body=body)
        assert all(each.success for each in saved(answer))


def _parts(records: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [records[start : start + size] for start in range(0, len(records), size)]


async def at_once(parts: Sequence[Any], run: Callable[[Any], Awaitable[None]], limit: int) -> None:
    waiting = iter(parts)

    async def worker() -> None:
        for part in waiting:
            await run(part)

    await asyncio.gather(*(worker() for _ in range(limit)))


async def floor(hubspot_url: str, salesforce_url: str, hubspot_token: str, salesforce_token: str) -> dict[str, int]:
    async with aiohttp.ClientSession() as session:
        hubspot = Crm(session, hubspot_url, hubspot_token)
        salesforce = Crm(session, salesforce_url, salesforce_token)
        contacts = await read_hubspot(hubspot)
        rows = await read_salesforce(salesforce)
        await write_hubspot(hubspot, contacts)
        await write_salesforce(salesforce, rows)
    return {"records": len(contacts) + len(rows), "hubspot": hubspot.calls, "salesforce": salesforce.calls}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hubspot-url", required=True)
    parser.add_argument("--salesforce-url", required=True)
    asked = parser.parse_args()
    hubspot_token, salesforce_token = os.environ["INTERLOCK_HUBSPOT_TOKEN"], os.environ["INTERLOCK_SALESFORCE_TOKEN"]
    print(json.dumps(asyncio.run(floor(asked.hubspot_url, asked.salesforce_url, hubspot_token, salesforce_token))))


if __name__ == "__main__":
    main()

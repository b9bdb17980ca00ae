"""Finding what changed in HubSpot: a keyset over (last modified, record id) on the search endpoint.

Search lags behind writes and never shows archived records, so what it finds says which records to read, no more. Plain
offset paging would skip records: one that changes while we walk moves to the end and shifts the others forward.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from interlock.core.model import Observation
from interlock.crm.budget import SEARCH
from interlock.crm.calls import Calls
from interlock.crm.hubspot.model import Filter, SearchPage
from interlock.crm.hubspot.records import decode_batch
from interlock.crm.hubspot.requests import SEARCH_PAGE, encode, modified_property, objects_path, observation


async def search_changed(
    calls: Calls,
    object: str,
    properties: Sequence[str],
    since_us: int,
    until_us: int | None,
    after_id: str | None,
    limit: int,
    purpose: str,
) -> SearchPage:
    modified = modified_property(object)
    since_ms = str(since_us // 1000)
    if after_id is not None:
        filters = [Filter(modified, "EQ", since_ms), Filter("hs_object_id", "GT", after_id)]
        return await _search(calls, object, filters, "hs_object_id", properties, limit, purpose)
    filters = [Filter(modified, "GTE", since_ms)]
    if until_us is not None:
        filters.append(Filter(modified, "LTE", str(until_us // 1000)))
    return await _search(calls, object, filters, modified, properties, limit, purpose)


async def changed(
    calls: Calls,
    object: str,
    properties: Sequence[str],
    since_us: int,
    until_us: int | None,
    limit: int,
    purpose: str,
) -> AsyncIterator[list[Observation]]:
    """Each page starts at the last stamp of the one before, whose records are left out the second time.

    A page that is full of one stamp makes no progress that way: then that stamp is walked by record id, which has no
    ceiling, and the walk by time goes on one millisecond (HubSpot's resolution) later.
    """
    at_stamp: set[str] = set()  # ids already given whose stamp is `since_us`
    since_us = since_us // 1000 * 1000
    while until_us is None or since_us <= until_us:
        page = await search_changed(calls, object, properties, since_us, until_us, None, limit, purpose)
        fresh = [seen for seen in page.records if seen.key.id not in at_stamp]
        if fresh:
            yield fresh
        if not page.more:
            return
        last_us = page.records[-1].modified_us // 1000 * 1000
        if last_us > since_us:
            since_us = last_us
            at_stamp = {seen.key.id for seen in page.records if seen.modified_us // 1000 * 1000 == last_us}
            continue
        at_stamp.update(seen.key.id for seen in fresh)
        async for rest in _one_stamp(calls, object, properties, since_us, limit, purpose):
            unseen = [seen for seen in rest if seen.key.id not in at_stamp]
            if unseen:
                yield unseen
        since_us, at_stamp = since_us + 1000, set()


async def _one_stamp(
    calls: Calls, object: str, properties: Sequence[str], stamp_us: int, limit: int, purpose: str
) -> AsyncIterator[list[Observation]]:
    after_id = "0"
    while True:
        page = await search_changed(calls, object, properties, stamp_us, None, after_id, limit, purpose)
        if page.records:
            yield page.records
            after_id = page.records[-1].key.id
        if not page.more:
            return


async def search(
    calls: Calls, object: str, filters: Sequence[Filter], properties: Sequence[str], limit: int, purpose: str
) -> list[Observation]:
    page = await _search(calls, object, filters, None, properties, min(limit, SEARCH_PAGE), purpose)
    return page.records


async def _search(
    calls: Calls,
    object: str,
    filters: Sequence[Filter],
    sort: str | None,
    properties: Sequence[str],
    limit: int,
    purpose: str,
) -> SearchPage:
    body: dict[str, Any] = {"filterGroups": [{"filters": filters}], "properties": properties, "limit": limit}
    if sort is not None:
        body["sorts"] = [{"propertyName": sort, "direction": "ASCENDING"}]
    path = objects_path(object) + "/search"
    reply = await calls.read("POST", path, encode(body), purpose=purpose, family=SEARCH)
    batch = decode_batch(calls, reply.body)
    records = [observation(object, record, reply.sent_us) for record in batch.results]
    return SearchPage(records, batch.paging is not None and batch.paging.next is not None and bool(records))

"""Finding what changed in HubSpot: a keyset over (last modified, record id) on the search endpoint.

Search lags behind writes and never shows archived records, so what it finds says which records to read, no more. Plain
offset paging would skip records: one that changes while we walk moves to the end and shifts the others forward, and one
that was archived a moment ago is counted until the index knows it, and then shifts them back. So no offset is ever sent:
a page that holds nothing although there is more is looked at again in halves, until one fits into a page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from interlock.core.model import Observation
from interlock.crm.budget import SEARCH
from interlock.crm.calls import Calls
from interlock.crm.hubspot import records
from interlock.crm.hubspot.model import Filter, SearchPage
from interlock.crm.hubspot.requests import (
    SEARCH_BODY_MAX,
    SEARCH_PAGE,
    encode,
    modified_property,
    objects_path,
    observation,
)

GRAIN_US = 1000  # HubSpot's stamps are milliseconds
LAST_ID = (1 << 53) - 1  # ids are below it: HubSpot's numbers are doubles


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
    if after_id is not None:
        return await _at_stamp(calls, object, properties, since_us, after_id, None, limit, purpose)
    modified = modified_property(object)
    filters = [Filter(modified, "GTE", _ms(since_us))]
    if until_us is not None:
        filters.append(Filter(modified, "LTE", _ms(until_us)))
    return await _search(calls, object, filters, modified, properties, limit, purpose)


async def _at_stamp(
    calls: Calls,
    object: str,
    properties: Sequence[str],
    stamp_us: int,
    after_id: str,
    last_id: str | None,
    limit: int,
    purpose: str,
) -> SearchPage:
    filters = [Filter(modified_property(object), "EQ", _ms(stamp_us)), Filter("hs_object_id", "GT", after_id)]
    if last_id is not None:
        filters.append(Filter("hs_object_id", "LTE", last_id))
    return await _search(calls, object, filters, "hs_object_id", properties, limit, purpose)


def _ms(us: int) -> str:
    return str(us // GRAIN_US)


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
    ceiling, and the walk by time goes on one millisecond later. It ends: every turn moves `since_us` forward or halves
    the window that begins there, and a window of one millisecond is walked by id.
    """
    at_stamp: set[str] = set()  # ids already given whose stamp is `since_us`
    since_us = since_us // GRAIN_US * GRAIN_US
    windows = [until_us]  # the ends of the windows that begin at `since_us`, each within the one before
    while until_us is None or since_us <= until_us:
        end_us = windows[-1]
        page = await search_changed(calls, object, properties, since_us, end_us, None, limit, purpose)
        fresh = [seen for seen in page.records if seen.key.id not in at_stamp]
        if fresh:
            yield fresh
        if not page.more:
            if end_us is None or len(windows) == 1:
                return
            windows.pop()
            since_us, at_stamp = end_us + GRAIN_US, set()
            continue
        last_us = page.records[-1].modified_us // GRAIN_US * GRAIN_US if page.records else since_us
        if last_us > since_us:
            since_us = last_us
            at_stamp = {seen.key.id for seen in page.records if seen.modified_us // GRAIN_US * GRAIN_US == last_us}
            continue
        if not page.records and (end_us is None or end_us - since_us >= GRAIN_US):
            latest_us = max(since_us, calls.clock_us()) if end_us is None else end_us
            windows.append((since_us + latest_us) // 2 // GRAIN_US * GRAIN_US)
            continue
        at_stamp.update(seen.key.id for seen in fresh)
        async for rest in _one_stamp(calls, object, properties, since_us, limit, purpose):
            unseen = [seen for seen in rest if seen.key.id not in at_stamp]
            if unseen:
                yield unseen
        since_us, at_stamp = since_us + GRAIN_US, set()
        while len(windows) > 1 and (windows[-1] or 0) < since_us:
            windows.pop()


async def _one_stamp(
    calls: Calls, object: str, properties: Sequence[str], stamp_us: int, limit: int, purpose: str
) -> AsyncIterator[list[Observation]]:
    """By id. It ends: every turn moves `after` forward or halves the ids that follow it, down to a single one."""
    after, lasts = 0, [LAST_ID]
    while lasts:
        last = lasts[-1]
        narrowed = str(last) if len(lasts) > 1 else None
        page = await _at_stamp(calls, object, properties, stamp_us, str(after), narrowed, limit, purpose)
        if page.records:
            yield page.records
            after = int(page.records[-1].key.id)
        if not page.more or after >= last:
            after = lasts.pop()
        elif not page.records:
            if last - after == 1:
                raise calls.garbled("a page of a search: it says that one record is more than a page")
            lasts.append((after + last) // 2)


async def search(
    calls: Calls, object: str, filters: Sequence[Filter], properties: Sequence[str], limit: int, purpose: str
) -> list[Observation]:
    page = await _search(calls, object, filters, None, properties, min(limit, SEARCH_PAGE), purpose)
    return page.records


async def count(calls: Calls, object: str, groups: Sequence[Sequence[Filter]], purpose: str) -> int:
    """`total` of a search (HubSpot CRM search API); one record comes with it."""
    body = {
        "filterGroups": [{"filters": filters} for filters in groups],
        "properties": [records.ID_PROPERTY],
        "limit": 1,
    }
    _, batch = await calls.read_as(
        "POST",
        objects_path(object) + "/search",
        encode(body),
        records.batch_of,
        records.RECORDS,
        purpose=purpose,
        family=SEARCH,
    )
    return batch.total or 0


async def _search(
    calls: Calls,
    object: str,
    filters: Sequence[Filter],
    sort: str | None,
    properties: Sequence[str],
    limit: int,
    purpose: str,
) -> SearchPage:
    """One page, from the start of what the filters let through; `more` says whether there is anything beyond it."""
    body: dict[str, Any] = {"filterGroups": [{"filters": filters}], "properties": properties, "limit": limit}
    if sort is not None:
        body["sorts"] = [{"propertyName": sort, "direction": "ASCENDING"}]
    sent = encode(body)
    wide = len(sent) > SEARCH_BODY_MAX
    if wide:
        sent = encode({**body, "properties": [records.ID_PROPERTY]})
    reply, batch = await calls.read_as(
        "POST",
        objects_path(object) + "/search",
        sent,
        records.batch_of,
        records.RECORDS,
        purpose=purpose,
        family=SEARCH,
    )
    found = [observation(object, record, reply.sent_us) for record in batch.results]
    if wide:
        found = await _with_values(calls, object, found, properties, purpose)
    return SearchPage(found, batch.paging is not None and batch.paging.next is not None)


async def _with_values(
    calls: Calls, object: str, found: Sequence[Observation], properties: Sequence[str], purpose: str
) -> list[Observation]:
    """The values of records of which search told the stamps alone, since naming all properties would be too long for it.

    A stamp stays the one that search found the record by: whoever walks on from a stamp that search does not know yet
    would leave out what lies between. Of a record that is not read any more, search's word stands, without values.
    """
    values = await records.read(calls, object, [seen.key.id for seen in found], properties, None, False, purpose)
    return [
        seen
        if (read := values.get(seen.key.id)) is None
        else msgspec.structs.replace(read, modified_us=seen.modified_us)
        for seen in found
    ]

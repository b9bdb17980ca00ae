"""Lists (segments) of a HubSpot account: finding one, who is in it, and who joined it last. Reads only: people keep lists.

Dynamic lists follow their filters with a delay that HubSpot does not document, and members are read from their own
index. So what is read here says who HubSpot counts as a member now, which a later read may say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from interlock.crm.budget import SEARCH
from interlock.crm.calls import Calls, Reply, chunks, in_parallel
from interlock.crm.hubspot.model import ListMember, ListPage, MemberPage, RecordList
from interlock.crm.hubspot.records import read_whole
from interlock.crm.hubspot.requests import (
    BATCH_INPUTS,
    WireError,
    WirePaging,
    encode,
    lists_path,
    segment,
    to_us,
    with_query,
)

# Documented for the listing of all lists (lists API, 2026-09); the search takes it too.
SEARCH_COUNT_MOST = 500
MEMBERS_A_PAGE = 100  # lists API, memberships


class _Properties(msgspec.Struct, frozen=True):
    hs_list_size: str | None = None


class _List(msgspec.Struct, rename="camel"):
    list_id: str | int  # a number in older answers, a string in the specification
    name: str
    object_type_id: str
    processing_type: str
    size: int | None = None
    additional_properties: _Properties = _Properties()


class _Found(msgspec.Struct, rename="camel"):
    lists: list[_List] = []
    has_more: bool = False
    offset: int = 0


class _One(msgspec.Struct):
    list: _List


class _Membership(msgspec.Struct, rename="camel"):
    list_id: str | int


class _Record(msgspec.Struct, rename="camel"):
    record_id: str | int
    record_list_memberships: list[_Membership] = []


class _Records(msgspec.Struct):
    results: list[_Record]
    errors: list[WireError] = []


class _Joined(msgspec.Struct, rename="camel"):
    record_id: str | int
    membership_timestamp: datetime


class _Members(msgspec.Struct):
    results: list[_Joined]
    paging: WirePaging | None = None


async def search(calls: Calls, object_type_id: str, query: str, offset: int, count: int, purpose: str) -> ListPage:
    # The size is among the properties that a search always returns; it is asked for all the same.
    body = {
        "query": query,
        "objectTypeId": object_type_id,
        "offset": offset,
        "count": min(count, SEARCH_COUNT_MOST),
        "additionalProperties": ["hs_list_size"],
    }

    def decode(reply: Reply) -> _Found:
        return msgspec.json.decode(reply.body, type=_Found)

    path = lists_path() + "/search"
    _, found = await calls.read_as(
        "POST", path, encode(body), decode, "a list of lists", purpose=purpose, family=SEARCH
    )
    # Older answers hold the lists of every object, whatever was asked for.
    shown = [_shown(each) for each in found.lists if each.object_type_id == object_type_id]
    return ListPage(shown, found.offset if found.has_more and found.offset > offset else None)


async def read(calls: Calls, list_id: str, purpose: str) -> RecordList | None:
    def decode(reply: Reply) -> _List | None:
        return None if reply.status == 404 else msgspec.json.decode(reply.body, type=_One).list

    path = f"{lists_path()}/{segment(list_id)}"
    _, found = await calls.read_as("GET", path, None, decode, "a list", purpose=purpose, takes=(404,))
    return None if found is None else _shown(found)


async def memberships(
    calls: Calls, object_type_id: str, list_id: str, ids: Sequence[str], purpose: str
) -> dict[str, bool]:
    path = lists_path() + "/records/memberships/batch/read"

    def decode(reply: Reply) -> _Records:
        return msgspec.json.decode(reply.body, type=_Records)

    async def one(chunk: Sequence[str]) -> dict[str, bool]:
        inputs = [{"objectTypeId": object_type_id, "recordId": id} for id in chunk]
        # A 207 whose errors are no answers is asked again: a record that HubSpot says nothing about is not outside.
        _, found = await read_whole(calls, path, encode({"inputs": inputs}), decode, "a list of memberships", purpose)
        return {
            str(record.record_id): any(str(each.list_id) == list_id for each in record.record_list_memberships)
            for record in found.results
        }

    answers: dict[str, bool] = {}
    for part in await in_parallel(chunks(list(dict.fromkeys(ids)), BATCH_INPUTS), one):
        answers.update(part)
    return answers


async def members(calls: Calls, list_id: str, after: str | None, purpose: str) -> MemberPage | None:
    query = {"limit": str(MEMBERS_A_PAGE)} | ({"after": after} if after is not None else {})
    path = with_query(f"{lists_path()}/{segment(list_id)}/memberships/join-order", query)

    def decode(reply: Reply) -> _Members | None:
        return None if reply.status == 404 else msgspec.json.decode(reply.body, type=_Members)

    _, page = await calls.read_as("GET", path, None, decode, "a list of members", purpose=purpose, takes=(404,))
    if page is None:
        return None
    following = page.paging.next.after if page.paging is not None and page.paging.next is not None else None
    rows = [ListMember(str(row.record_id), to_us(row.membership_timestamp)) for row in page.results]
    return MemberPage(rows, calls.moved_on(after, following))


def _shown(found: _List) -> RecordList:
    text = found.additional_properties.hs_list_size
    size = int(text) if text is not None and text.isascii() and text.isdigit() else found.size
    return RecordList(str(found.list_id), found.name, size, found.processing_type, found.object_type_id)

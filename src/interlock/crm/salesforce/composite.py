"""The composite resource: up to 25 subrequests, of which 5 queries or collections, in order, for one API call.

What we rely on (REST API, Composite): with `collateSubrequests` false the subrequests run one after the other in the
order given; with `allOrNone` false a subrequest that fails stops none of those that do not refer to it, and rolls
nothing back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from interlock.core.model import NotDone, Unsettled
from interlock.crm.calls import Calls, Declined
from interlock.crm.salesforce.requests import CALL_OPTIONS, DATA_PATH, encode

PATH = f"{DATA_PATH}/composite"


class Sub(msgspec.Struct, omit_defaults=True, rename="camel"):
    method: str
    url: str
    reference_id: str
    body: Any = None
    http_headers: Mapping[str, str] | None = None


class SubReply(msgspec.Struct, rename="camel"):
    body: msgspec.Raw
    http_status_code: int
    reference_id: str

    @property
    def ok(self) -> bool:
        return 200 <= self.http_status_code < 300


class _Answer(msgspec.Struct, rename="camel"):
    composite_response: list[SubReply]


_decode = msgspec.json.Decoder(_Answer).decode
Replies = dict[str, SubReply]
T = TypeVar("T")


def _body(subs: Sequence[Sub]) -> bytes:
    return encode({"allOrNone": False, "collateSubrequests": False, "compositeRequest": subs})


async def read(calls: Calls, subs: Sequence[Sub], purpose: str) -> tuple[Replies, int]:
    """Replies by reference, and when the call was sent. Raises CrmError; refused subrequests are the caller's."""
    reply, answer = await calls.read_as(
        "POST", PATH, _body(subs), lambda reply: _decode(reply.body), "a composite response", purpose=purpose
    )
    return {sub.reference_id: sub for sub in answer.composite_response}, reply.sent_us


async def write(
    calls: Calls, subs: Sequence[Sub], purpose: str, headers: Mapping[str, str]
) -> Replies | Declined | NotDone | Unsettled:
    """Replies by reference. Each write in the call carries our headers too: it counts as a request of its own."""
    for sub in subs:
        if sub.method != "GET":
            sub.http_headers = {**CALL_OPTIONS, **headers, **(sub.http_headers or {})}
    answer = await calls.write("POST", PATH, _body(subs), purpose=purpose, headers=headers)
    if isinstance(answer, Declined | NotDone | Unsettled):
        return answer
    try:
        return {sub.reference_id: sub for sub in _decode(answer.body).composite_response}
    except msgspec.MsgspecError:
        return Unsettled("Salesforce took the call and answered something that is not a composite response")

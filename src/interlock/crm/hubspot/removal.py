"""Archiving HubSpot records, which a person undoes or wants gone with their counterparts; merging two; and erasing contacts, which
a person orders. Nothing else removes records.

HubSpot CRM API, batch archive: up to 100 inputs, 204 without a result of each; a record that is archived already is fine.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import NotDone, Outcome, Refused, Unsettled, Written
from interlock.crm.calls import Calls, Declined, chunks
from interlock.crm.hubspot.requests import BATCH_INPUTS, encode, objects_path
from interlock.crm.hubspot.writes import whole_refused


async def archive(calls: Calls, object: str, ids: Sequence[str], purpose: str) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for chunk in chunks(list(dict.fromkeys(ids)), BATCH_INPUTS):
        body = encode({"inputs": [{"id": id_} for id_ in chunk]})
        answer = await calls.write("POST", objects_path(object) + "/batch/archive", body, purpose=purpose)
        outcomes |= {id_: _outcome(id_, answer) for id_ in chunk}
    return outcomes


async def merge(calls: Calls, object: str, primary: str, other: str, purpose: str) -> Outcome:
    """`POST .../merge`: 200 with the record that is left, whose id may be a new one (HubSpot CRM API, merge). Two that are one
    already are refused."""
    body = encode({"primaryObjectId": primary, "objectIdToMerge": other})
    answer = await calls.write("POST", objects_path(object) + "/merge", body, purpose=purpose)
    return _outcome(primary, answer)


async def erase(calls: Calls, contact_id: str, purpose: str) -> Outcome:
    """`POST /crm/objects/contacts/gdpr-delete`: 204; there is no way back (HubSpot, "GDPR delete" of the contacts API)."""
    body = encode({"objectId": contact_id})
    answer = await calls.write("POST", objects_path("contacts") + "/gdpr-delete", body, purpose=purpose)
    return _outcome(contact_id, answer)


def _outcome(id_: str, answer: object) -> Outcome:
    if isinstance(answer, (NotDone, Unsettled)):
        return answer
    if isinstance(answer, Declined):
        refused: Refused = whole_refused(answer).refused
        return refused
    return Written(id_)

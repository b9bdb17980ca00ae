"""Looking for records without counterpart that may be one: suggestions, with reasons, for a person to review.

Only what is known to have no counterpart is read, in batches and when somebody asks: syncing itself asks nothing more for it.
Nothing is linked here, however sure it looks. What a person has refused is not suggested again, and stands in nobody's way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from interlock.app.identity.reading import COMPARED, PAGE_ROWS, Reader, judged
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.schemas import kept_schemas
from interlock.core.identity import candidates
from interlock.core.identity.pairing import Judged, pair_up
from interlock.core.identity.verdict import Found
from interlock.core.model import RecordKey, Side
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.store import Store, mappings, suggestions, unlinked
from interlock.store.connections import Connection
from interlock.store.suggestions import OPEN, Suggestion

Json = dict[str, Any]

# Of each side of an object, those with the first keys: they are held in memory together.
RECORDS_MOST = 50_000
# Of each object, the likeliest: nobody reviews more before looking again.
KEPT_MOST = 2_000
# They are not to be found by anything.
_NOT_COMPARED = frozenset({"erased", "deleted", "not_readable"})


class Looked(msgspec.Struct):
    """What one search of an object had before it. `compared`: by side; `left_out`: records beyond what is compared at once."""

    compared: dict[Side, int]
    left_out: int = 0
    suggested: int = 0
    dropped: int = 0  # found, and less likely than those that are kept

    def document(self) -> Json:
        return {
            "compared_in_hubspot": self.compared[Side.HUBSPOT],
            "compared_in_salesforce": self.compared[Side.SALESFORCE],
            "left_out": self.left_out,
            "suggested": self.suggested,
            "dropped": self.dropped,
        }


async def look(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    only: Sequence[str],
    by: By = BY_COMMAND,
) -> dict[str, Looked]:
    """By object. What was suggested before and not decided is found anew, or gone. Raises CrmError."""
    assert connection.id is not None
    slugs = [slug for slug in only if slug in COMPARED]
    schemas = await kept_schemas(store, connection.id, hubspot, salesforce, slugs)
    reader = Reader(schemas, hubspot, salesforce)
    found = {slug: await _look(store, connection.id, reader, slug) for slug in slugs}
    async with store.write(connection.id) as tx:
        counted = {slug: each.suggested for slug, each in found.items()}
        await record(tx, by, "suggestions_looked_for", f"connection:{connection.id}", suggested=counted)
    return found


async def _look(store: Store, connection_id: int, reader: Reader, slug: str) -> Looked:
    async with store.read(connection_id) as tx:
        types = {
            row.salesforce_type for row in await mappings.object_mappings(tx) if row.enabled and row.object == slug
        }
    comparing = COMPARED[slug]
    read = {side: await _of_side(store, connection_id, reader, slug, side, types) for side in Side}
    looked = Looked({side: len(read[side][0]) for side in Side}, sum(left for _, left in read.values()))
    async with store.read(connection_id) as tx:
        decided = set(await suggestions.decided_keys(tx, slug))
    keyed = {side: list(comparing.keyed({key: each.profile for key, each in read[side][0].items()})) for side in Side}
    pairs = candidates.between(keyed[Side.HUBSPOT], keyed[Side.SALESFORCE])
    pairing = pair_up(await judged(slug, pairs, read[Side.HUBSPOT][0] | read[Side.SALESFORCE][0]), decided)
    every = [*pairing.links, *pairing.suggestions]
    every.sort(key=lambda each: (-each.verdict.points, each.one, each.other))
    looked.suggested = len(every[:KEPT_MOST])
    looked.dropped = len(every) - looked.suggested
    async with store.write(connection_id) as tx:
        # Whoever was linked meanwhile has nothing to suggest any more.
        keys = [key for each in every[:KEPT_MOST] for key in (each.one, each.other)]
        alone = await unlinked.by_keys(tx, keys)
        kept = [
            _suggestion(slug, each, tx.now_us)
            for each in every[:KEPT_MOST]
            if each.one in alone and each.other in alone
        ]
        await suggestions.replace_open(tx, slug, kept)
    return looked


async def _of_side(
    store: Store, connection_id: int, reader: Reader, slug: str, side: Side, types: set[str]
) -> tuple[dict[RecordKey, Any], int]:
    """Records of a side, and how many more there are."""
    found: dict[RecordKey, Any] = {}
    left, after = 0, ""
    while True:
        async with store.read(connection_id) as tx:
            page = await unlinked.on_side(tx, slug, side, after, PAGE_ROWS)
        if not page:
            return found, left
        after = str(page[-1].key)
        keys = [
            each.key
            for each in page
            if each.why not in _NOT_COMPARED and (side is Side.HUBSPOT or each.key.type in types)
        ]
        room = max(0, RECORDS_MOST - len(found))
        left += len(keys[room:])
        for type_ in sorted({key.type for key in keys[:room]}):
            found |= await reader.these(slug, [key for key in keys[:room] if key.type == type_])


def _suggestion(slug: str, each: Judged, now_us: int) -> Suggestion:
    hubspot, salesforce = sorted((each.one, each.other), key=lambda key: key.side is Side.SALESFORCE)
    sure = each.verdict.found is Found.LINK and not each.rivals
    reasons = tuple((reason.trait, reason.likeness) for reason in each.verdict.reasons)
    return Suggestion(slug, hubspot, salesforce, OPEN, sure, each.verdict.points, reasons, len(each.rivals), now_us)

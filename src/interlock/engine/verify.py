"""Looking up what writes to HubSpot may have replaced unseen (rule V). Reads history; logs what it finds.

HubSpot cannot write on a condition. Between our read and our write somebody may have edited the same field; the history
of the property shows it: just below our own version stands one that we never read. Its value goes to the conflict log.
"""

from __future__ import annotations

from collections.abc import Iterator

from interlock.core.mapping import FieldMapping
from interlock.core.model import AuditRow, Intent, IntentState, RecordLink
from interlock.core.plain import plain
from interlock.core.values import Unknown, fingerprint
from interlock.crm.hubspot.model import HistoryEntry
from interlock.engine.audit_rows import lost_race_row, tell_lost
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.left_out import UNTIL_SCHEMAS_AGE_US
from interlock.engine.repair import log_lost_races
from interlock.store import audit, intents, links

# The source of versions that an app wrote (HubSpot, property history).
INTEGRATION = "INTEGRATION"
# A proxy that sends a request again does so at once.
RESENT_WITHIN_US = 60_000_000


async def verify(ctx: Cycle, runtime: ObjectRuntime, due: list[Intent]) -> None:
    """`due`: intents in state VERIFY of this object. Settles them; a deleted record keeps its history.

    What a mapping wrote that cannot be used now, or of a type that does not sync, is looked up when that is back: nobody else can
    read its values.
    """
    due = [intent for intent in due if not runtime.left_out & intent.fields.keys()]
    if not due:
        return
    async with ctx.store.read(ctx.connection_id) as tx:
        linked = await links.by_hubspot(tx, runtime.slug, [intent.target.id for intent in due])
    due = [
        intent
        for intent in due
        if (pair := linked.get(intent.target.id)) is None or runtime.syncs(pair.salesforce_type)
    ]
    if not due:
        return
    # References are associations in HubSpot, written by calls of their own: a person's choice of company is not in reach.
    references = {reference.property for reference in runtime.references}
    fields = {
        field.id: field
        for mapping in runtime.mappings.values()
        for field in mapping.fields
        if field.property not in references
    }
    ids = [intent.target.id for intent in due]
    properties = sorted({fields[id_].property for intent in due for id_ in intent.fields if id_ in fields})
    histories = {}
    if properties:
        type_ = runtime.spec.hubspot_type
        histories = await ctx.hubspot.read_history(type_, ids, properties, purpose="verify")
        gone = [id_ for id_ in ids if id_ not in histories]
        if gone:
            histories |= await ctx.hubspot.read_history(type_, gone, properties, archived=True, purpose="verify")
    lost: list[tuple[RecordLink, AuditRow]] = []
    alone: list[AuditRow] = []
    now_us = ctx.clock_us()
    due = [intent for intent in due if not _waits(intent, fields, histories.get(intent.target.id), now_us)]
    for intent in due:
        link = linked.get(intent.target.id)
        for row in _lost(intent, fields, histories.get(intent.target.id, {}), link, ctx.clock_us()):
            if link is None:
                alone.append(row)
            else:
                lost.append((link, row))
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await audit.append(tx, alone)
        await log_lost_races(tx, runtime.slug, lost)
        await intents.settle(tx, [intent.id for intent in due if intent.id is not None])
    ctx.report.of(runtime.slug).conflicts += sum(row.status == "open" for row in (*alone, *(row for _, row in lost)))


def _waits(
    intent: Intent, fields: dict[int, FieldMapping], history: dict[str, list[HistoryEntry]] | None, now_us: int
) -> bool:
    """HubSpot leaves out a property that was archived since, as one that never had a value: which of the two it is, is known once
    the schemas have been read again. If it is the first, its mapping is left out from then on, and waits as above."""
    unseen = history is not None and any(
        id_ in fields and name not in history for id_, (name, *_) in intent.fields.items()
    )
    return unseen and now_us - intent.park_until_us < UNTIL_SCHEMAS_AGE_US


def _lost(
    intent: Intent,
    fields: dict[int, FieldMapping],
    history: dict[str, list[HistoryEntry]],
    link: RecordLink | None,
    now_us: int,
) -> Iterator[AuditRow]:
    salesforce_id = link.salesforce_id if link is not None else None
    for id_, (name, written, _, read) in intent.fields.items():
        field = fields.get(id_)
        if field is None or name not in history:
            continue
        for lost in foreign_versions(field, history[name], written, read, intent.target_stamp_us):
            row = lost_race_row(
                intent.object, intent.target.id, salesforce_id, intent.target.side, field.effective_rule, now_us
            )
            row.property, row.field = field.property, field.field
            tell_lost(row, field.codec.from_hubspot(lost.value), lost.value)
            row.new = kept_value(field, history[name], written)
            yield row


def foreign_versions(
    field: FieldMapping, newest_first: list[HistoryEntry], written: int, read: int, read_stamp_us: int
) -> list[HistoryEntry]:
    """Versions between the one we read and the one we wrote. Empty when nobody came between."""
    prints = [_print(field, entry) for entry in newest_first]
    like_ours = [
        place for place, entry in enumerate(newest_first) if prints[place] == written and entry.at_us > read_stamp_us
    ]
    # A person may have typed, or cleared, just the same: what an integration wrote comes first into question.
    ours = [place for place in like_ours if newest_first[place].source_type == INTEGRATION] or like_ours
    if not ours:
        # Our version is not in the history: HubSpot keeps no version for a write that changed nothing.
        return []
    # The same value may have been written again later, which is another write. One that came twice came within a minute.
    first = ours[-1]
    last = min(place for place in ours if newest_first[place].at_us - newest_first[first].at_us < RESENT_WITHIN_US)
    between: list[HistoryEntry] = []
    for place in range(last + 1, len(newest_first)):
        if prints[place] == read and place > first:
            return between
        if prints[place] == written:
            continue  # ours too: the request came twice
        between.append(newest_first[place])
    # What we read is older than the history goes, or it was blank, which has no version: whatever stands between came
    # after our read if it is younger than the record was then, by HubSpot's own clock.
    return [entry for entry in between if entry.at_us > read_stamp_us]


def kept_value(field: FieldMapping, newest_first: list[HistoryEntry], written: int) -> str | None:
    """What we wrote, as the history shows it."""
    ours = next((entry for entry in newest_first if _print(field, entry) == written), None)
    return plain(field.codec.from_hubspot(ours.value)) if ours is not None else None


def _print(field: FieldMapping, entry: HistoryEntry) -> int | None:
    value = field.codec.from_hubspot(entry.value)
    return None if type(value) is Unknown else fingerprint(value)


def to_verify(found: list[Intent]) -> list[Intent]:
    return [intent for intent in found if intent.state is IntentState.VERIFY and intent.target.id]

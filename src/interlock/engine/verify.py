"""Looking up what two-way writes to HubSpot may have replaced unseen (rule V). Reads history; logs what it finds.

HubSpot cannot write on a condition. Between our read and our write somebody may have edited the same field; the history
of the property shows it: just below our own version stands one that we never read. Its value goes to the conflict log.
"""

from __future__ import annotations

from interlock.core.mapping import FieldMapping
from interlock.core.model import AuditRow, Intent, IntentKind, IntentState, Side, SyncRule
from interlock.core.plain import plain
from interlock.core.values import Unknown, fingerprint
from interlock.crm.hubspot.model import HistoryEntry
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.record import lost_race_row
from interlock.store import audit, intents, links


async def verify(ctx: Cycle, runtime: ObjectRuntime, due: list[Intent]) -> None:
    """`due`: intents in state VERIFY of this object. Settles them; a record that is gone has nothing left to look up."""
    if not due:
        return
    fields = {field.id: field for mapping in runtime.mappings.values() for field in mapping.fields}
    two_way = {id_: field for id_, field in fields.items() if field.effective_rule is SyncRule.TWO_WAY}
    ids = [intent.target.id for intent in due]
    properties = sorted({two_way[id_].property for intent in due for id_ in intent.fields if id_ in two_way})
    histories = {}
    if properties:
        histories = await ctx.hubspot.read_history(runtime.spec.hubspot_type, ids, properties, purpose="verify")
    rows: list[AuditRow] = []
    async with ctx.store.read(ctx.connection_id) as tx:
        linked = await links.by_hubspot(tx, runtime.slug, ids)
    for intent in due:
        history = histories.get(intent.target.id, {})
        link = linked.get(intent.target.id)
        for id_, (name, written, _, read) in intent.fields.items():
            field = two_way.get(id_)
            if field is None or name not in history:
                continue
            for lost in foreign_versions(field, history[name], written, read, intent.sent_at_us):
                rows.append(
                    lost_race_row(
                        runtime.slug,
                        intent.target.id,
                        link.salesforce_id if link else None,
                        Side.HUBSPOT,
                        field.property,
                        field.field,
                        plain(field.codec.from_hubspot(lost.value)),
                        kept_value(field, history[name], written),
                        field.rule.value,
                        ctx.clock_us(),
                    )
                )
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await audit.append(tx, rows)
        await intents.settle(tx, [intent.id for intent in due if intent.id is not None])
    ctx.report.of(runtime.slug).conflicts += len(rows)


def foreign_versions(
    field: FieldMapping, newest_first: list[HistoryEntry], written: int, read: int, sent_at_us: int
) -> list[HistoryEntry]:
    """Versions between the one we read and the one we wrote. Empty when nobody came between."""
    prints = [_print(field, entry) for entry in newest_first]
    ours = next((place for place, print_ in enumerate(prints) if print_ == written), None)
    if ours is None:
        # Our version is not in the history: HubSpot keeps no version for a write that changed nothing.
        return []
    between: list[HistoryEntry] = []
    for place in range(ours + 1, len(newest_first)):
        if prints[place] == read:
            return between
        between.append(newest_first[place])
    # What we read is older than the history goes, or it was blank, which has no version: then only what is newer than a
    # minute before our write can have come after our read.
    return [entry for entry in between if entry.at_us > sent_at_us - 60_000_000]


def kept_value(field: FieldMapping, newest_first: list[HistoryEntry], written: int) -> str | None:
    """What we wrote, as the history shows it."""
    ours = next((entry for entry in newest_first if _print(field, entry) == written), None)
    return plain(field.codec.from_hubspot(ours.value)) if ours is not None else None


def _print(field: FieldMapping, entry: HistoryEntry) -> int | None:
    value = field.codec.from_hubspot(entry.value)
    return None if type(value) is Unknown else fingerprint(value)


def to_verify(found: list[Intent]) -> list[Intent]:
    return [intent for intent in found if intent.state is IntentState.VERIFY and intent.kind is IntentKind.UPDATE]

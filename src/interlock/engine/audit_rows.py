"""What the audit says of a pair: writes, conflicts, lost races, links. Makes rows; who appends them, and when, is record.py.

The rows of a write are made before its request leaves and lie in its intent, so that a crash, or an answer that never
came, does not cost the only copy of a value that was replaced.
"""

from __future__ import annotations

from interlock.core.model import AuditKind, AuditRow, ConflictReason, Raw, Side, SyncRule, Written
from interlock.core.plain import plain
from interlock.core.plan import FieldWrite
from interlock.core.reconcile import Because
from interlock.core.values import Unknown, Value, fingerprint
from interlock.engine.work import SideWrite, Work

# A conflict that was decided by a rule which a person chose for just this case needs no second look.
_SETTLED = (ConflictReason.FIRST_LINK, ConflictReason.RULE)
# Of a lost race: a value that the mapping cannot read, an owner without a counterpart for one.
REPLACED_UNREAD = "replaced between our read and our write, unreadable to us"


def pair_row(work: Work, kind: AuditKind, cause: str, now_us: int) -> AuditRow:
    return AuditRow(now_us, kind, work.object, work.hubspot_id, work.salesforce_id, cause=cause)


def rows_of(work: Work, write: SideWrite, now_us: int) -> list[AuditRow]:
    """What is true once this write has been carried out."""
    if write.creates:
        row = pair_row(work, AuditKind.CREATE, work.reason.value, now_us)
        row.side, row.new = write.side, write.values()
        return [row]
    updates = [_update_row(work, write.side, field, now_us) for field in write.fields]
    replaced = [field for field in write.fields if field.decision.merge.conflict is not None]
    return updates + [_conflict_row(work, field, now_us) for field in replaced]


def opt_out_rows(work: Work, now_us: int) -> list[AuditRow]:
    """An opt-out that was carried over. No address: it is that of the record."""
    sides = [
        write.side
        for write in work.writes
        if isinstance(write.outcome, Written) and "HasOptedOutOfEmail" in write.extra
    ]
    if work.opt_out_hubspot is not None and work.opt_out_done:
        sides.append(Side.HUBSPOT)
    rows = [pair_row(work, AuditKind.OPT_OUT, "opted_out", now_us) for _ in sides]
    for row, side in zip(rows, sides, strict=True):
        row.side = side
    return rows


def _update_row(work: Work, side: Side, field: FieldWrite, now_us: int) -> AuditRow:
    because = field.decision.merge.because
    kind = AuditKind.UNDO if because is Because.PERSON_UNDID else AuditKind.UPDATE
    row = pair_row(work, kind, because.value, now_us)
    row.side, row.property, row.field = side, field.mapping.property, field.mapping.field
    row.old, row.new = plain(field.old), field.raw
    row.rule = field.mapping.effective_rule.value
    return row


def _conflict_row(work: Work, field: FieldWrite, now_us: int) -> AuditRow:
    merge = field.decision.merge
    conflict = merge.conflict
    assert conflict is not None
    row = pair_row(work, AuditKind.CONFLICT, merge.because.value, now_us)
    row.side, row.property, row.field = conflict.loser, field.mapping.property, field.mapping.field
    row.old, row.new = plain(conflict.lost), plain(conflict.kept)
    row.rule, row.reason = field.mapping.effective_rule.value, conflict.reason.value
    row.status = "settled" if conflict.reason in _SETTLED else "open"
    return row


def lost_races(work: Work, write: SideWrite, now_us: int) -> list[AuditRow]:
    """What Salesforce held just before our write, where it is not what we had read: somebody's edit that we replaced. Where the
    read within the writing call failed nothing can be told (docs/guarantees.md)."""
    outcome = write.outcome
    if write.side is not Side.SALESFORCE or not isinstance(outcome, Written) or outcome.before is None:
        return []
    rows = []
    for field in write.fields:
        if field.name not in outcome.before:
            continue
        raw = outcome.before[field.name]
        before = field.mapping.codec.from_salesforce(raw)
        # What cannot be read was not what we had read, or nothing would have been written over it.
        if type(before) is not Unknown and fingerprint(before) in (field.target, field.written):
            continue
        row = lost_race_row(
            work.object,
            work.hubspot_id,
            work.salesforce_id,
            Side.SALESFORCE,
            field.mapping.effective_rule,
            now_us,
        )
        row.property, row.field = field.mapping.property, field.mapping.field
        tell_lost(row, before, raw)
        row.new = plain(field.decision.merge.value)
        rows.append(row)
    return rows


def tell_lost(row: AuditRow, lost: Value, raw: Raw) -> None:
    """What was replaced unseen. One that cannot be read is told as its CRM gave it, for a person to put back."""
    row.old = plain(lost)
    if type(lost) is Unknown:
        row.old, row.cause = raw, REPLACED_UNREAD


def lost_race_row(
    object_: str, hubspot_id: str | None, salesforce_id: str | None, loser: Side, rule: SyncRule, now_us: int
) -> AuditRow:
    """Without the two values. Under a rule by which the other side wins anyway it needs no second look."""
    other_wins = (SyncRule.PREFER_SALESFORCE, SyncRule.ALWAYS_SALESFORCE)
    if loser is Side.SALESFORCE:
        other_wins = (SyncRule.PREFER_HUBSPOT, SyncRule.ALWAYS_HUBSPOT)
    return AuditRow(
        now_us,
        AuditKind.CONFLICT,
        object_,
        hubspot_id,
        salesforce_id,
        side=loser,
        cause="replaced between our read and our write",
        rule=rule.value,
        reason=ConflictReason.LOST_RACE.value,
        status="settled" if rule in other_wins else "open",
    )

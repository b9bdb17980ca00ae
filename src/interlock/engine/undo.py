"""Taking the undo of fields into the decision of their pairs, and noting what became of it. No I/O of its own but the rows.

An undo writes nothing to a CRM. It notes what is to be taken back (store/undos.py) and marks the pairs due; the line does the rest
like any other change, with intents, outcomes, history and the base. A field goes back only while both sides still hold what we
carried over: any other value is somebody's later edit, and stands. Afterwards the two sides differ against the rule. The base
says what each of them holds, and the row stands until either is edited, so that no sync carries the same value over again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import FieldBase, Gone, Observation, Side, SyncRule
from interlock.core.plain import from_plain
from interlock.core.plan import FieldWrite, SidePlan
from interlock.core.reconcile import (
    Because,
    FieldMerge,
    Undo,
    merge_undone,
    read_hubspot,
    read_salesforce,
)
from interlock.core.values import Unknown, Value, fingerprint
from interlock.engine.choices import arrived
from interlock.engine.together import CURRENCY_NOT_CARRIED, SAID_BY_THEIR_LEADER
from interlock.engine.work import Batch, Work
from interlock.store import WriteTx, undos
from interlock.store.undos import STANDING, UNDONE, WAITING, UndoRow

# Why something was not taken back. Stable codes; app/undo/words.py has the sentences.
EDITED_SINCE, NOT_MAPPED, GONE, OUTSIDE = "edited_since", "not_mapped", "gone", "not_in_list"
ANOTHER_RECORD = "another_record"  # the pair has moved to another than the one that was written
NOT_TOGETHER = "not_together"  # what it goes back together with does not
NOT_SHOWN = "not_shown"  # written after whoever undoes was shown what would go back
_OVER = "over"  # it stood, and ends with the edit that came


def weigh_undos(work: Work, mapping: ObjectMapping, hubspot: Observation, salesforce: Observation) -> dict[int, Undo]:
    """Field mapping id -> undo, of those that hold. Notes on the work what each needs, and which have ended."""
    found: dict[int, Undo] = {}
    # Of records it is decided elsewhere (taking_back.py), before this.
    records = {row.id for row in work.undos if row.of_record()}
    work.undos_need = {}
    work.undos_ended = {id_: why for id_, why in work.undos_ended.items() if id_ in records}
    by_names = {(each.property, each.field): each for each in mapping.fields} if work.undos else {}
    for row in work.undos:
        if row.of_record():
            continue
        field = by_names.get((row.property, row.field))
        if field is None:
            # It may be one of those that cannot be used now: the pair is looked at again when it is back.
            if not work.runtime.left_out:
                work.undos_ended[row.id] = NOT_MAPPED if row.state == WAITING else _OVER
            continue
        values = read_hubspot(field, hubspot), read_salesforce(field, salesforce)
        weigh = _weigh_standing if row.state == STANDING else _weigh_waiting
        undo = weigh(work, row, field, values, found.get(field.id))
        if undo is not None:
            found[field.id] = undo
    _with_their_leaders(work, {each.property: each.id for each in mapping.fields}, found)
    return found


def _with_their_leaders(work: Work, ids: Mapping[str, int], found: dict[int, Undo]) -> None:
    """A deal goes back to a pipeline with the stage that it had there; what Salesforce has now is no stage to put it in."""
    for leader, follower in work.runtime.spec.together.items():
        if follower not in SAID_BY_THEIR_LEADER or leader not in ids or ids.get(follower) not in found:
            continue
        if _goes_back(found[ids[follower]]) and not _goes_back(found.get(ids[leader])):
            del found[ids[follower]]
            _end_together(work, {ids[follower]})


def _goes_back(undo: Undo | None) -> bool:
    """In HubSpot, and not yet."""
    return undo is not None and not undo.done and (undo.both or undo.side is Side.HUBSPOT)


def _end_together(work: Work, field_ids: Collection[int]) -> list[int]:
    ended = [id_ for id_, (field_id, _, _) in work.undos_need.items() if field_id in field_ids]
    for id_ in ended:
        del work.undos_need[id_]
        work.undos_ended[id_] = NOT_TOGETHER
    return ended


def _weigh_standing(
    work: Work, row: UndoRow, field: FieldMapping, values: tuple[Value, Value], _: Undo | None
) -> Undo | None:
    undo = undo_of(row, field, done=True)
    # A side that cannot be read this time says nothing about an edit.
    if _unreadable(values) or _prints(values) == row.seen:
        return undo
    work.undos_ended[row.id] = _OVER
    return None


def _weigh_waiting(
    work: Work, row: UndoRow, field: FieldMapping, values: tuple[Value, Value], other: Undo | None
) -> Undo | None:
    undo = undo_of(row, field)
    if _unreadable(values):
        if field.effective_rule is SyncRule.DONT_SYNC:
            work.undos_ended[row.id] = NOT_MAPPED  # nobody reads it any more, so nothing can be waited for
            return None
        return undo
    held = values[0] if row.side is Side.HUBSPOT else values[1]
    if field.id in work.landed and held == undo.wanted:
        # It went through, and a crash or a time-out kept the answer from us.
        work.undos_need[row.id] = (field.id, (), _prints(values))
        return undo_of(row, field, done=True)
    if other is not None and not other.done and other.wanted == undo.wanted:
        # A person's choice had written both sides, and both go back.
        undo = Undo(other.side, other.wanted, other.written, both=True)
    elif other is not None and not other.done:
        work.undos_ended[row.id] = EDITED_SINCE
        return other
    merge = merge_undone(*values, undo)
    if merge is None:
        work.undos_ended[row.id] = EDITED_SINCE
        return None
    for id_ in _same_field(work, row) if undo.both else [row.id]:
        work.undos_need[id_] = (field.id, _sides(merge), _after(undo, values))
    return undo


def end_apart(work: Work, went: Collection[FieldWrite], plans: Collection[SidePlan]) -> bool:
    """End what cannot go back because another does not go back with it (together.py); whether something was. It would wait for an
    edit of the one, and go back long after, beside a value that nobody has seen together with it. `went`: what was planned."""
    goes = {each.mapping.id for plan in plans for each in plan.fields}
    apart = {each.mapping.id for each in went if each.decision.merge.because is Because.PERSON_UNDID} - goes
    ended = _end_together(work, apart)
    if ended:
        # Nobody has to mend anything; and what a person has edited meanwhile is decided without it by the next look.
        for plan in plans:
            plan.held = [each for each in plan.held if each.code != CURRENCY_NOT_CARRIED]
    return bool(ended)


def undo_of(row: UndoRow, field: FieldMapping, done: bool = False) -> Undo:
    written = field.codec.from_hubspot(row.written) if row.side is Side.HUBSPOT else None
    if written is None:
        written = field.codec.from_salesforce(row.written)
    return Undo(row.side, from_plain(field.codec, row.wanted), written, done=done)


def _same_field(work: Work, row: UndoRow) -> list[int]:
    names = (row.property, row.field)
    return [each.id for each in work.undos if (each.property, each.field) == names and each.state == WAITING]


def _sides(merge: FieldMerge) -> tuple[Side, ...]:
    return tuple(side for side in Side if merge.writes(side))


def _after(undo: Undo, values: tuple[Value, Value]) -> FieldBase:
    """What both sides hold once it is carried out."""
    wanted = fingerprint(undo.wanted)
    hubspot, salesforce = _prints(values)
    if undo.both:
        return wanted, wanted
    return (wanted, salesforce) if undo.side is Side.HUBSPOT else (hubspot, wanted)


def _prints(values: tuple[Value, Value]) -> FieldBase:
    return fingerprint(values[0]), fingerprint(values[1])


def _unreadable(values: tuple[Value, Value]) -> bool:
    return any(type(value) is Unknown for value in values)


def wanted_of(batch: Batch) -> Iterator[tuple[str, str]]:
    """(property, id) of references that are to be written again although no record holds them now."""
    names = {reference.property for reference in batch.runtime.references}
    for work in batch.works:
        for row in work.undos:
            if row.property in names and row.wanted is not None:
                yield row.property, row.wanted


async def record_undos(tx: WriteTx, works: list[Work]) -> None:
    """In the transaction that records the evidence: it is carried out, has ended, or waits for the next look."""
    for work in works:
        if work.relink_to is not None and work.link is not None and work.link.id is not None:
            # Asked of the store: what moves a pair may have come to it from its new record, without what is to be undone of it.
            await undos.end_waiting(tx, work.link.id, work.relink_to.side, ANOTHER_RECORD)
        if not work.undos:
            continue
        for id_, (field_id, sides, seen) in work.undos_need.items():
            if not arrived(work, field_id, sides):
                continue
            if seen[0] == seen[1]:
                await undos.set_state(tx, [id_], UNDONE)
            else:
                await undos.stand(tx, id_, seen)
        ended = dict(work.undos_ended)
        if any(isinstance(work.seen(side), Gone) for side in Side):
            ended |= {row.id: GONE for row in work.undos if row.state == WAITING and row.id not in ended}
        await undos.drop(tx, [id_ for id_, state in ended.items() if state == _OVER])
        for id_, state in ended.items():
            if state != _OVER:
                await undos.set_state(tx, [id_], state)

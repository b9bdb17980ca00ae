"""Taking a person's choices for conflicts into the decision of their pairs, and noting what became of them.

`conflicts resolve` writes nothing to a CRM: it notes the choice and marks the pair due, and the line does the rest like any
other change, with intents, outcomes and the base. A choice governs its field until both sides hold the chosen value, over
refusals, retries and crashes, and ends by itself, writing nothing, when either side holds a value that the person did not
choose between: somebody has edited it since.
"""

from __future__ import annotations

from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import Observation, Side, SyncRule
from interlock.core.plain import from_plain
from interlock.core.reconcile import Because, Choice, merge_chosen, read_hubspot, read_salesforce
from interlock.engine.apply import carried_out
from interlock.engine.work import Work
from interlock.store import WriteTx, audit, resolutions
from interlock.store.resolutions import EDITED_SINCE, NOT_MAPPED, Resolution


def weigh(work: Work, mapping: ObjectMapping, hubspot: Observation, salesforce: Observation) -> dict[int, Choice]:
    """Field mapping id -> choice, of those that hold. Notes on the work what each needs, and which have ended."""
    found: dict[int, Choice] = {}
    work.choices_need, work.choices_ended = {}, {}
    for resolution in work.resolutions:
        field = field_of(resolution, mapping)
        if field is None and work.runtime.left_out:
            continue  # it may be one of those that cannot be used now: the pair is looked at again when it is back
        if field is None or field.effective_rule is SyncRule.DONT_SYNC:
            work.choices_ended[resolution.conflict_id] = NOT_MAPPED
            continue
        choice = choice_of(resolution, field)
        merge = merge_chosen(read_hubspot(field, hubspot), read_salesforce(field, salesforce), choice)
        if merge is None:
            work.choices_ended[resolution.conflict_id] = EDITED_SINCE
            continue
        found[field.id] = choice
        if merge.because is not Because.UNREADABLE:
            sides = tuple(side for side in Side if merge.writes(side))
            work.choices_need[resolution.conflict_id] = (field.id, sides)
    return found


def field_of(resolution: Resolution, mapping: ObjectMapping) -> FieldMapping | None:
    """None: these two fields are not mapped to each other any more."""
    wanted = (resolution.property, resolution.field)
    return next((each for each in mapping.fields if (each.property, each.field) == wanted), None)


def choice_of(resolution: Resolution, field: FieldMapping) -> Choice:
    others = tuple(from_plain(field.codec, each) for each in resolution.others)
    return Choice(from_plain(field.codec, resolution.chosen), others)


async def record_choices(tx: WriteTx, works: list[Work]) -> None:
    """In the transaction that records the evidence: a choice is carried out, has ended, or waits for the next look."""
    done: list[int] = []
    ended: dict[str, list[int]] = {}
    for work in works:
        done += [id_ for id_, (field_id, sides) in work.choices_need.items() if arrived(work, field_id, sides)]
        for id_, state in work.choices_ended.items():
            ended.setdefault(state, []).append(id_)
    if done:
        await audit.resolve_conflicts(tx, done)
        await resolutions.drop(tx, done)
    for state, ids in ended.items():
        await resolutions.set_state(tx, ids, state)


def arrived(work: Work, field_id: int, sides: tuple[Side, ...]) -> bool:
    written = {
        write.side
        for write in work.writes
        if carried_out(write) and any(field.mapping.id == field_id for field in write.fields)
    }
    return written >= set(sides)

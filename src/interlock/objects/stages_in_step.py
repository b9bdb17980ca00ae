"""What a HubSpot pipeline owes to the sales process that it is kept in step with: what was changed in Salesforce since it was
followed last, told from what people did in HubSpot. Pure.

A stage of Salesforce is known again by the id of its row, whatever it is called by now. Each of name, meaning and place is
followed as long as HubSpot has what Salesforce had before; who changed one of them in HubSpot, or joined stages that read
otherwise, keeps it. No stage is taken away: with it would go on which day each deal came to it.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from interlock.objects.pipelines import stage_means


class SalesStage(msgspec.Struct, frozen=True):
    """A stage that Salesforce offers, or offered. `name` is what records hold; `row` the id that stays."""

    row: str
    name: str
    label: str
    closed: bool = False
    won: bool = False
    percent: float | None = None

    @property
    def means(self) -> tuple[float, bool]:
        """Probability and whether it closes a deal, as HubSpot has it."""
        return stage_means(closed=self.closed, won=self.won, percent=self.percent)


class DealStage(NamedTuple):
    id: str
    label: str
    means: tuple[float | None, bool]


class Followed(msgspec.Struct, frozen=True):
    """Of one pipeline, as of the last look: HubSpot's stage id -> what Salesforce said of its stage; those ids in the order that
    Salesforce had them in."""

    stages: dict[str, SalesStage] = {}
    order: list[str] = []


class Deed(enum.StrEnum):
    ADD, RENAME, MEANING, MOVE = "added", "renamed", "meaning", "moved"


class Change(msgspec.Struct, frozen=True):
    """One thing to do in HubSpot. `stage`: its id; empty of one that is added, and of a move, which is of the whole pipeline.
    `label`: what it is called then; `was`: what it is called now. `order`: of a move, every stage; `added`: the stage of Salesforce
    that one is made for."""

    deed: Deed
    label: str
    stage: str = ""
    was: str = ""
    means: tuple[float, bool] | None = None
    order: list[str] = []
    added: SalesStage | None = None

    @property
    def about(self) -> tuple[Any, ...]:
        """Equal for what is one thing to do, whatever else changed about it before it was done."""
        means = None if self.deed is Deed.ADD else self.means
        return self.deed, self.stage, self.label, means, tuple(self.order)


class Plan(msgspec.Struct, frozen=True):
    """`names`: stage id -> what Salesforce calls its stage by now, of those joined; `retired`: ids of stages whose stage Salesforce
    does not offer any more; `order`: the ids in the order that Salesforce had; `followed`: what holds once all is done, but for
    stages that are added."""

    changes: list[Change]
    names: dict[str, str]
    retired: list[str]
    order: list[str]
    followed: Followed


def plan(
    here: Sequence[DealStage],
    there: Sequence[SalesStage],
    joined: Mapping[str, str],
    before: Followed,
) -> Plan:
    """`here`: every stage of the pipeline, in HubSpot's order; `there`: what the record type offers, in Salesforce's;
    `joined`: stage id -> StageName, as a person or an earlier look joined them."""
    names = _names_now(here, there, joined, before)
    offered = {each.name: each for each in there}
    changes: list[Change] = []
    stages: dict[str, SalesStage] = {}
    retired: list[str] = []
    for stage in here:
        if stage.id not in joined:
            continue
        now, known = offered.get(names[stage.id]), _known(stage.id, joined, before)
        if now is None:
            retired.append(stage.id)
            if known is not None:
                stages[stage.id] = known
            continue
        stages[stage.id] = now
        if known is not None:
            changes += _of_one(stage, known, now)
    deleted = {id_: known for id_ in joined if id_ not in names and (known := _known(id_, joined, before)) is not None}
    stages |= deleted
    # What somebody deleted in HubSpot is not made again. Where they made it again, it is joined.
    left_out = {joined[id_] for id_ in joined if id_ not in names}
    left_out |= {each.name for each in there if each.row and each.row in {known.row for known in deleted.values()}}
    free = {stage.label: stage.id for stage in here if stage.id not in joined}
    for each in there:
        if each.name in names.values():
            continue
        if each.label in free:
            names[free[each.label]] = each.name
            stages[free[each.label]] = each
        elif each.name not in left_out:
            changes.append(Change(Deed.ADD, each.label, means=each.means, added=each))
    order = in_order(there, names)
    # Where nothing was followed before: as if it had been in the order of now.
    known_order = before.order or _only(order, joined)
    return Plan(_free_labels_first(changes, here), names, retired, known_order, Followed(stages, order))


def in_order(there: Sequence[SalesStage], names: Mapping[str, str]) -> list[str]:
    """The stage ids in Salesforce's order."""
    stage_of = {name: id_ for id_, name in names.items()}
    return [stage_of[each.name] for each in there if each.name in stage_of]


def _known(stage: str, joined: Mapping[str, str], before: Followed) -> SalesStage | None:
    """None: it was joined with another stage when it was followed last, so there is nothing to compare with."""
    known = before.stages.get(stage)
    return known if known is not None and known.name == joined[stage] else None


def _names_now(
    here: Sequence[DealStage], there: Sequence[SalesStage], joined: Mapping[str, str], before: Followed
) -> dict[str, str]:
    by_row = {each.row: each.name for each in there if each.row}
    now = {}
    for stage in here:
        if stage.id in joined:
            known = _known(stage.id, joined, before)
            now[stage.id] = by_row.get(known.row, known.name) if known is not None else joined[stage.id]
    # A name that another stage was joined with by hand meanwhile is that one's.
    return {id_: joined[id_] if list(now.values()).count(name) > 1 else name for id_, name in now.items()}


def _of_one(stage: DealStage, known: SalesStage, now: SalesStage) -> list[Change]:
    found = []
    if known.label != now.label and stage.label == known.label:
        found.append(Change(Deed.RENAME, now.label, stage.id, stage.label))
    if known.means != now.means and stage.means == known.means:
        found.append(Change(Deed.MEANING, stage.label, stage.id, stage.label, now.means))
    return found


def _free_labels_first(changes: Sequence[Change], here: Sequence[DealStage]) -> list[Change]:
    """A label is of one stage in a pipeline: what makes one free goes before what takes it."""
    taken = {stage.label for stage in here}
    renames = [each for each in changes if each.deed is Deed.RENAME]
    sorted_: list[Change] = []
    while ready := [each for each in renames if each.label not in taken]:
        for each in ready:
            renames.remove(each)
            sorted_.append(each)
            taken = (taken - {each.was}) | {each.label}
    # Two that swap names are left: HubSpot refuses the first of them, and an issue says so.
    return [*sorted_, *renames, *(each for each in changes if each.deed is not Deed.RENAME)]


def move(here: Sequence[str], before: Sequence[str], wanted: Sequence[str], *, begun: bool = False) -> Change | None:
    """Stages in another order, where Salesforce has one now and HubSpot that of `before`. All three are ids; `here` has also those
    that stand for none of Salesforce, which stay at their places. `begun`: another order is that of a move which was not ended."""
    wanted = _only(wanted, here)
    had, known = _only(here, wanted), _only(before, wanted)
    if had == wanted or (known == wanted):
        return None
    if not begun and _only(had, known) != known:
        return None
    places = iter(wanted)
    return Change(Deed.MOVE, "", order=[next(places) if id_ in wanted else id_ for id_ in here])


def _only(ids: Sequence[str], those: Collection[str]) -> list[str]:
    return [id_ for id_ in ids if id_ in those]


def is_done(change: Change, here: Sequence[DealStage]) -> bool:
    """Whether HubSpot shows it: of what a process that died has left behind."""
    if change.deed is Deed.MOVE:
        return _only([stage.id for stage in here], change.order) == _only(change.order, [stage.id for stage in here])
    if change.deed is Deed.ADD:
        return any(stage.label == change.label for stage in here)
    stage = next((each for each in here if each.id == change.stage), None)
    if stage is None:
        return False
    return stage.label == change.label if change.deed is Deed.RENAME else stage.means == change.means


def made_before(
    going: Sequence[Change], here: Sequence[DealStage], joined: Mapping[str, str], before: Followed
) -> tuple[dict[str, str], Followed]:
    """Of what a process that died has left behind: with the stages that it had added, joined and followed as they were then,
    whatever Salesforce calls them by now."""
    free = {stage.label: stage.id for stage in here if stage.id not in joined}
    made = {free[each.label]: each.added for each in going if each.added is not None and each.label in free}
    made = {id_: each for id_, each in made.items() if each.name not in joined.values()}
    names = {id_: each.name for id_, each in made.items()}
    return {**joined, **names}, msgspec.structs.replace(before, stages={**before.stages, **made})

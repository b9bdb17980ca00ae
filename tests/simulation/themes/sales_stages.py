"""What administrators do to stages, of both CRMs, while deals stand in them; for stories about pipelines.

What has to hold where a pipeline was kept in step all along: it has every stage of its sales process, called, meaning and standing
as Salesforce has it, but for what somebody changed about it in HubSpot; no stage is ever deleted; a stage that Salesforce does not
offer any more is told; and every change of ours is a row in the log of deeds, once.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from crm_emulator.hubspot.pipelines import in_order
from interlock.app.pipelines_in_step import LOOKED
from interlock.app.schemas import NAME as SCHEMAS
from interlock.store import cursors, directory
from tests.simulation.desk import Desk, Note
from tests.simulation.kinds import Kind
from tests.simulation.themes.theme import Move, Page

if TYPE_CHECKING:
    from crm_emulator.hubspot.pipelines import Change
    from interlock.store import Store
    from tests.simulation.world import Story, World

# Of each record type by its name: the stages of its sales process. What HubSpot's pipeline of the same name has of them reads the
# same; it has one that stands for none as well.
PROCESSES = {
    "New business": ("Prospecting", "Qualification", "Closed Won", "Closed Lost"),
    "Renewals": ("Proposal/Price Quote", "Closed Won"),
    "Partners": ("Prospecting", "Closed Won"),
}
LACKING_IN_HUBSPOT = "Qualification"
ALONE = "Internal review"
FIRST, FIRST_STAGES = "default", {"closedwon": "Closed Won", "closedlost": "Closed Lost"}
# Whether the pipelines are kept in step; where they are not, nobody gives a stage another API name or takes one away.
IN_STEP = "in step"
# Notes: (row of the stage, what it was, what it is), and what somebody did to one of HubSpot.
_LABEL, _NAME, _MEANING, _ORDER, _OFFER = "labelled", "named", "meant", "ordered", "offered"
_OWN_LABEL, _OWN_MEANING = "labelled in HubSpot", "meant in HubSpot"
# What a look has read before somebody went on, it may write after it.
_LOOKS_US = 120_000_000
_HOURS_US = 5 * 3_600_000_000
_READ_US = 30_000_000  # a look has read by then, and whoever stood still in the middle of one has begun anew
_DUE = "looks are due"
_STAGES_MOST = 3  # that an org gets in a story


def record_types(crm: Any) -> dict[str, str]:
    """Name -> id."""
    return {each.name: each.id for each in crm.org.objects["Opportunity"].record_types}


def pipelines(crm: Any) -> dict[str, Any]:
    """By name; the account's first one by its id."""
    found = list(crm.portal.pipelines["deals"].all.values())
    return {FIRST if each.id == FIRST else each.label: each for each in found}


def organise(world: World) -> None:
    org, account = world.salesforce, world.hubspot.settings()
    for name, stages in PROCESSES.items():
        org.add_record_type("Opportunity", name, process=org.add_process(name, list(stages)))
        there = [each for each in stages if each != LACKING_IN_HUBSPOT]
        made = [{"label": each, "metadata": _metadata(_rows(world.salesforce)[each])} for each in there]
        account.add_pipeline("deals", name, [*made, {"label": ALONE, "metadata": {"probability": "0.5"}}])


def _rows(crm: Any) -> dict[str, Any]:
    """Every stage of the org, by its API name now."""
    return {str(row.values["ApiName"]): row for row in crm.org.tables["OpportunityStage"].rows.values()}


def _metadata(row: Any) -> dict[str, str]:
    """What HubSpot's stage is to mean: won is 1, lost is 0, and what is open the nearest tenth between (docs/limits.md)."""
    closed, won = bool(row.values.get("IsClosed")), bool(row.values.get("IsWon"))
    tenths = min(9, max(1, int((row.values.get("DefaultProbability") or 0.0) / 10 + 0.5)))
    probability = ("1.0" if won else "0.0") if closed else f"0.{tenths}"
    return {"probability": probability, "isClosed": str(closed).lower()}


def _type_of(crm: Any, name: str) -> Any:
    return next(each for each in crm.org.objects["Opportunity"].record_types if each.name == name)


def offered(crm: Any, name: str) -> list[str]:
    """API names that a record type offers, or that opportunities without one are given, in the order of Salesforce."""
    active = [each["value"] for each in crm.org.objects["Opportunity"].fields["StageName"].picklist if each["active"]]
    process = _type_of(crm, name).picklists["StageName"] if name in PROCESSES else FIRST_STAGES.values()
    return [each for each in active if each in process]


# --- moves ---------------------------------------------------------------------------------------------------------------


def _admin(desk: Desk) -> Any:
    return desk.kept["org"]


def _account(desk: Desk) -> Any:
    return desk.kept["account"]


def _some_row(desk: Desk, *, also_first: bool = True) -> Any:
    """Of a stage that a sales process has, or had."""
    names = {each for name in PROCESSES for each in _type_of(desk, name).picklists["StageName"]}
    names -= set() if also_first else set(FIRST_STAGES.values())
    return _rows(desk)[desk.chance.choice(sorted(names))]


def rename_a_stage(desk: Desk, kind: Kind) -> None:
    """Its label; its API name as well now and then."""
    with_name = desk.kept[IN_STEP] and desk.chance.random() < 0.4
    row = _some_row(desk, also_first=not with_name)
    label, was = desk.token("label"), str(row.values["MasterLabel"])
    name = str(row.values["ApiName"])
    renamed = desk.token("named") if with_name else None
    _admin(desk).rename_stage(name, label=label, api_name=renamed)
    desk.note(_LABEL, row.id, was, label)
    if renamed is not None:
        desk.note(_NAME, row.id, name, renamed)


def change_what_a_stage_means(desk: Desk, kind: Kind) -> None:
    row = _some_row(desk, also_first=False)
    if desk.chance.random() < 0.7:
        to = {"closed": False, "won": False, "probability": desk.chance.choice((10, 20, 30, 45, 60, 85, 90))}
    else:
        to = desk.chance.choice(
            ({"closed": True, "won": True, "probability": 100}, {"closed": True, "won": False, "probability": 0})
        )
    _admin(desk).change_stage(row.values["ApiName"], **to)
    desk.note(_MEANING, row.id, "")


def move_stages(desk: Desk, kind: Kind) -> None:
    names = list(_rows(desk))
    desk.chance.shuffle(names)
    _admin(desk).order_stages(names)
    desk.note(_ORDER, "", "")


def retire_a_stage_or_offer_it_again(desk: Desk, kind: Kind) -> None:
    row = _some_row(desk, also_first=False)
    name = row.values["ApiName"]
    if not desk.kept[IN_STEP]:
        raise LookupError(name)
    if row.values.get("IsActive"):
        _admin(desk).deactivate_picklist_value("Opportunity", "StageName", name)
    else:
        _admin(desk).activate_stage(name)
    desk.note(_OFFER, row.id, "")


def add_a_stage_or_take_one_in(desk: Desk, kind: Kind) -> None:
    """To a sales process: one that is new in the org, or that another process has; at any place."""
    type_ = _type_of(desk, desk.chance.choice(list(PROCESSES)))
    has = type_.picklists["StageName"]
    others = sorted({each for name in PROCESSES for each in _type_of(desk, name).picklists["StageName"]} - set(has))
    made = sum(1 for name in _rows(desk) if name.startswith("made-"))
    if made < _STAGES_MOST and (not others or desk.chance.random() < 0.6):
        taken = desk.token("made")
        _admin(desk).add_stage(taken, desk.chance.choice((20, 40, 70)))
        names = [each for each in _rows(desk) if each != taken]
        names.insert(desk.chance.randint(0, len(names)), taken)
        _admin(desk).order_stages(names)
        desk.note(_ORDER, "", "")
    else:
        taken = desk.chance.choice(others)
    type_.picklists["StageName"] = (*has, taken)
    desk.note(_OFFER, _rows(desk)[taken].id, "")


def _some_stage_here(desk: Desk) -> tuple[Any, Any]:
    """Pipeline and stage."""
    pipeline = pipelines(desk)[desk.chance.choice(list(PROCESSES))]
    return pipeline, desk.chance.choice(pipeline.stages)


def rename_a_stage_in_hubspot(desk: Desk, kind: Kind) -> None:
    pipeline, stage = _some_stage_here(desk)
    label = desk.token("own")
    _account(desk).change_stage("deals", pipeline.id, stage.id, label)
    desk.note(_OWN_LABEL, pipeline.id, stage.id, label)


def change_what_a_stage_means_in_hubspot(desk: Desk, kind: Kind) -> None:
    pipeline, stage = _some_stage_here(desk)
    open_ = [each for each in ("0.2", "0.4", "0.6", "0.8") if each != stage.probability]
    _account(desk).change_stage("deals", pipeline.id, stage.id, probability=desk.chance.choice(open_), isClosed="false")
    desk.note(_OWN_MEANING, pipeline.id, stage.id)


MOVES: dict[Move, float] = {
    rename_a_stage: 2.5,
    change_what_a_stage_means: 1.5,
    move_stages: 1.2,
    retire_a_stage_or_offer_it_again: 2,
    add_a_stage_or_take_one_in: 2,
    rename_a_stage_in_hubspot: 1,
    change_what_a_stage_means_in_hubspot: 1,
}

# --- pages ---------------------------------------------------------------------------------------------------------------


async def hours_pass(world: World, store: Store) -> None:
    """What was read of pipelines, and of the schemas, is as old as it gets: it is read again."""
    async with store.write(world.connection_id) as tx:
        kept = await cursors.get(tx, LOOKED)
        if kept is not None:
            await cursors.set(tx, LOOKED, {**kept, "at_us": None})
        await directory.drop(tx, SCHEMAS)
    if kept is not None and kept.get("at_us") is not None:
        world.did(_DUE)  # after a look that came to its end


PAGES: dict[Page, float] = {hours_pass: 2}

# --- which stage is which ------------------------------------------------------------------------------------------------


def names_of(story: Story) -> dict[str, set[str]]:
    """Stage of HubSpot -> all API names that the stage ever had after which it was called when it was made."""
    names = {row.id: {name} for name, row in _rows(story.salesforce).items()}
    for note in story.notes:
        if note.what == _NAME:
            names[note.object] |= {note.id, note.value}
    of = {stage: {name} for stage, name in FIRST_STAGES.items()}
    return of | {stage: names[row] for stage, row in row_of(story.hubspot, story.salesforce, story.notes).items()}


def row_of(hubspot: Any, salesforce: Any, notes: Sequence[Note]) -> dict[str, str]:
    """Stage of HubSpot -> row of the stage after which it was called when it was made. No two ever have one label."""
    by_label = {str(row.values["MasterLabel"]): row.id for row in _rows(salesforce).values()}
    by_label |= {label: note.object for note in notes if note.what == _LABEL for label in (note.id, note.value)}
    labels = {id_: label for each in PROCESSES for id_, label in _called_when_made(hubspot, each).items()}
    return {id_: by_label[label] for id_, label in labels.items() if label in by_label}


def joined(world: World, name: str) -> dict[str, str]:
    """As a person joins them who sees which is which: stage of HubSpot -> StageName, of all that Salesforce offers."""
    row_of_stage = row_of(world.hubspot, world.salesforce, world.users.desk.notes)
    there = {_rows(world.salesforce)[each].id: each for each in offered(world.salesforce, name)}
    stages = (each.id for each in pipelines(world.hubspot)[name].stages)
    return {id_: there[row] for id_ in stages if (row := row_of_stage.get(id_)) in there}


def _called_when_made(hubspot: Any, name: str) -> dict[str, str]:
    return {stage["id"]: stage["label"] for _, stage in reversed(_defined(hubspot, name))}


def _defined(hubspot: Any, name: str) -> list[tuple[Change, dict[str, Any]]]:
    """Each time that a stage of this pipeline was made or changed, in its order, with what it was from then on."""
    found: list[tuple[Change, dict[str, Any]]] = []
    for each in hubspot.portal.pipelines["deals"].history(pipelines(hubspot)[name].id):
        raw = json.loads(each.raw)
        found += [(each, stage) for stage in (raw["stages"] if each.stage_id is None else [raw])]
    return found


# --- check ---------------------------------------------------------------------------------------------------------------


def check(story: Story, all_along: Collection[str], at_last: Collection[str]) -> Iterator[str]:
    """`all_along`: names of pipelines that were kept in step from the beginning to the end; `at_last`: in the end."""
    yield from _none_is_deleted(story)
    yield from _logged(story)
    codes = {each.code: each.cause for each in story.issues}
    if all_along and "pipeline_behind" in codes:
        yield f"stages: nothing is in the way of a pipeline any more, and an issue says so: {codes['pipeline_behind']}"
    since_us = _followed_since_us(story)
    if since_us is None:
        return
    renamed = {note.object for note in story.notes if note.what == _NAME and note.at_us <= since_us}
    if not renamed:
        yield from _retired(story, all_along, at_last, codes.get("stage_retired", ""))
    for name in all_along:
        yield from _as_in_salesforce(story, name, since_us, renamed)


def _followed_since_us(story: Story) -> int | None:
    """By HubSpot's clock: from when what was read first is what is followed. None: no look came to its end. One that did not is
    repeated at once; the next after one that did comes hours later."""
    skew_us = round(story.skews_s["hubspot"] * 1e6)
    looks = [each.at_us for each in story.network.landings if b"ApiName" in (each.request.body or b"")]
    due = [deed.at_us + skew_us for deed in story.deeds if deed.what == _DUE]
    for at_us, next_us in itertools.pairwise([*looks, looks[-1] + _HOURS_US] if looks else []):
        if next_us - at_us >= _HOURS_US or any(at_us <= due_us <= next_us for due_us in due):
            return at_us + _READ_US
    return None


def _as_in_salesforce(story: Story, name: str, since_us: int, unknown: Collection[str]) -> Iterator[str]:
    """`unknown`: rows that had another API name before anybody looked, when no id was known."""
    pipeline, rows = pipelines(story.hubspot)[name], {row.id: row for row in _rows(story.salesforce).values()}
    row_of_stage, names = row_of(story.hubspot, story.salesforce, story.notes), offered(story.salesforce, name)
    stages = [each for each in in_order(pipeline.stages) if each.id in row_of_stage]
    here = [str(rows[row_of_stage[each.id]].values["ApiName"]) for each in stages]
    if lacking := set(names) - set(here):
        yield f"stages: {name} lacks {sorted(lacking)}, which Salesforce offers"
    # What was so before anybody looked is how a person found it; what they changed themselves is theirs.
    notes = [note for note in story.notes if note.at_us <= since_us]
    for stage in stages:
        row = rows[row_of_stage[stage.id]]
        about = [note.what for note in notes if note.object == row.id]
        if row.values["ApiName"] not in names or row.id in unknown:
            continue
        own = [note for note in story.notes if note.id == stage.id and note.what == _OWN_LABEL]
        wanted = own[-1].value if own else str(row.values["MasterLabel"])
        known = not _written_since(story, name, stage.id, own[-1].at_us) if own else _LABEL not in about
        if known and stage.label != wanted:
            yield f"stages: {stage.label!r} of {name} is to be called {wanted!r}"
        touched = any(note.id == stage.id and note.what == _OWN_MEANING for note in story.notes)
        if not touched and _MEANING not in about and stage.metadata != _metadata(row):
            yield f"stages: {stage.label!r} of {name} is {stage.metadata}, and in Salesforce {_metadata(row)}"
    if not unknown and not any(note.what == _ORDER for note in notes):
        standing = [each for each in here if each in names]
        if standing != [each for each in names if each in here]:
            yield f"stages: {name} has {standing}, and Salesforce {names}"


def _written_since(story: Story, name: str, stage: str, at_us: int) -> bool:
    """By us, in the look during which a person changed it too: there is no telling which of them is the later one."""
    return any(
        each.stage_id == stage and not _by_a_person(story, each) and 0 <= each.at_ms * 1_000 - at_us <= _LOOKS_US
        for each, _ in _defined(story.hubspot, name)
    )


def _by_a_person(story: Story, change: Change) -> bool:
    """They made the pipelines, and noted the rest."""
    return change.stage_id is None or any(
        (note.id, note.at_us) == (change.stage_id, change.at_ms * 1_000)
        for note in story.notes
        if note.what in (_OWN_LABEL, _OWN_MEANING)
    )


def _none_is_deleted(story: Story) -> Iterator[str]:
    for name in PROCESSES:
        gone = {stage["id"] for _, stage in _defined(story.hubspot, name)}
        gone -= {each.id for each in pipelines(story.hubspot)[name].stages}
        if gone:
            yield f"stages: {sorted(gone)} of {name} are gone, and nobody deletes one"


def _logged(story: Story) -> Iterator[str]:
    did = Counter[tuple[str, str, Any]]()
    for name in PROCESSES:
        before: dict[str, dict[str, Any]] = {}
        for change, stage in _defined(story.hubspot, name):
            was = before.get(stage["id"], {})
            before[stage["id"]] = stage
            if _by_a_person(story, change):
                continue
            if not was:
                did[name, "added", stage["label"]] += 1
            elif was["label"] != stage["label"]:
                did[name, "renamed", stage["label"]] += 1
            elif was["metadata"] != stage["metadata"]:
                did[name, "meaning", float(stage["metadata"]["probability"])] += 1
    said = Counter[tuple[str, str, Any]]()
    for row in story.deeds_logged:
        if row.action == "pipeline_changed" and row.detail["did"] != "moved":
            by = "probability" if row.detail["did"] == "meaning" else "stage"
            said[row.detail["pipeline"], row.detail["did"], row.detail[by]] += 1
            if row.actor != "sync":
                yield f"stages: {row.detail} is logged under {row.actor!r}"
    if said != did:
        yield f"stages: the log of deeds says {dict(said - did)} too much, and lacks {dict(did - said)}"


def _retired(story: Story, all_along: Collection[str], at_last: Collection[str], said: str) -> Iterator[str]:
    rows = {row.id: str(row.values["ApiName"]) for row in _rows(story.salesforce).values()}
    row_of_stage = row_of(story.hubspot, story.salesforce, story.notes)
    any_ = False
    for name in at_last:
        names = offered(story.salesforce, name)
        for stage in pipelines(story.hubspot)[name].stages:
            if stage.id not in row_of_stage or rows[row_of_stage[stage.id]] in names:
                continue
            any_ = True
            if name in all_along and f"{stage.label} in {name} (" not in said:
                yield f"stages: Salesforce offers {stage.label!r} of {name} no more, and nobody is told: {said!r}"
    if said and not any_:
        yield f"stages: Salesforce offers every stage, and an issue says otherwise: {said}"

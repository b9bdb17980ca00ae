"""Which HubSpot pipeline the deals of each sales process go to: joined stage by stage, made at the finish, or none.

Stages are shown for the pipeline that is chosen; where somebody chooses another one they are shown before anything is saved.
"""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from interlock.app.errors import BadInput
from interlock.app.pipelines import SalesProcess, label_of
from interlock.app.setup import pipelines
from interlock.app.setup.connecting import Found
from interlock.app.setup.pipelines import ADD, Part, Values, Wanted, slug
from interlock.objects.pipelines import ANY
from interlock.web import forms
from interlock.web.pages.setup import looking, pipeline_texts
from interlock.web.pages.setup.frame import At, Page
from interlock.web.texts import _

MAKE, LEAVE, JOIN = "make", "leave", "join:"


class Card(msgspec.Struct, frozen=True):
    """One sales process. `how`: what can be chosen; `stages`: (field, label, what can be chosen) where one is joined with."""

    process: SalesProcess
    name: str
    how: list[tuple[str, str]]
    joined: str = ""  # id of the pipeline whose stages are shown
    pipeline: str = ""
    stages: list[tuple[str, str, list[tuple[str, str]]]] = []


async def show(at: At, form: forms.Shown) -> Response:
    found, form = await looking.found_or_why(at, form)
    cards: list[Card] = []
    if found is not None:
        form = forms.Shown(_filled_in(at, found, form.values), form.refused)
        cards = [_card(found, process, form.values) for process in found.pipelines.processes]
    parts = [] if found is None else pipelines.parts_of(at.setup, found)
    return at.page(
        "setup/pipelines.html",
        form,
        found=found,
        saved=pipelines.values_of(at.setup).saved,
        whole=[each for each in cards if each.process.id == ANY],
        cards=[each for each in cards if each.process.id != ANY],
        left=[] if found is None else pipeline_texts.left_out(found, parts),
    )


def _filled_in(at: At, found: Found, typed: dict[str, str]) -> dict[str, str]:
    """With what was chosen, or is recommended; what was typed stands before it, but for stages of another pipeline."""
    kept = pipelines.values_of(at.setup)
    stand = pipelines.chosen_parts(found.pipelines, kept) if kept.wanted else pipelines.parts_of(at.setup, found)
    parts = {each.process.id: each for each in stand}
    values = {"by": "any" if ANY in parts or len(found.pipelines.processes) == 1 else "each"}
    for process in found.pipelines.processes:
        part = parts.get(process.id) or _otherwise(found, process, parts)
        if part is not None and part.pipeline is not None and not _stages_seen(kept.wanted.get(process.id)):
            part = pipelines.joined(part.pipeline, process)
        how = typed.get(f"how:{process.id}", _how(part))
        shown = typed.get(f"shown:{process.id}")
        if how.startswith(JOIN) and (part is None or part.pipeline is None or how != _how(part)):
            part = _joined(found, process, how)
        if shown is None or how != JOIN + shown:
            values |= _stages(process, part)
            typed = {name: text for name, text in typed.items() if not name.startswith(f"stage:{process.id}:")}
        values[f"how:{process.id}"] = how
        # A box that is not ticked is not sent.
        if (f"how:{process.id}" not in typed or shown is None) and (part is None or part.in_step):
            values[f"step:{process.id}"] = "yes"
    return {**values, **typed}


def _stages_seen(wanted: Wanted | None) -> bool:
    """Whoever left before the stages of a pipeline were shown is shown what is suggested for it."""
    return wanted is None or wanted.how != "join" or bool(wanted.stages)


def _otherwise(found: Found, process: SalesProcess, parts: dict[str, Part]) -> Part | None:
    """What is offered for a process that does not sync as it stands; None: it is left out."""
    if process.id != ANY and ANY not in parts:
        return None
    native = pipelines.native_of(found.pipelines, process)
    if native is not None:
        return pipelines.joined(native, process)
    whole = found.pipelines.pipelines
    return (
        pipelines.joined(whole[0], process)
        if process.id == ANY and whole
        else pipelines.made_for(found.pipelines, process)
    )


def _how(part: Part | None) -> str:
    if part is None:
        return LEAVE
    return MAKE if part.pipeline is None else f"{JOIN}{part.pipeline.id}"


def _joined(found: Found, process: SalesProcess, how: str) -> Part | None:
    pipeline = found.pipelines.pipeline(how.removeprefix(JOIN))
    return None if pipeline is None else pipelines.joined(pipeline, process)


def _stages(process: SalesProcess, part: Part | None) -> dict[str, str]:
    if part is None or part.pipeline is None:
        return {}
    by_name = {name: id_ for id_, name in part.stages.items()} | {each.value: ADD for each in part.adds}
    return {_field(process, each.value): by_name.get(each.value, "") for each in process.stages}


def _field(process: SalesProcess, stage: str) -> str:
    return f"stage:{process.id}:{stage}"


def _card(found: Found, process: SalesProcess, values: dict[str, str]) -> Card:
    offer, how = found.pipelines, values[f"how:{process.id}"]
    choices = [(MAKE, _("Make the pipeline %(name)s in HubSpot") % {"name": label_of(process)})]
    choices += [
        (f"{JOIN}{each.id}", pipeline_texts.counted(_("Join with %(name)s") % {"name": each.label}, found, each.id))
        for each in offer.pipelines
    ]
    if process.id != ANY:
        choices.append((LEAVE, _("Leave it out: these opportunities do not sync")))
    name = pipeline_texts.name_of(found, process)
    pipeline = offer.pipeline(how.removeprefix(JOIN)) if how.startswith(JOIN) else None
    if pipeline is None:
        return Card(process, name, choices)
    options = [
        *((each.id, pipeline_texts.with_chance(each.label, each.probability)) for each in pipeline.stages),
        (ADD, _("Add it to %(pipeline)s") % {"pipeline": pipeline.label}),
        ("", _("No stage: an opportunity in it becomes an issue")),
    ]
    stages = [
        (_field(process, each.value), pipeline_texts.with_percent(each.label, each.probability), options)
        for each in process.stages
    ]
    return Card(process, name, choices, pipeline.id, pipeline.label, stages)


async def send(at: At) -> Response:
    if at.asked.field("go") == "stages":
        typed = {name: value for name, value in at.asked.form.items() if name not in ("csrf", "go")}
        return await show(at, forms.Shown(typed))
    if at.leaves:
        # Nobody has looked whether it can be so: what is not as it was is still to be chosen.
        before, wanted = pipelines.values_of(at.setup), _typed(at)
        await at.save(before if wanted == before.wanted else Values(wanted))
        return at.leave()
    found = await looking.found(at)
    values = _chosen(at, found)
    pipelines.check(values, found)
    await at.save(values)
    return at.go()


def _typed(at: At) -> dict[str, Wanted]:
    """As it stands in the form, whatever the CRMs say of it."""
    form, wanted = at.asked.form, {}
    whole = at.asked.field("by") != "each"
    for name, how in form.items():
        record_type = name.removeprefix("how:")
        if name == record_type or (record_type == ANY) != whole:
            continue
        if how in (MAKE, LEAVE):
            wanted[record_type] = Wanted(how)  # type: ignore[arg-type]
        elif how.startswith(JOIN):
            of = f"stage:{record_type}:"
            stages = {each.removeprefix(of): id_ for each, id_ in form.items() if each.startswith(of)}
            pipeline, in_step = how.removeprefix(JOIN), f"step:{record_type}" in form
            if form.get(f"shown:{record_type}") != pipeline:
                stages, in_step = {}, True  # those of another pipeline, or of none
            wanted[record_type] = Wanted("join", pipeline, stages, in_step)
    return wanted


def _chosen(at: At, found: Found) -> Values:
    """Raises BadInput for a pipeline whose stages nobody has seen yet."""
    values = Values(_typed(at), saved=True)
    for record_type, wanted in values.wanted.items():
        process, pipeline = found.pipelines.process(record_type), found.pipelines.pipeline(wanted.pipeline)
        if process is None or (wanted.how == "join" and pipeline is None):
            raise BadInput(
                _("This pipeline or record type is not there any more."), field=slug, fix=_("Load the page again.")
            )
        if pipeline is not None and at.asked.field(f"shown:{record_type}") != pipeline.id:
            raise BadInput(
                _("The stages of %(pipeline)s were not shown yet.") % {"pipeline": pipeline.label},
                code="stages_not_shown",
                field=f"how:{record_type}",
                fix=_("Look at them below, then go on."),
            )
    return values


PAGE = Page(slug, show, send)

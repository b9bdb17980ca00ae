"""Pipelines and stages in words, for their step and for the review."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.app.pipelines import SalesProcess
from interlock.app.setup.connecting import Found
from interlock.app.setup.pipelines import Part
from interlock.crm.hubspot.model import Pipeline
from interlock.objects.pipelines import ANY
from interlock.web.site import number
from interlock.web.texts import _, _n


def name_of(found: Found, process: SalesProcess) -> str:
    if process.id != ANY:
        return _("Opportunities of the record type %(name)s") % {"name": process.name}
    return _("Opportunities") if len(found.processes) == 1 else _("Opportunities of every record type")


def with_percent(label: str, percent: float | None) -> str:
    if percent is None:
        return label
    return _("%(label)s (%(percent)s %%)") % {"label": label, "percent": f"{percent:g}"}


def with_chance(label: str, chance: float | None) -> str:
    return with_percent(label, None if chance is None else round(chance * 100))


def counted(text: str, found: Found, pipeline_id: str) -> str:
    n = found.deals.get(pipeline_id)
    if n is None:
        return text
    return _n("%(text)s (%(num)s deal)", "%(text)s (%(num)s deals)", n) % {"text": text, "num": number(n)}


def lines(found: Found, parts: Sequence[Part]) -> list[str]:
    """For the review: what syncs with what, what is made for it, and what is left out."""
    told = [line for part in parts for line in _of(found, part)]
    return told + left_out(found, parts)


def gone(found: Found, record_types: Sequence[str]) -> list[str]:
    """What was chosen for these, and cannot be."""
    lines = []
    for each in record_types:
        process = found.pipelines.process(each)
        if process is None:
            lines.append(_("A record type of opportunities that was chosen is not there any more. Choose again."))
        elif process.id == ANY:
            lines.append(_("The pipeline that was chosen for opportunities is not there any more. Choose another."))
        else:
            told = _("The pipeline that was chosen for the record type %(name)s is not there any more. Choose another.")
            lines.append(told % {"name": process.name})
    return lines


def _of(found: Found, part: Part) -> list[str]:
    held = {"process": name_of(found, part.process), "pipeline": part.label}
    if part.pipeline is None:
        stages = ", ".join(each.label for each in part.process.stages)
        made = _("%(process)s: the pipeline %(pipeline)s is made in HubSpot, with the stages %(stages)s.")
        return [made % {**held, "stages": stages}, *_in_step(part)]
    lines = [_("%(process)s: the pipeline %(pipeline)s of HubSpot.") % held]
    named = {each.value: each for each in part.process.stages}
    for stage in part.pipeline.stages:
        other = named.get(part.stages.get(stage.id, ""))
        if other is not None and (stage.id in part.suggested or stage.label != other.label):
            two = {
                "here": with_chance(stage.label, stage.probability),
                "there": with_percent(other.label, other.probability),
            }
            if stage.id in part.suggested:
                lines.append(
                    _(
                        "%(here)s in HubSpot is taken for %(there)s in Salesforce, the nearest by how likely a deal is won:"
                        " look whether they mean the same."
                    )
                    % two
                )
            else:
                lines.append(_("%(here)s in HubSpot stands for %(there)s in Salesforce.") % two)
        if other is not None and other.closed != stage.is_closed:
            two = {"here": stage.label, "there": other.label}
            lines.append(
                _("%(here)s in HubSpot and %(there)s in Salesforce are joined, and only one of them closes a deal.")
                % two
            )
    if part.adds:
        stages = ", ".join(each.label for each in part.adds)
        lines.append(_("Added to %(pipeline)s in HubSpot: %(stages)s.") % {**held, "stages": stages})
    return lines + _without_stage(part, part.pipeline) + _in_step(part)


def _in_step(part: Part) -> list[str]:
    if not part.in_step:
        return []
    told = _("The stages of %(pipeline)s follow Salesforce from then on: new ones, names, order, and what they mean.")
    return [told % {"pipeline": part.label}]


def _without_stage(part: Part, pipeline: Pipeline) -> list[str]:
    lines = []
    here = [each.label for each in pipeline.stages if each.id not in part.stages]
    if here:
        told = _(
            "A deal in one of these stages of %(pipeline)s becomes no opportunity, since none of Salesforce is joined: %(stages)s."
        )
        lines.append(told % {"pipeline": pipeline.label, "stages": ", ".join(here)})
    known = {*part.stages.values(), *(each.value for each in part.adds)}
    there = [each.label for each in part.process.stages if each.value not in known]
    if there:
        told = _(
            "An opportunity in one of these stages becomes no deal but an issue, since %(pipeline)s has none for it: %(stages)s."
        )
        lines.append(told % {"pipeline": pipeline.label, "stages": ", ".join(there)})
    return lines


def left_out(found: Found, parts: Sequence[Part]) -> list[str]:
    """Pipelines and record types that do not sync, with how many deals that leaves out."""
    used = {each.pipeline.id for each in parts if each.pipeline is not None}
    lines = []
    for each in found.pipelines.pipelines:
        if parts and each.id not in used:
            told = _("Deals in %(pipeline)s of HubSpot do not sync") % {"pipeline": each.label}
            lines.append(f"{counted(told, found, each.id)}.")
    synced = {each.process.id for each in parts}
    if parts and ANY not in synced:
        lines += [
            _("%(process)s do not sync.") % {"process": name_of(found, each)}
            for each in found.pipelines.processes
            if each.id not in synced and each.id != ANY
        ]
    return lines

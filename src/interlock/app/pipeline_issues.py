"""What a person must do about a pipeline that is kept in step: HubSpot refused a change, Salesforce retired a stage, or somebody
made a stage close deals on one side alone. One issue each, for the connection, as of the last look."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import Issue
from interlock.crm.hubspot.model import Filter
from interlock.engine.context import Cycle
from interlock.engine.explanations import fix_for
from interlock.store import WriteTx, issues

BEHIND = "pipeline_behind"
RETIRED = "stage_retired"
APART = "stages_close_apart"


async def tell(tx: WriteTx, found: Sequence[Issue]) -> None:
    """Open these, and no other of their kind."""
    raised = {each.code for each in found}
    for code in (BEHIND, RETIRED, APART):
        if code not in raised:
            open_, _ = await issues.list_(tx, object="deals", code=code)
            await issues.resolve_ids(tx, [each.id for each in open_ if each.id is not None])
    if found:
        await issues.raise_(tx, found)


async def deals_in(ctx: Cycle, pipeline: str, stage: str) -> int:
    """One search. Its index lags by some seconds, which the next look makes up for."""
    filters = [Filter("pipeline", "EQ", pipeline), Filter("dealstage", "EQ", stage)]
    return await ctx.hubspot.count("deals", [filters], purpose="setup")


def behind(refused: Sequence[str]) -> Issue:
    said = " ".join(dict.fromkeys(refused))
    return _issue(BEHIND, "error", f"HubSpot did not let a pipeline be changed as Salesforce has it: {said}")


def retired(stages: Sequence[tuple[str, str, int]]) -> Issue:
    """(pipeline, stage, deals that stand in it)."""
    named = ", ".join(f"{stage} in {pipeline} ({_deals(deals)})" for pipeline, stage, deals in stages)
    return _issue(
        RETIRED, "warning", f"Salesforce does not offer these stages any more, and HubSpot still does: {named}."
    )


def _deals(number: int) -> str:
    return "1 deal" if number == 1 else f"{number or 'no'} deals"


def apart(stages: Sequence[tuple[str, str, str]]) -> Issue:
    """(pipeline, stage, its stage of Salesforce)."""
    named = ", ".join(f"{here} in {pipeline} and {there}" for pipeline, here, there in stages)
    return _issue(
        APART,
        "warning",
        f"Of each of these, a stage of HubSpot and its stage of Salesforce, only one closes a deal: {named}.",
    )


def _issue(code: str, severity: str, cause: str) -> Issue:
    category, fix = fix_for(code)
    return Issue(
        category=category,
        code=code,
        severity=severity,
        object="deals",
        hubspot_id=None,
        salesforce_id=None,
        salesforce_type=None,
        cause=cause,
        fix=fix,
    )

"""How often an idle connection is polled: as often as both CRMs' allocations bear, and never more than every 15 seconds.

Idle polling may use at most 5 % of what either side allocates (house plan, section 5). What one poll costs follows from
the objects that sync: a composite call holds five of Salesforce's queries, HubSpot is searched object by object. What is gone
through once a day, by however many calls, is taken off first. It only computes; who waits is the dispatcher.
"""

from __future__ import annotations

from interlock.core.model import Side
from interlock.crm.salesforce.requests import COMPOSITE_COLLECTIONS
from interlock.engine.context import Cycle

# Both schemas are read again every six hours: a describe of each of four objects and the users on one side, properties,
# owners and pipelines on the other. Twice that, since large directories come in pages.
SALESFORCE_UPKEEP_CALLS = 40
HUBSPOT_UPKEEP_CALLS = 60
# HubSpot's archive is looked through this often while polling (sweep.py): its search never shows a delete.
ARCHIVE_SWEEP_S = 300.0


def poll_interval_s(ctx: Cycle) -> float:
    """Seconds between two polls of this connection that find nothing. Changes as the CRMs tell their limits."""
    objects = len(ctx.objects)
    if not objects:
        return ARCHIVE_SWEEP_S
    queries = sum(len(each.salesforce_types) + bool(each.set_objects) for each in ctx.objects.values())
    # Contact roles are looked at beside the records, in a call of their own for each of the two that go by them.
    of_roles = sum(bool(each.stages) + bool(each.newest_opportunity) for each in ctx.objects.values())
    composite_calls = -(-queries // COMPOSITE_COLLECTIONS) + of_roles
    limited = sum(each.inclusion is not None for each in ctx.objects.values())
    sweep_calls = objects * 86_400.0 / ARCHIVE_SWEEP_S
    walks = {side: sum(calls for (of, _), calls in ctx.walk_calls_a_day.items() if of is side) for side in Side}
    salesforce_upkeep = SALESFORCE_UPKEEP_CALLS + ctx.formula_calls_a_day + walks[Side.SALESFORCE]
    hubspot_upkeep = HUBSPOT_UPKEEP_CALLS + sweep_calls + walks[Side.HUBSPOT]
    return max(
        ctx.salesforce.governor.idle_interval_s(composite_calls, salesforce_upkeep),
        ctx.hubspot.governor.idle_interval_s(objects + limited, hubspot_upkeep),
    )

"""What becomes of an association that a CRM refuses for good: a limit of the account, a rule of the org. An issue names it, and
it is tried again as every refused value is (retries.py), instead of every half minute for ever."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import Outcome, Refused, Side
from interlock.engine.decide import field_issue
from interlock.engine.work import Work

ASSOCIATION_REFUSED = "association_refused"
NAMED_MOST = 5  # of many refused alike


def for_good(outcome: Outcome) -> bool:
    """Neither a passing trouble nor a record that is gone, which the next look finds out by itself."""
    return isinstance(outcome, Refused) and not outcome.retry and not outcome.gone


def note_refused(
    work: Work,
    side: Side,
    type_: str,
    refused: Sequence[tuple[str, Refused]],
    property_: str | None,
    own_id: str | None,
) -> None:
    """`refused`: the records of that type that this one could not be associated with (or parted from), and why. `own_id`: of this
    one on that side, should it have been made a moment ago."""
    crm = "HubSpot" if side is Side.HUBSPOT else "Salesforce"
    ids = ", ".join(id_ for id_, _ in refused[:NAMED_MOST])
    more = f" and {len(refused) - NAMED_MOST} more" if len(refused) > NAMED_MOST else ""
    message = refused[0][1].message
    issue = field_issue(
        work,
        property_,
        None,
        ASSOCIATION_REFUSED,
        f"{crm} refused its association with {type_} {ids}{more}: {message}",
        None,
        message,
    )
    if side is Side.HUBSPOT:
        issue.hubspot_id = issue.hubspot_id or own_id
    else:
        issue.salesforce_id = issue.salesforce_id or own_id
    work.issues.append(issue)

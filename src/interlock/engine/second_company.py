"""Telling a person of a second company that a conversion may have brought: a lead was converted into an account that Salesforce
made for it, while the company of its HubSpot contact has an account already. Every new account becomes a company, so one company
may stand twice on both sides then, and only a person can say whether it does. Reads our own store and no CRM.

The pair remembers the company that its contact had when it was converted. The contact has another one by the time both companies
are known, since its account stands on both sides; so it is asked with each look at the pair until there is an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from interlock.core.link import WHOLE
from interlock.core.model import Issue, LinkedBy, LinkState, Observation, RecordLink
from interlock.engine.context import Cycle
from interlock.engine.decide import field_issue
from interlock.engine.work import Work
from interlock.store import links

# Base entry of a pair whose lead was converted: the company that its contact had then, and when that was seen; (0, 0): answered.
CONVERTED_OF = -9
_ANSWERED = {CONVERTED_OF: (0, 0)}
# The code of the issue.
SECOND_COMPANY = "possible_second_company"
# An account that a conversion makes is found with it, and no longer before.
_MADE_WITH_IT_US = 3_600_000_000
_COMPANIES, _PROPERTY, _FIELD = "companies", "associatedcompanyid", "AccountId"


def remember_company(ctx: Cycle, work: Work) -> None:
    """Of a pair that moves from a lead to the contact that it became."""
    here = work.hubspot
    company = str(here.values.get(_PROPERTY) or "") if isinstance(here, Observation) else ""
    if company.isdecimal() and _COMPANIES in ctx.objects:
        work.agreed = {**work.agreed, CONVERTED_OF: (int(company), ctx.clock_us())}


def converted_lately(works: Iterable[Work]) -> list[Work]:
    """Pairs of which the question is open."""
    return [work for work in works if work.merged and work.link is not None and _entry(work.link)[0]]


def _entry(link: RecordLink) -> tuple[int, int]:
    return link.base.get(CONVERTED_OF, (0, 0))


async def tell_of_second_companies(ctx: Cycle, works: Sequence[Work]) -> None:
    had = {id(work): str(_entry(work.link)[0]) for work in works if work.link is not None}
    has = {id(work): _account(work) for work in works}
    async with ctx.store.read(ctx.connection_id) as tx:
        companies = await links.by_hubspot(tx, _COMPANIES, sorted(set(had.values())))
        accounts = await links.by_salesforce(tx, _COMPANIES, sorted(set(has.values()) - {""}))
    for work in works:
        assert work.link is not None
        before, now = companies.get(had[id(work)]), accounts.get(has[id(work)])
        if has[id(work)] and (before is None or now is None):
            continue  # one of the two has no counterpart yet
        if before is None or now is None or not _may_be_one(before, now, _entry(work.link)[1]):
            work.agreed = {**work.agreed, **_ANSWERED}
        else:
            work.issues.append(_issue(work, before, now))


def _account(work: Work) -> str:
    there = work.salesforce
    return str(there.values.get(_FIELD) or "") if isinstance(there, Observation) else ""


def _may_be_one(before: RecordLink, now: RecordLink, converted_us: int) -> bool:
    both = before.id != now.id and before.state in WHOLE and now.state is LinkState.LINKED
    made = now.linked_by is LinkedBy.CREATED_IN_HUBSPOT and now.linked_at_us >= converted_us - _MADE_WITH_IT_US
    return both and made


def _issue(work: Work, before: RecordLink, now: RecordLink) -> Issue:
    was, account, new = before.hubspot, before.salesforce, now.salesforce
    cause = (
        f"Its lead was converted into {new}, for which {now.hubspot} was made. Before, its company was {was}, which is {account} in"
        " Salesforce: the two may be one company that stands on both sides twice."
    )
    issue = field_issue(work, _PROPERTY, _FIELD, SECOND_COMPANY, cause, None)
    issue.severity = "warning"
    return issue

"""Whether each new person of a batch becomes a lead or a contact, where rules say so (objects/lead_or_contact.py). Reads only.

Asked of Salesforce are accounts by the domain of the e-mail address, a thousand domains in some calls, and only where a rule needs
it. Of a record that the rules cannot be told of nothing is made: an issue says which rule and why.
"""

from __future__ import annotations

from interlock.core.model import Observation, Reason, Side
from interlock.crm.errors import CallRefused, Forbidden
from interlock.engine.context import EXISTING, Cycle
from interlock.engine.decide import field_issue
from interlock.engine.work import Batch, Work
from interlock.objects.lead_or_contact import Undecided, When, create_as
from interlock.objects.normalise import company_domain

UNDECIDED = "person_rule_undecided"


async def apply_person_rules(ctx: Cycle, batch: Batch) -> None:
    """After what the records point to was learned. Raises CrmError."""
    runtime = batch.runtime
    works = [
        work
        for work in batch.works
        if work.link is None and work.origin is Side.HUBSPOT and work.why_not is None and work.take_back is None
    ]
    new = [work for work in works if isinstance(work.hubspot, Observation) and not _is_only_linked(ctx, work)]
    if not runtime.person_rules or not new:
        return
    known = await _with_accounts(ctx, new) if _asks_accounts(batch) else {}
    for work in new:
        assert isinstance(work.hubspot, Observation)
        there = known.get(id(work))
        found = create_as(runtime.person_rules, runtime.create_type or "", work.hubspot.values, there)
        if isinstance(found, Undecided):
            work.why_not = UNDECIDED
            work.issues.append(field_issue(work, found.rule.property or None, None, UNDECIDED, _cause(found), None))
        else:
            work.becomes = found if runtime.syncs(found) else None


def _is_only_linked(ctx: Cycle, work: Work) -> bool:
    """It was there at the set-up, whose choice is to create nothing for such."""
    return work.reason is Reason.EXISTING_LINK_ONLY and not EXISTING[ctx.settings.existing].create


def _asks_accounts(batch: Batch) -> bool:
    return any(rule.when is When.ACCOUNT_EXISTS for rule in batch.runtime.person_rules)


def _cause(found: Undecided) -> str:
    if found.rule.when is When.ACCOUNT_EXISTS:
        return "Whether to make a lead or a contact depends on its account, and Salesforce lets the sync user read no accounts."
    return f"Whether to make a lead or a contact depends on the property {found.rule.property}, which HubSpot does not answer."


async def _with_accounts(ctx: Cycle, works: list[Work]) -> dict[int, bool]:
    """Of each work whether there is an account for it. Nobody is in it of whom that cannot be told."""
    found = {id(work): True for work in works if _company_has_one(work)}
    domains = {id(work): _domain(work) for work in works if id(work) not in found}
    asked = sorted({domain for domain in domains.values() if domain})
    try:
        sites = await ctx.salesforce.values_holding("Account", "Website", asked, purpose="match")
    except (CallRefused, Forbidden):
        return found
    there = {company_domain(site) for site in sites}
    return found | {id_: domain in there for id_, domain in domains.items()}


def _company_has_one(work: Work) -> bool:
    seen = work.hubspot
    assert isinstance(seen, Observation)
    for reference in work.runtime.references:
        points_to = str(seen.values.get(reference.property) or "")
        if reference.object == "companies" and points_to in reference.hubspot_to_common:
            return points_to not in reference.resting
    return False


def _domain(work: Work) -> str:
    assert isinstance(work.hubspot, Observation)
    email = str(work.hubspot.values.get("email") or "")
    # Where many people share it, as with free mail, it stands for no company.
    return (company_domain(email) or "") if "@" in email else ""

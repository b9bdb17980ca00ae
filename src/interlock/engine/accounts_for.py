"""Which companies become accounts by themselves, where their contacts decide it (objects/choices.py, ACCOUNTS_FOR). Reads only.

A company becomes an account as soon as one of its contacts is a contact in Salesforce: made as one, matched, or converted from a
lead. Until then it stands alone, and so a conversion makes an account beside it: the two are found to be one by the people that
they share, which is asked last, where neither key nor domain nor name has found anything. Nothing of this is asked where every
company becomes one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from interlock.core.link import WHOLE
from interlock.core.model import LinkedBy, Observation, RecordKey, RecordLink, Side
from interlock.crm.errors import CallRefused, Forbidden
from interlock.crm.salesforce.soql import where_in
from interlock.engine.candidates import Finder, own_seen
from interlock.engine.context import Cycle
from interlock.engine.work import Batch, Work
from interlock.objects.choices import ACCOUNTS_FOR, WITH_CONTACTS
from interlock.store import links, unlinked

NO_CONTACT = "no_contact_in_salesforce"
_COMPANIES, _CONTACTS = "companies", "contacts"


def _asked(ctx: Cycle) -> bool:
    companies = ctx.settings.chosen(ACCOUNTS_FOR, _COMPANIES)
    return companies == WITH_CONTACTS


async def by_shared_people(ctx: Cycle, finder: Finder, works: Sequence[Work]) -> None:
    """Of companies and accounts of which nothing else has found a counterpart. Raises CrmError."""
    if finder.runtime.slug != _COMPANIES or not _asked(ctx):
        return
    left = [work for work in works if not finder.candidates_of(work)]
    await _from_companies(ctx, finder, [work for work in left if work.origin is Side.HUBSPOT])
    await _from_accounts(ctx, finder, [work for work in left if work.origin is Side.SALESFORCE])


async def _from_companies(ctx: Cycle, finder: Finder, works: list[Work]) -> None:
    """Notes on each whether one of its contacts is a contact in Salesforce, and finds the account that these have there."""
    people = await _people_of(ctx, [own_seen(work).key.id for work in works])
    there = {id_: {link.salesforce_id for link in found if _is_contact(link)} for id_, found in people.items()}
    for work in works:
        work.has_contact_there = bool(there.get(own_seen(work).key.id))
    ids = sorted({id_ for found in there.values() for id_ in found})
    rows = await ctx.salesforce.retrieve("Contact", ids, ["AccountId"], purpose="match") if ids else {}
    accounts = {id_: str(row.values.get("AccountId") or "") for id_, row in rows.items()}
    free = await _free_accounts(ctx, finder, {each for each in accounts.values() if each})
    rivals = await _companies_of(ctx, sorted(free))
    alone = await _free_companies(ctx, finder, {id_ for found in rivals.values() for id_ in found})
    for work in works:
        own = own_seen(work).key
        for account in sorted({accounts.get(id_, "") for id_ in there.get(own.id, ())} & free.keys()):
            finder.add(work, free[account], LinkedBy.SHARED_CONTACT)
            # What fits two companies is for a person to give to one of them.
            others = sorted(rivals.get(account, set()) & alone.keys() - {own.id})
            finder.siblings[id(work)][LinkedBy.SHARED_CONTACT] += [alone[id_].key for id_ in others]


async def _people_of(ctx: Cycle, companies: list[str]) -> dict[str, list[RecordLink]]:
    """Company -> the links of its contacts."""
    if not companies:
        return {}
    rows = await ctx.hubspot.associations(_COMPANIES, _CONTACTS, companies, purpose="match")
    ids = sorted({row.to_id for found in rows.values() for row in found})
    async with ctx.store.read(ctx.connection_id) as tx:
        known = await links.by_hubspot(tx, _CONTACTS, ids)
    return {id_: [known[row.to_id] for row in found if row.to_id in known] for id_, found in rows.items()}


def _is_contact(link: RecordLink) -> bool:
    return link.salesforce_type == "Contact" and link.state in WHOLE


async def _free_accounts(ctx: Cycle, finder: Finder, ids: Collection[str]) -> dict[str, Observation]:
    """Those that have no company and may have one."""
    async with ctx.store.read(ctx.connection_id) as tx:
        taken = await links.by_salesforce(tx, _COMPANIES, sorted(ids))
    wanted = sorted(set(ids) - taken.keys())
    fields = finder.runtime.salesforce_fields["Account"]
    found = await ctx.salesforce.retrieve("Account", wanted, fields, purpose="match") if wanted else {}
    why_not = finder.runtime.spec.why_not_eligible
    return {id_: seen for id_, seen in found.items() if why_not(Side.SALESFORCE, seen.values) is None}


async def _from_accounts(ctx: Cycle, finder: Finder, works: list[Work]) -> None:
    companies = await _companies_of(ctx, [own_seen(work).key.id for work in works])
    free = await _free_companies(ctx, finder, {id_ for found in companies.values() for id_ in found})
    for work in works:
        for company in sorted(companies.get(own_seen(work).key.id, set()) & free.keys()):
            finder.add(work, free[company], LinkedBy.SHARED_CONTACT)


async def _companies_of(ctx: Cycle, accounts: list[str]) -> dict[str, set[str]]:
    """Account -> the companies of the HubSpot contacts whose counterparts are its contacts, or leads that became those."""
    people = await _people_there(ctx, accounts)
    ids = sorted({id_ for found in people.values() for id_ in found})
    async with ctx.store.read(ctx.connection_id) as tx:
        known = await links.by_salesforce(tx, _CONTACTS, ids) if ids else {}
    here = sorted({link.hubspot_id for link in known.values() if link.state in WHOLE})
    rows = await ctx.hubspot.read(_CONTACTS, here, ["associatedcompanyid"], purpose="match") if here else {}
    company_of = {id_: str(row.values.get("associatedcompanyid") or "") for id_, row in rows.items()}
    return {
        account: {company_of.get(known[id_].hubspot_id, "") for id_ in found if id_ in known} - {""}
        for account, found in people.items()
    }


async def _people_there(ctx: Cycle, accounts: list[str]) -> dict[str, set[str]]:
    """Account -> ids of its contacts, and of the leads that were converted into it."""
    found: dict[str, set[str]] = defaultdict(set)
    for type_, field in (("Contact", "AccountId"), ("Lead", "ConvertedAccountId")):
        soqls = where_in(type_, ["Id", field], field, accounts)
        try:
            pages = await ctx.salesforce.query_many(soqls, purpose="match") if soqls else []
            while pages:
                for row in (row for page in pages for row in page.records):
                    found[str(row[field])].add(str(row["Id"]))
                further = [page.next_url for page in pages if page.next_url is not None]
                pages = await ctx.salesforce.query_more(further, purpose="match") if further else []
        except (CallRefused, Forbidden):
            continue  # leads that the sync user may not read tell nothing
    return found


async def _free_companies(ctx: Cycle, finder: Finder, ids: Collection[str]) -> dict[str, Observation]:
    async with ctx.store.read(ctx.connection_id) as tx:
        taken = await links.by_hubspot(tx, _COMPANIES, sorted(ids))
    wanted = sorted(set(ids) - taken.keys())
    properties = finder.runtime.hubspot_properties
    return await ctx.hubspot.read(_COMPANIES, wanted, properties, purpose="match") if wanted else {}


async def wake_companies(ctx: Cycle, batch: Batch) -> None:
    """Companies that stood alone for want of a contact, of people of this batch who are contacts in Salesforce from now on. They
    are made due in the transaction that says so. Raises CrmError."""
    if batch.runtime.slug != _CONTACTS or not _asked(ctx):
        return
    new = [
        work.hubspot.key.id for work in batch.works if _becomes_contact(work) and isinstance(work.hubspot, Observation)
    ]
    rows = await ctx.hubspot.associations(_CONTACTS, _COMPANIES, new, purpose="match") if new else {}
    of_new = {row.to_id for found in rows.values() for row in found}
    # One who was one before, and is of another company by now.
    of_others = {
        key.id
        for work in batch.works
        if work.link is not None and _is_contact(work.link)
        for key in work.awaits
        if key.type == _COMPANIES
    }
    keys = [RecordKey(Side.HUBSPOT, _COMPANIES, id_) for id_ in sorted(of_new | of_others)]
    async with ctx.store.read(ctx.connection_id) as tx:
        alone = await unlinked.by_keys(tx, keys) if keys else {}
    batch.others_due.setdefault(_COMPANIES, []).extend(key for key, each in alone.items() if each.why == NO_CONTACT)


def _becomes_contact(work: Work) -> bool:
    if work.relink_to is not None:
        return work.relink_to.type == "Contact"
    if work.link is not None:
        return work.new_link and work.link.salesforce_type == "Contact"
    return any(write.creates and write.type == "Contact" for write in work.writes)

"""Contacts found by e-mail: by the contact's own address, and by those that HubSpot keeps beside it. Reads only.

HubSpot's contact may have several addresses (of contacts that were merged into it, mostly), a record of Salesforce's has one. So
several of these may reach one contact. Whoever has its own address comes first, and hides whoever has another one of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.match import Decision, Match
from interlock.core.model import LinkedBy, Observation, RecordKey, Side
from interlock.engine.candidates import Finder, own_seen
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.fetch import converted
from interlock.engine.work import Work
from interlock.objects.normalise import normal_email

# In which HubSpot keeps them.
PROPERTIES = frozenset({"email", "hs_additional_emails"})


def addresses_of(runtime: ObjectRuntime, seen: Observation) -> list[str]:
    """All by which it is found, each once."""
    return [key for kind, key in runtime.spec.identity_keys(seen.key.side, seen.values) if kind == "email"]


def found_by(contact: Observation, address: str) -> LinkedBy:
    """`contact`: HubSpot's, which has this address."""
    own = normal_email(str(contact.values.get("email") or ""))
    return LinkedBy.EMAIL if own == address else LinkedBy.ADDITIONAL_EMAIL


async def rivals(ctx: Cycle, finder: Finder, contacts: Sequence[Observation]) -> None:
    """Of contacts that records of Salesforce's have found, who else has one of their addresses. A contact with one address alone
    has none: who shares that is known by then."""
    unasked = {
        address: None
        for contact in contacts
        for address in addresses_of(finder.runtime, contact)
        if address not in finder.salesforce_by_email
    }
    several = {
        address
        for contact in contacts
        if len(addresses := addresses_of(finder.runtime, contact)) > 1
        for address in addresses
    }
    asked = [address for address in unasked if address in several]
    if not asked:
        return
    for type_ in finder.runtime.salesforce_types:
        fields = finder.runtime.salesforce_fields[type_]
        for seen in await ctx.salesforce.query_where_in(type_, fields, {"Email": asked}, purpose="match"):
            if isinstance(converted(seen.key, seen), Observation):
                finder.salesforce_by_email[str(seen.values.get("Email") or "").lower()].append(seen.key)
                finder.edited_us[seen.key] = seen.modified_us


def siblings_of(finder: Finder, work: Work, decision: Decision) -> tuple[set[RecordKey], set[RecordKey]]:
    """Seen from Salesforce: the record itself and those that reach the same contact as it does; and those that have the contact's
    own address where it only has another one of it."""
    own = own_seen(work)
    by_email = finder.salesforce_by_email
    shared = {own.key, *(key for address in addresses_of(finder.runtime, own) for key in by_email.get(address, ()))}
    if not isinstance(decision, Match) or decision.by is not LinkedBy.ADDITIONAL_EMAIL:
        return shared, set()
    contact = finder.seen[decision.key]
    assert decision.key.side is Side.HUBSPOT
    reach = {address: by_email.get(address, ()) for address in addresses_of(finder.runtime, contact)}
    nearer = {
        key for address, keys in reach.items() if found_by(contact, address) is LinkedBy.EMAIL for key in keys
    } - {own.key}
    return shared | {key for keys in reach.values() for key in keys}, nearer

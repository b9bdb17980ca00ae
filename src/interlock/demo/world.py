"""Two CRMs as they are found on the day somebody connects them: mostly the same people, not quite the same values.

Salesforce holds the whole organisation of the excerpt; HubSpot holds some of it by rules that stand below, plus the
prospects. Every difference is planted here and nowhere else, so that what a first sync must do is known before it runs.
Nothing of Interlock's decisions is used: this is the other half of the check.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.hubspot.pipelines import Stage
from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator
from crm_emulator.salesforce.setup import add_stage
from interlock.demo.excerpt import ARRIVALS, Account, Contact, Excerpt, Prospect

# An org of some size: 100,000 calls a day and 1,000 for each of 150 users (Salesforce limits quick reference).
EDITION, API_CALLS_A_DAY = "Enterprise Edition", 250_000
DAY_US = 86_400 * 1_000_000
# The org's own stages: name, probability in percent, closed, won, forecast category.
STAGES = (
    ("Pledged", 50, False, False, "Pipeline"),
    ("Verbal Commitment", 75, False, False, "Pipeline"),
    ("Posted", 100, True, True, "Closed"),
    ("Closed Lost", 0, True, False, "Omitted"),
)
# Shared addresses that HubSpot knows too: it cannot tell which of the two people in Salesforce is meant.
SHARED_IN_HUBSPOT = 3
SALESPERSON, ADMIN = "Sales User", "Admin User"


class Wall:
    """The demo's time: the wall clock, moved back so that a day can pass in seconds and end in the present."""

    def __init__(self, behind_us: int = DAY_US) -> None:
        self._behind_us = behind_us

    def now_us(self) -> int:
        return time.time_ns() // 1_000 - self._behind_us

    def pass_minutes(self, minutes: int) -> None:
        self._behind_us = max(0, self._behind_us - minutes * 60 * 1_000_000)

    def catch_up(self) -> None:
        self._behind_us = 0


@dataclass
class ObjectExpectation:
    """What the first sync of one object must come to."""

    matched: int = 0
    created_in_hubspot: int = 0
    created_in_salesforce: int = 0
    # Fields of matched pairs that both CRMs fill differently: one value is replaced, and must be in the conflict log.
    differing_fields: int = 0
    ambiguous: int = 0


@dataclass
class World:
    hubspot: HubSpotEmulator
    salesforce: SalesforceEmulator
    wall: Wall
    excerpt: Excerpt
    arrivals: list[Prospect] = field(default_factory=list)
    # Id in the source data -> id in the local CRM.
    accounts: dict[str, str] = field(default_factory=dict)
    contacts: dict[str, str] = field(default_factory=dict)
    opportunities: dict[str, str] = field(default_factory=dict)
    # Pairs as planted: Salesforce id -> HubSpot id.
    same_company: dict[str, str] = field(default_factory=dict)
    same_person: dict[str, str] = field(default_factory=dict)
    # Salesforce contacts that share their address with another one, and the HubSpot contacts with such an address.
    ambiguous_in_salesforce: list[str] = field(default_factory=list)
    ambiguous_in_hubspot: list[str] = field(default_factory=list)
    prospect_companies: dict[str, str] = field(default_factory=dict)
    prospects: dict[str, str] = field(default_factory=dict)
    expected: dict[str, ObjectExpectation] = field(default_factory=dict)


def build(excerpt: Excerpt, seed: int = 0, wall: Wall | None = None) -> World:
    wall = wall or Wall()
    clock = Clock(source=wall.now_us)
    hubspot = HubSpotEmulator(clock=clock, seed=seed)
    salesforce = SalesforceEmulator(
        clock=Clock(source=wall.now_us), seed=seed, edition=EDITION, daily_api_requests=API_CALLS_A_DAY
    )
    world = World(hubspot, salesforce, wall, excerpt)
    prospects = excerpt.prospects.prospects
    world.arrivals = prospects[len(prospects) - ARRIVALS :]
    world.expected = {name: ObjectExpectation() for name in ("companies", "contacts", "deals")}
    _set_up_deals(world)
    _fill_salesforce(world)
    _companies_in_hubspot(world)
    _people_in_hubspot(world)
    _prospects_in_hubspot(world, prospects[: len(prospects) - ARRIVALS])
    _lists_in_hubspot(world)
    return world


def _set_up_deals(world: World) -> None:
    """Stages and types as this non-profit uses them, set up by the administrators of both CRMs."""
    standard = {"Closed Lost"}
    for name, probability, closed, won, category in STAGES:
        if name not in standard:
            add_stage(world.salesforce.org, name, probability, closed=closed, won=won, category=category)
    types = sorted({deal.type for deal in world.excerpt.organisation.opportunities if deal.type})
    opportunity_type = world.salesforce.org.objects["Opportunity"].fields["Type"]
    for name in types:
        if name not in opportunity_type.picklist_order:
            opportunity_type.add_picklist_value(name)
    portal = world.hubspot.portal
    portal.pipelines["deals"].all["default"].stages = [
        Stage(
            id=name.lower().replace(" ", ""),
            label=name,
            display_order=order,
            metadata={"isClosed": str(closed).lower(), "probability": str(probability / 100)},
        )
        for order, (name, probability, closed, _, _) in enumerate(STAGES)
    ]
    deal_type = portal.table("deals").schema.properties["dealtype"]
    more = [{"label": name, "value": name, "displayOrder": 10 + n, "hidden": False} for n, name in enumerate(types)]
    deal_type.set_options([*deal_type.options, *more])


def _fill_salesforce(world: World) -> None:
    organisation = world.excerpt.organisation
    for number, account in enumerate(organisation.accounts):
        world.accounts[account.ref] = _owned(world, number).create("Account", _account_fields(account))
    for number, contact in enumerate(organisation.contacts):
        fields = _contact_fields(contact) | {"AccountId": world.accounts[contact.account]}
        world.contacts[contact.ref] = _owned(world, number).create("Contact", _given(fields))
    for number, deal in enumerate(organisation.opportunities):
        fields = {
            "Name": deal.name,
            "CloseDate": deal.close_date,
            "StageName": deal.stage,
            "Type": deal.type,
            "Amount": deal.amount,
            "AccountId": world.accounts[deal.account],
        }
        world.opportunities[deal.ref] = _owned(world, number).create("Opportunity", _given(fields))
    admin = world.salesforce.user(ADMIN)
    for role in organisation.contact_roles:
        fields = {
            "OpportunityId": world.opportunities[role.opportunity],
            "ContactId": world.contacts[role.contact],
            "Role": role.role,
            "IsPrimary": role.primary,
        }
        admin.create("OpportunityContactRole", _given(fields))
    world.expected["deals"].created_in_hubspot = len(organisation.opportunities)


def _owned(world: World, number: int) -> Any:
    """Every fifth record belongs to the salesperson, the others to the administrator."""
    return world.salesforce.user(_owner_name(number))


def _owner_name(number: int) -> str:
    return SALESPERSON if number % 5 == 0 else ADMIN


def _owner_id(world: World, number: int) -> str:
    return world.hubspot.user(_owner_name(number)).owner_id


def _account_fields(account: Account) -> dict[str, Any]:
    return _given(
        {
            "Name": account.name,
            "BillingStreet": account.street,
            "BillingCity": account.city,
            "BillingState": account.state,
            "BillingPostalCode": account.postal_code,
            "BillingCountry": account.country,
        }
    )


def _contact_fields(contact: Contact) -> dict[str, Any]:
    return {
        "FirstName": contact.first_name,
        "LastName": contact.last_name,
        "Email": contact.email,
        "Phone": contact.phone,
        "MailingStreet": contact.street,
        "MailingCity": contact.city,
        "MailingState": contact.state,
        "MailingPostalCode": contact.postal_code,
        "MailingCountry": contact.country,
        "HasOptedOutOfEmail": contact.opted_out or None,
    }


def _companies_in_hubspot(world: World) -> None:
    """Every second organisation (not the households), found again by its name."""
    expected = world.expected["companies"]
    accounts = world.excerpt.organisation.accounts
    organisations = [(number, each) for number, each in enumerate(accounts) if not each.household]
    for place, (number, account) in enumerate(organisations):
        if place % 2:
            continue
        fields = {"name": account.name, "city": account.city, "hubspot_owner_id": _owner_id(world, number)}
        kind = place // 2 % 3
        if kind == 0:  # written with its legal form: the same company, another text
            fields["name"] = f"{account.name}, Inc."
            expected.differing_fields += 1
        elif kind == 1:  # only HubSpot has a telephone number
            fields["phone"] = f"(415) 555-{100 + number:04d}"
        elif account.city:  # a city in capitals
            fields["city"] = account.city.upper()
            expected.differing_fields += 1
        id_ = world.hubspot.user("Admin User").create("companies", _given(fields))
        world.same_company[world.accounts[account.ref]] = id_
    expected.matched = len(world.same_company)
    expected.created_in_hubspot = len(accounts) - expected.matched


def _people_in_hubspot(world: World) -> None:
    """Two of three people with an address of their own, and a few of the addresses that two people share."""
    expected = world.expected["contacts"]
    people = world.excerpt.organisation.contacts
    uses = Counter(person.email.lower() for person in people if person.email)
    place = 0
    shared: list[str] = []
    for number, person in enumerate(people):
        email = person.email.lower()
        if not email:
            continue
        if uses[email] > 1:
            world.ambiguous_in_salesforce.append(world.contacts[person.ref])
            if email not in shared and len(shared) < SHARED_IN_HUBSPOT:
                shared.append(email)
                fields = {"email": email, "firstname": person.first_name, "lastname": person.last_name}
                world.ambiguous_in_hubspot.append(world.hubspot.user("Admin User").create("contacts", fields))
            continue
        place += 1
        if place % 3 == 0:
            continue
        fields = _person_in_hubspot(person, place, expected) | {"hubspot_owner_id": _owner_id(world, number)}
        id_ = world.hubspot.user("Admin User").create("contacts", _given(fields))
        world.same_person[world.contacts[person.ref]] = id_
    expected.matched = len(world.same_person)
    expected.ambiguous = len(world.ambiguous_in_salesforce) + len(world.ambiguous_in_hubspot)
    alone = len(people) - len(world.ambiguous_in_salesforce) - expected.matched
    expected.created_in_hubspot = alone


def _person_in_hubspot(person: Contact, place: int, expected: ObjectExpectation) -> dict[str, Any]:
    fields = {"email": person.email, "firstname": person.first_name, "lastname": person.last_name}
    kind = place % 4
    if kind == 0:  # only HubSpot has a mobile number
        fields["mobilephone"] = f"(415) 555-{1_000 + place:04d}"
    elif kind == 1:  # the family name in capitals, as an import left it
        fields["lastname"] = person.last_name.upper()
        expected.differing_fields += 1
    elif kind == 2:  # an office number on both sides, another one in HubSpot
        fields["phone"] = f"(415) 555-{2_000 + place:04d}"
        expected.differing_fields += 1 if person.phone else 0
    else:  # a sign-up form that asked for the first name alone
        del fields["lastname"]
    return fields


def _prospects_in_hubspot(world: World, prospects: list[Prospect]) -> None:
    """People that only HubSpot knows, each at the company that HubSpot made of the domain of their address."""
    person = world.hubspot.user("Admin User")
    for domain in sorted({prospect.domain for prospect in prospects}):
        fields = {"name": domain, "domain": domain, "website": domain, "hubspot_owner_id": person.owner_id}
        world.prospect_companies[domain] = person.create("companies", fields)
    for prospect in prospects:
        id_ = person.create("contacts", prospect_fields(prospect) | {"hubspot_owner_id": person.owner_id})
        person.associate("contacts", id_, "companies", world.prospect_companies[prospect.domain])
        world.prospects[prospect.email] = id_
    world.expected["companies"].created_in_salesforce = len(world.prospect_companies)
    world.expected["contacts"].created_in_salesforce = len(prospects)


def _lists_in_hubspot(world: World) -> None:
    """Two that could limit what syncs: one that a person keeps, and one that follows what records hold."""
    person = world.hubspot.user("Admin User")
    person.create_list("contacts", "Prospects", world.prospects.values())
    has_title = {
        "filterType": "PROPERTY",
        "property": "jobtitle",
        "operation": {"operationType": "ALL_PROPERTY", "operator": "IS_KNOWN", "includeObjectsWithNoValueSet": False},
    }
    branch = {"filterBranchType": "AND", "filterBranches": [], "filters": [has_title]}
    filters = {"filterBranchType": "OR", "filterBranches": [branch], "filters": []}
    person.create_list("contacts", "People with a job title", filters=filters)


def prospect_fields(prospect: Prospect) -> dict[str, Any]:
    return _given(
        {
            "email": prospect.email,
            "firstname": prospect.first_name,
            "lastname": prospect.last_name,
            "salutation": prospect.salutation,
            "jobtitle": prospect.occupation,
            "phone": prospect.phone,
            "address": prospect.street,
            "city": prospect.city,
            "state": prospect.state,
            "zip": prospect.postal_code,
        }
    )


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty: a user who fills in nothing sends nothing."""
    return {name: value for name, value in fields.items() if value not in (None, "")}

"""The company of a contact moves its lifecycle stage along with it, where companies sync and opportunities move stages
(lifecycle.py).

What has to hold of it: as of a contact, we write a stage forward only, for a role that a contact of the company has or had, with a
row in the log, and not at all where nobody chose it; and no company stands behind what the roles of its contacts say, unless a
person set its stage since.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from interlock.core.model import LinkState, RecordLink
from tests.simulation.desk import Desk
from tests.simulation.journals import entries, entries_of
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.themes.chosen_values import APART_US, Place, last_by_a_person_us, true_us
from tests.simulation.themes.stages_said import (
    CONTACTS,
    IN_USE_US,
    OPEN,
    PROPERTY,
    SAYS,
    STAGES,
    WON,
    asked_for,
    forward_and_told,
    on_all_the_time,
    on_at_last,
    roles_now,
    said_us,
    written,
)

if TYPE_CHECKING:
    from tests.simulation.world import Story, World

COMPANIES = KINDS["companies"]
_PRIMARY = "associatedcompanyid"
_OF_A_COMPANY = (("contacts", "companies"), ("companies", "contacts"))
_OTHERWISE = frozenset({"delete", "restore", "merge", "convert"})


def employ(world: World) -> None:
    """Two work at a company before the two CRMs are connected: of whom it is given meanwhile it may be too late to tell."""
    if COMPANIES.slug in world.recipe.objects:
        hugo = world.hubspot.user()
        company = hugo.create("companies", {"name": "Employer of two"})
        for name in ("Worksa", "Worksb"):
            here = hugo.create("contacts", {"email": f"{name.lower()}@example.com", "lastname": name})
            hugo.associate("contacts", here, "companies", company, primary=True)


def give_a_role_to_somebody_of_a_company(desk: Desk, kind: Kind) -> None:
    """In an opportunity that is there, or in the first."""
    there = [there for here, there in desk.pairs(CONTACTS) if desk.hugo.get("contacts", here).get(_PRIMARY)]
    contact = desk.chance.choice(there)
    opportunities = desk.sally.ids("Opportunity")
    if not opportunities:
        fields = {"Name": desk.token("dealname"), "StageName": desk.chance.choice((OPEN, WON))}
        opportunities = [desk.sally.create("Opportunity", KINDS["deals"].required_in_salesforce | fields)]
    fields = {"OpportunityId": desk.chance.choice(opportunities), "ContactId": contact}
    desk.sally.create("OpportunityContactRole", fields)


def move_a_company_by_hand(desk: Desk, kind: Kind) -> None:
    """Forward, back, or to none."""
    here, stage = desk.some_in_hubspot(COMPANIES), desk.chance.choice((*STAGES, ""))
    if (desk.hugo.get("companies", here).get(PROPERTY) or "") != stage:
        desk.hugo.update("companies", here, {PROPERTY: stage})


# --- check ---------------------------------------------------------------------------------------------------------------


def check(story: Story) -> Iterator[str]:
    for entry in written(story, COMPANIES):
        yield from forward_and_told(story, COMPANIES, entry)
        yield from asked_for(story, entry, _people_ever(story, entry.id))
    # A company that is off, or outside a list, does not sync meanwhile.
    if on_at_last(story) and not {"associations", "inclusion"} & set(story.recipe.themes):
        yield from _moved_along(story)


def _people_ever(story: Story, company: str) -> list[str]:
    """Whoever was associated with it or with one that was merged into it, and who was merged with one of them."""
    portal = story.hubspot.portal
    people, companies = portal.table("contacts"), portal.table("companies")
    found: set[int] = set()
    for entry in entries(story, "hubspot"):
        if entry.action == "associate" and (entry.object, entry.field) in _OF_A_COMPANY and entry.new:
            person, other = (entry.id, entry.new) if entry.object == "contacts" else (entry.new, entry.id)
            if companies.survivor(int(other)) == companies.survivor(int(company)):
                found.add(people.survivor(int(person)))
    ever = {entry.id for entry in entries_of(story, CONTACTS, "hubspot")}
    return sorted(id_ for id_ in ever if people.survivor(int(id_)) in found)


def _moved_along(story: Story) -> Iterator[str]:
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    companies = _undisturbed(story, COMPANIES)
    for here, contact in _undisturbed(story, CONTACTS).items():
        company = companies.get(hugo.get("contacts", here).get(_PRIMARY) or "")
        first_us = _first_role_us(story, contact)
        if company is None or not first_us or not _belonged_since(story, contact, company, first_us):
            continue
        held = hugo.get("companies", company.hubspot_id).get(PROPERTY) or ""
        by_hand_us = last_by_a_person_us(story, Place(COMPANIES, PROPERTY, ""), "hubspot", company.hubspot_id)
        for opportunity, roles in roles_now(story, contact.salesforce_id).items():
            stands = sally.get("Opportunity", opportunity)["StageName"]
            wanted = SAYS.get(stands)
            # What came to be said once more while it was off, nobody heard.
            since_us = said_us(story, roles, opportunity, stands) if on_all_the_time(story) else first_us
            if wanted is None or by_hand_us > since_us:
                continue
            if held not in STAGES or STAGES.index(held) < STAGES.index(wanted):
                yield (
                    f"lifecycle: company {company.hubspot_id} is {held!r}, and a role of its contact {here} in {opportunity}"
                    f" says {wanted}"
                )


def _undisturbed(story: Story, kind: Kind) -> dict[str, RecordLink]:
    """Pairs that nobody is told of, and of which neither record was ever merged, deleted or converted."""
    otherwise = {
        id_
        for side in ("hubspot", "salesforce")
        for entry in entries(story, side)
        if entry.action in _OTHERWISE
        for id_ in (entry.id, entry.new)
    }
    otherwise |= {id_ for each in story.issues for id_ in (each.hubspot_id, each.salesforce_id)}
    there = set(story.hubspot.user().ids(kind.slug))
    return {
        link.hubspot_id: link
        for link in story.links
        if link.object == kind.slug
        and link.state is LinkState.LINKED
        and link.hubspot_id in there
        and not otherwise & {link.hubspot_id, link.salesforce_id}
    }


def _first_role_us(story: Story, contact: RecordLink) -> int:
    return min(
        (
            true_us(story, "salesforce", each)
            for each in entries(story, "salesforce")
            if each.object == "OpportunityContactRole" and each.new == contact.salesforce_id
        ),
        default=0,
    )


def _belonged_since(story: Story, contact: RecordLink, company: RecordLink, first_us: int) -> bool:
    """Whether the company had its account, and the contact this one company, since before anything could be said of the contact:
    what was honoured while the company was not known, or was another, is not said again."""
    versions = story.hubspot.portal.table("contacts").records[int(contact.hubspot_id)].versions(_PRIMARY)
    if {each.value for each in versions} != {company.hubspot_id}:
        return False
    linked_us = company.linked_at_us - round(story.skews_s["ours"] * 1e6)
    since_us = versions[-1].at_ms * 1_000 - round(story.skews_s["hubspot"] * 1e6)
    return linked_us < first_us - APART_US and since_us < first_us - IN_USE_US

"""People become leads or contacts, by one choice for all or by rules; leads are edited, merged, deleted and converted.

What has to hold, beside that leads agree with their HubSpot contacts (check.py): nobody is made as what no rule says; where
accounts are made for contacts alone, a company without one has none by us, and one with a contact has its account, which is the one
that a conversion made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from interlock.objects.choices import ACCOUNTS_FOR, WITH_CONTACTS
from interlock.store import Store, connections
from interlock.store.connections import Connection
from tests.simulation.desk import Desk
from tests.simulation.journals import OURS, accounts_of_persons, entries, entries_of
from tests.simulation.kinds import CREATION_KEY, KINDS, LINK, Kind
from tests.simulation.themes import persons, record_links
from tests.simulation.themes.theme import Move, Theme

if TYPE_CHECKING:
    from tests.simulation.recipe import Recipe
    from tests.simulation.world import Story, World

PEOPLE, COMPANIES = KINDS["contacts"], KINDS["companies"]
BY_ACCOUNT = {"when": "account_exists", "create_as": "Contact"}
BY_TITLE = {"when": "property_is_known", "property": "jobtitle", "create_as": "Lead"}
# What was read before a value changed may be acted on after it: by whoever stood still, or in a request that was late.
UNREAD_US = 120_000_000


def _choices(recipe: Recipe) -> dict[str, dict[str, str]]:
    if "companies" not in recipe.objects or recipe.chance("accounts for").random() < 0.4:
        return {}
    return {ACCOUNTS_FOR.name: {"companies": WITH_CONTACTS}}


def _becomes(recipe: Recipe) -> tuple[str, list[dict[str, str]]]:
    """What all become, and the rules before that."""
    return recipe.chance("people").choice(
        (("Lead", []), ("Contact", []), ("Lead", [BY_ACCOUNT]), ("Lead", [BY_ACCOUNT]), ("Contact", [BY_TITLE]))
    )


async def _choose(world: World, store: Store, connection: Connection) -> None:
    assert connection.id is not None
    create_as, rules = _becomes(world.recipe)
    async with store.write(connection.id) as tx:
        found = await connections.get(tx, connection.id)
        assert found is not None
        settings = {**found.settings, "create_person_as": create_as, "person_rules": rules}
        await connections.update(tx, connection.id, settings=settings)


# --- people at work -------------------------------------------------------------------------------------------------------


def _leads(desk: Desk) -> list[str]:
    return [id_ for id_ in desk.sally.ids("Lead") if not desk.sally.get("Lead", id_)["IsConverted"]]


def _some_lead(desk: Desk) -> str:
    return desk.chance.choice(_leads(desk))


def _typed(desk: Desk) -> dict[str, Any]:
    values = desk.typed(PEOPLE)
    values.setdefault("lastname", desk.token("lastname"))
    lacking = PEOPLE.fields.items() - {(name, field) for name, field in PEOPLE.fields.items() if field != "Department"}
    return {PEOPLE.fields[name]: value for name, value in values.items() if name not in dict(lacking)}


def enter_a_lead(desk: Desk, kind: Kind) -> None:
    if desk.room(PEOPLE, 1 + len(_leads(desk))):
        desk.sally.create("Lead", _typed(desk) | {"Company": desk.token("name")})


def enter_a_lead_and_a_contact(desk: Desk, kind: Kind) -> None:
    """The same person on both sides."""
    if desk.room(PEOPLE, 1 + len(_leads(desk))):
        email = desk.token("email")
        desk.sally.create("Lead", _typed(desk) | {"Company": desk.token("name"), "Email": email})
        desk.hugo.create("contacts", desk.typed(PEOPLE) | {"email": email})


def edit_a_lead(desk: Desk, kind: Kind) -> None:
    name = desk.chance.choice([name for name, field in PEOPLE.fields.items() if field != "Department"])
    desk.sally.update("Lead", _some_lead(desk), {PEOPLE.fields[name]: desk.token(name)})


def convert_a_lead(desk: Desk, kind: Kind) -> None:
    """Into a new account and contact, and an opportunity now and then."""
    opportunity = desk.token("dealname") if len(desk.kinds) > 1 and desk.chance.random() < 0.4 else None
    desk.sally.convert_lead(_some_lead(desk), opportunity=opportunity)


def convert_a_lead_into_what_is_there(desk: Desk, kind: Kind) -> None:
    lead = _some_lead(desk)
    if len(desk.kinds) > 1 and desk.chance.random() < 0.6:
        desk.sally.convert_lead(lead, account=desk.some_in_salesforce(COMPANIES))
    else:
        contact = desk.some_in_salesforce(PEOPLE)
        if not desk.sally.get("Contact", contact).get("AccountId"):
            account = desk.sally.create("Account", {"Name": desk.token("name")})
            desk.sally.update("Contact", contact, {"AccountId": account})
        desk.sally.convert_lead(lead, contact=contact)


def merge_leads(desk: Desk, kind: Kind) -> None:
    desk.sally.merge("Lead", *desk.chance.sample(_leads(desk), 2))


def delete_a_lead(desk: Desk, kind: Kind) -> None:
    desk.sally.delete("Lead", _some_lead(desk))


def restore_a_lead(desk: Desk, kind: Kind) -> None:
    rows = desk.org.tables["Lead"].from_id("")
    desk.sally.undelete("Lead", desk.chance.choice([row.id for row in rows if row.deleted_s is not None]))


def opt_a_lead_out(desk: Desk, kind: Kind) -> None:
    lead = _some_lead(desk)
    if not desk.sally.get("Lead", lead)["HasOptedOutOfEmail"]:
        desk.sally.update("Lead", lead, {"HasOptedOutOfEmail": True})


MOVES: dict[Move, float] = {
    enter_a_lead: 4,
    enter_a_lead_and_a_contact: 2,
    edit_a_lead: 5,
    convert_a_lead: 4,
    convert_a_lead_into_what_is_there: 3,
    merge_leads: 4,
    delete_a_lead: 1.5,
    restore_a_lead: 1.5,
    opt_a_lead_out: 1,
}


# --- what has to hold -----------------------------------------------------------------------------------------------------


def outside(story: Story, kind: Kind) -> set[str]:
    if kind is COMPANIES and ACCOUNTS_FOR.name in story.recipe.choices:
        return _without_people(story)
    if kind is PEOPLE:
        return _second_of_an_address(story)
    return set()


def _without_people(story: Story) -> set[str]:
    """Companies none of whose contacts is a contact in Salesforce."""
    hugo, there = story.hubspot.user(), set(story.salesforce.user().ids("Contact"))
    people = {id_ for id_ in hugo.ids("contacts") if hugo.get("contacts", id_).get(LINK) in there}
    return {
        id_
        for id_ in hugo.ids("companies")
        if not hugo.get("companies", id_).get(LINK) and not people & set(hugo.associated("companies", id_, "contacts"))
    }


def _second_of_an_address(story: Story) -> set[str]:
    """Leads, and contacts, that stand beside another one with an address that they ever had: one contact and any leads mean the
    contact, and the leads wait (docs/guarantees.md)."""
    sally = story.salesforce.user()
    holders: dict[str, set[str]] = defaultdict(set)
    for entry in entries_of(story, PEOPLE, "salesforce"):
        if entry.field == "Email" and entry.new:
            holders[entry.new].add(entry.id)
    leads = set(sally.ids("Lead"))
    return {id_ for ids in holders.values() if len(ids) > 1 for id_ in ids & leads}


def check(story: Story) -> Iterator[str]:
    yield from _made_as(story)
    if ACCOUNTS_FOR.name in story.recipe.choices:
        yield from _accounts_unasked(story)
        yield from _company_beside_conversion(story)


def _made_as(story: Story) -> Iterator[str]:
    create_as, rules = _becomes(story.recipe)
    allowed = {create_as} | {rule["create_as"] for rule in rules}
    for entry in entries_of(story, PEOPLE, "salesforce"):
        if entry.client != OURS or entry.action != "create" or entry.field != CREATION_KEY:
            continue
        made_for = (entry.new or "").rpartition(":")[2]
        if entry.object not in allowed:
            yield f"people: {entry.id} was made for {made_for} as a {entry.object}, and nothing says so"
        if BY_TITLE in rules and entry.object != (_by_title(story, made_for, entry.at_us) or entry.object):
            yield f"people: {entry.id} was made for {made_for} as a {entry.object}, and its title says otherwise"


def _by_title(story: Story, hubspot_id: str, at_us: int) -> str | None:
    """What the rule makes of the contact; None: its title changed shortly before."""
    title, changed_us = None, 0
    until_us = at_us + round((story.skews_s["hubspot"] - story.skews_s["salesforce"]) * 1e6)
    for entry in entries_of(story, PEOPLE, "hubspot"):
        if entry.id == hubspot_id and entry.field == "jobtitle" and entry.at_us <= until_us:
            title, changed_us = entry.new, entry.at_us
    return ("Lead" if title else "Contact") if changed_us < until_us - UNREAD_US else None


def _accounts_unasked(story: Story) -> Iterator[str]:
    """An account that we made is of a company whose contact ever was a contact in Salesforce."""
    contacts = {entry.id for entry in entries_of(story, PEOPLE, "salesforce") if entry.object == "Contact"}
    people = {link.hubspot_id for link in story.links if link.salesforce_id in contacts}
    people |= {row.hubspot_id or "" for row in story.audit if row.salesforce_id in contacts}
    worked: dict[str, set[str]] = defaultdict(set)
    for entry in entries(story, "hubspot"):
        if entry.action in ("associate", "merge"):
            for one, other in ((entry.id, entry.new), (entry.new, entry.id)):
                if one and other:
                    worked[one].add(other)
    for entry in entries_of(story, COMPANIES, "salesforce"):
        if entry.client == OURS and entry.action == "create" and entry.field == CREATION_KEY:
            company = (entry.new or "").rpartition(":")[2]
            if not worked[company] & people:
                yield f"people: account {entry.id} was made for {company}, none of whose contacts ever was one in Salesforce"


def _company_beside_conversion(story: Story) -> Iterator[str]:
    """Where a person's company has no account, the one that the conversion of its lead made is its own: no company beside it."""
    hugo, sally = story.hubspot.user(), story.salesforce.user()
    accounts, contacts = set(sally.ids("Account")), set(sally.ids("Contact"))
    made = {entry.new: entry.id for entry in entries_of(story, COMPANIES, "hubspot") if _makes_company(entry)}
    troubled = {id_ for each in story.issues for id_ in (each.hubspot_id, each.salesforce_id)}
    for entry in entries_of(story, PEOPLE, "salesforce"):
        if entry.action != "convert" or entry.field != "ConvertedContactId" or entry.new not in contacts:
            continue
        account = sally.get("Contact", entry.new)["AccountId"]
        for person in hugo.ids("contacts"):
            values = hugo.get("contacts", person)
            company = values.get("associatedcompanyid")
            if values.get(LINK) != entry.new or account not in made or not company or account not in accounts:
                continue
            if not hugo.get("companies", company).get(LINK) and not {company, account, person} & troubled:
                yield f"people: company {made[account]} was made for {account} beside {company}, whose {person} was converted"


def _makes_company(entry: Any) -> bool:
    return bool(entry.client == OURS and entry.action == "create" and entry.field == LINK)


def _furnish(world: World) -> None:
    persons.allow_persons(world)
    record_links.make_link_properties(world)


async def _settle(world: World, store: Store, connection: Connection) -> None:
    await _choose(world, store, connection)
    await record_links.say_where_the_pages_are(world, store, connection)


def _outside(story: Story, kind: Kind) -> set[str]:
    return outside(story, kind) | (accounts_of_persons(story) if kind is COMPANIES else set())


def _check(story: Story) -> Iterator[str]:
    yield from check(story)
    yield from persons.check_persons(story)
    yield from record_links.check_links(story)


PEOPLE_THEME = Theme(
    "people",
    _check,
    furnish=_furnish,
    moves=MOVES | persons.MOVES,
    choices=_choices,
    settle=_settle,
    outside=_outside,
    modules=("follow", *("accounts_for",) * 3),
)

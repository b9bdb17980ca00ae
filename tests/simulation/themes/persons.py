"""In a part of the stories the org has person accounts: people enter and edit persons in Salesforce, by either half.

What has to hold, beside that a person is one contact in HubSpot and agrees with it (check.py): its account is no company there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.simulation.desk import Desk
from tests.simulation.journals import accounts_of_persons
from tests.simulation.kinds import KINDS, LINK, Kind
from tests.simulation.moves import type_in_salesforce
from tests.simulation.themes.theme import Move

if TYPE_CHECKING:
    from tests.simulation.world import Story, World

PEOPLE, COMPANIES = KINDS["contacts"], KINDS["companies"]
# What they are called on the account.
_FIELDS = {
    "email": "PersonEmail",
    "firstname": "FirstName",
    "lastname": "LastName",
    "jobtitle": "PersonTitle",
    "fax": "Fax",
}


def allow_persons(world: World) -> None:
    if world.recipe.chance("person accounts").random() < 0.5:
        world.salesforce.enable_person_accounts()


def _some_person(desk: Desk) -> str:
    """Its account."""
    accounts = [id_ for id_ in desk.sally.ids("Account") if desk.sally.get("Account", id_).get("IsPersonAccount")]
    return desk.chance.choice(accounts)


def enter_a_person(desk: Desk, kind: Kind) -> None:
    if not desk.org.features.person_accounts or not desk.room(PEOPLE):
        raise LookupError("no person can be entered")
    typed = {"lastname": desk.token("lastname")} | desk.typed(PEOPLE)
    desk.sally.create("Account", {_FIELDS[name]: value for name, value in typed.items() if name in _FIELDS})


def edit_a_person(desk: Desk, kind: Kind) -> None:
    name = desk.chance.choice(list(_FIELDS))
    desk.sally.update("Account", _some_person(desk), {_FIELDS[name]: desk.token(name)})


def edit_the_contact_of_a_person(desk: Desk, kind: Kind) -> None:
    contact = str(desk.sally.get("Account", _some_person(desk))["PersonContactId"])
    type_in_salesforce(desk, PEOPLE, desk.chance.choice(list(_FIELDS)), contact)


MOVES: dict[Move, float] = {enter_a_person: 5, edit_a_person: 3, edit_the_contact_of_a_person: 2}


def check_persons(story: Story) -> Iterator[str]:
    accounts = accounts_of_persons(story)
    for entry in story.hubspot.journal.entries():
        if entry.object == COMPANIES.slug and entry.field == LINK and entry.new in accounts:
            yield f"person: company {entry.id} was given {entry.new}, which is the account of a person"

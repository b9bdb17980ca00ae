"""The step of owners: which HubSpot owner is which Salesforce user where the e-mail address does not say it.

Nobody has to be paired, so the recommended configuration goes past it; *Change* on the review leads here. They are the pairs of
the page Owners (app/owner_pairs.py), checked by what checks them there. `before` keeps what stood for the connection, for whoever
leaves in the middle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from interlock.app import owner_choices, owner_pairs
from interlock.app.errors import BadInput, Missing
from interlock.app.owner_pairs import People
from interlock.app.runtime import settings_of as settings_of_connection
from interlock.app.setup import configuration, state
from interlock.app.setup.connecting import Found
from interlock.app.setup.opened import Opened
from interlock.crm.salesforce.model import Queue, User
from interlock.store.connections import Connection
from interlock.store.setups import Setup

slug = "owners"
_SETTING = "owner_pairs"


class Values(msgspec.Struct, frozen=True):
    """`pairs`: HubSpot owner id -> Salesforce user id. `before`: those that stood before this step was first kept; None: it never
    was."""

    pairs: dict[str, str] = {}
    before: dict[str, str] | None = None
    saved: bool = False


def values_of(setup: Setup) -> Values:
    return state.kept(setup, slug, Values)


def applies(setup: Setup) -> bool:
    return True


def done(setup: Setup) -> bool:
    """The recommended configuration goes past it, but for what somebody began here."""
    values = values_of(setup)
    return values.saved or (values.before is None and not configuration.advanced(setup))


def standing(setup: Setup, connection: Connection) -> dict[str, str]:
    """As it was kept in this step; else as it stands for the connection."""
    values = values_of(setup)
    return settings_of_connection(connection).owner_pairs if values.before is None else values.pairs


def pairs_of(setup: Setup, connection: Connection) -> dict[str, str]:
    """By which it will sync."""
    values = values_of(setup)
    if values.before is None:
        return settings_of_connection(connection).owner_pairs
    return values.pairs if values.saved else values.before


def settings_of(setup: Setup, connection: Connection) -> dict[str, Any]:
    """As the engine reads them."""
    return {} if values_of(setup).before is None else {_SETTING: pairs_of(setup, connection)}


def with_before(setup: Setup, connection: Connection, pairs: dict[str, str], *, saved: bool) -> Values:
    before = values_of(setup).before
    return Values(pairs, settings_of_connection(connection).owner_pairs if before is None else before, saved)


def people_of(found: Found) -> People:
    return People(found.schemas.owners, found.schemas.users)


def told(setup: Setup, found: Found) -> list[tuple[str, str, bool]]:
    """What a preview goes by: who is whom, and whether that can be. Who was paired may be gone since."""
    people = people_of(found)
    return [(here, there, can_be(people, here, there)) for here, there in pairs_of(setup, found.connection).items()]


def can_be(people: People, owner_id: str, user_id: str) -> bool:
    try:
        owner_pairs.check(people, owner_id, user_id)
    except (BadInput, Missing):
        return False
    return True


def check(people: People, pairs: Mapping[str, str]) -> None:
    """Raises Missing, BadInput, with the owner that it is about as the field."""
    for owner_id, user_id in pairs.items():
        try:
            owner_pairs.check(people, owner_id, user_id)
            owner_pairs.check_free(pairs, owner_id, user_id, people)
        except (BadInput, Missing) as error:
            error.failure = msgspec.structs.replace(error.failure, field=owner_id)
            raise


def inactive(people: People) -> list[User]:
    return sorted((each for each in people.users if not each.is_active), key=lambda each: (each.name.lower(), each.id))


async def queues(interlock: Opened, found: Found) -> list[Queue]:
    """Salesforce's. Raises CrmError."""
    assert found.connection.id is not None
    async with interlock.clients(found.connection) as clients:
        return await owner_choices.kept_queues(interlock.store, found.connection.id, clients.salesforce)

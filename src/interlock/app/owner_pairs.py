"""Who is whom among the owners of both CRMs, and the pairs that a person makes by hand where the e-mail addresses differ.

Kept with the connection as `owner_pairs` (engine/context.Settings). To pair two people hands over no record by itself: it counts
where an owner is carried over from then on (core/owner_merge.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from interlock.app.connections import fresh
from interlock.app.errors import BadInput, Missing
from interlock.app.owner_choices import directory_of
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.runtime import settings_of
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas
from interlock.app.setup.opened import Opened
from interlock.crm.hubspot.model import Owner
from interlock.crm.salesforce.model import User
from interlock.engine.context import Settings
from interlock.objects.owners import OwnerDirectory
from interlock.store import connections, directory, schedule
from interlock.store.connections import Connection

BY_EMAIL, BY_HAND = "email", "hand"
_SETTING = "owner_pairs"


class People(msgspec.Struct):
    """Of both CRMs. `read`: asked for just now, and not remembered."""

    owners: list[Owner]
    users: list[User]
    read: bool = False

    def owner(self, id_: str) -> Owner | None:
        return next((each for each in self.owners if each.id == id_), None)

    def user(self, id_: str) -> User | None:
        return next((each for each in self.users if each.id == id_), None)


class Line(msgspec.Struct, frozen=True):
    """A HubSpot owner, and whoever they are in Salesforce: several users where they share an e-mail address."""

    owner: Owner
    users: list[User]
    matched_by: str | None  # email | hand

    def document(self) -> dict[str, Any]:
        return {
            "hubspot_owner": _owner_document(self.owner),
            "salesforce_users": [user_document(each) for each in self.users],
            "matched_by": self.matched_by,
        }


class Lines(msgspec.Struct):
    lines: list[Line]
    alone: list[User]  # active Salesforce users who are nobody in HubSpot

    def document(self) -> dict[str, Any]:
        return {
            "owners": [each.document() for each in self.lines],
            "salesforce_users": [user_document(each) for each in self.alone],
        }


def _owner_document(owner: Owner) -> dict[str, Any]:
    return {"id": owner.id, "name": owner.name, "email": owner.email, "active": not owner.archived}


def user_document(user: User) -> dict[str, Any]:
    return {"id": user.id, "name": user.name, "email": user.email, "active": user.is_active}


async def people(opened: Opened, connection: Connection, *, anew: bool = False) -> People:
    """As they were read last; asked for where nobody has read them, or `anew`. Raises AppError, CrmError."""
    if not anew:
        kept = await kept_people(opened, connection)
        if kept is not None:
            return kept
    async with opened.clients(connection) as clients:
        return People(await clients.hubspot.owners(), await clients.salesforce.users(), read=True)


async def kept_people(opened: Opened, connection: Connection) -> People | None:
    """As they were read last, however long ago. None: nobody has read them."""
    assert connection.id is not None
    async with opened.store.read(connection.id) as tx:
        kept: Any = await directory.get(tx, SCHEMAS)
    if kept is None:
        return None
    schemas = msgspec.convert(kept, Schemas, strict=False)
    return People(schemas.owners, schemas.users)


def lines(connection: Connection, found: People) -> Lines:
    """By name."""
    return lines_by(settings_of(connection).owner_pairs, found)


def lines_by(pairs: Mapping[str, str], found: People) -> Lines:
    """The same, of pairs that no connection has yet."""
    who = _directory(pairs, found)
    users_of: dict[str, list[User]] = {}
    for user in found.users:
        if user.id in who.salesforce_to_common:
            users_of.setdefault(who.salesforce_to_common[user.id], []).append(user)
    listed = []
    for owner in sorted(found.owners, key=lambda each: (each.archived, each.name.lower(), each.id)):
        users = users_of.get(who.hubspot_to_common.get(owner.id, ""), [])
        by_hand = bool(users) and pairs.get(owner.id) == users[0].id
        listed.append(Line(owner, users, None if not users else BY_HAND if by_hand else BY_EMAIL))
    alone = [each for each in found.users if each.id not in who.salesforce_to_common and each.is_active]
    return Lines(listed, sorted(alone, key=lambda each: (each.name.lower(), each.id)))


def undecided(pairs: Mapping[str, str], found: People) -> tuple[list[Line], list[User]]:
    """Owners whom their e-mail address gives nobody who can own, or several, with those that are paired first; and the active users
    who are left for them. Pure."""
    who = _directory(pairs, found)
    both = {*who.common_to_hubspot, *who.common_to_salesforce}
    by_email = {each for each in both if each in who.common_to_hubspot and each in who.common_to_salesforce}
    by_email -= {who.hubspot_to_common[each] for each in pairs if each in who.hubspot_to_common}
    owners = [
        line
        for line in lines_by(pairs, found).lines
        if not line.owner.archived and who.hubspot_to_common.get(line.owner.id) not in by_email
    ]
    users = [each for each in found.users if each.is_active and who.salesforce_to_common.get(each.id) not in by_email]
    return (
        sorted(owners, key=lambda each: each.owner.id not in pairs),
        sorted(users, key=lambda each: (each.name.lower(), each.id)),
    )


def _directory(pairs: Mapping[str, str], found: People) -> OwnerDirectory:
    return directory_of(Schemas({}, {}, found.owners, found.users, []), Settings(owner_pairs=dict(pairs)))


async def pair(opened: Opened, connection: Connection, owner_id: str, user_id: str, by: By) -> Connection:
    """By hand, in place of any other pair of that owner. Raises BadInput, Missing, AppError, CrmError."""
    found = await people(opened, connection)
    if found.owner(owner_id) is None or found.user(user_id) is None:
        # Somebody new.
        found = await people(opened, connection, anew=True)
    check(found, owner_id, user_id)
    return await _keep(opened, connection, owner_id, user_id, found.read, by)


async def part(opened: Opened, connection: Connection, owner_id: str, by: By) -> Connection:
    """From then on they are matched by e-mail again, or by nothing. One that is not paired by hand stays as it is."""
    return await _keep(opened, connection, owner_id, None, False, by)


def check(found: People, owner_id: str, user_id: str) -> None:
    """Raises Missing, BadInput."""
    owner, user = found.owner(owner_id), found.user(user_id)
    if owner is None:
        raise Missing(
            f"HubSpot has no owner {owner_id}.",
            code="no_such_owner",
            field="hubspot_owner",
            side="hubspot",
            fix="Choose one of the owners that HubSpot lists.",
        )
    if user is None:
        raise Missing(
            f"Salesforce has no user {user_id}.",
            code="no_such_user",
            field="salesforce_user",
            side="salesforce",
            fix="Choose one of the users that Salesforce lists.",
        )
    if not user.is_active:
        raise BadInput(
            f"{user.name} is inactive in Salesforce, and may own nothing there.",
            code="inactive_user",
            field="salesforce_user",
            fix="Choose an active user.",
        )


def check_free(pairs: Mapping[str, str], owner_id: str, user_id: str | None, found: People | None = None) -> None:
    """Raises BadInput where the user is paired with another owner, who is named where `found` knows them."""
    holder = next((each for each, user in pairs.items() if user == user_id and each != owner_id), None)
    if holder is not None:
        known = None if found is None else found.owner(holder)
        taken = holder if known is None else known.name
        raise BadInput(
            f"That Salesforce user is paired with the HubSpot owner {taken} already.",
            code="user_is_paired",
            field="salesforce_user",
            fix="Take that pair apart first.",
        )


async def _keep(
    opened: Opened, connection: Connection, owner_id: str, user_id: str | None, anew: bool, by: By
) -> Connection:
    assert connection.id is not None
    async with opened.store.write(connection.id) as tx:
        now = await fresh(tx, connection.id)
        before = settings_of(now).owner_pairs
        check_free(before, owner_id, user_id)
        after = {each: user for each, user in before.items() if each != owner_id}
        after |= {} if user_id is None else {owner_id: user_id}
        if after != before:
            await connections.update(tx, connection.id, settings={**now.settings, _SETTING: after})
            if anew:
                await directory.drop(tx, SCHEMAS)  # they do not know them
            await schedule.ring(tx)
            subject = f"connection:{connection.id}"
            if user_id is None:
                await record(tx, by, "owners_parted", subject, hubspot_owner=owner_id)
            else:
                await record(tx, by, "owners_paired", subject, hubspot_owner=owner_id, salesforce_user=user_id)
        return await fresh(tx, connection.id)

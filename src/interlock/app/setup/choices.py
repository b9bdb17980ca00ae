"""The step of all else that can be chosen of an object: which of its records sync, what becomes of new ones, of deleted and merged
ones, of owners, of lifecycle stages and roles; of persons, whether they become a lead or a contact. In *Advanced* only.

They are the choices of the tabs (app/what_syncs.py), checked by what checks them there. Until somebody saves the step, what was
chosen on the tabs before stays; `before` keeps that, for who goes back to *Recommended*.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from interlock.app import missing_labels, salesforce_filters, shown_properties, what_syncs
from interlock.app.errors import BadInput
from interlock.app.missing_labels import Roles
from interlock.app.people.visitor import By
from interlock.app.salesforce_filters import Counted
from interlock.app.serve import Clients
from interlock.app.setup import configuration, contacts, properties, state
from interlock.app.setup.connecting import Found
from interlock.app.setup.opened import Opened
from interlock.app.what_syncs import Choice
from interlock.crm.errors import CallRefused, Forbidden
from interlock.crm.hubspot.model import ListPage, NewProperty
from interlock.objects.choices import BOTH, ROLE_LABELS, choices_of
from interlock.objects.lead_or_contact import PersonRule
from interlock.objects.registry import SPECS
from interlock.store.connections import Connection
from interlock.store.setups import Setup

slug = "choices"
CONTACTS, DEALS = "contacts", "deals"
# What of a connection's settings this step says, each with what it is where nobody chose.
_SAYS: dict[str, Any] = {
    "inclusion": {},
    "create_in_hubspot": {},
    "create_in_salesforce": {},
    "person_rules": [],
    "salesforce_filters": {},
    "choices": {},
}


class OfObject(msgspec.Struct, frozen=True):
    """Of contacts the list and what is created are chosen in a step of their own. `list_id` empty: all records."""

    list_id: str = ""
    create_in_salesforce: bool = True
    create_in_hubspot: bool = True
    choices: dict[str, str] = {}
    filters: dict[str, str] = {}
    person_rules: tuple[PersonRule, ...] = ()
    # Roles that a label is made for at the finish, where roles and labels are kept in step; None: nobody has seen them.
    labels: tuple[str, ...] | None = None


class Values(msgspec.Struct, frozen=True):
    """`before`: the settings that stood before this step was first kept; None: it never was."""

    objects: dict[str, OfObject] = {}
    before: dict[str, Any] | None = None
    saved: bool = False


def values_of(setup: Setup) -> Values:
    return state.kept(setup, slug, Values)


def applies(setup: Setup) -> bool:
    return configuration.advanced(setup)


def done(setup: Setup) -> bool:
    return values_of(setup).saved


def standing(setup: Setup, connection: Connection, object_: str) -> OfObject:
    """As it was kept in this step; else as it stands for the connection."""
    kept = values_of(setup).objects.get(object_)
    return of_connection(connection, object_) if kept is None else kept


def of_connection(connection: Connection, object_: str) -> OfObject:
    chosen = what_syncs.chosen(connection, object_)
    return OfObject(
        chosen.list_id or "",
        chosen.create_in_salesforce != what_syncs.NOTHING,
        chosen.create_in_hubspot,
        chosen.choices,
        chosen.filters,
        chosen.person_rules,
    )


def with_before(setup: Setup, connection: Connection, objects: dict[str, OfObject], *, saved: bool) -> Values:
    before = values_of(setup).before
    if before is None:
        before = {name: connection.settings.get(name, none) for name, none in _SAYS.items()}
    return Values(objects, before, saved)


def choice_of(object_: str, chosen: OfObject) -> Choice:
    """All of it, so that nothing which was chosen before stays behind."""
    own = Choice(
        choices={each.name: chosen.choices.get(each.name, each.default) for each in choices_of(object_)},
        filters={type_: chosen.filters.get(type_, "") for type_ in SPECS[object_].salesforce_types},
    )
    if object_ == CONTACTS:
        return msgspec.structs.replace(own, person_rules=chosen.person_rules)
    type_ = SPECS[object_].salesforce_types[0]
    return msgspec.structs.replace(
        own,
        list_id=chosen.list_id or None,
        create_in_salesforce=type_ if chosen.create_in_salesforce else what_syncs.NOTHING,
        create_in_hubspot=chosen.create_in_hubspot,
    )


def settings_of(setup: Setup, connection: Connection) -> dict[str, Any]:
    """As the engine reads them, with what the step of contacts says."""
    values, own = values_of(setup), contacts.settings_of(setup)
    told: dict[str, Any] = {}
    if values.before is not None and not (applies(setup) and values.saved):
        told = values.before
    elif values.before is not None:
        laid = msgspec.structs.replace(connection, settings={**connection.settings, **own})
        for object_, chosen in values.objects.items():
            laid = msgspec.structs.replace(
                laid, settings=what_syncs.settings_with(laid, object_, choice_of(object_, chosen))
            )
        told = {name: laid.settings.get(name, none) for name, none in _SAYS.items()}
    stand = {**connection.settings, **told}
    return {**told, **own, **{name: _merged(stand.get(name), own[name]) for name in ("inclusion", "create_in_hubspot")}}


def _merged(stand: Any, own: dict[str, Any]) -> dict[str, Any]:
    """By object: the step of contacts says what holds for them, and of nobody else."""
    if isinstance(stand, bool):
        stand = dict.fromkeys(SPECS, stand)
    return {object_: each for object_, each in (stand or {}).items() if object_ != CONTACTS} | own


def to_make(setup: Setup, found: Found) -> list[tuple[str, NewProperty]]:
    """(HubSpot object, property) of what the choices need, as far as it is not there."""
    on = found.draft(properties.choices_of(setup)).objects
    after = msgspec.structs.replace(
        found.connection, settings={**found.connection.settings, **settings_of(setup, found.connection)}
    )
    return [
        (SPECS[object_].hubspot_type, each)
        for object_ in on
        for each in shown_properties.needed(what_syncs.chosen(after, object_).choices)
        if found.schemas.property_named(SPECS[object_].hubspot_type, each.name) is None
    ]


def labels_of(setup: Setup, on: Collection[str]) -> tuple[str, ...]:
    """Roles for which the finish makes a label. `on`: the objects that sync."""
    values = values_of(setup)
    deals = values.objects.get(DEALS)
    if deals is None or DEALS not in on or not (applies(setup) and values.saved) or not _in_step(deals):
        return ()
    return deals.labels or ()


def _in_step(deals: OfObject) -> bool:
    return deals.choices.get(ROLE_LABELS.name) == BOTH


async def roles(interlock: Opened, found: Found) -> Roles:
    """What HubSpot has a label for, and what not. Raises CrmError."""
    async with interlock.clients(found.connection) as clients:
        return await missing_labels.compare(clients.hubspot, clients.salesforce)


async def make_labels(interlock: Opened, setup: Setup, found: Found, clients: Clients, by: By) -> None:
    """At the finish. Can be run again. Raises BadInput, CrmError."""
    wanted = labels_of(setup, found.draft(properties.choices_of(setup)).objects)
    if not wanted:
        return
    try:
        await missing_labels.make_those_left(
            interlock.store, found.connection, wanted, clients.hubspot, clients.salesforce, interlock.clock_us(), by
        )
    except (CallRefused, Forbidden) as refused:
        raise BadInput(
            f"HubSpot did not let the labels be made: {refused.message}",
            code="labels_refused",
            side="hubspot",
            fix="Nothing of it is lost, and what was made stays. Put it right in HubSpot, or choose fewer labels in the step More"
            " choices; then finish again.",
        ) from refused


async def check(interlock: Opened, found: Found, objects: dict[str, OfObject]) -> dict[str, OfObject]:
    """With the filters as they are kept. Raises BadInput, Missing, CrmError, as the tabs do of the same choice."""
    checked = {}
    async with interlock.clients(found.connection) as clients:
        for object_, chosen in objects.items():
            choice = choice_of(object_, chosen)
            choice = await what_syncs.check(found.connection, object_, choice, clients.hubspot, clients.salesforce)
            if chosen.labels and _in_step(chosen):
                missing_labels.check(await missing_labels.compare(clients.hubspot, clients.salesforce), chosen.labels)
            filters = {type_: text for type_, text in choice.filters.items() if text}
            checked[object_] = msgspec.structs.replace(chosen, filters=filters)
    return checked


async def count(interlock: Opened, found: Found, objects: dict[str, OfObject]) -> list[Counted]:
    """How many records fit each filter. Raises BadInput, CrmError."""
    async with interlock.clients(found.connection) as clients:
        return [
            await salesforce_filters.count(clients.salesforce, type_, text)
            for object_, chosen in objects.items()
            for type_, text in salesforce_filters.tidy(object_, chosen.filters).items()
            if text
        ]


async def lists(interlock: Opened, found: Found, object_: str, text: str) -> ListPage:
    """HubSpot lists that may limit the object, by a part of their name. Raises CrmError."""
    async with interlock.clients(found.connection) as clients:
        return await what_syncs.lists(clients.hubspot, object_, text.strip(), count=contacts.LISTS_SHOWN)

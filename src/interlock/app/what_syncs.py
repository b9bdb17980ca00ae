"""Which records of an object sync: the HubSpot list and the Salesforce filter that limit them, and what becomes of a record that
nothing matches.

A choice starts nothing by itself, but that another list or filter, or none any more, looks again at what stood outside the old one
(engine/inclusion.py). What matches is linked whatever is chosen about creating. The filters' texts are salesforce_filters.py.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from interlock.app import person_rules, salesforce_filters
from interlock.app.connections import fresh
from interlock.app.errors import BadInput, Missing, Stale
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.runtime import settings_of
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.shown_properties import make_properties, to_make
from interlock.core.model import Side
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import ListPage, NewProperty
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.context import Settings
from interlock.engine.let_go import let_go
from interlock.objects.choices import DELETES, DELETES_IN, choices_of
from interlock.objects.lead_or_contact import PersonRule
from interlock.objects.pipelines import Chosen, problem
from interlock.objects.registry import SPECS
from interlock.store import Store, connections, directory, schedule
from interlock.store.connections import Connection

NOTHING = ""


class WhatSyncs(msgspec.Struct, frozen=True):
    """What is chosen for one object."""

    object: str
    list_id: str | None  # None: all records sync
    # What a new HubSpot record becomes in Salesforce: a type (Contact or Lead for people), or "" for nothing.
    create_in_salesforce: str
    create_in_hubspot: bool
    # Name -> value, of all that can be chosen for the object (objects/choices.py).
    choices: dict[str, str] = {}
    # Of each of its Salesforce types that is limited: the condition in SOQL that records must fit.
    filters: dict[str, str] = {}
    # Of contacts: what decides, person by person, before `create_in_salesforce` does.
    person_rules: tuple[PersonRule, ...] = ()
    # Of deals: which pipelines sync, and with what (objects/pipelines.py); empty: nobody chose.
    pipelines: Chosen = {}

    @property
    def edition(self) -> str:
        """Another after any change: a form carries the one that it was filled in with."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]

    def document(self, *, enabled: bool, turning_on: bool) -> dict[str, Any]:
        return {
            "object": self.object,
            "enabled": enabled,
            "turning_on": turning_on,
            "list_id": self.list_id,
            "create_in_salesforce": self.create_in_salesforce or None,
            "create_in_hubspot": self.create_in_hubspot,
            "choices": self.choices,
            "filters": {type_: self.filters.get(type_) for type_ in SPECS[self.object].salesforce_types},
            "person_rules": [
                {**msgspec.structs.asdict(rule), "create_as": rule.create_as or None} for rule in self.person_rules
            ],
            "pipelines": msgspec.to_builtins(self.pipelines),
            "edition": self.edition,
        }


class Choice(msgspec.Struct, frozen=True):
    """What to change of it; UNSET stays as it is."""

    list_id: str | msgspec.UnsetType | None = msgspec.UNSET
    create_in_salesforce: str | msgspec.UnsetType = msgspec.UNSET
    create_in_hubspot: bool | msgspec.UnsetType = msgspec.UNSET
    choices: dict[str, str] = {}  # those to change
    filters: dict[str, str] = {}  # those to change, by Salesforce type; empty: all records sync
    person_rules: tuple[PersonRule, ...] | msgspec.UnsetType = msgspec.UNSET  # all of them
    pipelines: Chosen | msgspec.UnsetType = msgspec.UNSET


def chosen(connection: Connection, object_: str) -> WhatSyncs:
    return _of(settings_of(connection), object_)


def _of(settings: Settings, object_: str) -> WhatSyncs:
    type_ = settings.create_person_as if object_ == "contacts" else SPECS[object_].salesforce_types[0]
    return WhatSyncs(
        object_,
        settings.inclusion.get(object_) or None,
        type_ if settings.creates_in(Side.SALESFORCE, object_) else NOTHING,
        settings.creates_in(Side.HUBSPOT, object_),
        {each.name: settings.chosen(each, object_) for each in choices_of(object_)},
        {type_: text for type_, text in salesforce_filters.of(settings, object_).items() if text},
        settings.person_rules if object_ == person_rules.OBJECT else (),
        settings.pipelines if object_ == "deals" else {},
    )


async def lists(hubspot: HubSpotClient, object_: str, query: str = "", offset: int = 0, count: int = 100) -> ListPage:
    """HubSpot lists that may limit an object, by a part of their name. Raises CrmError."""
    return await hubspot.lists(SPECS[object_].hubspot_type_id, query, offset, count, purpose="setup")


async def choose(
    store: Store,
    connection: Connection,
    object_: str,
    choice: Choice,
    hubspot: HubSpotClient | None,
    by: By = BY_COMMAND,
    edition: str | None = None,
    salesforce: SalesforceClient | None = None,
) -> WhatSyncs:
    """Change it and write it to the log. `hubspot`, `salesforce`: needed where `asks` says so. `edition`: of what the person saw.

    Raises BadInput, Missing for a list that is not there, CrmError, Stale when it is another by now.
    """
    assert connection.id is not None
    choice = await check(connection, object_, choice, hubspot, salesforce)
    new = properties_to_make(connection, object_, choice)
    if new:
        assert hubspot is not None, "properties are to be made, and nobody to make them"
        await make_properties(hubspot, object_, new)
    async with store.write(connection.id) as tx:
        before = await fresh(tx, connection.id)
        if edition is not None and chosen(before, object_).edition != edition:
            raise Stale
        settings = settings_with(before, object_, choice)
        after = chosen(msgspec.structs.replace(before, settings=settings), object_)
        if after != chosen(before, object_):
            await connections.update(tx, connection.id, settings=settings)
            await let_go(tx, object_, _deletes_no_more(chosen(before, object_), after))
            if new or choice.pipelines is not msgspec.UNSET:
                # What was chosen may be younger than what is remembered of either CRM.
                await directory.drop(tx, SCHEMAS)
            await schedule.ring(tx)
            await record(tx, by, "what_syncs_chosen", f"connection:{connection.id}", **msgspec.to_builtins(after))
    return after


def _deletes_no_more(before: WhatSyncs, after: WhatSyncs) -> set[Side]:
    """The sides on which deletes were carried over and are no more: what waits there is let go."""
    was, now = (DELETES_IN[each.choices[DELETES.name]] for each in (before, after))
    return set(was) - set(now)


def asks(connection: Connection, object_: str, choice: Choice) -> bool:
    """Whether a CRM has to be asked about it: another list, filter or rules for persons; or properties are to be made there."""
    before = _of(settings_of(connection), object_) if object_ in SPECS else None
    if before is None:
        return False
    other_list = isinstance(choice.list_id, str) and choice.list_id != before.list_id
    other_filter = any(text.strip() and text != before.filters.get(of) for of, text in choice.filters.items())
    other_rules = choice.person_rules is not msgspec.UNSET and choice.person_rules != before.person_rules
    return other_list or other_filter or other_rules or bool(properties_to_make(connection, object_, choice))


def properties_to_make(connection: Connection, object_: str, choice: Choice) -> tuple[NewProperty, ...]:
    """The HubSpot properties that show what is chosen now."""
    return to_make(settings_of(connection), object_, choice.choices)


async def check(
    connection: Connection,
    object_: str,
    choice: Choice,
    hubspot: HubSpotClient | None,
    salesforce: SalesforceClient | None = None,
) -> Choice:
    """With its filters as they are kept. Raises BadInput, Missing, CrmError."""
    _check(object_, choice)
    choice = msgspec.structs.replace(choice, filters=salesforce_filters.tidy(object_, choice.filters))
    before = chosen(connection, object_)
    if isinstance(choice.list_id, str) and choice.list_id != before.list_id:
        assert hubspot is not None, "a list is chosen, and nobody to ask about it"
        await check_list(hubspot, object_, choice.list_id)
    if choice.person_rules is not msgspec.UNSET:
        person_rules.check(object_, choice.person_rules)
        if choice.person_rules != before.person_rules:
            assert hubspot is not None, "rules are chosen, and nobody to ask about their properties"
            await person_rules.check_properties(hubspot, choice.person_rules)
    for type_, text in choice.filters.items():
        if text and text != before.filters.get(type_):
            assert salesforce is not None, "a filter is chosen, and nobody to ask about it"
            await salesforce_filters.count(salesforce, type_, text)
    return choice


def _check(object_: str, choice: Choice) -> None:
    if object_ not in SPECS:
        raise BadInput(
            f"{object_!r} is not an object that syncs.", code="no_such_object", fix=f"There are: {', '.join(SPECS)}."
        )
    types = SPECS[object_].salesforce_types
    if choice.create_in_salesforce is not msgspec.UNSET and choice.create_in_salesforce not in (*types, NOTHING):
        raise BadInput(
            f"{object_} cannot become {choice.create_in_salesforce!r} in Salesforce.",
            code="no_such_type",
            field="create_in_salesforce",
            fix=f"Choose {', '.join(types)}, or nothing.",
        )
    for name, value in choice.choices.items():
        _check_choice(object_, name, value)
    if choice.pipelines is not msgspec.UNSET:
        check_pipelines(object_, choice.pipelines)


def check_pipelines(object_: str, chosen: Chosen) -> None:
    """In themselves; that both CRMs have them is for whoever asked them (app/pipelines.py). Raises BadInput."""
    if object_ != "deals":
        raise BadInput(f"{object_} have no pipelines.", code="no_pipelines", field="pipelines", fix="Choose for deals.")
    wrong = problem(chosen)
    if wrong is not None:
        raise BadInput(
            wrong, code="pipelines", field="pipelines", fix="Join each pipeline with a record type of its own."
        )


def _check_choice(object_: str, name: str, value: str) -> None:
    allowed = {each.name: each.values for each in choices_of(object_)}
    if name not in allowed:
        raise BadInput(
            f"There is nothing called {name!r} to choose for {object_}.",
            code="no_such_choice",
            field=name,
            fix=f"There are: {', '.join(allowed)}.",
        )
    if value not in allowed[name]:
        raise BadInput(
            f"{name} of {object_} cannot be {value!r}.",
            code="no_such_value",
            field=name,
            fix=f"Choose {', '.join(allowed[name])}.",
        )


async def check_list(hubspot: HubSpotClient, object_: str, list_id: str) -> None:
    """That it is there, and one of this object. Raises Missing, BadInput, CrmError."""
    found = await hubspot.list_by_id(list_id, purpose="setup")
    if found is None:
        raise Missing(
            f"HubSpot has no list {list_id}.",
            code="no_such_list",
            field="list_id",
            side="hubspot",
            fix="Choose one of the lists that HubSpot shows, or none.",
        )
    if found.object_type_id != SPECS[object_].hubspot_type_id:
        raise BadInput(
            f"The HubSpot list {found.name!r} is not one of {object_}.",
            code="list_of_another_object",
            field="list_id",
            side="hubspot",
            fix=f"Choose a list of {object_}.",
        )


def settings_with(connection: Connection, object_: str, choice: Choice) -> dict[str, Any]:
    settings = dict(connection.settings)
    if choice.list_id is not msgspec.UNSET:
        others = {slug: each for slug, each in settings.get("inclusion", {}).items() if slug != object_}
        settings["inclusion"] = others | ({object_: choice.list_id} if choice.list_id else {})
    if choice.create_in_hubspot is not msgspec.UNSET:
        settings["create_in_hubspot"] = _rules(connection, Side.HUBSPOT) | {object_: choice.create_in_hubspot}
    if choice.create_in_salesforce is not msgspec.UNSET:
        creates = choice.create_in_salesforce != NOTHING
        settings["create_in_salesforce"] = _rules(connection, Side.SALESFORCE) | {object_: creates}
        if creates and object_ == "contacts":
            settings["create_person_as"] = choice.create_in_salesforce
    if choice.person_rules is not msgspec.UNSET:
        settings["person_rules"] = msgspec.to_builtins(choice.person_rules)
    if choice.filters:
        filters = settings.get("salesforce_filters", {}) | choice.filters
        settings["salesforce_filters"] = {type_: text for type_, text in filters.items() if text}
    if choice.pipelines is not msgspec.UNSET:
        settings["pipelines"] = msgspec.to_builtins(choice.pipelines)
    for name, value in choice.choices.items():
        settings["choices"] = _choices_with(settings.get("choices", {}), object_, name, value)
    return settings


def _choices_with(before: dict[str, dict[str, str]], object_: str, name: str, value: str) -> dict[str, dict[str, str]]:
    return before | {name: before.get(name, {}) | {object_: value}}


def _rules(connection: Connection, side: Side) -> dict[str, bool]:
    settings = settings_of(connection)
    return {slug: settings.creates_in(side, slug) for slug in SPECS}

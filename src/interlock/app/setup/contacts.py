"""The step about contacts: which of them sync, and what becomes of a new one on either side. In *Advanced* only."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from interlock.app.errors import BadInput
from interlock.app.setup import configuration, state
from interlock.app.setup.opened import Opened
from interlock.crm.hubspot.model import ListPage, RecordList
from interlock.objects.registry import SPECS
from interlock.store.setups import Setup

slug = "contacts"
LISTS_SHOWN = 50


class Values(msgspec.Struct, frozen=True):
    """`list_id` empty: all contacts. `list_name` as it was when it was chosen. `in_salesforce` empty: do nothing."""

    list_id: str = ""
    list_name: str = ""
    in_salesforce: Literal["Contact", "Lead", ""] = "Contact"
    in_hubspot: bool = True
    saved: bool = False


def values_of(setup: Setup) -> Values:
    """As recommended while the step is not in the path, whatever was chosen in it before."""
    return state.kept(setup, slug, Values) if applies(setup) else Values()


def applies(setup: Setup) -> bool:
    return configuration.advanced(setup)


def left(before: Values, typed: Values, list_id: str | None) -> Values:
    """*Save and leave*. `list_id` None: all contacts; empty: those of a list that is not chosen yet. A list that nobody has looked
    up is kept without its name, and the step is still to be done."""
    if list_id is None:
        return msgspec.structs.replace(typed, saved=before.saved)
    if list_id in ("", before.list_id):
        return msgspec.structs.replace(typed, list_id=before.list_id, list_name=before.list_name, saved=before.saved)
    return msgspec.structs.replace(typed, list_id=list_id, saved=False)


def done(setup: Setup) -> bool:
    return values_of(setup).saved


def settings_of(setup: Setup) -> dict[str, Any]:
    """As the engine reads them (engine/context.py, Settings)."""
    values = values_of(setup)
    return {
        "inclusion": {"contacts": values.list_id} if values.list_id else {},
        "create_person_as": values.in_salesforce,
        "create_in_hubspot": {"contacts": values.in_hubspot},
    }


async def lists(interlock: Opened, setup: Setup, text: str) -> ListPage:
    """Contact lists whose name holds the text, the first ones. Raises CrmError; MissingScope without the scope for lists."""
    async with interlock.setup_clients(setup) as clients:
        return await clients.hubspot.lists(
            SPECS["contacts"].hubspot_type_id, text.strip(), count=LISTS_SHOWN, purpose="setup"
        )


async def chosen_list(interlock: Opened, setup: Setup, list_id: str) -> RecordList:
    """Raises BadInput for one that is not there, or not of contacts; CrmError."""
    async with interlock.setup_clients(setup) as clients:
        found = await clients.hubspot.list_by_id(list_id, purpose="setup")
    if found is None:
        raise BadInput(
            "This list is not in the HubSpot account any more.",
            code="unknown_list",
            field="list_id",
            fix="Choose another, or All contacts.",
        )
    if found.object_type_id != SPECS["contacts"].hubspot_type_id:
        raise BadInput(
            f"The HubSpot list {found.name!r} is not one of contacts.",
            code="list_of_another_object",
            field="list_id",
            fix="Choose another, or All contacts.",
        )
    return found

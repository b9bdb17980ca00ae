"""The shape of a HubSpot account: details, properties, owners and pipelines; and making Interlock's own properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from interlock.crm.calls import Calls, Declined, Reply
from interlock.crm.errors import CallRefused, ServerFault, SignInRefused
from interlock.crm.hubspot.model import (
    AccountInfo,
    NewProperty,
    Option,
    Owner,
    Pipeline,
    PropertyDef,
    PropertyRoom,
    Stage,
    TokenInfo,
)
from interlock.crm.hubspot.requests import (
    WirePaging,
    account_path,
    encode,
    owners_path,
    pipelines_path,
    private_token_path,
    properties_path,
    property_limits_path,
    schema_path,
    with_query,
)

T = TypeVar("T")


class _Account(msgspec.Struct, rename="camel"):
    portal_id: int
    time_zone: str = "UTC"
    company_currency: str | None = None
    ui_domain: str = "app.hubspot.com"
    account_type: str | None = None
    data_hosting_location: str | None = None


class _Token(msgspec.Struct, rename="camel"):
    hub_id: int
    scopes: list[str] = []
    user_id: int | None = None
    app_id: int | None = None


class _Option(msgspec.Struct, rename="camel"):
    value: str
    label: str = ""
    display_order: int = -1


class _Modification(msgspec.Struct, rename="camel"):
    read_only_value: bool = False


class _Property(msgspec.Struct, rename="camel"):
    name: str
    label: str = ""
    type: str = "string"
    field_type: str = "text"
    options: list[_Option] = []
    calculated: bool = False
    has_unique_value: bool = False
    hidden: bool = False
    referenced_object_type: str | None = None
    external_options: bool = False
    group_name: str | None = None
    modification_metadata: _Modification | None = None


class _Properties(msgspec.Struct):
    results: list[_Property]


class _Limit(msgspec.Struct, rename="camel"):
    object_type_id: str
    limit: int
    usage: int


class _Limits(msgspec.Struct, rename="camel"):
    by_object_type: list[_Limit]


class _Association(msgspec.Struct):
    from_type: str = msgspec.field(name="fromObjectTypeId")
    to_type: str = msgspec.field(name="toObjectTypeId")


class _Schema(msgspec.Struct, rename="camel"):
    object_type_id: str
    associations: list[_Association]


class _Owner(msgspec.Struct, rename="camel"):
    id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    archived: bool = False


class _Owners(msgspec.Struct):
    results: list[_Owner]
    paging: WirePaging | None = None


class _Stage(msgspec.Struct, rename="camel"):
    id: str
    label: str = ""
    display_order: int = 0
    archived: bool = False
    metadata: dict[str, Any] = {}


class _Pipeline(msgspec.Struct, rename="camel"):
    id: str
    label: str = ""
    display_order: int = 0
    archived: bool = False
    stages: list[_Stage] = []


class _Pipelines(msgspec.Struct):
    results: list[_Pipeline]


async def _get(calls: Calls, path: str, type: type[T], what: str, purpose: str) -> T:
    _, found = await calls.read_as(
        "GET", path, None, lambda reply: msgspec.json.decode(reply.body, type=type), what, purpose=purpose
    )
    return found


async def account(calls: Calls, purpose: str) -> AccountInfo:
    found = await _get(calls, account_path(), _Account, "account details", purpose)
    id = str(found.portal_id)
    return AccountInfo(
        account_id=id,
        name=f"{found.ui_domain}/{id}",
        timezone=found.time_zone,
        currency=found.company_currency,
        ui_url=f"https://{found.ui_domain}/contacts/{id}",
        account_type=found.account_type,
        data_hosting=found.data_hosting_location,
    )


async def token_info(calls: Calls, token: str, purpose: str) -> TokenInfo | None:
    """Asked by POST, so that the token is in no address: addresses are in messages, logs and the books of proxies."""
    body = encode({"tokenKey": token})

    def decode(reply: Reply) -> _Token | None:
        return msgspec.json.decode(reply.body, type=_Token) if reply.status == 200 else None

    try:
        _, found = await calls.read_as(
            "POST",
            private_token_path(),
            body,
            decode,
            "details of a token",
            purpose=purpose,
            takes=(400, 403, 404, 405),
        )
    except SignInRefused:
        # Whether the token is good is for the calls to tell that need it; here it only cannot be told about.
        return None
    if found is None:
        return None
    user, app = (None if id is None else str(id) for id in (found.user_id, found.app_id))
    return TokenInfo(str(found.hub_id), tuple(found.scopes), user, app)


async def properties(calls: Calls, object: str, purpose: str) -> list[PropertyDef]:
    listed = await _get(calls, properties_path(object), _Properties, "a list of properties", purpose)
    return [_property(found) for found in listed.results]


def _property(found: _Property) -> PropertyDef:
    # Writable is exactly: not readOnlyValue (recorded definitions; `calculated` alone does not say it).
    read_only = found.modification_metadata is not None and found.modification_metadata.read_only_value
    return PropertyDef(
        name=found.name,
        label=found.label,
        type=found.type,
        field_type=found.field_type,
        options=[Option(option.value, option.label) for option in sorted(found.options, key=_place)],
        read_only=read_only,
        calculated=found.calculated,
        has_unique=found.has_unique_value,
        hidden=found.hidden,
        referenced_object=found.referenced_object_type,
        external_options=found.external_options,
        group=found.group_name,
    )


def _place(option: _Option) -> tuple[bool, int]:
    """Those of -1 come after all others (HubSpot, properties API, displayOrder); of equal ones the order given holds."""
    return option.display_order < 0, option.display_order


async def associated_types(calls: Calls, object: str, purpose: str) -> list[str]:
    """Ids of the object types whose records can hang on a record of this one, the account's own (`2-...`) too. HubSpot: an
    object's schema names every association that is defined for it, in both directions."""
    found = await _get(calls, schema_path(object), _Schema, f"the schema of {object}", purpose)
    return sorted({each.to_type for each in found.associations if each.from_type == found.object_type_id})


async def property_room(calls: Calls, purpose: str) -> dict[str, PropertyRoom]:
    """By object type id (`0-1` contacts). HubSpot: limits tracking, custom properties."""
    found = await _get(calls, property_limits_path(), _Limits, "the limits of custom properties", purpose)
    return {each.object_type_id: PropertyRoom(each.usage, each.limit) for each in found.by_object_type}


async def create_property(calls: Calls, object: str, new: NewProperty, purpose: str) -> None:
    """Raises CallRefused and the other errors, except for a property that exists already."""
    body: dict[str, Any] = {
        "name": new.name,
        "label": new.label,
        "type": new.type,
        "fieldType": new.field_type,
        "groupName": new.group,
        "description": new.description,
        "hasUniqueValue": new.has_unique,
        "hidden": new.hidden,
        "formField": False,
    }
    if new.options:
        body["options"] = [
            {"value": option.value, "label": option.label, "displayOrder": order, "hidden": False}
            for order, option in enumerate(new.options)
        ]
    await _create(calls, properties_path(object), body, purpose)


class _WholeOption(msgspec.Struct, rename="camel", omit_defaults=True):
    """As it is written back: what a change of the list does not name must not be lost by it."""

    value: str
    label: str = ""
    display_order: int | None = None
    hidden: bool = False
    description: str | None = None


class _Listed(msgspec.Struct):
    options: list[_WholeOption] = []


async def change_options(
    calls: Calls, object: str, name: str, add: Sequence[Option], labels: Mapping[str, str], purpose: str
) -> list[Option]:
    """Add options behind those that are there, and give some another label, by value; the options that it has then. HubSpot takes
    the whole list (CRM API, update a property): it is read right before. Raises CallRefused and the other errors; ServerFault also
    where it cannot be told whether it was done."""
    path = f"{properties_path(object)}/{quote(name, safe='')}"
    there = (await _get(calls, path, _Listed, f"the property {name}", purpose)).options
    for option in there:
        option.label = labels.get(option.value, option.label)
    known = {option.value for option in there}
    last = max((option.display_order or 0 for option in there), default=-1)
    new = [option for option in add if option.value not in known]
    there += [_WholeOption(each.value, each.label, last + place) for place, each in enumerate(new, 1)]
    answer = await calls.write("PATCH", path, msgspec.json.encode(_Listed(there)), purpose=purpose)
    if isinstance(answer, Declined):
        raise answer.error
    if not isinstance(answer, Reply):
        raise ServerFault(calls.side, f"HubSpot did not say whether the options of {name} were changed: {answer.why}")
    return [Option(option.value, option.label) for option in there]


async def create_group(calls: Calls, object: str, name: str, label: str, purpose: str) -> None:
    await _create(calls, properties_path(object) + "/groups", {"name": name, "label": label}, purpose)


async def _create(calls: Calls, path: str, body: dict[str, Any], purpose: str) -> None:
    answer = await calls.write("POST", path, encode(body), purpose=purpose)
    if isinstance(answer, Reply):
        return
    if isinstance(answer, Declined):
        if answer.reply.status == 409 or _exists(answer.error):
            return
        raise answer.error
    raise ServerFault(calls.side, f"HubSpot did not say whether {body['name']} was made: {answer.why}")


def _exists(error: Exception) -> bool:
    return isinstance(error, CallRefused) and "already exists" in error.message


async def owners(calls: Calls, purpose: str) -> list[Owner]:
    found: list[Owner] = []
    for archived in ("false", "true"):
        after: str | None = None
        while True:
            query = {"limit": "100", "archived": archived}
            if after is not None:
                query["after"] = after
            page = await _get(calls, with_query(owners_path(), query), _Owners, "a list of owners", purpose)
            found.extend(_owner(owner, archived == "true") for owner in page.results)
            if page.paging is None or page.paging.next is None:
                break
            after = calls.moved_on(after, page.paging.next.after)
    return found


def _owner(owner: _Owner, archived: bool) -> Owner:
    name = " ".join(part for part in (owner.first_name, owner.last_name) if part)
    return Owner(owner.id, owner.email or None, name or owner.email or owner.id, owner.archived or archived)


async def pipelines(calls: Calls, object: str, purpose: str) -> list[Pipeline]:
    found = await _get(calls, pipelines_path(object), _Pipelines, "a list of pipelines", purpose)
    live = sorted(
        (pipeline for pipeline in found.results if not pipeline.archived), key=lambda item: item.display_order
    )
    return [
        Pipeline(
            pipeline.id,
            pipeline.label,
            [_stage(stage) for stage in sorted(pipeline.stages, key=lambda item: item.display_order)],
        )
        for pipeline in live
    ]


def _stage(stage: _Stage) -> Stage:
    # Metadata values are strings: {"isClosed":"false","probability":"0.2"} (recorded).
    try:
        probability = float(stage.metadata["probability"])
    except (KeyError, ValueError, TypeError):
        probability = None
    is_closed = str(stage.metadata.get("isClosed", "false")).lower() == "true"
    return Stage(stage.id, stage.label, probability, is_closed, stage.display_order)

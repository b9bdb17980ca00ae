"""People, tokens, the audit log, and who the token itself is."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from interlock.app.people import audit_log, links, manage, programs
from interlock.app.people.documents import log_document, person_document, token_document
from interlock.app.people.roles import role_of
from interlock.store.people import Person
from interlock.web.api.called import Called
from interlock.web.api.shapes import Id

RoleName = Literal["viewer", "operator", "admin"]


class NewPerson(msgspec.Struct, forbid_unknown_fields=True):
    email: Annotated[str, msgspec.Meta(min_length=3, max_length=254)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    role: RoleName = "viewer"


class NewRole(msgspec.Struct, forbid_unknown_fields=True):
    role: RoleName


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    role: RoleName = "viewer"


class Before(msgspec.Struct, forbid_unknown_fields=True):
    before: Annotated[Id, msgspec.Meta(description="Continue the list: `before` of the page before.")] | None = None


async def me(called: Called) -> Response:
    who = called.who
    return called.answer("me", {"actor": who.actor, "name": who.name, "role": who.role, "behind": who.behind})


async def list_(called: Called) -> Response:
    people = await manage.list_(called.site.store)
    return called.answer("users-list", {"users": [person_document(each) for each in people]})


async def add(called: Called) -> Response:
    wanted = called.body(NewPerson)
    person, token = await manage.add(called.site.store, called.by, wanted.email, wanted.name, role_of(wanted.role))
    assert token is not None, "without a password there is a link"
    return called.answer("users-add", await _with_link(called, person, token), 201)


async def change_role(called: Called) -> Response:
    role = role_of(called.body(NewRole).role)
    await manage.change_role(called.site.store, called.by, called.id, role)
    return await _person(called)


async def disable(called: Called) -> Response:
    await manage.disable(called.site.store, called.by, called.id)
    return await _person(called)


async def enable(called: Called) -> Response:
    await manage.enable(called.site.store, called.by, called.id)
    return await _person(called)


async def reset_password(called: Called) -> Response:
    _, token = await manage.reset_password(called.site.store, called.by, called.id)
    person = await manage.get(called.site.store, called.id)
    return called.answer("users-reset-password", await _with_link(called, person, token))


async def _person(called: Called) -> Response:
    """As it is now."""
    return called.answer("person", {"user": person_document(await manage.get(called.site.store, called.id))})


async def _with_link(called: Called, person: Person, token: str) -> dict[str, object]:
    return {"user": person_document(person), "link": links.address_of(await called.site.own_address(), token)}


async def tokens(called: Called) -> Response:
    found = await programs.list_(called.site.store)
    return called.answer("api-tokens", {"tokens": [token_document(each) for each in found]})


async def make_token(called: Called) -> Response:
    wanted = called.body(NewToken)
    made, token = await programs.make_known(called.site.store, called.by, wanted.name, role_of(wanted.role))
    return called.answer("api-token-made", {"token": token_document(made), "secret": token}, 201)


async def revoke_token(called: Called) -> Response:
    token = await programs.revoke(called.site.store, called.by, called.id)
    return called.answer("api-token", {"token": token_document(token)})


async def log(called: Called) -> Response:
    found = await audit_log.read(called.site.store, called.query(Before).before)
    return called.answer("audit-log", log_document(found))

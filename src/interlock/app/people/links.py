"""One-time links: for the first person, for choosing a password, for signing in without one (the demo).

Opening a link changes nothing, since mail scanners and previews open links too; sending its form uses it up.
"""

from __future__ import annotations

import msgspec

from interlock.app.errors import BadInput
from interlock.app.people.errors import LinkVoid
from interlock.app.people.manage import check_email, check_name
from interlock.app.people.passwords import Passwords, check_password
from interlock.app.people.roles import Role
from interlock.app.people.signing_in import account_source, begin_session
from interlock.app.people.visitor import subject_of_person
from interlock.store import Store, Tx, WriteTx, deeds, one_time_links, people, sessions, sign_in_tries
from interlock.store.one_time_links import FIRST_PERSON, PASSWORD, SIGN_IN
from interlock.store.people import Person

FIRST_PERSON_LASTS_US = 24 * 3600 * 1_000_000


class Opened(msgspec.Struct, frozen=True):
    """What a link is for, and for whom; `person` is None where it makes the first one."""

    purpose: str
    person: Person | None


def address_of(public_url: str, token: str) -> str:
    return f"{public_url.rstrip('/')}/welcome/{token}"


async def first_person_link(store: Store) -> str | None:
    """The token of a new link that makes the first person; older ones are void. None: somebody is there already."""
    async with store.write(None) as tx:
        await people.lock(tx)
        if await people.any_(tx):
            return None
        token = await one_time_links.make(tx, FIRST_PERSON, None, FIRST_PERSON_LASTS_US)
        await deeds.append(tx, deeds.COMMAND, "setup_link_made", "first_person")
    return token


async def setup_link(store: Store) -> str:
    """As `first_person_link`; raises BadInput when somebody is there already."""
    token = await first_person_link(store)
    if token is None:
        raise BadInput(
            "There are people already, so there is no link for the first one.",
            code="people_exist",
            fix="For more: `interlock users add`. For a forgotten password: `interlock users reset-password`.",
        )
    return token


async def demo_link(store: Store, name: str, email: str) -> str:
    """A link that signs an admin in, who is made where nobody is there. For installations that live for an hour."""
    async with store.write(None) as tx:
        await people.lock(tx)
        person = await people.by_email(tx, email)
        id_ = person.id if person is not None else await people.add(tx, email, name, Role.ADMIN, None)
        token = await one_time_links.make(tx, SIGN_IN, id_, FIRST_PERSON_LASTS_US)
        await deeds.append(tx, deeds.COMMAND, "sign_in_link_made", subject_of_person(id_))
    return token


async def open_link(store: Store, token: str) -> Opened:
    """Raises LinkVoid."""
    async with store.read(None) as tx:
        link = await one_time_links.find(tx, token)
        if link is None:
            raise LinkVoid
        return Opened(link.purpose, await _person_of(tx, link.purpose, link.person_id))


async def make_first_person(
    store: Store, passwords: Passwords, token: str, name: str, email: str, password: str, address: str
) -> str:
    """The token of the new admin's session. Raises LinkVoid, BadInput."""
    await open_link(store, token)
    name, email = check_name(name), check_email(email)
    check_password(password, name, email, email.partition("@")[0])
    password_hash = await passwords.hash(password)
    async with store.write(None) as tx:
        await people.lock(tx)
        if await people.any_(tx):
            raise LinkVoid
        await _use(tx, token, FIRST_PERSON)
        person = await people.get(tx, await people.add(tx, email, name, Role.ADMIN, password_hash))
        assert person is not None
        return await begin_session(tx, person, "first_person_made", address, None)


async def choose_password(store: Store, passwords: Passwords, token: str, password: str, address: str) -> str:
    """The token of a session; all older ones end. Raises LinkVoid, BadInput."""
    opened = await open_link(store, token)
    if opened.person is None:
        raise LinkVoid
    check_password(password, opened.person.name, opened.person.email, opened.person.email.partition("@")[0])
    password_hash = await passwords.hash(password)
    async with store.write(None) as tx:
        person = await _use(tx, token, PASSWORD)
        assert person is not None
        await people.set_password_hash(tx, person.id, password_hash)
        await sessions.end_all_of(tx, person.id)
        await sign_in_tries.forget(tx, account_source(person.email))
        return await begin_session(tx, person, "password_chosen", address, None)


async def sign_in_by_link(store: Store, token: str, address: str) -> str:
    """The token of a session. Raises LinkVoid."""
    async with store.write(None) as tx:
        person = await _use(tx, token, SIGN_IN)
        assert person is not None
        return await begin_session(tx, person, "signed_in", address, None)


async def _use(tx: WriteTx, token: str, purpose: str) -> Person | None:
    link = await one_time_links.use(tx, token)
    if link is None or link.purpose != purpose:
        raise LinkVoid
    return await _person_of(tx, purpose, link.person_id)


async def _person_of(tx: Tx, purpose: str, person_id: int | None) -> Person | None:
    """Raises LinkVoid when it is somebody's who may not sign in."""
    person = None if person_id is None else await people.get(tx, person_id)
    if purpose != FIRST_PERSON and (person is None or person.disabled):
        raise LinkVoid
    return person

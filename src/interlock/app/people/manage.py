"""Adding people, changing their role, disabling them, taking their password away. Each is one transaction with its deed.

There is always an admin who can sign in. Whoever is disabled, or loses the password, is signed out everywhere at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from interlock.app.errors import BadInput, Missing
from interlock.app.people.errors import LastAdmin
from interlock.app.people.log import record
from interlock.app.people.passwords import Passwords, check_password
from interlock.app.people.roles import Role
from interlock.app.people.signing_in import account_source
from interlock.app.people.visitor import By, subject_of_person, subject_of_token
from interlock.store import (
    NotUnique,
    Store,
    Tx,
    WriteTx,
    api_tokens,
    colleague_links,
    one_time_links,
    people,
    sessions,
    sign_in_tries,
)
from interlock.store.people import Person

# Long enough for a weekend: an invitation is often read on Monday.
PASSWORD_LINK_LASTS_US = 3 * 24 * 3600 * 1_000_000
_NAME_MAX, _EMAIL_MAX = 100, 254


def check_name(name: str) -> str:
    """Without blanks around. Raises BadInput."""
    name = " ".join(name.split())
    if not name or not name.isprintable():
        raise BadInput(
            "There is no name.", code="name_missing", field="name", fix="Write how colleagues know the person."
        )
    if len(name) > _NAME_MAX:
        raise BadInput(
            f"The name has {len(name)} characters.", code="name_long", field="name", fix=f"Take at most {_NAME_MAX}."
        )
    return name


def check_email(email: str) -> str:
    """Raises BadInput. Addresses of a network of one's own (`ada@intranet.local`) are taken too."""
    # Imported here: only forms and `users add` need it.
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(
            email.strip()[: _EMAIL_MAX + 1],
            check_deliverability=False,
            test_environment=True,
            globally_deliverable=False,
        )
    except EmailNotValidError as error:
        raise BadInput(
            f"This is no e-mail address: {error}",
            code="email_invalid",
            field="email",
            fix="Write one like ada@example.com.",
        ) from error
    return found.normalized


async def add(
    store: Store,
    by: By,
    email: str,
    name: str,
    role: Role,
    passwords: Passwords | None = None,
    password: str | None = None,
) -> tuple[Person, str | None]:
    """The person, and without a password the token of a one-time link to choose one. Raises BadInput."""
    email, name = check_email(email), check_name(name)
    password_hash = None
    if password is not None and passwords is not None:
        check_password(password, name, email, email.partition("@")[0])
        password_hash = await passwords.hash(password)
    try:
        async with store.write(None) as tx:
            await people.lock(tx)
            id_ = await people.add(tx, email, name, role, password_hash)
            token = None if password_hash else await _password_link(tx, id_)
            # Whoever was to be the first comes too late: the link would make a second stranger an admin.
            await one_time_links.drop(tx, one_time_links.FIRST_PERSON, None)
            person = await people.get(tx, id_)
            assert person is not None
            await record(tx, by, "person_added", subject_of_person(id_), role=role)
    except NotUnique as error:
        raise BadInput(
            f"{email} is somebody's already.", code="email_taken", field="email", fix="Find the person in the list."
        ) from error
    return person, token


async def list_(store: Store) -> list[Person]:
    async with store.read(None) as tx:
        return await people.list_(tx)


async def anybody(store: Store) -> bool:
    """Whether there is a person at all."""
    async with store.read(None) as tx:
        return await people.any_(tx)


async def find(store: Store, email: str) -> Person:
    """Raises Missing."""
    async with store.read(None) as tx:
        person = await people.by_email(tx, email)
    if person is None:
        raise Missing(f"Nobody has the e-mail {email!r}.", code="no_such_person", fix="See `interlock users list`.")
    return person


async def get(store: Store, id_: int) -> Person:
    """Raises Missing."""
    async with store.read(None) as tx:
        return await _get(tx, id_)


async def change_role(store: Store, by: By, id_: int, role: Role) -> Person:
    """Raises Missing, LastAdmin. Counts from the person's next request."""
    async with _changing(store, id_) as (tx, person):
        if person.role != role:
            if role != Role.ADMIN:
                await _keep_an_admin(tx, person)
                # Only an admin may ask one: the sign-in is theirs to give away.
                await colleague_links.end_all_by(tx, [subject_of_person(id_)])
            await people.set_role(tx, id_, role)
            await record(tx, by, "role_changed", subject_of_person(id_), before=person.role, after=role)
    return person


async def disable(store: Store, by: By, id_: int) -> Person:
    """Sessions, links, also for colleagues, and the tokens that the person made end with it. Raises Missing, LastAdmin."""
    async with _changing(store, id_) as (tx, person):
        if not person.disabled:
            await _keep_an_admin(tx, person)
            await people.set_disabled(tx, id_, True)
            await sessions.end_all_of(tx, id_)
            for purpose in (one_time_links.PASSWORD, one_time_links.SIGN_IN):
                await one_time_links.drop(tx, purpose, id_)
            revoked = [subject_of_token(each) for each in await api_tokens.revoke_all_of(tx, id_)]
            await colleague_links.end_all_by(tx, [subject_of_person(id_), *revoked])
            await record(tx, by, "person_disabled", subject_of_person(id_), tokens_revoked=revoked)
    return person


async def enable(store: Store, by: By, id_: int) -> Person:
    """The same password as before. Raises Missing."""
    async with _changing(store, id_) as (tx, person):
        if person.disabled:
            await people.set_disabled(tx, id_, False)
            await record(tx, by, "person_enabled", subject_of_person(id_))
    return person


async def reset_password(store: Store, by: By, id_: int) -> tuple[Person, str]:
    """The token of a one-time link to choose a new one; the old one and all sessions end now. Raises Missing, BadInput."""
    async with _changing(store, id_) as (tx, person):
        _must_be_enabled(person)
        await people.set_password_hash(tx, id_, None)
        await sessions.end_all_of(tx, id_)
        await sign_in_tries.forget(tx, account_source(person.email))
        token = await _password_link(tx, id_)
        await record(tx, by, "password_reset", subject_of_person(id_))
    return person, token


async def set_password(store: Store, passwords: Passwords, by: By, id_: int, password: str) -> Person:
    """By command, for installations that are set up by scripts. Raises Missing, BadInput."""
    async with store.read(None) as reading:
        person = await _get(reading, id_)
    check_password(password, person.name, person.email, person.email.partition("@")[0])
    password_hash = await passwords.hash(password)
    async with _changing(store, id_) as (tx, person):
        _must_be_enabled(person)
        await people.set_password_hash(tx, id_, password_hash)
        await sessions.end_all_of(tx, id_)
        await one_time_links.drop(tx, one_time_links.PASSWORD, id_)
        await sign_in_tries.forget(tx, account_source(person.email))
        await record(tx, by, "password_set", subject_of_person(id_))
    return person


@asynccontextmanager
async def _changing(store: Store, id_: int) -> AsyncIterator[tuple[WriteTx, Person]]:
    """The person as it was. Raises Missing."""
    async with store.write(None) as tx:
        await people.lock(tx)
        yield tx, await _get(tx, id_)


async def _get(tx: Tx, id_: int) -> Person:
    person = await people.get(tx, id_)
    if person is None:
        raise Missing(f"There is no person {id_}.", code="no_such_person", fix="Load the list of people again.")
    return person


async def _keep_an_admin(tx: WriteTx, person: Person) -> None:
    # Disabled ones do not count, so nor does making one of them a viewer.
    if (
        person.role == Role.ADMIN
        and not person.disabled
        and not await people.others_with_role(tx, Role.ADMIN, person.id)
    ):
        raise LastAdmin(person.name)


def _must_be_enabled(person: Person) -> None:
    if person.disabled:
        raise BadInput(f"{person.name} is disabled.", code="person_disabled", fix="Enable the person first.")


async def _password_link(tx: WriteTx, id_: int) -> str:
    return await one_time_links.make(tx, one_time_links.PASSWORD, id_, PASSWORD_LINK_LASTS_US)

"""Signing in and out, and whose session a token is.

A try is counted before its password is compared, by account and by address, and waits get longer: nobody can tell from the
answer, its words or its time, whether an e-mail is known. Everything is logged as a deed.
"""

from __future__ import annotations

import hashlib

from interlock.app.people import known_browsers
from interlock.app.people.errors import HeldBack, SignInRefused
from interlock.app.people.log import record
from interlock.app.people.passwords import Passwords, check_password
from interlock.app.people.roles import Role
from interlock.app.people.visitor import By, Visitor, subject_of_person
from interlock.store import Store, Tx, WriteTx, deeds, one_time_links, people, sessions, sign_in_tries
from interlock.store.people import Person
from interlock.store.sign_in_tries import Source

S = 1_000_000
# OWASP ASVS 5.0, 7.3.1 and 7.3.2: both limits are a decision of ours, told in docs/people.md.
IDLE_US = 8 * 3600 * S
SESSION_US = 7 * 24 * 3600 * S

# So many wrong tries in a row are free; then each doubles the wait, up to the most. An office behind one address has many
# people, so its limit is wider and its longest wait short.
_ACCOUNT_FREE, _ACCOUNT_MOST_US = 5, 15 * 60 * S
_ADDRESS_FREE, _ADDRESS_MOST_US = 20, 60 * S


def _wait_us(failures: int, free: int, most_us: int) -> int:
    return 0 if failures < free else min(S << min(failures - free, 40), most_us)


def account_source(email: str) -> str:
    """Hashed: what was typed as an e-mail is now and then a password."""
    return f"account:{hashlib.sha256(people.email_key(email).encode('utf-8', 'surrogatepass')).hexdigest()}"


async def _sources(tx: Tx, email: str, address: str, browser: str | None) -> tuple[Source, Source]:
    """The account, or in its place a browser that has signed in to it before; and the address."""
    known = await known_browsers.source_of(tx, browser, email)
    return (
        Source(known or account_source(email), lambda failures: _wait_us(failures, _ACCOUNT_FREE, _ACCOUNT_MOST_US)),
        Source(f"address:{address}", lambda failures: _wait_us(failures, _ADDRESS_FREE, _ADDRESS_MOST_US)),
    )


async def sign_in(
    store: Store,
    passwords: Passwords,
    email: str,
    password: str,
    address: str,
    old_token: str | None = None,
    browser: str | None = None,
) -> str:
    """The token of a new session; the old one of this browser ends. `browser`: its cookie, see known_browsers.py. Raises
    SignInRefused, HeldBack."""
    found = await _compared(store, passwords, email, password, address, browser)
    if found is None:
        async with store.write(None) as tx:
            person = await people.by_email(tx, email)
            subject = subject_of_person(person.id) if person is not None else "unknown"
            # That somebody is being held back is what an admin wants to see in the log; the tries that then come are not
            # written, or whoever sends them could fill it.
            sources = await _sources(tx, email, address, browser)
            held_us = await sign_in_tries.wait_us(tx, [source.name for source in sources])
            detail: dict[str, str | int] = {"at": address}
            if held_us:
                detail["next_try_after_seconds"] = -(-held_us // S)
            await deeds.append(tx, deeds.NOBODY, "sign_in_failed", subject, detail)
        raise SignInRefused
    outdated = passwords.is_outdated(found.password_hash or "")
    renewed = await passwords.hash(password) if outdated else None
    async with store.write(None) as tx:
        person = await _unchanged(tx, found)
        if renewed is not None:
            await people.set_password_hash(tx, person.id, renewed)
        await _forget_tries(tx, email, address, browser)
        return await begin_session(tx, person, "signed_in", address, old_token)


async def _forget_tries(tx: WriteTx, email: str, address: str, browser: str | None) -> None:
    account, by_address = await _sources(tx, email, address, browser)
    await sign_in_tries.forget(tx, account.name)
    await sign_in_tries.take_back(tx, by_address.name)


async def _compared(
    store: Store, passwords: Passwords, email: str, password: str, address: str, browser: str | None
) -> Person | None:
    """The person whose password this is; None: nobody's. The try is counted. Raises HeldBack."""
    async with store.write(None) as tx:
        wait_us = await sign_in_tries.begin(tx, list(await _sources(tx, email, address, browser)))
        person = await people.by_email(tx, email)
    if wait_us:
        raise HeldBack(-(-wait_us // S))
    usable = None if person is None or person.disabled else person.password_hash
    return person if await passwords.fits(usable, password) else None


async def _unchanged(tx: WriteTx, compared: Person) -> Person:
    """The person may have been disabled, or given another password, while the one typed was compared. Raises SignInRefused."""
    await people.lock(tx)
    person = await people.get(tx, compared.id)
    if person is None or person.disabled or person.password_hash != compared.password_hash:
        raise SignInRefused
    return person


async def begin_session(tx: WriteTx, person: Person, deed: str, address: str, old_token: str | None) -> str:
    """Whoever signs in gets a new token, never the one that the browser came with. The last statements of a transaction."""
    if old_token is not None:
        await sessions.end(tx, old_token)
    token = await sessions.begin(tx, person.id, SESSION_US)
    await people.note_sign_in(tx, person.id)
    actor = subject_of_person(person.id)
    await deeds.append(tx, actor, deed, actor, {"at": address})
    return token


async def known_from_now_on(store: Store, token: str) -> str | None:
    """The cookie by which the browser of this new session is known again; see known_browsers.py."""
    return await known_browsers.cookie_of(store, token, IDLE_US)


async def sign_out(store: Store, token: str, address: str) -> None:
    async with store.write(None) as tx:
        person_id = await sessions.end(tx, token)
        if person_id is not None:
            actor = subject_of_person(person_id)
            await deeds.append(tx, actor, "signed_out", actor, {"at": address})


async def sign_out_elsewhere(store: Store, by: By, token: str) -> None:
    """All sessions of the person end, but the one with this token."""
    if by.person_id is None:
        return
    async with store.write(None) as tx:
        ended = await sessions.end_others_of(tx, by.person_id, token)
        await record(tx, by, "signed_out_elsewhere", by.actor, sessions=str(ended))


async def places(store: Store, visitor: Visitor) -> int:
    """In how many browsers the person is signed in."""
    async with store.read(None) as tx:
        return 0 if visitor.person_id is None else await sessions.count_of(tx, visitor.person_id, IDLE_US)


async def whose(store: Store, token: str) -> Visitor | None:
    """Whose session this is. None: nobody's, or not any more."""
    async with store.read(None) as tx:
        session = await sessions.find(tx, token, IDLE_US)
        person = None if session is None else await people.get(tx, session.person_id)
        stale = session is not None and tx.now_us - session.seen_at_us >= sessions.SEEN_STEP_US
    if session is None or person is None or person.disabled:
        return None
    if stale:
        async with store.write(None) as writing:
            await sessions.note_use(writing, session.id)
    return Visitor(subject_of_person(person.id), person.name, Role(person.role), person.id)


async def still(store: Store, token: str) -> Visitor | None:
    """The same for something that looks by itself: it does not count as a use, so that a page that is left open ends with
    its session."""
    async with store.read(None) as tx:
        session = await sessions.find(tx, token, IDLE_US)
        person = None if session is None else await people.get(tx, session.person_id)
    if person is None or person.disabled:
        return None
    return Visitor(subject_of_person(person.id), person.name, Role(person.role), person.id)


async def change_password(
    store: Store,
    passwords: Passwords,
    visitor: Visitor,
    current: str,
    new: str,
    address: str,
    browser: str | None = None,
) -> str:
    """One's own, knowing the current one. All sessions end; the token is of a new one. Raises BadInput, SignInRefused,
    HeldBack."""
    async with store.read(None) as tx:
        person = None if visitor.person_id is None else await people.get(tx, visitor.person_id)
    if person is None:
        raise SignInRefused
    check_password(new, person.name, person.email, person.email.partition("@")[0])
    compared = await _compared(store, passwords, person.email, current, address, browser)
    if compared is None or compared.id != person.id:
        raise SignInRefused
    fresh = await passwords.hash(new)
    async with store.write(None) as tx:
        person = await _unchanged(tx, compared)
        await _forget_tries(tx, person.email, address, browser)
        await people.set_password_hash(tx, person.id, fresh)
        await sessions.end_all_of(tx, person.id)
        await one_time_links.drop(tx, one_time_links.PASSWORD, person.id)
        return await begin_session(tx, person, "password_changed", address, None)

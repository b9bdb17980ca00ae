"""An installation with people in it, for tests: a store of its own, a clock that moves when told, cheap passwords."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from argon2 import PasswordHasher

from interlock.app.people import links, manage, signing_in
from interlock.app.people.passwords import Passwords
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND, By, Visitor
from interlock.config import Home, ProcessSettings
from interlock.store import Store, deeds, keyring
from interlock.store.people import Person
from interlock.wiring import Interlock
from tests import databases

PASSWORD = "violet kettle on the moor"
ADDRESS = "192.0.2.7"
START_US = 1_767_603_600_000_000


class CountingHasher(PasswordHasher):
    """The real thing with small parameters, which knows how often it compared."""

    def __init__(self, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.compared = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        self.compared += 1
        return super().verify(hash, password)


class Office:
    def __init__(self) -> None:
        self.now_us = START_US
        self.hasher = CountingHasher()
        self.passwords = Passwords(self.hasher)
        self.interlock: Interlock

    @property
    def store(self) -> Store:
        return self.interlock.store

    def clock_us(self) -> int:
        return self.now_us

    def advance(self, seconds: float) -> None:
        self.now_us += round(seconds * 1_000_000)

    async def add(self, name: str, role: Role = Role.VIEWER) -> Person:
        """`Ada` is ada@example.com, and can sign in."""
        email = f"{name.lower()}@example.com"
        person, _ = await manage.add(self.store, BY_COMMAND, email, name, role, self.passwords, PASSWORD)
        return person

    async def sign_in(self, name: str, password: str = PASSWORD, address: str = ADDRESS) -> str:
        return await signing_in.sign_in(self.store, self.passwords, f"{name.lower()}@example.com", password, address)

    async def whose(self, token: str) -> Visitor | None:
        return await signing_in.whose(self.store, token)

    async def visitor(self, name: str) -> Visitor:
        found = await self.whose(await self.sign_in(name))
        assert found is not None
        return found

    async def by(self, name: str) -> By:
        visitor = await self.visitor(name)
        return By(visitor.actor, ADDRESS, visitor.person_id)

    async def first_person(self, name: str = "Ada") -> str:
        """The session of the one who came by the first link."""
        token = await links.first_person_link(self.store)
        assert token is not None
        email = f"{name.lower()}@example.com"
        return await links.make_first_person(self.store, self.passwords, token, name, email, PASSWORD, ADDRESS)

    async def deeds(self) -> list[tuple[str, str, str]]:
        """Oldest first: (actor, action, subject). The chain is whole."""
        async with self.store.read(None) as tx:
            assert (await deeds.verify(tx)).broken is None
            return [(deed.actor, deed.action, deed.subject) for deed in reversed(await deeds.list_(tx, None, 1000))]

    async def kept(self) -> list[object]:
        """What admins change: people, links and tokens. Not who signed in, nor when."""
        async with self.store.read(None) as tx:
            return [
                await tx.rows("SELECT id, email, name, role, password_hash, disabled_at_us FROM person ORDER BY id"),
                await tx.rows("SELECT id, purpose, person_id, used_at_us FROM one_time_link ORDER BY id"),
                await tx.rows(
                    "SELECT id, name, role, revoked_at_us FROM api_token WHERE used_at_us IS NULL ORDER BY id"
                ),
            ]

    async def dump(self, *but: str) -> str:
        """All that the database holds of people and of what they set, as one text; without these tables."""
        tables = ("person", "session", "one_time_link", "api_token", "sign_in_try", "deed")
        tables += ("connection", "object_mapping", "field_mapping", "dirty", "directory", "resolution")
        async with self.store.read(None) as tx:
            return repr([await tx.rows(f"SELECT * FROM {table}") for table in tables if table not in but])


@asynccontextmanager
async def an_office(folder: Path, database: str | None = None) -> AsyncIterator[Office]:
    """On SQLite in this folder, or on another database."""
    office = Office()
    keys = keyring.generate()
    store = await Store.open(database or databases.at(folder / "interlock.db"), clock_us=office.clock_us, keyring=keys)
    office.interlock = Interlock(Home(path=folder, settings=ProcessSettings()), store, office.clock_us)
    try:
        yield office
    finally:
        await office.interlock.background.close()
        await office.store.close()

"""People of this installation: who may sign in, with which role. What a role may do is decided above.

Their passwords' hashes come and go as text; none is made or compared here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.store.driver import Row
from interlock.store.sql import Dialect
from interlock.store.tx import Tx, WriteTx

# Any number: the same for all processes.
_ADVISORY_LOCK = 4_201_867


class Person(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    email: str
    name: str
    role: str
    created_at_us: int
    password_hash: str | None = None
    signed_in_at_us: int | None = None
    disabled_at_us: int | None = None

    def __repr__(self) -> str:
        return f"Person({self.id}, {self.role})"

    @property
    def disabled(self) -> bool:
        return self.disabled_at_us is not None


_SELECT = f"SELECT {', '.join(Person.__struct_fields__)} FROM person"


def _person(row: Row | None) -> Person | None:
    return None if row is None else Person(**dict(zip(Person.__struct_fields__, row, strict=True)))


def email_key(email: str) -> str:
    return email.strip().casefold()


async def lock(tx: WriteTx) -> None:
    """Nobody else makes or changes people until this transaction ends: for rules about all of them (the first one, the last
    admin). SQLite: a write transaction is alone anyway. Taken before `deeds.append`, which has a lock of its own."""
    if tx.dialect is Dialect.POSTGRESQL:
        await tx.rows("SELECT pg_advisory_xact_lock(?)", _ADVISORY_LOCK)


async def add(tx: WriteTx, email: str, name: str, role: str, password_hash: str | None) -> int:
    """The id. Raises NotUnique when the e-mail is a person's already."""
    values = {
        "email": email.strip(),
        "email_key": email_key(email),
        "name": name,
        "role": role,
        "password_hash": password_hash,
        "created_at_us": tx.now_us,
    }
    return await tx.insert("person", values)


async def get(tx: Tx, id_: int) -> Person | None:
    return _person(await tx.row(f"{_SELECT} WHERE id = ?", id_))


async def by_email(tx: Tx, email: str) -> Person | None:
    """However it is capitalised. Index uq_person_email_key."""
    return _person(await tx.row(f"{_SELECT} WHERE email_key = ?", email_key(email)))


async def list_(tx: Tx) -> list[Person]:
    found = (_person(row) for row in await tx.rows(f"{_SELECT} ORDER BY email_key"))
    return [each for each in found if each is not None]


async def any_(tx: Tx) -> bool:
    return await tx.row("SELECT 1 FROM person LIMIT 1") is not None


async def others_with_role(tx: Tx, role: str, id_: int) -> int:
    """How many besides this person have the role and are not disabled."""
    row = await tx.row("SELECT count(*) FROM person WHERE role = ? AND disabled_at_us IS NULL AND id <> ?", role, id_)
    assert row is not None
    return int(row[0])


async def set_role(tx: WriteTx, id_: int, role: str) -> None:
    await _set(tx, id_, "role", role)


async def set_disabled(tx: WriteTx, id_: int, disabled: bool) -> None:
    await _set(tx, id_, "disabled_at_us", tx.now_us if disabled else None)


async def set_password_hash(tx: WriteTx, id_: int, password_hash: str | None) -> None:
    await _set(tx, id_, "password_hash", password_hash)


async def note_sign_in(tx: WriteTx, id_: int) -> None:
    await _set(tx, id_, "signed_in_at_us", tx.now_us)


async def _set(tx: WriteTx, id_: int, column: str, value: Any) -> None:
    if await tx.run(f"UPDATE person SET {column} = ? WHERE id = ?", value, id_) != 1:
        raise LookupError(f"there is no person {id_}")

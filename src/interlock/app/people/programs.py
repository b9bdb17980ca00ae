"""API tokens: how a program gets in, and as whom. A token may do what its role may, and never more than its maker still may."""

from __future__ import annotations

from interlock.app.errors import Missing
from interlock.app.people.log import record
from interlock.app.people.manage import check_name
from interlock.app.people.roles import Role, lower
from interlock.app.people.visitor import By, Visitor, subject_of_token
from interlock.store import Store, api_tokens, people
from interlock.store.api_tokens import ApiToken


async def make(store: Store, by: By, name: str, role: Role) -> str:
    """The token: shown once, never again. Raises BadInput."""
    _, token = await make_known(store, by, name, role)
    return token


async def make_known(store: Store, by: By, name: str, role: Role) -> tuple[ApiToken, str]:
    """As `make`, with what is kept of it. Raises BadInput."""
    name = check_name(name)
    # A token that a token made ends, too, when the person at the beginning is disabled, and may never do more than they.
    maker = by.person_id if by.person_id is not None else by.behind
    async with store.write(None) as tx:
        id_, token = await api_tokens.make(tx, name, role, maker)
        made = await api_tokens.get(tx, id_)
        assert made is not None
        await record(tx, by, "token_made", subject_of_token(id_), role=role)
    return made, token


async def list_(store: Store) -> list[ApiToken]:
    """Those that work."""
    async with store.read(None) as tx:
        return await api_tokens.list_(tx)


async def revoke(store: Store, by: By, id_: int) -> ApiToken:
    """Works no more from now on; revoking twice is no issue. Raises Missing."""
    async with store.write(None) as tx:
        token = await api_tokens.get(tx, id_)
        if token is None:
            raise Missing(f"There is no token {id_}.", code="no_such_token", fix="Load the list of tokens again.")
        if await api_tokens.revoke(tx, id_):
            await record(tx, by, "token_revoked", subject_of_token(id_))
    return token


async def whose(store: Store, token: str) -> Visitor | None:
    """Who a program is. None: no such token, or not any more."""
    async with store.read(None) as tx:
        found = await api_tokens.find(tx, token)
        if found is None:
            return None
        maker = None if found.made_by is None else await people.get(tx, found.made_by)
        stale = found.used_at_us is None or tx.now_us - found.used_at_us >= api_tokens.USED_STEP_US
    role = Role(found.role)
    if maker is not None:
        if maker.disabled:
            return None
        role = lower(role, Role(maker.role))
    if stale:
        async with store.write(None) as writing:
            await api_tokens.note_use(writing, found.id)
    return Visitor(subject_of_token(found.id), found.name, role, behind=found.made_by)

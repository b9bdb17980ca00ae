"""After a restore: people who were erased since the backup was made are forgotten once more.

A backup holds what was remembered of them then. The database that it replaces knows by hashes who they are: those are taken over,
and whatever of the restored pairs, history and labels they fit is cleared, before any sync. What was replaced may be beyond
reading; then nothing is known of them, which docs/keep.md says.
"""

from __future__ import annotations

from collections.abc import Iterable

from interlock.core.model import LinkState, RecordKey, RecordLink, Side
from interlock.store import Store, connections, erasures, links
from interlock.store.connections import Connection
from interlock.store.errors import SecretUnreadable, StoreError
from interlock.store.tx import Tx, WriteTx

_PERSONS = "contacts"
_ROWS = 1_000


async def forget_again(replaced: Store, store: Store, *, same: bool) -> None:
    """`replaced`: the database that was here before. `same`: it is of the same installation; else only what it knows of the same
    HubSpot account says anything, since the records of two accounts may have the same ids."""
    async with store.read(None) as tx:
        listed = await connections.list_(tx)
    async with replaced.read(None) as tx:
        before = await connections.list_(tx)

    def are_one(one: Connection, other: Connection) -> bool:
        return one.id == other.id if same else one.hubspot_account_id == other.hubspot_account_id

    for connection in listed:
        for each in before:
            if are_one(connection, each):
                await _take_over(replaced, each, store, connection)


async def _take_over(replaced: Store, before: Connection, store: Store, connection: Connection) -> None:
    assert before.id is not None
    assert connection.id is not None
    try:
        async with replaced.read(before.id) as tx:
            known = await erasures.all_(tx)
    except (StoreError, SecretUnreadable):
        return
    if known is not None:
        async with store.write(connection.id) as tx:
            if await erasures.take_over(tx, *known):
                await _forget(tx)


async def _forget(tx: WriteTx) -> None:
    after_id = 0
    while pairs := await links.page(tx, _PERSONS, after_id, _ROWS):
        await _forget_pairs(tx, pairs)
        after_id = pairs[-1].id or 0
    for known in await _without_link(tx):
        held = await erasures.held(tx, map(str, known))
        await erasures.clear(tx, _PERSONS, [key for key in known if str(key) in held], [])


async def _forget_pairs(tx: WriteTx, pairs: list[RecordLink]) -> None:
    held = await erasures.held(tx, [str(key) for link in pairs for key in (link.hubspot, link.salesforce)])
    for state in (LinkState.UNLINKED, LinkState.HUBSPOT_DELETED):
        of_both = state is LinkState.UNLINKED
        # Of one whom HubSpot erased the pair rests: the Salesforce record is there, and makes no new contact.
        found = [
            link
            for link in pairs
            if not held.isdisjoint({str(link.hubspot), str(link.salesforce)})
            and (str(link.salesforce) in held) is of_both
        ]
        ids = [link.id for link in found if link.id is not None]
        if ids:
            await links.set_state(tx, ids, state)
            await erasures.clear(tx, _PERSONS, [key for link in found for key in (link.hubspot, link.salesforce)], ids)


async def _without_link(tx: Tx) -> Iterable[list[RecordKey]]:
    """Records of which something is remembered, in parts."""
    found: dict[RecordKey, None] = {}
    for table in ("audit", "issue"):
        sql = f"SELECT DISTINCT hubspot_id, salesforce_id FROM {table} WHERE connection_id = ? AND object = ?"
        for hubspot_id, salesforce_id in await tx.rows(sql, tx.connection_id, _PERSONS):
            if hubspot_id is not None:
                found[RecordKey(Side.HUBSPOT, _PERSONS, hubspot_id)] = None
            for type_ in ("Contact", "Lead") if salesforce_id is not None else ():
                found[RecordKey(Side.SALESFORCE, type_, salesforce_id)] = None
    sql = "SELECT record_key FROM unlinked WHERE connection_id = ? AND object = ?"
    found |= {RecordKey.parse(key): None for (key,) in await tx.rows(sql, tx.connection_id, _PERSONS)}
    keys = list(found)
    return [keys[at : at + _ROWS] for at in range(0, len(keys), _ROWS)]

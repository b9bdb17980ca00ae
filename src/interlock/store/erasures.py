"""Forgetting a person: all that was remembered of a record is cleared, and a keyed hash is kept so that they do not come back.

The hash is of the record's keys and e-mail addresses, with a secret of the connection that is itself sealed by the key file:
without it nobody can try addresses out. Where that secret is lost, who was erased is no longer recognised.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets as random
from collections.abc import Iterable, Mapping, Sequence

from interlock.core.model import RecordKey, Side
from interlock.store import census, directory, jobs, links, secrets, setup_work, suggestions
from interlock.store.links import pack_base
from interlock.store.sql import BulkInsert
from interlock.store.tx import Tx, WriteTx

_SECRET = "erasure_key"  # noqa: S105  (its name)
_PUT = BulkInsert(
    "erased",
    ("connection_id", "hash", "at_us"),
    "ON CONFLICT (connection_id, hash) DO UPDATE SET at_us = excluded.at_us",
)


async def any_(tx: Tx) -> bool:
    return await tx.row("SELECT 1 FROM erased WHERE connection_id = ? LIMIT 1", tx.connection_id) is not None


async def newest_us(tx: Tx) -> int | None:
    """When somebody was last erased."""
    row = await tx.row("SELECT MAX(at_us) FROM erased WHERE connection_id = ?", tx.connection_id)
    return None if row is None or row[0] is None else int(row[0])


async def held(tx: Tx, words: Iterable[str]) -> set[str]:
    """Those of these words (record keys, `email:` addresses) that were erased. Raises KeyFileProblem, SecretUnreadable."""
    listed = list(dict.fromkeys(words))
    if not listed or not await any_(tx):
        return set()
    key = await secrets.get(tx, _SECRET)
    hashes = {_hash(key or "", word): word for word in listed}
    sql = "SELECT hash FROM erased WHERE connection_id = ? AND hash IN [?]"
    return {hashes[row[0]] for row in await tx.rows(sql, tx.connection_id, list(hashes))}


async def put(tx: WriteTx, words: Iterable[str]) -> None:
    """Raises KeyFileProblem where there is no key file."""
    key = await secrets.get(tx, _SECRET)
    if key is None:
        key = random.token_hex(32)
        await secrets.put(tx, _SECRET, key)
    await tx.many(_PUT, [(tx.connection_id, _hash(key, word), tx.now_us) for word in dict.fromkeys(words)])


async def all_(tx: Tx) -> tuple[str, list[str]] | None:
    """The secret and every hash; None: nobody was erased. Raises SecretUnreadable."""
    rows = await tx.rows("SELECT hash FROM erased WHERE connection_id = ?", tx.connection_id)
    key = await secrets.get(tx, _SECRET) if rows else None
    return None if key is None else (key, [row[0] for row in rows])


async def take_over(tx: WriteTx, key: str, hashes: Sequence[str]) -> bool:
    """Those of another database of this connection. False: they were made with another secret, and fit nothing here."""
    own = await secrets.get(tx, _SECRET)
    if own is None:
        await secrets.put(tx, _SECRET, key)
    elif own != key:
        return False
    await tx.many(_PUT, [(tx.connection_id, each, tx.now_us) for each in hashes])
    return True


async def take_along(tx: Tx, out: WriteTx) -> None:
    """Into a scratch copy, which holds no secrets otherwise."""
    if await any_(tx):
        key = await secrets.get(tx, _SECRET)
        if key is not None:
            await secrets.put(out, _SECRET, key)


def _hash(key: str, word: str) -> str:
    return hmac.new(key.encode(), word.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


async def clear(tx: WriteTx, object_: str, keys: Sequence[RecordKey], link_ids: Sequence[int]) -> None:
    """Every value, label and fingerprint of these records and pairs. That there was a pair, and when, stays."""
    connection_id, texts = tx.connection_id, [str(key) for key in keys]
    ids = {side: [key.id for key in keys if key.side is side] for side in Side}
    await tx.run(
        "UPDATE record_link SET base = ?, held = NULL WHERE connection_id = ? AND id IN [?]",
        pack_base({}, {}),
        connection_id,
        list(link_ids),
    )
    # An open conflict has lost the value that there was to choose, and is none any more.
    forget = (
        "UPDATE audit SET old = NULL, new = NULL, status = CASE WHEN status = 'open' THEN 'settled' ELSE status END"
        " WHERE connection_id = ? AND object = ?"
    )
    await tx.run(forget + " AND hubspot_id IN [?]", connection_id, object_, ids[Side.HUBSPOT])
    await tx.run(forget + " AND salesforce_id IN [?]", connection_id, object_, ids[Side.SALESFORCE])
    issue = "DELETE FROM issue WHERE connection_id = ? AND object = ?"
    await tx.run(issue + " AND hubspot_id IN [?]", connection_id, object_, ids[Side.HUBSPOT])
    await tx.run(issue + " AND salesforce_id IN [?]", connection_id, object_, ids[Side.SALESFORCE])
    for side in Side:
        sql = "DELETE FROM identity WHERE connection_id = ? AND object IN [?] AND side = ? AND record_id IN [?]"
        await tx.run(sql, connection_id, [object_, census.of(object_)], side.value, ids[side])
    await suggestions.forget(tx, object_, keys)
    for column, table in (("record_key", "unlinked"), ("source_key", "intent"), ("target_key", "intent")):
        await tx.run(f"DELETE FROM {table} WHERE connection_id = ? AND {column} IN [?]", connection_id, texts)
    for table in ("resolution", "undo"):
        await tx.run(f"DELETE FROM {table} WHERE connection_id = ? AND link_id IN [?]", connection_id, list(link_ids))
    # First, for its lock: what is written of records meanwhile, behind a page, comes before this or sees the erasure.
    await jobs.forget_values(tx)
    await setup_work.forget(tx, texts)
    await directory.forget(tx, texts)


async def forget_labels(tx: WriteTx, object_: str, keys: Sequence[RecordKey]) -> None:
    """Of records that bear an address of theirs and may be somebody else's: how they are called, and what is asked about them as
    long as they have no counterpart. A sync that looks at them again knows the address by its hash."""
    ids = {side: [key.id for key in keys if key.side is side] for side in Side}
    linked = {
        *await links.by_hubspot(tx, object_, ids[Side.HUBSPOT]),
        *await links.by_salesforce(tx, object_, ids[Side.SALESFORCE]),
    }
    alone = [key for key in keys if key.id not in linked]
    sql = "UPDATE unlinked SET label = '' WHERE connection_id = ? AND record_key IN [?]"
    await tx.run(sql, tx.connection_id, [str(key) for key in alone])
    for side in Side:
        sql = f"DELETE FROM issue WHERE connection_id = ? AND object = ? AND {side.value}_id IN [?]"
        await tx.run(sql, tx.connection_id, object_, [key.id for key in alone if key.side is side])


async def remembered(tx: Tx, object_: str, keys: Sequence[RecordKey]) -> Mapping[str, int]:
    """How many rows hold something of these records: for the preview."""
    ids = {side: [key.id for key in keys if key.side is side] for side in Side}
    found: dict[str, int] = {}
    for table in ("audit", "issue"):
        select = f"SELECT id FROM {table} WHERE connection_id = ? AND object = ?"
        # Two questions, each answered by its index.
        of_hubspot = await tx.rows(select + " AND hubspot_id IN [?]", tx.connection_id, object_, ids[Side.HUBSPOT])
        others = await tx.rows(select + " AND salesforce_id IN [?]", tx.connection_id, object_, ids[Side.SALESFORCE])
        found[table] = len({row[0] for row in (*of_hubspot, *others)})
    return found

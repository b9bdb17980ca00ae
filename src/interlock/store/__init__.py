"""What is remembered: connections, mappings, links with their bases, due records, intents, issues, audit, budget,
leases.

`Store.open` opens the database (SQLite or PostgreSQL, migrated on open); `store.read` and `store.write` give
transactions that are bound to one connection; the functions that use them live in one module per aggregate (`from
interlock.store import links; await links.by_hubspot(tx, "contacts", ids)`). Nothing here talks to a CRM or decides
anything about a record.
"""

from interlock.store.database import Store
from interlock.store.errors import (
    Fenced,
    HeldByOther,
    KeyFileProblem,
    NotOurs,
    NotUnique,
    SchemaNewer,
    SecretUnreadable,
    StoreBusy,
    StoreError,
    StoreUnavailable,
)
from interlock.store.keyring import Keyring
from interlock.store.tx import Tx, WriteTx

__all__ = [
    "Fenced",
    "HeldByOther",
    "KeyFileProblem",
    "Keyring",
    "NotOurs",
    "NotUnique",
    "SchemaNewer",
    "SecretUnreadable",
    "Store",
    "StoreBusy",
    "StoreError",
    "StoreUnavailable",
    "Tx",
    "WriteTx",
]

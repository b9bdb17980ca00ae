"""The tables: every column and index says what it is for. Definitions only; statements live in the aggregates' modules.

Times are integer microseconds UTC (`_us`). Every key begins with `connection_id` and every statement is bounded by it.
Ids are never reused (AUTOINCREMENT / identity): a field mapping that is deleted and made again must not inherit a base.
A `record_key` is the product's own word for a record, `hubspot:contacts:123`. Tables written once per record and sync
carry no foreign key to `connection`: the check costs a lookup per row, and `connections.delete` clears them by name.
One module for each aggregate. Changing a table needs a migration; a test compares the two on both databases.
"""

from __future__ import annotations

from interlock.store.schema import (
    calls,
    connections,
    history,
    mappings,
    notifications,
    people,
    records,
    setups,
    sign_ins,
    work,
)
from interlock.store.schema.base import metadata, postgresql_type
from interlock.store.schema.connections import connection

# Tables that are no connection's: all others are cleared by `connections.delete` and bounded by connection_id.
_PEOPLE = {"person", "session", "one_time_link", "api_token", "sign_in_try", "deed"}
# A set-up that made a connection goes with it by its foreign key; before, it belongs to none.
_SETUP = {"setup", "setup_step", "setup_secret", "setup_work", "colleague_link"}
GLOBAL_TABLES = frozenset(
    {"connection", "lease", "worker", "schedule", "crm_app", "sign_in", "notify_channel", "bell"} | _PEOPLE | _SETUP
)

# The bulk helpers of the aggregates all start from it.
assert all("connection_id" in table.c for table in metadata.tables.values() if table.name not in GLOBAL_TABLES)

__all__ = [
    "GLOBAL_TABLES",
    "calls",
    "connection",
    "connections",
    "history",
    "mappings",
    "metadata",
    "notifications",
    "people",
    "postgresql_type",
    "records",
    "setups",
    "sign_ins",
    "work",
]

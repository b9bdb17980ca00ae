"""Watches that a process whose org another one has taken commits nothing and sends nothing (docs/guarantees.md).

What stands in the lease row is read here from the database file, whatever the engine believes of it: the row as it was last
committed, which in a write transaction, that is alone, is the row as that transaction finds it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from interlock.crm.transport import Request
from interlock.store.lease import Lease

# Nobody's records are touched by it, and the engine asks about its lease after it, not before.
SIGN_IN = "/services/oauth2/token"

# Work that is done in the org once, or by one at a time, holds a lease of its own under a name with a colon (app/owned_work.py,
# app/package/alone.py). It is not what the engine's terms go by.
_LEASE_OF_THE_ORG = "SELECT owner, fence, until_us FROM lease WHERE instr(org_id, ':') = 0"


class _Row(NamedTuple):
    owner: str
    fence: int
    until_us: int


class Fences:
    """`defects` gets a sentence for each commit under another's fence and each request outside of the sender's term."""

    def __init__(self, path: Path, defects: list[str]) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._defects = defects
        self._row: _Row | None = None
        self._unsettled = True  # the last transaction may have changed the row, and may or may not be committed yet
        self._ended_us: dict[str, int] = {}  # the term of each process that another one has followed

    def commits(self, process: str, lease: Lease | None) -> None:
        """Called at the end of every write transaction, inside it. Those that change the row go without a lease."""
        row = self._committed()
        self._unsettled = lease is None
        if row is None:
            return
        self._ended_us[row.owner] = row.until_us
        if lease is not None and lease.fence != row.fence:
            self._defects.append(f"fence: {process} commits with fence {lease.fence}, {row.owner} has {row.fence}")

    def sends(self, process: str, request: Request, now_us: int) -> None:
        """Called when a request is handed over to the network, from where nobody calls it back. `now_us`: the sender's time.

        Only its own term counts, by its own clock: where two clocks differ, another may have followed a moment before.
        """
        row = self._committed()
        if row is None or request.url.endswith(SIGN_IN):
            return
        until_us = row.until_us if row.owner == process else self._ended_us.get(process, 0)
        if now_us >= until_us:
            late_s = (now_us - until_us) / 1e6
            self._defects.append(
                f"term: {process} sends {request.method} {request.url} {late_s:.3f} s after its term, the org is {row.owner}'s"
            )

    def _committed(self) -> _Row | None:
        """The row of the one org that there is. Read again only where it may be another: reading costs more than watching."""
        if self._unsettled:
            found = self._database.execute(_LEASE_OF_THE_ORG).fetchone()
            self._row = None if found is None else _Row(*found)
        return self._row

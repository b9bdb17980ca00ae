"""Everything that the store can refuse, as one tree. Sentences for a person; no database driver's exception leaves
the store.

StoreError
+-- StoreUnavailable     the database cannot be opened, reached or written (missing, full, connection lost)
+-- StoreBusy            another process kept the database locked longer than we wait; nothing was done, safe to repeat
+-- NotOurs              the database holds the tables of something else
+-- SchemaNewer          the database was written by a newer Interlock
+-- NotUnique            a row would break a rule of uniqueness (a record linked twice, a name taken twice)
+-- Fenced               this process lost its lease; another one owns the org now: stop, write nothing
+-- HeldByOther          the lease is held by another process
+-- SecretUnreadable     a secret does not decrypt with this key file, or was moved to another row
+-- KeyFileProblem       the key file cannot be used (missing, malformed, readable by others)
"""

from __future__ import annotations

from collections.abc import Iterable


class StoreError(Exception):
    """Base of all that the store raises on purpose."""

    code = "store"
    fix = ""  # what a person can do about it, where that is known here


class StoreUnavailable(StoreError):
    """`file`: the database, where it is a file."""

    code = "store_unavailable"
    file: str | None = None

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message.removesuffix('.')}: {self.file}." if self.file and self.file not in message else message


class StoreBusy(StoreError):
    code = "store_busy"


class NotOurs(StoreError):
    """`tables`: what is in it; none: it is empty."""

    code = "database_not_ours"
    fix = "Give Interlock a database of its own, and name it as `database` in interlock.yaml."
    _SHOWN = 3

    def __init__(self, tables: Iterable[str]) -> None:
        names = sorted(tables)
        self.tables = names
        if not names:
            super().__init__("The database is empty: Interlock has never used it. Nothing in it was changed.")
            return
        more = f" and {len(names) - self._SHOWN:,} more" if len(names) > self._SHOWN else ""
        shown = f"{', '.join(names[: self._SHOWN])}{more}"
        super().__init__(
            f"The database holds tables of something else ({shown}), not those of Interlock. Nothing in it was changed."
        )


class SchemaNewer(StoreError):
    code = "schema_newer"

    def __init__(self, found: str, newest_known: str) -> None:
        self.found = found
        self.newest_known = newest_known
        super().__init__(
            f"The database has schema {found}; this Interlock knows schemas up to {newest_known}. "
            "It was written by a newer Interlock: upgrade this one, or restore a backup made before the upgrade."
        )


class NotUnique(StoreError):
    code = "not_unique"


class Fenced(StoreError):
    code = "fenced"

    def __init__(self, org_id: str, fence: int, current: int | None) -> None:
        self.org_id = org_id
        self.fence = fence
        self.current = current
        now = "nobody holds it" if current is None else f"the current one is {current}"
        super().__init__(f"Lease {fence} of org {org_id} is no longer valid ({now}): another process took over.")


class HeldByOther(StoreError):
    code = "held_by_other"

    def __init__(self, owner: str, until_us: int) -> None:
        self.owner = owner
        self.until_us = until_us
        super().__init__(f"Another process ({owner}) is syncing this org. Wait until it ends, or stop it.")


class SecretUnreadable(StoreError):
    code = "secret_unreadable"
    fix = "Put secret.key back from your backup, or run `interlock connect` again with the tokens of both CRMs."


class KeyFileProblem(StoreError):
    code = "key_file"

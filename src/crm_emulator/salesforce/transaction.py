"""One transaction of an org: who writes, with which stamp, what to take back, and what to journal once it is committed.

A stamp is taken when the transaction begins, not when it commits: with a commit delay a row's SystemModstamp is older
than
the moment it can first be seen, as in a real org. Nothing is journalled for what was rolled back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crm_emulator.kernel.journal import Journal
from crm_emulator.salesforce.convert import journal_text
from crm_emulator.salesforce.store import Record, Table, Value


@dataclass(slots=True, frozen=True)
class Caller:
    """Who writes, and what the call's headers ask for."""

    user_id: str
    client: str
    person: str | None = None  # the e-mail of who works on a page; None: an API client
    assign: bool = True  # Sforce-Auto-Assign: assignment rules run unless it says FALSE
    assignment_rule: str | None = None  # ... or names the AssignmentRule to run
    allow_duplicates: bool = False  # Sforce-Duplicate-Rule-Header: allowSave=true
    base: str = "/services/data/v67.0"


@dataclass(slots=True)
class _Saved:
    """A row as it was before a write."""

    values: dict[str, Value]
    modified_s: int
    modified_by: str
    stamp_s: int
    deleted_s: int | None
    master_id: str | None
    cascade_of: str | None


class Transaction:
    def __init__(self, journal: Journal, caller: Caller, now_us: int, stamp_s: int, *, can_roll_back: bool) -> None:
        self.caller = caller
        self.now_us = now_us
        self.stamp_s = stamp_s
        self.can_roll_back = can_roll_back
        self._journal = journal
        self._entries: list[tuple[str, str, str, Sequence[str | None], Sequence[str | None] | None, list[str | None]]]
        self._entries = []
        self._undo: list[Callable[[], object]] = []

    def before_write(self, record: Record) -> None:
        """Remember a row that is about to change."""
        if not self.can_roll_back:
            return
        saved = _Saved(
            dict(record.values),
            record.modified_s,
            record.modified_by,
            record.stamp_s,
            record.deleted_s,
            record.master_id,
            record.cascade_of,
        )
        self._undo.append(lambda: _restore(record, saved))

    def created(self, table: Table, record: Record) -> None:
        if self.can_roll_back:
            self._undo.append(lambda: table.erase(record))

    def on_roll_back(self, undo: Callable[[], object]) -> None:
        """For what is no row: the schema."""
        self._undo.append(undo)

    def touch(self, record: Record, *, system: bool = False) -> None:
        """Move a row's stamps. A system process moves SystemModstamp only. A stamp never goes back: the lock on the row
        orders the transactions that write it."""
        stamp_s = max(self.stamp_s, record.stamp_s)
        if not system:
            record.modified_s = stamp_s
            record.modified_by = self.caller.user_id
        if stamp_s != record.stamp_s:
            record.stamp_s = stamp_s
            record.table.note_stamp(record)

    def journal(
        self,
        record: Record,
        action: str,
        fields: Sequence[str | None] = (),
        old: Sequence[Value | None] | None = (),
        new: Sequence[Value | None] = (),
    ) -> None:
        shown_old = None if old is None else [journal_text(value) for value in old]
        shown_new = [journal_text(value) for value in new]
        self._entries.append((record.table.sobject.name, record.id, action, fields, shown_old, shown_new))

    def commit(self) -> None:
        caller = self.caller
        append = self._journal.append_fields
        for name, row_id, action, fields, old, new in self._entries:
            append(self.now_us, caller.client, caller.person, name, row_id, action, fields, old, new)
        self._entries.clear()
        self._undo.clear()

    def point(self) -> tuple[int, int]:
        """Where the transaction stands, for `roll_back_to`."""
        return len(self._undo), len(self._entries)

    def roll_back_to(self, point: tuple[int, int]) -> None:
        """Take back what was written since; without `can_roll_back` nothing was to be."""
        if not self.can_roll_back:
            return
        undone, journalled = point
        for undo in reversed(self._undo[undone:]):
            undo()
        del self._undo[undone:], self._entries[journalled:]

    def roll_back(self) -> None:
        for undo in reversed(self._undo):
            undo()
        self._entries.clear()
        self._undo.clear()


def _restore(record: Record, saved: _Saved) -> None:
    table = record.table
    if record.deleted_s is None:
        table.hide(record)
    record.values = saved.values
    record.modified_s, record.modified_by, record.stamp_s = saved.modified_s, saved.modified_by, saved.stamp_s
    record.deleted_s, record.master_id, record.cascade_of = saved.deleted_s, saved.master_id, saved.cascade_of
    if record.deleted_s is None:
        table.show(record)
    table.note_stamp(record)

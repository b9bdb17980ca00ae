"""What search can see: the live records, behind by a configured lag, and ordered by when they were last modified.

A write becomes visible only `lag` after it happened, and in the state it had then. While a write is on its way, the
record's older state (or its absence) is kept as a shadow; a record without a write on its way is its own document, so
that without lag the index costs one small tuple per modification.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crm_emulator.hubspot.records import Record

_STALE_ENTRIES_MIN = 4_096


class SearchIndex:
    def __init__(self, lag_ms: int, jitter_ms: int, rng: random.Random) -> None:
        self.lag_ms = lag_ms
        self.jitter_ms = jitter_ms
        self.version = 0
        self._random = rng
        self._shadows: dict[int, Record | None] = {}
        self._on_the_way: dict[int, list[int]] = {}  # record -> [writes on their way, when the last one arrives]
        self._heap: list[tuple[int, int, int, Record | None]] = []
        self._serial = 0
        self._log: list[tuple[int, int]] = []  # (updated_ms, id), a new one per modification
        self._sorted = True

    @property
    def delayed(self) -> bool:
        return bool(self.lag_ms or self.jitter_ms)

    def before(self, record: Record, *, created: bool = False) -> None:
        """Call before a record changes (or right before it first exists)."""
        if self.delayed and record.id not in self._on_the_way:
            self._shadows[record.id] = None if created else record.snapshot()

    def after(self, record: Record, at_ms: int, *, moved: bool = True, gone: bool = False) -> None:
        """Call after it changed. `moved`: its updated_ms is new. `gone`: it no longer exists (merged away)."""
        self.version += 1
        if moved and not gone:
            self._note(record.updated_ms, record.id)
        if not self.delayed:
            return
        arrives_ms = at_ms + self.lag_ms + (self._random.randrange(self.jitter_ms + 1) if self.jitter_ms else 0)
        waiting = self._on_the_way.setdefault(record.id, [0, 0])
        waiting[0] += 1
        waiting[1] = arrives_ms = max(arrives_ms, waiting[1])  # writes of one record never overtake each other
        self._serial += 1
        heappush(self._heap, (arrives_ms, self._serial, record.id, None if gone else record.snapshot()))

    def catch_up(self, now_ms: int) -> None:
        """Let every write that is due become visible."""
        while self._heap and self._heap[0][0] <= now_ms:
            _, _, id, state = heappop(self._heap)
            self.version += 1
            waiting = self._on_the_way[id]
            waiting[0] -= 1
            if waiting[0]:
                self._shadows[id] = state
            else:
                del self._on_the_way[id]
                del self._shadows[id]

    def visible(self, record: Record) -> Record | None:
        """The document that search shows for a record, None when it shows none yet."""
        return self._shadows.get(record.id, record) if self._shadows else record

    @property
    def shadows(self) -> dict[int, Record | None]:
        return self._shadows

    def modified_between(self, low_ms: int, high_ms: int, lookup: Callable[[int], Record | None]) -> list[Record]:
        """Visible documents with `low_ms <= updated_ms <= high_ms`, oldest modification first."""
        if not self._sorted:  # a clock was set back
            self._log.sort(key=lambda entry: entry[0])
            self._sorted = True
        start = bisect_left(self._log, (low_ms, -1))
        end = bisect_right(self._log, (high_ms, 1 << 62))
        found: list[Record] = []
        for at_ms, id in self._log[start:end]:
            document = lookup(id)
            if document is not None and document.updated_ms == at_ms:
                found.append(document)
        return found

    def _note(self, at_ms: int, id: int) -> None:
        if self._log and at_ms < self._log[-1][0]:
            self._sorted = False
        self._log.append((at_ms, id))

    def compact(self, live: dict[int, Record]) -> None:
        """Once most of the log is stale, keep one entry per state that some document shows or will show."""
        if len(self._log) < 2 * len(live) + _STALE_ENTRIES_MIN:
            return
        wanted = {(record.updated_ms, id) for id, record in live.items()}
        wanted.update((shadow.updated_ms, id) for id, shadow in self._shadows.items() if shadow is not None)
        wanted.update((state.updated_ms, id) for _, _, id, state in self._heap if state is not None)
        kept: list[tuple[int, int]] = []
        for entry in self._log:
            if entry in wanted:
                wanted.discard(entry)
                kept.append(entry)
        self._log = kept

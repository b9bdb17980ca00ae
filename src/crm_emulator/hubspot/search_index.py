"""What search can see: the live records, behind by a configured lag, and ordered by when they were last modified.

A write becomes visible only `lag` after it happened, and in the state it had then. While a write is on its way, the
record's older state (or its absence) is kept as a shadow; a record without a write on its way is its own document, so
that without lag the index costs one integer per record.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from crm_emulator.hubspot.modified_order import ModifiedOrder

if TYPE_CHECKING:
    from crm_emulator.hubspot.records import Record


class SearchIndex:
    def __init__(self, lag_ms: int, jitter_ms: int, rng: random.Random) -> None:
        self.lag_ms = lag_ms
        self.jitter_ms = jitter_ms
        self.version = 0  # moves with every change of what is visible, for caches
        self.order = ModifiedOrder()  # of every document that is visible and not archived
        self.shadows: dict[int, Record | None] = {}
        self._random = rng
        self._on_the_way: dict[int, list[int]] = {}  # record -> [writes on their way, when the last one arrives]
        self._heap: list[tuple[int, int, Record, Record | None]] = []
        self._serial = 0

    @property
    def delayed(self) -> bool:
        return bool(self.lag_ms or self.jitter_ms)

    def before(self, record: Record, *, created: bool = False) -> None:
        """Call before a record changes (or right before it first exists); `after` must follow."""
        if not self.delayed:
            if not created:
                self._hide(record)
        elif record.id not in self._on_the_way:
            self.shadows[record.id] = None if created else record.snapshot()

    def after(self, record: Record, at_ms: int, *, gone: bool = False) -> None:
        """Call after it changed. `gone`: it no longer exists (merged away)."""
        if not self.delayed:
            self.version += 1
            if not gone:
                self._show(record)
            return
        arrives_ms = at_ms + self.lag_ms + (self._random.randrange(self.jitter_ms + 1) if self.jitter_ms else 0)
        waiting = self._on_the_way.setdefault(record.id, [0, 0])
        waiting[0] += 1
        waiting[1] = arrives_ms = max(arrives_ms, waiting[1])  # writes of one record never overtake each other
        self._serial += 1
        heappush(self._heap, (arrives_ms, self._serial, record, None if gone else record.snapshot()))

    def catch_up(self, now_ms: int) -> None:
        """Let every write that is due become visible."""
        while self._heap and self._heap[0][0] <= now_ms:
            _, _, record, state = heappop(self._heap)
            self.version += 1
            self._hide(self.shadows[record.id])
            self._show(state)
            waiting = self._on_the_way[record.id]
            waiting[0] -= 1
            if waiting[0]:
                self.shadows[record.id] = state
            else:
                del self._on_the_way[record.id]
                del self.shadows[record.id]

    def _show(self, document: Record | None) -> None:
        if document is not None and document.archived_ms is None:
            self.order.add(document.updated_ms, document.id)

    def _hide(self, document: Record | None) -> None:
        if document is not None and document.archived_ms is None:
            self.order.remove(document.updated_ms, document.id)

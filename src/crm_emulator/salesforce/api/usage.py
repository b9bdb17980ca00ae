"""The daily API request limit: calls of the last 24 hours, kept by minute, as a rolling figure."""

from __future__ import annotations

from collections import deque

from crm_emulator.salesforce.times import DAY_S

_MINUTE_S = 60


class ApiUsage:
    def __init__(self) -> None:
        self._minutes: deque[list[int]] = deque()  # [minute, calls]
        self.used = 0

    def add(self, now_s: int, calls: int = 1) -> None:
        minute = now_s // _MINUTE_S
        if self._minutes and self._minutes[-1][0] >= minute:
            self._minutes[-1][1] += calls
        else:
            self._minutes.append([minute, calls])
        self.used += calls
        self.forget(now_s)

    def forget(self, now_s: int) -> None:
        oldest = (now_s - DAY_S) // _MINUTE_S
        while self._minutes and self._minutes[0][0] <= oldest:
            self.used -= self._minutes.popleft()[1]

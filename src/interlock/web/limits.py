"""How often somebody may ask: a bucket for each, that fills up steadily. In this process only; the clock is given."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec

# So many who ask are remembered; of more, those who asked least lately have a full bucket again.
_KNOWN_MOST = 10_000


class Rate(msgspec.Struct, frozen=True):
    per_s: float
    burst: int


# A program that polls every second and works through a list between is far below it.
TOKEN = Rate(per_s=10.0, burst=100)
# Requests without a token that works, by address.
STRANGER = Rate(per_s=1.0, burst=30)


class Buckets:
    def __init__(self, rate: Rate, clock_us: Callable[[], int]) -> None:
        self._rate = rate
        self._clock_us = clock_us
        self._left: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_s(self, who: str) -> int:
        """0: go on, and it is counted. More: whole seconds until the next may be asked."""
        now_us = self._clock_us()
        left, at_us = self._left.pop(who, (float(self._rate.burst), now_us))
        left = min(float(self._rate.burst), left + max(0, now_us - at_us) / 1_000_000 * self._rate.per_s)
        allowed = left >= 1.0
        self._left[who] = (left - 1.0 if allowed else left, now_us)
        while len(self._left) > _KNOWN_MOST:
            self._left.popitem(last=False)
        return 0 if allowed else max(1, -int(-(1.0 - left) / self._rate.per_s // 1))

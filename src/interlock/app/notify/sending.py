"""What every way of sending has in common: how it fails."""

from __future__ import annotations

S = 1_000_000
# Longer than any try lasts.
TAKEN_US = 60 * S
# Waits before the second and every later try: Svix's schedule, about a day in all.
WAITS_US = tuple(seconds * S for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000))


class NotDelivered(Exception):
    """`again`: another try may succeed. The message is a sentence for a person, and holds no secret."""

    def __init__(self, message: str, again: bool = True) -> None:
        super().__init__(message)
        self.again = again

"""What every way of sending has in common: how it fails."""

from __future__ import annotations


class NotDelivered(Exception):
    """`again`: another try may succeed. The message is a sentence for a person, and holds no secret."""

    def __init__(self, message: str, again: bool = True) -> None:
        super().__init__(message)
        self.again = again

"""A count that a person types to confirm what is done to so many records. Pure."""

from __future__ import annotations


def is_typed(typed: str, count: int) -> bool:
    """Also with its thousands parted, as a page shows it: by a comma, or by a space of any kind (Polish: one that does not
    break)."""
    return "".join(typed.split()).replace(",", "") == str(count)

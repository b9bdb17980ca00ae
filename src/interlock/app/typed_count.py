"""A number that a person types to confirm how many records something is about. Pure."""

from __future__ import annotations


def is_count(typed: str, count: int) -> bool:
    """Also as it was copied from a page: with commas, or with the spaces of another language, which are not all plain ones."""
    return "".join(typed.replace(",", "").split()) == str(count)

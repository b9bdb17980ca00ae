"""A number with its word, as a line on a terminal says it: 1 issue, 2,000 issues."""

from __future__ import annotations


def counted(number: int, one: str, verb: str = "") -> str:
    """`verb`: of one of them ("is", "needs", "was"; others stay as they are)."""
    many = {"is": "are", "was": "were", "needs": "need", "waits": "wait"}
    word = one if number == 1 else f"{one}s"
    said = verb if number == 1 else many.get(verb, verb)
    return f"{number:,} {word} {said}".rstrip()

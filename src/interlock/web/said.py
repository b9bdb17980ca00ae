"""What use cases and CRM clients say, in the language of whoever asks. Knows the sentences, not who says them.

A use case speaks English to every surface, and much of what it says is remembered: an issue's cause, why a connection stands
still. So a page looks up the sentence itself, in a catalogue of its own (`said.po`, from the source by tests/said_texts.py), where
what is filled in is a hole: `There is no issue {id}.` What is not found, as the words of a CRM, stays as it was said.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from interlock.web.texts import ENGLISH, language, read

DOMAIN = "said"
# Where one sentence ends and the next begins.
_BETWEEN = re.compile(r"(?<=[.?!]) (?=[A-Z0-9\"'`])")
_HOLE = re.compile(r"\{(\w+)\}")
# More is no message of ours: what a CRM may send has no bound.
_SENTENCES, _CHARACTERS = 12, 4_000
# A hole may hold a sentence that has holes: `TITLE was refused, the other fields were written: 412 characters, ...`.
_DEEP = 2


def told(text: str | None) -> str:
    """The same in the language of the request, sentence by sentence."""
    if not text or language() == ENGLISH or len(text) > _CHARACTERS:
        return text or ""
    return _told(text, language(), _DEEP)


@lru_cache(4_096)
def _told(text: str, spoken: str, deep: int) -> str:
    parts = _BETWEEN.split(text)
    if len(parts) > _SENTENCES:
        return text
    said: list[str] = []
    while parts:
        # The longest run that is known as one: some messages are several sentences.
        for length in range(len(parts), 0, -1):
            found = _known(" ".join(parts[:length]), spoken, deep)
            if found is not None:
                break
        said.append(parts[0] if found is None else found)
        parts = parts[length:]
    return " ".join(said)


def _known(text: str, spoken: str, deep: int) -> str | None:
    whole, shapes = _sentences(spoken)
    if text in whole:
        return whole[text]
    for shape in shapes:
        values = shape.values(text)
        if values is not None:
            return shape.told(
                {name: _told(value, spoken, deep - 1) if deep else value for name, value in values.items()}
            )
    # What a reason is about stands before it, as the kind of a mismatch.
    about, colon, reason = text.partition(": ")
    told_reason = _known(reason, spoken, deep - 1) if colon and deep else None
    return None if told_reason is None else f"{about}: {told_reason}"


class _Shape:
    """A sentence with holes. `rank`: how much of it is fixed; the most telling shape is tried first."""

    def __init__(self, sentence: str, translation: str) -> None:
        self._translation = translation
        pieces = _HOLE.split(sentence)
        self._longest = max(pieces[::2], key=len)
        self.rank = sum(map(len, pieces[::2]))
        self._begins_with_a_hole = not pieces[0]
        holes = [f"(?P<{piece}>.+?)" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces)]
        self._form = re.compile("".join(holes), re.DOTALL)

    def told(self, values: dict[str, str]) -> str:
        return _HOLE.sub(lambda hole: values[hole[1]], self._translation)

    def values(self, text: str) -> dict[str, str] | None:
        # The cheap question first: hundreds of shapes are asked for each text.
        if self._longest not in text or (found := self._form.fullmatch(text)) is None:
            return None
        # A hole that reaches over the end of a sentence has swallowed one of its own; so has a first one with a colon in it.
        if any(map(_BETWEEN.search, found.groups())) or (self._begins_with_a_hole and ": " in found[1]):
            return None
        return found.groupdict()


@cache
def _sentences(spoken: str) -> tuple[dict[str, str], list[_Shape]]:
    whole: dict[str, str] = {}
    shapes: list[_Shape] = []
    for message in read(spoken, DOMAIN):
        if isinstance(message.id, str) and isinstance(message.string, str) and message.id and message.string:
            if _HOLE.search(message.id):
                shapes.append(_Shape(message.id, message.string))
            else:
                whole[message.id] = message.string
    return whole, sorted(shapes, key=lambda shape: -shape.rank)

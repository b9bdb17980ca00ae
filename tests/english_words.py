"""What a page says in English although it was asked for in another language: found by small words that only English has."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# None of them is a word of Polish too, as `to`, `on`, `do`, `by` and `no` are. From `open` to `merged`: words for a state.
_WORDS = """
the of and is are was were be been has have had not it its this that these those which who what when while with without from for
into than then there their they them you your will would can cannot could should must nothing nobody somebody
because before after since open linked settled resolved ignored suspended paused resting unlinked create created update deleted
merged again any all each every other only
"""
WORDS = frozenset(_WORDS.split())
# What is no sentence, but a code of ours that was meant for programs.
CODES = re.compile(r"\b[a-z]+_[a-z_]+\b")
# The words of a CRM's own pages stand in quotes.
QUOTED = re.compile("„[^”]*”")
# For programs, and what is typed as it stands.
SILENT = {"script", "style", "code", "kbd", "pre", "textarea"}
SAID_BESIDE = ("aria-label", "title", "placeholder", "alt", "value", "data-label")
# An attribute of ours that a script shows holds a sentence.
OF_SCRIPTS = "data-"
VOID = {"input", "br", "hr", "img", "meta", "link", "col", "wbr", "source"}


class _Page(HTMLParser):
    def __init__(self, body: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(body)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if not self._is_silent(tag, values):
            self.said += [value for name, value in attrs if value and self._is_said(tag, values, name)]
        if tag not in VOID:
            self._open.append((tag, self._is_silent(tag, values)))

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            if self._open.pop()[0] == tag:
                return

    def handle_data(self, data: str) -> None:
        if data.strip() and not (self._open and self._open[-1][1]):
            self.said.append(" ".join(data.split()))

    def _is_silent(self, tag: str, values: dict[str, str | None]) -> bool:
        inside = bool(self._open) and self._open[-1][1]
        # `lang`: says itself whose words these are.
        return inside or tag in SILENT or values.get("lang") == "en" or values.get("translate") == "no"

    @staticmethod
    def _is_said(tag: str, values: dict[str, str | None], name: str) -> bool:
        if name == "value":
            return tag == "input" and values.get("type") in ("submit", "button")
        return name in SAID_BESIDE or (name.startswith(OF_SCRIPTS) and " " in (values[name] or ""))


def english(body: str, *, names: frozenset[str] = frozenset()) -> list[str]:
    """The texts of a page that have an English word in them. `names`: of people, fields and records, which stay as they are."""
    found = []
    for text in _Page(body).said:
        rest = QUOTED.sub("", text)
        for name in sorted(names, key=len, reverse=True):
            rest = rest.replace(name, "")
        # What is left of a word where a name was taken out of it is none.
        if WORDS & _words(rest) & _words(text) or CODES.search(rest):
            found.append(text)
    return found


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", text.lower()))

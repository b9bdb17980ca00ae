"""A condition that a person wrote and that stands inside a query of ours: `WHERE Id IN (...) AND (<condition>)`. Pure.

Whether its fields exist and fit their values Salesforce says when it is counted. Here is made sure that the text is one condition
and nothing else, so that it can neither end our parentheses nor ask for more than whether a record fits. Read as SOQL is read:
strings with their escapes first, since what looks like a parenthesis or a word may stand in one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from interlock.crm.salesforce.soql import in_url, name, record_id

CHARS_MAX = 2_000
# Of the 15,000 that a query has: enough is left for some 400 ids beside it.
URL_BYTES_MAX = 6_000

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<string>'(?:[^'\\\0]|\\[^\0])*')"
    r"|(?P<moment>\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2}))?)"
    r"|(?P<number>[+-]?\d+(?:\.\d+)?)"
    # Also an amount in a currency (USD5000), and a date literal with its number (LAST_N_DAYS:30).
    r"|(?P<word>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*(?:\s*:\s*\d+)?)"
    r"|(?P<operator><=|>=|<>|!=|=|<|>)"
    r"|(?P<mark>[(),])",
    re.DOTALL,
)
# Words of a query around or beside its conditions.
_OF_A_QUERY = frozenset(
    {
        *("select", "from", "where", "order", "group", "having", "limit", "offset", "using", "with"),
        *("for", "update", "typeof", "all", "rows", "scope"),
    }
)


class NotACondition(ValueError):
    """In a sentence, with what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message, self.fix = message, fix


def condition(text: str) -> str:
    """As it may stand between parentheses. Raises NotACondition."""
    tidy = re.sub(r"\r\n?", "\n", text).strip()
    if not tidy:
        raise NotACondition("There is no condition.", "Write one, for example: Type = 'Customer'.")
    if len(tidy) > CHARS_MAX or len(in_url(tidy)) > URL_BYTES_MAX:
        raise NotACondition(
            f"The condition is too long: {len(tidy):,} characters, of which {CHARS_MAX:,} are possible, fewer where many are"
            " not plain letters.",
            "Let a formula field of the org say it, and ask for that.",
        )
    depth = place = 0
    while place < len(tidy):
        found = _TOKEN.match(tidy, place)
        if found is None:
            raise _unexpected(tidy, place)
        word = found[0]
        if found.lastgroup == "word" and word.lower() in _OF_A_QUERY:
            raise NotACondition(
                f"{word.upper()} is of a query, and this is the condition in one.",
                "Write only what would stand after WHERE, about fields of the record itself and of its parents.",
            )
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth < 0:
            raise NotACondition(
                f"A parenthesis is closed at character {place + 1} that was not opened.", "Take it away, or open one."
            )
        place = found.end()
    if depth:
        raise NotACondition("A parenthesis is opened and not closed.", "Close it.")
    return tidy


def _unexpected(text: str, place: int) -> NotACondition:
    if text[place] == "'":
        return NotACondition(
            f"The text that begins at character {place + 1} has no end.",
            "Close it with an apostrophe; one inside of it is written \\'.",
        )
    return NotACondition(
        f"{text[place]!r} at character {place + 1} belongs in no condition.", "Put text in apostrophes: 'Customer'."
    )


def among(sobject: str, ids: Sequence[str], text: str) -> str:
    """Which of these records fit it."""
    listed = ",".join(f"'{record_id(id)}'" for id in ids)
    return f"SELECT Id FROM {name(sobject)} WHERE Id IN ({listed}) AND ({condition(text)})"


def ids_among(sobject: str, text: str, most: int, room_bytes: int) -> int:
    """How many ids fit into one query with it."""
    room = room_bytes - len(in_url(among(sobject, [], text)))
    return max(1, min(most, room // len("'003000000000000AAA',")))


def count(sobject: str, text: str) -> str:
    return f"SELECT COUNT() FROM {name(sobject)} WHERE ({condition(text)})"


def count_all(sobject: str) -> str:
    return f"SELECT COUNT() FROM {name(sobject)}"

"""SOQL text into tokens, and the errors of a query, which quote the place they are at as a real org does."""

from __future__ import annotations

import re
from typing import NamedTuple

from crm_emulator.salesforce.errors import RequestError

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<datetime>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2}))
  | (?P<date>\d{4}-\d{2}-\d{2}(?![\dT]))
  | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
  | (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<op><=|>=|!=|<>|=|<|>)
  | (?P<mark>[(),:])
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
# What an escaped _ and % become: characters that no text holds (private use), so that LIKE tells them from its wildcards
# and from a backslash that happens to stand before one.
PLAIN_UNDERSCORE, PLAIN_PERCENT = "\ue000", "\ue001"
_ESCAPED = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    "'": "'",
    '"': '"',
    "\\": "\\",
    "_": PLAIN_UNDERSCORE,
    "%": PLAIN_PERCENT,
}


class Token(NamedTuple):
    kind: str  # name, number, string, date, datetime, op, mark, end
    text: str
    at: int


def soql_error(code: str, message: str, soql: str, at: int) -> RequestError:
    """The message shows the part of the query, a caret under the place, the place in numbers, and what is wrong."""
    before = soql.rfind("\n", 0, at) + 1
    end = soql.find("\n", at)
    row = soql.count("\n", 0, at) + 1
    column = at - before + 1
    start = max(before, at - 40)
    part = soql[start : min(at + 40, len(soql) if end < 0 else end)]
    caret = " " * (at - start) + "^"
    return RequestError(code, f"\n{part}\n{caret}\nERROR at Row:{row}:Column:{column}\n{message}")


def malformed(message: str, soql: str, at: int) -> RequestError:
    return soql_error("MALFORMED_QUERY", message, soql, at)


def tokens_of(soql: str) -> list[Token]:
    found: list[Token] = []
    at, length = 0, len(soql)
    match_at = _TOKEN.match
    while at < length:
        match = match_at(soql, at)
        if match is None:
            shown = soql[at]
            raise malformed(
                f"line {soql.count(chr(10), 0, at) + 1}:{at} no viable alternative at character '{shown}'", soql, at
            )
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(kind, match.group(), at))
        at = match.end()
    found.append(Token("end", "<EOF>", length))
    return found


def unquote(text: str) -> str:
    """The value of a string literal, for LIKE too: see PLAIN_UNDERSCORE."""
    inner = text[1:-1]
    return _ESCAPE.sub(_unescape, inner) if "\\" in inner else inner


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1)
    if len(code) == 5:
        return chr(int(code[1:], 16))
    return _ESCAPED.get(code.lower() if code.isalpha() else code, code)

"""Formula fields: a value that is worked out whenever it is read, from the record and from the records it points to.

Nothing is kept, so a formula changes without a write: no stamp of its record moves (REST API polling; HubSpot's knowledge
base on formula fields). A small part of the formula language is known: fields of the record and of parents
(`Account.Owner.Name`), texts, numbers, `&`, `+`, `-`, `*`, `/` and parentheses. A blank number counts as zero.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crm_emulator.salesforce.store import Record

if TYPE_CHECKING:
    from crm_emulator.salesforce.org import Org

_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(\d+(?:\.\d+)?)|([A-Za-z_][\w.]*)|([&+\-*/()]))')
Reader = Callable[[Record], Any]


class BadFormula(ValueError):
    """The formula cannot be read; the message says where."""


def compile_formula(org: Org, sobject: str, formula: str) -> Reader:
    """A reader of the formula's value for a record of `sobject`. Raises BadFormula."""
    parser = _Parser(org, sobject, formula)
    read = parser.sum()
    if parser.tokens:
        raise BadFormula(f"Syntax error. Extra {parser.tokens[0]}")
    return read


class _Parser:
    """Recursive descent, one function per level of precedence."""

    def __init__(self, org: Org, sobject: str, formula: str) -> None:
        self._org = org
        self._sobject = sobject
        self.tokens: list[str] = []
        at = 0
        formula = formula.rstrip()
        while at < len(formula):
            match = _TOKEN.match(formula, at)
            if match is None:
                raise BadFormula(f"Syntax error at character {at + 1} of {formula!r}")
            self.tokens.append(match.group().strip())
            at = match.end()

    def sum(self) -> Reader:
        left = self._product()
        while self.tokens and self.tokens[0] in "&+-":
            left = _combined(self.tokens.pop(0), left, self._product())
        return left

    def _product(self) -> Reader:
        left = self._term()
        while self.tokens and self.tokens[0] in "*/":
            left = _combined(self.tokens.pop(0), left, self._term())
        return left

    def _term(self) -> Reader:
        if not self.tokens:
            raise BadFormula("Syntax error. Missing the end of the formula")
        token = self.tokens.pop(0)
        if token == "(":
            inner = self.sum()
            if not self.tokens or self.tokens.pop(0) != ")":
                raise BadFormula("Syntax error. Missing ')'")
            return inner
        if token.startswith('"'):
            text = token[1:-1].replace('\\"', '"')
            return lambda record: text
        if token[0].isdigit():
            number = float(token)
            return lambda record: number
        if token in "&+-*/)":
            raise BadFormula(f"Syntax error. Found {token!r}")
        return self._field(token)

    def _field(self, path: str) -> Reader:
        *parents, name = path.split(".")
        return _reader(self._org, self._sobject, [parent.removesuffix("__r") for parent in parents], name)


def _reader(org: Org, sobject: str, parents: list[str], name: str) -> Reader:
    owner = org.objects[sobject]
    if not parents:
        field = owner.field(name)
        if field is None:
            raise BadFormula(f"Field {name} does not exist. Check spelling.")
        known = field
        # By name at every reading: the getter of a field that was changed meanwhile is another one.
        return lambda record: org.getters.getter(record.table.sobject.name, known)(record)
    link = owner.by_relationship.get(parents[0].lower()) or owner.by_relationship.get(f"{parents[0].lower()}__r")
    if link is None or not link.reference_to:
        raise BadFormula(f"Field {parents[0]} does not exist. Check spelling.")
    above = _reader(org, link.reference_to[-1], parents[1:], name)

    def read(record: Record) -> Any:
        parent = org.record(str(record.values.get(link.name, "")))
        return above(parent) if parent is not None and parent.deleted_s is None else None

    return read


def _combined(operator: str, left: Reader, right: Reader) -> Reader:
    def read(record: Record) -> Any:
        one, other = left(record), right(record)
        if operator == "&" or isinstance(one, str) or isinstance(other, str):
            return _text(one) + _text(other)
        first, second = float(one or 0), float(other or 0)
        if operator == "/":
            return first / second if second else None  # #Error! on a page, null through the API
        return {"+": first + second, "-": first - second, "*": first * second}[operator]

    return read


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)

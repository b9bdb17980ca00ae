"""The formulas of calculation properties: read once, worked out for every record that is looked at.

The language of HubSpot's properties guide ("create calculation properties"): arithmetic, comparisons, and/or/not, if/then/elseif/
else, max, min, is_present, contains, concatenate, number_to_string, string_to_number; `string(x)` and `bool(x)` read a property as
such, a bare name reads it as a number (an instant as milliseconds). What cannot be worked out has no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, DivisionByZero, InvalidOperation

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.stamps import parse_instant_ms

Value = Decimal | str | bool
Get = Callable[[str], str | None]
Node = Callable[[Get], Value]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'[^']*'|"[^"]*")|(?P<name>[A-Za-z_]\w*)|(?P<sign><=|>=|!=|[-+*/()<>=,]))"""
)
_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    ">": lambda order: order > 0,
    "<=": lambda order: order <= 0,
    ">=": lambda order: order >= 0,
    "=": lambda order: order == 0,
    "equals": lambda order: order == 0,
    "!=": lambda order: order != 0,
}
_WORDS = frozenset({"and", "or", "not", "equals", "if", "then", "elseif", "else", "endif", "true", "false"})
_MANY = 100  # inputs of max, min and concatenate


class NoValue(Exception):
    """Something that the formula needs is empty or not of its kind."""


class Formula:
    """`names`: the properties that it reads."""

    def __init__(self, text: str) -> None:
        reader = _Reader(text)
        self._node = reader.whole()
        self.names = frozenset(reader.names)

    def work_out(self, get: Get) -> str | None:
        try:
            found = self._node(get)
        except (NoValue, InvalidOperation, DivisionByZero):
            return None
        if isinstance(found, bool):
            return str(found).lower()
        if isinstance(found, str):
            return found or None
        return f"{found.normalize():f}" if found else "0"


class _Reader:
    """A recursive descent over the tokens. Raises ApiError on what is no formula."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self.names: set[str] = set()

    def whole(self) -> Node:
        node = self._statement()
        if self._at < len(self._tokens):
            raise errors.invalid(f"Invalid calculationFormula: unexpected '{self._tokens[self._at][1]}'")
        return node

    def _statement(self) -> Node:
        if not self._take("if"):
            return self._either()
        branches = [self._branch()]
        while self._take("elseif"):
            branches.append(self._branch())
        last = self._statement() if self._take("else") else None
        self._take("endif")

        def choose(get: Get) -> Value:
            for condition, then in branches:
                if _truth(condition(get)):
                    return then(get)
            if last is None:
                raise NoValue
            return last(get)

        return choose

    def _branch(self) -> tuple[Node, Node]:
        condition = self._either()
        self._need("then")
        return condition, self._statement()

    def _either(self) -> Node:
        nodes = [self._both()]
        while self._take("or"):
            nodes.append(self._both())
        return nodes[0] if len(nodes) == 1 else lambda get: any(_truth(node(get)) for node in nodes)

    def _both(self) -> Node:
        nodes = [self._negation()]
        while self._take("and"):
            nodes.append(self._negation())
        return nodes[0] if len(nodes) == 1 else lambda get: all(_truth(node(get)) for node in nodes)

    def _negation(self) -> Node:
        if self._take("not"):
            node = self._negation()
            return lambda get: not _truth(node(get))
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._sum()
        test = next((test for sign, test in _COMPARISONS.items() if self._take(sign)), None)
        if test is None:
            return left
        right = self._sum()
        return lambda get: test(_order(left(get), right(get)))

    def _sum(self) -> Node:
        node = self._product()
        while sign := self._take("+") or self._take("-"):
            node = _added(node, self._product(), minus=sign == "-")
        return node

    def _product(self) -> Node:
        node = self._signed()
        while sign := self._take("*") or self._take("/"):
            node = _multiplied(node, self._signed(), over=sign == "/")
        return node

    def _signed(self) -> Node:
        if self._take("-"):
            node = self._signed()
            return lambda get: -_number(node(get))
        return self._single()

    def _single(self) -> Node:
        kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")
        self._at += 1
        if kind == "number":
            value: Value = Decimal(text)
            return self._prefixed(lambda get: value)
        if kind == "text":
            inside = text[1:-1]
            return lambda get: inside
        if text == "(":
            node = self._statement()
            self._need(")")
            return node
        word = text.lower()
        if word in ("true", "false"):
            return lambda get: word == "true"
        if kind != "name" or word in _WORDS:
            raise errors.invalid(f"Invalid calculationFormula: unexpected '{text}'")
        return self._call(word) if self._take("(") else self._property(text, _as_number)

    def _prefixed(self, node: Node) -> Node:
        """ "For arithmetic operators, you can use prefix notation to multiply": 10property1 is 10 * property1."""
        kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")
        if text == "(" or (kind == "name" and text.lower() not in _WORDS):
            return _multiplied(node, self._single(), over=False)
        return node

    def _call(self, word: str) -> Node:
        if word in ("string", "bool"):
            kind, name = self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")
            if kind != "name":
                raise errors.invalid(f"Invalid calculationFormula: {word}() takes a property")
            self._at += 1
            self._need(")")
            return self._property(name, _as_text if word == "string" else _as_truth)
        arguments = [self._statement()]
        while self._take(","):
            arguments.append(self._statement())
        self._need(")")
        return _function(word, arguments)

    def _property(self, name: str, read: Callable[[str], Value]) -> Node:
        self.names.add(name)

        def value(get: Get) -> Value:
            text = get(name)
            if not text:
                raise NoValue
            return read(text)

        return value

    def _take(self, text: str) -> str | None:
        if self._at < len(self._tokens):
            kind, found = self._tokens[self._at]
            if kind != "text" and found.lower() == text:
                self._at += 1
                return text
        return None

    def _need(self, text: str) -> None:
        if self._take(text) is None:
            raise errors.invalid(f"Invalid calculationFormula: '{text}' is missing")


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at, stripped = 0, text.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None:
            raise errors.invalid(f"Invalid calculationFormula: unexpected '{stripped[at:].strip()[:1]}'")
        kind = str(match.lastgroup)
        found.append((kind, match.group(kind)))
        at = match.end()
    return found


def _added(left: Node, right: Node, *, minus: bool) -> Node:
    def add(get: Get) -> Value:
        one, other = left(get), right(get)
        if minus:
            return _number(one) - _number(other)
        if isinstance(one, str) and isinstance(other, str):
            return one + other
        return _number(one) + _number(other)

    return add


def _multiplied(left: Node, right: Node, *, over: bool) -> Node:
    if over:
        return lambda get: _number(left(get)) / _number(right(get))
    return lambda get: _number(left(get)) * _number(right(get))


def _function(word: str, arguments: list[Node]) -> Node:
    first = arguments[0]
    many = 2 <= len(arguments) <= _MANY
    functions: dict[str, tuple[bool, Node]] = {
        "max": (many, lambda get: max(_number(node(get)) for node in arguments)),
        "min": (many, lambda get: min(_number(node(get)) for node in arguments)),
        "concatenate": (many, lambda get: "".join(_text(node(get)) for node in arguments)),
        "contains": (len(arguments) == 2, lambda get: _text(arguments[1](get)) in _text(first(get))),
        "is_present": (len(arguments) == 1, lambda get: _is_there(first, get)),
        "number_to_string": (len(arguments) == 1, lambda get: f"{_number(first(get)).normalize():f}"),
        "string_to_number": (len(arguments) == 1, lambda get: _as_number(_text(first(get)))),
    }
    fits, node = functions.get(word, (False, first))
    if not fits:
        raise errors.invalid(f"Invalid calculationFormula: there is no {word}() of {len(arguments)} inputs")
    return node


def _is_there(node: Node, get: Get) -> bool:
    try:
        node(get)
    except (NoValue, InvalidOperation, DivisionByZero):
        return False
    return True


def _order(one: Value, other: Value) -> int:
    """Less, equal or more. Text keeps its case here: "'a' is not the same as 'A'" (guide)."""
    if type(one) is not type(other):
        raise NoValue
    return (one > other) - (one < other)  # type: ignore[operator]


def _truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise NoValue
    return value


def _number(value: Value) -> Decimal:
    if not isinstance(value, Decimal):
        raise NoValue
    return value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise NoValue
    return value


def _as_number(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        at_ms = parse_instant_ms(text)
        if at_ms is None:
            raise NoValue from None
        return Decimal(at_ms)
    if not found.is_finite():
        raise NoValue
    return found


def _as_text(text: str) -> str:
    return text


def _as_truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise NoValue
    return text == "true"

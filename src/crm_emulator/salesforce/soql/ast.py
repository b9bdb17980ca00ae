"""The tree that a SOQL query is parsed into. Names are as written; what they mean is decided by `compile.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "like"]


@dataclass(slots=True, frozen=True)
class FieldRef:
    path: tuple[str, ...]
    at: int  # position in the text, for error messages

    @property
    def text(self) -> str:
        return ".".join(self.path)


@dataclass(slots=True, frozen=True)
class Call:
    """`COUNT(Id)`, `CALENDAR_YEAR(CloseDate)`, `toLabel(Status)`; `argument` is None in `COUNT()`."""

    name: str  # lower case
    argument: FieldRef | None
    at: int


Expression = FieldRef | Call


@dataclass(slots=True, frozen=True)
class DateLiteral:
    name: str  # upper case
    number: int | None


@dataclass(slots=True, frozen=True)
class Constant:
    """A value of the query. `kind` says how it was written."""

    kind: Literal["string", "number", "boolean", "null", "date", "datetime", "literal"]
    value: str | float | bool | DateLiteral | None
    at: int


@dataclass(slots=True, frozen=True)
class Compare:
    left: Expression
    op: Operator
    right: Constant


@dataclass(slots=True, frozen=True)
class InList:
    left: Expression
    values: tuple[Constant, ...]
    negated: bool


@dataclass(slots=True, frozen=True)
class InQuery:
    left: Expression
    query: Query
    negated: bool


@dataclass(slots=True, frozen=True)
class Includes:
    """INCLUDES / EXCLUDES: each value is a set written `a;b`, all of which must be chosen."""

    left: Expression
    values: tuple[Constant, ...]
    negated: bool


@dataclass(slots=True, frozen=True)
class And:
    parts: tuple[Condition, ...]


@dataclass(slots=True, frozen=True)
class Or:
    parts: tuple[Condition, ...]


@dataclass(slots=True, frozen=True)
class Not:
    part: Condition


Condition = Compare | InList | InQuery | Includes | And | Or | Not


@dataclass(slots=True, frozen=True)
class SelectField:
    expression: Expression
    alias: str | None


@dataclass(slots=True, frozen=True)
class SelectAll:
    """FIELDS(ALL), FIELDS(STANDARD), FIELDS(CUSTOM)."""

    which: Literal["all", "standard", "custom"]


@dataclass(slots=True, frozen=True)
class SelectChildren:
    query: Query


@dataclass(slots=True, frozen=True)
class TypeOf:
    """TYPEOF What WHEN Account THEN Phone ELSE Name END."""

    relationship: FieldRef
    branches: tuple[tuple[str, tuple[FieldRef, ...]], ...]
    otherwise: tuple[FieldRef, ...]


SelectItem = SelectField | SelectAll | SelectChildren | TypeOf


@dataclass(slots=True, frozen=True)
class Order:
    expression: Expression
    descending: bool
    nulls_last: bool


@dataclass(slots=True)
class Query:
    select: tuple[SelectItem, ...]
    source: str
    at: int
    alias: str | None = None
    scope: str | None = None
    where: Condition | None = None
    group_by: tuple[Expression, ...] = ()
    having: Condition | None = None
    order_by: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    options: tuple[str, ...] = field(default_factory=tuple)

    @property
    def is_count(self) -> bool:
        """`SELECT COUNT() FROM X`: the answer is totalSize alone."""
        first = self.select[0]
        return (
            len(self.select) == 1
            and isinstance(first, SelectField)
            and isinstance(first.expression, Call)
            and first.expression.name == "count"
            and first.expression.argument is None
        )

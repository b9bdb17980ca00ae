"""A recursive-descent parser of SOQL: text in, `ast.Query` out, or MALFORMED_QUERY with the place.

It knows the grammar only: whether an object or field exists is for the compiler. AND and OR of one level may not be
mixed
without parentheses, as in a real org.
"""

from __future__ import annotations

from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.soql import ast
from crm_emulator.salesforce.soql.lexer import Token, malformed, tokens_of, unquote

_LITERALS_WITH_NUMBER = frozenset(
    f"{side}_N_{unit}{ago}"
    for side in ("LAST", "NEXT")
    for unit in ("DAYS", "WEEKS", "MONTHS", "QUARTERS", "YEARS", "FISCAL_QUARTERS", "FISCAL_YEARS")
    for ago in ("",)
) | frozenset(f"N_{unit}_AGO" for unit in ("DAYS", "WEEKS", "MONTHS", "QUARTERS", "YEARS"))
_PLAIN_LITERALS = frozenset({"YESTERDAY", "TODAY", "TOMORROW", "LAST_90_DAYS", "NEXT_90_DAYS"}) | frozenset(
    f"{side}_{unit}"
    for side in ("LAST", "THIS", "NEXT")
    for unit in ("WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR")
)
# Words that end a FROM clause's alias or a select item's alias.
_CLAUSES = frozenset(
    {"using", "where", "with", "group", "having", "order", "limit", "offset", "for", "all", "from", "update"}
)
_OPERATORS: dict[str, ast.Operator] = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def parse(soql: str) -> ast.Query:
    parser = _Parser(soql)
    query = parser.query()
    parser.expect_end()
    return query


class _Parser:
    def __init__(self, soql: str) -> None:
        self._soql = soql
        self._tokens = tokens_of(soql)
        self._next = 0

    # Tokens

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _is(self, word: str) -> bool:
        token = self._tokens[self._next]
        return token.kind in ("name", "mark", "op") and token.text.lower() == word

    def _take(self, word: str) -> bool:
        if self._is(word):
            self._next += 1
            return True
        return False

    def _expect(self, word: str) -> Token:
        token = self._token
        if not self._take(word):
            raise self._unexpected()
        return token

    def _unexpected(self) -> RequestError:
        token = self._token
        if token.kind == "end":
            return malformed("unexpected token: <EOF>", self._soql, max(0, len(self._soql) - 1))
        return malformed(f"unexpected token: '{token.text}'", self._soql, token.at)

    def _name(self) -> Token:
        token = self._token
        if token.kind != "name":
            raise self._unexpected()
        self._next += 1
        return token

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected()

    def _whole_number(self) -> int:
        token = self._token
        if token.kind != "number" or not token.text.isdigit():
            raise self._unexpected()
        self._next += 1
        return int(token.text)

    # Clauses

    def query(self) -> ast.Query:
        self._expect("select")
        if self._is("from"):
            raise self._unexpected()
        items = [self._select_item()]
        while self._take(","):
            items.append(self._select_item())
        self._expect("from")
        source = self._name()
        query = ast.Query(tuple(items), source.text, source.at)
        self._take("as")
        if self._token.kind == "name" and self._token.text.lower() not in _CLAUSES:
            query.alias = self._name().text
        if self._take("using"):
            self._expect("scope")
            query.scope = self._name().text.lower()
        if self._take("where"):
            query.where = self._condition()
        if self._take("with"):
            self._name()  # WITH SECURITY_ENFORCED and its like: rights always hold here
        if self._take("group"):
            self._group_by(query)
        if self._take("order"):
            self._order_by(query)
        if self._take("limit"):
            query.limit = self._whole_number()
        if self._take("offset"):
            query.offset = self._whole_number()
        self._options(query)
        return query

    def _group_by(self, query: ast.Query) -> None:
        self._expect("by")
        parts = [self._expression()]
        while self._take(","):
            parts.append(self._expression())
        query.group_by = tuple(parts)
        if self._take("having"):
            query.having = self._condition()

    def _order_by(self, query: ast.Query) -> None:
        self._expect("by")
        parts = [self._order()]
        while self._take(","):
            parts.append(self._order())
        query.order_by = tuple(parts)

    def _order(self) -> ast.Order:
        expression = self._expression()
        descending = self._take("desc")
        if not descending:
            self._take("asc")
        # Nulls come first in both directions unless the query says otherwise (SOQL reference, ORDER BY).
        nulls_last = False
        if self._take("nulls"):
            if self._take("last"):
                nulls_last = True
            else:
                self._expect("first")
        return ast.Order(expression, descending, nulls_last)

    def _options(self, query: ast.Query) -> None:
        options: list[str] = []
        while True:
            if self._take("for"):
                options.append(self._name().text.lower())
            elif self._take("update"):
                options.append(f"update {self._name().text.lower()}")
            elif self._is("all"):
                raise malformed("ALL ROWS not allowed in this context", self._soql, self._token.at)
            else:
                break
        query.options = tuple(options)

    # Select list

    def _select_item(self) -> ast.SelectItem:
        if self._take("("):
            inner = self.query()
            self._expect(")")
            return ast.SelectChildren(inner)
        if self._is("typeof"):
            return self._typeof()
        if self._is("fields"):
            return self._fields()
        expression = self._expression()
        alias = None
        if self._token.kind == "name" and self._token.text.lower() not in _CLAUSES:
            alias = self._name().text
        return ast.SelectField(expression, alias)

    def _fields(self) -> ast.SelectItem:
        word = self._name()
        if not self._take("("):
            return ast.SelectField(ast.FieldRef(("FIELDS",), word.at), None)
        which = self._name().text.lower()
        if which not in ("all", "standard", "custom"):
            raise malformed(f"unexpected token: '{which}'", self._soql, self._token.at)
        self._expect(")")
        return ast.SelectAll(which)  # type: ignore[arg-type]

    def _typeof(self) -> ast.TypeOf:
        self._expect("typeof")
        relationship = self._field_ref()
        branches: list[tuple[str, tuple[ast.FieldRef, ...]]] = []
        while self._take("when"):
            name = self._name().text
            self._expect("then")
            branches.append((name, self._field_list()))
        otherwise = self._field_list() if self._take("else") else ()
        self._expect("end")
        return ast.TypeOf(relationship, tuple(branches), otherwise)

    def _field_list(self) -> tuple[ast.FieldRef, ...]:
        found = [self._field_ref()]
        while self._take(","):
            found.append(self._field_ref())
        return tuple(found)

    def _field_ref(self) -> ast.FieldRef:
        token = self._name()
        return ast.FieldRef(tuple(token.text.split(".")), token.at)

    def _expression(self) -> ast.Expression:
        reference = self._field_ref()
        if len(reference.path) == 1 and self._take("("):
            argument = None if self._is(")") else self._expression()
            self._expect(")")
            if isinstance(argument, ast.Call):
                # convertTimezone inside a date function: times are UTC here, so it changes nothing.
                argument = argument.argument
            return ast.Call(reference.path[0].lower(), argument, reference.at)
        return reference

    # Conditions

    def _condition(self) -> ast.Condition:
        first = self._negation()
        for word, kind in (("and", ast.And), ("or", ast.Or)):
            if self._is(word):
                parts = [first]
                while self._take(word):
                    parts.append(self._negation())
                if self._is("and") or self._is("or"):
                    raise self._unexpected()
                return kind(tuple(parts))
        return first

    def _negation(self) -> ast.Condition:
        if self._take("not"):
            return ast.Not(self._negation())
        if self._take("("):
            inner = self._condition()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> ast.Condition:
        left = self._expression()
        token = self._token
        word = token.text.lower()
        if token.kind == "op":
            self._next += 1
            return ast.Compare(left, _OPERATORS[token.text], self._literal())
        if token.kind != "name":
            raise self._unexpected()
        self._next += 1
        if word == "like":
            return ast.Compare(left, "like", self._literal())
        if word in ("includes", "excludes"):
            return ast.Includes(left, self._values(), word == "excludes")
        negated = word == "not"
        if negated:
            self._expect("in")
        elif word != "in":
            self._next -= 1
            raise self._unexpected()
        if self._is("(") and self._tokens[self._next + 1].text.lower() == "select":
            self._expect("(")
            query = self.query()
            self._expect(")")
            return ast.InQuery(left, query, negated)
        return ast.InList(left, self._values(), negated)

    def _values(self) -> tuple[ast.Constant, ...]:
        self._expect("(")
        found = [self._literal()]
        while self._take(","):
            found.append(self._literal())
        self._expect(")")
        return tuple(found)

    def _literal(self) -> ast.Constant:
        token = self._token
        self._next += 1
        if token.kind == "string":
            return ast.Constant("string", unquote(token.text), token.at)
        if token.kind == "number":
            return ast.Constant("number", float(token.text), token.at)
        if token.kind in ("date", "datetime"):
            return ast.Constant("date" if token.kind == "date" else "datetime", token.text, token.at)
        if token.kind == "name":
            return self._word_literal(token)
        self._next -= 1
        raise self._unexpected()

    def _word_literal(self, token: Token) -> ast.Constant:
        word = token.text.upper()
        if word == "NULL":
            return ast.Constant("null", None, token.at)
        if word in ("TRUE", "FALSE"):
            return ast.Constant("boolean", word == "TRUE", token.at)
        if word in _PLAIN_LITERALS:
            return ast.Constant("literal", ast.DateLiteral(word, None), token.at)
        if word in _LITERALS_WITH_NUMBER:
            self._expect(":")
            return ast.Constant("literal", ast.DateLiteral(word, self._whole_number()), token.at)
        raise malformed(f"unexpected token: '{token.text}'", self._soql, token.at)

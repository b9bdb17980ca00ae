"""Building SOQL: the one function that quotes a value, the checks on names and ids, and the queries we ask. Pure.

No other module puts a value into SOQL. Names come from describe, yet are checked here again: what is not a name raises.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote as quote_url

from interlock.core.codec.reference import salesforce_id_18

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}(?:\.[A-Za-z][A-Za-z0-9_]{0,79}){0,5}")  # five levels of parents
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Escapes of SOQL string literals (SOQL reference, quoted string escape sequences).
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)
_LIKE_ESCAPES = str.maketrans({"%": "\\%", "_": "\\_"})

# A GET is refused above 16,384 bytes of URI (HTTP status 414, REST API); the rest is for the path and the headers.
QUERY_BYTES_MAX = 15_000
# Some 400 fields. What is left of a query's room then holds any condition and a few hundred ids; more fields than that
# are read by retrieve, whose body has no such limit.
FIELDS_BYTES_MAX = 10_000
# The longest text that can be asked by, but for formulas: long text areas are not filterable (field types).
FILTERED_CHARS_MAX = 255
# What a row says of what became of it. Of a deleted row nobody but queryAll tells it.
_STANDING = frozenset({"IsDeleted", "MasterRecordId", "IsConverted", "ConvertedContactId", "CreatedDate"})


def quote(value: str) -> str:
    """A SOQL string literal. Raises ValueError for NUL, which Salesforce stores in no field and no literal can hold."""
    if "\0" in value:
        raise ValueError("a SOQL literal cannot hold a NUL character")
    return f"'{value.translate(_ESCAPES)}'"


def quote_like(text: str) -> str:
    """A literal for LIKE that finds `text` anywhere, its own % and _ taken literally."""
    if "\0" in text:
        raise ValueError("a SOQL literal cannot hold a NUL character")
    return f"'%{text.translate(_ESCAPES).translate(_LIKE_ESCAPES)}%'"


def name(text: str) -> str:
    """An object or field name, dotted for parents. Raises ValueError."""
    if _NAME.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not the name of a Salesforce object or field")
    return text


def record_id(text: str) -> str:
    """Raises ValueError."""
    if _ID.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a Salesforce record id")
    return text


def is_record_id(text: str) -> bool:
    """Whether a record could have this id: the last three of 18 characters follow from the first fifteen."""
    return _ID.fullmatch(text) is not None and salesforce_id_18(text[:15]).startswith(text)


def datetime_literal(us: int) -> str:
    """Unquoted, as SOQL wants it, to the millisecond."""
    moment = _EPOCH + timedelta(microseconds=us // 1000 * 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def fields(names: Sequence[str], *also: str) -> str:
    """A field list: checked, without repetitions, `also` in front."""
    return ", ".join(dict.fromkeys(name(item) for item in (*also, *names)))


def fit(names: Sequence[str]) -> bool:
    """Whether a query can ask for all of these fields. If not: ask for `narrowed`, and retrieve the rest by ids."""
    return len(in_url(fields(names))) <= FIELDS_BYTES_MAX


def narrowed(names: Sequence[str]) -> list[str]:
    """Of these fields, those that only the query can tell."""
    return [item for item in names if item in _STANDING]


def by_ids(sobject: str, names: Sequence[str], ids: Sequence[str]) -> str:
    listed = ",".join(f"'{record_id(id)}'" for id in ids)
    return f"SELECT {fields(names, 'Id')} FROM {name(sobject)} WHERE Id IN ({listed})"


def changed_since(
    sobject: str,
    names: Sequence[str],
    since_us: int,
    after_id: str | None = None,
    until_us: int | None = None,
    limit: int | None = None,
) -> str:
    """What changed, oldest first. With `after_id`, strictly after that record at that stamp: a keyset over both.

    For queryAll: IsDeleted and MasterRecordId belong into `names` where the object has them.
    """
    since = datetime_literal(since_us)
    where = f"SystemModstamp >= {since}"
    if after_id is not None:
        where = f"(SystemModstamp > {since} OR (SystemModstamp = {since} AND Id > '{record_id(after_id)}'))"
    if until_us is not None:
        where += f" AND SystemModstamp < {datetime_literal(until_us)}"
    tail = "" if limit is None else f" LIMIT {limit:d}"
    wanted = fields(names, "Id", "SystemModstamp")
    return f"SELECT {wanted} FROM {name(sobject)} WHERE {where} ORDER BY SystemModstamp, Id{tail}"


def changed_by(sobject: str, names: Sequence[str], stamp: str, since_us: int) -> str:
    """Rows by a stamp of their own or of a parent of theirs, oldest first: a row does not change when its parent does."""
    where = f"{name(stamp)} >= {datetime_literal(since_us)}"
    return f"SELECT {fields(names, stamp)} FROM {name(sobject)} WHERE {where} ORDER BY {stamp}, Id"


def where_in(sobject: str, names: Sequence[str], field: str, values: Sequence[str]) -> list[str]:
    """As many queries as the values need. A value with a NUL, or longer than such a field can be, is in no field of
    Salesforce and is left out. Raises ValueError when the fields do not `fit`."""
    head = f"SELECT {fields(names, 'Id')} FROM {name(sobject)} WHERE {name(field)} IN ("
    room = QUERY_BYTES_MAX - len(in_url(head)) - len(")")
    if not fit(names):
        raise ValueError(f"{len(names)} fields of {sobject} do not fit into one query")
    queries: list[str] = []
    listed: list[str] = []
    used = 0
    for value in dict.fromkeys(values):
        if "\0" in value or len(value) > FILTERED_CHARS_MAX:
            continue
        literal = quote(value)
        size = _size_in_url(literal) + 1
        if listed and used + size > room:
            queries.append(f"{head}{','.join(listed)})")
            listed, used = [], 0
        listed.append(literal)
        used += size
    if listed:
        queries.append(f"{head}{','.join(listed)})")
    return queries


def where_like(sobject: str, field: str, texts: Sequence[str]) -> list[str]:
    """As many queries as are needed for the records whose field holds one of the texts anywhere."""
    head, queries, listed = f"SELECT {name(field)} FROM {name(sobject)} WHERE ", [], ""
    for text in dict.fromkeys(texts):
        condition = f"{name(field)} LIKE {quote_like(text)}"
        longer = f"{listed} OR {condition}" if listed else condition
        if listed and len(in_url(head + longer)) > QUERY_BYTES_MAX:
            queries.append(head + listed)
            longer = condition
        listed = longer
    return [*queries, head + listed] if listed else queries


def in_url(soql: str) -> str:
    """Quoted for `?q=`. Quotes, commas and parentheses may stand as they are (RFC 3986): long id lists stay short."""
    if not soql.isascii():
        return quote_url(soql, safe="',()=:")
    # The same for ASCII in a tenth of the time: a batch of addresses is 15,000 characters, nearly all of them as they are.
    return _TO_ESCAPE.sub(_escape, soql)


_TO_ESCAPE = re.compile(r"[^A-Za-z0-9_.~',()=:-]")


def _escape(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"


_AS_IT_IS = bytes(byte for byte in range(128) if not _TO_ESCAPE.match(chr(byte)))


def _size_in_url(literal: str) -> int:
    """`len(in_url(literal))`, without making it: three characters for each byte that cannot stand as it is."""
    encoded = literal.encode()
    return len(encoded) + 2 * len(encoded.translate(None, _AS_IT_IS))


def ids_per_query(sobject: str, names: Sequence[str], most: int) -> int:
    """How many ids fit into one query by ids. Raises ValueError when not even one does."""
    room = QUERY_BYTES_MAX - len(in_url(by_ids(sobject, names, [])))
    fitting = min(most, room // len("'003000000000000AAA',"))
    if fitting < 1:
        raise ValueError(f"{len(names)} fields of {sobject} do not fit into one query")
    return fitting

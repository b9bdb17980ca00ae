"""Rows of a CSV file that people open with a spreadsheet. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable


def csv_rows(*rows: Iterable[object]) -> str:
    """Lines as in RFC 4180, with every cell safe; nothing is an empty cell."""
    out = io.StringIO()
    csv.writer(out).writerows([safe_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def safe_cell(value: object) -> object:
    # A record's text that begins like a formula would be run by a spreadsheet that opens the file.
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value

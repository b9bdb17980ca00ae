"""Cells of a CSV file that people open with a spreadsheet. Pure."""

from __future__ import annotations


def safe_cell(value: object) -> object:
    # A record's text that begins like a formula would be run by a spreadsheet that opens the file.
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
